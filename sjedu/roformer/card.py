"""The card of a small model: what it is, what it learnt from, on what terms, and how well it guesses.

`save_card` writes those of all lessons, in the form that the Hugging Face hub reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sjedu.figures.tables import Table
from sjedu.records import Record

_WHAT = {
    "mlm": "guesses hidden characters (masked language model)",
    "causal": "guesses each next character (causal language model)",
}
_TERMS = {
    "tatoeba": """\
It learnt, among others, from sentences of [Tatoeba](https://tatoeba.org), by its contributors, under CC BY 2.0 FR, in
the selection of [manythings.org](https://www.manythings.org/anki). The authors of each sentence are named there.""",
    "paws_x": """\
It learnt, among others, from the Chinese part of PAWS-X (Yang et al. 2019, arXiv 1908.11828), which Google gives free
for any purpose.""",
}


def write_card(folder: str | Path, record: Record) -> Path:
    """Write ``README.md`` beside a model's weights, from the record of its run."""
    config = record.config
    return save_card(
        folder,
        record,
        f"A small Chinese RoFormer: {config['objective']}",
        f"""\
This model {_WHAT[config["objective"]]}. It is made for the lessons of this course, to show mechanisms within minutes
on a CPU. It has seen little but a toy grammar and short sentences, and is of no use for anything else.""",
        "\n".join(text for name, text in _TERMS.items() if name in config["corpora"]),
        measured("text that it was not trained on", record.metrics),
        """\
"verdict" is the area under the ROC curve of a review's label, read off a gap in a verdict (see
`sjedu.roformer.experiment.verdict_auc`): 0.5 is chance.""",
        preset=config["study"] if config["objective"] == "mlm" else f"{config['study']}_causal",
    )


def save_card(
    folder: str | Path, record: Record, title: str, *sections: str, preset: str = "", **facts: str
) -> Path:
    """Write ``README.md`` beside a model's weights: a model card, with terms and language for the hub.

    Args:
        folder: of the weights.
        record: of the run that made them.
        title: of the card.
        sections: what the model is, and what follows the list of facts; empty ones are left out.
        preset: that the run was started with, if it is not its study.
        facts: what is to be said otherwise than here, by the name of the fact in small letters.
    """
    from huggingface_hub import ModelCard, ModelCardData

    facts = {
        "data": record.data,
        "terms": "Apache-2.0, as the package",
        "run": f"`python -m sjedu train {record.lesson} --preset {preset or record.config['study']}`;\n"
        f"  {record.provenance()}, {record.seconds / 60:.0f} minutes",
        "config": listed({name: value for name, value in record.config.items() if value is not None}),
        "form": "float16, named as in Transformers: `RoFormerForMaskedLM.from_pretrained` loads it as well",
    } | facts
    rows = "\n".join(f"- **{name.capitalize()}**: {text}." for name, text in facts.items())
    what, *rest = sections
    head = ModelCardData(language="zh", license="apache-2.0", library_name="transformers").to_yaml()
    text = "\n\n".join(section for section in (f"# {title}", what, rows, *rest) if section)
    path = Path(folder) / "README.md"
    ModelCard(f"---\n{head}\n---\n\n{text}\n").save(path)
    return path


def listed(values: Mapping[str, Any]) -> str:
    """Return names and values in one row."""
    return ", ".join(f"{name} {value}" for name, value in values.items())


def measured(on: str, metrics: Mapping[str, Any]) -> str:
    """Return the record's metrics as a table."""
    return Table(
        (f"measured on {on}", ""), [(name, str(value)) for name, value in metrics.items()]
    ).to_markdown()
