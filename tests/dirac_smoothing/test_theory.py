"""The float64 oracle: against quadrature, mpmath and SciPy, and its own laws."""

import math

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from sjedu.dirac_smoothing import theory
from sjedu.dirac_smoothing.functions import ABS, FUNCTIONS, RELU, STEP, PiecewiseLinear, clip

PLACES = np.array([-3.3, -1.0, -0.2, 0.0, 0.45, 1.7, 6.1])


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("kernel", "scale"), [("logistic", 0.5), ("gaussian", 0.7), ("gelu", 0.4), ("swish", 0.3)]
)
def test_closed_form_agrees_with_quadrature(name, kernel, scale):
    f = FUNCTIONS[name]
    closed = theory.smooth_piecewise_linear(PLACES, f, kernel, scale)
    exact = [theory.convolution(lambda v: float(f(np.array(v))), x, kernel, scale, f.knots) for x in PLACES]
    assert np.abs(closed - exact).max() < 1e-13


@pytest.mark.parametrize("name", ["step", "sign", "clip", "hat", "rectangle"])
@pytest.mark.parametrize("kernel", ["student", "cauchy"])
def test_closed_form_with_heavy_tails(name, kernel):
    f = FUNCTIONS[name]
    closed = theory.smooth_piecewise_linear(PLACES, f, kernel, 0.6)
    exact = [theory.convolution(lambda v: float(f(np.array(v))), x, kernel, 0.6, f.knots) for x in PLACES]
    assert np.abs(closed - exact).max() < 1e-8


numbers = st.floats(-3, 3).map(lambda v: round(v, 2))


@st.composite
def functions(draw):
    n = draw(st.integers(1, 4))
    knots = sorted(draw(st.sets(st.integers(-30, 30), min_size=n, max_size=n)))
    jumps, slopes = (draw(st.lists(numbers, min_size=n, max_size=n)) for _ in range(2))
    return PiecewiseLinear(
        tuple(k / 10 for k in knots), tuple(jumps), tuple(slopes), draw(numbers), draw(numbers)
    )


GROWING = st.sampled_from(["gaussian", "logistic", "student", "gelu", "swish"])


@given(functions(), GROWING, st.floats(0.05, 2))
def test_smoothing_a_narrow_kernel_gives_the_function_back(f, kernel, scale):
    away = PLACES[np.abs(PLACES[:, None] - np.array(f.knots)).min(axis=1) > 0.05]
    found = theory.smooth_piecewise_linear(away, f, kernel, 1e-9)
    np.testing.assert_allclose(found, f(away), atol=1e-7)
    at = np.array(f.knots)  # at a jump, the middle of it
    np.testing.assert_allclose(theory.smooth_piecewise_linear(at, f, kernel, 1e-9), f(at), atol=1e-7)


@given(functions(), functions(), GROWING, st.floats(0.05, 2))
def test_smoothing_is_linear(f, g, kernel, scale):
    knots = tuple(sorted({*f.knots, *g.knots}))

    def at(h, values):
        return [values[h.knots.index(k)] if k in h.knots else 0.0 for k in knots]

    jumps = np.add(at(f, f.jumps), at(g, g.jumps))
    slopes = np.add(at(f, f.slopes), at(g, g.slopes))
    both = PiecewiseLinear(knots, tuple(jumps.tolist()), tuple(slopes.tolist()), f.b0 + g.b0, f.m0 + g.m0)
    total = theory.smooth_piecewise_linear(PLACES, f, kernel, scale) + theory.smooth_piecewise_linear(
        PLACES, g, kernel, scale
    )
    np.testing.assert_allclose(theory.smooth_piecewise_linear(PLACES, both, kernel, scale), total, atol=1e-10)


