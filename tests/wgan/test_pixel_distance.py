"""What a distance of pixels means: shifts, blurs and strangers."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjedu.wgan import pixel_distance


def test_canvases_leave_room_for_a_shift():
    drawn = pixel_distance.canvases()
    assert drawn.pictures.shape == (1797, 32, 32)
    assert 0 <= drawn.pictures.min() <= drawn.pictures.max() <= 1 + 1e-12
    assert np.allclose(pixel_distance.shifted(drawn.pictures, 2).sum(), drawn.pictures.sum(), rtol=0.03)


@given(st.integers(0, 31))
def test_a_shift_moves_columns(pixels):
    picture = np.arange(32.0 * 32).reshape(32, 32)
    moved = pixel_distance.shifted(picture, pixels)
    assert np.array_equal(moved[:, pixels:], picture[:, : 32 - pixels])
    assert not moved[:, :pixels].any()


def test_a_blur_keeps_the_ink_and_no_blur_keeps_the_picture():
    pictures = pixel_distance.canvases().pictures[:4]
    assert np.allclose(pixel_distance.blurred(pictures, 0.0), pictures)
    assert np.allclose(pixel_distance.blurred(pictures, 1.0).sum(), pictures.sum(), rtol=1e-6)
    assert np.allclose(pixel_distance.blurred(pictures, 1.0)[2], pixel_distance.blurred(pictures[2], 1.0))


def test_the_nearest_stranger_is_of_another_class():
    drawn = pixel_distance.canvases()
    index, apart = pixel_distance.nearest_stranger(60)
    assert (drawn.labels[index] != drawn.labels[:60]).all()
    between = drawn.pictures[:60] - drawn.pictures[index]
    assert np.allclose(apart, np.linalg.norm(between.reshape(60, -1), axis=1))


def test_among_fewer_pictures_the_nearest_stranger_is_farther_away():
    index, apart = pixel_distance.nearest_stranger(60, among=60)
    assert index.max() < 60
    assert (apart >= pixel_distance.nearest_stranger(60)[1]).all()
    assert apart.mean() > 1.05 * pixel_distance.nearest_stranger(60)[1].mean()


def test_a_shift_costs_more_than_a_blur():
    found = pixel_distance.pixel_distances(100)
    assert (found["shift by 2"] > found["blur, σ = 2"]).mean() > 0.9
    assert (found["shift by 3"] > found["nearest of another class"]).mean() > 0.9
    assert found["shift by 1"].mean() < found["shift by 2"].mean() < found["shift by 3"].mean()


def test_wrong_numbers_are_named():
    picture = np.zeros((32, 32))
    shifted, blurred = map(inspect.unwrap, (pixel_distance.shifted, pixel_distance.blurred))
    with pytest.raises(ValueError, match="pixels: got 32; expected a whole number from 0 to 31"):
        shifted(picture, 32)
    with pytest.raises(ValueError, match="sigma: got -1; expected a number that is not negative"):
        blurred(picture, -1)
