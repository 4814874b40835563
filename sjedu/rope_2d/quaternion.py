"""The quaternion attempt of the article: from one side it breaks relativity, from two sides it works.

A quaternion ``a + bi + cj + dk`` is a 4-vector; multiplying by one, from the left or from the right, is a 4x4
matrix. Numbers give float64 arrays, sympy expressions give sympy matrices, as in `sjedu.rope_2d.theory`.
Source: kexue.fm/archives/8397, section 四元数简介. The two-sided form and the size of the failure are our own.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import sympy as sp
from jaxtyping import Float64

from sjedu.rope_2d.theory import (
    ArrayLike,
    Matrix,
    Scalar,
    cos_sin,
    finite_array,
    matrix,
    relativity_error,
)

Quaternion: TypeAlias = tuple[Scalar, Scalar, Scalar, Scalar]

#: Columns: 1 + k, i - j, 1 - k, i + j, divided by √2. In this basis `two_sided_rotation` is block-diagonal.
TWO_SIDED_BASIS = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [0, -1, 0, 1], [1, 0, -1, 0]]) / np.sqrt(2)


def left_matrix(a: Scalar, b: Scalar, c: Scalar, d: Scalar) -> Matrix:
    """Return the matrix of ``q ↦ (a + bi + cj + dk) q``, the article's map of quaternions to matrices."""
    return matrix([[a, -b, -c, -d], [b, a, -d, c], [c, d, a, -b], [d, -c, b, a]])


def right_matrix(a: Scalar, b: Scalar, c: Scalar, d: Scalar) -> Matrix:
    """Return the matrix of ``q ↦ q (a + bi + cj + dk)``; it commutes with every `left_matrix`."""
    return matrix([[a, -b, -c, -d], [b, a, d, -c], [c, -d, a, b], [d, c, -b, a]])


def exponential(a: Scalar, b: Scalar, c: Scalar, d: Scalar) -> Quaternion:
    """Return ``e^(a+u) = e^a (cos r + sin r · u/r)``, u = bi + cj + dk, r = |u| (Euler's formula)."""
    if any(isinstance(part, sp.Basic) for part in (a, b, c, d)):
        scale, r = sp.exp(a), sp.sqrt(b**2 + c**2 + d**2)
        direction = sp.S.One if r == 0 else sp.sin(r) / r
    else:
        scale, r = np.exp(a), np.sqrt(b**2 + c**2 + d**2)
        direction = np.sinc(r / np.pi)
    return scale * cos_sin(r)[0], scale * direction * b, scale * direction * c, scale * direction * d


def one_sided_rotation(x: Scalar, y: Scalar, theta: Scalar) -> Matrix:
    """Return the matrix of ``q ↦ e^(xθi + yθj) q``: orthogonal, but relativity fails (section 违背相对性)."""
    return left_matrix(*exponential(0, x * theta, y * theta, 0))


def two_sided_rotation(x: Scalar, y: Scalar, theta: Scalar) -> Matrix:
    """Return the matrix of ``q ↦ e^(xθi) q e^(yθj)``, for which relativity holds exactly.

    In the basis `TWO_SIDED_BASIS` it is ``diag(R((x-y)θ), R((x+y)θ))``: the frequencies `theory.two_sided`.
    """
    return left_matrix(*exponential(0, x * theta, 0, 0)) @ right_matrix(*exponential(0, 0, y * theta, 0))


def failure(first: ArrayLike, second: ArrayLike, theta: float | int, two_sided: bool = False) -> float:
    """Return the relativity error of `one_sided_rotation`, or of `two_sided_rotation`, for two positions."""
    rotation = two_sided_rotation if two_sided else one_sided_rotation
    return relativity_error(lambda p: rotation(p[0], p[1], theta), first, second)


def predicted_failure(first: ArrayLike, second: ArrayLike, theta: float | int) -> float:
    """Return ``2θ²|x1 y2 - x2 y1|``, the relativity error of `one_sided_rotation` up to O(θ³).

    The commutator ``[x1 i + y1 j, x2 i + y2 j] = 2 (x1 y2 - x2 y1) k`` makes it twice the area that the two
    positions span, times θ²; `failure` measures the error itself.
    """
    (x1, y1), (x2, y2) = finite_array("first", first, ndim=1), finite_array("second", second, ndim=1)
    return float(2 * theta**2 * abs(x1 * y2 - x2 * y1))


def multiply(p: ArrayLike, q: ArrayLike) -> Float64[np.ndarray, " 4"]:
    """Return the product pq of two quaternions, each a vector of 4 numbers."""
    factor = finite_array("p", p, ndim=1)
    if factor.shape != (4,):
        raise ValueError(f"p: got shape {factor.shape}; expected (4,)")
    return np.asarray(left_matrix(*factor) @ finite_array("q", q, ndim=1))
