"""Confusion, ROC, thresholds and calibration: by hand, by scikit-learn, and of a model that answers nothing."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from sjedu.measures import Calibration, auc, best_threshold, calibration_error, confusion, roc


def labelled(n=200, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n).round(1)  # with ties
    return scores, (scores + rng.normal(size=n) > 0).astype(float)


@given(seed=st.integers(0, 50), threshold=st.floats(-2, 2))
def test_confusion_and_roc_are_counted(seed, threshold):
    scores, labels = labelled(40, seed)
    if len(set(labels)) < 2:
        return
    table = confusion(scores, labels, threshold)
    called, alike = scores >= threshold, labels == 1
    counts = [(called & alike), (called & ~alike), (~called & alike), (~called & ~alike)]
    assert [table.true_alike, table.false_alike, table.missed, table.true_other] == [c.sum() for c in counts]
    assert auc(scores, labels) == pytest.approx(sklearn.metrics.roc_auc_score(labels, scores))
    x, y = roc(scores, labels)
    assert np.trapezoid(y, x) == pytest.approx(auc(scores, labels))
    wins = scores[alike][:, None] - scores[~alike]
    assert auc(scores, labels) == pytest.approx(((wins > 0) + (wins == 0) / 2).mean())  # ties count half


@pytest.mark.parametrize("seed", range(5))
def test_the_best_threshold_is_best_and_the_lowest_of_these(seed):
    scores, labels = labelled(seed=seed)
    at = best_threshold(scores, labels)
    best = confusion(scores, labels, at).accuracy
    others = {each: confusion(scores, labels, each).accuracy for each in np.linspace(-3, 3, 121)}
    assert max(others.values()) <= best
    assert all(accuracy < best for each, accuracy in others.items() if each < at - 0.1)


def test_who_calls_nothing_alike_has_no_precision():
    nobody = confusion(*labelled(), 99.0)
    assert np.isnan(nobody.precision)  # it is not perfect
    assert nobody.recall == nobody.false_rate == 0


def test_a_constant_score_is_worth_guessing():
    scores, labels = np.full(10, 0.3), np.array([0.0, 1.0] * 5)
    assert auc(scores, labels) == 0.5
    assert confusion(scores, labels, best_threshold(scores, labels)).accuracy == 0.5
    with pytest.raises(ValueError, match="scores: got nan"):
        auc(np.full(10, np.nan), labels)


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
    raw = calibration_error((cosines[2000:] + 1) / 2, alike[2000:])
    assert calibration_error(probabilities, alike[2000:]) < 0.05 < raw
    order = np.argsort(cosines[2000:])
    assert (np.diff(probabilities[order]) >= 0).all()
    with pytest.raises(ValueError, match="probabilities"):
        calibration_error(np.array([-0.2, 0.5]), np.array([0.0, 1.0]))
