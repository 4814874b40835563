"""Smoothed functions in PyTorch: piecewise linear ones, the floor, the maximum.

Each is one autograd function that keeps its input for the backward pass and nothing else, whatever the number of
knots; composed of elementary operations it would keep a tensor for each. Derivatives of every order are right.
float16 and bfloat16 are computed in float32. Eagerly on a CPU, large inputs go through in blocks that stay in the
cache; `torch.compile` fuses everything into one loop each way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from sjedu.dirac_smoothing.functions import PiecewiseLinear
from sjedu.dirac_smoothing.primitives import FORMS, KernelName, density, forms, gap, step
from sjedu.dirac_smoothing.theory import positive_width, require_mean

Values: TypeAlias = Float[Tensor, "*shape"]
Width: TypeAlias = float | int | Tensor

BLOCK = 1 << 15  # numbers: their scratch fits a CPU's second cache

# ---------------------------------------------------------------- piecewise linear functions


def smooth_piecewise_linear(
    x: Values, function: PiecewiseLinear, width: Width = 1.0, kernel: KernelName = "gaussian"
) -> Float[Tensor, "*result"]:
    """Return g = f * φ_s at x: ``b₀ + m₀x + Σ Jₖ Φ((x-aₖ)/s) + Σ mₖ s ρ((x-aₖ)/s)``.

    Args:
        x: any shape, floating point.
        function: f.
        width: s > 0: σ of the Gaussian, 1/t of the logistic kernel. A tensor is broadcast against x, and learnt if
            it requires gradients.
        kernel: "gaussian", "logistic", "student", "cauchy", or the signed "gelu" and "swish", whose ReLU is xΦ(x/s).

    Returns:
        g, of the shape (with width, broadcast) and dtype of x.

    Raises:
        TypeError: if x, or a width that is a tensor, is not floating point.
        ValueError: if a width that is a tensor is not positive.

    Source: kexue.fm/archives/8718, equation (2); the closed form is ours.
    """
    forms(kernel)
    require_mean(function, kernel)
    x, s = _operands(x, width)
    return _smoothed(x, s, _Sum(function, kernel))


class _Sum:
    """The closed form of one function and kernel: its value, and its derivatives by x and by the width."""

    def __init__(self, function: PiecewiseLinear, kernel: KernelName) -> None:
        self.terms = tuple(zip(function.knots, function.jumps, function.slopes, strict=True))
        self.b0, self.m0 = function.b0, function.m0
        self.kernel = kernel

    def value(self, x: Tensor, s: Tensor) -> Tensor:
        form = FORMS[self.kernel]
        total: Any = x * self.m0 + self.b0 if self.b0 or self.m0 else 0.0
        for a, J, m in self.terms:
            z = (x - a) / s
            if J:
                total = total + J * form.step(z)
            if m:
                total = total + (m * s) * form.ramp(z)
        return total if isinstance(total, Tensor) else torch.zeros_like(x)

    def by_x(self, x: Tensor, s: Tensor) -> Tensor:
        total = torch.full_like(x, self.m0) if self.m0 else torch.zeros_like(x)
        for a, J, m in self.terms:
            z = (x - a) / s
            if J:
                total = total + (J / s) * density(z, self.kernel)
            if m:
                total = total + m * step(z, self.kernel)
        return total

    def by_width(self, x: Tensor, s: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for a, J, m in self.terms:
            z = (x - a) / s
            if J:
                total = total - (J / s) * z * density(z, self.kernel)
            if m:
                total = total + m * gap(z, self.kernel)
        return total


class _Smoothed(torch.autograd.Function):
    """value(x, s), with by_x and by_width as derivatives, both of which can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, s: Tensor, formula: Any) -> Tensor:
        ctx.save_for_backward(x, s)
        ctx.formula = formula
        return _in_blocks(formula.value, x, s)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, s = ctx.saved_tensors
        needs_x, needs_s = ctx.needs_input_grad[:2]
        by_x = by_s = None
        if needs_x:
            by_x = _wide(x, grad) * _in_blocks(ctx.formula.by_x, x, s)
            by_x = by_x.sum_to_size(x.shape).to(x.dtype)
        if needs_s:
            by_s = _wide(x, grad) * _in_blocks(ctx.formula.by_width, x, s)
            by_s = by_s.sum_to_size(s.shape).to(s.dtype)
        return by_x, by_s, None


def _smoothed(x: Tensor, s: Tensor, formula: Any) -> Tensor:
    value: Tensor = _Smoothed.apply(x, s, formula)  # type: ignore[no-untyped-call]
    return value.to(x.dtype)


# ---------------------------------------------------------------- the floor


