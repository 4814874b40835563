"""Geometric medians and k-medians against brute force and scikit-learn."""

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from sjedu.wgan import wasserstein_1
from sjedu.wgan.clustering import clustering_cost, geometric_median, k_means, k_medians

SEEDS = st.integers(0, 2**32 - 1)


def cost(x, centre, w=None):
    return np.average(np.linalg.norm(x - centre, axis=1), weights=w)


@given(SEEDS, st.integers(1, 30), st.integers(1, 4))
def test_the_geometric_median_is_a_minimum(seed, n, dim):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dim))
    median = geometric_median(x)
    best = cost(x, median)
    for step in rng.normal(size=(20, dim)) * np.geomspace(1e-4, 1, 20)[:, None]:
        assert cost(x, median + step) >= best - 1e-12
    assert best <= min(cost(x, point) for point in x) + 1e-12


def test_the_geometric_median_is_what_an_optimiser_finds():
    x = np.random.default_rng(0).normal(size=(40, 3)) ** 3
    found = scipy.optimize.minimize(lambda c: cost(x, c), x.mean(axis=0), tol=1e-12).x
    np.testing.assert_allclose(geometric_median(x), found, atol=1e-5)


def test_on_a_line_it_is_a_median():
    x = np.array([[0.0], [1.0], [2.0], [7.0], [50.0]])
    assert geometric_median(x) == pytest.approx([2.0])
    assert geometric_median(x, np.array([0.6, 0.1, 0.1, 0.1, 0.1])) == pytest.approx([0.0])


def test_a_point_with_half_of_the_weight_is_the_median():
    x = np.random.default_rng(0).normal(size=(6, 2))
    w = np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    np.testing.assert_array_equal(geometric_median(x, w), x[0])
    np.testing.assert_array_equal(geometric_median(np.tile(x[:1], (5, 1))), x[0])


def test_it_leaves_a_point_of_the_data_that_is_not_the_median():
    # The mean, where the iteration starts, is a point of x here, and the plain iteration would divide by 0.
    x = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [-1.5, 1.0], [-1.5, -1.0]])
    np.testing.assert_allclose(x.mean(axis=0), x[0], atol=1e-15)
    median = geometric_median(x)
    assert cost(x, median) <= cost(x, x[0])
    assert cost(x, median) == pytest.approx(
        scipy.optimize.minimize(lambda c: cost(x, c), [0.1, 0.1]).fun, abs=1e-9
    )


def test_the_symmetric_triangle():
    angle = np.array([0, 2, 4]) * np.pi / 3
    np.testing.assert_allclose(geometric_median(np.c_[np.cos(angle), np.sin(angle)]), 0, atol=1e-12)
    wide = np.array([[0.0, 0.0], [1.0, 0.1], [-1.0, 0.1]])  # an angle beyond 120°: its corner is the median
    np.testing.assert_array_equal(geometric_median(wide), wide[0])


@given(SEEDS, st.floats(0.01, 100))
def test_scale_and_shift(seed, scale):
    x = np.random.default_rng(seed).normal(size=(9, 3))
    moved = scale * x + np.array([1.0, -2.0, 3.0])
    np.testing.assert_allclose(
        geometric_median(moved), scale * geometric_median(x) + [1, -2, 3], atol=1e-6 * scale
    )


def test_far_from_the_origin_it_is_found_as_soon(monkeypatch):
    # There steps are rounded to 1e-10, and the last of them must be shorter.
    x = np.random.default_rng(0).normal(size=(200, 8))
    counts, medians, norm = [], [], np.linalg.norm
    for offset in (0.0, 1e6):
        lengths = []  # a few of them a step
        monkeypatch.setattr(
            np.linalg, "norm", lambda *a, lengths=lengths, **k: lengths.append(1) or norm(*a, **k)
        )
        medians.append(geometric_median(x + offset) - offset)
        counts.append(len(lengths))
    np.testing.assert_allclose(medians[1], medians[0], atol=1e-9)
    assert counts[1] < 1.2 * counts[0] + 10
    assert counts[0] < 2000


def test_k_medians_is_no_worse_than_k_means_in_distance_and_no_better_in_squares():
    rng = np.random.default_rng(0)
    x = np.r_[rng.standard_t(2, size=(150, 2)), rng.standard_t(2, size=(150, 2)) + 6]
    for k in (1, 2, 5):
        means, medians = k_means(x, k), k_medians(x, k)
        assert clustering_cost(x, medians) <= clustering_cost(x, means) + 1e-12
        squares = [np.square(cdist(x, centres).min(axis=1)).mean() for centres in (means, medians)]
        assert squares[0] <= squares[1] + 1e-12
    np.testing.assert_allclose(k_medians(x, 1)[0], geometric_median(x), atol=1e-6)
    np.testing.assert_allclose(k_means(x, 1)[0], x.mean(axis=0))


def test_each_centre_is_the_median_of_its_points():
    x = np.random.default_rng(1).normal(size=(200, 3))
    centres = k_medians(x, 6)
    labels = cdist(x, centres).argmin(axis=1)
    for i in range(6):
        assert cost(x[labels == i], centres[i]) == pytest.approx(
            cost(x[labels == i], geometric_median(x[labels == i])), abs=1e-4
        )


def test_the_cost_of_a_clustering_is_the_transport_to_its_centres_with_their_shares():
    x = np.random.default_rng(2).normal(size=(60, 2))
    centres = k_medians(x, 4)
    shares = np.bincount(cdist(x, centres).argmin(axis=1), minlength=4) / len(x)
    assert wasserstein_1(x, centres, b=shares).value == pytest.approx(clustering_cost(x, centres))
    other = np.full(4, 1 / 4)
    assert wasserstein_1(x, centres, b=other).value >= clustering_cost(x, centres)


def test_as_many_centres_as_points_cost_nothing():
    x = np.random.default_rng(0).normal(size=(7, 2))
    for cluster in (k_means, k_medians):
        assert clustering_cost(x, cluster(x, 7)) == pytest.approx(0, abs=1e-7)


def test_tensors_are_welcome_and_the_seed_decides():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(k_medians(x, 3, seed=1), k_medians(x.numpy(), 3, seed=1))
    assert geometric_median(x).dtype == np.float64


X = np.random.default_rng(0).normal(size=(5, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: geometric_median(X[0]), r"x: got the shape \(2,\)"),
        (lambda: geometric_median(X[:0]), r"x: got the shape \(0, 2\)"),
        (lambda: geometric_median(X * np.nan), "x: got NaN or infinity 10 times"),
        (lambda: geometric_median(X, np.ones(5)), "weights: got weights that sum to 5"),
        (lambda: k_means(X, 0), "k: got 0; expected at least 1"),
        (lambda: k_medians(X, 6), "k: got 6; expected at most 5"),
        (lambda: clustering_cost(X, X[:, :1]), "x and centres: got points of 2 and 1"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
