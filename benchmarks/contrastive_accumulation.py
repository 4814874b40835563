"""An exact contrastive step beside the peers': error, time and peak memory; and the loss alone.

Every contestant computes the gradient of the same InfoNCE loss (rows only, cosines times 20) of N pairs through one
encoder of six layers, and is held against the whole batch in one graph:

- *full batch*: one graph, the loss by autograd;
- *sjedu*: `accumulate` with the streamed `info_nce`; *sjedu, autograd's loss*: with the whole matrix under autograd;
- *GradCache's scheme*: re-derived from its paper (arXiv 2101.06983), two passes, random states kept, loss by autograd;
- *checkpointed*: every chunk under torch.utils.checkpoint, loss by autograd;
- *sentence-transformers*: its `CachedMultipleNegativesRankingLoss`.

*two passes alone* encodes every chunk without a graph and again with one, and has no loss between: the bound for
every method that takes two passes, at that size of chunk.

Times come from one process for each N and chunk, in rounds; memory from a process of its own for each contestant, or
the median of several.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import peers
import torch
import torch.nn.functional as F
import tyro
from harness import RESULTS, keep_freed_memory, provenance, write
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sjedu.contrastive_accumulation import RandomState, accumulate, info_nce

SCALE = 20.0
BOUND = "two passes alone"
PACKAGES = ("torch", "sentence-transformers", "transformers", "accelerate")
Step = Callable[[], Any]


@dataclass
class Settings:
    """What to measure."""

    sizes: tuple[int, ...] = (256, 1024, 4096, 8192)
    """Numbers of pairs."""
    chunks: tuple[int, ...] = (64, 256, 1024)
    """Samples at a time; those that are not fewer than the pairs are left out."""
    loss_sizes: tuple[int, ...] = (2048, 8192)
    """Numbers of pairs for the loss alone; on a GPU try 65536."""
    width: int = 256
    """Of the encoder's layers."""
    rounds: int = 5
    """How often each contestant is measured."""
    memory_rounds: int = 3
    """In how many processes each contestant's memory is measured, for up to 1024 pairs; beyond, one is enough."""
    device: str = "cpu"
    """Where; on "cuda" memory is what PyTorch allocated at most."""
    quick: bool = False
    """Try everything on tiny batches, without a claim to precision."""
    output: Path | None = None
    """Where to write the JSON; by default results/contrastive_accumulation.json, and with --quick nowhere."""


@dataclass
class Row:
    """What was measured of one contestant in one setting."""

    part: str
    name: str
    size: int
    chunk: int
    relative_error: float | None
    milliseconds: float
    ratio_to_full: float
    ratio_to_bound: float | None
    peak_mib: float


# ---------------------------------------------------------------- the step


def encoder(width: int, device: str) -> nn.Module:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(64, width), nn.GELU()]
    for _ in range(4):
        layers += [nn.Linear(width, width), nn.GELU()]
    return nn.Sequential(*layers, nn.Linear(width, 64)).to(device)


def plain_loss(u: Tensor, v: Tensor) -> Tensor:
    s = SCALE * F.normalize(u, dim=-1) @ F.normalize(v, dim=-1).T
    return F.cross_entropy(s, torch.arange(len(u), device=u.device))


def streamed_loss(u: Tensor, v: Tensor) -> Tensor:
    return info_nce(F.normalize(u, dim=-1), F.normalize(v, dim=-1), temperature=1 / SCALE)


def contestants(model: nn.Module, x: Tensor, y: Tensor, chunk: int) -> dict[str, Step]:
    """Return a step for each contestant that is installed."""
    found: dict[str, Step] = {
        "full batch": lambda: plain_loss(model(x), model(y)).backward(),
        "sjedu": lambda: accumulate((model, model), (x, y), streamed_loss, chunk),
        "sjedu, autograd's loss": lambda: accumulate((model, model), (x, y), plain_loss, chunk),
        "GradCache's scheme": lambda: grad_cache(model, (x, y), chunk),
        "checkpointed": lambda: checkpointed(model, (x, y), chunk),
    }
    if step := sentence_transformers_step(model, x, y, chunk):
        found["sentence-transformers"] = step
    return found


