"""How well scores find what is relevant, with one rule for ties: they are broken by chance, and the mean is returned.

So a model that gives the same score to everything is worth what guessing is worth, and not 1. Scores that are NaN or
infinite are refused (ValueError): no comparison with NaN is true, and who counts better ones finds none. So is a query
without a relevant text.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sjedu.checks import check_count

__all__ = ["accuracy_at_1", "mean_reciprocal_rank", "recall_at"]


def accuracy_at_1(scores: Float[Tensor, "queries corpus"], relevant: Bool[Tensor, "queries corpus"]) -> float:
    """Return how often the text with the highest score is a relevant one.

    Where several have the highest score, a query counts by the share of relevant ones among them: what choosing one of
    them by chance gives on average.
    """
    _check(scores, relevant)
    best = scores == scores.amax(dim=1, keepdim=True)
    return float(((best & relevant).sum(dim=1) / best.sum(dim=1)).mean())


def mean_reciprocal_rank(
    scores: Float[Tensor, "queries corpus"], relevant: Bool[Tensor, "queries corpus"]
) -> float:
    """Return the mean of 1/rank of each query's best relevant text among those that are not relevant.

    Of these, half of the ones with an equal score rank before it, as they do on average when chance breaks the tie.
    """
    _check(scores, relevant)
    best = scores.masked_fill(~relevant, -torch.inf).amax(dim=1, keepdim=True)
    others = ~relevant
    before = ((scores > best) & others).sum(dim=1) + ((scores == best) & others).sum(dim=1) / 2
    return float((1 / (1 + before)).mean())


def recall_at(scores: Float[Tensor, "n n"], k: int) -> float:
    """Return how often the one relevant text, on the diagonal, is among the k with the highest scores.

    Where others have its score, a query counts by the chance that it is: of t texts that share the places from b + 1
    to b + t, it stands in the first k with probability (k - b) / t, if that lies in 0 ... 1.
    """
    check_count("k", k)
    _check(scores, torch.eye(len(scores), dtype=torch.bool, device=scores.device))
    own = scores.diagonal()[:, None]
    better, alike = (scores > own).sum(dim=1), (scores == own).sum(dim=1)
    return float(((k - better) / alike).clamp(0, 1).mean())


def _check(scores: Tensor, relevant: Tensor) -> None:
    if scores.shape != relevant.shape or scores.ndim != 2:
        raise ValueError(
            f"scores and relevant: got shapes {tuple(scores.shape)} and {tuple(relevant.shape)};"
            " expected (queries, corpus) both"
        )
    if not bool(torch.isfinite(scores).all()):
        raise ValueError(f"scores: got {scores[~torch.isfinite(scores)][0]}; expected finite numbers")
    if not bool(relevant.any(dim=1).all()):
        query = int((~relevant.any(dim=1)).nonzero()[0])
        raise ValueError(f"relevant: got none for query {query}; expected a relevant text in the corpus")
