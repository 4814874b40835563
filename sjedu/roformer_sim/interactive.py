"""The four widgets of the lesson. Each answers a question that the text has just asked.

Two are pictures: ``name(...)`` with its controls, ``name_scene(...)`` as a pure function of its state, and
``name_figure(...)`` as a still picture with its sentence. Two are tables of Chinese text: ``name(...)`` with its
controls, and ``name_table(...)`` as a pure function of the state. No callback trains; models and recorded runs are
handed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sjedu.figures.old_widgets import (
    Labels,
    Scene,
    choice,
    explore,
    explore_html,
    slider,
    still,
    text_line,
    toggle,
)
from sjedu.figures.style import COLORS, figure
from sjedu.figures.tables import Badge, Table, Tone
from sjedu.records import Record, Spread
from sjedu.roformer import RoFormer, RoFormerConfig
from sjedu.roformer_sim import theory
from sjedu.roformer_sim.claims import baselines, spread
from sjedu.roformer_sim.mining import jaccard_matrix
from sjedu.roformer_sim.model import RoFormerSim, nearest

# ---------------------------------------------------------------- 1: who sees whom

LENGTH = 12
#: The places of the source that noise hides, where it is switched on and the source reaches so far.
_HIDDEN = (2, 5, 7)


def mask_viewer() -> ipywidgets.VBox:
    """Show the mask of UniLM for a border between source and target, and which derivatives it leaves."""
    return explore(
        mask_viewer_scene(),
        border=slider("tokens of the source", 1, LENGTH, 6),
        layers=slider("layers", 1, 4, 2),
        noise=toggle("hide tokens of the source"),
    )


def mask_viewer_figure() -> tuple[Figure, str]:
    """Return the still picture of `mask_viewer`, and the sentence that says what it shows."""
    return still(mask_viewer_scene(), border=7, layers=2, noise=True)


def mask_viewer_scene() -> Scene:
    """Draw the state (border, layers, noise) of `mask_viewer`."""
    fig, (left, right) = figure(8.6, 4.3, cols=2)
    allowed = _matrix(left, "the mask: row may look at column", vmax=1.0)
    derivatives = _matrix(right, "size of ∂ output (row) / ∂ input (column)", vmax=1.0)
    borders = [ax.plot([], [], color=COLORS.vermillion, lw=2)[0] for ax in (left, right)]

    def update(border: int, layers: int, noise: bool) -> str:
        mask = theory.unilm_mask(border, LENGTH - border)
        hidden = tuple(place for place in _HIDDEN if noise and place < border - 1)
        sizes = _derivatives(border, layers).copy()
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


@lru_cache(64)
def _derivatives(border: int, layers: int) -> np.ndarray:
    """Sizes of all derivatives in a small random model."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = RoFormerConfig(
            vocab_size=20,
            hidden_size=16,
            embedding_size=16,
            num_hidden_layers=layers,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=LENGTH,
            initializer_range=0.3,
        )
        model = RoFormer(config).eval()
    mask = torch.from_numpy(theory.unilm_mask(border, LENGTH - border))
    words = model.embed(torch.arange(1, LENGTH + 1)[None])
    return theory.influence(lambda x: model(words=x, mask=mask), words)


# ---------------------------------------------------------------- 2: write, and rank

#: A source to begin with.
SOURCE = "信用卡丢了怎么办"


