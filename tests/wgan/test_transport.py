"""Transport against linear programming and POT, and what the dual must keep for any f whatever."""

import math
import warnings

import mpmath
import numpy as np
import ot
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from sjedu.wgan import (
    c_transform,
    dual_value,
    kantorovich_potential,
    matching,
    mcshane,
    optimal_plan,
    pairwise_distances,
    potentials,
    soft_c_transform,
    theory,
    transport_loss,
    wasserstein_1,
)

EXACT = 1e-9
SIZES = st.integers(1, 12)
SEEDS = st.integers(0, 2**32 - 1)


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def weights(n, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(n))


@st.composite
def problems(draw):
    """Points of both sides and their weights, some of which vanish."""
    n, m, dim, seed = draw(SIZES), draw(SIZES), draw(st.integers(1, 4)), draw(SEEDS)
    rng = np.random.default_rng(seed)
    sides = []
    for size in (n, m):
        mass = rng.dirichlet(np.ones(size)) * (rng.random(size) < 0.8)
        mass = mass / mass.sum() if mass.sum() else np.full(size, 1 / size)
        sides.append((rng.normal(size=(size, dim)), mass))
    return sides


# ---------------------------------------------------------------- the primal problem


@given(problems())
def test_value_and_plan_are_those_of_the_linear_program(problem):
    (x, a), (y, b) = problem
    found = wasserstein_1(x, y, a, b)
    wanted = theory.primal(cdist(x, y), a, b)
    assert math.isclose(found.value, wanted.value, abs_tol=EXACT)
    assert found.plan.min() >= 0
    np.testing.assert_allclose(found.plan.sum(axis=1), a, atol=1e-12)
    np.testing.assert_allclose(found.plan.sum(axis=0), b, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_assignment_gives_what_the_linear_program_gives(n):
    x, y = normal(n, 3, seed=1), normal(n, 3, seed=2)
    uniform = np.full(n, 1 / n)
    found = wasserstein_1(x, y)
    assert math.isclose(found.value, theory.primal(cdist(x, y), uniform, uniform).value, abs_tol=EXACT)
    assert math.isclose(found.value, float((found.plan * cdist(x, y)).sum()), abs_tol=1e-12)
    np.testing.assert_allclose(found.plan.sum(axis=0), uniform, atol=1e-15)


@pytest.mark.parametrize(("n", "m"), [(6, 6), (5, 8)])
def test_scipy_finds_the_same(n, m):
    x, y, a, b = normal(n, 3, seed=1), normal(m, 3, seed=2), weights(n), weights(m, 1)
    peer = scipy.stats.wasserstein_distance_nd(x.numpy(), y.numpy(), a, b)
    assert math.isclose(wasserstein_1(x, y, a, b).value, peer, abs_tol=EXACT)


def test_equal_weights_given_are_as_none_given():
    x, y = normal(8, 3, seed=1), normal(8, 3, seed=2)
    uniform = torch.full((8,), 1 / 8)
    assert wasserstein_1(x, y, uniform, uniform).value == wasserstein_1(x, y).value


def test_dirac_and_line_have_closed_forms():
    x = torch.tensor([[0.0, 0.0]])
    y = torch.tensor([[3.0, 4.0], [6.0, 8.0]])
    assert math.isclose(wasserstein_1(x, y).value, 7.5)
    line = np.sort(np.random.default_rng(0).normal(size=(2, 50)), axis=1)
    assert math.isclose(
        wasserstein_1(line[0][:, None], line[1][:, None]).value, np.abs(line[0] - line[1]).mean()
    )


@given(SEEDS, st.floats(1e-3, 1e3))
def test_scale_translation_and_symmetry(seed, scale):
    x, y, shift = normal(6, 3, seed=seed), normal(6, 3, seed=seed + 1), normal(3, seed=seed + 2)
    value = wasserstein_1(x, y).value
    assert math.isclose(wasserstein_1(scale * x, scale * y).value, scale * value, rel_tol=1e-12)
    assert math.isclose(wasserstein_1(y, x).value, value, rel_tol=1e-12)
    assert math.isclose(wasserstein_1(x + shift, y + shift).value, value, rel_tol=1e-12)
    # A translation moves every point by the same vector, and no plan does with less.
    assert math.isclose(wasserstein_1(x, x + shift).value, float(shift.norm()), rel_tol=1e-12)


@given(SEEDS)
def test_triangle_inequality(seed):
    x, y, z = (normal(n, 2, seed=seed + i) for i, n in enumerate((5, 6, 7)))
    detour = wasserstein_1(x, y).value + wasserstein_1(y, z).value
    assert wasserstein_1(x, z).value <= detour + 1e-12


def test_costs_may_be_negative_and_rectangular():
    C = normal(4, 6, seed=3).numpy()
    a, b = weights(4), weights(6, 1)
    assert math.isclose(optimal_plan(C, a, b).value, theory.primal(C, a, b).value, abs_tol=EXACT)


def test_many_points_end_at_the_optimum():
    # POT's default number of pivots is too small for this, and its value then is too large.
    x, y = normal(700, 2, seed=1), normal(400, 2, seed=2)
    cost = cdist(x, y)
    f, g = potentials(cost)
    assert math.isclose(wasserstein_1(x, y).value, f.mean() + g.mean(), rel_tol=1e-9)


def test_float32_is_solved_in_float64():
    x, y = normal(20, 5, seed=1, dtype=torch.float32), normal(20, 5, seed=2, dtype=torch.float32)
    assert wasserstein_1(x, y).value == wasserstein_1(x.double(), y.double()).value
    assert wasserstein_1(x.numpy(), y.numpy()).value == wasserstein_1(x, y).value
    near = normal(20, 5, seed=3, dtype=torch.float32) + 100
    assert wasserstein_1(near, near.flip(0)).value == 0


@pytest.mark.parametrize("size", [1e-200, 1e-12, 1e200])
@pytest.mark.parametrize(("n", "m"), [(6, 6), (50, 70)])
def test_squares_that_float64_cannot_hold_do_no_harm(n, m, size):
    x, y = normal(n, 3, seed=1).numpy(), normal(m, 3, seed=2).numpy()
    assert math.isclose(
        wasserstein_1(size * x, size * y).value, size * wasserstein_1(x, y).value, rel_tol=1e-12
    )
    h_x, h_y = kantorovich_potential(size * x, size * y)
    assert math.isclose(h_x.mean() - h_y.mean(), size * wasserstein_1(x, y).value, rel_tol=1e-9)


def test_weights_that_float32_rounds_are_accepted():
    x, y = normal(40, 2, seed=1), normal(30, 2, seed=2)
    a = torch.softmax(normal(40, seed=3, dtype=torch.float32), dim=0)
    exact = a.double() / a.double().sum()
    assert math.isclose(wasserstein_1(x, y, a).value, wasserstein_1(x, y, exact).value, rel_tol=1e-12)


def test_matching_is_a_permutation():
    assert sorted(matching(normal(9, 9))) == list(range(9))
    assert matching(1 - torch.eye(4)).tolist() == [0, 1, 2, 3]


# ---------------------------------------------------------------- distances


def test_pairwise_distances_of_equal_points_far_from_the_origin_are_zero():
    x = normal(50, 64, dtype=torch.float32) + 100
    found = pairwise_distances(x, x)
    assert found.diagonal().max() == 0
    np.testing.assert_allclose(found, cdist(x.double(), x.double()), rtol=1e-5)
    # What this guards against: torch's default expands the square from 25 points on.
    assert torch.cdist(x, x, compute_mode="use_mm_for_euclid_dist").diagonal().max() > 0.1


def test_pairwise_distances_gradient():
    x, y = normal(4, 3, seed=1).requires_grad_(), normal(5, 3, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(pairwise_distances, (x, y))
    same = normal(4, 3).requires_grad_()
    pairwise_distances(same, same.detach()).diagonal().sum().backward()
    assert same.grad.abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(dtype):
    x, y = normal(4, 3, seed=1).to(dtype), normal(4, 3, seed=2).to(dtype)
    assert pairwise_distances(x, y).dtype == torch.float32
    assert torch.equal(pairwise_distances(x, y), pairwise_distances(x.float(), y.float()))
    assert math.isclose(float(transport_loss(x, y)), wasserstein_1(x, y).value, rel_tol=1e-6)


# ---------------------------------------------------------------- as a loss


@pytest.mark.parametrize(("n", "m"), [(6, 6), (5, 7)])
def test_loss_is_the_distance_and_its_gradient_that_of_finite_differences(n, m):
    x, y = normal(n, 3, seed=1).requires_grad_(), normal(m, 3, seed=2).requires_grad_()
    assert math.isclose(transport_loss(x, y).item(), wasserstein_1(x, y).value, rel_tol=1e-12)
    assert torch.autograd.gradcheck(transport_loss, (x, y))


def test_loss_gradient_is_that_of_pot():
    x, y = normal(5, 3, seed=1).requires_grad_(), normal(7, 3, seed=2).requires_grad_()
    a, b = torch.from_numpy(weights(5)), torch.from_numpy(weights(7, 1))
    ours = torch.autograd.grad(transport_loss(x, y, a, b), (x, y))
    peer = torch.autograd.grad(ot.emd2(a, b, pairwise_distances(x, y)), (x, y))
    for one, other in zip(ours, peer, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)


def test_loss_keeps_dtype_and_pulls_with_a_force_that_does_not_depend_on_distance():
    x, y = normal(6, 3, dtype=torch.float32), (normal(6, 3, seed=1, dtype=torch.float32) + 9).requires_grad_()
    loss = transport_loss(x, y)
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.allclose(y.grad.norm(dim=1), torch.full((6,), 1 / 6))


@pytest.mark.parametrize("size", [1e-36, 1e-30, 1e-20, 1.0, 1e20, 1e30])
@pytest.mark.parametrize(("n", "m"), [(6, 6), (5, 7)])
def test_squares_that_float32_cannot_hold_do_not_harm_the_loss(n, m, size):
    x, y = (normal(count, 3, seed=count + 1).mul(size).float().requires_grad_() for count in (n, m))
    loss = transport_loss(x, y)
    assert math.isclose(loss.item(), wasserstein_1(x, y).value, rel_tol=1e-5)
    exact_x, exact_y = (points.detach().double().requires_grad_() for points in (x, y))
    wanted = torch.autograd.grad(transport_loss(exact_x, exact_y), (exact_x, exact_y))
    for found, exact in zip(torch.autograd.grad(loss, (x, y)), wanted, strict=True):
        assert torch.allclose(found.double(), exact, rtol=0, atol=1e-6)
    assert torch.isfinite(pairwise_distances(x, y)).all()
    np.testing.assert_allclose(
        pairwise_distances(x, y).detach(), cdist(exact_x.detach(), exact_y.detach()), rtol=1e-5
    )


def test_near_pairs_pull_as_strongly_beside_far_ones():
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[3e-30, 4e-30], [1.0, 2.0]], requires_grad=True)
    transport_loss(x, y).backward()
    assert torch.allclose(y.grad, torch.tensor([[0.3, 0.4], [0.0, 0.5]]))


