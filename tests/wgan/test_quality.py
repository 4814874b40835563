"""Measures of quality on samples for which the answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from sjedu.data import load_images
from sjedu.measures.frechet import frechet_distance
from sjedu.wgan.quality import (
    Classifier,
    distance_to,
    mid_grey,
    precision_recall,
    train_classifier,
)

SEEDS = st.integers(0, 2**32 - 1)


def sample(n, dim, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dim)) @ rng.normal(size=(dim, dim)) + rng.normal(size=dim)


# ---------------------------------------------------------------- precision and recall


@given(SEEDS, st.integers(1, 5))
def test_precision_and_recall_are_what_neighbours_say(seed, k):
    real, fake = sample(30, 3, seed), sample(20, 3, seed + 1)
    radius = {
        name: NearestNeighbors(n_neighbors=k + 1).fit(points).kneighbors(points)[0][:, k]
        for name, points in (("real", real), ("fake", fake))
    }
    precision = np.mean([(np.linalg.norm(real - f, axis=1) <= radius["real"]).any() for f in fake])
    recall = np.mean([(np.linalg.norm(fake - r, axis=1) <= radius["fake"]).any() for r in real])
    assert precision_recall(real, fake, k) == pytest.approx((precision, recall))


def test_precision_and_recall_tell_blur_from_memory_and_from_noise():
    real = sample(200, 4)
    assert precision_recall(real, real) == (1, 1)
    one = np.tile(real.mean(axis=0), (200, 1)) + 1e-3 * sample(200, 4, 1)
    precision, recall = precision_recall(real, one)
    assert precision > 0.9
    assert recall < 0.05
    assert precision_recall(real, real + 1000) == (0, 0)


# ---------------------------------------------------------------- pixels


def test_mid_grey():
    assert mid_grey(torch.tensor([[0.0, 0.1, 0.5, 0.9, 1.0]])) == pytest.approx(0.2)
    assert mid_grey(np.array([0.0, 0.4]), low=0.5, high=0.6) == 0
    assert mid_grey(np.array([-1e-16, 1 + 1e-16, 0.5, 0.5])) == 0.5  # centres of clusters are rounded so
    pictures = load_images("digits", "test").images / 255
    assert mid_grey(pictures) < mid_grey(pictures[torch.randperm(500)].lerp(pictures, 0.5))


def test_distance_to():
    reference = np.array([[0.0, 0.0], [10.0, 0.0]])
    assert distance_to(np.array([[3.0, 4.0], [9.0, 0.0]]), reference) == pytest.approx(3)
    assert distance_to(reference, reference) == 0
    many = sample(2500, 2)
    assert distance_to(many, many[:7]) == pytest.approx(
        np.mean(np.sqrt(((many[:, None] - many[:7]) ** 2).sum(-1)).min(1))
    )


# ---------------------------------------------------------------- the classifier


@pytest.fixture(scope="module")
def digits():
    return train_classifier("digits")


def test_the_classifier_learns_digits(digits):
    assert digits.accuracy > 0.88
    test = load_images("digits", "test")
    found = (digits.classify(test.images / 255) == test.labels).double().mean()
    assert found == pytest.approx(digits.accuracy)


def test_features_are_of_pictures_or_points_and_comparable(digits):
    pictures = load_images("digits", "test").images / 255
    features = digits.features(pictures)
    assert features.shape == (500, 64)
    assert torch.equal(features, digits.features(pictures.flatten(1)))
    assert torch.allclose(features, digits.features(pictures, chunk=7), atol=1e-5)
    assert torch.allclose(features, digits.features(pictures.double()))
    train = digits.features(load_images("digits", "train").images / 255)
    noise = digits.features(torch.rand(500, 64, generator=torch.Generator().manual_seed(0)))
    assert frechet_distance(train, features) < 1 < 10 < frechet_distance(train, noise)


def test_the_seed_decides_and_the_random_state_stays():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, third = (train_classifier("digits", seed=seed, epochs=1) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    x = torch.rand(3, 64)
    assert torch.equal(first.features(x), second.features(x))
    assert not torch.equal(first.features(x), third.features(x))


@pytest.mark.parametrize(("name", "channels", "features"), [("cifar10", 3, 256), ("mnist", 1, 64)])
def test_larger_pictures_get_a_convolutional_network(name, channels, features, monkeypatch):
    from sjedu.data import Images
    from sjedu.wgan import quality

    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (128,), generator=generator)
    noise = torch.randint(100, (128, channels, 16, 16), generator=generator)
    pictures = (noise + 100 * labels[:, None, None, None]).to(torch.uint8)
    made = Images(pictures, labels, ("dark", "bright"), "made up")
    monkeypatch.setattr(quality, "load_images", lambda name, split, folder=None: made)
    classifier = train_classifier(name, epochs=24)
    assert classifier.shape == (channels, 16, 16)
    assert classifier.features(pictures[:5] / 255).shape == (5, features)
    assert classifier.accuracy > 0.9


def test_faces_have_no_labels(monkeypatch):
    from sjedu.data import Images
    from sjedu.wgan import quality

    faces = Images(torch.zeros(2, 3, 64, 64, dtype=torch.uint8), torch.zeros(2).long(), ("face",), "made up")
    monkeypatch.setattr(quality, "load_images", lambda name, split, folder=None: faces)
    with pytest.raises(ValueError, match="name: got 'celeba', which has no labels"):
        train_classifier("celeba")


# ---------------------------------------------------------------- what is refused

X = sample(6, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: precision_recall(X, X[:3]), "fake: got 3 samples; expected at least 4"),
        (lambda: precision_recall(X, X, 0), "k: got 0"),
        (lambda: mid_grey(X, 0.8, 0.2), "low and high: got 0.8 and 0.2"),
        (lambda: mid_grey(np.array([0.5, np.nan])), "pictures: got values from nan to nan; expected 0 to 1"),
        (lambda: mid_grey(np.array([0, 255])), "pictures: got values from 0 to 255; expected 0 to 1"),
        (lambda: mid_grey(np.array([0.5, -0.1])), "pictures: got values from -0.1 to 0.5; expected 0 to 1"),
        (lambda: mid_grey(X[:0]), r"pictures: got the shape \(0, 3\)"),
        (lambda: distance_to(X, X[:, :1]), "samples and reference: got 3 and 1 coordinates"),
        (lambda: train_classifier("digits", epochs=0), "epochs: got 0"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_features_refuse_other_pictures(digits):
    assert isinstance(digits, Classifier)
    with pytest.raises(
        ValueError, match=r"pictures: got the shape \(2, 63\); expected \(pictures, 1, 8, 8\)"
    ):
        digits.features(torch.rand(2, 63))
