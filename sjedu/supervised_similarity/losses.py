r"""The losses of the lesson on PyTorch tensors: three on the cosine, CoSENT, and a throw-away classifier's.

A classifier's loss is plain cross-entropy on `sjedu.supervised_similarity.heads`; the others are here.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64, Num
from torch import Tensor

from sjedu.checks import check_choice
from sjedu.supervised_similarity.theory import COSINE_KINDS, SCALE, CosineKind

Cosines = Float[Tensor, " pairs"]


def cosine_loss(
    cosines: Float[Tensor, " pairs"],
    labels: Int64[Tensor, " pairs"],
    kind: CosineKind,
    *,
    high: float = 0.9,
    low: float = 0.1,
) -> Float[Tensor, ""]:
    """Return the mean of one of the article's losses (i) to (iii) over pairs.

    Args:
        cosines: of the pairs.
        labels: 1 alike, 0 not.
        kind: "squared" (i), "opposite" (ii) or "margin" (iii).
        high: the cosine from which "margin" leaves alike pairs alone.
        low: the cosine up to which it leaves other pairs alone.

    Raises:
        ValueError: if there are no pairs, a label is neither 0 nor 1, there is no such loss, or low is not below high.

    Source: kexue.fm/archives/8541, its three losses.
    """
    _check_pairs(cosines, labels)
    check_choice("kind", kind, COSINE_KINDS)
    if not -1 <= low < high <= 1:
        raise ValueError(f"low and high: got {low} and {high}; expected -1 <= low < high <= 1")
    lowest, highest = labels.aminmax()
    if lowest < 0 or highest > 1:
        raise ValueError(f"labels: got {sorted(set(labels.tolist()))}; expected 0 or 1")
    t = labels.to(cosines.dtype)
    if kind == "squared":  # as t is 0 or 1, t (c - 1)² + (1 - t) c² = (c - t)²
        losses = (cosines - t) ** 2
    elif kind == "opposite":
        losses = (cosines - (2 * t - 1)) ** 2
    else:
        losses = t * (high - cosines).relu() + (1 - t) * (cosines - low).relu()
    return losses.mean()


def cosent_loss(
    cosines: Float[Tensor, " pairs"], labels: Num[Tensor, " pairs"], scale: float = SCALE
) -> Float[Tensor, ""]:
    r"""Return CoSENT: that pairs of a higher label have the higher cosine, and nothing else.

    .. math:: \log\Big(1 + \sum_{t_i > t_j} e^{\lambda(c_j - c_i)}\Big)
              = \mathrm{logsumexp}\big(0, \{-\lambda c_i + \mathrm{logsumexp}_{j:\,t_j < t_i} \lambda c_j\}_i\big)

    The inner sums are running ones over the pairs in the order of their labels: O(n log n) time and O(n) memory, not
    O(n²). Nothing overflows, whatever the scale.

    Args:
        cosines: of the pairs.
        labels: only their order counts: any increasing relabelling gives the same loss.
        scale: λ > 0.

    Returns:
        The loss; 0 where all labels are equal.

    Raises:
        ValueError: if there are no pairs, a label is NaN, or the scale is not positive.

    Source: kexue.fm/archives/8847.
    """
    _check_pairs(cosines, labels)
    if not scale > 0:
        raise ValueError(f"scale: got {scale}; expected a positive number")
    if bool(torch.isnan(labels).any()):
        raise ValueError("labels: got NaN; expected numbers that can be ordered")
    ordered, order = labels.sort()
    scores = scale * cosines[order]
    # Of each pair, how many have a lower label: where its run of equal labels begins.
    below = torch.searchsorted(ordered, ordered, right=False)
    above_some = below > 0
    running = scores.logcumsumexp(0)
    terms = running[below[above_some] - 1] - scores[above_some]
    return torch.cat([scores.new_zeros(1), terms]).logsumexp(0)


def _check_pairs(cosines: Tensor, labels: Tensor) -> None:
    if len(cosines) != len(labels):
        raise ValueError(
            f"cosines and labels: got {len(cosines)} and {len(labels)}; expected as many of both"
        )
    if not len(cosines):
        raise ValueError("cosines: got no pairs; expected at least one")
