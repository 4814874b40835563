"""How much memory tensors take: measured, to the byte and alike on every run, and predicted by a small model."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sjedu.checks import check_choice, check_count

Method: TypeAlias = Literal["full", "exact", "naive"]


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


@dataclass(frozen=True)
class Cost:
    """What one step costs: bytes by what they are for, and time in forward passes of the whole batch."""

    activations: float
    embeddings: float
    similarities: float
    time: float

    @property
    def total(self) -> float:
        """All bytes."""
        return self.activations + self.embeddings + self.similarities


def step_cost(
    method: Method,
    batch: int,
    micro_batch: int,
    *,
    layers: int,
    width: int,
    dim: int = 128,
    block: int | None = None,
    tokens: int = 1,
) -> Cost:
    """Predict a step of two towers in float32, each of ``layers`` layers that keep ``width`` numbers a token.

    A layer keeps its input and its activation for the backward pass. The loss under autograd keeps about four
    matrices of similarities; the streamed one two blocks of rows. A backward pass costs two forward passes.

    Raises:
        ValueError: a number is less than 1, or the method is unknown.
        TypeError: a number is not whole.
    """
    check_choice("method", method, get_args(Method))
    sizes = {"batch": batch, "micro_batch": micro_batch, "layers": layers, "width": width, "dim": dim}
    for name, size in {**sizes, "tokens": tokens, "block": 1 if block is None else block}.items():
        check_count(name, size)
    chunk = batch if method == "full" else min(micro_batch, batch)
    compared = chunk if method == "naive" else batch
    both = 2 if method != "exact" else 1  # the towers' graphs live at the same time unless each goes alone
    matrices = 4 * compared if block is None else 2 * min(block, compared)
    return Cost(
        activations=4.0 * both * chunk * 2 * layers * width * tokens,
        embeddings=4.0 * 4 * compared * dim,
        similarities=4.0 * matrices * compared,
        time=4.0 if method == "exact" else 3.0,
    )


def mebibytes(count: int | float) -> float:
    """Return bytes in MiB."""
    return count / 2**20
