"""The four widgets of the lesson. Each answers a question that the text has just asked.

Two are pictures. Two are tables of Chinese text, made of a model: `writer(model)` and `neighbours(model, corpus)`; what
they show stands in `writer_table` and `neighbours_table`. No callback trains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes

from sjedu.checks import check_choice
from sjedu.figures.numbers import fixed
from sjedu.figures.scene import Labels, Scene
from sjedu.figures.style import COLORS, figure
from sjedu.figures.tables import Badge, Table, Tone
from sjedu.figures.widgets import TextWidget, Widget, choice, slider, text_line, toggle
from sjedu.records import Spread, load_runs
from sjedu.roformer_sim import theory
from sjedu.roformer_sim.mining import jaccard_matrix
from sjedu.roformer_sim.model import RoFormerSim, nearest
from sjedu.roformer_sim.results import CHARACTERS, ROOM, baselines

# ---------------------------------------------------------------- 1: who sees whom

LENGTH = 12
#: The places of the source that noise hides, where it is switched on and the source reaches so far.
_HIDDEN = (2, 5, 7)


def mask_viewer_scene() -> Scene:
    """Draw the mask of UniLM for a border between source and target, and which derivatives it leaves."""
    fig, (left, right) = figure(8.6, 4.3, cols=2)
    allowed = _matrix(left, "the mask: row may look at column", vmax=1.0)
    derivatives = _matrix(right, "size of ∂ output (row) / ∂ input (column)", vmax=1.0)
    borders = [ax.plot([], [], color=COLORS.vermillion, lw=2)[0] for ax in (left, right)]

    def update(border: int, layers: int, noise: bool) -> str:
        mask = theory.unilm_mask(border, LENGTH - border)
        hidden = tuple(place for place in _HIDDEN if noise and place < border - 1)
        sizes = theory.unilm_influence(border, LENGTH - border, layers).copy()
        sizes[:, list(hidden)] = 0  # what stood there does not reach the model
        allowed.set_data(mask)
        derivatives.set_data(np.where(sizes > 0, 0.25 + 0.75 * sizes / sizes.max(), 0.0))
        edge = border - 0.5
        for line in borders:
            line.set_data([edge, edge, -0.5], [LENGTH - 0.5, edge, edge])
        zero = int((sizes == 0).sum())
        words = f" (columns of hidden tokens: {', '.join(map(str, hidden))})" if hidden else ""
        leak = int(((sizes > 0) & ~mask).sum())
        return (
            f"A source of {border} and a target of {LENGTH - border} tokens: the mask forbids {int((~mask).sum())} of"
            f" {LENGTH**2} looks, and after {layers} layer{'s' if layers > 1 else ''} {zero} derivatives are exactly"
            f" zero{words}. Derivatives that are not zero where the mask forbids: {leak}."
        )

    return Scene(fig, [allowed, derivatives, *borders], update)


mask_viewer = Widget(
    mask_viewer_scene,
    border=slider("tokens of the source", 1, LENGTH, 6),
    layers=slider("layers", 1, 4, 2),
    noise=toggle("hide tokens of the source"),
)


def _matrix(ax: Axes, title: str, vmax: float) -> Any:
    ax.set(
        title=title,
        xlabel="column: what is seen",
        ylabel="row: who looks",
        xticks=range(LENGTH),
        yticks=range(LENGTH),
    )
    ax.spines[:].set_visible(False)
    return ax.imshow(np.zeros((LENGTH, LENGTH)), cmap="Blues", vmin=0.0, vmax=vmax)


# ---------------------------------------------------------------- 2: write, and rank

#: A source to begin with.
SOURCE = "信用卡丢了怎么办"


def writer(model: RoFormerSim) -> TextWidget:
    """Return the widget that writes paraphrases of a text: which are kept, in which order, and why others are not."""
    return TextWidget(
        partial(writer_table, model),
        text=text_line("text", "想吃饺子该去哪家", [SOURCE, "北京会下雨吗"]),
        top_p=slider("top-p", 0.05, 1.0, 1.0, 0.05),
        temperature=slider("temperature", 0.2, 3.0, 1.5, 0.1, ".1f"),
        n=slider("kept at most", 1, 10, 4),
    )


def writer_table(
    model: RoFormerSim,
    text: str = SOURCE,
    top_p: float = 0.95,
    temperature: float = 1.0,
    n: int = 5,
    samples: int = 10,
) -> Table:
    """Return what `writer` shows: a row for each of some samples, always drawn from the same random numbers.

    Raises:
        ValueError: if the text is empty or too long, or a number is out of its range.
    """
    written = model.candidates(
        text,
        n,
        candidates=max(n, samples),
        top_p=top_p,
        temperature=temperature,
        generator=torch.Generator(model.device).manual_seed(0),
    )
    rows: list[list[str | Badge]] = []
    for place, each in enumerate(written):
        kept = each.dropped is None
        cosine = "—" if each.similarity is None else fixed(each.similarity)
        verdict = Badge(f"{place + 1}", Tone.GOOD) if kept else Badge(str(each.dropped), Tone.NEUTRAL)
        rows.append([each.text, fixed(each.log_probability, 1), cosine, verdict])
    caption = f"{len(rows)} samples for {text}, top-p {top_p:.2f}, temperature {temperature:.1f}"
    return Table(["text", "log probability", "similarity", "place, or why not"], rows, caption)


# ---------------------------------------------------------------- 3: neighbours


def neighbours(model: RoFormerSim, corpus: Sequence[str]) -> TextWidget:
    """Return the widget that shows a corpus's nearest texts to a text, by the model or by characters."""
    vectors = model.encode(corpus)

    def neighbours_of(text: str, by: str, k: int) -> Table:
        return neighbours_table(model, corpus, text, by, k, vectors)

    return TextWidget(
        neighbours_of,
        text=text_line("text", SOURCE, ["想吃饺子该去哪家", "北京会下雨吗"]),
        by=choice("nearest by", ["model", "characters"], "characters"),
        k=slider("neighbours", 3, 15, 6),
    )


