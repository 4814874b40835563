"""Exact transport between two batches, ours beside the peers': time and error, in one run.

Each contestant gets the points of both batches, float64 in 64 dimensions, and returns their Wasserstein distance; with
gradients it also returns what the distance changes by when the points move. The reference is the linear program where
that is small, and the value of an optimal dual pair elsewhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ot
import scipy.stats
import torch
import tyro
from harness import RESULTS, Times, provenance, write
from scipy.spatial.distance import cdist
from torch import Tensor

from sjedu.wgan import potentials, theory, transport_loss, wasserstein_1

OURS = "sjedu"
PACKAGES = ("numpy", "scipy", "torch", "POT", "geomloss")

Problem = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass
class Settings:
    """What to measure."""

    sizes: tuple[int, ...] = (64, 256, 1000)
    """Points of each batch."""
    dim: int = 64
    """Coordinates of a point."""
    weights: tuple[str, ...] = ("equal", "random")
    """Of the points."""
    rounds: int = 11
    """How often each contestant is measured."""
    seconds: float = 0.02
    """How long each measurement takes, at least."""
    quick: bool = False
    """Try everything on a few points, without a claim to precision."""
    output: Path | None = None
    """Where to write the JSON; by default results/wgan.json beside this file, and with --quick nowhere."""


@dataclass(frozen=True)
class Contestant:
    """A way to the distance, and the largest batch that it is asked for.

    With gradients it returns the value and what the points of either side change it by.
    """

    name: str
    solve: Callable[..., Any]
    gradients: bool = False
    most: int = 10_000


@dataclass
class Row:
    """What was measured of one contestant on one problem."""

    name: str
    points: int
    weights: str
    gradients: bool
    error: float
    milliseconds: float
    fastest_milliseconds: float
    ratio_to_ours: float


# ---------------------------------------------------------------- the contestants


def contestants() -> list[Contestant]:
    """Return ours, and those of the peers that are installed."""
    return [
        Contestant(OURS, lambda x, y, a, b: wasserstein_1(x, y, a, b).value),
        Contestant("POT, ot.dist", lambda x, y, a, b: ot.emd2(a, b, ot.dist(x, y, "euclidean"))),
        Contestant("POT, scipy's cdist", lambda x, y, a, b: ot.emd2(a, b, cdist(x, y))),
        Contestant("POT, Sinkhorn 0.05", sinkhorn, most=64),
        Contestant("scipy, linear program", nd_distance, most=64),
        *geomloss(),
        Contestant(OURS, ours_with_gradients, gradients=True),
        Contestant("POT, torch", pot_with_gradients, gradients=True),
    ]


def sinkhorn(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge, which its error shows
        return float(ot.sinkhorn2(a, b, cdist(x, y), 0.05, method="sinkhorn_log", numItermax=1000))


def nd_distance(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    return float(scipy.stats.wasserstein_distance_nd(x, y, a, b))


def geomloss() -> list[Contestant]:
    """Return geomloss, set as its users found that it comes near the distance."""
    try:
        from geomloss import SamplesLoss
    except ImportError:
        return []
    loss = SamplesLoss("sinkhorn", p=1, blur=1e-3, scaling=0.999, debias=False, backend="tensorized")

    def solve(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
        return float(loss(*map(torch.from_numpy, (a, x, b, y))))

    return [Contestant("geomloss", solve, most=64)]


def ours_with_gradients(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
    value = transport_loss(x, y, a, b)
    return (value, *torch.autograd.grad(value, (x, y)))


def pot_with_gradients(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
    value = ot.emd2(a, b, torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist"))
    return (value, *torch.autograd.grad(value, (x, y)))


# ---------------------------------------------------------------- measuring


def problem(n: int, dim: int, weights: str) -> Problem:
    """Return two batches and their weights."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, dim)), rng.normal(size=(n, dim)) + 0.2
    a, b = rng.dirichlet(np.ones(n), size=2) if weights == "random" else np.full((2, n), 1 / n)
    return x, y, a, b


def reference(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Return the distance by other means than any contestant's: a linear program, or a dual pair for many points."""
    if len(x) <= 64:
        return theory.primal(cdist(x, y), a, b).value
    f, g = potentials(cdist(x, y), a, b)
    return float(a @ f + b @ g)


def measure(settings: Settings, n: int, weights: str, gradients: bool) -> list[Row]:
    """Return one row for each contestant."""
    given: tuple[Any, ...] = problem(n, settings.dim, weights)
    exact = reference(*given)
    if gradients:
        given = tuple(map(torch.from_numpy, given))
        for points in given[:2]:
            points.requires_grad_()
    entries = [c for c in contestants() if c.gradients == gradients and n <= c.most]
    values = [c.solve(*given) for c in entries]
    times = Times([lambda c=c: c.solve(*given) for c in entries], settings.rounds, settings.seconds)
    return [
        Row(
            name=c.name,
            points=n,
            weights=weights,
            gradients=gradients,
            error=abs((value[0].item() if gradients else value) - exact),
            milliseconds=times.milliseconds(i),
            fastest_milliseconds=times.fastest(i),
            ratio_to_ours=times.ratio(i, to=0),
        )
        for i, (c, value) in enumerate(zip(entries, values, strict=True))
    ]


# ---------------------------------------------------------------- reporting


def table(rows: Sequence[Row]) -> str:
    """Return one setting's rows as text."""
    first = rows[0]
    lines = [
        f"{first.points} points a batch, {first.weights} weights{', with gradients' if first.gradients else ''}",
        f"{'':24}{'ms':>10}{'x ours':>10}{'error':>12}",
    ]
    lines += [
        f"{row.name:24}{row.milliseconds:10.3f}{row.ratio_to_ours:10.2f}{row.error:12.1e}" for row in rows
    ]
    return "\n".join(lines)


def main(settings: Settings) -> None:
    """Measure, print a table for each setting, and write everything to a JSON file."""
    output = settings.output
    if settings.quick:
        settings.sizes, settings.rounds, settings.seconds = (8,), 1, 1e-3
    elif output is None:
        output = RESULTS / "wgan.json"
    rows = []
    for n in settings.sizes:
        for weights in settings.weights:
            for gradients in (False, True):
                rows.append(measure(settings, n, weights, gradients))
                print(table(rows[-1]), end="\n\n", flush=True)
    if output is not None:
        measured = [asdict(row) for group in rows for row in group]
        write(output, provenance(PACKAGES, asdict(settings)), measured)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