@given(st.sampled_from(theory.KERNELS), st.floats(-30, 30))
def test_kernels_are_even_and_the_ramp_keeps_x(kernel, z):
    k, z = theory.standard(kernel), np.float64(z)
    assert k.cdf(z) + k.cdf(-z) == pytest.approx(1, abs=1e-14)
    assert k.density(z) == pytest.approx(k.density(-z), rel=1e-12)
    assert k.ramp(z) - k.ramp(-z) == pytest.approx(z, abs=1e-12)  # kexue.fm/archives/11233


@pytest.mark.parametrize("z", [-30.0, -10.0, -5.0, -1.0, 0.0, 2.0])
def test_tails_against_fifty_digits(z):
    with mpmath.workdps(50):
        exact = mpmath.mpf(z) * mpmath.ncdf(z) + mpmath.npdf(z)
        student = (mpmath.mpf(z) + mpmath.sqrt(mpmath.mpf(z) ** 2 + 1)) / 2
    assert theory.standard("gaussian").ramp(np.float64(z)) == pytest.approx(float(exact), rel=2e-13)
    assert theory.standard("student").ramp(np.float64(z)) == pytest.approx(float(student), rel=1e-14)


@given(functions(), st.sampled_from(["gaussian", "logistic", "student"]), st.floats(0.05, 2))
def test_the_error_of_a_continuous_function_obeys_the_lipschitz_law(f, kernel, scale):
    smooth = PiecewiseLinear(f.knots, (0,) * len(f.knots), f.slopes, f.b0, f.m0)
    x = np.linspace(-5, 5, 401)
    error = np.abs(theory.smooth_piecewise_linear(x, smooth, kernel, scale) - smooth(x)).max()
    assert error <= theory.lipschitz_bound(kernel, scale, smooth.lipschitz) + 1e-12


@pytest.mark.parametrize("kernel", ["gaussian", "logistic", "student"])
def test_the_law_is_attained_by_the_absolute_value(kernel):
    found = theory.smooth_piecewise_linear(np.zeros(1), ABS, kernel, 0.3)[0]
    assert found == pytest.approx(theory.lipschitz_bound(kernel, 0.3), rel=1e-14)


@pytest.mark.parametrize(
    ("kernel", "sup", "area"),
    [
        ("logistic", math.log(2), math.pi**2 / 6),
        ("swish", 0.27846, math.pi**2 / 6),
        ("gaussian", 0.39894, 0.5),
        ("gelu", 0.16997, 0.5),
    ],
)
def test_the_errors_of_relu(kernel, sup, area):
    x = np.linspace(-40, 40, 800_001)
    error = theory.smooth_piecewise_linear(x, RELU, kernel, 0.125) - RELU(x)
    assert np.abs(error).max() == pytest.approx(sup / 8, abs=1e-6)
    assert np.trapezoid(np.abs(error), x) == pytest.approx(area / 64, rel=1e-5)
    assert theory.relu_sup_error(kernel, 0.125) == pytest.approx(sup / 8, abs=1e-6)
    assert theory.relu_l1_error(kernel, 0.125) == pytest.approx(area / 64)
    # Jensen: from above with a density, from below with the product form.
    assert (error >= -1e-15).all() if kernel in theory.POSITIVE else (error <= 1e-15).all()


def test_where_the_product_forms_are_worst():
    assert theory.product_peak("swish") == pytest.approx((1.27846, 0.27846), abs=1e-5)
    assert theory.product_peak("gelu") == pytest.approx((0.75179, 0.16997), abs=1e-5)


@pytest.mark.parametrize(
    ("kernel", "area"), [("logistic", 2 * math.log(2)), ("gaussian", math.sqrt(2 / math.pi))]
)
def test_the_area_of_a_jump(kernel, area):
    x = np.linspace(-20, 20, 400_001)
    error = np.abs(theory.smooth_piecewise_linear(x, STEP, kernel, 0.3) - STEP(x))
    assert np.trapezoid(error, x) == pytest.approx(0.3 * area, abs=2e-4)


