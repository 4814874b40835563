"""The small studies: batches, free points, pixels."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjedu.wgan import studies, wasserstein_1


def test_a_batch_of_digits_takes_centres_for_nearer_than_digits():
    found = studies.tournament(64, 5)
    assert found["centroids"].mean < found["real"].mean < found["noisy"].mean
    assert found["real"].mean < found["mean"].mean  # the mean wins for small batches only:
    small = studies.tournament(4, 30)
    assert small["mean"].mean < small["real"].mean
    assert studies.win_rate(small) > 0.8 > 0.2 > studies.win_rate(found)


def test_a_tournament_depends_on_its_seed_alone():
    assert studies.tournament(8, 3) == studies.tournament(8, 3)
    assert studies.tournament(8, 3) != studies.tournament(8, 3, seed=1)


def test_with_nothing_learnt_most_of_the_distance_is_said_in_high_dimension():
    shares = [studies.nearest_share(200, dim) for dim in (1, 4, 64)]
    assert shares == sorted(shares)
    assert shares[0] < 0.4 < 0.9 < shares[-1] < 1


def test_more_points_have_a_plan_that_points_better():
    few, many = studies.plan_cosine(16, 16, 4.0), studies.plan_cosine(256, 16, 4.0)
    assert 0 < few < many < 1
    assert studies.plan_cosine(16, 16, 100.0) > 0.99  # far away, every way leads there


def test_in_high_dimension_the_mean_is_nearer_than_another_batch():
    real, mean = studies.gaussian_tournament(64, 50, 4)
    assert real > 1.1 * mean
    assert mean == pytest.approx(np.sqrt(50), rel=0.03)
    real, mean = studies.gaussian_tournament(64, 2, 4)
    assert real < 0.6 * mean


def test_particles_become_centres():
    cloud = studies.particles(k=16, steps=200, tests=10)
    means = {name: spread.mean for name, spread in cloud.distances.items()}
    assert means["particles"] < means["real digits"]
    assert means["particles"] < 1.1 * means["k-means centres"]
    centres, real = studies.centroids(16), studies.digits("train")[:16]
    assert wasserstein_1(cloud.points, centres).value < wasserstein_1(cloud.points, real).value


def test_canvases_leave_room_for_a_shift():
    drawn = studies.canvases()
    assert drawn.pictures.shape == (1797, 32, 32)
    assert 0 <= drawn.pictures.min() <= drawn.pictures.max() <= 1 + 1e-12
    assert np.allclose(studies.shifted(drawn.pictures, 2).sum(), drawn.pictures.sum(), rtol=0.03)


@given(st.integers(0, 31))
def test_a_shift_moves_columns(pixels):
    picture = np.arange(32.0 * 32).reshape(32, 32)
    moved = studies.shifted(picture, pixels)
    assert np.array_equal(moved[:, pixels:], picture[:, : 32 - pixels])
    assert not moved[:, :pixels].any()


def test_a_blur_keeps_the_ink_and_no_blur_keeps_the_picture():
    pictures = studies.canvases().pictures[:4]
    assert np.allclose(studies.blurred(pictures, 0.0), pictures)
    assert np.allclose(studies.blurred(pictures, 1.0).sum(), pictures.sum(), rtol=1e-6)
    assert np.allclose(studies.blurred(pictures, 1.0)[2], studies.blurred(pictures[2], 1.0))


def test_the_nearest_stranger_is_of_another_class():
    drawn = studies.canvases()
    index, apart = studies.nearest_stranger(60)
    assert (drawn.labels[index] != drawn.labels[:60]).all()
    between = drawn.pictures[:60] - drawn.pictures[index]
    assert np.allclose(apart, np.linalg.norm(between.reshape(60, -1), axis=1))


def test_among_fewer_pictures_the_nearest_stranger_is_farther_away():
    index, apart = studies.nearest_stranger(60, among=60)
    assert index.max() < 60
    assert (apart >= studies.nearest_stranger(60)[1]).all()
    assert apart.mean() > 1.05 * studies.nearest_stranger(60)[1].mean()


def test_a_shift_costs_more_than_a_blur():
    found = studies.pixel_distances(100)
    assert (found["shift by 2"] > found["blur, σ = 2"]).mean() > 0.9
    assert (found["shift by 3"] > found["nearest of another class"]).mean() > 0.9
    assert found["shift by 1"].mean() < found["shift by 2"].mean() < found["shift by 3"].mean()


@pytest.mark.parametrize("n", [0, 501])
def test_a_tournament_of_more_digits_than_there_are_is_refused(n):
    with pytest.raises(ValueError, match=f"n: got {n}; expected 1 … 500"):
        studies.tournament(n, 1)
    with pytest.raises(ValueError, match="repeats: got 0; expected at least 1"):
        studies.tournament(4, 0)


def test_wrong_numbers_are_named():
    picture = np.zeros((32, 32))
    shifted, blurred = map(inspect.unwrap, (studies.shifted, studies.blurred))
    with pytest.raises(ValueError, match="pixels: got 32; expected 0 … 31"):
        shifted(picture, 32)
    with pytest.raises(ValueError, match="sigma: got -1; expected a number that is not negative"):
        blurred(picture, -1)
