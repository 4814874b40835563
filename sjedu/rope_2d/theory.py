"""The mathematics of two-dimensional RoPE, exact and slow.

The notebook derives with these functions, and the tests hold the code of this room against them.
They follow Su Jianlin, 《Transformer升级之路：4、二维位置的旋转式位置编码》 (kexue.fm/archives/8397).

A position ``p = (x, y)`` is (row, column), as in the article. A *frequency* ``ω`` is a vector, in radians per
unit of position: the pair of coordinates it belongs to is turned by the angle ``ω·p``. Every 2-D RoPE is, in
some orthonormal basis, a list of such vectors (`joint_blocks`). Small matrices take numbers or sympy
expressions: numbers give float64 arrays, symbols give sympy matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import scipy.linalg
import sympy as sp
from jaxtyping import Float64, Int64

from sjedu.checks import check_choice, check_positive

Number: TypeAlias = int | float | np.number[Any]
Scalar: TypeAlias = int | float | np.number[Any] | sp.Expr
Matrix: TypeAlias = np.ndarray | sp.MatrixBase
#: Anything that numpy.asarray makes real numbers of.
ArrayLike: TypeAlias = np.ndarray | Sequence[Any]
Pairing: TypeAlias = Literal["interleaved", "half"]


# ---------------------------------------------------------------- matrices of numbers or of symbols


def matrix(rows: Sequence[Sequence[Scalar]]) -> Matrix:
    """Return the matrix with these rows: float64 if all entries are numbers, sympy if one is not."""
    if any(isinstance(entry, sp.Basic) for row in rows for entry in row):
        return sp.Matrix(rows)
    return np.array(rows, dtype=np.float64)


def cos_sin(angle: Scalar) -> tuple[Scalar, Scalar]:
    """Return the cosine and the sine of a number or of a sympy expression."""
    if isinstance(angle, sp.Basic):
        return sp.cos(angle), sp.sin(angle)
    return np.cos(angle), np.sin(angle)


def plane_rotation(angle: Scalar) -> Matrix:
    """Return ``R(a) = [[cos a, -sin a], [sin a, cos a]]``: 1-D RoPE of the position n is ``R(nθ)``."""
    c, s = cos_sin(angle)
    return matrix([[c, -s], [s, c]])


def rotation(x: Scalar, y: Scalar, theta: Scalar) -> Matrix:
    """Return the article's answer, ``R_{x,y} = diag(R(xθ), R(yθ))``, a 4x4 matrix (section 标准答案)."""
    (cx, sx), (cy, sy) = cos_sin(x * theta), cos_sin(y * theta)
    return matrix([[cx, -sx, 0, 0], [sx, cx, 0, 0], [0, 0, cy, -sy], [0, 0, sy, cy]])


def antisymmetric(*entries: Scalar) -> Matrix:
    """Return the antisymmetric matrix whose lower triangle is ``entries``, row by row.

    Three entries a, b, c make the article's ``[[0, -a, -b], [a, 0, -c], [b, c, 0]]``; six make its 4x4 matrix
    (section RoPE现身).

    Raises:
        ValueError: the number of entries is not d(d-1)/2 for a whole number d >= 2.
    """
    dim = (1 + round(np.sqrt(1 + 8 * len(entries)))) // 2
    if dim < 2 or dim * (dim - 1) // 2 != len(entries):
        raise ValueError(
            f"entries: got {len(entries)}; expected the d(d-1)/2 = 1, 3, 6, 10, ... of an antisymmetric d x d matrix"
        )
    rows: list[list[Scalar]] = [[0] * dim for _ in range(dim)]
    for entry, i, j in zip(entries, *np.tril_indices(dim, -1), strict=True):
        rows[i][j], rows[j][i] = entry, -entry
    return matrix(rows)


def commutator(A: Matrix, B: Matrix) -> Matrix:
    """Return ``[A, B] = AB - BA``, which vanishes exactly when A and B commute."""
    return A @ B - B @ A


