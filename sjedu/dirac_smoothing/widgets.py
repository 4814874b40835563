"""The four widgets of the lesson. Each answers a question that the text has just asked.

Each section is a scene, the widget that shows it, and the panels that the scene is put together from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from sjedu.dirac_smoothing import theory
from sjedu.dirac_smoothing.functions import FUNCTIONS, RELU, PiecewiseLinear
from sjedu.figures.numbers import fixed
from sjedu.figures.scene import Panel, Scene
from sjedu.figures.style import COLORS, Real, figure, mosaic
from sjedu.figures.widgets import Widget, choice, slider, toggle

HARD, SMOOTH, KERNEL = COLORS.grey, COLORS.blue, COLORS.vermillion

# ---------------------------------------------------------------- 1: kernel times function


def kernel_and_function_scene() -> Scene:
    """Draw how a function is smoothed: at each x, its mean under a bell that stands there."""
    fig, axes = mosaic("AB;CC", 8.6, 5.4, height_ratios=(1.6, 1))
    grid = np.linspace(-4.0, 4.0, 801)
    curves, place = _curves(axes["A"], "f and g = f * φ", "x", (-1.6, 2.6), grid)
    inside, weigh = _under_the_bell(axes["B"])
    errors, measure = _error_curve(axes["C"], grid)

    def update(function: str, kernel: str, log10_width: Real, x: Real) -> str:
        s = 10.0**log10_width
        f, g = theory.original(function, grid), theory.smoothed(function, grid, kernel, s)
        shown = np.full_like(grid, np.nan) if g is None else g
        mean = float(np.interp(x, grid, shown))
        place(f, shown, x, mean)
        weigh(function, kernel, s, x)
        measure(shown - f)
        if g is None:
            return (
                f"The {kernel} kernel has no mean, so the mean of “{function}” under it does not exist: the tails"
                " weigh as 1/y², the function grows as y, and the integral diverges. Choose a bounded function."
            )
        return (
            f"At x = {fixed(x)} the mean of f under the bell is {fixed(mean)}. {_errors(function, kernel, s)}"
        )

    return Scene(fig, [*curves, *inside, *errors], update)


kernel_and_function = Widget(
    kernel_and_function_scene,
    function=choice("f", list(theory.NAMES)),
    kernel=choice("kernel", list(theory.KERNELS)),
    log10_width=slider("log₁₀ s", -1.5, 0.3, -0.2, 0.05),
    x=slider("x", -3.0, 3.0, 0.6, 0.1, ".1f"),
)


def _errors(function: str, kernel: str, s: Real) -> str:
    text = f"The largest error is {fixed(theory.largest_error(function, kernel, s), 3)}"
    if jump := theory.largest_jump(function):
        return f"{text}: half of the jump, {fixed(jump / 2, 3)}, remains at every width."
    if kernel in theory.POSITIVE and np.isfinite(theory.standard(kernel).mean_absolute):
        bound = theory.lipschitz_bound(kernel, s, FUNCTIONS[function].lipschitz)
        return f"{text}; the law K s E|U| allows {fixed(bound, 3)}."
    return f"{text}, at s = {fixed(s, 3)}."


def _curves(ax: Axes, title: str, xlabel: str, ylim: tuple[float, float], x: np.ndarray) -> Panel:
    """A hard function, its smooth stand-in, and a point that walks along it."""
    ax.axhline(0, color=COLORS.faint, lw=1)
    ax.set(title=title, xlabel=xlabel, xlim=(x[0], x[-1]), ylim=ylim)
    (hard,) = ax.plot([], [], color=HARD, lw=1.5, ls="--")
    (soft,) = ax.plot([], [], color=SMOOTH, lw=2)
    (point,) = ax.plot([], [], "o", color=KERNEL, ms=8, mec="white")
    _legend(ax, [("f", HARD, "--"), ("g", SMOOTH, "-")])

    def draw(f: np.ndarray, g: np.ndarray, at: Real, value: Real) -> None:
        hard.set_data(x, _with_gaps(x, f))
        soft.set_data(x, g)
        point.set_data([at], [value])

    return [hard, soft, point], draw


def _under_the_bell(ax: Axes) -> Panel:
    """The bell around the cursor, and its product with f, whose area is g."""
    y = np.linspace(-4.0, 4.0, 401)
    ax.axhline(0, color=COLORS.faint, lw=1)
    ax.set(title="f(y)·φ(x − y): its area is g(x)", xlabel="y", xlim=(-4, 4), ylim=(-1.1, 2.6))
    (bell,) = ax.plot([], [], color=KERNEL, lw=1.5)
    area = Polygon(np.zeros((4, 2)), color=COLORS.sky, alpha=0.6, lw=0)
    ax.add_patch(area)
    (hard,) = ax.plot([], [], color=HARD, lw=1.2, ls="--")
    _legend(ax, [("f", HARD, "--"), ("φ(x − ·)", KERNEL, "-")])

    def draw(function: str, kernel: str, s: Real, x: Real) -> None:
        f, phi = theory.original(function, y), theory.density(x - y, kernel, s)
        bell.set_data(y, phi)
        hard.set_data(y, _with_gaps(y, f))
        area.set_xy(np.column_stack([[*y, y[-1], y[0]], [*(f * phi), 0.0, 0.0]]))

    return [area, bell, hard], draw


def _error_curve(ax: Axes, x: np.ndarray) -> Panel:
    """How far g is from f."""
    ax.axhline(0, color=COLORS.faint, lw=1)
    ax.set(title="error g − f", xlabel="x", xlim=(x[0], x[-1]), ylim=(-1.05, 1.05))
    area = Polygon(np.zeros((4, 2)), color=SMOOTH, alpha=0.35, lw=0)
    ax.add_patch(area)

    def draw(error: np.ndarray) -> None:
        shown = np.nan_to_num(error)
        area.set_xy(np.column_stack([[*x, x[-1], x[0]], [*shown, 0.0, 0.0]]))

    return [area], draw


# ---------------------------------------------------------------- 2: draw your own function

PLACES = (-2.0, -1.0, 0.0, 1.0, 2.0)


def draw_your_own_scene() -> Scene:
    """Draw a function through five knots, with a jump, and the closed form of its smoothing.

    y0 to y4 are the function's values at `PLACES`, but for the jump: beyond 0 everything stands higher by it.
    """
    fig, axes = mosaic("AB", 8.6, 3.9, width_ratios=(1.4, 1))
    grid = np.linspace(-3.5, 3.5, 701)
    curves, place = _curves(axes["A"], "your function, and its smoothing", "x", (-3.2, 3.2), grid)
    (knots,) = axes["A"].plot([], [], "s", color=HARD, ms=6)
    slopes, draw_slope = _slope(axes["B"], grid)

    def update(
        y0: Real, y1: Real, y2: Real, y3: Real, y4: Real, jump: Real, log10_width: Real, kernel: str
    ) -> str:
        heights, s = (y0, y1, y2, y3, y4), 10.0**log10_width
        f = PiecewiseLinear.through(tuple(zip(PLACES, heights, strict=True)), (0, 0, jump, 0, 0))
        g = theory.smooth_piecewise_linear(grid, f, kernel, s)
        place(f(grid), g, np.nan, np.nan)
        knots.set_data(PLACES, np.add(heights, (0, 0, 0, jump, jump)))
        draw_slope(np.gradient(g, grid))
        terms = sum(bool(J) for J in f.jumps), sum(abs(m) > 1e-12 for m in f.slopes)
        return (
            f"Jumps: {terms[0]}; changes of slope: {terms[1]}. So g is a constant, {terms[0]} shifted Φ and {terms[1]}"
            f" shifted r ({kernel}, s = {fixed(s, 3)}). At the jump its error is {fixed(abs(jump) / 2)} at every"
            " width; elsewhere it vanishes with s."
        )

    return Scene(fig, [*curves, knots, *slopes], update)


draw_your_own = Widget(
    draw_your_own_scene,
    y0=slider("f(−2)", -2.0, 2.0, 0.0, 0.1, ".1f"),
    y1=slider("f(−1)", -2.0, 2.0, 1.0, 0.1, ".1f"),
    y2=slider("f(0)", -2.0, 2.0, -0.5, 0.1, ".1f"),
    y3=slider("f(1)", -2.0, 2.0, 0.5, 0.1, ".1f"),
    y4=slider("f(2)", -2.0, 2.0, 0.0, 0.1, ".1f"),
    jump=slider("jump at 0", -2.0, 2.0, 1.0, 0.1, ".1f"),
    log10_width=slider("log₁₀ s", -2.0, 0.3, -0.7, 0.05),
    kernel=choice("kernel", list(theory.KERNELS)),
)


def _slope(ax: Axes, x: np.ndarray) -> Panel:
    ax.axhline(0, color=COLORS.faint, lw=1)
    ax.set(title="slope g′", xlabel="x", xlim=(x[0], x[-1]), ylim=(-6, 6))
    (line,) = ax.plot([], [], color=COLORS.green, lw=1.5)

    def draw(slope: np.ndarray) -> None:
        line.set_data(x, slope)

    return [line], draw


# ---------------------------------------------------------------- 3: the floor


def floor_scene() -> Scene:
    """Draw the floor as a sum of smooth steps: what truncation costs, and what becomes of it when t is small."""
    fig, axes = mosaic("A;B", 8.6, 6.0, height_ratios=(2.4, 1))
    x = np.linspace(-9.0, 14.0, 1151)
    top, bottom = axes["A"], axes["B"]
    top.set(title="the floor as a sum of steps", xlim=(x[0], x[-1]), ylim=(-9.5, 14.5))
    top.plot(x, _with_gaps(x, np.floor(x)), color=HARD, lw=1.2, ls="--")
    (terms,) = top.plot([], [], color=COLORS.orange, lw=0.7)
    (sum_line,) = top.plot([], [], color=SMOOTH, lw=2.5, zorder=3)
    _legend(
        top,
        [
            ("⌊x⌋", HARD, "--"),
            ("its approximation", SMOOTH, "-"),
            ("the terms Φ(x − n), raised", COLORS.orange, "-"),
        ],
    )
    bottom.set(xlabel="x", ylabel="derivative", xlim=(x[0], x[-1]), ylim=(0, 5))
    (slope,) = bottom.plot([], [], color=COLORS.green, lw=1.2)

    def update(t: Real, M: int, N: int, untruncated: bool) -> str:
        g = theory.smooth_floor(x, "logistic", 1 / t) if untruncated else theory.truncated_floor(x, t, M, N)
        sum_line.set_data(x, g)
        slope.set_data(x, np.gradient(g, x))
        terms.set_data(*_term_lines(t, M, N))
        error = theory.floor_error(t, M, N, untruncated=untruncated)
        logistic = theory.standard("logistic")
        wave = float(logistic.characteristic(np.float64(2 * np.pi / t)))
        edge = "has no end" if untruncated else f"climbs from {fixed(-M - 1, 0)} to {N} and is flat beyond"
        return (
            f"t = {t:g}: the approximation {edge}. Its mean error inside is {fixed(error, 3)} (the law says"
            f" {fixed(logistic.mean_absolute / t, 3)} for large t). The first wave of the Fourier form is damped to"
            f" {fixed(wave, 3)}: {'so it is nearly the line x − ½' if wave < 0.05 else 'the steps are there'}."
        )

    return Scene(fig, [terms, sum_line, slope], update)


floor = Widget(
    floor_scene,
    t=slider("t", 1.0, 50.0, 10.0, 0.5, ".1f"),
    M=slider("M", 0, 8, 5),
    N=slider("N", 0, 12, 10),
    untruncated=toggle("untruncated"),
)


def _term_lines(t: Real, M: int, N: int) -> tuple[np.ndarray, np.ndarray]:
    """Every step Φ(x - n), raised to where it adds to the sum; one line with gaps."""
    z = np.linspace(-1.0, 1.0, 41)
    step = theory.standard("logistic").cdf(t * z)
    pieces = [(np.append(n + z, np.nan), np.append(n - 1 + step, np.nan)) for n in range(-M, N + 1)]
    xs, ys = zip(*pieces, strict=True)
    return np.concatenate(xs), np.concatenate(ys)


# ---------------------------------------------------------------- 4: two families

FAMILIES = {"logistic": ("softplus", "Swish", "swish"), "gaussian": ("Gaussian ReLU", "GELU", "gelu")}


def two_families_scene() -> Scene:
    """Draw the two ways to smooth ReLU beside each other: convolve it, or smooth the step in xθ(x)."""
    fig, (left, right) = figure(8.6, 3.9, cols=2)
    x = np.linspace(-5.0, 5.0, 401)
    left.plot([-5, 0, 5], [0, 0, 5], color=HARD, lw=1.2, ls="--")
    left.set(title="two ways to smooth ReLU", xlabel="x", xlim=(-5, 5), ylim=(-0.7, 3.2))
    filled = Polygon(np.zeros((4, 2)), color=COLORS.yellow, alpha=0.8, lw=0)
    left.add_patch(filled)
    (above,) = left.plot([], [], color=SMOOTH, lw=2)
    (below,) = left.plot([], [], color=COLORS.green, lw=2)
    _legend(left, [("ReLU * φ", SMOOTH, "-"), ("x Φ(x)", COLORS.green, "-")])
    left.text(0.45, 0.05, "yellow: the gap", fontsize=9, color=COLORS.grey)
    right.axhline(0, color=COLORS.faint, lw=1)
    right.set(title="their kernels", xlabel="x", xlim=(-5, 5), ylim=(-0.45, 1.25))
    (bell,) = right.plot([], [], color=SMOOTH, lw=2)
    (signed,) = right.plot([], [], color=COLORS.green, lw=2)
    negative = Polygon(np.zeros((4, 2)), color=COLORS.green, alpha=0.3, lw=0)
    right.add_patch(negative)
    _legend(right, [("φ", SMOOTH, "-"), ("2φ + xφ′", COLORS.green, "-")])

    def update(kernel: str, width: Real) -> str:
        convolved, product, name = FAMILIES[kernel]
        first, second = (theory.smooth_piecewise_linear(x, RELU, each, width) for each in (kernel, name))
        above.set_data(x, first)
        below.set_data(x, second)
        filled.set_xy(np.column_stack([[*x, *x[::-1]], [*first, *second[::-1]]]))
        bell.set_data(x, theory.density(x, kernel, width))
        values = theory.density(x, name, width)
        signed.set_data(x, values)
        negative.set_xy(np.column_stack([[*x, x[-1], x[0]], [*np.minimum(values, 0), 0.0, 0.0]]))
        what = "the binary entropy of σ(x/s), times s" if kernel == "logistic" else "the bell s φ(x/s)"
        highest, deepest = (theory.relu_sup_error(each, width) for each in (kernel, name))
        at = width * theory.product_peak(name)[0]
        return (
            f"s = {fixed(width)}: {convolved} lies above ReLU, by {fixed(highest, 3)} at 0; {product} below, by"
            f" {fixed(deepest, 3)} at ±{fixed(at, 3)}. The gap between them is {what}. The kernel of {product} is"
            " negative on both sides: that is why it dips below 0."
        )

    return Scene(fig, [filled, above, below, bell, signed, negative], update)


two_families = Widget(
    two_families_scene,
    kernel=choice("kernel", list(FAMILIES), "gaussian"),
    width=slider("s", 0.1, 2.0, 1.0, 0.05),
)


# ---------------------------------------------------------------- helpers


def _legend(ax: Axes, entries: Sequence[tuple[str, str, str]]) -> None:
    handles = [ax.plot([], [], color=color, ls=style, label=label)[0] for label, color, style in entries]
    ax.legend(handles=handles, loc="upper left", frameon=False, fontsize=9)


def _with_gaps(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Break the line where it jumps, so that no vertical stroke is drawn."""
    shown = np.array(y, dtype=np.float64)
    steep = np.abs(np.diff(shown)) > 20 * (x[1] - x[0]) + 0.2
    shown[1:][steep] = np.nan
    return shown
