"""The experiment: four tasks, and what a smooth function in the place of a kinked one does for each.

`PRESETS` holds the numbers, `train` the whole loop with the losses of all tasks::

    cpu, deep     digits with an MLP of 2 and of 6 hidden layers: where smoothness hardly matters (C4, C5, C9)
    physics       u'' = -π² sin πx: second derivatives of the network are trained on (C4)
    floor         recover a and b from floor(ax + b) (C8)
    gpu           CIFAR-100 and ShuffleNet V2 2.0x, the setting of SAU's largest claim (C5)
    gpu_physics   Poisson's equation in the plane, with a larger network (C4)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

from sjedu.checks import NonNegativeFloat, PositiveFloat, PositiveInt
from sjedu.data import load_images
from sjedu.dirac_smoothing.networks import Activation, activation, mlp, shufflenet_v2
from sjedu.dirac_smoothing.tasks import Floor, FloorModel, FloorTask, PhysicsTask, PictureTask, Task
from sjedu.records import Record
from sjedu.training import Precision, Run, Seed, batch_indices, presets

TaskName: TypeAlias = Literal["digits", "cifar100", "physics", "floor"]


@dataclass(frozen=True)
class Config:
    """All numbers of one run.

    Attributes:
        study: the question that the run helps to answer; its record's name begins with it.
        task: what is learnt.
        activation: of the network, see `networks.ACTIVATIONS`; for the floor, see `tasks.FLOORS`.
        width: of the smoothing kernel: σ, or 1/t; does not matter for "relu".
        learnable: whether that width is learnt, one for each layer.
        seed: of weights, data order and augmentation.
        precision: "no" (float32), "bf16" or "fp16".
        depth: hidden layers of the MLP.
        hidden: their size.
        dimensions: of the differential equation.
        points: places of the differential equation at each step, or x seen of the floor.
        optimizer: "adamw" or "sgd" (with momentum 0.9).
        steps: of the optimiser.
        batch_size: pictures a step, over all processes together.
        learning_rate: at its highest.
        cosine: whether it falls to zero along a cosine, or stays.
        weight_decay: on all parameters.
        augment: whether training pictures are moved and mirrored.
    """

    study: str = "cpu"
    task: TaskName = "digits"
    activation: Literal[Activation, Floor] = "gaussian"
    width: PositiveFloat = 1.0
    learnable: bool = False
    seed: Seed = 0
    precision: Precision = "no"
    depth: PositiveInt = 2
    hidden: PositiveInt = 64
    dimensions: PositiveInt = 1
    points: PositiveInt = 64
    optimizer: Literal["adamw", "sgd"] = "adamw"
    steps: PositiveInt = 400
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 3e-3
    cosine: bool = False
    weight_decay: NonNegativeFloat = 0.01
    augment: bool = False

    @property
    def name(self) -> str:
        """The name of the run's record."""
        learnt = "learnt" if self.learnable else ""
        return f"{self.study}-{self.activation}-{learnt}{self.width:g}-seed{self.seed}"


PRESETS: dict[str, Config] = presets(
    cpu=Config(),
    deep=Config(depth=6),
    physics=Config(task="physics", hidden=32, steps=800, learning_rate=5e-3, weight_decay=0.0),
    floor=Config(
        task="floor",
        activation="smooth",
        width=0.1,
        points=512,
        steps=600,
        learning_rate=0.05,
        weight_decay=0.0,
    ),
    gpu=Config(
        task="cifar100",
        activation="sau",
        precision="bf16",
        optimizer="sgd",
        steps=78_000,  # 200 epochs of 390 batches
        batch_size=128,
        learning_rate=0.1,
        cosine=True,
        weight_decay=5e-4,
        augment=True,
    ),
    gpu_physics=Config(
        task="physics",
        dimensions=2,
        points=4096,
        depth=4,
        hidden=128,
        steps=20_000,
        learning_rate=1e-3,
        cosine=True,
        weight_decay=0.0,
    ),
)


