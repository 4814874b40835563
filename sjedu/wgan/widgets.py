"""The five widgets of the lesson. Each answers a question that the text has just asked.

Each section is a scene, and the widget that shows it. Nothing is trained here: the critics that the explorer draws
come from a recorded run. Torch is imported by the scenes that need it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from sjedu.figures.numbers import about, fixed, percent
from sjedu.figures.scene import Labels, Scene
from sjedu.figures.style import COLORS, DIVERGING, Real, figure, mosaic
from sjedu.figures.widgets import Widget, choice, slider
from sjedu.records import Record, load_runs
from sjedu.wgan import theory

REAL, FAKE = COLORS.blue, COLORS.vermillion

# ---------------------------------------------------------------- 1: critics in the plane

#: The critics of the explorer by the names on its buttons.
CRITICS = {
    "clipped": "clip",
    "spectral": "spectral",
    "gradient penalty": "gp",
    "one-sided": "lp",
    "c-transform": "c_transform",
    "(c, ε)-transform": "soft_c_transform",
}


STEPS = (10, 100, 1000)


@lru_cache(1)
def _landscapes() -> tuple[Record, Float64[np.ndarray, "times critics side side"], float]:
    """The recorded critics, their heights on the grid, and how far it reaches."""
    from sjedu.wgan.estimation import REACH, load_landscapes

    record = load_runs("wgan").where(study="landscapes").one()
    return record, load_landscapes(record), REACH


def critics_figure() -> tuple[Figure, str]:
    """Return six trained critics side by side, and the sentence that says what they show."""
    record, heights, reach = _landscapes()
    shown = ("clip:0.01", "spectral", "gp:10", "lp:10", "c_transform", "soft_c_transform:0.1")
    names = list(record.config["critics"])
    exact = record.metrics["exact"]["mean"]
    fig, axes = figure(8.6, 1.9, rows=1, cols=len(shown))
    for ax, name in zip(axes, shown, strict=True):
        _map(ax, heights[-1, names.index(name)], reach)
        title = name.replace("soft_c_transform", "(c, ε)").replace("c_transform", "c-transform")
        ax.set_title(f"{title.replace(':', ' ')}\n{record.metrics[name]['mean'] / exact:.3f}", fontsize=10)
    return fig, (
        "Six critics of eight Gaussians on a ring (dots) against N(0, I), and their estimates over the exact"
        f" distance of {exact:.3f}: the constrained ones draw a bowl, whose depth differs by a factor of a"
        " thousand; under the two transforms each dot is the top of a cone."
    )


def _map(ax: Axes, heights: Float64[np.ndarray, "side side"], reach: float, **options: Any) -> Any:
    """A critic's heights over the plane, and the eight Gaussians as dots."""
    extent = (-reach, reach, -reach, reach)
    image = ax.imshow(heights, extent=extent, origin="lower", cmap=DIVERGING, **options)
    angle = np.arange(8) * np.pi / 4
    ax.plot(2 * np.cos(angle), 2 * np.sin(angle), "o", ms=3, color=COLORS.black, mec="white", mew=0.6)
    ax.set(xticks=[], yticks=[], xlim=extent[:2], ylim=extent[2:], aspect="equal")
    ax.spines[:].set_visible(False)
    return image