def writer(model: RoFormerSim) -> ipywidgets.VBox:
    """Write paraphrases of a text, and show which are kept, in which order, and why others are not."""

    def update(text: str, top_p: float, temperature: float, n: int) -> str:
        return writer_table(model, text, top_p, temperature, n).to_html()

    return explore_html(
        update,
        text=text_line("text", SOURCE),
        top_p=slider("top-p", 0.05, 1.0, 0.95, 0.05),
        temperature=slider("temperature", 0.2, 3.0, 1.0, 0.1, ".1f"),
        n=slider("kept at most", 1, 10, 5),
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
    found = model.candidates(
        text,
        n,
        candidates=max(n, samples),
        top_p=top_p,
        temperature=temperature,
        generator=torch.Generator(model.device).manual_seed(0),
    )
    rows: list[list[str | Badge]] = []
    for place, each in enumerate(found):
        kept = each.dropped is None
        cosine = "—" if each.similarity is None else f"{each.similarity:.2f}"
        verdict = Badge(f"{place + 1}", Tone.GOOD) if kept else Badge(str(each.dropped), Tone.NEUTRAL)
        rows.append([each.text, f"{each.log_probability:.1f}", cosine, verdict])
    caption = f"{len(rows)} samples for {text}, top-p {top_p:.2f}, temperature {temperature:.1f}"
    return Table(["text", "log probability", "similarity", "place, or why not"], rows, caption)


# ---------------------------------------------------------------- 3: neighbours


def neighbours(model: RoFormerSim, corpus: Sequence[str]) -> ipywidgets.VBox:
    """Show the nearest texts of a corpus to a text that is typed, by the model or by characters."""
    vectors = model.encode(corpus)

    def update(text: str, by: str, k: int) -> str:
        return neighbours_table(model, corpus, text, by, k, vectors).to_html()

    return explore_html(
        update,
        text=text_line("text", SOURCE),
        by=choice("nearest by", ["model", "characters"]),
        k=slider("neighbours", 3, 15, 8),
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
    if by not in ("model", "characters"):
        raise ValueError(f"by must be 'model' or 'characters', got {by!r}")
    known = model.encode(corpus) if vectors is None else vectors
    cosines = (model.encode([text]) @ known.T)[0]
    overlap = torch.from_numpy(jaccard_matrix([text], corpus)[0]).float()
    scores = cosines if by == "model" else overlap
    (order,) = nearest(torch.ones(1, 1), scores[:, None], k).indices.tolist()
    rows = [[corpus[i], f"{float(cosines[i]):.2f}", f"{float(overlap[i]):.2f}"] for i in order]
    return Table(
        ["text", "cosine", "characters in common"], rows, f"nearest to {text} of {len(corpus)}, by {by}"
    )


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


def ablation(records: Sequence[Record]) -> ipywidgets.VBox:
    """Show what each part is good for: all of them against all but one."""
    return explore(
        ablation_scene(records),
        away=choice("without", list(_recorded(records))),
        values=toggle("numbers", True),
    )


def ablation_figure(records: Sequence[Record], away: str = "the in-batch loss") -> tuple[Figure, str]:
    """Return the still picture of `ablation`, and the sentence that says what it shows."""
    return still(ablation_scene(records), away=away, values=True)


def ablation_scene(records: Sequence[Record]) -> Scene:
    """Draw the state (away, values) of `ablation`."""
    known = _recorded(records)
    if not known:
        raise ValueError("records: got none of an ablation; expected recorded runs of 'cpu' and others")
    full = _bars_of(records, "cpu")
    fig, ax = figure(8.6, 3.9)
    places = np.arange(float(len(MEASURES)))
    ax.set(ylim=(0, 1.12), xlim=(-0.6, len(places) - 0.4), ylabel="share, or correlation")
    ax.set_xticks(places, list(MEASURES), fontsize=8)
    heights = [value.mean for value in full]
    ax.bar(places - 0.2, heights, 0.38, color=COLORS.sky, label="all parts", yerr=_errors(full))
    chars = baselines()
    known_chars = [
        (place, chars[m]) for place, m in zip(places, MEASURES.values(), strict=True) if m in chars
    ]
    at, height = np.array(known_chars).T
    ax.hlines(height, at - 0.4, at + 0.4, color=COLORS.ink, lw=2, label="characters in common")
    bars = list(ax.bar(places + 0.2, heights, 0.38, color=COLORS.vermillion, label="without the chosen part"))
    spans = ax.plot([], [], color=COLORS.ink, lw=1.5)[0]
    labels = Labels(ax, [(float(x), 0.0) for x in places], size=7.5)
    legend = ax.legend(ncols=3, frameon=False, fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    name = legend.get_texts()[-1]

    def update(away: str, values: bool) -> str:
        name.set_text(f"without {away}")
        found = _bars_of(records, known[away])
        for bar, value in zip(bars, found, strict=True):
            bar.set_height(value.mean)
        ends = [
            (x + 0.2, y)
            for x, value in zip(places, found, strict=True)
            for y in (value.mean - _error(value), value.mean + _error(value), np.nan)
        ]
        spans.set_data(*np.array(ends).T)
        texts = [f"{value.mean:.2f}" if values else "" for value in found]
        tops = [
            max(value.mean + _error(value), chars.get(metric, 0.0)) + 0.03
            for value, metric in zip(found, MEASURES.values(), strict=True)
        ]
        labels.write(texts, [(x + 0.2, y) for x, y in zip(places, tops, strict=True)])
        parts = ", ".join(
            f"{name.replace(chr(10), ' ')} {a.mean:.2f} → {b.mean:.2f}"
            for name, a, b in zip(MEASURES, full, found, strict=True)
            if abs(a.mean - b.mean) >= 0.05
        )
        return f"Without {away}: {parts or 'nothing changes by 0.05 or more'}."

    return Scene(fig, [*bars, spans, labels, name], update)


def _recorded(records: Sequence[Record]) -> dict[str, str]:
    studies = {record.config["study"] for record in records}
    return {name: study for name, study in ABLATIONS.items() if study in studies and "cpu" in studies}


def _bars_of(records: Sequence[Record], study: str) -> list[Spread]:
    return [spread(records, study, metric, seeds=1) for metric in MEASURES.values()]


def _error(value: Spread) -> float:
    return value.error if len(value.values) > 1 else 0.0


def _errors(values: Sequence[Spread]) -> list[float]:
    return [_error(value) for value in values]
