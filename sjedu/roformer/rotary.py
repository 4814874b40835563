r"""Rotary position embedding in one dimension, in RoFormer's convention.

A head's vector is read as pairs of neighbours :math:`(x_{2i}, x_{2i+1})`. At position n the i-th pair is turned by
the angle :math:`n\theta_i` with :math:`\theta_i = 10000^{-2i/d}`, so that the product of a turned query and a
turned key depends on the difference of their positions alone (Su et al., arXiv 2104.09864, equations 14 and 15).

A pair is a complex number :math:`x_{2i} + \mathrm{i} x_{2i+1}`, and the rotation a product with
:math:`e^{\mathrm{i} n\theta_i}`. Queries and keys are turned in one such product, for both come out of one matrix
product side by side. `torch.compile` does not know complex numbers: traced, the same is written in real ones, which
it fuses.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

#: θ_i = BASE^(-2i/d)
BASE = 10000.0


def phase_table(positions: Int64[Tensor, ...], head_size: int) -> Float[Tensor, "... pairs 2"]:
    r"""Return cosine and sine of :math:`n\theta_i` for each position n: a complex number as PyTorch stores it.

    Computed in float64 and rounded once: an angle of 1000, rounded to float32, is off by 3e-5.

    Args:
        positions: of any shape.
        head_size: width d of a head, even.

    Raises:
        ValueError: if head_size is odd or not positive.
    """
    if head_size < 2 or head_size % 2:
        raise ValueError(f"head_size: got {head_size}; expected an even number, at least 2")
    exponents = torch.arange(0, head_size, 2, dtype=torch.float64, device=positions.device) / head_size
    angles = positions.double().unsqueeze(-1) * BASE**-exponents
    return torch.stack([angles.cos(), angles.sin()], dim=-1).float()


def rotate(x: Float[Tensor, "... d"], table: Float[Tensor, "... pairs 2"]) -> Float[Tensor, "... d"]:
    """Turn the pairs of x by the angles of a table.

    Args:
        x: queries or keys, (..., d).
        table: of `phase_table`, (..., d/2, 2), broadcast to the leading axes of x.

    Returns:
        The turned vectors, in x's dtype; the product is taken in the table's.
    """
    pairs = x.to(table.dtype).reshape(*x.shape[:-1], -1, 2)
    if torch.compiler.is_compiling():
        (a, b), (cos, sin) = pairs.unbind(-1), table.unbind(-1)
        turned = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1)
    else:
        turned = torch.view_as_real(torch.view_as_complex(pairs) * torch.view_as_complex(table))
    return turned.flatten(-2).to(x.dtype)
