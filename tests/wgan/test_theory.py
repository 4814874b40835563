"""The mathematics: each formula against another way to compute it."""

import math

import numpy as np
import ot
import pytest
import scipy.integrate
import scipy.stats
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from sjedu.wgan import theory

SEEDS = st.integers(0, 2**32 - 1)
p, q = sp.symbols("p q", positive=True)


def vanishes(expression):
    return sp.simplify(sp.expand_log(sp.simplify(expression), force=True)) == 0


# ---------------------------------------------------------------- divergences


def test_the_best_discriminator_and_its_value():
    D = theory.optimal_discriminator(p, q)
    assert vanishes(D - p / (p + q))
    d = sp.Symbol("d", positive=True)
    second = sp.diff(theory.gan_integrand(d, p, q), d, 2)
    assert second.subs(d, D).simplify().is_negative
    # 2 JS - 2 log 2, where the densities of both integrate to 1.
    value = theory.gan_integrand(D, p, q) - 2 * theory.jensen_shannon_integrand(p, q) + sp.log(2) * (p + q)
    assert vanishes(value)


@pytest.mark.parametrize("name", theory.F_DIVERGENCES)
def test_f_divergences_vanish_at_equality_and_are_convex(name):
    same = [0.2, 0.5, 0.3]
    assert math.isclose(theory.f_divergence(name, same, same), 0, abs_tol=1e-15)
    f = theory.F_DIVERGENCES[name]
    if name != "total variation":
        curvature = sp.lambdify(theory.t, sp.diff(f, theory.t, 2), "numpy")
        assert np.all(curvature(np.geomspace(1e-3, 1e3, 50)) > 0)


@given(SEEDS)
def test_f_divergences_are_what_scipy_computes(seed):
    first, second = np.random.default_rng(seed).dirichlet(np.ones(5), size=2)
    kl = scipy.stats.entropy(first, second)
    assert math.isclose(theory.f_divergence("Kullback-Leibler", first, second), kl, rel_tol=1e-9)
    assert math.isclose(theory.f_divergence("reverse Kullback-Leibler", second, first), kl, rel_tol=1e-9)
    middle = (first + second) / 2
    js = (scipy.stats.entropy(first, middle) + scipy.stats.entropy(second, middle)) / 2
    assert math.isclose(theory.f_divergence("Jensen-Shannon", first, second), js, rel_tol=1e-9, abs_tol=1e-14)
    tv = np.abs(first - second).sum() / 2
    assert math.isclose(
        theory.f_divergence("total variation", first, second), tv, rel_tol=1e-9, abs_tol=1e-14
    )


@pytest.mark.parametrize("name", theory.F_DIVERGENCES)
def test_disjoint_supports_have_one_value(name):
    wanted = float(theory.disjoint_value(name))
    for first, second in (([1, 0, 0], [0, 1, 0]), ([0.5, 0.5, 0], [0, 0, 1])):
        assert theory.f_divergence(name, first, second) == pytest.approx(wanted)


def test_disjoint_values():
    assert theory.disjoint_value("Jensen-Shannon") == sp.log(2)
    assert theory.disjoint_value("total variation") == 1
    assert theory.disjoint_value("Kullback-Leibler") == sp.oo


@pytest.mark.parametrize(
    "shift", [sp.Rational(-3), sp.Rational(-1, 3), 0, sp.Rational(1, 4), 1, sp.Rational(5, 2)]
)
def test_shifted_uniforms(shift):
    js, w1 = theory.shifted_uniforms(shift)
    assert w1 == abs(shift)
    x = np.linspace(-4, 5, 90_001)
    first, second = ((low <= x) & (x < low + 1) for low in (0, float(shift)))
    middle = (first / 1 + second) / 2
    parts = [np.where(d, np.log(1 / np.where(d, middle, 1)), 0) / 2 for d in (first, second)]
    assert float(js) == pytest.approx(scipy.integrate.trapezoid(sum(parts), x), abs=1e-3)


