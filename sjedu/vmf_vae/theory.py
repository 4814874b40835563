"""The mathematics of the von Mises-Fisher law, exact and slow.

The notebook derives with these functions, and the tests hold the fast code of this room against them. They follow Su
Jianlin, 《变分自编码器（七）：球面上的VAE（vMF-VAE）》 (kexue.fm/archives/8404). There are four ways of computing, each
independent of the others: formulas (`identities`, in sympy), a power series with 60 digits (`exact`), integrals with
mpmath, and one grid of angles in float64 (`AngularGrid`), which is the article's sampler and the one to read first.

The law on the sphere S^(d-1) in R^d is ``p(x) = e^(κ⟨μ,x⟩) / Z_(d,κ)``. Throughout, ``w = ⟨μ,x⟩ = cos φ``
and ν = d/2 - 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import mpmath as mp
import numpy as np
import scipy.special
import sympy as sp
from jaxtyping import Float64

from sjedu.checks import check_count, check_positive

Number: TypeAlias = int | float
Real: TypeAlias = Any  # an mpmath number


# ---------------------------------------------------------------- the sphere, and w on it


def log_sphere_area(dim: int) -> Real:
    """Return ``log|S^(d-1)| = log( 2 π^(d/2) / Γ(d/2) )``; the area itself is largest for d = 7."""
    check_count("dim", dim, least=2)
    with mp.workdps(60):
        half = mp.mpf(dim) / 2
        return mp.log(2) + half * mp.log(mp.pi) - mp.loggamma(half)


def log_slice_integral(dim: int, kappa: Number) -> Real:
    """Return ``log ∫ e^(κw) (1-w²)^((d-3)/2) dw`` over (-1, 1), by quadrature.

    The slice of the sphere at height w is a sphere of radius √(1-w²): times |S^(d-2)| this is Z. As an integral over
    ψ = log tan(φ/2), w = -tanh ψ, there are no singular ends: ``∫ e^(-κ tanh ψ) sech^(d-1) ψ dψ``.
    """
    check_law(dim, kappa)
    with mp.workdps(40):
        k, half = mp.mpf(kappa), mp.mpf(dim - 1) / 2
        root = half + mp.hypot(half, k)
        mode = mp.log(mp.sqrt(2 * half / root) / (1 + k / root))

        def log_integrand(psi: Real) -> Real:
            return -k * mp.tanh(psi) - 2 * half * mp.log(mp.cosh(psi))

        # The trapezoidal rule: for such an integrand its error falls faster than any power of the step.
        peak, step, total = log_integrand(mode), 1 / (12 * mp.sqrt(dim)), mp.mpf(1)
        for direction in (1, -1):
            n = direction
            while (value := mp.exp(log_integrand(mode + n * step) - peak)) > mp.mpf(10) ** -30:
                total, n = total + value, n + direction
        return peak + mp.log(total * step)


# ---------------------------------------------------------------- normaliser, mean, variance, KL


class Exact(NamedTuple):
    """The law of w at one (d, κ), with 40 right digits or more (mpmath).

    Attributes:
        log_moment: F = log E[e^(κw)] of the uniform law.
        ratio: A = F', the mean.
        slope: A', the variance.
        curvature: A''.
        divergence: κA - F, the KL to the uniform law in nats.
        log_normalizer: log Z = log|S^(d-1)| + F.
    """

    log_moment: Real
    ratio: Real
    slope: Real
    curvature: Real
    divergence: Real
    log_normalizer: Real


def exact(dim: int, kappa: Real) -> Exact:
    """Return normaliser, moments and KL from ``e^F = Σ t_k, t_k = (κ²/4)^k / (k! (d/2)_k)``.

    A term's index k, drawn with probability t_k/Σt, has mean κA/2 and variance (κ²A' + κA)/4, because κ d/dκ
    multiplies each term by 2k. The sum starts at its largest term and runs both ways.
    """
    check_law(dim, kappa)
    area = log_sphere_area(dim)
    if kappa == 0:
        zero = mp.mpf(0)
        return Exact(zero, zero, mp.mpf(1) / dim, zero, zero, area)
    with mp.workdps(60):
        k, half = mp.mpf(kappa), mp.mpf(dim) / 2
        quarter = k * k / 4
        top = int(mp.floor((1 - half + mp.sqrt((half - 1) ** 2 + 4 * quarter)) / 2))
        log_top = top * mp.log(quarter) - mp.loggamma(top + 1) - mp.loggamma(half + top) + mp.loggamma(half)
        total, first, second = mp.mpf(1), mp.mpf(0), mp.mpf(0)
        for direction in (1, -1):
            term, offset = mp.mpf(1), 0
            while term * (1 + offset**2) > mp.mpf(10) ** -55 * total and (direction == 1 or top + offset > 0):
                k_now = top + offset
                if direction == 1:
                    term *= quarter / ((k_now + 1) * (half + k_now))
                else:
                    term *= k_now * (half + k_now - 1) / quarter
                offset += direction
                total, first, second = total + term, first + offset * term, second + offset**2 * term
        shift = first / total
        mean, variance = top + shift, second / total - shift**2
        F, A = log_top + mp.log(total), 2 * mean / k
        slope = (4 * variance - 2 * mean) / k**2
        curvature = -2 * A * slope - (dim - 1) * (slope / k - A / k**2)
        return Exact(F, A, slope, curvature, k * A - F, area + F)


def kl_three_ways(dim: int, kappa: Number) -> tuple[Real, Real, Real]:
    """Return KL(vMF ‖ uniform) by the textbook, as ``κA - ∫A dt``, and as ``∫ t A'(t) dt`` (0 to κ).

    The textbook's formula is ``κA + log C_(d,κ) - log C_(d,0)`` with Bessel functions; the others need none.

    Raises:
        ValueError: dim is less than 2, or κ is not in (0, 1000]: mpmath's Bessel series is slow beyond.
    """
    check_law(dim, kappa)
    if not 0 < kappa <= 1000:
        raise ValueError(f"kappa: got {kappa}; expected a number in (0, 1000]")
    with mp.workdps(40):
        k, order = mp.mpf(kappa), mp.mpf(dim) / 2 - 1
        bessel = mp.besseli(order, k)
        A = mp.besseli(order + 1, k) / bessel
        log_c = order * mp.log(k) - (order + 1) * mp.log(2 * mp.pi) - mp.log(bessel)
        textbook = k * A + log_c + log_sphere_area(dim)
        pieces = [0, *(k * mp.mpf(f) for f in (0.02, 0.1, 0.3)), k]
        with mp.workdps(20):
            by_parts = k * A - mp.quad(lambda t: exact(dim, t).ratio, pieces)
            integral = mp.quad(lambda t: t * exact(dim, t).slope, pieces)
        return textbook, by_parts, integral


def kl_small(dim: int, kappa: Number) -> float:
    """Return ``κ²/2d``, the KL for κ much less than d."""
    check_law(dim, kappa)
    return kappa**2 / (2 * dim)


def kl_large(dim: int, kappa: Number) -> float:
    """Return ``(d-1)/2 (log κ - log 2π - 1) + log|S^(d-1)|``, the KL for κ much more than d².

    The law is then a normal one of variance 1/κ in d - 1 directions, and the KL is log area minus its entropy.
    """
    _check_positive(dim, kappa)
    return (dim - 1) / 2 * (math.log(kappa) - math.log(2 * math.pi) - 1) + float(log_sphere_area(dim))


def kl_ridge(kappa: Number) -> tuple[int, float]:
    """Return the dimension in which the KL at this κ is largest, and that KL: about (0.76 κ, κ/4).

    Above it the KL falls like κ²/2d: a fixed κ is no floor for the KL when the dimension is free.
    """
    check_kappa(kappa)

    def kl(dim: int) -> float:
        return float(exact(dim, kappa).divergence)

    low, high = 2, max(4, math.ceil(2 * kappa))
    while high - low > 2:  # the KL rises to the ridge and falls behind it
        third = (high - low) // 3
        if kl(low + third) < kl(high - third):
            low += max(third, 1)
        else:
            high -= max(third, 1)
    best = max(range(low, high + 1), key=kl)
    return best, kl(best)


def ratio_bounds(dim: int, kappa: Number) -> tuple[float, float, float]:
    """Return a lower and two upper bounds of A, of Amos's kind: ``κ / (a + √(b² + κ²))``.

    With (a, b) = (ν+½, ν+3/2), (ν+½, ν+½) and (ν, ν+2). The last is tight for small κ; public code calls it a lower
    bound.
    """
    check_law(dim, kappa)
    order = dim / 2 - 1
    pairs = ((order + 0.5, order + 1.5), (order + 0.5, order + 0.5), (order, order + 2))
    lower, upper, other = (kappa / (a + math.hypot(b, kappa)) for a, b in pairs)
    return lower, upper, other


# ---------------------------------------------------------------- densities


def log_cosine_density(dim: int, kappa: Number, w: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
    """Return the log density of w on (-1, 1): ``κw + (d-3)/2 log(1-w²) + log|S^(d-2)| - log Z``; see `cosine_mode`."""
    check_law(dim, kappa)
    _check_range("w", w, -1, 1, "from -1 to 1")
    with np.errstate(divide="ignore"):
        shape = (dim - 3) / 2 * np.log1p(-(w**2)) if dim != 3 else np.zeros_like(w)
    return np.asarray(kappa * (w - 1) + shape + _log_slice_constant(dim, kappa))


def log_angle_density(dim: int, kappa: Number, phi: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
    """Return the log density of φ on (0, π): ``κ cos φ + (d-2) log sin φ + log|S^(d-2)| - log Z``; also for d = 2."""
    check_law(dim, kappa)
    _check_range("phi", phi, 0, math.pi, "from 0 to π")
    with np.errstate(divide="ignore"):
        shape = (dim - 2) * np.log(np.sin(phi)) if dim > 2 else np.zeros_like(phi)
    return np.asarray(-2 * kappa * np.sin(phi / 2) ** 2 + shape + _log_slice_constant(dim, kappa))


def cosine_mode(dim: int, kappa: Number) -> float:
    """Return where the density of w is highest: ``κ (1-w²) = (d-3) w``, or 1 if that is beyond the end.

    For d = 2 the density is infinite at both ends, and 1 is the heavier one; where the law is uniform in w, the answer
    is 0.
    """
    check_law(dim, kappa)
    if kappa == 0:
        return 0.0
    return min(1.0, 2 * kappa / (dim - 3 + math.hypot(dim - 3, 2 * kappa)))


def _log_slice_constant(dim: int, kappa: Number) -> float:
    """Return ``κ + log|S^(d-2)| - log Z``."""
    return float(kappa + _log_slice_area(dim) - exact(dim, kappa).log_normalizer)


def _log_slice_area(dim: int) -> float:
    """Return ``log|S^(d-2)|``; S^0 is two points."""
    return _log_area(dim - 1)


def _log_area(dim: int) -> float:
    """As `log_sphere_area`, in float64, and for dim = 1 too."""
    return math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)


# ---------------------------------------------------------------- one grid of angles does everything


class AngularGrid:
    """The law of φ on a grid of angles where its log density is within 45 of the largest: float64, a millisecond.

    It is the article's table (section on sampling) with two changes: the grid is in φ, where the density is finite for
    every d, and covers only where the mass is, so that 2049 points do for any κ. `draw` takes two lines: an angle at
    which the distribution function is a uniform random number, and a direction around μ.

    Args:
        dim: d >= 2.
        kappa: κ >= 0.
        points: of the grid; between neighbours Simpson's rule uses the midpoint, too.

    Attributes:
        phi: the grid, (points,).
        cdf: P(angle < φ), (points,).
        log_z: log Z.
        mean: A.
        variance: A'.

    Raises:
        TypeError: dim is not a whole number.
        ValueError: dim is less than 2, κ negative or not finite, or there are fewer than 3 points.
    """

    def __init__(self, dim: int, kappa: Number, points: int = 2049) -> None:
        check_law(dim, kappa)
        check_count("points", points, least=3)
        self.dim, self.kappa = dim, float(kappa)
        fine = np.linspace(*self._support(), 2 * points - 1)
        self.phi, self._step = fine[::2], fine[2] - fine[0]
        weight = np.exp(self._log_shape(fine))
        self._density = weight[::2]
        total = self._cumulative(weight)
        self.cdf, self._mass = total / total[-1], total[-1]
        highest = self.kappa * math.cos(self._mode) + (dim - 2) * self._log_sine
        self.log_z = highest + math.log(self._mass) + _log_slice_area(dim)
        # 1 - w keeps its digits where w is close to 1.
        gap = 2 * np.sin(fine / 2) ** 2
        mean_gap = self._cumulative(weight * gap)[-1] / self._mass
        self.mean = 1 - mean_gap
        self.variance = float(self._cumulative(weight * (gap - mean_gap) ** 2)[-1] / self._mass)
        # ∂_κ P(angle < φ) = ∫ (cos t - A) p(t) dt = -∂_κ of the rest: raising κ moves mass towards φ = 0.
        self._drift = self._cumulative(weight * (mean_gap - gap)) / self._mass

    def draw(
        self, loc: Float64[np.ndarray, " dim"], n: int, rng: np.random.Generator
    ) -> Float64[np.ndarray, "n dim"]:
        """Draw n points of the sphere around the direction μ."""
        phi = self.ppf(rng.uniform(size=n))
        return around(phi, loc, rng.normal(size=(n, self.dim)))

    def cosine_density(self) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
        """Return w = cos φ, falling, and its density ``p(φ) / sin φ``, at all points of the grid but the ends."""
        phi = self.phi[1:-1]
        return np.cos(phi), self._density[1:-1] / (self._mass * np.sin(phi))

    @property
    def kl(self) -> float:
        """The KL to the uniform law, ``κA + log|S^(d-1)| - log Z``, in nats."""
        return max(0.0, float(self.kappa * self.mean + _log_area(self.dim) - self.log_z))

    def ppf(self, u: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
        """Return φ with P(angle < φ) = u: linear between grid points, then one step of Newton's method.

        Raises:
            ValueError: a u is not from 0 to 1.
        """
        _check_range("u", u, 0, 1, "from 0 to 1")
        phi = np.interp(u, self.cdf, self.phi)
        density = np.interp(phi, self.phi, self._density) / self._mass
        at = self._interpolated_cdf(phi)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.nan_to_num((at - u) / density, posinf=0, neginf=0)
        return np.asarray(np.clip(phi - np.clip(step, -self._step, self._step), self.phi[0], self.phi[-1]))

    def dphi_dkappa(self, phi: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
        """Return ``dφ/dκ = -∂_κ P(angle < φ) / p(φ)`` at a fixed value of the distribution function; never positive."""
        with np.errstate(divide="ignore", invalid="ignore"):
            speed = np.nan_to_num(-self._drift * self._mass / self._density, posinf=0, neginf=0)
        return np.asarray(np.interp(phi, self.phi, speed))

    def dw_dkappa(self, w: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
        """Return ``dw/dκ = -∂_κF(w) / p(w)``, F the distribution function of w = cos φ; never negative."""
        phi = np.arccos(np.clip(w, -1, 1))
        return np.asarray(-np.sin(phi) * self.dphi_dkappa(phi))

    def _support(self) -> tuple[float, float]:
        half = (self.dim - 2) / 2
        root = half + math.hypot(half, self.kappa)
        self._mode = math.atan2(math.sqrt(2 * half / root), self.kappa / root) if self.dim > 2 else 0.0
        self._log_sine = math.log(math.sin(self._mode)) if self.dim > 2 else 0.0
        ends = []
        for end in (0.0, math.pi):
            near, far = self._mode, end
            for _ in range(60):
                middle = (near + far) / 2
                inside = self._log_shape(np.array([middle]))[0] > -45
                near, far = (middle, far) if inside else (near, middle)
            ends.append(far)
        return ends[0], ends[1]

    def _log_shape(self, phi: np.ndarray) -> np.ndarray:
        """Return the log density minus its largest value."""
        result = -2 * self.kappa * np.sin((phi + self._mode) / 2) * np.sin((phi - self._mode) / 2)
        if self.dim > 2:
            with np.errstate(divide="ignore"):
                result = result + (self.dim - 2) * (np.log(np.abs(np.sin(phi))) - self._log_sine)
        return np.asarray(result)

    def _cumulative(self, values: np.ndarray) -> np.ndarray:
        """Return the integral from the first grid point to each, by Simpson's rule on each pair of half steps."""
        parts = self._step / 6 * (values[:-2:2] + 4 * values[1::2] + values[2::2])
        return np.concatenate([[0.0], np.cumsum(parts)])

    def _interpolated_cdf(self, phi: np.ndarray) -> np.ndarray:
        """Return the distribution function between grid points: a cubic with the right slopes at both ends."""
        cell = np.clip(((phi - self.phi[0]) / self._step).astype(np.int64), 0, len(self.phi) - 2)
        t = (phi - self.phi[cell]) / self._step
        slope = self._density * self._step / self._mass
        rise = self.cdf[cell + 1] - self.cdf[cell]
        first, last = slope[cell], slope[cell + 1]
        return np.asarray(
            self.cdf[cell] + t * (first + t * (3 * rise - 2 * first - last + t * (first + last - 2 * rise)))
        )


