"""The mathematics of accumulated contrastive learning, exact and slow, in float64.

The notebook derives with these functions, and the tests hold the fast code of this room against them.
They follow Su Jianlin, 《对比学习可以使用梯度累积吗？》 (kexue.fm/archives/8471).

Samples have embeddings ``h_i`` and similarities ``s_ij``; ``t_ij`` says which pairs belong together. The
article's loss is the sum over rows of the cross entropy between ``t_i`` and the softmax ``p_i`` of ``s_i``.
A similarity of ``-inf`` takes a pair out of the softmax.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import scipy.special
from jaxtyping import Bool, Float64

from sjedu.checks import check_choice, check_count

#: Anything that numpy.asarray makes real numbers of.
ArrayLike: TypeAlias = np.ndarray | Sequence[Any]
Square: TypeAlias = Float64[np.ndarray, "batch batch"]


# ---------------------------------------------------------------- one tower


def softmax(s: ArrayLike) -> Square:
    """Return ``p_ij = e^{s_ij} / Σ_k e^{s_ik}``, one distribution a row.

    Raises:
        ValueError: s is not a square matrix of numbers below infinity, or a row has no candidate.
    """
    return np.asarray(scipy.special.softmax(_similarities(s), axis=1))


def loss(s: ArrayLike, t: ArrayLike) -> float:
    """Return the article's loss ``L = -Σ_ij t_ij log p_ij`` (its equation 1), a sum and not a mean.

    Raises:
        ValueError: s or t is not a square matrix of the same size, a row of t is empty, or t asks for a
            pair that s rules out.
    """
    s, t = _problem(s, t)
    log_p = s - scipy.special.logsumexp(s, axis=1, keepdims=True)
    return -float(np.sum(t * np.where(t == 0, 0.0, log_p)))


def coefficients(s: ArrayLike, t: ArrayLike) -> Square:
    """Return ``c_ij = ∂L/∂s_ij = p_ij Σ_k t_ik - t_ij``: the article's ``p - t`` where rows of t sum to 1.

    So the gradient of L is that of ``Σ_ij c_ij s_ij`` with c held fixed, which is linear in s (equation 2).
    """
    s, t = _problem(s, t)
    return np.asarray(softmax(s) * t.sum(axis=1, keepdims=True) - t)


def target_vectors(h: ArrayLike, t: ArrayLike, temperature: float = 1.0) -> Float64[np.ndarray, "batch dim"]:
    """Return ``h̃_i = ∂L/∂h_i = Σ_j (c_ij + c_ji) h_j / τ`` for ``s_ij = ⟨h_i, h_j⟩/τ`` (equation 3).

    The gradient of L by the parameters of the encoder is then that of ``Σ_i ⟨h_i, h̃_i⟩`` with h̃ held fixed:
    a sum of terms each of which needs one sample only. t need not be symmetric.
    """
    c = coefficients(similarities(h, temperature), t)
    return np.asarray((c + c.T) @ np.asarray(h, dtype=np.float64) / temperature)


def surrogate(h: ArrayLike, t: ArrayLike, temperature: float = 1.0) -> float:
    """Return ``Σ_i ⟨h_i, h̃_i⟩``: the loss's gradient, and not its value, which this is not: it is ``2 ∂L/∂log β``.

    With β = 1/τ, for s is of degree 2 in h and of degree 1 in β (Euler's identity). So it is negative where a lower
    temperature would lower the loss.
    """
    return float(np.sum(np.asarray(h, dtype=np.float64) * target_vectors(h, t, temperature)))


def similarities(h: ArrayLike, temperature: float = 1.0, *, exclude_self: bool = False) -> Square:
    """Return ``s_ij = ⟨h_i, h_j⟩/τ``; with ``exclude_self`` the diagonal is ``-inf``, as in SimCLR.

    Raises:
        ValueError: h is not a matrix of finite numbers, or the temperature is not a positive number.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature: got {temperature!r}; expected a positive number")
    array = _finite_matrix("h", h)
    s = array @ array.T / temperature
    if exclude_self:
        np.fill_diagonal(s, -np.inf)
    return np.asarray(s)


def view_labels(pairs: int) -> Square:
    """Return t for a batch that holds ``pairs`` first views and then their second views: i belongs to i ± pairs.

    Raises:
        ValueError: pairs is less than 1.
    """
    if pairs < 1:
        raise ValueError(f"pairs: got {pairs!r}; expected at least 1")
    return np.roll(np.eye(2 * pairs), pairs, axis=1)


def chunk_mask(batch: int, chunk: int) -> Bool[np.ndarray, "batch batch"]:
    """Return which pairs naive accumulation sees: those whose samples fall into the same chunk.

    Raises:
        ValueError: batch or chunk is less than 1.
    """
    if min(batch, chunk) < 1:
        raise ValueError(f"batch and chunk: got {batch!r} and {chunk!r}; expected at least 1")
    number = np.arange(batch) // chunk
    return np.asarray(number[:, None] == number[None, :])


# ---------------------------------------------------------------- two towers


class TwoTowers(NamedTuple):
    """The symmetric loss of two towers and its derivatives."""

    loss: float
    u: Float64[np.ndarray, "batch dim"]
    v: Float64[np.ndarray, "batch dim"]
    scale: float


def two_towers(u: ArrayLike, v: ArrayLike, scale: float) -> TwoTowers:
    """Return ``L = 1/2N Σ_i [CE(s_i·, i) + CE(s_·i, i)]`` for ``s = β u vᵀ``, and its derivatives.

    With the row softmax P, the column softmax Q and ``G = (P + Q - 2I)/2N``::

        ∂L/∂u = β G v        ∂L/∂v = β Gᵀ u        ∂L/∂β = Σ_ij G_ij ⟨u_i, v_j⟩

    The scale β is 1/τ. Its derivative comes out once, with the loss; chunks must not add it again.

    Raises:
        ValueError: u and v are not matrices of one shape, or the scale is not a positive number.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale: got {scale!r}; expected a positive number")
    u, v = _finite_matrix("u", u), _finite_matrix("v", v)
    if u.shape != v.shape:
        raise ValueError(f"u and v: got shapes {u.shape} and {v.shape}; expected equal ones")
    s, n = scale * u @ v.T, len(u)
    rows, columns = scipy.special.logsumexp(s, axis=1), scipy.special.logsumexp(s, axis=0)
    value = float(np.mean(rows + columns) / 2 - np.trace(s) / n)
    G = (np.exp(s - rows[:, None]) + np.exp(s - columns) - 2 * np.eye(n)) / (2 * n)
    return TwoTowers(value, scale * G @ v, scale * G.T @ u, float(np.sum(G * s)) / scale)


# ---------------------------------------------------------------- comparing gradients


class Comparison(NamedTuple):
    """How one gradient lies to the exact one."""

    relative_error: float
    cosine: float
    norm_ratio: float


def compare(gradient: ArrayLike, exact: ArrayLike) -> Comparison:
    """Compare a gradient with the exact one: ``‖g - g*‖/‖g*‖``, the cosine and ``‖g‖/‖g*‖``.

    The relative error is the measure that counts: a gradient that lacks its factor 1/τ has the cosine 1.

    Raises:
        ValueError: the shapes differ, or the exact gradient is (nearly) zero, against which nothing can be
            judged: rounding alone would look like a bug.
    """
    g, reference = (np.asarray(x, dtype=np.float64).ravel() for x in (gradient, exact))
    if g.shape != reference.shape:
        raise ValueError(f"gradient: got {g.size} numbers; expected {reference.size}, as many as exact has")
    norms = float(np.linalg.norm(g)), float(np.linalg.norm(reference))
    if not norms[1] > 1e-6:
        raise ValueError(
            f"exact: got a gradient of norm {norms[1]:.3g}; expected more than 1e-6, to measure against"
        )
    cosine = float(g @ reference) / (norms[0] * norms[1]) if norms[0] > 0 else 0.0
    return Comparison(float(np.linalg.norm(g - reference)) / norms[1], cosine, norms[0] / norms[1])


# ---------------------------------------------------------------- a small network with dropout

#: Dropout masks of both towers: 0, or 1/(1 - p).
Masks: TypeAlias = Float64[np.ndarray, "2 pairs hidden"]


class Batch(NamedTuple):
    """Pairs of inputs, and the weights of an encoder ``W₂ (mask · relu(W₁ x))`` that both towers share."""

    x: Float64[np.ndarray, "pairs inputs"]
    y: Float64[np.ndarray, "pairs inputs"]
    first: Float64[np.ndarray, "hidden inputs"]
    second: Float64[np.ndarray, "dim hidden"]

    def encode(self, x: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the hidden layer under a dropout mask, and the embeddings."""
        hidden = mask * np.maximum(x @ self.first.T, 0)
        return hidden, hidden @ self.second.T

    def embeddings(self, drawn: Masks) -> tuple[np.ndarray, np.ndarray]:
        """Return those of both towers under their masks."""
        return self.encode(self.x, drawn[0])[1], self.encode(self.y, drawn[1])[1]


@cache
def small_batch(pairs: int = 32, inputs: int = 12, hidden: int = 24, dim: int = 8) -> Batch:
    """Return noisy views of random points, and random weights; the same every time."""
    rng = np.random.default_rng(3)
    z, a, b = rng.normal(size=(3, pairs, inputs))
    first = rng.normal(size=(hidden, inputs)) / np.sqrt(inputs)
    second = rng.normal(size=(dim, hidden)) / np.sqrt(hidden)
    return Batch(z + 0.3 * a, z + 0.3 * b, first, second)


def dropout_masks(p: float, seed: int, pairs: int = 32, hidden: int = 24) -> Masks:
    """Return the dropout masks of both towers."""
    kept = np.random.default_rng(seed).random((2, pairs, hidden)) >= p
    return np.asarray(kept / (1 - p))


def two_pass_gradient(
    batch: Batch, drawn: Masks, again: Masks | None = None, *, temperature: float = 0.5, parts: int = 1
) -> Float64[np.ndarray, " parameters"]:
    """Return the gradient of the symmetric loss by all weights, in two passes.

    Args:
        batch: pairs and weights.
        drawn: masks of the first pass.
        again: masks of the second pass; by default those of the first.
        temperature: τ.
        parts: 1 compares all pairs; more cut the batch, as naive accumulation does.
    """
    again = drawn if again is None else again
    targets = chunk_targets(*batch.embeddings(drawn), temperature, parts)
    by_first, by_second = np.zeros_like(batch.first), np.zeros_like(batch.second)
    for x, mask, target in zip((batch.x, batch.y), again, targets, strict=True):
        hidden, _ = batch.encode(x, mask)
        by_second += target.T @ hidden
        by_first += ((target @ batch.second) * mask * (hidden > 0)).T @ x
    return np.concatenate([by_first.ravel(), by_second.ravel()])


def chunk_targets(
    u: np.ndarray, v: np.ndarray, temperature: float, parts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return ũ and ṽ of the mean loss of equal chunks, each of which is compared with itself alone."""
    chunks = [
        two_towers(a, b, 1 / temperature) for a, b in zip(np.split(u, parts), np.split(v, parts), strict=True)
    ]
    by_u, by_v = (np.concatenate(each) / parts for each in zip(*((c.u, c.v) for c in chunks), strict=True))
    return by_u, by_v


def chunk_coefficients(u: np.ndarray, v: np.ndarray, temperature: float, parts: int) -> Square:
    """Return c = ∂L/∂s of the losses of the rows of equal chunks; NaN where a pair is not compared."""
    s = u @ v.T / temperature
    s[~chunk_mask(len(s), len(s) // parts)] = -np.inf
    return np.asarray(np.where(np.isneginf(s), np.nan, coefficients(s, np.eye(len(s)))))


# ---------------------------------------------------------------- pairs on a circle


def circle_pairs(pairs: int, moved: int, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return queries and keys on the unit circle, a pair here and there; pair number ``moved`` (from 0) at an angle."""
    angles = np.linspace(0, 2 * np.pi, pairs, endpoint=False) + 0.35 * np.sin(3 * np.arange(pairs))
    angles[moved] = angle
    gap = 0.18 + 0.1 * np.cos(2 * np.arange(pairs))
    u, v = (np.stack([np.cos(a), np.sin(a)], axis=-1) for a in (angles - gap, angles + gap))
    return u, v


def circle_push(u: np.ndarray, v: np.ndarray, temperature: float, parts: int) -> np.ndarray:
    """Return minus the gradient by all embeddings, along the circle: the rest would be undone by normalising."""
    targets = chunk_targets(u, v, temperature, parts)
    pushes = [h * np.sum(h * t, axis=1, keepdims=True) - t for h, t in zip((u, v), targets, strict=True)]
    return np.concatenate(pushes)


# ---------------------------------------------------------------- what a step costs

Method: TypeAlias = Literal["full", "exact", "naive"]


@dataclass(frozen=True)
class Cost:
    """What one step costs: bytes by what they are for, and time in forward passes of the whole batch."""

    activations: float
    embeddings: float
    similarities: float
    time: float

    @property
    def total(self) -> float:
        """All bytes."""
        return self.activations + self.embeddings + self.similarities


def step_cost(
    method: Method,
    batch: int,
    micro_batch: int,
    *,
    layers: int,
    width: int,
    dim: int = 128,
    block: int | None = None,
    tokens: int = 1,
) -> Cost:
    """Predict a step of two towers in float32, each of ``layers`` layers that keep ``width`` numbers a token.

    A layer keeps its input and its activation for the backward pass. The loss under autograd keeps about four
    matrices of similarities; the streamed one two blocks of rows. A backward pass costs two forward passes.

    Raises:
        ValueError: a number is less than 1, or the method is unknown.
        TypeError: a number is not whole.
    """
    check_choice("method", method, get_args(Method))
    sizes = {"batch": batch, "micro_batch": micro_batch, "layers": layers, "width": width, "dim": dim}
    for name, size in {**sizes, "tokens": tokens, "block": 1 if block is None else block}.items():
        check_count(name, size)
    chunk = batch if method == "full" else min(micro_batch, batch)
    compared = chunk if method == "naive" else batch
    both = 2 if method != "exact" else 1  # the towers' graphs live at the same time unless each goes alone
    matrices = 4 * compared if block is None else 2 * min(block, compared)
    return Cost(
        activations=4.0 * both * chunk * 2 * layers * width * tokens,
        embeddings=4.0 * 4 * compared * dim,
        similarities=4.0 * matrices * compared,
        time=4.0 if method == "exact" else 3.0,
    )


# ---------------------------------------------------------------- helpers


def _similarities(s: ArrayLike) -> Square:
    array = np.asarray(s, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise ValueError(f"s: got shape {array.shape}; expected a square matrix")
    if np.isnan(array).any() or np.isposinf(array).any():
        raise ValueError("s: got NaN or +inf; expected finite numbers, or -inf for pairs that are left out")
    empty = np.flatnonzero(np.isneginf(array).all(axis=1))
    if empty.size:
        raise ValueError(f"s: row {empty[0]} is -inf throughout; expected at least one candidate a row")
    return array


def _problem(s: ArrayLike, t: ArrayLike) -> tuple[Square, Square]:
    s, t = _similarities(s), _finite_matrix("t", t)
    if t.shape != s.shape:
        raise ValueError(f"t: got shape {t.shape}; expected {s.shape}, as s")
    empty = np.flatnonzero(~t.any(axis=1))
    if empty.size:
        raise ValueError(f"t: row {empty[0]} is zero; expected something to match in every row")
    if np.isneginf(s[t != 0]).any():
        i, j = np.argwhere((t != 0) & np.isneginf(s))[0]
        raise ValueError(f"t: asks for the pair ({i}, {j}), which s rules out with -inf")
    return s, t


def _finite_matrix(name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name}: got shape {array.shape}; expected a matrix")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got {array[~np.isfinite(array)][0]}; expected finite numbers")
    return array
