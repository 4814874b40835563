"""The exercises of the lesson, each with checks that say what is wrong.

Exercise 4 is written in PyTorch, the others in NumPy. A check tries the reader's function on small inputs and rejects one kind
of wrong answer, with the reason.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
import scipy.stats
import torch
from torch import Tensor

from sjedu.course.exercises import Answer, Exercises, WrongAnswer, expect, judged_by
from sjedu.vmf_vae import bessel, theory

EXERCISES = Exercises()


def _number(value: Any, what: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise WrongAnswer(f"return one number, {what}, not a {type(value).__name__}.") from None


# ---------------------------------------------------------------- 1: the normaliser


def _normalizer_uniform(answer: Answer) -> None:
    for d in (2, 3, 10):
        value = _number(answer(d, 0.0), "log C")
        exact = -float(theory.log_sphere_area(d))
        expect(
            math.isfinite(value),
            f"for d = {d}, κ = 0 it is {value}: the law is uniform there, treat κ = 0 apart.",
        )
        expect(
            not abs(value + exact) < 1e-9 or abs(value - exact) < 1e-9,
            "the sign is wrong: return log C = -log Z, which for κ = 0 is minus the logarithm of the area.",
        )
        expect(
            abs(value - exact) < 1e-9,
            f"for d = {d}, κ = 0 the density is one over the area: log C = {exact:.6f}, you have {value:.6f}.",
        )


def _normalizer_three(answer: Answer) -> None:
    for kappa in (0.5, 20.0):
        exact = math.log(kappa / (4 * math.pi * math.sinh(kappa)))
        value = _number(answer(3, kappa), "log C")
        expect(
            abs(value - exact) < 1e-9,
            f"in d = 3, C = κ / (4π sinh κ): for κ = {kappa:g} log C is {exact:.9f}, you have {value:.9f}.",
        )


def _normalizer_range(answer: Answer) -> None:
    for d, kappa in ((2, 1e-6), (482, 10.0), (5000, 1.0), (64, 1e6), (4096, 1e4)):
        exact = -float(bessel.log_normalizer(d, kappa))
        value = _number(answer(d, kappa), "log C")
        expect(
            math.isfinite(value),
            f"for d = {d}, κ = {kappa:g} you have {value}: the Bessel function under- or overflows. Work with logarithms,"
            " less the largest.",
        )
        expect(
            abs(value - exact) <= 1e-9 * max(1, abs(exact)),
            f"for d = {d}, κ = {kappa:g} log C is {exact:.9g}, you have {value:.9g}.",
        )


def _scattered(count: int, dims: tuple[int, int], kappas: tuple[float, float]) -> list[tuple[int, float]]:
    """Return so many (d, κ), always the same, spread evenly in their logarithms."""
    rng = np.random.default_rng(4)
    d, kappa = (np.exp(rng.uniform(math.log(low), math.log(high), count)) for low, high in (dims, kappas))
    return [(round(each), float(k)) for each, k in zip(d, kappa, strict=True)]


def _normalizer_everywhere(answer: Answer) -> None:
    for d, kappa in _scattered(60, (2, 5000), (1e-6, 1e6)):
        exact = -float(bessel.log_normalizer(d, kappa))
        value = _number(answer(d, kappa), "log C")
        expect(
            abs(value - exact) <= 1e-9 * max(1, abs(exact)),
            f"somewhere between it is wrong: for d = {d}, κ = {kappa:.4g} log C is {exact:.9g}, you have {value:.9g}.",
        )


def _normalizer_falls(answer: Answer) -> None:
    value = np.array([_number(answer(20, float(k)), "log C") for k in np.geomspace(0.1, 1e4, 30)])
    expect((np.diff(value) < 0).all(), "log C must fall as κ grows: its derivative is -A.")


@EXERCISES.add("1", "The normaliser, everywhere", minutes=25, difficulty="hard")
@judged_by(
    _normalizer_uniform, _normalizer_three, _normalizer_range, _normalizer_everywhere, _normalizer_falls
)
def log_vmf_normalizer(d: int, kappa: float) -> float:
    r"""Return log C, a number.

    Return $\log C_{d,\kappa} = -\log Z_{d,\kappa}$ for $2 \le d \le 5000$ and $0 \le \kappa \le 10^6$, right
    to $10^{-9}$ (relative, where it is larger than 1).

    Hint: `scipy.special.ive` underflows for large $d$. Integrate $e^{\kappa w}(1-w^2)^{(d-3)/2}$ instead, in
    logarithms and less the peak. With $w = -\tanh\psi$ the integrand falls off on both sides, and a plain sum
    over an even grid is exact to rounding.

    Shows: your normaliser holds where the Bessel function of every library is 0 or infinite.
    """
    log_area = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2)
    if kappa == 0:
        return -log_area
    # With w = -tanh ψ the integral over the slices has no singular ends, and its log integrand one peak.
    half = (d - 1) / 2
    root = half + math.hypot(half, kappa)
    mode = math.log(math.sqrt(2 * half / root) / (1 + kappa / root))
    # Its width: 1/√(2(d-1)) at most; 12 of them down to where less than e^-60 is left, and flat tails for small d.
    psi = mode + np.linspace(-1, 1, 40001) * (12 / math.sqrt(d - 1) + 60 / (d - 1))
    gap = kappa * np.sinh(mode - psi) / (np.cosh(mode) * np.cosh(psi))
    log_sum = scipy.special.logsumexp(gap - (d - 1) * np.log(np.cosh(psi) / np.cosh(mode)))
    peak = -kappa * np.tanh(mode) - (d - 1) * np.log(np.cosh(mode))
    log_slice = math.log(2) + half * math.log(math.pi) - math.lgamma(half)
    return float(-(log_slice + peak + log_sum + math.log(psi[1] - psi[0])))


# ---------------------------------------------------------------- 2: the KL


def _kl_zero(answer: Answer) -> None:
    value = _number(answer(5, 0.0), "the KL")
    expect(
        value == 0 or abs(value) < 1e-12,
        f"for κ = 0 both laws are uniform: the KL is 0, you have {value:.3g}.",
    )


def _kl_values(answer: Answer) -> None:
    for d, kappa in ((3, 20.0), (4, 20.0), (8, 5.0), (64, 20.0)):
        exact = float(bessel.kl_to_uniform(d, kappa))
        value = _number(answer(d, kappa), "the KL")
        expect(math.isfinite(value), f"for d = {d}, κ = {kappa:g} you have {value}.")
        two_more = float(bessel.kl_to_uniform(d + 2, kappa))
        expect(
            abs(value - two_more) > 1e-6 * two_more,
            f"for d = {d}, κ = {kappa:g} you have the KL of dimension {d + 2}: the order of the Bessel function is"
            " d/2 - 1, and A = I_(d/2) / I_(d/2-1).",
        )
        expect(
            abs(value + float(theory.log_sphere_area(d)) - exact) > 1e-6,
            "the area of the sphere is missing: the uniform density is 1/|S^(d-1)|, not 1.",
        )
        expect(
            abs(value - exact) <= 1e-8 * exact,
            f"for d = {d}, κ = {kappa:g} the KL is {exact:.9f}, you have {value:.9f}.",
        )


def _kl_rises(answer: Answer) -> None:
    for d in (2, 5, 64, 1000):
        value = np.array([_number(answer(d, float(k)), "the KL") for k in np.linspace(0, 100, 21)])
        expect((value >= -1e-12).all(), f"for d = {d} it becomes {value.min():.3g}: a KL is never negative.")
        expect(
            (np.diff(value) > 0).all(),
            f"for d = {d} it does not always rise with κ, up to 100: KL' = κA' > 0.",
        )


def _kl_everywhere(answer: Answer) -> None:
    for d, kappa in _scattered(40, (2, 1000), (1e-2, 100.0)):
        value, exact = _number(answer(d, kappa), "the KL"), float(bessel.kl_to_uniform(d, kappa))
        expect(
            abs(value - exact) <= 1e-8 * exact,
            f"for d = {d}, κ = {kappa:.4g} the KL is {exact:.10g}, you have {value:.10g}.",
        )


def _kl_slope(answer: Answer) -> None:
    d, kappa, step = 6, 9.0, 1e-3
    value = (_number(answer(d, kappa + step), "the KL") - _number(answer(d, kappa - step), "the KL")) / (
        2 * step
    )
    exact = kappa * float(bessel.cosine_variance(d, kappa))
    expect(
        abs(value - exact) < 1e-4 * exact,
        f"its derivative should be κA' = {exact:.5f}, and is {value:.5f}.",
    )


def _kl_small(answer: Answer) -> None:
    value, exact = _number(answer(1000, 1.0), "the KL"), float(bessel.kl_to_uniform(1000, 1.0))
    expect(
        math.isfinite(value) and abs(value - exact) <= 1e-8 * exact,
        f"for d = 1000, κ = 1 the KL is {exact:.10g} nats, you have {value:.10g}: the textbook's formula subtracts numbers"
        " in the thousands, and Bessel functions of order 499 underflow. κA - ∫A dt has neither problem.",
    )


@EXERCISES.add("2", "The KL, without cancellation", minutes=20, difficulty="hard")
@judged_by(_kl_zero, _kl_values, _kl_slope, _kl_small, _kl_rises, _kl_everywhere)
def kl_vmf_uniform(d: int, kappa: float) -> float:
    r"""Return the KL in nats, a number.

    Return $KL(\mathrm{vMF}(\mu, \kappa)\,\|\,\text{uniform})$ in nats, right to $10^{-8}$ of itself for
    $d \le 1000$ and $0 \le \kappa \le 100$. (It needs no $\mu$.)

    Hint: $KL = \kappa A - \int_0^\kappa A\,dt$. $A$ from the recurrence
    $A_\nu = t / (2(\nu+1) + t A_{\nu+1})$, started far above with
    $A_\nu \approx t / (\nu + \frac12 + \sqrt{(\nu+\frac12)^2 + t^2})$; the integral by
    `np.polynomial.legendre.leggauss`.

    Shows: the KL is a number that d and κ fix, with derivative κA', and you have all its digits.
    """
    # ∫ t A'(t) dt = κA - ∫ A dt. A by the recurrence A_ν = t / (2(ν+1) + t A_(ν+1)), from far above down.
    x, weights = np.polynomial.legendre.leggauss(200)
    # Even steps in asinh(t/d): A changes on the scale of d, but slowly far beyond.
    top = math.asinh(kappa / d)
    t = d * np.sinh(top * (1 + x) / 2)
    jacobian = top / 2 * d * np.cosh(top * (1 + x) / 2)

    def ratio(t: np.ndarray) -> np.ndarray:
        first = d / 2 - 1
        order = first + 400
        A = t / (order + 0.5 + np.sqrt((order + 0.5) ** 2 + t**2))
        while order > first:
            order -= 1
            A = t / (2 * (order + 1) + t * A)
        return np.asarray(A)

    # Where κ is large, 1 - A is what matters: κA - ∫A = ∫(1-A) - κ(1-A).
    A = ratio(np.array([kappa]))[0]
    return (
        float(((1 - ratio(t)) * jacobian) @ weights - kappa * (1 - A))
        if kappa > d
        else float(kappa * A - (ratio(t) * jacobian) @ weights)
    )


# ---------------------------------------------------------------- 3: sample w


def _draw(answer: Answer, kappa: float, d: int, n: int = 4000) -> np.ndarray:
    w = np.asarray(answer(kappa, d, n, np.random.default_rng(d)), dtype=np.float64)
    expect(w.shape == (n,), f"{n} numbers are asked for; the result has the shape {w.shape}.")
    return w


def _w_range(answer: Answer) -> None:
    w = _draw(answer, 3.0, 5)
    expect(np.isfinite(w).all(), "some of the numbers are not finite.")
    expect((np.abs(w) <= 1).all(), "w is the cosine of an angle: it lies between -1 and 1.")
    expect(len(np.unique(w)) > len(w) / 2, "the same few numbers come again and again.")


def _w_moments(answer: Answer) -> None:
    for kappa, d in ((3.0, 5), (20.0, 4), (1.0, 2), (50.0, 64)):
        w, A = _draw(answer, kappa, d), float(bessel.mean_resultant_length(d, kappa))
        variance = float(bessel.cosine_variance(d, kappa))
        error = math.sqrt(variance / len(w))
        expect(
            abs(w.mean() + A) > 5 * error or abs(w.mean() - A) < 5 * error,
            "w points away from μ: e^(κw) favours w near +1. Did an angle run the wrong way?",
        )
        expect(
            abs(w.mean() - A) < 5 * error,
            f"for d = {d}, κ = {kappa:g} the mean should be A = {A:.4f}, and is {w.mean():.4f}: the factor (1-w²) has the"
            " exponent (d-3)/2 in w, sin φ the exponent d-2 in φ.",
        )
        expect(
            abs(w.var() / variance - 1) < 0.25,
            f"for d = {d}, κ = {kappa:g} the variance should be {variance:.4g}.",
        )


def _w_law(answer: Answer) -> None:
    for kappa, d in ((1.0, 2), (3.0, 3), (20.0, 4), (10.0, 30), (2000.0, 5)):
        grid = theory.AngularGrid(d, kappa)
        phi = np.arccos(np.clip(_draw(answer, kappa, d), -1, 1))
        p = scipy.stats.kstest(phi, lambda t, g=grid: np.interp(t, g.phi, g.cdf)).pvalue
        expect(
            p > 1e-4,
            f"for d = {d}, κ = {kappa:g} the law is not the right one (Kolmogorov and Smirnov: p = {p:.1g}).",
        )


def _w_generator(answer: Answer) -> None:
    n, rngs = 100_000, [np.random.default_rng(seed) for seed in (1, 1, 2)]
    first, again, other = (np.asarray(answer(20.0, 16, n, rng)) for rng in rngs)
    expect(
        (first == again).all(),
        "the same generator in the same state gives other numbers: draw from rng alone.",
    )
    expect((first != other).any(), "another generator gives the same numbers: draw from rng.")
    expect(
        len(np.unique(first)) > 0.99 * n,
        "values come again and again: a store of draws is frozen noise. Invert the distribution function at new numbers.",
    )
    once = np.random.default_rng(1)
    once.random(n)
    expect(
        rngs[0].bit_generator.state == once.bit_generator.state,
        "the inverse of the distribution function takes one uniform number for each w, and none is rejected.",
    )


def _w_speed(answer: Answer) -> None:
    table = np.linspace(0, 1, 20_001)

    def seconds(n: int, draw: Callable[[int], Any]) -> float:
        start = time.process_time()
        draw(n)
        return time.process_time() - start

    def slope(draw: Callable[[int], Any]) -> float:
        # The least of each: on a busy machine, one that is interrupted must not be taken from one that is not.
        many, few = (min(seconds(n, draw) for _ in range(3)) for n in (50_000, 10))
        return many - few

    rng = np.random.default_rng(0)
    lookup = slope(lambda n: np.cos(np.interp(rng.random(n), table, table)))
    expect(
        slope(lambda n: answer(20.0, 16, n, rng)) < 20 * lookup,
        "each w takes more than twenty times as long as looking it up in a table: no loop over samples.",
    )


@EXERCISES.add("3", "Su's sampler for the cosine", minutes=15, difficulty="medium")
@judged_by(_w_range, _w_moments, _w_law, _w_generator, _w_speed)
def sample_w(kappa: float, d: int, n: int, rng: np.random.Generator) -> np.ndarray:
    r"""Return n numbers in [-1, 1]; rng is a numpy.random.Generator.

    Draw `n` values of $w = \langle\mu, z\rangle$ by the inverse distribution function, without rejection and
    without a loop over samples. It should be right for $d = 2$, too.

    Hint: In the angle the density is $e^{\kappa\cos\varphi}\sin^{d-2}\varphi$. Take its logarithm on a grid,
    less the maximum; `np.cumsum`; `np.interp` of uniform numbers.

    Shows: a law in one dimension needs no rejection: a table of its distribution function is enough.
    """
    # A grid of angles, not of w: there the density is finite also for d = 2.
    phi = np.linspace(0, math.pi, 20001)
    with np.errstate(divide="ignore"):
        log_density = kappa * (np.cos(phi) - 1) + ((d - 2) * np.log(np.sin(phi)) if d > 2 else 0.0)
    density = np.exp(log_density - log_density.max())
    cdf = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return np.cos(np.interp(rng.random(n), cdf / cdf[-1], phi))


# ---------------------------------------------------------------- 4: sample z, differentiably


def _cosines(mu: Tensor, kappa: float, n: int) -> Tensor:
    u = np.random.default_rng(0).random(n)
    return torch.from_numpy(np.cos(theory.AngularGrid(mu.shape[-1], kappa).ppf(u))).to(mu.dtype)


def _around(
    answer: Answer, mu: Tensor, kappa: float, n: int = 20_000, first: float | None = None
) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    w = _cosines(mu, kappa, n)
    if first is not None:
        w[0] = first
    wide = mu.expand(n, -1).clone().requires_grad_()
    z = answer(wide, w)
    expect(isinstance(z, Tensor), f"return a torch.Tensor, not a {type(z).__name__}.")
    expect(z.shape == wide.shape, f"mu has the shape {tuple(wide.shape)}; your result has {tuple(z.shape)}.")
    return z, wide


def _poles(dim: int) -> list[Tensor]:
    e1 = torch.zeros(dim)
    e1[0] = 1
    near = e1.clone()
    near[1] = 1e-5
    return [e1, -e1, near, torch.nn.functional.normalize(torch.ones(dim), dim=0)]


def _z_unit(answer: Answer) -> None:
    for mu in _poles(6):
        z, _ = _around(answer, mu, 8.0, 2000, first=1 + 1e-7)
        expect(
            bool(z.detach().isfinite().all()),
            f"for μ = ({mu[0]:g}, {mu[1]:g}, ...) some numbers are not finite: a reflection that takes e1 to μ divides by"
            " ‖e1 - μ‖. And 1 - w² may be negative by rounding.",
        )
        off = float((z.detach().norm(dim=-1) - 1).abs().max())
        expect(
            off < 2e-6,
            f"z should have length 1 to float32's rounding; for μ = ({mu[0]:g}, {mu[1]:g}, ...) it is off by {off:.1e}.",
        )


def _z_mean(answer: Answer) -> None:
    for mu in _poles(6):
        z, _ = _around(answer, mu, 8.0)
        expect(
            (z.detach() @ mu - _cosines(mu, 8.0, len(z))).abs().max() < 1e-4,
            "⟨μ, z⟩ is not the given w: ν must be orthogonal to μ.",
        )
        mean = z.detach().mean(dim=0)
        exact = float(bessel.mean_resultant_length(6, 8.0)) * mu
        expect(
            (mean - exact).abs().max() < 0.02,
            "the mean of z should be A μ: is the direction of ν drawn anew for each sample?",
        )
        spread = torch.cov(z.detach().T)
        along = float(mu @ spread @ mu)
        across = (spread - along * torch.outer(mu, mu)).diagonal().sum() / 5
        wanted_across = (
            float(1 - bessel.mean_resultant_length(6, 8.0) ** 2 - bessel.cosine_variance(6, 8.0)) / 5
        )
        expect(
            abs(across / wanted_across - 1) < 0.1,
            "across μ the spread is wrong: ν must have length 1, and be uniform.",
        )


def _z_turns(answer: Answer) -> None:
    """Seen from any direction b across μ, the law of ⟨ν,b⟩ is the same: that of a uniform unit vector."""
    flat = theory.AngularGrid(5, 0.0)
    for mu in _poles(6):
        z, _ = _around(answer, mu, 8.0)
        nu = torch.nn.functional.normalize(z.detach() - (z.detach() @ mu)[:, None] * mu, dim=-1)
        for axis in torch.eye(6)[1:4]:
            b = torch.nn.functional.normalize(axis - (axis @ mu) * mu, dim=0)
            angle = (nu @ b).clamp(-1, 1).acos().double().numpy()
            p = scipy.stats.kstest(angle, lambda t: np.interp(t, flat.phi, flat.cdf)).pvalue
            expect(p > 1e-5, "where μ turns, the law must turn with it: ν is not uniform around every μ.")


def _z_gradient(answer: Answer) -> None:
    mu = torch.nn.functional.normalize(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64), dim=0)
    a = torch.nn.functional.normalize(torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64), dim=0)
    kappa, d, n = 5.0, 3, 40_000
    z, wide = _around(answer, mu, kappa, n)
    expect(z.requires_grad, "z carries no gradient: μ is an input of the calculation, do not detach it.")
    (g,) = torch.autograd.grad((z @ a).square().sum(), wide)
    g = g - (g @ mu)[:, None] * mu
    q = 1 - (d - 1) * float(bessel.mean_resultant_length(d, kappa)) / kappa
    exact = 2 * (q - (1 - q) / (d - 1)) * (a @ mu) * (a - (a @ mu) * mu)
    error = g.std(dim=0) / math.sqrt(n)
    expect(
        bool(((g.mean(dim=0) - exact).abs() < 5 * error + 1e-9).all()),
        "the gradient of E[(a·z)²] in μ is biased. z depends on μ through w μ and through ν: do not detach ν.",
    )


@EXERCISES.add("4", "From w to z, with a gradient", minutes=12, difficulty="medium")
@judged_by(_z_unit, _z_mean, _z_turns, _z_gradient)
def rsample(mu: Tensor, w: Tensor) -> Tensor:
    r"""mu: (n, d), w: (n,) -> (n, d)

    Given $\mu$, shape (n, d), and $w$, shape (n,), return $z = w\mu + \sqrt{1-w^2}\,\nu$ with $\nu$ uniform
    among the unit vectors orthogonal to $\mu$. Its length must be 1 to rounding for every $\mu$, and its
    gradient in $\mu$ unbiased.

    Hint: Project normal noise onto the tangent space of $\mu$ and normalise it. Rounding may make $1-w^2$
    negative.

    Shows: one line of geometry replaces rotation matrices, and autograd follows μ through both terms.
    """
    noise = torch.randn_like(mu)
    tangent = noise - (noise * mu).sum(dim=-1, keepdim=True) * mu
    nu = tangent / tangent.norm(dim=-1, keepdim=True)
    sine = torch.sqrt((1 - w**2).clamp(min=0))
    z: Tensor = w[..., None] * mu + sine[..., None] * nu
    return z


# ---------------------------------------------------------------- 5: the gradient in κ


def _speeds(answer: Answer, kappa: float, d: int, n: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    w = np.cos(theory.AngularGrid(d, kappa).ppf((np.arange(n) + 0.5) / n))
    value = np.asarray(answer(w, kappa, d), dtype=np.float64)
    expect(value.shape == w.shape, f"w has the shape {w.shape}; your result has {value.shape}.")
    expect(np.isfinite(value).all(), "some of the numbers are not finite.")
    return w, value


def _dw_sign(answer: Answer) -> None:
    _, value = _speeds(answer, 5.0, 4)
    expect(
        (value > -1e-6).all(),
        "dw/dκ is never negative: raising κ pushes every sample towards μ. F(w, κ) = u gives dw/dκ = *minus* ∂_κF / p.",
    )


def _dw_three(answer: Answer) -> None:
    kappa = 4.0
    w, value = _speeds(answer, kappa, 3)
    u = (np.exp(kappa * (w - 1)) - np.exp(-2 * kappa)) / (1 - np.exp(-2 * kappa))
    inner = u + (1 - u) * np.exp(-2 * kappa)
    exact = -np.log(inner) / kappa**2 - 2 * (1 - u) * np.exp(-2 * kappa) / (inner * kappa)
    naive = (1 - w**2) / math.sqrt(4 * kappa**2 + 4)
    expect(
        np.abs(value - naive).max() > 1e-6,
        "this is the derivative along Wood's proposal. It forgets that κ also decides which proposals are accepted.",
    )
    error = np.abs(value - exact).max()
    expect(
        error < 1e-6,
        f"in d = 3 it should be the derivative of the closed form, and is off by up to {error:.1e}.",
    )


def _dw_pointwise(answer: Answer) -> None:
    for d, kappa in ((5, 2.0), (2, 2.0), (30, 10.0)):
        w, value = _speeds(answer, kappa, d)
        exact = theory.AngularGrid(d, kappa, 20_001).dw_dkappa(w)
        error = np.abs(value - exact).max() / exact.max()
        expect(
            error < 1e-3,
            f"for d = {d}, κ = {kappa:g} it is off by up to {error:.1e} of the largest, at single w: each sample moves"
            " by a speed of its own, whose mean alone is A'.",
        )


def _dw_mean(answer: Answer) -> None:
    for d, kappa in ((2, 2.0), (5, 2.0), (10, 10.0), (64, 20.0)):
        _, value = _speeds(answer, kappa, d)
        exact = float(bessel.cosine_variance(d, kappa))
        expect(
            abs(value.mean() / exact - 1) < 5e-3,
            f"for d = {d}, κ = {kappa:g} the mean over samples should be A' = {exact:.6f}, and is {value.mean():.6f}.",
        )


@EXERCISES.add("5", "The gradient that was called difficult", minutes=20, difficulty="hard")
@judged_by(_dw_sign, _dw_three, _dw_mean, _dw_pointwise)
def dw_dkappa(w: np.ndarray, kappa: float, d: int) -> np.ndarray:
    r"""w: (n,) -> (n,)

    Return $dw/d\kappa$ for given samples $w$ at fixed $u = F(w, \kappa)$.

    Hint: Differentiate $F(w(\kappa), \kappa) = u$: $dw/d\kappa = -\partial_\kappa F / p$. With
    $\partial_\kappa p = (w - A)\,p$, $\partial_\kappa F(w) = \int_{-1}^w (t - A)\,p(t)\,dt$ is one more
    cumulative sum. In angles nothing is singular.

    Shows: κ can be learned by backpropagation: the implicit gradient is a table beside the sampler's.
    """
    # F(w, κ) = u is held fixed: dw/dκ = -∂_κF / p, with ∂_κF(w) = ∫ (t - A) p(t) dt from -1 to w. In angles.
    phi = np.linspace(0, math.pi, 200_001)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_density = kappa * (np.cos(phi) - 1) + ((d - 2) * np.log(np.sin(phi)) if d > 2 else 0.0)
        density = np.exp(log_density - log_density.max())
        A = (np.cos(phi) * density).sum() / density.sum()
        drift = (np.cos(phi) - A) * density
        below = np.concatenate([[0.0], np.cumsum((drift[1:] + drift[:-1]) / 2 * phi[1])])
        speed = np.nan_to_num(np.sin(phi) * below / density, posinf=0.0, neginf=0.0)
    return np.asarray(np.interp(np.arccos(w), phi, speed))


# ---------------------------------------------------------------- 6: κ for a budget


def _budget_zero(answer: Answer) -> None:
    value = _number(answer(8, 0.0), "κ")
    expect(abs(value) < 1e-6, f"no nats, no concentration: κ = 0, you have {value:.3g}.")


def _budget_three(answer: Answer) -> None:
    for d in (3, 8, 64, 768):
        value, exact = _number(answer(d, 3.0), "κ"), float(bessel.kappa_for_kl(d, 3.0))
        rule = math.sqrt(2 * d * 3.0)
        expect(
            abs(value - rule) > 1e-6 * rule,
            f"κ = √(2d·KL) holds for κ much less than d only: in d = {d} it gives {float(bessel.kl_to_uniform(d, rule)):.3f} nats.",
        )
        expect(
            abs(value - exact) < 1e-6 * exact,
            f"in d = {d} 3 nats need κ = {exact:.4f}, you have {value:.4f}, which has"
            f" {float(bessel.kl_to_uniform(d, max(value, 0.0))):.4f} nats.",
        )


def _budget_round_trip(answer: Answer) -> None:
    for d, nats in ((2, 1e-6), (4, 12.0), (1000, 0.01), (50, 200.0)):
        kappa = _number(answer(d, nats), "κ")
        expect(kappa >= 0 and math.isfinite(kappa), f"for d = {d}, {nats:g} nats you have κ = {kappa}.")
        back = float(bessel.kl_to_uniform(d, kappa))
        expect(
            abs(back - nats) <= 1e-8 * nats,
            f"for d = {d}, {nats:g} nats your κ = {kappa:.6g} has {back:.9g} nats: is the bracket wide enough?",
        )


@EXERCISES.add("6", "Choose κ by its price", minutes=8, difficulty="easy")
@judged_by(_budget_zero, _budget_three, _budget_round_trip)
def kappa_for_budget(d: int, nats: float) -> float:
    r"""Return kappa, a number.

    Return the $\kappa$ at which the KL to the uniform law is `nats`. `sjedu.vmf_vae.kl_to_uniform(d, kappa)`
    is given.

    Hint: The KL rises with $\kappa$ from 0 without bound: double an upper end until it is enough, then
    bisect.

    Shows: “the KL cannot vanish” means that you choose it: by κ, for your d.
    """
    low, high = 0.0, 1.0
    while float(bessel.kl_to_uniform(d, high)) < nats:
        high *= 2
    for _ in range(200):  # the KL rises with κ: bisect
        middle = (low + high) / 2
        low, high = (middle, high) if float(bessel.kl_to_uniform(d, middle)) < nats else (low, middle)
    return (low + high) / 2
