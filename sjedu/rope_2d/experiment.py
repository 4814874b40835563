"""The experiment: one small Transformer, six encodings of the position, and grids that it was not trained on.

`PRESETS` holds the numbers, `train` the whole loop::

    cpu             digits at random places of a 12x12 canvas, tested on wider, higher and larger ones (C8)
    symbols         "which symbol stands two cells away?" on an 8x8 grid, tested on 8x10, 10x8, ... (C6)
    quick           the same on a 5x5 grid, in seconds
    scale           digits of random size, tested with more patches a digit (C9)
    mnist           "cpu" with real pictures; so is fashion_mnist (C8)
    gpu             CIFAR-10 and a DeiT-S-like model, tested at higher resolutions (C8, C9); any other pictures
                    with --dataset

Nothing is tuned on the test pictures: `evaluate="validation"` trains without the last sixth of the training
pictures and evaluates on that.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from annotated_types import MinLen
from torch.optim.lr_scheduler import OneCycleLR

from sjedu.checks import (
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ProperShare,
    Share,
    check_fields,
)
from sjedu.data import Images, load_images
from sjedu.records import Record
from sjedu.rope_2d.rotary import weight_decay_groups
from sjedu.rope_2d.tasks import OFFSETS, SYMBOLS, Arrangement, Batch, PictureTask, SymbolTask
from sjedu.rope_2d.vision import Encoding, GridTransformer, PatchEmbedding, Readout, SymbolEmbedding
from sjedu.training import Precision, Run, Seed, presets

Dataset: TypeAlias = Literal["digits", "mnist", "fashion_mnist", "cifar10", "symbols"]
Grid: TypeAlias = tuple[PositiveInt, PositiveInt]

#: By how much the coordinates are shifted to see whether a model knows more than differences (T2).
SHIFT = (5, 3)


@dataclass(frozen=True)
class Config:
    """All numbers of one run.

    Attributes:
        study: the preset, or the question that the run helps to answer.
        encoding: how the model knows where a token stands.
        dataset: what it learns; "symbols" is the neighbour task, the others are pictures.
        seed: of weights, data order and augmentation.
        precision: "no" (float32), "bf16" or "fp16".
        evaluate: on the test pictures, or on a part of the training pictures that is then not trained on.
        grid: rows and columns of the grid trained on, in patches or symbols.
        test_grids: of the grids tested on.
        patch: side of a patch in pixels.
        arrangement: how a picture lies on the canvas, see `tasks.arrange`.
        flip: whether to mirror half of the training pictures left to right; digits never are.
        dim: width of a token.
        heads: of each layer.
        layers: number of blocks.
        mlp_ratio: hidden width of the MLPs, in units of dim.
        readout: what the classifier sees; "marker" for symbols. A "class" token stands nowhere, so that a
            model with one can tell absolute places even with RoPE.
        base: of the frequencies; by default 10 for "rope_mixed", else 100.
        drop_path: probability of leaving out the last block's branches, less for earlier blocks.
        steps: of the optimiser.
        batch_size: examples a step, over all processes together.
        learning_rate: at its highest.
        warmup: part of the steps over which the learning rate rises; then it falls to zero.
        weight_decay: on all parameters but learned frequencies.
        label_smoothing: of the loss.
    """

    study: str = "cpu"
    encoding: Encoding = "rope_axial"
    dataset: Dataset = "digits"
    seed: Seed = 0
    precision: Precision = "no"
    evaluate: Literal["test", "validation"] = "test"
    grid: Grid = (6, 6)
    test_grids: Annotated[tuple[Grid, ...], MinLen(1)] = ((6, 6), (8, 6), (6, 8), (8, 8), (10, 10))
    patch: PositiveInt = 2
    arrangement: Arrangement = "place"
    flip: bool = False
    dim: PositiveInt = 48
    heads: PositiveInt = 3
    layers: PositiveInt = 2
    mlp_ratio: PositiveFloat = 2.0
    readout: Readout = "mean"
    base: PositiveFloat | None = None
    drop_path: ProperShare = 0.0
    steps: PositiveInt = 400
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 3e-3
    warmup: Share = 0.3
    weight_decay: NonNegativeFloat = 0.01
    label_smoothing: Share = 0.0

    def __post_init__(self) -> None:
        check_fields(self)  # first: a misspelt name is not one that does not fit another
        if (self.dataset == "symbols") != (self.readout == "marker"):
            raise ValueError(
                f"readout: got {self.readout!r} with dataset {self.dataset!r}; expected 'marker' with"
                " 'symbols', and 'mean' or 'class' with pictures"
            )

    @property
    def name(self) -> str:
        """The name of the run's record; a study that is called like its data set is named once."""
        base = () if self.base is None else (f"base{self.base:g}",)
        parts = (self.study, self.dataset, self.encoding, *base, f"seed{self.seed}")
        return "-".join(dict.fromkeys(parts))


_CPU = Config()
_REAL = dataclasses.replace(_CPU, test_grids=((6, 6), (8, 6), (6, 8), (8, 8)), patch=6, steps=1500)
_SYMBOLS = Config(
    dataset="symbols",
    grid=(8, 8),
    test_grids=((8, 8), (8, 10), (10, 8), (12, 12), (16, 16)),
    readout="marker",
    dim=64,
    heads=4,
    layers=1,
    steps=700,
    batch_size=32,
    weight_decay=0.0,
)

