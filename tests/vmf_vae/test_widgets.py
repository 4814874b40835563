"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from widgets import WidgetTests, numbers, said

from sjedu.figures.numbers import about, fixed
from sjedu.vmf_vae import theory, widgets
from sjedu.vmf_vae.bessel import kl_to_uniform


class TestWidgets(WidgetTests):
    room = widgets
    figures = (
        widgets.concentrations_figure,
        widgets.cosine_densities_figure,
        widgets.decoded_sphere_figure,
    )
    without_torch = True
    examples = 15


# ---------------------------------------------------------------- what the sentences say


@given(st.floats(0, 22), st.integers(-180, 180), st.integers(-90, 90))
@example(0.0, 30, 20)
@settings(max_examples=15)
def test_the_cloud_has_the_mean_and_the_kl_of_its_concentration(root, longitude, latitude):
    sentence = said(widgets.concentration, root_kappa=root, longitude=longitude, latitude=latitude)
    *_, length, mean, kl = numbers(sentence)
    exact = theory.exact(3, root**2)
    assert mean == pytest.approx(float(exact.ratio), abs=0.0051)
    assert kl == pytest.approx(float(exact.divergence), abs=0.0051)
    assert length == pytest.approx(mean, abs=0.06)  # 700 points


def test_without_concentration_the_points_are_uniform():
    center = theory.direction(30, 20)
    points = widgets._cloud_points(widgets._law(3, 0.0), center)
    heights = np.sort(points @ center)
    # Archimedes: heights are uniform on (-1, 1), here at evenly spaced quantiles.
    assert np.allclose(heights, np.linspace(-1, 1, len(points) + 1)[:-1] + 1 / len(points), atol=1e-6)


@given(st.floats(1, 10), st.floats(-1, 4))
@example(10.0, 4.0)
@settings(max_examples=15)
def test_the_density_states_mean_mode_spread_and_acceptance(log2_dim, log10_kappa):
    d, k = round(2.0**log2_dim), 10.0**log10_kappa
    sentence = said(widgets.cosine_density, log2_dim=log2_dim, log10_kappa=log10_kappa)
    exact = theory.exact(d, k)
    assert f"mean A = {float(exact.ratio):.3f}" in sentence
    assert f"standard deviation {about(math.sqrt(float(exact.slope)), 3)}" in sentence
    w = np.linspace(-1, 1, 20_001)[1:-1]
    mode = w[np.argmax(theory.log_cosine_density(d, k, w))] if d > 2 else 1.0
    assert float(sentence.split("mode ")[1][:5].rstrip(";")) == pytest.approx(mode, abs=7e-4)
    assert f"accept {100 * theory.wood_acceptance(d, k):.0f} %" in sentence


@pytest.mark.parametrize(("dim", "kappa"), [(2, 1e4), (3, 1e4), (4, 1e3), (1024, 1e4), (1024, 0.1)])
def test_a_narrow_law_is_shown_from_near(dim, kappa):
    law = theory.AngularGrid(dim, kappa)
    low, high = widgets._window(law)
    if math.sqrt(law.variance) > 0.02:
        assert (low, high) == (-1, 1)
        return
    assert low < law.mean < high <= 1
    assert high - low <= 12.1 * math.sqrt(law.variance)
    inside = (np.cos(law.phi) >= low) & (np.cos(law.phi) <= high)
    assert inside.sum() > 100
    assert np.ptp(law.cdf[inside]) > 0.99


def test_without_noise_the_draws_are_the_point():
    assert "draws without noise" in said(widgets.decode_sphere, noise=0.0)
    moving = widgets.decode_sphere.scene.moving
    pictures = [image.get_array() for image in moving if hasattr(image, "get_cmap")][-4:]
    for picture in pictures[1:]:
        assert np.allclose(picture, pictures[0])


def test_the_landscape_states_the_kl_of_its_point():
    sentence = said(widgets.kl_landscape, log2_dim=2.0, log10_kappa=math.log10(20), nats=3.0)
    assert "dim = 4, κ = 20.00: KL = 3.26 nats" in sentence
    sentence = said(widgets.kl_landscape, log2_dim=10.0, log10_kappa=0.0, nats=3.0)
    assert "KL = 0.000488 nats" in sentence


def test_the_landscape_s_colours_are_the_kl():
    dims, kappas, table = widgets._landscape()
    assert table.shape == (len(dims), len(kappas))
    for row in range(0, len(dims), 10):
        exact = kl_to_uniform(int(dims[row]), torch.from_numpy(kappas))
        np.testing.assert_allclose(table[row], exact.numpy(), rtol=1e-6)


def test_the_digits_around_a_code_are_counted():
    decoder = widgets.sphere_decoder()
    sentence = said(widgets.decode_sphere, longitude=40, latitude=-30, noise=0.2)
    near = decoder.labels[decoder.codes @ theory.direction(40, -30) > math.cos(math.radians(20))]
    counts = [int(n) for n in re.findall(r"\((\d+)\)", sentence)]
    assert sum(counts) == len(near)


@pytest.mark.parametrize(("dim", "log10_kappa"), [(2, 0.3), (5, 0.3), (50, 1.9)])
def test_the_gradient_of_the_accepted_proposal_is_off_by_as_much_as_said(dim, log10_kappa):
    sentence = said(widgets.kappa_gradient, dim=dim, log10_kappa=log10_kappa)
    kappa = 10**log10_kappa
    slope, naive = float(theory.exact(dim, kappa).slope), theory.naive_gradient(dim, kappa)
    assert f"off by {fixed(100 * (naive / slope - 1), 1)} %" in sentence
    exact, implicit, stated = numbers(sentence)[2:5]
    assert exact == implicit
    assert stated < exact
