"""Batch norm under accumulation, exactly: the article's closing challenge.

Batch norm couples the samples of a batch through means and variances alone. Treat these as variables of their own.
With all of them held fixed the samples are independent again, and two facts close the circle:

- *forward*: the statistics of layer l are means over samples, once those of the layers before it are known;
- *backward*: the derivative by the statistics of layer l is a sum over samples, once those by the statistics of the
  layers after it are known.

So with L layers, L + 1 sweeps over the micro-batches give the embeddings, and L + 1 sweeps with a graph give the
gradient, in the memory of one micro-batch. It is exact, and its price grows with L.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from sjedu.contrastive_accumulation.accumulation import (
    BatchNorm,
    Encoder,
    Inputs,
    RandomState,
    backward_to_embeddings,
    call,
    chunks_of,
    devices_of,
    forget_casts,
    modules_of,
    uses_batch_statistics,
)


def accumulate_batch_norm(
    encoder: Encoder, inputs: Inputs, loss: Callable[[Tensor], Tensor], micro_batch: int
) -> Tensor:
    """Do as `accumulate` does, for an encoder with batch norms in training mode: their statistics are the batch's.

    With the statistics ``m_l = (μ_l, σ²_l)`` as variables, ``m_l = Σ_i φ_l(x_i; θ, m_1 … m_{l-1})``, and

        m̄_l = ∂/∂m_l [ Σ_i ⟨h_i, h̃_i⟩ + Σ_{k>l} ⟨m_k, m̄_k⟩ ]            (from the last layer to the first)
        ∇L  = ∂/∂θ   [ Σ_i ⟨h_i, h̃_i⟩ + Σ_k ⟨m_k, m̄_k⟩ ]                 (everything barred held fixed)

    Every bracket is a sum over samples. Running statistics are updated once, as by one pass over the whole batch.

    Args:
        encoder: a module, or a method of one. A layer may be used several times.
        inputs: its inputs; rows are samples.
        loss: a function of the embeddings of the whole batch.
        micro_batch: samples at a time.

    Returns:
        The loss, without a graph.

    Raises:
        ValueError: several processes are at work.
        RuntimeError: the encoder does not use its batch norms in the same order for every micro-batch.

    Source: ours; the article (closing section) leaves it to the reader.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        raise ValueError("processes: got several; expected one")
    sweep = _Sweep(encoder, list(chunks_of(inputs, micro_batch)), devices_of([encoder], [inputs]))
    with sweep.patched():
        embeddings = sweep.forward()
        value, (gradients,) = backward_to_embeddings([embeddings], loss)
        after = RandomState.now(sweep.devices)
        if gradients is not None:
            sweep.backward(torch.split(gradients, [len(h) for h in embeddings]))
    after.restore()
    for site in sweep.sites:
        site.update_running_statistics()
    return value


@dataclass
class _Site:
    """One use of a batch norm: its statistics over the batch, and the loss's derivatives by them."""

    layer: BatchNorm
    mean: Tensor
    variance: Tensor
    count: int = 0
    by_mean: Tensor | None = None
    by_variance: Tensor | None = None

    @classmethod
    def before(cls, layer: BatchNorm, x: Tensor) -> _Site:
        zeros = torch.zeros(x.shape[1], dtype=_wide(x).dtype, device=x.device)
        return cls(layer, zeros, zeros.clone())

    def add(self, x: Tensor) -> None:
        """Merge a micro-batch into mean and variance (Chan et al.: no difference of large numbers)."""
        x = _wide(x)
        axes = [axis for axis in range(x.ndim) if axis != 1]
        count = x.numel() // x.shape[1]
        variance, mean = torch.var_mean(x, dim=axes, correction=0)
        total, step = self.count + count, mean - self.mean
        self.variance = (self.count * self.variance + count * variance) / total
        self.variance = self.variance + step**2 * (self.count * count / total**2)
        self.mean = self.mean + step * (count / total)
        self.count = total

    def normalise(self, x: Tensor) -> Tensor:
        """Batch norm with the batch's statistics, which may carry gradients."""
        shape = (1, -1, *[1] * (x.ndim - 2))
        centred = _wide(x) - self.mean.view(shape)
        normal = centred * (self.variance.view(shape) + self.layer.eps).rsqrt()
        if self.layer.affine:
            normal = normal * self.layer.weight.view(shape) + self.layer.bias.view(shape)
        return normal.to(x.dtype)

    def contribution(self, x: Tensor) -> Tensor:
        """Return ⟨m, m̄⟩ of these samples (that the variance moves with the mean adds up to 0 over the batch)."""
        assert self.by_mean is not None
        assert self.by_variance is not None
        shape = (1, -1, *[1] * (x.ndim - 2))
        x = _wide(x)
        spread = (x - self.mean.detach().view(shape)) ** 2
        return (x * self.by_mean.view(shape) + spread * self.by_variance.view(shape)).sum() / self.count

    @torch.no_grad()
    def update_running_statistics(self) -> None:
        layer = self.layer
        if layer.running_mean is None or layer.running_var is None or not layer.training:
            return
        assert layer.num_batches_tracked is not None
        layer.num_batches_tracked += 1
        momentum = 1 / float(layer.num_batches_tracked) if layer.momentum is None else layer.momentum
        unbiased = self.variance * (self.count / max(self.count - 1, 1))
        layer.running_mean.lerp_(self.mean.to(layer.running_mean.dtype), momentum)
        layer.running_var.lerp_(unbiased.to(layer.running_var.dtype), momentum)


