"""Spearman's rank correlation, with an interval over what was tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.stats
from jaxtyping import Float64
from torch import Tensor

__all__ = ["Correlation", "bootstrap", "finite_pairs", "spearman"]

Numbers: TypeAlias = Sequence[float | int] | np.ndarray | Tensor


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation, with a bootstrap interval.

    Attributes:
        value: of the pairs at hand.
        low: lower end of the interval.
        high: its upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]".replace("-", "−")


def spearman(x: Numbers, y: Numbers) -> float:
    """Return Spearman's rank correlation: Pearson's of the ranks, equal values sharing their mean rank.

    Raises:
        ValueError: as `finite_pairs`, and if one side is constant: no correlation is defined then, and that of a model
            whose scores are all equal is not 0.
    """
    a, b = finite_pairs(x=x, y=y)
    for name, values in (("x", a), ("y", b)):
        if (values == values[0]).all():
            raise ValueError(
                f"{name}: got {values[0]} for all {len(values)}; expected values that differ: otherwise"
                " no correlation is defined"
            )
    return float(scipy.stats.spearmanr(a, b).statistic)


def bootstrap(
    scores: Numbers, labels: Numbers, *, samples: int = 1000, level: float = 0.95, seed: int = 0
) -> Correlation:
    """Return the rank correlation with the percentile interval over pairs drawn with replacement.

    The interval says how much the figure depends on which pairs were tested, not on the seed of the training. Of the
    figures of so many samples the level is the part that lies within. Draws in which all scores or all labels are equal
    are drawn again.

    Raises:
        ValueError: if there are fewer than 20 samples or level is not in (0, 1).
    """
    if samples < 20 or not 0 < level < 1:
        raise ValueError(f"samples and level: got {samples} and {level}; expected at least 20 and (0, 1)")
    value = spearman(scores, labels)
    x, y = finite_pairs(scores=scores, labels=labels)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(x), (samples, len(x)))
    while (flat := (np.ptp(y[drawn], axis=1) == 0) | (np.ptp(x[drawn], axis=1) == 0)).any():
        drawn[flat] = rng.integers(0, len(x), (int(flat.sum()), len(x)))
    ranks = (scipy.stats.rankdata(values[drawn], axis=1) for values in (x, y))
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    correlations = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    tail = 50 * (1 - level)
    low, high = np.percentile(correlations, (tail, 100 - tail))
    return Correlation(value, float(low), float(high))


def finite_pairs(
    **columns: Numbers,
) -> tuple[Float64[np.ndarray, " pairs"], Float64[np.ndarray, " pairs"]]:
    """Return two columns of numbers as arrays.

    Raises:
        ValueError: if the lengths differ or are less than 2, or a value is not finite; names the column.
    """
    (first, a), (second, b) = (
        (name, np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, dtype=np.float64))
        for name, values in columns.items()
    )
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise ValueError(
            f"{first} and {second}: got shapes {a.shape} and {b.shape}; expected two equally long, of 2 or more"
        )
    for name, values in ((first, a), (second, b)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: got {values[~np.isfinite(values)][0]}; expected finite numbers")
    return a, b
