"""The gradient of a large batch in the memory of a small one, exactly, for any loss of the embeddings.

`accumulate` encodes the batch in micro-batches without a graph, takes ``h̃ = ∂L/∂h`` from the loss of all
embeddings, and encodes once more, with a graph, to backpropagate ``⟨h, h̃⟩`` micro-batch by micro-batch. The second
pass draws what the first one drew (`RandomState`), so dropout keeps it exact. It walks in the order of the first: one
state for each encoder is enough.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sjedu.checks import check_count

#: A module, or any function of its inputs that returns a tensor with one row for each sample.
Encoder: TypeAlias = Callable[..., Any]
#: A tensor, or a tuple (positional arguments) or a mapping (keyword arguments) of tensors, one row a sample each.
Inputs: TypeAlias = Any
#: All batch norms of PyTorch derive from this class.
BatchNorm: TypeAlias = _BatchNorm


# ---------------------------------------------------------------- randomness


@dataclass(frozen=True)
class RandomState:
    """Where the generators stand from which a forward pass draws: Python's, NumPy's, PyTorch's, the devices'."""

    python: Any
    numpy: Any
    cpu: Tensor
    devices: dict[torch.device, Tensor]

    @classmethod
    def now(cls, devices: Sequence[torch.device] = ()) -> RandomState:
        """Return the present state; ``devices`` are the accelerators in use."""
        return cls(
            random.getstate(),
            np.random.get_state(),  # noqa: NPY002  the global generator is what other people's code draws from
            torch.get_rng_state(),
            {each: torch.get_device_module(each).get_rng_state(each) for each in devices},
        )

    def restore(self) -> None:
        """Put all generators back."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        torch.set_rng_state(self.cpu)
        for each, state in self.devices.items():
            torch.get_device_module(each).set_rng_state(state, each)


# ---------------------------------------------------------------- the accumulated step


def accumulate(
    encoders: Encoder | Sequence[Encoder],
    inputs: Inputs | Sequence[Inputs],
    loss: Callable[..., Tensor],
    micro_batch: int,
    *,
    scaler: torch.amp.GradScaler | None = None,
    accelerator: Accelerator | None = None,
    replay: bool = True,
) -> Tensor:
    """Add to ``.grad`` the gradients of ``loss(h)``, h the embeddings of the *whole* batch; return that loss.

    With ``h̃ = ∂L/∂h`` held fixed, ``∇L = ∇ Σ_i ⟨h_i, h̃_i⟩`` (equation 3 of the article): each micro-batch adds
    its part alone. Memory: activations of one micro-batch, the embeddings, and what the loss needs. Time: one
    forward pass more than usual. Parameters of the loss (a temperature) get their gradient once, from the loss.

        loss = accumulate(encoder, x, info_nce, 64)                      # x: first views, then second views
        loss = accumulate((image, text), (x, y), clip_loss, 64)          # clip_loss(u, v)
        loss = accumulate((encoder, encoder), (x, x), simcse_loss, 64)   # one encoder, two dropout masks

    What to know: gradients that are already there are kept and added to. The random state afterwards is that after
    the first pass and the loss. An encoder without trainable parameters is run once. Under ``torch.autocast`` call
    it inside, clip after it. With a ``scaler`` (or the accelerator's) gradients come out scaled, as after
    ``scaler.scale(loss).backward()``. With several processes the loss is that of the embeddings of *all* of them,
    in the order of their ranks; models that Accelerate prepared then hold the exact gradient of that loss, and
    synchronise once.

    Args:
        encoders: one, or a sequence; the same one may stand in it several times.
        inputs: of the encoder, or a sequence with the inputs of each. Rows are samples.
        loss: a function of the embeddings, one argument an encoder, that returns one number.
        micro_batch: samples at a time.
        scaler: of mixed precision in float16, where no accelerator is given.
        accelerator: where one prepared the encoders.
        replay: False draws new dropout masks in the second pass, which makes the gradient wrong: to see how much.

    Returns:
        The loss, without a graph. (The surrogate Σ⟨h, h̃⟩ has its gradient, and another value.)

    Raises:
        ValueError: micro_batch is less than 1; encoders and inputs do not match; rows of one encoder's inputs
            differ in number, or between processes; a batch norm is in training mode (its statistics would be those
            of the micro-batch: see `accumulate_batch_norm`); several processes are at work without an accelerator;
            both scaler and accelerator are given.
        TypeError: micro_batch is not a whole number; an encoder is not callable, returns no tensor, or the loss
            does not return one number.
        FloatingPointError: an embedding or the loss is NaN or infinite. No gradient was changed.
        RuntimeError: the second pass gave other embeddings than the first (state or randomness that cannot be
            replayed), or no graph.
    """
    processes = Processes(accelerator, scaler)
    towers = _towers(encoders, inputs, micro_batch, accelerator is not None)
    devices = devices_of([tower.encoder for tower in towers], [tower.chunks[0] for tower in towers])
    with torch.no_grad():
        for tower in towers:
            tower.encode(devices)
    forget_casts()
    value, gradients = backward_to_embeddings([tower.embeddings for tower in towers], loss, processes)
    for tower, gradient in zip(towers, gradients, strict=True):
        tower.set_gradient(gradient)
    after = RandomState.now(devices)
    jobs = [(tower, k) for tower in towers if tower.learns for k in range(len(tower.chunks))]
    last = {id(tower.encoder): job for job, (tower, _) in enumerate(jobs)}
    for job, (tower, k) in enumerate(jobs):
        with processes.unsynchronised(tower.encoder, job != last[id(tower.encoder)]):
            tower.backward(k, replay)
    after.restore()
    return value


