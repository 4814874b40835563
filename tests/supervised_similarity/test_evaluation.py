"""Intervals, confusion, ROC and calibration against the definitions and against scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given
from hypothesis import strategies as st

from sjedu.supervised_similarity import embedded_set, evaluation, theory
from sjedu.supervised_similarity.evaluation import Calibration, auc, bootstrap, confusion, roc


def labelled(n=200, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n).round(1)  # with ties
    return scores, (scores + rng.normal(size=n) > 0).astype(float)


def test_the_interval_holds_the_figure_and_narrows():
    few, many = (bootstrap(*labelled(n)) for n in (100, 1600))
    for found in (few, many):
        assert found.low < found.value < found.high
    assert many.high - many.low < 0.4 * (few.high - few.low)
    assert few.value == pytest.approx(theory.spearman(*labelled(100)))
    assert bootstrap(*labelled(100)) == few
    assert "[" in str(few)


def test_ninety_percent_intervals_hold_the_truth_about_as_often():
    truth = bootstrap(*labelled(20_000, 99), samples=20).value
    hits = [
        (found := bootstrap(*labelled(60, seed), samples=150, level=0.9)).low <= truth <= found.high
        for seed in range(120)
    ]
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


@given(seed=st.integers(0, 50), threshold=st.floats(-2, 2))
def test_confusion_and_roc_equal_scikit_learn(seed, threshold):
    scores, labels = labelled(40, seed)
    if len(set(labels)) < 2:
        return
    found = confusion(scores, labels, threshold)
    tn, fp, fn, tp = sklearn.metrics.confusion_matrix(labels, scores >= threshold, labels=[0, 1]).ravel()
    assert (found.true_alike, found.false_alike, found.missed, found.true_other) == (tp, fp, fn, tn)
    assert auc(scores, labels) == pytest.approx(sklearn.metrics.roc_auc_score(labels, scores))
    x, y = roc(scores, labels)
    assert np.trapezoid(y, x) == pytest.approx(auc(scores, labels))


def test_the_best_threshold_is_best():
    scores, labels = labelled()
    best = confusion(scores, labels, evaluation.best_threshold(scores, labels)).accuracy
    assert all(confusion(scores, labels, at).accuracy <= best for at in np.linspace(-3, 3, 121))


def test_rates_of_nobody():
    nobody = confusion(*labelled(), 99.0)
    assert nobody.precision == 1
    assert nobody.recall == nobody.false_rate == 0


@pytest.mark.parametrize(
    ("labels", "says"), [(np.ones(4), "all pairs"), (np.array([0.0, 2.0, 1.0, 0.0]), "0 or 1")]
)
def test_one_class_or_unknown_labels(labels, says):
    with pytest.raises(ValueError, match=says):
        confusion(np.arange(4.0), labels, 0.5)


@pytest.mark.parametrize("kind", ["isotonic", "platt"])
def test_calibration_makes_probabilities_of_cosines(kind):
    rng = np.random.default_rng(0)
    cosines = rng.uniform(-1, 1, 4000)
    alike = (rng.random(4000) < 1 / (1 + np.exp(-6 * (cosines - 0.5)))).astype(float)
    calibration = Calibration(cosines[:2000], alike[:2000], kind)
    probabilities = calibration(cosines[2000:])
    raw = evaluation.calibration_error((cosines[2000:] + 1) / 2, alike[2000:])
    assert evaluation.calibration_error(probabilities, alike[2000:]) < 0.05 < raw
    order = np.argsort(cosines[2000:])
    assert (np.diff(probabilities[order]) >= 0).all()
    with pytest.raises(ValueError, match="probabilities"):
        evaluation.calibration_error(np.array([-0.2, 0.5]), np.array([0.0, 1.0]))


def test_every_sentence_is_encoded_once():
    pairs = embedded_set("negation", 40, 0)
    asked = []

    def encode(texts):
        asked.extend(texts)
        return torch.tensor([[float(len(text)), text.count("不") + 1.0] for text in texts])

    found = evaluation.cosines(encode, pairs)
    assert len(asked) == len(set(asked))
    first, second = (encode([column[7]])[0] for column in (pairs.first, pairs.second))
    assert found[7].item() == pytest.approx(torch.cosine_similarity(first, second, dim=0).item(), abs=1e-6)