def test_gap_identities():
    x = np.linspace(-8, 8, 101)
    p = theory.standard("logistic").cdf(x)
    entropy = -p * np.log(p) - (1 - p) * np.log1p(-p)
    gap = theory.standard("logistic").ramp(x) - theory.standard("swish").ramp(x)
    np.testing.assert_allclose(gap, entropy, atol=1e-12)
    gap = theory.standard("gaussian").ramp(x) - theory.standard("gelu").ramp(x)
    np.testing.assert_allclose(gap, theory.standard("gaussian").density(x), atol=1e-14)


# ---------------------------------------------------------------- the floor


@given(st.floats(-1e6, 1e6), st.sampled_from(["gaussian", "logistic"]), st.floats(0.02, 1.5))
def test_the_smooth_floor_is_periodic_and_symmetric(x, kernel, scale):
    def g(v):
        return theory.smooth_floor(np.array([float(v)]), kernel, scale)[0]

    assert g(x + 1) - g(x) == pytest.approx(1, abs=1e-8)
    k = math.floor(x)
    assert g(k + 0.5) == pytest.approx(k, abs=1e-9)
    assert g(k) == pytest.approx(k - 0.5, abs=1e-9)
    assert g(x + 0.01) >= g(x) - 1e-9


@pytest.mark.parametrize(("t", "terms"), [(5, 11), (10, 20), (20, 38)])
def test_fourier_and_sum_agree(t, terms):
    x = np.linspace(-3, 3, 601)
    found = theory.fourier_floor(x, "logistic", 1 / t, terms)
    np.testing.assert_allclose(found, theory.smooth_floor(x, "logistic", 1 / t), atol=5e-14)


def test_the_article_formula_saturates_and_the_mean_error_follows_its_law():
    for t, error in ((5, 0.219), (10, 0.136), (20, 0.0693), (50, 0.0277)):
        assert theory.floor_error(t, 5, 10, points=140_001) == pytest.approx(error, abs=6e-4)
        # All terms of the sum, and none but the middle ones, make the same error inside, as the tails are short.
        assert theory.floor_error(t, 5, 10, untruncated=True) == pytest.approx(error, abs=4e-3)
    # Where there is no inside, the floor of 1/4 and 3/4 is 0: at t = 1 the sum's error there is that of one step.
    one_step = np.abs(scipy.special.expit([0.25, 0.75]) - 1).mean()
    assert theory.floor_error(1.0, 0, 0) == pytest.approx(one_step)
    ends = theory.truncated_floor(np.array([50.0, -50.0]), 10, 5, 10)
    np.testing.assert_allclose(ends, [10, -6])


def test_cauchy_floor_is_the_symmetric_sum():
    x = np.array([2.5, 2.8, -0.3])
    sums = theory.truncated_floor(x, 1 / 0.05, 20_000, 20_000, "cauchy")
    np.testing.assert_allclose(theory.cauchy_floor(x, 0.05), sums, atol=1e-5)
    np.testing.assert_allclose(
        theory.cauchy_floor(x, 0.3), theory.fourier_floor(x, "cauchy", 0.3, 30), atol=1e-12
    )
    lopsided = theory.truncated_floor(np.array([2.5]), 1 / 0.05, 1000, 10_000, "cauchy")
    assert lopsided[0] == pytest.approx(2.037, abs=1e-3)


def test_soft_rounding_is_exact_at_whole_numbers():
    np.testing.assert_allclose(theory.soft_round(np.array([-2.0, 0.0, 5.0]), 3.0), [-2, 0, 5], atol=1e-12)
    np.testing.assert_allclose(theory.soft_round(np.array([0.5, 1.5]), 3.0), [0.5, 1.5])


def test_clark():
    rng = np.random.default_rng(0)
    draws = np.maximum(1.0, 0.7 + 0.4 * rng.normal(size=400_000))
    assert theory.clark_max(1.0, 0.7, 0.4) == pytest.approx(draws.mean(), abs=2e-3)


# ---------------------------------------------------------------- functions and bad input


