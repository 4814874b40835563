"""The widgets of the lesson, and one still picture. Each widget answers a question that the text has just asked.

Three of them ask the lesson's small models, which take a few milliseconds a sentence; nothing is trained. Torch is
imported by these only, when they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from sjedu.figures import (
    COLORS,
    DIVERGING,
    Labels,
    Panel,
    Scene,
    Widget,
    choice,
    figure,
    fixed,
    mosaic,
    percent,
    point,
    slider,
    text_line,
)
from sjedu.figures.style import Real
from sjedu.supervised_similarity import theory

#: The small models as the widgets call them.
MODELS = {"before labels": "start", "taught by heads": "teacher", "distilled student": "student"}
SQUARED, OPPOSITE, MARGIN, HEAD = COLORS.blue, COLORS.purple, COLORS.green, COLORS.vermillion


# ---------------------------------------------------------------- 1: change a sentence

SENTENCES = {
    "I like Beijing": "我喜欢北京",
    "good phone": "手机不错",
    "red car, please": "给我推荐一款红色的车",
    "mother wants a hat": "妈妈想买一顶黑色的帽子",
}
CHANGES = ("paraphrase", "negate", "other colour", "other subject", "other thing")


def article_pairs_figure() -> tuple[Figure, str]:
    """Return the article's ten pairs before and after, and the sentence that says what they show."""
    from sjedu.supervised_similarity.tasks import ARTICLE_PAIRS

    fig, ax = figure(8.6, 4.4)
    first, second, published = zip(*ARTICLE_PAIRS, strict=True)
    rows = np.arange(len(published))
    for color, marker, (label, name) in zip((COLORS.grey, HEAD, SQUARED), "ovs", MODELS.items(), strict=True):
        ax.plot(_model(name).similarity(first, second).tolist(), rows, marker, color=color, label=label, ms=6)
    ax.plot(published, rows, "x", color=COLORS.ink, label="article, RoFormer-Sim-FT", ms=7)
    ax.set(xlabel="cosine", xlim=(0.1, 1.03), ylim=(len(rows) - 0.5, -0.5), yticks=rows)
    ax.set_yticklabels(_IN_ENGLISH)
    ax.legend(loc="lower left", fontsize=9)
    return fig, (
        "The article's ten pairs: their cosines before labels, in the model taught by heads and in its student, and"
        " what the article gives for its own fine-tuned model."
    )


_IN_ENGLISH = (
    "weather not bad / very good", "weather not bad / bad", "like / like very much", "like / do not like",
    "film not bad / very good", "film not bad / bad", "red apple / green apple", "red car / black car",
    "red car / red car, reworded", "red car / red car, asked for",
)  # fmt: skip


def pair_explorer_scene() -> Scene:
    """Draw what a change of a sentence does to its similarity, before labels, after them, and in the student."""
    from sjedu.supervised_similarity.tasks import changed

    fig, bars, compare = _comparison()

    def update(sentence: str, change: str, wording: int) -> str:
        other = changed(sentence, change, wording)
        return f"{sentence} | {other} ({change}): {compare(sentence, other)}"

    return Scene(fig, bars, update)


pair_explorer = Widget(
    pair_explorer_scene,
    sentence=choice("sentence", SENTENCES),
    change=choice("change", CHANGES, "negate"),
    wording=slider("wording", 1, 6, 1),
)


def typed_pair_scene() -> Scene:
    """Draw the cosines of any two sentences that are typed."""
    fig, bars, compare = _comparison()

    def update(first: str, second: str) -> str:
        return f"{first} | {second}: {compare(first, second)}"

    return Scene(fig, bars, update)


typed_pair = Widget(
    typed_pair_scene,
    first=text_line("first", "我喜欢北京", ["手机不错"]),
    second=text_line("second", "我讨厌北京", ["手机不好"]),
)


def _comparison() -> tuple[Figure, list[Any], Callable[[str, str], str]]:
    """A figure with a bar for each model, and what sets them to the cosines of two sentences and says so."""
    fig, axes = mosaic("A", 8.6, 2.6)
    panel = _bars(axes["A"], tuple(MODELS), "cosine of the two sentences")

    def compare(first: str, second: str) -> str:
        values = [_similarity(name, first, second) for name in MODELS.values()]
        panel[1](*values)
        said = ", ".join(f"{fixed(value)} {label}" for label, value in zip(MODELS, values, strict=True))
        return f"the cosine is {said}."

    return fig, panel[0], compare


