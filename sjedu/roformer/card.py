"""The card of a model: what it is, what it learnt from, on what terms, and how well it guesses."""

from __future__ import annotations

from pathlib import Path

from sjedu.training import Record

_WHAT = {
    "mlm": "guesses hidden characters (masked language model)",
    "causal": "guesses each next character (causal language model)",
}

_TATOEBA = """\
It learnt, among others, from sentences of [Tatoeba](https://tatoeba.org), by its contributors, under CC BY 2.0 FR, in
the selection of [manythings.org](https://www.manythings.org/anki). The authors of each sentence are named there.
"""
_PAWS_X = """\
It learnt, among others, from the Chinese part of PAWS-X (Yang et al. 2019, arXiv 1908.11828), which Google gives free
for any purpose.
"""


def write_card(folder: str | Path, record: Record) -> Path:
    """Write ``README.md`` beside a model's weights, from the record of its run."""
    config = record.config
    rows = "\n".join(f"| {name} | {value} |" for name, value in record.metrics.items())
    numbers = ", ".join(f"{name} {value}" for name, value in config.items() if value is not None)
    terms = "".join(
        text for name, text in (("tatoeba", _TATOEBA), ("paws_x", _PAWS_X)) if name in config["corpora"]
    )
    preset = config["study"] if config["objective"] == "mlm" else f"{config['study']}_causal"
    content = f"""\
# A small Chinese RoFormer: {config["objective"]}

This model {_WHAT[config["objective"]]}. It is made for the lessons of this course, to show mechanisms within minutes
on a CPU. It has seen little but a toy grammar and short sentences, and is of no use for anything else.

- **Data**: {record.data}.
- **Terms**: Apache-2.0, as the package.
- **Run**: `python -m sjedu train roformer --preset {preset}`;
  {record.provenance()}, {record.seconds / 60:.0f} minutes.
- **Config**: {numbers}.
- **Form**: float16, named as in Transformers: `RoFormerForMaskedLM.from_pretrained` loads it as well.

{terms}
| measured on text that it was not trained on | |
|---|---|
{rows}

"verdict" is the area under the ROC curve of a review's label, read off a gap in a verdict (see
`sjedu.roformer.experiment.verdict_auc`): 0.5 is chance.
"""
    path = Path(folder) / "README.md"
    path.write_text(content, encoding="utf-8")
    return path
