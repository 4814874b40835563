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
them. All arithmetic is in float64 and the result is rounded once, to the dtype of κ.
"""

from __future__ import annotations

import functools
import math
import operator
from fractions import Fraction
from numbers import Integral, Real
from typing import Any, NamedTuple, SupportsFloat, SupportsIndex, TypeAlias

import torch
from torch import Tensor

#: Whole and real numbers, also NumPy's.
Dim: TypeAlias = SupportsIndex
Number: TypeAlias = SupportsFloat

#: Debye's series is asymptotic: from this order on, 14 terms of it leave an error of less than 1e-14.
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


#: The name of each value's derivative in κ, and its sign; the divergence, whose derivative is κA', is apart.
DERIVATIVES: dict[str, tuple[str, int]] = {
    "log_moment": ("ratio", 1),
    "deficit": ("complement", 1),
    "ratio": ("slope", 1),
    "complement": ("slope", -1),
    "slope": ("curvature", 1),
}


# ---------------------------------------------------------------- what users call


def log_sphere_area(dim: Dim) -> float:
    """Return ``log|S^(d-1)| = log 2 + d/2 log π - log Γ(d/2)``.

    Raises:
        TypeError: dim is not an int.
        ValueError: dim is less than 2.
    """
    dim = check_dim(dim)
    return math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)


def log_normalizer(dim: Dim, concentration: Tensor | Number) -> Tensor:
    """Return ``log Z_(d,κ)``, where the density is ``e^(κ⟨μ,x⟩) / Z``: log area + F(κ).

    Args:
        dim: d >= 2, of the space around the sphere S^(d-1).
        concentration: κ >= 0, of any shape.

    Returns:
        A tensor of the shape and dtype of κ (a Python number counts as float64); twice differentiable.

    Raises:
        TypeError: dim is not an int, or κ is not real.
        ValueError: dim is less than 2, or κ is negative, infinite or NaN (looked at on the CPU only).
    """
    dim = check_dim(dim)
    return evaluate("log_moment", dim, check_concentration(concentration), plus=log_sphere_area(dim))


def log_peak(dim: Dim, concentration: Tensor | Number) -> Tensor:
    """Return ``κ - log Z``, the log density at x = μ, which keeps its digits where κ and log Z are both large.

    Arguments, result and errors are those of `log_normalizer`.
    """
    dim = check_dim(dim)
    return evaluate("deficit", dim, check_concentration(concentration), plus=-log_sphere_area(dim))


def mean_resultant_length(dim: Dim, concentration: Tensor | Number) -> Tensor:
    """Return ``A_d(κ) = I_(d/2)(κ) / I_(d/2-1)(κ)``, for which ``E[x] = A μ``; it rises from 0 to 1.

    Arguments, result and errors are those of `log_normalizer`.
    """
    dim = check_dim(dim)
    return evaluate("ratio", dim, check_concentration(concentration))


def cosine_variance(dim: Dim, concentration: Tensor | Number) -> Tensor:
    """Return ``A'_d(κ) = 1 - A² - (d-1) A/κ``, the variance of ``w = ⟨μ, x⟩``; once differentiable.

    Arguments, result and errors are those of `log_normalizer`.
    """
    dim = check_dim(dim)
    return evaluate("slope", dim, check_concentration(concentration))


def kl_to_uniform(dim: Dim, concentration: Tensor | Number) -> Tensor:
    """Return ``KL(vMF(μ, κ) ‖ uniform) = κA - F`` in nats, whatever μ is; its derivative is κA'.

    Arguments, result and errors are those of `log_normalizer`.
    """
    dim = check_dim(dim)
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
        TypeError: dim is not an int, or nats is not real.
        ValueError: dim is less than 2, or nats is negative, infinite, NaN, or asks for κ > 1e200.
    """
    dim = check_dim(dim)
    wanted = check_concentration(nats, name="nats").detach()
    target = wide(wanted)
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
    return torch.where(target > 0, guess.exp(), 0.0).to(wanted.dtype)


# ---------------------------------------------------------------- gradients


class Function(torch.autograd.Function):
    """An `autograd.Function` that leaves out the binding of default arguments, which takes as long as ten sums."""

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Do what PyTorch's `apply` does."""
        if torch._C._are_functorch_transforms_active():
            return super().apply(*args)  # type: ignore[no-untyped-call]
        args = torch._functorch.utils.unwrap_dead_wrappers(args)
        return super(torch.autograd.Function, cls).apply(*args)  # type: ignore[misc]


