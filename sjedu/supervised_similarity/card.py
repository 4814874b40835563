"""What stands beside a small model's weights: what it is, where it comes from, and how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sjedu.figures.tables import Table
from sjedu.records import Record
from sjedu.roformer.card import listed, save_card

_WHAT = {
    "mined": "makes sentence vectors and writes paraphrases; it has learnt from mined pairs and seen no label",
    "after": "makes sentence vectors; labels have taught it, and it has forgotten how to write",
    "student": "makes sentence vectors and writes paraphrases; it was distilled from a model that labels had taught",
}


def write_card(folder: str | Path, record: Record, measured: Literal["after", "student"] = "after") -> Path:
    """Write ``README.md`` beside a model's weights, from the record of its run.

    Args:
        folder: of the weights.
        record: of the run.
        measured: under which name the record holds this model's figures.
    """
    metrics = record.metrics[measured]
    what = _WHAT["mined" if record.config["objective"] == "mined" else measured]
    rows = [
        (name, f"{value:.3f}", "{:.3f} to {:.3f}".format(*metrics["interval"][name]))
        for name, value in metrics["spearman"].items()
    ]
    header = ("rank correlation of cosine and label, held-out pairs", "Spearman", "95 % interval")
    return save_card(
        folder,
        record,
        f"A small Chinese RoFormer-Sim: {record.name}",
        f"""\
This model {what}. It is made for a lesson, to show mechanisms within minutes on a CPU.
It knows a toy grammar and nothing else.""",
        Table(header, rows).to_markdown(),
        "Writing, as shares of samples for held-out meanings:"
        f" {listed(metrics.get('generation', {})) or 'not measured'}.",
        form="float16, named as in Transformers; `sjedu.roformer_sim.RoFormerSim.from_pretrained` loads it",
    )
