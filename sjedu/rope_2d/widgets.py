"""The four widgets of the lesson. Each answers a question that the text has just asked.

Each section is a scene, the widget that shows it, and the panels that the scene is put together from. Positions are
(row, column) = (x, y), so x runs down the page and y to the right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from sjedu.figures.numbers import about, fixed, point
from sjedu.figures.scene import Labels, Panel, Scene
from sjedu.figures.style import COLORS, DIVERGING, SEQUENTIAL, Real, figure, mosaic
from sjedu.figures.widgets import Widget, choice, slider, toggle
from sjedu.rope_2d import quaternion, theory
from sjedu.rope_2d.offsets import distance, led_to, mean_logit

Cell: TypeAlias = tuple[int, int]
Point: TypeAlias = tuple[Real, Real]

QUERY, KEY = COLORS.blue, COLORS.vermillion


# ---------------------------------------------------------------- 1: two rotations carry a position


def two_rotations_scene() -> Scene:
    """Draw how two rotations carry a position, and that the logit stays when both points move together.

    The key stands at the query's position plus (dx, dy), so that x and y move both points.
    """
    fig, axes = mosaic("ABC;DEF", 8.6, 5.8)
    places, place = _logit_plane(
        axes["A"], "logit of a key at (x′, y′)", "x′", "y′", [("o", QUERY), ("s", KEY)]
    )
    differences, differ = _logit_plane(axes["D"], "logit by difference", "x′ − x", "y′ − y", [("s", KEY)])
    first, turn_first = _circle(axes["B"], "first half: turned by xθ", "x")
    second, turn_second = _circle(axes["C"], "second half: turned by yθ", "y")
    entries, fill = _matrix(axes["E"], "$R_{x,y}$ of the query")
    logits, compare = _logit_card(axes["F"])
    # Query and key have the same content, so that their logit is K(p′ − p).
    content = np.array([1.0, 0.0, 1.0, 0.0]) / np.sqrt(2)

    def update(x: Real, y: Real, dx: Real, dy: Real, theta: Real) -> str:
        query, key = theory.rotation(x, y, theta), theory.rotation(x + dx, y + dy, theta)
        absolute = float((query @ content) @ (key @ content))
        relative = float(content @ theory.rotation(dx, dy, theta) @ content)
        place((x, y), theta, [(x, y), (x + dx, y + dy)])
        differ((0.0, 0.0), theta, [(dx, dy)])
        turn_first(x * theta, dx * theta)
        turn_second(y * theta, dy * theta)
        fill(query)
        compare(point(x, y), point(x + dx, y + dy), point(dx, dy), fixed(absolute), fixed(relative))
        return (
            f"Query at {point(x, y)}, key at {point(x + dx, y + dy)}, θ = {theta:.2f}: the logit is "
            f"{fixed(absolute)}, and {fixed(relative)} when computed from the difference {point(dx, dy)} "
            "alone. Moving both points turns both arrows of a circle alike: the angle between them stays."
        )

    return Scene(fig, [*places, *differences, *first, *second, *entries, *logits], update)


two_rotations = Widget(
    two_rotations_scene,
    x=slider("x (both)", -4.0, 4.0, -2.0, 0.5, ".1f"),
    y=slider("y (both)", -4.0, 4.0, 1.0, 0.5, ".1f"),
    dx=slider("Δx (key)", -4.0, 4.0, 3.0, 0.5, ".1f"),
    dy=slider("Δy (key)", -4.0, 4.0, 2.0, 0.5, ".1f"),
    theta=slider("θ", 0.1, 1.5, 0.5, 0.05),
)


def _logit_plane(
    ax: Axes, title: str, rows: str, columns: str, markers: Sequence[tuple[str, str]], reach: int = 8
) -> Panel:
    """A map of the logit, and points on it."""
    grid = np.linspace(-reach, reach, 65)
    offsets = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
    image = _map(ax, offsets, cmap=DIVERGING, vmin=-1, vmax=1)
    ticks = (-reach, -reach // 2, 0, reach // 2, reach)
    ax.set(title=title, xlabel=columns, ylabel=rows, xticks=ticks, yticks=ticks)
    points = [
        ax.plot([], [], marker, color=color, ms=9, mec="white", mew=1.5)[0] for marker, color in markers
    ]

    def draw(
        origin: Point,
        theta: Real,
        positions: Sequence[Point],
    ) -> None:
        image.set_data(mean_logit(offsets - np.array(origin), [[theta, 0.0], [0.0, theta]]))
        for marker, (x, y) in zip(points, positions, strict=True):
            marker.set_data([y], [x])

    return [image, *points], draw


def _circle(ax: Axes, title: str, name: str) -> Panel:
    """The rotated half of the query and of the key, and the angle between them."""
    turn = np.linspace(0, 1, 60)
    ax.plot(np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn), color=COLORS.faint, lw=1)
    ax.plot([0, 1], [0, 0], color=COLORS.grey, lw=1, ls=":")
    ax.set(title=title, xlim=(-1.25, 1.25), ylim=(-1.45, 1.25), aspect="equal")
    ax.set_axis_off()
    between = ax.plot([], [], color=COLORS.orange, lw=6, solid_capstyle="butt")[0]
    arrows = _arrows(ax, [QUERY, KEY])
    label = Labels(ax, [(0, -1.32)], size=10)

    def draw(angle: Real, difference: Real) -> None:
        swept = angle + difference * turn
        between.set_data(np.cos(swept), np.sin(swept))
        ends = np.array([angle, angle + difference])
        arrows.set_UVC(np.cos(ends), np.sin(ends))
        label.write([f"({name}′ − {name})θ = {fixed(difference)}"])

    return [between, arrows, label], draw


def _matrix(ax: Axes, title: str) -> Panel:
    """The numbers of a 4x4 block matrix, coloured; what is always zero does not move."""
    image = ax.imshow(np.zeros((4, 4)), cmap=DIVERGING, vmin=-2, vmax=2)
    ax.set(title=title, xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    inside = np.kron(np.eye(2), np.ones((2, 2))).astype(bool)
    for i, j in np.argwhere(~inside):
        ax.text(float(j), float(i), "0", ha="center", va="center", color=COLORS.grey, fontsize=9)
    labels = Labels(ax, np.argwhere(inside)[:, ::-1].astype(np.float64))

    def draw(values: Float64[np.ndarray, "4 4"]) -> None:
        image.set_data(np.where(inside, values, np.nan))
        labels.write([fixed(value) for value in values[inside]])

    return [image, labels], draw


def _logit_card(ax: Axes) -> Panel:
    """The two ways to compute the logit, in numbers."""
    ax.set_axis_off()
    rows = (
        "query at $p$",
        "key at $p'$",
        "difference $p'-p$",
        "$(R_p q)^T (R_{p'} k)$",
        "$q^T R_{p'-p}\\,k$",
    )
    heights = np.linspace(0.86, 0.14, len(rows))
    for row, height in zip(rows, heights, strict=True):
        ax.text(0.1, height, row, transform=ax.transAxes, va="center")
    for marker, color, height in (("o", QUERY, heights[0]), ("s", KEY, heights[1])):
        ax.plot(0.03, height, marker, color=color, ms=8, transform=ax.transAxes)
    labels = Labels(ax, [(1.0, height) for height in heights], 10, "right", transform=ax.transAxes)

    def draw(*values: str) -> None:
        labels.write(values)

    return [labels], draw


# ---------------------------------------------------------------- 2: what the frequencies decide

REACH = 32  # offsets up to this many rows and columns
#: The lists of 32 frequencies, for 64 dimensions, that can be looked at.
LAYOUTS: dict[str, Callable[[], Float64[np.ndarray, "32 2"]]] = {
    "axial": lambda: theory.axial(64),
    "flattened, 16 columns": lambda: theory.flattened(64, width=16),
    "axial, turned by 45°": lambda: theory.turned(theory.axial(64), np.pi / 4),
    "mixed, 4 heads": lambda: np.concatenate([theory.mixed(16, angle=k * np.pi / 8) for k in range(4)]),
    "golden angles": lambda: theory.golden(64),
}


def layouts_figure() -> tuple[Figure, str]:
    """Return all layouts side by side, and the sentence that says what they show."""
    choices = _layouts()
    fig, axes = figure(8.6, 3.9, rows=2, cols=len(choices))
    offsets = _offset_grid()
    for (name, frequencies), (above, below) in zip(choices.items(), axes.T, strict=True):
        _, aim = _frequency_plane(above, rings=False)
        aim(frequencies, None)
        above.set_title(name.replace(", ", "\n"), fontsize=10)
        _map(below, offsets, cmap=DIVERGING, vmin=-1, vmax=1).set_data(mean_logit(offsets, frequencies))
        below.set(xticks=(-32, 0, 32), yticks=(-32, 0, 32) if below is axes[1, 0] else ())
    axes[0, 0].set_ylabel("frequencies")
    axes[1, 0].set_ylabel("mean logit K")
    return fig, (
        "Five lists of 32 frequencies, and below each the mean logit K for offsets of up to 32 rows and "
        "columns: axial frequencies draw an upright cross and turned ones a slanted cross, flattened ones "
        "draw a stripe along which offsets are confused, and frequencies in many directions draw a disc."
    )


def _layouts() -> dict[str, Float64[np.ndarray, "32 2"]]:
    return {name: make() for name, make in LAYOUTS.items()}


def frequency_designer_scene() -> Scene:
    """Draw what the frequencies decide: which offsets attention likes, and which it cannot tell apart.

    One frequency of the layout is turned by so many degrees and stretched.
    """
    fig, axes = mosaic("ABC;DDD", 8.6, 4.8, height_ratios=(1.7, 1), width_ratios=(0.9, 1, 1))
    choices, offsets = _layouts(), _offset_grid()
    arrows, aim = _frequency_plane(axes["A"])
    logit = _map(axes["B"], offsets, cmap=DIVERGING, vmin=-1, vmax=1)
    _offset_axes(axes["B"], "mean logit K")
    apart = _map(axes["C"], offsets, cmap=SEQUENTIAL, norm=LogNorm(0.05, 2))
    nearest = axes["C"].plot([], [], "o", mec=COLORS.vermillion, mfc="none", ms=11, mew=2)[0]
    _offset_axes(axes["C"], "distance from offset 0")
    _scale(axes["B"], logit, (-1, 0, 1))
    _scale(axes["C"], apart, (0.1, 1))
    profiles, trace = _profiles(axes["D"])

    def update(layout: str, arrow: int, degrees: Real, stretch: Real) -> str:
        frequencies = choices[layout].copy()
        frequencies[arrow - 1] = (
            stretch * theory.turned(frequencies[arrow - 1 : arrow], np.radians(degrees))[0]
        )
        apart_by = distance(offsets, frequencies)
        aim(frequencies, arrow - 1)
        logit.set_data(mean_logit(offsets, frequencies))
        apart.set_data(np.maximum(apart_by, 0.05))
        trace(frequencies)
        apart_by[REACH, REACH] = np.inf
        hardest = offsets[apart_by <= apart_by.min() + 1e-9]
        nearest.set_data(hardest[:, 1], hardest[:, 0])
        return _describe(frequencies, hardest, float(apart_by.min()))

    return Scene(fig, [*arrows, logit, apart, nearest, *profiles], update)


frequency_designer = Widget(
    frequency_designer_scene,
    layout=choice("layout", list(LAYOUTS)),
    arrow=slider("arrow", 1, 32, 1),
    degrees=slider("turn (degrees)", -180, 180, 0, 5),
    stretch=slider("stretch", 0.1, 3.0, 1.0, 0.1, ".1f"),
)


def _describe(
    frequencies: Float64[np.ndarray, "pairs 2"], hardest: Float64[np.ndarray, "offsets 2"], apart_by: float
) -> str:
    t = 16 / np.sqrt(2)
    along = mean_logit([[16.0, 0.0], [0.0, 16.0], [t, t], [t, -t]], frequencies)
    rows, columns, *diagonals = (fixed(value) for value in along)
    level = "much the same in all directions" if np.ptp(along) < 0.1 else "it depends on the direction"
    x, y = min(hardest, key=lambda offset: (np.hypot(*offset), *-offset))
    told = (
        "cannot be told from 0 at all"
        if apart_by < 1e-9
        else f"is the hardest to tell from 0 ({apart_by:.3f})"
    )
    return (
        f"At distance 16, K is {rows} along x, {columns} along y, {' and '.join(diagonals)} on the "
        f"diagonals: {level}. The offset {point(x, y, digits=0)} {told}."
    )


def _offset_grid() -> Float64[np.ndarray, "rows columns 2"]:
    reach = np.arange(-REACH, REACH + 1.0)
    return np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1)


def _offset_axes(ax: Axes, title: str) -> None:
    ticks = (-REACH, 0, REACH)
    ax.set(title=title, xlabel="Δy", ylabel="Δx", xticks=ticks, yticks=ticks)
    ax.yaxis.labelpad = -8


def _scale(ax: Axes, image: Any, ticks: Sequence[Real]) -> None:
    """A colour bar that takes no room from its axes."""
    bar = ax.figure.colorbar(image, cax=ax.inset_axes((1.04, 0, 0.05, 1)), ticks=ticks)
    bar.ax.set_yticks(ticks, [f"{tick:g}".replace("-", "−") for tick in ticks], fontsize=9)
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)


def _frequency_plane(ax: Axes, rings: bool = True) -> Panel:
    """Arrows in the directions of the frequencies, their lengths on a logarithmic scale."""
    circle = np.linspace(0, 2 * np.pi, 100)
    for length in (0.01, 0.1, 1, 10) if rings else ():
        r = float(_logarithmic(np.array(length)))
        ax.plot(r * np.cos(circle), r * np.sin(circle), color=COLORS.faint, lw=0.8)
        ax.text(0, -r, f"{length:g}", fontsize=7, color=COLORS.grey, ha="center", va="center")
    ax.set(xlim=(-1.05, 1.05), ylim=(1.05, -1.05), aspect="equal", xticks=[], yticks=[])
    if rings:
        ax.set(title="frequencies ω (log length)", xlabel="$ω_y$", ylabel="$ω_x$")
    ax.spines[:].set_visible(False)
    lines = ax.plot([], [], color=QUERY, lw=0.8, marker="o", ms=3, markevery=2)[0]
    chosen = ax.plot([], [], color=KEY, lw=2.5, marker="o", ms=8, mec="white", markevery=2)[0]

    def draw(frequencies: Float64[np.ndarray, "pairs 2"], index: int | None) -> None:
        lengths = np.linalg.norm(frequencies, axis=1)
        tips = frequencies * (_logarithmic(lengths) / lengths)[:, None]
        there_and_back = np.stack(
            [tips, np.zeros_like(tips)], axis=1
        )  # one line: to each tip from the origin
        lines.set_data(*there_and_back.reshape(-1, 2).T[::-1])
        if index is not None:
            chosen.set_data(*there_and_back[index].T[::-1])

    return [lines, chosen], draw


def _logarithmic(lengths: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum((np.log10(lengths) + 3.2) / 4.6, 0))


def _profiles(ax: Axes) -> Panel:
    """K along a row, a column and a diagonal."""
    t = np.linspace(0, REACH, 129)
    diagonal = np.sqrt(0.5)
    directions = {"along x": (1.0, 0.0), "along y": (0.0, 1.0), "diagonally": (diagonal, diagonal)}
    styles = ((COLORS.blue, "-"), (COLORS.green, "--"), (COLORS.vermillion, "-."))
    ax.axhline(0, color=COLORS.faint, lw=1)
    ax.set(xlim=(0, REACH), ylim=(-0.55, 1.05), xlabel="distance from the query", ylabel="K")
    lines = [
        ax.plot([], [], color=color, ls=ls, label=name)[0]
        for name, (color, ls) in zip(directions, styles, strict=True)
    ]
    for name, (color, ls) in zip(directions, styles, strict=True):
        ax.plot([], [], color=color, ls=ls, label=name)
    ax.legend(handles=ax.lines[-3:], loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9)

    def draw(frequencies: Float64[np.ndarray, "pairs 2"]) -> None:
        for line, direction in zip(lines, directions.values(), strict=True):
            line.set_data(t, mean_logit(np.outer(t, direction), frequencies))

    return list(lines), draw


# ---------------------------------------------------------------- 3: how big is the quaternion failure


def quaternion_failure_scene() -> Scene:
    """Draw how much the quaternion attempt breaks relativity: by twice θ² times the area of two positions."""
    fig, axes = mosaic("ABC", 8.6, 3.7, width_ratios=(1.15, 0.8, 1.15))
    area, span = _parallelogram(axes["A"])
    bars, raise_bars = _bars(axes["B"])
    marker, mark = _law(axes["C"])

    def update(x1: Real, y1: Real, x2: Real, y2: Real, theta: Real, two_sided: bool) -> str:
        first, second = (x1, y1), (x2, y2)
        measured = quaternion.failure(first, second, theta, two_sided)
        predicted = quaternion.predicted_failure(first, second, theta)
        span(first, second)
        raise_bars(measured, predicted)
        mark(predicted, measured)
        side = "From both sides" if two_sided else "From one side"
        verdict = (
            "relativity holds, to rounding"
            if measured < 1e-12
            else f"relativity fails by {about(measured)}; 2θ² times the area is {about(predicted)}"
        )
        return (
            f"{side}, with θ = {theta:.2f} and positions {point(x1, y1)} and {point(x2, y2)}, which span an "
            f"area of {abs(x1 * y2 - x2 * y1):.2f}: {verdict}."
        )

    return Scene(fig, [*area, *bars, *marker], update)


quaternion_failure = Widget(
    quaternion_failure_scene,
    x1=slider("x₁", -5.0, 5.0, 4.0, 0.5, ".1f"),
    y1=slider("y₁", -5.0, 5.0, 1.0, 0.5, ".1f"),
    x2=slider("x₂", -5.0, 5.0, 1.0, 0.5, ".1f"),
    y2=slider("y₂", -5.0, 5.0, 5.0, 0.5, ".1f"),
    theta=slider("θ", 0.01, 1.0, 0.1, 0.01),
    two_sided=toggle("multiply from both sides"),
)


def _parallelogram(ax: Axes) -> Panel:
    """The two positions as arrows, and the area that they span."""
    ax.axhline(0, color=COLORS.faint, lw=1)
    ax.axvline(0, color=COLORS.faint, lw=1)
    ax.set(title="two positions, and their area", xlabel="y", ylabel="x", aspect="equal")
    ax.set(xlim=(-10, 10), ylim=(10, -10), xticks=(-10, -5, 0, 5, 10), yticks=(-10, -5, 0, 5, 10))
    shape = Polygon(np.zeros((4, 2)), color=COLORS.yellow, alpha=0.7, lw=0)
    ax.add_patch(shape)
    arrows = _arrows(ax, [COLORS.blue, COLORS.vermillion], width=0.018)
    labels = Labels(ax, [(0, 0), (0, 0)], size=10)

    def draw(first: Point, second: Point) -> None:
        tips = np.array([first, second])[:, ::-1]
        shape.set_xy([np.zeros(2), tips[0], tips.sum(axis=0), tips[1]])
        arrows.set_UVC(tips[:, 0], tips[:, 1])
        lengths = np.maximum(np.linalg.norm(tips, axis=1, keepdims=True), 0.1)
        labels.write(["1", "2"], tips * (1 + 1.2 / lengths))

    return [shape, arrows, labels], draw


FLOOR = 1e-17  # where the logarithmic axes begin: below what float64 leaves of an exact zero


def _bars(ax: Axes) -> Panel:
    """The failure as measured and as predicted, on a logarithmic axis."""
    names, colors = ("measured", "2θ²·area"), (COLORS.vermillion, COLORS.sky)
    ax.set_yscale("log")
    ax.set(title="relativity error", ylim=(FLOOR, 1e3), yticks=(1e-16, 1e-12, 1e-8, 1e-4, 1))
    ax.set(xlim=(-0.6, 1.6))
    ax.set_xticks((0, 1), names)
    ax.axhspan(FLOOR, 1e-14, color=COLORS.faint, alpha=0.5, lw=0)
    ax.set_xlabel("grey: rounding", fontsize=8, color=COLORS.grey)
    bars = list(ax.bar((0, 1), (1, 1), bottom=FLOOR, width=0.6, color=colors))
    labels = Labels(ax, [(0, 1), (1, 1)])

    def draw(*heights: Real) -> None:
        tops = [max(height, FLOOR) for height in heights]
        for bar, top in zip(bars, tops, strict=True):
            bar.set_height(top - FLOOR)
        labels.write([about(height) for height in heights], [(i, 6 * top) for i, top in enumerate(tops)])

    return [*bars, labels], draw


def _law(ax: Axes) -> Panel:
    """Measured against predicted: a cloud of random pairs of positions, and the chosen one on it."""
    limits = (1e-6, 1e3)
    ax.plot(limits, limits, color=COLORS.grey, lw=1)
    ax.axhline(4, color=COLORS.grey, lw=1, ls=":")
    ax.text(1.5e-6, 6, "4 = the largest possible", fontsize=8, color=COLORS.grey)
    pairs = np.random.default_rng(0).uniform(-5, 5, (60, 2, 2))
    for theta, color in ((0.01, COLORS.green), (0.1, COLORS.blue), (1.0, COLORS.purple)):
        x = [quaternion.predicted_failure(first, second, theta) for first, second in pairs]
        y = [quaternion.failure(first, second, theta) for first, second in pairs]
        ax.plot(x, y, ".", ms=4, color=color, label=f"θ = {theta:g}")
    ax.set(xscale="log", yscale="log", xlim=limits, ylim=(1e-6, 1e2), title="one side: 180 random pairs")
    ax.set(xlabel="2θ²·area", ylabel="measured")
    ax.legend(loc="lower right", frameon=False, fontsize=8, handletextpad=0.1)
    chosen = ax.plot([], [], "D", color=COLORS.vermillion, ms=9, mec="white", mew=1.5, clip_on=False)[0]

    def draw(predicted: Real, measured: Real) -> None:
        chosen.set_data(np.clip([predicted], *limits), np.clip([measured], 1e-6, 1e2))

    return [chosen], draw


# ---------------------------------------------------------------- 4: what another width does to offsets

ROWS, TRAINED_WIDTH = 8, 8
ASKED = {"2 below": (2, 0), "2 above": (-2, 0), "2 to the right": (0, 2), "2 to the left": (0, -2)}


def width_change_scene() -> Scene:
    """Draw what a grid of another width does to the offsets that a model has learnt at width 8."""
    fig, (left, right) = figure(8.6, 4.1, cols=2)
    numbers, number = _cells(left, "flattened: n′ − n", 8)
    pairs, pair = _cells(right, "2-D: x′ − x, y′ − y", 6.5)
    _offset_legend(fig)

    def update(width: int, asked: str, row: int, column: int) -> str:
        down, right = ASKED[asked]
        query, target = (row, column), (row + down, column + right)
        reached = led_to(query, (down, right), TRAINED_WIDTH, width)
        x, y = (axis.ravel() for axis in np.indices((ROWS, width)))
        flat = [fixed(n, 0, sign=True) for n in (x - row) * width + (y - column)]
        number(width, flat, query, reached, target)
        pair(width, [f"{i},{j}" for i, j in zip(x - row, y - column, strict=True)], query, target, target)
        away = point(reached[0] - row, reached[1] - column, digits=0)
        leads = (
            "leads off the grid"
            if not 0 <= reached[0] < ROWS
            else "still leads there"
            if reached == target
            else f"leads to the offset {away} instead"
        )
        learnt = fixed(down * TRAINED_WIDTH + right, 0, sign=True)
        return (
            f"Learnt at width {TRAINED_WIDTH}, “{asked}” is the flattened offset {learnt}; at width {width} it {leads}."
            f" In two dimensions it is {point(down, right, digits=0)} at every width."
        )

    return Scene(fig, [*numbers, *pairs], update)


width_change = Widget(
    width_change_scene,
    width=slider("width", 6, 10, 10),
    asked=choice("learnt offset", list(ASKED)),
    row=slider("query row", 0, ROWS - 1, 2),
    column=slider("query column", 0, 5, 3),
)


def _offset_legend(fig: Figure) -> None:
    marks = [
        Polygon([(0, 0)], fc=QUERY, label="query"),
        Polygon([(0, 0)], fc=COLORS.orange, label="where the learnt offset leads"),
        Polygon([(0, 0)], fc="none", ec=COLORS.ink, lw=2, label="where it should lead"),
    ]
    fig.legend(handles=marks, loc="outside lower center", ncols=3, frameon=False, fontsize=9)


def _cells(ax: Axes, title: str, size: Real) -> Panel:
    """A grid of cells, each with its offset from the query; three of them are marked."""
    ax.set(title=title, xlim=(-0.6, 9.6), ylim=(7.6, -0.6), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    field = PolyCollection([], fc="white", ec=COLORS.faint, lw=1)
    query = PolyCollection([], fc=QUERY, ec="none")
    reached = PolyCollection([], fc=COLORS.orange, ec="none")
    target = PolyCollection([], fc="none", ec=COLORS.ink, lw=2)
    layers = [field, query, reached, target]
    for layer in layers:
        ax.add_collection(layer, autolim=False)
    labels = Labels(ax, [(0, 0)], size)

    def draw(width: int, offsets: Sequence[str], start: Cell, end: Cell, meant: Cell) -> None:
        cells = [(i, j) for i in range(ROWS) for j in range(width)]
        for layer, marked in zip(layers, (cells, [start], [end], [meant]), strict=True):
            layer.set_verts([_square(cell) for cell in marked if cell in cells])
        texts = dict(zip(cells, offsets, strict=True))
        del texts[start]  # which is 0
        labels.write([text.replace("-", "−") for text in texts.values()], [(j, i) for i, j in texts])

    return [*layers, labels], draw


def _square(cell: Cell) -> Float64[np.ndarray, "4 2"]:
    i, j = cell
    return np.array([[j - 0.5, i - 0.5], [j + 0.5, i - 0.5], [j + 0.5, i + 0.5], [j - 0.5, i + 0.5]])


# ---------------------------------------------------------------- helpers


def _map(ax: Axes, offsets: Float64[np.ndarray, "rows columns 2"], **colours: Any) -> Any:
    """An image over these offsets, rows downwards; its values come later."""
    (top, left), (bottom, right) = offsets[0, 0], offsets[-1, -1]
    half = (right - left) / (offsets.shape[1] - 1) / 2
    extent = (left - half, right + half, bottom + half, top - half)
    ax.spines[:].set_visible(False)
    return ax.imshow(np.ones(offsets.shape[:2]), extent=extent, **colours)


def _arrows(ax: Axes, colors: Sequence[str], width: Real = 0.02) -> Any:
    """Arrows from the origin; `set_UVC` aims them, in the axes' own coordinates."""
    zero = np.zeros(len(colors))
    return ax.quiver(
        zero, zero, zero, zero, color=colors, angles="xy", scale_units="xy", scale=1, width=width, zorder=3
    )
