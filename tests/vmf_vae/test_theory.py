"""The oracle itself: each way of computing against another one, and against published figures."""

import math

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sjedu.vmf_vae import theory

dims = st.integers(2, 300)
kappas = st.floats(1e-3, 500)


@pytest.mark.parametrize("name", theory.identities())
def test_identities_simplify_to_zero(name):
    assert sp.simplify(theory.identities()[name]) == 0


def test_areas():
    for dim, area in ((2, 2 * math.pi), (3, 4 * math.pi), (4, 2 * math.pi**2)):
        assert mp.exp(theory.log_sphere_area(dim)) == pytest.approx(area, rel=1e-14)
    assert max(range(2, 20), key=theory.log_sphere_area) == 7


@pytest.mark.parametrize(
    ("dim", "kappa", "ratio", "divergence"),
    [
        (2, 1, 0.44638997, 0.2104756),
        (3, 20, 0.95, 2.6888795),
        (4, 20, 0.92598775, 3.2583854),
        (8, 20, 0.83645675, 4.4859859),
        (25, 100, 0.88664448, 18.802477),
        (50, 80, 0.73828661, 19.515208),
        (1000, 1000, 0.61818681, 240.67989),
    ],
)
def test_exact_values(dim, kappa, ratio, divergence):
    found = theory.exact(dim, kappa)
    assert float(found.ratio) == pytest.approx(ratio, abs=6e-9)
    assert float(found.divergence) == pytest.approx(divergence, rel=4e-8)


@pytest.mark.parametrize(
    ("dim", "kappa"), [(2, 0.3), (2, 40.0), (3, 5.0), (16, 2.0), (65, 100.0), (400, 30.0)]
)
def test_series_slices_and_bessel_functions_agree(dim, kappa):
    found = theory.exact(dim, kappa)
    with mp.workdps(40):
        lower = mp.log(2) if dim == 2 else theory.log_sphere_area(dim - 1)
        assert abs(lower + theory.log_slice_integral(dim, kappa) - found.log_normalizer) < 1e-14
        order, k = mp.mpf(dim) / 2 - 1, mp.mpf(kappa)
        log_c = order * mp.log(k) - (order + 1) * mp.log(2 * mp.pi) - mp.log(mp.besseli(order, k))
        assert abs(log_c + found.log_normalizer) < 1e-30
        assert abs(mp.besseli(order + 1, k) / mp.besseli(order, k) - found.ratio) < 1e-30


def test_exact_at_zero_and_where_it_is_huge():
    assert theory.exact(5, 0) == (0, 0, mp.mpf(1) / 5, 0, 0, theory.log_sphere_area(5))
    found, large = theory.exact(3, 1e6), mp.mpf(10) ** 6
    with mp.workdps(40):
        assert abs(found.ratio - (1 - 1 / large)) < mp.mpf(10) ** -30
        assert abs(found.log_normalizer - (mp.log(2 * mp.pi) + large - mp.log(large))) < 1e-25


@pytest.mark.parametrize(("dim", "kappa"), [(2, 1.0), (3, 20.0), (64, 20.0)])
def test_kl_three_ways(dim, kappa):
    for way in theory.kl_three_ways(dim, kappa):
        assert float(way) == pytest.approx(float(theory.exact(dim, kappa).divergence), rel=1e-12)


@settings(max_examples=30)
@given(dims, kappas)
def test_kl_rises_between_its_limits(dim, kappa):
    found, more = theory.exact(dim, kappa), theory.exact(dim, 1.1 * kappa)
    assert 0 < found.divergence < more.divergence
    assert found.divergence <= theory.kl_small(dim, kappa)
    assert 0 < found.slope < 1 / (dim - 1)


def test_kl_in_the_limits():
    assert float(theory.exact(1000, 1).divergence) == pytest.approx(theory.kl_small(1000, 1), rel=1e-5)
    assert float(theory.exact(4, 1e5).divergence) == pytest.approx(theory.kl_large(4, 1e5), rel=1e-5)


@pytest.mark.parametrize(("kappa", "dim", "height"), [(20, 15, 4.991), (80, 61, 19.714)])
def test_kl_has_a_ridge(kappa, dim, height):
    found, kl = theory.kl_ridge(kappa)
    assert found == dim
    assert kl == pytest.approx(height, abs=1e-3)
    for other in (dim - 1, dim + 1, 10 * dim):
        assert theory.exact(other, kappa).divergence < kl


@settings(max_examples=30)
@given(dims, kappas)
def test_ratio_lies_between_its_bounds(dim, kappa):
    lower, upper, other = theory.ratio_bounds(dim, kappa)
    A = float(theory.exact(dim, kappa).ratio)
    # The public code calls `other` a lower bound.
    assert lower <= A * (1 + 1e-12)
    assert min(upper, other) * (1 + 1e-12) >= A
    assert lower > 0.95 * A
    assert min(upper, other) < 1.03 * A


