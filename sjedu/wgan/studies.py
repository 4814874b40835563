"""Small studies without a network: what batches do to a distance, and what a distance of pixels means.

Each is a function of its numbers and a seed, quick enough to be run while one reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.ndimage
import torch
from jaxtyping import Float, Float64, Int64
from scipy.spatial.distance import cdist

from sjedu.data import load_images
from sjedu.training import Spread
from sjedu.wgan.clustering import k_means
from sjedu.wgan.transport import transport_loss, wasserstein_1

CANVAS = 32  # side of the pictures of the study of pixels


@lru_cache(2)
def digits(split: str) -> Float64[np.ndarray, "pictures 64"]:
    """The digits of a split as points of [0, 1]^64."""
    pictures = load_images("digits", "train" if split == "train" else "test")
    return pictures.images.flatten(1).double().numpy() / 255


@lru_cache(8)
def centroids(k: int, seed: int = 0) -> Float64[np.ndarray, "k 64"]:
    """The k-means centres of the training digits."""
    return np.asarray(k_means(digits("train"), k, seed=seed))


# ---------------------------------------------------------------- a batch of real data as the judge


def candidates(n: int, rng: np.random.Generator) -> dict[str, Float64[np.ndarray, "n 64"]]:
    """Four batches that ask to be taken for digits: other digits, their mean n times, centres, noisy digits."""
    train = digits("train")
    real = train[rng.choice(len(train), n, replace=False)]
    return {
        "real": real,
        "mean": np.tile(train.mean(axis=0), (n, 1)),
        "centroids": centroids(n),
        "noisy": np.clip(real + 0.2 * rng.normal(size=real.shape), 0, 1),
    }


def tournament(n: int, repeats: int, seed: int = 0) -> dict[str, Spread]:
    """Measure the exact distance of batches of n test digits from the four candidates.

    Args:
        n: size of the batches.
        repeats: test batches; all candidates are held against the same ones.
        seed: of the draws.
    """
    rng = np.random.default_rng((seed, n))
    test = digits("test")
    found: dict[str, list[float]] = {}
    for _ in range(repeats):
        batch = test[rng.choice(len(test), n, replace=False)]
        for name, candidate in candidates(n, rng).items():
            found.setdefault(name, []).append(wasserstein_1(batch, candidate).value)
    return {name: Spread(tuple(values)) for name, values in found.items()}


def win_rate(n: int, repeats: int, seed: int = 0) -> float:
    """The share of test batches that are nearer to the repeated mean than to as many other digits."""
    found = tournament(n, repeats, seed)
    wins = np.array(found["mean"].values) < np.array(found["real"].values)
    return float(wins.mean())


def gaussian_tournament(n: int, dim: int, repeats: int, seed: int = 0) -> tuple[float, float]:
    """Mean distance of a batch of N(0, I) from another such batch, and from its mean repeated.

    Args:
        n: size of the batches.
        dim: of the space.
        repeats: pairs of batches.
        seed: of the draws.
    """
    rng = np.random.default_rng((seed, n, dim))
    batches = rng.normal(size=(repeats, 2, n, dim))
    real = np.mean([wasserstein_1(x, y).value for x, y in batches])
    return float(real), float(np.linalg.norm(batches[:, 0], axis=-1).mean())


# ---------------------------------------------------------------- points that minimise the batch distance


@dataclass(frozen=True)
class Particles:
    """Free points after training, and the mean distance of test batches from them and from their rivals."""

    points: Float64[np.ndarray, "k 64"]
    distances: dict[str, Spread]


def particles(k: int = 64, steps: int = 1500, seed: int = 0, tests: int = 40) -> Particles:
    """Move k free points down the exact distance from batches of k training digits: no generator, no critic.

    Args:
        k: points, and size of the batches.
        steps: of Adam, at 0.02 and, for the last third, at 0.004.
        seed: of the draws.
        tests: test batches of k digits that the points are judged by.
    """
    rng = np.random.default_rng(seed)
    train, test = torch.from_numpy(digits("train")), digits("test")
    points = torch.from_numpy(0.5 + 0.1 * rng.normal(size=(k, train.shape[1]))).requires_grad_()
    optimizer = torch.optim.Adam([points], lr=0.02)
    for step in range(steps):
        if step == 2 * steps // 3:
            optimizer.param_groups[0]["lr"] = 0.004
        batch = train[torch.from_numpy(rng.choice(len(train), k, replace=False))]
        optimizer.zero_grad()
        transport_loss(batch, points).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    found = points.detach().numpy()
    rivals = {"particles": found, "k-means centres": centroids(k)}
    distances: dict[str, list[float]] = {}
    for _ in range(tests):
        digits_met = test[rng.choice(len(test), k, replace=False)]
        real = digits("train")[rng.choice(len(train), k, replace=False)]
        for name, rival in {**rivals, "real digits": real}.items():
            distances.setdefault(name, []).append(wasserstein_1(digits_met, rival).value)
    return Particles(found, {name: Spread(tuple(values)) for name, values in distances.items()})


# ---------------------------------------------------------------- pixels


@dataclass(frozen=True, eq=False)
class Canvases:
    """Digits drawn on 32 x 32 pixels, with their classes."""

    pictures: Float64[np.ndarray, "pictures 32 32"]
    labels: Int64[np.ndarray, " pictures"]


@lru_cache(2)
def canvases(count: int = 300) -> Canvases:
    """The first test digits, enlarged with smooth interpolation; there is a margin to shift them into."""
    pictures = load_images("digits", "test")
    small = np.pad(pictures.images[:count, 0].double().numpy() / 255, ((0, 0), (1, 1), (1, 1)))
    large = scipy.ndimage.zoom(small, (1, 3.2, 3.2), order=1)
    return Canvases(large, pictures.labels[:count].numpy())


def shifted(pictures: Float[np.ndarray, "*batch 32 32"], pixels: int) -> Float[np.ndarray, "*batch 32 32"]:
    """Move pictures to the right; zeros come in from the left.

    Raises:
        ValueError: if pixels is not in 0 ... 31.
    """
    if not 0 <= pixels < CANVAS:
        raise ValueError(f"pixels must be between 0 and {CANVAS - 1}, got {pixels}")
    moved = np.zeros_like(pictures)
    moved[..., pixels:] = pictures[..., : CANVAS - pixels]
    return moved


def blurred(pictures: Float[np.ndarray, "*batch 32 32"], sigma: float) -> Float[np.ndarray, "*batch 32 32"]:
    """Blur pictures with a Gaussian.

    Raises:
        ValueError: if sigma is negative.
    """
    if not sigma >= 0:
        raise ValueError(f"sigma must be at least 0, got {sigma}")
    axes = pictures.ndim - 2, pictures.ndim - 1
    return np.asarray(scipy.ndimage.gaussian_filter(pictures, sigma, axes=axes))


@lru_cache(2)
def nearest_stranger(
    count: int = 300,
) -> tuple[Int64[np.ndarray, " pictures"], Float64[np.ndarray, " pictures"]]:
    """For each canvas, which picture of another class is nearest in pixels, and its distance."""
    drawn = canvases(count)
    points = drawn.pictures.reshape(count, -1)
    apart = cdist(points, points)
    apart[drawn.labels[:, None] == drawn.labels[None]] = np.inf
    return apart.argmin(axis=1), apart.min(axis=1)


def pixel_distances(count: int = 300) -> dict[str, Float64[np.ndarray, " pictures"]]:
    """The distance in pixels of each canvas from its variants, from a stranger, and from the mean of all."""
    pictures = canvases(count).pictures
    variants = {f"shift by {pixels}": shifted(pictures, pixels) for pixels in (1, 2, 3)}
    variants["blur, σ = 2"] = blurred(pictures, 2.0)
    variants["mean picture"] = np.broadcast_to(pictures.mean(axis=0), pictures.shape)
    found = {
        name: np.linalg.norm((pictures - variant).reshape(count, -1), axis=1)
        for name, variant in variants.items()
    }
    return found | {"nearest of another class": nearest_stranger(count)[1]}