def grad_cache(model: nn.Module, inputs: Sequence[Tensor], chunk: int) -> None:
    """Cache the gradients of the representations, then push them through chunk by chunk."""
    devices = [] if inputs[0].device.type == "cpu" else [inputs[0].device]
    states, leaves = [], []
    for x in inputs:
        parts = []
        for part in x.split(chunk):
            states.append(RandomState.now(devices))
            with torch.no_grad():
                parts.append(model(part))
        leaves.append(torch.cat(parts).requires_grad_())
    plain_loss(*leaves).backward()
    waiting = iter(states)
    for x, leaf in zip(inputs, leaves, strict=True):
        for part, gradient in zip(x.split(chunk), leaf.grad.split(chunk), strict=True):
            next(waiting).restore()
            torch.dot(model(part).flatten(), gradient.flatten()).backward()


def two_passes(model: nn.Module, inputs: Sequence[Tensor], chunk: int) -> None:
    """Do what no method of two passes can do without; the gradient is that of the embeddings' sum."""
    for x in inputs:
        for part in x.split(chunk):
            with torch.no_grad():
                model(part)
    for x in inputs:
        for part in x.split(chunk):
            model(part).sum().backward()


def checkpointed(model: nn.Module, inputs: Sequence[Tensor], chunk: int) -> None:
    u, v = (
        torch.cat([checkpoint(model, part, use_reentrant=False) for part in x.split(chunk)]) for x in inputs
    )
    plain_loss(u, v).backward()


class Features(nn.Module):
    """The encoder as sentence-transformers calls it: a dict in, a dict out."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the embeddings under the name that the loss reads."""
        return {"sentence_embedding": self.model(features["x"])}


def sentence_transformers_step(model: nn.Module, x: Tensor, y: Tensor, chunk: int) -> Step | None:
    """Return the step of sentence-transformers; None where it is not installed."""
    try:
        with peers.without_torchvision(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sentence_transformers.sentence_transformer import losses
    except ImportError:
        return None
    loss = losses.CachedMultipleNegativesRankingLoss(
        nn.Sequential(Features(model)), scale=SCALE, mini_batch_size=chunk
    )
    labels = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    return lambda: loss([{"x": x}, {"x": y}], labels).backward()


# ---------------------------------------------------------------- the loss alone


def losses_alone(size: int, device: str) -> dict[str, Step]:
    """Return the loss of two towers, forward and backward, by autograd and streamed."""
    generator = torch.Generator().manual_seed(0)
    u, v = (
        F.normalize(x, dim=-1).to(device).requires_grad_()
        for x in torch.randn(2, size, 64, generator=generator)
    )

    def by(block: int | None) -> Step:
        return lambda: torch.autograd.grad(
            info_nce(u, v, temperature=1 / SCALE, symmetric=True, block=block), (u, v)
        )

    return {"autograd": by(None), "sjedu, streamed": by(256)}


# ---------------------------------------------------------------- measuring


def steps(part: str, size: int, chunk: int, settings: Settings) -> dict[str, Step]:
    """Return the contestants of one setting."""
    if part == "loss":
        return losses_alone(size, settings.device)
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, size, 64, generator=generator).to(settings.device)
    model = encoder(settings.width, settings.device)
    return contestants(model, x, y, chunk) | {BOUND: lambda: two_passes(model, (x, y), chunk)}


def errors(chunk: int, size: int = 192) -> dict[str, float]:
    """Return the relative errors of the gradients in float64."""
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, size, 64, dtype=torch.float64, generator=generator)
    model = encoder(32, "cpu").double()

    def gradient(step: Step) -> Tensor:
        model.zero_grad()
        step()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    found = {name: gradient(step) for name, step in contestants(model, x, y, chunk).items()}
    exact = found["full batch"]
    return {name: float((each - exact).norm() / exact.norm()) for name, each in found.items()}


def times(part: str, size: int, chunk: int, settings: Settings) -> list[dict[str, float]]:
    """Return the seconds of each contestant's step, round by round.

    Steps are long, so one call is a measurement. On the CPU it is the time that the processor spent: with one thread
    that is the time on a quiet machine, and other work hardly changes it.
    """
    keep_freed_memory()
    calls = steps(part, size, chunk, settings)
    for call in calls.values():
        call()
    return [one_round(calls, settings.device, seed) for seed in range(settings.rounds)]


