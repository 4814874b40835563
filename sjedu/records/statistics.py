"""Results of several seeds: their mean, how sure it is, and whether one mean leads another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """One figure measured with several seeds; shows itself as "0.858 ± 0.004", mean and standard error."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))

    @property
    def error(self) -> float:
        """The standard error of the mean, s/√n with s from n - 1; NaN for a single seed."""
        if len(self.values) < 2:
            return math.nan
        return float(np.std(self.values, ddof=1) / np.sqrt(len(self.values)))

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + (f" ± {self.error:.3f}" if len(self.values) > 1 else "")


def lead(first: Spread, second: Spread) -> float:
    """Return how far the first mean is above the second, in pooled standard errors."""
    gap, error = first.mean - second.mean, float(np.hypot(first.error, second.error))
    return gap / error if error else gap and math.copysign(math.inf, gap)