def uses_batch_statistics(layer: BatchNorm) -> bool:
    """Whether a batch norm normalises by the batch at hand, and not by its running statistics."""
    return layer.training or layer.running_mean is None


class _Tower:
    """One encoder with its inputs in micro-batches, its embeddings, and where its draws began."""

    def __init__(self, encoder: Encoder, chunks: list[Inputs]) -> None:
        self.encoder = encoder
        self.chunks = chunks
        self.beginning: RandomState | None = None
        self.embeddings: list[Tensor] = []
        self.gradients: Sequence[Tensor] = ()

    def set_gradient(self, gradient: Tensor | None) -> None:
        """Note h̃, by micro-batches."""
        if gradient is not None:
            self.gradients = torch.split(gradient, [len(h) for h in self.embeddings])

    @property
    def learns(self) -> bool:
        """Whether there is anything to backpropagate into."""
        modules = modules_of(self.encoder)
        frozen = modules and not any(p.requires_grad for module in modules for p in module.parameters())
        return bool(self.gradients) and not frozen

    def encode(self, devices: Sequence[torch.device]) -> None:
        """First pass: remember the state of the generators, then the embeddings, chunk by chunk."""
        self.beginning = RandomState.now(devices)
        self.embeddings = [self._embed(chunk).detach() for chunk in self.chunks]

    def backward(self, k: int, replay: bool) -> None:
        """Second pass, chunk by chunk: the same with its graph, and ⟨h, h̃⟩ through it."""
        if replay and k == 0 and self.beginning is not None:
            self.beginning.restore()
        with torch.enable_grad():
            h = self._embed(self.chunks[k])
        if not h.requires_grad:
            raise RuntimeError(
                "encoders: got embeddings without a graph in the second pass; expected no no_grad, no detach, and"
                " something to train in the encoder"
            )
        if replay:
            _expect_same(h.detach(), self.embeddings[k])
        with torch.autocast(h.device.type, enabled=False):
            torch.autograd.backward(h, self.gradients[k].to(h.dtype))

    def _embed(self, chunk: Inputs) -> Tensor:
        h = call(self.encoder, chunk)
        if not isinstance(h, Tensor):
            raise TypeError(f"encoders: got {type(h).__name__} from an encoder; expected a tensor")
        if h.ndim == 0 or len(h) != rows(chunk):
            raise ValueError(
                f"encoders: got embeddings of shape {tuple(h.shape)} for {rows(chunk)} samples; expected one row each"
            )
        return h


