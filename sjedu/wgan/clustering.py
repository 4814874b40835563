"""What few points stand best for many: geometric medians, and the clusterings that minimise a transport cost.

If Q may have k atoms with weights of its choice, each x goes to its nearest atom, so ``min_Q W₁(P, Q)`` is geometric
k-medians and ``min_Q W₂²(P, Q)`` is k-means. With k = 1 they are the geometric median and the mean.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy.spatial.distance import cdist

from sjedu.checks import check_count
from sjedu.wgan.transport import Array, as_points, as_weights

#: More iterations than either algorithm here was ever seen to need.
_MOST_STEPS = 10_000


def geometric_median(x: Array, weights: Array | None = None) -> Float64[np.ndarray, " dim"]:
    """Return the point with the least mean distance to the points x.

    Weiszfeld's iteration: the mean under the weights 1/distance, again and again, in the form of Vardi and Zhang
    (PNAS 97, 2000), which also leaves, or stays at, a point of x correctly. On a line it is a median.

    Args:
        x: (n, dim).
        weights: of the points, (n,); equal by default.
    """
    points = as_points("x", x)
    given = as_weights("weights", weights, len(points))
    w = np.full(len(points), 1 / len(points)) if given is None else given
    # Seen from their mean: far from the origin the steps would be rounded to more than the last of them is long.
    mean = w @ points
    seen = points - mean
    centre, scale = np.zeros_like(mean), np.abs(seen).max()
    for _ in range(_MOST_STEPS):
        nearest = np.linalg.norm(seen - centre, axis=1).argmin()
        if _is_median(seen[nearest], seen, w):
            return np.array(points[nearest])
        moved = _weiszfeld_step(seen, w, centre)
        if np.abs(moved - centre).max() <= 1e-12 * scale:
            break
        centre = moved
    return np.asarray(mean + centre)


def k_means(x: Array, k: int, seed: int = 0) -> Float64[np.ndarray, "k dim"]:
    """Return k centres with a small mean *squared* distance to the points: scikit-learn's, the best of ten starts.

    Args:
        x: (n, dim).
        k: number of centres, 1 … n.
        seed: of the starts.

    Raises:
        ValueError: if k is not in 1 … n.
    """
    from sklearn.cluster import KMeans

    points = as_points("x", x)
    _check_clusters(k, len(points))
    fitted = KMeans(n_clusters=k, n_init=10, random_state=seed).fit(points)
    return np.asarray(fitted.cluster_centers_, dtype=np.float64)


def k_medians(x: Array, k: int, seed: int = 0) -> Float64[np.ndarray, "k dim"]:
    """Return k centres with a small mean distance to the points: what ``W₁`` asks of k atoms.

    Starts at `k_means`. Then, in turn, each point goes to its nearest centre and each centre takes one Weiszfeld step;
    neither raises the cost. At the end each centre becomes the `geometric_median` of its points. Arguments and errors
    as `k_means`.
    """
    points = as_points("x", x)
    centres = k_means(points, k, seed)
    cost = np.inf
    for _ in range(_MOST_STEPS):
        distances = cdist(points, centres)
        labels, nearest = distances.argmin(axis=1), distances.min(axis=1)
        if not 0 < nearest.mean() < cost * (1 - 1e-9):
            break
        cost = nearest.mean()
        # Points on their centre would get an infinite weight; a floor far below any distance keeps it finite.
        weights = 1 / np.maximum(nearest, 1e-9 * cost)
        mass = np.bincount(labels, weights, minlength=k)
        sums = np.stack([np.bincount(labels, weights * column, minlength=k) for column in points.T], axis=1)
        used = mass > 0
        centres[used] = sums[used] / mass[used, None]
    for i in np.unique(labels):
        centres[i] = geometric_median(points[labels == i])
    return centres


def clustering_cost(x: Array, centres: Array) -> float:
    """Return the mean distance of the points to their nearest centres: ``W₁`` to the centres with free weights.

    Raises:
        ValueError: if the dimensions differ.
    """
    points, nearest = as_points("x", x), as_points("centres", centres)
    if points.shape[1] != nearest.shape[1]:
        raise ValueError(
            f"x and centres: got points of {points.shape[1]} and {nearest.shape[1]} coordinates; expected the same"
        )
    return float(cdist(points, nearest).min(axis=1).mean())


def _pull(centre: np.ndarray, points: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return ``Σ w u``, u the unit vectors to all other points, ``Σ w / distance``, and the weight at the centre."""
    apart = np.linalg.norm(points - centre, axis=1)
    away = apart > 0
    inverse = w[away] / apart[away]
    return inverse @ (points[away] - centre), float(inverse.sum()), float(w[~away].sum())


def _is_median(centre: np.ndarray, points: np.ndarray, w: np.ndarray) -> bool:
    """Tell whether a point of x is the median: the others pull at it with no more than its own weight."""
    pull, _, own = _pull(centre, points, w)
    return bool(np.linalg.norm(pull) <= own)


def _weiszfeld_step(points: np.ndarray, w: np.ndarray, centre: np.ndarray) -> np.ndarray:
    pull, stiffness, own = _pull(centre, points, w)
    if own == 0:
        return np.asarray(centre + pull / stiffness)
    return np.asarray(centre + max(0.0, 1 - own / np.linalg.norm(pull)) * pull / stiffness)


def _check_clusters(k: int, points: int) -> None:
    check_count("k", k)
    if k > points:
        raise ValueError(f"k: got {k}; expected at most {points}, the number of points")
