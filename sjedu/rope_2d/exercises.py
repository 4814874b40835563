"""The exercises of the lesson, each with checks that say what is wrong.

Exercise 1 is written in PyTorch, the others in NumPy. A check tries the reader's function on small inputs and rejects
one kind of wrong answer, with the reason.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sjedu.course.exercises import Answer, Exercises, WrongAnswer, close, expect, judged_by
from sjedu.rope_2d import quaternion, theory
from sjedu.rope_2d.offsets import tie_positions as reference_positions

EXERCISES = Exercises()


# ---------------------------------------------------------------- 0: a warm-up


def _neighbours_eight(answer: Answer) -> None:
    found = answer(8)
    expect(isinstance(found, set), f"return a set of numbers, not a {type(found).__name__}.")
    expect(0 not in found, "0 is the patch itself, not one of its neighbours.")
    expect(found >= {-1, 1}, "the neighbours to the left and right are at -1 and +1.")
    expect(found >= {-8, 8}, "one row is 8 numbers: the neighbours above and below are at -8 and +8.")
    expect(len(found) == 8, f"a patch has eight neighbours, diagonal ones too; you found {len(found)}.")


def _neighbours_any_width(answer: Answer) -> None:
    expect(answer(5) == neighbours(5), "right for width 8, wrong for width 5: the width is an argument.")


@EXERCISES.add("0", "Warm-up: the numbers of the neighbours", minutes=3, difficulty="easy")
@judged_by(_neighbours_eight, _neighbours_any_width)
def neighbours(width: int) -> set[int]:
    """Return a set of eight whole numbers.

    The patches of a grid are numbered row by row. Return the set of the numbers that the eight neighbours of
    a patch have, relative to its own, when the grid has `width` columns. (Forget the edges.)

    Hint: One row down is `width` numbers later, one column to the right is one number later.

    Shows: equally near neighbours have offsets of very different size, and most of them depend on the width.
    """
    return {width * row + column for row in (-1, 0, 1) for column in (-1, 0, 1)} - {0}


# ---------------------------------------------------------------- 1: rotate queries by position


# Wide enough for angles in float32, which at these positions are right to six digits.
SIX_DIGITS = 1e-5


def _vectors(tokens: int = 5, dim: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(tokens, dim, dtype=torch.float64, generator=generator)
    xy = torch.randint(-6, 7, (tokens, 2), generator=generator).double()
    return q, xy, torch.from_numpy(theory.axial(dim))


def _rope2d_shape(answer: Answer) -> None:
    q, xy, freqs = _vectors()
    out = answer(q, xy, freqs)
    expect(isinstance(out, Tensor), "return a torch.Tensor.")
    expect(out.shape == q.shape, f"q has the shape {tuple(q.shape)}; your result has {tuple(out.shape)}.")


def _rope2d_origin(answer: Answer) -> None:
    q, xy, freqs = _vectors()
    expect(
        close(answer(q, torch.zeros_like(xy), freqs), q, SIX_DIGITS),
        "at the position (0, 0) nothing may be turned.",
    )


def _rope2d_norm(answer: Answer) -> None:
    q, xy, freqs = _vectors()
    before, after = q.norm(dim=-1), answer(q, xy, freqs).norm(dim=-1)
    expect(
        close(after, before, SIX_DIGITS),
        "the length of the vectors is not kept: check the signs of the two sines.",
    )


def _rope2d_halves(answer: Answer) -> None:
    q, xy, freqs = _vectors()
    down = answer(q, xy * torch.tensor([1.0, 0.0]), freqs)
    expect(
        close(down[:, 4:], q[:, 4:], SIX_DIGITS),
        "a move along x turned the second half of the vector, whose frequencies have no x part: use ω·p.",
    )


def _rope2d_matrix(answer: Answer) -> None:
    q, xy, freqs = _vectors()
    wanted = [theory.rope_matrix(p, freqs.numpy()) @ v for p, v in zip(xy.numpy(), q.numpy(), strict=True)]
    inverse = [theory.rope_matrix(-p, freqs.numpy()) @ v for p, v in zip(xy.numpy(), q.numpy(), strict=True)]
    out = answer(q, xy, freqs)
    expect(
        not close(out, inverse, SIX_DIGITS), "the pairs turn the wrong way: (a cos - b sin, a sin + b cos)."
    )
    expect(
        close(out, wanted, SIX_DIGITS),
        "the result is not that of the block matrix diag(R(ω₁·p), R(ω₂·p), ...).",
    )


def _rope2d_relativity(answer: Answer) -> None:
    q, xy, freqs = _vectors()

    def logits(shift: tuple[float, float]) -> Tensor:
        turned: Tensor = answer(q, xy + torch.tensor(shift, dtype=xy.dtype), freqs)
        return turned @ turned.T

    expect(
        close(logits((0.0, 0.0)), logits((3.0, -7.0)), 10 * SIX_DIGITS),
        "moving all positions by (3, -7) changed the logits.",
    )


def _rope2d_layouts(answer: Answer) -> None:
    q, xy, freqs = _vectors()
    order = theory.half_order(q.shape[-1])
    half, permuted = answer(q[:, order], xy, freqs, "half"), answer(q, xy, freqs, "interleaved")[:, order]
    expect(
        close(half, permuted, SIX_DIGITS),
        'the layouts must be permutations of each other: "half" pairs coordinate k with k + dim/2.',
    )


def _rope2d_dtype(answer: Answer) -> None:
    q, xy, freqs = _vectors()
    out = answer(q.bfloat16(), xy, freqs)
    expect(out.dtype == torch.bfloat16, f"q is bfloat16; your result is {out.dtype}: return q's dtype.")
    far = xy + 1000
    error = (
        (answer(q.bfloat16(), far, freqs).double() - answer(q.bfloat16().double(), far, freqs)).abs().max()
    )
    expect(error < 0.05, "the angles were computed in bfloat16: at position 1000 they are off by radians.")


@EXERCISES.add("1", "Rotate queries by position", minutes=15, difficulty="medium")
@judged_by(
    _rope2d_shape,
    _rope2d_origin,
    _rope2d_norm,
    _rope2d_halves,
    _rope2d_relativity,
    _rope2d_matrix,
    _rope2d_layouts,
    _rope2d_dtype,
)
def rope2d(q: Tensor, xy: Tensor, freqs: Tensor, layout: str = "interleaved") -> Tensor:
    r"""q: (tokens, dim), xy: (tokens, 2), freqs: (dim / 2, 2) -> (tokens, dim)

    Write 2-D RoPE: turn pair $k$ of each vector in `q` by the angle $\omega_k\cdot p$ of its token. With
    `layout="interleaved"` the pairs are the coordinates $2k, 2k+1$; with `"half"` they are $k$ and $k + d/2$.
    The result has the dtype of `q`, and angles must be exact however low that dtype is.

    Hint: The angles of all tokens and pairs are one matrix product, `xy @ freqs.T`. Take the pairs apart with
    slices or `chunk`, rotate, and put them together in the same order.

    Shows: your function is a 2-D RoPE: it keeps lengths, knows differences only, and survives bfloat16.
    """
    angles = (xy.double() @ freqs.double().T).to(freqs.dtype)  # (tokens, pairs)
    cos, sin = angles.cos(), angles.sin()
    if layout == "interleaved":
        a, b = q[..., 0::2], q[..., 1::2]
    else:
        a, b = q.chunk(2, dim=-1)
    turned = a * cos - b * sin, a * sin + b * cos
    joined = torch.stack(turned, dim=-1).flatten(-2) if layout == "interleaved" else torch.cat(turned, dim=-1)
    return joined.to(q.dtype)


# ---------------------------------------------------------------- 2: the commuting family


def _family(answer: Answer) -> list[tuple[np.ndarray, np.ndarray, tuple[float, float, float]]]:
    parameters = [(0.0, 0.0, 1.0), (0.5, -2.0, 1.5), (-1.0, 0.3, 0.7)]
    pairs = []
    for chosen in parameters:
        B1, B2 = (np.asarray(B, dtype=np.float64) for B in answer(*chosen))
        expect(
            B1.shape == B2.shape == (4, 4), f"two 4 x 4 matrices are wanted, got {B1.shape} and {B2.shape}."
        )
        pairs.append((B1, B2, chosen))
    return pairs


def _pair_antisymmetric(answer: Answer) -> None:
    for B1, B2, _ in _family(answer):
        for name, B in (("B1", B1), ("B2", B2)):
            expect(close(B, -B.T), f"{name} is not antisymmetric: {name}ᵀ must be -{name}.")


def _pair_commutes(answer: Answer) -> None:
    for B1, B2, (b, c, f) in _family(answer):
        failure = np.abs(B1 @ B2 - B2 @ B1).max()
        expect(
            failure < 1e-12,
            f"for b = {b:g}, c = {c:g}, f = {f:g} they do not commute (largest entry of B1 B2 - B2 B1: {failure:.2g});"
            " section 2.5 found d = cf and e = -bf.",
        )


def _pair_frequencies(answer: Answer) -> None:
    for B1, B2, (b, c, f) in _family(answer):
        w = np.sqrt(1 + b**2 + c**2)
        found = [float(np.abs(np.linalg.eigvals(B)).max()) for B in (B1, B2)]
        expect(
            close(found, [w, abs(f) * w], 1e-6),
            f"for b = {b:g}, c = {c:g}, f = {f:g} the frequencies must be w = {w:.3f} and |f| w = {abs(f) * w:.3f}, got"
            f" {found[0]:.3f} and {found[1]:.3f}: B1 = (1, b, c, 0, 0, 0), B2 = (0, 0, 0, d, e, f).",
        )


@EXERCISES.add("2", "A pair that commutes", minutes=8, difficulty="easy")
@judged_by(_pair_antisymmetric, _pair_commutes, _pair_frequencies)
def commuting_pair(b: float, c: float, f: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Return two antisymmetric 4 x 4 arrays.

    Return the generators $B_1(1, b, c)$ and $B_2(d, e, f)$ of section 2.5 for given $b, c, f$, with the $d$
    and $e$ that make them commute.

    Hint: The lower triangles are $(1;\ b, c;\ 0, 0, 0)$ and $(0;\ 0, 0;\ d, e, f)$, row by row.

    Shows: the pair commutes, and turns two orthogonal planes with the frequencies w and |f| w.
    """
    d, e = c * f, -b * f
    B1 = np.array([[0, -1, -b, 0], [1, 0, -c, 0], [b, c, 0, 0], [0, 0, 0, 0]])
    B2 = np.array([[0, 0, 0, -d], [0, 0, 0, -e], [0, 0, 0, -f], [d, e, f, 0]])
    return B1, B2