@pytest.mark.parametrize(
    ("dim", "kappa"), [(2, 0.0), (2, 1.0), (3, 20.0), (5, 2.0), (64, 20.0), (1000, 1e5), (4, 1e7)]
)
def test_one_grid_has_everything(dim, kappa):
    grid, wanted = theory.AngularGrid(dim, kappa), theory.exact(dim, kappa)
    assert grid.log_z == pytest.approx(float(wanted.log_normalizer), rel=1e-11, abs=1e-11)
    assert grid.mean == pytest.approx(float(wanted.ratio), abs=1e-11)
    assert grid.variance == pytest.approx(float(wanted.slope), rel=1e-10)
    u = (np.arange(20000) + 0.5) / 20000
    w = np.cos(grid.ppf(u))
    # An even sum over the quantiles is exact up to its ends, where w is steep.
    assert w.mean() == pytest.approx(grid.mean, abs=1e-4 * math.sqrt(grid.variance))
    assert grid.dw_dkappa(w).mean() == pytest.approx(grid.variance, rel=1e-4)
    assert (grid.dw_dkappa(w) >= 0).all()


@pytest.mark.parametrize("kappa", [0.5, 20.0])
def test_grid_against_the_closed_form(kappa):
    grid, u = theory.AngularGrid(3, kappa), np.linspace(0.001, 0.999, 999)
    w = np.cos(grid.ppf(1 - u))
    np.testing.assert_allclose(w, 1 + np.log(u + (1 - u) * np.exp(-2 * kappa)) / kappa, atol=1e-9)
    step = 1e-5
    by_difference = [1 + np.log(u + (1 - u) * np.exp(-2 * k)) / k for k in (kappa - step, kappa + step)]
    derivative = (by_difference[1] - by_difference[0]) / (2 * step)
    np.testing.assert_allclose(grid.dw_dkappa(w), derivative, atol=1e-5 * derivative.max())


@pytest.mark.parametrize(("dim", "kappa"), [(2, 3.0), (3, 3.0), (7, 0.0), (64, 50.0)])
def test_densities_integrate_to_one(dim, kappa):
    phi = np.linspace(0, math.pi, 20001)
    assert np.trapezoid(np.exp(theory.log_angle_density(dim, kappa, phi)), phi) == pytest.approx(1, abs=1e-6)
    inner = phi[1:-1]
    by_w = theory.log_cosine_density(dim, kappa, np.cos(inner)) + np.log(np.sin(inner))
    np.testing.assert_allclose(by_w, theory.log_angle_density(dim, kappa, inner), atol=1e-6)


@pytest.mark.parametrize(("dim", "kappa"), [(2, 1.5), (3, 0.4), (5, 20.0), (64, 900.0)])
def test_the_grid_has_the_density_and_its_mode(dim, kappa):
    w, density = theory.AngularGrid(dim, kappa).cosine_density()
    np.testing.assert_allclose(density, np.exp(theory.log_cosine_density(dim, kappa, w)), rtol=1e-9)
    mode = theory.cosine_mode(dim, kappa)
    if dim > 3:
        assert w[density.argmax()] == pytest.approx(mode, abs=2e-3)
    else:
        assert mode == 1
    assert theory.cosine_mode(dim, 0) == 0


@pytest.mark.parametrize(
    ("dim", "kappa", "share"),
    [(2, 1, 0.869), (2, 10, 0.673), (2, 1e4, 0.657), (10, 10, 0.838), (64, 10, 0.988), (1000, 1e4, 0.724)],
)
def test_wood_accepts(dim, kappa, share):
    assert theory.wood_acceptance(dim, kappa) == pytest.approx(share, abs=2e-3)


@pytest.mark.parametrize(
    ("dim", "kappa", "lost"), [(2, 2, 0.48), (3, 2, 0.31), (5, 2, 0.134), (50, 80, 0.011)]
)
def test_the_naive_gradient_is_too_small(dim, kappa, lost):
    A_slope = float(theory.exact(dim, kappa).slope)
    assert 1 - theory.naive_gradient(dim, kappa) / A_slope == pytest.approx(lost, abs=6e-3)


@pytest.mark.parametrize(("dim", "kappa"), [(2, 2.0), (5, 2.0), (10, 10.0), (50, 80.0), (41, 12.0)])
def test_the_acceptance_repairs_the_naive_gradient(dim, kappa):
    slope = float(theory.exact(dim, kappa).slope)
    found = theory.kappa_gradients(dim, kappa)
    for name in ("implicit", "corrected", "score function"):
        assert found[name].mean == pytest.approx(slope, rel=3e-5)
    assert found["naive"].mean == pytest.approx(theory.naive_gradient(dim, kappa), rel=1e-5)
    deviations = [found[name].deviation for name in ("implicit", "corrected", "score function")]
    assert deviations == sorted(deviations)
    law = theory.AngularGrid(dim, kappa)
    score = theory.acceptance_score(dim, kappa, np.cos(law.phi))
    assert np.trapezoid(score, law.cdf) == pytest.approx(0, abs=1e-6)  # as every score