def test_functions_know_themselves():
    assert FUNCTIONS["|x|"](np.array([-2.0, 3.0])).tolist() == [2, 3]
    assert FUNCTIONS["sign"](np.array([-2.0, 0.0, 3.0])).tolist() == [-1, 0, 1]
    assert FUNCTIONS["soft shrink"](np.array([-2.0, 0.5, 3.0])).tolist() == [-1, 0, 2]
    assert FUNCTIONS["hard sigmoid"](np.array([-4.0, 0.0, 9.0])).tolist() == pytest.approx([0, 0.5, 1])
    assert FUNCTIONS["rectangle"](np.array([-4.0, 0.0, 9.0])).tolist() == [0, 1, 0]
    assert FUNCTIONS["ReLU6"](np.array([-4.0, 2.0, 9.0])).tolist() == [0, 2, 6]
    assert FUNCTIONS["hat"].bounded
    assert not RELU.bounded
    assert not STEP.continuous
    assert clip(-1, 2).lipschitz == 1
    through = PiecewiseLinear.through(((0, 1), (1, 3), (3, 2)))
    assert through(np.array([-1.0, 0.5, 2.0, 9.0])).tolist() == pytest.approx([1, 2, 2.5, 2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PiecewiseLinear((1, 0), (0, 0), (1, 1)), "knots: got .* increasing"),
        (lambda: PiecewiseLinear((0, 1), (0,), (1, 1)), "lengths"),
        (lambda: PiecewiseLinear((0,), (math.nan,), (1,)), "jumps: got"),
        (lambda: PiecewiseLinear((0,), (1,), (1,), math.inf), "b0"),
        (lambda: PiecewiseLinear.through(((0, 1),)), "at least 2"),
        (lambda: PiecewiseLinear.through(((0, 1), (0, 2))), "increasing"),
        (lambda: theory.smooth_piecewise_linear(PLACES, RELU, "gaussian", 0), "width: got 0"),
        (lambda: theory.smooth_piecewise_linear(PLACES, RELU, "gaussian", math.nan), "width: got nan"),
        (lambda: theory.smooth_piecewise_linear(PLACES, RELU, "cauchy", 1), "no first moment"),
        (lambda: theory.smooth_piecewise_linear(PLACES, RELU, "box", 1), "kernel: got 'box'"),
        (lambda: theory.truncated_floor(PLACES, -1, 5, 10), "t: got -1"),
        (lambda: theory.truncated_floor(PLACES, 1, -5, 10), "M and N"),
        (lambda: theory.smooth_floor(PLACES, "cauchy", 1), "kernel: got 'cauchy'"),
        (lambda: theory.fourier_floor(PLACES, "gaussian", -1, 3), "scale and terms"),
        (lambda: theory.lipschitz_bound("gelu", 1), "kernel: got 'gelu'"),
        (lambda: theory.soft_round(PLACES, 0), "alpha: got 0"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", theory.NAMES)
def test_a_function_by_name_and_its_smoothing(name):
    x = np.array([-1.3, 0.4, 2.6])
    f, g = theory.original(name, x), theory.smoothed(name, x, "gaussian", 1e-3)
    np.testing.assert_allclose(g, f, atol=1e-12)
    jump = theory.largest_jump(name)
    assert theory.largest_error(name, "gaussian", 0.01) == pytest.approx(
        jump / 2 if jump else 0.004, abs=0.0041
    )
    grows = name in ("ReLU", "leaky ReLU", "|x|", "soft shrink", "floor")
    assert (theory.smoothed(name, x, "cauchy", 0.1) is None) == grows


def test_the_floor_has_the_middle_of_a_jump_at_a_whole_number():
    assert theory.original("floor", np.array([-1.0, 0.0, 0.5, 2.0])).tolist() == [-1.5, -0.5, 0.0, 1.5]


@pytest.mark.parametrize("kernel", theory.KERNELS)
def test_a_density_integrates_to_one_at_every_width(kernel):
    area = scipy.integrate.quad(lambda x: float(theory.density(x, kernel, 0.3)), -np.inf, np.inf)[0]
    assert area == pytest.approx(1, abs=1e-6)