def commuting_family(b: Scalar, c: Scalar, f: Scalar) -> tuple[Matrix, Matrix]:
    """Return the article's commuting 4x4 generators ``B1(1, b, c)`` and ``B2(d, e, f)``, d = cf, e = -bf.

    B1 turns a plane in the space of the first three coordinates with frequency ``w = sqrt(1 + b² + c²)``, B2
    the plane orthogonal to it with ``|f| w``. b = c = 0, f = 1 is `rotation`. Source: section RoPE现身.
    """
    return antisymmetric(1, b, c, 0, 0, 0), antisymmetric(0, 0, 0, c * f, -b * f, f)


def rodrigues(B: Matrix, frequency: Scalar, x: Scalar) -> Matrix:
    """Return ``exp(xB) = I + sin(wx)/w B + (1 - cos(wx))/w² B²`` for a B that turns one plane.

    "Turns one plane with frequency w" means ``B³ = -w² B``; the formula is named after Rodrigues.
    """
    c, s = cos_sin(frequency * x)
    identity = np.eye(len(B)) if isinstance(B, np.ndarray) else sp.eye(B.rows)
    return identity + B * (s / frequency) + (B @ B) * ((1 - c) / frequency**2)


# ---------------------------------------------------------------- the general solution


def exponential(B: ArrayLike) -> Float64[np.ndarray, "dim dim"]:
    """Return ``exp(B) = Σ B^k / k!`` of a real antisymmetric matrix, which is orthogonal.

    ``iB`` is Hermitian, so ``B = V diag(-iλ) V*`` with real λ, and the series acts on the eigenvalues alone.
    """
    eigenvalues, V = np.linalg.eigh(1j * _antisymmetric_array("B", B))
    return np.ascontiguousarray(((V * np.exp(-1j * eigenvalues)) @ V.conj().T).real)


def representation(position: ArrayLike, generators: Sequence[ArrayLike]) -> Float64[np.ndarray, "dim dim"]:
    """Return ``exp(x B1 + y B2 + ...)``: the only continuous solutions of the relativity condition.

    Commuting antisymmetric generators give relativity; others give orthogonal matrices without it.

    Raises:
        ValueError: there is not one generator for each coordinate.
    """
    p = finite_array("position", position, ndim=1)
    if len(p) != len(generators):
        raise ValueError(f"generators: got {len(generators)}; expected one for each of {len(p)} coordinates")
    return exponential(sum(x * np.asarray(B, dtype=np.float64) for x, B in zip(p, generators, strict=True)))


def relativity_error(R: Callable[[np.ndarray], np.ndarray], first: ArrayLike, second: ArrayLike) -> float:
    """Return ``‖R(p1)ᵀ R(p2) - R(p2 - p1)‖`` (Frobenius), which is zero for every RoPE."""
    p1, p2 = finite_array("first", first, ndim=1), finite_array("second", second, ndim=1)
    return float(np.linalg.norm(R(p1).T @ R(p2) - R(p2 - p1)))


class Blocks(NamedTuple):
    """A basis in which two commuting generators are block-diagonal, and the frequencies on the blocks."""

    basis: Float64[np.ndarray, "dim dim"]
    frequencies: Float64[np.ndarray, "pairs 2"]


