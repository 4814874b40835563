"""The three widgets of the lesson. Each answers a question that the text has just asked.

Each section is a scene, the widget that shows it, and the panels that the scene is put together from. Chinese stands in
the sentences, not in the pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle

from sjedu.figures.numbers import fixed
from sjedu.figures.scene import Labels, Panel, Scene
from sjedu.figures.style import COLORS, figure, mosaic
from sjedu.figures.widgets import Widget, choice, slider, toggle
from sjedu.p_tuning.backbone import Backbone
from sjedu.p_tuning.classifier import ClozeClassifier
from sjedu.p_tuning.experiment import Config, load_model
from sjedu.p_tuning.methods import METHODS
from sjedu.p_tuning.paths import PromptPath
from sjedu.p_tuning.results import bag_accuracies, budget_curves
from sjedu.p_tuning.tasks import VERBALIZER
from sjedu.p_tuning.template import Filled, Kind, Template, Vocabulary
from sjedu.records import Spread

# ---------------------------------------------------------------- 1: what a template asks

REVIEWS = {
    "good": "前台很友好，房间非常宽敞，早餐也丰富",
    "bad": "床很硬，房间破旧，前台有点傲慢",
    "not bad": "床一点也不硬，房费并不高，房间很整洁",
    "good, but": "虽然早餐很丰富，但是房间特别破旧，前台真傲慢",
}
#: Where the template is made of words.
_WORDS: dict[tuple[Kind, str], str] = {
    ("mlm", "prefix"): "我{mask}满意。{text}",
    ("mlm", "suffix"): "{text}，总之我{mask}满意。",
    ("mlm", "both"): "总之，{text}，我{mask}满意。",
    ("lm", "prefix"): "总之我，{text}，{mask}",
    ("lm", "suffix"): "{text}，总之我{mask}",
    ("lm", "both"): "总之，{text}，我{mask}",
}
#: Where it is made of prompt tokens, P.
_PROMPTS: dict[tuple[Kind, str], str] = {
    ("mlm", "prefix"): "P{mask}P{text}",
    ("mlm", "suffix"): "{text}P{mask}P",
    ("mlm", "both"): "P{text}P{mask}",
    ("lm", "prefix"): "PP{text}{mask}",
    ("lm", "suffix"): "{text}PP{mask}",
    ("lm", "both"): "P{text}P{mask}",
}
_ROLES = {
    "special": COLORS.faint,
    "prompt": COLORS.orange,
    "word": COLORS.sky,
    "text": "white",
    "blank": COLORS.vermillion,
}


def built_template(kind: Kind, place: str, tokens: int) -> Template:
    """Return the template of a state of `template_builder`: twice so many prompt tokens; words if none."""
    if tokens == 0:
        return Template(_WORDS[kind, place], kind)
    return Template(_PROMPTS[kind, place].replace("P", f"{{prompt:{tokens}}}"), kind)


def template_builder_scene() -> Scene:
    """Draw where prompt, text and blank stand, and what the models of this course would say in the blank."""
    fig, axes = mosaic("AA;BC", 8.6, 3.9, height_ratios=(0.8, 1), width_ratios=(1.4, 1))
    boxes, fill = _strip(axes["A"])
    bars, raise_bars = _likely_words(axes["B"])
    share, divide = _share(axes["C"])

    def update(kind: Kind, place: str, tokens: int, review: str) -> str:
        backbone, vocabulary = _models()[kind]
        filled = built_template(kind, place, tokens).fill([REVIEWS[review]], vocabulary)
        others, (negative, positive) = _blank(backbone, vocabulary, filled)
        ids = filled.ids[0].tolist()
        fill(_roles(filled, [*ids, *([-1] if kind == "lm" else [])], vocabulary))
        raise_bars(others[0][1], negative, positive)
        part = positive / (negative + positive)
        divide(part)
        text = "".join(vocabulary.describe(ids)) + ("____" if kind == "lm" else "")
        likely = ", ".join(f"{word} {fixed(probability)}" for word, probability in others)
        return f"{text}: of 很 and 不, 很 has {fixed(part)}; the likeliest other words are {likely}."

    return Scene(fig, [*boxes, *bars, *share], update)


template_builder = Widget(
    template_builder_scene,
    kind=choice("model", {"masked": "mlm", "causal": "lm"}),
    place=choice("place", ["prefix", "suffix", "both"], "suffix"),
    tokens=slider("prompt tokens on a side (0: words)", 0, 4, 0),
    review=choice("review", list(REVIEWS)),
)


@cache
def _models() -> dict[Kind, tuple[Backbone, Vocabulary]]:
    return {"mlm": load_model(Config()), "lm": load_model(Config(objective="causal"))}


def _strip(ax: Axes) -> Panel:
    """The tokens as boxes, coloured by what they are."""
    ax.set(xlim=(-0.5, 44.5), ylim=(-0.9, 0.9), xticks=[], yticks=[], title="tokens, from left to right")
    ax.spines[:].set_visible(False)
    for x, (role, color) in zip((0, 8, 16, 24, 32), _ROLES.items(), strict=True):
        ax.add_patch(Rectangle((x, -0.85), 0.9, 0.4, fc=color, ec=COLORS.grey))
        ax.text(x + 1.4, -0.65, role, fontsize=9, va="center")
    boxes = PolyCollection([], ec=COLORS.grey, lw=1)
    ax.add_collection(boxes, autolim=False)

    def draw(roles: Sequence[str]) -> None:
        boxes.set_verts([_box(x) for x in range(len(roles))])
        boxes.set_facecolor([_ROLES[role] for role in roles])

    return [boxes], draw


def _likely_words(ax: Axes) -> Panel:
    """Probabilities of words in the blank."""
    colors = (COLORS.grey, COLORS.vermillion, COLORS.blue)
    bars = [ax.barh([i], [0.5], color=color)[0] for i, color in enumerate(colors)]
    ax.set(xlim=(0, 1.15), title="probability of words in the blank", xticks=(0, 0.5, 1))
    ax.set_yticks((0, 1, 2), ("likeliest other", "bù: not", "hěn: very"))
    labels = Labels(ax, [(0.5, i) for i in range(3)], align="left")

    def draw(*widths: float) -> None:
        for bar, width in zip(bars, widths, strict=True):
            bar.set_width(width)
        labels.write(
            [fixed(width) for width in widths], [(width + 0.02, i) for i, width in enumerate(widths)]
        )

    return [*bars, labels], draw


def _share(ax: Axes) -> Panel:
    """What "very" has of the two words of the classes."""
    part = ax.barh([0], [0.5], color=COLORS.blue, height=0.5)[0]
    ax.barh([0], [1], color=COLORS.vermillion, height=0.5, zorder=0)
    ax.axvline(0.5, color=COLORS.ink, lw=1, ls=":")
    ax.set(xlim=(0, 1), ylim=(-0.8, 0.8), yticks=[], xticks=(0, 0.5, 1), title="of the two words, “very” has")
    return [part], part.set_width


@torch.no_grad()
def _blank(
    backbone: Backbone, vocabulary: Vocabulary, filled: Filled
) -> tuple[list[tuple[str, float]], tuple[float, float]]:
    """The three likeliest other words in the blank with their probabilities, and those of 不 and 很."""
    targets = VERBALIZER.ids(vocabulary)
    probabilities = ClozeClassifier(backbone, targets).word_logits(filled)[0].softmax(dim=0)
    others = probabilities.clone()
    others[list(targets)] = 0
    best = others.topk(3)
    words = [(vocabulary.token_of(int(i)), float(p)) for p, i in zip(best.values, best.indices, strict=True)]
    return words, (float(probabilities[targets[0]]), float(probabilities[targets[1]]))


def _roles(filled: Filled, ids: Sequence[int], vocabulary: Vocabulary) -> list[str]:
    known = {vocabulary.begin: "special", vocabulary.end: "special", vocabulary.mask: "blank", -1: "blank"}
    known |= dict.fromkeys(vocabulary.prompts, "prompt")
    text = [*filled.text[0].tolist(), False]
    return ["text" if inside else known.get(i, "word") for i, inside in zip(ids, text, strict=False)]


def _box(x: int) -> np.ndarray:
    return np.array([(x - 0.42, -0.25), (x + 0.42, -0.25), (x + 0.42, 0.55), (x - 0.42, 0.55)])


# ---------------------------------------------------------------- 2: where a prompt goes


def prompt_path(path: PromptPath) -> Widget:
    """Follow the vectors of a prompt through training, and see which words they come near to.

    Args:
        path: as `paths.follow` returns it.
    """
    first, second, *_, last = path.steps
    return Widget(
        partial(prompt_path_scene, path),
        step=slider("step of training", first, last, last, second - first),
        trail=toggle("show the way", value=True),
    )


def prompt_path_scene(path: PromptPath) -> Scene:
    """Draw a prompt on its way: in a plane, by its nearest words, and by what it achieves."""
    fig, axes = mosaic("AB;AC", 8.6, 4.2, width_ratios=(1.25, 1))
    ways, go = _way(axes["A"], path)
    bars, raise_bars = _nearness(axes["B"], path.vectors.shape[1])
    axes["C"].plot(path.steps, path.accuracies, color=COLORS.green)
    axes["C"].set(title="test accuracy", xlabel="step", ylim=(0.4, 1.02))
    now = axes["C"].plot([], [], "o", color=COLORS.green, ms=8)[0]

    def update(step: int, trail: bool) -> str:
        picture = int(np.searchsorted(path.steps, step, side="right")) - 1
        nearest = [words[0] for words in path.nearest(picture)]
        go(picture, trail)
        raise_bars([cosine for _, cosine in nearest])
        now.set_data([path.steps[picture]], [path.accuracies[picture]])
        near = ", ".join(f"P{i} {word} ({fixed(cosine)})" for i, (word, cosine) in enumerate(nearest, 1))
        return (
            f"After {path.steps[picture]} steps the loss is {fixed(path.losses[picture])} and the test accuracy"
            f" {fixed(path.accuracies[picture])}; nearest words and cosines: {near}."
        )

    return Scene(fig, [*ways, *bars, now], update)


def _way(ax: Axes, path: PromptPath) -> Panel:
    """Words and prompt in a plane, the ways of the prompt's vectors behind them."""
    words, prompts = (part.double().numpy() for part in path.plane())
    ax.plot(*words.T, ".", color=COLORS.faint, ms=4)
    ax.plot(*prompts[0].T, "o", mec=COLORS.grey, mfc="none", ms=7)
    ax.set(title="grey: words; circles: start; blue: prompt", xticks=[], yticks=[])
    everything = np.concatenate([words, prompts.reshape(-1, 2)])
    low, high = everything.min(axis=0), everything.max(axis=0)
    room = 0.06 * (high - low)
    ax.set(xlim=(low[0] - room[0], high[0] + room[0]), ylim=(low[1] - room[1], high[1] + room[1]))
    ways = ax.plot([], [], color=COLORS.sky, lw=1)[0]
    heads = ax.plot([], [], "o", color=COLORS.blue, ms=7)[0]
    names = Labels(ax, prompts[0], 9)

    def draw(picture: int, trail: bool) -> None:
        between = np.full((prompts.shape[1], 1, 2), np.nan)  # one line for all, broken from token to token
        so_far = np.concatenate([prompts[: picture + 1].transpose(1, 0, 2), between], axis=1).reshape(-1, 2)
        ways.set_data(*(so_far if trail else so_far[:0]).T)
        heads.set_data(*prompts[picture].T)
        labels = [f"P{i + 1}" for i in range(prompts.shape[1])]
        names.write(labels, prompts[picture] + [0, 0.6 * room[1]])

    return [ways, heads, names], draw


