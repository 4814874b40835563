"""One grid of angles for everything about w = ⟨μ, x⟩ = cos φ: normaliser, mean, quantiles, gradient in κ.

The density of φ is proportional to e^(κ cos φ) sin^(d-2) φ (article, section 特殊方向). It has one hump, so a grid
over the part where its logarithm is within 45 of the highest value misses less than 1e-19. Beside it stand the two
samplers of w that the lesson compares with: the article's table on a fixed grid of w, and Wood's rejection.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import scipy.integrate
import scipy.optimize
from jaxtyping import Float64

DEPTH = 45.0


class AngularGrid:
    """The law of φ for one dimension and one κ, by Simpson's rule on a grid that follows it.

    Args:
        dim: of the ambient space, at least 2.
        kappa: at least 0.
        nodes: of the grid, an odd number.

    Attributes:
        phi: the angles, ascending; so w = cos(phi) descends.
        density: of φ.
        cdf: P(angle <= phi).
        log_z: log ∫ e^(κ⟨μ, x⟩) dx over the sphere.
        mean: A = E[w].
        variance: A' = Var[w].

    Raises:
        ValueError: if dim or kappa is not as said.
    """

    def __init__(self, dim: int, kappa: float, nodes: int = 2049) -> None:
        if dim != int(dim) or dim < 2:
            raise ValueError(f"dim must be a whole number of at least 2, got {dim!r}")
        if not 0 <= kappa < math.inf:
            raise ValueError(f"kappa must be a finite number of at least 0, got {kappa!r}")
        self.dim, self.kappa = int(dim), float(kappa)
        self.phi = np.linspace(*self._window(), nodes)
        log = self._log(self.phi)
        peak = log.max()
        weights = np.exp(log - peak)
        total = scipy.integrate.simpson(weights, x=self.phi)
        self.density = weights / total
        self.log_z = log_area(self.dim - 1) + self.kappa + float(peak + np.log(total))
        fall = 2 * np.sin(self.phi / 2) ** 2  # 1 - w, without cancellation
        self.mean = 1 - float(scipy.integrate.simpson(self.density * fall, x=self.phi))
        self._above = 1 - self.mean - fall  # w - A
        self.variance = float(scipy.integrate.simpson(self.density * self._above**2, x=self.phi))
        self.cdf = self._cumulative(self.density)

    def _log(self, phi: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
        fall = -2 * self.kappa * np.sin(phi / 2) ** 2  # κ (cos φ - 1)
        if self.dim == 2:
            return np.asarray(fall)
        return np.asarray(fall + (self.dim - 2) * np.log(np.maximum(np.sin(phi), 1e-300)))

    def _window(self) -> tuple[float, float]:
        """The angles at which the log-density is `DEPTH` below its highest value, or the ends."""
        m, root = self.dim - 2, math.hypot(self.dim - 2, 2 * self.kappa)
        mode = math.acos(min(1.0, 2 * self.kappa / (m + root))) if root else math.pi / 2
        floor = float(self._log(np.array(mode))) - DEPTH

        def end(edge: float) -> float:
            if float(self._log(np.array(edge))) >= floor:
                return edge
            found: float = scipy.optimize.brentq(
                lambda phi: float(self._log(np.array(phi))) - floor, edge, mode
            )
            return found

        return end(0.0), end(math.pi)

    def _cumulative(self, values: Float64[np.ndarray, " nodes"]) -> Float64[np.ndarray, " nodes"]:
        return np.asarray(scipy.integrate.cumulative_simpson(values, x=self.phi, initial=0))

    def quantile(self, u: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
        """Return the angles φ with P(angle <= φ) = u; cos of them are draws of w if u is uniform."""
        return np.asarray(np.interp(u, self.cdf / self.cdf[-1], self.phi))

    def cosine_cdf(self, w: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
        """Return P(⟨μ, x⟩ <= w)."""
        angle = np.arccos(np.clip(w, -1, 1))
        return np.asarray(1 - np.interp(angle, self.phi, self.cdf, left=0, right=1))

    def dw_dkappa(self) -> Float64[np.ndarray, " nodes"]:
        """Return the implicit derivative of w in κ at every angle: -∂F/∂κ / p, F the distribution function of w.

        As a function of the angle, ∂(1 - F)/∂κ is the integral of (w - A) times the density from 0 on.
        """
        gained = self._cumulative(self._above * self.density)
        p = self.density / np.maximum(np.sin(self.phi), 1e-300)  # of w: dw = sin φ dφ
        return np.asarray(np.where(p > 1e-290, gained / np.maximum(p, 1e-290), 0.0))


def log_area(dim: int) -> float:
    """Return the logarithm of |S^(dim-1)| = 2 π^(dim/2) / Γ(dim/2), the area of the unit sphere in R^dim."""
    return math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)


@lru_cache(256)
def angular_grid(dim: int, kappa: float) -> AngularGrid:
    """Return the grid of 2049 angles, kept for the next call."""
    return AngularGrid(dim, kappa)


# ---------------------------------------------------------------- the article's table


def tabulated_cosines(dim: int, kappa: float, n: int, step: float = 1e-7) -> Float64[np.ndarray, " n"]:
    """Return n quantiles of w, evenly spaced in probability, from the article's table.

    The table: w on a grid over (-1, 1), log-density minus its maximum, cumulative sum, linear interpolation.
    (The article draws the probabilities at random once and for all; even ones have no noise.)

    Args:
        dim: of the ambient space.
        kappa: the concentration.
        n: how many quantiles.
        step: of the grid; the article has 1e-7, which is twenty million points.

    Raises:
        ValueError: if the step does not divide (-1, 1) into 10 cells or more, or n is less than 1.
    """
    if not 0 < step <= 0.2:
        raise ValueError(f"step must be above 0 and at most 0.2, got {step!r}")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n!r}")
    # Below this w the density is a rounding error of the table's sum: leaving the points out changes nothing.
    first = max(0, math.floor((math.cos(angular_grid(dim, kappa).phi[-1]) + 1) / step) - 1)
    w = -1 + step * np.arange(first + 1, round(2 / step))
    table = kappa * w + (dim - 3) / 2 * np.log1p(-(w**2))
    table -= table.max()
    np.exp(table, out=table)
    np.cumsum(table, out=table)
    table /= table[-1]
    return np.asarray(np.interp((np.arange(n) + 0.5) / n, table, w))


# ---------------------------------------------------------------- Wood's rejection


def wood_parameter(dim: int, kappa: float) -> float:
    """Return b of Wood's proposal W = (1 - (1+b)Z) / (1 - (1-b)Z), Z from Beta((d-1)/2, (d-1)/2)."""
    m = dim - 1
    return m / (2 * kappa + math.hypot(2 * kappa, m))


