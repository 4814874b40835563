"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from widgets import WidgetTests, said

from sjedu.figures.numbers import fixed
from sjedu.records import load_runs
from sjedu.wgan import batch_distance, pixel_distance, widgets
from sjedu.wgan.theory import expected_batch_distance, penalised_optimum


class TestWidgets(WidgetTests):
    room = widgets
    figures = (widgets.critics_figure,)
    examples = 8


def test_pictures_of_theory_need_no_torch():
    script = """import sys
from sjedu.wgan import widgets
widgets.penalty_bias.render(), widgets.false_optimum.render(n=1)
sys.exit("torch" in sys.modules)"""
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", script], env={**os.environ, **path}).returncode == 0


# ---------------------------------------------------------------- what the sentences say


def test_the_explorer_says_what_was_recorded():
    record = load_runs("wgan").where(study="landscapes").one()
    kinds = {name.split(":")[0] for name in record.config["critics"]}
    assert kinds == set(widgets.CRITICS.values())
    assert list(widgets.STEPS) == record.config["landscapes"]
    sentence = said(widgets.critic_explorer)
    assert "gradient penalty with λ = 10, 1000 steps" in sentence
    assert f"the estimate is {record['gp:10', 'mean']:.3f}" in sentence
    assert f"exact distance {record['exact', 'mean']:.3f}" in sentence
    assert "no parameter" in said(widgets.critic_explorer, critic="c-transform", rank=4, steps=10)
    for row, steps in zip(record["landscapes", "estimates"], widgets.STEPS, strict=True):
        sentence = said(widgets.critic_explorer, critic="c-transform", steps=steps)
        estimate = float(sentence.split("the estimate is ")[1].split(",")[0])
        # Of the whole sample, and so bounded by its distance, at each of the three times.
        assert estimate == pytest.approx(row[record.config["critics"].index("c_transform")], abs=1e-3)
        assert estimate <= record["exact", "mean"]
    medians = [
        float(said(widgets.critic_explorer, critic=critic).split("median ")[1].split(" over")[0])
        for critic in ("c-transform", "gradient penalty", "spectral")
    ]
    assert medians[0] == pytest.approx(1, abs=0.05)
    assert medians[2] < medians[1]


def test_the_false_optimum_is_the_minimum_of_the_curve():
    assert "least at θ = 0.0; the truth, θ = 1, costs 4" in said(widgets.false_optimum, n=1, d=20)
    curve = expected_batch_distance(widgets.THETAS, 16, 10, repeats=12, seed=0)
    lowest = widgets.THETAS[curve.argmin()]
    assert f"θ = {lowest:.1f}" in said(widgets.false_optimum, n=16, d=10)
    assert lowest < 1


def test_a_batch_prefers_centroids():
    for draw in (0, 7):
        assert "Nearest: centroids" in said(widgets.batch_tournament, candidate="real", draw=draw)


@given(st.floats(0.1, 5), st.floats(0.5, 20), st.sampled_from([0, 1]))
@settings(deadline=None)
def test_the_penalty_s_bias_is_the_theory_s(W, weight, centre):
    sentence = said(widgets.penalty_bias, W=W, weight=weight, centre=centre)
    slope, estimate = penalised_optimum(W, weight, centre)
    assert f"the best slope is {fixed(slope, 3)}" in sentence
    assert f"= {fixed(estimate, 3)}." in sentence


@given(st.floats(0.1, 5), st.floats(0.5, 20), st.sampled_from([0, 1]))
@settings(deadline=None)
def test_the_penalty_s_optimum_and_its_bars_are_in_sight(W, weight, centre):
    scene = widgets.penalty_bias.scene
    scene.update(W=W, weight=weight, centre=centre)
    panel, bars = scene.figure.axes
    curve, top, _ = panel.lines
    (x,), (y,) = top.get_data()
    assert panel.get_xlim()[0] <= x <= 0.9 * panel.get_xlim()[1]
    assert panel.get_ylim()[0] < y < panel.get_ylim()[1]
    assert np.interp(x, *curve.get_data()) == pytest.approx(y, abs=0.02)  # on the curve, which spans the axis
    assert curve.get_xdata()[-1] == panel.get_xlim()[1]
    heights = [bar.get_height() for bar in bars.patches]
    assert max(heights) < 0.95 * bars.get_ylim()[1]
    assert heights[1] / heights[0] == pytest.approx(penalised_optimum(W, weight, centre)[1] / W)


def test_a_shift_is_compared_with_the_nearest_stranger():
    assert "is 0.00 from itself: nearer than" in widgets.pixel_metric.still(picture=0, shift=0)[1]
    sentence = widgets.pixel_metric.still(picture=0, shift=6)[1]
    assert "farther away than" in sentence
    assert f"({pixel_distance.nearest_stranger()[1][0]:.2f})" in sentence


def test_a_row_holds_digits_side_by_side():
    points = batch_distance.digits("test")[:20]
    row = widgets.digit_row(points)
    assert row.shape == (8, 128)
    assert np.array_equal(row[:, 8:16].ravel(), points[1])
    fig = widgets.rows_figure({"one": row, "other": row})
    assert len(fig.axes) == 2


def test_recorded_rows_can_be_read():
    for record in load_runs("wgan").where(study="digits"):
        assert widgets.sample_row(record).shape == (8, 128)
