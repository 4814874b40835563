"""Our rotary embedding beside the peers': time, error, and memory kept for the backward pass, in one run.

Each contestant rotates q and k of shape (8, 8, tokens, 64) by the same angles, from a table that it was given
beforehand. A *copy* of q and k reads and writes the same bytes and computes nothing: no way to rotate, out of
place, can be faster than memory, so "x copy" is the distance to the limit. Ratios to ours compare like with
like: neighbours paired, or halves. Ours are two: the plain lines, and `sjedu.rope_2d.fast`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import peers
import torch
import tyro
from harness import RESULTS, Times, keep_freed_memory, provenance, write
from torch import Tensor

from sjedu.rope_2d import apply_rotary, axial_frequencies, fast, grid_positions, rope_matrix, rotation_table
from sjedu.rope_2d.rotary import join_pairs, split_pairs

OURS = {"interleaved": "sjedu", "half": "sjedu, half"}
COPY = "copy"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PACKAGES = ("torch", "timm", "rotary-embedding-torch", "transformers")

Rotate = Callable[..., Tensor]


@dataclass
class Settings:
    """What to measure."""

    grids: tuple[tuple[int, int], ...] = ((14, 14), (32, 32))
    """Rows and columns of the tokens' grid."""
    dtypes: tuple[str, ...] = ("float32", "bfloat16")
    """Of q and k."""
    threads: tuple[int, ...] = (1,)
    """How many threads torch may use; several numbers are measured one after the other."""
    modes: tuple[str, ...] = ("eager", "compiled")
    """With and without torch.compile."""
    batch: int = 8
    heads: int = 8
    head_dim: int = 64
    rounds: int = 31
    """How often each contestant is measured."""
    seconds: float = 0.015
    """How long each measurement takes, at least."""
    quick: bool = False
    """Try everything on tiny tensors, eagerly, without a claim to precision."""
    output: Path | None = None
    """Where to write the JSON; by default results/rope_2d.json beside this file, and with --quick nowhere."""


@dataclass(frozen=True)
class Contestant:
    """A way to rotate one tensor, and what it wants beside it."""

    name: str
    pairing: str
    rotate: Rotate
    table: tuple[Tensor, ...] = ()


@dataclass
class Row:
    """What was measured of one contestant in one setting."""

    name: str
    pairing: str
    tokens: int
    dtype: str
    mode: str
    threads: int
    max_error: float
    saved_mb: float
    milliseconds: dict[str, float] = field(default_factory=dict)
    fastest_milliseconds: dict[str, float] = field(default_factory=dict)
    ratio_to_ours: dict[str, float] = field(default_factory=dict)
    ratio_to_copy: dict[str, float] = field(default_factory=dict)


# ---------------------------------------------------------------- the contestants


def contestants(grid: tuple[int, int], head_dim: int, dtype: torch.dtype) -> list[Contestant]:
    """Return ours, the peers that are installed, and the dense matrices."""
    positions, frequencies = grid_positions(*grid), axial_frequencies(head_dim)
    cos, sin = rotation_table(positions, frequencies)
    matrices = torch.stack([torch.from_numpy(rope_matrix(p, frequencies.numpy())) for p in positions.numpy()])
    return [
        Contestant(COPY, "", lambda x: x.clone()),
        Contestant(OURS["interleaved"], "interleaved", apply_rotary, (cos, sin)),
        Contestant("sjedu, fast", "interleaved", fast.apply_rotary, (cos, sin)),
        Contestant("dense matrix", "interleaved", dense_product, (matrices.float(),)),
        *timm_contestants("interleaved", cos, sin),
        *lucidrains_contestants(grid, head_dim),
        Contestant(OURS["half"], "half", partial(apply_rotary, pairing="half"), (cos, sin)),
        Contestant("sjedu, half, fast", "half", partial(fast.apply_rotary, pairing="half"), (cos, sin)),
        *timm_contestants("half", cos, sin),
        *transformers_contestants(cos.to(dtype), sin.to(dtype)),
    ]


def dense_product(x: Tensor, matrices: Tensor) -> Tensor:
    return torch.einsum("tij,bhtj->bhti", matrices, x.float()).type_as(x)


def timm_contestants(pairing: str, cos: Tensor, sin: Tensor) -> list[Contestant]:
    try:
        timm = peers.timm_rotary()
    except ImportError:
        return []
    half = pairing == "half"
    table = [torch.cat([t, t], dim=-1) if half else t.repeat_interleave(2, dim=-1) for t in (sin, cos)]

    def rotate(x: Tensor, embedding: Tensor) -> Tensor:
        return timm.apply_rot_embed_cat(x, embedding, half=half)

    return [Contestant("timm, half" if half else "timm", pairing, rotate, (torch.cat(table, dim=-1),))]


