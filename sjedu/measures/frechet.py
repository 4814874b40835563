"""The Fréchet distance between two samples, as if both were normal (Heusel et al., arXiv 1706.08500)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from torch import Tensor

__all__ = ["frechet_distance"]


def frechet_distance(a: np.ndarray | Tensor, b: np.ndarray | Tensor) -> float:
    """Return ``‖μ_a - μ_b‖² + Tr(A + B - 2 (A½ B A½)½)``: squared ``W₂`` of the normals with the samples' moments.

    A and B are the unbiased covariances. The last trace is the sum of the singular values of ``R_a R_bᵀ``, where R is
    the triangular factor of the centred samples, ``A = RᵀR``: no root of a matrix, and no complex rounding errors.

    Args:
        a: features of one sample, (n, features), n ≥ 2; arrays, or tensors on any device.
        b: of another, (m, features), m ≥ 2.

    Raises:
        TypeError, ValueError: if an argument is not that, or not finite, or if there are not as many features.
    """
    first, second = _features("a", a), _features("b", b)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"a and b: got {first.shape[1]} and {second.shape[1]} features; expected as many")
    R_a, R_b = (_triangular_factor(sample) for sample in (first, second))
    means = np.square(first.mean(axis=0) - second.mean(axis=0)).sum()
    common = np.linalg.svd(R_a @ R_b.T, compute_uv=False).sum()
    return max(0.0, float(means + np.square(R_a).sum() + np.square(R_b).sum() - 2 * common))


def _features(name: str, value: np.ndarray | Tensor) -> Float64[np.ndarray, "n features"]:
    array = value.detach().double().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name}: got numbers of type {array.dtype}; expected real numbers")
    if array.ndim != 2 or len(array) < 2 or not array.shape[1]:
        raise ValueError(
            f"{name}: got the shape {array.shape}; expected (n, features) with n ≥ 2 and a feature at least"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: {(~np.isfinite(array)).sum()} numbers are NaN or infinite")
    return array.astype(np.float64)


def _triangular_factor(sample: Float64[np.ndarray, "n features"]) -> np.ndarray:
    centred = (sample - sample.mean(axis=0)) / np.sqrt(len(sample) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r"))
