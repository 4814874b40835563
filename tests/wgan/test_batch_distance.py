"""What batches do to a distance: candidates, and free points."""

from __future__ import annotations

import numpy as np
import pytest

from sjedu.wgan import batch_distance, wasserstein_1


def test_a_batch_of_digits_takes_centres_for_nearer_than_digits():
    found = batch_distance.tournament(64, 5)
    assert found["centroids"].mean < found["real"].mean < found["noisy"].mean
    assert found["real"].mean < found["mean"].mean  # the mean wins for small batches only:
    small = batch_distance.tournament(4, 30)
    assert small["mean"].mean < small["real"].mean
    assert batch_distance.win_rate(small) > 0.8 > 0.2 > batch_distance.win_rate(found)


def test_a_tournament_depends_on_its_seed_alone():
    assert batch_distance.tournament(8, 3) == batch_distance.tournament(8, 3)
    assert batch_distance.tournament(8, 3) != batch_distance.tournament(8, 3, seed=1)


def test_with_nothing_learnt_most_of_the_distance_is_said_in_high_dimension():
    shares = [batch_distance.nearest_share(200, dim) for dim in (1, 4, 64)]
    assert shares == sorted(shares)
    assert shares[0] < 0.4 < 0.9 < shares[-1] < 1


def test_more_points_have_a_plan_that_points_better():
    few, many = batch_distance.plan_cosine(16, 16, 4.0), batch_distance.plan_cosine(256, 16, 4.0)
    assert 0 < few < many < 1
    assert batch_distance.plan_cosine(16, 16, 100.0) > 0.99  # far away, every way leads there


def test_in_high_dimension_the_mean_is_nearer_than_another_batch():
    real, mean = batch_distance.gaussian_tournament(64, 50, 4)
    assert real > 1.1 * mean
    assert mean == pytest.approx(np.sqrt(50), rel=0.03)
    real, mean = batch_distance.gaussian_tournament(64, 2, 4)
    assert real < 0.6 * mean


def test_particles_become_centres():
    cloud = batch_distance.particles(k=16, steps=200, tests=10)
    means = {name: spread.mean for name, spread in cloud.distances.items()}
    assert means["particles"] < means["real digits"]
    assert means["particles"] < 1.1 * means["k-means centres"]
    centres, real = batch_distance.centroids(16), batch_distance.digits("train")[:16]
    assert wasserstein_1(cloud.points, centres).value < wasserstein_1(cloud.points, real).value


@pytest.mark.parametrize(("n", "expected"), [(0, "at least 1"), (501, "at most 500, the number of pictures")])
def test_a_tournament_of_more_digits_than_there_are_is_refused(n, expected):
    with pytest.raises(ValueError, match=f"n: got {n}; expected {expected}"):
        batch_distance.tournament(n, 1)
    with pytest.raises(ValueError, match="repeats: got 0; expected at least 1"):
        batch_distance.tournament(4, 0)
