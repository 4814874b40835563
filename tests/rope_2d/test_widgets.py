"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from widgets import WidgetTests, numbers, said, states

from sjedu.figures.numbers import about
from sjedu.rope_2d import quaternion, theory, widgets
from sjedu.rope_2d.offsets import mean_logit


class TestWidgets(WidgetTests):
    room = widgets
    figures = (widgets.layouts_figure,)
    without_torch = True
    examples = 20


# ---------------------------------------------------------------- what the sentences say


@given(states(widgets.two_rotations), st.floats(-4, 4), st.floats(-4, 4))
@settings(max_examples=20)
def test_moving_both_points_leaves_the_logit(state, x, y):
    there, here = (said(widgets.two_rotations, **each) for each in (state, {**state, "x": x, "y": y}))
    logit = (np.cos(state["dx"] * state["theta"]) + np.cos(state["dy"] * state["theta"])) / 2
    for sentence in (there, here):
        absolute, relative = numbers(sentence)[5:7]
        assert abs(absolute - logit) <= 0.005 + 1e-12  # two digits
        assert abs(relative - logit) <= 0.005 + 1e-12


def test_the_designer_tells_the_cross_from_the_disc_and_finds_collisions():
    of = {layout: said(widgets.frequency_designer, layout=layout) for layout in widgets.LAYOUTS}
    # Claim C10, for 64 dimensions and base 100: 0.606 along the axes, 0.329 on the diagonals.
    assert "K is 0.61 along x, 0.61 along y, 0.33 and 0.33 on the diagonals" in of["axial"]
    assert "K is 0.33 along x, 0.33 along y, 0.61 and 0.61 on the diagonals" in of["axial, turned by 45°"]
    assert "depends on the direction" in of["axial"]
    assert "much the same in all directions" in of["mixed, 4 heads"]
    assert "much the same in all directions" in of["golden angles"]
    # On 16 columns, one row down and 16 columns to the left is the same token.
    assert "The offset (1, −16) cannot be told from 0 at all" in of["flattened, 16 columns"]
    assert sum("cannot be told" in sentence for sentence in of.values()) == 1


def test_the_designer_turns_and_stretches_one_frequency():
    sentence = said(widgets.frequency_designer, layout="axial", arrow=1, degrees=90, stretch=2.0)
    frequencies = theory.axial(64)
    frequencies[0] = theory.plane_rotation(np.pi / 2) @ frequencies[0] * 2
    along = [mean_logit(offset, frequencies) for offset in ([16.0, 0.0], [0.0, 16.0])]
    assert np.allclose(numbers(sentence)[1:3], along, rtol=0, atol=0.005 + 1e-12)


@pytest.mark.parametrize("name", widgets.LAYOUTS)
def test_each_layout_lists_32_different_frequencies(name):
    frequencies = widgets.LAYOUTS[name]()
    assert frequencies.shape == (32, 2)
    assert len(np.unique(frequencies.round(12), axis=0)) == 32


def test_the_quaternion_failure_is_measured_and_vanishes_from_both_sides():
    state = {"x1": 1.0, "y1": 0.0, "x2": 0.0, "y2": 1.0, "theta": 1.0}
    one_sided, two_sided = (
        said(widgets.quaternion_failure, **state, two_sided=each) for each in (False, True)
    )
    error = theory.relativity_error(lambda p: quaternion.one_sided_rotation(*p, 1.0), (1.0, 0.0), (0.0, 1.0))
    assert f"fails by {about(error)}; 2θ² times the area is 2.0" in one_sided
    assert "relativity holds, to rounding" in two_sided
    assert "an area of 1.00" in two_sided


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
    assert says in said(widgets.width_change, **state)
