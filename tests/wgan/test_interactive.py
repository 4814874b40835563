"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

from __future__ import annotations

import inspect
import warnings

import ipywidgets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from sjedu.interactive import Scene, render
from sjedu.plotting import png
from sjedu.training import load_records
from sjedu.wgan import interactive, studies
from sjedu.wgan.theory import expected_batch_distance, penalised_optimum

WIDGETS = ("critic_explorer", "false_optimum", "batch_tournament", "penalty_bias", "pixel_metric")
BOXES = {name: getattr(interactive, name)() for name in WIDGETS}


def scene(name: str) -> Scene:
    return getattr(interactive, f"{name}_scene")()


def controls(name: str) -> dict[str, ipywidgets.Widget]:
    """The controls of a widget by the names of the states that they stand for."""
    names = inspect.signature(scene(name).update).parameters
    return dict(zip(names, BOXES[name].children[0].children, strict=True))


def values(control: ipywidgets.Widget) -> st.SearchStrategy[object]:
    if isinstance(control, ipywidgets.ToggleButtons):
        options = control.options
        pairs = [option[1] if isinstance(option, tuple) else option for option in options]
        return st.sampled_from(pairs)
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
@settings(max_examples=8, deadline=None)
def test_each_widget_is_a_function_of_its_state(name, data):
    one, other = PAIRS[name]
    render(one, **data.draw(STATES[name]))
    state = data.draw(STATES[name])
    assert render(one, **state) == render(other, **state)


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in WIDGETS for key in START[name]])
def test_each_control_changes_the_picture(name, key):
    control, start = controls(name)[key], START[name][key]
    if isinstance(control, ipywidgets.ToggleButtons):
        options = [option[1] if isinstance(option, tuple) else option for option in control.options]
        others = [option for option in options if option != start]
    else:
        others = [end for end in (control.min, control.max) if end != start]
    pictures = [render(PAIRS[name][0], **{**START[name], key: value})[0] for value in [start, *others]]
    assert pictures[0] not in pictures[1:]


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


# ---------------------------------------------------------------- what the sentences say


def test_the_explorer_says_what_was_recorded():
    (record,) = [each for each in load_records("wgan") if "landscapes" in each.metrics]
    update = PAIRS["critic_explorer"][0].update
    assert {name.split(":")[0] for name in record.config["critics"]} == set(interactive.CRITICS.values())
    said = update(critic="gradient penalty", strength=3, steps="1000")
    assert "λ = 10, 1000 steps" in said
    assert f"the estimate is {record.metrics['gp:10']['mean']:.3f}" in said
    assert f"exact distance {record.metrics['exact']['mean']:.3f}" in said
    assert "no parameter" in update(critic="c-transform", strength=4, steps="10")
    medians = [
        float(update(critic=critic, strength=3, steps="1000").split("median ")[1].split(" over")[0])
        for critic in ("c-transform", "gradient penalty", "spectral")
    ]
    assert medians[0] == pytest.approx(1, abs=0.05)
    assert medians[2] < medians[1]


def test_the_false_optimum_is_the_minimum_of_the_curve():
    update = PAIRS["false_optimum"][0].update
    assert "least at θ = 0.0; the truth, θ = 1, costs 4" in update(n=1, d=20)
    curve = expected_batch_distance(interactive.THETAS, 16, 10, repeats=12, seed=0)
    found = interactive.THETAS[curve.argmin()]
    assert f"θ = {found:.1f}" in update(n=16, d=10)
    assert found < 1


def test_a_batch_prefers_centroids():
    update = PAIRS["batch_tournament"][0].update
    for draw in (0, 7):
        assert "Nearest: centroids" in update(n=64, candidate="real", draw=draw)


@given(st.floats(0.1, 5), st.floats(0.5, 20), st.sampled_from([0, 1]))
@settings(deadline=None)
def test_the_penalty_s_bias_is_the_theory_s(W, strength, centre):
    said = PAIRS["penalty_bias"][0].update(W=W, strength=strength, centre=centre)
    slope, estimate = penalised_optimum(W, strength, centre)
    assert f"the best slope is {slope:.3f}" in said
    assert f"= {estimate:.3f}." in said


def test_a_shift_is_compared_with_the_nearest_stranger():
    update = PAIRS["pixel_metric"][0].update
    assert "is 0.00 from itself: nearer than" in update(picture=0, shift=0, blur=0.0)
    said = update(picture=0, shift=6, blur=0.0)
    assert "farther away than" in said
    assert f"({studies.nearest_stranger()[1][0]:.2f})" in said


def test_a_row_holds_digits_side_by_side():
    points = studies.digits("test")[:20]
    row = interactive.digit_row(points)
    assert row.shape == (8, 128)
    assert np.array_equal(row[:, 8:16].ravel(), points[1])
    fig = interactive.rows_figure({"one": row, "other": row})
    assert len(fig.axes) == 2


def test_recorded_rows_can_be_read():
    kept = [r for r in load_records("wgan") if r.config["study"] == "digits"]
    assert kept
    for record in kept:
        assert interactive.sample_row(record).shape == (8, 128)
