"""The exercises of the lesson, each with checks that say what is wrong.

Exercises 2, 4 and 6 are written in PyTorch, the others in NumPy or plain Python. A check tries the reader's function on
small inputs and rejects one kind of wrong answer, with the reason.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from sjedu.course.exercises import Answer, Exercises, close, expect, judged_by
from sjedu.roformer_sim import theory

EXERCISES = Exercises()


_close = partial(close, absolute=1e-6, relative=1e-6)


def _randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# ---------------------------------------------------------------- 1: the mask


def _mask_shape(answer: Answer) -> None:
    mask = np.asarray(answer(3, 2))
    expect(mask.shape == (5, 5), f"3 + 2 positions make a 5 x 5 mask; yours has the shape {mask.shape}.")
    expect(mask.dtype == bool, f"return True where row i may look at column j, not {mask.dtype} numbers.")


def _mask_source(answer: Answer) -> None:
    mask = np.asarray(answer(3, 2))
    expect(
        mask[:3, :3].all(), "the source is read in both directions: its positions must all see each other."
    )
    expect(
        not mask[:3, 3:].any(),
        "a source position sees the target: the sentence vector would know the answer.",
    )


def _mask_target(answer: Answer) -> None:
    mask = np.asarray(answer(3, 4))
    expect(mask[3:, :3].all(), "every position of the target must see the whole source.")
    inner = mask[3:, 3:]
    expect(
        not np.triu(inner, 1).any(), "a target position sees a later one: it could copy what it is to guess."
    )
    expect(np.diag(inner).all(), "a target position must see itself: it is the token that was written last.")
    expect((inner == np.tril(np.ones((4, 4), bool))).all(), "a target position must see all earlier ones.")


def _mask_gradient(answer: Answer) -> None:
    mask = torch.from_numpy(np.asarray(answer(3, 2)))
    x = _randn(5, 4).requires_grad_()
    h = x
    for _ in range(2):  # two layers of attention without weights
        h = h + torch.softmax((h @ h.T).masked_fill(~mask, -torch.inf), dim=-1) @ h
    (gradient,) = torch.autograd.grad(h[:3].sum(), x)
    expect(not gradient[3:].any(), "after two layers the source depends on the target.")
    for sizes in ((1, 0), (1, 3), (4, 0)):
        expected = theory.unilm_mask(*sizes)
        expect(
            (np.asarray(answer(*sizes)) == expected).all(), f"wrong for {sizes[0]} and {sizes[1]} positions."
        )


@EXERCISES.add("1", "The mask of UniLM", minutes=8, difficulty="easy")
@judged_by(_mask_shape, _mask_source, _mask_target, _mask_gradient)
def unilm_mask(n_source: int, n_target: int) -> np.ndarray:
    r"""Return a boolean array (n, n) with n = n_source + n_target.

    Return the boolean matrix that is `True` where row $i$ may look at column $j$, for a source of `n_source`
    and a target of `n_target` positions.

    Hint: Everyone sees the source. In the target, $j \le i$. `np.indices` gives all $i$ and $j$ at once.

    Shows: one matrix makes an encoder of the first sentence and a writer of the second.
    """
    n = n_source + n_target
    row, column = np.indices((n, n))
    return (column < n_source) | (column <= row)


# ---------------------------------------------------------------- 2: contrast


def _reference_contrast(v: Tensor, scale: float, kind: str = "") -> float:
    unit = v if kind == "raw" else v / v.norm(dim=1, keepdim=True)
    scores = scale * unit @ unit.T
    if kind != "diagonal":
        scores = scores.masked_fill(torch.eye(len(v), dtype=torch.bool), -torch.inf)
    n = len(v)
    partner = torch.arange(n).roll(n // 2) if kind == "halves" else torch.arange(n) ^ 1
    loss = torch.nn.functional.cross_entropy(scores, partner, reduction="sum" if kind == "sum" else "mean")
    return float(loss)


def _contrast_kind(answer: Answer) -> None:
    loss = answer(_randn(6, 3), 20.0)
    expect(isinstance(loss, Tensor) and loss.numel() == 1, "return one number as a tensor.")
    reasons = {
        "raw": "the vectors are not normalised: similarities are cosines.",
        "diagonal": "each row competes with itself, which it always resembles most: rule the diagonal out (-inf).",
        "halves": "the two orders of a pair are neighbours: the partner of row i is i ^ 1, not i + n/2.",
        "sum": "the loss is the mean over rows, not the sum.",
    }
    for seed in range(2):
        v = 2 * _randn(6, 3, seed=seed)
        loss = float(answer(v, 20.0))
        for kind, reason in reasons.items():
            expect(not _close(loss, _reference_contrast(v, 20.0, kind)), reason)


def _contrast_scale(answer: Answer) -> None:
    v = _randn(6, 3)
    loss = float(answer(v, 30.0))
    expect(not _close(loss, _reference_contrast(v, 1.0)), "the scale is not used.")
    expect(not _close(loss, _reference_contrast(v, 1 / 30)), "the cosines are divided by the scale.")
    expect(
        _close(loss, _reference_contrast(v, 30.0)),
        "the value is not that of the softmax over all other rows.",
    )


def _contrast_order(answer: Answer) -> None:
    v = _randn(6, 3)
    swapped = v[[1, 0, 4, 5, 2, 3]]
    expect(
        _close(float(answer(v, 5.0)), float(answer(swapped, 5.0))),
        "the loss changes with the order of the pairs in the batch.",
    )


@EXERCISES.add("2", "Find your partner", minutes=12, difficulty="medium")
@judged_by(_contrast_kind, _contrast_scale, _contrast_order)
def simbert_contrastive(v: Tensor, scale: float) -> Tensor:
    r"""v: (n, dim) -> one number, a tensor

    The rows of `v` are the vectors of both orders of each pair, one after the other. Return the mean
    cross-entropy of finding the partner of each row among all *other* rows, by cosines times `scale`.

    Hint: `torch.arange(n) ^ 1` is 1, 0, 3, 2, ... What must not be chosen gets the score $-\infty$.

    Shows: it is lesson 7's loss with its partners side by side, and pairs may stand in any order.
    """
    v = torch.nn.functional.normalize(v, dim=1)
    scores = scale * v @ v.T
    scores = scores.masked_fill(torch.eye(len(v), dtype=torch.bool), -torch.inf)
    partner = torch.arange(len(v)) ^ 1
    return torch.nn.functional.cross_entropy(scores, partner)


# ---------------------------------------------------------------- 3: the nucleus


def _nucleus_of(answer: Answer, probs: list[float], p: float) -> np.ndarray:
    kept = np.asarray(answer(np.array(probs), p), dtype=np.float64)
    expect(kept.shape == (len(probs),), f"return {len(probs)} probabilities; got the shape {kept.shape}.")
    return kept


def _nucleus_sum(answer: Answer) -> None:
    kept = _nucleus_of(answer, [0.5, 0.2, 0.2, 0.1], 0.6)
    expect(_close(kept.sum(), 1), f"what is kept must be renormalised: it sums to {kept.sum():.3g}.")


def _nucleus_reaches(answer: Answer) -> None:
    kept = _nucleus_of(answer, [0.1, 0.5, 0.25, 0.15], 0.6)
    expect(kept[2] > 0, "the mass of what is kept must *reach* p: 0.5 alone is not 0.6.")
    expect(kept[3] == 0 == kept[0], "more is kept than needed: 0.5 + 0.25 is already more than 0.6.")
    expect(_close(kept, [0, 2 / 3, 1 / 3, 0]), "what is kept must keep its proportions.")
    exact = _nucleus_of(answer, [0.5, 0.25, 0.25], 0.5)
    expect(_close(exact, [1, 0, 0]), "0.5 has the mass 0.5: the smallest set for p = 0.5 is one token.")


def _nucleus_ends(answer: Answer) -> None:
    expect(
        _close(_nucleus_of(answer, [0.3, 0.7], 1e-9), [0, 1]),
        "for p → 0 the most probable token must remain.",
    )
    expect(
        _close(_nucleus_of(answer, [0.3, 0.6, 0.1], 1.0), [0.3, 0.6, 0.1]),
        "for p = 1 all tokens must remain.",
    )


def _nucleus_ties(answer: Answer) -> None:
    kept = _nucleus_of(answer, [0.25, 0.25, 0.25, 0.25], 0.5)
    expect(
        (kept > 0).sum() == 2,
        f"of four tokens with 0.25 each, two reach p = 0.5; you keep {(kept > 0).sum()}. Cut by place, not by value.",
    )


@EXERCISES.add("3", "The nucleus", minutes=12, difficulty="medium")
@judged_by(_nucleus_sum, _nucleus_reaches, _nucleus_ends, _nucleus_ties)
def keep_nucleus(probs: np.ndarray, p: float) -> np.ndarray:
    """probs: (tokens,), p in (0, 1] -> (tokens,)

    Keep the smallest set of most probable tokens whose mass reaches `p`, set all others to 0, and
    renormalise. At least one token stays.

    Hint: Sort. A token is kept if the mass *before* it is still less than `p`. Then undo the sorting.

    Shows: the nucleus is large where the model is in doubt and small where it is sure.
    """
    order = np.argsort(-probs, kind="stable")
    ordered = probs[order]
    before = np.cumsum(ordered) - ordered  # the mass of all more probable tokens
    kept = np.where(before < p, ordered, 0.0)
    result = np.zeros_like(probs)
    result[order] = kept / kept.sum()
    return result


# ---------------------------------------------------------------- 4: distillation


def _distill_zero(answer: Answer) -> None:
    u = _randn(6, 4)
    loss = answer(u, u)
    expect(isinstance(loss, Tensor) and loss.numel() == 1, "return one number as a tensor.")
    expect(
        abs(float(loss)) < 1e-9,
        f"a student that equals its teacher must cost nothing, not {float(loss):.3g}.",
    )


def _distill_lengths(answer: Answer) -> None:
    u = _randn(6, 4)
    expect(abs(float(answer(u, 3 * u))) < 1e-9, "lengths of vectors must not matter: compare cosines.")


def _distill_geometry(answer: Answer) -> None:
    u, Q = _randn(6, 4), torch.linalg.qr(_randn(4, 4, seed=1))[0]
    expect(
        abs(float(answer(u, u @ Q))) < 1e-9,
        "the student may be turned as a whole: compare cosines *within* the student with those within the teacher.",
    )
    expect(
        bool(torch.isfinite(answer(u, _randn(6, 2, seed=2)))),
        "teacher and student may have different numbers of dimensions.",
    )


def _distill_value(answer: Answer) -> None:
    u, v = _randn(6, 4), _randn(6, 4, seed=3)
    expected = theory.distillation_loss(u.numpy(), v.numpy(), 7.0)
    loss = float(answer(u, v, 7.0))
    expect(
        not _close(loss, 36 * expected),
        "divide by n²: the loss is a mean over pairs, whatever the batch size.",
    )
    expect(not _close(loss, expected / 7), "the weight λ is missing.")
    expect(not _close(loss, 6 / 5 * expected), "the mean is over all n² pairs (i, j), the diagonal included.")
    expect(_close(loss, expected), f"for a random example the loss is {expected:.4f}, yours is {loss:.4f}.")


@EXERCISES.add("4", "Copy the geometry", minutes=8, difficulty="easy")
@judged_by(_distill_zero, _distill_lengths, _distill_geometry, _distill_value)
def distill_loss(u: Tensor, v: Tensor, weight: float = 100.0) -> Tensor:
    r"""u: (n, dim), v: (n, width) -> one number, a tensor

    Return $\frac{\lambda}{n^2}\sum_{i,j}(\cos(u_i,u_j)-\cos(v_i,v_j))^2$ for a teacher's vectors `u` and a
    student's `v`.

    Hint: Normalise the rows; then a matrix product with its own transpose is the matrix of all cosines.

    Shows: the student copies angles and nothing else, so it may live in another space than its teacher.
    """
    u, v = (torch.nn.functional.normalize(x, dim=1) for x in (u, v))
    return weight * (u @ u.T - v @ v.T).square().mean()


# ---------------------------------------------------------------- 5: mining


#: Answers to one question, with three planted pairs; two of them share enough characters.
_ANSWERS = [
    ["七天之内可以退货", "退货要保留发票"],
    ["七天内可以退货", "运费自己出"],
    ["可以退货七天内", "发票要保留才退"],
]


def _mined(answer: Answer, answers: list[list[str]], threshold: float) -> set[frozenset[str]]:
    pairs = answer(answers, threshold)
    expect(isinstance(pairs, set), f"return a set of pairs, not a {type(pairs).__name__}.")
    return {frozenset(pair) for pair in pairs}


def _mining_across(answer: Answer) -> None:
    pairs = _mined(answer, [["红烧肉怎么做", "红烧肉怎么烧"], ["我不知道"]], 0.5)
    expect(not pairs, "sentences of *one* answer are no pair: an answer rarely says the same twice.")


def _mining_equal(answer: Answer) -> None:
    pairs = _mined(answer, [["一样的句子"], ["一样的句子"]], 0.5)
    expect(not pairs, "equal sentences teach nothing: leave them out.")


def _mining_counts(answer: Answer) -> None:
    pairs = _mined(answer, [["哈哈哈哈"], ["哈"]], 0.5)
    expect(not pairs, "count characters as often as they occur: 哈哈哈哈 and 哈 share one of four.")
    pairs = _mined(answer, [["甲乙"], ["丙甲"]], 0.34)
    expect(not pairs, "甲乙 and 丙甲 share 1 of 3 characters, which is below 0.34: divide by the union.")
    pairs = _mined(answer, [["甲乙"], ["丙甲"]], 1 / 3)
    expect(pairs, "1/3 reaches the threshold 1/3.")


def _mining_planted(answer: Answer) -> None:
    strict, loose = (_mined(answer, _ANSWERS, threshold) for threshold in (0.6, 0.1))
    planted = {
        frozenset(pair)
        for pair in (
            ("七天之内可以退货", "七天内可以退货"),
            ("七天之内可以退货", "可以退货七天内"),
            ("七天内可以退货", "可以退货七天内"),
            ("退货要保留发票", "发票要保留才退"),
        )
    }
    expect(
        planted <= strict,
        f"at 0.6 all planted pairs should be found; missing {sorted(planted - strict)[:1]}.",
    )
    expect(strict == planted, "at 0.6 nothing else should be found.")
    expect(loose > strict, "a lower threshold must find more, at the price of wrong pairs.")


@EXERCISES.add("5", "Pairs from answers", minutes=15, difficulty="medium")
@judged_by(_mining_across, _mining_equal, _mining_counts, _mining_planted)
def mined_pairs(answers: list[list[str]], threshold: float) -> set[tuple[str, str]]:
    r"""answers: lists of sentences -> a set of (sentence, sentence)

    Given several answers to one question, each a list of sentences, return the set of pairs of *different*
    sentences of different answers whose Jaccard similarity, of characters counted as often as they occur, is
    at least `threshold`.

    Hint: $J = \sum_c\min(a_c,b_c) \,/\, \sum_c\max(a_c,b_c)$ over the characters $c$ of both; `str.count`
    counts.

    Shows: characters choose, the shared question vouches: together they make pairs without labels.
    """

    def jaccard(a: str, b: str) -> float:
        counts = [(a.count(c), b.count(c)) for c in set(a + b)]
        return sum(map(min, counts)) / sum(map(max, counts))

    return {
        (a, b)
        for k, first in enumerate(answers)
        for second in answers[k + 1 :]
        for a in first
        for b in second
        if a != b and jaccard(a, b) >= threshold
    }


# ---------------------------------------------------------------- 6: whitening


def _mixed(n: int = 200, dim: int = 4, seed: int = 0) -> Tensor:
    return _randn(n, dim, seed=seed) @ _randn(dim, dim, seed=seed + 1) + 3


def _whiten_shape(answer: Answer) -> None:
    for k in (None, 2):
        out = answer(_mixed(), k)
        expect(isinstance(out, Tensor), "return a torch.Tensor.")
        shape = (200, k or 4)
        expect(tuple(out.shape) == shape, f"expected the shape {shape}, got {tuple(out.shape)}.")


def _whiten_mean(answer: Answer) -> None:
    out = answer(_mixed())
    expect(out.mean(dim=0).abs().max() < 1e-6, "the mean must be 0: subtract it first.")


def _whiten_covariance(answer: Answer) -> None:
    for k in (None, 2):
        out = answer(_mixed(), k)
        covariance = (out.T @ out / len(out)).numpy()
        off = np.abs(covariance - np.diag(np.diag(covariance))).max()
        expect(off < 1e-6, "the columns are still correlated: multiply by the eigenvectors.")
        expect(
            _close(np.diag(covariance), np.ones(len(covariance))),
            "the variances must be 1: divide by the *root* of the eigenvalues (of the covariance, divided by n).",
        )


def _whiten_truncation(answer: Answer) -> None:
    x = _mixed() * torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    mean, W = theory.whitening(x.numpy())
    expected = np.abs((x.numpy() - mean) @ W[:, :2])
    expect(
        _close(answer(x, 2).abs(), expected),
        "keep the k directions of *largest* variance; torch.linalg.eigh puts the smallest first.",
    )


def _whiten_singular(answer: Answer) -> None:
    flat = _randn(50, 2) @ _randn(2, 4, seed=1)
    out = answer(flat)
    expect(bool(torch.isfinite(out).all()), "vectors in a plane of a larger space give NaN or infinity.")
    expect(
        out.shape[1] == 2 and out.abs().max() < 20,
        "these vectors vary in 2 of 4 directions: leave the others out, whose variance is only rounding.",
    )


@EXERCISES.add("6", "Whiten", minutes=15, difficulty="medium")
@judged_by(_whiten_shape, _whiten_mean, _whiten_covariance, _whiten_truncation, _whiten_singular)
def whiten(x: Tensor, k: int | None = None) -> Tensor:
    """x: (n, dim) -> (n, k)

    Map the rows of `x` such that their mean is 0 and their covariance is the identity. With `k` keep only the
    `k` directions of largest variance. Directions without variance are left out.

    Hint: `torch.linalg.eigh` of the covariance gives its eigenvalues in *rising* order. Divide each new
    coordinate by the root of its eigenvalue.

    Shows: after whitening no direction is special, and the small ones count as much as the large.
    """
    centred = x - x.mean(dim=0)
    variances, U = torch.linalg.eigh(centred.T @ centred / len(x))
    variances, U = variances.flip(0), U.flip(1)  # largest first
    kept = (variances > 1e-9 * variances[0]).nonzero()[:, 0][:k]
    result: Tensor = centred @ U[:, kept] / variances[kept].sqrt()
    return result
