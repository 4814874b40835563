"""Each check rejects the mistake that it is there for, with its reason."""

import re

import numpy as np
import pytest
import scipy.stats

from sjedu.supervised_similarity import exercises
from sjedu.supervised_similarity.exercises import EXERCISES

loss_and_slope, head_score, mean_cosine = (
    exercises.loss_and_slope,
    exercises.head_score,
    exercises.mean_cosine,
)
cosent, spearman, bootstrap_interval = exercises.cosent, exercises.spearman, exercises.bootstrap_interval


def loss_alone(c, t, kind):
    return loss_and_slope(c, t, kind)[0]


def labels_exchanged(c, t, kind):
    return loss_and_slope(c, 1 - t, kind)


def downhill(c, t, kind):
    loss, slope = loss_and_slope(c, t, kind)
    return loss, -slope


def restless(c, t, kind):
    loss, slope = loss_and_slope(c, t, kind)
    return loss, slope if kind != "margin" else (-1.0 if t else 1.0)


def signed(u, v, w1, w2, w3, symmetric=False):
    if symmetric:
        return (signed(u, v, w1, w2, w3) + signed(v, u, w1, w2, w3)) / 2
    return u @ w1 + v @ w2 + (u - v) @ w3


def squared(u, v, w1, w2, w3, symmetric=False):
    if symmetric:
        return (squared(u, v, w1, w2, w3) + squared(v, u, w1, w2, w3)) / 2
    return u @ w1 + v @ w2 + (u - v) ** 2 @ w3


def without_topic(u, v, w1, w2, w3, symmetric=False):
    return np.abs(u - v) @ w3 if symmetric else head_score(u, v, w1, w2, w3)


def deaf(u, v, w1, w2, w3, symmetric=False):
    return head_score(u, v, w1, w2, w3)


def always_symmetric(u, v, w1, w2, w3, symmetric=True):
    return head_score(u, v, w1, w2, w3, True)


def with_diagonal(x):
    units = x / np.linalg.norm(x, axis=1, keepdims=True)
    return float((units @ units.T).mean()), -1 / (len(x) - 1)


def inner_products(x):
    g = x @ x.T
    n = len(x)
    return float((g.sum() - np.trace(g)) / (n * (n - 1))), -1 / (n - 1)


def one_over_n(x):
    return mean_cosine(x)[0], -1 / len(x)


def minus_one(x):
    return mean_cosine(x)[0], -1.0


def lenient(x):
    return mean_cosine(x) if len(x) > 1 else (0.0, 0.0)


def exchanged(cosines, labels, scale=20.0):
    return cosent(-np.asarray(cosines), labels, scale)


def without_one(cosines, labels, scale=20.0):
    return float(np.log(np.exp(cosent(cosines, labels, scale)) - 1))


def with_ties(cosines, labels, scale=20.0):
    c, t = np.asarray(cosines), np.asarray(labels)
    return float(np.log(1 + np.exp(scale * (c[None] - c[:, None]))[t[:, None] >= t[None]].sum()))


def by_gap(cosines, labels, scale=20.0):
    c, t = np.asarray(cosines), np.asarray(labels, dtype=float)
    if set(t) <= {0.0, 1.0}:
        return cosent(c, t, scale)
    weights = (t[:, None] - t[None])[t[:, None] > t[None]]
    return float(np.log(1 + (weights * np.exp(scale * (c[None] - c[:, None]))[t[:, None] > t[None]]).sum()))


def overflowing(cosines, labels, scale=20.0):
    c, t = np.asarray(cosines), np.asarray(labels)
    return float(np.log(1 + np.exp(scale * (c[None] - c[:, None]))[t[:, None] > t[None]].sum()))


def pearson(a, b):
    return float(np.corrcoef(a, b)[0, 1])


def ties_in_order(a, b):
    x, y = (np.argsort(np.argsort(v, kind="stable")) for v in (a, b))
    return float(np.corrcoef(x, y)[0, 1])


def zero_for_constants(a, b):
    try:
        return spearman(a, b)
    except ValueError:
        return 0.0


def separately(scores, labels, samples=400, level=0.95, seed=0):
    rng = np.random.default_rng(seed)
    n = len(scores)
    found = [
        scipy.stats.spearmanr(scores[rng.integers(0, n, n)], labels[rng.integers(0, n, n)]).statistic
        for _ in range(samples)
    ]
    return tuple(map(float, np.percentile(found, [50 - 50 * level, 50 + 50 * level])))


def without_replacement(scores, labels, samples=400, level=0.95, seed=0):
    value = float(scipy.stats.spearmanr(scores, labels).statistic)
    return value, value


def fixed_level(scores, labels, samples=400, level=0.95, seed=0):
    return bootstrap_interval(scores, labels, samples, 0.95, seed)


def too_narrow(scores, labels, samples=400, level=0.95, seed=0):
    low, high = bootstrap_interval(scores, labels, samples, level, seed)
    middle, half = (low + high) / 2, (high - low) / 6
    return middle - half, middle + half


@pytest.mark.parametrize(
    ("id", "answer", "reason"),
    [
        ("1", loss_alone, "two numbers"),
        ("1", labels_exchanged, "the loss is"),
        ("1", downhill, "wrong sign"),
        ("1", restless, "the derivative is"),
        ("2", signed, "left out"),
        ("2", squared, "not its square"),
        ("2", without_topic, "topic score must stay"),
        ("2", deaf, r"score of \(v, u\)"),
        ("2", always_symmetric, "w1 belongs to u|order must count"),
        ("3", with_diagonal, "with itself"),
        ("3", inner_products, "not cosines"),
        ("3", one_over_n, "not n²"),
        ("3", minus_one, "two vectors only"),
        ("3", lenient, "no pairs"),
        ("4", exchanged, "exchanged"),
        ("4", without_one, "left out the 1"),
        ("4", with_ties, "equal labels"),
        ("4", by_gap, "the loss is|order of labels"),
        ("4", overflowing, "overflows"),
        ("5", pearson, "Pearson"),
        ("5", ties_in_order, "ties"),
        ("5", zero_for_constants, "ValueError"),
        ("6", separately, "drawn together"),
        ("6", without_replacement, "no width"),
        ("6", fixed_level, "narrower"),
        ("6", too_narrow, "about 54"),
    ],
)
def test_wrong_answers_are_rejected_with_their_reason(id, answer, reason):
    feedback = EXERCISES[id].check(answer)
    assert feedback.correct is False
    assert re.search(reason, feedback.message), feedback.message
