"""What was measured, for the notebook's tables and for `claims`: games by name, critics at rest, untrained rivals.

Every question goes to ``load_runs("wgan")``. Metrics that a record does not hold as such are functions of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
import torch

from sjedu.figures.tables import Table
from sjedu.records import Record, Runs, load_runs
from sjedu.wgan import batch_distance, theory
from sjedu.wgan.constraints import STRENGTHS
from sjedu.wgan.estimation import ring
from sjedu.wgan.quality import PictureJudge, RingJudge

ROOM = "wgan"
#: What a judge says of rivals, by their names.
Rivals: TypeAlias = Mapping[str, Mapping[str, float | int]]
#: The fields of a config that tell games apart.
GAME = ("loss", "constraint", "strength")
#: Pairs of samples of digits on which critics were trained, and (dimensions, distance) of the shifted Gaussians.
DIGITS = ("digits_halves", "digits_groups", "digits_noise")
SHIFTS: tuple[tuple[int, float], ...] = ((16, 1.0), (64, 1.0), (64, 4.0))
#: The critics at rest by the names in the records, with their labels; "zero" was never trained.
CRITICS = {
    "zero": "f = 0",
    "clip:0.01": "clip 0.01",
    "spectral": "spectral",
    "gp:10": "GP 10",
    "lp:10": "LP 10",
    "c_transform": "c-transform",
    "soft_c_transform:0.1": "(c, ε) 0.1",
}
#: Batch sizes for which the best θ is sought, and how many draws each gets.
DRAWS: dict[int, int] = {1: 8000, 4: 2000, 16: 400, 64: 60, 256: 12}
DIMENSIONS = (2, 10, 50)

# ---------------------------------------------------------------- games


def game(loss: str, constraint: str, strength: float | int) -> str:
    """Return what a generator was trained with: "wasserstein + gp 10", "transport"."""
    if constraint == "none":
        return loss
    return f"{loss} + {constraint}" + (f" {strength:g}" if constraint in STRENGTHS else "")


def games(study: str) -> dict[str, Runs]:
    """The runs of a study by the name of their game, sorted."""
    groups = load_runs(ROOM).where(study=study).by(*GAME)
    return dict(sorted((game(*key), runs) for key, runs in groups.items()))


def correlation_since(step: int) -> Callable[[Record], float]:
    """The correlation of a critic's estimates with the exact distances of the batches, from one step on."""

    def correlation(run: Record) -> float:
        steps, estimates = run.curve("estimate")
        later = np.array(steps) >= step
        exact = np.array(run.curve("batch")[1])
        return float(np.corrcoef(np.array(estimates)[later], exact[later])[0, 1])

    return correlation


@cache
def untrained_digits() -> Rivals:
    """What the judge of digits says of the mean digit, of cluster centres, and of real digits."""
    train, rng = batch_distance.digits("train"), np.random.default_rng(0)
    rivals = {
        "the mean digit, repeated": np.tile(train.mean(axis=0), (500, 1)),
        "64 k-means centres, repeated": batch_distance.centroids(64)[rng.integers(64, size=500)],
        "real digits (of the training)": train[rng.choice(len(train), 500, replace=False)],
    }
    judge = PictureJudge("digits")
    return {name: judge.metrics(torch.from_numpy(points).float()) for name, points in rivals.items()}


def untrained_points(count: int = 2000) -> Rivals:
    """What the judge of the ring says of the data's mean, of a Gaussian with the data's variance, and of the data."""
    generator = torch.Generator().manual_seed(0)
    data = ring(count, generator)
    rivals = {
        "the mean, repeated": data.mean(dim=0).expand(count, 2),
        "N(0, 2 I)": 2**0.5 * torch.randn(count, 2, generator=generator),
        "the data": data,
    }
    return {name: RingJudge().metrics(points) for name, points in rivals.items()}


def untrained_pictures(dataset: str) -> Rivals:
    """The recorded batch distance of larger pictures: of their mean, of cluster centres, and of other real ones."""
    run = load_runs(ROOM).where(study="tournament", dataset=dataset).one()
    names = {"mean": "the mean picture, repeated", "centroids": "64 k-means centres", "real": "real pictures"}
    return {label: {"batch W1": run["64", name]} for name, label in names.items()}


def games_table(
    study: str,
    metrics: Sequence[str] | Mapping[str, Callable[[Record], float]],
    rivals: Rivals | None = None,
    digits: int = 2,
) -> Table:
    """Return the games of a study below their rivals that need no training."""
    runs = load_runs(ROOM)
    return runs.table(
        GAME,
        metrics,
        study=study,
        order=sorted(runs.where(study=study).by(*GAME), key=lambda key: game(*key)),
        label=game,
        heading="game",
        baselines=_chosen(rivals or {}, tuple(metrics)),
        digits=digits,
    )


def batch_size_table() -> Table:
    """Return exact transport on digits by the size of its batches."""
    metrics = ["frechet", "recall", "mid-grey"]
    runs = load_runs(ROOM).where(study={"batch16", "digits", "batch256"}, loss="transport")
    return runs.table(
        "batch_size", metrics, heading="size", baselines=_chosen(untrained_digits(), metrics), digits=2
    )


def _chosen(rivals: Rivals, metrics: Sequence[str]) -> Rivals:
    return {name: {metric: of[metric] for metric in metrics if metric in of} for name, of in rivals.items()}


# ---------------------------------------------------------------- critics at rest


def static(pair: str, **fields: float | int) -> Runs:
    """The estimations of one pair of samples."""
    return load_runs(ROOM).where(study="static", pair=pair, **fields)


def share(critic: str, of: str = "exact") -> Callable[[Record], float]:
    """What a critic says of the distance, over the exact distance of the sample or "population"."""
    return lambda run: run[critic, "mean"] / run[of, "mean"]


def cosine(critic: str) -> Callable[[Record], float]:
    """The cosine of a critic's directions with the true ones."""
    return lambda run: run[critic, "cosine"]


def static_table() -> Table:
    """Return estimate over exact distance, for each pair of samples; f = 0 was never trained."""
    runs = load_runs(ROOM).where(study="static", pair={"ring", *DIGITS})
    columns = {label: share(name) for name, label in CRITICS.items()}
    return runs.table("pair", columns, order=("ring", *DIGITS))


def cosine_table() -> Table:
    """Return the cosines of the critics' directions with those of the exact plan; f = 0 has none recorded."""
    runs = load_runs(ROOM).where(study="static", pair=set(DIGITS))
    columns = {label: cosine(name) for name, label in CRITICS.items() if name != "zero"}
    return runs.table("pair", columns, order=DIGITS, digits=2)


@cache
def theta_stars(seed: int = 0, fraction: float = 1.0) -> dict[tuple[int, int], float]:
    """The best θ for some (n, d), on a grid of 0.05; a fraction of the draws makes it quicker, and less sure."""
    return {
        (n, d): theory.theta_star(n, d, max(2, round(fraction * draws)), seed)
        for d in DIMENSIONS
        for n, draws in DRAWS.items()
    }
