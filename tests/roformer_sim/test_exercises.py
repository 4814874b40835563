"""Every wrong answer that the lesson warns of is rejected for its own reason."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sjedu.roformer_sim.exercises import (
    EXERCISES,
    distill_loss,
    keep_nucleus,
    mined_pairs,
    simbert_contrastive,
    whiten,
)


def causal(n_source, n_target):
    return np.tril(np.ones((n_source + n_target,) * 2, bool))


def full(n_source, n_target):
    return np.ones((n_source + n_target,) * 2, bool)


def blind_to_itself(n_source, n_target):
    row, column = np.indices((n_source + n_target,) * 2)
    return (column < n_source) | (column < row)


def apart(n_source, n_target):
    row, column = np.indices((n_source + n_target,) * 2)
    return ((column < n_source) & (row < n_source)) | (
        (row >= n_source) & (column >= n_source) & (column <= row)
    )


def numbers(n_source, n_target):
    return causal(n_source, n_target).astype(float)


def contrast(kind):
    def simbert(v, scale):
        unit = v if kind == "raw" else F.normalize(v, dim=1)
        scores = (1 if kind == "no scale" else 1 / scale if kind == "divided" else scale) * unit @ unit.T
        n = len(v)
        if kind != "diagonal":
            scores = scores.masked_fill(torch.eye(n, dtype=torch.bool), -torch.inf)
        mate = torch.arange(n).roll(n // 2) if kind == "halves" else torch.arange(n) ^ 1
        return F.cross_entropy(scores, mate, reduction="sum" if kind == "sum" else "mean")

    return simbert


def threshold_nucleus(probs, p):
    order = np.argsort(-probs)
    last = probs[order][np.searchsorted(np.cumsum(probs[order]), p - 1e-12)]
    kept = np.where(probs >= last, probs, 0)
    return kept / kept.sum()


def short_nucleus(probs, p):
    order = np.argsort(-probs, kind="stable")
    result = np.zeros_like(probs)
    result[order] = np.where(np.cumsum(probs[order]) <= p, probs[order], 0)
    return result / max(result.sum(), 1e-12)


def long_nucleus(probs, p):
    order = np.argsort(-probs, kind="stable")
    ordered = probs[order]
    result = np.zeros_like(probs)
    result[order] = np.where(np.cumsum(ordered) - ordered <= p, ordered, 0)
    return result / result.sum()


def raw_nucleus(probs, p):
    return np.where(keep_nucleus(probs, p) > 0, probs, 0)


def vector_distance(u, v, weight=100.0):
    return weight * (F.normalize(u, dim=1) - F.normalize(v, dim=1)).square().mean()


def inner_products(u, v, weight=100.0):
    return weight * (u @ u.T - v @ v.T).square().mean()


def summed(u, v, weight=100.0):
    return len(u) ** 2 * distill_loss(u, v, weight)


def without_diagonal(u, v, weight=100.0):
    n = len(u)
    return distill_loss(u, v, weight) * n / (n - 1)


def set_jaccard(answers, threshold):
    def jaccard(a, b):
        return len(set(a) & set(b)) / len(set(a) | set(b))

    return {
        (a, b)
        for k, first in enumerate(answers)
        for second in answers[k + 1 :]
        for a in first
        for b in second
        if a != b and jaccard(a, b) >= threshold
    }


def everything_together(answers, threshold):
    return mined_pairs([[sentence] for answer in answers for sentence in answer], threshold)


def with_equals(answers, threshold):
    equal = {(a, a) for k, x in enumerate(answers) for y in answers[k + 1 :] for a in x if a in y}
    return mined_pairs(answers, threshold) | equal


def eigen(x, k=None, kind=""):
    centred = x if kind == "mean" else x - x.mean(dim=0)
    values, U = torch.linalg.eigh(centred.T @ centred / len(x))
    if kind != "smallest":
        values, U = values.flip(0), U.flip(1)
    if kind == "unturned":
        return (centred / centred.std(dim=0, correction=0))[:, :k]
    if kind == "rootless":
        return centred @ U[:, :k] / values[:k]
    return centred @ U[:, :k] / values[:k].abs().clamp_min(1e-30).sqrt()


def whitened(kind):
    return lambda x, k=None: eigen(x, k, kind)


@pytest.mark.parametrize(
    ("id", "answer", "reason"),
    [
        ("1", causal, "read in both directions"),
        ("1", full, "would know the answer"),
        ("1", blind_to_itself, "must see itself"),
        ("1", apart, "must see the whole source"),
        ("1", numbers, "return True"),
        ("2", contrast("raw"), "not normalised"),
        ("2", contrast("diagonal"), "competes with itself"),
        ("2", contrast("halves"), "not i \\+ n/2"),
        ("2", contrast("sum"), "mean over rows"),
        ("2", contrast("no scale"), "the scale is not used"),
        ("2", contrast("divided"), "divided by the scale"),
        ("3", threshold_nucleus, "Cut by place"),
        ("3", short_nucleus, "must \\*reach\\* p"),
        ("3", long_nucleus, "is one token"),
        ("3", raw_nucleus, "renormalised"),
        ("4", vector_distance, "turned as a whole"),
        ("4", inner_products, "lengths of vectors"),
        ("4", summed, "divide by n²"),
        ("4", without_diagonal, "the diagonal included"),
        ("4", lambda u, v, weight=100.0: distill_loss(u, v, 1.0), "λ is missing"),
        ("5", set_jaccard, "as often as they occur"),
        ("5", everything_together, "one answer|\\*one\\* answer"),
        ("5", with_equals, "equal sentences"),
        ("6", whitened("mean"), "mean must be 0"),
        ("6", whitened("unturned"), "still correlated"),
        ("6", whitened("rootless"), "variances must be 1"),
        ("6", whitened("smallest"), "largest"),
        ("6", whitened(""), "leave the others out"),
    ],
)
def test_wrong_answers_are_rejected_for_their_reason(id, answer, reason):
    feedback = EXERCISES[id].check(answer)
    assert feedback.correct is False
    assert re.search(reason, feedback.message), feedback.message


def test_solutions_agree_with_the_package():
    from sjedu.roformer_sim import contrastive_loss, distillation_loss, nucleus
    from sjedu.roformer_sim import whiten as fast_whiten

    v = torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(simbert_contrastive(v, 20.0), contrastive_loss(v, scale=20.0))
    torch.testing.assert_close(distill_loss(v, v[:, :2]), distillation_loss(v, v[:, :2]))
    p = torch.softmax(v[:, 0], dim=0)
    np.testing.assert_allclose(keep_nucleus(p.numpy(), 0.7), nucleus(v[:, 0], 0.7), atol=1e-6)
    torch.testing.assert_close(whiten(v, 2).abs(), fast_whiten(v, 2).abs())
