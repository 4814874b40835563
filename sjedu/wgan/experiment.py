"""The experiment: generators against critics, with every constraint and every loss, and the batch distance beside.

`PRESETS` holds the numbers, `play` the whole loop of a game; `estimation.estimate` is that of "static" and
"landscapes", `tournament.compete` that of "tournament", and `train` knows which belongs to a config::

    cpu             digits, gradient penalty, in about half a minute
    digits          the same for twice as long: the study of the claims C2, C3 and C6
    ring            eight Gaussians in the plane and few critic steps: which constraint helps which loss (C8, C9)
    ring5           the same with five critic steps for each step of the generator
    static          no generator: critics that estimate the distance of two fixed samples (C1, C7, C11)
    landscapes      the same on the ring, with the critics drawn: what the critic explorer shows
    tournament      no critic either: batches of MNIST held against real pictures, the mean and centres (C4)
    mnist           "digits" with pictures of 28x28, in a size for a CPU; so is fashion_mnist
    gpu             CIFAR-10 with the residual networks and the numbers of the paper on gradient penalties
    celeba          faces with DCGAN's networks, as in the paper that the article is about

"gpu" follows Gulrajani et al., arXiv 1704.00028, where they train without labels: both learning rates fall to 0, and
the generator's batches are twice as large. What differs: pixels are 0 to 1 here and -1 to 1 there, so that distances
are half as large, weights start as PyTorch lets them, and real pixels get no noise. Both larger presets judge by 10 000
samples, and by 5 000 test pictures at most. They take other pictures by name: ``--preset gpu --dataset mnist``,
``--preset celeba --dataset fashion_mnist``. The first WGAN, Arjovsky et al., arXiv 1701.07875, clips weights::

    --preset celeba --constraint clip --strength 0.01 --optimizer rmsprop --learning-rate 5e-5

Any other pair of loss and constraint: ``--loss c_transform --constraint none``. Beside the loss, each run notes what
the critic says of a batch, and the exact distance of that batch.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from sjedu.checks import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ProperShare,
    check_fields,
)
from sjedu.data import load_images
from sjedu.records import Record
from sjedu.training import Precision, Run, Seed, batch_indices, presets
from sjedu.wgan import critic as networks
from sjedu.wgan.constraints import STRENGTHS, Constraint, make_constraint
from sjedu.wgan.estimation import StaticConfig, estimate, ring
from sjedu.wgan.losses import Loss, make_loss
from sjedu.wgan.quality import PictureJudge, RingJudge
from sjedu.wgan.tournament import TournamentConfig, compete
from sjedu.wgan.transport import wasserstein_1

Dataset: TypeAlias = Literal["digits", "ring", "mnist", "fashion_mnist", "cifar10", "celeba"]
LossName: TypeAlias = Literal[
    "wasserstein", "non_saturating", "hinge", "c_transform", "soft_c_transform", "transport"
]
ConstraintName: TypeAlias = Literal["none", "clip", "spectral", "gp", "lp", "zero_gp", "r1"]

ROW = 16  # generated pictures that a run keeps to be looked at


@dataclass(frozen=True)
class Config:
    """All numbers of one run.

    Attributes:
        study: the preset, or the question that the run helps to answer.
        dataset: what is generated; "ring" is points in the plane, the others are pictures.
        loss: of the game; "transport" has no critic and moves the generator along the exact plan of each batch.
        constraint: what keeps the critic Lipschitz.
        strength: of the constraint: the bound of the weights for "clip", λ for "gp", "lp", "zero_gp" and "r1".
        epsilon: of the softened transform, in units of distance; the other losses have none.
        seed: of weights, data order and noise.
        precision: "no" (float32), "bf16" or "fp16".
        network: the kind of both networks.
        width: of the hidden layers ("mlp"), or of the narrowest layer of channels ("dcgan", "resnet").
        depth: hidden layers, for "mlp" only.
        latent: numbers that the generator starts from.
        steps: of the generator.
        critic_steps: before each of them; 0 with "transport".
        batch_size: real and generated examples a step, over all processes together.
        optimizer: of both networks.
        learning_rate: of both networks.
        decay: let both learning rates fall to 0, by the same amount each step.
        beta1: Adam's memory of the gradient; RMSprop has none.
        fakes: generated examples for each real one in a batch of the generator's own steps.
        measure_every: steps between two comparisons of the estimate with the exact distance of the batch.
        samples: generated examples that the result is judged by; `PictureJudge` holds them against 5000 test pictures
            at most.
    """

    study: str = "cpu"
    dataset: Dataset = "digits"
    loss: LossName = "wasserstein"
    constraint: ConstraintName = "gp"
    strength: NonNegativeFloat = 10.0
    epsilon: PositiveFloat = 0.1
    seed: Seed = 0
    precision: Precision = "no"
    network: Literal["mlp", "dcgan", "resnet"] = "mlp"
    width: PositiveInt = 256
    depth: PositiveInt = 2
    latent: PositiveInt = 16
    steps: PositiveInt = 400
    critic_steps: NonNegativeInt = 5
    batch_size: PositiveInt = 64
    optimizer: Literal["adam", "rmsprop"] = "adam"
    learning_rate: PositiveFloat = 2e-4
    decay: bool = False
    beta1: ProperShare = 0.5
    fakes: PositiveInt = 1
    measure_every: PositiveInt = 20
    samples: PositiveInt = 500

    def __post_init__(self) -> None:
        check_fields(self)
        if (self.loss == "transport") != (self.critic_steps == 0):
            raise ValueError(
                f"critic_steps: got {self.critic_steps} with loss {self.loss!r}; expected 0 with 'transport',"
                " which has no critic, and at least 1 otherwise"
            )
        if self.dataset == "ring" and self.network != "mlp":
            raise ValueError(f"network: got {self.network!r} with dataset 'ring'; expected 'mlp'")

    @property
    def name(self) -> str:
        """The name of the run's record; a study that is called like its data set is named once."""
        strength = f"{self.strength:g}" if self.constraint in STRENGTHS else ""
        constraint = () if self.constraint == "none" else (f"{self.constraint}{strength}",)
        parts = (self.study, self.dataset, self.loss, *constraint, f"seed{self.seed}")
        return "-".join(dict.fromkeys(parts))


