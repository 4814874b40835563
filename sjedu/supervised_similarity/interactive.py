"""The four widgets of the lesson. Each answers a question that the text has just asked.

Every widget comes in three forms: ``name()`` with its controls, ``name_scene()`` as a pure function of its state, and
``name_figure()`` as a still picture with its sentence, for pages behind which no kernel runs. Two of them ask the
lesson's small models, which take a few milliseconds a sentence; nothing is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

import ipywidgets
import numpy as np
from jaxtyping import Float64
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from sjedu.data.text import COLOURS, SUBJECTS, Statement, opposite, parse_statement, wordings
from sjedu.figures.old_widgets import Labels, Scene, choice, explore, slider, still, text_line
from sjedu.figures.style import COLORS, DIVERGING, Real, figure, mosaic
from sjedu.measures import auc, confusion, roc
from sjedu.supervised_similarity.evaluation import cosines
from sjedu.supervised_similarity.experiment import load_small
from sjedu.supervised_similarity.tasks import ARTICLE_PAIRS, PairSet, embedded_set
from sjedu.supervised_similarity.theory import CosineKind, best_cosine

Panel: TypeAlias = tuple[list[Artist], Callable[..., None]]

#: The small models as the widgets call them.
MODELS = {"before labels": "start", "taught by heads": "teacher", "distilled student": "student"}
SQUARED, OPPOSITE, MARGIN, HEAD = COLORS.blue, COLORS.purple, COLORS.green, COLORS.vermillion


# ---------------------------------------------------------------- 1: change a sentence

PICKS = {
    "I like Beijing": "我喜欢北京",
    "good phone": "手机不错",
    "red car, please": "给我推荐一款红色的车",
    "mother wants a hat": "妈妈想买一顶黑色的帽子",
}
CHANGES = ("paraphrase", "negate", "other colour", "other subject", "other thing")


def pair_explorer() -> ipywidgets.VBox:
    """Show what each change of a sentence does to its similarity, before labels, after them, and in the student."""
    return explore(
        pair_explorer_scene(),
        pick=choice("sentence", PICKS),
        change=choice("change", CHANGES, "negate"),
        wording=slider("wording", 1, 6, 1),
    )


def pair_explorer_figure() -> tuple[Figure, str]:
    """Return the article's ten pairs before and after, and the sentence that says what they show."""
    fig, ax = figure(8.6, 4.4)
    first, second, published = zip(*ARTICLE_PAIRS, strict=True)
    rows = np.arange(len(published))
    for color, marker, (label, name) in zip((COLORS.grey, HEAD, SQUARED), "ovs", MODELS.items(), strict=True):
        values = load_small(name).similarity(first, second).tolist()  # type: ignore[arg-type]
        ax.plot(values, rows, marker, color=color, label=label, ms=6)
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
    """Draw the state (pick, change, wording) of `pair_explorer`."""
    fig, axes = mosaic("A", 8.6, 2.6)
    bars, draw = _bars(axes["A"], tuple(MODELS), "cosine of the two sentences")

    def update(pick: str, change: str, wording: int) -> str:
        other = changed(pick, change, wording)
        values = [_similarity(name, pick, other) for name in MODELS.values()]
        draw(*values)
        said = ", ".join(f"{_number(value)} {label}" for label, value in zip(MODELS, values, strict=True))
        return f"{pick} | {other} ({change}): the cosine is {said}."

    return Scene(fig, bars, update)


def typed_pair() -> ipywidgets.VBox:
    """Show the cosines of any two sentences that are typed, before labels, after them, and in the student."""
    return explore(
        typed_pair_scene(), first=text_line("first", "我喜欢北京"), second=text_line("second", "我讨厌北京")
    )


def typed_pair_scene() -> Scene:
    """Draw the state (first, second) of `typed_pair`."""
    fig, axes = mosaic("A", 8.6, 2.6)
    bars, draw = _bars(axes["A"], tuple(MODELS), "cosine of the two sentences")

    def update(first: str, second: str) -> str:
        values = [_similarity(name, first, second) for name in MODELS.values()]
        draw(*values)
        said = ", ".join(f"{_number(value)} {label}" for label, value in zip(MODELS, values, strict=True))
        return f"{first} | {second}: the cosine is {said}."

    return Scene(fig, bars, update)