@cache
def _model(name: str) -> Any:
    from sjedu.supervised_similarity.experiment import load_small

    return load_small(name)  # type: ignore[arg-type]


@cache
def _similarity(name: str, first: str, second: str) -> float:
    return float(_model(name).similarity([first], [second])[0])


# ---------------------------------------------------------------- 2: where the losses want the cosine

_GRID = np.linspace(-1, 1, 201)


def loss_landscape_scene() -> Scene:
    """Draw which cosine each loss wants where labels are 1 with a certain probability."""
    fig, axes = mosaic("AB", 8.6, 3.8)
    left, right = axes["A"], axes["B"]
    left.set(title="expected loss on the cosine", xlabel="cosine", ylabel="loss", xlim=(-1, 1), ylim=(0, 2.4))
    right.set(title="expected loss of a head", xlabel="cosine", xlim=(-1, 1), ylim=(0, 2.4))
    lines, dots = [], []
    for color, kind in zip((SQUARED, OPPOSITE, MARGIN), theory.COSINE_KINDS, strict=True):
        lines.append(left.plot([], [], color=color, lw=2, label=kind)[0])
        dots.append(left.plot([], [], "o", color=color, ms=8)[0])
    left.legend(
        handles=lines, labels=["(i) squared", "(ii) opposite", "(iii) margin"], loc="upper center", fontsize=9
    )
    curve = right.plot([], [], color=HEAD, lw=2)[0]
    dot = right.plot([], [], "o", color=HEAD, ms=8)[0]

    def update(p: Real, tau: Real, weight: Real) -> str:
        best = []
        for line, mark, kind in zip(lines, dots, theory.COSINE_KINDS, strict=True):
            line.set_data(_GRID, theory.expected_loss_values(kind, _GRID, p))
            best.append(theory.best_cosine(kind, p))
            mark.set_data(best[-1:], theory.expected_loss_values(kind, best[-1:], p))
        values = theory.head_loss(_GRID, p, tau, weight)
        curve.set_data(_GRID, values)
        lowest = float(_GRID[int(np.argmin(values))])
        dot.set_data([lowest], [float(values.min())])
        squared, far, margin = map(fixed, best)
        return (
            f"Where {percent(p)} of such pairs are marked alike, (i) wants the cosine {squared}, (ii) {far}, (iii)"
            f" {margin}; a head with the score {fixed(tau)} beside that of the distance wants {fixed(lowest)}."
        )

    return Scene(fig, [*lines, *dots, curve, dot], update)


loss_landscape = Widget(
    loss_landscape_scene,
    p=slider("P(t = 1)", 0.0, 1.0, 0.3, 0.05),
    tau=slider("τ, the head's score without the distance", -4.0, 4.0, -1.5, 0.25),
    weight=slider("w, its weight of |u − v|", 0.5, 6.0, 4.0, 0.25),
)


# ---------------------------------------------------------------- 3: what |u − v| sees

_PLANE = np.linspace(-1.5, 1.5, 61)
_FIXED, _DIRECTION = np.array([0.9, 0.5]), np.array([0.6, 0.8])


def head_plane_scene() -> Scene:
    """Draw the score that a head gives to v, wherever v is, and what u, v and |u - v| add to it."""
    fig, axes = mosaic("ABC", 8.6, 3.5)
    titles = ("⟨u, w₁⟩ + ⟨v, w₂⟩", "⟨|u − v|, w₃⟩", "the whole score")
    panels = [_plane(axes[name], title) for name, title in zip("ABC", titles, strict=True)]
    v = np.stack(np.meshgrid(_PLANE, _PLANE), axis=-1)

    def update(across: Real, up: Real, w12: Real, w3: Real) -> str:
        weights = w12 * _DIRECTION, -w3 * np.ones(2)
        here = np.array([across, up])
        first, second = theory.head_scores(_FIXED, v, *weights)
        for (_, draw), values in zip(panels, (first, second, first + second), strict=True):
            draw(values, here)
        added = [float(part) for part in theory.head_scores(_FIXED, here, *weights)]
        cosine = fixed(theory.cosine(here, _FIXED)) if here.any() else "not defined"
        return (
            f"v at {point(across, up, digits=2)}, cosine {cosine} with u: u and v add {fixed(added[0])}, the same"
            f" wherever v slides along a line; |u − v| adds {fixed(added[1])}, and 0 only where v = u; together"
            f" {fixed(sum(added))}."
        )

    return Scene(fig, [artist for artists, _ in panels for artist in artists], update)