def train(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Train one model and measure it; arguments and errors as in `Run`, metrics as in `measure`."""
    with Run("dirac_smoothing", config, directory, resume=resume, progress=progress) as run:
        task = load_task(config, run.device)
        model = build_model(config)
        optimizer = build_optimizer(config, model)
        scheduler = build_scheduler(config, optimizer)
        model, optimizer, scheduler = run.prepare(model, optimizer, scheduler)

        for step in run.steps(config.steps):
            match task:
                case PictureTask():  # cross-entropy of what is on them
                    rows = batch_indices(step, len(task.training), config.batch_size, config.seed)
                    pictures, labels = task.batch(run.shard(rows))
                    loss = F.cross_entropy(model(pictures), labels)
                case PhysicsTask():  # second derivatives: the mean square of Δu + nπ² Π sin πxᵢ, in units of π⁴
                    x = task.places(run.shard(torch.arange(config.points)))
                    loss = (task.residual(model, x) / math.pi**2).square().mean()
                case FloorTask():  # the mean square error of ŷ = floor(ax + b), or of what stands in for it
                    x, y = task.batch(run.shard(torch.arange(config.points)))
                    loss = (model(x, step) - y).square().mean()
            run.backward(loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            if run.logs(step):
                run.log(loss=loss)

        metrics = measure(run.accelerator.unwrap_model(model), task)
        return run.finish(metrics, name=config.name, data=task.source)


def measure(model: nn.Module, task: Task) -> dict[str, Any]:
    """Return what a trained model is worth.

    Returns:
        "accuracy" for pictures; "max error" and "rms error" of the solution for physics; "matches", "error of a" and
        "error of b" for the floor; and "width", of each layer, where it was learnt.
    """
    metrics: dict[str, Any] = task.measure(model.eval())
    widths = [round(p.exp().item(), 3) for n, p in model.named_parameters() if n.endswith("log_width")]
    return metrics | ({"width": widths} if widths else {})


def load_task(config: Config, device: torch.device | str = "cpu") -> Task:
    """Return what the config asks to learn; errors as in `load_images`."""
    place = torch.device(device)
    if config.task == "physics":
        return PhysicsTask(config.dimensions, config.points, place)
    if config.task == "floor":
        return FloorTask(config.points, config.seed, place)
    training, held_out = (load_images(config.task, split).to(place) for split in ("train", "test"))
    return PictureTask(training, held_out, config.augment)


def build_model(config: Config) -> nn.Module:
    """Return the untrained model; the global random number generator draws its weights."""
    if config.task == "floor":
        return FloorModel(config.activation, 1 / config.width, config.steps)
    make = activation(config.activation, config.width, config.learnable)
    if config.task == "cifar100":
        return shufflenet_v2(100, make)
    inputs, outputs = (64, 10) if config.task == "digits" else (config.dimensions, 1)
    return mlp(inputs, config.hidden, outputs, config.depth, make)


def build_optimizer(config: Config, model: nn.Module) -> torch.optim.Optimizer:
    """Return the optimiser."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(), config.learning_rate, momentum=0.9, weight_decay=config.weight_decay
        )
    return torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=config.weight_decay)


def build_scheduler(config: Config, optimizer: torch.optim.Optimizer) -> Any:
    """Return the schedule of the learning rate."""
    if config.cosine:
        return CosineAnnealingLR(optimizer, config.steps)
    return LambdaLR(optimizer, lambda step: 1.0)


def study(
    config: Config, choices: Sequence[tuple[Literal[Activation, Floor], float]], seeds: Sequence[int]
) -> list[Config]:
    """Return the runs that compare every (activation, width) with every seed, all else equal: for `sweep`."""
    return [
        dataclasses.replace(config, activation=name, width=width, seed=seed)
        for name, width in choices
        for seed in seeds
    ]


#: What the recorded studies compare: activation and width.
NETWORKS = (
    ("relu", 1.0),
    ("softplus", 1.0),
    ("softplus_centred", 1.0),
    ("gaussian", 1.0),
    ("gaussian", 0.3),
    ("sau", 1.0),
    ("gelu", 1.0),
    ("swish", 1.0),
)
FLOOR_METHODS = (
    ("hard", 0.1),
    ("identity", 0.1),
    ("straight_through", 0.1),
    ("smooth", 0.5),
    ("smooth", 0.2),
    ("smooth", 0.1),
    ("smooth", 1 / 30),
    ("annealed", 0.02),
)
