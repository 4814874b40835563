"""Judges of what a generator makes: numbers about a sample, none of which the training minimised."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sjedu.data import Images, load_images
from sjedu.data.images import ImageSet
from sjedu.measures.frechet import frechet_distance
from sjedu.wgan import quality
from sjedu.wgan.clustering import k_means
from sjedu.wgan.studies import MOST
from sjedu.wgan.transport import wasserstein_1

CENTRES = 64  # of k-means, as many as a batch has pictures


@dataclass(frozen=True)
class RingJudge:
    """Counts the modes of the ring of eight Gaussians that a sample finds.

    Attributes:
        radius: of the ring.
        near: a point that near to a centre, three standard deviations, belongs to it.
        share: of the sample that has to lie near a mode for it to count as found; a fair one has 1/8 there.
    """

    radius: float = 2.0
    near: float = 0.15
    share: float = 0.01

    def metrics(self, samples: Float[Tensor, "n 2"]) -> dict[str, float | int]:
        """Return "modes", how many of eight are found, and "near", the share of points that belong to any."""
        angle = torch.arange(8) * (torch.pi / 4)
        centres = self.radius * torch.stack([angle.cos(), angle.sin()], dim=-1)
        close = (samples[:, None] - centres).norm(dim=-1) < self.near
        shares = close.float().mean(dim=0)
        return {"modes": int((shares > self.share).sum()), "near": round(float(shares.sum()), 4)}


@dataclass(frozen=True)
class PictureJudge:
    """Compares pictures with the test pictures of a data set, in a classifier's features and in pixels.

    However many samples are judged, they are held against the first 5000 test pictures and 5000 training pictures.

    Attributes:
        dataset: its name. Where it has no classes ("celeba"), there is no classifier, and no Fréchet distance,
            precision or recall, which are measured in one's features.
        device: where the classifier is trained.
    """

    dataset: ImageSet
    device: str = "cpu"

    @cached_property
    def train(self) -> Images:
        """The training pictures."""
        return load_images(self.dataset, "train")

    @cached_property
    def real(self) -> Tensor:
        """The test pictures, 5000 at most, values in [0, 1]."""
        images: Tensor = load_images(self.dataset, "test").images[:MOST] / 255
        return images

    @cached_property
    def classifier(self) -> quality.Classifier | None:
        """Whose features the Fréchet distance, precision and recall are measured in."""
        if len(self.train.classes) < 2:
            return None
        return quality.train_classifier(self.dataset, device=self.device)

    @cached_property
    def known(self) -> Float[np.ndarray, "pictures pixels"]:
        """Training pictures, 5000 at most, as points."""
        chosen = np.random.default_rng(0).permutation(len(self.train))[:MOST]
        return self.train.images.flatten(1)[np.sort(chosen)].double().numpy() / 255

    @cached_property
    def centres(self) -> Float[np.ndarray, "centres pixels"]:
        """The k-means centres of the training pictures."""
        return np.asarray(k_means(self.known, CENTRES))

    def metrics(self, samples: Tensor) -> dict[str, float]:
        """Return what is said of the samples.

        "classifier": the share of the test pictures that it names rightly; "frechet": distance from the test pictures
        in its features; "precision" and "recall" there;
        "batch W1": mean exact distance in pixels of batches of 64 from test batches; "mid-grey": share of pixels
        that are neither dark nor bright; "to data", "to centres": mean distance to the nearest training picture
        and the nearest k-means centre.
        """
        flat = samples.flatten(1).double().numpy()
        found: dict[str, float] = {}
        if self.classifier is not None:
            made, real = (self.classifier.features(pictures) for pictures in (samples, self.real))
            precision, recall = quality.precision_recall(real, made)
            found = {
                "classifier": self.classifier.accuracy,
                "frechet": frechet_distance(real, made),
                "precision": precision,
                "recall": recall,
            }
        found |= {
            "batch W1": self._batch_distance(flat),
            "mid-grey": quality.mid_grey(samples),
            "to data": quality.distance_to(flat, self.known),
            "to centres": quality.distance_to(flat, self.centres),
        }
        return {name: round(float(value), 4) for name, value in found.items()}

    def _batch_distance(self, samples: Float[np.ndarray, "n pixels"], size: int = 64) -> float:
        """The mean distance of batches, drawn without repetition as far as the samples go."""
        rng, real = np.random.default_rng(0), self.real.flatten(1).double().numpy()
        distances = []
        for _ in range(20):
            batches = (
                points[rng.choice(len(points), size, replace=len(points) < size)]
                for points in (real, samples)
            )
            distances.append(wasserstein_1(*batches).value)
        return float(np.mean(distances))