#: What `train` takes: numbers of a game, of an estimation, or of a tournament.
AnyConfig: TypeAlias = Config | StaticConfig | TournamentConfig

_CPU = Config()
_RING = Config(
    dataset="ring",
    loss="non_saturating",
    constraint="spectral",
    width=64,
    latent=8,
    steps=1500,
    critic_steps=1,
    batch_size=128,
    learning_rate=1e-3,
    measure_every=50,
    samples=2000,
)
_PICTURES = dataclasses.replace(_CPU, dataset="mnist", latent=32, steps=1000)

PRESETS: dict[str, AnyConfig] = presets(
    cpu=_CPU,
    digits=dataclasses.replace(_CPU, steps=800),
    ring=_RING,
    ring5=dataclasses.replace(_RING, loss="wasserstein", critic_steps=5, steps=1200),
    static=StaticConfig(),
    landscapes=StaticConfig(
        pair="ring",
        critics=(
            *(f"clip:{c:g}" for c in (0.01, 0.03, 0.1, 0.3)),
            *(f"{kind}:{strength:g}" for kind in ("gp", "lp") for strength in (0.1, 1, 10, 100)),
            "spectral",
            "c_transform",
            *(f"soft_c_transform:{epsilon:g}" for epsilon in (0.03, 0.1, 0.3, 1)),
        ),
        steps=1000,
        hidden=(64, 64),
        landscapes=(10, 100, 1000),
    ),
    tournament=TournamentConfig(),
    mnist=_PICTURES,
    fashion_mnist=dataclasses.replace(_PICTURES, dataset="fashion_mnist"),
    gpu=Config(
        dataset="cifar10",
        network="resnet",
        width=128,
        latent=128,
        steps=100_000,
        learning_rate=2e-4,
        decay=True,
        beta1=0.0,
        fakes=2,
        precision="bf16",
        measure_every=100,
        samples=10_000,
    ),
    celeba=Config(
        dataset="celeba",
        network="dcgan",
        width=64,
        latent=128,
        steps=100_000,
        learning_rate=1e-4,
        beta1=0.0,
        precision="bf16",
        measure_every=100,
        samples=10_000,
    ),
)