class Processes:
    """What several processes share: the embeddings, the scale of the gradients, and when to synchronise."""

    def __init__(
        self, accelerator: Accelerator | None = None, scaler: torch.amp.GradScaler | None = None
    ) -> None:
        if accelerator is not None and scaler is not None:
            raise ValueError("scaler: got one and an accelerator, which has its own; expected None")
        self.accelerator = accelerator
        self.count = 1 if accelerator is None else int(accelerator.num_processes)
        self.scaler = scaler if accelerator is None else accelerator.scaler

    def gather(self, own: Tensor) -> tuple[Tensor, slice]:
        """The rows of all processes by rank, and where this process's are."""
        if self.accelerator is None or self.count == 1:
            return own, slice(0, len(own))
        counts = self.accelerator.gather(torch.tensor([len(own)], device=own.device)).tolist()
        if len(set(counts)) > 1:
            raise ValueError(
                f"inputs: got {counts} samples in the processes; expected the same number in each"
            )
        start = len(own) * int(self.accelerator.process_index)
        return self.accelerator.gather(own), slice(start, start + len(own))

    def scale(self, value: Tensor) -> Tensor:
        """The loss as it is to be backpropagated."""
        return value if self.scaler is None else self.scaler.scale(value)

    def unsynchronised(self, encoder: Encoder, more_to_come: bool) -> AbstractContextManager[Any]:
        """No exchange of gradients, unless this is the encoder's last micro-batch."""
        if self.accelerator is None or not more_to_come or not isinstance(encoder, nn.Module):
            return nullcontext()
        context: AbstractContextManager[Any] = self.accelerator.no_sync(encoder)
        return context


def backward_to_embeddings(
    embeddings: Sequence[Sequence[Tensor]],
    loss: Callable[..., Tensor],
    processes: Processes | None = None,
) -> tuple[Tensor, list[Tensor | None]]:
    """Evaluate the loss of all embeddings; return it and ``h̃ = ∂L/∂h`` for each encoder (None: it has no effect).

    Args:
        embeddings: of each encoder, in micro-batches, without a graph.
        loss: a function of them, one argument an encoder.
        processes: that share the batch.
    """
    processes = processes or Processes()
    leaves: list[tuple[Tensor, slice]] = []
    for number, chunks in enumerate(embeddings):
        h = torch.cat(list(chunks))
        gathered, own = processes.gather(h.float() if h.dtype in (torch.float16, torch.bfloat16) else h)
        # Those of all processes: if one alone stopped, the others would wait for it.
        _expect_finite(gathered, number)
        leaves.append((gathered.requires_grad_(), own))
    with torch.enable_grad():
        value = loss(*(leaf for leaf, _ in leaves))
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise TypeError(f"loss: got {_what(value)}; expected a tensor with one number")
    if not value.requires_grad:
        raise RuntimeError("loss: got a value without a graph; expected no no_grad and no detach in it")
    if not bool(torch.isfinite(value).all()):
        raise FloatingPointError(
            f"loss: got {float(value.detach())}; expected a finite number (no gradient was changed)"
        )
    with torch.autocast(value.device.type, enabled=False):
        processes.scale(value).backward()  # type: ignore[no-untyped-call]
    # Each process holds the derivative of the common loss by its own rows. The exact gradient is the sum over
    # processes, but what they will exchange is a mean.
    gradients = [None if leaf.grad is None else leaf.grad[own] * processes.count for leaf, own in leaves]
    return value.detach(), gradients


def _expect_finite(h: Tensor, number: int) -> None:
    finite = torch.isfinite(h)
    if not bool(finite.all()):
        row = int(torch.nonzero(~finite.reshape(len(h), -1).all(dim=1))[0])
        raise FloatingPointError(
            f"encoders: got a NaN or infinite embedding for sample {row} from encoder {number}; expected finite numbers"
        )


# ---------------------------------------------------------------- inputs and encoders


def call(encoder: Encoder, inputs: Inputs) -> Any:
    """Call an encoder on a tensor, a tuple (positional) or a mapping (keywords)."""
    if isinstance(inputs, Mapping):
        return encoder(**inputs)
    return encoder(*inputs) if isinstance(inputs, tuple) else encoder(inputs)


def leaves_of(inputs: Inputs) -> list[Tensor]:
    """Return the tensors of an encoder's inputs.

    Raises:
        TypeError: if something else is among them.
    """
    if isinstance(inputs, Tensor):
        return [inputs]
    if isinstance(inputs, Mapping):
        return [leaf for value in inputs.values() for leaf in leaves_of(value)]
    if isinstance(inputs, tuple):
        return [leaf for value in inputs for leaf in leaves_of(value)]
    raise TypeError(f"inputs: got {_what(inputs)}; expected a tensor, or a tuple or mapping of tensors")