def test_shifted_uniforms_with_a_symbol():
    theta = sp.Symbol("theta", real=True)
    js, w1 = theory.shifted_uniforms(theta)
    assert sp.simplify(w1 - sp.Abs(theta)) == 0
    # Once they are apart the divergence has no slope, the distance has.
    assert sp.diff(js.subs(sp.Abs(theta), 2 + p), p) == 0
    assert sp.diff(w1.subs(theta, 2 + p), p) == 1


# ---------------------------------------------------------------- duality


def random_problem(n, m, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 3)), rng.normal(size=(m, 3))
    return x, y, rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))


@pytest.mark.parametrize(("n", "m", "seed"), [(12, 15, 0), (1, 4, 1), (6, 6, 2)])
def test_primal_dual_and_kantorovich_rubinstein_agree(n, m, seed):
    x, y, a, b = random_problem(n, m, seed)
    C, union = cdist(x, y), np.r_[x, y]
    value = theory.primal(C, a, b).value
    assert value == pytest.approx(ot.emd2(a, b, C), abs=1e-12)
    other = theory.dual(C, a, b)
    assert other.value == pytest.approx(value, abs=1e-9)
    assert (other.f[:, None] + other.g <= C + 1e-9).all()
    one = theory.kantorovich_rubinstein(cdist(union, union), np.r_[a, 0 * b], np.r_[0 * a, b])
    assert one.value == pytest.approx(value, abs=1e-9)
    # h is its own negative's transform on the union: h^c = -h.
    np.testing.assert_allclose(theory.c_transform(cdist(union, union), one.h), -one.h, atol=1e-9)


@given(SEEDS)
def test_transform_facts(seed):
    x, y, _, _ = random_problem(7, 9, seed)
    C = cdist(x, y)
    f = np.random.default_rng(seed).normal(size=7)
    once = theory.c_transform(C, f)
    twice = theory.c_transform(C.T, once)
    assert (twice >= f - 1e-12).all()
    np.testing.assert_allclose(theory.c_transform(C, twice), once, atol=1e-12)
    assert theory.lipschitz_constant(once, cdist(y, y)) <= 1 + 1e-9


def test_lipschitz_functions_are_their_own_transforms():
    x = np.random.default_rng(0).normal(size=(20, 3))
    D = cdist(x, x)
    flat = np.sin(x[:, 0])  # slope at most 1
    np.testing.assert_allclose(theory.c_transform(D, flat), -flat, atol=1e-12)
    steep = 3 * x[:, 0]
    assert np.abs(theory.c_transform(D, steep) + steep).max() > 1
    assert theory.lipschitz_constant(steep, D) > 1


# ---------------------------------------------------------------- entropic transport


def test_entropic_stationarity():
    E, epsilon, g = sp.symbols("E epsilon g", positive=True)
    found = theory.entropic_stationary(E, epsilon)
    assert vanishes(found + epsilon * sp.log(E))
    # There the last term of the dual vanishes.
    assert sp.simplify((E * sp.exp(g / epsilon) - 1).subs(g, found)) == 0


@pytest.mark.parametrize("epsilon", [0.05, 0.5, 5.0])
def test_entropic_transport_is_pots_and_lies_above_the_distance(epsilon):
    x, y, a, b = random_problem(6, 8)
    C = cdist(x, y)
    found = theory.entropic(C, epsilon, a, b)
    np.testing.assert_allclose(found.plan.sum(axis=0), b, atol=1e-11)
    np.testing.assert_allclose(found.plan.sum(axis=1), a, atol=1e-11)
    kl = (found.plan * np.log(found.plan / np.outer(a, b))).sum()
    assert found.value == pytest.approx((found.plan * C).sum() + epsilon * kl, abs=1e-9)
    peer = ot.sinkhorn(a, b, C, epsilon, method="sinkhorn_log", stopThr=1e-13, numItermax=100_000)
    np.testing.assert_allclose(found.plan, peer, atol=1e-10)
    assert found.value >= theory.primal(C, a, b).value


