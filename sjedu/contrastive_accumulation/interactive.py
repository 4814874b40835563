"""The four widgets of the lesson. Each answers a question that the text has just asked.

Every widget comes in three forms: ``name()`` with its controls, ``name_scene()`` as a pure function of its state,
and ``name_figure()`` as a still picture with its sentence, for pages behind which no kernel runs. All of them compute
with the float64 mathematics of `theory` on a batch of two towers: row i belongs to column i.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import ipywidgets
import numpy as np
from jaxtyping import Float64
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from sjedu.contrastive_accumulation import theory
from sjedu.contrastive_accumulation.meter import Cost, step_cost
from sjedu.figures.old_widgets import Labels, Scene, choice, explore, slider, still, toggle
from sjedu.figures.style import COLORS, DIVERGING, Real, mosaic

Panel: TypeAlias = tuple[list[Artist], Callable[..., None]]
EXACT, NAIVE, CARELESS = COLORS.blue, COLORS.vermillion, COLORS.purple


# ---------------------------------------------------------------- a batch and its gradients


class Batch(NamedTuple):
    """Pairs of inputs, and the weights of an encoder ``W₂ (mask · relu(W₁ x))`` that both towers share."""

    x: Float64[np.ndarray, "pairs inputs"]
    y: Float64[np.ndarray, "pairs inputs"]
    first: Float64[np.ndarray, "hidden inputs"]
    second: Float64[np.ndarray, "dim hidden"]


@cache
def batch(pairs: int = 32, inputs: int = 12, hidden: int = 24, dim: int = 8) -> Batch:
    """Return the batch of the widgets; noisy views of random points, the same every time."""
    rng = np.random.default_rng(3)
    z, a, b = rng.normal(size=(3, pairs, inputs))
    first = rng.normal(size=(hidden, inputs)) / np.sqrt(inputs)
    second = rng.normal(size=(dim, hidden)) / np.sqrt(hidden)
    return Batch(z + 0.3 * a, z + 0.3 * b, first, second)


def masks(p: float, seed: int, pairs: int = 32, hidden: int = 24) -> Float64[np.ndarray, "2 pairs hidden"]:
    """Return the dropout masks of both towers: 0, or 1/(1 - p)."""
    kept = np.random.default_rng(seed).random((2, pairs, hidden)) >= p
    return np.asarray(kept / (1 - p))


def gradient(
    data: Batch,
    drawn: Float64[np.ndarray, "2 pairs hidden"],
    again: Float64[np.ndarray, "2 pairs hidden"] | None = None,
    *,
    temperature: float = 0.5,
    parts: int = 1,
) -> Float64[np.ndarray, " parameters"]:
    """Return the gradient of the symmetric loss by all weights, in two passes.

    Args:
        data: the batch.
        drawn: masks of the first pass.
        again: masks of the second pass; by default those of the first.
        temperature: τ.
        parts: 1 compares all pairs; more cut the batch, as naive accumulation does.
    """
    again = drawn if again is None else again
    u, v = (_encode(data, x, mask)[1] for x, mask in zip((data.x, data.y), drawn, strict=True))
    targets = _targets(u, v, temperature, parts)
    total = [np.zeros_like(data.first), np.zeros_like(data.second)]
    for x, mask, target in zip((data.x, data.y), again, targets, strict=True):
        hidden = _encode(data, x, mask)[0]
        total[1] += target.T @ hidden
        total[0] += ((target @ data.second) * mask * (hidden > 0)).T @ x
    return np.concatenate([each.ravel() for each in total])


def _encode(data: Batch, x: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hidden = mask * np.maximum(x @ data.first.T, 0)
    return hidden, hidden @ data.second.T


def _targets(u: np.ndarray, v: np.ndarray, temperature: float, parts: int) -> tuple[np.ndarray, np.ndarray]:
    found = [
        theory.two_towers(a, b, 1 / temperature)
        for a, b in zip(np.split(u, parts), np.split(v, parts), strict=True)
    ]
    return np.concatenate([each.u for each in found]) / parts, np.concatenate(
        [each.v for each in found]
    ) / parts


# ---------------------------------------------------------------- 1: what a chunk sees

PARTS = {"1": 1, "2": 2, "4": 4, "8": 8, "16": 16, "32": 32}
MODES = ("naive", "exact", "exact, new masks")


def chunks() -> ipywidgets.VBox:
    """Show which comparisons each way of accumulating makes, and what becomes of the gradient."""
    return explore(
        chunks_scene(),
        parts=choice("chunks", PARTS, 4),
        mode=choice("accumulation", MODES),
        temperature=slider("τ", 0.1, 2.0, 0.5, 0.1, ".1f"),
    )


def chunks_figure() -> tuple[Figure, str]:
    """Return the still picture of `chunks`, and the sentence that says what it shows."""
    return still(chunks_scene(), parts=4, mode="naive", temperature=0.5)


def chunks_scene() -> Scene:
    """Draw the state (parts, mode, temperature) of `chunks`."""
    fig, axes = mosaic("AB", 8.6, 3.9, width_ratios=(1.1, 1))
    data, drawn, other = batch(), masks(0.3, 0), masks(0.3, 1)
    image = axes["A"].imshow(np.zeros((32, 32)), cmap=DIVERGING, vmin=-1, vmax=1)
    axes["A"].set(
        title="c = p − t, as the method sees it", xlabel="key j", ylabel="query i", xticks=[], yticks=[]
    )
    axes["A"].set_facecolor(COLORS.faint)
    blocks = PolyCollection([], fc="none", ec=COLORS.ink, lw=1.2)
    axes["A"].add_collection(blocks, autolim=False)
    fig.colorbar(image, ax=axes["A"], shrink=0.8).outline.set_visible(False)
    bars, raise_bars = _bars(
        axes["B"], ("cosine", "norm ratio", "relative error"), "against the exact gradient"
    )

    def update(parts: int, mode: str, temperature: Real) -> str:
        naive = mode == "naive"
        c = _coefficients(data, drawn, float(temperature), parts if naive else 1)
        image.set_data(c)
        size = 32 // parts
        # Naive chunks see their own keys only; exact ones see all keys, a band of rows at a time.
        blocks.set_verts([_block(k * size, size, naive) for k in range(parts)])
        exact = gradient(data, drawn, temperature=float(temperature))
        again = other if mode == "exact, new masks" else None
        found = gradient(data, drawn, again, temperature=float(temperature), parts=parts if naive else 1)
        compared = theory.compare(found, exact)
        raise_bars(compared.cosine, compared.norm_ratio, compared.relative_error)
        seen = size * size * parts / 32**2 if naive else 1.0
        return (
            f"32 pairs in {parts} chunk{'s' * (parts > 1)} of {size}, {mode}: {seen:.0%} of the comparisons"
            f" are made, and the gradient has cosine {_number(compared.cosine)} with the exact one,"
            f" {_number(compared.norm_ratio)} of its length, and a relative error of"
            f" {_number(compared.relative_error)}."
        )

    return Scene(fig, [image, blocks, *bars], update)


def _coefficients(data: Batch, drawn: np.ndarray, temperature: float, parts: int) -> np.ndarray:
    """The coefficients of the row losses, NaN where a pair is not compared."""
    u, v = (_encode(data, x, mask)[1] for x, mask in zip((data.x, data.y), drawn, strict=True))
    s = u @ v.T / temperature
    s[~theory.chunk_mask(len(s), len(s) // parts)] = -np.inf
    c = theory.coefficients(s, np.eye(len(s)))
    return np.asarray(np.where(np.isneginf(s), np.nan, c))


def _block(first: int, size: int, naive: bool) -> Float64[np.ndarray, "4 2"]:
    top, bottom = first - 0.5, first + size - 0.5
    left, right = (top, bottom) if naive else (-0.5, 31.5)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


# ---------------------------------------------------------------- 2: eight pairs on a circle

PAIRS = 8


def circle() -> ipywidgets.VBox:
    """Show where the loss pulls each embedding, with all negatives and with those of its chunk."""
    return explore(
        circle_scene(),
        pair=slider("pair to move", 1, PAIRS, 3),
        angle=slider("to (degrees)", -180, 180, 20, 5),
        temperature=slider("τ", 0.05, 1.0, 0.2, 0.05),
        chunk=choice("naive chunk", {"1 pair": 1, "2 pairs": 2, "4 pairs": 4, "all 8": 8}, 2),
    )


def circle_figure() -> tuple[Figure, str]:
    """Return the still picture of `circle`, and the sentence that says what it shows."""
    return still(circle_scene(), pair=3, angle=20, temperature=0.2, chunk=2)


def circle_scene() -> Scene:
    """Draw the state (pair, angle, temperature, chunk) of `circle`."""
    fig, axes = mosaic("AB", 8.6, 4.5)
    panels = [
        _circle(axes["A"], "all negatives", EXACT),
        _circle(axes["B"], "negatives of the chunk only", NAIVE),
    ]

    def update(pair: int, angle: Real, temperature: Real, chunk: int) -> str:
        u, v = _on_circle(pair, np.radians(angle))
        exact = _push(u, v, float(temperature), 1)
        naive = _push(u, v, float(temperature), PAIRS // chunk)
        longest = max(float(np.linalg.norm(exact, axis=-1).max()), 1e-9)
        for (_, draw), push in zip(panels, (exact, naive), strict=True):
            draw(u, v, 0.45 * push / longest, pair - 1)
        compared = theory.compare(naive, exact) if np.linalg.norm(exact) > 1e-6 else None
        verdict = (
            "the exact push is zero"
            if compared is None
            else f"the push of chunks of {chunk} has {_number(compared.norm_ratio)} of the exact one's length and"
            f" cosine {_number(compared.cosine)} with it"
        )
        return f"Pair {pair} at {angle:.0f}°, τ = {temperature:.2f}: {verdict}.".replace("-", "−")

    return Scene(fig, [artist for artists, _ in panels for artist in artists], update)


def _on_circle(pair: int, angle: float) -> tuple[np.ndarray, np.ndarray]:
    angles = np.linspace(0, 2 * np.pi, PAIRS, endpoint=False) + 0.35 * np.sin(3 * np.arange(PAIRS))
    angles[pair - 1] = angle
    gap = 0.18 + 0.1 * np.cos(2 * np.arange(PAIRS))
    u, v = (np.stack([np.cos(a), np.sin(a)], axis=-1) for a in (angles - gap, angles + gap))
    return u, v


def _push(u: np.ndarray, v: np.ndarray, temperature: float, parts: int) -> np.ndarray:
    """Minus the gradient by all embeddings, along the circle: the rest would be undone by normalising."""
    targets = _targets(u, v, temperature, parts)
    pushes = [h * np.sum(h * t, axis=1, keepdims=True) - t for h, t in zip((u, v), targets, strict=True)]
    return np.concatenate(pushes)


def _circle(ax: Axes, title: str, color: str) -> Panel:
    turn = np.linspace(0, 2 * np.pi, 120)
    ax.plot(np.cos(turn), np.sin(turn), color=COLORS.faint, lw=1.5)
    ax.set(title=title, xlim=(-1.45, 1.45), ylim=(-1.45, 1.45), aspect="equal")
    ax.set_axis_off()
    chords = ax.plot([], [], color=COLORS.grey, lw=1, ls=":")[0]
    queries = ax.plot([], [], "o", color=COLORS.ink, ms=5)[0]
    keys = ax.plot([], [], "s", color=COLORS.ink, mfc=COLORS.card, ms=5)[0]
    chosen = ax.plot([], [], "o", mec=COLORS.orange, mfc="none", ms=13, mew=2)[0]
    zero = np.zeros(2 * PAIRS)
    arrows: Any = ax.quiver(
        zero, zero, zero, zero, color=color, angles="xy", scale_units="xy", scale=1, width=0.012, zorder=3
    )

    def draw(u: np.ndarray, v: np.ndarray, push: np.ndarray, pair: int) -> None:
        gap = np.full((PAIRS, 1, 2), np.nan)
        chords.set_data(*np.concatenate([u[:, None], v[:, None], gap], axis=1).reshape(-1, 2).T)
        queries.set_data(*u.T)
        keys.set_data(*v.T)
        chosen.set_data(*np.stack([u[pair], v[pair]]).T)
        arrows.set_offsets(np.concatenate([u, v]))
        arrows.set_UVC(*push.T)

    return [chords, queries, keys, chosen, arrows], draw


# ---------------------------------------------------------------- 3: what a step costs

_KINDS = {
    "full batch": ("full", None, COLORS.ink, "-"),
    "exact, autograd's loss": ("exact", None, EXACT, "--"),
    "exact, streamed loss": ("exact", 256, COLORS.green, "-"),
    "naive": ("naive", None, NAIVE, ":"),
}
_SIZES = 2 ** np.arange(6, 18)


def meter() -> ipywidgets.VBox:
    """Show how much memory a step takes as the batch grows, and what it is for."""
    return explore(
        meter_scene(),
        size=slider("log₂ N", 6, 17, 12),
        chunk=slider("log₂ chunk", 3, 12, 6),
        layers=slider("layers", 1, 24, 6),
        width=slider("numbers kept a layer", 64, 65536, 1024, 64),
    )


def meter_figure() -> tuple[Figure, str]:
    """Return the still picture of `meter`, and the sentence that says what it shows."""
    return still(meter_scene(), size=12, chunk=6, layers=6, width=1024)


def meter_scene() -> Scene:
    """Draw the state (size, chunk, layers, width) of `meter`."""
    fig, axes = mosaic("AB", 8.6, 3.9, width_ratios=(1.35, 1))
    ax = axes["A"]
    ax.set(title="memory of a step (predicted)", xlabel="pairs N", xscale="log", yscale="log")
    ax.set(xlim=(_SIZES[0], _SIZES[-1]), ylim=(2**18, 2**45))
    ax.set_yticks([2.0**k for k in (20, 30, 40)], ["1 MiB", "1 GiB", "1 TiB"])
    ax.minorticks_off()
    ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:g}"))
    ax.set_xticks([64, 1024, 16384, 131072])
    lines = {name: ax.plot([], [], color=color, ls=ls)[0] for name, (_, _, color, ls) in _KINDS.items()}
    for name, (_, _, color, ls) in _KINDS.items():
        ax.plot([], [], color=color, ls=ls, label=name)
    ax.legend(handles=ax.lines[-len(_KINDS) :], frameon=False, fontsize=8, loc="upper left")
    here = ax.plot([], [], color=COLORS.grey, lw=1, ls="-")[0]
    labels, write = _card(axes["B"])

    def update(size: int, chunk: int, layers: int, width: int) -> str:
        costs = {name: [_cost(name, int(n), 2**chunk, layers, width) for n in _SIZES] for name in _KINDS}
        for name, line in lines.items():
            line.set_data(_SIZES, [each.total for each in costs[name]])
        here.set_data([2**size] * 2, [2**18, 2**45])
        now = {name: _cost(name, 2**size, 2**chunk, layers, width) for name in _KINDS}
        write(now)
        exact, streamed = now["exact, autograd's loss"], now["exact, streamed loss"]
        largest = (
            "the loss's matrices" if exact.similarities > exact.activations else "the encoder's activations"
        )
        return (
            f"{2**size} pairs in chunks of {2**chunk}: the full batch takes"
            f" {_bytes(now['full batch'].total)}, the exact accumulation {_bytes(exact.total)}, mostly for"
            f" {largest}, and {_bytes(streamed.total)} with the loss streamed."
        )

    return Scene(fig, [*lines.values(), here, *labels], update)


def _cost(name: str, n: int, chunk: int, layers: int, width: int) -> Cost:
    method, block, _, _ = _KINDS[name]
    return step_cost(method, n, chunk, layers=layers, width=width, block=block)  # type: ignore[arg-type]


def _card(ax: Axes) -> Panel:
    """Memory by purpose, and time, of each way."""
    ax.set_axis_off()
    heads = ("encoder", "loss", "forwards")
    places = np.array([0.5, 0.76, 1.0])
    heights = np.linspace(0.72, 0.12, len(_KINDS))
    for place, head in zip(places, heads, strict=True):
        ax.text(place, 0.9, head, transform=ax.transAxes, ha="right", fontsize=9, color=COLORS.grey)
    for height, (name, (_, _, color, _)) in zip(heights, _KINDS.items(), strict=True):
        ax.text(
            -0.06,
            height,
            name.replace(", ", ",\n"),
            transform=ax.transAxes,
            va="center",
            fontsize=9,
            color=color,
        )
    grid = [(place, height) for height in heights for place in places]
    labels = Labels(ax, grid, 9, "right", transform=ax.transAxes)

    def write(costs: dict[str, Cost]) -> None:
        labels.write(
            [
                text
                for each in costs.values()
                for text in (
                    _bytes(each.activations + each.embeddings),
                    _bytes(each.similarities),
                    f"{each.time:.0f}",
                )
            ]
        )

    return [labels], write


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1000 or unit == "TiB":
            return f"{count:.3g} {unit}" if count < 1000 else f"{count:.0f} {unit}"
        count /= 1024
    raise AssertionError


# ---------------------------------------------------------------- 4: dropout masks


def dropout() -> ipywidgets.VBox:
    """Show the masks of the two passes, and what the gradient is worth when they differ."""
    return explore(
        dropout_scene(),
        replay=toggle("replay the random state"),
        p=slider("p", 0.0, 0.8, 0.3, 0.05),
        seed=slider("seed", 0, 20, 0),
    )


def dropout_figure() -> tuple[Figure, str]:
    """Return the still picture of `dropout`, and the sentence that says what it shows."""
    return still(dropout_scene(), replay=False, p=0.3, seed=0)


def dropout_scene() -> Scene:
    """Draw the state (replay, p, seed) of `dropout`."""
    fig, axes = mosaic("ABC", 8.6, 3.7, width_ratios=(1, 1, 1.2))
    data = batch()
    images = [
        axes[name].imshow(np.zeros((32, 24)), cmap="cividis", vmin=0, vmax=1, aspect="auto") for name in "AB"
    ]
    for name, title in zip("AB", ("first pass", "second pass"), strict=True):
        axes[name].set(title=f"mask of the {title}", xlabel="hidden unit", xticks=[], yticks=[])
    axes["A"].set_ylabel("sample")
    bars, raise_bars = _bars(
        axes["C"], ("cosine", "norm ratio", "relative error"), "against the exact gradient"
    )

    def update(replay: bool, p: Real, seed: int) -> str:
        drawn = masks(float(p), 2 * seed)
        again = drawn if replay else masks(float(p), 2 * seed + 1)
        for image, mask in zip(images, (drawn, again), strict=True):
            image.set_data(mask[0] > 0)
        compared = theory.compare(gradient(data, drawn, again), gradient(data, drawn))
        raise_bars(compared.cosine, compared.norm_ratio, compared.relative_error)
        which = "the same masks in both passes" if replay else "new masks in the second pass"
        return (
            f"p = {p:.2f}, {which}: the relative error of the gradient is {_number(compared.relative_error)},"
            f" its cosine {_number(compared.cosine)}."
        )

    return Scene(fig, [*images, *bars], update)


# ---------------------------------------------------------------- helpers


def _bars(ax: Axes, names: Sequence[str], title: str, top: float = 1.6) -> Panel:
    """Horizontal bars with their numbers; those that would leave the axes end at its edge."""
    ax.set(title=title, xlim=(-0.4, top), ylim=(len(names) - 0.4, -0.6), yticks=range(len(names)))
    ax.set_yticklabels(names)
    ax.set_xticks([0, 0.5, 1, 1.5], ["0", "0.5", "1", "1.5"])
    ax.axvline(0, color=COLORS.grey, lw=1)
    ax.axvline(1, color=COLORS.faint, lw=1)
    colors = (COLORS.blue, COLORS.green, COLORS.vermillion)[: len(names)]
    bars = PolyCollection([], fc=colors, ec="none")
    ax.add_collection(bars, autolim=False)
    labels = Labels(ax, [(0, k) for k in range(len(names))], 10, "left")

    def draw(*values: float) -> None:
        ends = [float(np.clip(value, -0.35, top - 0.3)) for value in values]
        bars.set_verts([_bar(k, end) for k, end in enumerate(ends)])
        labels.write(
            [_number(value) for value in values], [(max(end, 0) + 0.04, k) for k, end in enumerate(ends)]
        )

    return [bars, labels], draw


def _bar(row: int, end: float) -> Float64[np.ndarray, "4 2"]:
    return np.array([[0, row - 0.25], [end, row - 0.25], [end, row + 0.25], [0, row + 0.25]])


def _number(value: Real) -> str:
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")
