r"""The mathematics of the lesson, exact and slow: what the notebook derives with, and the oracle of the tests.

Of a pair with the label t (1 alike, 0 not) and the cosine c of its vectors, the article writes three losses::

    (i)   squared    t (c - 1)² + (1 - t) c²
    (ii)  opposite   t (c - 1)² + (1 - t) (c + 1)²
    (iii) margin     t max(0.9 - c, 0) + (1 - t) max(c - 0.1, 0)

Arrays are float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from typing import Literal, TypeAlias, get_args

import numpy as np
import sympy as sp
from jaxtyping import Float64

from sjedu.checks import check_count, check_share

Real: TypeAlias = int | float
Numbers: TypeAlias = Sequence[Real] | np.ndarray
CosineKind: TypeAlias = Literal["squared", "opposite", "margin"]

#: The three losses on the cosine, in the article's order.
COSINE_KINDS: tuple[CosineKind, ...] = get_args(CosineKind)

#: The margins of (iii): alike means a cosine of at least HIGH, not alike at most LOW.
HIGH, LOW = sp.Rational(9, 10), sp.Rational(1, 10)

#: λ of CoSENT, as its article has it.
SCALE = 20.0


def cosine_loss(kind: CosineKind, c: sp.Expr, t: sp.Expr) -> sp.Expr:
    """Return one of the three losses, for sympy to work on.

    Raises:
        ValueError: if there is no such loss.
    """
    if kind == "squared":
        return t * (c - 1) ** 2 + (1 - t) * c**2
    if kind == "opposite":
        return t * (c - 1) ** 2 + (1 - t) * (c + 1) ** 2
    if kind == "margin":
        return t * sp.Max(HIGH - c, 0) + (1 - t) * sp.Max(c - LOW, 0)
    raise ValueError(f"kind: got {kind!r}; expected one of {', '.join(COSINE_KINDS)}")


def cosine_loss_value(kind: CosineKind, c: Real, t: Real) -> float:
    """Return one of the three losses as a number."""
    return float(cosine_loss(kind, sp.Float(c), sp.Float(t)))


def expected_loss(kind: CosineKind, c: sp.Expr, p: sp.Expr) -> sp.Expr:
    """Return the mean of the loss over labels that are 1 with probability p."""
    return p * cosine_loss(kind, c, sp.S.One) + (1 - p) * cosine_loss(kind, c, sp.S.Zero)


@cache
def _expected_function(kind: CosineKind) -> Callable[..., float]:
    c, p = sp.symbols("c p", real=True)
    function: Callable[..., float] = sp.lambdify((c, p), expected_loss(kind, c, p), "math")
    return function


def expected_loss_values(kind: CosineKind, cosines: Numbers, p: Real) -> Float64[np.ndarray, " cosines"]:
    """Return `expected_loss` at each of the cosines."""
    return np.array([_expected_function(kind)(float(c), p) for c in cosines], dtype=np.float64)


def head_loss(
    cosines: Float64[np.ndarray, " cosines"], p: Real, tau: Real, weight: Real
) -> Float64[np.ndarray, " cosines"]:
    """Return the expected cross-entropy of a head on unit vectors at each of the cosines.

    Its score is ``tau + weight (1 - |u - v|)`` with ``|u - v| = sqrt(2 - 2c)``: what does not depend on the distance,
    and what does.
    """
    score = tau + weight * (1 - np.sqrt(2 - 2 * np.asarray(cosines)))
    return np.asarray(p * np.logaddexp(0, -score) + (1 - p) * np.logaddexp(0, score))


def best_cosine(kind: CosineKind, p: Real) -> float:
    """Return the cosine in [-1, 1] with the smallest expected loss where labels are 1 with probability p.

    (i) copies the probability: p. (ii) stretches it: 2p - 1. (iii) takes a vote: 0.9 above one half, 0.1 below; at
    one half every cosine between is as good, and 0.5 is returned.

    Raises:
        ValueError: if p is not in [0, 1], or there is no such loss.
    """
    check_share("p", p)
    if kind == "squared":
        return float(p)
    if kind == "opposite":
        return float(2 * p - 1)
    if kind == "margin":
        return 0.5 if p == 0.5 else float(HIGH if p > 0.5 else LOW)
    raise ValueError(f"kind: got {kind!r}; expected one of {', '.join(COSINE_KINDS)}")


def label_probability(
    same_meaning: bool, same_topic: bool, *, flips: Real = 0.0, topic_positives: Real = 0.0
) -> float:
    """Return P(t = 1 | what the pair is) under careless labels.

    First whoever labels takes a pair of one topic for alike with probability `topic_positives`, though the
    meanings differ; then every label is flipped with probability `flips`.

    Raises:
        ValueError: if a probability is not in [0, 1].
    """
    for name, value in (("flips", flips), ("topic_positives", topic_positives)):
        check_share(name, value)
    marked = 1.0 if same_meaning else topic_positives if same_topic else 0.0
    return flips + (1 - 2 * flips) * marked


# ---------------------------------------------------------------- the head's score


def head_scores(
    u: Float64[np.ndarray, " d"], v: Float64[np.ndarray, "*places d"], w12: Numbers, w3: Numbers
) -> tuple[Float64[np.ndarray, "*places"], Float64[np.ndarray, "*places"]]:
    """Return ⟨u, w₁⟩ + ⟨v, w₂⟩ with w₁ = w₂, and ⟨|u - v|, w₃⟩, for each v."""
    return np.asarray(u @ np.asarray(w12) + v @ w12), np.asarray(np.abs(u - v) @ w3)


def additive_means(f: Sequence[sp.Expr], g: Sequence[sp.Expr]) -> tuple[sp.Expr, sp.Expr]:
    """Return the mean of f(u) + g(v) over pairs of one topic, and over pairs of two, each topic as often as another.

    Args:
        f: what u adds, for each topic.
        g: what v adds, for each topic.
    """
    n = len(f)
    same = sum(a + b for a, b in zip(f, g, strict=True)) / n
    other = sum(f[i] + g[j] for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return sp.expand(same), sp.expand(other)


# ---------------------------------------------------------------- the cosine, and its bound


def cosine(u: Float64[np.ndarray, " d"], v: Float64[np.ndarray, " d"]) -> float:
    """Return ⟨u, v⟩ / (|u| |v|).

    Raises:
        ValueError: if a vector is zero: it has no direction.
    """
    lengths = float(np.linalg.norm(u) * np.linalg.norm(v))
    if lengths == 0:
        raise ValueError("u and v: got a zero vector; expected vectors with a direction")
    return float(u @ v) / lengths


def cosine_gradient(u: Float64[np.ndarray, " d"], v: Float64[np.ndarray, " d"]) -> Float64[np.ndarray, " d"]:
    """Return ∂cos/∂u = (v/|v| - cos · u/|u|) / |u|: at a right angle to u, of length sin/|u|."""
    direction = u / np.linalg.norm(u)
    return np.asarray((v / np.linalg.norm(v) - cosine(u, v) * direction) / np.linalg.norm(u))


def mean_cosine(vectors: Float64[np.ndarray, "n d"]) -> float:
    """Return the mean cosine over the pairs i ≠ j.

    Raises:
        ValueError: if there are fewer than two vectors.
    """
    if len(vectors) < 2:
        raise ValueError(f"vectors: got {len(vectors)}; expected at least two vectors, for a mean over pairs")
    return float(np.mean([cosine(u, v) for i, u in enumerate(vectors) for v in vectors[:i]]))


def mean_cosine_bound(n: int) -> float:
    """Return -1/(n - 1), below which the mean cosine of n vectors cannot lie.

    With unit vectors, 0 ≤ |Σ uᵢ|² = n + Σ_{i≠j} cos(uᵢ, uⱼ), and the last sum has n(n - 1) terms. Equality is when the
    unit vectors sum to zero.

    Raises:
        ValueError: if n is less than 2.
    """
    check_count("n", n, 2)
    return -1 / (n - 1)


def simplex(n: int) -> Float64[np.ndarray, "n n"]:
    """Return n unit vectors all of whose cosines are -1/(n - 1): the corners of a simplex, seen from its middle.

    Raises:
        ValueError: if n is less than 2.
    """
    mean_cosine_bound(n)
    corners = np.eye(n) - 1 / n
    return np.asarray(corners / np.linalg.norm(corners, axis=1, keepdims=True))


# ---------------------------------------------------------------- CoSENT


def cosent(cosines: Numbers, labels: Numbers, scale: Real = SCALE) -> float:
    """Return log(1 + Σ exp(λ (c_j - c_i))) over all pairs of pairs with label_i > label_j, one by one.

    Source: kexue.fm/archives/8847, its equation for ordered labels.
    """
    exponents = [
        scale * (cosines[j] - cosines[i])
        for i, j in product(range(len(cosines)), repeat=2)
        if labels[i] > labels[j]
    ]
    largest = max([0.0, *exponents])
    return float(largest) + math.log(math.exp(-largest) + sum(math.exp(e - largest) for e in exponents))


def cosent_limit(cosines: Numbers, labels: Numbers) -> float:
    """Return lim_{λ→∞} CoSENT/λ: by how much the worst ordered pair of pairs is the wrong way round, or 0."""
    gaps = [
        cosines[j] - cosines[i] for i, j in product(range(len(cosines)), repeat=2) if labels[i] > labels[j]
    ]
    return float(max([0.0, *gaps]))


# ---------------------------------------------------------------- Spearman


def ranks(values: Numbers) -> Float64[np.ndarray, " n"]:
    """Return the rank of each value from 1; equal values share the mean of their ranks."""
    mean_ranks = [1 + sum(w < v for w in values) + (sum(w == v for w in values) - 1) / 2 for v in values]
    return np.array(mean_ranks, dtype=np.float64)


def spearman(a: Numbers, b: Numbers) -> float:
    """Return the correlation of the ranks.

    Raises:
        ValueError: if lengths differ, or all values of one are equal: the correlation is then undefined, not 0.
    """
    if len(a) != len(b):
        raise ValueError(f"a and b: got {len(a)} and {len(b)} values; expected as many of both")
    x, y = ranks(a) - (len(a) + 1) / 2, ranks(b) - (len(b) + 1) / 2
    if not x.any() or not y.any():
        raise ValueError(
            "a and b: got a constant; expected values that differ, or no rank correlation is defined"
        )
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def best_spearman(labels: Numbers) -> float:
    """Return the largest rank correlation that different scores can have with labels that tie.

    The labels' ranks are then means of the scores' ranks, so that the correlation is the root of the share of the
    ranks' variance that ties leave: √(1 - Σ(t³ - t)/(n³ - n)) over classes of t pairs. It tends to √3/2 = 0.866 where
    half of the pairs are alike.

    Raises:
        ValueError: if all labels are equal.
    """
    counts = np.unique(np.asarray(labels), return_counts=True)[1].astype(float)
    if len(counts) < 2:
        raise ValueError(f"labels: got {len(labels)} equal ones; expected two classes or more")
    n = counts.sum()
    return float(np.sqrt(1 - (counts**3 - counts).sum() / (n**3 - n)))
