"""RoPE for positions in the plane, as PyTorch code to import into a project of one's own.

A vector of ``head_dim`` numbers is ``head_dim / 2`` pairs, and pair k of the token at ``p = (row, column)``
is turned by the angle ``ω_k·p``. So a list of frequencies ``ω_k`` is what tells one 2-D RoPE from another
(`sjedu.rope_2d.theory.joint_blocks` shows why)::

    positions = grid_positions(14, 14)                              # (196, 2)
    cos, sin = rotation_table(positions, axial_frequencies(64))     # (196, 32) each
    q, k = apply_rotary(q, cos, sin), apply_rotary(k, cos, sin)     # (batch, heads, 196, 64)

`RotaryEmbedding2D` does the same as a module. Sources: Su Jianlin, kexue.fm/archives/8397 (axial); Heo, Park,
Han and Yun, arXiv 2403.13298 (mixed).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from sjedu.rope_2d.kernels import rotate, rotate_complex

Number: TypeAlias = int | float
Layout: TypeAlias = Literal["axial", "mixed"]
Pairing: TypeAlias = Literal["interleaved", "half"]

WIDE = (torch.float32, torch.float64)
COMPLEX = (torch.complex64, torch.complex128)

#: Heo et al.: a grid is shorter than a text, so the bases are smaller than RoFormer's 10000.
DEFAULT_BASE: dict[str, float] = {"axial": 100.0, "mixed": 10.0}


# ---------------------------------------------------------------- frequencies


def axial_frequencies(head_dim: int, base: Number = 100.0) -> Float64[Tensor, "pairs 2"]:
    """Return the article's frequencies: ``(θ_j, 0)`` for half of the pairs, then ``(0, θ_j)`` for the others.

    ``θ_j = base^(-4j/head_dim)`` for j = 0 .. head_dim/4 - 1, in radians per unit of position.

    Raises:
        TypeError: head_dim is not an int.
        ValueError: head_dim is not a positive multiple of 4, or base is not a positive number.
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

    Raises:
        TypeError: head_dim or heads is not an int.
        ValueError: head_dim is odd or less than 4, heads is not positive, or base is not a positive number.
    """
    theta = _magnitudes(head_dim, base, multiple=2)
    _check_int("heads", heads, minimum=1)
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

    Raises:
        TypeError: head_dim is not an int.
        ValueError: head_dim is odd or less than 4, width or base is not a positive number.
    """
    _check_int("head_dim", head_dim, minimum=4, multiple=2)
    _check_positive("base", base)
    _check_positive("width", width)
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
        TypeError: height or width is not an int.
        ValueError: height or width is not positive, or spacing or origin is not finite.
    """
    _check_int("height", height, minimum=1)
    _check_int("width", width, minimum=1)
    steps = _finite_pair("spacing", spacing if isinstance(spacing, tuple) else (spacing, spacing))
    start = _finite_pair("origin", origin)
    rows, columns = (
        first + step * torch.arange(size, dtype=torch.float64, device="cpu")
        for first, step, size in zip(start, steps, (height, width), strict=True)
    )
    return _to_device(torch.cartesian_prod(rows, columns), device)


def interpolated_positions(
    height: int, width: int, trained: tuple[int, int], *, device: torch.device | str | None = None
) -> Float[Tensor, "tokens 2"]:
    """Return the positions of a grid that lies on the area of the ``trained`` grid: position interpolation.

    Both grids cut one image into cells, and a cell's position is its centre in units of the trained cells:
    ``(row + 1/2) · trained_height / height - 1/2``. Distances then stay within one cell of those trained on.

    Raises:
        TypeError: a size is not an int.
        ValueError: a size is not positive.
    """
    _check_int("height", height, minimum=1)
    _check_int("width", width, minimum=1)
    for size in trained:
        _check_int("trained", size, minimum=1)
    down, right = trained[0] / height, trained[1] / width
    origin = (down / 2 - 0.5, right / 2 - 0.5)
    return grid_positions(height, width, spacing=(down, right), origin=origin, device=device)


def rotation_table(
    positions: Tensor, frequencies: Tensor, dtype: torch.dtype = torch.float32
) -> tuple[Float[Tensor, "*heads tokens pairs"], Float[Tensor, "*heads tokens pairs"]]:
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
    _check_positions(positions)
    _check_frequencies(frequencies)
    _check_wide("dtype", dtype)
    p = positions.to(frequencies.dtype)
    if frequencies.ndim == 3 or p.ndim == 3:
        p = p.unsqueeze(-3)
    row, column = frequencies.unsqueeze(-3).unbind(-1)
    angles = p[..., :1] * row + p[..., 1:] * column
    return angles.cos().to(dtype), angles.sin().to(dtype)


# ---------------------------------------------------------------- rotation


def apply_rotary(
    x: Float[Tensor, "*batch tokens head_dim"],
    cos: Tensor,
    sin: Tensor | None = None,
    *,
    pairing: Pairing = "interleaved",
    prefix_tokens: int = 0,
) -> Float[Tensor, "*batch tokens head_dim"]:
    """Turn each pair ``(a, b)`` of coordinates by its angle: ``(a cos - b sin, a sin + b cos)``.

    ``pairing`` says which coordinates make pair k: 2k and 2k+1 ("interleaved", as in the article), or k and
    k + head_dim/2 ("half", as in LLaMA). The first ``prefix_tokens`` tokens (class token, registers) have no
    place in the plane and are returned as they are. Half precision is rotated in float32 and rounded once.

    ``cos`` may also be the complex table ``torch.complex(cos, sin)``, without ``sin``. Eager code with
    neighbouring pairs needs it in this form, and is some per cent faster if it need not assemble it.

    Args:
        x: (..., tokens, head_dim), floating point.
        cos: broadcasts to (..., tokens - prefix_tokens, head_dim/2); float32 or float64, or complex.
        sin: as cos; None if cos is complex.
        pairing: "interleaved" or "half"; the same for queries and keys.
        prefix_tokens: how many tokens at the front stay unrotated.

    Returns:
        The rotated tensor, with the shape and dtype of x.

    Raises:
        TypeError: x is not floating point, or the table is not float32/64 or complex.
        ValueError: the shapes or devices do not fit, or pairing is unknown.
    """
    _check_rotation(x, cos, sin, pairing, prefix_tokens)
    if sin is None:
        ready = pairing == "interleaved" and not prefix_tokens and x.dtype == cos.dtype.to_real()
        if ready and not torch.compiler.is_compiling():
            return rotate_complex(x, cos)
        cos, sin = cos.real, cos.imag
    wide = x.dtype if x.dtype in WIDE else cos.dtype
    return rotate(x, cos.to(wide), sin.to(wide), pairing, prefix_tokens)


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
        TypeError: a size is not an int.
        ValueError: an argument is out of range or unknown, as it says.
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
        if layout not in DEFAULT_BASE:
            raise ValueError(f"layout: got {layout!r}; expected 'axial' or 'mixed'")
        if (heads is None) != (layout == "axial"):
            raise ValueError(
                f"heads: got {heads} with layout {layout!r}; 'mixed' needs it, 'axial' takes None"
            )
        _check_pairing(pairing)
        _check_int("prefix_tokens", prefix_tokens, minimum=0)
        self.head_dim, self.layout, self.heads = head_dim, layout, heads
        self.base = DEFAULT_BASE[layout] if base is None else base
        self.pairing, self.prefix_tokens = pairing, prefix_tokens
        if heads is None:
            constant = _to_device(axial_frequencies(head_dim, self.base), None)
            self.register_buffer("frequencies", constant, persistent=False)
        else:
            drawn = _to_device(mixed_frequencies(head_dim, heads, self.base, generator), None)
            self.frequencies = nn.Parameter(drawn.float())

    def forward(
        self, q: Float[Tensor, "batch heads tokens head_dim"], k: Float[Tensor, ...], positions: Tensor
    ) -> tuple[Float[Tensor, "batch heads tokens head_dim"], Float[Tensor, "batch heads tokens head_dim"]]:
        """Return q and k, both (batch, heads, tokens, head_dim), rotated.

        Layers with the same constant frequencies can share one table: `rotation_table` once, `apply_rotary`
        in each.

        Args:
            q: queries.
            k: keys, of the same shape, dtype and device.
            positions: (tokens - prefix_tokens, 2), or with a batch axis in front.

        Raises:
            TypeError: q and k differ in dtype, or a dtype is not as `rotation_table` and `apply_rotary` ask.
            ValueError: q and k differ in shape or device, or do not fit the module or the positions.
        """
        _check_same(q, k)
        dtype = torch.float64 if q.dtype == torch.float64 else torch.float32
        cos, sin = rotation_table(positions, self.frequencies, dtype)
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
    _check_int("head_dim", head_dim, minimum=4, multiple=multiple)
    _check_positive("base", base)
    return torch.as_tensor(base, dtype=torch.float64, device="cpu") ** (
        -torch.arange(0, head_dim, 4, dtype=torch.float64, device="cpu") / head_dim
    )


def _to_device(exact: Tensor, device: torch.device | str | None) -> Tensor:
    """Move float64 constants to a device; Apple's has no float64."""
    where = torch.get_default_device() if device is None else torch.device(device)
    return exact.to(where, torch.float32 if where.type == "mps" else exact.dtype)