head_plane = Widget(
    head_plane_scene,
    across=slider("v across", -1.5, 1.5, -0.6, 0.05),
    up=slider("v up", -1.5, 1.5, 0.9, 0.05),
    w12=slider("length of w₁ = w₂", 0.0, 2.0, 1.0, 0.1, ".1f"),
    w3=slider("−w₃, of both coordinates", 0.0, 3.0, 1.5, 0.1, ".1f"),
)


def _plane(ax: Axes, title: str) -> Panel:
    shape = (len(_PLANE), len(_PLANE))
    image = ax.imshow(
        np.zeros(shape), cmap=DIVERGING, vmin=-4, vmax=4, origin="lower", extent=(-1.5, 1.5, -1.5, 1.5)
    )
    ax.set(title=title, xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    ends = ax.plot([0, 0], [0, 0], color=COLORS.ink, lw=1.5)[0]
    ax.plot([0, _FIXED[0]], [0, _FIXED[1]], color=COLORS.ink, lw=1.5)
    ax.plot(*_FIXED, "o", color=COLORS.ink, ms=7)
    ax.text(_FIXED[0] + 0.1, _FIXED[1], "u", va="center")
    marker = ax.plot([], [], "s", color=COLORS.orange, mec=COLORS.ink, ms=8)[0]

    def draw(values: np.ndarray, here: np.ndarray) -> None:
        image.set_data(values)
        ends.set_data([0, here[0]], [0, here[1]])
        marker.set_data([here[0]], [here[1]])

    # The fixed arrow lies on the furniture; the image would hide it, so it is drawn half transparent.
    image.set_alpha(0.75)
    return [image, ends, marker], draw


# ---------------------------------------------------------------- 4: a threshold

SETS = ("statements", "questions", "topics", "adversarial", "negation", "colour")
_BINS = np.linspace(-1, 1, 41)


def threshold_scene() -> Scene:
    """Draw what a threshold on the cosine makes of a set's labels, and its place on the curve of all thresholds."""
    from sjedu.measures import auc, confusion

    fig, axes = mosaic("ABC", 8.6, 3.4, width_ratios=(1.5, 1, 1))
    ax = axes["A"]
    ax.set(title="cosines of the set's pairs", xlabel="cosine", ylabel="pairs", xlim=(-1, 1), ylim=(0, 110))
    alike = PolyCollection([], fc=SQUARED, ec="none", alpha=0.6, label="alike")
    others = PolyCollection([], fc=HEAD, ec="none", alpha=0.6, label="not alike")
    for bars in (alike, others):
        ax.add_collection(bars, autolim=False)
    ax.legend(loc="upper left", fontsize=9)
    line = ax.plot([], [], color=COLORS.ink, lw=2)[0]
    table, write = _confusion_table(axes["B"])
    curve, mark = _roc_panel(axes["C"])

    def update(name: str, model: str, threshold: Real) -> str:
        scores, labels = scored(name, model)
        for bars, which in ((alike, 1), (others, 0)):
            heights = np.histogram(scores[labels == which], _BINS)[0]
            bars.set_verts(
                [_column(x, min(n, 108.0)) for x, n in zip(_BINS.tolist(), heights.tolist(), strict=False)]
            )
        line.set_data([threshold] * 2, [0, 110])
        counts = confusion(scores, labels, threshold)
        write(counts.true_alike, counts.missed, counts.false_alike, counts.true_other)
        mark(*_curve(name, model), counts.false_rate, counts.recall)
        right, kept, wrong = map(percent, (counts.accuracy, counts.recall, counts.false_rate))
        return (
            f"{name}, {model}: from {fixed(threshold)} on, {counts.true_alike + counts.false_alike} of {len(scores)}"
            f" pairs are called alike; {right} are answered right, {kept} of the alike are found, and {wrong} of the"
            f" others are called alike too. AUC {fixed(auc(scores, labels))}."
        )

    return Scene(fig, [alike, others, line, *table, *curve], update)


threshold = Widget(
    threshold_scene,
    name=choice("set", SETS, "negation"),
    model=choice("model", MODELS),
    threshold=slider("threshold", -1.0, 1.0, 0.8, 0.02),
)


@cache
def scored(name: str, model: str) -> tuple[Float64[np.ndarray, " pairs"], Float64[np.ndarray, " pairs"]]:
    """Return cosines and labels of a test set under one of the small models."""
    from sjedu.supervised_similarity.evaluation import cosines
    from sjedu.supervised_similarity.tasks import embedded_set

    pairs = embedded_set(name, 400, 0, "test")
    return cosines(_model(model).encode, pairs).double().numpy(), pairs.alike().double().numpy()


@cache
def _curve(name: str, model: str) -> tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]:
    from sjedu.measures import roc

    return roc(*scored(name, model))


