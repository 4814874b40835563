"""The rotation itself, at the speed of memory.

Turning pairs of numbers is so cheap that its cost is to read the input and to write the result. Each way here
computes ``(a cos - b sin, a sin + b cos)``; they differ in how often they touch memory:

- eager, neighbours paired, in the table's precision or small: one complex multiplication (`rotate_complex`);
- eager otherwise: blocks that stay in a core's cache, in place (`rotate_blocks`);
- traced by ``torch.compile``: plain arithmetic, which the compiler fuses with what stands around it
  (`rotate_traced`). But its CPU code for neighbouring pairs is scalar; there it calls the eager code as one
  opaque operator (`rotate_opaque`).

On a CPU each product and each sum is rounded once in all of them, so they agree to the last bit, but for the
few numbers at the end of a vector loop that a fused multiply-add may round once less. The gradient of a
rotation is the inverse rotation of the gradient: the input is kept only where the table is learned.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

#: How many elements a block has on a CPU at most: a few MB in float32, with its scratch, which a core's share of
#: the last-level cache holds. Smaller blocks would fit the second level, but pay more for calls than they save.
BLOCK = 2**19

Gradients: TypeAlias = tuple[Tensor | None, Tensor | None, Tensor | None, None, None]


def rotate(x: Tensor, cos: Tensor, sin: Tensor, pairing: str, prefix_tokens: int) -> Tensor:
    """Rotate by the way that is fastest here. `sjedu.rope_2d.rotary.apply_rotary` says what, and checks."""
    neighbours = pairing == "interleaved" and not prefix_tokens
    if neighbours and not _needs_blocks(x, cos.dtype) and not torch.compiler.is_compiling():
        return rotate_complex(x.to(cos.dtype), torch.complex(cos, sin)).to(x.dtype)
    return _rotation(x, cos, sin, pairing, prefix_tokens)


def rotate_complex(x: Tensor, table: Tensor) -> Tensor:
    """Multiply neighbouring pairs, read as complex numbers, by ``cos + i sin``."""
    return torch.view_as_real(_as_complex(_even_strides(x)) * table).flatten(-2)


def rotate_traced(x: Tensor, cos: Tensor, sin: Tensor, pairing: str, prefix_tokens: int) -> Tensor:
    """Rotate by elementary operations."""
    a, b = _pairs(x[..., prefix_tokens:, :].to(cos.dtype), pairing)
    # Rounded before they are joined, or the compiler joins them in a float32 buffer and rounds that.
    turned = (a * cos - b * sin).to(x.dtype), (a * sin + b * cos).to(x.dtype)
    joined = torch.cat(turned, dim=-1) if pairing == "half" else torch.stack(turned, dim=-1).flatten(-2)
    return torch.cat([x[..., :prefix_tokens, :], joined], dim=-2) if prefix_tokens else joined


def rotate_blocks(x: Tensor, table: Sequence[Tensor], prefix_tokens: int) -> Tensor:
    """Rotate block by block, so that intermediate results stay in the cache. Not differentiable.

    Args:
        x: (..., tokens, head_dim).
        table: the complex table for neighbouring pairs; or cos and sin, each twice as wide, for halves.
        prefix_tokens: how many tokens at the front to copy.
    """
    x = _even_strides(x)
    out = torch.empty_like(x)
    if prefix_tokens:
        out[..., :prefix_tokens, :] = x[..., :prefix_tokens, :]
    source, target = x[..., prefix_tokens:, :], out[..., prefix_tokens:, :]
    wide_dtype = table[0].dtype.to_real()
    narrow, halves = x.dtype != wide_dtype, len(table) == 2
    if not narrow and not halves:
        _turn_neighbours(source, target, *table)
        return out
    turn: Callable[..., None] = _turn_halves if halves else _turn_neighbours
    # A cache is a CPU's concern: a GPU wants few and large kernels.
    size = BLOCK if x.device.type == "cpu" else x.numel()
    scratch: list[Tensor] = []
    for block, result, *angles in _blocks(size, source, target, *(_align(t, x.ndim) for t in table)):
        if not scratch or scratch[0].shape != block.shape:
            scratch = [torch.empty_like(block, dtype=wide_dtype) for _ in range(narrow + halves)]
        if narrow:
            wide = scratch[0].copy_(block)
            turn(wide, wide, *angles, *scratch[1:])
            result.copy_(wide)
        else:
            turn(block, result, *angles, *scratch)
    return out


def rotate_opaque(x: Tensor, table: Tensor, prefix_tokens: int) -> Tensor:
    """`rotate_blocks` of neighbouring pairs as one operator, into which a compiler does not look.

    The table is real, with cos and sin along its last axis: compilers do not know complex numbers.
    """
    found: Tensor = torch.ops.sjedu.rotate(x, table, prefix_tokens)
    return found


class Rotation(torch.autograd.Function):
    """The rotation with its derivatives."""

    @staticmethod
    def forward(x: Tensor, cos: Tensor, sin: Tensor, pairing: str, prefix_tokens: int) -> Tensor:
        """Rotate, eagerly or traced."""
        if torch.compiler.is_compiling():
            if pairing == "interleaved" and x.device.type == "cpu":
                return rotate_opaque(x, torch.stack([cos, sin], dim=-1), prefix_tokens)
            return rotate_traced(x, cos, sin, pairing, prefix_tokens)
        if pairing == "interleaved":
            return rotate_blocks(x, [torch.complex(cos, sin)], prefix_tokens)
        return rotate_blocks(x, [torch.cat([t, t], dim=-1) for t in (cos, sin)], prefix_tokens)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep the table, and the input only where the table has a gradient."""
        x, cos, sin, ctx.pairing, ctx.prefix_tokens = inputs
        learned = ctx.needs_input_grad[1] or ctx.needs_input_grad[2]
        ctx.save_for_backward(x if learned else None, cos, sin)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Gradients:
        """Rotate the gradient back. With z = a + ib for a pair, the table's gradient is ``Σ z̄ · grad``."""
        x, cos, sin = ctx.saved_tensors
        grad_x = rotate(grad, cos, -sin, ctx.pairing, ctx.prefix_tokens) if ctx.needs_input_grad[0] else None
        if x is None:
            return grad_x, None, None, None, None
        a, b = _pairs(x[..., ctx.prefix_tokens :, :].to(cos.dtype), ctx.pairing)
        c, d = _pairs(grad[..., ctx.prefix_tokens :, :].to(cos.dtype), ctx.pairing)
        grad_cos, grad_sin = (a * c + b * d).sum_to_size(cos.shape), (a * d - b * c).sum_to_size(sin.shape)
        return grad_x, grad_cos, grad_sin, None, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], x: Tensor, cos: Tensor, sin: Tensor, *how: Any
    ) -> tuple[Tensor, int]:
        """Put the mapped axis first; the table's other axes still align with those of x from the right."""
        x_dim, *table_dims = in_dims[:3]
        x = x.expand(info.batch_size, *x.shape) if x_dim is None else x.movedim(x_dim, 0)
        table = [
            t if dim is None else _align(t.movedim(dim, 0), x.ndim, first=1)
            for t, dim in zip((cos, sin), table_dims, strict=True)
        ]
        return _rotation(x, *table, *how), 0


