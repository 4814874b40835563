"""What a distance of pixels means: digits against themselves shifted and blurred, strangers, and the mean of all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.ndimage
import torch
from jaxtyping import Float, Float64, Int64
from scipy.spatial.distance import cdist

from sjedu.checks import check_not_negative
from sjedu.data import load_images

CANVAS = 32  # side of the pictures


@dataclass(frozen=True, eq=False)
class Canvases:
    """Digits drawn on 32 x 32 pixels, with their classes."""

    pictures: Float64[np.ndarray, "pictures 32 32"]
    labels: Int64[np.ndarray, " pictures"]


@lru_cache(1)
def canvases() -> Canvases:
    """All digits, those of the test split first, enlarged bilinearly; there is a margin to shift them into."""
    splits = [load_images("digits", split) for split in ("test", "train")]
    pictures = torch.cat([split.images[:, 0] for split in splits]).double().numpy() / 255
    large = scipy.ndimage.zoom(np.pad(pictures, ((0, 0), (1, 1), (1, 1))), (1, 3.2, 3.2), order=1)
    return Canvases(large, torch.cat([split.labels for split in splits]).numpy())


def shifted(pictures: Float[np.ndarray, "*batch 32 32"], pixels: int) -> Float[np.ndarray, "*batch 32 32"]:
    """Move pictures to the right by 0 to 31 pixels; zeros come in from the left."""
    if pixels not in range(CANVAS):
        raise ValueError(f"pixels: got {pixels}; expected a whole number from 0 to {CANVAS - 1}")
    moved = np.zeros_like(pictures)
    moved[..., pixels:] = pictures[..., : CANVAS - pixels]
    return moved


def blurred(pictures: Float[np.ndarray, "*batch 32 32"], sigma: float) -> Float[np.ndarray, "*batch 32 32"]:
    """Blur pictures with a Gaussian."""
    check_not_negative("sigma", sigma)
    axes = pictures.ndim - 2, pictures.ndim - 1
    return np.asarray(scipy.ndimage.gaussian_filter(pictures, sigma, axes=axes))


@lru_cache(2)
def nearest_stranger(
    count: int = 300, among: int | None = None
) -> tuple[Int64[np.ndarray, " pictures"], Float64[np.ndarray, " pictures"]]:
    """For each of the first canvases, which picture of another class is nearest in pixels, and its distance.

    Args:
        count: canvases to find it for.
        among: the first so many are looked through; None: all.
    """
    drawn = canvases()
    labels, points = drawn.labels[:among], drawn.pictures[:among].reshape(len(drawn.labels[:among]), -1)
    apart = cdist(points[:count], points)
    apart[labels[:count, None] == labels] = np.inf
    return apart.argmin(axis=1), apart.min(axis=1)


def pixel_distances(count: int = 300) -> dict[str, Float64[np.ndarray, " pictures"]]:
    """The distance in pixels of the first canvases from their variants, from a stranger, and from the mean of all."""
    drawn = canvases().pictures
    pictures = drawn[:count]
    variants = {f"shift by {pixels}": shifted(pictures, pixels) for pixels in (1, 2, 3)}
    variants["blur, σ = 2"] = blurred(pictures, 2.0)
    variants["mean picture"] = np.broadcast_to(drawn.mean(axis=0), pictures.shape)
    distances = {
        name: np.linalg.norm((pictures - variant).reshape(count, -1), axis=1)
        for name, variant in variants.items()
    }
    return distances | {"nearest of another class": nearest_stranger(count)[1]}
