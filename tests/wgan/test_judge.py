"""The judges: they rank what one can rank by eye."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sjedu.wgan import batch_distance
from sjedu.wgan.estimation import ring
from sjedu.wgan.quality import PictureJudge, RingJudge


def test_the_ring_s_judge_counts_modes():
    judge = RingJudge()
    points = ring(4000, torch.Generator().manual_seed(0))
    fair = judge.metrics(points)
    assert fair["modes"] == 8
    assert fair["near"] == pytest.approx(
        1 - np.exp(-4.5), abs=0.01
    )  # three standard deviations, in the plane
    assert judge.metrics(points[points[:, 0] > 1.9])["modes"] == 1
    assert judge.metrics(torch.zeros(10, 2)) == {"modes": 0, "near": 0.0}


@pytest.fixture(scope="module")
def judge():
    return PictureJudge("digits")


def judged(judge, points):
    return judge.metrics(torch.from_numpy(points).float())


def test_the_picture_judge_tells_digits_from_centres_and_from_noise(judge):
    rng = np.random.default_rng(0)
    train = batch_distance.digits("train")
    real = judged(judge, train[rng.choice(len(train), 500, replace=False)])
    centres = judged(judge, batch_distance.centroids(64)[rng.integers(64, size=500)])
    noise = judged(judge, rng.random((500, 64)))
    assert real["frechet"] < centres["frechet"] < noise["frechet"]
    assert real["recall"] > 0.7 > 0.2 > centres["recall"]
    assert real["mid-grey"] < centres["mid-grey"] < noise["mid-grey"]
    assert real["to data"] == 0
    assert centres["to centres"] == 0
    assert centres["batch W1"] < real["batch W1"] < noise["batch W1"]  # the point of the lesson


def test_a_judgement_can_be_repeated(judge):
    points = batch_distance.digits("test")[:100]
    assert judged(judge, points) == judged(judge, points)


def test_a_small_sample_is_drawn_from_with_repetition(judge):
    assert judged(judge, batch_distance.digits("train")[:20])["batch W1"] > 0
