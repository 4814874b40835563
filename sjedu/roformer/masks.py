"""Who may look at whom: boolean masks, True where a query may attend to a key, to be joined with ``&``.

The last two axes are queries and keys. A mask broadcasts: (1, keys) or (queries, keys) for all texts alike,
(batch, 1, keys) or (batch, queries, keys) for each its own.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from sjedu.checks import check_count


def padding_mask(lengths: Int64[Tensor, " batch"], size: int) -> Bool[Tensor, "batch 1 size"]:
    """Hide what stands behind the end of each text.

    Args:
        lengths: of the texts, each 1 .. size.
        size: to which they are padded.
    """
    _check("lengths", lengths, 1, size)
    return (torch.arange(size, device=lengths.device) < lengths[:, None])[:, None]


def causal_mask(size: int, *, device: torch.device | str | None = None) -> Bool[Tensor, "size size"]:
    """Let position i look at positions 0 .. i only: the mask of GPT."""
    check_count("size", size)
    return torch.ones(size, size, dtype=torch.bool, device=device).tril()


def prefix_mask(source_lengths: Int64[Tensor, " batch"], size: int) -> Bool[Tensor, "batch size size"]:
    """Let everyone look at the source, and the target also at itself up to where it has come: the mask of UniLM.

    Positions 0 .. s-1 are the source, encoded in both directions without a view of the target; position i ≥ s of
    the target looks at 0 .. i (Dong et al., arXiv 1905.03197, sequence-to-sequence mask).

    Args:
        source_lengths: s of each text, [CLS] and the first [SEP] included, each 0 .. size; 0 is causal.
        size: of source and target together.
    """
    _check("source_lengths", source_lengths, 0, size)
    in_source = torch.arange(size, device=source_lengths.device) < source_lengths[:, None]
    return causal_mask(size, device=source_lengths.device) | in_source[:, None]


def _check(name: str, lengths: Tensor, least: int, most: int) -> None:
    if lengths.numel() and not bool(((least <= lengths) & (lengths <= most)).all()):
        raise ValueError(f"{name}: got {lengths.tolist()}; expected {least} .. size = {most}")