def test_the_acceptance_score_is_the_derivative_of_its_logarithm():
    w, step = 0.3, 1e-5

    def log_density(kappa, z):  # of the accepted Z, up to what does not depend on κ
        b, x0, _ = theory.wood_parameters(6, kappa)
        moved = (1 - (1 + b) * z) / (1 - (1 - b) * z)
        ratio = kappa * moved + 5 * math.log(1 - x0 * moved) - 2.5 * math.log(1 - x0**2)
        return ratio - float(theory.exact(6, kappa).log_normalizer)

    b, _, _ = theory.wood_parameters(6, 4.0)
    z = (1 - w) / ((1 + b) - (1 - b) * w)
    difference = (log_density(4.0 + step, z) - log_density(4.0 - step, z)) / (2 * step)
    assert theory.acceptance_score(6, 4.0, np.array([w]))[0] == pytest.approx(difference, abs=1e-8)


@given(st.integers(1, 4), st.integers(2, 5), st.integers(0, 1000))
def test_kl_splits_into_information_and_mismatch(x, z, seed):
    rng = np.random.default_rng(seed)
    p_x, p_z_given_x, q_z = (
        rng.dirichlet(np.ones(x)),
        rng.dirichlet(np.ones(z), size=x),
        rng.dirichlet(np.ones(z)),
    )
    total, information, mismatch = theory.mutual_information_split(p_x, p_z_given_x, q_z)
    assert total == pytest.approx(information + mismatch)
    assert information >= -1e-12
    assert mismatch >= -1e-12


@pytest.mark.parametrize(
    "function", [theory.exact, theory.log_slice_integral, theory.AngularGrid, theory.wood_parameters]
)
def test_bad_input_is_named(function):
    with pytest.raises(ValueError, match=r"dim: got 1; expected at least 2"):
        function(1, 1.0)
    with pytest.raises(TypeError):
        function(2.5, 1.0)
    for kappa in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"kappa: got {kappa}; expected a finite number of at least 0"):
            function(3, kappa)
    with pytest.raises(ValueError, match="points: got 2"):
        theory.AngularGrid(3, 1.0, points=2)
    with pytest.raises(ValueError, match=r"kappa: got 2000.0; expected a number in \(0, 1000\]"):
        theory.kl_three_ways(3, 2000.0)


def test_more_bad_input_is_named():
    point, quarter = np.array([2.0]), np.array([0.25, 0.25])
    cases = [
        (lambda: theory.log_cosine_density(1, 1.0, point / 4), "dim: got 1"),
        (lambda: theory.log_cosine_density(3, 1.0, point), r"w: got 2\.0; expected numbers from -1 to 1"),
        (lambda: theory.log_angle_density(3, 1.0, 2 * point), r"phi: got 4\.0; expected numbers from 0 to π"),
        (lambda: theory.kl_small(0, 1.0), "dim: got 0"),
        (lambda: theory.kl_large(3, 0.0), r"kappa: got 0\.0; expected a positive number"),
        (lambda: theory.naive_gradient(3, 0.0), r"kappa: got 0\.0; expected a positive number"),
        (lambda: theory.AngularGrid(3, 1.0).ppf(point), r"u: got 2\.0; expected numbers from 0 to 1"),
        (
            lambda: theory.mutual_information_split(quarter, np.eye(2), 2 * quarter),
            r"p_x: got 0\.5; .* sum to 1",
        ),
        (
            lambda: theory.mutual_information_split(2 * quarter, -np.eye(2), 2 * quarter),
            "p_z_given_x: got -1",
        ),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize(("dim", "kappa"), [(2, 0.0), (2, 1.0), (4, 20.0), (64, 20.0), (1024, 1.0), (3, 1e6)])
def test_the_grid_has_the_kl(dim, kappa):
    assert theory.AngularGrid(dim, kappa).kl == pytest.approx(
        float(theory.exact(dim, kappa).divergence), rel=1e-8
    )


def test_the_naive_derivative_has_the_naive_mean():
    law = theory.AngularGrid(5, 2.0)
    draws = theory.naive_derivative(5, 2.0, np.cos(law.phi))
    assert float(np.trapezoid(draws, law.cdf)) == pytest.approx(theory.naive_gradient(5, 2.0), rel=1e-5)


def test_directions_by_longitude_and_latitude():
    for angles, point in (
        ((0, 0), [0, 0, 1]),
        ((90, 0), [1, 0, 0]),
        ((0, 90), [0, 1, 0]),
        ((180, 0), [0, 0, -1]),
    ):
        assert np.allclose(theory.direction(*angles), point)
    assert np.allclose(theory.direction(30, 20) @ theory.direction(30, -25), math.cos(math.radians(45)))


@given(st.floats(-179, 179), st.floats(-90, 90))
def test_a_point_is_turned_to_the_front(longitude, latitude):
    turned = theory.facing(theory.direction(longitude, latitude))
    assert np.allclose(turned @ turned.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(turned) == pytest.approx(1)
    assert np.allclose(turned @ theory.direction(longitude, latitude), [0, 0, 1], atol=1e-9)
    assert turned[1, 1] >= 0  # the poles stay up
