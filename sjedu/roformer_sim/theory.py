"""The mathematics of RoFormer-Sim, exact and slow: what the notebook derives with, and the oracle of the tests.

Masks are read off their definition, losses are loops over rows in float64, and gradients are closed forms. They
follow Su Jianlin, 《SimBERTv2来了！融合检索和生成的RoFormer-Sim模型》 (kexue.fm/archives/8454).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from sjedu.checks import check_count
from sjedu.roformer import RoFormer, RoFormerConfig

# ---------------------------------------------------------------- who sees whom


def unilm_mask(n_source: int, n_target: int) -> Bool[np.ndarray, "n n"]:
    """Return the mask of UniLM, True where row i may look at column j.

    j is allowed if it belongs to the source, or if both belong to the target and j ≤ i.

    Raises:
        ValueError: if n_source is less than 1 or n_target less than 0.
    """
    check_count("n_source", n_source)
    check_count("n_target", n_target, 0)
    n = n_source + n_target
    return np.array([[j < n_source or n_source <= j <= i for j in range(n)] for i in range(n)])


def reachable(mask: Bool[np.ndarray, "n n"], layers: int) -> Bool[np.ndarray, "n n"]:
    r"""Return which inputs can reach which outputs through some layers of attention with this mask.

    With residual connections a layer passes on what a position is and what it sees, so after L layers the boolean
    power :math:`(I \lor M)^L`. A mask that is transitive, :math:`M M \le M`, is its own power.

    Raises:
        ValueError: if layers is less than 1.
    """
    check_count("layers", layers)
    one = np.asarray(mask, dtype=bool) | np.eye(len(mask), dtype=bool)
    reached = one
    for _ in range(layers - 1):
        reached = (reached.astype(int) @ one.astype(int)) > 0
    return reached


def influence(
    f: Callable[[Float[Tensor, "1 n width"]], Float[Tensor, "1 n hidden"]],
    words: Float[Tensor, "1 n width"],
) -> Float64[np.ndarray, "n n"]:
    r"""Return the size of each derivative :math:`\partial h_i / \partial x_j`, by automatic differentiation.

    The entry is the norm of the gradient of a random direction of output i by input j: zero, exactly, where no path
    leads from j to i.

    Args:
        f: from embedded words to hidden states.
        words: where to differentiate.
    """
    x = words.detach().requires_grad_()
    hidden = f(x)
    direction = torch.randn(hidden.shape[-1], generator=torch.Generator().manual_seed(0), dtype=hidden.dtype)
    rows = []
    for i in range(hidden.shape[1]):
        (gradient,) = torch.autograd.grad((hidden[0, i] * direction).sum(), x, retain_graph=True)
        rows.append(gradient[0].norm(dim=-1).double().numpy())
    return np.stack(rows)


@lru_cache(64)
def unilm_influence(n_source: int, n_target: int, layers: int) -> Float64[np.ndarray, "n n"]:
    """Return the `influence` of all inputs in a small random Transformer of so many layers under UniLM's mask."""
    n = n_source + n_target
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = RoFormerConfig(
            vocab_size=n + 1,
            hidden_size=16,
            embedding_size=16,
            num_hidden_layers=layers,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=n,
            initializer_range=0.3,
        )
        model = RoFormer(config).eval()
    mask = torch.from_numpy(unilm_mask(n_source, n_target))
    words = model.embed(torch.arange(1, n + 1)[None])
    return influence(lambda x: model(words=x, mask=mask), words)


# ---------------------------------------------------------------- losses and their gradients


def contrastive_loss(v: Float64[np.ndarray, "n dim"], scale: float) -> float:
    """Return the mean over rows of -log softmax of the partner i ^ 1 among all j ≠ i, row by row."""
    unit = _normalised(v)
    total = 0.0
    for i in range(len(v)):
        scores = [scale * float(unit[i] @ unit[j]) for j in range(len(v)) if j != i]
        top = max(scores)
        total += top + np.log(sum(np.exp(s - top) for s in scores)) - scale * float(unit[i] @ unit[i ^ 1])
    return float(total / len(v))


