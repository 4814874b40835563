"""One vector for a text, in the four ways of the article 《无监督语义相似度哪家强？》 (kexue.fm/archives/8321)."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sjedu.roformer.model import RoFormer

Pooling: TypeAlias = Literal["pooler", "cls", "mean", "first_last"]


def sentence_vectors(
    model: RoFormer,
    ids: Int64[Tensor, "batch tokens"],
    lengths: Int64[Tensor, " batch"],
    pooling: Pooling = "cls",
    *,
    mask: Bool[Tensor, "*_"] | None = None,
) -> Float[Tensor, "batch hidden"]:
    """Return a vector for each text.

    - "pooler" (P1): the first token, through the pooler's dense layer and tanh.
    - "cls" (P2): the first token of the last layer.
    - "mean" (P3): the mean over the last layer's tokens.
    - "first_last" (P4): the mean of the first block's and the last block's means.

    Args:
        model: the encoder.
        ids: of the tokens, padded behind.
        lengths: of the texts.
        pooling: one of the four.
        mask: who sees whom; by default each text sees itself without its padding.

    Raises:
        ValueError: if there is no such pooling, or "pooler" is asked of a model without one.
    """
    if pooling not in get_args(Pooling):
        raise ValueError(f"pooling must be one of {', '.join(get_args(Pooling))}, got {pooling!r}")
    inside = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
    states = model.hidden_states(ids, mask=inside[:, None] if mask is None else mask)
    if pooling == "cls":
        return states[-1][:, 0]
    if pooling == "pooler":
        if model.pooler is None:
            raise ValueError("pooling 'pooler' needs a model with one: config.pooler is False")
        pooled: Tensor = torch.tanh(model.pooler(states[-1][:, 0]))
        return pooled
    if pooling == "mean":
        return _mean(states[-1], inside)
    return (_mean(states[1], inside) + _mean(states[-1], inside)) / 2


def _mean(states: Tensor, inside: Tensor) -> Tensor:
    weights = inside.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)
