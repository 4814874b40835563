"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import inspect
import math
import re
import warnings

import ipywidgets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from sjedu.interactive import Scene, render
from sjedu.plotting import png
from sjedu.vmf_vae import interactive, theory

WIDGETS = ("concentration", "cosine_density", "kl_landscape", "decode_sphere", "kappa_gradient")
BOXES = {name: getattr(interactive, name)() for name in WIDGETS}


def scene(name: str) -> Scene:
    return getattr(interactive, f"{name}_scene")()


def controls(name: str) -> dict[str, ipywidgets.Widget]:
    """The controls of a widget by the names of the states that they stand for."""
    names = inspect.signature(scene(name).update).parameters
    return dict(zip(names, BOXES[name].children[0].children, strict=True))


def values(control: ipywidgets.Widget) -> st.SearchStrategy[object]:
    whole = isinstance(control, ipywidgets.IntSlider)
    return st.integers(control.min, control.max) if whole else st.floats(control.min, control.max)


PAIRS = {name: (scene(name), scene(name)) for name in WIDGETS}
STATES = {
    name: st.fixed_dictionaries({key: values(control) for key, control in controls(name).items()})
    for name in WIDGETS
}
START = {name: {key: control.value for key, control in controls(name).items()} for name in WIDGETS}


@pytest.mark.parametrize("name", WIDGETS)
@given(data=st.data())
@settings(max_examples=15)
def test_each_widget_is_a_function_of_its_state(name, data):
    one, other = PAIRS[name]
    for past in data.draw(st.lists(STATES[name], max_size=2)):
        render(one, **past)
    render(other, **data.draw(STATES[name]))
    state = data.draw(STATES[name])
    assert render(one, **state) == render(other, **state)


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in WIDGETS for key in START[name]])
def test_each_control_changes_the_picture(name, key):
    control, start = controls(name)[key], START[name][key]
    pictures = [
        render(PAIRS[name][0], **{**START[name], key: v})[0] for v in (start, control.min, control.max)
    ]
    for value, picture in zip((control.min, control.max), pictures[1:], strict=True):
        assert picture != pictures[0] or value == start


@pytest.mark.parametrize("name", WIDGETS)
def test_each_still_picture_comes_with_its_sentence(name):
    fig, sentence = getattr(interactive, f"{name}_figure")()
    assert isinstance(fig, Figure)
    assert sentence.endswith(".")
    with warnings.catch_warnings():
        # Matplotlib warns of a missing glyph, and of a layout that failed.
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        assert png(fig, sentence) == png(getattr(interactive, f"{name}_figure")()[0], sentence)


@pytest.mark.parametrize("name", WIDGETS)
def test_every_letter_is_in_the_font_that_comes_with_matplotlib(name):
    font = FT2Font(findfont("DejaVu Sans"))
    for fig in (PAIRS[name][0].figure, getattr(interactive, f"{name}_figure")()[0]):
        letters = {letter for text in fig.findobj(Text) for letter in text.get_text() if letter != "\n"}
        assert all(font.get_char_index(ord(letter)) for letter in letters)


def numbers(sentence: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", sentence.replace("−", "-"))]


# ---------------------------------------------------------------- what the sentences say


@given(st.floats(-1, 2.7), st.integers(-180, 180), st.integers(-90, 90))
@settings(max_examples=15)
def test_the_cloud_has_the_mean_and_the_kl_of_its_concentration(kappa, longitude, latitude):
    sentence = PAIRS["concentration"][0].update(kappa=kappa, longitude=longitude, latitude=latitude)
    *_, length, mean, kl = numbers(sentence)
    exact = theory.exact(3, 10.0**kappa)
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
    assert np.allclose(interactive.closed_form_cosines(1e-6, u), 2 * u - 1, atol=1e-5)


@given(st.floats(1, 10), st.floats(-1, 4))
@settings(max_examples=15)
def test_the_density_states_mean_spread_and_acceptance(dim, kappa):
    d, k = round(2.0**dim), 10.0**kappa
    said = PAIRS["cosine_density"][0].update(dim=dim, kappa=kappa)
    exact = theory.exact(d, k)
    assert f"mean A = {float(exact.ratio):.3f}" in said
    assert f"standard deviation {math.sqrt(float(exact.slope)):.3f}" in said
    assert f"accept {100 * theory.wood_acceptance(d, k):.0f} %" in said


def test_the_landscape_states_the_kl_of_its_point():
    said = PAIRS["kl_landscape"][0].update(dim=2.0, kappa=math.log10(20), nats=3.0)
    assert "dim = 4, κ = 20: KL = 3.26 nats" in said
    said = PAIRS["kl_landscape"][0].update(dim=10.0, kappa=0.0, nats=3.0)
    assert "KL = 4.9·10⁻⁴ nats" in said


def test_the_digits_around_a_code_are_counted():
    decoder = interactive.sphere_decoder()
    said = PAIRS["decode_sphere"][0].update(longitude=40, latitude=-30, kappa=20)
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
    said = PAIRS["kappa_gradient"][0].update(dim=dim, kappa=math.log10(kappa))
    assert f"off by {off} %" in said
    exact, implicit, naive = numbers(said)[2:5]
    assert exact == implicit
    assert naive < exact