def critic_explorer_scene() -> Scene:
    """Draw what critics of the ring of eight Gaussians look like, and how near their estimates come.

    The parameter (c, λ or ε) is given by its rank among those recorded, the smallest first; spectral normalisation and
    the c-transform have none.
    """
    from sjedu.wgan.constraints import split_strength

    record, heights, reach = _landscapes()
    names = list(record.config["critics"])
    times = list(record.config["landscapes"])
    exact = record.metrics["exact"]["mean"]
    fig, axes = mosaic("ABC", 8.6, 3.6, width_ratios=(1.2, 1.1, 0.6))
    image = _map(axes["A"], heights[0, 0], reach, norm=Normalize(0, 1))
    axes["A"].set_title("the critic, and where it points")
    line = np.linspace(-reach, reach, heights.shape[-1])
    thin = slice(2, None, 4)
    arrows = axes["A"].quiver(
        *np.meshgrid(line[thin], line[thin]), 0, 0, pivot="mid", scale=14, width=0.006, color=COLORS.ink
    )
    bins = np.linspace(0, 2, 21)
    counts = axes["B"].stairs(np.zeros(20), bins, fill=True, color=COLORS.sky)
    axes["B"].axvline(1, color=COLORS.grey, ls=":")
    axes["B"].set(
        title="norms of its gradient",
        xlabel="norm (2 stands for 2 and more)",
        ylabel="share of the square",
        ylim=(0, 1),
    )
    bars = axes["C"].bar([0, 1], [0, exact], color=[FAKE, REAL], width=0.7)
    axes["C"].set(title="distance", ylim=(0, 2), xticks=[0, 1])
    axes["C"].set_xticks([0, 1], ["estimate", "exact"])
    labels = Labels(axes["C"], [(0, 0.1), (1, exact + 0.1)])

    def update(critic: str, rank: int, steps: int) -> str:
        known = [name for name in names if split_strength(name)[0] == CRITICS[critic]]
        name = known[min(rank, len(known)) - 1]
        tile = heights[times.index(steps), names.index(name)]
        image.set_data((tile - tile.min()) / max(np.ptp(tile), 1e-12))
        slope = np.stack(np.gradient(tile, line[1] - line[0])[::-1], axis=-1)
        norm = np.linalg.norm(slope, axis=-1)
        unit = slope / np.maximum(norm, 1e-12)[..., None]
        arrows.set_UVC(unit[thin, thin, 0], unit[thin, thin, 1])
        counts.set_data(np.histogram(np.minimum(norm, 1.999), bins)[0] / norm.size)
        estimate = record["landscapes", "estimates"][times.index(steps)][names.index(name)]
        height = min(estimate, 1.85)
        bars[0].set_height(height)
        beyond = "↑ " if estimate > height else ""
        labels.write(
            [f"{beyond}{fixed(estimate, 3)}", fixed(exact, 3)], [(0, height + 0.1), (1, exact + 0.1)]
        )
        return (
            f"{critic}{_parameter(name)}, {steps} steps: the estimate is {fixed(estimate, 3)}, the exact distance"
            f" {fixed(exact, 3)}; the gradient's norm has the median {about(np.median(norm))} over the square."
        )

    return Scene(fig, [image, arrows, counts, bars[0], labels], update)


critic_explorer = Widget(
    critic_explorer_scene,
    critic=choice("critic", list(CRITICS), "gradient penalty"),
    rank=slider("parameter, from the smallest", 1, 4, 3),
    steps=choice("steps", {str(steps): steps for steps in STEPS}, 1000),
)


def _parameter(name: str) -> str:
    from sjedu.wgan.constraints import split_strength

    kind, strength = split_strength(name)
    if strength is None:
        return " (no parameter)"
    symbol = {"clip": "c", "soft_c_transform": "ε"}.get(kind, "λ")
    return f" with {symbol} = {strength:g}"


# ---------------------------------------------------------------- 2: the false optimum

THETAS = np.linspace(0, 1.5, 16)
_REPEATS = {1: 400, 2: 100, 4: 60, 8: 24, 16: 12, 32: 6, 64: 3}


@lru_cache(512)
def _curve(n: int, d: int) -> Float64[np.ndarray, " thetas"]:
    """The mean batch distance for each θ, with the same draws for all of them."""
    return np.asarray(theory.expected_batch_distance(THETAS, n, d, repeats=_REPEATS[n], seed=0))


