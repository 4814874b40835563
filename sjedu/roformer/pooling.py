"""One vector for a text, in the ways of the article 《无监督语义相似度哪家强？》 (kexue.fm/archives/8321)."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sjedu.checks import check_choice
from sjedu.roformer.model import RoFormer

Pooling: TypeAlias = Literal["pooler", "linear", "cls", "mean", "first_last"]


def sentence_vectors(
    model: RoFormer,
    ids: Int64[Tensor, "batch tokens"],
    lengths: Int64[Tensor, " batch"],
    pooling: Pooling = "cls",
    *,
    mask: Bool[Tensor, "*_"] | None = None,
) -> Float[Tensor, "batch hidden"]:
    """Return a vector for each text.

    - "pooler" (P2): the first token, through the pooler's dense layer and tanh.
    - "linear": the same without tanh, as RoFormer-Sim was trained.
    - "cls" (P1): the first token of the last layer.
    - "mean" (P3): the mean over the last layer's tokens.
    - "first_last" (P4): the mean of the first block's and the last block's means.

    The ids are padded behind the texts' lengths. The mask says who sees whom; by default each text sees itself without
    its padding. "pooler" and "linear" are refused (ValueError) where the model has no pooler.
    """
    _check(model, pooling)
    inside = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
    states = model.hidden_states(ids, mask=inside[:, None] if mask is None else mask)
    return pool_states(model, states, lengths, pooling)


def pool_states(
    model: RoFormer,
    states: list[Float[Tensor, "batch tokens hidden"]],
    lengths: Int64[Tensor, " batch"],
    pooling: Pooling = "cls",
) -> Float[Tensor, "batch hidden"]:
    """Return a vector for each text from all its hidden states, of which the first `lengths` tokens count.

    Arguments and errors as in `sentence_vectors`; of a source with its target, the length is the source's.
    """
    _check(model, pooling)
    inside = torch.arange(states[-1].shape[1], device=lengths.device) < lengths[:, None]
    if pooling == "cls":
        return states[-1][:, 0]
    if pooling in ("pooler", "linear"):
        assert model.pooler is not None
        pooled: Tensor = model.pooler(states[-1][:, 0])
        return torch.tanh(pooled) if pooling == "pooler" else pooled
    if pooling == "mean":
        return _mean(states[-1], inside)
    return (_mean(states[1], inside) + _mean(states[-1], inside)) / 2


def _check(model: RoFormer, pooling: str) -> None:
    check_choice("pooling", pooling, get_args(Pooling))
    if pooling in ("pooler", "linear") and model.pooler is None:
        raise ValueError(f"pooling: got {pooling!r} for a model without a pooler; expected another")


def _mean(states: Tensor, inside: Tensor) -> Tensor:
    weights = inside.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)
