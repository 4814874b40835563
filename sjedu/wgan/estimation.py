"""How well do critics estimate a Wasserstein distance, when nothing else is asked of them?

Two fixed samples, several critics side by side on the same batches, and three things to hold them against: the
exact distance of the samples, the population's distance where it is known (a shifted Gaussian), and a critic that
never learnt anything (f = 0, under the c-transform). `estimate` is the whole loop.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from annotated_types import MinLen
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from sjedu.checks import NonNegativeFloat, PositiveFloat, PositiveInt, check_choice, check_fields
from sjedu.data import load_images
from sjedu.records import Record
from sjedu.training import Run, Seed, batch_indices
from sjedu.wgan.constraints import (
    STRENGTHS,
    Constraint,
    WeightClipping,
    make_constraint,
    share_at_bound,
    split_strength,
)
from sjedu.wgan.critic import mlp_critic
from sjedu.wgan.losses import Loss, make_loss
from sjedu.wgan.transport import c_transform, pairwise_distances, soft_c_transform, wasserstein_1

Pair: TypeAlias = Literal["ring", "digits_halves", "digits_groups", "digits_noise", "shift"]

#: What a critic's name in `StaticConfig.critics` means: its objective, and what keeps it Lipschitz.
KINDS: dict[str, tuple[str, str]] = {
    "clip": ("wasserstein", "clip"),
    "spectral": ("wasserstein", "spectral"),
    "gp": ("wasserstein", "gp"),
    "lp": ("wasserstein", "lp"),
    "zero_gp": ("wasserstein", "zero_gp"),
    "c_transform": ("c_transform", "none"),
    "soft_c_transform": ("soft_c_transform", "none"),
}
REACH, SIDE = 3.0, 41  # of the square on which landscapes are recorded, and its grid points a side


@dataclass(frozen=True)
class StaticConfig:
    """All numbers of one estimation.

    Attributes:
        study: the preset, or the question that it helps to answer.
        pair: of samples. "ring": eight Gaussians on a circle of radius 2 and N(0, I) in the plane;
            "digits_halves": two halves of the digits; "digits_groups": 0 to 4 and 5 to 9; "digits_noise":
            digits, and noise with each pixel from another digit; "shift": N(0, I) and N(shift e1, I).
        critics: one name each, with its strength after a colon: clip:c, gp:λ, lp:λ, zero_gp:λ,
            soft_c_transform:ε; spectral and c_transform have none.
        seed: of samples, weights and batches.
        dim: of the shifted Gaussians.
        shift: their distance, not negative.
        samples: on either side.
        steps: of each critic.
        batch_size: points from either side a step.
        hidden: widths of the critics' hidden layers.
        learning_rate: of Adam; clipped critics have RMSprop and half of it, as their paper advises.
        evaluations: held-out batches of the shifted Gaussians that estimates are averaged over; the other pairs
            are evaluated once, on the whole sample.
        landscapes: after these numbers of steps the critics are drawn, and asked for the distance of the whole
            sample, on the ring only.
    """

    study: str = "static"
    pair: Pair = "digits_groups"
    critics: Annotated[tuple[str, ...], MinLen(1)] = (
        "clip:0.01",
        "spectral",
        "gp:10",
        "lp:10",
        "c_transform",
        "soft_c_transform:0.1",
    )
    seed: Seed = 0
    dim: PositiveInt = 16
    shift: NonNegativeFloat = 1.0
    samples: PositiveInt = 800
    steps: PositiveInt = 1500
    batch_size: PositiveInt = 64
    hidden: tuple[PositiveInt, ...] = (128, 128)
    learning_rate: PositiveFloat = 1e-3
    evaluations: PositiveInt = 100
    landscapes: tuple[PositiveInt, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        if self.landscapes and self.pair != "ring":
            raise ValueError(f"landscapes: got {self.landscapes} with pair {self.pair!r}; expected 'ring'")
        if self.batch_size > self.samples:
            raise ValueError(
                f"batch_size: got {self.batch_size}; expected at most {self.samples}, the number of samples"
            )
        for name in self.critics:
            parse_critic(name)

    @property
    def name(self) -> str:
        """The name of the record."""
        sizes = (f"d{self.dim}", f"shift{self.shift:g}") if self.pair == "shift" else ()
        return "-".join((self.study, self.pair, *sizes, f"seed{self.seed}"))


def parse_critic(name: str) -> tuple[str, float | None]:
    """Split "gp:10" into its kind and its strength, None where it has none.

    Raises:
        ValueError: if the kind is unknown, or its strength is missing, superfluous or not a number.
    """
    kind, strength = split_strength(name, "critics")
    check_choice("critics", kind, tuple(KINDS))
    objective, constraint = KINDS[kind]
    bare = constraint not in STRENGTHS and objective != "soft_c_transform"
    if bare != (strength is None):
        raise ValueError(f"critics: got {name!r}; expected {kind if bare else f'{kind}:strength'}")
    return kind, strength


@dataclass(frozen=True, eq=False)
class Sample:
    """Two samples, pairs to evaluate on, and what is known of the population.

    Attributes:
        x: the one side, where critics are to be high.
        y: the other side.
        evaluation: pairs of samples, one or many.
        population: the distance of the populations, if known.
        source: in a sentence, where the points come from.
    """

    x: Float[Tensor, "n dim"]
    y: Float[Tensor, "m dim"]
    evaluation: list[tuple[Tensor, Tensor]]
    population: float | None
    source: str


def draw(config: StaticConfig) -> Sample:
    """Draw the pair of samples; the same for the same config, whatever was drawn before."""
    generator = torch.Generator().manual_seed(config.seed)
    n = config.samples

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    if config.pair == "shift":
        direction = torch.zeros(config.dim)
        direction[0] = config.shift
        x, y = normal(n, config.dim) + direction, normal(n, config.dim)
        held_out = [
            (normal(config.batch_size, config.dim) + direction, normal(config.batch_size, config.dim))
            for _ in range(config.evaluations)
        ]
        source = f"N(0, I) and N({config.shift:g} e1, I) in {config.dim} dimensions, {n} points each"
        return Sample(x, y, held_out, config.shift, source)
    if config.pair == "ring":
        x, y = ring(n, generator), normal(n, 2)
        source = f"eight Gaussians on a ring and N(0, I) in the plane, {n} points each"
    else:
        x, y, source = _digits(config, generator)
    return Sample(x, y, [(x, y)], None, source)


def ring(n: int, generator: torch.Generator, radius: float = 2.0, sd: float = 0.05) -> Float[Tensor, "n 2"]:
    """Draw from eight equally likely Gaussians on a circle.

    Args:
        n: points.
        generator: of random numbers.
        radius: of the circle.
        sd: of each Gaussian.
    """
    angle = torch.randint(8, (n,), generator=generator) * (torch.pi / 4)
    centre = radius * torch.stack([angle.cos(), angle.sin()], dim=-1)
    return centre + sd * torch.randn(n, 2, generator=generator)


def _digits(config: StaticConfig, generator: torch.Generator) -> tuple[Tensor, Tensor, str]:
    images = [load_images("digits", split) for split in ("train", "test")]
    pixels = torch.cat([part.images for part in images]).flatten(1) / 255
    labels = torch.cat([part.labels for part in images])
    order = torch.randperm(len(pixels), generator=generator)
    pixels, labels = pixels[order], labels[order]
    n = config.samples
    match config.pair:
        case "digits_groups":
            x, y = pixels[labels < 5][:n], pixels[labels >= 5][:n]
        case "digits_noise":
            columns = [torch.randperm(len(pixels), generator=generator) for _ in range(pixels.shape[1])]
            x, y = pixels[:n], pixels[torch.stack(columns, dim=1), torch.arange(pixels.shape[1])][:n]
        case _:
            x, y = pixels[:n], pixels[n : 2 * n]
    if min(len(x), len(y)) < n:
        raise ValueError(f"samples: got {n}; expected at most {min(len(x), len(y))} for {config.pair!r}")
    return x, y, f"{images[0].source.split(':')[0]}, {n} digits on either side"


class Estimator:
    """A critic, how it is trained, and what it says of the distance between two samples."""

    def __init__(self, name: str, dim: int, config: StaticConfig) -> None:
        kind, strength = parse_critic(name)
        self.objective, constraint = KINDS[kind]
        transforms = self.objective != "wasserstein"
        self.epsilon = strength if transforms else None
        self.loss: Loss = make_loss(self.objective, self.epsilon)
        self.constraint: Constraint = make_constraint(constraint, None if transforms else strength)
        self.critic = self.constraint.wrap(mlp_critic(dim, config.hidden))
        parameters = self.critic.parameters()
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.RMSprop(parameters, lr=config.learning_rate / 2)
            if kind == "clip"
            else torch.optim.Adam(parameters, lr=config.learning_rate, betas=(0.5, 0.9))
        )

    def step(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return what to minimise, and the estimate of the distance in it."""
        loss = self.loss.critic(self.critic, x, y)  # minus the estimate, for all kinds here
        return loss + self.constraint.penalty(self.critic, x, y), -loss.detach()

    def after_step(self) -> None:
        """Restore what the optimiser's step broke."""
        self.constraint.after_step(self.critic)

    @torch.no_grad()
    def estimate(self, x: Tensor, y: Tensor) -> float:
        """What the critic takes the distance of two samples for; without any penalty."""
        return float(self.loss.estimate(self.critic, x, y))

    def potential(self, x: Tensor, z: Tensor) -> Float[Tensor, " points"]:
        """The function whose slope pulls generated points: the critic, or minus its transform over ``x``."""
        heights: Tensor
        if self.objective == "wasserstein":
            heights = self.critic(z)
        elif self.epsilon is None:
            heights = -c_transform(pairwise_distances(x, z), self.critic(x))
        else:
            heights = -soft_c_transform(pairwise_distances(x, z), self.critic(x), self.epsilon)
        return heights

    def directions(self, x: Tensor, y: Tensor) -> Float[Tensor, "points dim"]:
        """The slope of `potential` at the points ``y``."""
        y = y.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self.potential(x, y).sum(), y)
        return slope


