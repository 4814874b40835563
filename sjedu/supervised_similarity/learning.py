"""What a step of the experiment computes: vectors of pairs, losses of several sets, and the distillation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sjedu.checks import check_choice
from sjedu.roformer import Batch, Tokenizer
from sjedu.roformer_sim.losses import contrastive_loss, distillation_loss, equal_texts
from sjedu.roformer_sim.model import Rows, unpack
from sjedu.supervised_similarity.heads import Heads
from sjedu.supervised_similarity.losses import cosent_loss, cosine_loss
from sjedu.supervised_similarity.tasks import PairSet
from sjedu.supervised_similarity.theory import COSINE_KINDS
from sjedu.training import batch_indices

Objective: TypeAlias = Literal["head", "squared", "opposite", "margin", "cosent", "mined", "overlap"]

#: The objectives that learn from labels; "mined" learns from pairs without, and "overlap" not at all.
LABELLED: tuple[Objective, ...] = get_args(Objective)[:-2]

Pair: TypeAlias = tuple[str, str]


def balanced_batch(sets: Sequence[PairSet], step: int, batch_size: int, seed: int) -> list[PairSet]:
    """Return of each set the same number of pairs, each in an order of its own: large sets do not drown small ones.

    Raises:
        ValueError: if there are more sets than pairs.
    """
    share = batch_size // len(sets)
    if share < 1:
        raise ValueError(f"batch_size: got {batch_size}; expected at least the number of sets, {len(sets)}")
    return [
        pairs.take(batch_indices(step, len(pairs), min(share, len(pairs)), seed + k).tolist())
        for k, pairs in enumerate(sets)
    ]


def encode_with_gradient(
    model: nn.Module, tokenizer: Tokenizer, texts: Sequence[str]
) -> Float[Tensor, "texts dim"]:
    """Return the vectors of texts, each encoded alone."""
    return _rows(model, tokenizer.encode(texts)).vectors


def label_loss(
    model: nn.Module,
    heads: Heads,
    tokenizer: Tokenizer,
    parts: Sequence[PairSet],
    objective: Objective,
) -> Float[Tensor, ""]:
    """Return the mean over sets of one objective's loss, on the same pairs whatever the objective.

    A head classifies all classes of its set. The losses on the cosine know alike and not alike only: of inference,
    entailment counts as alike and the other two as not. CoSENT compares within a set, never across, and knows
    the order entailment > neutral > contradiction.

    Raises:
        ValueError: if the objective does not learn from labels.
    """
    check_choice("objective", objective, LABELLED)
    texts = [text for pairs in parts for column in (pairs.first, pairs.second) for text in column]
    sizes = [len(pairs) for pairs in parts for _ in range(2)]
    vectors = torch.split(encode_with_gradient(model, tokenizer, texts), sizes)
    losses = []
    for pairs, u, v in zip(parts, vectors[0::2], vectors[1::2], strict=True):
        if objective == "head":
            labels = torch.tensor(pairs.labels, device=u.device)
            losses.append(F.cross_entropy(heads(pairs.name, u, v), labels))
            continue
        similarity = F.cosine_similarity(u, v)
        if objective == "cosent":
            losses.append(cosent_loss(similarity, pairs.order().to(u.device)))
        else:
            losses.append(cosine_loss(similarity, pairs.alike().to(u.device), _kind(objective)))
    return torch.stack(losses).mean()


def mined_loss(model: nn.Module, tokenizer: Tokenizer, pairs: Sequence[Pair]) -> Float[Tensor, ""]:
    """Return lesson 6's loss on pairs without labels: find the partner among all, and write it."""
    sources, batch = both_orders(tokenizer, pairs)
    rows = _rows(model, batch)
    contrast = contrastive_loss(rows.vectors, mask=equal_texts(sources).to(rows.vectors.device))
    return contrast + rows.nll.sum() / rows.tokens.sum()


def distil_loss(
    student: nn.Module,
    teacher: nn.Module,
    tokenizer: Tokenizer,
    pairs: Sequence[Pair],
    weight: float,
) -> Float[Tensor, ""]:
    """Return lesson 6's distillation: the teacher's cosines on these sentences, and beside it the loss of writing."""
    sources, batch = both_orders(tokenizer, pairs)
    with torch.no_grad():
        vectors = encode_with_gradient(teacher, tokenizer, sources)
    rows = _rows(student, batch)
    return distillation_loss(vectors, rows.vectors, weight) + rows.nll.sum() / rows.tokens.sum()


def both_orders(tokenizer: Tokenizer, pairs: Sequence[Pair]) -> tuple[list[str], Batch]:
    """Return the sources, and ``[CLS] source [SEP] target [SEP]``, of both orders of each pair next to each other."""
    sources = [text for pair in pairs for text in pair]
    targets = [text for a, b in pairs for text in (b, a)]
    return sources, tokenizer.encode(sources, targets)


def take_pairs(pairs: Sequence[Pair], step: int, batch_size: int, seed: int) -> list[Pair]:
    """Return the pairs of one step."""
    indices: Int64[Tensor, " batch"] = batch_indices(step, len(pairs), min(batch_size, len(pairs)), seed)
    return [pairs[i] for i in indices.tolist()]


def _rows(model: nn.Module, batch: Batch) -> Rows:
    batch = batch.to(next(model.parameters()).device)
    return unpack(model(batch.ids, batch.types, batch.lengths, batch.source_lengths))


def _kind(objective: Objective) -> Literal["squared", "opposite", "margin"]:
    (kind,) = (kind for kind in COSINE_KINDS if kind == objective)
    return kind
