"""The mathematics in float64: kernels, smoothed functions, the laws of their errors, the floor. Exact and slow.

It is what the notebook measures with, and the oracle of the tests. Kernels are known by name: "gaussian",
"logistic", "student" and "cauchy", and "gelu" and "swish" for the signed ones of the product form x Φ(x). Here
every width is the scale s, so s = σ, 1/t or a. Formulas: `kernels`; article: kexue.fm/archives/8718.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import scipy.integrate
import scipy.optimize
import scipy.special
from jaxtyping import Float

from sjedu.dirac_smoothing.functions import FUNCTIONS, RELU, Number, PiecewiseLinear

Array: TypeAlias = Any  # a number, or an array of them
Numeric: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True)
class Standard:
    """A kernel of scale 1, accurate in both tails.

    Attributes:
        density: φ.
        cdf: Φ = ∫φ.
        ramp: ρ = ∫Φ (for "cauchy" an antiderivative, see `kernels.Cauchy`).
        characteristic: φ̂(ω) = ∫ φ(x) cos ωx dx.
        mean_absolute: E|U|.
        variance: of U.
    """

    density: Numeric
    cdf: Numeric
    ramp: Numeric
    characteristic: Numeric
    mean_absolute: float
    variance: float


def _gaussian_density(z: Array) -> Array:
    return np.asarray(np.exp(-z * z / 2) / math.sqrt(2 * math.pi))


def _gaussian_ramp(z: Array) -> Array:
    # zΦ + φ cancels on the left; erfcx keeps the digits.
    u = np.abs(z)
    tail = 1 - u * math.sqrt(math.pi / 2) * scipy.special.erfcx(u / math.sqrt(2))
    return np.asarray(np.maximum(z, 0) + _gaussian_density(z) * tail)


def _logistic_density(z: Array) -> Array:
    return np.asarray(scipy.special.expit(z) * scipy.special.expit(-z))


def _logistic_characteristic(omega: Array) -> Array:
    w = math.pi * np.abs(omega)
    # w/sinh w, without the overflow of sinh.
    return np.asarray(np.where(w < 1e-8, 1.0, 2 * w * np.exp(-w) / np.maximum(-np.expm1(-2 * w), 1e-300)))


def _swish_characteristic(omega: Array) -> Array:
    w = np.maximum(math.pi * np.abs(omega), 1e-12)
    return np.asarray(_logistic_characteristic(omega) * w / np.tanh(w))


def _student_tail(z: Array) -> Array:
    root = np.hypot(z, 1.0)
    return np.asarray(1 / (2 * root * (root + np.abs(z))))


def _bessel(omega: Array) -> Array:
    w = np.maximum(np.abs(omega), 1e-12)
    return np.asarray(w * scipy.special.k1(w))


def _cauchy_cdf(z: Array) -> Array:
    return np.asarray(np.arctan2(1.0, -z) / math.pi)


STANDARD: dict[str, Standard] = {
    "gaussian": Standard(
        _gaussian_density,
        lambda z: np.asarray(scipy.special.ndtr(z)),
        _gaussian_ramp,
        lambda w: np.exp(-w * w / 2),
        math.sqrt(2 / math.pi),
        1.0,
    ),
    "logistic": Standard(
        _logistic_density,
        lambda z: np.asarray(scipy.special.expit(z)),
        lambda z: np.logaddexp(0, z),
        _logistic_characteristic,
        2 * math.log(2),
        math.pi**2 / 3,
    ),
    "student": Standard(
        lambda z: 0.5 * (z * z + 1) ** -1.5,
        lambda z: np.where(z < 0, _student_tail(z), 1 - _student_tail(z)),
        lambda z: np.maximum(z, 0) + 0.5 / (np.hypot(z, 1.0) + np.abs(z)),
        _bessel,
        1.0,
        math.inf,
    ),
    "cauchy": Standard(
        lambda z: 1 / (math.pi * (1 + z * z)),
        _cauchy_cdf,
        lambda z: z * _cauchy_cdf(z) - np.log1p(z * z) / (2 * math.pi),
        lambda w: np.exp(-np.abs(w)),
        math.inf,
        math.inf,
    ),
    "gelu": Standard(
        lambda z: (2 - z * z) * _gaussian_density(z),
        lambda z: scipy.special.ndtr(z) + z * _gaussian_density(z),
        lambda z: z * scipy.special.ndtr(z),
        lambda w: (1 + w * w) * np.exp(-w * w / 2),
        0.0,
        -1.0,
    ),
    "swish": Standard(
        lambda z: (2 - z * np.tanh(z / 2)) * _logistic_density(z),
        lambda z: scipy.special.expit(z) + z * _logistic_density(z),
        lambda z: z * scipy.special.expit(z),
        _swish_characteristic,
        0.0,
        -(math.pi**2) / 3,
    ),
}
KERNELS = tuple(STANDARD)
#: Kernels that are densities; the others take negative values.
POSITIVE = ("gaussian", "logistic", "student", "cauchy")
#: The article's smooth ReLUs, by their kernels.
RELUS = {"softplus": "logistic", "Gaussian ReLU": "gaussian", "Swish": "swish", "GELU": "gelu"}


def standard(kernel: str) -> Standard:
    """Return a kernel by its name.

    Raises:
        ValueError: if there is no such kernel.
    """
    if kernel not in STANDARD:
        raise ValueError(f"kernel: got {kernel!r}; expected one of {', '.join(STANDARD)}")
    return STANDARD[kernel]


def positive_width(scale: Number, name: str = "width") -> float:
    """Return the width as a float.

    Raises:
        ValueError: if it is not a positive, finite number.
    """
    value = float(scale)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}: got {scale}; expected a positive number")
    return value


def density(x: Array, kernel: str, scale: Number) -> Array:
    """Return φ_s(x) = φ(x/s)/s."""
    s = positive_width(scale)
    return np.asarray(standard(kernel).density(np.asarray(x, dtype=np.float64) / s)) / s


# ---------------------------------------------------------------- smoothed functions


def smooth_piecewise_linear(
    x: Float[np.ndarray, "*shape"], function: PiecewiseLinear, kernel: str, scale: Number
) -> Float[np.ndarray, "*shape"]:
    """Return g = f * φ_s, that is ``b₀ + m₀x + Σ Jₖ Φ((x-aₖ)/s) + Σ mₖ s ρ((x-aₖ)/s)``."""
    chosen, s = standard(kernel), positive_width(scale)
    require_mean(function, kernel)
    x = np.asarray(x, dtype=np.float64)
    g = function.b0 + function.m0 * x
    for a, J, m in zip(function.knots, function.jumps, function.slopes, strict=True):
        z = (x - a) / s
        if J:
            g = g + J * chosen.cdf(z)
        if m:
            g = g + m * s * chosen.ramp(z)
    return np.asarray(g)


def require_mean(function: PiecewiseLinear, kernel: str) -> None:
    """Refuse to smooth a function that grows with a kernel whose mean does not exist.

    Raises:
        ValueError: if the kernel is "cauchy" and the function is not bounded.
    """
    if kernel == "cauchy" and not function.bounded:
        raise ValueError(
            f"kernel: 'cauchy' has no first moment, so the convolution with a function of slopes {function.m0:g} and"
            f" {function.last_slope:g} at its ends diverges; expected slopes of 0, or another kernel"
        )


def convolution(
    f: Callable[[Any], float], x: Number, kernel: str, scale: Number, breaks: tuple[Number, ...] = ()
) -> float:
    """Return ∫ f(x - su) φ(u) du by adaptive quadrature, split where f breaks: what closed forms must give."""
    chosen, s = standard(kernel), positive_width(scale)
    edges = sorted({-40.0, 40.0, *(np.clip((x - b) / s, -40, 40) for b in breaks), -8.0, 0.0, 8.0})
    tails = [(-math.inf, -40.0), (40.0, math.inf)] if kernel in ("student", "cauchy") else []
    total = 0.0
    for low, high in [*itertools.pairwise(edges), *tails]:
        # full_output also keeps it from warning that 1e-15 cannot be reached: as close as it gets will do.
        total += scipy.integrate.quad(
            lambda u: f(x - s * u) * float(chosen.density(np.float64(u))),
            low,
            high,
            epsabs=1e-15,
            epsrel=1e-13,
            limit=200,
            full_output=1,
        )[0]
    return total


#: The functions of the lesson by name, and the floor, which has a jump at every whole number.
NAMES = (*FUNCTIONS, "floor")


def original(name: str, x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return f(x) for a function of `NAMES`, and the middle of the jump where it jumps."""
    if name != "floor":
        return FUNCTIONS[name](x)
    return np.asarray(np.where(x == np.round(x), x - 0.5, np.floor(x)))


