"""The model once more, exact and slow: float64 NumPy, one head and one token after the other, rotations as matrices.

It is written from the equations of Su et al. (arXiv 2104.09864) and Vaswani et al. (arXiv 1706.03762), and shares
nothing with `sjedu.roformer.model` but the names of the weights. The tests hold the one against the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import erf

from sjedu.roformer.config import RoFormerConfig

Weights = Mapping[str, np.ndarray]


def rotation_matrix(position: int, head_size: int) -> np.ndarray:
    r"""Return :math:`R_n`, block diagonal with the 2×2 rotations by :math:`n\theta_i` (arXiv 2104.09864, eq. 15).

    Args:
        position: n, any integer.
        head_size: d, even; :math:`\theta_i = 10000^{-2i/d}`.

    Returns:
        (head_size, head_size). :math:`R_m^\top R_n = R_{n-m}`, so that a score knows differences alone.
    """
    matrix = np.zeros((head_size, head_size))
    for i in range(head_size // 2):
        angle = position * 10000.0 ** (-2 * i / head_size)
        block = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = block
    return matrix


def attention(
    x: np.ndarray, weights: Weights, config: RoFormerConfig, mask: np.ndarray, layer: int
) -> np.ndarray:
    """Return the attention of one text: for each head and query a softmax over the keys that it may see.

    Args:
        x: (tokens, hidden).
        weights: of the model, by their names there.
        config: its sizes.
        mask: (tokens, tokens), True where a query may see a key.
        layer: whose.
    """
    name, d = f"blocks.{layer}.attention", config.head_size
    projected = _linear(x, weights, f"{name}.qkv")
    q, k, v = np.split(projected, 3, axis=-1)
    out = np.zeros_like(x)
    for head in range(config.num_attention_heads):
        part = slice(head * d, (head + 1) * d)
        for n in range(len(x)):
            seen = np.flatnonzero(mask[n]).tolist()
            scores = np.array([_score(q[n, part], k[m, part], n, m, config) for m in seen]) / np.sqrt(d)
            share = np.exp(scores - scores.max())
            out[n, part] = (share / share.sum()) @ v[seen, part]
    return _linear(out, weights, f"{name}.out")


def last_hidden_state(
    ids: np.ndarray, weights: Weights, config: RoFormerConfig, mask: np.ndarray | None = None
) -> np.ndarray:
    """Return what the encoder makes of one text, (tokens, hidden); see `attention` for the arguments."""
    mask = np.ones((len(ids), len(ids)), dtype=bool) if mask is None else mask
    x = weights["embeddings.words.weight"][ids] + weights["embeddings.types.weight"][0]
    if config.model_type == "bert":
        x = x + weights["embeddings.positions.weight"][: len(ids)]
    x = _norm(x, weights, "embeddings.norm", config)
    if config.embedding_size != config.hidden_size:
        x = _linear(x, weights, "embeddings.project")
    for layer in range(config.num_hidden_layers):
        name = f"blocks.{layer}"
        if config.norm == "pre":
            x = x + attention(
                _norm(x, weights, f"{name}.attention_norm", config), weights, config, mask, layer
            )
            x = x + _mlp(_norm(x, weights, f"{name}.mlp_norm", config), weights, name, config)
        else:
            x = x + attention(x, weights, config, mask, layer)
            x = _norm(x, weights, f"{name}.attention_norm", config)
            x = _norm(x + _mlp(x, weights, name, config), weights, f"{name}.mlp_norm", config)
    return _norm(x, weights, "final_norm", config) if config.norm == "pre" else np.asarray(x)


def _score(q: np.ndarray, k: np.ndarray, n: int, m: int, config: RoFormerConfig) -> float:
    if config.model_type == "bert":
        return float(q @ k)
    d = config.head_size
    return float((rotation_matrix(n, d) @ q) @ (rotation_matrix(m, d) @ k))


def _mlp(x: np.ndarray, weights: Weights, name: str, config: RoFormerConfig) -> np.ndarray:
    return _linear(_activation(_linear(x, weights, f"{name}.up"), config.hidden_act), weights, f"{name}.down")


def _activation(x: np.ndarray, kind: str) -> np.ndarray:
    if kind == "relu":
        return np.asarray(np.maximum(x, 0))
    if kind == "gelu_new":
        return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))
    return np.asarray(0.5 * x * (1 + erf(x / np.sqrt(2))))


def _linear(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])


def _norm(x: np.ndarray, weights: Weights, name: str, config: RoFormerConfig) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt(x.var(-1, keepdims=True) + config.layer_norm_eps)
    return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"])
