"""The exercises of the lesson, each with checks that say what is wrong.

Exercise 3 is written in PyTorch, exercise 4 in sympy, the others in NumPy. A check tries the reader's function on small
inputs and rejects one kind of wrong answer, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor

from sjedu.course.exercises import Answer, Exercises, close, expect, judged_by
from sjedu.data import load_images
from sjedu.wgan import theory
from sjedu.wgan.clustering import k_means
from sjedu.wgan.transport import optimal_plan, wasserstein_1

EXERCISES = Exercises()


def _number(returned: Any) -> float:
    array = np.asarray(returned, dtype=np.float64)
    expect(array.ndim == 0, f"return one number, not an array of shape {array.shape}.")
    expect(np.isfinite(array), f"the result is {float(array)}.")
    return float(array)


# ---------------------------------------------------------------- 0: a warm-up


def _line_mean(answer: Answer) -> None:
    expect(
        close(_number(answer(np.array([0.0, 1.0, 2.0]), np.array([5.0, 6.0, 7.0]))), 5),
        "moving each of three points by 5 costs 5 a point: take the mean, not the sum.",
    )


def _line_order(answer: Answer) -> None:
    expect(
        close(_number(answer(np.array([0.0, 1.0]), np.array([1.0, 0.0]))), 0),
        "{0, 1} and {1, 0} are the same points: which is named first must not matter.",
    )


def _line_spread(answer: Answer) -> None:
    expect(
        close(_number(answer(np.array([-1.0, 1.0]), np.array([0.0, 0.0]))), 1),
        "the means of {-1, 1} and {0, 0} agree, yet each point has to move by 1.",
    )


def _line_exact(answer: Answer) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 20))
    expect(
        close(_number(answer(x, y)), wasserstein_1(x[:, None], y[:, None]).value),
        "that is not the distance that linear programming finds: match the k-th smallest with the k-th smallest.",
    )


@EXERCISES.add("0", "Warm-up: the distance on a line", minutes=4, difficulty="easy")
@judged_by(_line_mean, _line_order, _line_spread, _line_exact)
def line_distance(x: np.ndarray, y: np.ndarray) -> float:
    """x, y: arrays of n numbers -> a number

    Return $W_1$ of two samples of $n$ numbers each: the least mean distance at which the points of `x` can be
    moved onto those of `y`.

    Hint: Paths that cross can be uncrossed without getting longer. So which point of `y` does the smallest of
    `x` go to?

    Shows: on a line transport is sorting: W₁ = ∫ |F⁻¹ - G⁻¹|.
    """
    return float(np.abs(np.sort(x) - np.sort(y)).mean())


# ---------------------------------------------------------------- 1: the c-transform


def _costs(seed: int = 0, n: int = 5, m: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distances between two samples, those within the second, and numbers on the first."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2))
    return cdist(x, y), cdist(y, y), rng.normal(size=n)


def _transform_shape(answer: Answer) -> None:
    C, _, f = _costs()
    returned = np.asarray(answer(C, f))
    expect(
        returned.shape == (7,),
        f"C has 5 rows and 7 columns: expected 7 numbers, one a column; got the shape {returned.shape}.",
    )


def _transform_shift(answer: Answer) -> None:
    C, _, f = _costs()
    expect(
        close(answer(C, f + 1.5), np.asarray(answer(C, f)) - 1.5),
        "adding 1.5 to f must take 1.5 from the transform: f is subtracted from C before the minimum.",
    )


def _transform_weak_duality(answer: Answer) -> None:
    C, _, _ = _costs()
    bound = optimal_plan(C).value
    for f in np.random.default_rng(0).normal(size=(200, 5)):
        value = f.mean() + np.asarray(answer(C, f)).mean()
        expect(
            value <= bound + 1e-9,
            f"weak duality fails: the dual value {value:.3f} exceeds the distance {bound:.3f}. The transform must keep"
            " f(x) + g(y) ≤ C(x, y) for every pair, so take the minimum.",
        )


def _transform_twice(answer: Answer) -> None:
    C, D, f = _costs()
    once = np.asarray(answer(C, f))
    twice = np.asarray(answer(C.T, once))
    expect(np.all(twice >= f - 1e-9), "f^cc must be at least f: it is the best partner of f's partner.")
    expect(close(answer(C, twice), once), "f^ccc must be f^c again.")
    expect(
        theory.lipschitz_constant(once, D) <= 1 + 1e-9,
        "C is a distance, so the transform must be 1-Lipschitz: a minimum of 1-Lipschitz functions.",
    )


def _transform_exact(answer: Answer) -> None:
    C, _, f = _costs()
    expect(
        close(answer(C, f), theory.c_transform(C, f)),
        "feasible, but not the largest partner that f can have.",
    )


@EXERCISES.add("1", "The c-transform", minutes=8, difficulty="easy")
@judged_by(_transform_shape, _transform_shift, _transform_weak_duality, _transform_twice, _transform_exact)
def best_partner(C: np.ndarray, f: np.ndarray) -> np.ndarray:
    r"""C: (n, m), f: (n,) -> (m,)

    Return $f^c(y_j) = \min_i\,[C_{ij} - f_i]$, the best partner of $f$ in the dual problem.

    Hint: `f[:, None]` makes a column of f, which NumPy then subtracts from each column of C.

    Shows: whatever f is, its dual value never exceeds the distance: no constraint is needed.
    """
    best: np.ndarray = (C - f[:, None]).min(axis=0)
    return best


# ---------------------------------------------------------------- 2: the (c, ε)-transform


def _soft_bounds(answer: Answer) -> None:
    C, _, f = _costs()
    hard = theory.c_transform(C, f)
    returned = np.asarray(answer(C, f, np.full(5, 1 / 5), 0.5))
    expect(returned.shape == hard.shape, f"expected 7 numbers, one a column; got the shape {returned.shape}.")
    expect(
        np.all(returned >= hard - 1e-9),
        "the result lies below f^c, where a mean over x cannot take it: is it a sum without the weights a?",
    )
    expect(
        np.all(returned <= hard + 0.5 * math.log(5) + 1e-9),
        "with equal weights the result must be at most f^c + ε log n: check the signs.",
    )


def _soft_weights(answer: Answer) -> None:
    C, _, f = _costs()
    a = np.array([0.5, 0.2, 0.1, 0.1, 0.1])
    expect(
        close(answer(C, f, a, 0.5), theory.soft_c_transform(C, f, 0.5, a), 1e-8),
        "right for equal weights at best: the mean over x is taken with the weights a.",
    )


def _soft_limit(answer: Answer) -> None:
    C, _, f = _costs()
    with np.errstate(all="ignore"):
        returned = np.asarray(answer(C, f, np.full(5, 1 / 5), 1e-6))
    expect(
        np.all(np.isfinite(returned)),
        "for ε = 10⁻⁶ the exponentials over- or underflow: take the largest exponent out first.",
    )
    expect(close(returned, theory.c_transform(C, f), 1e-5), "for ε → 0 the result must become f^c.")


def _soft_duality(answer: Answer) -> None:
    C, _, _ = _costs()
    a, b = np.full(5, 1 / 5), np.full(7, 1 / 7)
    best = theory.entropic(C, 0.5, a, b).value
    for seed in range(50):
        f = np.random.default_rng(seed).normal(size=5)
        value = f.mean() + np.asarray(answer(C, f, a, 0.5)).mean()
        expect(value <= best + 1e-9, f"the dual value {value:.3f} exceeds entropic transport, {best:.3f}.")


@EXERCISES.add("2", "The soft one", minutes=12, difficulty="medium")
@judged_by(_soft_bounds, _soft_weights, _soft_limit, _soft_duality)
def c_eps_transform(C: np.ndarray, f: np.ndarray, a: np.ndarray, eps: float) -> np.ndarray:
    r"""C: (n, m), f: (n,), a: (n,) weights with the sum 1 -> (m,)

    Return $f^{c,\varepsilon}(y_j) = -\varepsilon \log \sum_i a_i\, e^{(f_i - C_{ij})/\varepsilon}$. It must
    survive $\varepsilon = 10^{-6}$.

    Hint: $\log\sum e^{z_i} = M + \log\sum e^{z_i - M}$ for any $M$: take the largest $z_i$.

    Shows: it lies between f^c and f^c + ε log n, and its dual value stays below entropic transport.
    """
    exponent = (f[:, None] - C) / eps + np.log(a)[:, None]
    top = exponent.max(axis=0)
    return np.asarray(-eps * (top + np.log(np.exp(exponent - top).sum(axis=0))))


# ---------------------------------------------------------------- 3: the gradient penalty


def _pair(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 40, *shape, dtype=torch.float64, generator=generator)
    return x, y


def _linear(slope: Tensor) -> Answer:
    return lambda x: x.flatten(1) @ slope


#: Of norm 3.
_SLOPE = torch.tensor([2.0, 1.0, 2.0, 0.0], dtype=torch.float64)


def _penalty_linear(answer: Answer) -> None:
    returned = answer(_linear(_SLOPE), *_pair(4), 10.0)
    expect(isinstance(returned, Tensor), f"return a torch.Tensor, not a {type(returned).__name__}.")
    expect(
        returned.ndim == 0,
        f"return one number, the mean over the batch; got the shape {tuple(returned.shape)}.",
    )
    expect(
        close(returned.detach(), 40),
        f"⟨a, x⟩ with ‖a‖ = 3 must cost λ(3 - 1)² = 40 for λ = 10; got {float(returned.detach()):.4g}.",
    )


def _penalty_centre(answer: Answer) -> None:
    returned = answer(_linear(_SLOPE), *_pair(4), 10.0, 0.0)
    expect(
        close(returned.detach(), 90),
        f"with the centre 0 it must cost λ 3² = 90; got {float(returned.detach()):.4g}.",
    )


def _penalty_one_sided(answer: Answer) -> None:
    flat, steep = (answer(_linear(s * _SLOPE), *_pair(4), 10.0, 1.0, True).detach() for s in (0.1, 1.0))
    expect(close(flat, 0), "one-sided: a slope of 0.3, below the centre, must cost nothing.")
    expect(close(steep, 40), "one-sided: a slope of 3 must cost as much as two-sided.")


def _penalty_pictures(answer: Answer) -> None:
    returned = answer(_linear(_SLOPE), *_pair(1, 2, 2), 10.0).detach()
    expect(
        close(returned, 40),
        f"the same numbers as pictures of 2 x 2 pixels must cost the same, 40; got {float(returned):.4g}. The norm is that of a"
        " whole sample, not of one pixel or row: flatten first.",
    )


def _penalty_points(answer: Answer) -> None:
    seen: list[Tensor] = []

    def spy(points: Tensor) -> Tensor:
        seen.append(points.detach().clone())
        return points.flatten(1) @ _SLOPE

    x, y = _pair(4)
    answer(spy, x, y, 1.0)
    t = (seen[-1] - y) / (x - y)
    expect(
        close(t, t[:, :1].expand(-1, 4), 1e-6) and t.min() >= -1e-9 and t.max() <= 1 + 1e-9,
        "the points do not lie on the segments between x and y: one number t from 0 to 1 for each pair.",
    )
    expect(t.std() > 0.1, "all pairs have the same t: draw one for each pair.")


def _penalty_trains(answer: Answer) -> None:
    x, y = _pair(4)
    weight = _SLOPE.clone().requires_grad_()
    penalty = answer(_linear(weight), x, y, 1.0)
    expect(
        penalty.requires_grad,
        "the penalty has no gradient in the critic's weights and would train nothing: `create_graph=True`.",
    )
    (returned,) = torch.autograd.grad(penalty, weight)
    # d/da (‖a‖ - 1)² = 2 (‖a‖ - 1) a/‖a‖.
    expect(
        close(returned, 2 * 2 * _SLOPE / 3), "the penalty's gradient in the critic's weights is not right."
    )


def _penalty_constant(answer: Answer) -> None:
    weight = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    (returned,) = torch.autograd.grad(answer(_linear(weight), *_pair(4), 1.0), weight)
    expect(
        torch.isfinite(returned).all(),
        "a constant critic gets the gradient NaN: the root of a sum of squares has none at 0. `norm` returns 0 there.",
    )


@EXERCISES.add("3", "The gradient penalty", minutes=15, difficulty="medium")
@judged_by(
    _penalty_linear,
    _penalty_centre,
    _penalty_one_sided,
    _penalty_pictures,
    _penalty_points,
    _penalty_trains,
    _penalty_constant,
)
def gradient_penalty(
    critic: Answer, x: Tensor, y: Tensor, lam: float, center: float = 1.0, one_sided: bool = False
) -> Tensor:
    r"""x, y: (batch, ...), critic: (batch, ...) -> (batch,).
    Return a tensor with one number.

    Return $\lambda\,\mathbb E\,(\|\nabla f(\hat x)\| - \text{center})^2$ at one random point
    $\hat x = t x + (1 - t) y$ between the samples of each pair; with `one_sided=True` smaller slopes than the
    centre cost nothing. Samples may be pictures, and a constant critic must get a gradient that is a number.

    Hint: `torch.autograd.grad(critic(points).sum(), points, create_graph=True)` gives all gradients at once.
    For pictures, t needs axes of length 1, and the gradient is flattened before its norm is taken.

    Shows: yours is right for linear critics, for pictures, and where the critic is constant.
    """
    t = torch.rand(len(x), *[1] * (x.ndim - 1), dtype=x.dtype)
    between = (t * x + (1 - t) * y).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    excess = gradient.flatten(1).norm(dim=1) - center
    if one_sided:
        excess = excess.clamp(min=0)
    penalty: Tensor = lam * excess.square().mean()
    return penalty


# ---------------------------------------------------------------- 4: what a perfect penalised critic says


def _estimate_value(answer: Answer) -> None:
    W, lam = sp.symbols("W lambda", positive=True)
    returned = sp.sympify(answer(W, lam))
    expect(
        isinstance(returned, sp.Expr), f"return an expression in W and λ, not a {type(returned).__name__}."
    )
    unknown = returned.free_symbols - {W, lam}
    expect(not unknown, f"the result still holds {', '.join(map(str, unknown))}: put the maximum's s in.")
    known = {
        W: "W itself is what the critic would say without a penalty, at slope 1.",
        1 + W / (2 * lam): "that is the slope s of the best critic. What does it say: f(0) - f(W)?",
        W
        + W**2
        / (4 * lam): "that is the largest gain, from which the penalty is already taken; the estimate is sW.",
        W**2 / (2 * lam): "that belongs to the centre 0; here slopes of 1 are free.",
    }
    for expression, reason in known.items():
        expect(sp.simplify(returned - expression) != 0, reason)
    for value, weight in np.random.default_rng(0).uniform(0.1, 10, size=(10, 2)):
        numbers = {W: value, lam: weight}
        estimate = value + value**2 / (2 * weight)
        got = complex(returned.subs(numbers))
        expect(
            abs(got - estimate) < 1e-9 * estimate,
            f"for W = {value:.2f} and λ = {weight:.2f} the estimate is {estimate:.3f}; yours is {got.real:.3f}.",
        )


@EXERCISES.add("4", "What a perfect penalised critic says", minutes=10, difficulty="easy")
@judged_by(_estimate_value)
def penalised_estimate(W: sp.Symbol, lam: sp.Symbol) -> sp.Expr:
    r"""W, lam: positive sympy symbols -> an expression in them

    Two point masses are $W$ apart, real at 0 and generated at $W$. A critic that falls with slope $s$ between
    them gains $sW - \lambda (s - 1)^2$. Find the best $s$ with sympy and return what that critic says the
    distance is, $f(0) - f(W)$.

    Hint: `sp.solve(sp.diff(gain, s), s)` gives the best slope. The penalty is no part of the estimate.

    Shows: the estimate is W + W²/(2λ): too large even for the best critic there is.
    """
    s = sp.Symbol("s", real=True)
    gain = s * W - lam * (s - 1) ** 2
    (slope,) = sp.solve(sp.diff(gain, s), s)
    return sp.expand(slope * W)


# ---------------------------------------------------------------- 5: the false optimum


def _theta_one(answer: Answer) -> None:
    returned = _number(answer(1, 5, 200))
    expect(
        abs(returned) <= 0.1,
        f"for batches of one the best θ is 0, since 𝔼‖x - θz‖ grows with θ; got {returned:.2f}.",
    )


def _theta_below_one(answer: Answer) -> None:
    returned = _number(answer(16, 10, 20))
    expect(
        returned > 0.1,
        f"for n = 16 and d = 10 the best θ is near 0.45; got {returned:.2f}. Is each x matched with the best z?",
    )
    expect(
        returned < 0.9, f"for n = 16 and d = 10 the best θ is near 0.45, not the truth; got {returned:.2f}."
    )


def _theta_exact(answer: Answer) -> None:
    for n, d, repeats, best in ((4, 2, 200, 0.45), (16, 2, 60, 0.8), (16, 10, 40, 0.45)):
        returned = _number(answer(n, d, repeats))
        expect(
            abs(returned - best) <= 0.16,
            f"for n = {n} and d = {d} the best θ is {best} ± 0.1; got {returned:.2f}. Each batch is matched as a whole, and"
            " the mean over many draws is taken before the least is sought.",
        )


def _theta_of_lengths(answer: Answer) -> None:
    # Squares of the lengths no check can tell from lengths by θ: their least is 0.02 further on at most, for any n and d.
    returned = _number(answer(8, 52, 400))
    expect(
        abs(returned - 0.15) < 0.03,
        f"for n = 8 and d = 52 the best θ is 0.15; got {returned:.2f}. Sums of the coordinates' distances, cityblock's, would"
        " give 0.20. Or are x and z drawn anew for each θ? Then what differs between two θ is mostly the draw.",
    )


@EXERCISES.add("5", "The false optimum", minutes=20, difficulty="hard")
@judged_by(_theta_one, _theta_below_one, _theta_exact, _theta_of_lengths)
def theta_star(n: int, d: int, repeats: int = 50, seed: int = 0) -> float:
    """Return a number.

    Data are N(0, I) in $d$ dimensions, a generator makes N(0, θ² I). Return the θ that minimises the mean
    $W_1$ of a batch of $n$ from each, over `repeats` draws, among 0, 0.05, …, 1.3.

    Hint: Draw x and z once and use them for every θ: differences then are far less noisy. `cdist` and
    `scipy.optimize.linear_sum_assignment` give the distance of two batches.

    Shows: a generator that minimises batch distances perfectly spreads too little, the less the smaller its
    batches are.
    """
    rng = np.random.default_rng(seed)
    thetas = np.arange(0, 1.31, 0.05)
    total = np.zeros(len(thetas))
    for _ in range(repeats):
        x, z = rng.normal(size=(2, n, d))
        for i, theta in enumerate(thetas):
            C = cdist(x, theta * z)
            total[i] += C[linear_sum_assignment(C)].mean()
    return float(thetas[total.argmin()])


# ---------------------------------------------------------------- 6: the bias of a batch


def _gaussian(dim: int, seed: int = 0) -> Callable[[int], np.ndarray]:
    rng = np.random.default_rng(seed)
    return lambda n: rng.normal(size=(n, dim))


def _bias_not_zero(answer: Answer) -> None:
    returned = _number(answer(_gaussian(3), 8, 20))
    expect(
        returned > 0.1,
        "two batches of one distribution are not at distance 0: draw a second batch, of its own.",
    )


def _bias_single(answer: Answer) -> None:
    returned, distance = _number(answer(_gaussian(1), 1, 4000)), 2 / math.sqrt(math.pi)
    expect(
        abs(returned - distance) < 0.07,
        f"two single points of N(0, 1) are 2/√π = {distance:.3f} apart on average; got {returned:.3f}.",
    )


def _bias_exact(answer: Answer) -> None:
    for n, dim in ((16, 3), (32, 5)):
        returned = _number(answer(_gaussian(dim), n, 40))
        samples = theory.batch_distances([1.0], n, dim, 60, seed=1)[:, 0]
        error = samples.std() * math.sqrt(1 / 40 + 1 / 60)
        expect(
            abs(returned - samples.mean()) < 4 * error,
            f"batches of {n} from N(0, I) in {dim} dimensions are {samples.mean():.2f} apart on average; got {returned:.2f}."
            " Is it the mean distance of optimally matched points?",
        )


def _bias_falls(answer: Answer) -> None:
    returned = [_number(answer(_gaussian(2), n, 60)) for n in (2, 8, 32)]
    expect(returned[0] > returned[1] > returned[2], "the bias must fall as batches grow.")


def _bias_digits(answer: Answer) -> None:
    points = load_images("digits", "train").images.flatten(1).numpy() / 255
    rng = np.random.default_rng(0)

    def draw(n: int) -> np.ndarray:
        chosen: np.ndarray = points[rng.choice(len(points), n, replace=False)]
        return chosen

    real = _number(answer(draw, 64, 10))
    centres = k_means(points, 64)
    blurred = np.mean([wasserstein_1(draw(64), centres).value for _ in range(10)])
    expect(
        real > blurred,
        f"on digits, batches of 64 real ones are farther apart than from 64 cluster centres, {blurred:.2f}; got {real:.2f}.",
    )


@EXERCISES.add("6", "How far is a distribution from itself?", minutes=12, difficulty="medium")
@judged_by(_bias_not_zero, _bias_single, _bias_exact, _bias_falls, _bias_digits)
def batch_bias(draw: Callable[[int], np.ndarray], n: int, repeats: int = 20) -> float:
    """Return a number.

    `draw(n)` gives n fresh samples, an array (n, dim). Return the mean $W_1$ of two batches of n, over
    `repeats` pairs. The distance of a distribution from itself is 0; what you return is the bias of a batch.

    Hint: Call `draw` twice for each pair, and match the two batches with `linear_sum_assignment`.

    Shows: 64 real digits are farther from 64 others than 64 cluster centres are: a judge of batches prefers
    blur.
    """
    distances = []
    for _ in range(repeats):
        C = cdist(draw(n), draw(n))
        distances.append(C[linear_sum_assignment(C)].mean())
    return float(np.mean(distances))