#: Studies that are variants of a preset, made on the command line: other batch sizes, and more steps of the critics.
STUDIES = {"batch16": "digits", "batch256": "digits", "long": "static"}


def train(
    config: AnyConfig, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Play a game, estimate a distance or hold a tournament, as the config asks."""
    if isinstance(config, StaticConfig):
        return estimate(config, directory, resume=resume, progress=progress)
    if isinstance(config, TournamentConfig):
        return compete(config, directory, resume=resume, progress=progress)
    return play(config, directory, resume=resume, progress=progress)


def play(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Train a generator against a critic, and judge what it generates; `judge_made` says how."""
    with Run("wgan", config, directory, resume=resume, progress=progress) as run:
        task = load_task(config, run.device)
        game, constraint = build_game(config)
        generator, critic = build_networks(config, task.shape)
        critic = constraint.wrap(critic)
        generator, critic, generator_optimizer, critic_optimizer = run.prepare(
            generator, critic, build_optimizer(generator, config), build_optimizer(critic, config)
        )
        share = run.shard(torch.arange(config.batch_size))

        for step in run.steps(config.steps):
            set_rate(config, step, generator_optimizer, critic_optimizer)
            critic.requires_grad_(True)
            for turn in range(config.critic_steps):
                real = task.batch(step * config.critic_steps + turn)[share]
                with torch.no_grad():
                    fake = generator(noise(config, len(share), run.device))
                loss = game.critic(critic, real, fake) + constraint.penalty(critic, real, fake)
                run.backward(loss)
                critic_optimizer.step()
                constraint.after_step(critic)
                critic_optimizer.zero_grad()

            critic.requires_grad_(False)  # spares the generator's step the gradients that nobody uses
            real = task.batch(config.steps * config.critic_steps + step)[share]
            fake = generator(noise(config, config.fakes * len(share), run.device))
            loss = game.generator(critic, real, fake)
            run.backward(loss)
            generator_optimizer.step()
            generator_optimizer.zero_grad()

            if step % config.measure_every == 0:
                fake = fake[: len(real)]  # the distance of batches depends on their size
                with torch.no_grad():
                    said = game.estimate(critic, real, fake)
                run.log(estimate=said, batch=wasserstein_1(real.flatten(1), fake.flatten(1)).value)

        made = generate(generator, config, run.device)
        if directory is not None and run.is_main and made.ndim == 4:
            save_row(made[:ROW], Path(directory) / f"{config.name}.png")
        files = {"samples": f"{config.name}.png"} if made.ndim == 4 else {}
        metrics = judge_made(made, task, game, run.history)
        return run.finish(metrics, name=config.name, data=task.source, files=files)


# ---------------------------------------------------------------- what is generated, by what, from what


@dataclass(frozen=True, eq=False)
class Task:
    """Examples to imitate, and a judge of imitations.

    Attributes:
        examples: points of the plane, or pictures of values 0 ... 255.
        judge: gives the metrics of generated examples.
        source: in a sentence, where the examples come from.
        batch_size: examples a batch.
        seed: of their order.
    """

    examples: Tensor
    judge: RingJudge | PictureJudge
    source: str
    batch_size: int
    seed: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return tuple(self.examples.shape[1:])

    def batch(self, number: int) -> Tensor:
        """A batch of examples; pictures with values in [0, 1]."""
        indices = batch_indices(number, len(self.examples), self.batch_size, self.seed)
        chosen = self.examples[indices.to(self.examples.device)]
        return chosen / 255 if chosen.dtype == torch.uint8 else chosen


def load_task(config: Config, device: torch.device | str = "cpu") -> Task:
    """Return what the config asks to imitate, with its examples on a device."""
    if config.dataset == "ring":
        points = ring(20_000, torch.Generator().manual_seed(config.seed)).to(device)
        source = "eight Gaussians of standard deviation 0.05 on a circle of radius 2, 20000 points"
        return Task(points, RingJudge(), source, config.batch_size, config.seed)
    images = load_images(config.dataset, "train")
    return Task(
        images.images.to(device),
        PictureJudge(config.dataset, str(device)),
        images.source,
        config.batch_size,
        config.seed,
    )


def build_game(config: Config) -> tuple[Loss, Constraint]:
    """Return the loss and the constraint, each with its number if it has one."""
    epsilon = config.epsilon if config.loss == "soft_c_transform" else None
    strength = config.strength if config.constraint in STRENGTHS else None
    return make_loss(config.loss, epsilon), make_constraint(config.constraint, strength)


def build_networks(config: Config, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """Return the untrained generator and critic for examples of a shape."""
    if config.network == "mlp":
        hidden = (config.width,) * config.depth
        generator: nn.Module = networks.mlp_generator(
            config.latent, hidden, int(np.prod(shape)), squash=config.dataset != "ring"
        )
        if len(shape) > 1:
            generator = nn.Sequential(generator, nn.Unflatten(1, shape))
        return generator, networks.mlp_critic(int(np.prod(shape)), hidden)
    channels, side, _ = shape
    if config.network == "dcgan":
        return (
            networks.dcgan_generator(config.latent, channels, side, config.width),
            networks.dcgan_critic(channels, side, config.width),
        )
    return (
        networks.resnet_generator(config.latent, channels, side, config.width),
        networks.resnet_critic(channels, side, config.width),
    )


def build_optimizer(network: nn.Module, config: Config) -> torch.optim.Optimizer:
    """Return the optimiser of one of the two networks."""
    if config.optimizer == "rmsprop":
        return torch.optim.RMSprop(network.parameters(), lr=config.learning_rate)
    return torch.optim.Adam(network.parameters(), lr=config.learning_rate, betas=(config.beta1, 0.9))


def set_rate(config: Config, step: int, *optimizers: torch.optim.Optimizer) -> None:
    """Decay the learning rates linearly if `config.decay`: from full size at the first step to nearly 0 at the last."""
    if config.decay:
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = config.learning_rate * (1 - step / config.steps)


def noise(config: Config, count: int, device: torch.device) -> Float[Tensor, "count latent"]:
    """Return what a generator makes examples from, N(0, I)."""
    return torch.randn(count, config.latent, device=device)


@torch.no_grad()
def generate(generator: nn.Module, config: Config, device: torch.device) -> Tensor:
    """Return as many generated examples as the config judges by, on the CPU; the same noise for every run."""
    generator.eval()
    noise = torch.Generator().manual_seed(0)
    latent = torch.randn(config.samples, config.latent, generator=noise)
    made = [generator(part.to(device)).float().cpu() for part in torch.split(latent, 500)]
    generator.train()
    return torch.cat(made)


def save_row(pictures: Float[Tensor, "pictures channels rows columns"], path: Path) -> None:
    """Write pictures of values in [0, 1] side by side as one PNG, in grey or in colour."""
    row = torch.cat([*pictures], dim=2).mul(255).round().to(torch.uint8)
    Image.fromarray((row[0] if len(row) == 1 else row.permute(1, 2, 0)).numpy()).save(path, optimize=True)


def judge_made(
    made: Tensor, task: Task, game: Loss, history: list[dict[str, float | int]]
) -> dict[str, float | int]:
    """Judge generated examples, and the estimates of the critic that they were made against.

    Returns:
        What the judge says, see `PictureJudge` and `RingJudge`. For losses that estimate the distance also "ratio", the
        median of the curves "estimate" (what the critic said of a batch) over "batch" (the exact distance of that
        batch), and "correlation" of the two, if neither is constant.
    """
    metrics: dict[str, float | int] = {**task.judge.metrics(made)}
    if game.divergence not in ("W1", "OT"):
        return metrics
    said, exact = (np.array([row[name] for row in history]) for name in ("estimate", "batch"))
    metrics["ratio"] = round(float(np.median(said / exact)), 4)
    if min(np.ptp(said), np.ptp(exact)) > 0:
        metrics["correlation"] = round(float(np.corrcoef(said, exact)[0, 1]), 4)
    return metrics
