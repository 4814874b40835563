"""Our smooth activations beside torch's: time both ways, error in the tails, memory kept for the backward pass.

Every contestant gets the same float32 numbers. "x gelu" is a contestant's time over that of eager `F.gelu`, within
rounds. The composed Gaussian ReLU is what one writes by hand: x Φ(x) + φ(x), with erf.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import mpmath
import torch
import torch.nn.functional as F
import tyro
from harness import RESULTS, Times, keep_freed_memory, provenance, write
from torch import Tensor

from sjedu import dirac_smoothing as ds

REFERENCE = "F.gelu"
PACKAGES = ("torch",)


@dataclass
class Settings:
    """What to measure."""

    size: int = 10_000_000
    """How many numbers."""
    threads: tuple[int, ...] = (1,)
    """How many threads torch may use; several numbers are measured one after the other."""
    rounds: int = 9
    """How often each contestant is measured."""
    seconds: float = 0.2
    """How long each measurement takes, at least."""
    quick: bool = False
    """Try everything on few numbers, without a claim to precision."""
    output: Path | None = None
    """Where to write the JSON; by default results/dirac_smoothing.json, and with --quick nowhere."""


@dataclass(frozen=True)
class Contestant:
    """An activation, and the function in mpmath that it should be."""

    name: str
    function: Callable[[Tensor], Tensor]
    exact: Callable[[Any], Any]


@dataclass
class Row:
    """What was measured of one contestant in one setting."""

    name: str
    mode: str
    threads: int
    tail_error: float
    kept: float
    milliseconds: dict[str, float] = field(default_factory=dict)
    ratio_to_gelu: dict[str, float] = field(default_factory=dict)


# ---------------------------------------------------------------- the contestants


def gelu(x: Any) -> Any:
    return x * mpmath.ncdf(x)


def gaussian_relu(x: Any) -> Any:
    return x * mpmath.ncdf(x) + mpmath.npdf(x)


def softplus(x: Any) -> Any:
    return mpmath.log1p(mpmath.exp(x))


def swish(x: Any) -> Any:
    return x / (1 + mpmath.exp(-x))


def squareplus(x: Any) -> Any:
    return (x + mpmath.sqrt(x * x + 1)) / 2


def composed(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / 2**0.5)) + torch.exp(-x * x / 2) / (2 * torch.pi) ** 0.5


def contestants() -> list[Contestant]:
    """Return torch's activations, ours, and the Gaussian ReLU by hand."""
    return [
        Contestant(REFERENCE, F.gelu, gelu),
        Contestant("F.softplus", F.softplus, softplus),
        Contestant("F.silu", F.silu, swish),
        Contestant("composed Gaussian ReLU", composed, gaussian_relu),
        Contestant("sjedu Gaussian ReLU", ds.SmoothReLU(), gaussian_relu),
        Contestant("sjedu softplus", ds.SmoothReLU(kernel="logistic"), softplus),
        Contestant("sjedu squareplus", ds.SmoothReLU(kernel="student"), squareplus),
        Contestant("sjedu GELU", ds.SmoothReLU(kernel="gelu"), gelu),
        Contestant("sjedu Swish", ds.SmoothReLU(kernel="swish"), swish),
        Contestant("sjedu SAU", ds.SmoothLeakyReLU(), lambda x: 0.15 * x + 0.85 * gaussian_relu(x)),
    ]


# ---------------------------------------------------------------- measuring


def measure(settings: Settings, threads: int) -> list[Row]:
    """Return a row for each contestant, eager and compiled."""
    torch.set_num_threads(threads)
    x = torch.randn(settings.size, generator=torch.Generator().manual_seed(0))
    upstream = torch.randn_like(x)
    rows, calls = [], []
    for contestant in contestants():
        for mode in ("eager", "compiled"):
            function = contestant.function
            if mode == "compiled":
                function = compiled(function, "aot_eager" if settings.quick else "inductor")
            rows.append(
                Row(contestant.name, mode, threads, tail_error(function, contestant.exact), kept(function))
            )
            calls.append(pair(function, x, upstream))
    for index, direction in enumerate(("forward", "forward + backward")):
        times = Times([both[index] for both in calls], settings.rounds, settings.seconds, threads)
        for i, row in enumerate(rows):
            row.milliseconds[direction] = times.milliseconds(i)
            row.ratio_to_gelu[direction] = times.ratio(i, to=0)
    return rows


def compiled(function: Callable[[Tensor], Tensor], backend: str) -> Callable[[Tensor], Tensor]:
    """Return the function compiled in one piece, for sizes that do not vary."""

    def call(x: Tensor) -> Tensor:
        return function(x)

    # torch.compile keeps its guards and its limit of recompilations by code object: each has its own.
    call.__code__ = call.__code__.replace(co_name=f"call_{id(function)}")
    made: Callable[[Tensor], Tensor] = torch.compile(call, fullgraph=True, dynamic=False, backend=backend)
    return made


def pair(
    function: Callable[[Tensor], Tensor], x: Tensor, upstream: Tensor
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return two calls: forward, and forward and backward."""
    leaf = x.clone().requires_grad_()

    def forward() -> Any:
        with torch.no_grad():
            return function(x)

    def forward_backward() -> Any:
        return torch.autograd.grad(function(leaf), leaf, upstream)

    forward(), forward_backward()
    return forward, forward_backward


def tail_error(function: Callable[[Tensor], Tensor], exact: Callable[[Any], Any]) -> float:
    """Return the largest relative error at -1, -2, … -8, against fifty digits."""
    x = -torch.arange(1.0, 9.0)
    found = function(x).double().tolist()
    with mpmath.workdps(50):
        wanted = [exact(mpmath.mpf(float(v))) for v in x]
        return float(max(abs(y / w - 1) for y, w in zip(found, wanted, strict=True)))


def kept(function: Callable[[Tensor], Tensor], size: int = 4096) -> float:
    """Return how much is kept for the backward pass, in units of the input."""
    saved: dict[int, int] = {}

    def keep(t: Tensor) -> Tensor:
        saved[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        result = function(torch.randn(size, requires_grad=True))
    del result
    return sum(saved.values()) / (4 * size)


# ---------------------------------------------------------------- reporting


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text."""
    lines = [
        f"threads: {rows[0].threads}",
        f"{'':36}{'forward':^18}{'forward + backward':^20}",
        f"{'':36}{'ms':>8}{'x gelu':>10}{'ms':>10}{'x gelu':>10}{'tail error':>14}{'kept':>8}",
    ]
    for row in rows:
        cells = "".join(f"{row.milliseconds[d]:9.2f}{row.ratio_to_gelu[d]:10.2f}" for d in row.milliseconds)
        lines.append(f"{row.name:24}{row.mode:12}{cells}{row.tail_error:14.1e}{row.kept:8.1f}")
    return "\n".join(lines)


def main(settings: Settings) -> None:
    """Measure, print a table, and write everything to a JSON file."""
    keep_freed_memory()
    output = settings.output
    if settings.quick:
        settings.size, settings.rounds, settings.seconds = 10_000, 1, 1e-3
    elif output is None:
        output = RESULTS / "dirac_smoothing.json"
    rows = []
    for threads in settings.threads:
        rows += measure(settings, threads)
        print(table(rows[-len(contestants()) * 2 :]), end="\n\n", flush=True)
    if output is not None:
        write(output, provenance(PACKAGES, asdict(settings)), [asdict(row) for row in rows])


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