def test_entropic_transport_tells_when_it_does_not_converge():
    x, y, a, b = random_problem(6, 8)
    with pytest.raises(RuntimeError, match="do not fit after 3 iterations"):
        theory.entropic(cdist(x, y), 0.01, a, b, most=3)


# ---------------------------------------------------------------- constraints


def test_penalised_optimum_is_the_maximum():
    W, weight, s, centre = sp.symbols("W lambda s centre", positive=True)
    slope, estimate = theory.penalised_optimum(W, weight, centre)
    objective = theory.penalised_objective(s, W, weight, centre)
    assert sp.simplify(sp.diff(objective, s).subs(s, slope)) == 0
    assert sp.diff(objective, s, 2).is_negative
    assert sp.simplify(estimate - (centre * W + W**2 / (2 * weight))) == 0
    assert sp.simplify(theory.penalised_optimum(W, weight, 0)[1] - W**2 / (2 * weight)) == 0


@given(st.floats(0.01, 10), st.floats(0.01, 100), st.sampled_from([0.0, 1.0]))
def test_penalised_optimum_in_numbers(W, weight, centre):
    slope, estimate = theory.penalised_optimum(W, weight, centre)
    best = theory.penalised_objective(slope, W, weight, centre)
    for other in slope + np.array([-1e-3, 1e-3]):
        assert theory.penalised_objective(other, W, weight, centre) <= best + 1e-12
    assert math.isclose(estimate, centre * W + W**2 / (2 * weight), rel_tol=1e-12)


def test_clipping_bound():
    assert theory.clipping_bound((2, 128, 128, 1), 1.0) == pytest.approx(23170.475)
    c = sp.Symbol("c", positive=True)
    assert sp.simplify(theory.clipping_bound((2, 128, 128, 1), c) / c**3) == 16384 * sp.sqrt(2)
    rng = np.random.default_rng(0)
    for _ in range(20):
        matrix = rng.uniform(-0.3, 0.3, size=(4, 7))
        assert np.linalg.norm(matrix, 2) <= theory.clipping_bound((7, 4), 0.3)
    # It is reached when every weight sits at the bound.
    assert np.linalg.norm(np.full((4, 7), 0.3), 2) == pytest.approx(theory.clipping_bound((7, 4), 0.3))


# ---------------------------------------------------------------- batches


def test_mean_norm():
    d = sp.Symbol("d", positive=True)
    wanted = sp.sqrt(2) * sp.gamma((d + 1) / 2) / sp.gamma(d / 2)
    assert sp.simplify(theory.mean_norm(d) - wanted) == 0
    for dim in (1, 2, 7):
        assert float(theory.mean_norm(dim)) == pytest.approx(scipy.stats.chi(dim).mean())


def test_single_sample_cost():
    theta = sp.Symbol("theta", real=True)
    assert sp.simplify(theory.single_sample_cost(theta) - sp.sqrt(1 + theta**2)) == 0
    assert theory.single_sample_cost(0) == 1
    curve = theory.expected_batch_distance([0, 0.5, 1.0], 1, 3, repeats=20_000)
    wanted = float(theory.mean_norm(3)) * np.sqrt(1 + np.array([0, 0.25, 1]))
    np.testing.assert_allclose(curve, wanted, rtol=0.02)


def test_oracle_deviation():
    assert theory.oracle_deviation(1.0, 1.0, 64) == pytest.approx(0.17678, abs=1e-5)
    n = sp.Symbol("n", positive=True)
    assert sp.simplify(theory.oracle_deviation(1, 1, n) - sp.sqrt(2 / n)) == 0
    # The oracle of a shift by δ is the coordinate along it, with variance 1 in every dimension.
    rng = np.random.default_rng(0)
    sums = rng.normal(size=(4000, 64)).mean(axis=1) - rng.normal(1, size=(4000, 64)).mean(axis=1)
    assert sums.std() == pytest.approx(theory.oracle_deviation(1.0, 1.0, 64), rel=0.05)