def smooth_floor(x: Values, width: Width = 0.1, kernel: KernelName = "logistic") -> Values:
    """Return ⌊·⌋ * φ_s at x, for every x and without a truncation.

    Narrow kernels: ``⌊x⌋ - W - 1 + Σ Φ((x - ⌊x⌋ - n)/s)`` over |n| ≤ W. Wide ones: the Fourier series
    ``x - ½ + Σ φ̂(2πks) sin(2πkx)/(πk)``. Whichever is shorter to the precision of the dtype, so ten terms at most.
    For "cauchy" the series is an arctangent: ``x - ½ + atan2(q sin 2πx, 1 - q cos 2πx)/π``, q = e^(-2πs), which is
    the value of the symmetric sum.

    Args:
        x: any shape, floating point.
        width: one number s > 0, 1/t of the article; learnt if it is a tensor that requires gradients.
        kernel: "logistic", "gaussian" or "cauchy".

    Returns:
        The smooth floor, of the shape and dtype of x. As s → ∞ it is x - ½: the straight-through estimator's line.

    Raises:
        ValueError: if the width is not one number, or the kernel is another.

    Source: kexue.fm/archives/8718, equation (3), which truncates the sum; the forms without truncation are ours.
    """
    x, s = _operands(x, width)
    if s.numel() != 1:
        raise ValueError(f"width: got shape {tuple(s.shape)}; expected one number")
    if kernel == "cauchy":
        formula: Any = _ArctanFloor()
    elif kernel in ("logistic", "gaussian"):
        formula = _floor_formula(kernel, float(s.detach()), x.dtype)
    else:
        raise ValueError(f"kernel: got {kernel!r}; expected 'logistic', 'gaussian' or 'cauchy'")
    return _smoothed(x, s, formula)


def smooth_round(x: Values, width: Width = 0.1, kernel: KernelName = "logistic") -> Values:
    """Return rounding to the nearest whole number, smoothed: ``smooth_floor(x + ½)``; arguments as there."""
    return smooth_floor(x + 0.5, width, kernel)


def straight_through_floor(x: Values) -> Values:
    """Return ⌊x⌋ with the gradient of x: the usual way around the floor's zero gradient."""
    return x + (torch.floor(x) - x).detach()


def _floor_formula(kernel: KernelName, s: float, dtype: torch.dtype) -> Any:
    digits = 37.0 if dtype == torch.float64 else 18.0  # -log of the precision wanted
    if kernel == "logistic":
        window, waves = digits * s, digits / (2 * math.pi**2 * s)
    else:
        window, waves = math.sqrt(2 * digits) * s, math.sqrt(digits / (2 * math.pi**2)) / s
    if window < waves:
        return _WindowFloor(kernel, math.ceil(window) + 1)
    return _FourierFloor(kernel, math.ceil(waves) + 1)


class _WindowFloor:
    def __init__(self, kernel: KernelName, window: int) -> None:
        self.kernel, self.window = kernel, window

    def _places(self, x: Tensor, s: Tensor) -> Any:
        rest = x - torch.floor(x).detach()
        return ((rest - n) / s for n in range(-self.window, self.window + 1))

    def value(self, x: Tensor, s: Tensor) -> Tensor:
        steps = sum(FORMS[self.kernel].step(z) for z in self._places(x, s))
        return torch.as_tensor(torch.floor(x) + (steps - (self.window + 1)))

    def by_x(self, x: Tensor, s: Tensor) -> Tensor:
        return torch.as_tensor(sum(density(z, self.kernel) for z in self._places(x, s)) / s)

    def by_width(self, x: Tensor, s: Tensor) -> Tensor:
        return torch.as_tensor(sum(-z * density(z, self.kernel) for z in self._places(x, s)) / s)


class _FourierFloor:
    def __init__(self, kernel: KernelName, terms: int) -> None:
        self.kernel, self.terms = kernel, terms

    def _waves(self, s: Tensor) -> Any:
        """2πk and φ̂(2πks) of each wave."""
        for k in range(1, self.terms + 1):
            omega = 2 * math.pi * k
            yield omega, self._damping(omega * s)

    def _damping(self, w: Tensor) -> Tensor:
        if self.kernel == "gaussian":
            return torch.exp(w * w * -0.5)
        return 2 * math.pi * w * torch.exp(-math.pi * w) / (1 - torch.exp(-2 * math.pi * w))

    def _damping_slope(self, w: Tensor) -> Tensor:
        if self.kernel == "gaussian":
            return -w * self._damping(w)
        return self._damping(w) * (1 / w - math.pi / torch.tanh(math.pi * w))

    def value(self, x: Tensor, s: Tensor) -> Tensor:
        rest = x - torch.floor(x)
        waves = sum(hat * torch.sin(omega * rest) * (2 / omega) for omega, hat in self._waves(s))
        return torch.as_tensor(torch.floor(x) + (rest - 0.5 + waves))

    def by_x(self, x: Tensor, s: Tensor) -> Tensor:
        rest = x - torch.floor(x).detach()
        return torch.as_tensor(1 + sum(2 * hat * torch.cos(omega * rest) for omega, hat in self._waves(s)))

    def by_width(self, x: Tensor, s: Tensor) -> Tensor:
        rest = x - torch.floor(x).detach()
        waves = ((omega, self._damping_slope(omega * s)) for omega, _ in self._waves(s))
        return torch.as_tensor(sum(2 * slope * torch.sin(omega * rest) for omega, slope in waves))


