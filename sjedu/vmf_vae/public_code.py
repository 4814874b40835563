"""The sampler of the public vMF code, rebuilt from its formulas with its two flaws, to measure what they do.

The authors' code of "Hyperspherical Variational Auto-Encoders" draws w by the rejection sampler of Ulrich and
Wood, with two departures from it:

- **the constant.** For κ > 11 the proposal's parameter b = m / (2κ + √(4κ² + m²)), m = dim - 1, is replaced by
  m / 4κ, its value for κ ≫ m, and between 10 and 11 by a mixture of both. The acceptance test is then no longer
  the ratio of target and proposal, so that the accepted w have another law.
- **the gradient.** w is differentiated as a function of κ with the accepted proposal held fixed. That forgets
  that κ also decides which proposals are accepted, and is biased even with the right constant.

Nothing else should use this module: `VonMisesFisher` has neither flaw.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Beta
from torch.types import _size

from sjedu.vmf_vae.distribution import VonMisesFisher


def proposal_parameter(dim: int, concentration: Float[Tensor, " n"], exact: bool) -> Float[Tensor, " n"]:
    """Return b: Wood's, or what the public code uses instead."""
    m = dim - 1
    b = m / (2 * concentration + torch.sqrt(4 * concentration**2 + m**2))
    if exact:
        return b
    share = (concentration - 10).clamp(0, 1)
    return share * m / (4 * concentration.clamp(min=1.0)) + (1 - share) * b


def rejection_cosine(
    dim: int, concentration: Float[Tensor, " n"], exact: bool = False
) -> Float[Tensor, " n"]:
    """Draw w = ⟨μ, z⟩ for each κ by rejection; differentiable in κ along the accepted proposal.

    Args:
        dim: of the ambient space, at least 2.
        concentration: κ > 0.
        exact: use Wood's constant; the gradient is biased all the same.
    """
    m = dim - 1
    b = proposal_parameter(dim, concentration, exact)
    with torch.no_grad():
        a = (m + 2 * concentration + torch.sqrt(4 * concentration**2 + m**2)) / 4
        d = 4 * a * b / (1 + b) - m * math.log(m)
        beta = Beta(concentration.new_tensor(m / 2), concentration.new_tensor(m / 2))
        accepted = torch.full_like(concentration, 0.5)
        open_ = torch.arange(len(concentration), device=concentration.device)
        while len(open_):
            e = beta.sample(open_.shape)
            t = 2 * a[open_] * b[open_] / (1 - (1 - b[open_]) * e)
            success = m * torch.log(t) - t + d[open_] >= torch.log(torch.rand_like(e))
            accepted[open_[success]] = e[success]
            open_ = open_[~success]
    return (1 - (1 + b) * accepted) / (1 - (1 - b) * accepted)


class PublicCodeVonMisesFisher(VonMisesFisher):
    """A `VonMisesFisher` drawn by the public code's sampler.

    `log_prob` and KL are those of the exact law: the published figures, too, combine them with such samples.
    """

    def rsample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw z = w μ + √(1 - w²) ν with w by `rejection_cosine`."""
        shape = self._extended_shape(torch.Size(sample_shape))
        loc = self.loc.expand(shape)
        w = rejection_cosine(shape[-1], self.concentration.expand(shape[:-1]).reshape(-1)).reshape(shape[:-1])
        noise = torch.randn_like(loc)
        tangent = noise - (noise * loc).sum(dim=-1, keepdim=True) * loc
        direction = tangent / tangent.norm(dim=-1, keepdim=True)
        w = w[..., None]
        z: Tensor = w * loc + torch.sqrt((1 - w**2).clamp(min=1e-10)) * direction
        return z
