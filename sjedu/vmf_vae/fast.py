"""For speed: the angle φ between a vMF sample and its mean direction by one table for *all* κ. Read this file last.

`theory.AngularGrid` does the same for one κ in plain lines, in about a millisecond a law. That is no way to train,
where each picture has a law of its own. This table is made once for each d, in some 50 ms; then a training step with
128 laws (draws, and gradients in μ and κ) takes 0.5 ms in 3, 0.7 ms in 10 and 1.5 ms in 1024 dimensions. Rejection,
whose gradient in κ is biased, needs 3.2 times as long in 10 and 1.5 times in 1024 dimensions, and Su's even table 5 to
10 times for a large sample of one law (`benchmarks/results/vmf_vae.json`, one core).

``w = cos φ = ⟨μ, x⟩`` has the density ``∝ e^(κ cos φ) sin^(d-2) φ`` in φ. Su's point (article, section on sampling) is
that a law in one dimension needs no rejection: invert its distribution function. Here the inverse is tabulated so
smoothly that the table can be differentiated in κ.

What is tabulated is not φ(u) for uniform u, which is steep at both ends, but ``φ̂(y, s) = φ √(cosh s)`` for a normal
score ``y`` (u = Φ(y), so y is drawn from N(0, 1)) and ``s = asinh(2κ/(d-1))``. φ̂ is of order 1, smooth at κ = 0, and
for κ → ∞ tends to √2 times a χ quantile with d - 1 degrees of freedom over √(d - 1). On each of 48 x 36 patches it is a
polynomial of degree 7 in both variables (Chebyshev interpolation), and ``∂φ/∂κ`` at fixed y is the *implicit*
derivative: y, hence u, is held fixed.

How far φ is off, relative to itself and at the worst κ, grows with |y| and falls with d (`ACCURACY`): within 3 normal
scores it is 6e-6 for d = 2, 3e-8 for d = 4, 2e-10 for d = 16; in the tail on the far side of the sphere, at |y| = 6,
2e-3, 5e-6 and 4e-9. ∂φ/∂κ is off by 2e-3 of its largest for d = 2, 2e-5 for d = 4, 2e-7 for d = 16, where two patches
meet. Means over samples, which are what gradients are made of, are right to 1e-6 in every d.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import scipy.special
import torch
from jaxtyping import Float64
from torch import Tensor

#: Normal scores beyond these occur once in 10^17 draws.
SCORE = 8.5
#: The table ends where κ/(d-1) = sinh(18)/2 = 1.6e7; from there on φ√κ is its limit to 1e-7.
LONGEST = 18.0
ROWS, COLUMNS, DEGREE = 48, 36, 7
#: For some d, the largest relative errors of φ within 3, 4 and 6 normal scores, and that of ∂φ/∂κ within 3.
ACCURACY = {2: (6e-6, 6e-5, 2e-3, 2e-3), 4: (3e-8, 2e-7, 5e-6, 2e-5), 16: (2e-10, 4e-10, 4e-9, 2e-7)}
#: Patches of the table that are copied at a time, half a kilobyte each.
PATCHES = 2**17


class Angles(NamedTuple):
    """Angles and their derivatives in κ (None if not asked for), in float64."""

    phi: Tensor
    by_kappa: Tensor | None


# ---------------------------------------------------------------- the exact inverse


def angle_quantile(
    dim: int, concentration: Float64[np.ndarray, " n"], scores: Float64[np.ndarray, " m"]
) -> Float64[np.ndarray, "n m"]:
    """Return φ with ``P(angle < φ) = Φ(y)`` for each κ and each normal score y, to about 1e-13 of itself.

    The variable is ``ψ = log tan(φ/2)``, in which the density ``∝ e^(-κ tanh ψ) cosh^(1-d) ψ`` is smooth and falls
    off on both sides whatever d and κ are. It is integrated by Gauss's rule on 256 cells, and its distribution function
    inverted by Newton's method, on the side with the smaller probability.
    """
    law = _LogTangent(dim, concentration[:, None])
    edges = np.linspace(*law.support(), 257, axis=1)
    mass = law.integral(edges[:, :-1], edges[:, 1:])
    zero = np.zeros_like(mass[:, :1])
    below = np.concatenate([zero, np.cumsum(mass, axis=1)], axis=1)
    above = np.concatenate([np.cumsum(mass[:, ::-1], axis=1)[:, ::-1], zero], axis=1)
    total = below[:, -1:]
    tiny = 1e-300
    below_score, above_score = (scipy.special.ndtri(part / total + tiny) for part in (below, above))
    at_edges = np.where(below < above, below_score, -above_score)
    psi = np.stack([np.interp(scores, *pair) for pair in zip(at_edges, edges, strict=True)])
    left, target = scores <= 0, scipy.special.ndtr(-np.abs(scores)) * total
    width = edges[:, 1:2] - edges[:, :1]
    for _ in range(3):
        cell = np.clip(((psi - edges[:, :1]) / width).astype(np.int64), 0, mass.shape[1] - 1)
        start, stop = (np.take_along_axis(edges, cell + k, axis=1) for k in (0, 1))
        whole = np.where(
            left, np.take_along_axis(below, cell, axis=1), np.take_along_axis(above, cell + 1, axis=1)
        )
        tail = whole + law.integral(np.where(left, start, psi), np.where(left, psi, stop))
        step = np.where(left, -1, 1) * tail * np.log(tail / target) / law.density(psi)
        psi = psi + np.clip(step, -width, width)
    return np.asarray(2 * np.arctan(np.exp(psi)))


class _LogTangent:
    """The law of ψ = log tan(φ/2) up to a factor, for a column of κ."""

    def __init__(self, dim: int, kappa: np.ndarray) -> None:
        self.power, self.kappa = dim - 1, kappa
        # κ sin² φ = (d-1) cos φ at the mode.
        half = self.power / 2
        root = half + np.hypot(half, kappa)
        self.mode = np.log(np.sqrt(2 * half / root) / (1 + kappa / root))
        self.nodes, self.weights = np.polynomial.legendre.leggauss(6)

    def log_density(self, psi: np.ndarray) -> np.ndarray:
        """Return the logarithm of the density over its largest value, without cancellation."""
        here, there = np.cosh(psi), np.cosh(self.mode)
        return np.asarray(
            self.kappa * np.sinh(self.mode - psi) / (here * there) - self.power * np.log(here / there)
        )

    def density(self, psi: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(self.log_density(psi)))

    def support(self) -> tuple[np.ndarray, np.ndarray]:
        """Return where, on both sides of the mode, the log density has fallen by 60; each (n,)."""
        ends = []
        for direction in (-1, 1):
            near, far = np.zeros_like(self.kappa), np.full_like(self.kappa, 65.0 + 65.0 / self.power)
            for _ in range(50):
                middle = (near + far) / 2
                inside = self.log_density(self.mode + direction * middle) > -60
                near, far = np.where(inside, middle, near), np.where(inside, far, middle)
            ends.append((self.mode + direction * far)[:, 0])
        return ends[0], ends[1]

    def integral(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """Return the integral of the density, for each κ and each pair of bounds of a short interval."""
        half = (stop - start) / 2
        total = np.zeros_like(half)
        for node, weight in zip(self.nodes, self.weights, strict=True):
            total += weight * self.density(start + half * (1 + node))
        return np.asarray(total * half)


# ---------------------------------------------------------------- the table


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _table(dim: int, device: torch.device) -> Tensor:
    """Return the coefficients of φ̂: (patches of s, patches of y, powers of y, powers of s)."""
    return _made_table(dim, device)


@functools.lru_cache(maxsize=64)
def _made_table(dim: int, device: torch.device) -> Tensor:
    nodes = (1 + np.cos(math.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))) / 2
    s, y = ((np.arange(count)[:, None] + nodes).reshape(-1) / count for count in (ROWS, COLUMNS))
    s, y = LONGEST * s, SCORE * (2 * y - 1)
    phi = angle_quantile(dim, (dim - 1) / 2 * np.sinh(s), y) * np.sqrt(np.cosh(s))[:, None]
    to_powers = np.linalg.inv(np.vander(nodes, increasing=True))
    values = phi.reshape(ROWS, DEGREE + 1, COLUMNS, DEGREE + 1)
    coefficients = np.einsum("isjy,ps,qy->ijqp", values, to_powers, to_powers, optimize=True)
    return torch.from_numpy(np.ascontiguousarray(coefficients)).to(device)


def angles(dim: int, concentration: Tensor, scores: Tensor, *, with_derivative: bool = False) -> Angles:
    """Return φ for normal scores, and its derivative in κ at fixed scores.

    Args:
        dim: d >= 2.
        concentration: κ >= 0, (n,) or (1,); float64.
        scores: y, (m, n); float64.
        with_derivative: whether to return ∂φ/∂κ.
    """
    column, v = _locate(scores * (COLUMNS / (2 * SCORE)) + COLUMNS / 2, COLUMNS)
    of_one_law = len(concentration) == 1 and not with_derivative and scores.device.type == "cpu"
    if of_one_law and not torch.compiler.is_compiling():  # to look at κ would break the graph
        return Angles(_horner(_polynomials(dim, float(concentration))[column], v).clamp_(0, math.pi), None)
    table = _table(dim, scores.device)
    row, weights = _weights(dim, concentration, with_derivative)
    gather = len(scores) < COLUMNS < len(row)
    size = PATCHES // (len(scores) if gather else COLUMNS)
    of_kappa = torch.split(row, size), torch.split(weights, size)
    of_sample = torch.split(column, size, dim=1), torch.split(v, size, dim=1)
    parts = [
        (_gathered if gather else _contracted)(table, *part)
        for part in zip(*of_kappa, *of_sample, strict=True)
    ]
    results = [torch.cat(part, dim=1) for part in zip(*parts, strict=True)] if len(parts) > 1 else parts[0]
    phi = results[0].clamp_(0, math.pi)
    return Angles(phi, results[1] if with_derivative else None)


def closed_form_sides(
    concentration: Tensor, shape: torch.Size, *, with_derivative: bool = False
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Draw cos φ, sin φ and ∂φ/∂κ in three dimensions, as `samplers.closed_form_cosine`, but right for every κ.

    ``g = 1 - cos φ = -log(1 + u (e^(-2κ) - 1)) / κ`` for a uniform u; both sides are right to rounding.

    Args:
        concentration: κ >= 0, broadcasts to the shape; float64.
        shape: of the samples.
        with_derivative: whether to return ∂φ/∂κ at fixed u.
    """
    u = torch.rand(shape, dtype=torch.float64, device=concentration.device)
    kappa = concentration.clamp(min=1e-12)  # where the law is uniform to rounding
    decay = torch.expm1(-2 * kappa)
    inside = u * decay
    gap = torch.log1p(inside).div_(-kappa).clamp_(0, 2)
    sine = (gap * (2 - gap)).sqrt_()
    if not with_derivative:
        return 1 - gap, sine, None
    # κ ∂g/∂κ = 2u e^(-2κ) / (1 + u (e^(-2κ) - 1)) - g, which cancels where κ is small. There
    # κ ∂g/∂κ = g (e^(κr) - 1), up to κ⁴.
    by_kappa = u.mul_(2 * (1 + decay)).div_(1 + inside).sub_(gap)
    r = (gap - 2) * (0.5 + kappa * (gap + 2) / 24)
    by_kappa = torch.where(kappa < 1e-3, gap * torch.expm1(kappa * r), by_kappa)
    return 1 - gap, sine, by_kappa.div_(kappa * sine.clamp(min=1e-150))


