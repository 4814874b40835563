"""Smooth stand-ins for the Dirac delta, exact and in symbols, and `smooth`, which convolves with them.

They follow Su Jianlin, 《用狄拉克函数来构造非光滑函数的光滑近似》 (kexue.fm/archives/8718). A kernel φ is even and
integrates to 1; as its scale goes to 0 it becomes δ. What smoothing needs of it is not φ alone but its first
two integrals, Φ (a smooth step) and r (a smooth ReLU), and its moments.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import sympy as sp

Expr: TypeAlias = Any  # sympy ships no types

# ---------------------------------------------------------------- the kernels


class Kernel(ABC):
    """An even density φ of the line, with its integrals and moments as sympy expressions.

    Attributes:
        name: by which the numeric functions of this room know it.
        symbol: the number that sets its width.
        scale: the width s of φ(x) = φ₁(x/s)/s, in terms of `symbol`.
    """

    name: str

    def __init__(self, symbol: Expr) -> None:
        self.symbol = _positive(symbol)

    @property
    def scale(self) -> Expr:
        """The width s."""
        return self.symbol

    @abstractmethod
    def density(self, x: Expr) -> Expr:
        """Return φ(x)."""

    @abstractmethod
    def cdf(self, x: Expr) -> Expr:
        """Return Φ(x) = ∫ φ from -∞ to x: the smooth step."""

    @abstractmethod
    def integrated_cdf(self, x: Expr) -> Expr:
        """Return r(x) = ∫ Φ from -∞ to x: the smooth ReLU. For `Cauchy` this integral is infinite; see there."""

    @abstractmethod
    def moment(self, order: int) -> Expr:
        """Return ∫ xⁿ φ(x) dx: 0 for odd n, ∞ where it diverges, and NaN where not even its sign is defined."""

    @abstractmethod
    def absolute_moment(self) -> Expr:
        """Return E|U| = ∫ |x| φ(x) dx."""

    @abstractmethod
    def fourier(self, omega: Expr) -> Expr:
        """Return ∫ φ(x) cos(ωx) dx, by which smoothing multiplies cos(ωx)."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.symbol})"


class Gaussian(Kernel):
    """φ(x) = exp(-x²/2σ²) / (√(2π) σ). Source: the article's first way to find φ."""

    name = "gaussian"

    def density(self, x: Expr) -> Expr:
        """Return φ(x)."""
        return sp.exp(-(x**2) / (2 * self.symbol**2)) / (sp.sqrt(2 * sp.pi) * self.symbol)

    def cdf(self, x: Expr) -> Expr:
        """Return (1 + erf(x/√2σ)) / 2."""
        return (1 + sp.erf(x / (sp.sqrt(2) * self.symbol))) / 2

    def integrated_cdf(self, x: Expr) -> Expr:
        """Return x Φ(x) + σ² φ(x)."""
        return x * self.cdf(x) + self.symbol**2 * self.density(x)

    def moment(self, order: int) -> Expr:
        """Return σⁿ (n - 1)!! for even n."""
        return sp.S.Zero if order % 2 else self.symbol**order * sp.factorial2(order - 1)

    def absolute_moment(self) -> Expr:
        """Return √(2/π) σ."""
        return sp.sqrt(2 / sp.pi) * self.symbol

    def fourier(self, omega: Expr) -> Expr:
        """Return exp(-σ²ω²/2)."""
        return sp.exp(-(self.symbol**2) * omega**2 / 2)


class Logistic(Kernel):
    """φ(x) = t e^(tx) / (1 + e^(tx))², the derivative of σ(tx). Source: the article's second way; s = 1/t."""

    name = "logistic"

    @property
    def scale(self) -> Expr:
        """The width s = 1/t."""
        return 1 / self.symbol

    def density(self, x: Expr) -> Expr:
        """Return φ(x)."""
        return self.symbol * sp.exp(self.symbol * x) / (1 + sp.exp(self.symbol * x)) ** 2

    def cdf(self, x: Expr) -> Expr:
        """Return σ(tx) = 1 / (1 + e^(-tx))."""
        return 1 / (1 + sp.exp(-self.symbol * x))

    def integrated_cdf(self, x: Expr) -> Expr:
        """Return softplus, log(1 + e^(tx)) / t."""
        return sp.log(1 + sp.exp(self.symbol * x)) / self.symbol

    def moment(self, order: int) -> Expr:
        """Return πⁿ (2ⁿ - 2) |Bₙ| / tⁿ for even n > 0, with the Bernoulli numbers Bₙ."""
        if order == 0 or order % 2:
            return sp.S.One if order == 0 else sp.S.Zero
        return sp.pi**order * (2**order - 2) * abs(sp.bernoulli(order)) / self.symbol**order

    def absolute_moment(self) -> Expr:
        """Return 2 log 2 / t."""
        return 2 * sp.log(2) / self.symbol

    def fourier(self, omega: Expr) -> Expr:
        """Return (πω/t) / sinh(πω/t)."""
        return (sp.pi * omega / self.symbol) / sp.sinh(sp.pi * omega / self.symbol)


