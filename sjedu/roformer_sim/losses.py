r"""What RoFormer-Sim learns from: generation, contrast, and the geometry of a teacher.

With both orders of each pair in the batch, next to each other, row ``i`` belongs to row ``i ^ 1``. All three losses
are functions of what `RoFormerSim.forward` returns, so lesson 7's `accumulate` gives their exact gradients for a
batch that does not fit into memory at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sjedu.contrastive_accumulation import info_nce

#: The scale of the cosines: SimBERT's code has 30, RoFormer-Sim's train/stage1.py has 20.
SCALE = 20.0


def unilm_loss(
    logits: Float[Tensor, "batch tokens vocabulary"],
    ids: Int64[Tensor, "batch tokens"],
    lengths: Int64[Tensor, " batch"],
    source_lengths: Int64[Tensor, " batch"],
) -> Float[Tensor, ""]:
    r"""Return the mean cross-entropy of the target's tokens, its [SEP] included, each given all before it.

    .. math:: L = -\frac1{\sum_k (n_k - s_k)} \sum_k \sum_{i=s_k}^{n_k-1} \log p(x_{k,i} \mid x_{k,<i})

    The logits at position i - 1 say what stands at i; the first token of the target is said at the source's [SEP].
    Source and padding do not count.

    Args:
        logits: of the model under `sjedu.roformer.prefix_mask`.
        ids: the tokens ``[CLS] source [SEP] target [SEP]``.
        lengths: n of each row.
        source_lengths: s of each row.

    Raises:
        ValueError: if no row has a target.

    Source: article, section UniLM; Dong et al., arXiv 1905.03197.
    """
    where = target_positions(lengths, source_lengths, ids.shape[1])
    if not bool(where.any()):
        raise ValueError(
            f"lengths: got {lengths.tolist()} with sources of the same lengths; expected a target"
        )
    return F.cross_entropy(logits[where], ids.roll(-1, dims=1)[where])


def target_positions(
    lengths: Int64[Tensor, " batch"], source_lengths: Int64[Tensor, " batch"], size: int
) -> Bool[Tensor, "batch size"]:
    """Return True where the *next* token is one of the target: s - 1 ≤ i < n - 1."""
    places = torch.arange(size, device=lengths.device)
    return (places >= source_lengths[:, None] - 1) & (places < lengths[:, None] - 1)


def partners(n: int, *, device: torch.device | str | None = None) -> Int64[Tensor, " n"]:
    """Return i ^ 1 for each row: 1, 0, 3, 2, 5, 4, ...

    Raises:
        ValueError: if n is not even and positive.
    """
    if n < 2 or n % 2:
        raise ValueError(f"n: got {n} rows; expected both orders of each pair, an even number")
    return torch.arange(n, device=device) ^ 1


def equal_texts(texts: Sequence[str]) -> Bool[Tensor, "n n"]:
    """Return True where a row must not count as a negative: its text, or its partner's, stands there once more.

    A pair that occurs twice in a batch would push its own copy away.
    """
    n = len(texts)
    mate = partners(n)
    kinds = {text: k for k, text in enumerate(dict.fromkeys(texts))}
    own = torch.tensor([kinds[text] for text in texts])
    same = (own[:, None] == own) | (own[mate][:, None] == own)
    same[torch.arange(n), mate] = False  # the partner is the one to be found
    return same.fill_diagonal_(False)


def contrastive_loss(
    vectors: Float[Tensor, "n dim"],
    *,
    scale: float = SCALE,
    mask: Bool[Tensor, "n n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Return the cross-entropy of finding each row's partner i ^ 1 among all other rows.

    .. math:: L = -\frac1n \sum_i \log \frac{e^{s_{i,i\oplus1}}}{\sum_{j\ne i} e^{s_{ij}}},\qquad
        s_{ij} = \text{scale} \cdot \cos(v_i, v_j)

    It is lesson 7's `info_nce` of the normalised vectors, at least in float32.

    Args:
        vectors: of the sources of both orders of each pair, one after the other.
        scale: of the cosines, the inverse temperature.
        mask: True where a row is no negative, see `equal_texts`.

    Raises:
        ValueError: if the number of rows is odd, scale is not positive, or a partner is masked.

    Source: SimBERT, which the article continues; train/stage1.py of ZhuiyiTechnology/roformer-sim.
    """
    if not scale > 0:
        raise ValueError(f"scale: got {scale!r}; expected a positive number")
    u = F.normalize(_at_least_float32(vectors), dim=1)
    positives = partners(len(u), device=u.device)
    return info_nce(u, positives=positives, temperature=1 / scale, mask=mask)


def distillation_loss(
    teacher: Float[Tensor, "n dim"], student: Float[Tensor, "n width"], weight: float = 100.0
) -> Float[Tensor, ""]:
    r"""Return how far the student's cosines are from the teacher's.

    .. math:: L = \frac{\lambda}{n^2} \sum_{i,j} (\cos(u_i, u_j) - \cos(v_i, v_j))^2

    Only the geometry counts: turning all of the student's vectors changes nothing, and the two may have different
    numbers of dimensions. The teacher gets no gradient.

    Args:
        teacher: u, a vector for each text.
        student: v, of the same texts.
        weight: λ.

    Raises:
        ValueError: if the numbers of texts differ, or weight is not positive.

    Source: article, section on distillation (λ = 100).
    """
    if len(teacher) != len(student):
        raise ValueError(
            f"teacher and student: got {len(teacher)} and {len(student)} vectors; expected the same number"
        )
    if not weight > 0:
        raise ValueError(f"weight: got {weight!r}; expected a positive number")
    u, v = (F.normalize(_at_least_float32(x), dim=1) for x in (teacher.detach(), student))
    return weight * (u @ u.mT - v @ v.mT).square().mean()


def _at_least_float32(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
