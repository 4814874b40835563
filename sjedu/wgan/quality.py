"""How good generated samples are: in a classifier's features, and in pixels; two judges put the numbers together.

In features: the Fréchet distance (`sjedu.measures`), precision and recall (Kynkäänniemi et al., arXiv 1904.06991). The
classifier is trained here, on a named data set, and is not the Inception network: numbers of different classifiers do
not compare, and each result says whose features it was measured in. In pixels: the share that is neither dark nor
bright, and the distance to the data or to the centres of a clustering.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from sjedu.checks import check_count
from sjedu.data import Images, load_images
from sjedu.data.images import ImageSet
from sjedu.measures.frechet import frechet_distance
from sjedu.wgan.batch_distance import MOST
from sjedu.wgan.clustering import k_means
from sjedu.wgan.transport import Array, as_points, wasserstein_1

#: How far beyond 0 and 1 a mean of pixels may lie.
_ROUNDING = 1e-6
CENTRES = 64  # of k-means, as many as a batch has pictures

# ---------------------------------------------------------------- the classifier whose features are compared


@dataclass(frozen=True, eq=False)
class Classifier:
    """A classifier of a named data set, and its accuracy on that set's test pictures.

    Attributes:
        name: of the data set.
        shape: of a picture: channels, rows, columns.
        body: from pictures to features.
        head: from features to the logits of the classes.
        accuracy: 0 … 1.
    """

    name: str
    shape: tuple[int, ...]
    body: nn.Module
    head: nn.Module
    accuracy: float = float("nan")

    @torch.no_grad()
    def features(self, pictures: Tensor, *, chunk: int = 1000) -> Float[Tensor, "pictures features"]:
        """Return the features of pictures in [0, 1], on the CPU.

        Args:
            pictures: (pictures, channels, rows, columns), or flattened, on any device.
            chunk: how many to take at a time.

        Raises:
            ValueError: if the pictures have not the classifier's shape.
        """
        if pictures[:1].numel() != np.prod(self.shape):
            shape = ", ".join(map(str, self.shape))
            raise ValueError(
                f"pictures: got the shape {tuple(pictures.shape)}; expected (pictures, {shape}), or the same flattened"
            )
        weight = next(self.body.parameters())
        parts = torch.split(pictures.reshape(-1, *self.shape), chunk)
        return torch.cat([self.body(part.to(weight)).cpu() for part in parts])

    @torch.no_grad()
    def classify(self, pictures: Tensor) -> Tensor:
        """Return the class that each picture most looks like; arguments and errors as `features`."""
        head = next(self.head.parameters())
        logits: Tensor = self.head(self.features(pictures).to(head))
        return logits.argmax(dim=1).cpu()


def train_classifier(
    name: ImageSet,
    *,
    seed: int = 0,
    epochs: int | None = None,
    folder: str | Path | None = None,
    device: torch.device | str = "cpu",
) -> Classifier:
    """Train a classifier on the training pictures of a data set; the same seed and device give the same one.

    Digits of 8x8 pixels get a perceptron with 64 features (a second on a CPU), larger grey pictures a convolutional
    network with 64 (a minute), coloured ones a wider one with 256, which wants a GPU. The random state of torch is left
    as it was.

    Args:
        name: a data set with labels: "digits", "mnist", "fashion_mnist" or "cifar10".
        seed: of the weights and the order of the pictures.
        epochs: how often each picture is seen; by default 60 for digits, 2 for other grey pictures, 10 in colour.
        folder: of data sets, see `sjedu.data.load_images`.
        device: where to train, and where the classifier stays.

    Raises:
        ValueError: if there is no such data set, or it has no labels, or epochs is not positive.
    """
    train, test = (load_images(name, split, folder=folder) for split in ("train", "test"))
    if len(train.classes) < 2:
        raise ValueError(f"name: got {name!r}, which has no labels; expected a data set with classes")
    grey = train.images.shape[1] == 1
    count = (60 if name == "digits" else 2 if grey else 10) if epochs is None else epochs
    check_count("epochs", count)
    with torch.random.fork_rng(devices=[]):
        # Weights and order are drawn on the CPU; torch.manual_seed would reseed the accelerators as well.
        torch.default_generator.manual_seed(seed)
        classifier = _untrained(name, train).to(device)
        _fit(classifier, train, count, device)
    classifier.eval()
    trained = Classifier(name, tuple(train.images.shape[1:]), classifier[0], classifier[1])
    right = (trained.classify(test.images / 255) == test.labels).double().mean()
    return Classifier(name, trained.shape, trained.body, trained.head, float(right))


def _untrained(name: str, data: Images) -> nn.Sequential:
    classes, channels = len(data.classes), data.images.shape[1]
    if name == "digits":
        body = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU())
        return nn.Sequential(body, nn.Linear(64, classes))
    widths = (16, 32, 64) if channels == 1 else (64, 128, 256)
    layers: list[nn.Module] = []
    for inputs, outputs in zip((channels, *widths), widths, strict=False):
        layers += [
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(body, nn.Linear(widths[-1], classes))


def _fit(classifier: nn.Module, data: Images, epochs: int, device: torch.device | str) -> None:
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=3e-3)
    pictures, labels = data.images.to(device), data.labels.to(device)
    steps = epochs * -(-len(data) // 128)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(data)), 128):
            loss = F.cross_entropy(classifier(pictures[chosen] / 255), labels[chosen])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()


# ---------------------------------------------------------------- samples as sets of features


def precision_recall(real: Array, fake: Array, k: int = 3) -> tuple[float, float]:
    """Return the shares of fake samples among the real ones, and of real ones among the fake.

    "Among" means in at least one of the balls around the others, each as large as to reach its k-th neighbour. The
    first share says how believable the samples are, the second how much of the data's variety they have.

    Args:
        real: features, (n, features), n > k.
        fake: features, (m, features), m > k.
        k: the neighbour, not counting the sample itself.

    Raises:
        TypeError: if an argument is not real numbers.
        ValueError: if it is not 2-D, has not more than k rows or is not finite, if there are not as many features, or
            k is not positive.
    """
    check_count("k", k)
    first, second = _two_samples("real", real, "fake", fake, least=k + 1)
    between = cdist(first, second)
    real_radius, fake_radius = (np.partition(cdist(s, s), k, axis=1)[:, k] for s in (first, second))
    precision = (between <= real_radius[:, None]).any(axis=0).mean()
    recall = (between <= fake_radius).any(axis=1).mean()
    return float(precision), float(recall)


# ---------------------------------------------------------------- samples as pixels


def mid_grey(pictures: Array, low: float = 0.2, high: float = 0.8) -> float:
    """Return the share of pixels strictly between low and high: what averaging makes, and ink does not.

    Args:
        pictures: of any shape, values in [0, 1].
        low: darker ones count as dark.
        high: brighter ones count as bright.

    Raises:
        ValueError: if there are no pixels, if one is not in [0, 1], or not 0 ≤ low < high ≤ 1.
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"low and high: got {low} and {high}; expected 0 ≤ low < high ≤ 1")
    pixels = np.asarray(pictures.detach().cpu() if isinstance(pictures, Tensor) else pictures)
    if not pixels.size:
        raise ValueError(f"pictures: got the shape {pixels.shape}; expected at least one pixel")
    if not (pixels.min() >= -_ROUNDING and pixels.max() <= 1 + _ROUNDING):  # which NaN is not either
        raise ValueError(f"pictures: got values from {pixels.min()} to {pixels.max()}; expected 0 to 1")
    return float(((pixels > low) & (pixels < high)).mean())