def changed(text: str, change: str, wording: int = 1) -> str:
    """Return a sentence of the grammar with its meaning changed, or kept, in one of its wordings.

    Raises:
        ValueError: if the text is none of the grammar's statements, or cannot be changed in this way; says why.
    """
    statement = parse_statement(text)
    meaning = _CHANGE[change](statement)
    known = [each for each in wordings(meaning) if each != text]
    return known[(wording - 1) * 5 % len(known)]


def _negated(statement: Statement) -> Statement:
    if statement.frame in ("request", "thing"):
        # A request has no opposite in the grammar; the nearest is to want none of it.
        return Statement("want", statement.entity, False, "我", statement.colour)
    return opposite(statement)


def _recoloured(statement: Statement) -> Statement:
    if statement.frame == "like":  # a city has no colour: the thing changes with it
        return Statement("like", "苹果", statement.value, statement.subject, "红")
    colour = COLOURS[(COLOURS.index(statement.colour) + 1) % len(COLOURS)] if statement.colour else "绿"
    return Statement(statement.frame, statement.entity, statement.value, statement.subject, colour)


def _other_subject(statement: Statement) -> Statement:
    if statement.subject is None:
        return Statement("like", statement.entity, True, "他", statement.colour)
    subject = SUBJECTS[(SUBJECTS.index(statement.subject) + 1) % len(SUBJECTS)]
    return Statement(statement.frame, statement.entity, statement.value, subject, statement.colour)


def _other_thing(statement: Statement) -> Statement:
    entity = {"北京": "上海", "手机": "酒店"}.get(statement.entity, "沙发")
    colour = statement.colour if entity == "沙发" else None
    return Statement(statement.frame, entity, statement.value, statement.subject, colour)


_CHANGE: dict[str, Callable[[Statement], Statement]] = {
    "paraphrase": lambda statement: statement,
    "negate": _negated,
    "other colour": _recoloured,
    "other subject": _other_subject,
    "other thing": _other_thing,
}


@cache
def _model(name: str) -> Any:
    return load_small(name)  # type: ignore[arg-type]


@cache
def _similarity(name: str, first: str, second: str) -> float:
    return float(_model(name).similarity([first], [second])[0])


# ---------------------------------------------------------------- 2: where the losses want the cosine

_GRID = np.linspace(-1, 1, 201)


def loss_landscape() -> ipywidgets.VBox:
    """Show which cosine each loss wants where labels are 1 with a certain probability."""
    return explore(
        loss_landscape_scene(),
        p=slider("P(t = 1)", 0.0, 1.0, 0.3, 0.05),
        topic=slider("topic score of the head", -4.0, 4.0, 0.0, 0.25),
        weight=slider("weight of |u − v|", 0.5, 6.0, 4.0, 0.25),
    )


def loss_landscape_figure() -> tuple[Figure, str]:
    """Return the still picture of `loss_landscape`, and the sentence that says what it shows."""
    return still(loss_landscape_scene(), p=0.3, topic=-1.5, weight=4.0)


def loss_landscape_scene() -> Scene:
    """Draw the state (p, topic, weight) of `loss_landscape`."""
    fig, axes = mosaic("AB", 8.6, 3.8)
    left, right = axes["A"], axes["B"]
    left.set(title="expected loss on the cosine", xlabel="cosine", ylabel="loss", xlim=(-1, 1), ylim=(0, 2.4))
    right.set(title="expected loss of a head", xlabel="cosine", xlim=(-1, 1), ylim=(0, 2.4))
    lines, dots = [], []
    for color, kind in zip((SQUARED, OPPOSITE, MARGIN), _EXPECTED, strict=True):
        lines.append(left.plot([], [], color=color, lw=2, label=kind)[0])
        dots.append(left.plot([], [], "o", color=color, ms=8)[0])
    left.legend(
        handles=lines, labels=["(i) squared", "(ii) opposite", "(iii) margin"], loc="upper right", fontsize=9
    )
    curve = right.plot([], [], color=HEAD, lw=2)[0]
    dot = right.plot([], [], "o", color=HEAD, ms=8)[0]

    def update(p: Real, topic: Real, weight: Real) -> str:
        best = []
        for line, point, (kind, expected) in zip(lines, dots, _EXPECTED.items(), strict=True):
            values = expected(_GRID, float(p))
            line.set_data(_GRID, values)
            best.append(best_cosine(kind, float(p)))
            point.set_data([best[-1]], [float(expected(np.array(best[-1]), float(p)))])
        values = head_loss(_GRID, float(p), float(topic), float(weight))
        curve.set_data(_GRID, values)
        wanted = float(_GRID[int(np.argmin(values))])
        dot.set_data([wanted], [float(values.min())])
        squared, far, margin = map(_number, best)
        return (
            f"Where {p:.0%} of such pairs are marked alike, (i) wants the cosine {squared}, (ii) {far}, (iii) {margin};"
            f" a head that gives their topic the score {_number(topic)} wants {_number(wanted)}."
        )

    return Scene(fig, [*lines, *dots, curve, dot], update)