def _nearness(ax: Axes, tokens: int) -> Panel:
    """The cosine of each prompt token with its nearest word."""
    bars = list(ax.bar(range(tokens), np.ones(tokens), color=COLORS.blue))
    ax.set(title="cosine with the nearest word", ylim=(0, 1.05), yticks=(0, 0.5, 1))
    ax.set_xticks(range(tokens), [f"P{i + 1}" for i in range(tokens)])

    def draw(cosines: Sequence[float]) -> None:
        for bar, cosine in zip(bars, cosines, strict=True):
            bar.set_height(max(cosine, 0.0))

    return [*bars], draw


# ---------------------------------------------------------------- 3: how many labels


def label_budget_scene() -> Scene:
    """Draw one method against another over the number of labels, all others and a bag of characters behind them."""
    curves = {objective: budget_curves(objective) for objective in ("mlm", "causal")}
    labels = sorted({n for method in curves["mlm"].values() for n in method})
    fig, ax = figure(8.6, 4.0)
    ax.set(xscale="log", xlabel="labels", ylabel="test accuracy", ylim=(0.45, 1.0))
    ax.set_xticks(labels, [str(n) for n in labels])
    ax.minorticks_off()
    ax.set_xlim(labels[0] * 0.85, labels[-1] * 1.18)
    _baselines(ax, labels)
    others = ax.plot([], [], color=COLORS.grey, lw=0.6)[0]
    ax.text(0.98, 0.14, "all others", ha="right", va="center", color=COLORS.grey, transform=ax.transAxes)
    panels = [
        _budget_curve(ax, mark, color, height)
        for mark, color, height in (("o-", COLORS.blue, 0.27), ("s--", COLORS.vermillion, 0.205))
    ]

    def update(objective: str, method: str, against: str) -> str:
        known = curves[objective]
        rest = [curve for name, curve in known.items() if name not in (method, against)]
        joined = [point for curve in rest for point in (*_points(curve), (np.nan, np.nan))]
        others.set_data(*np.array(joined).T)
        for name, (_, draw) in zip((method, against), panels, strict=True):
            draw(name, known.get(name, {}))
        return _compare(known, method, against, "masked" if objective == "mlm" else "causal")

    return Scene(fig, [others, *(artist for artists, _ in panels for artist in artists)], update)


