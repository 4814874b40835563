"""What batches do to a distance, without any network: real batches, their mean and centres, free points.

Each is a function of its numbers and a seed, quick enough to be run while one reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float64
from scipy.spatial.distance import cdist

from sjedu.checks import check_count
from sjedu.data import load_images
from sjedu.data.images import ImageSet
from sjedu.records import Spread
from sjedu.wgan.clustering import k_means, k_medians
from sjedu.wgan.transport import transport_loss, wasserstein_1

#: Pictures of a split that are looked at, at most; centres and nearest neighbours of more are slow to find.
MOST = 5_000


@lru_cache(4)
def points(dataset: ImageSet, split: str) -> Float64[np.ndarray, "pictures pixels"]:
    """The first pictures of a split as points with coordinates in [0, 1]; no more than some thousand."""
    pictures = load_images(dataset, "train" if split == "train" else "test")
    return pictures.images[:MOST].flatten(1).double().numpy() / 255


def digits(split: str) -> Float64[np.ndarray, "pictures 64"]:
    """The digits of a split as points of [0, 1]^64."""
    return points("digits", split)


@lru_cache(16)
def centroids(k: int, seed: int = 0, dataset: ImageSet = "digits") -> Float64[np.ndarray, "k pixels"]:
    """The k-means centres of training pictures."""
    return np.asarray(k_means(points(dataset, "train"), k, seed=seed))


# ---------------------------------------------------------------- a batch of real data as the judge


def candidates(
    n: int, rng: np.random.Generator, dataset: ImageSet = "digits"
) -> dict[str, Float64[np.ndarray, "n pixels"]]:
    """Return four candidate batches: other pictures, their mean n times, centres, noisy pictures."""
    train = points(dataset, "train")
    _check_size(n, len(train))
    real = train[rng.choice(len(train), n, replace=False)]
    return {
        "real": real,
        "mean": np.tile(train.mean(axis=0), (n, 1)),
        "centroids": centroids(n, dataset=dataset),
        "noisy": np.clip(real + 0.2 * rng.normal(size=real.shape), 0, 1),
    }


def tournament(n: int, repeats: int, seed: int = 0, dataset: ImageSet = "digits") -> dict[str, Spread]:
    """Measure the exact distance of batches of n test pictures from the four candidates.

    Args:
        n: size of the batches.
        repeats: test batches; all candidates are held against the same ones.
        seed: of the draws.
        dataset: whose pictures.

    Raises:
        ValueError: if n is not from 1 to the number of pictures, or repeats is not positive.
    """
    rng = np.random.default_rng((seed, n))
    test = points(dataset, "test")
    _check_size(n, len(test))
    check_count("repeats", repeats)
    distances: dict[str, list[float]] = {}
    for _ in range(repeats):
        batch = test[rng.choice(len(test), n, replace=False)]
        for name, candidate in candidates(n, rng, dataset).items():
            distances.setdefault(name, []).append(wasserstein_1(batch, candidate).value)
    return {name: Spread(tuple(values), tuple(range(repeats))) for name, values in distances.items()}


def win_rate(distances: Mapping[str, Spread]) -> float:
    """The share of the batches of a `tournament` that are nearer to the repeated mean than to other pictures."""
    return float((np.array(distances["mean"].values) < np.array(distances["real"].values)).mean())


def _check_size(n: int, most: int) -> None:
    check_count("n", n)
    if n > most:
        raise ValueError(f"n: got {n}; expected at most {most}, the number of pictures")


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


def nearest_share(n: int, dim: int, seed: int = 0) -> float:
    """What f = 0 says of two samples of N(0, I): the mean distance to the nearest point of the other, over the exact.

    Args:
        n: points in either sample.
        dim: of the space.
        seed: of the draws.
    """
    x, y = np.random.default_rng((seed, n, dim)).normal(size=(2, n, dim))
    return float(cdist(x, y).min(axis=0).mean() / wasserstein_1(x, y).value)


def plan_cosine(n: int, dim: int, shift: float, seed: int = 0) -> float:
    """The mean cosine of the exact plan's directions with the true one, for samples of N(0, I) and N(shift e1, I).

    Args:
        n: points in either sample.
        dim: of the space.
        shift: distance of the two laws.
        seed: of the draws.
    """
    x, y = np.random.default_rng((seed, n, dim)).normal(size=(2, n, dim))
    x[:, 0] += shift
    moves = n * wasserstein_1(x, y).plan.T @ x - y
    return float((moves[:, 0] / np.linalg.norm(moves, axis=1)).mean())


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
    trained = points.detach().numpy()
    rivals = {
        "particles": trained,
        "k-means centres": centroids(k),
        "k-medians centres": k_medians(digits("train"), k),
    }
    distances: dict[str, list[float]] = {}
    for _ in range(tests):
        digits_met = test[rng.choice(len(test), k, replace=False)]
        real = digits("train")[rng.choice(len(train), k, replace=False)]
        for name, rival in {**rivals, "real digits": real}.items():
            distances.setdefault(name, []).append(wasserstein_1(digits_met, rival).value)
    return Particles(trained, {name: Spread(tuple(values)) for name, values in distances.items()})
