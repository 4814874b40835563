"""From a score to a probability, and how far stated probabilities are from shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import numpy as np
from jaxtyping import Float64
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from sjedu.checks import check_choice
from sjedu.measures.classification import binary
from sjedu.measures.correlation import Numbers, finite_pairs

__all__ = ["Calibration", "calibration_error"]

Curve: TypeAlias = Literal["isotonic", "platt"]


class Calibration:
    """From a cosine to the probability that the pair is alike, learnt on labelled pairs that nothing else saw.

    "isotonic" fits any increasing step function, "platt" a logistic curve in the cosine. Both leave the order, and so
    Spearman, as it is (isotonic may tie); what they add is that 0.8 means eight in ten.

    Args:
        scores: cosines of labelled pairs.
        alike: 1 or 0 of each.
        kind: of the curve.
    """

    def __init__(self, scores: Numbers, alike: Numbers, kind: Curve = "isotonic") -> None:
        check_choice("kind", kind, get_args(Curve))
        x, t = binary(scores, alike)
        if kind == "isotonic":
            curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(x, t.astype(float))
            self._probability: Callable[[np.ndarray], np.ndarray] = curve.predict
        else:
            line = LogisticRegression(C=1e6).fit(x[:, None], t)
            self._probability = lambda scores: line.predict_proba(scores[:, None])[:, 1]

    def __call__(self, scores: Numbers) -> Float64[np.ndarray, " pairs"]:
        """Return the probabilities of pairs with these cosines."""
        return np.asarray(self._probability(np.asarray(scores, dtype=np.float64)), dtype=np.float64)


def calibration_error(probabilities: Numbers, alike: Numbers, bins: int = 10) -> float:
    """Return the mean gap between stated probability and share of alike pairs, over equally wide bins (ECE).

    Raises:
        ValueError: as `correlation.finite_pairs`, and if a probability is not in [0, 1].
    """
    p, t = finite_pairs(probabilities=probabilities, alike=alike)
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"probabilities: got {p.min():.3f} to {p.max():.3f}; expected [0, 1]")
    place = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs((p - t)[place == b].sum()) for b in set(place)) / len(p))