def rows(inputs: Inputs) -> int:
    """Return the number of samples.

    Raises:
        ValueError: if there is none, or the tensors differ in it.
    """
    counts = {len(leaf) if leaf.ndim else 0 for leaf in leaves_of(inputs)}
    if len(counts) != 1 or 0 in counts:
        shapes = [tuple(leaf.shape) for leaf in leaves_of(inputs)]
        raise ValueError(
            f"inputs: got tensors of shapes {shapes}; expected the same number of rows, at least one, in each"
        )
    return counts.pop()


def chunks_of(inputs: Inputs, micro_batch: int) -> Iterator[Inputs]:
    """Cut inputs into micro-batches of rows; the last may be smaller."""
    check_count("micro_batch", micro_batch)
    for start in range(0, rows(inputs), micro_batch):
        yield _part(inputs, slice(start, start + micro_batch))


def modules_of(encoder: Encoder) -> list[nn.Module]:
    """Return the module behind an encoder: itself, the owner of a bound method, or what a partial wraps."""
    encoder = getattr(encoder, "func", encoder)
    owner = getattr(encoder, "__self__", encoder)
    return [owner] if isinstance(owner, nn.Module) else []


def devices_of(encoders: Sequence[Encoder], inputs: Sequence[Inputs]) -> list[torch.device]:
    """Return the devices, other than the CPU, from whose generators the encoders may draw."""
    tensors = [leaf for each in inputs for leaf in leaves_of(each)]
    tensors += [p for encoder in encoders for module in modules_of(encoder) for p in module.parameters()]
    return sorted({t.device for t in tensors if t.device.type not in ("cpu", "meta")}, key=str)


def forget_casts() -> None:
    """Let autocast forget the weights that it has cast.

    In older versions of PyTorch it keeps them while its context lasts, also those that it cast without a graph, and a
    second pass that used these would leave the weights without gradients.
    """
    if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
        torch.clear_autocast_cache()


def _part(inputs: Inputs, which: slice) -> Inputs:
    if isinstance(inputs, Tensor):
        return inputs[which]
    if isinstance(inputs, Mapping):
        return {name: _part(value, which) for name, value in inputs.items()}
    return tuple(_part(value, which) for value in inputs)


def _towers(
    encoders: Encoder | Sequence[Encoder],
    inputs: Inputs | Sequence[Inputs],
    micro_batch: int,
    accelerated: bool,
) -> list[_Tower]:
    if isinstance(encoders, nn.ModuleList | Sequence):
        several: list[Any] = list(encoders)
        parts: list[Any] = list(inputs) if isinstance(inputs, Sequence) else [inputs]
    else:
        several, parts = [encoders], [inputs]
    if not several or len(several) != len(parts):
        raise ValueError(
            f"inputs: got {len(parts)} for {len(several)} encoders; expected the same number, at least one"
        )
    for encoder in several:
        if not callable(encoder):
            raise TypeError(f"encoders: got {_what(encoder)}; expected modules or functions")
        _refuse_batch_norm(encoder)
        if isinstance(encoder, nn.parallel.DistributedDataParallel) and not accelerated:
            raise ValueError(
                "accelerator: got None with a DistributedDataParallel encoder; expected the Accelerator that prepared"
                " it, because the loss needs the embeddings of all processes"
            )
    return [
        _Tower(each, list(chunks_of(part, micro_batch))) for each, part in zip(several, parts, strict=True)
    ]


def _refuse_batch_norm(encoder: Encoder) -> None:
    for module in modules_of(encoder):
        for name, layer in module.named_modules():
            if isinstance(layer, BatchNorm) and uses_batch_statistics(layer):
                raise ValueError(
                    f"encoders: got a batch norm in training mode, layer {name!r} ({type(layer).__name__}), whose"
                    " statistics would be those of the micro-batch; expected eval mode, another norm, or a call of"
                    " accumulate_batch_norm"
                )


def _expect_same(h: Tensor, before: Tensor) -> None:
    """Refuse a second pass that is another function: its gradient would belong to other embeddings."""
    kind = torch.bfloat16 if torch.is_autocast_enabled(h.device.type) else h.dtype
    tolerance = torch.finfo(kind).eps ** 0.5  # kernels may sum in another order, and no more than that
    deviation, size = float((h.float() - before.float()).norm()), float(before.float().norm())
    if deviation > tolerance * size:
        raise RuntimeError(
            f"encoders: got other embeddings in the second pass than in the first (off by {deviation / size:.2g} of"
            " their norm); expected no layer that changes its state in forward or draws from a generator of its own"
        )


def _what(value: Any) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
