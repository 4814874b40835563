"""The mathematics of accumulated contrastive learning, exact and slow, in float64.

The notebook derives with these functions, and the tests hold the fast code of this room against them.
They follow Su Jianlin, 《对比学习可以使用梯度累积吗？》 (kexue.fm/archives/8471).

Samples have embeddings ``h_i`` and similarities ``s_ij``; ``t_ij`` says which pairs belong together. The
article's loss is the sum over rows of the cross entropy between ``t_i`` and the softmax ``p_i`` of ``s_i``.
A similarity of ``-inf`` takes a pair out of the softmax.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import scipy.special
from jaxtyping import Bool, Float64

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

    Raises:
        What `loss` raises.
    """
    s, t = _problem(s, t)
    return np.asarray(softmax(s) * t.sum(axis=1, keepdims=True) - t)


def target_vectors(h: ArrayLike, t: ArrayLike, temperature: float = 1.0) -> Float64[np.ndarray, "batch dim"]:
    """Return ``h̃_i = ∂L/∂h_i = Σ_j (c_ij + c_ji) h_j / τ`` for ``s_ij = ⟨h_i, h_j⟩/τ`` (equation 3).

    The gradient of L by the parameters of the encoder is then that of ``Σ_i ⟨h_i, h̃_i⟩`` with h̃ held fixed:
    a sum of terms each of which needs one sample only. t need not be symmetric.

    Raises:
        ValueError: what `loss` raises; or the temperature is not a positive number.
    """
    c = coefficients(similarities(h, temperature), t)
    return np.asarray((c + c.T) @ np.asarray(h, dtype=np.float64) / temperature)


def surrogate(h: ArrayLike, t: ArrayLike, temperature: float = 1.0) -> float:
    """Return ``Σ_i ⟨h_i, h̃_i⟩``: right gradient, meaningless value.

    Raises:
        What `target_vectors` raises.
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
        raise ValueError(f"u and v: got shapes {u.shape} and {v.shape}; they must be equal")
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
