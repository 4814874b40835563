"""The exercises of the lesson, each with checks that say what is wrong.

Exercises 0, 1, 4 and 6 are written in NumPy, the others in PyTorch. A check tries the reader's function on small inputs
and rejects one kind of wrong answer, with the reason.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.special
import torch
from torch import Tensor

from sjedu.course.exercises import Answer, Exercises, close, expect, judged_by
from sjedu.dirac_smoothing import theory
from sjedu.dirac_smoothing.functions import FUNCTIONS, PiecewiseLinear

EXERCISES = Exercises()


def _close(result: Any, exact: Any, relative: float = 1e-9) -> bool:
    """Equal numbers but for rounding, *relative* to their size: tails count."""
    return close(result, exact, 1e-14, relative)


def _tensor(values: Sequence[Any]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


# ---------------------------------------------------------------- 0: a warm-up


def _breaks_lengths(answer: Answer) -> None:
    jumps, changes = answer([-1.0, 1.0], [0.0])
    expect(
        len(changes) == 1,
        f"two pieces meet at one knot, so there is one change of slope; got {len(changes)}.",
    )
    expect(len(jumps) == 1, f"two pieces meet at one knot, so there is one jump; got {len(jumps)}.")


def _breaks_values(answer: Answer) -> None:
    jumps, changes = answer([0.0, 1.0, 0.0], [0.0, 0.5])
    expect(
        _close(changes, [1, -1]), "a change is the slope after the knot minus the slope before: 1, then -1."
    )
    expect(_close(jumps, [0, 0.5]), "the jumps are given: hand them on.")


@EXERCISES.add("0", "Warm-up: what breaks", minutes=3, difficulty="easy")
@judged_by(_breaks_lengths, _breaks_values)
def breaks(slopes: list[float], gaps: list[float]) -> tuple[list[float], list[float]]:
    """slopes: n + 1 numbers, gaps: n -> (jumps, changes of slope), n numbers each

    A piecewise linear function has pieces of the slopes `slopes`, from left to right, and jumps by `gaps`
    where they meet. Return the two lists that smoothing needs: the jumps $J_k$ and the *changes* of slope
    $m_k$.

    Hint: `itertools.pairwise(slopes)` walks over neighbouring pieces.

    Shows: a function is known by where and by how much it breaks.
    """
    jumps = list(gaps)
    changes = [after - before for before, after in itertools.pairwise(slopes)]
    return jumps, changes


# ---------------------------------------------------------------- 1: any piecewise linear function


_X = np.linspace(-4.0, 4.0, 41)


def _ask_pl(answer: Answer, f: PiecewiseLinear, kernel: str, s: float) -> np.ndarray:
    result = np.asarray(answer(_X, f.knots, f.jumps, f.slopes, f.b0, f.m0, kernel, s), dtype=np.float64)
    expect(
        result.shape == _X.shape, f"one value for each x is expected, shape {_X.shape}; got {result.shape}."
    )
    return result


def _pl_line(answer: Answer) -> None:
    line = PiecewiseLinear((), (), (), 0.5, -2.0)
    expect(
        _close(_ask_pl(answer, line, "logistic", 0.7), 0.5 - 2 * _X), "a straight line must stay b0 + m0 x."
    )


def _pl_step(answer: Answer) -> None:
    for kernel in ("logistic", "gaussian"):
        exact = theory.standard(kernel).cdf((_X - 1) / 0.5)
        result = _ask_pl(answer, PiecewiseLinear((1,), (1,), (0,)), kernel, 0.5)
        expect(
            _close(result, exact, 1e-7),
            f"a single jump of 1 at 1 must give Φ((x - 1)/s) of the {kernel} kernel, s = 0.5.",
        )


def _pl_ramp(answer: Answer) -> None:
    for kernel in ("logistic", "gaussian"):
        exact = 0.5 * theory.standard(kernel).ramp((_X - 1) / 0.5)
        result = _ask_pl(answer, PiecewiseLinear((1,), (0,), (1,)), kernel, 0.5)
        expect(
            not _close(result, 2 * exact, 1e-4),
            "r has the unit of x: with z = (x - a)/s it is s times the ramp of scale 1.",
        )
        expect(_close(result, exact, 1e-4), f"a change of slope must give r, the integral of Φ ({kernel}).")


def _pl_quadrature(answer: Answer) -> None:
    for name in ("clip", "hat", "sign", "soft shrink", "leaky ReLU"):
        f = FUNCTIONS[name]
        for kernel in ("logistic", "gaussian"):
            result = _ask_pl(answer, f, kernel, 0.6)
            exact = theory.smooth_piecewise_linear(_X, f, kernel, 0.6)
            expect(
                np.abs(result - exact).max() < 1e-10,
                f"“{name}” smoothed by the {kernel} kernel is off by {np.abs(result - exact).max():.2g} at most.",
            )


def _pl_permuted(answer: Answer) -> None:
    f = PiecewiseLinear((-1, 0.5, 2), (0.5, -1, 0.25), (1, -2, 0.5), 0.3, 0.2)
    order = (2, 0, 1)
    shuffled = [[values[i] for i in order] for values in (f.knots, f.jumps, f.slopes)]
    result = np.asarray(answer(_X, *shuffled, f.b0, f.m0, "logistic", 0.4), dtype=np.float64)
    expect(
        np.abs(result - theory.smooth_piecewise_linear(_X, f, "logistic", 0.4)).max() < 1e-10,
        "the sum over knots does not depend on their order, but your result does.",
    )


@EXERCISES.add("1", "Smooth any piecewise linear function", minutes=15, difficulty="medium")
@judged_by(_pl_line, _pl_step, _pl_ramp, _pl_quadrature, _pl_permuted)
def smooth_pl(
    x: np.ndarray,
    knots: Sequence[Any],
    jumps: Sequence[Any],
    slopes: Sequence[Any],
    b0: float,
    m0: float,
    kernel: str,
    s: float,
) -> np.ndarray:
    r"""x: an array; knots, jumps, slopes: equally long lists -> an array like x

    Write $g(x) = b_0 + m_0x + \sum_k J_k\,\Phi(x-a_k) + \sum_k m_k\,r(x-a_k)$ in NumPy, for the kernels
    `"logistic"` ($\Phi(x) = \sigma(x/s)$) and `"gaussian"` ($\Phi(x/s)$, the normal one).

    Hint: With $z = (x-a)/s$: $r = s\log(1+e^z)$ and $s\,(z\Phi(z)+\varphi(z))$. `scipy.special` has `expit`
    and `ndtr`; `np.logaddexp(0, z)` does not overflow.

    Shows: one function smooths sign, clip, |x|, hat, soft shrinkage and all others.
    """

    def cdf(z: np.ndarray) -> Any:
        return scipy.special.expit(z) if kernel == "logistic" else scipy.special.ndtr(z)

    def ramp(z: np.ndarray) -> Any:
        if kernel == "logistic":
            return np.logaddexp(0, z)
        return z * scipy.special.ndtr(z) + np.exp(-z * z / 2) / np.sqrt(2 * np.pi)

    g = b0 + m0 * x
    for a, J, m in zip(knots, jumps, slopes, strict=True):
        z = (x - a) / s
        g = g + J * cdf(z) + m * s * ramp(z)
    return np.asarray(g)


# ---------------------------------------------------------------- 2: read the kernel back


def _softplus(x: Tensor) -> Tensor:
    return torch.logaddexp(torch.zeros_like(x), 2 * x) / 2


def _gelu(x: Tensor) -> Tensor:
    value: Tensor = x * torch.special.ndtr(x)
    return value


def _ask_kernel(answer: Answer, g: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    kernel = answer(g)
    expect(callable(kernel), f"return a function of x, not a {type(kernel).__name__}.")
    result = kernel(x)
    expect(
        isinstance(result, Tensor) and result.shape == x.shape,
        "the kernel maps a tensor to one of equal shape.",
    )
    detached: Tensor = result.detach()
    return detached


def _kernel_softplus(answer: Answer) -> None:
    x = torch.linspace(-6, 6, 25, dtype=torch.float64)
    result = _ask_kernel(answer, _softplus, x)
    expect(
        not _close(result, torch.sigmoid(2 * x), 1e-6),
        "that is g′, the smooth step; the kernel is its derivative.",
    )
    exact = 2 * torch.sigmoid(2 * x) * torch.sigmoid(-2 * x)
    expect(
        _close(result, exact, 1e-6),
        "the kernel of softplus (t = 2) is the logistic density, in its tails too: use autograd, not differences.",
    )


def _kernel_squareplus(answer: Answer) -> None:
    x = torch.linspace(-5, 5, 11, dtype=torch.float64)
    result = _ask_kernel(answer, lambda z: (z + torch.sqrt(z * z + 4)) / 2, x)
    expect(
        _close(result, 2 * (x * x + 4) ** -1.5, 1e-8), "the kernel of (x + √(x² + 4))/2 is 2 (x² + 4)^(-3/2)."
    )


def _kernel_signed(answer: Answer) -> None:
    x = torch.linspace(-12, 12, 4801, dtype=torch.float64)
    result = _ask_kernel(answer, _gelu, x)
    expect(bool((result < -1e-3).any()), "GELU's kernel is negative for |x| > √2; yours never is.")
    area = float(torch.trapezoid(result, x))
    expect(abs(area - 1) < 1e-6, f"GELU's kernel must integrate to 1, yours to {area:.4f}.")


@EXERCISES.add("2", "Read the kernel back", minutes=10, difficulty="medium")
@judged_by(_kernel_softplus, _kernel_squareplus, _kernel_signed)
def kernel_from_relu(g: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    r"""g: a function of tensors -> the kernel, a function of tensors

    Somebody hands you a smooth function `g` that is close to ReLU, written in PyTorch. Return the kernel that
    it hides: the function $\varphi$ with $g = \mathrm{ReLU} * \varphi$. It must be exact where $\varphi$ is
    tiny, too.

    Hint: ReLU'' = δ, so $g'' = \delta * \varphi = \varphi$: differentiate twice,
    `torch.autograd.grad(..., create_graph=True)`.

    Shows: softplus hides a density, GELU a kernel that is negative on both sides.
    """

    def kernel(x: Tensor) -> Tensor:
        at = x.detach().clone().requires_grad_()
        (first,) = torch.autograd.grad(g(at).sum(), at, create_graph=True)
        second: Tensor = torch.autograd.grad(first.sum(), at)[0]
        return second

    return kernel


# ---------------------------------------------------------------- 3: a floor for every x


def _floor_half(answer: Answer) -> None:
    k = _tensor([-3, 0, 2, 40])
    for t in (5.0, 20.0):
        expect(
            close(answer(k + 0.5, t), k),
            f"at k + 1/2 the smooth floor is k by symmetry; at t = {t:g} yours gives"
            f" {[round(float(v), 3) for v in answer(k + 0.5, t)]} for k = {k.tolist()}.",
        )


def _floor_middle(answer: Answer) -> None:
    k = _tensor([-2, 1, 7])
    expect(close(answer(k, 8.0), k - 0.5), "at a whole number k it is the middle of the jump, k - 1/2.")


def _floor_wide(answer: Answer) -> None:
    x = torch.linspace(-1.3, 1.3, 27, dtype=torch.float64)
    for t in (0.7, 1.0, 3.0):
        exact = theory.fourier_floor(x.numpy(), "logistic", 1 / t, 12)
        off = float(np.abs(answer(x, t).detach().numpy() - exact).max())
        expect(
            off < 1e-9,
            f"at t = {t:g} it is off by {off:.2g}: the window must grow as 37/t, or terms are missing.",
        )


def _floor_periodic(answer: Answer) -> None:
    x = _tensor([0.1, 0.37, 0.9])
    for shift in (1.0, 250.0, 1e6):
        result, exact = answer(x + shift, 6.0), answer(x, 6.0) + shift
        expect(
            np.abs((result - exact).detach().numpy()).max() < 1e-6,
            f"g(x + {shift:g}) must be g(x) + {shift:g}: keep the window around x.",
        )


def _floor_gradient(answer: Answer) -> None:
    x = _tensor([-1.6, 0.2, 0.5, 3.97]).requires_grad_()
    (result,) = torch.autograd.grad(answer(x, 4.0).sum(), x)
    steps = np.arange(-30, 31)
    z = 4.0 * (x.detach().numpy()[:, None] - steps)
    exact = 4.0 * (scipy.special.expit(z) * scipy.special.expit(-z)).sum(axis=1)
    expect(
        not _close(result, np.zeros(4), 0.0),
        "its gradient is 0: the floor itself has none, the window's steps have.",
    )
    expect(_close(result, exact, 1e-8), "its gradient must be the sum of the densities around x.")


@EXERCISES.add("3", "A floor for every x", minutes=20, difficulty="hard")
@judged_by(_floor_half, _floor_middle, _floor_wide, _floor_periodic, _floor_gradient)
def smooth_floor(x: Tensor, t: float) -> Tensor:
    r"""x: a float64 tensor of any shape -> one like it

    Write the smooth floor with the logistic kernel for every $x$, not only between $-M$ and $N$: to double
    precision, for wide and narrow kernels, with a gradient.

    Hint: $\lfloor x\rfloor - W - 1 + \sum_{|n|\le W}\sigma\big(t(x-\lfloor x\rfloor-n)\big)$. How large must
    $W$ be for $e^{-tW}$ to vanish beside 1? The whole number $\lfloor x\rfloor$ carries no gradient:
    `detach`.

    Shows: your floor is periodic up to its steps, symmetric, and trainable at x = a million.
    """
    whole = torch.floor(x).detach()
    rest = x - whole
    W = math.ceil(37 / t) + 1
    offsets = torch.arange(-W, W + 1, dtype=x.dtype)
    return whole - W - 1 + torch.sigmoid(t * (rest[..., None] - offsets)).sum(dim=-1)


# ---------------------------------------------------------------- 4: how large the error can be


def _lipschitz_scale(answer: Answer) -> None:
    for kernel in ("logistic", "gaussian", "student"):
        expect(
            _close(answer(kernel, 0.5) / answer(kernel, 0.25), 2.0),
            f"the bound is proportional to s ({kernel}).",
        )


def _lipschitz_measured(answer: Answer) -> None:
    for kernel in ("logistic", "gaussian", "student"):
        measured = float(theory.smooth_piecewise_linear(np.zeros(1), FUNCTIONS["|x|"], kernel, 0.3)[0])
        result = float(answer(kernel, 0.3))
        expect(
            not _close(result, measured / 2, 1e-6),
            f"that is the error of ReLU, whose slope changes by 1; |x| changes by 2 ({kernel}).",
        )
        expect(
            _close(result, measured, 1e-9),
            f"|x| smoothed by the {kernel} kernel, s = 0.3, is {measured:.6f} at 0, your bound {result:.6f}:"
            " compute E|U|.",
        )


@EXERCISES.add("4", "How large can the error be?", minutes=10, difficulty="medium")
@judged_by(_lipschitz_scale, _lipschitz_measured)
def lipschitz_error(kernel: str, s: float) -> float:
    r"""Return a number.

    Return $s\,E|U|$, the largest error that smoothing makes on a function of slopes between -1 and 1, for the
    kernels `"logistic"`, `"gaussian"` and `"student"` ($\varphi(x) = \frac12(x^2+1)^{-3/2}$).

    Hint: $E|U| = 2\int_0^\infty u\,\varphi(u)\,du = 2\int_0^\infty \Phi(-u)\,du = 2\rho(0)$: twice the smooth
    ReLU at 0.

    Shows: the law is attained by |x| at 0, so no constant smaller than E|U| would do.
    """
    return s * {"logistic": 2 * math.log(2), "gaussian": math.sqrt(2 / math.pi), "student": 1.0}[kernel]


# ---------------------------------------------------------------- 5: a smooth maximum


_PAIRS = (_tensor([0, 1, -2, 3, 0.4]), _tensor([0, 0.5, 2, 2.9, -0.4]))


def _max_above(answer: Answer) -> None:
    a, b = _PAIRS
    for kernel in ("logistic", "gaussian"):
        result = answer(a, b, 0.5, kernel)
        expect(result.shape == a.shape, f"one number for each pair is expected, got {tuple(result.shape)}.")
        expect(
            bool((result >= torch.maximum(a, b) - 1e-12).all()),
            f"it must be at least the maximum ({kernel}).",
        )
        expect(
            close(answer(a, b, 1e-3, kernel), torch.maximum(a, b), 5e-3),
            f"as s → 0 it must be the maximum ({kernel}).",
        )


def _max_symmetric(answer: Answer) -> None:
    a, b = _PAIRS
    for kernel in ("logistic", "gaussian"):
        result = answer(a, b, 0.5, kernel)
        expect(_close(result, answer(b, a, 0.5, kernel)), f"max(a, b) = max(b, a), smoothed too ({kernel}).")
        expect(
            _close(answer(a + 3, b + 3, 0.5, kernel), result + 3),
            f"adding 3 to both must add 3 to the result ({kernel}).",
        )


def _max_exact(answer: Answer) -> None:
    a, b = _PAIRS
    for kernel in ("logistic", "gaussian"):
        exact = b.numpy() + 0.5 * theory.standard(kernel).ramp((a - b).numpy() / 0.5)
        expect(
            _close(answer(a, b, 0.5, kernel), exact),
            f"it must be b + s ρ((a - b)/s) of the {kernel} kernel.",
        )


def _max_large(answer: Answer) -> None:
    result = answer(_tensor([1000.0]), _tensor([999.0]), 0.5, "logistic")
    expect(
        bool(torch.isfinite(result).all()), "at a = 1000 it overflows: exp(a/s) is not needed, logaddexp is."
    )


def _max_weights(answer: Answer) -> None:
    for kernel in ("logistic", "gaussian"):
        a, b = (v.clone().requires_grad_() for v in _PAIRS)
        weights = torch.autograd.grad(answer(a, b, 0.5, kernel).sum(), (a, b))
        total = weights[0] + weights[1]
        expect(_close(total, np.ones(5)), f"the gradients by a and b must sum to 1 ({kernel}).")
        expect(
            bool((weights[0] >= -1e-12).all() and (weights[1] >= -1e-12).all()),
            "no gradient may be negative.",
        )


@EXERCISES.add("5", "A smooth maximum", minutes=12, difficulty="medium")
@judged_by(_max_above, _max_symmetric, _max_exact, _max_large, _max_weights)
def smooth_max(a: Tensor, b: Tensor, s: float, kernel: str) -> Tensor:
    r"""a, b: tensors of equal shape -> one like them

    Use $\max(a,b) = b + \mathrm{ReLU}(a-b)$ to write the smooth maximum of two tensors for the kernels
    `"logistic"` and `"gaussian"`, without overflow.

    Hint: $b + s\,\rho\big((a-b)/s\big)$. For the logistic kernel that is $s\log(e^{a/s}+e^{b/s})$:
    `torch.logaddexp`.

    Shows: logsumexp and Clark's formula are the same construction; their gradients are weights that sum to 1.
    """
    if kernel == "logistic":
        return s * torch.logaddexp(a / s, b / s)
    z = (a - b) / s
    bell = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    value: Tensor = a * torch.special.ndtr(z) + b * torch.special.ndtr(-z) + s * bell
    return value


# ---------------------------------------------------------------- 6: predict, then measure


def _l1_power(answer: Answer) -> None:
    for i, name in enumerate(("Swish", "softplus")):
        ratio = answer(1.0)[i] / answer(2.0)[i]
        expect(
            _close(ratio, 4.0),
            f"twice as sharp, and the area between {name} and ReLU falls to a quarter: t⁻².",
        )


def _l1_measured(answer: Answer) -> None:
    t = 1.5
    x = np.linspace(-60, 60, 240_001) / t
    for i, (name, kernel) in enumerate((("Swish", "swish"), ("softplus", "logistic"))):
        error = theory.smooth_piecewise_linear(x, FUNCTIONS["ReLU"], kernel, 1 / t) - np.maximum(x, 0)
        measured = float(np.trapezoid(np.abs(error), x))
        result = float(answer(t)[i])
        expect(
            _close(result, measured, 1e-6),
            f"measured at t = 1.5 for {name}: {measured:.5f}, predicted {result:.5f}.",
        )


@EXERCISES.add("6", "Predict, then measure", minutes=12, difficulty="medium")
@judged_by(_l1_power, _l1_measured)
def l1_errors(t: float) -> tuple[float, float]:
    r"""Return (area of Swish, area of softplus).

    Softplus lies above ReLU, Swish below. Predict the two areas $\int|g-\mathrm{ReLU}|\,dx$ as functions of
    $t$, on paper, and return them. The check measures.

    Hint: Softplus: $2\int_0^\infty \frac1t\log(1+e^{-tx})\,dx$, and
    $\int_0^\infty\log(1+e^{-u})\,du = \pi^2/12$. Swish: $2\int_0^\infty x\,\sigma(-tx)\,dx$; integrate by
    parts, with $\sigma(-tx) = -\frac{d}{dx}\frac1t\log(1+e^{-tx})$.

    Shows: the areas are equal: by parts, one integral turns into the other, whatever the kernel.
    """
    return math.pi**2 / (6 * t**2), math.pi**2 / (6 * t**2)
