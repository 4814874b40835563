"""Our von Mises-Fisher beside the peers': how right each is over the grid, and how fast it draws.

Three workloads: *batch* is a training step, which makes a distribution of 128 directions with a κ of their own each,
draws from it once, and takes the gradients in the directions and in κ; *many* is a large sample of one law; *both* is a
training step with 100 samples of each direction. Times are microseconds a sample; ratios are to ours, above 1 is
slower than ours. The error of a sampler is the distance of the mean of w = ⟨μ, x⟩ from A, in standard errors of the
sample and, where it is large, as a plain number; that of its gradient in κ the distance of its mean from A'.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special
import scipy.stats
import torch
import torch.nn.functional as F
import tyro
from harness import RESULTS, Times, keep_freed_memory, provenance, write
from torch import Tensor
from torch.distributions import Distribution

from sjedu.vmf_vae import (
    VonMisesFisher,
    fast,
    kl_to_uniform,
    log_normalizer,
    mean_resultant_length,
    theory,
)
from sjedu.vmf_vae.public_code import rejection_cosine
from sjedu.vmf_vae.samplers import TabulatedCosine, around, closed_form_cosine, wood_cosine

PACKAGES = ("torch", "scipy", "numpy", "power-spherical")
OURS, POWER = "sjedu", "power_spherical"


@dataclass
class Settings:
    """What to measure."""

    dims: tuple[int, ...] = (3, 10, 128, 1024)
    """Dimensions to draw in."""
    kappa: float = 20.0
    """Concentration of "many"; in "batch" they are spread around it."""
    batch: int = 128
    """Directions in "batch" and "both"."""
    many: int = 10_000
    """Samples in "many"."""
    each: int = 100
    """Samples of each direction in "both"."""
    step: float = 1e-6
    """Of Su's table; the article's 1e-7 takes ten times the memory and the time to build."""
    grid_dims: tuple[int, ...] = (2, 3, 4, 16, 64, 256, 1024, 4096)
    """Dimensions at which functions are compared with 60 digits."""
    grid_kappas: tuple[float, ...] = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)
    """Concentrations at which functions are compared with 60 digits."""
    rounds: int = 9
    """How often each contestant is measured."""
    seconds: float = 0.02
    """How long each measurement takes, at least."""
    quick: bool = False
    """Try everything on small sizes, without a claim to precision."""
    output: Path | None = None
    """Where to write the JSON; by default results/vmf_vae.json beside this file, and with --quick nowhere."""


@dataclass(frozen=True)
class Contestant:
    """A sampler: how many samples a call draws, and the call; `exact` says whether it means to be vMF."""

    name: str
    size: int
    draw: Callable[[], Any]
    exact: bool = True


# ---------------------------------------------------------------- the contestants


class SVae(Distribution):
    """The law as the public code of Davidson et al. draws it."""

    arg_constraints = {}

    def __init__(self, loc: Tensor, kappa: Tensor) -> None:
        self.loc, self.kappa = loc, kappa
        super().__init__(kappa.shape, loc.shape[-1:], validate_args=False)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw so many times for each direction."""
        size = (*sample_shape, *self.kappa.shape)
        dim = self.loc.shape[-1]
        x = s_vae(self.loc.expand(*size, dim).reshape(-1, dim), self.kappa.expand(size).reshape(-1))
        return x.reshape(*size, dim)


def s_vae(loc: Tensor, kappa: Tensor) -> Tensor:
    """Draw w by rejection (d = 3: closed form), x around e1, and reflect it to μ."""
    if loc.shape[-1] == 3:
        w = 1 + torch.log1p((1 - torch.rand_like(kappa)) * torch.expm1(-2 * kappa)) / kappa
    else:
        w = rejection_cosine(loc.shape[-1], kappa)
    v = F.normalize(torch.randn_like(loc)[:, 1:], dim=-1)
    x = torch.cat([w[:, None], torch.sqrt((1 - w**2).clamp(min=1e-10))[:, None] * v], dim=-1)
    e1 = torch.zeros_like(loc[:1])
    e1[:, 0] = 1
    u = e1 - loc
    u = u / (u.norm(dim=-1, keepdim=True) + 1e-5)
    return x - 2 * (x * u).sum(dim=-1, keepdim=True) * u


