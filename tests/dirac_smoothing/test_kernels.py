"""Kernels in symbols agree with their own derivatives and integrals, and `smooth` with quadrature."""

import numpy as np
import pytest
import sympy as sp

from sjedu.dirac_smoothing import theory
from sjedu.dirac_smoothing.kernels import Cauchy, Gaussian, Logistic, Signed, Student, smooth

x = sp.Symbol("x", real=True)
t, lam, alpha, omega = sp.symbols("t lambda alpha omega", positive=True)
KERNELS = [Gaussian(t), Logistic(t), Student(t), Cauchy(t), Signed(Gaussian(t)), Signed(Logistic(t))]
AT = {t: sp.Rational(7, 5), x: sp.Rational(3, 7)}


def number(expression):
    return float(sp.N(expression.subs(AT), 20))


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_the_classes_are_each_others_derivatives_and_agree_with_the_numeric_kernels(kernel):
    assert number(sp.diff(kernel.cdf(x), x) - kernel.density(x)) == pytest.approx(0, abs=1e-15)
    assert number(sp.diff(kernel.integrated_cdf(x), x) - kernel.cdf(x)) == pytest.approx(0, abs=1e-15)
    s = number(sp.sympify(kernel.scale))
    numeric, z = theory.standard(kernel.name), float(AT[x]) / s
    assert number(kernel.density(x)) == pytest.approx(float(numeric.density(z)) / s, rel=1e-13)
    assert number(kernel.cdf(x)) == pytest.approx(float(numeric.cdf(z)), rel=1e-13)
    assert number(kernel.integrated_cdf(x)) == pytest.approx(s * float(numeric.ramp(z)), rel=1e-13)
    assert number(kernel.fourier(x)) == pytest.approx(
        float(numeric.characteristic(s * float(AT[x]))), rel=1e-12
    )
    # Even: Φ(x) + Φ(-x) = 1.
    assert number(kernel.cdf(x) + kernel.cdf(-x)) == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("kernel", [Gaussian(t), Logistic(t), Signed(Gaussian(t))], ids=str)
def test_moments_are_integrals(kernel):
    for order in (0, 1, 2, 4):
        u = np.linspace(-60, 60, 120_001)
        density = sp.lambdify(x, kernel.density(x).subs(t, 2), "numpy")(u)
        density = np.nan_to_num(density)  # exp overflows where the density is 0
        assert float(kernel.moment(order).subs(t, 2)) == pytest.approx(
            np.trapezoid(u**order * density, u), abs=1e-8
        )
    assert str(kernel) in {"Gaussian(t)", "Logistic(t)", "Signed(t)"}


def test_moments_that_do_not_exist():
    assert Student(t).moment(2) == sp.oo
    assert Student(t).moment(3) is sp.nan
    assert [Student(t).moment(k) for k in (0, 1)] == [1, 0]
    assert Cauchy(t).moment(0) == 1
    assert Cauchy(t).moment(1) is sp.nan
    assert Cauchy(t).absolute_moment() == sp.oo
    assert Signed(Gaussian(t)).absolute_moment() == 0


def test_absolute_moments():
    for kernel in (Gaussian(sp.S.One), Logistic(sp.S.One), Student(sp.S.One)):
        assert float(kernel.absolute_moment()) == pytest.approx(theory.standard(kernel.name).mean_absolute)


CASES = {
    "|x|": sp.Abs(x),
    "sign": sp.sign(x),
    "clip": sp.Min(sp.Max(x, -1), 1),
    "hat": sp.Max(0, 1 - sp.Abs(x)),
    "corner and jump": -1 + x * sp.Heaviside(x) + 3 * sp.Heaviside(x - 2),
    "leaky": sp.Piecewise((sp.Rational(1, 5) * x, x < 0), (x, True)),
    "soft shrink": sp.Piecewise((x + 1, x < -1), (0, x <= 1), (x - 1, True)),
    "one plus step": 1 + 2 * x + sp.Heaviside(x - sp.Rational(1, 3)),
    "parabola": x**2 - 3 * x + 1,
    "waves": sp.cos(2 * x + 1) - sp.sin(x / 2),
    "mixed": sp.Max(x, 0) + sp.cos(x) + x**2,
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kernel", [Gaussian(sp.Rational(7, 10)), Logistic(sp.S(2))], ids=str)
def test_smooth_agrees_with_quadrature(name, kernel):
    f = sp.lambdify(x, CASES[name], "numpy")
    g = sp.lambdify(x, smooth(CASES[name], x, kernel), ["scipy", "numpy"])
    breaks = (-1.0, 0.0, 1 / 3, 1.0, 2.0)
    for at in (-2.3, -0.4, 0.0, 1.7):
        wanted = theory.convolution(
            lambda v: float(f(np.float64(v))), at, kernel.name, float(kernel.scale), breaks
        )
        assert float(g(at)) == pytest.approx(wanted, abs=1e-10)


def test_a_piece_that_is_no_line_is_integrated():
    g = sp.lambdify(x, smooth(x**2 * sp.Heaviside(x), x, Gaussian(sp.S.One)), ["scipy", "numpy"])
    for at in (-0.8, 0.5, 1.5):
        wanted = theory.convolution(lambda v: max(v, 0.0) ** 2, at, "gaussian", 1.0, (0.0,))
        assert float(g(at)) == pytest.approx(wanted, abs=1e-9)


def test_symbols_in_the_function():
    kernel = Gaussian(t)
    found = smooth(sp.Piecewise((x + lam, x < -lam), (0, x <= lam), (x - lam, True)), x, kernel)
    expected = lam + x - kernel.integrated_cdf(x + lam) + kernel.integrated_cdf(x - lam)
    assert sp.simplify(found - expected) == 0
    wave = smooth(alpha * sp.exp(sp.I * omega * x), x, kernel)
    assert sp.simplify(wave - alpha * sp.exp(sp.I * omega * x - t**2 * omega**2 / 2)) == 0


def test_the_floor_is_a_damped_series():
    series = smooth(sp.floor(x), x, Logistic(sp.S(10)))
    partial = series.replace(
        lambda e: isinstance(e, sp.Sum), lambda e: sp.Sum(e.function, (e.variables[0], 1, 25)).doit()
    )
    for at in (-0.7, 0.25, 1.9):
        wanted = theory.smooth_floor(np.array([at]), "logistic", 0.1)[0]
        assert float(partial.subs(x, at)) == pytest.approx(wanted, abs=1e-12)


def test_what_diverges_is_refused():
    for f in (sp.Max(x, 0), x, sp.floor(x), sp.Abs(x - 1)):
        with pytest.raises(ValueError, match=r"Cauchy.* has no first moment"):
            smooth(f, x, Cauchy(t))
    with pytest.raises(ValueError, match=r"Student.* has no second moment"):
        smooth(x**2, x, Student(t))
    assert smooth(sp.Heaviside(x), x, Cauchy(t)) == Cauchy(t).cdf(x)


def test_what_cannot_be_decided_or_done_is_refused():
    mystery = sp.Symbol("mystery")
    with pytest.raises(ValueError, match="declare its symbols' signs"):
        smooth(sp.Max(x, mystery, 0), x, Gaussian(t))
    with pytest.raises(NotImplementedError, match="cannot convolve"):
        smooth(sp.Function("h")(x), x, Logistic(t))


@pytest.mark.parametrize("width", [0, -1, sp.Symbol("w"), sp.nan])
def test_a_width_must_be_positive(width):
    with pytest.raises(ValueError, match="width: got"):
        Gaussian(width)