def test_loss_between_equal_points_has_no_nan():
    x = normal(4, 3)
    y = x.clone().requires_grad_()
    transport_loss(x, y).backward()
    assert y.grad.abs().max() == 0


# ---------------------------------------------------------------- transforms and dual values


@given(problems(), st.floats(0.01, 100))
def test_weak_duality_for_any_f(problem, size):
    (x, a), (y, b) = (tuple(map(torch.from_numpy, side)) for side in problem)
    cost = pairwise_distances(x, y)
    f = size * normal(len(x), seed=len(y))
    value = dual_value(f, c_transform(cost, f), a, b)
    assert value <= wasserstein_1(x, y, a, b).value + 1e-9 * size


@given(problems())
def test_transform_facts(problem):
    (x, _), (y, _) = problem
    cost = pairwise_distances(torch.from_numpy(x), torch.from_numpy(y))
    f = normal(len(x), seed=len(y))
    once = c_transform(cost, f)
    twice = c_transform(cost.T, once)
    assert (twice >= f - 1e-12).all()
    assert torch.allclose(c_transform(cost, twice), once, rtol=0, atol=1e-12)
    assert theory.lipschitz_constant(once.numpy(), cdist(y, y)) <= 1 + 1e-9
    # A constant moves from one side to the other, a larger f has a smaller transform, and numpy says the same.
    assert torch.allclose(c_transform(cost, f + 0.7), once - 0.7, rtol=0, atol=1e-12)
    assert (c_transform(cost, f + f.abs()) <= once).all()
    np.testing.assert_array_equal(once, theory.c_transform(cost.numpy(), f.numpy()))


