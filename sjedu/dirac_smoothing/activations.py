"""Smooth activations as modules, each a piecewise linear function and a kernel; and the smooth floor and rounding."""

from __future__ import annotations

import math
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sjedu.dirac_smoothing.functions import (
    ABS,
    HARD_SIGMOID,
    HAT,
    RECTANGLE,
    RELU,
    RELU6,
    SIGN,
    STEP,
    Number,
    PiecewiseLinear,
    clip,
    leaky,
    soft_shrink,
)
from sjedu.dirac_smoothing.primitives import KernelName, forms
from sjedu.dirac_smoothing.smoothing import smooth_floor, smooth_piecewise_linear, smooth_round
from sjedu.dirac_smoothing.theory import positive_width, require_mean

Values: TypeAlias = Float[Tensor, "*shape"]


class _WithWidth(nn.Module):
    """A module with a width s > 0, fixed or learnt. Learnt is log s, so that every step leaves s positive."""

    def __init__(self, width: Number, learnable: bool) -> None:
        super().__init__()
        value = torch.tensor(math.log(positive_width(width)), dtype=torch.float32)
        self.start, self.learnable = float(width), learnable
        if learnable:
            self.log_width = nn.Parameter(value)

    @property
    def width(self) -> float | Tensor:
        """The width: a number, or a tensor if it is learnt."""
        return self.log_width.float().exp() if self.learnable else self.start


class SmoothPiecewiseLinear(_WithWidth):
    """f * φ_s, elementwise: `smooth_piecewise_linear` as a module.

    Args:
        function: f.
        width: s > 0 to start with: σ, or 1/t.
        kernel: see `smooth_piecewise_linear`.
        learnable: whether s is a parameter (its logarithm is).
        centred: subtract the value at 0, so that the module keeps zero at zero: a stack of modules that do not moves
            the mean of its activations up layer by layer.

    Shape:
        any, and the same again.
    """

    def __init__(
        self,
        function: PiecewiseLinear,
        width: Number = 1.0,
        kernel: KernelName = "gaussian",
        *,
        learnable: bool = False,
        centred: bool = False,
    ) -> None:
        super().__init__(width, learnable)
        forms(kernel)
        require_mean(function, kernel)
        self.function, self.kernel, self.centred = function, kernel, centred

    def forward(self, x: Values) -> Values:
        """Return g(x), or g(x) - g(0)."""
        y = smooth_piecewise_linear(x, self.function, self.width, self.kernel)
        if not self.centred:
            return y
        zero = x.new_zeros((), dtype=torch.float32 if x.dtype != torch.float64 else x.dtype)
        return y - smooth_piecewise_linear(zero, self.function, self.width, self.kernel).to(x.dtype)

    def extra_repr(self) -> str:
        """Return the settings, for print."""
        learnable = ", learnable" if self.learnable else ""
        return f"{self.kernel}, width={self.start:g}{learnable}{', centred' if self.centred else ''}"


class SmoothReLU(SmoothPiecewiseLinear):
    """Gaussian ReLU; by the other kernels softplus (s = 1/t), squareplus ("student"), GELU and Swish."""

    def __init__(
        self,
        width: Number = 1.0,
        kernel: KernelName = "gaussian",
        *,
        learnable: bool = False,
        centred: bool = False,
    ) -> None:
        super().__init__(RELU, width, kernel, learnable=learnable, centred=centred)


class SmoothLeakyReLU(SmoothPiecewiseLinear):
    """SAU with the Gaussian kernel: ``αx + (1-α)(xΦ(x/σ) + σφ(x/σ))``. Source: Biswas et al., arXiv 2109.13210."""

    def __init__(
        self,
        alpha: Number = 0.15,
        width: Number = 1.0,
        kernel: KernelName = "gaussian",
        *,
        learnable: bool = False,
        centred: bool = False,
    ) -> None:
        super().__init__(leaky(alpha), width, kernel, learnable=learnable, centred=centred)


class _Fixed(SmoothPiecewiseLinear):
    """A module of one fixed function."""

    FUNCTION: PiecewiseLinear

    def __init__(
        self, width: Number = 1.0, kernel: KernelName = "gaussian", *, learnable: bool = False
    ) -> None:
        super().__init__(self.FUNCTION, width, kernel, learnable=learnable)


class SmoothAbs(_Fixed):
    """|x|: with the kernel "student" it is √(x² + s²)."""

    FUNCTION = ABS


class SmoothSign(_Fixed):
    """The sign: with the kernel "logistic" it is tanh(x/2s), with "gaussian" erf(x/√2s)."""

    FUNCTION = SIGN


class SmoothStep(_Fixed):
    """The step from 0 to 1: Φ(x/s)."""

    FUNCTION = STEP


class SmoothReLU6(_Fixed):
    """min(max(x, 0), 6)."""

    FUNCTION = RELU6


class SmoothHardSigmoid(_Fixed):
    """The straight line from 0 at -3 to 1 at 3."""

    FUNCTION = HARD_SIGMOID


class SmoothHat(_Fixed):
    """The hat function on [-1, 1]."""

    FUNCTION = HAT


class SmoothRectangle(_Fixed):
    """1 on [-1, 1], else 0."""

    FUNCTION = RECTANGLE


class SmoothClip(SmoothPiecewiseLinear):
    """X kept between two numbers: a smooth hardtanh."""

    def __init__(
        self,
        low: Number = -1.0,
        high: Number = 1.0,
        width: Number = 1.0,
        kernel: KernelName = "gaussian",
        *,
        learnable: bool = False,
    ) -> None:
        super().__init__(clip(low, high), width, kernel, learnable=learnable)


class SmoothSoftShrink(SmoothPiecewiseLinear):
    """X moved towards 0 by a threshold, and 0 within it."""

    def __init__(
        self,
        threshold: Number = 1.0,
        width: Number = 1.0,
        kernel: KernelName = "gaussian",
        *,
        learnable: bool = False,
    ) -> None:
        super().__init__(soft_shrink(threshold), width, kernel, learnable=learnable)


class SmoothFloor(_WithWidth):
    """`smooth_floor` as a module; arguments as there, and `learnable` for the width."""

    def __init__(
        self, width: Number = 0.1, kernel: KernelName = "logistic", *, learnable: bool = False
    ) -> None:
        super().__init__(width, learnable)
        smooth_floor(torch.zeros(()), width, kernel)  # refuses what it cannot do
        self.kernel = kernel

    def forward(self, x: Values) -> Values:
        """Return the smooth floor of x."""
        return smooth_floor(x, self.width, self.kernel)

    def extra_repr(self) -> str:
        """Return the settings, for print."""
        return f"{self.kernel}, width={self.start:g}{', learnable' if self.learnable else ''}"


class SmoothRound(SmoothFloor):
    """`smooth_round` as a module."""

    def forward(self, x: Values) -> Values:
        """Return x, smoothly rounded."""
        return smooth_round(x, self.width, self.kernel)