class _ArctanFloor:
    def _parts(self, x: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q = torch.exp(s * (-2 * math.pi))
        angle = 2 * math.pi * (x - torch.floor(x).detach())
        return q, torch.sin(angle), torch.cos(angle)

    def value(self, x: Tensor, s: Tensor) -> Tensor:
        q, sine, cosine = self._parts(x, s)
        return x - 0.5 + torch.atan2(q * sine, 1 - q * cosine) / math.pi

    def by_x(self, x: Tensor, s: Tensor) -> Tensor:
        q, _, cosine = self._parts(x, s)
        return (1 - q * q) / (1 - 2 * q * cosine + q * q)  # Poisson's kernel

    def by_width(self, x: Tensor, s: Tensor) -> Tensor:
        q, sine, cosine = self._parts(x, s)
        return -2 * q * sine / (1 - 2 * q * cosine + q * q)


# ---------------------------------------------------------------- the maximum


def smooth_max(
    a: Float[Tensor, "*first"],
    b: Float[Tensor, "*second"],
    width: Width = 1.0,
    kernel: KernelName = "logistic",
) -> Float[Tensor, "*both"]:
    """Return ``b + s ρ((a - b)/s)``: max(a, b) = b + ReLU(a - b), smoothed. Symmetric in a and b.

    With the logistic kernel this is ``s log(e^(a/s) + e^(b/s))``, with the Gaussian Clark's E max. Where a and b differ
    by little it is above the maximum, by s E|U|/2 at most.

    Args:
        a: any shape, floating point.
        b: broadcast against a.
        width: s > 0.
        kernel: "logistic", "gaussian" or "student", or a signed one.

    Source: kexue.fm/archives/6620 for the logistic kernel.
    """
    _need_floats("b", b)
    return b + smooth_piecewise_linear(a - b, _RELU, width, kernel)


def smooth_amax(x: Float[Tensor, ...], dim: int = -1, width: Width = 1.0) -> Float[Tensor, ...]:
    """Return ``s log Σ e^(x/s)`` along an axis: `smooth_max` with the logistic kernel, of any number of terms.

    Raises:
        ValueError: if the width is not one number.
    """
    x, s = _operands(x, width)
    if s.numel() != 1:
        raise ValueError(f"width: got shape {tuple(s.shape)}; expected one number")
    wide = x if x.dtype == torch.float64 else x.float()
    return (torch.logsumexp(wide / s, dim) * s).to(x.dtype)


_RELU = PiecewiseLinear((0,), (0,), (1,))

# ---------------------------------------------------------------- helpers


def _operands(x: Tensor, width: Width) -> tuple[Tensor, Tensor]:
    """x, and the width as a tensor of the dtype to compute in."""
    _need_floats("x", x)
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    if isinstance(width, Tensor):
        _need_floats("width", width)
        if not torch.compiler.is_compiling() and not bool((width > 0).all()):
            raise ValueError(f"width: got {width.min().item():g}; expected positive numbers")
        return x, width.to(dtype)
    return x, torch.full((), positive_width(width), dtype=dtype, device=x.device)


def _need_floats(name: str, x: Tensor) -> None:
    if not x.dtype.is_floating_point:
        raise TypeError(f"{name}: got a tensor of {x.dtype}; expected floating point")


def _wide(x: Tensor, values: Tensor) -> Tensor:
    return values if x.dtype == torch.float64 else values.float()


def _in_blocks(formula: Callable[[Tensor, Tensor], Tensor], x: Tensor, s: Tensor) -> Tensor:
    """formula(x, s) in float32 or float64; piece by piece where that keeps the scratch in the cache.

    A derivative that will be differentiated itself, a GPU and a compiler want the whole.
    """
    whole = torch.is_grad_enabled() or torch.compiler.is_compiling() or x.device.type != "cpu"
    if whole or s.numel() != 1 or x.numel() <= BLOCK or not x.is_contiguous():
        return formula(_wide(x, x), s)
    result = torch.empty(x.shape, dtype=s.dtype)
    flat, target = x.view(-1), result.view(-1)
    for start in range(0, len(flat), BLOCK):
        target[start : start + BLOCK] = formula(_wide(x, flat[start : start + BLOCK]), s)
    return result