def test_batch_distances_share_their_draws_and_agree_with_pot():
    found = theory.batch_distances([0.0, 1.0], 5, 3, repeats=4, seed=3)
    x, z = np.random.default_rng(3).standard_normal((2, 4, 5, 3))
    uniform = np.full(5, 1 / 5)
    wanted = [
        [ot.emd2(uniform, uniform, ot.dist(x[i], s * z[i], "euclidean")) for s in (0.0, 1.0)]
        for i in range(4)
    ]
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_the_batch_distance_overestimates():
    # Jensen: the mean of a supremum is at least the supremum of the mean, here 0.
    for n in (1, 4, 16):
        assert theory.expected_batch_distance([1.0], n, 5, repeats=20)[0] > 0.5


def test_theta_star_grows_with_the_batch_and_shrinks_with_the_dimension():
    found = {
        (n, d): theory.theta_star(n, d, repeats)
        for n, repeats in ((1, 2000), (4, 300), (16, 60))
        for d in (2, 10)
    }
    for d in (2, 10):
        assert found[1, d] == 0
        assert found[1, d] < found[4, d] < found[16, d] < 1
    for n in (4, 16):
        assert found[n, 10] < found[n, 2]


# ---------------------------------------------------------------- what is refused

C, A, B = np.ones((2, 3)), [0.5, 0.5], [0.2, 0.3, 0.5]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.f_divergence("JS", A, A), "name: got 'JS'"),
        (lambda: theory.disjoint_value("JS"), "name: got 'JS'"),
        (lambda: theory.f_divergence("total variation", A, B), "p and q: got 2 and 3 points"),
        (lambda: theory.f_divergence("total variation", [0.5, 0.6], A), "p: got weights .* sum 1.1"),
        (lambda: theory.primal(C, B, A), r"C: got the shape \(2, 3\); expected \(3, 2\)"),
        (lambda: theory.primal(C * np.nan, A, B), "C: got NaN"),
        (lambda: theory.dual(C, [1.5, -0.5], B), "a: got weights from -0.5"),
        (lambda: theory.kantorovich_rubinstein(C, A, B), "D: got the shape"),
        (lambda: theory.c_transform(C, [1, 2, 3]), r"f: got the shape \(3,\); expected \(2,\)"),
        (lambda: theory.c_transform(C, [1, np.inf]), "f: got NaN or infinity"),
        (lambda: theory.soft_c_transform(C, A, 0, A), "epsilon: got 0"),
        (lambda: theory.soft_c_transform(C, A, 0.1, [1.0]), r"a: got the shape \(1,\); expected \(2,\)"),
        (
            lambda: theory.lipschitz_constant(A, np.zeros((3, 3))),
            r"values: got the shape \(2,\); expected \(3,\)",
        ),
        (lambda: theory.entropic(C, -1, A, B), "epsilon: got -1"),
        (lambda: theory.entropic(C, 1, [0, 1], B), "a weight is 0"),
        (lambda: theory.clipping_bound((3,), 1), r"widths: got \[3\]"),
        (lambda: theory.clipping_bound((3, 0), 1), r"widths: got \[3, 0\]"),
        (lambda: theory.clipping_bound((2, 3), -1), "bound: got -1; expected a positive number"),
        (lambda: theory.oracle_deviation(1, 1, 0), "n: got 0; expected a positive number"),
        (lambda: theory.oracle_deviation(-1, 1, 8), "variance_x: got -1; expected a number that is not neg"),
        (lambda: theory.oracle_deviation(1, -0.5, 8), "variance_y: got -0.5"),
        (lambda: theory.penalised_optimum(1.0, 0.0), "weight: got 0.0"),
        (lambda: theory.penalised_optimum(-1.0, 1.0), "W: got -1.0"),
        (lambda: theory.batch_distances([1.0], 0, 2, 1), "n: got 0"),
        (lambda: theory.batch_distances([1.0], 1, 0, 1), "d: got 0"),
        (lambda: theory.batch_distances([1.0], 1, 1, 0), "repeats: got 0"),
        (lambda: theory.batch_distances([], 1, 1, 1), r"thetas: got the shape \(0,\)"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
