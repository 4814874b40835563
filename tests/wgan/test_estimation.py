"""Critics at rest: what they estimate, what they are held against, and that a stopped run resumes exactly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from interrupted import assert_resumes

from sjedu.wgan import estimation, wasserstein_1
from sjedu.wgan.estimation import (
    SIDE,
    Estimator,
    StaticConfig,
    draw,
    estimate,
    grid_points,
    load_landscapes,
    parse_critic,
    ring,
)


def config(**numbers):
    small = {"pair": "ring", "samples": 200, "steps": 20, "hidden": (32, 32)}
    return dataclasses.replace(StaticConfig(), **{**small, **numbers})


def test_critics_learn_the_distance_in_the_plane():
    metrics = estimate(
        config(steps=150, learning_rate=5e-3, critics=("gp:10", "c_transform", "clip:0.01")), progress=False
    ).metrics
    exact = metrics["exact"]["mean"]
    # Over three seeds 0.38 to 0.89; 0.04 to 0.07 above f = 0; and 0.0003. Untrained, the first and the last say 0.0,
    # and the c-transform says what f = 0 says; without their constraints, the first and the last say 100 and more.
    assert 0.2 < metrics["gp:10"]["mean"] / exact < 1.3
    assert metrics["zero"]["mean"] + 0.02 < metrics["c_transform"]["mean"] <= exact
    assert 0 < metrics["clip:0.01"]["mean"] / exact < 0.05
    assert metrics["c_transform"]["lipschitz"] == pytest.approx(1, abs=1e-4)


def test_on_a_known_population_the_penalty_is_near_and_the_transform_is_not():
    numbers = config(
        pair="shift",
        dim=16,
        samples=1000,
        steps=150,
        evaluations=20,
        learning_rate=1e-2,
        critics=("gp:10", "c_transform"),
    )
    metrics = estimate(numbers, progress=False).metrics
    assert metrics["population"]["mean"] == 1
    # Over three seeds 0.91 to 1.01 and 3.81 to 3.84; untrained 0.0, and what f = 0 says; without the penalty 3000.
    assert metrics["gp:10"]["mean"] == pytest.approx(1, abs=0.3)
    assert metrics["c_transform"]["mean"] > metrics["zero"]["mean"] + 0.05 > 2.5
    # Of the mean of 20 batches, at four standard errors; one batch of 64 deviates by sqrt(2 / 64).
    assert metrics["oracle"]["mean"] == pytest.approx(1, abs=4 * np.sqrt(2 / 64 / 20))
    assert metrics["exact"]["mean"] > metrics["c_transform"]["mean"]
    assert metrics["gp:10"]["cosine"] > 0.8


def test_without_training_the_transform_says_what_zero_says():
    metrics = estimate(
        config(steps=1, critics=("c_transform",), pair="digits_halves", samples=100), progress=False
    ).metrics
    assert metrics["c_transform"]["mean"] == pytest.approx(metrics["zero"]["mean"], rel=0.02)


@pytest.mark.parametrize("pair", ["ring", "digits_halves", "digits_groups", "digits_noise", "shift"])
def test_samples_depend_on_the_seed_alone(pair):
    numbers = config(pair=pair, samples=64, evaluations=2)
    one, again, other = draw(numbers), draw(numbers), draw(dataclasses.replace(numbers, seed=1))
    assert torch.equal(one.x, again.x)
    assert torch.equal(one.y, again.y)
    assert not torch.equal(one.x, other.x)
    assert one.x.shape == one.y.shape
    assert len(one.evaluation) == (2 if pair == "shift" else 1)


def test_noise_keeps_each_pixel_and_loses_the_digit():
    sample = draw(config(pair="digits_noise", samples=800))
    assert torch.allclose(sample.x.mean(dim=0), sample.y.mean(dim=0), atol=0.06)
    assert wasserstein_1(sample.x, sample.y).value > 2


def test_the_ring_has_eight_modes():
    points = ring(4000, torch.Generator().manual_seed(0))
    assert points.norm(dim=1).mean() == pytest.approx(2, abs=0.01)
    modes = torch.atan2(points[:, 1], points[:, 0]).mul(4 / torch.pi).round().remainder(8).long().bincount()
    assert modes.min() > 400
    assert len(modes) == 8


@pytest.mark.parametrize("name", ["gp:10", "c_transform", "soft_c_transform:0.3"])
def test_directions_are_the_slope_of_the_potential(name):
    torch.manual_seed(0)
    sample = draw(config())
    each = Estimator(name, 2, config())
    z = sample.y[:5]
    step = 1e-3 * torch.nn.functional.normalize(torch.randn(5, 2), dim=1)
    rise = each.potential(sample.x, z + step) - each.potential(sample.x, z - step)
    assert torch.allclose(rise / 2, (each.directions(sample.x, z) * step).sum(dim=1), atol=2e-5)


def test_landscapes_come_back_as_they_were_drawn(tmp_path):
    numbers = config(steps=6, critics=("spectral", "c_transform"), landscapes=(2, 6))
    record = estimate(numbers, tmp_path, progress=False)
    heights = load_landscapes(record, tmp_path)
    assert heights.shape == (2, 2, SIDE, SIDE)
    low, high = (np.array(record.metrics["landscapes"][key]) for key in ("low", "high"))
    assert np.allclose(heights.min(axis=(2, 3)), low)
    assert np.allclose(heights.max(axis=(2, 3)), high)
    # On the whole sample, at the end: what the metrics say; on half-trained critics, something else.
    estimates = record.metrics["landscapes"]["estimates"]
    assert np.shape(estimates) == (2, 2)
    assert estimates[1] == [record.metrics[name]["mean"] for name in numbers.critics]
    assert estimates[0][0] != estimates[1][0]
    # The same critic, trained again, drawn again: to the resolution of 16 bits.
    again = estimate(numbers, tmp_path / "again", progress=False)
    assert np.array_equal(heights, load_landscapes(again, tmp_path / "again"))


def test_to_ask_the_critics_changes_nothing_in_their_training(monkeypatch):
    numbers = config(steps=6, critics=("spectral", "gp:10"), landscapes=(2, 6))
    asked = estimate(numbers, progress=False).curves
    monkeypatch.setattr(Estimator, "estimate", lambda *_: 0.0)
    assert estimate(numbers, progress=False).curves == asked


def test_clipped_critics_are_recorded_with_their_share_at_the_bound():
    metrics = estimate(config(steps=1, critics=("clip:0.01", "clip:10", "gp:10")), progress=False).metrics
    assert 0.5 < metrics["clip:0.01"]["at bound"] <= 1  # the initial weights are larger
    assert metrics["clip:10"]["at bound"] == 0
    assert "at bound" not in metrics["gp:10"]


def test_the_grid_starts_at_the_lower_left_and_goes_right():
    points = grid_points()
    assert points[0].tolist() == [-3, -3]
    assert points[SIDE - 1].tolist() == [3, -3]


def test_an_interrupted_estimation_ends_like_one_that_was_not(tmp_path):
    numbers = config(steps=8, critics=("gp:10", "spectral"), landscapes=(2, 8))
    folders = assert_resumes(estimate, numbers, tmp_path, estimation, "batch_indices", 9)
    files = [(folder / f"{numbers.name}.png").read_bytes() for folder in folders]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wasserstein", "critics: got 'wasserstein'; expected one of 'clip'"),
        ("gp", "got 'gp'; expected gp:strength"),
        ("spectral:2", "got 'spectral:2'; expected spectral"),
        ("lp:much", "critics: got 'lp:much'; expected a number after the colon"),
    ],
)
def test_wrong_names_of_critics_say_what_is_expected(name, reason):
    with pytest.raises(ValueError, match=reason):
        parse_critic(name)
    with pytest.raises(ValueError, match=reason):
        config(critics=(name,))


def test_wrong_configs_name_the_field():
    with pytest.raises(ValueError, match=r"landscapes: got .* expected 'ring'"):
        config(pair="shift", landscapes=(1,))
    with pytest.raises(ValueError, match="batch_size: got 64; expected at most 10, the number of samples"):
        config(samples=10)
    with pytest.raises(ValueError, match="samples: got 2000; expected at most"):
        draw(config(pair="digits_groups", samples=2000))


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ({"dim": 0}, "dim: got 0; expected at least 1"),
        ({"samples": 0}, "samples: got 0; expected at least 1"),
        ({"steps": 0}, "steps: got 0; expected at least 1"),
        ({"batch_size": 0}, "batch_size: got 0; expected at least 1"),
        ({"evaluations": 0}, "evaluations: got 0; expected at least 1"),
        ({"hidden": (32, 0)}, r"hidden\[1\]: got 0; expected at least 1"),
        ({"shift": -1.0}, "shift: got -1.0; expected at least 0"),
        ({"shift": float("inf")}, "shift: got inf; expected a finite number"),
        ({"learning_rate": 0.0}, "learning_rate: got 0.0; expected more than 0"),
    ],
)
def test_numbers_out_of_range_name_the_field(numbers, reason):
    with pytest.raises(ValueError, match=reason):
        config(**numbers)


def test_names_of_records_differ_where_the_runs_do():
    runs = [
        config(),
        config(seed=1),
        config(pair="shift"),
        config(pair="shift", shift=2.0),
        config(study="a"),
    ]
    assert len({run.name for run in runs}) == len(runs)
