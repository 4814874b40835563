"""The card of a model: what it is, what it learnt from, on what terms, and how well it guesses.

`facts`, `table` and `write_sections` are what the cards of all lessons' small models are made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sjedu.records import Record

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
    terms = "".join(
        text for name, text in (("tatoeba", _TATOEBA), ("paws_x", _PAWS_X)) if name in config["corpora"]
    )
    preset = config["study"] if config["objective"] == "mlm" else f"{config['study']}_causal"
    return write_sections(
        folder,
        f"# A small Chinese RoFormer: {config['objective']}",
        f"""\
This model {_WHAT[config["objective"]]}. It is made for the lessons of this course, to show mechanisms within minutes
on a CPU. It has seen little but a toy grammar and short sentences, and is of no use for anything else.""",
        facts(record, preset),
        terms,
        table(("measured on text that it was not trained on", ""), record.metrics),
        """\
"verdict" is the area under the ROC curve of a review's label, read off a gap in a verdict (see
`sjedu.roformer.experiment.verdict_auc`): 0.5 is chance.""",
    )


def facts(record: Record, preset: str, **changed: str) -> str:
    """Return the list of what is to be said of every small model: data, terms, run, config and form.

    Args:
        record: of the run that made it.
        preset: that the run was started with.
        changed: what is to be said otherwise than here, by the name of the fact in small letters.
    """
    known = {
        "data": record.data,
        "terms": "Apache-2.0, as the package",
        "run": f"`python -m sjedu train {record.lesson} --preset {preset}`;\n"
        f"  {record.provenance()}, {record.seconds / 60:.0f} minutes",
        "config": listed({name: value for name, value in record.config.items() if value is not None}),
        "form": "float16, named as in Transformers: `RoFormerForMaskedLM.from_pretrained` loads it as well",
    }
    return "\n".join(f"- **{name.capitalize()}**: {text}." for name, text in (known | changed).items())


def listed(values: Mapping[str, Any]) -> str:
    """Return names and values in one row."""
    return ", ".join(f"{name} {value}" for name, value in values.items())


def table(header: tuple[str, ...], rows: Mapping[str, Any]) -> str:
    """Return a table of values by name; a row with several has them in a tuple."""
    lines = [header, *((name, *(v if isinstance(v, tuple) else (v,))) for name, v in rows.items())]
    first, *rest = ("".join(f"| {cell}".rstrip() + " " for cell in cells) + "|" for cells in lines)
    return "\n".join([first, "|---" * len(header) + "|", *rest])


def write_sections(folder: str | Path, *sections: str) -> Path:
    """Write a card's sections into ``README.md``, those that are not empty."""
    path = Path(folder) / "README.md"
    path.write_text("\n\n".join(s.rstrip("\n") for s in sections if s) + "\n", encoding="utf-8")
    return path
