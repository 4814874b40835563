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
    assert studies.win_rate(4, 30) > 0.8 > 0.2 > studies.win_rate(64, 5)


def test_a_tournament_depends_on_its_seed_alone():
    assert studies.tournament(8, 3) == studies.tournament(8, 3)
    assert studies.tournament(8, 3) != studies.tournament(8, 3, seed=1)


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
    drawn = studies.canvases(20)
    assert drawn.pictures.shape == (20, 32, 32)
    assert 0 <= drawn.pictures.min() <= drawn.pictures.max() <= 1 + 1e-12
    assert np.allclose(studies.shifted(drawn.pictures, 2).sum(), drawn.pictures.sum(), rtol=0.03)


@given(st.integers(0, 31))
def test_a_shift_moves_columns(pixels):
    picture = np.arange(32.0 * 32).reshape(32, 32)
    moved = studies.shifted(picture, pixels)
    assert np.array_equal(moved[:, pixels:], picture[:, : 32 - pixels])
    assert not moved[:, :pixels].any()


def test_a_blur_keeps_the_ink_and_no_blur_keeps_the_picture():
    pictures = studies.canvases(4).pictures
    assert np.allclose(studies.blurred(pictures, 0.0), pictures)
    assert np.allclose(studies.blurred(pictures, 1.0).sum(), pictures.sum(), rtol=1e-6)
    assert np.allclose(studies.blurred(pictures, 1.0)[2], studies.blurred(pictures[2], 1.0))


def test_the_nearest_stranger_is_of_another_class():
    drawn = studies.canvases(60)
    index, apart = studies.nearest_stranger(60)
    assert (drawn.labels[index] != drawn.labels).all()
    assert np.allclose(
        apart, np.linalg.norm((drawn.pictures - drawn.pictures[index]).reshape(60, -1), axis=1)
    )


def test_a_shift_costs_more_than_a_blur():
    found = studies.pixel_distances(100)
    assert (found["shift by 2"] > found["blur, σ = 2"]).mean() > 0.9
    assert (found["shift by 3"] > found["nearest of another class"]).mean() > 0.9
    assert found["shift by 1"].mean() < found["shift by 2"].mean() < found["shift by 3"].mean()


def test_wrong_numbers_are_named():
    picture = np.zeros((32, 32))
    shifted, blurred = map(inspect.unwrap, (studies.shifted, studies.blurred))
    with pytest.raises(ValueError, match="pixels must be between 0 and 31, got 32"):
        shifted(picture, 32)
    with pytest.raises(ValueError, match="sigma must be at least 0, got -1"):
        blurred(picture, -1)