def joint_blocks(B1: ArrayLike, B2: ArrayLike, *, tolerance: float = 1e-9) -> Blocks:
    """Block-diagonalise two commuting antisymmetric matrices in one orthonormal basis.

    With ``J = [[0, -1], [1, 0]]`` and ``Q`` the basis (its vectors are columns)::

        Qᵀ B1 Q = diag(ω₁ₓ J, ω₂ₓ J, ...)        Qᵀ B2 Q = diag(ω₁ᵧ J, ω₂ᵧ J, ...)

    with a 0 at the end if the size is odd. So ``Qᵀ exp(x B1 + y B2) Q`` turns the k-th pair by ``ω_k·p``. The
    frequencies are unique up to their order and signs. The real Schur form of one combination ``s B1 + t B2``
    splits both, unless two blocks happen to coincide there; hence several are tried and the best is kept.

    Raises:
        ValueError: the sizes differ, or the commutator is not zero, relative to the matrices' norms.
    """
    first = _antisymmetric_array("B1", B1, tolerance)
    second = _antisymmetric_array("B2", B2, tolerance)
    if first.shape != second.shape:
        raise ValueError(f"B1 and B2: got shapes {first.shape} and {second.shape}; expected equal ones")
    norms = np.linalg.norm(first), np.linalg.norm(second)
    failure = float(np.linalg.norm(first @ second - second @ first))
    if failure > tolerance * norms[0] * norms[1]:
        raise ValueError(
            f"B1 and B2: got B1 B2 - B2 B1 of norm {failure:.3g}; expected matrices that commute"
        )
    unit = [B / norm if norm else B for B, norm in zip((first, second), norms, strict=True)]
    bases = [_schur_basis(np.cos(a) * unit[0] + np.sin(a) * unit[1]) for a in (0.3, 1.1, 1.9, 2.7)]
    basis = min(bases, key=lambda Q: sum(_off_block_norm(Q.T @ B @ Q) for B in unit))
    frequencies = np.stack([_block_frequencies(basis.T @ B @ basis) for B in (first, second)], axis=-1)
    return Blocks(basis, frequencies)


# ---------------------------------------------------------------- a RoPE as a list of frequencies


def axial(head_dim: int, base: Number = 100.0) -> Float64[np.ndarray, "pairs 2"]:
    """Return the article's answer in ``head_dim`` dimensions: ω = (θⱼ, 0), then ω = (0, θⱼ).

    ``θⱼ = base^(-4j/head_dim)``, j = 0 .. head_dim/4 - 1: the first half of the vector gets 1-D RoPE of x,
    the second half of y.
    """
    theta = _geometric(head_dim, 4, base)
    zero = np.zeros_like(theta)
    return np.stack([np.r_[theta, zero], np.r_[zero, theta]], axis=-1)


def mixed(head_dim: int, base: Number = 10.0, angle: Number = 0.0) -> Float64[np.ndarray, "pairs 2"]:
    """Return RoPE-mixed before training: `axial`, turned by ``angle`` in the plane of positions.

    Heo et al. (arXiv 2403.13298) draw one angle for each head and then learn all frequencies.
    """
    return turned(axial(head_dim, base), angle)


def flattened(head_dim: int, width: Number, base: Number = 100.0) -> Float64[np.ndarray, "pairs 2"]:
    """Return 1-D RoPE of the flattened index ``n = width·x + y``: ω_k = θ_k (width, 1), all on one line."""
    return np.outer(_geometric(head_dim, 2, base), [float(width), 1.0])


def golden(head_dim: int, base: Number = 100.0) -> Float64[np.ndarray, "pairs 2"]:
    """Return frequencies in as many directions as there are pairs, each a golden angle, π (3 - √5), from the last.

    Their lengths are those of 1-D RoPE, ``base^(-2k/head_dim)``. A layout of our own: no direction is preferred.

    Raises:
        ValueError: head_dim is not a positive multiple of 2, or base is not a positive number.
    """
    lengths = _geometric(head_dim, 2, base)
    directions = np.arange(len(lengths)) * np.pi * (3 - np.sqrt(5))
    return np.asarray(lengths[:, None] * np.stack([np.cos(directions), np.sin(directions)], axis=-1))


def two_sided(theta: Number = 1.0) -> Float64[np.ndarray, "2 2"]:
    """Return the frequencies of the two-sided quaternion rotation: ω = (θ, -θ) and (θ, θ)."""
    return np.multiply(float(theta), [[1.0, -1.0], [1.0, 1.0]])


def turned(frequencies: ArrayLike, angle: Number) -> Float64[np.ndarray, "pairs 2"]:
    """Turn each frequency by ``angle`` (radians) in the plane of positions."""
    return np.asarray(finite_array("frequencies", frequencies, ndim=2) @ plane_rotation(angle).T)


