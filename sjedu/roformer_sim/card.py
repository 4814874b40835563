"""The card of a model: what it is, what it learnt from, on what terms, and how well it does."""

from __future__ import annotations

from pathlib import Path

from sjedu.records import Record
from sjedu.roformer.card import measured, save_card


def write_card(folder: str | Path, record: Record) -> Path:
    """Write ``README.md`` beside a model's weights, from the record of its run."""
    return save_card(
        folder,
        record,
        f"A small RoFormer-Sim: {record.config['study']}",
        """\
This model makes vectors of Chinese sentences and writes paraphrases of them. It is made for the lessons of this course,
to show mechanisms within seconds on a CPU. It knows the paraphrases of a toy grammar, and is of no use for anything
else.""",
        """\
Where "mlm" is named as the start: that model learnt, among others, from sentences of [Tatoeba](https://tatoeba.org), by
its contributors, under CC BY 2.0 FR, and from the Chinese part of PAWS-X (arXiv 1908.11828), which Google gives free
for any purpose. See its card in `sjedu/roformer/small/mlm`.""",
        measured("meanings that it was not trained on", record.metrics),
        "The names are explained in `sjedu.roformer_sim.experiment.evaluate`.",
        data=f"{record.data}; weights before that: {record.config['start']}",
    )