def smoothed(
    name: str, x: Float[np.ndarray, "*shape"], kernel: str, scale: Number
) -> Float[np.ndarray, "*shape"] | None:
    """Return g(x) for a function of `NAMES`, or None where the convolution diverges."""
    if kernel == "cauchy" and (name == "floor" or not FUNCTIONS[name].bounded):
        return None
    if name != "floor":
        return smooth_piecewise_linear(x, FUNCTIONS[name], kernel, scale)
    if kernel in ("gaussian", "logistic"):
        return smooth_floor(x, kernel, scale)
    return fourier_floor(x, kernel, scale, 60)


# ---------------------------------------------------------------- how large the error is


def relu_sup_error(kernel: str, scale: Number) -> float:
    """Return sup |g - ReLU|: ``s E|U| / 2`` at 0 for a density, ``s max z Φ(-z)`` for the product form."""
    chosen, s = standard(kernel), positive_width(scale)
    if kernel in POSITIVE:
        return s * chosen.mean_absolute / 2
    z, value = product_peak(kernel)
    return s * value if z else 0.0


def product_peak(kernel: str) -> tuple[float, float]:
    """Return where ``z Φ(-z)`` is largest, and its value: (1.27846, 0.27846) for Swish, (0.75179, 0.16997) for GELU."""
    ramp = standard(kernel).ramp
    lowest = scipy.optimize.minimize_scalar(
        lambda z: float(ramp(np.float64(-z))), bounds=(0.1, 4.0), method="bounded", options={"xatol": 1e-10}
    )
    return float(lowest.x), -float(lowest.fun)


