"""Functions with finitely many linear pieces, which may jump: what there is to smooth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

Number: TypeAlias = int | float


@dataclass(frozen=True)
class PiecewiseLinear:
    """f(x) = b₀ + m₀x + Σ Jₖ θ(x - aₖ) + Σ mₖ (x - aₖ)₊, with θ the step and (·)₊ the ReLU.

    Attributes:
        knots: a₁ < a₂ < …, where f may break.
        jumps: Jₖ = f(aₖ+) - f(aₖ-), one a knot.
        slopes: mₖ = f'(aₖ+) - f'(aₖ-), the *changes* of the slope, one a knot.
        b0: the leftmost piece is b₀ + m₀x.
        m0: its slope.

    Raises:
        ValueError: if the knots do not increase, lengths differ, or a number is not finite.
    """

    knots: tuple[Number, ...]
    jumps: tuple[Number, ...]
    slopes: tuple[Number, ...]
    b0: Number = 0.0
    m0: Number = 0.0

    def __post_init__(self) -> None:
        for name in ("knots", "jumps", "slopes"):
            values = tuple(map(float, getattr(self, name)))
            object.__setattr__(self, name, values)
            if not all(map(math.isfinite, values)):
                raise ValueError(f"{name}: got {values}; expected finite numbers")
        if not (math.isfinite(self.b0) and math.isfinite(self.m0)):
            raise ValueError(f"b0 and m0: got {self.b0} and {self.m0}; expected finite numbers")
        if not len(self.knots) == len(self.jumps) == len(self.slopes):
            lengths = len(self.knots), len(self.jumps), len(self.slopes)
            raise ValueError(f"knots, jumps and slopes: got lengths {lengths}; expected one of each a knot")
        if any(a >= b for a, b in zip(self.knots[:-1], self.knots[1:], strict=True)):
            raise ValueError(f"knots: got {self.knots}; expected increasing numbers")

    def __call__(self, x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return f(x), and the middle of the jump where it jumps: the limit of every even smoothing."""
        x = np.asarray(x, dtype=np.float64)
        y = self.b0 + self.m0 * x
        for a, J, m in zip(self.knots, self.jumps, self.slopes, strict=True):
            y = y + J * np.heaviside(x - a, 0.5) + m * np.maximum(x - a, 0)
        return np.asarray(y)

    @property
    def last_slope(self) -> float:
        """The slope of the rightmost piece."""
        return self.m0 + sum(self.slopes)

    @property
    def bounded(self) -> bool:
        """Whether f is constant at both ends: what a kernel without a mean can smooth."""
        return self.m0 == 0 and math.isclose(self.last_slope, 0, abs_tol=1e-12)

    @property
    def continuous(self) -> bool:
        """Whether f has no jump."""
        return not any(self.jumps)

    @property
    def lipschitz(self) -> float:
        """The steepest slope of a piece."""
        return float(np.abs(self.m0 + np.cumsum([0.0, *self.slopes])).max())

    @classmethod
    def through(
        cls, points: tuple[tuple[Number, Number], ...], jumps: tuple[Number, ...] = ()
    ) -> PiecewiseLinear:
        """Return the function that joins these points by straight lines and is constant beyond them.

        Args:
            points: (x, y) from left to right.
            jumps: one a point, or none at all; beyond a jump everything stands higher by it.

        Raises:
            ValueError: if there are fewer than two points, or their x do not increase.
        """
        if len(points) < 2:
            raise ValueError(f"points: got {len(points)}; expected at least 2")
        x, y = np.array(points, dtype=np.float64).T
        if not (np.diff(x) > 0).all():
            raise ValueError(f"points: got x = {x.tolist()}; expected increasing numbers")
        slopes = np.diff([0.0, *(np.diff(y) / np.diff(x)), 0.0])
        return cls(tuple(x.tolist()), jumps or (0.0,) * len(x), tuple(slopes.tolist()), float(y[0]))


def _function(
    knots: tuple[Number, ...], jumps: tuple[Number, ...], slopes: tuple[Number, ...], **left: Number
) -> PiecewiseLinear:
    nothing = (0,) * len(knots)
    return PiecewiseLinear(knots, jumps or nothing, slopes or nothing, **left)


RELU = _function((0,), (), (1,))
STEP = _function((0,), (1,), ())
SIGN = _function((0,), (2,), (), b0=-1.0)
ABS = _function((0,), (), (2,), m0=-1.0)
RELU6 = _function((0, 6), (), (1, -1))
HAT = _function((-1, 0, 1), (), (1, -2, 1))
RECTANGLE = _function((-1, 1), (1, -1), ())
HARD_SIGMOID = _function((-3, 3), (), (1 / 6, -1 / 6))


def leaky(alpha: Number) -> PiecewiseLinear:
    """Return Leaky ReLU: x above 0, αx below."""
    return _function((0,), (), (1 - alpha,), m0=alpha)


def clip(low: Number = -1.0, high: Number = 1.0) -> PiecewiseLinear:
    """Return x, kept between two numbers (at -1 and 1, hardtanh)."""
    return _function((low, high), (), (1, -1), b0=low)


def soft_shrink(threshold: Number = 1.0) -> PiecewiseLinear:
    """Return x moved towards 0 by λ, and 0 for |x| ≤ λ."""
    return _function((-threshold, threshold), (), (-1, 1), b0=threshold, m0=1.0)


#: The functions of the lesson by name.
FUNCTIONS: dict[str, PiecewiseLinear] = {
    "ReLU": RELU,
    "leaky ReLU": leaky(0.15),
    "|x|": ABS,
    "step": STEP,
    "sign": SIGN,
    "rectangle": RECTANGLE,
    "hat": HAT,
    "clip": clip(),
    "ReLU6": RELU6,
    "hard sigmoid": HARD_SIGMOID,
    "soft shrink": soft_shrink(),
}