# ---------------------------------------------------------------- the samplers' mathematics


def around(
    phi: Float64[np.ndarray, " n"], loc: Float64[np.ndarray, " dim"], noise: Float64[np.ndarray, "n dim"]
) -> Float64[np.ndarray, "n dim"]:
    """Return ``x = cos φ μ + sin φ ν``: ν is the normalised part of the noise that is orthogonal to μ.

    It is uniform among the directions around μ where the noise is normal. `samplers.around` is the same in PyTorch,
    beside two other ways.
    """
    tangent = noise - np.outer(noise @ loc, loc)
    nu = tangent / np.linalg.norm(tangent, axis=1, keepdims=True)
    return np.asarray(np.outer(np.cos(phi), loc) + np.sin(phi)[:, None] * nu)


def direction(longitude: Number, latitude: Number) -> Float64[np.ndarray, 3]:
    """Return the point of the ordinary sphere at two angles in degrees; (0, 0) faces the reader, along axis 3."""
    a, b = math.radians(longitude), math.radians(latitude)
    return np.array([math.sin(a) * math.cos(b), math.sin(b), math.cos(a) * math.cos(b)])


def facing(point: Float64[np.ndarray, 3]) -> Float64[np.ndarray, "3 3"]:
    """Return the rotation that turns a point of the ordinary sphere to the front, and keeps the poles up."""
    flat = math.hypot(point[0], point[2])
    right = np.array([point[2], 0.0, -point[0]]) / flat if flat > 1e-9 else np.array([1.0, 0.0, 0.0])
    return np.stack([right, np.cross(point, right), point])


