"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from widgets import Widget, WidgetTests, numbers

from sjedu.rope_2d import interactive, quaternion, theory
from sjedu.rope_2d.offsets import mean_logit

WIDGETS = Widget.all(interactive, "two_rotations", "frequency_designer", "quaternion_failure", "width_change")


class TestWidgets(WidgetTests):
    widgets = WIDGETS
    examples = 20


# ---------------------------------------------------------------- what the sentences say


@given(WIDGETS["two_rotations"].states, st.floats(-4, 4), st.floats(-4, 4))
@settings(max_examples=20)
def test_moving_both_points_leaves_the_logit(state, x, y):
    update = WIDGETS["two_rotations"].update
    there, here = update(**state), update(**{**state, "x": x, "y": y})
    logit = (np.cos(state["dx"] * state["theta"]) + np.cos(state["dy"] * state["theta"])) / 2
    for sentence in (there, here):
        absolute, relative = numbers(sentence)[5:7]
        assert abs(absolute - logit) <= 0.005 + 1e-12  # two digits
        assert abs(relative - logit) <= 0.005 + 1e-12


def test_the_designer_tells_the_cross_from_the_disc_and_finds_collisions():
    update = WIDGETS["frequency_designer"].update
    said = {
        layout: update(**{**WIDGETS["frequency_designer"].start, "layout": layout})
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
    scene = WIDGETS["frequency_designer"].scene
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
    update = WIDGETS["quaternion_failure"].update
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
    sentence = WIDGETS["width_change"].update(**{**WIDGETS["width_change"].start, **state})
    assert says in sentence
