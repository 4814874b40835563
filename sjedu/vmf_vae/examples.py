"""What the autoencoders learn from: pictures as rows of pixels, and a circle hidden in 100 dimensions."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from sjedu.data import load_images

Dataset: TypeAlias = Literal["digits", "mnist", "fashion_mnist", "circle"]
Pixels: TypeAlias = Literal["grey", "threshold", "dynamic"]

#: Standard deviation of the noise around the points of the circle.
CIRCLE_NOISE = 0.1


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows to learn from and to test on.

    Attributes:
        train: pixels in [0, 1] of a picture a row; grey where "dynamic" draws from them anew at each step.
        train_labels: the class of each.
        test: the same of the test pictures; where "dynamic", drawn once for all runs.
        test_labels: the class of each.
        reference: the test pictures as `train` has them, for comparing prior samples with.
        source: in a sentence, whose they are.
    """

    train: Float[Tensor, "n pixels"]
    train_labels: Int64[Tensor, " n"]
    test: Float[Tensor, "m pixels"]
    test_labels: Int64[Tensor, " m"]
    reference: Float[Tensor, "m pixels"]
    source: str

    def to(self, device: torch.device | str) -> Examples:
        """The same rows on a device."""
        rows: dict[str, Any] = {
            name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return dataclasses.replace(self, **rows)


def load_examples(
    dataset: Dataset, pixels: Pixels, validation: bool = False, device: torch.device | str = "cpu"
) -> Examples:
    """Return a data set in the form that the models take.

    Args:
        dataset: its name.
        pixels: "grey" levels in [0, 1], 0 or 1 by "threshold" at one half, or drawn with the grey level as
            probability ("dynamic").
        validation: test on the last sixth of the training pictures, which is then not trained on.
        device: where the rows are to be.

    Raises:
        DataNotFound, DamagedData: if the pictures cannot be read.
    """
    if dataset == "circle":
        return circle_examples().to(device)
    training, held_out = load_images(dataset, "train"), load_images(dataset, "test")
    train, test = (images.images.flatten(1).float() / 255 for images in (training, held_out))
    labels, test_labels, source = training.labels, held_out.labels, training.source
    if validation:
        kept = len(train) - len(train) // 6
        train, test, labels, test_labels = train[:kept], train[kept:], labels[:kept], labels[kept:]
        source = f"{source}; tested on the last {len(test)} of these"
    if pixels == "threshold":
        train, test = (train > 0.5).float(), (test > 0.5).float()
    reference = test
    if pixels == "dynamic":
        test = torch.bernoulli(test, generator=torch.Generator().manual_seed(0))
    return Examples(train, labels, test, test_labels, reference, source).to(device)


def baselines(examples: Examples) -> dict[str, float]:
    """Return the reconstruction loss, in nats a test picture, between which every decoder of grey pixels lies.

    Returns:
        "mean picture": of a decoder that always gives the mean of the training pictures; "entropy of the grey
        levels": of one that gives each test picture itself, the least that is possible.
    """
    mean = examples.train.mean(dim=0).expand_as(examples.test)

    def loss(picture: Tensor) -> float:
        return float(F.binary_cross_entropy(picture, examples.test, reduction="none").sum(dim=-1).mean())

    return {"mean picture": loss(mean), "entropy of the grey levels": loss(examples.test)}


def circle_map(angles: Float[np.ndarray, " n"]) -> Float[Tensor, "n 100"]:
    """Bend a circle into 100 dimensions: tanh of random linear functions of (cos, sin)."""
    rng = np.random.default_rng(0)
    weights, offsets = rng.normal(size=(2, 100)), rng.normal(scale=0.5, size=100)
    plane = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return torch.from_numpy(np.tanh(plane @ weights + offsets)).float()


def circle_examples(n: int = 1000) -> Examples:
    """Three clusters on a circle, bent into 100 dimensions with noise; the test goes evenly around, without noise.

    The label of an example is its cluster.
    """
    rng = np.random.default_rng(1)
    labels = rng.integers(3, size=n)
    angles = rng.vonmises(2 * math.pi * labels / 3, 3.0)
    train = circle_map(angles) + CIRCLE_NOISE * torch.from_numpy(rng.normal(size=(n, 100))).float()
    around = 2 * math.pi * np.arange(256) / 256
    test, nearest = circle_map(around), np.rint(3 * around / (2 * math.pi)).astype(np.int64) % 3
    source = f"three von Mises clusters on a circle, bent into 100 dimensions: {n} points"
    return Examples(train, torch.from_numpy(labels), test, torch.from_numpy(nearest), test, source)
