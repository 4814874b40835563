"""The mathematics of the lesson, exact and slow: divergences, duality, penalties, and what a batch prefers.

The notebook derives with these functions, and the tests hold the fast code of this room against them. They follow Su
Jianlin, 《WGAN的成功，可能跟Wasserstein距离没啥关系》 (kexue.fm/archives/8244), and Stanczuk et al., arXiv 2103.01678.

P is the real distribution, Q the generated one. Discrete problems have a cost matrix C with a row for each point of P
and a column for each of Q, and weights a and b. Formulas take numbers or sympy expressions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import scipy.sparse
import sympy as sp
from jaxtyping import Float64
from scipy.optimize import linear_sum_assignment, linprog
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from sjedu.checks import check_count, check_not_negative, check_positive

Number: TypeAlias = int | float | np.number[Any]
Scalar: TypeAlias = int | float | np.number[Any] | sp.Expr
#: Anything that numpy.asarray makes real numbers of.
ArrayLike: TypeAlias = np.ndarray | Sequence[Any]

t = sp.Symbol("t", positive=True)

# ---------------------------------------------------------------- divergences that do not see distance


#: f-divergences ``D_f = Σ q f(p/q)``, by their f(t).
F_DIVERGENCES: dict[str, sp.Expr] = {
    "Kullback-Leibler": t * sp.log(t),
    "reverse Kullback-Leibler": -sp.log(t),
    "Jensen-Shannon": (t * sp.log(2 * t / (1 + t)) + sp.log(2 / (1 + t))) / 2,
    "total variation": sp.Abs(t - 1) / 2,
    "squared Hellinger": (sp.sqrt(t) - 1) ** 2 / 2,
    "Pearson": (t - 1) ** 2,
}


def gan_integrand(D: Scalar, p: Scalar, q: Scalar) -> sp.Expr:
    """Return what a discriminator D gains at one point: ``p log D + q log(1 - D)``."""
    return p * sp.log(D) + q * sp.log(1 - D)


def optimal_discriminator(p: sp.Symbol, q: sp.Symbol) -> sp.Expr:
    """Return the D with the largest `gan_integrand`, from the one zero of its derivative: ``p/(p + q)``."""
    D = sp.Symbol("D", positive=True)
    (solution,) = sp.solve(sp.diff(gan_integrand(D, p, q), D), D)
    return sp.simplify(solution)


def jensen_shannon_integrand(p: Scalar, q: Scalar) -> sp.Expr:
    """Return the Jensen-Shannon divergence's share of one point, ``(p log(p/m) + q log(q/m))/2``, m = (p + q)/2."""
    m = (p + q) / 2
    return (p * sp.log(p / m) + q * sp.log(q / m)) / 2


def f_divergence(name: str, p: ArrayLike, q: ArrayLike) -> float:
    """Return ``Σ q f(p/q)``, with the limits where one of the two vanishes; it may be infinite.

    Where q = 0 the term is ``p lim f(t)/t`` for t to infinity, where p = 0 it is ``q f(0)``.

    Raises:
        ValueError: if there is no such divergence, or p and q are not probabilities on the same points.
    """
    if name not in F_DIVERGENCES:
        raise ValueError(f"name: got {name!r}; expected one of {', '.join(F_DIVERGENCES)}")
    first, second = _probabilities("p", p), _probabilities("q", q)
    if first.shape != second.shape:
        raise ValueError(f"p and q: got {len(first)} and {len(second)} points; expected as many")
    f = sp.lambdify(t, F_DIVERGENCES[name], "numpy")
    both = (first > 0) & (second > 0)
    at_zero, at_infinity = _limits(name)
    total = float((second[both] * f(first[both] / second[both])).sum())
    for mass, limit in ((second[first == 0].sum(), at_zero), (first[second == 0].sum(), at_infinity)):
        total += mass * limit if mass else 0.0
    return total


def disjoint_value(name: str) -> sp.Expr:
    """Return the divergence of any P and Q with disjoint supports, ``f(0) + lim f(t)/t``, however far apart they are.

    Raises:
        ValueError: if there is no such divergence.
    """
    if name not in F_DIVERGENCES:
        raise ValueError(f"name: got {name!r}; expected one of {', '.join(F_DIVERGENCES)}")
    f = F_DIVERGENCES[name]
    return sp.simplify(sp.limit(f, t, 0, "+") + sp.limit(f / t, t, sp.oo))