class Student(Kernel):
    """φ(x) = s² / (2 (x² + s²)^(3/2)): Student's distribution with two degrees of freedom, of scale √2 s.

    It is what √(x² + s²) ≈ |x| hides. Its variance is infinite.
    """

    name = "student"

    def density(self, x: Expr) -> Expr:
        """Return φ(x)."""
        return self.symbol**2 / (2 * (x**2 + self.symbol**2) ** sp.Rational(3, 2))

    def cdf(self, x: Expr) -> Expr:
        """Return (1 + x/√(x² + s²)) / 2."""
        return (1 + x / sp.sqrt(x**2 + self.symbol**2)) / 2

    def integrated_cdf(self, x: Expr) -> Expr:
        """Return (x + √(x² + s²)) / 2, which is called squareplus."""
        return (x + sp.sqrt(x**2 + self.symbol**2)) / 2

    def moment(self, order: int) -> Expr:
        """Return 1 and 0 for the orders 0 and 1; beyond, ∞ or undefined."""
        if order >= 2:
            return sp.nan if order % 2 else sp.oo
        return sp.S.One if order == 0 else sp.S.Zero

    def absolute_moment(self) -> Expr:
        """Return s."""
        return self.symbol

    def fourier(self, omega: Expr) -> Expr:
        """Return s|ω| K₁(s|ω|), with the modified Bessel function K₁."""
        argument = self.symbol * sp.Abs(omega)
        return argument * sp.besselk(1, argument)


class Cauchy(Kernel):
    """φ(x) = a / (π (x² + a²)). Source: the article's first way. It has no mean: ReLU * φ is infinite."""

    name = "cauchy"

    def density(self, x: Expr) -> Expr:
        """Return φ(x)."""
        return self.symbol / (sp.pi * (x**2 + self.symbol**2))

    def cdf(self, x: Expr) -> Expr:
        """Return 1/2 + atan(x/a)/π."""
        return sp.Rational(1, 2) + sp.atan(x / self.symbol) / sp.pi

    def integrated_cdf(self, x: Expr) -> Expr:
        """Return x Φ(x) - a log(1 + x²/a²)/2π: *an* antiderivative of Φ, because ∫ Φ from -∞ diverges.

        In sums Σ mₖ r(x - aₖ) with Σ mₖ = 0, which is all that a bounded function needs, the constant cancels.
        """
        return x * self.cdf(x) - self.symbol * sp.log(1 + x**2 / self.symbol**2) / (2 * sp.pi)

    def moment(self, order: int) -> Expr:
        """Return 1 for order 0; the others do not exist."""
        if order == 0:
            return sp.S.One
        return sp.nan if order % 2 else sp.oo

    def absolute_moment(self) -> Expr:
        """Return ∞."""
        return sp.oo

    def fourier(self, omega: Expr) -> Expr:
        """Return exp(-a|ω|)."""
        return sp.exp(-self.symbol * sp.Abs(omega))


