"""The three widgets of the lesson. Each answers a question that the text has just asked.

Every widget comes in three forms: ``name(...)`` with its controls, ``name_scene(...)`` as a pure function of its state,
and ``name_figure(...)`` as a still picture with its sentence, for pages behind which no kernel runs. What they show
is handed to them: models, the path of a prompt, recorded runs. Chinese stands in the sentences, not in the pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import ipywidgets
import numpy as np
import torch
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sjedu.figures.old_widgets import Labels, Scene, choice, explore, slider, still, toggle
from sjedu.figures.style import COLORS, figure, mosaic
from sjedu.p_tuning import theory
from sjedu.p_tuning.backbone import Backbone
from sjedu.p_tuning.classifier import ClozeClassifier
from sjedu.p_tuning.experiment import METHODS
from sjedu.p_tuning.paths import PromptPath
from sjedu.p_tuning.tasks import VERBALIZER
from sjedu.p_tuning.template import Filled, Kind, Template, Vocabulary
from sjedu.records import Record, Spread

Models: TypeAlias = Mapping[Kind, tuple[Backbone, Vocabulary]]

# ---------------------------------------------------------------- 1: what a template asks

REVIEWS = {
    "good": "前台很友好，房间非常宽敞，早餐也丰富",
    "bad": "床很硬，房间破旧，前台有点傲慢",
    "not bad": "床一点也不硬，房费并不高，房间很整洁",
    "good, but": "虽然早餐很丰富，但是房间特别破旧，前台真傲慢",
}
#: What stands to the left and to the right of the blank, or of the text, where a template is made of words.
_WORDS: dict[tuple[Kind, str], str] = {
    ("mlm", "prefix"): "我{mask}满意。{text}",
    ("mlm", "suffix"): "{text}，总之我{mask}满意。",
    ("mlm", "both"): "总之，{text}，我{mask}满意。",
    ("lm", "prefix"): "总之我，{text}，{mask}",
    ("lm", "suffix"): "{text}，总之我{mask}",
    ("lm", "both"): "总之，{text}，我{mask}",
}
_ROLES = {
    "special": COLORS.faint,
    "prompt": COLORS.orange,
    "word": COLORS.sky,
    "text": "white",
    "blank": COLORS.vermillion,
}


def built_template(kind: Kind, place: str, tokens: int) -> Template:
    """Return the template of a state of `template_builder`: so many prompt tokens on a side; of words if none."""
    if tokens == 0:
        return Template(_WORDS[kind, place], kind)
    prompt = f"{{prompt:{tokens}}}"
    patterns = {
        ("mlm", "prefix"): f"{prompt}{{mask}}{prompt}{{text}}",
        ("mlm", "suffix"): f"{{text}}{prompt}{{mask}}{prompt}",
        ("mlm", "both"): f"{prompt}{{text}}{prompt}{{mask}}",
        ("lm", "prefix"): f"{prompt}{prompt}{{text}}{{mask}}",
        ("lm", "suffix"): f"{{text}}{prompt}{prompt}{{mask}}",
        ("lm", "both"): f"{prompt}{{text}}{prompt}{{mask}}",
    }
    return Template(patterns[kind, place], kind)


def template_builder(models: Models) -> ipywidgets.VBox:
    """Place prompt, text and blank, and see what the model would say in the blank.

    Args:
        models: of each kind, a pretrained model and its vocabulary.
    """
    return explore(
        template_builder_scene(models),
        kind=choice("model", {"masked": "mlm", "causal": "lm"}),
        place=choice("place", ["prefix", "suffix", "both"], "suffix"),
        tokens=slider("prompt tokens on a side (0: words)", 0, 4, 0),
        review=choice("review", list(REVIEWS)),
    )


def template_builder_figure(models: Models) -> tuple[Figure, str]:
    """Return the still picture of `template_builder`, and the sentence that says what it shows."""
    return still(template_builder_scene(models), kind="mlm", place="suffix", tokens=0, review="good")


def template_builder_scene(models: Models) -> Scene:
    """Draw the state (kind, place, tokens, review) of `template_builder`."""
    fig, axes = mosaic("AA;BC", 8.6, 3.9, height_ratios=(0.8, 1), width_ratios=(1.4, 1))
    strip = axes["A"]
    strip.set(xlim=(-0.5, 44.5), ylim=(-0.9, 0.9), xticks=[], yticks=[], title="tokens, from left to right")
    strip.spines[:].set_visible(False)
    for x, (role, color) in zip((0, 8, 16, 24, 32), _ROLES.items(), strict=True):
        strip.add_patch(Rectangle((x, -0.85), 0.9, 0.4, fc=color, ec=COLORS.grey))
        strip.text(x + 1.4, -0.65, role, fontsize=9, va="center")
    boxes = PolyCollection([], ec=COLORS.grey, lw=1)
    strip.add_collection(boxes, autolim=False)
    bars = [
        axes["B"].barh([i], [0.5], color=c)[0]
        for i, c in enumerate((COLORS.grey, COLORS.vermillion, COLORS.blue))
    ]
    axes["B"].set(xlim=(0, 1.15), title="probability of words in the blank", xticks=(0, 0.5, 1))
    axes["B"].set_yticks((0, 1, 2), ("likeliest other", "bù: not", "hěn: very"))
    numbers = Labels(axes["B"], [(0.5, i) for i in range(3)], align="left")
    share = axes["C"].barh([0], [0.5], color=COLORS.blue, height=0.5)[0]
    axes["C"].barh([0], [1], color=COLORS.vermillion, height=0.5, zorder=0)
    axes["C"].axvline(0.5, color=COLORS.ink, lw=1, ls=":")
    axes["C"].set(
        xlim=(0, 1), ylim=(-0.8, 0.8), yticks=[], xticks=(0, 0.5, 1), title="of the two words, “very” has"
    )

    def update(kind: Kind, place: str, tokens: int, review: str) -> str:
        backbone, vocabulary = models[kind]
        template = built_template(kind, place, tokens)
        filled = template.fill([REVIEWS[review]], vocabulary)
        found = _blank(backbone, vocabulary, filled)
        ids = [*filled.ids[0].tolist(), *([-1] if kind == "lm" else [])]
        boxes.set_verts([_box(x) for x in range(len(ids))])
        boxes.set_facecolor([_ROLES[role] for role in _roles(filled, ids, vocabulary)])
        words, targets = found
        heights = (words[0][1], targets[0], targets[1])
        for bar, height in zip(bars, heights, strict=True):
            bar.set_width(height)
        numbers.write([f"{h:.2f}" for h in heights], [(h + 0.02, i) for i, h in enumerate(heights)])
        part = targets[1] / (targets[0] + targets[1])
        share.set_width(part)
        text = "".join(vocabulary.describe(filled.ids[0].tolist())) + ("____" if kind == "lm" else "")
        likely = ", ".join(f"{word} {probability:.2f}" for word, probability in words)
        return f"{text}: of 很 and 不, 很 has {part:.2f}; the likeliest other words are {likely}."

    return Scene(fig, [boxes, *bars, numbers, share], update)


@torch.no_grad()
def _blank(
    backbone: Backbone, vocabulary: Vocabulary, filled: Filled
) -> tuple[list[tuple[str, float]], tuple[float, float]]:
    """The likeliest other words in the blank with their probabilities, and those of 不 and 很."""
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


def prompt_path(path: PromptPath) -> ipywidgets.VBox:
    """Follow the vectors of a prompt through training, and see which words they come near to.

    Args:
        path: as `paths.follow` returns it.
    """
    return explore(
        prompt_path_scene(path),
        picture=slider("picture", 0, len(path.steps) - 1, 0),
        trail=toggle("show the way", value=True),
    )


def prompt_path_figure(path: PromptPath) -> tuple[Figure, str]:
    """Return the still picture of `prompt_path`, and the sentence that says what it shows."""
    return still(prompt_path_scene(path), picture=len(path.steps) - 1, trail=True)


def prompt_path_scene(path: PromptPath) -> Scene:
    """Draw the state (picture, trail) of `prompt_path`."""
    fig, axes = mosaic("AB;AC", 8.6, 4.2, width_ratios=(1.25, 1))
    words, prompts = _plane(path)
    tokens = prompts.shape[1]
    axes["A"].plot(*words.T, ".", color=COLORS.faint, ms=4)
    axes["A"].plot(*prompts[0].T, "o", mec=COLORS.grey, mfc="none", ms=7)
    axes["A"].set(title="grey: words; circles: start; blue: prompt", xticks=[], yticks=[])
    everything = np.concatenate([words, prompts.reshape(-1, 2)])
    low, high = everything.min(axis=0), everything.max(axis=0)
    room = 0.06 * (high - low)
    axes["A"].set(xlim=(low[0] - room[0], high[0] + room[0]), ylim=(low[1] - room[1], high[1] + room[1]))
    ways = axes["A"].plot([], [], color=COLORS.sky, lw=1)[0]
    heads = axes["A"].plot([], [], "o", color=COLORS.blue, ms=7)[0]
    names = Labels(axes["A"], prompts[0], 9)
    bars = list(axes["B"].bar(range(tokens), np.ones(tokens), color=COLORS.blue))
    axes["B"].set(title="cosine with the nearest word", ylim=(0, 1.05), yticks=(0, 0.5, 1))
    axes["B"].set_xticks(range(tokens), [f"P{i + 1}" for i in range(tokens)])
    axes["C"].plot(path.steps, path.accuracies, color=COLORS.green)
    axes["C"].set(title="test accuracy", xlabel="step", ylim=(0.4, 1.02))
    now = axes["C"].plot([], [], "o", color=COLORS.green, ms=8)[0]
    margin = 0.6 * room[1]

    def update(picture: int, trail: bool) -> str:
        nearest = [found[0] for found in path.nearest(picture)]
        gap = np.full((tokens, 1, 2), np.nan)
        so_far = np.concatenate([prompts[: picture + 1].transpose(1, 0, 2), gap], axis=1).reshape(-1, 2)
        ways.set_data(*(so_far if trail else so_far[:0]).T)
        heads.set_data(*prompts[picture].T)
        names.write([f"P{i + 1}" for i in range(tokens)], prompts[picture] + [0, margin])
        for bar, (_, cosine) in zip(bars, nearest, strict=True):
            bar.set_height(max(cosine, 0.0))
        now.set_data([path.steps[picture]], [path.accuracies[picture]])
        described = ", ".join(f"P{i + 1} {word} ({cosine:.2f})" for i, (word, cosine) in enumerate(nearest))
        return (
            f"After {path.steps[picture]} steps the loss is {path.losses[picture]:.2f} and the test accuracy"
            f" {path.accuracies[picture]:.2f}; nearest words and cosines: {described}."
        )

    return Scene(fig, [ways, heads, names, *bars, now], update)


def _plane(path: PromptPath) -> tuple[np.ndarray, np.ndarray]:
    """Words and prompts in the plane of the prompts' largest spread, from the words' mean."""
    center = path.table.mean(dim=0)
    moved = (path.vectors - center).flatten(0, 1)
    axes = torch.linalg.svd(moved, full_matrices=False).Vh[:2].T
    words = ((path.table - center) @ axes).double().numpy()
    return words, ((path.vectors - center) @ axes).double().numpy()


# ---------------------------------------------------------------- 3: how many labels


def label_budget(records: Sequence[Record]) -> ipywidgets.VBox:
    """Hold one method against all others, over the number of labels.

    Args:
        records: the runs of the study "cpu".
    """
    found = budget_curves(records, "mlm")
    return explore(
        label_budget_scene(records),
        objective=choice("model", {"masked": "mlm", "causal": "causal"}),
        method=choice("method", list(found), "p_tuning" if "p_tuning" in found else None),
        against=choice("against", list(found), "fine_tune" if "fine_tune" in found else None),
    )


def label_budget_figure(records: Sequence[Record]) -> tuple[Figure, str]:
    """Return the still picture of `label_budget`, and the sentence that says what it shows."""
    found = list(budget_curves(records, "mlm"))
    method = "p_tuning" if "p_tuning" in found else found[0]
    against = "fine_tune" if "fine_tune" in found else found[-1]
    return still(label_budget_scene(records), objective="mlm", method=method, against=against)


def budget_curves(records: Sequence[Record], objective: str) -> dict[str, dict[int, Spread]]:
    """Return of each method of the study "cpu", prompts on both sides, the accuracies by number of labels."""
    found = {
        record.config["method"]: {int(n): Spread(tuple(v)) for n, v in record.metrics["accuracy"].items()}
        for record in records
        if (record.config["study"], record.config["objective"], record.config["place"])
        == ("cpu", objective, "both")
        and not record.config["template"]
    }
    return {method: found[method] for method in METHODS if method in found}


def label_budget_scene(records: Sequence[Record]) -> Scene:
    """Draw the state (objective, method, against) of `label_budget`.

    Raises:
        ValueError: there is no recorded run of the study "cpu".
    """
    curves = {objective: budget_curves(records, objective) for objective in ("mlm", "causal")}
    if not curves["mlm"]:
        raise ValueError("records: got none of the study 'cpu' with a masked model; expected some to show")
    labels = sorted({n for method in curves["mlm"].values() for n in method})
    fig, ax = figure(8.6, 4.0)
    ax.set(xscale="log", xlabel="labels", ylabel="test accuracy", ylim=(0.45, 1.0))
    ax.set_xticks(labels, [str(n) for n in labels])
    ax.minorticks_off()
    ax.axhline(0.5, color=COLORS.grey, lw=1, ls=":")
    ax.annotate(
        "guessing", (labels[0], 0.5), (0, 3), textcoords="offset points", fontsize=8, color=COLORS.grey
    )
    ax.set_xlim(labels[0] * 0.85, labels[-1] * 1.18)
    others = ax.plot([], [], color=COLORS.grey, lw=0.6)[0]
    bands = [PolyCollection([], fc=c, alpha=0.2, lw=0) for c in (COLORS.blue, COLORS.vermillion)]
    for band in bands:
        ax.add_collection(band, autolim=False)
    lines = [
        ax.plot([], [], mark, color=c, lw=2)[0]
        for mark, c in (("o-", COLORS.blue), ("s--", COLORS.vermillion))
    ]
    ax.text(0.98, 0.14, "all others", ha="right", va="center", color=COLORS.grey, transform=ax.transAxes)
    names = [
        Labels(ax, [(0.98, height)], 10, align="right", color=c, transform=ax.transAxes)
        for height, c in ((0.27, COLORS.blue), (0.205, COLORS.vermillion))
    ]

    def update(objective: str, method: str, against: str) -> str:
        known = curves[objective]
        rest = [curve for name, curve in known.items() if name not in (method, against)]
        joined = [point for curve in rest for point in (*_points(curve), (np.nan, np.nan))]
        others.set_data(*np.array(joined or np.empty((0, 2))).T)
        for name, line, band, label in zip((method, against), lines, bands, names, strict=True):
            curve = known.get(name, {})
            label.write([name if curve else f"{name} (not run)"])
            line.set_data(*np.array(_points(curve) or np.empty((0, 2))).T)
            band.set_verts([_band(curve)] if curve else [])
        return _compare(known, method, against, "masked" if objective == "mlm" else "causal")

    return Scene(fig, [others, *bands, *lines, *names], update)


def _points(curve: Mapping[int, Spread]) -> list[tuple[float, float]]:
    return [(float(n), spread.mean) for n, spread in sorted(curve.items())]


def _band(curve: Mapping[int, Spread]) -> np.ndarray:
    """The 95 % interval as an outline."""
    ordered = sorted(curve.items())
    half = [np.nan_to_num(theory.half_width(s.values)) for _, s in ordered]
    upper = [(n, s.mean + h) for (n, s), h in zip(ordered, half, strict=True)]
    lower = [(n, s.mean - h) for (n, s), h in zip(ordered, half, strict=True)]
    return np.array([*upper, *lower[::-1]])


def _compare(known: Mapping[str, Mapping[int, Spread]], method: str, against: str, model: str) -> str:
    missing = [name for name in (method, against) if name not in known]
    if missing:
        return f"With the {model} model {' and '.join(dict.fromkeys(missing))} was not run."
    first, second = known[method], known[against]
    parts = [f"{first[n].mean:.2f} against {second[n].mean:.2f} at {n}" for n in sorted(first) if n in second]
    return f"{method} and {against} with the {model} model, mean accuracy: {', '.join(parts)} labels."