label_budget = Widget(
    label_budget_scene,
    objective=choice("model", {"masked": "mlm", "causal": "causal"}),
    method=choice("method", list(METHODS), "p_tuning"),
    against=choice("against", list(METHODS), "fine_tune"),
)


def _baselines(ax: Axes, labels: Sequence[int]) -> None:
    """What needs no pretrained model."""
    bag = [bag_accuracies(n).mean for n in labels]
    for heights, name in ([0.5] * len(labels), "guessing"), (bag, "bag of characters"):
        ax.plot(labels, heights, color=COLORS.ink, lw=1, ls=":")
        ax.annotate(
            name, (labels[0], heights[0]), (0, -11), textcoords="offset points", fontsize=8, color=COLORS.ink
        )


def _budget_curve(ax: Axes, mark: str, color: str, height: float) -> Panel:
    """The accuracies of one method, with their intervals and its name."""
    band = PolyCollection([], fc=color, alpha=0.2, lw=0)
    ax.add_collection(band, autolim=False)
    line = ax.plot([], [], mark, color=color, lw=2)[0]
    label = Labels(ax, [(0.98, height)], 10, align="right", color=color, transform=ax.transAxes)

    def draw(name: str, curve: Mapping[int, Spread]) -> None:
        label.write([name if curve else f"{name} (not run)"])
        line.set_data(*np.array(_points(curve) or np.empty((0, 2))).T)
        band.set_verts([_band(curve)] if curve else [])

    return [band, line, label], draw


def _points(curve: Mapping[int, Spread]) -> list[tuple[float, float]]:
    return [(float(n), spread.mean) for n, spread in sorted(curve.items())]


def _band(curve: Mapping[int, Spread]) -> np.ndarray:
    """The 95 % intervals as an outline."""
    ends = [(n, *spread.interval()) for n, spread in sorted(curve.items())]
    return np.array([*((n, high) for n, _, high in ends), *((n, low) for n, low, _ in ends[::-1])])


def _compare(known: Mapping[str, Mapping[int, Spread]], method: str, against: str, model: str) -> str:
    missing = [name for name in (method, against) if name not in known]
    if missing:
        return f"With the {model} model {' and '.join(dict.fromkeys(missing))} was not run."
    first, second = known[method], known[against]
    parts = [
        f"{fixed(first[n].mean)} against {fixed(second[n].mean)} at {n}" for n in sorted(first) if n in second
    ]
    return f"{method} and {against} with the {model} model, mean accuracy: {', '.join(parts)} labels."