def _check_int(name: str, value: object, *, minimum: int, multiple: int = 1) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}: got {value!r} ({type(value).__name__}); expected an int")
    if value < minimum or value % multiple:
        kind = {1: "a number", 2: "an even number"}.get(multiple, f"a multiple of {multiple}")
        raise ValueError(f"{name}: got {value}; expected {kind}, at least {minimum}")


def _check_positive(name: str, value: Number) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}: got {value}; expected a positive number")


def _finite_pair(name: str, values: tuple[Number, ...]) -> tuple[Number, ...]:
    if len(values) != 2 or not all(math.isfinite(value) for value in values):
        raise ValueError(f"{name}: got {values}; expected two finite numbers, for rows and columns")
    return values


def _check_pairing(pairing: str) -> None:
    if pairing not in ("interleaved", "half"):
        raise ValueError(f"pairing: got {pairing!r}; expected 'interleaved' or 'half'")


def _check_wide(name: str, dtype: torch.dtype) -> None:
    if dtype not in WIDE:
        raise TypeError(f"{name}: got {dtype}; expected torch.float32 or torch.float64")


def _check_positions(positions: object) -> None:
    if not isinstance(positions, Tensor):
        raise TypeError(f"positions: got {type(positions).__name__}; expected a tensor")
    dtype = positions.dtype
    if dtype == torch.bool or dtype.is_complex or (dtype.is_floating_point and dtype.itemsize < 4):
        raise TypeError(f"positions: got {dtype}; expected float32, float64 or integers (bf16 ends at 256)")
    if positions.ndim not in (2, 3) or positions.shape[-1] != 2:
        raise ValueError(
            f"positions: got shape {tuple(positions.shape)}; expected (tokens, 2) or (batch, tokens, 2)"
        )
    if torch.compiler.is_compiling() or positions.device.type != "cpu":
        return
    if not positions.isfinite().all():
        wrong = positions[~positions.isfinite()][0].item()
        raise ValueError(f"positions: got {wrong}; expected finite numbers")