def acceptance_rate(dim: int, kappa: float) -> float:
    """Return how often Wood's proposal is accepted: ∫ e^(κw) (1-w²)^(m/2-1) / ∫ e^c (1-x₀w)^-m (1-w²)^(m/2-1)."""
    m, b = dim - 1, wood_parameter(dim, kappa)
    x0 = (1 - b) / (1 + b)
    grid = angular_grid(dim, kappa)
    c = kappa * x0 + m * math.log1p(-(x0**2))
    # z ↦ w is one-to-one, so the proposal's total is that of Beta(m/2, m/2), up to dw/dz: in closed form.
    log_proposal = -m / 2 * math.log1p(-(x0**2)) + log_area(dim) - log_area(dim - 1)
    return math.exp(grid.log_z - log_area(dim - 1) - log_proposal - c)


def naive_dw_dkappa(grid: AngularGrid) -> Float64[np.ndarray, " nodes"]:
    """Return the derivative in κ of Wood's proposal, at the z that gives each w of the grid.

    This is what automatic differentiation sees of an accepted proposal: z held fixed, b moving with κ.
    """
    m, k, b = grid.dim - 1, grid.kappa, wood_parameter(grid.dim, grid.kappa)
    w = np.cos(grid.phi)
    z = (1 - w) / ((1 + b) - (1 - b) * w)
    db = -b * 2 / math.hypot(2 * k, m)  # of b = m / (2κ + √(4κ² + m²))
    return np.asarray(-2 * z * (1 - z) / (1 - (1 - b) * z) ** 2 * db)


def naive_gradient(dim: int, kappa: float) -> float:
    """Return what the derivative of accepted proposals estimates instead of A' = d E[w] / dκ."""
    grid = angular_grid(dim, kappa)
    return float(scipy.integrate.simpson(grid.density * naive_dw_dkappa(grid), x=grid.phi))
