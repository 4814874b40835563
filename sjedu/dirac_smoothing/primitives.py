"""Kernels in PyTorch: the step Φ, the ramp ρ = ∫Φ and the gap ρ - zΦ of each, with the digits kept in both tails.

Three pitfalls are avoided here. ``1 + erf`` (so exact GELU, too) is 0 in float32 from z ≈ -6 on, where Φ is 1e-9.
``zΦ + φ`` loses all digits there. And the stable forms, with their |z|, have the wrong derivative at 0 when autograd
takes it; so each function here tells autograd the next one: ρ' = Φ, Φ' = φ, (ρ - zΦ)' = -zφ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

KernelName: TypeAlias = Literal["gaussian", "logistic", "student", "cauchy", "gelu", "swish"]
Values: TypeAlias = Float[Tensor, "*shape"]
Function: TypeAlias = Callable[[Tensor], Tensor]

INV_SQRT_2PI = 1 / math.sqrt(2 * math.pi)

# ---------------------------------------------------------------- Gaussian tails

# With t = 1/(1 + u/4) and u ≥ 0:  Φ(-u) = t e^(-u²/2) A(t),  ρ(-u) = t² e^(-u²/2) B(t).  A and B are fitted for
# the least relative error over the half-line (3e-8 and 2e-7): as good as float32 is, and one fused loop to compile,
# which erfcx is not. float64 goes through erfcx.
_A = (
    *(0.0997355667, 0.0997364316, 0.0934663559, 0.0816031028, 0.0589751788),
    *(0.0636990359, -0.0317174129, 0.0955969961, -0.0808772765, 0.0197820047),
)
_B = (
    *(0.024933898, 0.0498675014, 0.0701164956, 0.0814427847, 0.0745061285),
    *(0.0933646666, -0.0519584941, 0.187869578, -0.180319529, 0.049119338),
)


def _polynomial(t: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    value = t * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        value = (value + coefficient) * t
    return value + coefficients[0]


def _gaussian_tail(u: Tensor) -> Tensor:
    """Φ(-u) for u ≥ 0."""
    if u.dtype == torch.float64:
        scaled: Tensor = torch.special.erfcx(u / math.sqrt(2))
        return 0.5 * torch.exp(-u * u / 2) * scaled
    t = torch.reciprocal(1 + u * 0.25)
    return t * torch.exp(u * u * -0.5) * _polynomial(t, _A)


def _gaussian_ramp_tail(u: Tensor) -> Tensor:
    """ρ(-u) = φ(u) - uΦ(-u) for u ≥ 0."""
    if u.dtype == torch.float64:
        mills: Tensor = math.sqrt(math.pi / 2) * torch.special.erfcx(u / math.sqrt(2))
        return INV_SQRT_2PI * torch.exp(-u * u / 2) * (1 - u * mills)
    t = torch.reciprocal(1 + u * 0.25)
    return t * t * torch.exp(u * u * -0.5) * _polynomial(t, _B)


# ---------------------------------------------------------------- step, ramp, gap and density of each kernel


def _gaussian_density(z: Tensor) -> Tensor:
    return INV_SQRT_2PI * torch.exp(z * z * -0.5)


def _gaussian_step(z: Tensor) -> Tensor:
    tail = _gaussian_tail(z.abs())
    return torch.where(z < 0, tail, 1 - tail)


def _gaussian_ramp(z: Tensor) -> Tensor:
    return z.clamp_min(0) + _gaussian_ramp_tail(z.abs())


def _logistic_density(z: Tensor) -> Tensor:
    return torch.sigmoid(z) * torch.sigmoid(-z)


def _logistic_ramp(z: Tensor) -> Tensor:
    return z.clamp_min(0) + torch.log1p(torch.exp(-z.abs()))


def _logistic_gap(z: Tensor) -> Tensor:
    """The entropy of a coin that shows heads with probability σ(z), in nats."""
    u = z.abs()
    return torch.log1p(torch.exp(-u)) + u * torch.sigmoid(-u)


def _root(z: Tensor) -> Tensor:
    return torch.sqrt(z * z + 1)


def _student_density(z: Tensor) -> Tensor:
    return 0.5 / _root(z) ** 3


def _student_step(z: Tensor) -> Tensor:
    root = _root(z)
    tail = 0.5 / (root * (root + z.abs()))
    return torch.where(z < 0, tail, 1 - tail)


def _student_ramp(z: Tensor) -> Tensor:
    return z.clamp_min(0) + 0.5 / (_root(z) + z.abs())


def _student_gap(z: Tensor) -> Tensor:
    return 0.5 / _root(z)


def _cauchy_density(z: Tensor) -> Tensor:
    return 1 / (math.pi * (1 + z * z))


def _cauchy_step(z: Tensor) -> Tensor:
    return torch.atan2(torch.ones_like(z), -z) / math.pi


def _cauchy_gap(z: Tensor) -> Tensor:
    return torch.log1p(z * z) / (-2 * math.pi)


def _cauchy_ramp(z: Tensor) -> Tensor:
    return z * _cauchy_step(z) + _cauchy_gap(z)


def _gelu_density(z: Tensor) -> Tensor:
    return (2 - z * z) * _gaussian_density(z)


def _gelu_step(z: Tensor) -> Tensor:
    return _gaussian_step(z) + z * _gaussian_density(z)


def _gelu_ramp(z: Tensor) -> Tensor:
    return z * _gaussian_step(z)


def _gelu_gap(z: Tensor) -> Tensor:
    return -z * z * _gaussian_density(z)


def _swish_density(z: Tensor) -> Tensor:
    return (2 - z * torch.tanh(z / 2)) * _logistic_density(z)


def _swish_step(z: Tensor) -> Tensor:
    return torch.sigmoid(z) * (1 + z * torch.sigmoid(-z))


def _swish_ramp(z: Tensor) -> Tensor:
    return z * torch.sigmoid(z)


def _swish_gap(z: Tensor) -> Tensor:
    return -z * z * _logistic_density(z)


class Forms(NamedTuple):
    """The functions of one kernel of scale 1: values only; `density` alone may be differentiated as it stands."""

    density: Function
    step: Function
    ramp: Function
    gap: Function


FORMS: dict[str, Forms] = {
    "gaussian": Forms(_gaussian_density, _gaussian_step, _gaussian_ramp, _gaussian_density),
    "logistic": Forms(_logistic_density, torch.sigmoid, _logistic_ramp, _logistic_gap),
    "student": Forms(_student_density, _student_step, _student_ramp, _student_gap),
    "cauchy": Forms(_cauchy_density, _cauchy_step, _cauchy_ramp, _cauchy_gap),
    "gelu": Forms(_gelu_density, _gelu_step, _gelu_ramp, _gelu_gap),
    "swish": Forms(_swish_density, _swish_step, _swish_ramp, _swish_gap),
}


def forms(kernel: str) -> Forms:
    """Return the functions of a kernel.

    Raises:
        ValueError: if there is no such kernel.
    """
    if kernel not in FORMS:
        raise ValueError(f"kernel: got {kernel!r}; expected one of {', '.join(FORMS)}")
    return FORMS[kernel]


# ---------------------------------------------------------------- with derivatives of every order


class _Known(torch.autograd.Function):
    """One of the functions above, whose derivative is another; keeps z, and nothing else, for the backward pass."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, kernel: str, form: str) -> Tensor:
        ctx.save_for_backward(z)
        ctx.kernel, ctx.form = kernel, form
        value: Tensor = getattr(FORMS[kernel], form)(z)
        return value

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (z,) = ctx.saved_tensors
        if ctx.form == "ramp":
            return grad * step(z, ctx.kernel), None, None
        slope = density(z, ctx.kernel)
        return grad * (slope if ctx.form == "step" else -z * slope), None, None


def density(z: Values, kernel: KernelName = "gaussian") -> Values:
    """Return φ(z) of the kernel of scale 1; differentiable to every order."""
    return forms(kernel).density(z)


def step(z: Values, kernel: KernelName = "gaussian") -> Values:
    """Return Φ(z) = ∫φ, right in both tails; its derivative is `density`."""
    forms(kernel)
    value: Tensor = _Known.apply(z, kernel, "step")  # type: ignore[no-untyped-call]
    return value


def ramp(z: Values, kernel: KernelName = "gaussian") -> Values:
    """Return ρ(z) = ∫Φ, right in both tails; its derivative is `step`."""
    forms(kernel)
    value: Tensor = _Known.apply(z, kernel, "ramp")  # type: ignore[no-untyped-call]
    return value


def gap(z: Values, kernel: KernelName = "gaussian") -> Values:
    """Return ρ(z) - zΦ(z): φ for the Gaussian, the binary entropy of σ(z) for the logistic kernel.

    It is what ``s ρ(x/s)`` changes by when the scale s does; its derivative is ``-z density(z)``.
    """
    forms(kernel)
    value: Tensor = _Known.apply(z, kernel, "gap")  # type: ignore[no-untyped-call]
    return value