def head_loss(c: np.ndarray, p: float, topic: float, weight: float) -> Float64[np.ndarray, " cosines"]:
    """Return the expected cross-entropy of a head on unit vectors at a cosine.

    Its score is ``topic + weight (1 - |u - v|)`` with ``|u - v| = sqrt(2 - 2c)``: what u and v add alone, and what
    their distance adds.
    """
    score = topic + weight * (1 - np.sqrt(2 - 2 * c))
    return np.asarray(p * np.logaddexp(0, -score) + (1 - p) * np.logaddexp(0, score))


_EXPECTED: dict[CosineKind, Callable[[np.ndarray, float], np.ndarray]] = {
    "squared": lambda c, p: p * (c - 1) ** 2 + (1 - p) * c**2,
    "opposite": lambda c, p: p * (c - 1) ** 2 + (1 - p) * (c + 1) ** 2,
    "margin": lambda c, p: p * np.maximum(0.9 - c, 0) + (1 - p) * np.maximum(c - 0.1, 0),
}


# ---------------------------------------------------------------- 3: what |u − v| sees

_PLANE = np.linspace(-1.5, 1.5, 61)
_FIXED = np.array([0.9, 0.5])


def head_plane() -> ipywidgets.VBox:
    """Show the score that a head gives to v, wherever v is, and what u, v and |u - v| add to it."""
    return explore(
        head_plane_scene(),
        across=slider("v across", -1.5, 1.5, -0.6, 0.05),
        up=slider("v up", -1.5, 1.5, 0.9, 0.05),
        topic=slider("weight of u and v", 0.0, 2.0, 1.0, 0.1, ".1f"),
        meaning=slider("weight of |u − v|", 0.0, 3.0, 1.5, 0.1, ".1f"),
    )


def head_plane_figure() -> tuple[Figure, str]:
    """Return the still picture of `head_plane`, and the sentence that says what it shows."""
    return still(head_plane_scene(), across=-0.6, up=0.9, topic=1.0, meaning=1.5)


def head_plane_scene() -> Scene:
    """Draw the state (across, up, topic, meaning) of `head_plane`."""
    fig, axes = mosaic("ABC", 8.6, 3.5)
    titles = ("⟨u, w₁⟩ + ⟨v, w₂⟩", "⟨|u − v|, w₃⟩", "the whole score")
    panels = [_plane(axes[name], title) for name, title in zip("ABC", titles, strict=True)]
    v = np.stack(np.meshgrid(_PLANE, _PLANE), axis=-1)

    def update(across: Real, up: Real, topic: Real, meaning: Real) -> str:
        first, second = plane_scores(v, float(topic), float(meaning))
        here = np.array([float(across), float(up)])
        at = [float(part) for part in plane_scores(here, float(topic), float(meaning))]
        for (_, draw), values in zip(panels, (first, second, first + second), strict=True):
            draw(values, here)
        c = float(here @ _FIXED / max(np.linalg.norm(here) * np.linalg.norm(_FIXED), 1e-9))
        return (
            f"v at ({_number(here[0])}, {_number(here[1])}), cosine {_number(c)} with u: u and v add {_number(at[0])},"
            f" the same wherever v slides along a line; |u − v| adds {_number(at[1])}, and 0 only where v = u; together"
            f" {_number(sum(at))}."
        )

    return Scene(fig, [artist for artists, _ in panels for artist in artists], update)