def shifted_uniforms(theta: Scalar) -> tuple[sp.Expr, sp.Expr]:
    """Return Jensen-Shannon divergence and ``W₁`` of U[0, 1] and U[θ, 1 + θ].

    Where the two overlap, densities are equal and add nothing. The rest has the mass |θ| on either side, at most 1.
    ``W₁`` is the integral of the quantiles' distance, `quantile_distance`.
    """
    apart = sp.Abs(theta)
    u = sp.Symbol("u")
    return sp.log(2) * sp.Min(apart, 1), quantile_distance(u, u + theta, u)


def quantile_distance(first: sp.Expr, second: sp.Expr, u: sp.Symbol) -> sp.Expr:
    """Return ``W₁ = ∫₀¹ |F⁻¹(u) - G⁻¹(u)| du`` of two distributions on the line, from their quantile functions."""
    apart = sp.Abs(sp.simplify(first - second))
    # Sympy would split a constant with an unknown sign into cases.
    return sp.integrate(apart, (u, 0, 1)) if apart.has(u) else apart


# ---------------------------------------------------------------- duality, by linear programming


class Primal(NamedTuple):
    """The least cost and a plan that has it."""

    value: float
    plan: Float64[np.ndarray, "n m"]


class Dual(NamedTuple):
    """The largest ``Σ a f + Σ b g`` under ``f_i + g_j ≤ C_ij``, and such a pair."""

    value: float
    f: Float64[np.ndarray, " n"]
    g: Float64[np.ndarray, " m"]


class Critic(NamedTuple):
    """The largest ``Σ (a - b) h`` under ``h_i - h_j ≤ D_ij``, and such an h."""

    value: float
    h: Float64[np.ndarray, " points"]


def primal(C: ArrayLike, a: ArrayLike, b: ArrayLike) -> Primal:
    """Return Kantorovich's problem as it stands: nm unknowns ``γ_ij ≥ 0``, n + m equalities.

    Raises:
        ValueError: if C is not a matrix of finite numbers, or a and b are not probabilities of its size.
    """
    cost, left, right = _problem(C, a, b)
    n, m = cost.shape
    rows = scipy.sparse.kron(scipy.sparse.eye(n), np.ones((1, m)))
    columns = scipy.sparse.kron(np.ones((1, n)), scipy.sparse.eye(m))
    solved = linprog(
        cost.ravel(), A_eq=scipy.sparse.vstack([rows, columns]), b_eq=np.r_[left, right], method="highs"
    )
    return Primal(float(solved.fun), solved.x.reshape(n, m))


def dual(C: ArrayLike, a: ArrayLike, b: ArrayLike) -> Dual:
    """Return the dual: n + m unknowns of any sign, one for each equality, and nm inequalities ``f_i + g_j ≤ C_ij``."""
    cost, left, right = _problem(C, a, b)
    n, m = cost.shape
    sums = scipy.sparse.hstack(
        [
            scipy.sparse.kron(scipy.sparse.eye(n), np.ones((m, 1))),
            scipy.sparse.kron(np.ones((n, 1)), scipy.sparse.eye(m)),
        ]
    )
    # f + a constant and g - the constant are as good: the bound picks one.
    bounds = [(0.0, 0.0), *[(None, None)] * (n + m - 1)]
    solved = linprog(-np.r_[left, right], A_ub=sums, b_ub=cost.ravel(), bounds=bounds, method="highs")
    return Dual(-float(solved.fun), solved.x[:n], solved.x[n:])


