"""The four widgets of the lesson. Each answers a question that the text has just asked.

Each section is a scene, the widget that shows it, and the panels that the scene is put together from. The mathematics
is that of `theory`, in float64, on a batch of two towers: row i belongs to column i.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from sjedu.contrastive_accumulation import theory
from sjedu.figures.numbers import fixed, percent
from sjedu.figures.scene import Labels, Panel, Scene
from sjedu.figures.style import COLORS, DIVERGING, Real, mosaic
from sjedu.figures.widgets import Widget, choice, slider, toggle

EXACT, NAIVE = COLORS.blue, COLORS.vermillion


# ---------------------------------------------------------------- 1: what a chunk sees

MODES = ("naive", "exact", "exact, new masks")


def chunks_scene() -> Scene:
    """Draw which comparisons each way of accumulating makes, and what becomes of the gradient."""
    fig, axes = mosaic("AB", 8.6, 3.9, width_ratios=(1.1, 1))
    batch = theory.small_batch()
    drawn, other = theory.dropout_masks(0.3, 0), theory.dropout_masks(0.3, 1)
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
        naive, tau = mode == "naive", float(temperature)
        cut = parts if naive else 1
        image.set_data(theory.chunk_coefficients(*batch.embeddings(drawn), tau, cut))
        size = 32 // parts
        # Naive chunks see their own keys only; exact ones see all keys, a band of rows at a time.
        blocks.set_verts([_block(k * size, size, naive) for k in range(parts)])
        exact = theory.two_pass_gradient(batch, drawn, temperature=tau)
        again = other if mode == "exact, new masks" else None
        ours = theory.two_pass_gradient(batch, drawn, again, temperature=tau, parts=cut)
        compared = theory.compare(ours, exact)
        raise_bars(compared.cosine, compared.norm_ratio, compared.relative_error)
        seen = size * size * parts / 32**2 if naive else 1.0
        return (
            f"32 pairs in {parts} chunk{'s' * (parts > 1)} of {size}, {mode}: {percent(seen)} of the comparisons"
            f" are made, and the gradient has cosine {fixed(compared.cosine)} with the exact one,"
            f" {fixed(compared.norm_ratio)} of its length, and a relative error of"
            f" {fixed(compared.relative_error)}."
        )

    return Scene(fig, [image, blocks, *bars], update)


chunks = Widget(
    chunks_scene,
    parts=choice("chunks", {"1": 1, "2": 2, "4": 4, "8": 8, "16": 16, "32": 32}, 4),
    mode=choice("accumulation", MODES),
    temperature=slider("τ", 0.1, 2.0, 0.5, 0.1, ".1f"),
)


def _block(first: int, size: int, naive: bool) -> Float64[np.ndarray, "4 2"]:
    top, bottom = first - 0.5, first + size - 0.5
    left, right = (top, bottom) if naive else (-0.5, 31.5)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


# ---------------------------------------------------------------- 2: eight pairs on a circle

PAIRS = 8


def circle_scene() -> Scene:
    """Draw where the loss pulls each embedding, with all negatives and with those of its chunk."""
    fig, axes = mosaic("AB", 8.6, 4.5)
    panels = [
        _circle(axes["A"], "all negatives", EXACT),
        _circle(axes["B"], "negatives of the chunk only", NAIVE),
    ]
    queries, keys = (Line2D([], [], color=COLORS.ink, ls="", ms=5, **look) for look in _MARKERS)
    fig.legend([queries, keys], ["queries u", "keys v"], loc="outside lower center", ncols=2, frameon=False)

    def update(pair: int, degrees: Real, temperature: Real, chunk: int) -> str:
        u, v = theory.circle_pairs(PAIRS, pair - 1, np.radians(degrees))
        exact = theory.circle_push(u, v, float(temperature), 1)
        naive = theory.circle_push(u, v, float(temperature), PAIRS // chunk)
        longest = max(float(np.linalg.norm(exact, axis=-1).max()), 1e-9)
        for (_, draw), push in zip(panels, (exact, naive), strict=True):
            draw(u, v, 0.45 * push / longest, pair - 1)
        compared = theory.compare(naive, exact) if np.linalg.norm(exact) > 1e-6 else None
        verdict = (
            "the exact push is zero"
            if compared is None
            else f"the push of chunks of {chunk} has {fixed(compared.norm_ratio)} of the exact one's length and"
            f" cosine {fixed(compared.cosine)} with it"
        )
        return f"Pair {pair} at {fixed(degrees, 0)}°, τ = {temperature:.2f}: {verdict}."

    return Scene(fig, [artist for artists, _ in panels for artist in artists], update)


circle = Widget(
    circle_scene,
    pair=slider("pair to move", 1, PAIRS, 3),
    degrees=slider("to (degrees)", -180, 180, 20, 5),
    temperature=slider("τ", 0.05, 1.0, 0.2, 0.05),
    chunk=choice("naive chunk", {"1 pair": 1, "2 pairs": 2, "4 pairs": 4, "all 8": 8}, 2),
)

#: Of queries and keys.
_MARKERS: tuple[dict[str, Any], ...] = ({"marker": "o"}, {"marker": "s", "mfc": COLORS.card})


def _circle(ax: Axes, title: str, color: str) -> Panel:
    turn = np.linspace(0, 2 * np.pi, 120)
    ax.plot(np.cos(turn), np.sin(turn), color=COLORS.faint, lw=1.5)
    ax.set(title=title, xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
    ax.set_axis_off()
    chords = ax.plot([], [], color=COLORS.grey, lw=1, ls=":")[0]
    queries, keys = (ax.plot([], [], ls="", color=COLORS.ink, ms=5, **look)[0] for look in _MARKERS)
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

_KINDS: dict[str, tuple[theory.Method, int | None, str, str]] = {
    "full batch": ("full", None, COLORS.ink, "-"),
    "exact, autograd's loss": ("exact", None, EXACT, "--"),
    "exact, streamed loss": ("exact", 256, COLORS.green, "-"),
    "naive": ("naive", None, NAIVE, ":"),
}
_SIZES = 2 ** np.arange(6, 18)


def meter_scene() -> Scene:
    """Draw how much memory a step takes as the batch grows, and what it is for."""
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

    def update(log2_pairs: int, log2_chunk: int, layers: int, width: int) -> str:
        pairs, chunk = 2**log2_pairs, 2**log2_chunk
        costs = {name: [_cost(name, int(n), chunk, layers, width) for n in _SIZES] for name in _KINDS}
        for name, line in lines.items():
            line.set_data(_SIZES, [each.total for each in costs[name]])
        here.set_data([pairs] * 2, [2**18, 2**45])
        now = {name: _cost(name, pairs, chunk, layers, width) for name in _KINDS}
        write(now)
        exact, streamed = now["exact, autograd's loss"], now["exact, streamed loss"]
        largest = (
            "the loss's matrices" if exact.similarities > exact.activations else "the encoder's activations"
        )
        return (
            f"{pairs} pairs in chunks of {chunk}: the full batch takes"
            f" {_bytes(now['full batch'].total)}, the exact accumulation {_bytes(exact.total)}, mostly for"
            f" {largest}, and {_bytes(streamed.total)} with the loss streamed."
        )

    return Scene(fig, [*lines.values(), here, *labels], update)


meter = Widget(
    meter_scene,
    log2_pairs=slider("log₂ N", 6, 17, 12),
    log2_chunk=slider("log₂ chunk", 3, 12, 6),
    layers=slider("layers", 1, 24, 6),
    width=slider("numbers kept a layer", 64, 65536, 1024, 64),
)


def _cost(name: str, pairs: int, chunk: int, layers: int, width: int) -> theory.Cost:
    method, block, _, _ = _KINDS[name]
    return theory.step_cost(method, pairs, chunk, layers=layers, width=width, block=block)


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

    def write(costs: dict[str, theory.Cost]) -> None:
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


def dropout_scene() -> Scene:
    """Draw the masks of the two passes, and what the gradient is worth when they differ."""
    fig, axes = mosaic("ABC", 8.6, 3.7, width_ratios=(1, 1, 1.2))
    batch = theory.small_batch()
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
        drawn = theory.dropout_masks(float(p), 2 * seed)
        again = drawn if replay else theory.dropout_masks(float(p), 2 * seed + 1)
        for image, mask in zip(images, (drawn, again), strict=True):
            image.set_data(mask[0] > 0)
        exact = theory.two_pass_gradient(batch, drawn)
        compared = theory.compare(theory.two_pass_gradient(batch, drawn, again), exact)
        raise_bars(compared.cosine, compared.norm_ratio, compared.relative_error)
        which = "the same masks in both passes" if replay else "new masks in the second pass"
        return (
            f"p = {p:.2f}, {which}: the relative error of the gradient is {fixed(compared.relative_error)},"
            f" its cosine {fixed(compared.cosine)}."
        )

    return Scene(fig, [*images, *bars], update)


dropout = Widget(
    dropout_scene,
    replay=toggle("replay the random state"),
    p=slider("p", 0.0, 0.8, 0.3, 0.05),
    seed=slider("seed", 0, 20, 0),
)


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
            [fixed(value) for value in values], [(max(end, 0) + 0.04, k) for k, end in enumerate(ends)]
        )

    return [bars, labels], draw


def _bar(row: int, end: float) -> Float64[np.ndarray, "4 2"]:
    return np.array([[0, row - 0.25], [end, row - 0.25], [end, row + 0.25], [0, row + 0.25]])