def plane_scores(v: Float64[np.ndarray, "*places 2"], topic: float, meaning: float) -> tuple[Any, Any]:
    """Return what u and v add and what |u - v| adds, for w₁ = w₂ = topic (0.6, 0.8) and w₃ = -meaning (1, 1)."""
    direction = topic * np.array([0.6, 0.8])
    return _FIXED @ direction + v @ direction, -meaning * np.abs(v - _FIXED).sum(axis=-1)


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
    point = ax.plot([], [], "s", color=COLORS.orange, mec=COLORS.ink, ms=8)[0]

    def draw(values: np.ndarray, here: np.ndarray) -> None:
        image.set_data(values)
        ends.set_data([0, here[0]], [0, here[1]])
        point.set_data([here[0]], [here[1]])

    # The fixed arrow lies on the furniture; the image would hide it, so it is drawn half transparent.
    image.set_alpha(0.75)
    return [image, ends, point], draw


# ---------------------------------------------------------------- 4: a threshold

SETS = ("statements", "questions", "topics", "adversarial", "negation", "colour")
_BINS = np.linspace(-1, 1, 41)


def threshold() -> ipywidgets.VBox:
    """Show what a threshold on the cosine makes of a set's labels, and where it lies on the curve of all thresholds."""
    return explore(
        threshold_scene(),
        name=choice("set", SETS, "negation"),
        model=choice("model", MODELS),
        at=slider("threshold", -1.0, 1.0, 0.8, 0.02),
    )


def threshold_figure() -> tuple[Figure, str]:
    """Return the still picture of `threshold`, and the sentence that says what it shows."""
    return still(threshold_scene(), name="negation", model="start", at=0.8)


def threshold_scene() -> Scene:
    """Draw the state (name, model, at) of `threshold`."""
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

    def update(name: str, model: str, at: Real) -> str:
        scores, labels = scored(name, model)
        for bars, which in ((alike, 1), (others, 0)):
            counts = np.histogram(scores[labels == which], _BINS)[0]
            bars.set_verts(
                [_column(x, min(n, 108.0)) for x, n in zip(_BINS.tolist(), counts.tolist(), strict=False)]
            )
        line.set_data([float(at)] * 2, [0, 110])
        found = confusion(scores, labels, float(at))
        write(found.true_alike, found.missed, found.false_alike, found.true_other)
        mark(*_curve(name, model), found.false_rate, found.recall)
        return (
            f"{name}, {model}: from {_number(at)} on, {found.true_alike + found.false_alike} of {len(scores)} pairs are"
            f" called alike; {found.accuracy:.0%} are answered right, {found.recall:.0%} of the alike are found, and"
            f" {found.false_rate:.0%} of the others are called alike too. AUC {_number(auc(scores, labels))}."
        )

    return Scene(fig, [alike, others, line, *table, *curve], update)


@cache
def scored(name: str, model: str) -> tuple[Float64[np.ndarray, " pairs"], Float64[np.ndarray, " pairs"]]:
    """Return cosines and labels of a test set under one of the small models."""
    pairs: PairSet = embedded_set(name, 400, 0, "test")
    found = cosines(_model(model).encode, pairs).double().numpy()
    return found, pairs.alike().double().numpy()


@cache
def _curve(name: str, model: str) -> tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]:
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
                (*_rgb(SQUARED if good else HEAD), 0.1 + 0.6 * count / row)
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
    point = ax.plot([], [], "o", color=COLORS.orange, mec=COLORS.ink, ms=9)[0]

    def mark(x: np.ndarray, y: np.ndarray, here_x: float, here_y: float) -> None:
        curve.set_data(x, y)
        point.set_data([here_x], [here_y])

    return [curve, point], mark


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
        labels.write([_number(v) for v in values], [(max(v, 0) + 0.02, k) for k, v in enumerate(values)])

    return [bars, labels], draw


def _bar(row: int, end: float) -> Float64[np.ndarray, "4 2"]:
    return np.array([[0.0, row - 0.3], [end, row - 0.3], [end, row + 0.3], [0.0, row + 0.3]])


def _column(left: Real, height: Real) -> Float64[np.ndarray, "4 2"]:
    right = left + _BINS[1] - _BINS[0]
    return np.array([[left, 0.0], [right, 0.0], [right, height], [left, height]])


def _square(column: int, row: int) -> Float64[np.ndarray, "4 2"]:
    left, top = column + 0.03, row + 0.03
    return np.array([[left, top], [left + 0.94, top], [left + 0.94, top + 0.94], [left, top + 0.94]])


def _rgb(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _number(value: Real) -> str:
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")