def distance_to(samples: Array, reference: Array) -> float:
    """Return the mean distance of the samples to the nearest point of the reference.

    Args:
        samples: (n, dim).
        reference: (m, dim).

    Raises:
        TypeError: if an argument is not real numbers.
        ValueError: if it is not 2-D, empty or not finite, or if the dimensions differ.
    """
    first, second = _two_samples("samples", samples, "reference", reference, least=1)
    chunks = np.array_split(first, -(-len(first) // 1000))
    return float(np.concatenate([cdist(chunk, second).min(axis=1) for chunk in chunks]).mean())


def _two_samples(
    first: str, a: Array, second: str, b: Array, least: int
) -> tuple[Float64[np.ndarray, "n dim"], Float64[np.ndarray, "m dim"]]:
    arrays = as_points(first, a), as_points(second, b)
    for name, array in zip((first, second), arrays, strict=True):
        if len(array) < least:
            raise ValueError(f"{name}: got {len(array)} samples; expected at least {least}")
    if arrays[0].shape[1] != arrays[1].shape[1]:
        raise ValueError(
            f"{first} and {second}: got {arrays[0].shape[1]} and {arrays[1].shape[1]} coordinates; expected the same"
        )
    return arrays


# ---------------------------------------------------------------- judges: all of it about one sample


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
    def classifier(self) -> Classifier | None:
        """Whose features the Fréchet distance, precision and recall are measured in."""
        if len(self.train.classes) < 2:
            return None
        return train_classifier(self.dataset, device=self.device)

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
        measures: dict[str, float] = {}
        if self.classifier is not None:
            made, real = (self.classifier.features(pictures) for pictures in (samples, self.real))
            precision, recall = precision_recall(real, made)
            measures = {
                "classifier": self.classifier.accuracy,
                "frechet": frechet_distance(real, made),
                "precision": precision,
                "recall": recall,
            }
        measures |= {
            "batch W1": self._batch_distance(flat),
            "mid-grey": mid_grey(samples),
            "to data": distance_to(flat, self.known),
            "to centres": distance_to(flat, self.centres),
        }
        return {name: round(float(value), 4) for name, value in measures.items()}

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