def lucidrains_contestants(grid: tuple[int, int], head_dim: int) -> list[Contestant]:
    try:
        import rotary_embedding_torch
    except ImportError:
        return []
    theta = axial_frequencies(head_dim)[: head_dim // 4, 0].float()
    rope = rotary_embedding_torch.RotaryEmbedding(head_dim // 2, custom_freqs=theta)
    angles = rope.get_axial_freqs(*grid).flatten(0, 1).detach()

    def rotate(x: Tensor, angles: Tensor) -> Tensor:
        return rotary_embedding_torch.apply_rotary_emb(angles, x)

    return [Contestant("rotary-embedding-torch", "interleaved", rotate, (angles,))]


def transformers_contestants(cos: Tensor, sin: Tensor) -> list[Contestant]:
    """Return the rotation of DINOv3, whose table has the dtype of q and k."""
    try:
        model = peers.transformers_model("dinov3_vit")
    except ImportError:
        return []

    def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        return x * cos + model.rotate_half(x) * sin

    table = tuple(torch.cat([t, t], dim=-1) for t in (cos, sin))
    return [Contestant("transformers (DINOv3)", "half", rotate, table)]


# ---------------------------------------------------------------- measuring


def measure(settings: Settings, grid: tuple[int, int], dtype: str, mode: str, threads: int) -> list[Row]:
    """Return one row for each contestant."""
    torch.set_num_threads(threads)
    torch._dynamo.reset()
    shape = (2, settings.batch, settings.heads, grid[0] * grid[1], settings.head_dim)
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(shape, generator=generator).to(DTYPES[dtype])
    entries = contestants(grid, settings.head_dim, DTYPES[dtype])
    steps = [pair_of(c, q, k, mode) for c in entries]
    rows = [
        Row(
            name=c.name,
            pairing=c.pairing,
            tokens=q.shape[-2],
            dtype=dtype,
            mode=mode,
            threads=threads,
            max_error=error(c, grid, q),
            saved_mb=saved_bytes(c, q, k) / 2**20,
        )
        for c in entries
    ]
    for index, direction in enumerate(("forward", "forward + backward")):
        times = Times([both[index] for both in steps], settings.rounds, settings.seconds, threads)
        for i, row in enumerate(rows):
            reference = OURS.get(row.pairing, OURS["interleaved"])
            ours = next(j for j, other in enumerate(rows) if other.name == reference)
            row.milliseconds[direction] = times.milliseconds(i)
            row.fastest_milliseconds[direction] = times.fastest(i)
            row.ratio_to_ours[direction] = times.ratio(i, to=ours)
            row.ratio_to_copy[direction] = times.ratio(i, to=0)
    return rows


def pair_of(c: Contestant, q: Tensor, k: Tensor, mode: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return two calls: rotate q and k, and rotate them and then their gradients back."""

    def rotate(q: Tensor, k: Tensor, *table: Tensor) -> tuple[Tensor, Tensor]:
        return c.rotate(q, *table), c.rotate(k, *table)

    # torch.compile keeps its guards and its limit of recompilations by code object: each has its own.
    rotate.__code__ = rotate.__code__.replace(co_name=f"rotate_{c.name}_{mode}")
    # A copy is a copy: there is nothing to compile.
    function = torch.compile(rotate) if mode == "compiled" and c.name != COPY else rotate
    leaves = q.clone().requires_grad_(), k.clone().requires_grad_()
    upstream = torch.randn_like(q), torch.randn_like(k)

    def forward() -> Any:
        return function(q, k, *c.table)

    def forward_backward() -> Any:
        return torch.autograd.grad(function(*leaves, *c.table), leaves, upstream)

    def copies() -> Any:
        return q.clone(), k.clone(), upstream[0].clone(), upstream[1].clone()

    second = copies if c.name == COPY else forward_backward
    forward(), second()
    return forward, second


def error(c: Contestant, grid: tuple[int, int], x: Tensor) -> float:
    """Return the largest deviation from the rotation of the same numbers in float64."""
    if c.name == COPY:
        return 0.0
    cos, sin = rotation_table(grid_positions(*grid), axial_frequencies(x.shape[-1]), torch.float64)
    a, b = split_pairs(x.double(), c.pairing)
    exact = join_pairs(a * cos - b * sin, a * sin + b * cos, c.pairing)
    return (c.rotate(x, *c.table).double() - exact).abs().max().item()


def saved_bytes(c: Contestant, q: Tensor, k: Tensor) -> int:
    """Return how much memory the rotation of q and k keeps for its backward pass, the table included."""
    saved: dict[int, int] = {}

    def keep(t: Tensor) -> Tensor:
        saved[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        kept = [c.rotate(x.clone().requires_grad_(), *c.table) for x in (q, k)]
    del kept
    return sum(saved.values())


# ---------------------------------------------------------------- reporting


def table(rows: Sequence[Row]) -> str:
    """Return one setting's rows as text."""
    first = rows[0]
    title = f"{first.tokens} tokens, {first.dtype}, {first.mode}, threads: {first.threads}"
    lines = [
        title,
        f"{'':24}{'forward':^30}{'forward + backward':^30}",
        f"{'':24}{'ms':>8}{'x ours':>10}{'x copy':>10}  {'ms':>8}{'x ours':>10}{'x copy':>10}"
        f"{'max error':>14}{'saved MiB':>11}",
    ]
    for row in rows:
        cells = "".join(
            f"{row.milliseconds[d]:8.3f}{row.ratio_to_ours[d]:10.2f}{row.ratio_to_copy[d]:10.2f}  "
            for d in row.milliseconds
        )
        lines.append(f"{row.name:24}{cells}{row.max_error:12.1e}{row.saved_mb:11.2f}")
    return "\n".join(lines)


def main(settings: Settings) -> None:
    """Measure, print a table for each setting, and write everything to a JSON file."""
    keep_freed_memory()
    output = settings.output
    if settings.quick:
        settings.grids, settings.modes, settings.batch, settings.heads = ((3, 5),), ("eager",), 2, 2
        settings.rounds, settings.seconds = 1, 1e-3
    elif output is None:
        output = RESULTS / "rope_2d.json"
    rows = []
    for threads in settings.threads:
        for mode in settings.modes:
            for dtype in settings.dtypes:
                for grid in settings.grids:
                    rows.append(measure(settings, grid, dtype, mode, threads))
                    print(table(rows[-1]), end="\n\n", flush=True)
    if output is not None:
        measured = [asdict(row) for group in rows for row in group]
        write(output, provenance(PACKAGES, asdict(settings)), measured)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
