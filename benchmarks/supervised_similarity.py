"""Our losses on labelled pairs beside sentence-transformers', in one run: time, and difference of the gradients.

Both take the same embeddings, forward and backward. Encoding is measured by `benchmarks/roformer_sim.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import peers
import torch
import torch.nn.functional as F
import tyro
from harness import RESULTS, Times, keep_freed_memory, provenance, write
from torch import Tensor, nn

from sjedu.supervised_similarity import PairHead, cosent_loss, cosine_loss

OURS, THEIRS = "sjedu", "sentence-transformers"
PACKAGES = ("torch", "sentence-transformers")
Call = Callable[[], Any]


@dataclass
class Settings:
    """What to measure."""

    pairs: tuple[int, ...] = (64, 512, 4096)
    """Pairs a loss is taken of."""
    dim: int = 128
    """Of their embeddings."""
    rounds: int = 15
    """How often each contestant is measured."""
    seconds: float = 0.02
    """How long each measurement takes, at least."""
    quick: bool = False
    """Try everything on a few pairs, without a claim to precision."""
    output: Path | None = None
    """Where to write the JSON; by default results/supervised_similarity.json beside this file, with --quick nowhere."""


@dataclass
class Row:
    """What was measured of one contestant."""

    part: str
    name: str
    size: int
    milliseconds: float
    ratio_to_ours: float
    error: float


class Given(nn.Module):
    """A sentence-transformers model that has its embeddings already."""

    device = torch.device("cpu")

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Hand the embeddings on."""
        return {"sentence_embedding": features["vectors"]}

    def __getitem__(self, index: int) -> Given:
        return self


def losses(pairs: int, dim: int) -> dict[str, tuple[Call, Call, float]]:
    """Return of each loss our step, theirs, and the largest difference of the gradients."""
    with peers.without_torchvision(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import losses as theirs
    generator = torch.Generator().manual_seed(0)
    u, v = (torch.randn(pairs, dim, generator=generator).requires_grad_() for _ in range(2))
    alike = torch.randint(0, 2, (pairs,), generator=generator)
    grades = torch.randint(0, 6, (pairs,), generator=generator)
    features = [{"vectors": u}, {"vectors": v}]
    softmax = theirs.SoftmaxLoss(Given(), embedding_dimension=dim, num_labels=2)
    head = PairHead(dim)
    head.linear.load_state_dict(softmax.classifier.state_dict())
    cosent, squared = theirs.CoSENTLoss(Given()), theirs.CosineSimilarityLoss(Given())
    both: dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor]]] = {
        "CoSENT": (
            lambda: cosent_loss(F.cosine_similarity(u, v), grades),
            lambda: cosent(features, grades.float()),
        ),
        "squared": (
            lambda: cosine_loss(F.cosine_similarity(u, v), alike, "squared"),
            lambda: squared(features, alike.float()),
        ),
        "head": (lambda: F.cross_entropy(head(u, v), alike), lambda: softmax(features, alike)),
    }

    def step(loss: Callable[[], Tensor]) -> Call:
        return lambda: torch.autograd.grad(loss(), (u, v))

    found = {}
    for name, (ours, other) in both.items():
        steps = step(ours), step(other)
        error = max((a - b).abs().max().item() for a, b in zip(steps[0](), steps[1](), strict=True))
        found[name] = (*steps, error)
    return found


def measure(settings: Settings) -> list[Row]:
    """Return two rows for each loss and size."""
    rows = []
    for pairs in settings.pairs:
        for part, (ours, theirs, error) in losses(pairs, settings.dim).items():
            times = Times([ours, theirs], settings.rounds, settings.seconds)
            rows += [
                Row(part, name, pairs, times.milliseconds(i), times.ratio(i, to=0), error)
                for i, name in enumerate((OURS, THEIRS))
            ]
    return rows


def show(rows: list[Row]) -> None:
    """Print the table of the results."""
    print(f"{'part':9s} {'size':>6s} {'contestant':22s} {'ms':>9s} {'x ours':>7s}  difference")
    for row in rows:
        print(
            f"{row.part:9s} {row.size:6d} {row.name:22s} {row.milliseconds:9.3f} {row.ratio_to_ours:7.2f}"
            f"  {row.error:.1e}"
        )


def main(settings: Settings) -> None:
    """Measure, print, write."""
    torch.set_num_threads(1)
    keep_freed_memory()
    if settings.quick:
        settings.pairs, settings.rounds, settings.seconds = (16,), 2, 0.001
    rows = measure(settings)
    show(rows)
    output = settings.output or (None if settings.quick else RESULTS / "supervised_similarity.json")
    if output is not None:
        write(output, provenance(PACKAGES, asdict(settings)), [asdict(row) for row in rows])


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
