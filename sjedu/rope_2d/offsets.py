"""What a RoPE can say about an offset: which it confuses, how its logits decay, where images stand in text.

Everything here takes a list of frequencies, shape (pairs, 2); `theory.joint_blocks` says why that is enough.
Offsets p are differences of positions, (rows, columns).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from sjedu.checks import check_choice, check_count
from sjedu.rope_2d.theory import ArrayLike, angles

# ---------------------------------------------------------------- reversibility


class Closest(NamedTuple):
    """The offset on the integer grid that a RoPE can tell least from zero."""

    distance: float
    offset: tuple[int, int]


def distance(offsets: ArrayLike, frequencies: ArrayLike) -> np.ndarray:
    """Return ``sqrt(mean_k(2 - 2 cos ω_k·p))`` for offsets p of shape (..., 2).

    It is ``‖R_p - I‖ / sqrt(dim)`` in the Frobenius norm: 0 when p collides with 0, at most 2.
    """
    # 2 - 2 cos a = (2 sin(a/2))²; the left-hand side loses half of the digits near zero.
    return np.asarray(2 * np.sqrt(np.mean(np.sin(angles(offsets, frequencies) / 2) ** 2, axis=-1)))


def min_distance(frequencies: ArrayLike, N: int) -> Closest:
    """Return the smallest `distance` over the offsets ``0 ≠ p ∈ [-N, N]²`` of whole numbers, and where it is."""
    best = Closest(np.inf, (0, 0))
    for offsets in _half_grid(N):
        distances = distance(offsets, frequencies)
        k = int(np.argmin(distances))
        if distances[k] < best.distance:
            best = Closest(float(distances[k]), (int(offsets[k, 0]), int(offsets[k, 1])))
    return best


def collisions(
    frequencies: ArrayLike, N: int, *, tolerance: float = 1e-9
) -> Int64[np.ndarray, "collisions 2"]:
    """Return the offsets ``0 ≠ p ∈ [-N, N]²`` with ``ω_k·p ∈ 2πℤ`` for all k, up to ``tolerance``.

    They come nearest first. For θ = π/3 in the axial form they are the multiples of 6.
    """
    half = np.concatenate([p[distance(p, frequencies) <= tolerance] for p in _half_grid(N)])
    return np.stack([half, -half], axis=1).reshape(-1, 2)


# ---------------------------------------------------------------- decay


def mean_logit(offsets: ArrayLike, frequencies: ArrayLike) -> np.ndarray:
    """Return ``K(p) = mean_k cos(ω_k·p)``, the logit of constant content at offset p, scaled to K(0) = 1.

    ``offsets`` has the shape (..., 2), the result (...).
    """
    return np.asarray(np.cos(angles(offsets, frequencies)).mean(axis=-1))


def abel_bound(offsets: ArrayLike, frequencies: ArrayLike, content: ArrayLike) -> np.ndarray:
    """Bound a logit by Abel summation: ``|Σ h_k e^{iω_k·p}| ≤ max_k |h_{k+1} - h_k| Σ_k |S_k|``.

    ``h`` is the content, one complex number a pair, continued by a 0; ``S_k`` is the sum of the first k
    phases, k = 1 .. K. Source: kexue.fm/archives/8265, section 远程衰减, there for one-dimensional positions.
    """
    phases = np.exp(1j * angles(offsets, frequencies))
    steps = np.abs(np.diff(np.append(np.asarray(content, dtype=np.complex128), 0)))
    if len(steps) != phases.shape[-1]:
        raise ValueError(
            f"content: got {len(steps)} numbers; expected one for each of {phases.shape[-1]} pairs"
        )
    return np.asarray(steps.max() * np.abs(np.cumsum(phases, axis=-1)).sum(axis=-1))


# ---------------------------------------------------------------- grids of another width


def led_to(query: tuple[int, int], offset: tuple[int, int], learnt_width: int, width: int) -> tuple[int, int]:
    """Return the cell (row, column) that a flattened offset leads to on a grid of another width.

    Where the cell (x, y) has the number ``n = width·x + y``, as for `theory.flattened`, the offset (Δx, Δy) was learnt
    as the number ``learnt_width·Δx + Δy``. The row may lie beyond the grid.
    """
    number = query[0] * width + query[1] + offset[0] * learnt_width + offset[1]
    return divmod(number, width)


# ---------------------------------------------------------------- text and images in one sequence


def tie_positions(
    length: int, width: int, height: int, kind: Literal["tie", "tv"] = "tie"
) -> Float64[np.ndarray, "tokens 2"]:
    """Return the positions of ``length`` text tokens, an image, and the text token after it.

    Text token n stands at (n, n), where 2-D RoPE acts as 1-D RoPE. Patch (i, j), counted from 1, stands at
    ``(L + i (w+1), L + j (h+1))`` for RoPE-Tie (kexue.fm/archives/10040), and for RoPE-TV
    (kexue.fm/archives/10352) at ``(L + (wh-h)/2 + i, L + (wh-w)/2 + j)``, not always whole numbers. The next
    token is at L + (w+1)(h+1) and L + wh + 1. Both are symmetric: the step from the last text token to the
    first patch equals the step from the last patch to the next token.
    """
    for name, size in (("length", length), ("width", width), ("height", height)):
        check_count(name, size, least=0)
    check_choice("kind", kind, ("tie", "tv"))
    i, j = np.indices((height, width)).reshape(2, -1) + 1
    if kind == "tie":
        patches = np.stack([i * (width + 1), j * (height + 1)], axis=-1)
        after = (width + 1) * (height + 1)
    else:
        area = width * height
        patches = np.stack([(area - height) / 2 + i, (area - width) / 2 + j], axis=-1)
        after = area + 1
    text = np.repeat(np.arange(1.0, length + 1)[:, None], 2, axis=1)
    return np.concatenate([text, length + patches, np.full((1, 2), length + after, dtype=np.float64)])


def _half_grid(N: int) -> Iterator[np.ndarray]:
    """Yield one of each p, -p in [-N, N]² without 0, nearest first, in chunks that fit a cache."""
    check_count("N", N)
    x, y = np.indices((N + 1, 2 * N + 1)).reshape(2, -1) - np.array([[0], [N]])
    keep = (x > 0) | (y > 0)
    x, y = x[keep], y[keep]
    offsets = np.stack([x, y], axis=-1)[np.lexsort((-y, -x, x * x + y * y))]
    yield from np.array_split(offsets, -(-len(offsets) // 65536))