class Signed(Kernel):
    """φ̃ = (xΦ)'' = 2φ + xφ': the kernel for which ReLU * φ̃ is exactly x Φ(x), so Swish and GELU.

    It integrates to 1 but is negative on both sides, which is why those two dip below 0. Its n-th moment is
    (1 - n) times that of φ: the second is *minus* the variance.

    Args:
        base: the kernel φ.
    """

    def __init__(self, base: Kernel) -> None:
        super().__init__(base.symbol)
        self.base = base
        self.name = {"gaussian": "gelu", "logistic": "swish"}.get(base.name, f"signed {base.name}")

    @property
    def scale(self) -> Expr:
        """The width of the base."""
        return self.base.scale

    def density(self, x: Expr) -> Expr:
        """Return 2φ(x) + xφ'(x)."""
        at = sp.Dummy("x")
        slope = sp.diff(self.base.density(at), at).subs(at, x)
        return 2 * self.base.density(x) + x * slope

    def cdf(self, x: Expr) -> Expr:
        """Return Φ(x) + xφ(x)."""
        return self.base.cdf(x) + x * self.base.density(x)

    def integrated_cdf(self, x: Expr) -> Expr:
        """Return x Φ(x)."""
        return x * self.base.cdf(x)

    def moment(self, order: int) -> Expr:
        """Return (1 - n) times the base's n-th moment."""
        return (1 - order) * self.base.moment(order)

    def absolute_moment(self) -> Expr:
        """Return ∫ |x| φ̃(x) dx = 0: ReLU * φ̃ = x Φ(x) passes through the origin.

        For a signed kernel this is the error of |x| at 0, and no longer a bound for that of other functions.
        """
        return sp.S.Zero

    def fourier(self, omega: Expr) -> Expr:
        """Return φ̂(ω) - ωφ̂'(ω), which follows from 2φ + xφ' by parts."""
        at = sp.Dummy("omega", positive=True)
        hat = self.base.fourier(at)
        return sp.simplify(hat - at * sp.diff(hat, at)).subs(at, sp.Abs(omega))


def _positive(symbol: Expr) -> Expr:
    value = sp.sympify(symbol)
    if value.is_positive is not True:
        raise ValueError(f"width: got {symbol!r}; expected a positive number, or a symbol declared positive")
    return value


# ---------------------------------------------------------------- smoothing

_BREAKS = (sp.Heaviside, sp.Abs, sp.sign, sp.Max, sp.Min, sp.Piecewise)


def smooth(expr: Expr, x: Expr, kernel: Kernel) -> Expr:
    """Return g(x) = ∫ f(y) φ(x - y) dy, the article's equation (2), in closed form.

    Sums of these are done by formula, and without an integral: functions with finitely many linear pieces and
    jumps, written with Heaviside, Abs, sign, Max, Min or Piecewise (g = b₀ + m₀x + Σ Jₖ Φ(x-aₖ) + Σ mₖ r(x-aₖ));
    polynomials (moments); cos, sin and exp(iωx) (Fourier transform); floor(x + c) (Fourier series). Whatever else
    is left to sympy's integrator.

    Args:
        expr: f, an expression in x.
        x: the variable, a real symbol.
        kernel: φ.

    Returns:
        g as an expression in x.

    Raises:
        ValueError: if the integral diverges (the kernel lacks a moment that f's growth needs), or if it is not
            decidable where f's pieces are (declare the assumptions of its symbols).
        NotImplementedError: if sympy cannot do the integral.
    """
    broken, smoothed = [], []
    for term in sp.Add.make_args(sp.expand(sp.sympify(expr))):
        if term.has(*_BREAKS):
            broken.append(term)
        else:
            smoothed.append(_smooth_term(term, x, kernel))
    if broken:
        smoothed.append(_smooth_pieces(sp.Add(*broken), x, kernel))
    return sp.Add(*smoothed)


def _smooth_term(term: Expr, x: Expr, kernel: Kernel) -> Expr:
    factor, rest = term.as_independent(x, as_Add=False)
    if rest == 1:
        return factor
    if rest.is_polynomial(x):
        return factor * _smooth_power(int(sp.degree(rest, x)), x, kernel)
    argument = rest.args[0] if rest.args else rest
    if isinstance(rest, sp.cos | sp.sin) and sp.diff(argument, x, 2) == 0:
        return factor * rest * kernel.fourier(sp.diff(argument, x))
    if isinstance(rest, sp.exp) and sp.diff(argument, x, 2) == 0 and sp.diff(argument, x).is_imaginary:
        return factor * rest * kernel.fourier(sp.diff(argument, x) / sp.I)
    if isinstance(rest, sp.floor) and sp.diff(argument, x) == 1:
        return factor * _smooth_floor(argument, kernel)
    return factor * _integral(rest, x, kernel, -sp.oo, sp.oo)


def _smooth_power(degree: int, x: Expr, kernel: Kernel) -> Expr:
    """E(x - U)ⁿ."""
    _need_moments(kernel, degree)
    return sum(sp.binomial(degree, k) * x ** (degree - k) * kernel.moment(k) for k in range(0, degree + 1, 2))


def _smooth_floor(argument: Expr, kernel: Kernel) -> Expr:
    """The sawtooth's Fourier series, each term damped by the kernel."""
    _need_moments(kernel, 1)
    k = sp.Symbol("k", integer=True, positive=True)
    wave = kernel.fourier(2 * sp.pi * k) * sp.sin(2 * sp.pi * k * argument) / (sp.pi * k)
    return argument - sp.Rational(1, 2) + sp.Sum(wave, (k, 1, sp.oo))