class _Reached(Exception):  # noqa: N818
    """The forward pass has come to the layer whose statistics are being collected: it need not go on."""


class _Sweep:
    """Walks over the micro-batches while the batch norms do what the walk is for."""

    def __init__(self, encoder: Encoder, chunks: list[Inputs], devices: list[torch.device]) -> None:
        self.encoder = encoder
        self.chunks = chunks
        self.devices = devices
        self.sites: list[_Site] = []
        self._states: list[RandomState] = []
        self._calls = 0
        self._complete = 0  # sites whose statistics are known
        self._from: int | None = None  # the first site with a graph; None: no graph
        self._contributions: list[Tensor] = []
        self._draws = True  # the first walk

    @contextmanager
    def patched(self) -> Iterator[None]:
        """Let every batch norm that would use the statistics of its micro-batch use those of the batch."""
        layers = [
            layer
            for module in modules_of(self.encoder)
            for layer in module.modules()
            if isinstance(layer, BatchNorm) and uses_batch_statistics(layer)
        ]
        for layer in layers:
            layer.forward = functools.partial(self._batch_norm, layer)  # type: ignore[method-assign]
        try:
            yield
        finally:
            for layer in layers:
                del layer.forward

    def forward(self) -> list[Tensor]:
        """Collect the statistics of one layer after the other; the last walk arrives at the embeddings."""
        while True:
            embeddings = [self._embed(k) for k in range(len(self.chunks))]
            walked, self._complete = self._complete, len(self.sites)
            if walked == len(self.sites):
                forget_casts()
                return embeddings

    def backward(self, gradients: Sequence[Tensor]) -> None:
        """Derive by the statistics of the last layer first, and at last by the parameters."""
        for number in reversed(range(len(self.sites))):
            site = self.sites[number]
            statistics = site.mean.requires_grad_(), site.variance.requires_grad_()
            by = [torch.zeros_like(each) for each in statistics]
            for k, gradient in enumerate(gradients):
                bracket = self._bracket(k, gradient, number)
                for total, part in zip(by, torch.autograd.grad(bracket, statistics), strict=True):
                    total += part
            site.by_mean, site.by_variance = by
            site.mean, site.variance = (each.detach() for each in statistics)
            forget_casts()
        for k, gradient in enumerate(gradients):
            self._bracket(k, gradient, -1).backward()  # type: ignore[no-untyped-call]

    def _embed(self, k: int) -> Tensor:
        """The embeddings of a micro-batch; of no meaning if a layer's statistics are still being collected."""
        # The first walk goes all the way, so that each micro-batch starts where the one before has ended its draws.
        self._draws = len(self._states) <= k
        if self._draws:
            self._states.append(RandomState.now(self.devices))
        else:
            self._states[k].restore()
        self._calls, self._from = 0, None
        with torch.no_grad():
            try:
                h: Tensor = call(self.encoder, self.chunks[k])
            except _Reached:
                return torch.empty(0)
        if self._calls < len(self.sites):
            raise RuntimeError(
                "encoder: got different numbers of batch norms in the micro-batches; expected the same number in each"
            )
        return h

    def _bracket(self, k: int, gradient: Tensor, first: int) -> Tensor:
        """Σ ⟨h, h̃⟩ + Σ_{l > first} ⟨m_l, m̄_l⟩ of a micro-batch, with a graph from site ``first`` on (-1: all)."""
        self._states[k].restore()
        self._calls, self._from, self._contributions = 0, first, []
        with torch.set_grad_enabled(first < 0):
            h = call(self.encoder, self.chunks[k])
            with torch.enable_grad(), torch.autocast(h.device.type, enabled=False):
                return torch.stack([(h.to(gradient.dtype) * gradient).sum(), *self._contributions]).sum()

    def _batch_norm(self, layer: BatchNorm, x: Tensor) -> Tensor:
        number, self._calls = self._calls, self._calls + 1
        if number >= self._complete and self._from is None:
            return self._collect(number, layer, x)
        site = self._expect(number, layer)
        if self._from is not None and number >= self._from:
            torch.set_grad_enabled(True)  # until the end of the forward pass
            if number > self._from:
                self._contributions.append(site.contribution(x))
        return site.normalise(x)

    def _collect(self, number: int, layer: BatchNorm, x: Tensor) -> Tensor:
        """Add a micro-batch to the statistics of the first layer that does not know them yet."""
        if number == self._complete:
            if number == len(self.sites):
                self.sites.append(_Site.before(layer, x))
            self._expect(number, layer).add(x)
        if not self._draws:
            raise _Reached
        return x  # what follows matters for its random draws only

    def _expect(self, number: int, layer: BatchNorm) -> _Site:
        if number >= len(self.sites) or self.sites[number].layer is not layer:
            raise RuntimeError(
                "encoder: got its batch norms in different orders; expected the same order in each micro-batch"
            )
        return self.sites[number]


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