def false_optimum_scene() -> Scene:
    """Draw which Gaussian a perfect minimiser of the batch distance prefers, for batches of n in d dimensions."""
    fig, ax = figure(7.4, 3.6)
    line = ax.plot(THETAS, np.ones_like(THETAS), color=COLORS.blue, lw=2)[0]
    best = ax.plot([], [], "o", color=FAKE, ms=10)[0]
    truth = ax.plot([], [], "s", color=COLORS.green, ms=9)[0]
    ax.axvline(1, color=COLORS.grey, ls=":")
    ax.set(
        xlabel="θ: what is generated is N(0, θ² I); the data are N(0, I)",
        ylabel="mean batch distance / that at θ = 1",
        ylim=(0.6, 1.6),
        title="circle: the best θ by the batches; square: the truth",
    )

    def update(n: int, d: int) -> str:
        curve = _curve(n, d)
        at_truth = float(np.interp(1, THETAS, curve))
        lowest = int(curve.argmin())
        line.set_ydata(curve / at_truth)
        best.set_data([THETAS[lowest]], [curve[lowest] / at_truth])
        truth.set_data([1], [1])
        extra = at_truth / curve[lowest] - 1
        return (
            f"Batches of {n} in {d} dimensions: the batch distance is least at θ = {THETAS[lowest]:.1f}; the"
            f" truth, θ = 1, costs {percent(extra)} more."
        )

    return Scene(fig, [line, best, truth], update)


false_optimum = Widget(
    false_optimum_scene,
    n=choice("n", {str(n): n for n in _REPEATS}, 16),
    d=slider("d", 1, 50, 10),
)


# ---------------------------------------------------------------- 3: batches against each other

_SIZES = (4, 16, 36, 64)
_ROWS = 8  # and columns of a montage


def batch_tournament_scene() -> Scene:
    """Draw which batch a batch of test digits takes for the nearest."""
    from sjedu.wgan import batch_distance
    from sjedu.wgan.transport import wasserstein_1

    fig, axes = mosaic("ABC", 8.6, 3.4, width_ratios=(1, 1, 1.2))
    batch_image = _pictures(axes["A"], "a batch of test digits", 9 * _ROWS)
    other_image = _pictures(axes["B"], "the candidate shown", 9 * _ROWS)
    names = ("real", "mean", "centroids", "noisy")
    bars = axes["C"].barh(names, [0] * 4, color=[REAL, COLORS.grey, FAKE, COLORS.sky], height=0.6)
    axes["C"].set(title="exact distance to the batch", xlim=(0, 3.2))
    axes["C"].invert_yaxis()
    labels = Labels(axes["C"], [(0, i) for i in range(4)], align="left")

    def update(n: int, candidate: str, draw: int) -> str:
        rng = np.random.default_rng((draw, n))
        test = batch_distance.digits("test")
        batch = test[rng.choice(len(test), n, replace=False)]
        rivals = batch_distance.candidates(n, rng)
        distances = {name: wasserstein_1(batch, rivals[name]).value for name in names}
        batch_image.set_data(_montage(batch))
        other_image.set_data(_montage(rivals[candidate]))
        for bar, value in zip(bars, distances.values(), strict=True):
            bar.set_width(value)
        labels.write(
            [fixed(value) for value in distances.values()],
            [(value + 0.05, i) for i, value in enumerate(distances.values())],
        )
        winner = min(distances, key=lambda name: distances[name])
        listed = ", ".join(f"{name} {fixed(value)}" for name, value in distances.items())
        return f"Distance from a batch of {n} test digits: {listed}. Nearest: {winner}; shown beside it: {candidate}."

    return Scene(fig, [batch_image, other_image, *bars, labels], update)


batch_tournament = Widget(
    batch_tournament_scene,
    n=choice("n", {str(n): n for n in _SIZES}, 64),
    candidate=choice("shown beside it", ["real", "mean", "centroids", "noisy"], "centroids"),
    draw=slider("draw", 0, 20, 0),
)