def angles(positions: ArrayLike, frequencies: ArrayLike) -> Float64[np.ndarray, "*positions pairs"]:
    """Return ``ω_k·p`` for positions of shape (..., n) and frequencies of shape (pairs, n).

    Raises:
        ValueError: the shapes do not fit.
    """
    omega = finite_array("frequencies", frequencies, ndim=2)
    p = finite_array("positions", positions)
    if 0 in omega.shape:
        raise ValueError(f"frequencies: got shape {omega.shape}; expected one row for each pair")
    if p.ndim == 0 or p.shape[-1] != omega.shape[1]:
        raise ValueError(
            f"positions: got shape {p.shape}; expected (..., {omega.shape[1]}), as the frequencies"
        )
    return np.asarray(p @ omega.T)


def rope_matrix(
    position: ArrayLike, frequencies: ArrayLike, pairing: Pairing = "interleaved"
) -> Float64[np.ndarray, "dim dim"]:
    """Return ``R_p = diag(R(ω₁·p), R(ω₂·p), ...)`` as a dense matrix, for positions of any dimension.

    ``pairing`` says which coordinates of a vector make pair k: 2k and 2k+1 ("interleaved"), or k and
    k + dim/2 ("half"). The two differ by the permutation `half_order`.
    """
    check_choice("pairing", pairing, get_args(Pairing))
    p = finite_array("position", position, ndim=1)
    R = np.asarray(scipy.linalg.block_diag(*(plane_rotation(angle) for angle in angles(p, frequencies))))
    if pairing == "interleaved":
        return R
    order = half_order(len(R))
    return np.asarray(R[np.ix_(order, order)])


def half_order(dim: int) -> Int64[np.ndarray, " dim"]:
    """Return the order (0, 2, 4, ..., 1, 3, 5, ...): ``x[half_order]`` is x in the layout "half"."""
    return np.concatenate([np.arange(0, dim, 2), np.arange(1, dim, 2)])


# ---------------------------------------------------------------- helpers


def finite_array(name: str, values: ArrayLike, ndim: int | None = None) -> np.ndarray:
    """Return the values in float64.

    Raises:
        ValueError: if there is another number of axes, or a number that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name}: got shape {array.shape}; expected {ndim} axes")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got {array[~np.isfinite(array)][0]}; expected finite numbers")
    return array


def _geometric(head_dim: int, multiple: int, base: Number) -> np.ndarray:
    if head_dim <= 0 or head_dim % multiple:
        raise ValueError(f"head_dim: got {head_dim}; expected a positive multiple of {multiple}")
    check_positive("base", base)
    return np.asarray(float(base) ** (-np.arange(0, head_dim, multiple) / head_dim))


def _antisymmetric_array(name: str, B: ArrayLike, tolerance: float = 1e-9) -> np.ndarray:
    array = finite_array(name, B, ndim=2)
    if array.shape[0] != array.shape[1]:
        raise ValueError(f"{name}: got shape {array.shape}; expected a square matrix")
    symmetric = float(np.linalg.norm(array + array.T)) / 2
    if symmetric > tolerance * float(np.linalg.norm(array)):
        raise ValueError(
            f"{name}: got a symmetric part of norm {symmetric:.3g}; expected an antisymmetric matrix"
        )
    return np.asarray((array - array.T) / 2)


def _schur_basis(B: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis, planes first, in which one antisymmetric matrix is block-diagonal."""
    T, Q = scipy.linalg.schur(B, output="real")
    negligible = len(B) * np.finfo(np.float64).eps * max(float(np.abs(T).max()), 1.0)
    planes: list[int] = []
    fixed: list[int] = []
    i = 0
    while i < len(B):
        turns = i + 1 < len(B) and abs(T[i + 1, i]) > negligible
        (planes if turns else fixed).extend((i, i + 1) if turns else (i,))
        i += 2 if turns else 1
    return np.asarray(Q[:, planes + fixed])


def _block_frequencies(B: np.ndarray) -> np.ndarray:
    k = np.arange(0, len(B) - 1, 2)
    return np.asarray((B[k + 1, k] - B[k, k + 1]) / 2)


def _off_block_norm(B: np.ndarray) -> float:
    blocks = [frequency * np.array([[0.0, -1.0], [1.0, 0.0]]) for frequency in _block_frequencies(B)]
    return float(np.linalg.norm(B - scipy.linalg.block_diag(*blocks, *([[0.0]] * (len(B) % 2)))))