def kantorovich_rubinstein(D: ArrayLike, a: ArrayLike, b: ArrayLike) -> Critic:
    """Return the dual with one function: ``max Σ (a_i - b_i) h_i`` over h with ``h_i - h_j ≤ D_ij``.

    Here P and Q live on the same points, the union of their supports, whose distances are D.

    Raises:
        ValueError: if D is not a square matrix of finite numbers, or a and b are not probabilities of its size.
    """
    distances, left, right = _problem(D, a, b)
    size = len(distances)
    if distances.shape != (size, size):
        raise ValueError(
            f"D: got the shape {distances.shape}; expected a square, distances of the same points"
        )
    differences = scipy.sparse.kron(scipy.sparse.eye(size), np.ones((size, 1))) - scipy.sparse.kron(
        np.ones((size, 1)), scipy.sparse.eye(size)
    )
    bounds = [(0.0, 0.0), *[(None, None)] * (size - 1)]
    solved = linprog(right - left, A_ub=differences, b_ub=distances.ravel(), bounds=bounds, method="highs")
    return Critic(-float(solved.fun), solved.x)


# ---------------------------------------------------------------- transforms


def c_transform(C: ArrayLike, f: ArrayLike) -> Float64[np.ndarray, " m"]:
    """Return ``f^c_j = min_i [C_ij - f_i]``.

    Raises:
        ValueError: if C is not a matrix of finite numbers, or f has not a finite number for each row.
    """
    cost = _finite("C", C, 2)
    values = _vector("f", f, len(cost))
    return np.asarray((cost - values[:, None]).min(axis=0))


def soft_c_transform(C: ArrayLike, f: ArrayLike, epsilon: Number, a: ArrayLike) -> Float64[np.ndarray, " m"]:
    """Return ``f^{c,ε}_j = -ε log Σ_i a_i exp((f_i - C_ij)/ε)``.

    Raises:
        TypeError: if ε is no number.
        ValueError: as `c_transform`, or if ε is not positive, or a is no probability of a weight for each row.
    """
    cost = _finite("C", C, 2)
    values, weights = _vector("f", f, len(cost)), _vector("a", _probabilities("a", a), len(cost))
    check_positive("epsilon", epsilon)
    exponent = (values[:, None] - cost) / float(epsilon)
    return np.asarray(-float(epsilon) * logsumexp(exponent, axis=0, b=weights[:, None]))


def lipschitz_constant(values: ArrayLike, D: ArrayLike) -> float:
    """Return the largest ``|v_i - v_j| / D_ij`` over points that are apart.

    Raises:
        ValueError: if D is not a square matrix of finite numbers, or there is not a value for each point.
    """
    distances = _finite("D", D, 2)
    numbers = _vector("values", values, len(distances))
    apart = distances > 0
    return float((np.abs(numbers[:, None] - numbers)[apart] / distances[apart]).max(initial=0.0))


# ---------------------------------------------------------------- entropic transport


class Entropic(NamedTuple):
    """The least ``⟨C, γ⟩ + ε KL(γ ‖ a ⊗ b)``, its plan, and the optimal pair of its dual."""

    value: float
    plan: Float64[np.ndarray, "n m"]
    f: Float64[np.ndarray, " n"]
    g: Float64[np.ndarray, " m"]


def entropic_stationary(E: sp.Symbol, epsilon: sp.Symbol) -> sp.Expr:
    """Return the g at which the entropic dual is stationary: ``-ε log E`` with ``E = 𝔼_x exp((f(x) - d)/ε)``.

    The dual holds, for each y, ``g - ε (E e^{g/ε} - 1)``.
    """
    g = sp.Symbol("g", real=True)
    (solution,) = sp.solve(sp.diff(g - epsilon * (E * sp.exp(g / epsilon) - 1), g), g)
    return sp.expand_log(solution, force=True)


def entropic(
    C: ArrayLike,
    epsilon: Number,
    a: ArrayLike,
    b: ArrayLike,
    *,
    tolerance: float = 1e-12,
    most: int = 100_000,
) -> Entropic:
    """Return entropic transport by Sinkhorn's iteration, that is (c, ε)-transforms to and fro until the marginals fit.

    Raises:
        TypeError: if ε is no number.
        ValueError: as `primal`, or if ε is not positive or a weight is 0.
        RuntimeError: if the marginals do not fit after so many iterations.
    """
    cost, left, right = _problem(C, a, b)
    check_positive("epsilon", epsilon)
    if min(left.min(), right.min()) == 0:
        raise ValueError("a and b: a weight is 0; leave out the points without weight")
    f = np.zeros(len(left))
    for _ in range(most):
        g = soft_c_transform(cost, f, epsilon, left)
        plan = np.exp((f[:, None] + g - cost) / float(epsilon)) * left[:, None] * right
        if np.abs(plan.sum(axis=1) - left).max() < tolerance:
            return Entropic(float(left @ f + right @ g), plan, f, g)
        f = soft_c_transform(cost.T, g, epsilon, right)
    raise RuntimeError(
        f"the marginals do not fit after {most} iterations; epsilon = {epsilon} is small for these costs"
    )


