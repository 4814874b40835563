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

from sjedu.interactive import Scene, render
from sjedu.plotting import png
from sjedu.rope_2d import interactive, quaternion, theory
from sjedu.rope_2d.offsets import mean_logit

WIDGETS = ("two_rotations", "frequency_designer", "quaternion_failure", "width_change")
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
@settings(max_examples=20)
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


@given(STATES["two_rotations"], st.floats(-4, 4), st.floats(-4, 4))
@settings(max_examples=20)
def test_moving_both_points_leaves_the_logit(state, x, y):
    update = PAIRS["two_rotations"][0].update
    there, here = update(**state), update(**{**state, "x": x, "y": y})
    logit = (np.cos(state["dx"] * state["theta"]) + np.cos(state["dy"] * state["theta"])) / 2
    for sentence in (there, here):
        absolute, relative = numbers(sentence)[5:7]
        assert abs(absolute - logit) <= 0.005 + 1e-12  # two digits
        assert abs(relative - logit) <= 0.005 + 1e-12


def test_the_designer_tells_the_cross_from_the_disc_and_finds_collisions():
    update = PAIRS["frequency_designer"][0].update
    said = {
        layout: update(**{**START["frequency_designer"], "layout": layout})
        for layout in interactive.layouts()
    }
    # Claim C10, for 64 dimensions and base 100: 0.606 along the axes, 0.329 on the diagonals.
    assert "K is 0.61 along x, 0.61 along y, 0.33 and 0.33 on the diagonals" in said["axial"]
    assert "K is 0.33 along x, 0.33 along y, 0.61 and 0.61 on the diagonals" in said["axial, turned by 45°"]
    assert "depends on the direction" in said["axial"]
    assert "much the same in all directions" in said["mixed, 4 heads"]
    assert "much the same in all directions" in said["golden angles"]
    # On 16 columns, one row down and 16 columns to the left is the same token.
    assert "The offset (1, −16) cannot be told from 0 at all" in said["flattened, 16 columns"]
    assert sum("cannot be told" in sentence for sentence in said.values()) == 1


def test_the_designer_turns_and_stretches_one_frequency():
    scene = PAIRS["frequency_designer"][0]
    sentence = scene.update(layout="axial", arrow=1, turn=90, stretch=2.0)
    frequencies = theory.axial(64)
    frequencies[0] = theory.plane_rotation(np.pi / 2) @ frequencies[0] * 2
    along = [mean_logit(offset, frequencies) for offset in ([16.0, 0.0], [0.0, 16.0])]
    assert np.allclose(numbers(sentence)[1:3], along, rtol=0, atol=0.005 + 1e-12)


@pytest.mark.parametrize("name", interactive.layouts())
def test_each_layout_lists_32_different_frequencies(name):
    frequencies = interactive.layouts()[name]
    assert frequencies.shape == (32, 2)
    assert len(np.unique(frequencies.round(12), axis=0)) == 32


def test_the_quaternion_failure_is_measured_and_vanishes_from_both_sides():
    update = PAIRS["quaternion_failure"][0].update
    state = {"x1": 1.0, "y1": 0.0, "x2": 0.0, "y2": 1.0, "theta": 1.0}
    error = theory.relativity_error(lambda p: quaternion.one_sided_rotation(*p, 1.0), (1.0, 0.0), (0.0, 1.0))
    assert f"fails by {error:.2g}; 2θ² times the area is 2." in update(**state, two_sided=False)
    assert "relativity holds, to rounding" in update(**state, two_sided=True)
    assert "an area of 1.00" in update(**state, two_sided=True)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"width": 8}, "at width 8 it still leads there"),
        ({"width": 10}, "at width 10 it leads to the offset (1, 6) instead"),
        ({"width": 6}, "at width 6 it leads to the offset (3, −2) instead"),
        ({"width": 10, "asked": "2 to the right"}, "flattened offset +2; at width 10 it still leads there"),
        ({"width": 6, "asked": "2 to the right", "column": 5}, "leads to the offset (1, −4) instead"),
        (
            {"width": 10, "asked": "2 above", "row": 1},
            "flattened offset −16; at width 10 it leads off the grid",
        ),
        ({"width": 6, "row": 7}, "leads off the grid"),
    ],
)
def test_a_learnt_offset_leads_elsewhere_at_another_width(state, says):
    sentence = PAIRS["width_change"][0].update(**{**START["width_change"], **state})
    assert says in sentence
