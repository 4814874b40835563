"""Ways to draw from the vMF law that the lesson compares: for w = ⟨μ, x⟩, and for the direction around μ.

Read `theory.AngularGrid` first: it is the article's idea, in NumPy, and right for every dim and κ. Here are the ways
that it is held against, in float64 and with their limits in their docstrings; `VonMisesFisher.rsample` uses none::

    TabulatedCosine     Su's: the inverse of a tabulated distribution function (article, section on sampling)
    wood_cosine         Ulrich's and Wood's rejection, as in the papers; its pathwise gradient in κ is biased
    closed_form_cosine  d = 3 only, differentiable in κ
    around              x = w μ + √(1-w²) ν, with ν by projection (Su), reflection (Davidson et al.) or rotation
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from sjedu.checks import check_choice, check_count
from sjedu.vmf_vae import theory
from sjedu.vmf_vae.theory import Number

Way: TypeAlias = Literal["projection", "reflection", "rotation"]


class TabulatedCosine:
    """Su's sampler: the density of w on an even grid of (-1, 1), its cumulative sum, and linear interpolation.

    The log density minus its maximum cannot overflow, so κ in the thousands is fine. The grid is even in w, so that
    a density narrower than a step (κ above 1/step, some 10^7 for the article's) falls through it, and the infinite
    density at ±1 for d = 2 is cut off.

    Args:
        dim: d >= 2.
        kappa: κ >= 0.
        step: of the grid; the article's 1e-7 makes tables of 160 MB.

    Raises:
        TypeError: dim is not a whole number.
        ValueError: dim is less than 2, κ is negative or not finite, or step is not in (0, 1].
    """

    def __init__(self, dim: int, kappa: Number, step: Number = 1e-5) -> None:
        theory.check_law(dim, kappa)
        if not 0 < step <= 1:
            raise ValueError(f"step: got {step}; expected a number in (0, 1]")
        # Whole numbers times the step: a running sum ends a rounding error below 1, where d = 2 has all its mass.
        self.w = -1 + step * torch.arange(1, round(2 / step), dtype=torch.float64)
        log_density = kappa * self.w + (dim - 3) / 2 * torch.log1p(-self.w.square())
        cdf = torch.exp(log_density - log_density.max()).cumsum(dim=0)
        self.cdf = cdf / cdf[-1]

    def quantile(self, u: Float64[Tensor, "*n"]) -> Float64[Tensor, "*n"]:
        """Return w at which the tabulated distribution function is u."""
        right = torch.searchsorted(self.cdf, u).clamp(1, len(self.w) - 1)
        low, high = self.cdf[right - 1], self.cdf[right]
        share = ((u - low) / (high - low)).clamp(0, 1)
        return self.w[right - 1] + share * (self.w[right] - self.w[right - 1])

    def cache(self, size: int, generator: torch.Generator | None = None) -> Float64[Tensor, " n"]:
        """Return w at ``size`` uniform random numbers, drawn once and for all as in the article's code.

        Their mean is off by sd/√size for as long as they are used; `even_cache` is not.
        """
        check_count("size", size, 0)
        return self.quantile(torch.rand(size, dtype=torch.float64, generator=generator))

    def even_cache(self, size: int) -> Float64[Tensor, " n"]:
        """Return w at the quantiles (i + ½)/size."""
        check_count("size", size, 0)
        return self.quantile((torch.arange(size, dtype=torch.float64) + 0.5) / size)


class Accepted(NamedTuple):
    """What a rejection sampler returns.

    Attributes:
        w: the accepted values, a function of κ along the accepted proposal.
        proposals: how many were made.
    """

    w: Float64[Tensor, " n"]
    proposals: int


def wood_cosine(
    dim: int, kappa: Float64[Tensor, ""], size: int, generator: torch.Generator | None = None
) -> Accepted:
    """Draw w by Ulrich's and Wood's rejection: exact in law, and differentiable in κ with a bias.

    A proposal is ``w = (1-(1+b)Z) / (1-(1-b)Z)``, Z ~ Beta(m/2, m/2), m = d-1, accepted with probability
    ``e^(κw + m log(1-x0 w) - c)`` (`theory.wood_parameters`). The gradient of w in κ at the accepted Z has the mean
    `theory.naive_gradient`, not A'.

    Raises:
        TypeError: dim is not a whole number.
        ValueError: dim is less than 2, κ is not positive and finite, or size is negative.
    """
    number = float(kappa.detach())
    b_number, x0, c = theory.wood_parameters(dim, number)
    if not number > 0:
        raise ValueError(
            f"kappa: got {number}; expected a positive number, the proposal is the law itself at 0"
        )
    check_count("size", size, 0)
    m, kept, proposals = dim - 1, [torch.empty(0, dtype=torch.float64)], 0
    while (missing := size - sum(map(len, kept))) > 0:
        count = int(missing / 0.6) + 8
        Z = _beta(m / 2, count, generator)
        w = (1 - (1 + b_number) * Z) / (1 - (1 - b_number) * Z)
        u = torch.rand(count, dtype=torch.float64, generator=generator)
        places = (number * w + m * torch.log1p(-x0 * w) - c >= torch.log(u)).nonzero().flatten()[:missing]
        kept.append(Z[places])
        # What comes after the last value that was needed counts as not proposed.
        proposals += int(places[-1]) + 1 if len(places) == missing else count
    Z = torch.cat(kept)
    b = m / (2 * kappa + torch.sqrt(4 * kappa**2 + m**2))
    return Accepted((1 - (1 + b) * Z) / (1 - (1 - b) * Z), proposals)


def _beta(shape: float, size: int, generator: torch.Generator | None) -> Tensor:
    """Draw from Beta(shape, shape) as a ratio of two Gamma variables."""
    gammas = torch._standard_gamma(torch.full((2, size), shape, dtype=torch.float64), generator=generator)
    first, second = gammas.unbind()
    return first / (first + second)


def closed_form_cosine(kappa: Tensor, u: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Return ``w = 1 + log(u + (1-u) e^(-2κ)) / κ``, d = 3, for κ > 0 and uniform u; differentiable in κ.

    κ broadcasts to u's shape. The derivative in κ at fixed u is the implicit one.

    Raises:
        ValueError: a κ is not positive and finite, or a u not from 0 to 1.
    """
    if not bool(((kappa > 0) & (kappa < math.inf)).all()):
        raise ValueError(f"kappa: got {kappa.detach().min()} at the least; expected positive finite numbers")
    if not bool(((u >= 0) & (u <= 1)).all()):
        raise ValueError(f"u: got numbers from {u.min()} to {u.max()}; expected from 0 to 1")
    return 1 + torch.log1p((1 - u) * torch.expm1(-2 * kappa)) / kappa


def around(
    w: Float[Tensor, "*n"],
    loc: Float[Tensor, "*n dim"],
    noise: Float[Tensor, "*n dim"],
    way: Way = "projection",
    *,
    detached: bool = False,
) -> Float[Tensor, "*n dim"]:
    """Return ``x = w μ + √(1-w²) ν`` with ν uniform in the directions orthogonal to μ; differentiable in μ.

    All ways have the same law and unbiased gradients in μ, with different variances. As functions of μ they differ:

    - "projection" (Su): ν is the normalised part of the noise that is orthogonal to μ;
    - "reflection" (Davidson et al.): x around e1, without the noise's first coordinate, reflected to μ. It divides by
      ``‖e1 - μ‖²``, so that a μ near e1 is inexact; at e1 there is nothing to reflect, and no gradient;
    - "rotation": ν by projection is carried along with μ by ``dν = -⟨ν,dμ⟩ μ``. This is the mean of "projection"
      over the length of the noise and its part along μ, so its variance is the smaller.

    Args:
        w: in [-1, 1].
        loc: μ, of length 1.
        noise: normal.
        way: see above.
        detached: treat ν as a constant; the gradient is then biased.

    Raises:
        ValueError: the way is unknown.
    """
    check_choice("way", way, get_args(Way))
    sine = torch.sqrt((1 - w.square()).clamp(min=0))[..., None]
    if way == "reflection":
        first = torch.zeros_like(loc)
        first[..., 0] = 1
        rest = torch.nn.functional.normalize(noise * (1 - first), dim=-1)
        x = w[..., None] * first + sine * rest
        u = first - loc
        square = u.square().sum(dim=-1, keepdim=True)
        square = torch.where(square > 0, square, 1)
        return x - 2 * u * (u * x).sum(dim=-1, keepdim=True) / square
    tangent = noise - (noise * loc).sum(dim=-1, keepdim=True) * loc
    nu = torch.nn.functional.normalize(tangent, dim=-1)
    if way == "rotation" or detached:
        nu = nu.detach()
    if way == "rotation" and not detached:
        nu = nu - (nu * loc).sum(dim=-1, keepdim=True) * loc.detach()
    return w[..., None] * loc + sine * nu
