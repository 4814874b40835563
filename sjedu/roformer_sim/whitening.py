"""Whitening: turn and stretch vectors until no direction is special."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Whitening:
    r"""The affine map x ↦ (x − μ) W that makes the covariance of some vectors the identity.

    With the covariance :math:`\Sigma = U \Lambda U^\top`, :math:`W = U \Lambda^{-1/2}`. Its columns are ordered by
    falling eigenvalues; the first k of them keep the k directions of largest variance (whitening-k).

    Attributes:
        mean: μ.
        matrix: W.

    Source: archives/8069 of kexue.fm; the columns "whitening" and "whitening-256" of the article's table.
    """

    mean: Float[Tensor, " dim"]
    matrix: Float[Tensor, "dim k"]

    @classmethod
    def fit(cls, x: Float[Tensor, "n dim"], k: int | None = None, *, tolerance: float = 1e-6) -> Whitening:
        """Return the whitening of some vectors, computed in float64.

        Directions in which they do not vary, to `tolerance` of the largest variance, cannot be stretched to variance 1
        and are left out.

        Args:
            x: at least two vectors.
            k: how many directions to keep; all in which the vectors vary unless given.
            tolerance: of variances, relative to the largest.

        Raises:
            ValueError: if there are fewer than two vectors or all are equal, if a number is not finite, or if k is
                not between 1 and the number of directions in which the vectors vary.
        """
        if len(x) < 2:
            raise ValueError(f"x: got {len(x)} vectors; expected at least two")
        if not bool(torch.isfinite(x).all()):
            raise ValueError("x: got a NaN or an infinity; expected finite numbers")
        vectors = x.double()
        mean = vectors.mean(dim=0)
        centred = vectors - mean
        variances, U = torch.linalg.eigh(centred.mT @ centred / len(x))
        variances, U = variances.flip(0), U.flip(1)
        rank = int((variances > tolerance * variances[0]).sum()) if variances[0] > 0 else 0
        if rank == 0:
            raise ValueError("x: got equal vectors; expected some that differ")
        if k is not None and not 1 <= k <= rank:
            raise ValueError(f"k: got {k}; expected 1 to {rank}, the directions in which x varies")
        kept = slice(k or rank)
        return cls(mean, U[:, kept] / variances[kept].sqrt())

    def __call__(self, x: Float[Tensor, "n dim"]) -> Float[Tensor, "n k"]:
        """Return the whitened vectors, in the dtype of x."""
        return ((x.double() - self.mean) @ self.matrix).to(x.dtype)


def whiten(x: Float[Tensor, "n dim"], k: int | None = None) -> Float[Tensor, "n k"]:
    """Return vectors whitened by themselves; arguments and errors as in `Whitening.fit`."""
    return Whitening.fit(x, k)(x)
