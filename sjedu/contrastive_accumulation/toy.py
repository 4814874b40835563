"""A problem small enough to look at every gradient: 64 pairs, two layers, float64.

Each function returns the gradient by all parameters as one vector, so that they can be compared with
`theory.compare`. "Exact" is meant with respect to the same dropout masks: those that the micro-batches draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sjedu.checks import check_choice
from sjedu.contrastive_accumulation.accumulation import accumulate
from sjedu.contrastive_accumulation.losses import info_nce

Norm: TypeAlias = Literal["none", "batch", "layer"]
Flat: TypeAlias = Float[Tensor, " parameters"]
TEMPERATURE = 0.1


class Normalize(nn.Module):
    """Scale each embedding to length 1. As a layer of the encoder it belongs to the sample, so nothing changes."""

    def forward(self, x: Float[Tensor, "batch dim"] | Tensor) -> Tensor:
        """Return x / ‖x‖, row by row."""
        return F.normalize(x, dim=-1)


def encoder(dropout: float = 0.0, norm: Norm = "none", seed: int = 0) -> nn.Sequential:
    """Return Linear(32, 64), norm, ReLU, dropout, Linear(64, 16), and length 1, in float64."""
    norms: dict[str, Callable[[], nn.Module]] = {
        "none": nn.Identity,
        "batch": lambda: nn.BatchNorm1d(64),
        "layer": lambda: nn.LayerNorm(64),
    }
    check_choice("norm", norm, tuple(norms))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = nn.Linear(32, 64), norms[norm](), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, 16)
        return nn.Sequential(*layers, Normalize()).double()


def views(pairs: int = 64, seed: int = 1, noise: float = 0.3) -> tuple[Tensor, Tensor]:
    """Return two noisy views of the same random points, each (pairs, 32), in float64."""
    generator = torch.Generator().manual_seed(seed)
    z, first, second = torch.randn(3, pairs, 32, dtype=torch.float64, generator=generator)
    return z + noise * first, z + noise * second


def nt_xent(first: Tensor, second: Tensor) -> Tensor:
    """Return the loss of SimCLR of two views: one tower, a row's own similarity left out."""
    return info_nce(torch.cat([first, second]), temperature=TEMPERATURE)


def gradient(model: nn.Module, backward: Callable[[], object]) -> Flat:
    """Return what ``backward`` adds to the gradients of a model, as one vector, and clear them."""
    model.zero_grad()
    backward()
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters()]
    flat = torch.cat([part.flatten() for part in parts])
    model.zero_grad()
    return flat


def full(model: nn.Module, x: Sequence[Tensor], chunk: int | None = None) -> Flat:
    """Return the gradient of the whole batch in one graph; it is encoded in chunks that draw their own masks."""

    def backward() -> None:
        h = [torch.cat([model(part) for part in torch.split(view, chunk or len(view))]) for view in x]
        nt_xent(*h).backward()  # type: ignore[no-untyped-call]

    return gradient(model, backward)


def exact(model: nn.Module, x: Sequence[Tensor], chunk: int, *, replay: bool = True) -> Flat:
    """Return the accumulated gradient of this room."""
    return gradient(model, lambda: accumulate((model, model), tuple(x), nt_xent, chunk, replay=replay))


def two_pass(model: nn.Module, x: Sequence[Tensor], chunk: int) -> Flat:
    """Return the gradient of the two passes without any of `accumulate`'s checks, for layers that it refuses."""

    def backward() -> None:
        with torch.no_grad():
            h = [torch.cat([model(part) for part in torch.split(view, chunk)]).requires_grad_() for view in x]
        nt_xent(*h).backward()  # type: ignore[no-untyped-call]
        for view, leaf in zip(x, h, strict=True):
            assert leaf.grad is not None
            for part, target in zip(torch.split(view, chunk), torch.split(leaf.grad, chunk), strict=True):
                torch.autograd.backward(model(part), target)

    return gradient(model, backward)


def naive(model: nn.Module, x: Sequence[Tensor], chunk: int) -> Flat:
    """Return the mean gradient of the losses of the chunks: ordinary accumulation."""

    def backward() -> None:
        for first, second in zip(*(torch.split(view, chunk) for view in x), strict=True):
            loss = nt_xent(model(first), model(second)) * (len(first) / len(x[0]))
            loss.backward()  # type: ignore[no-untyped-call]

    return gradient(model, backward)