PRESETS = presets(
    cpu=_CPU,
    symbols=_SYMBOLS,
    quick=dataclasses.replace(_SYMBOLS, grid=(5, 5), test_grids=((5, 5), (5, 7), (7, 5)), steps=300),
    scale=dataclasses.replace(_CPU, arrangement="scale", test_grids=((6, 6), (8, 8), (10, 10)), steps=500),
    mnist=dataclasses.replace(_REAL, dataset="mnist"),
    fashion_mnist=dataclasses.replace(_REAL, dataset="fashion_mnist"),
    gpu=Config(
        dataset="cifar10",
        precision="bf16",
        grid=(8, 8),
        test_grids=((8, 8), (8, 12), (10, 10), (12, 12), (16, 16)),
        patch=4,
        arrangement="crop",
        flip=True,
        dim=384,
        heads=6,
        layers=12,
        mlp_ratio=4.0,
        drop_path=0.1,
        steps=29_100,  # 300 epochs of 50,000 pictures
        batch_size=512,
        learning_rate=1e-3,
        warmup=0.05,
        weight_decay=0.05,
        label_smoothing=0.1,
    ),
)


def train(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Train one model and test it on every grid of the config; `evaluate` says what is measured."""
    with Run("rope_2d", config, directory, resume=resume, progress=progress) as run:
        task = load_task(config, run.device)
        model = build_model(config)
        optimizer = torch.optim.AdamW(
            weight_decay_groups(model, config.weight_decay), lr=config.learning_rate
        )
        scheduler = OneCycleLR(optimizer, config.learning_rate, config.steps, pct_start=config.warmup)
        model, optimizer, scheduler = run.prepare(model, optimizer, scheduler)
        share = run.shard(torch.arange(config.batch_size))

        for step in run.steps(config.steps):
            inputs, labels, _ = task.batch(step)
            logits = model(inputs[share])
            loss = F.cross_entropy(logits, labels[share], label_smoothing=config.label_smoothing)
            run.backward(loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            if run.logs(step):
                correct = (logits.argmax(dim=-1) == labels[share]).float().mean()
                run.log(loss=loss, accuracy=correct)

        return run.finish(evaluate(model, task, config), name=config.name, data=task.source)


def load_task(config: Config, device: torch.device | str = "cpu") -> SymbolTask | PictureTask:
    """Return what the config asks to learn, with its examples on a device."""
    validation = config.evaluate == "validation"
    if config.dataset == "symbols":
        return SymbolTask(
            config.grid, config.batch_size, config.seed, validation, device=torch.device(device)
        )
    training = load_images(config.dataset, "train")
    if validation:
        kept = len(training) - len(training) // 6
        held_out, training = _part(training, slice(kept, None)), _part(training, slice(kept))
    else:
        held_out = load_images(config.dataset, "test")
    return PictureTask(
        training.to(device),
        held_out.to(device),
        config.grid,
        config.patch,
        config.arrangement,
        config.flip and config.dataset not in ("digits", "mnist"),  # a mirrored 2 is no 2
        config.batch_size,
        config.seed,
    )


def build_model(config: Config) -> GridTransformer:
    """Return the untrained model; the global random number generator draws its weights."""
    embedding: SymbolEmbedding | PatchEmbedding
    if config.dataset == "symbols":
        embedding, classes = SymbolEmbedding(SYMBOLS, len(OFFSETS), config.dim), SYMBOLS
    else:
        channels = 3 if config.dataset == "cifar10" else 1
        embedding, classes = PatchEmbedding(config.patch, channels, config.dim), 10
    return GridTransformer(
        embedding,
        classes,
        grid=config.grid,
        encoding=config.encoding,
        heads=config.heads,
        layers=config.layers,
        mlp_ratio=config.mlp_ratio,
        readout=config.readout,
        base=config.base,
        drop_path=config.drop_path,
    )


def evaluate(model: torch.nn.Module, task: SymbolTask | PictureTask, config: Config) -> dict[str, float]:
    """Return the accuracies on every grid of the config.

    Returns:
        "8x10" on that grid; "8x10 rescaled" with coordinates in the range of the training; "8x8 shifted" with
        coordinates moved by `SHIFT`; "8x10 vertical" and "8x10 horizontal" for the markers of each direction; and
        "parameters", the size of the model.
    """
    model.eval()
    metrics: dict[str, float] = {}
    for grid in config.test_grids:
        name, examples = f"{grid[0]}x{grid[1]}", task.test(grid)
        correct = predictions(model, examples) == examples.labels
        metrics[name] = _share(correct)
        for group, members in examples.groups.items():
            metrics[f"{name} {group}"] = _share(correct[members])
        if config.encoding in ("none", "learned"):
            continue  # these have no coordinates
        if grid == config.grid:
            metrics[f"{name} shifted"] = _share(predictions(model, examples, shift=SHIFT) == examples.labels)
        elif config.dataset != "symbols":
            metrics[f"{name} rescaled"] = _share(
                predictions(model, examples, rescale=True) == examples.labels
            )
    metrics["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    return metrics


@torch.no_grad()
def predictions(model: torch.nn.Module, examples: Batch, **options: Any) -> torch.Tensor:
    """Return the class that the model gives to each example; `GridTransformer.forward` takes the options."""
    return torch.cat([model(part, **options).argmax(dim=-1) for part in torch.split(examples.inputs, 512)])


def _share(correct: torch.Tensor) -> float:
    return round(correct.float().mean().item(), 4)


def _part(images: Images, which: slice) -> Images:
    source = f"{images.source}, pictures {which.start or 0} to {(which.stop or len(images)) - 1}"
    return dataclasses.replace(
        images, images=images.images[which], labels=images.labels[which], source=source
    )
