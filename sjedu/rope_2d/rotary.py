"""RoPE for positions in the plane, as PyTorch code to import into a project of one's own.

A vector of ``head_dim`` numbers is ``head_dim / 2`` pairs, and pair k of the token at ``p = (row, column)`` is
turned by the angle ``ω_k·p``::

    (a, b)  ->  (a cos ω_k·p - b sin ω_k·p,  a sin ω_k·p + b cos ω_k·p)

So a list of frequencies ``ω_k`` is what tells one 2-D RoPE from another (`sjedu.rope_2d.theory.joint_blocks`
shows why)::

    positions = grid_positions(14, 14)                              # (196, 2)
    cos, sin = rotation_table(positions, axial_frequencies(64))     # (196, 32) each
    q, k = apply_rotary(q, cos, sin), apply_rotary(k, cos, sin)     # (batch, heads, 196, 64)

`RotaryEmbedding2D` does the same as a module. Sources: Su Jianlin, kexue.fm/archives/8397 (axial); Heo, Park,
Han and Yun, arXiv 2403.13298 (mixed).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from sjedu.checks import check_choice, check_count, check_positive

Number: TypeAlias = int | float
Layout: TypeAlias = Literal["axial", "mixed"]
Pairing: TypeAlias = Literal["interleaved", "half"]

#: Cosines and sines, which broadcast over (batch, heads, tokens, pairs).
Table: TypeAlias = tuple[Float[Tensor, "*heads positions pairs"], Float[Tensor, "*heads positions pairs"]]

WIDE = (torch.float32, torch.float64)

#: Heo et al.: a grid is shorter than a text, so the bases are smaller than RoFormer's 10000.
DEFAULT_BASE: dict[str, float] = {"axial": 100.0, "mixed": 10.0}


# ---------------------------------------------------------------- rotation


def apply_rotary(
    x: Float[Tensor, "*batch tokens head_dim"],
    cos: Tensor,
    sin: Tensor,
    *,
    pairing: Pairing = "interleaved",
    prefix_tokens: int = 0,
) -> Float[Tensor, "*batch tokens head_dim"]:
    """Turn each pair ``(a, b)`` of coordinates by its angle: ``(a cos - b sin, a sin + b cos)``.

    ``pairing`` says which coordinates make pair k: 2k and 2k+1 ("interleaved", as in the article), or k and
    k + head_dim/2 ("half", as in LLaMA). The first ``prefix_tokens`` tokens (class token, registers) have no
    place in the plane and are returned as they are. Half precision is rotated in float32 and rounded once.

    `sjedu.rope_2d.fast` has the same function for large bf16 tensors on a CPU.

    Args:
        x: (..., tokens, head_dim), floating point.
        cos: broadcasts to (..., tokens - prefix_tokens, head_dim/2); float32 or float64.
        sin: as cos.
        pairing: "interleaved" or "half"; the same for queries and keys.
        prefix_tokens: how many tokens at the front stay unrotated.

    Returns:
        The rotated tensor, with the shape and dtype of x.

    Raises:
        TypeError: x is not floating point, or the table is not float32/64.
        ValueError: the shapes or devices do not fit, or pairing is unknown.
    """
    check_rotation(x, cos, sin, pairing, prefix_tokens)
    wide = x.dtype if x.dtype in WIDE else cos.dtype
    tokens, cos, sin = x[..., prefix_tokens:, :].to(wide), cos.to(wide), sin.to(wide)
    if pairing == "interleaved" and not torch.compiler.is_compiling():
        # Neighbours are a complex number as they lie in memory, and the formula is one product,
        # (a + ib)(cos + i sin): many times as fast as to pick every second number. A compiler fuses the
        # formula with what stands around it, and knows real numbers only.
        turned = torch.view_as_real(_as_complex(tokens) * torch.complex(cos, sin)).flatten(-2).to(x.dtype)
    else:
        a, b = split_pairs(tokens, pairing)
        # Rounded before they are joined, or the compiler joins them in a wide buffer and rounds that.
        turned = join_pairs((a * cos - b * sin).to(x.dtype), (a * sin + b * cos).to(x.dtype), pairing)
    return torch.cat([x[..., :prefix_tokens, :], turned], dim=-2) if prefix_tokens else turned


def split_pairs(x: Tensor, pairing: Pairing) -> tuple[Tensor, Tensor]:
    """Return the first numbers of all pairs and the second ones, (..., pairs) each."""
    if pairing == "interleaved":
        return x[..., 0::2], x[..., 1::2]
    first, second = x.chunk(2, dim=-1)
    return first, second


def join_pairs(first: Tensor, second: Tensor, pairing: Pairing) -> Tensor:
    """Return the vectors of which `split_pairs` gives these, (..., head_dim)."""
    if pairing == "interleaved":
        return torch.stack([first, second], dim=-1).flatten(-2)
    return torch.cat([first, second], dim=-1)


def _as_complex(x: Tensor) -> Tensor:
    """Read neighbours as complex numbers; where they cannot be read as they lie, read a copy."""
    *strides, last = x.stride()
    readable = last == 1 and not any(step % 2 for step in (*strides, x.storage_offset()))
    x = x if readable else x.clone(memory_format=torch.contiguous_format)
    return torch.view_as_complex(x.view(*x.shape[:-1], x.shape[-1] // 2, 2))


# ---------------------------------------------------------------- frequencies


def axial_frequencies(head_dim: int, base: Number = 100.0) -> Float64[Tensor, "pairs 2"]:
    """Return the article's frequencies: ``(θ_j, 0)`` for half of the pairs, then ``(0, θ_j)`` for the others.

    ``θ_j = base^(-4j/head_dim)`` for j = 0 .. head_dim/4 - 1, in radians per unit of position.
    """
    theta = _magnitudes(head_dim, base, multiple=4)
    zero = torch.zeros_like(theta)
    return torch.cat([torch.stack([theta, zero], dim=-1), torch.stack([zero, theta], dim=-1)])


def mixed_frequencies(
    head_dim: int, heads: int = 1, base: Number = 10.0, generator: torch.Generator | None = None
) -> Float64[Tensor, "heads pairs 2"]:
    """Return RoPE-mixed before training: the axial frequencies, turned in each head by an angle of its own.

    The angle is uniform on [0, 2π). A head_dim that is not a multiple of 4 has one pair more along the first
    direction. Source: Heo et al., arXiv 2403.13298.
    """
    theta = _magnitudes(head_dim, base, multiple=2)
    check_count("heads", heads)
    pairs = head_dim // 2
    turn = torch.rand(heads, 1, dtype=torch.float64, device="cpu", generator=generator) * (2 * math.pi)
    quarter = torch.zeros(pairs, dtype=torch.float64, device="cpu")
    quarter[len(theta) :] = math.pi / 2
    theta = torch.cat([theta, theta[: pairs - len(theta)]])
    return torch.stack([theta * (turn + quarter).cos(), theta * (turn + quarter).sin()], dim=-1)


def flattened_frequencies(head_dim: int, width: Number, base: Number = 100.0) -> Float64[Tensor, "pairs 2"]:
    """Return 1-D RoPE of the flattened index ``n = width·row + column``: ``ω_k = θ_k (width, 1)``.

    ``θ_k = base^(-2k/head_dim)``. All frequencies lie on one line, so the offsets (1, -width) and (0, 0) are
    the same to it: the article's reason for a RoPE in two dimensions.
    """
    check_head_dim(head_dim, multiple=2)
    check_positive("base", base)
    check_positive("width", width)
    theta = base ** (-torch.arange(0, head_dim, 2, dtype=torch.float64, device="cpu") / head_dim)
    return torch.stack([theta * width, theta], dim=-1)


# ---------------------------------------------------------------- positions and their table


def grid_positions(
    height: int,
    width: int,
    *,
    spacing: Number | tuple[Number, Number] = 1.0,
    origin: tuple[Number, Number] = (0.0, 0.0),
    device: torch.device | str | None = None,
) -> Float[Tensor, "tokens 2"]:
    """Return the positions ``origin + spacing·(row, column)`` of a grid, row after row, in float64.

    On devices without float64 (Apple's "mps") they are float32.

    Raises:
        ValueError: spacing or origin is not finite.
    """
    check_count("height", height)
    check_count("width", width)
    spacing = spacing if isinstance(spacing, tuple) else (spacing, spacing)
    for name, pair in (("spacing", spacing), ("origin", origin)):
        if not all(map(math.isfinite, pair)):
            raise ValueError(f"{name}: got {pair}; expected finite numbers, for rows and columns")
    rows, columns = (
        first + step * torch.arange(size, dtype=torch.float64, device="cpu")
        for first, step, size in zip(origin, spacing, (height, width), strict=True)
    )
    return _to_device(torch.cartesian_prod(rows, columns), device)


def interpolated_positions(
    height: int, width: int, trained: tuple[int, int], *, device: torch.device | str | None = None
) -> Float[Tensor, "tokens 2"]:
    """Return the positions of a grid that lies on the area of the ``trained`` grid: position interpolation.

    Both grids cut one image into cells, and a cell's position is its centre in units of the trained cells:
    ``(row + 1/2) · trained_height / height - 1/2``. Distances then stay within one cell of those trained on.
    """
    for name, size in (
        ("height", height),
        ("width", width),
        ("trained", trained[0]),
        ("trained", trained[1]),
    ):
        check_count(name, size)
    down, right = trained[0] / height, trained[1] / width
    origin = (down / 2 - 0.5, right / 2 - 0.5)
    return grid_positions(height, width, spacing=(down, right), origin=origin, device=device)


def rotation_table(positions: Tensor, frequencies: Tensor, dtype: torch.dtype = torch.float32) -> Table:
    """Return ``cos(ω_k·p)`` and ``sin(ω_k·p)`` for all tokens and pairs.

    The angles are computed in the dtype of the frequencies, and the table is rounded once: with float64
    frequencies it is exact to the last bit or so of ``dtype`` at any position, where float32 angles are
    off by 1e-4 at position 4095.

    Args:
        positions: (tokens, 2), or (batch, tokens, 2) where each sample has its own.
        frequencies: (pairs, 2), or (heads, pairs, 2) where each head has its own; float32 or float64.
        dtype: of the table; float32 or float64.

    Returns:
        Two tensors that broadcast over (batch, heads, tokens, pairs): without a batch of positions the first
        axis is missing, without heads of frequencies the second is missing, or 1.

    Raises:
        TypeError: positions are not integers or floats of at least 32 bits; frequencies or dtype are not
            float32/64.
        ValueError: a shape does not fit, or a position is not finite. The latter is checked on the CPU and
            outside `torch.compile` only: elsewhere to look at the numbers means to wait for the device.
    """
    check_table(positions, frequencies, dtype)
    p = positions.to(frequencies.dtype)
    if frequencies.ndim == 3 or p.ndim == 3:
        p = p.unsqueeze(-3)
    row, column = frequencies.unsqueeze(-3).unbind(-1)
    angles = p[..., :1] * row + p[..., 1:] * column
    return angles.cos().to(dtype), angles.sin().to(dtype)


# ---------------------------------------------------------------- the module


class RotaryEmbedding2D(nn.Module):
    """Rotate queries and keys by the positions of their tokens in the plane.

    ``axial`` keeps the article's constant frequencies; ``mixed`` learns ``frequencies``, a list for each
    head. Weight decay would pull these towards "no position": `weight_decay_groups` spares them.

    Frequencies never become narrower than they were made (float64 constants, float32 parameters), whatever
    the module is cast to: with bf16 an angle at position 299 is off by a radian.

    Args:
        head_dim: size of one head; a multiple of 4 (axial), or even and at least 4 (mixed).
        base: of the geometric sequence of frequencies; 100 (axial) or 10 (mixed) by default.
        layout: "axial" or "mixed".
        heads: number of heads; needed by, and only by, "mixed".
        pairing: which coordinates make a pair, see `apply_rotary`.
        prefix_tokens: tokens at the front that stay unrotated.
        generator: draws the directions of "mixed"; torch's default otherwise.

    Raises:
        ValueError: heads is missing with "mixed", or given with "axial".
    """

    frequencies: Tensor

    def __init__(
        self,
        head_dim: int,
        base: Number | None = None,
        layout: Layout = "axial",
        heads: int | None = None,
        pairing: Pairing = "interleaved",
        prefix_tokens: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_choice("layout", layout, get_args(Layout))
        check_choice("pairing", pairing, get_args(Pairing))
        check_count("prefix_tokens", prefix_tokens, least=0)
        if (heads is None) != (layout == "axial"):
            raise ValueError(
                f"heads: got {heads} with layout {layout!r}; expected a number with 'mixed' only"
            )
        self.head_dim, self.layout, self.heads = head_dim, layout, heads
        self.base = DEFAULT_BASE[layout] if base is None else base
        self.pairing, self.prefix_tokens = pairing, prefix_tokens
        if heads is None:
            constant = _to_device(axial_frequencies(head_dim, self.base), None)
            self.register_buffer("frequencies", constant, persistent=False)
        else:
            drawn = _to_device(mixed_frequencies(head_dim, heads, self.base, generator), None)
            self.frequencies = nn.Parameter(drawn.float())

    def table(self, positions: Tensor, dtype: torch.dtype = torch.float32) -> Table:
        """Return the `rotation_table` of these positions: for several layers with constant frequencies, one."""
        return rotation_table(positions, self.frequencies, dtype)

    def forward(
        self,
        q: Float[Tensor, "batch heads tokens head_dim"],
        k: Float[Tensor, ...],
        positions: Tensor,
    ) -> tuple[Float[Tensor, "batch heads tokens head_dim"], Float[Tensor, ...]]:
        """Return q and k, rotated.

        Args:
            q: queries, (batch, heads, tokens, head_dim).
            k: keys, as the queries; with an axial layout there may be fewer heads.
            positions: (tokens - prefix_tokens, 2), or with a batch axis in front.
        """
        cos, sin = self.table(positions, torch.float64 if q.dtype == torch.float64 else torch.float32)
        q, k = (
            apply_rotary(x, cos, sin, pairing=self.pairing, prefix_tokens=self.prefix_tokens) for x in (q, k)
        )
        return q, k

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> RotaryEmbedding2D:
        """Follow the module to another device or a wider dtype; refuse a narrower one."""
        if self.layout == "axial":
            # Made anew rather than moved: a cast has nothing to round, and "meta" nothing to lose.
            self.frequencies = _to_device(
                axial_frequencies(self.head_dim, self.base), fn(torch.empty(0)).device
            )
            return self

        def widen(t: Tensor) -> Tensor:
            moved = fn(t)
            return moved if moved.dtype.itemsize >= t.dtype.itemsize else t.to(moved.device)

        super()._apply(widen, recurse)  # type: ignore[no-untyped-call]
        return self

    def extra_repr(self) -> str:
        """Return the arguments, for print(module)."""
        heads = "" if self.heads is None else f", heads={self.heads}"
        prefix = f", prefix_tokens={self.prefix_tokens}" if self.prefix_tokens else ""
        return f"{self.head_dim}, base={self.base:g}, {self.layout!r}{heads}, {self.pairing!r}{prefix}"


def weight_decay_groups(model: nn.Module, weight_decay: Number) -> list[dict[str, Any]]:
    """Return parameter groups for an optimiser, with no weight decay on the frequencies of any RoPE within.

    ``torch.optim.AdamW(weight_decay_groups(model, 0.05), lr=1e-3)``
    """
    ropes = [module for module in model.modules() if isinstance(module, RotaryEmbedding2D)]
    frequencies = [parameter for rope in ropes for parameter in rope.parameters()]
    excluded = {id(parameter) for parameter in frequencies}
    others = [parameter for parameter in model.parameters() if id(parameter) not in excluded]
    return [
        {"params": others, "weight_decay": weight_decay},
        {"params": frequencies, "weight_decay": 0.0},
    ]


# ---------------------------------------------------------------- helpers


def _magnitudes(head_dim: int, base: Number, *, multiple: int) -> Tensor:
    """Return base^(-4j/head_dim), one for each frequency along the first direction."""
    check_head_dim(head_dim, multiple)
    check_positive("base", base)
    return torch.as_tensor(base, dtype=torch.float64, device="cpu") ** (
        -torch.arange(0, head_dim, 4, dtype=torch.float64, device="cpu") / head_dim
    )


def _to_device(exact: Tensor, device: torch.device | str | None) -> Tensor:
    """Move float64 constants to a device; Apple's has no float64."""
    where = torch.get_default_device() if device is None else torch.device(device)
    return exact.to(where, torch.float32 if where.type == "mps" else exact.dtype)


# ---------------------------------------------------------------- what is refused


def check_head_dim(head_dim: int, multiple: int) -> None:
    """Demand a head that can be cut into pairs, and into a half for each axis where the layout asks for it."""
    check_count("head_dim", head_dim, least=4)
    if head_dim % multiple:
        raise ValueError(f"head_dim: got {head_dim}; expected a multiple of {multiple}")


def check_table(positions: Tensor, frequencies: Tensor, dtype: torch.dtype) -> None:
    """Demand what `rotation_table` takes."""
    if not isinstance(positions, Tensor):
        raise TypeError(f"positions: got {type(positions).__name__}; expected a tensor")
    kind = positions.dtype
    if kind == torch.bool or kind.is_complex or (kind.is_floating_point and kind.itemsize < 4):
        raise TypeError(f"positions: got {kind}; expected float32, float64 or integers (bf16 ends at 256)")
    for name, wide in (("frequencies", frequencies.dtype), ("dtype", dtype)):
        if wide not in WIDE:
            raise TypeError(f"{name}: got {wide}; expected torch.float32 or torch.float64")
    for name, tensor, many in (("positions", positions, "batch"), ("frequencies", frequencies, "heads")):
        if tensor.ndim not in (2, 3) or tensor.shape[-1] != 2:
            raise ValueError(f"{name}: got shape {tuple(tensor.shape)}; expected (n, 2) or ({many}, n, 2)")
    if torch.compiler.is_compiling() or positions.device.type != "cpu":
        return
    if not positions.isfinite().all():
        wrong = positions[~positions.isfinite()][0].item()
        raise ValueError(f"positions: got {wrong}; expected finite numbers")


def check_rotation(x: Tensor, cos: Tensor, sin: Tensor, pairing: str, prefix_tokens: int) -> None:
    """Demand what `apply_rotary` takes."""
    check_choice("pairing", pairing, get_args(Pairing))
    check_count("prefix_tokens", prefix_tokens, least=0)
    if not x.is_floating_point():
        raise TypeError(f"x: got {x.dtype}; expected a floating-point tensor")
    if cos.dtype not in WIDE:
        raise TypeError(f"cos: got {cos.dtype}; expected torch.float32 or torch.float64")
    if (cos.shape, cos.dtype, cos.device) != (sin.shape, sin.dtype, x.device) or sin.device != x.device:
        raise ValueError(
            f"cos and sin: got shapes {tuple(cos.shape)} and {tuple(sin.shape)}, {cos.dtype} and {sin.dtype},"
            f" on {cos.device} and {sin.device}; expected one shape and dtype, on {x.device} as x"
        )
    tokens, pairs = x.shape[-2] - prefix_tokens, x.shape[-1] / 2
    fits = 2 <= cos.ndim <= x.ndim and cos.shape[-2:] == (tokens, pairs)
    leading = zip(x.shape[-3::-1], cos.shape[-3::-1], strict=False)
    if not (fits and all(narrow == 1 or narrow == size for size, narrow in leading)):
        raise ValueError(
            f"x: got shape {tuple(x.shape)} for cos of shape {tuple(cos.shape)} and {prefix_tokens} prefix_tokens;"
            " expected (..., prefix_tokens + tokens, 2 · pairs), and cos to broadcast to (..., tokens, pairs)"
        )