def _locate(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the patch of each x in [0, count], and the place in it, from 0 to 1."""
    x = x.clamp_(0, count * (1 - 1e-15))
    return x.long(), x.frac()


@functools.lru_cache(maxsize=256)
def _polynomials(dim: int, kappa: float) -> Tensor:
    """Return the coefficients in y for one κ, (patches of y, powers of y); a fixed κ comes again and again."""
    row, weights = _weights(dim, torch.tensor([kappa], dtype=torch.float64, device="cpu"), False)
    return torch.einsum("njqp,npr->jq", _table(dim, row.device)[row], weights)


def _weights(dim: int, kappa: Tensor, with_derivative: bool) -> tuple[Tensor, Tensor]:
    """Return the row of each κ, and what its coefficients are multiplied by: (n, powers of s, 1 or 2)."""
    x = kappa * (2 / (dim - 1))
    s = torch.asinh(x)
    cosh = torch.hypot(x, torch.ones_like(x))
    row, t = _locate(s * (ROWS / LONGEST), ROWS)
    exponents = torch.arange(DEGREE + 1, device=t.device)
    powers = t[:, None] ** exponents
    parts = [powers / cosh.sqrt()[:, None]]
    if with_derivative:
        # d/dκ (φ̂ / √cosh s) = (φ̂_s - φ̂ tanh(s)/2) / √cosh s · ds/dκ; beyond the table φ̂ is constant.
        by_s = torch.zeros_like(powers)
        by_s[:, 1:] = exponents[1:] * powers[:, :-1] * (ROWS / LONGEST)
        by_s *= (s < LONGEST)[:, None]
        speed = 2 / (dim - 1) / cosh**1.5
        parts.append((by_s - powers * (x / cosh / 2)[:, None]) * speed[:, None])
    return row, torch.stack(parts, dim=-1)


def _contracted(table: Tensor, row: Tensor, weights: Tensor, column: Tensor, v: Tensor) -> list[Tensor]:
    """Evaluate with one polynomial in y on each patch for each κ: for many samples of each κ."""
    of_kappa = torch.einsum("njqp,npr->rnjq", table[row], weights)
    which = column + COLUMNS * torch.arange(len(row), device=row.device)
    return [_horner(c.reshape(-1, DEGREE + 1)[which], v) for c in of_kappa]


def _gathered(table: Tensor, row: Tensor, weights: Tensor, column: Tensor, v: Tensor) -> list[Tensor]:
    """Evaluate with one patch for each sample: for few samples of each of many κ."""
    of_sample = table.flatten(0, 1)[COLUMNS * row + column] @ weights
    return [_horner(c, v) for c in of_sample.unbind(-1)]


def _horner(coefficients: Tensor, v: Tensor) -> Tensor:
    *rest, result = coefficients.unbind(-1)
    for c in reversed(rest):
        result = torch.addcmul(c, result, v)
    return result
