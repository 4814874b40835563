"""What stands beside a small model's weights: what it is, where it comes from, and how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sjedu.training import Record

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
    mined = record.config["objective"] == "mined"
    found = record.metrics[measured]
    rows = "\n".join(
        f"| {name} | {value:.3f} | {found['interval'][name][0]:.3f} to {found['interval'][name][1]:.3f} |"
        for name, value in found["spearman"].items()
    )
    numbers = ", ".join(f"{name} {value}" for name, value in record.config.items())
    written = ", ".join(f"{name} {value}" for name, value in found.get("generation", {}).items())
    content = f"""\
# A small Chinese RoFormer-Sim: {record.name}

This model {_WHAT["mined" if mined else measured]}. It is made for a lesson, to show mechanisms within minutes on a CPU.
It knows a toy grammar and nothing else.

- **Data**: {"pairs of the embedded corpus, mined by overlap" if mined else record.data}.
- **Terms**: Apache-2.0, as the package.
- **Run**: `python -m sjedu train supervised_similarity --preset {record.config["study"]}`; {record.provenance()}.
- **Config**: {numbers}.
- **Form**: float16, named as in Transformers; `sjedu.roformer_sim.RoFormerSim.from_pretrained` loads it.

| rank correlation of cosine and label, held-out pairs | Spearman | 95 % interval |
|---|---|---|
{rows}

Writing, as shares of samples for held-out meanings: {written or "not measured"}.
"""
    path = Path(folder) / "README.md"
    path.write_text(content, encoding="utf-8")
    return path
