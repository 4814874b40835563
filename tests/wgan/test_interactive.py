"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from widgets import Widget, WidgetTests

from sjedu.records import load_records
from sjedu.wgan import batch_distance, interactive, pixel_distance
from sjedu.wgan.theory import expected_batch_distance, penalised_optimum

WIDGETS = Widget.all(
    interactive, "critic_explorer", "false_optimum", "batch_tournament", "penalty_bias", "pixel_metric"
)


class TestWidgets(WidgetTests):
    widgets = WIDGETS
    examples = 8


# ---------------------------------------------------------------- what the sentences say


def test_the_explorer_says_what_was_recorded():
    (record,) = [each for each in load_records("wgan") if "landscapes" in each.metrics]
    update = WIDGETS["critic_explorer"].update
    assert {name.split(":")[0] for name in record.config["critics"]} == set(interactive.CRITICS.values())
    said = update(critic="gradient penalty", strength=3, steps="1000")
    assert "λ = 10, 1000 steps" in said
    assert f"the estimate is {record.metrics['gp:10']['mean']:.3f}" in said
    assert f"exact distance {record.metrics['exact']['mean']:.3f}" in said
    assert "no parameter" in update(critic="c-transform", strength=4, steps="10")
    for row, steps in zip(record.metrics["landscapes"]["estimates"], ("10", "100", "1000"), strict=True):
        told = update(critic="c-transform", strength=1, steps=steps)
        said = float(told.split("the estimate is ")[1].split(",")[0])
        # Of the whole sample, and so bounded by its distance, at each of the three times.
        assert said == pytest.approx(row[record.config["critics"].index("c_transform")], abs=1e-3)
        assert said <= record.metrics["exact"]["mean"]
    medians = [
        float(update(critic=critic, strength=3, steps="1000").split("median ")[1].split(" over")[0])
        for critic in ("c-transform", "gradient penalty", "spectral")
    ]
    assert medians[0] == pytest.approx(1, abs=0.05)
    assert medians[2] < medians[1]


def test_the_false_optimum_is_the_minimum_of_the_curve():
    update = WIDGETS["false_optimum"].update
    assert "least at θ = 0.0; the truth, θ = 1, costs 4" in update(n=1, d=20)
    curve = expected_batch_distance(interactive.THETAS, 16, 10, repeats=12, seed=0)
    found = interactive.THETAS[curve.argmin()]
    assert f"θ = {found:.1f}" in update(n=16, d=10)
    assert found < 1


def test_a_batch_prefers_centroids():
    update = WIDGETS["batch_tournament"].update
    for draw in (0, 7):
        assert "Nearest: centroids" in update(n=64, candidate="real", draw=draw)


@given(st.floats(0.1, 5), st.floats(0.5, 20), st.sampled_from([0, 1]))
@settings(deadline=None)
def test_the_penalty_s_bias_is_the_theory_s(W, strength, centre):
    said = WIDGETS["penalty_bias"].update(W=W, strength=strength, centre=centre)
    slope, estimate = penalised_optimum(W, strength, centre)
    assert f"the best slope is {slope:.3f}" in said
    assert f"= {estimate:.3f}." in said


@given(st.floats(0.1, 5), st.floats(0.5, 20), st.sampled_from([0, 1]))
@settings(deadline=None)
def test_the_penalty_s_optimum_and_its_bars_are_in_sight(W, strength, centre):
    scene = interactive.penalty_bias_scene()
    scene.update(W=W, strength=strength, centre=centre)
    panel, bars = scene.figure.axes
    curve, top, _ = panel.lines
    (x,), (y,) = top.get_data()
    assert panel.get_xlim()[0] <= x <= 0.9 * panel.get_xlim()[1]
    assert panel.get_ylim()[0] < y < panel.get_ylim()[1]
    assert np.interp(x, *curve.get_data()) == pytest.approx(y, abs=0.02)  # on the curve, which spans the axis
    assert curve.get_xdata()[-1] == panel.get_xlim()[1]
    heights = [bar.get_height() for bar in bars.patches]
    assert max(heights) < 0.95 * bars.get_ylim()[1]
    assert heights[1] / heights[0] == pytest.approx(penalised_optimum(W, strength, centre)[1] / W)


def test_a_shift_is_compared_with_the_nearest_stranger():
    update = WIDGETS["pixel_metric"].update
    assert "is 0.00 from itself: nearer than" in update(picture=0, shift=0, blur=0.0)
    said = update(picture=0, shift=6, blur=0.0)
    assert "farther away than" in said
    assert f"({pixel_distance.nearest_stranger()[1][0]:.2f})" in said


def test_a_row_holds_digits_side_by_side():
    points = batch_distance.digits("test")[:20]
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