#: `Function.apply` has no type of its own.
_rotation: Callable[..., Tensor] = Rotation.apply


def _needs_blocks(x: Tensor, wide: torch.dtype) -> bool:
    """Whether widening x as a whole would leave the cache; for a block or two the calls cost more than they save."""
    return x.dtype != wide and x.numel() > 2 * BLOCK


def _opaque(x: Tensor, table: Tensor, prefix_tokens: int) -> Tensor:
    if prefix_tokens or _needs_blocks(x, table.dtype):
        return rotate_blocks(x, [torch.view_as_complex(table)], prefix_tokens)
    z = _even_strides(x).to(table.dtype).view(table.dtype.to_complex())
    return (z * torch.view_as_complex(table)).view(table.dtype).to(x.dtype)


def _opaque_result(x: Tensor, table: Tensor, prefix_tokens: int) -> Tensor:
    return torch.empty_like(_even_strides(x))


# Registered by hand, since torch.library.custom_op costs as much time a call as a small rotation; and once only,
# also where a notebook reloads this module.
if not hasattr(torch.ops.sjedu, "rotate"):
    torch.library.define("sjedu::rotate", "(Tensor x, Tensor table, int prefix_tokens) -> Tensor")
    torch.library.impl("sjedu::rotate", "CPU", _opaque)
    torch.library.register_fake("sjedu::rotate", _opaque_result)


def _turn_neighbours(source: Tensor, target: Tensor, table: Tensor) -> None:
    result = _as_complex(target)
    torch.mul(result if source is target else _as_complex(source), table, out=result)


def _turn_halves(source: Tensor, target: Tensor, cos: Tensor, sin: Tensor, crossed: Tensor) -> None:
    torch.mul(source, sin, out=crossed)
    torch.mul(source, cos, out=target)
    half = source.shape[-1] // 2
    target[..., :half].sub_(crossed[..., half:])
    target[..., half:].add_(crossed[..., :half])


def _blocks(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut tensors, which broadcast to the first, into blocks of at most ``size`` elements of the first."""
    first = tensors[0]
    if first.numel() <= size or first.ndim == 1:
        yield tensors
        return
    rows = size // first[0].numel()
    if rows:  # blocks of equal size share their scratch
        rows = math.ceil(len(first) / math.ceil(len(first) / rows))
    cut = (torch.split(t, max(rows, 1)) if len(t) == len(first) else itertools.repeat(t) for t in tensors)
    for block in zip(*cut, strict=False):  # a repeated tensor has no end
        yield from [block] if rows else _blocks(size, *(t[0] for t in block))


def _align(table: Tensor, ndim: int, first: int = 0) -> Tensor:
    """Insert axes of length 1 behind the first axes, so that the rest stays aligned from the right."""
    return table.reshape(*table.shape[:first], *(1,) * (ndim - table.ndim), *table.shape[first:])


def _pairs(x: Tensor, pairing: str) -> tuple[Tensor, Tensor]:
    if pairing == "interleaved":
        return x[..., 0::2], x[..., 1::2]
    a, b = x.chunk(2, dim=-1)
    return a, b


def _as_complex(x: Tensor) -> Tensor:
    return torch.view_as_complex(x.view(*x.shape[:-1], x.shape[-1] // 2, 2))


def _even_strides(x: Tensor) -> Tensor:
    """Return x, copied if its pairs cannot be read as complex numbers where they are."""
    if x.is_contiguous() and x.storage_offset() % 2 == 0:
        return x
    *strides, last = x.stride()
    readable = last == 1 and x.storage_offset() % 2 == 0 and not any(stride % 2 for stride in strides)
    return x if readable else x.contiguous()
