"""The mathematics of P-tuning, exact and slow: gradients of a few rows, and where they move after all.

The notebook derives with these functions, and the tests hold the PyTorch modules of this room against them. They
follow Su Jianlin, 《P-tuning：自动构建模版，释放语言模型潜能》 (kexue.fm/archives/8295).

Throughout, ``E`` is an embedding table of shape (vocabulary, dim), ``ids`` the tokens of a text, and ``rows`` the few
rows of E that may be learnt: those of the prompt tokens. All arrays are float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats
from jaxtyping import Float64
from scipy.integrate import quad

# ---------------------------------------------------------------- which rows get a gradient


def one_hot(ids: Sequence[int], size: int) -> Float64[np.ndarray, "tokens size"]:
    """Return S with S[t, ids[t]] = 1, so that ``S E`` looks the ids up.

    Raises:
        ValueError: an id is not a row of a table of that size.
    """
    for token in ids:
        if not 0 <= token < size:
            raise ValueError(f"ids: got {token}; expected 0 to {size - 1}")
    return np.asarray(np.eye(size)[np.asarray(ids, dtype=int)])


def row_mask(rows: Sequence[int], size: int) -> Float64[np.ndarray, "size 1"]:
    """Return m: 1 on the rows that may be learnt, else 0, as a column."""
    return np.asarray(one_hot(rows, size).max(axis=0, initial=0.0)[:, None])


def stopped_gradient(
    g: Float64[np.ndarray, "tokens dim"], ids: Sequence[int], rows: Sequence[int], size: int
) -> Float64[np.ndarray, "size dim"]:
    """Return ∂L/∂E where the layer looks up ``E ⊙ m + sg(E) ⊙ (1 − m)`` (article, section on stopped gradients).

    With ``g = ∂L/∂(S Ẽ)`` the chain rule gives ``∂L/∂Ẽ = Sᵀ g``, and ``∂Ẽ/∂E`` multiplies by m.
    """
    return np.asarray(row_mask(rows, size) * (one_hot(ids, size).T @ g))


def table_gradient(
    g: Float64[np.ndarray, "tokens dim"], ids: Sequence[int], rows: Sequence[int], size: int
) -> Float64[np.ndarray, "rows dim"]:
    """Return ∂L/∂P where ``Ẽ = E₀ + R P``: a separate table P whose row i takes the place of row ``rows[i]``."""
    R = one_hot(rows, size).T
    return np.asarray(R.T @ one_hot(ids, size).T @ g)


class TiedGradient(NamedTuple):
    """Gradient of a table that is used twice, once to look up and once to predict."""

    input_side: Float64[np.ndarray, "size dim"]
    output_side: Float64[np.ndarray, "size dim"]


def tied_gradient(E: Float64[np.ndarray, "size dim"], ids: Sequence[int], target: int) -> TiedGradient:
    """Return both parts of ∂L/∂E for ``h = mean(E[ids])``, ``L = −log softmax(E h)[target]``.

    The smallest model with tied embeddings. With p the softmax and y the one-hot target::

        output side:  (p − y) hᵀ                 a gradient on every row of the table
        input side:   mean(S)ᵀ (p − y)ᵀ E        a gradient on the rows of the ids
    """
    size = len(E)
    average = one_hot(ids, size).mean(axis=0)
    h = average @ E
    logits = E @ h
    p = np.exp(logits - logits.max())
    error = p / p.sum() - one_hot([target], size)[0]
    return TiedGradient(np.outer(average, error @ E), np.outer(error, h))


# ---------------------------------------------------------------- where rows without gradient move


def decayed(E: Float64[np.ndarray, "*shape"], lr: float, decay: float, steps: int) -> np.ndarray:
    """Return what AdamW makes of weights without gradient: ``(1 − lr · decay)^steps E``."""
    return np.asarray((1 - lr * decay) ** steps * E)


def adam_drift(
    first: Float64[np.ndarray, "*shape"],
    second: Float64[np.ndarray, "*shape"],
    done: int,
    steps: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> Float64[np.ndarray, "*shape"]:
    """Return by how much Adam still moves weights whose gradient has become zero.

    Its moments m and v, left by ``done`` earlier steps, only fade::

        Δ = −lr · Σ_{j=1}^{steps}  [β₁ʲ m / (1 − β₁^{done+j})] / (√[β₂ʲ v / (1 − β₂^{done+j})] + ε)

    Args:
        first: the moment m.
        second: the moment v.
        done: steps taken before the gradient was stopped.
        steps: taken since.
        lr: learning rate.
        betas: (β₁, β₂).
        eps: ε.
    """
    drift = np.zeros_like(first)
    for j in range(1, steps + 1):
        m = betas[0] ** j * first / (1 - betas[0] ** (done + j))
        v = betas[1] ** j * second / (1 - betas[1] ** (done + j))
        drift -= lr * m / (np.sqrt(v) + eps)
    return drift


# ---------------------------------------------------------------- what a re-parameterisation does


def reparameterised_step(
    Z: Float64[np.ndarray, "tokens inner"],
    W: Float64[np.ndarray, "inner dim"],
    G: Float64[np.ndarray, "tokens dim"],
    lr: float,
) -> Float64[np.ndarray, "tokens dim"]:
    """Return by how much the prompt ``P = Z W`` moves, to first order, when a gradient step moves Z and W.

    With ``G = ∂L/∂P``::

        ΔP = −lr (Z Zᵀ G + G Wᵀ W)

    Plain embeddings have ΔP = −lr G. The first term mixes the *tokens*: row i of Z Zᵀ G is Σⱼ ⟨zᵢ, zⱼ⟩ gⱼ, so
    token i also follows the gradients of those that resemble it in Z. That is the correlation which an LSTM or an
    MLP brings (article, section on the LSTM).
    """
    return np.asarray(-lr * (Z @ Z.T @ G + G @ W.T @ W))


def prompt_parameters(kind: str, tokens: int, dim: int, hidden: int | None = None, layers: int = 2) -> int:
    """Return how many numbers a prompt of ``tokens`` vectors is learnt through.

    - "embedding": tokens · dim;
    - "mlp": besides, three linear layers dim → hidden → hidden → dim;
    - "lstm": besides, a bidirectional LSTM (in each direction four gates with two biases) and two linear layers
      2 hidden → 2 hidden → dim.

    Raises:
        ValueError: there is no such kind.
    """
    h = dim if hidden is None else hidden
    table = tokens * dim
    if kind == "embedding":
        return table
    if kind == "mlp":
        return table + (dim * h + h) + (h * h + h) + (h * dim + dim)
    if kind == "lstm":
        inputs = [dim, *[2 * h] * (layers - 1)]
        lstm = sum(2 * 4 * (h * size + h * h + 2 * h) for size in inputs)
        return table + lstm + (4 * h * h + 2 * h) + (2 * h * dim + dim)
    raise ValueError(f"kind: got {kind!r}; expected 'embedding', 'mlp' or 'lstm'")


# ---------------------------------------------------------------- choosing honestly


def expected_maximum(count: int) -> float:
    """Return E[max] of ``count`` independent standard normal numbers: 0, 0.564, 0.846, 1.029, 1.163, ...

    Choose the best of ``count`` equally good templates on the test set itself, and its accuracy there is too high
    by about this many standard deviations of the noise of one measurement.

    Raises:
        ValueError: count is less than 1.
    """
    if count < 1:
        raise ValueError(f"count: got {count}; expected at least 1")
    normal = scipy.stats.norm

    def density(x: float) -> float:
        return float(x * count * normal.pdf(x) * normal.cdf(x) ** (count - 1))

    return float(quad(density, -12, 12, epsabs=1e-10)[0])