def wood_parameters(dim: int, kappa: Number) -> tuple[float, float, float]:
    """Return ``b = m / (2κ + √(4κ²+m²))``, ``x0 = (1-b)/(1+b)`` and ``c = κ x0 + m log(1-x0²)``, m = d - 1.

    Written as ``(√(4κ²+m²) - 2κ) / m``, b would lose its digits where κ is large.
    """
    check_law(dim, kappa)
    m = dim - 1
    b = m / (2 * kappa + math.hypot(2 * kappa, m))
    x0 = (1 - b) / (1 + b)
    # 1 - x0² = 4b / (1+b)²
    return b, x0, kappa * x0 + m * (math.log(4 * b) - 2 * math.log1p(b))


def wood_acceptance(dim: int, kappa: Number, log_z: float | None = None) -> float:
    """Return the share of proposals that Ulrich's and Wood's rejection accepts; never below about 0.657.

    For large κ most of the time goes into log Z, which may be given: `AngularGrid.log_z` does.

    With proposal density ``g(w) = (1-w²)^(m/2-1) (1-x0 w)^(-m) (1-x0²)^(m/2) / B(m/2, ½)``, the acceptance probability
    ``e^(κw + m log(1-x0 w) - c)`` integrates to ``e^(-c) (1-x0²)^(m/2) Z / (|S^(d-2)| B(m/2, ½))``.
    """
    b, _, c = wood_parameters(dim, kappa)
    m = dim - 1
    log_z = float(exact(dim, kappa).log_normalizer) if log_z is None else log_z
    log_share = m / 2 * (math.log(4 * b) - 2 * math.log1p(b)) - float(scipy.special.betaln(m / 2, 0.5))
    return math.exp(log_z - _log_slice_area(dim) - c + log_share)


