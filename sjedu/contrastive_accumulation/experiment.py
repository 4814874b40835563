"""The experiment: one contrastive training, and what the gradient of its batches is.

`PRESETS` holds the numbers, `train` the whole loop::

    cpu       the halves of digits, batches of 512 pairs: full, exact in micro-batches, or naive (C8)
    dropout   digits seen twice under two dropout masks: with the masks replayed or not
    simcse    the same with questions of the embedded grammar and a small Transformer (unsupervised SimCSE)
    mnist     "cpu" with real pictures
    gpu       SimCLR on CIFAR-10: ResNet-18 with group norms, batches of 4096 in micro-batches of 128
    gpu_text  SimCSE on the sentences of the Chinese STS-B, with a pretrained model by name
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from sjedu.checks import NonNegativeFloat, PositiveFloat, PositiveInt, ProperShare, Share, check_fields
from sjedu.contrastive_accumulation.accumulation import accumulate
from sjedu.contrastive_accumulation.encoders import PretrainedEncoder, ResNet, SentenceEncoder, mlp
from sjedu.contrastive_accumulation.losses import info_nce
from sjedu.contrastive_accumulation.sentences import (
    LONGEST,
    SENTENCE_SETS,
    Characters,
    SentencesTask,
    pretrained_tokens,
)
from sjedu.contrastive_accumulation.tasks import HalvesTask, Task, ViewsTask
from sjedu.data import load_images
from sjedu.records import Record
from sjedu.training import Precision, Run, Seed, presets

TaskName: TypeAlias = Literal["halves", "views", "dropout"]
Method: TypeAlias = Literal["full", "exact", "careless", "naive"]
_SPLITS: tuple[Literal["train"], Literal["test"]] = ("train", "test")


@dataclass(frozen=True)
class Config:
    """All numbers of one run.

    Attributes:
        study: the preset, or the question that the run helps to answer.
        task: "halves" of pictures, two random "views", or the same picture or sentence twice, under "dropout".
        dataset: of pictures, or of sentences ("questions", "sts_b").
        method: "full" is one graph over the batch; "exact" is `accumulate`; "careless" is that with new dropout
            masks in the second pass; "naive" adds up the gradients of the micro-batches' own losses.
        micro_batch: pairs at a time, of all methods but "full".
        seed: of weights, data order, noise and dropout.
        precision: "no" (float32), "bf16" or "fp16".
        encoder: "mlp" or "resnet" (18 layers, group norms) for pictures; for sentences "transformer", or the name of
            a model of 🤗 Transformers, whose sizes and dropout are its own.
        width: of the hidden layers, or of the ResNet's first stage.
        layers: of the Transformer.
        dim: of the embeddings.
        dropout: in the MLP or the Transformer.
        temperature: of the loss.
        batch_size: pairs a step, over all processes together.
        steps: of the optimiser.
        learning_rate: at its highest.
        warmup: part of the steps over which the learning rate rises; then it falls to zero.
        weight_decay: on all parameters.
        max_grad_norm: longer gradients are shortened to it; None: none are.
    """

    study: str = "cpu"
    task: TaskName = "halves"
    dataset: Literal["digits", "mnist", "fashion_mnist", "cifar10", "questions", "sts_b"] = "digits"
    method: Method = "exact"
    micro_batch: PositiveInt = 16
    seed: Seed = 0
    precision: Precision = "no"
    encoder: str = "mlp"
    width: PositiveInt = 256
    layers: PositiveInt = 2
    dim: PositiveInt = 32
    dropout: ProperShare = 0.0
    temperature: PositiveFloat = 0.1
    batch_size: PositiveInt = 512
    steps: PositiveInt = 200
    learning_rate: PositiveFloat = 2e-3
    warmup: Share = 0.3
    weight_decay: NonNegativeFloat = 0.01
    max_grad_norm: PositiveFloat | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if (self.task == "dropout") != (self.dropout > 0):
            raise ValueError(
                f"dropout: got {self.dropout} with task {self.task!r}; expected more than 0 for 'dropout',"
                " whose views differ in nothing else, and 0 for the others"
            )
        if (self.dataset in SENTENCE_SETS) == (self.encoder in ("mlp", "resnet")):
            raise ValueError(
                f"encoder: got {self.encoder!r} with dataset {self.dataset!r}; expected 'mlp' or 'resnet' for"
                " pictures, and 'transformer' or a model's name for sentences"
            )
        if self.dataset in SENTENCE_SETS and self.task != "dropout":
            raise ValueError(f"task: got {self.task!r} with sentences; expected 'dropout'")
        if self.method != "full" and self.micro_batch > self.batch_size:
            raise ValueError(
                f"micro_batch: got {self.micro_batch}; expected at most batch_size, {self.batch_size}"
            )

    @property
    def name(self) -> str:
        """The name of the run's record."""
        method = self.method if self.method == "full" else f"{self.method}{self.micro_batch}"
        return f"{self.study}-{self.dataset}-{method}-seed{self.seed}"


_CPU = Config()

PRESETS = presets(
    cpu=_CPU,
    dropout=dataclasses.replace(_CPU, task="dropout", dropout=0.3, batch_size=256, steps=150, width=128),
    simcse=dataclasses.replace(
        _CPU,
        task="dropout",
        dataset="questions",
        encoder="transformer",
        width=64,
        dropout=0.1,
        temperature=0.05,
        batch_size=128,
        steps=40,
        micro_batch=32,
    ),
    mnist=dataclasses.replace(_CPU, dataset="mnist", steps=400),
    gpu=Config(
        task="views",
        dataset="cifar10",
        micro_batch=128,
        precision="bf16",
        encoder="resnet",
        width=64,
        dim=128,
        temperature=0.2,
        batch_size=4096,
        steps=2400,  # 200 epochs of 50,000 pictures
        learning_rate=1e-3,
        warmup=0.05,
        weight_decay=1e-4,
        max_grad_norm=1.0,
    ),
    gpu_text=Config(
        task="dropout",
        dataset="sts_b",
        micro_batch=64,
        precision="bf16",
        encoder="bert-base-chinese",
        dropout=0.1,
        temperature=0.05,
        batch_size=512,
        steps=100,  # five epochs of about 10,000 sentences
        learning_rate=3e-5,
        warmup=0.1,
        max_grad_norm=1.0,
    ),
)


