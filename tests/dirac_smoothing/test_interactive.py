"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import inspect
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

from sjedu.dirac_smoothing import interactive, theory
from sjedu.interactive import Scene, render
from sjedu.plotting import png

WIDGETS = ("kernel_and_function", "draw_your_own", "floor", "two_families")
BOXES = {name: getattr(interactive, name)() for name in WIDGETS}


def scene(name: str) -> Scene:
    return getattr(interactive, f"{name}_scene")()


def controls(name: str) -> dict[str, ipywidgets.Widget]:
    """The controls of a widget by the names of the states that they stand for."""
    names = inspect.signature(scene(name).update).parameters
    return dict(zip(names, BOXES[name].children[0].children, strict=True))


def values(control: ipywidgets.Widget) -> st.SearchStrategy[object]:
    if isinstance(control, ipywidgets.Checkbox):
        return st.booleans()
    if isinstance(control, ipywidgets.ToggleButtons):
        return st.sampled_from(control.options)
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
@settings(max_examples=10)
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
    if isinstance(control, ipywidgets.ToggleButtons):
        others = [option for option in control.options if option != start]
    elif isinstance(control, ipywidgets.Checkbox):
        others = [not start]
    else:
        others = [control.min, control.max]
    pictures = [render(PAIRS[name][0], **{**START[name], key: value})[0] for value in [start, *others]]
    assert all(
        picture != pictures[0] for value, picture in zip(others, pictures[1:], strict=True) if value != start
    )


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


# ---------------------------------------------------------------- what the sentences say


def test_the_mean_under_the_bell_is_the_smoothed_function():
    sentence = PAIRS["kernel_and_function"][0].update(function="|x|", kernel="student", log_width=0.0, x=1.0)
    assert "the mean of f under the bell is 1.41" in sentence
    assert "The largest error is 1.000; the law K s E|U| allows 1.000" in sentence


def test_what_diverges_is_said_and_drawn_as_nothing():
    update = PAIRS["kernel_and_function"][0].update
    for function in ("ReLU", "|x|", "floor", "soft shrink"):
        assert "has no mean" in update(function=function, kernel="cauchy", log_width=0.0, x=1.0)
    assert "half of the jump, 1.000" in update(function="sign", kernel="cauchy", log_width=-1.0, x=1.0)


@pytest.mark.parametrize("function", interactive.ALL_FUNCTIONS)
@pytest.mark.parametrize("kernel", theory.KERNELS)
def test_every_pair_can_be_drawn(function, kernel):
    assert PAIRS["kernel_and_function"][0].update(function=function, kernel=kernel, log_width=-0.5, x=0.5)


def test_the_floor_saturates_and_becomes_a_line():
    update = PAIRS["floor"][0].update
    assert "climbs from −6 to 10 and is flat beyond" in update(t=10.0, M=5, N=10, fourier=False)
    assert "mean error inside is 0.136" in update(t=10.0, M=5, N=10, fourier=False)
    assert "no end" in update(t=10.0, M=5, N=10, fourier=True)
    assert "nearly the line" in update(t=2.0, M=5, N=10, fourier=True)


def test_a_drawn_function_passes_through_its_knots():
    f = interactive.drawn((0.0, 1.0, -0.5, 0.5, 0.0), 1.0)
    assert f(np.array([-9.0, -1.0, -1e-9, 1e-9, 1.0, 9.0])).round(6).tolist() == [0, 1, -0.5, 0.5, 1.5, 1]
    sentence = PAIRS["draw_your_own"][0].update(**{**START["draw_your_own"], "jump": 0.0})
    assert "Jumps: 0" in sentence


def test_the_families_and_their_gaps():
    sentence = PAIRS["two_families"][0].update(kernel="gaussian", width=1.0)
    assert numbers(sentence)[:5] == [1.0, 0.399, 0.0, 0.170, 0.752]
    assert "binary entropy" in PAIRS["two_families"][0].update(kernel="logistic", width=1.0)