@given(problems(), st.floats(0.001, 10))
def test_soft_transform_lies_within_its_bounds(problem, epsilon):
    (x, a), (y, _) = problem
    cost = pairwise_distances(torch.from_numpy(x), torch.from_numpy(y))
    f = normal(len(x), seed=len(y))
    hard, soft = c_transform(cost, f), soft_c_transform(cost, f, epsilon)
    assert (hard <= soft + 1e-12).all()
    assert (soft <= hard + epsilon * math.log(len(x)) + 1e-12).all()
    weighted = soft_c_transform(cost, f, epsilon, torch.from_numpy(a))
    np.testing.assert_allclose(
        weighted, theory.soft_c_transform(cost.numpy(), f.numpy(), epsilon, a), atol=1e-10
    )


@settings(max_examples=30)
@given(st.floats(0.05, 5), SEEDS)
def test_soft_dual_value_never_exceeds_entropic_transport(epsilon, seed):
    x, y = normal(5, 2, seed=seed), normal(6, 2, seed=seed + 1)
    cost = pairwise_distances(x, y)
    a, b = np.full(5, 1 / 5), np.full(6, 1 / 6)
    best = theory.entropic(cost.numpy(), epsilon, a, b, tolerance=1e-7)
    f = normal(5, seed=seed + 2)
    assert dual_value(f, soft_c_transform(cost, f, epsilon)) <= best.value + 1e-6
    optimal = torch.from_numpy(best.f)
    assert math.isclose(
        dual_value(optimal, soft_c_transform(cost, optimal, epsilon)), best.value, abs_tol=1e-6
    )