class _Value(Function):
    """One of the `Values` as a function of κ, whose derivative is another one of them; and that derivative."""

    generate_vmap_rule = True

    @staticmethod
    def forward(concentration: Tensor, dim: int, name: str) -> tuple[Tensor, Tensor]:
        values = values_at(dim, concentration)
        derivative = values.curvature.new_full((), math.nan)
        if name == "divergence":
            derivative = concentration * values.slope
        elif name in DERIVATIVES:
            other, sign = DERIVATIVES[name]
            derivative = sign * getattr(values, other)
        return getattr(values, name), derivative

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int, str], output: tuple[Tensor, Tensor]) -> None:
        concentration, ctx.dim, ctx.name = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(concentration, output[1])
        ctx.save_for_forward(concentration, output[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0] * _derivative(ctx), None, None


class _Dual(_Value):
    """The same with a forward derivative, which torch.compile refuses to trace.

    torch.func's grad, jacrev, jvp and vmap go through it, and mixtures of them but for a jvp of a jvp: PyTorch makes
    that 0 for every custom function (its issue 197867), so it is refused here.
    """

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor, None]:
        levels = [level.key() for level in torch._C._functorch.get_interpreter_stack() or ()]
        if levels.count(torch._C._functorch.TransformType.Jvp) > 1:
            raise RuntimeError("a jvp of a jvp would be 0 here; take one of the two derivatives in reverse")
        return tangents[0] * _derivative(ctx), None


def _derivative(ctx: Any) -> Tensor:
    """Return the derivative that `_Value` saved, or a differentiable one if it is to be differentiated, too."""
    concentration, derivative = ctx.saved_tensors
    if ctx.name == "curvature":
        raise RuntimeError("the third derivative of A_d(κ) is not implemented")
    if not torch.is_grad_enabled():
        result: Tensor = derivative
    elif ctx.name == "divergence":
        result = concentration * _value("slope", ctx.dim, concentration)
    else:
        other, sign = DERIVATIVES[ctx.name]
        result = sign * _value(other, ctx.dim, concentration)
    return result


def _value(name: str, dim: int, concentration: Tensor) -> Tensor:
    function = _Value if torch.compiler.is_compiling() else _Dual
    value: Tensor = function.apply(concentration, dim, name)[0]
    return value


def evaluate(name: str, dim: int, concentration: Tensor, plus: float = 0.0) -> Tensor:
    """Return one of the `Values`, plus a constant, rounded to the dtype of κ; differentiable. Nothing is checked."""
    value = _value(name, dim, wide(concentration))
    return (value + plus if plus else value).to(concentration.dtype)


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
        slope = by_kappa**2 * (two - kappa**2 * slope)
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
    log_series, R, R_slope = (p[..., None] ** exponents @ matrix).unbind(-1)
    correction = above * p * log_series - torch.log1p(above) / 2
    half = torch.log1p(above / 2)
    F = order * (above - half) + correction
    deficit = order * ((z + above) / (z + s) + half) - correction
    by_kappa = (1 / (1 + s) - R / order) / order
    tail = kappa * ((1 + 1 / (s + z)) / (1 + s) + z * R / order)
    slope = (p / (1 + s) - (R - p * (1 - p) * (1 + p) * R_slope) / order) / order
    bend = z * p * (1 / (1 + s) ** 2 - p * p * R_slope / order) / order**2
    return F, deficit, by_kappa, tail, slope, bend


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _debye_matrix(order: float, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the coefficients of p^0, p^1, ..., (n, 3): of (L(p) - L(1)) / (1 - p), of R(p) and of R'(p)."""
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
    table = torch.tensor([quotient, R, R_slope], dtype=torch.float64, device="cpu").T
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


def check_dim(dim: Dim) -> int:
    """Return dim; raise a TypeError if it is not a whole number, a ValueError if it is less than 2."""
    if isinstance(dim, bool) or not isinstance(dim, Integral):
        raise TypeError(f"dim: got {dim!r}; expected an int, the dimension of the space around the sphere")
    if dim < 2:
        raise ValueError(f"dim: got {dim}; expected at least 2: the sphere S^(dim-1) is a circle there")
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