def _check_frequencies(frequencies: Tensor) -> None:
    _check_wide("frequencies", frequencies.dtype)
    if frequencies.ndim not in (2, 3) or frequencies.shape[-1] != 2:
        raise ValueError(
            f"frequencies: got shape {tuple(frequencies.shape)}; expected (pairs, 2) or (heads, pairs, 2)"
        )


def _check_rotation(x: Tensor, cos: Tensor, sin: Tensor | None, pairing: str, prefix_tokens: int) -> None:
    _check_pairing(pairing)
    if not x.is_floating_point():
        raise TypeError(f"x: got {x.dtype}; expected a floating point tensor")
    if cos.dtype not in (WIDE if sin is not None else COMPLEX):
        wanted = "float32 or float64" if sin is not None else "a complex table where sin is None"
        raise TypeError(f"cos: got {cos.dtype}; expected {wanted}")
    if x.device != cos.device:
        raise ValueError(f"x and cos: got devices {x.device} and {cos.device}; they must be equal")
    if sin is not None and (cos.shape, cos.dtype, cos.device) != (sin.shape, sin.dtype, sin.device):
        raise ValueError(
            f"cos and sin: got shapes {tuple(cos.shape)} and {tuple(sin.shape)}, {cos.dtype} and {sin.dtype} "
            f"on {cos.device} and {sin.device}; they must be equal"
        )
    if prefix_tokens:
        _check_int("prefix_tokens", prefix_tokens, minimum=0)
    shape, table = x.shape, cos.shape
    fits = 2 <= len(table) <= len(shape) and shape[-1] == 2 * table[-1]
    fits = fits and shape[-2] == table[-2] + prefix_tokens
    leading = zip(shape[-3::-1], table[-3::-1], strict=False)
    if not (fits and all(narrow == 1 or narrow == size for size, narrow in leading)):
        raise ValueError(
            f"x: got shape {tuple(shape)} for cos of shape {tuple(table)} and {prefix_tokens} prefix_tokens; "
            "expected (..., prefix_tokens + tokens, 2 · pairs), and cos to broadcast to (..., tokens, pairs)"
        )


def _check_same(q: Tensor, k: Tensor) -> None:
    if q.dtype != k.dtype:
        raise TypeError(f"q and k: got dtypes {q.dtype} and {k.dtype}; they must be equal")
    if q.shape != k.shape:
        raise ValueError(f"q and k: got shapes {tuple(q.shape)} and {tuple(k.shape)}; they must be equal")
    if q.device != k.device:
        raise ValueError(f"q and k: got devices {q.device} and {k.device}; they must be equal")