def naive_derivative(dim: int, kappa: Number, w: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
    """Return dw/dκ along Wood's proposal, ``(1-w²) / √(4κ²+m²)``: at a fixed Beta variable Z (see `identities`)."""
    return np.asarray((1 - w**2) / math.hypot(2 * kappa, dim - 1))


def naive_gradient(dim: int, kappa: Number) -> float:
    """Return the mean of `naive_derivative` over the accepted: ``(d-1) A / (κ √(4κ² + (d-1)²))``, not A'.

    For ``E[1-w²] = (d-1)A/κ``. What is missing is that κ also decides which Z are accepted.
    """
    _check_positive(dim, kappa)
    return float((dim - 1) * exact(dim, kappa).ratio / kappa) / math.hypot(2 * kappa, dim - 1)


def acceptance_score(dim: int, kappa: Number, w: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
    """Return d log π(Z) / dκ for the accepted Z behind w: what `naive_gradient` leaves out.

    An accepted Z has the density ``π(Z) ∝ Beta(Z) p(w) / g(w)`` with the law's p, the proposal's g (`wood_acceptance`)
    and w = w(Z, κ). So ``d E[f(w)] / dκ = E[f' dw/dκ] + E[(f - c) d log π / dκ]`` for any constant c (Naesseth et
    al., arXiv 1610.05683), where the total derivative of log p - log g is, as 1 - w² cancels,
    ``w - A + κ w' - m (x0' w + x0 w') / (1 - x0 w) + m x0 x0' / (1 - x0²)``, w' = (1-w²)/√(4κ²+m²).
    """
    b, x0, _ = wood_parameters(dim, kappa)
    m = dim - 1
    moved = naive_derivative(dim, kappa, w)
    slope = 8 * b**2 / (m * (1 + b**2) * (1 + b) ** 2)  # of x0, from 4κb = m (1 - b²)
    own = w - float(exact(dim, kappa).ratio) + kappa * moved
    return np.asarray(
        own - m * (slope * w + x0 * moved) / (1 - x0 * w) + m * x0 * slope * (1 + b) ** 2 / (4 * b)
    )


class Estimator(NamedTuple):
    """Of a derivative: the mean, and the standard deviation of what one draw gives."""

    mean: float
    deviation: float


def kappa_gradients(dim: int, kappa: Number) -> dict[str, Estimator]:
    """Return how well four estimators find d E[w] / dκ = A' from a draw of w, by quadrature on the grid of angles.

    "implicit" reparameterisation; "naive", along the accepted proposal; "corrected", that plus (w - A) times
    `acceptance_score`; "score function", (w - A)² = (w - A) d log p / dκ.
    """
    law = AngularGrid(dim, kappa)
    w = np.cos(law.phi)
    naive = naive_derivative(dim, kappa, w)
    draws = {
        "implicit": law.dw_dkappa(w),
        "naive": naive,
        "corrected": naive + (w - law.mean) * acceptance_score(dim, kappa, w),
        "score function": (w - law.mean) ** 2,
    }

    def estimator(values: np.ndarray) -> Estimator:
        mean = float(np.trapezoid(values, law.cdf))
        return Estimator(mean, math.sqrt(float(np.trapezoid((values - mean) ** 2, law.cdf))))

    return {name: estimator(values) for name, values in draws.items()}


def mutual_information_split(
    p_x: Float64[np.ndarray, " x"], p_z_given_x: Float64[np.ndarray, "x z"], q_z: Float64[np.ndarray, " z"]
) -> tuple[float, float, float]:
    """Return ``E_x KL(p(z|x) ‖ q)``, ``I(x; z)`` and ``KL(p(z) ‖ q)`` of finite x and z: the last two sum to the first.

    So a KL of zero leaves no information in z, and the KL bounds the information from above (article, section on KL
    vanishing).

    Raises:
        ValueError: a row of an argument is no probability.
    """
    for name, p in (("p_x", p_x), ("p_z_given_x", p_z_given_x), ("q_z", q_z)):
        _check_range(name, p, 0, 1, "from 0 to 1")
        _check_range(name, np.asarray(p.sum(axis=-1)), 1 - 1e-6, 1 + 1e-6, "that sum to 1")
    aggregate = p_x @ p_z_given_x

    def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.special.rel_entr(p, q).sum(axis=-1))

    return (
        float(p_x @ kl(p_z_given_x, q_z)),
        float(p_x @ kl(p_z_given_x, aggregate)),
        float(kl(aggregate, q_z)),
    )


# ---------------------------------------------------------------- what sympy can check


def identities() -> dict[str, sp.Expr]:
    """Return expressions, each of which simplifies to 0; the name says what that proves."""
    checks: tuple[Callable[[], dict[str, sp.Expr]], ...] = (
        _moments,
        _three_dimensions,
        _rejection,
        _directions,
    )
    return {name: expression for check in checks for name, expression in check().items()}


def _moments() -> dict[str, sp.Expr]:
    """A' from the two recurrences of I_ν; the KL's derivative."""
    kappa, nu = sp.symbols("kappa nu", positive=True)
    lower, upper = sp.symbols("I_nu I_nu1", positive=True)
    lower_slope = upper + nu / kappa * lower
    upper_slope = lower - (nu + 1) / kappa * upper
    A = upper / lower
    slope = (upper_slope * lower - upper * lower_slope) / lower**2
    F, a = sp.Function("F")(kappa), sp.Function("A")(kappa)
    kl_slope = sp.diff(kappa * a - F, kappa).subs(sp.Derivative(F, kappa), a)
    return {
        "A' = 1 - A² - (d-1) A/κ": slope - (1 - A**2 - (2 * nu + 1) / kappa * A),
        "(log Z)' = A": lower_slope / lower - nu / kappa - A,
        "KL' = κA'": kl_slope - kappa * sp.diff(a, kappa),
    }


def _three_dimensions() -> dict[str, sp.Expr]:
    """The closed forms in d = 3."""
    kappa, u, w = sp.symbols("kappa u w", positive=True)
    Z = 4 * sp.pi * sp.sinh(kappa) / kappa
    A = sp.coth(kappa) - 1 / kappa
    cdf = (sp.exp(kappa * w) - sp.exp(-kappa)) / (sp.exp(kappa) - sp.exp(-kappa))
    inverse = 1 + sp.log(u + (1 - u) * sp.exp(-2 * kappa)) / kappa
    density = sp.diff(cdf, w)
    by_inverse = sp.diff(inverse, kappa).subs(u, cdf)
    implicit = -sp.diff(cdf, kappa) / density
    return {
        "Z = ∫ over the slices": (2 * sp.pi * sp.integrate(sp.exp(kappa * w), (w, -1, 1)) - Z).rewrite(
            sp.exp
        ),
        "A = (log Z)'": (sp.diff(sp.log(Z), kappa) - A).rewrite(sp.exp),
        "CDF(inverse(u)) = u": sp.expand(sp.powsimp(sp.expand(cdf.subs(w, inverse)))) - u,
        "implicit dw/dκ = derivative of the closed form": by_inverse - implicit,
    }


def _rejection() -> dict[str, sp.Expr]:
    """Ulrich's and Wood's proposal."""
    kappa, m, b = sp.symbols("kappa m b", positive=True)
    w, z = sp.symbols("w z", positive=True)
    x0 = (1 - b) / (1 + b)
    proposal = (1 - (1 + b) * z) / (1 - (1 - b) * z)
    z_of_w = (1 - w) / ((1 + b) - (1 - b) * w)
    wood_b = m / (2 * kappa + sp.sqrt(4 * kappa**2 + m**2))
    # κ in terms of b and m, solved for: 2κ = m (1-b²) / (2b)
    kappa_of_b = m * (1 - b**2) / (4 * b)
    beta_share = (z_of_w * (1 - z_of_w)) / ((1 - w**2) / (1 - x0 * w) ** 2)
    a = (m + 2 * kappa_of_b + m * (1 + b**2) / (2 * b)) / 4
    along = sp.diff(proposal, b).subs(z, z_of_w) * sp.diff(wood_b, kappa)
    return {
        "the proposal's inverse": proposal.subs(z, z_of_w) - w,
        "κw + m log(1 - x0 w) is stationary at x0": (kappa_of_b - m * x0 / (1 - x0**2)),
        "the proposal's density ∝ (1-w²)^(m/2-1) (1-x0 w)^(-m)": sp.diff(sp.log(beta_share), w),
        "a (1-b) = κ": a * (1 - b) - kappa_of_b,
        "4ab/(1+b) = m": 4 * a * b / (1 + b) - m,
        "T = a (1+b) (1-x0 w)": 2 * a * b / (1 - (1 - b) * z_of_w) - a * (1 + b) * (1 - x0 * w),
        "along the proposal dw/dκ = (1-w²)/√(4κ²+m²)": along.subs(b, wood_b)
        - (1 - w**2) / sp.sqrt(4 * kappa**2 + m**2),
    }


def _directions() -> dict[str, sp.Expr]:
    """Three ways to turn e1 to μ: reflection, rotation, and what rotation does to a sample."""
    angle, w, t = sp.symbols("alpha w t", real=True)
    e1 = sp.Matrix([1, 0, 0])
    mu = sp.Matrix([sp.cos(angle), sp.sin(angle), 0])
    u = e1 - mu
    reflected = e1 - 2 * u * (u.T * e1)[0] / (u.T * u)[0]
    g = sp.Matrix([0, w, t])
    carried = g - (g.T * mu)[0] / (1 + mu[0]) * (e1 + mu)
    x = mu * w + sp.Matrix([-sp.sin(angle), sp.cos(angle), 0]) * t
    tangent = sp.diff(mu, angle)
    moved = (mu.T * x)[0] * tangent - (x.T * tangent)[0] * mu
    return {
        "the reflection takes e1 to μ": sum((reflected - mu).applyfunc(sp.simplify), sp.Integer(0)),
        "the carried vector is orthogonal to μ": (carried.T * mu)[0],
        "the carried vector keeps its length": (carried.T * carried)[0] - (g.T * g)[0],
        "rotation: dx = ⟨μ,x⟩ dμ - ⟨x,dμ⟩ μ": ((sp.diff(x, angle) - moved).T * (sp.diff(x, angle) - moved))[
            0
        ],
    }


# ---------------------------------------------------------------- checks


def check_kappa(kappa: Real) -> None:
    """Raise a ValueError if κ is negative, infinite or NaN."""
    if not 0 <= kappa < math.inf:
        raise ValueError(f"kappa: got {kappa}; expected a finite number of at least 0")


def _check_positive(dim: int, kappa: Number) -> None:
    check_law(dim, kappa)
    check_positive("kappa", kappa)


def _check_range(name: str, values: np.ndarray, low: Number, high: Number, ends: str) -> None:
    """Raise a ValueError that names the first value outside, or NaN."""
    outside = ~((values >= low) & (values <= high))
    if outside.any():
        raise ValueError(f"{name}: got {np.asarray(values)[outside].flat[0]}; expected numbers {ends}")


def check_law(dim: int, kappa: Real) -> None:
    """Refuse a dim that is not a whole number from 2 on, or a κ that is negative, infinite or NaN."""
    check_count("dim", dim, least=2)
    check_kappa(kappa)