def estimate(
    config: StaticConfig, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Train all critics of the config on one pair of samples, and hold their estimates against the truth.

    The record's metrics are "exact", the exact distance of the samples; "zero", the estimate of f = 0 under the
    c-transform; "population" and "oracle" where the population is known; and for each critic, and "exact plan", the
    cosine of its directions with the true ones; all as {"mean": ..., "sd": ...} over the pairs of samples evaluated on;
    "lipschitz", the largest slope met, and for clipped critics "at bound", see `share_at_bound`. "landscapes" is what
    `Landscapes.save` says. Its curves are the critics' estimates on the batches.
    """
    with Run("wgan", config, directory, resume=resume, progress=progress) as run:
        sample = draw(config)
        estimators = {name: Estimator(name, sample.x.shape[1], config) for name in config.critics}
        drawn = Landscapes()
        parts: list[Any] = [part for each in estimators.values() for part in (each.critic, each.optimizer)]
        run.prepare(drawn, *parts)

        for step in run.steps(config.steps):
            x = sample.x[batch_indices(step, len(sample.x), config.batch_size, config.seed)]
            y = sample.y[batch_indices(step, len(sample.y), config.batch_size, config.seed + 1)]
            estimates = {}
            for name, each in estimators.items():
                loss, estimates[name] = each.step(x, y)
                run.backward(loss)
                each.optimizer.step()
                each.after_step()
                each.optimizer.zero_grad()
            if step + 1 in _noted(config.steps):
                run.log(**estimates)
            if step + 1 in config.landscapes:
                drawn.draw(step + 1, list(estimators.values()), sample)

        metrics: dict[str, dict[str, Any]] = {
            **truth(sample),
            **{name: _judge(each, sample) for name, each in estimators.items()},
        }
        if drawn.tiles:
            metrics["landscapes"] = drawn.save(directory, config.name)
        files = {"landscapes": f"{config.name}.png"} if drawn.tiles else {}
        return run.finish(metrics, name=config.name, data=sample.source, files=files)


def _noted(steps: int) -> set[int]:
    """The steps whose estimates are kept: as many in each decade."""
    return {int(step) for step in np.unique(np.geomspace(1, steps, 25).round())}


def truth(sample: Sample) -> dict[str, dict[str, float]]:
    """The exact distance of the samples, the estimate without a critic, and what the population says."""
    exact, zero, oracle, cosine = [], [], [], []
    for x, y in sample.evaluation:
        transport = wasserstein_1(x, y)
        exact.append(transport.value)
        zero.append(float(pairwise_distances(x, y).min(dim=0).values.mean()))
        oracle.append(float(x[:, 0].mean() - y[:, 0].mean()))
        if sample.population is not None:
            cosine.append(_cosine(_towards(x, y), _true_directions(sample, x, y)))
    truth = {"exact": _summary(exact), "zero": _summary(zero)}
    if sample.population is not None:
        truth |= {"population": {"mean": sample.population, "sd": 0.0}, "oracle": _summary(oracle)}
        truth["exact"]["cosine"] = float(np.mean(cosine))
    return truth


def _judge(estimator: Estimator, sample: Sample) -> dict[str, float]:
    estimates = [estimator.estimate(x, y) for x, y in sample.evaluation]
    cosines = [
        _cosine(estimator.directions(x, y), _true_directions(sample, x, y)) for x, y in sample.evaluation[:20]
    ]
    x, y = sample.evaluation[0]
    mixed = torch.cat([x, y])
    slope = estimator.directions(x, mixed).norm(dim=1).max()
    judgement = _summary(estimates) | {"cosine": float(np.mean(cosines)), "lipschitz": float(slope)}
    if isinstance(estimator.constraint, WeightClipping):
        judgement["at bound"] = share_at_bound(estimator.critic, estimator.constraint.bound)
    return judgement


def _true_directions(sample: Sample, x: Tensor, y: Tensor) -> Tensor:
    """Where each y should go: as the populations say, if they are known, else as the exact plan does."""
    if sample.population is None:
        return _towards(x, y)
    direction = torch.zeros_like(y)
    direction[:, 0] = 1.0
    return direction


def _towards(x: Tensor, y: Tensor) -> Tensor:
    plan = torch.as_tensor(wasserstein_1(x, y).plan).to(y)
    return plan.T @ x / plan.sum(dim=0)[:, None] - y


def _cosine(first: Tensor, second: Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(first, second, dim=1).mean())


def _summary(values: list[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0}


# ---------------------------------------------------------------- landscapes of critics in the plane


def grid_points() -> Float[Tensor, "points 2"]:
    """The points at which landscapes are recorded, row by row from the lower left."""
    line = torch.linspace(-REACH, REACH, SIDE)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2)


@torch.no_grad()
def landscape(estimator: Estimator, x: Float[Tensor, "n 2"]) -> Float[Tensor, "side side"]:
    """The heights of a critic's potential on the grid."""
    return estimator.potential(x, grid_points()).reshape(SIDE, SIDE)


class Landscapes:
    """The landscapes of all critics after some numbers of steps; a run saves and restores them.

    Attributes:
        tiles: by number of steps, (critics, side, side).
        estimates: by number of steps, what each critic says the distance of the whole sample is.
    """

    def __init__(self) -> None:
        self.tiles: dict[int, Tensor] = {}
        self.estimates: dict[int, list[float]] = {}

    def draw(self, step: int, estimators: list[Estimator], sample: Sample) -> None:
        """Draw all critics, and ask copies of them, for spectral normalisation iterates whenever a critic is asked."""
        self.tiles[step] = torch.stack([landscape(each, sample.x) for each in estimators])
        self.estimates[step] = [copy.deepcopy(each).estimate(sample.x, sample.y) for each in estimators]

    def state_dict(self) -> dict[str, Any]:
        """What was drawn so far."""
        return {"tiles": dict(self.tiles), "estimates": dict(self.estimates)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what was drawn before the run was stopped."""
        self.tiles, self.estimates = dict(state["tiles"]), dict(state["estimates"])

    def save(self, directory: str | Path | None, name: str) -> dict[str, list[list[float]]]:
        """Write one picture, a row of tiles for each number of steps; return what it lacks, by steps and critics.

        That is "low" and "high", the lowest and the highest value of each tile, and "estimates".

        The grey of a pixel, 0 to 65535, runs from the lowest to the highest value of its tile.
        """
        stack = np.stack([tiles.double().numpy() for tiles in self.tiles.values()])
        low, high = stack.min(axis=(2, 3)), stack.max(axis=(2, 3))
        scaled = (stack - low[..., None, None]) / np.maximum(high - low, 1e-30)[..., None, None]
        sheet = (
            np.round(65535 * scaled).astype(np.uint16).transpose(0, 2, 1, 3).reshape(len(stack) * SIDE, -1)
        )
        if directory is not None:
            Image.fromarray(sheet).save(Path(directory) / f"{name}.png", optimize=True)
        return {"low": low.tolist(), "high": high.tolist(), "estimates": list(self.estimates.values())}


def load_landscapes(
    record: Record, folder: str | Path | None = None
) -> Float[np.ndarray, "times critics side side"]:
    """Read back what `Landscapes.save` wrote, into a folder; None: among the recorded files."""
    with record.file("landscapes", folder).open("rb") as file:
        sheet = np.asarray(Image.open(file), dtype=np.float64) / 65535
    low, high = (np.array(record.metrics["landscapes"][key]) for key in ("low", "high"))
    tiles = sheet.reshape(len(low), SIDE, -1, SIDE).transpose(0, 2, 1, 3)
    heights: np.ndarray = low[..., None, None] + (high - low)[..., None, None] * tiles
    return heights