def samplers(workload: str, dim: int, settings: Settings) -> list[Contestant]:
    """Return ours and the peers that are installed."""
    generator = torch.Generator().manual_seed(dim)
    loc = F.normalize(torch.randn(settings.batch, dim, generator=generator), dim=-1)
    kappa = settings.kappa * (0.5 + torch.rand(settings.batch, generator=generator))
    size, shape = settings.batch, ()
    if workload == "many":
        loc, kappa = loc[0], torch.tensor(settings.kappa)
        size, shape = settings.many, (settings.many,)
    elif workload == "both":
        size, shape = settings.each * settings.batch, (settings.each,)
    draw = large_sample if workload == "many" else training_step
    entries = [
        Contestant(name, size, draw(law, loc, kappa, shape), exact=name != POWER)
        for name, law in laws().items()
    ]
    if workload == "many":
        entries += lesson_samplers(loc.double(), settings)
        few = max(10, min(settings.many, 20_000 // dim**2 * 10, 2000))
        law = scipy.stats.vonmises_fisher(loc.double().numpy() / float(loc.double().norm()), settings.kappa)
        entries.append(Contestant("scipy", few, lambda: torch.from_numpy(law.rvs(few))))
    return entries


def laws() -> dict[str, Callable[[Tensor, Tensor], Distribution]]:
    """Return the laws that have gradients."""
    ours = partial(VonMisesFisher, validate_args=False)
    return {OURS: ours, "s-vae's method": SVae, **power_spherical()}


def lesson_samplers(loc: Tensor, settings: Settings) -> list[Contestant]:
    """Return the samplers that the lesson compares, in float64; Su's table is built beforehand, see `build`."""
    dim, n, kappa = len(loc), settings.many, torch.tensor(settings.kappa, dtype=torch.float64)
    table = TabulatedCosine(dim, settings.kappa, settings.step)
    cosines: dict[str, Callable[[], Tensor]] = {
        "Su's table": lambda: table.cache(n),
        "Wood's rejection": lambda: wood_cosine(dim, kappa, n).w,
    }
    if dim == 3:
        cosines["closed form"] = lambda: closed_form_cosine(kappa, torch.rand(n, dtype=torch.float64))

    def draw(cosine: Callable[[], Tensor]) -> Tensor:
        return around(cosine(), loc.expand(n, dim), torch.randn(n, dim, dtype=torch.float64))

    return [Contestant(name, n, partial(draw, cosine)) for name, cosine in cosines.items()]


def training_step(
    law: Callable[[Tensor, Tensor], Distribution], loc: Tensor, kappa: Tensor, shape: tuple[int, ...]
) -> Callable[[], Any]:
    """Return a call that makes the law, draws, and takes the gradients of something that the sample is good for."""
    leaves = loc.clone().requires_grad_(), kappa.clone().requires_grad_()
    upstream = torch.randn(*shape, *loc.shape, generator=torch.Generator().manual_seed(0))
    return lambda: torch.autograd.grad(law(*leaves).rsample(shape), leaves, upstream)


def large_sample(
    law: Callable[[Tensor, Tensor], Distribution], loc: Tensor, kappa: Tensor, shape: tuple[int, ...]
) -> Callable[[], Any]:
    """Return a call that draws from a law that is there already."""
    made = law(loc, kappa)
    return lambda: made.rsample(shape)


def power_spherical() -> dict[str, Callable[[Tensor, Tensor], Distribution]]:
    """Return the power spherical law, another family with the same parameters."""
    try:
        import power_spherical
    except ImportError:
        return {}
    return {POWER: partial(power_spherical.PowerSpherical, validate_args=False)}


# ---------------------------------------------------------------- measuring


def speed(workload: str, dim: int, settings: Settings) -> list[dict[str, Any]]:
    """Return one row for each sampler."""
    entries = samplers(workload, dim, settings)
    for entry in entries:
        entry.draw()
    times = Times([c.draw for c in entries], settings.rounds, settings.seconds)
    return [
        {
            "kind": "speed",
            "workload": workload,
            "dim": dim,
            "name": c.name,
            "microseconds": 1e3 * times.milliseconds(i) / c.size,
            "ratio_to_ours": times.milliseconds(i) / times.milliseconds(0) * entries[0].size / c.size,
        }
        for i, c in enumerate(entries)
    ]


def law(dim: int, settings: Settings) -> list[dict[str, Any]]:
    """Return, for each sampler of "many" that means to be vMF, how far the mean of w is from A."""
    exact = theory.exact(dim, settings.kappa)
    generator = torch.Generator().manual_seed(dim)
    loc = F.normalize(torch.randn(settings.batch, dim, generator=generator), dim=-1)[0].double()
    rows = []
    for c in samplers("many", dim, settings):
        if c.exact:
            w = c.draw().double() @ loc
            error = math.sqrt(float(exact.slope) / len(w))
            mean = float(w.mean())
            rows.append(
                {
                    "kind": "law",
                    "dim": dim,
                    "name": c.name,
                    "mean": mean,
                    "exact": float(exact.ratio),
                    "standard_errors": (mean - float(exact.ratio)) / error,
                }
            )
    return rows


def build(dim: int, settings: Settings) -> list[dict[str, Any]]:
    """Return how long the tables take that are made once for a law, in milliseconds."""

    def ours() -> None:
        fast._made_table.cache_clear()
        fast._made_table(dim, torch.device("cpu"))

    calls = {OURS: ours, "Su's table": lambda: TabulatedCosine(dim, settings.kappa, settings.step)}
    times = Times(list(calls.values()), min(3, settings.rounds), settings.seconds)
    return [
        {"kind": "build", "dim": dim, "name": name, "milliseconds": times.milliseconds(i)}
        for i, name in enumerate(calls)
    ]


def gradient(dim: int, settings: Settings) -> list[dict[str, Any]]:
    """Return how far the mean gradient of w in κ is from A', and how far samples around ±e1 are off the sphere."""
    n, exact = 2 * settings.many, theory.exact(dim, settings.kappa)
    poles = torch.eye(dim)[:1].repeat(4, 1) * torch.tensor([1.0, -1, 1, -1])[:, None]
    poles[2:, 1] = 1e-5
    rows = []
    for name, law in laws().items():
        loc, kappa = torch.eye(dim)[-1:].expand(n, dim), torch.full((n,), settings.kappa, requires_grad=True)
        (slope,) = torch.autograd.grad((law(loc, kappa).rsample() * loc).sum(), kappa)
        x = law(poles, torch.full((4,), settings.kappa)).rsample((1000,))
        error, wanted = float(slope.std()) / math.sqrt(n), float(exact.slope)
        rows.append(
            {
                "kind": "gradient",
                "dim": dim,
                "name": name,
                "mean": float(slope.mean()),
                "exact": None if name == POWER else wanted,
                "standard_errors": None if name == POWER else (float(slope.mean()) - wanted) / error,
                "off_the_sphere": float((x.norm(dim=-1) - 1).abs().max()),
            }
        )
    return rows


def accuracy(settings: Settings) -> list[dict[str, Any]]:
    """Return, for each way to compute log Z, A and KL, its largest error and how often it is NaN or infinite."""
    cells = [(d, k, theory.exact(d, k)) for d in settings.grid_dims for k in settings.grid_kappas]
    rows = []
    for name, function in (
        (OURS, our_functions),
        ("scipy's ive, float64", ive_functions),
        ("s-vae: ive in float32", narrow_ive_functions),
    ):
        errors: dict[str, list[float]] = {"log Z": [], "A": [], "KL": []}
        for dim, kappa, exact in cells:
            wanted = exact.log_normalizer, exact.ratio, exact.divergence
            for key, found, value in zip(errors, function(dim, kappa), wanted, strict=True):
                scale = abs(float(value)) if key != "log Z" else 1 + abs(float(value))
                errors[key].append(abs(found - float(value)) / scale)
        for key, values in errors.items():
            finite = [v for v in values if math.isfinite(v)]
            rows.append(
                {
                    "kind": "accuracy",
                    "name": name,
                    "function": key,
                    "cells": len(values),
                    "not_finite": len(values) - len(finite),
                    "within_1e-10": sum(v <= 1e-10 for v in finite),
                    "largest_error": max(finite),
                }
            )
    return rows


def our_functions(dim: int, kappa: float) -> tuple[float, float, float]:
    return tuple(float(f(dim, kappa)) for f in (log_normalizer, mean_resultant_length, kl_to_uniform))  # type: ignore[return-value]


def ive_functions(dim: int, kappa: float, dtype: type = np.float64) -> tuple[float, float, float]:
    """The textbook's formulas with exponentially scaled Bessel functions, as in scipy."""
    order = dim / 2 - 1
    with np.errstate(all="ignore"):
        low, high = (dtype(scipy.special.ive(v, kappa)) for v in (order, order + 1))
        ratio = high / low
        log_z = (order + 1) * np.log(2 * np.pi) + np.log(low) + kappa - order * np.log(kappa)
        kl = kappa * ratio - log_z + float(theory.log_sphere_area(dim))
    return float(log_z), float(ratio), float(kl)


def narrow_ive_functions(dim: int, kappa: float) -> tuple[float, float, float]:
    return ive_functions(dim, kappa, np.float32)


# ---------------------------------------------------------------- reporting


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows of one kind as text."""
    columns = [key for key in rows[0] if key != "kind"]
    lines = ["  ".join(f"{key:>18}" for key in columns)]
    for row in rows:
        cells = (f"{v:.4g}" if isinstance(v := row[key], float) else str(v) for key in columns)
        lines.append("  ".join(f"{cell:>18}" for cell in cells))
    return "\n".join(lines)


def main(settings: Settings) -> None:
    """Measure, print a table for each question, and write everything to a JSON file."""
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    output = settings.output
    if settings.quick:
        settings.dims, settings.batch, settings.many = (3, 10), 8, 200
        settings.each, settings.step = 5, 1e-4
        settings.grid_dims, settings.grid_kappas = (2, 1024), (1e-3, 10.0)
        settings.rounds, settings.seconds = 1, 1e-3
    elif output is None:
        output = RESULTS / "vmf_vae.json"
    groups = [accuracy(settings)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dim in settings.dims:
            groups.append(law(dim, settings))
            groups += [gradient(dim, settings), build(dim, settings)]
            groups += [speed(workload, dim, settings) for workload in ("batch", "many", "both")]
    for group in groups:
        print(table(group), end="\n\n", flush=True)
    if output is not None:
        write(output, provenance(PACKAGES, asdict(settings)), [row for group in groups for row in group])


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