# ---------------------------------------------------------------- 3: find the basis


def _hidden_pair(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    omegas = np.array([[1.0, 0.5], [2.0, -1.5], [0.7, 3.0]])
    basis = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    B1, B2 = (basis @ np.kron(np.diag(w), turn) @ basis.T for w in omegas.T)
    return B1, B2, omegas


def _blocks_orthogonal(answer: Answer) -> None:
    B1, B2, _ = _hidden_pair()
    Q = np.asarray(answer(B1, B2)[0])
    expect(Q.shape == (6, 6), f"Q must be 6 x 6, got {Q.shape}.")
    expect(close(Q.T @ Q, np.eye(6)), "Q is not orthogonal: scale the real and imaginary parts by √2.")


def _blocks_rebuild(answer: Answer) -> None:
    for seed in range(3):
        B1, B2, _ = _hidden_pair(seed)
        Q, omegas = (np.asarray(part) for part in answer(B1, B2))
        expect(omegas.shape == (3, 2), f"one frequency vector a pair is wanted, (3, 2); got {omegas.shape}.")
        turn = np.array([[0.0, -1.0], [1.0, 0.0]])
        for name, B, w in (("B1", B1, omegas[:, 0]), ("B2", B2, omegas[:, 1])):
            rebuilt = Q @ np.kron(np.diag(w), turn) @ Q.T
            expect(
                close(rebuilt, B, 1e-7),
                f"Q diag(ω J) Qᵀ is not {name}: take both columns of ω from the same basis, with their signs.",
            )


def _blocks_refuse(answer: Answer) -> None:
    B1, B2 = _hidden_pair(0)[0], _hidden_pair(1)[0]
    try:
        answer(B1, B2)
    except ValueError:
        return
    raise WrongAnswer("matrices that do not commute have no common blocks: raise a ValueError.")


@EXERCISES.add("3", "Find the basis", minutes=25, difficulty="hard")
@judged_by(_blocks_orthogonal, _blocks_rebuild, _blocks_refuse)
def common_basis(B1: np.ndarray, B2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Return Q, shape (dim, dim), and omegas, shape (dim / 2, 2).

    Given two commuting antisymmetric matrices of even size, without zero or repeated frequencies, return an
    orthogonal `Q` and the frequency vectors `omegas`, shape (pairs, 2), such that $Q^\top B_1 Q$ and
    $Q^\top B_2 Q$ have the blocks $\begin{pmatrix}0&-\omega\\\omega&0\end{pmatrix}$. Raise a `ValueError` if
    they do not commute.

    Hint: $i(sB_1 + tB_2)$ is Hermitian: `np.linalg.eigh`. The real and the imaginary part of an eigenvector
    span a plane that both matrices turn.

    Shows: every commuting pair is a list of frequency vectors, and you can find it.
    """
    failure = np.linalg.norm(B1 @ B2 - B2 @ B1)
    if failure > 1e-9 * np.linalg.norm(B1) * np.linalg.norm(B2):
        raise ValueError(f"B1 and B2 do not commute: the norm of their commutator is {failure:.3g}")
    # i(sB1 + tB2) is Hermitian; an eigenvector v + iw of a positive eigenvalue spans one plane.
    values, vectors = np.linalg.eigh(1j * (0.83 * B1 + 0.56 * B2))
    planes = vectors[:, values > 1e-9]
    Q = np.sqrt(2) * np.stack([planes.real, planes.imag], axis=-1).reshape(len(B1), -1)
    omegas = np.stack([(Q.T @ B @ Q)[range(1, len(B), 2), range(0, len(B), 2)] for B in (B1, B2)], axis=-1)
    return Q, omegas


# ---------------------------------------------------------------- 4: which offsets collide


def _collisions_of(answer: Answer, omegas: Any, N: int) -> set[tuple[int, int]]:
    found = answer(np.asarray(omegas, dtype=np.float64), N)
    expect(isinstance(found, set), f"return a set of pairs (x, y), not a {type(found).__name__}.")
    return {(int(x), int(y)) for x, y in found}


def _collisions_zero(answer: Answer) -> None:
    found = _collisions_of(answer, np.eye(2), 3)
    expect((0, 0) not in found, "(0, 0) is no collision: leave it out.")


def _collisions_axial(answer: Answer) -> None:
    found = _collisions_of(answer, np.eye(2) * np.pi / 3, 7)
    wanted = {(x, y) for x in (-6, 0, 6) for y in (-6, 0, 6)} - {(0, 0)}
    missed, extra = sorted(wanted - found), sorted(found - wanted)
    expect(
        not missed, f"θ = π/3 repeats after 6 steps, but {missed[:1]} was not found: angles count modulo 2π."
    )
    expect(not extra, f"{extra[:1]} is no collision for θ = π/3: *all* angles must be multiples of 2π.")


def _collisions_flattened(answer: Answer) -> None:
    found = _collisions_of(answer, [[0.5, 0.1]], 6)
    wanted = {(k, -5 * k) for k in (-1, 1)}
    expect(found == wanted, f"flattened at width 5, (1, -5) looks like (0, 0); found {sorted(found)[:3]}.")


@EXERCISES.add("4", "Which offsets collide?", minutes=12, difficulty="medium")
@judged_by(_collisions_zero, _collisions_axial, _collisions_flattened)
def collisions(omegas: np.ndarray, N: int) -> set[tuple[int, int]]:
    r"""omegas: (pairs, 2) -> a set of (x, y)

    Return the set of whole-number offsets $(x, y) \ne (0, 0)$ with $|x|, |y| \le N$ that a RoPE with the
    frequency vectors `omegas` cannot tell from $(0, 0)$.

    Hint: A rotation is the identity when its angle is a multiple of $2\pi$. $\sin(\text{angle}/2)$ vanishes
    there and only there.

    Shows: collisions are the offsets at which all angles are multiples of 2π; more frequencies leave fewer of
    them.
    """
    grid = np.stack(np.meshgrid(*[np.arange(-N, N + 1)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    distance = np.abs(np.sin(grid @ np.asarray(omegas).T / 2)).max(
        axis=-1
    )  # 0 where all angles are multiples of 2π
    return {(int(x), int(y)) for x, y in grid[distance < 1e-9] if (x, y) != (0, 0)}


# ---------------------------------------------------------------- 5: quaternions from both sides


def _as_matrix(answer: Answer, x: float, y: float, theta: float) -> np.ndarray:
    columns = [np.asarray(answer(unit, x, y, theta), dtype=np.float64) for unit in np.eye(4)]
    expect(
        all(column.shape == (4,) for column in columns), "return four numbers: the parts of 1, i, j and k."
    )
    return np.stack(columns, axis=1)


def _sandwich_identity(answer: Answer) -> None:
    expect(
        close(_as_matrix(answer, 0.0, 0.0, 0.3), np.eye(4)), "at (0, 0) the quaternion must stay as it is."
    )


def _sandwich_relativity(answer: Answer) -> None:
    M = [_as_matrix(answer, *p, 0.7) for p in ((1.0, 2.0), (-0.5, 3.0), (-1.5, 1.0))]
    expect(
        close(M[0].T @ M[1], M[2]),
        "relativity fails: both factors on one side do not commute. One belongs on each side of q.",
    )


def _sandwich_exact(answer: Answer) -> None:
    wanted = quaternion.two_sided_rotation(1.0, 2.0, 0.7)
    found = _as_matrix(answer, 1.0, 2.0, 0.7)
    mirrored = quaternion.two_sided_rotation(2.0, 1.0, 0.7)
    expect(not close(found, mirrored), "x belongs to i on the left, y to j on the right.")
    expect(
        close(found, wanted), "the result is not e^(xθi) q e^(yθj): check the table ij = k, jk = i, ki = j."
    )


@EXERCISES.add("5", "Quaternions from both sides", minutes=12, difficulty="medium")
@judged_by(_sandwich_identity, _sandwich_relativity, _sandwich_exact)
def sandwich(q: np.ndarray, x: float, y: float, theta: float) -> np.ndarray:
    r"""q: four numbers -> four numbers

    Compute $e^{x\theta i}\, q\, e^{y\theta j}$ for a quaternion `q` given as four numbers (the parts of 1,
    $i$, $j$, $k$).

    Hint: Write the product of two quaternions first, from $i^2=j^2=k^2=-1$ and $ij=k$, $jk=i$, $ki=j$; then
    use it twice.

    Shows: one multiplication on each side is a 2-D RoPE; both on the same side is the article's dead end.
    """

    def product(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        a, b, c, d = p
        left = np.array([[a, -b, -c, -d], [b, a, -d, c], [c, d, a, -b], [d, -c, b, a]])
        return np.asarray(left @ q)

    before = np.array([np.cos(x * theta), np.sin(x * theta), 0.0, 0.0])  # e^(xθi)
    after = np.array([np.cos(y * theta), 0.0, np.sin(y * theta), 0.0])  # e^(yθj)
    return product(product(before, np.asarray(q, dtype=float)), after)


# ---------------------------------------------------------------- 6: an image between two texts


def _tie_text(answer: Answer) -> None:
    found = np.asarray(answer(4, 3, 2, "tie"), dtype=np.float64)
    expect(
        found.shape == (4 + 6 + 1, 2), f"4 + 3·2 + 1 positions of 2 numbers are wanted, got {found.shape}."
    )
    expect(
        close(found[:4], [(n, n) for n in (1, 2, 3, 4)]),
        "text token n stands at (n, n), so that text is 1-D.",
    )


def _tie_symmetry(answer: Answer) -> None:
    for kind in ("tie", "tv"):
        text, *image, after = np.asarray(answer(3, 4, 2, kind), dtype=np.float64)[2:]
        expect(
            close(image[0] - text, after - image[-1]),
            f'for kind "{kind}" the step from the last word into the image, {(image[0] - text).tolist()}, is not the step'
            f" out of it, {(after - image[-1]).tolist()}.",
        )


def _tie_exact(answer: Answer) -> None:
    for kind in ("tie", "tv"):
        wanted = reference_positions(2, 3, 2, kind)
        expect(
            close(answer(2, 3, 2, kind), wanted),
            f'for kind "{kind}" the patches are not where they should be: i counts rows up to h, j columns up to w.',
        )


@EXERCISES.add("6", "An image between two texts", minutes=15, difficulty="medium")
@judged_by(_tie_text, _tie_symmetry, _tie_exact)
def tie_positions(L: int, w: int, h: int, kind: str = "tie") -> np.ndarray:
    r"""Return an array (L + w * h + 1, 2).

    A sequence holds `L` words, an image of `h` rows and `w` columns, and one more word. Word $n$ stands at
    $(n, n)$, so that 2-D RoPE acts on text as 1-D RoPE does. Return all positions, the patches row by row.

    - `kind="tie"` (RoPE-Tie, kexue.fm/archives/10040): patch $(i, j)$, counted from 1, at
      $(L + i(w+1),\ L + j(h+1))$.
    - `kind="tv"` (RoPE-TV, kexue.fm/archives/10352): patch $(i, j)$ at $(L + \beta_1 + i,\ L + \beta_2 + j)$.

    In both, the step from the last word to the first patch equals the step from the last patch to the next
    word. From this follow the position of the next word and, for RoPE-TV, where it stands at $L + wh + 1$,
    the offsets $\beta$.

    Hint: Write the symmetry for each coordinate. RoPE-TV: $\beta_1 + 1 = wh + 1 - (\beta_1 + h)$.

    Shows: text and image share one set of positions, and neither end of the image is favoured.
    """
    text = [(n, n) for n in range(1, L + 1)]
    cells = np.array([(i, j) for i in range(1, h + 1) for j in range(1, w + 1)])
    if kind == "tie":
        steps = np.array([w + 1, h + 1])
        image = L + cells * steps
        after = L + (w + 1) * (h + 1)
    else:
        image = L + cells + np.array([w * h - h, w * h - w]) / 2
        after = L + w * h + 1
    return np.array([*text, *image, (after, after)], dtype=float)