def relu_l1_error(kernel: str, scale: Number) -> float:
    """Return ∫ |g - ReLU| = ``s² Var(U) / 2``: the *same* for φ and for its product form."""
    return positive_width(scale) ** 2 * abs(standard(kernel).variance) / 2


def lipschitz_bound(kernel: str, scale: Number, lipschitz: Number = 1.0) -> float:
    """Return ``K s E|U|``, which bounds |g - f| for every f with the Lipschitz constant K; |x| attains it at 0.

    Raises:
        ValueError: if the kernel is signed: it would need E with |φ|, which this is not.
    """
    if kernel not in POSITIVE:
        raise ValueError(f"kernel: got {kernel!r}; expected one of {', '.join(POSITIVE)}")
    return lipschitz * positive_width(scale) * standard(kernel).mean_absolute


def largest_jump(name: str) -> float:
    """Return the largest jump of a function of `NAMES`, of which half remains as an error at every width."""
    return 1.0 if name == "floor" else max(map(abs, FUNCTIONS[name].jumps))


def largest_error(name: str, kernel: str, scale: Number) -> float:
    """Return the largest error for a function of `NAMES`, measured on [-8, 8]; NaN where the convolution diverges.

    On both sides of a jump it tends to half of it, which no grid shows when the kernel is narrow.
    """
    x = np.linspace(-8.0, 8.0, 3201)
    g = smoothed(name, x, kernel, scale)
    if g is None:
        return math.nan
    return max(largest_jump(name) / 2, float(np.abs(g - original(name, x)).max()))


def errors_of(
    kernel: str, scales: Sequence[Number], function: PiecewiseLinear = RELU
) -> Float[np.ndarray, "2 widths"]:
    """Return the largest error and the area of the error for each width, measured on a fine grid."""
    errors = []
    for s in scales:
        x = s * np.linspace(-40.0, 40.0, 160_001)
        error = np.abs(smooth_piecewise_linear(x, function, kernel, s) - function(x))
        errors.append((error.max(), np.trapezoid(error, x)))
    return np.array(errors).T


def cosine_error(sigma: float) -> float:
    """Return the largest error of cos smoothed by a Gaussian: at 0, ``1 - exp(-σ²/2)``."""
    x = np.linspace(-np.pi, np.pi, 2001)
    return float(np.abs(np.exp(-(sigma**2) / 2) * np.cos(x) - np.cos(x)).max())


def slope_of(scales: Float[np.ndarray, " points"], errors: Float[np.ndarray, " points"]) -> float:
    """Return p of the law ``error ≈ C scaleᵖ``: the slope of a straight line through the logarithms."""
    return float(np.polyfit(np.log(scales), np.log(errors), 1)[0])


# ---------------------------------------------------------------- the floor


def truncated_floor(
    x: Float[np.ndarray, "*shape"], t: Number, M: int, N: int, kernel: str = "logistic"
) -> Float[np.ndarray, "*shape"]:
    """Return the article's (3): ``-M - 1 + Σ Φ(t(x - n))`` over n = -M … N. Good for -M ≪ x ≪ N only.

    Raises:
        ValueError: if M or N is negative.
    """
    chosen, sharpness = standard(kernel), positive_width(t, "t")
    if M < 0 or N < 0:
        raise ValueError(f"M and N: got {M} and {N}; expected numbers that are not negative")
    x = np.asarray(x, dtype=np.float64)
    return np.asarray(sum(chosen.cdf(sharpness * (x - n)) for n in range(-M, N + 1)) - M - 1)