def _montage(points: Float64[np.ndarray, "n 64"]) -> Float64[np.ndarray, "rows columns"]:
    """Digits in a square, a pixel apart; what is left of it stays empty."""
    tiles = np.full((_ROWS * _ROWS, 9, 9), np.nan)
    tiles[: len(points), :8, :8] = points.reshape(-1, 8, 8)
    return tiles.reshape(_ROWS, _ROWS, 9, 9).transpose(0, 2, 1, 3).reshape(9 * _ROWS, 9 * _ROWS)


# ---------------------------------------------------------------- 4: the bias of the penalty


def penalty_bias_scene() -> Scene:
    """Draw how far the best penalised critic is from the distance, when everything else is perfect.

    The axes are in units of the state: slopes run to 2, 4 or 8, so that the best is on them, and heights are in as many
    W. Hence a curve that is as wide as its panel in every state; the numbers beside the ticks move instead.
    """
    fig, axes = mosaic("AB", 8.0, 3.4, width_ratios=(1.6, 1))
    quarters, share = np.linspace(0, 1, 5), np.linspace(0, 1, 401)
    curve = axes["A"].plot(share, np.zeros_like(share), color=COLORS.blue, lw=2)[0]
    top = axes["A"].plot([], [], "o", color=FAKE, ms=9, clip_on=False)[0]
    one = axes["A"].plot([], [], color=COLORS.grey, ls=":")[0]
    axes["A"].set(xlim=(0, 1), ylim=(-0.25, 0.75))
    axes["A"].set_xlabel("slope s of the critic f = s f*", labelpad=14)
    axes["A"].set_ylabel("what the critic maximises", labelpad=30)
    axes["A"].set_xticks(quarters, [""] * 5)
    axes["A"].set_yticks(quarters - 0.25, [""] * 5)
    below = Labels(axes["A"], [(q, -0.06) for q in quarters], transform=axes["A"].transAxes)
    beside = Labels(axes["A"], [(-0.02, q) for q in quarters], align="right", transform=axes["A"].transAxes)
    for each in (below, beside):
        each.set_clip_on(False)
    bars = axes["B"].bar(["W", "critic says"], [0, 0], color=[REAL, FAKE], width=0.6)
    axes["B"].set(ylim=(0, 1), yticks=[], title="the distance, and the estimate")
    labels = Labels(axes["B"], [(0, 0), (1, 0)])

    def update(W: Real, weight: Real, centre: int) -> str:
        best, estimate = (float(each) for each in theory.penalised_optimum(W, weight, centre))
        span = next(each for each in (2, 4, 8) if best <= 0.9 * each)
        unit = span * W
        curve.set_ydata([theory.penalised_objective(span * s, W, weight, centre) / unit for s in share])
        top.set_data([best / span], [theory.penalised_objective(best, W, weight, centre) / unit])
        one.set_data([1 / span, 1 / span], [-0.25, 0.75])
        below.write([f"{span * q:g}" for q in quarters])
        beside.write([f"{unit * (q - 0.25):.3g}".replace("-", "−") for q in quarters])
        for bar, height in zip(bars, (1 / span, best / span), strict=True):
            bar.set_height(height)
        labels.write([fixed(W), fixed(estimate)], [(0, 1 / span + 0.04), (1, best / span + 0.04)])
        formula = "W + W²/2λ" if centre else "W²/2λ"
        return (
            f"W = {fixed(W, 1)}, λ = {fixed(weight, 1)}: the best slope is {fixed(best, 3)}, so the critic says"
            f" {formula} = {fixed(estimate, 3)}."
        )

    return Scene(fig, [one, curve, top, below, beside, *bars, labels], update)


penalty_bias = Widget(
    penalty_bias_scene,
    W=slider("W", 0.1, 5.0, 2.0, 0.1, ".1f"),
    weight=slider("λ", 0.5, 20.0, 10.0, 0.5, ".1f"),
    centre=choice("penalty centred at", {"1": 1, "0": 0}, 1),
)

# ---------------------------------------------------------------- 5: what pixels call near


