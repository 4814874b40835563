"""What the experiments learn: to find the other half of a picture, the other view of it, or the same sentence.

A task gives the two inputs of a batch as a function of the step alone, and judges encoders on what was held out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sjedu.contrastive_accumulation.losses import info_nce
from sjedu.data import Images
from sjedu.measures import recall_at
from sjedu.training import batch_indices

NOISE = 0.1
#: Rows at a time where nothing is to be learnt.
_AT_ONCE = 512


@runtime_checkable
class Task(Protocol):
    """Batches of pairs, and a judgement."""

    @property
    def source(self) -> str:
        """In a sentence, what the data is and where it came from."""

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the two inputs of a step, for all processes."""

    def evaluate(self, encoders: tuple[nn.Module, nn.Module]) -> dict[str, float]:
        """Return how well the encoders do on what was held out."""


@dataclass(frozen=True)
class HalvesTask:
    """The left half of a picture asks for its right half.

    Attributes:
        training: pictures.
        held_out: other pictures.
        batch_size: pairs a step.
        seed: of the order and of the noise.
        temperature: of the test loss.
    """

    training: Images
    held_out: Images
    batch_size: int
    seed: int
    temperature: float

    @property
    def source(self) -> str:
        """Whose pictures these are."""
        return self.training.source

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return noisy left and right halves, each (batch_size, channels, rows, columns / 2)."""
        indices = batch_indices(step, len(self.training), self.batch_size, self.seed)
        left, right = halves(self.training.images[indices.to(self.training.images.device)])
        noise = torch.Generator().manual_seed(1_000_003 * self.seed + step)
        return _noisy(left, noise), _noisy(right, noise)

    def evaluate(self, encoders: tuple[nn.Module, nn.Module]) -> dict[str, float]:
        """Return recall at 1 and 5 among all held-out pictures, and the loss of all of them as one batch."""
        left, right = halves(self.held_out.images)
        u, v = embed(encoders[0], left), embed(encoders[1], right)
        loss = info_nce(u, v, temperature=self.temperature, symmetric=True)
        recalls = {f"R@{k}": round(recall_at(u @ v.T, k), 4) for k in (1, 5)}
        return {**recalls, "test loss": round(float(loss), 4)}


@dataclass(frozen=True)
class ViewsTask:
    """Two views of a picture belong together: random crops with other colours (SimCLR), or just itself (SimCSE).

    Attributes:
        training: pictures.
        held_out: other pictures.
        batch_size: pictures a step.
        seed: of the order and of the views.
        augment: False leaves the two views to the encoder's dropout alone.
    """

    training: Images
    held_out: Images
    batch_size: int
    seed: int
    augment: bool = True

    @property
    def source(self) -> str:
        """Whose pictures these are."""
        return self.training.source

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return two views of each picture, (batch_size, channels, rows, columns)."""
        indices = batch_indices(step, len(self.training), self.batch_size, self.seed)
        pictures = self.training.images[indices.to(self.training.images.device)].float() / 255
        if not self.augment:
            return pictures, pictures
        generator = torch.Generator(pictures.device).manual_seed(1_000_003 * self.seed + step)
        return random_view(pictures, generator), random_view(pictures, generator)

    def evaluate(self, encoders: tuple[nn.Module, nn.Module]) -> dict[str, float]:
        """Return the accuracy of a linear probe, and of the nearest neighbour, on what the encoder has learnt."""
        model = encoders[0]
        features = getattr(model, "features", model)
        train = embed(model, self.training.images.float() / 255, features)
        test = embed(model, self.held_out.images.float() / 255, features)
        labels, classes = self.training.labels, self.held_out.labels
        nearest = torch.cat([labels[(part @ train.T).argmax(dim=1)] for part in torch.split(test, _AT_ONCE)])
        return {
            "probe": _share(linear_probe(train, labels, test) == classes),
            "nearest neighbour": _share(nearest == classes),
        }


# ---------------------------------------------------------------- views


def halves(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return the left and the right halves of pictures, with values 0 .. 1."""
    middle = pictures.shape[-1] // 2
    scaled = pictures.float() / 255
    return scaled[..., :middle], scaled[..., middle:]


def random_view(
    pictures: Float[Tensor, "batch channels rows columns"], generator: torch.Generator
) -> Float[Tensor, "batch channels rows columns"]:
    """Return a random crop of each picture (a fifth to all of its area), mirrored half the time, recoloured.

    Colours (SimCLR, appendix A): brightness, contrast and saturation by up to ±40 %, and grey a fifth of the time.
    Each picture has its own draw.
    """
    n, channels = pictures.shape[:2]

    def draw(low: int | float, high: int | float, *shape: int) -> Tensor:
        unit = torch.rand(n, *shape, generator=generator, device=pictures.device)
        return low + (high - low) * unit

    side = draw(0.2, 1.0).sqrt()
    mirror = torch.where(draw(0, 1) < 0.5, -1.0, 1.0)
    shift = draw(-1, 1, 2) * (1 - side)[:, None]
    maps = torch.zeros(n, 2, 3, device=pictures.device)
    maps[:, 0, 0], maps[:, 1, 1], maps[:, :, 2] = side * mirror, side, shift
    grid = F.affine_grid(maps, list(pictures.shape), align_corners=False)
    x = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    brightness, contrast, saturation = draw(0.6, 1.4, 3, 1, 1, 1).unbind(1)
    x = x * brightness
    x = (x - x.mean(dim=(1, 2, 3), keepdim=True)) * contrast + x.mean(dim=(1, 2, 3), keepdim=True)
    if channels == 3:
        grey = x.mean(dim=1, keepdim=True)
        x = grey + (x - grey) * torch.where(
            draw(0, 1, 1, 1, 1) < 0.2, torch.zeros_like(saturation), saturation
        )
    return x.clamp(0, 1)


def _noisy(x: Tensor, generator: torch.Generator) -> Tensor:
    return x + NOISE * torch.randn(x.shape, generator=generator).to(x.device)


# ---------------------------------------------------------------- judging


@torch.no_grad()
def embed(
    model: nn.Module, inputs: Tensor, function: Callable[[Tensor], Tensor] | None = None
) -> Float[Tensor, "samples dim"]:
    """Return the embeddings of many inputs in evaluation mode, in float32."""
    was_training = model.training
    model.eval()
    embeddings = torch.cat([(function or model)(part).float() for part in torch.split(inputs, _AT_ONCE)])
    model.train(was_training)
    return embeddings


def linear_probe(
    train: Float[Tensor, "n dim"], labels: Int64[Tensor, " n"], test: Float[Tensor, "m dim"]
) -> Int64[Tensor, " m"]:
    """Return the classes by ridge regression on the features: closed form, nothing to tune."""
    mean, deviation = train.mean(dim=0), train.std(dim=0) + 1e-6
    x, y = (train - mean) / deviation, F.one_hot(labels).to(train.dtype)
    ridge = torch.eye(x.shape[1], dtype=x.dtype, device=x.device) * (1e-2 * len(x))
    weights = torch.linalg.solve(x.T @ x + ridge, x.T @ (y - y.mean(dim=0)))
    scores: Tensor = (test - mean) / deviation @ weights + y.mean(dim=0)
    return scores.argmax(dim=1)


def _share(correct: Tensor) -> float:
    return round(correct.float().mean().item(), 4)
