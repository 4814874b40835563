"""Adapters: the other way to keep a model and learn a few new parameters.

Houlsby et al. (arXiv 1902.00751) put small bottlenecks into every layer; P-tuning is an adapter in the embedding layer,
which changes no code of the model (kexue.fm/archives/8295, closing section). Here one bottleneck follows each layer.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sjedu.checks import check_count
from sjedu.p_tuning.backbone import Backbone


class Adapter(nn.Module):
    """A residual bottleneck, ``h + W₂ gelu(W₁ h)``, that begins as the identity: W₂ = 0.

    Args:
        dim: of the hidden states.
        width: of the bottleneck.

    Raises:
        ValueError: a size is less than 1.
    """

    def __init__(self, dim: int, width: int = 8) -> None:
        super().__init__()
        check_count("dim", dim)
        check_count("width", width)
        self.down, self.up = nn.Linear(dim, width), nn.Linear(width, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, hidden: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """Return the adapted hidden states."""
        adapted: Tensor = hidden + self.up(F.gelu(self.down(hidden)))
        return adapted


class AdaptedLayer(nn.Module):
    """A layer of a model, and an adapter after it."""

    def __init__(self, layer: nn.Module, adapter: Adapter) -> None:
        super().__init__()
        self.layer, self.adapter = layer, adapter

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the layer returns, its hidden states adapted; they may be the first of several results."""
        result = self.layer(*args, **kwargs)
        if isinstance(result, tuple):
            return (self.adapter(result[0]), *result[1:])
        return self.adapter(result)


def add_adapters(backbone: Backbone, width: int = 8) -> list[Adapter]:
    """Put an adapter after each layer of a model, and return them. The model computes as before, at first."""
    layers, reference = backbone.layers, next(backbone.parameters())
    adapters = [Adapter(backbone.dim, width).to(reference) for _ in layers]
    for number, adapter in enumerate(adapters):
        layers[number] = AdaptedLayer(layers[number], adapter)
    return adapters