def one_round(calls: dict[str, Step], device: str, seed: int) -> dict[str, float]:
    """Return the seconds of one call of each, in random order."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    found = {}
    for name in random.Random(seed).sample(list(calls), len(calls)):
        began = clock()
        calls[name]()
        if device != "cpu":
            torch.cuda.synchronize()
        found[name] = clock() - began
    return found


def peak(part: str, size: int, chunk: int, settings: Settings, name: str) -> float:
    """Return how many MiB one step takes at most beyond what the process had before."""
    warm, call = (steps(part, n, chunk, settings)[name] for n in (8, size))
    warm()
    if settings.device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    before = resident()
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    except OSError:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    call()
    return peak_resident() - before


def resident() -> float:
    """Return the MiB of this process that are in memory."""
    return _status("VmRSS") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def peak_resident() -> float:
    """Return the most MiB of this process that were in memory."""
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _status(name: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)


def apart(function: Callable[..., Any], *arguments: Any, cuda: bool = False) -> Any:
    """Run a function in a process of its own and return its result."""
    context = multiprocessing.get_context("spawn" if cuda or os.name == "nt" else "fork")
    with context.Pool(1) as pool:
        return pool.apply(function, arguments)


def measure(part: str, size: int, chunk: int, settings: Settings, exact: dict[str, float]) -> list[Row]:
    """Return a row for each contestant."""
    cuda = settings.device != "cpu"
    rounds: list[dict[str, float]] = apart(times, part, size, chunk, settings, cuda=cuda)
    first = next(iter(steps(part, 8, chunk, settings)))

    def ratio(name: str, to: str) -> float:
        return statistics.median(each[name] / each[to] for each in rounds)

    def memory(name: str) -> float:
        processes = settings.memory_rounds if size <= 1024 else 1
        return statistics.median(
            apart(peak, part, size, chunk, settings, name, cuda=cuda) for _ in range(processes)
        )

    return [
        Row(
            part=part,
            name=name,
            size=size,
            chunk=chunk,
            relative_error=exact.get(name),
            milliseconds=1e3 * statistics.median(each[name] for each in rounds),
            ratio_to_full=ratio(name, first),
            ratio_to_bound=ratio(name, BOUND) if BOUND in rounds[0] else None,
            peak_mib=memory(name),
        )
        for name in steps(part, 8, chunk, settings)
    ]


# ---------------------------------------------------------------- reporting


def table(rows: Sequence[Row]) -> str:
    """Return one setting's rows as text."""
    first = rows[0]
    chunk = f", chunks of {first.chunk}" if first.part == "step" else ""
    lines = [
        f"{first.part}, N = {first.size}{chunk}",
        f"{'':26}{'ms':>10}{'x first':>10}{'x bound':>10}{'peak MiB':>10}{'error':>12}",
    ]
    for row in rows:
        bound = "" if row.ratio_to_bound is None else f"{row.ratio_to_bound:.2f}"
        error = "" if row.relative_error is None else f"{row.relative_error:.1e}"
        lines.append(
            f"{row.name:26}{row.milliseconds:10.1f}{row.ratio_to_full:10.2f}{bound:>10}{row.peak_mib:10.1f}{error:>12}"
        )
    return "\n".join(lines)


def main(settings: Settings) -> None:
    """Measure, print a table for each setting, and write everything to a JSON file."""
    torch.set_num_threads(1)
    output = settings.output
    if settings.quick:
        settings.sizes, settings.chunks, settings.loss_sizes = (24,), (8,), (32,)
        settings.width, settings.rounds, settings.memory_rounds = 16, 1, 1
    elif output is None:
        output = RESULTS / "contrastive_accumulation.json"
    rows = []
    for chunk in settings.chunks:
        exact = errors(chunk)
        for size in (size for size in settings.sizes if size > chunk):
            rows.append(measure("step", size, chunk, settings, exact))
            print(table(rows[-1]), end="\n\n", flush=True)
    for size in settings.loss_sizes:
        rows.append(measure("loss", size, 256, settings, {}))
        print(table(rows[-1]), end="\n\n", flush=True)
    if output is not None:
        measured = [asdict(row) for group in rows for row in group]
        write(output, provenance(PACKAGES, asdict(settings)), measured)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
