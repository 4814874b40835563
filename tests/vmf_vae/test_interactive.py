"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import math
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from widgets import Widget, WidgetTests, numbers

from sjedu.vmf_vae import interactive, theory

WIDGETS = Widget.all(
    interactive, "concentration", "cosine_density", "kl_landscape", "decode_sphere", "kappa_gradient"
)


class TestWidgets(WidgetTests):
    widgets = WIDGETS
    examples = 15


# ---------------------------------------------------------------- what the sentences say


@given(st.floats(0, 22), st.integers(-180, 180), st.integers(-90, 90))
@example(0.0, 30, 20)
@settings(max_examples=15)
def test_the_cloud_has_the_mean_and_the_kl_of_its_concentration(root, longitude, latitude):
    sentence = WIDGETS["concentration"].update(root=root, longitude=longitude, latitude=latitude)
    *_, length, mean, kl = numbers(sentence)
    exact = theory.exact(3, root**2)
    assert mean == pytest.approx(float(exact.ratio), abs=0.0051)
    assert kl == pytest.approx(float(exact.divergence), abs=0.0051)
    assert length == pytest.approx(mean, abs=0.06)  # 700 points


def test_points_around_a_direction_have_the_cosines_asked_for():
    w, turn = np.array([0.5, -0.2, 1.0]), np.array([0.0, 2.0, 4.0])
    for longitude, latitude in ((0, 0), (30, 20), (0, 90), (-120, -90)):
        center = interactive.direction(longitude, latitude)
        points = interactive.around(center, w, turn)
        assert np.allclose(points @ center, w)
        assert np.allclose(np.linalg.norm(points, axis=1), 1)


def test_without_concentration_the_height_is_uniform():
    u = np.array([0.1, 0.5, 0.9])
    assert np.allclose(interactive.closed_form_cosines(0.0, u), 2 * u - 1)
    for kappa in (1e-6, 1e-30):
        assert np.allclose(interactive.closed_form_cosines(kappa, u), 2 * u - 1, atol=1e-5)


@given(st.floats(1, 10), st.floats(-1, 4))
@example(10.0, 4.0)
@settings(max_examples=15)
def test_the_density_states_mean_mode_spread_and_acceptance(dim, kappa):
    d, k = round(2.0**dim), 10.0**kappa
    said = WIDGETS["cosine_density"].update(dim=dim, kappa=kappa)
    exact = theory.exact(d, k)
    assert f"mean A = {float(exact.ratio):.3f}" in said
    assert f"standard deviation {interactive._digits(math.sqrt(float(exact.slope)))}" in said
    w = np.linspace(-1, 1, 20_001)[1:-1]
    mode = w[np.argmax(theory.log_cosine_density(d, k, w))] if d > 2 else 1.0
    assert float(said.split("mode ")[1][:5].rstrip(";")) == pytest.approx(mode, abs=7e-4)
    assert f"accept {100 * theory.wood_acceptance(d, k):.0f} %" in said


@pytest.mark.parametrize(("dim", "kappa"), [(2, 1e4), (3, 1e4), (4, 1e3), (1024, 1e4), (1024, 0.1)])
def test_a_narrow_law_is_shown_from_near(dim, kappa):
    law = theory.AngularGrid(dim, kappa)
    low, high = interactive._window(law)
    if math.sqrt(law.variance) > 0.02:
        assert (low, high) == (-1, 1)
        return
    assert low < law.mean < high <= 1
    assert high - low <= 12.1 * math.sqrt(law.variance)
    inside = (np.cos(law.phi) >= low) & (np.cos(law.phi) <= high)
    assert inside.sum() > 100
    assert np.ptp(law.cdf[inside]) > 0.99


def test_without_noise_the_draws_are_the_point():
    widget = WIDGETS["decode_sphere"]
    start = {**widget.start, "noise": 0.0}
    assert "draws without noise" in widget.update(**start)
    pictures = [image.get_array() for image in widget.scene.moving if hasattr(image, "get_cmap")][-4:]
    for picture in pictures[1:]:
        assert np.allclose(picture, pictures[0])


def test_the_landscape_states_the_kl_of_its_point():
    said = WIDGETS["kl_landscape"].update(dim=2.0, kappa=math.log10(20), nats=3.0)
    assert "dim = 4, κ = 20: KL = 3.26 nats" in said
    said = WIDGETS["kl_landscape"].update(dim=10.0, kappa=0.0, nats=3.0)
    assert "KL = 4.9·10⁻⁴ nats" in said


def test_the_digits_around_a_code_are_counted():
    decoder = interactive.sphere_decoder()
    said = WIDGETS["decode_sphere"].update(longitude=40, latitude=-30, noise=0.2)
    near = decoder.labels[decoder.codes @ interactive.direction(40, -30) > math.cos(math.radians(20))]
    counts = [int(n) for n in re.findall(r"\((\d+)\)", said)]
    assert sum(counts) == len(near)


@given(st.floats(-179, 179), st.floats(-89, 89))
def test_the_chosen_point_is_turned_to_the_front(longitude, latitude):
    turned = interactive._facing(interactive.direction(longitude, latitude))
    assert np.allclose(turned @ turned.T, np.eye(3), atol=1e-9)
    assert np.allclose(turned @ interactive.direction(longitude, latitude), [0, 0, 1], atol=1e-9)
    assert turned[1, 1] >= 0  # the poles stay up


@pytest.mark.parametrize(("dim", "kappa", "off"), [(2, 2.0, "−48.5"), (5, 2.0, "−13.4"), (50, 80.0, "−1.1")])
def test_the_gradient_of_the_accepted_proposal_is_off_by_as_much_as_said(dim, kappa, off):
    said = WIDGETS["kappa_gradient"].update(dim=dim, kappa=math.log10(kappa))
    assert f"off by {off} %" in said
    exact, implicit, naive = numbers(said)[2:5]
    assert exact == implicit
    assert naive < exact
