"""How much memory tensors take, to the byte and alike on every run, and what a step of two towers takes."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sjedu.contrastive_accumulation.accumulation import accumulate
from sjedu.contrastive_accumulation.losses import info_nce
from sjedu.contrastive_accumulation.toy import Normalize


def peak_bytes(work: Callable[[], Any]) -> int:
    """Run some work on tensors, and return the most bytes that the storages it made took at one time.

    What an operation needs while it runs and hides from PyTorch (the workspace of a matrix product) is not seen.
    """
    with _Meter() as meter:
        result = work()
    del result
    return int(meter.peak)


class _Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every storage when it is made, and is told when it goes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._now = 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._meet((args, kwargs), new=False)
        out = func(*args, **(kwargs or {}))
        self._meet(out, new=True)
        return out

    def _meet(self, tree: Any, new: bool) -> None:
        for tensor in tree_leaves(tree):
            if not isinstance(tensor, Tensor):
                continue
            storage = tensor.untyped_storage()
            key = storage._cdata
            if key not in self._known:
                self._known[key] = storage.nbytes() if new else 0
                self._now += self._known[key]
                self.peak = max(self.peak, self._now)
                weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self._now -= self._known.pop(key)


def mebibytes(count: int | float) -> float:
    """Return bytes in MiB."""
    return count / 2**20


# ---------------------------------------------------------------- a step of two towers


def towers(width: int = 256, dim: int = 64) -> tuple[nn.Sequential, nn.Sequential]:
    """Return the two towers, of six layers each, on which memory and operations are counted."""

    def tower() -> nn.Sequential:
        layers = [nn.Linear(dim, width), nn.GELU()]
        for _ in range(4):
            layers += [nn.Linear(width, width), nn.GELU()]
        return nn.Sequential(*layers, nn.Linear(width, dim), Normalize())

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return tower(), tower()


def tower_inputs(batch: int) -> Tensor:
    """Return random inputs of both towers, (2, batch, 64), the same every time."""
    return torch.randn(2, batch, 64, generator=torch.Generator().manual_seed(1))


def step_memory(batch: int, micro_batch: int | None, block: int | None) -> float:
    """Return the peak of a step's tensors in MiB: of the full batch, or accumulated in micro-batches.

    Args:
        batch: pairs.
        micro_batch: pairs at a time; None: all in one graph.
        block: rows of the loss at a time; None: the whole matrix under autograd.
    """
    pair, (x, y) = towers(), tower_inputs(batch)

    def loss(u: Tensor, v: Tensor) -> Tensor:
        return info_nce(u, v, temperature=0.07, symmetric=True, block=block)

    def step() -> None:
        if micro_batch is None:
            loss(pair[0](x), pair[1](y)).backward()  # type: ignore[no-untyped-call]
        else:
            accumulate(pair, (x, y), loss, micro_batch)

    return mebibytes(peak_bytes(step))