def smooth_floor(x: Float[np.ndarray, "*shape"], kernel: str, scale: Number) -> Float[np.ndarray, "*shape"]:
    """Return the untruncated floor * φ_s: the sum over all n that matter around each x.

    Raises:
        ValueError: if the kernel is not "gaussian" or "logistic" (the tails of the
            others are too heavy for a sum).
    """
    if kernel not in ("gaussian", "logistic"):
        raise ValueError(f"kernel: got {kernel!r}; expected 'gaussian' or 'logistic'")
    cdf, s = standard(kernel).cdf, positive_width(scale)
    x = np.asarray(x, dtype=np.float64)
    whole = np.floor(x)
    window = math.ceil((9 if kernel == "gaussian" else 37) * s) + 1
    steps = sum(cdf((x - whole - n) / s) for n in range(-window, window + 1))
    return np.asarray(whole - window - 1 + steps)


def floor_error(t: Number, M: int, N: int, *, untruncated: bool = False, points: int = 1201) -> float:
    """Return the mean error of the article's (3), or of the untruncated floor, on [1/2 - M, N - 1/2].

    For large t it is E|U|/t = 2 log 2/t. Where that interval is empty, it is taken from 1/4 to 3/4.
    """
    x = np.linspace(0.5 - M, N - 0.5, points) if M + N > 1 else np.array([0.25, 0.75])
    g = smooth_floor(x, "logistic", 1 / t) if untruncated else truncated_floor(x, t, M, N)
    return float(np.abs(g - np.floor(x)).mean())


def fourier_floor(
    x: Float[np.ndarray, "*shape"], kernel: str, scale: Number, terms: int
) -> Float[np.ndarray, "*shape"]:
    """Return ``x - 1/2 + Σ φ̂(2πks) sin(2πkx)/(πk)`` over k = 1 … terms; with scale 0 the undamped sawtooth.

    Raises:
        ValueError: if scale or terms is negative.
    """
    if not scale >= 0 or terms < 0:
        raise ValueError(f"scale and terms: got {scale} and {terms}; expected numbers that are not negative")
    hat = standard(kernel).characteristic
    x = np.asarray(x, dtype=np.float64)
    waves = (
        hat(np.float64(2 * math.pi * k * scale)) * np.sin(2 * math.pi * k * x) / (math.pi * k)
        for k in range(1, terms + 1)
    )
    return np.asarray(x - 0.5 + sum(waves))


def cauchy_floor(x: Float[np.ndarray, "*shape"], scale: Number) -> Float[np.ndarray, "*shape"]:
    """Return the Fourier form for the Cauchy kernel, whose series sums to an arctangent.

    ``x - 1/2 + atan2(q sin 2πx, 1 - q cos 2πx)/π`` with ``q = e^(-2πs)``, because Σ qᵏ sin(kθ)/k is the imaginary
    part of -log(1 - q e^(iθ)). It is the limit of sums over |n| ≤ N; other orders of the sum give other values, for
    the mean does not exist.
    """
    q = math.exp(-2 * math.pi * positive_width(scale))
    x = np.asarray(x, dtype=np.float64)
    angle = 2 * math.pi * (x - np.floor(x))
    return np.asarray(x - 0.5 + np.arctan2(q * np.sin(angle), 1 - q * np.cos(angle)) / math.pi)


def soft_round(x: Float[np.ndarray, "*shape"], alpha: Number) -> Float[np.ndarray, "*shape"]:
    """Return the soft rounding of learned compression: ``⌊x⌋ + ½ + tanh(αr) / (2 tanh(α/2))``, r = x - ⌊x⌋ - ½.

    It is exact at whole numbers, but its second derivative jumps there, so it is no convolution with a smooth kernel.
    Source: Agustsson and Theis, arXiv 2006.09952.
    """
    a = positive_width(alpha, "alpha")
    x = np.asarray(x, dtype=np.float64)
    r = x - np.floor(x) - 0.5
    return np.asarray(np.floor(x) + 0.5 + np.tanh(a * r) / (2 * math.tanh(a / 2)))


def clark_max(a: Any, b: Any, sigma: Number) -> Any:
    """Return the expectation of max(a, b + σU), U standard normal: Clark's ``aΦ + bΦ(-·) + σφ`` at (a - b)/σ."""
    s = positive_width(sigma)
    z = np.asarray((np.asarray(a) - np.asarray(b)) / s, dtype=np.float64)
    return a * scipy.special.ndtr(z) + b * scipy.special.ndtr(-z) + s * _gaussian_density(z)
