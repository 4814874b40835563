"""Two classes told apart by a score: what a threshold makes of it, and what all thresholds do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sklearn.metrics
from jaxtyping import Bool, Float64

from sjedu.measures.correlation import Numbers, finite_pairs

__all__ = ["Confusion", "auc", "best_threshold", "binary", "confusion", "roc"]


@dataclass(frozen=True)
class Confusion:
    """What a threshold on the score makes of the labels: alike where the score is at least the threshold."""

    true_alike: int
    false_alike: int
    missed: int
    true_other: int

    @property
    def accuracy(self) -> float:
        """The share of pairs that are answered right."""
        total = self.true_alike + self.false_alike + self.missed + self.true_other
        return (self.true_alike + self.true_other) / total

    @property
    def precision(self) -> float:
        """Of those called alike, the share that is; NaN where none is called alike."""
        called = self.true_alike + self.false_alike
        return self.true_alike / called if called else float("nan")

    @property
    def recall(self) -> float:
        """Of those alike, the share that is called so."""
        return self.true_alike / (self.true_alike + self.missed)

    @property
    def false_rate(self) -> float:
        """Of those not alike, the share that is called alike."""
        return self.false_alike / (self.false_alike + self.true_other)


def confusion(scores: Numbers, alike: Numbers, threshold: float) -> Confusion:
    """Return the confusion table at a threshold; errors as in `binary`."""
    x, t = binary(scores, alike)
    true_other, false_alike, missed, true_alike = sklearn.metrics.confusion_matrix(t, x >= threshold).ravel()
    return Confusion(int(true_alike), int(false_alike), int(missed), int(true_other))


def roc(
    scores: Numbers, alike: Numbers
) -> tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]:
    """Return the rates of falsely and of rightly called pairs, for all thresholds from above to below.

    Equal scores are called together. Errors as in `binary`.
    """
    x, t = binary(scores, alike)
    false_rates, recalls, _ = sklearn.metrics.roc_curve(t, x, drop_intermediate=False)
    return false_rates, recalls


def auc(scores: Numbers, alike: Numbers) -> float:
    """Return the probability that a pair that is alike outscores one that is not; ties count half.

    It is the area under `roc`. Errors as in `binary`.
    """
    x, t = binary(scores, alike)
    return float(sklearn.metrics.roc_auc_score(t, x))


def best_threshold(scores: Numbers, alike: Numbers) -> float:
    """Return the threshold with the best accuracy: midway between two scores; the lowest of equally good ones.

    Errors as in `binary`.
    """
    x, t = binary(scores, alike)
    values = np.unique(x)
    candidates = [values[0] - 1e-6, *((values[1:] + values[:-1]) / 2), values[-1] + 1e-6]
    false_rates, recalls = roc(x, t)  # from above to below
    right = np.rint(recalls * t.sum()) - np.rint(false_rates * (~t).sum())
    return float(candidates[np.argmax(right[::-1])])


def binary(
    scores: Numbers, alike: Numbers
) -> tuple[Float64[np.ndarray, " pairs"], Bool[np.ndarray, " pairs"]]:
    """Return scores and labels as arrays.

    Raises:
        ValueError: if the lengths differ or are less than 2, a value is not finite, a label is neither 0 nor 1, or one
            of the two does not occur.
    """
    x, t = finite_pairs(scores=scores, alike=alike)
    if unknown := set(t.tolist()) - {0.0, 1.0}:
        raise ValueError(f"alike: got {sorted(unknown)}; expected 0 or 1")
    if len(set(t.tolist())) < 2:
        raise ValueError(f"alike: got {t[0]:.0f} for all pairs; expected some of both")
    return x, t == 1