def _smooth_pieces(f: Expr, x: Expr, kernel: Kernel) -> Expr:
    knots = _knots(f, x)
    bounds = [knots[0] - 2, *knots, knots[-1] + 2]
    middles = [(left + right) / 2 for left, right in itertools.pairwise(bounds)]
    pieces = [sp.expand(_branch(f, x, middle)) for middle in middles]
    if not all(piece.is_polynomial(x) and sp.degree(piece, x) <= 1 for piece in pieces):
        ends = [-sp.oo, *knots, sp.oo]
        spans = zip(pieces, ends[:-1], ends[1:], strict=True)
        return sp.Add(*(_integral(piece, x, kernel, low, high) for piece, low, high in spans))
    if sp.diff(pieces[0], x) != 0 or sp.diff(pieces[-1], x) != 0:
        _need_moments(kernel, 1)
    g = pieces[0]
    for knot, left, right in zip(knots, pieces[:-1], pieces[1:], strict=True):
        step = right - left
        slope = sp.diff(step, x)
        g += step.subs(x, knot) * kernel.cdf(x - knot) + slope * kernel.integrated_cdf(x - knot)
    return g


def _knots(f: Expr, x: Expr) -> list[Expr]:
    """Where f may break, in order."""
    switches = set()
    for part in f.atoms(*_BREAKS):
        if isinstance(part, sp.Piecewise):
            relations = [
                r for _, condition in part.args for r in condition.atoms(sp.core.relational.Relational)
            ]
            switches |= {relation.lhs - relation.rhs for relation in relations}
        elif isinstance(part, sp.Max | sp.Min):
            switches |= {a - b for a in part.args for b in part.args if a != b}
        else:
            switches.add(part.args[0])
    roots = {root for switch in switches if switch.has(x) for root in sp.solve(switch, x)}
    if not roots:
        raise ValueError(f"expr: got {f}, in which no break could be located")
    ordered: list[Expr] = []
    for knot in sorted(roots, key=sp.default_sort_key):
        place = sum(_sign(knot - other, f) > 0 for other in ordered)
        ordered.insert(place, knot)
    return ordered


def _branch(f: Expr, x: Expr, at: Expr) -> Expr:
    """F as it reads around the point `at`, without its breaks."""

    def chosen(part: Expr) -> Expr:
        here = [argument.subs(x, at) for argument in part.args]
        if isinstance(part, sp.Heaviside):
            return (1 + _sign(here[0], f)) / sp.S(2)
        if isinstance(part, sp.sign):
            return sp.S(_sign(here[0], f))
        if isinstance(part, sp.Abs):
            return _sign(here[0], f) * part.args[0]
        if isinstance(part, sp.Piecewise):
            return next(value for value, condition in part.args if condition.subs(x, at) == True)  # noqa: E712
        largest = sp.S.One if isinstance(part, sp.Max) else -sp.S.One
        best = 0
        for i in range(1, len(here)):
            if _sign(largest * (here[i] - here[best]), f) > 0:
                best = i
        return part.args[best]

    return f.replace(lambda part: isinstance(part, _BREAKS) and part.has(x), chosen)


def _sign(value: Expr, f: Expr) -> int:
    value = sp.simplify(value)
    if value.is_positive:
        return 1
    if value.is_negative:
        return -1
    if value.is_zero:
        return 0
    raise ValueError(
        f"expr: got {f}; whether {value} is positive decides its pieces: declare its symbols' signs"
    )


def _need_moments(kernel: Kernel, order: int) -> None:
    names = {1: "first", 2: "second", 3: "third"}
    for k in range(1, order + 1):
        if not kernel.moment(k).is_finite:
            raise ValueError(
                f"kernel: {kernel} has no {names.get(k, f'{k}-th')} moment, so the convolution diverges"
            )


def _integral(f: Expr, x: Expr, kernel: Kernel, low: Expr, high: Expr) -> Expr:
    y = sp.Dummy("y", real=True)
    result = sp.integrate(f.subs(x, y) * kernel.density(x - y), (y, low, high))
    if result.has(sp.Integral):
        raise NotImplementedError(f"expr: sympy cannot convolve {f} with {kernel}")
    if result.has(sp.oo, sp.nan, sp.zoo):
        raise ValueError(f"kernel: the convolution of {f} with {kernel} diverges")
    return result