def _confusion_table(ax: Axes) -> Panel:
    ax.set(title="confusion table", xlim=(0, 2), ylim=(2, 0))
    ax.set_xticks([0.5, 1.5], ["called alike", "called other"])
    ax.set_yticks([0.5, 1.5], ["alike", "other"])
    ax.tick_params(length=0)
    squares = PolyCollection([_square(k % 2, k // 2) for k in range(4)], ec="none")
    ax.add_collection(squares, autolim=False)
    labels = Labels(ax, [(k % 2 + 0.5, k // 2 + 0.5) for k in range(4)], 14)

    def write(*counts: int) -> None:
        rows = [sum(counts[:2]), sum(counts[:2]), sum(counts[2:]), sum(counts[2:])]
        right = (True, False, False, True)
        squares.set_facecolor(
            [
                (*to_rgb(SQUARED if good else HEAD), 0.1 + 0.6 * count / row)
                for good, count, row in zip(right, counts, rows, strict=True)
            ]
        )
        labels.write([str(count) for count in counts])

    return [squares, labels], write


def _roc_panel(ax: Axes) -> Panel:
    ax.set(title="all thresholds (ROC)", xlabel="others called alike", ylabel="alike found", aspect="equal")
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    ax.plot([0, 1], [0, 1], color=COLORS.faint, lw=1)
    curve = ax.plot([], [], color=COLORS.ink, lw=2)[0]
    marker = ax.plot([], [], "o", color=COLORS.orange, mec=COLORS.ink, ms=9)[0]

    def mark(x: np.ndarray, y: np.ndarray, here_x: float, here_y: float) -> None:
        curve.set_data(x, y)
        marker.set_data([here_x], [here_y])

    return [curve, marker], mark


# ---------------------------------------------------------------- shared


def _bars(ax: Axes, names: Sequence[str], title: str) -> Panel:
    ax.set(title=title, xlim=(-1, 1.15), ylim=(len(names) - 0.4, -0.6), yticks=range(len(names)))
    ax.set_yticklabels(names)
    ax.axvline(0, color=COLORS.grey, lw=1)
    ax.axvline(1, color=COLORS.faint, lw=1)
    bars = PolyCollection([], fc=(COLORS.grey, HEAD, SQUARED)[: len(names)], ec="none")
    ax.add_collection(bars, autolim=False)
    labels = Labels(ax, [(0, k) for k in range(len(names))], 10, "left")

    def draw(*values: float) -> None:
        bars.set_verts([_bar(k, value) for k, value in enumerate(values)])
        labels.write([fixed(v) for v in values], [(max(v, 0) + 0.02, k) for k, v in enumerate(values)])

    return [bars, labels], draw


def _bar(row: int, end: float) -> Float64[np.ndarray, "4 2"]:
    return np.array([[0.0, row - 0.3], [end, row - 0.3], [end, row + 0.3], [0.0, row + 0.3]])


def _column(left: Real, height: Real) -> Float64[np.ndarray, "4 2"]:
    right = left + _BINS[1] - _BINS[0]
    return np.array([[left, 0.0], [right, 0.0], [right, height], [left, height]])


def _square(column: int, row: int) -> Float64[np.ndarray, "4 2"]:
    left, top = column + 0.03, row + 0.03
    return np.array([[left, top], [left + 0.94, top], [left + 0.94, top + 0.94], [left, top + 0.94]])
