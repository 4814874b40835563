"""Rank correlation against the definition, its interval, and what has none."""

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from sjedu.measures import bootstrap, spearman


def labelled(n=200, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n).round(1)  # with ties
    return scores, (scores + rng.normal(size=n) > 0).astype(float)


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-1, 1)), min_size=3, max_size=30))
def test_spearman_is_pearson_of_mean_ranks(pairs):
    x, y = (np.array(values, dtype=float) for values in zip(*pairs, strict=True))
    if (x == x[0]).all() or (y == y[0]).all():
        with pytest.raises(ValueError, match="no correlation is defined"):
            spearman(x, y)
        return
    ranks = scipy.stats.rankdata(x), scipy.stats.rankdata(y)
    assert spearman(x, y) == pytest.approx(float(np.corrcoef(*ranks)[0, 1]), abs=1e-9)


def test_tensors_lists_and_arrays_are_alike():
    x, y = labelled()
    assert spearman(torch.tensor(x, requires_grad=True), y.tolist()) == spearman(x, y)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0, 3.0], r"got shapes \(2,\) and \(3,\)"),
        ([1.0], [1.0], "of 2 or more"),
        ([1.0, float("nan")], [1.0, 2.0], "x: got nan"),
        ([1.0, 2.0], [3.0, 3.0], "y: got 3.0 for all 2"),
    ],
)
def test_spearman_refuses(x, y, message):
    with pytest.raises(ValueError, match=message):
        spearman(x, y)


def test_the_interval_holds_the_figure_and_narrows():
    few, many = (bootstrap(*labelled(n)) for n in (100, 1600))
    for interval in (few, many):
        assert interval.low < interval.value < interval.high
    assert many.high - many.low < 0.4 * (few.high - few.low)
    assert few.value == pytest.approx(float(scipy.stats.spearmanr(*labelled(100)).statistic))
    assert bootstrap(*labelled(100)) == few
    assert "[" in str(few)


def test_ninety_percent_intervals_hold_the_truth_about_as_often():
    truth = bootstrap(*labelled(20_000, 99), samples=20).value
    intervals = [bootstrap(*labelled(60, seed), samples=150, level=0.9) for seed in range(120)]
    hits = [interval.low <= truth <= interval.high for interval in intervals]
    assert 0.8 < np.mean(hits) < 0.97


def test_draws_without_one_class_are_drawn_again():
    labels = np.zeros(12)
    labels[0] = 1
    assert np.isfinite(bootstrap(np.arange(12.0), labels, samples=200).low)


@pytest.mark.parametrize(
    ("scores", "labels", "says"),
    [
        (np.ones(4), np.array([0.0, 1.0, 0.0, 1.0]), "no correlation is defined"),
        (np.arange(4.0), np.ones(4), "no correlation is defined"),
        (np.arange(4.0), np.ones(3), "shapes"),
        (np.array([0.0, np.nan]), np.array([0.0, 1.0]), "finite"),
    ],
)
def test_undefined_correlations_are_errors_and_not_zero(scores, labels, says):
    with pytest.raises(ValueError, match=says):
        bootstrap(scores, labels)
    with pytest.raises(ValueError, match="samples"):
        bootstrap(*labelled(), samples=3)