def neighbours_table(
    model: RoFormerSim,
    corpus: Sequence[str],
    text: str = SOURCE,
    by: str = "model",
    k: int = 8,
    vectors: torch.Tensor | None = None,
) -> Table:
    """Return what `neighbours` shows: the k nearest texts, with both likenesses.

    Raises:
        ValueError: if the text is empty or too long, `by` is neither "model" nor "characters", or k is out of range.
    """
    check_choice("by", by, ("model", "characters"))
    known = model.encode(corpus) if vectors is None else vectors
    cosines = (model.encode([text]) @ known.T)[0]
    overlap = torch.from_numpy(jaccard_matrix([text], corpus)[0]).float()
    scores = cosines if by == "model" else overlap
    (order,) = nearest(torch.ones(1, 1), scores[:, None], k).indices.tolist()
    rows = [[corpus[i], fixed(cosines[i]), fixed(overlap[i])] for i in order]
    return Table(["text", "cosine", CHARACTERS], rows, f"nearest to {text} of {len(corpus)}, by {by}")


# ---------------------------------------------------------------- 4: take one plus away

#: What is taken away, and the study in which it is.
ABLATIONS: Mapping[str, str] = {
    "the target's loss": "no_generation",
    "the in-batch loss": "no_contrast",
    "noise": "no_noise",
    "mixed batches": "within",
    "general sentences and noise": "simbert",
    "rotary positions": "bert",
}
#: What is measured, by the names on the chart.
MEASURES: Mapping[str, str] = {
    "find: new\ncombination": "combination accuracy",
    "find: new\nentity": "entity accuracy",
    "find: new\nintent": "intent accuracy",
    "find:\nstatement": "statements accuracy",
    "Spearman:\nnew intent": "intent spearman",
    "write: valid\nstatement": "statements valid",
    "write: same\nstatement": "statements same",
    "write: same\nquestion": "combination same",
}


def ablation_scene() -> Scene:
    """Draw what each part is good for, from recorded runs: all of them against all but one."""
    full = _measured("cpu")
    fig, ax = figure(8.6, 3.9)
    places = np.arange(float(len(MEASURES)))
    ax.set(ylim=(0, 1.12), xlim=(-0.6, len(places) - 0.4), ylabel="share, or correlation")
    ax.set_xticks(places, list(MEASURES), fontsize=8)
    heights = [value.mean for value in full]
    ax.bar(
        places - 0.2, heights, 0.38, color=COLORS.sky, label="all parts", yerr=[value.error for value in full]
    )
    chars = baselines()
    known_chars = [
        (place, chars[m]) for place, m in zip(places, MEASURES.values(), strict=True) if m in chars
    ]
    at, height = np.array(known_chars).T
    ax.hlines(height, at - 0.4, at + 0.4, color=COLORS.ink, lw=2, label=CHARACTERS)
    bars = list(ax.bar(places + 0.2, heights, 0.38, color=COLORS.vermillion))
    spans = ax.plot([], [], color=COLORS.ink, lw=1.5)[0]
    labels = Labels(ax, [(float(x), 0.0) for x in places], size=7.5)
    ax.legend(ncols=2, frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1))
    # Not in the legend, which would be laid out anew for each name.
    name = ax.text(1, 1.05, "", fontsize=9, color=COLORS.vermillion, ha="right", transform=ax.transAxes)

    def update(away: str, values: bool) -> str:
        name.set_text(f"■ without {away}")
        less = _measured(ABLATIONS[away])
        for bar, value in zip(bars, less, strict=True):
            bar.set_height(value.mean)
        ends = [
            (x + 0.2, y)
            for x, value in zip(places, less, strict=True)
            for y in (value.mean - value.error, value.mean + value.error, np.nan)
        ]
        spans.set_data(*np.array(ends).T)
        texts = [f"{value.mean:.2f}" if values else "" for value in less]
        tops = [
            max(value.mean + value.error, chars.get(metric, 0.0)) + 0.03
            for value, metric in zip(less, MEASURES.values(), strict=True)
        ]
        labels.write(texts, [(x + 0.2, y) for x, y in zip(places, tops, strict=True)])
        parts = ", ".join(
            f"{measure.replace(chr(10), ' ')} {a.mean:.2f} → {b.mean:.2f}"
            for measure, a, b in zip(MEASURES, full, less, strict=True)
            if abs(a.mean - b.mean) >= 0.05
        )
        return f"Without {away}: {parts or 'nothing changes by 0.05 or more'}."

    return Scene(fig, [*bars, spans, labels, name], update)


ablation = Widget(
    ablation_scene,
    away=choice("without", list(ABLATIONS), "the in-batch loss"),
    values=toggle("numbers", True),
)


def _measured(study: str) -> list[Spread]:
    runs = load_runs(ROOM).where(study=study)
    return [runs[metric] for metric in MEASURES.values()]