def train(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Train one encoder, or two, and test on held-out data."""
    with Run("contrastive_accumulation", config, directory, resume=resume, progress=progress) as run:
        check_processes(config, run.processes)
        task = load_task(config, run.device)
        models = build_encoders(config, task)
        optimizer = torch.optim.AdamW(
            (p for model in models for p in model.parameters()),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        scheduler = OneCycleLR(optimizer, config.learning_rate, config.steps, pct_start=config.warmup)
        parts: tuple[Any, ...] = *models, optimizer, scheduler
        *models, optimizer, scheduler = run.prepare(*parts)
        first, second = models[0], models[-1]  # one encoder for both views, or one for each half
        share = run.shard(torch.arange(config.batch_size))
        size = config.micro_batch
        seen: list[Tensor] = []

        def criterion(u: Tensor, v: Tensor) -> Tensor:
            seen[:] = u, v
            if config.task == "halves":
                return info_nce(u, v, temperature=config.temperature, symmetric=True)
            return info_nce(torch.cat([u, v]), temperature=config.temperature)

        began = time.perf_counter()
        for step in run.steps(config.steps):
            x, y = (view[share] for view in task.batch(step))
            if config.method == "full":
                loss = criterion(first(x), second(y))
                run.backward(loss)
            elif config.method == "naive":
                loss = torch.zeros((), device=run.device)
                for a, b in zip(torch.split(x, size), torch.split(y, size), strict=True):
                    part = criterion(first(a), second(b)) * (len(a) / len(x))
                    run.backward(part)
                    loss += part.detach()
            else:
                loss = accumulate(
                    (first, second),
                    (x, y),
                    criterion,
                    size,
                    accelerator=run.accelerator,
                    replay=config.method == "exact",
                )
            if config.max_grad_norm is not None:
                run.clip(optimizer.param_groups[0]["params"], config.max_grad_norm)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            if run.logs(step):
                run.log(loss=loss)
                if config.method == "exact":
                    run.log(surrogate=surrogate(seen))

        metrics = speed(began, config.steps, run.device)
        first, second = (run.accelerator.unwrap_model(each) for each in (first, second))
        metrics |= task.evaluate((first, second))
        return run.finish(metrics, name=config.name, data=task.source)


def check_processes(config: Config, processes: int) -> None:
    """Refuse to share a batch whose pairs are then not all compared.

    Raises:
        ValueError: if another method than accumulation meets several processes.
    """
    if processes > 1 and config.method not in ("exact", "careless"):
        raise ValueError(
            f"method: got {config.method!r} with {processes} processes; expected 'exact', the only one whose loss"
            " compares the pairs of all of them"
        )


def surrogate(embeddings: list[Tensor]) -> float:
    """Return Σ⟨h, h̃⟩, whose gradient the parameters get, from embeddings and their gradients."""
    return sum(float((h.detach() * h.grad).sum()) for h in embeddings if h.grad is not None)


def speed(began: float, steps: int, device: torch.device) -> dict[str, float]:
    """Return the milliseconds of a step since ``began``, and on a GPU the peak of allocated memory."""
    metrics = {"ms a step": round(1e3 * (time.perf_counter() - began) / steps, 1)}
    if device.type == "cuda":
        metrics["peak MiB"] = round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    return metrics


def load_task(config: Config, device: torch.device | str = "cpu") -> Task:
    """Return what the config asks to learn, with its data on a device."""
    if config.dataset in SENTENCE_SETS:
        graded = SENTENCE_SETS[config.dataset]()
        own = config.encoder == "transformer"
        tokenize = Characters(graded.sentences) if own else pretrained_tokens(config.encoder)
        return SentencesTask(graded, tokenize, config.batch_size, config.seed, device)
    training, held_out = (load_images(cast(Any, config.dataset), split).to(device) for split in _SPLITS)
    if config.task == "halves":
        return HalvesTask(training, held_out, config.batch_size, config.seed, config.temperature)
    return ViewsTask(training, held_out, config.batch_size, config.seed, config.task == "views")


def build_encoders(config: Config, task: Task | None = None) -> list[nn.Module]:
    """Return the untrained encoders: two for halves, else one that sees both views.

    Raises:
        ValueError: if the encoder is a Transformer of ours, and the task with its tokens is not given.
    """
    if config.encoder == "transformer":
        if not (isinstance(task, SentencesTask) and isinstance(task.tokenize, Characters)):
            raise ValueError(
                f"task: got {type(task).__name__}; expected the task whose characters are to be embedded"
            )
        vocabulary = len(task.tokenize)
        return [SentenceEncoder(vocabulary, config.width, config.layers, config.dim, config.dropout, LONGEST)]
    if config.encoder not in ("mlp", "resnet"):
        return [PretrainedEncoder(config.encoder)]
    channels, side = (3, 32) if config.dataset == "cifar10" else (1, 8 if config.dataset == "digits" else 28)
    if config.encoder == "resnet":
        return [ResNet(channels, config.width, config.dim) for _ in range(1 + (config.task == "halves"))]
    columns = (side // 2, side - side // 2) if config.task == "halves" else (side,)
    return [mlp(channels * side * c, config.width, config.dim, config.dropout) for c in columns]