def test_soft_transform_is_finite_for_tiny_epsilon_and_meets_the_hard_one():
    cost, f = pairwise_distances(normal(6, 2), normal(7, 2, seed=1)).float(), normal(6).float()
    found = soft_c_transform(cost, f, 1e-6)
    assert torch.isfinite(found).all()
    assert torch.allclose(found, c_transform(cost, f), rtol=0, atol=1e-5)


@pytest.mark.parametrize("epsilon", [10.0**k for k in range(-6, 7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_soft_transform_keeps_its_digits_for_any_epsilon(epsilon, dtype):
    cost, f = pairwise_distances(normal(30, 2), normal(7, 2, seed=1)).to(dtype), normal(30).to(dtype)
    mass = torch.from_numpy(weights(30))
    tolerance = 1e-5 if dtype == torch.float32 else 1e-13
    for a in (None, mass):
        found = soft_c_transform(cost, f, epsilon, a)
        for value, column in zip(found.tolist(), cost.T.tolist(), strict=True):
            assert abs(value - exact_soft_minimum(column, f.tolist(), epsilon, a)) < tolerance


def exact_soft_minimum(column, f, epsilon, a):
    with mpmath.workdps(40):
        shares = [mpmath.mpf(1)] * len(f) if a is None else [mpmath.mpf(share) for share in a.tolist()]
        terms = [
            w * mpmath.exp((v - mpmath.mpf(c)) / epsilon) for w, v, c in zip(shares, f, column, strict=True)
        ]
        return float(-epsilon * mpmath.log(mpmath.fsum(terms) / mpmath.fsum(shares)))


@pytest.mark.parametrize("epsilon", [1e-3, 1.0, 3.0, 1e3])
def test_the_soft_transform_is_differentiable_for_any_epsilon(epsilon):
    cost, f = normal(4, 5).abs().requires_grad_(), normal(4, seed=1).requires_grad_()
    mass = torch.from_numpy(weights(4))
    for a in (None, mass, torch.tensor([0.5, 0.0, 0.5, 0.0], dtype=torch.float64)):
        assert torch.autograd.gradcheck(lambda C, f, a=a: soft_c_transform(C, f, epsilon, a), (cost, f))


def test_the_softest_transform_is_a_mean():
    cost, f = pairwise_distances(normal(6, 2), normal(7, 2, seed=1)).float(), normal(6).float()
    assert torch.allclose(soft_c_transform(cost, f, 1e6), (cost - f[:, None]).mean(dim=0), rtol=0, atol=1e-5)


def test_a_point_without_weight_has_no_part_in_the_soft_transform():
    cost, f = pairwise_distances(normal(3, 2), normal(4, 2, seed=1)), normal(3)
    some = torch.tensor([0.5, 0.0, 0.5], dtype=torch.float64)
    without = soft_c_transform(cost[[0, 2]], f[[0, 2]], 0.3)
    assert torch.allclose(soft_c_transform(cost, f, 0.3, some), without)


def test_transforms_are_differentiable():
    cost, f = normal(4, 5).abs().requires_grad_(), normal(4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(c_transform, (cost, f))
    assert torch.autograd.gradcheck(lambda C, f: soft_c_transform(C, f, 0.2), (cost, f))
    assert torch.autograd.gradcheck(lambda f: dual_value(f, c_transform(cost.detach(), f)), (f,))


def test_each_column_of_the_transform_pulls_at_one_row():
    cost, f = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True), torch.zeros(4, dtype=torch.float64)
    c_transform(cost, f).sum().backward()
    assert (cost.grad.sum(dim=0) == 1).all()
    assert ((cost.grad == 0) | (cost.grad == 1)).all()


# ---------------------------------------------------------------- optimal potentials


@given(problems())
def test_potentials_are_feasible_optimal_and_each_others_transforms(problem):
    (x, a), (y, b) = problem
    cost = cdist(x, y)
    f, g = potentials(cost, a, b)
    assert (f[:, None] + g <= cost + 1e-12).all()
    assert math.isclose(a @ f + b @ g, theory.primal(cost, a, b).value, abs_tol=EXACT)
    np.testing.assert_allclose(theory.c_transform(cost, f), g, atol=1e-12)
    np.testing.assert_allclose(theory.c_transform(cost.T, g), f, atol=1e-12)


@given(problems())
def test_kantorovich_potential_is_a_legal_critic_that_reaches_the_distance(problem):
    (x, a), (y, b) = problem
    h_x, h_y = kantorovich_potential(x, y, a, b)
    union, values = np.r_[x, y], np.r_[h_x, h_y]
    assert theory.lipschitz_constant(values, cdist(union, union)) <= 1 + 1e-7
    assert math.isclose(a @ h_x - b @ h_y, wasserstein_1(x, y, a, b).value, abs_tol=EXACT)


def test_slope_is_one_where_mass_moves():
    x, y = normal(8, 3, seed=1), normal(8, 3, seed=2)
    h_x, h_y = kantorovich_potential(x, y)
    plan, cost = wasserstein_1(x, y).plan, cdist(x, y)
    moved = plan > 0
    np.testing.assert_allclose((h_x[:, None] - h_y)[moved], cost[moved], atol=1e-12)


@given(SEEDS)
def test_mcshane_extension_keeps_values_and_slope(seed):
    x, y = normal(6, 2, seed=seed), normal(5, 2, seed=seed + 1)
    points = torch.cat([x, y])
    values = torch.from_numpy(np.concatenate(kantorovich_potential(x, y)))
    z = torch.cat([points, 3 * normal(20, 2, seed=seed + 2)])
    extended = mcshane(points, values, z)
    assert torch.allclose(extended[: len(points)], values, rtol=0, atol=1e-12)
    assert theory.lipschitz_constant(extended.numpy(), cdist(z, z)) <= 1 + 1e-9


def test_mcshane_of_steep_values_is_the_largest_function_below():
    points, values = torch.tensor([[0.0], [1.0]]), torch.tensor([0.0, 5.0])
    assert mcshane(points, values, torch.tensor([[1.0], [2.0]])).tolist() == [1.0, 2.0]


# ---------------------------------------------------------------- what is refused

X, Y = normal(3, 2), normal(4, 2, seed=1)
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_costs_that_are_not_finite_are_refused(bad):
    cost = pairwise_distances(X, Y)
    cost[1, 2] = bad
    for solve in (optimal_plan, potentials):
        with pytest.raises(ValueError, match="cost: got NaN or infinity 1 times; expected finite"):
            solve(cost)
    with pytest.raises(ValueError, match="x: got NaN or infinity 1 times"):
        wasserstein_1(torch.tensor([[0.0, bad]]), Y)


def test_several_numbers_that_are_not_finite_are_counted():
    with pytest.raises(ValueError, match="x: got NaN or infinity 2 times; expected finite"):
        wasserstein_1(torch.tensor([[NAN, INF]]), Y)


def test_points_too_far_apart_for_float64_are_named():
    far = 1.5e308 * torch.ones(1, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match="x and y: got points farther apart than float64 has numbers for"):
        wasserstein_1(far, -far)


def test_why_nan_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ot.emd2([0.5, 0.5], [0.5, 0.5], np.full((2, 2), NAN)) == 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((X[:, 0], Y), ValueError, r"x: got the shape \(3,\); expected \(points, dim\)"),
        ((X, Y[None]), ValueError, r"y: got the shape \(1, 4, 2\)"),
        ((X, Y[:, :1]), ValueError, "x and y: got points of 2 and 1 coordinates"),
        ((X[:0], Y), ValueError, r"x: got the shape \(0, 2\)"),
        ((X, Y, torch.tensor([1.0, 0.0])), ValueError, r"a: got the shape \(2,\); expected \(3,\)"),
        ((X, Y, torch.tensor([0.6, 0.6, -0.2])), ValueError, "a: got -0.2.* as the least weight"),
        ((X, Y, torch.tensor([0.6, 0.6, NAN])), ValueError, "a: got nan as the least weight"),
        ((X, Y, None, torch.ones(4)), ValueError, "b: got weights that sum to 4; expected 1"),
        ((X.to(torch.complex64), Y), TypeError, "x: got complex64"),
        ((np.array([["a", "b"]]), Y), TypeError, "x: got <U1; expected real numbers"),
    ],
)
def test_wasserstein_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        wasserstein_1(*arguments)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: matching(normal(3, 4)), ValueError, r"cost: got the shape \(3, 4\); expected as many rows"),
        (lambda: optimal_plan(normal(3)), ValueError, r"cost: got the shape \(3,\)"),
        (lambda: optimal_plan(normal(0, 3)), ValueError, r"cost: got the shape \(0, 3\)"),
        (
            lambda: pairwise_distances(X, Y.float()),
            ValueError,
            "x and y: got torch.float64 on cpu and torch.float32",
        ),
        (lambda: pairwise_distances(X.long(), Y), TypeError, "x: got torch.int64"),
        (lambda: transport_loss(X, Y[0]), ValueError, r"y: got the shape \(2,\)"),
        (lambda: transport_loss(X, Y[:0]), ValueError, r"y: got the shape \(0, 2\)"),
        (
            lambda: c_transform(normal(3, 4), normal(4)),
            ValueError,
            r"f: got the shape \(4,\); expected \(3,\)",
        ),
        (lambda: c_transform(normal(3), normal(3)), ValueError, r"cost: got the shape \(3,\)"),
        (lambda: c_transform(normal(3, 4), torch.arange(3)), TypeError, "f: got torch.int64"),
        (
            lambda: soft_c_transform(normal(3, 4), normal(3), 0),
            ValueError,
            "epsilon: got 0; expected a positive",
        ),
        (lambda: soft_c_transform(normal(3, 4), normal(3), -1.0), ValueError, "epsilon: got -1.0"),
        (lambda: soft_c_transform(normal(3, 4), normal(3), NAN), ValueError, "epsilon: got nan"),
        (
            lambda: soft_c_transform(normal(3, 4), normal(3), 1, torch.ones(3)),
            ValueError,
            "a: got weights that sum to 3",
        ),
        (lambda: dual_value(normal(2, 3), normal(3)), ValueError, r"f: got the shape \(2, 3\)"),
        (lambda: dual_value(normal(3), normal(0)), ValueError, r"g: got the shape \(0,\)"),
        (
            lambda: dual_value(normal(3), normal(2), None, torch.ones(3) / 3),
            ValueError,
            r"b: got the shape \(3,\)",
        ),
        (lambda: mcshane(X, normal(4), Y), ValueError, r"f: got the shape \(4,\)"),
        (lambda: mcshane(X, normal(3), Y[:, :1]), ValueError, "points and z: got points of 2 and 1"),
    ],
)
def test_others_refuse(call, error, message):
    with pytest.raises(error, match=message):
        call()