def contrastive_gradient(v: Float64[np.ndarray, "n dim"], scale: float) -> Float64[np.ndarray, "n dim"]:
    r"""Return the gradient of `contrastive_loss` in closed form.

    With the softmax P of each row, its diagonal 0, and Y the matrix of partners,

    .. math:: \frac{\partial L}{\partial \hat v} = \frac{\text{scale}}{n} (P - Y + (P - Y)^\top) \hat v,\qquad
        \frac{\partial L}{\partial v_i} = \frac{I - \hat v_i \hat v_i^\top}{|v_i|}
        \frac{\partial L}{\partial \hat v_i}
    """
    unit, n = _normalised(v), len(v)
    scores = scale * unit @ unit.T
    np.fill_diagonal(scores, -np.inf)
    P = np.exp(scores - scores.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    G = P.copy()
    G[np.arange(n), np.arange(n) ^ 1] -= 1
    return _through_normalisation(v, scale / n * (G + G.T) @ unit)


def distillation_loss(
    u: Float64[np.ndarray, "n dim"], v: Float64[np.ndarray, "n width"], weight: float = 100.0
) -> float:
    """Return λ/n² Σ (cos(u_i, u_j) - cos(v_i, v_j))², pair by pair."""
    a, b = _normalised(u), _normalised(v)
    n = len(u)
    return weight / n**2 * sum(float(a[i] @ a[j] - b[i] @ b[j]) ** 2 for i in range(n) for j in range(n))


def distillation_gradient(
    u: Float64[np.ndarray, "n dim"], v: Float64[np.ndarray, "n width"], weight: float = 100.0
) -> Float64[np.ndarray, "n width"]:
    r"""Return the gradient of `distillation_loss` by v.

    .. math:: \frac{\partial L}{\partial \hat v}
        = -\frac{4\lambda}{n^2} (\hat u \hat u^\top - \hat v \hat v^\top) \hat v

    and then through the normalisation, as in `contrastive_gradient`: where a teacher's cosine is larger than the
    student's, the two student's vectors attract each other, else they repel each other.
    """
    a, b = _normalised(u), _normalised(v)
    gap = a @ a.T - b @ b.T
    return _through_normalisation(v, -4 * weight / len(u) ** 2 * gap @ b)


def aligning_rotation(
    u: Float64[np.ndarray, "n dim"], v: Float64[np.ndarray, "n dim"]
) -> Float64[np.ndarray, "dim dim"]:
    """Return the orthogonal Q with the least ‖û - v̂ Q‖: where the cosines of u and v agree, it is 0 (Procrustes)."""
    U, _, Vt = np.linalg.svd(_normalised(v).T @ _normalised(u))
    return np.asarray(U @ Vt)


# ---------------------------------------------------------------- whitening, nucleus


def whitening(x: Float64[np.ndarray, "n dim"]) -> tuple[np.ndarray, Float64[np.ndarray, "dim dim"]]:
    """Return μ and W = U Λ^(-1/2) for vectors with a covariance of full rank, by the singular value decomposition."""
    mean = x.mean(axis=0)
    _, singular, Vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, Vt.T * (np.sqrt(len(x)) / singular)


def nucleus(p: Float64[np.ndarray, " vocabulary"], top_p: float) -> Float64[np.ndarray, " vocabulary"]:
    """Return the renormalised probabilities of the smallest set with mass top_p or more, one token after the other."""
    kept = np.zeros_like(p)
    order: Int64[np.ndarray, " vocabulary"] = np.argsort(-p, kind="stable")
    for token in order:
        kept[token] = p[token]
        if kept.sum() >= top_p:
            break
    return np.asarray(kept / kept.sum())


def _normalised(x: np.ndarray) -> np.ndarray:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def _through_normalisation(v: np.ndarray, by_unit: np.ndarray) -> np.ndarray:
    """From the gradient by v/|v| to that by v: what points along v does nothing."""
    unit = _normalised(v)
    across = by_unit - (by_unit * unit).sum(axis=1, keepdims=True) * unit
    return np.asarray(across / np.linalg.norm(v, axis=1, keepdims=True))
