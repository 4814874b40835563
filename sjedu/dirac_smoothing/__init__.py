"""Lesson 5: smoothing functions with the Dirac delta (用狄拉克函数构造光滑近似)."""

from __future__ import annotations

from sjedu.dirac_smoothing.activations import (
    SmoothAbs,
    SmoothClip,
    SmoothFloor,
    SmoothHardSigmoid,
    SmoothHat,
    SmoothLeakyReLU,
    SmoothPiecewiseLinear,
    SmoothRectangle,
    SmoothReLU,
    SmoothReLU6,
    SmoothRound,
    SmoothSign,
    SmoothSoftShrink,
    SmoothStep,
)
from sjedu.dirac_smoothing.functions import FUNCTIONS, PiecewiseLinear
from sjedu.dirac_smoothing.kernels import Cauchy, Gaussian, Kernel, Logistic, Signed, Student, smooth
from sjedu.dirac_smoothing.smoothing import (
    smooth_amax,
    smooth_floor,
    smooth_max,
    smooth_piecewise_linear,
    smooth_round,
    straight_through_floor,
)

__all__ = [
    "FUNCTIONS",
    "Cauchy",
    "Gaussian",
    "Kernel",
    "Logistic",
    "PiecewiseLinear",
    "Signed",
    "SmoothAbs",
    "SmoothClip",
    "SmoothFloor",
    "SmoothHardSigmoid",
    "SmoothHat",
    "SmoothLeakyReLU",
    "SmoothPiecewiseLinear",
    "SmoothReLU",
    "SmoothReLU6",
    "SmoothRectangle",
    "SmoothRound",
    "SmoothSign",
    "SmoothSoftShrink",
    "SmoothStep",
    "Student",
    "smooth",
    "smooth_amax",
    "smooth_floor",
    "smooth_max",
    "smooth_piecewise_linear",
    "smooth_round",
    "straight_through_floor",
]