# ---------------------------------------------------------------- what a constraint does to the estimate


def clipping_bound(widths: Sequence[int], bound: Scalar) -> Scalar:
    """Return ``Π bound √(inputs · outputs)``, what a clipped perceptron of these widths can stretch at most.

    A matrix with entries up to ``bound`` has a spectral norm of ``bound √(mn)`` at most, its Frobenius norm.

    Raises:
        TypeError: if the bound is no number.
        ValueError: if there are not two widths, or one is not positive, or the bound is not.
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths: got {list(widths)}; expected two positive numbers at least")
    _check_scalar(check_positive, "bound", bound)
    product = math.prod(m * n for m, n in pairwise(widths))
    root = sp.sqrt(product) if isinstance(bound, sp.Basic) else math.sqrt(product)
    return bound ** (len(widths) - 1) * root


def penalised_objective(s: Scalar, W: Scalar, weight: Scalar, centre: Scalar = 1) -> Scalar:
    """Return ``s W - λ (s - centre)²``: what the critic ``s f*`` gains, less its penalty, if ``‖∇f*‖ = 1`` throughout.

    So it is for two point masses and for translations, where all interpolates lie on lines of transport.
    """
    return s * W - weight * (s - centre) ** 2


def penalised_optimum(W: Scalar, weight: Scalar, centre: Scalar = 1) -> tuple[Scalar, Scalar]:
    """Return the slope ``s = centre + W/(2λ)`` at the maximum of `penalised_objective`, and the estimate ``s W`` there.

    With centre 1 the estimate is ``W + W²/(2λ)``, one-sided or not; with centre 0 it is ``W²/(2λ)``.

    Raises:
        TypeError: if W or λ is neither a number nor an expression.
        ValueError: if W or λ is a number that is not positive.
    """
    _check_scalar(check_positive, "W", W)
    _check_scalar(check_positive, "weight", weight)
    s = centre + W / (2 * weight)
    return s, s * W


# ---------------------------------------------------------------- what a batch prefers


def mean_norm(d: Scalar, sigma: Scalar = 1) -> sp.Expr:
    """Return ``𝔼‖x‖`` of ``x ~ N(0, σ² I_d)``: ``σ √2 Γ((d+1)/2) / Γ(d/2)``, by integrals over the radius."""
    r = sp.Symbol("r", positive=True)
    density = r ** (d - 1) * sp.exp(-(r**2) / (2 * sp.sympify(sigma) ** 2))
    mass, moment = (sp.integrate(r**k * density, (r, 0, sp.oo), conds="none") for k in (0, 1))
    return sp.gammasimp(sp.simplify(moment / mass))


def single_sample_cost(theta: Scalar) -> sp.Expr:
    """Return ``𝔼‖x - θz‖ / 𝔼‖x‖`` for independent x, z ~ N(0, I): ``√(1 + θ²)``, in every dimension.

    It is the expected distance of two batches of one, the data's and the generator's N(0, θ² I), in units of its
    least value: the generator that always says 0. ``x - θz`` is N(0, (1 + θ²) I).
    """
    d = sp.Symbol("d", positive=True)
    theta = sp.sympify(theta)
    sigma = sp.Symbol("sigma", positive=True)
    ratio = sp.simplify(mean_norm(d, sigma) / mean_norm(d))
    return ratio.subs(sigma, sp.sqrt(1 + theta**2))


def oracle_deviation(variance_x: Scalar, variance_y: Scalar, n: Scalar) -> Scalar:
    """Return the standard deviation of ``mean f*(x_i) - mean f*(y_j)``, n samples each: free of the dimension.

    The variances are those of f*(x) and f*(y) for the population's optimal f*.

    Raises:
        TypeError: if an argument is neither a number nor an expression.
        ValueError: if a variance is a negative number, or n one that is not positive.
    """
    _check_scalar(check_not_negative, "variance_x", variance_x)
    _check_scalar(check_not_negative, "variance_y", variance_y)
    _check_scalar(check_positive, "n", n)
    root = sp.sqrt if any(isinstance(v, sp.Basic) for v in (variance_x, variance_y, n)) else math.sqrt
    return root((variance_x + variance_y) / n)


#: Where `theta_star` looks.
THETAS = np.round(np.arange(0, 1.3001, 0.05), 2)


def batch_distances(
    thetas: ArrayLike, n: int, d: int, repeats: int, seed: int = 0
) -> Float64[np.ndarray, "repeats thetas"]:
    """Return ``W₁`` of n samples of N(0, I_d) and n of N(0, θ² I_d), for each θ and each of some draws.

    A draw is shared by all θ, so that their differences are far less noisy than the distances themselves.

    Raises:
        TypeError: if n, d or repeats is no whole number.
        ValueError: if n, d or repeats is not positive, or thetas are not finite numbers.
    """
    for name, value in (("n", n), ("d", d), ("repeats", repeats)):
        check_count(name, value)
    scales = _finite("thetas", thetas, 1)
    rng = np.random.default_rng(seed)
    x, z = rng.standard_normal((2, repeats, n, d))
    if n == 1:
        return np.asarray(np.linalg.norm(x - scales[:, None] * z, axis=-1))
    return np.array([[_assigned(cdist(x[i], scale * z[i])) for scale in scales] for i in range(repeats)])


def expected_batch_distance(
    thetas: ArrayLike, n: int, d: int, repeats: int, seed: int = 0
) -> Float64[np.ndarray, " thetas"]:
    """Return the mean of `batch_distances` over the draws: ``L_n(θ)``; errors as there."""
    return np.asarray(batch_distances(thetas, n, d, repeats, seed).mean(axis=0))


def theta_star(n: int, d: int, repeats: int, seed: int = 0, thetas: ArrayLike = THETAS) -> float:
    """Return the θ at which the expected batch distance is least; 1 would be the truth. Errors as `batch_distances`."""
    curve = expected_batch_distance(thetas, n, d, repeats, seed)
    return float(np.asarray(thetas)[curve.argmin()])


def _assigned(C: np.ndarray) -> float:
    return float(C[linear_sum_assignment(C)].mean())


# ---------------------------------------------------------------- what arguments must be


@cache
def _limits(name: str) -> tuple[float, float]:
    f = F_DIVERGENCES[name]
    return float(sp.limit(f, t, 0, "+")), float(sp.limit(f / t, t, sp.oo))


def _finite(name: str, value: ArrayLike, ndim: int) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)
    if array.ndim != ndim or not array.size:
        raise ValueError(f"{name}: got the shape {array.shape}; expected {ndim} axes, none of length 0")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got NaN or infinity; expected finite numbers")
    return array


def _vector(name: str, value: ArrayLike, size: int) -> np.ndarray:
    array = _finite(name, value, 1)
    if len(array) != size:
        raise ValueError(f"{name}: got the shape {array.shape}; expected ({size},)")
    return array


def _probabilities(name: str, value: ArrayLike) -> np.ndarray:
    array = _finite(name, value, 1)
    if array.min() < 0 or abs(array.sum() - 1) > 1e-9:
        raise ValueError(
            f"{name}: got weights from {array.min():.3g} with the sum {array.sum():.6g}; expected none negative, sum 1"
        )
    return array


def _problem(C: ArrayLike, a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cost, left, right = _finite("C", C, 2), _probabilities("a", a), _probabilities("b", b)
    if cost.shape != (len(left), len(right)):
        raise ValueError(
            f"C: got the shape {cost.shape}; expected ({len(left)}, {len(right)}), as the weights"
        )
    return cost, left, right


def _check_scalar(check: Callable[[str, object], None], name: str, value: Scalar) -> None:
    """Check a number; of an expression it is not known what it stands for."""
    if not isinstance(value, sp.Basic):
        check(name, value)
