"""A batch shared by several processes: five ways to write the loss, and by how much each one's gradient is off.

`measure_processes` starts real processes (gloo, on the CPU). Each holds a slice of the pairs and computes a gradient,
and then they take its mean, as DistributedDataParallel does.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from accelerate import Accelerator
from torch import Tensor, nn

from sjedu.checks import check_choice
from sjedu.contrastive_accumulation import theory, toy
from sjedu.contrastive_accumulation.accumulation import accumulate
from sjedu.contrastive_accumulation.losses import info_nce

PAIRS = 32
#: What a process computes, in a sentence each.
SCHEMES = {
    "global": "the loss of all pairs; its own embeddings carry gradients, gathered ones do not",
    "rows": "the mean loss of its own rows; gathered embeddings carry gradients back to where they came from",
    "own keys": "the mean loss of its own rows; its own keys carry gradients, gathered ones do not",
    "no keys": "the mean loss of its own rows; no key carries a gradient",
    "alone": "the loss of its own pairs, without the others",
    "accumulate": "accumulate(…, accelerator=…), in micro-batches of 3",
}


@cache
def measure_processes(processes: int, *, timeout: float = 120.0) -> dict[str, theory.Comparison]:
    """Compare the mean gradient over real processes with that of the whole batch, for every scheme.

    Raises:
        ValueError: processes is not a divisor of the 32 pairs that is at least 2.
        RuntimeError: a process failed or did not end in time; says what it printed last.
    """
    if processes < 2 or PAIRS % processes:
        raise ValueError(f"processes: got {processes!r}; expected a divisor of {PAIRS} that is at least 2")
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = [sys.executable, "-m", __name__, folder]
        workers = [
            subprocess.Popen(
                command,
                env=_environment(rank, processes, port),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(processes)
        ]
        _wait(workers, timeout)
        gradients = json.loads(Path(folder, "gradients.json").read_text())
    exact = whole_gradient()
    return {name: theory.compare(values, exact.numpy()) for name, values in gradients.items()}


def whole_gradient() -> Tensor:
    """Return the gradient of the mean loss of all pairs, in one process."""
    model, (x, y) = toy.encoder(), toy.views(PAIRS)
    return toy.gradient(model, lambda: row_loss(model(x), model(y)).backward())  # type: ignore[no-untyped-call]


def row_loss(queries: Tensor, keys: Tensor, first: int = 0) -> Tensor:
    """Return the mean InfoNCE of some queries, whose positives begin at row ``first`` of the keys."""
    positives = torch.arange(first, first + len(queries), device=queries.device)
    return info_nce(queries, keys, temperature=toy.TEMPERATURE, positives=positives)


def scheme_loss(scheme: str, own: Sequence[Tensor], gather: Callable[[Tensor], Tensor], first: int) -> Tensor:
    """Return the loss that a process backpropagates under a scheme.

    Args:
        scheme: one of `SCHEMES` but "accumulate".
        own: this process's queries and keys, with their graphs.
        gather: returns the rows of all processes; where gradients are to come back, differentiable.
        first: the number of this process's first pair.
    """
    check_choice("scheme", scheme, tuple(SCHEMES)[:-1])
    queries, keys = own
    here = slice(first, first + len(queries))

    def placed(x: Tensor) -> Tensor:
        every = gather(x).detach()
        return torch.cat([every[: here.start], x, every[here.stop :]])

    match scheme:
        case "global":
            return row_loss(placed(queries), placed(keys))
        case "rows":
            return row_loss(queries, gather(keys), first)
        case "own keys":
            return row_loss(queries, placed(keys), first)
        case "no keys":
            return row_loss(queries, gather(keys).detach(), first)
    return row_loss(queries, keys)  # "alone"


class Gather(torch.autograd.Function):
    """Gather the rows of all processes; backwards, each process gets what all of them have for its rows."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        """Return the rows by rank."""
        ctx.count = len(own)
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        """Sum the derivatives over processes, and keep this process's rows."""
        total = upstream.contiguous().clone()
        dist.all_reduce(total)
        return total[dist.get_rank() * ctx.count :][: ctx.count]


def work(folder: Path) -> None:
    """Run one process of `measure_processes`; the first writes the mean gradients."""
    accelerator = Accelerator(cpu=True)
    rank, world = dist.get_rank(), dist.get_world_size()
    share = PAIRS // world
    x, y = (view[rank * share :][:share] for view in toy.views(PAIRS))
    gradients: dict[str, list[float]] = {}
    for scheme in SCHEMES:
        model = toy.encoder()
        if scheme == "accumulate":
            both = [accelerator.prepare(model)] * 2
            step = partial(accumulate, both, (x, y), row_loss, 3, accelerator=accelerator)
            flat = toy.gradient(model, step)
        else:
            flat = toy.gradient(model, _backward(scheme, model, x, y, rank * share))
            dist.all_reduce(flat)
            flat /= world
        gradients[scheme] = flat.tolist()
    if rank == 0:
        (folder / "gradients.json").write_text(json.dumps(gradients))
    accelerator.wait_for_everyone()
    dist.destroy_process_group()


def _backward(scheme: str, model: nn.Module, x: Tensor, y: Tensor, first: int) -> Callable[[], object]:
    def backward() -> None:
        scheme_loss(scheme, (model(x), model(y)), Gather.apply, first).backward()  # type: ignore[no-untyped-call]

    return backward


def _environment(rank: int, processes: int, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }


def _wait(workers: Sequence[subprocess.Popen[str]], timeout: float) -> None:
    """Wait for all; when one fails or time is up, end the others too."""
    try:
        for rank, worker in enumerate(workers):
            _, printed = worker.communicate(timeout=timeout)
            if worker.returncode:
                last = printed.strip().splitlines()[-1:] or ["nothing"]
                raise RuntimeError(f"process {rank} ended with status {worker.returncode}: {last[0]}")
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"process {rank} did not end within {timeout:g} s") from None
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
                worker.communicate()


if __name__ == "__main__":
    work(Path(sys.argv[1]))
