"""The special functions of the von Mises-Fisher law in PyTorch: right to rounding for every dim and κ, with gradients.

For a direction that is uniform on the sphere S^(d-1) in R^d, ``w = ⟨μ, x⟩``, and ν = d/2 - 1::

    F(κ) = log E[e^(κw)] = log( Γ(ν+1) (2/κ)^ν I_ν(κ) )       log Z = log|S^(d-1)| + F
    A(κ) = F'(κ) = I_(ν+1)(κ) / I_ν(κ)                        the mean of w under vMF
    A'(κ)                                                     the variance of w under vMF
    KL(vMF ‖ uniform) = κA - F                                nats

The Bessel functions themselves are never computed: they under- and overflow long before these four do. Instead

1. an order of at least `LEAST_ORDER` is treated by Debye's uniform expansion (DLMF 10.41), written for F and its
   derivatives, with everything that cancels cancelled on paper;
2. a smaller order is reached from there by the recurrence ``A_ν = κ / (2(ν+1) + κ A_(ν+1))``, downwards, where it
   is stable.

Where κ is large, F and A are close to κ and 1. So the distances κ - F and κ(1 - A) are computed beside them, not from
them. All arithmetic is in float64 and the result is rounded once, to the dtype of κ. (`theory.exact` has the same
functions by a power series that is easier to read, with 60 digits, and a hundred times slower.)
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from fractions import Fraction
from numbers import Real
from typing import Any, NamedTuple, SupportsFloat, SupportsIndex, TypeAlias

import torch
from torch import Tensor

from sjedu.checks import check_count

#: Whole and real numbers, also NumPy's.
Dim: TypeAlias = SupportsIndex
Number: TypeAlias = SupportsFloat

#: Debye's series is asymptotic: from this order on, 14 terms of it leave F, A and the KL right to 1e-14 of themselves,
#: and A' to 1e-13.
LEAST_ORDER = 16.0


class Values(NamedTuple):
    """What is known of the law of w at given κ; all float64.

    Attributes:
        log_moment: F = log E[e^(κw)] under the uniform law.
        deficit: κ - F.
        ratio: A.
        complement: 1 - A.
        slope: A'.
        curvature: A''.
        divergence: κA - F.
    """

    log_moment: Tensor
    deficit: Tensor
    ratio: Tensor
    complement: Tensor
    slope: Tensor
    curvature: Tensor
    divergence: Tensor


#: Each value and its derivatives in κ, as far as they are known.
DERIVATIVES: dict[str, Callable[[Tensor, Values], tuple[Tensor, ...]]] = {
    "log_moment": lambda kappa, v: (v.log_moment, v.ratio, v.slope, v.curvature),
    "deficit": lambda kappa, v: (v.deficit, v.complement, -v.slope, -v.curvature),
    "ratio": lambda kappa, v: (v.ratio, v.slope, v.curvature),
    "complement": lambda kappa, v: (v.complement, -v.slope, -v.curvature),
    "slope": lambda kappa, v: (v.slope, v.curvature),
    "divergence": lambda kappa, v: (v.divergence, kappa * v.slope, v.slope + kappa * v.curvature),
}


# ---------------------------------------------------------------- what users call


def log_sphere_area(dim: Dim) -> float:
    """Return ``log|S^(d-1)| = log 2 + d/2 log π - log Γ(d/2)``.

    Raises:
        TypeError: dim is not a whole number.
        ValueError: dim is less than 2.
    """
    dim = _checked(dim)
    return math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)


def log_normalizer(dim: Dim, concentration: Tensor | Number) -> Tensor:
    """Return ``log Z_(d,κ)``, where the density is ``e^(κ⟨μ,x⟩) / Z``: log area + F(κ).

    Args:
        dim: d >= 2, of the space around the sphere S^(d-1).
        concentration: κ >= 0, of any shape.

    Returns:
        A tensor of the shape and dtype of κ (a Python number counts as float64); twice differentiable.

    Raises:
        TypeError: dim is not a whole number, or κ is not real.
        ValueError: dim is less than 2, or κ is negative, infinite or NaN (looked at on the CPU only).
    """
    dim = _checked(dim)
    return evaluate("log_moment", dim, check_concentration(concentration), plus=log_sphere_area(dim))


def log_peak(dim: Dim, concentration: Tensor | Number) -> Tensor:
    """Return ``κ - log Z``, the log density at x = μ, which keeps its digits where κ and log Z are both large.

    Arguments, result and errors are those of `log_normalizer`.
    """
    dim = _checked(dim)
    return evaluate("deficit", dim, check_concentration(concentration), plus=-log_sphere_area(dim))


def mean_resultant_length(dim: Dim, concentration: Tensor | Number) -> Tensor:
    """Return ``A_d(κ) = I_(d/2)(κ) / I_(d/2-1)(κ)``, for which ``E[x] = A μ``; it rises from 0 to 1.

    Arguments, result and errors are those of `log_normalizer`.
    """
    dim = _checked(dim)
    return evaluate("ratio", dim, check_concentration(concentration))


def cosine_variance(dim: Dim, concentration: Tensor | Number) -> Tensor:
    """Return ``A'_d(κ) = 1 - A² - (d-1) A/κ``, the variance of ``w = ⟨μ, x⟩``; once differentiable.

    Arguments, result and errors are those of `log_normalizer`.
    """
    dim = _checked(dim)
    return evaluate("slope", dim, check_concentration(concentration))


def kl_to_uniform(dim: Dim, concentration: Tensor | Number) -> Tensor:
    """Return ``KL(vMF(μ, κ) ‖ uniform) = κA - F`` in nats, whatever μ is; its derivative is κA'.

    Arguments, result and errors are those of `log_normalizer`.
    """
    dim = _checked(dim)
    return evaluate("divergence", dim, check_concentration(concentration))


def kappa_for_kl(dim: Dim, nats: Tensor | Number) -> Tensor:
    """Return the κ at which ``KL(vMF ‖ uniform)`` is so many nats: the inverse of `kl_to_uniform`.

    Newton's method for log κ as a function of log KL, which is nearly linear at both ends.

    Args:
        dim: d >= 2.
        nats: at least 0, of any shape.

    Returns:
        κ, of the shape and dtype of nats; no gradient.

    Raises:
        TypeError: dim is not a whole number, or nats is not real.
        ValueError: dim is less than 2, or nats is negative, infinite, NaN, or asks for κ > 1e200.
    """
    dim = _checked(dim)
    divergence = check_concentration(nats, name="nats").detach()
    target = wide(divergence)
    most = evaluate("divergence", dim, torch.tensor(1e200, dtype=torch.float64, device="cpu"))
    if bool((target > most.to(target.device)).any()):
        raise ValueError(f"nats: got {float(target.max())}; in dim {dim} κ would exceed 1e200")
    low, high = torch.full_like(target, -200.0), torch.full_like(target, math.log(1e200))
    guess = 0.5 * torch.log(2 * dim * target.clamp(min=1e-80))
    for _ in range(100):
        values = values_at(dim, guess.exp())
        below = values.divergence < target
        low, high = torch.where(below, guess, low), torch.where(below, high, guess)
        step = values.divergence * torch.log(target / values.divergence)
        newton = guess + step / (torch.exp(2 * guess) * values.slope)
        inside = (newton > low) & (newton < high)
        following = torch.where(inside, newton, (low + high) / 2)
        done = bool(((following - guess).abs() <= 1e-15 * guess.abs().clamp(min=1)).all())
        guess = following
        if done:
            break
    return torch.where(target > 0, guess.exp(), 0.0).to(divergence.dtype)


# ---------------------------------------------------------------- gradients


def evaluate(name: str, dim: int, concentration: Tensor, plus: float = 0.0) -> Tensor:
    """Return one of the `Values`, plus a constant, rounded to the dtype of κ; differentiable. Nothing is checked.

    The value is written as its own Taylor polynomial, ``f + f' δ + f'' δ²/2 + ...``, in ``δ = κ - κ.detach()``, which
    is 0 and has the derivative 1. So all of PyTorch's ways to differentiate find the derivatives that are known in
    closed form, forwards, backwards, mixed and compiled; and none has to walk through the expansion below.
    """
    kappa = wide(concentration)
    here = kappa.detach()
    value, *derivatives = DERIVATIVES[name](here, values_at(dim, here))
    step, total = kappa - here, derivatives[-1]
    for order, lower in zip(range(len(derivatives), 0, -1), (*derivatives[-2::-1], value), strict=True):
        total = torch.addcmul(lower, step, total, value=1 / order)
    if (
        kappa.requires_grad and not torch.compiler.is_compiling()
    ):  # what is compiled has no second derivative at all
        refusal: Tensor = _Refusal.apply(kappa, len(derivatives))  # type: ignore[no-untyped-call]
        total = total + refusal
    return (total + plus if plus else total).to(concentration.dtype)


class _Refusal(torch.autograd.Function):
    """Zero, and so are the first derivatives; the one after these, which a polynomial would call 0, is refused."""

    generate_vmap_rule = True

    @staticmethod
    def forward(kappa: Tensor, known: int) -> Tensor:
        return torch.zeros_like(kappa)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
        kappa, ctx.known = inputs
        ctx.save_for_backward(kappa)
        ctx.save_for_forward(kappa)  # which vmap of a jvp asks for

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None]:
        if not ctx.known:
            raise RuntimeError("the third derivative of A_d(κ) is not implemented")
        if not torch.is_grad_enabled():
            return None, None
        return gradient * _Refusal.apply(ctx.saved_tensors[0], ctx.known - 1), None  # type: ignore[no-untyped-call]

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        return torch.zeros_like(tangent)


# ---------------------------------------------------------------- values


def values_at(dim: int, concentration: Tensor) -> Values:
    """Return everything at κ >= 0 in float64. Nothing is checked, and nothing has a gradient."""
    order = dim / 2 - 1
    steps = max(0, math.ceil(LEAST_ORDER - order))
    kappa = concentration
    log_moment, deficit, by_kappa, tail, slope, bend = _debye(order + steps, kappa)
    ratio = kappa * by_kappa
    for k in range(steps, 0, -1):  # from A_(ν+1) to A_ν, with ν = order + k - 1
        two = 2 * (order + k)
        growth = torch.log1p(kappa * ratio / two)
        log_moment, deficit = log_moment + growth, deficit - growth
        by_kappa = 1 / (two + kappa * ratio)
        bend = by_kappa**2 * (ratio + kappa * slope)
        slope = by_kappa**2 * (two - kappa * (kappa * slope))  # κ² would overflow before the others do
        ratio = kappa * by_kappa
        tail = ratio * (two - tail)
    # κA - F loses digits where κ is large, (κ - F) - κ(1 - A) where it is small.
    divergence = torch.where(kappa < dim, kappa * ratio - log_moment, deficit - tail)
    complement = torch.where(kappa < dim, 1 - ratio, tail / kappa.clamp(min=1.0))
    curvature = (dim - 1) * bend - 2 * ratio * slope
    return Values(log_moment, deficit, ratio, complement, slope, curvature, divergence)


def _debye(order: float, kappa: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return F, κ - F, A/κ, κ(1 - A), A' and (A - κA')/κ² by Debye's expansion.

    With z = κ/ν, s = √(1+z²), p = 1/s::

        F = ν (s-1 - log(1 + (s-1)/2)) - ½ log s + L(p) - L(1)            L(p) = log Σ U_k(p) / ν^k
        A = z (1/(1+s) - R(p)/ν)                                          R(p) = p²/2 + p³ L'(p)

    The others follow with dp/dz = -zp³, s - z = 1/(s+z) and s - 1 = z²/(1+s).
    """
    z = kappa / order
    s = torch.hypot(z, torch.ones_like(z))
    p = 1 / s
    above = z / (1 + s) * z  # s - 1
    exponents, matrix = (table(order, z.device, z.dtype) for table in (_debye_exponents, _debye_matrix))
    log_series, R_over_p, R_slope = (p[..., None] ** exponents @ matrix).unbind(-1)
    R = p * R_over_p  # which is 0 in float64 where z R/ν still counts
    correction = above * p * log_series - torch.log1p(above) / 2
    half = torch.log1p(above / 2)
    F = order * (above - half) + correction
    deficit = order * ((z + above) / (z + s) + half) - correction
    by_kappa = (1 / (1 + s) - R / order) / order
    tail = kappa * ((1 + 1 / (s + z)) / (1 + s) + z * p * R_over_p / order)
    slope = (p / (1 + s) - (R - p * (1 - p) * (1 + p) * R_slope) / order) / order
    bend = z * p * (1 / (1 + s) ** 2 - p * p * R_slope / order) / order**2
    return F, deficit, by_kappa, tail, slope, bend


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _debye_matrix(order: float, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the coefficients of p^0, p^1, ..., (n, 3): of (L(p) - L(1)) / (1 - p), of R(p) / p and of R'(p)."""
    return _debye_table(order, device, dtype)[1]


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _debye_exponents(order: float, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return 0, 1, ..., n - 1."""
    return _debye_table(order, device, dtype)[0]


@functools.lru_cache(maxsize=256)
def _debye_table(order: float, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    terms = next((t for least, t in ((600, 4), (130, 6), (40, 8), (24, 12)) if order >= least), 14)
    size = 3 * terms + 3
    L = [0.0] * size
    quotient = [0.0] * size
    for k in range(1, terms + 1):
        for j, c in enumerate(debye_polynomial(k)):
            L[j] += float(c) / order**k
        # (p^j - 1) / (1 - p) = -(1 + p + ... + p^(j-1))
        for j, c in enumerate(_sums_from_above(debye_polynomial(k))):
            quotient[j] -= float(c) / order**k
    R = [0.0] * size
    R[2] = 0.5
    for j in range(1, 3 * terms + 1):
        R[j + 2] += j * L[j]
    R_slope = [*(j * c for j, c in enumerate(R[1:], start=1)), 0.0]
    table = torch.tensor([quotient, [*R[1:], 0.0], R_slope], dtype=torch.float64, device="cpu").T
    return torch.arange(size, dtype=dtype, device=device), table.to(device, dtype)


def _sums_from_above(coefficients: tuple[Fraction, ...]) -> list[Fraction]:
    """Return, for each j, the sum of the coefficients above j."""
    return [sum(coefficients[j + 1 :], Fraction(0)) for j in range(len(coefficients) - 1)]


@functools.cache
def debye_polynomial(k: int) -> tuple[Fraction, ...]:
    """Return the coefficients of L_k, where ``log Σ U_k(p)/ν^k = Σ L_k(p)/ν^k``: from ``k U_k = Σ j L_j U_(k-j)``."""
    total = [k * c for c in _debye_u(k)]
    for j in range(1, k):
        for x, a in enumerate(debye_polynomial(j)):
            for y, b in enumerate(_debye_u(k - j)):
                total[x + y] -= j * a * b
    return tuple(c / k for c in total)


@functools.cache
def _debye_u(k: int) -> tuple[Fraction, ...]:
    """Return the coefficients of U_k: ``U_(k+1) = ½ p²(1-p²) U_k' + ⅛ ∫ (1-5t²) U_k dt`` (DLMF 10.41.9)."""
    if k == 0:
        return (Fraction(1),)
    before = _debye_u(k - 1)
    result = [Fraction(0)] * (len(before) + 3)
    for j, c in enumerate(before):
        result[j + 1] += c * (Fraction(j, 2) + Fraction(1, 8 * (j + 1)))
        result[j + 3] -= c * (Fraction(j, 2) + Fraction(5, 8 * (j + 3)))
    return tuple(result)


# ---------------------------------------------------------------- checks


def wide(x: Tensor) -> Tensor:
    """Return x in float64, or in float32 on devices without float64 (Apple's "mps")."""
    return x.to(torch.float32 if x.device.type == "mps" else torch.float64)


def _checked(dim: Dim) -> int:
    """Return dim, of the space around the sphere, as a plain int; refuse what is not a whole number from 2 on."""
    check_count("dim", dim, least=2)
    return operator.index(dim)


def check_concentration(concentration: Tensor | Number, name: str = "concentration") -> Tensor:
    """Return κ as a floating point tensor; a ValueError names a value that is negative, infinite or NaN."""
    if not isinstance(concentration, Tensor):
        if isinstance(concentration, bool) or not isinstance(concentration, Real):
            raise TypeError(f"{name}: got {type(concentration).__name__}; expected a number or a tensor")
        concentration = torch.tensor(float(concentration), dtype=torch.float64)
    if not concentration.is_floating_point():
        raise TypeError(f"{name}: got {concentration.dtype}; expected a floating point tensor")
    # On other devices to look at the numbers means to wait for them.
    if concentration.device.type == "cpu":
        wrong = ~((concentration >= 0) & (concentration < math.inf))
        if bool(wrong.any()):
            first = concentration.detach()[wrong].flatten()[0].item()
            raise ValueError(f"{name}: got {first}; expected finite numbers of at least 0")
    return concentration