def pixel_metric_scene() -> Scene:
    """Draw how far a shift and a blur move a digit in pixels, and which other digit is nearer."""
    from sjedu.wgan import pixel_distance

    drawn = pixel_distance.canvases()
    strangers, distances = pixel_distance.nearest_stranger()
    fig, axes = mosaic("ABCD", 8.6, 2.9, width_ratios=(1, 1, 1, 1.3))
    titles = ("a digit", "shifted and blurred", "nearest of another class")
    images = [
        _pictures(axes[key], title, pixel_distance.CANVAS, 10)
        for key, title in zip("ABC", titles, strict=True)
    ]
    bars = axes["D"].barh(["altered", "other class"], [0, 0], color=[FAKE, REAL], height=0.5)
    axes["D"].set(title="distance in pixels", xlim=(0, 13))
    axes["D"].invert_yaxis()
    labels = Labels(axes["D"], [(0, 0), (0, 1)], align="left")

    def update(picture: int, shift: int, blur: Real) -> str:
        original = drawn.pictures[picture]
        altered = pixel_distance.blurred(pixel_distance.shifted(original, shift), float(blur))
        stranger = int(strangers[picture])
        for image, pixels in zip(images, (original, altered, drawn.pictures[stranger]), strict=True):
            image.set_data(pixels)
        moved, other = float(np.linalg.norm(original - altered)), float(distances[picture])
        for bar, value in zip(bars, (moved, other), strict=True):
            bar.set_width(value)
        labels.write([fixed(moved), fixed(other)], [(moved + 0.2, 0), (other + 0.2, 1)])
        return (
            f"A {drawn.labels[picture]} moved by {shift} pixels and blurred with σ = {fixed(blur, 1)} is"
            f" {fixed(moved)} from itself: {'farther away' if moved > other else 'nearer'} than a"
            f" {drawn.labels[stranger]} ({fixed(other)})."
        )

    return Scene(fig, [*images, *bars, labels], update)


pixel_metric = Widget(
    pixel_metric_scene,
    picture=slider("picture", 0, 49, 3),
    shift=slider("shift", 0, 6, 2),
    blur=slider("blur σ", 0.0, 3.0, 0.0, 0.5, ".1f"),
)


def _pictures(ax: Axes, title: str, side: int, size: int | None = None) -> Any:
    """A square for pictures, black at first."""
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=size)
    ax.spines[:].set_visible(False)
    return ax.imshow(np.zeros((side, side)), cmap="gray", vmin=0, vmax=1)


# ---------------------------------------------------------------- rows of pictures


def sample_row(record: Record, folder: str | Path | None = None) -> Float64[np.ndarray, "rows columns"]:
    """Return the row of samples that a run kept, side by side, values in [0, 1].

    Args:
        record: of the run.
        folder: where the run left its files; None: among the recorded ones.
    """
    with record.file("samples", folder).open("rb") as file:
        return np.asarray(Image.open(file), dtype=np.float64) / 255


def digit_row(points: Float64[np.ndarray, "n 64"], count: int = 16) -> Float64[np.ndarray, "8 columns"]:
    """Put the first digits side by side."""
    return np.hstack(list(points[:count].reshape(-1, 8, 8)))


def rows_figure(rows: dict[str, np.ndarray]) -> Figure:
    """Draw rows of square pictures, each row with its name before it."""
    fig, axes = figure(8.6, 0.52 * len(rows) + 0.2, rows=len(rows), cols=1, squeeze=False)
    for ax, (name, row) in zip(axes[:, 0], rows.items(), strict=True):
        ax.imshow(_parted(row), cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        ax.spines[:].set_visible(False)
    return fig


def _parted(row: Float64[np.ndarray, "side columns"]) -> Float64[np.ndarray, "side wider"]:
    """Part the pictures of a row by an eighth of their side, of which nothing is drawn."""
    side = len(row)
    pictures = row.reshape(side, -1, side)
    gaps = np.full((*pictures.shape[:2], side // 8), np.nan)
    return np.concatenate([pictures, gaps], axis=2).reshape(side, -1)
