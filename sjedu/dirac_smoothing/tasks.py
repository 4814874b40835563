"""What the networks of this lesson learn: digits, a differential equation, the parameters behind a floor, CIFAR-100.

A task holds what is learnt from, and measures the trained model; the losses stand in the loop, `experiment.train`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from sjedu.checks import check_choice
from sjedu.data import Images
from sjedu.dirac_smoothing.smoothing import smooth_floor, straight_through_floor

# ---------------------------------------------------------------- pictures


@dataclass(frozen=True, eq=False)
class PictureTask:
    """Say what is on a picture.

    Attributes:
        training: the pictures learnt from.
        held_out: those tested on.
        augment: move each training picture by up to four pixels and mirror half of them.
    """

    training: Images
    held_out: Images
    augment: bool = False

    @property
    def source(self) -> str:
        """Whose pictures these are."""
        return f"{self.training.source}; {self.held_out.source}"

    def batch(
        self, rows: Int64[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch channels rows columns"], Int64[Tensor, " batch"]]:
        """Return some of the training pictures, augmented if they are to be, and what is on them."""
        rows = rows.to(self.training.labels.device)
        pictures = self.training.images[rows]
        if self.augment:
            pictures = moved_and_mirrored(pictures)
        return self.normalised(pictures), self.training.labels[rows]

    @torch.no_grad()
    def measure(self, model: nn.Module) -> dict[str, float]:
        """Return the accuracy on the test pictures."""
        parts = torch.split(self.held_out.images, 500)
        answers = torch.cat([model(self.normalised(part)).argmax(dim=-1) for part in parts])
        return {"accuracy": self._right(answers)}

    def baselines(self) -> dict[str, float]:
        """Return the accuracies of answers that need no training: the most frequent class, the nearest class mean."""
        labels = self.training.labels
        pictures, held_out = (
            self.normalised(each.images).flatten(1) for each in (self.training, self.held_out)
        )
        classes = range(int(labels.max()) + 1)
        means = torch.stack([pictures[labels == each].mean(dim=0) for each in classes])
        return {
            "the most frequent class": self._right(labels.mode().values),
            "the nearest class mean": self._right(torch.cdist(held_out, means).argmin(dim=1)),
        }

    def _right(self, answers: Tensor) -> float:
        return round((answers == self.held_out.labels).double().mean().item(), 4)

    def normalised(
        self, pictures: UInt8[Tensor, "n channels rows columns"]
    ) -> Float[Tensor, "n channels rows columns"]:
        """Return the pictures with mean 0 and standard deviation 1 over the training pictures' channels."""
        mean, deviation = self._statistics
        return (pictures.float() - mean) / deviation

    @cached_property
    def _statistics(self) -> tuple[Tensor, Tensor]:
        # Of at most 2,000 pictures: enough, and quick.
        values = self.training.images[:2000].double()
        axes = (0, 2, 3)
        return values.mean(axes, keepdim=True).float(), values.std(axes, keepdim=True).float()


def moved_and_mirrored(
    pictures: UInt8[Tensor, "n channels rows columns"], reach: int = 4
) -> UInt8[Tensor, "n channels rows columns"]:
    """Return each picture moved by up to `reach` pixels either way, zeros moving in, and half of them mirrored."""
    n, _, rows, columns = pictures.shape
    device = pictures.device
    padded = F.pad(pictures, (reach,) * 4)
    top, left = torch.randint(2 * reach + 1, (2, n, 1), device=device)
    y = top + torch.arange(rows, device=device)
    x = left + torch.arange(columns, device=device)
    x = torch.where(torch.rand(n, 1, device=device) < 0.5, x, x.flip(1))
    which = torch.arange(n, device=device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[which, y[:, :, None], x[:, None, :]].permute(0, 3, 1, 2)


# ---------------------------------------------------------------- a differential equation


class PhysicsTask:
    """Solve Poisson's equation Δu = -nπ² Π sin πxᵢ on the unit cube of n dimensions, u = 0 on its boundary.

    The network N never sees the solution Π sin πxᵢ: u = Π xᵢ(1 - xᵢ) N(x) keeps the boundary, and the loss is the
    mean square of the residual Δu + nπ² Π sin πxᵢ. So *second derivatives of the network* are trained on.

    Args:
        dimensions: n.
        points: how many places a step; in one dimension evenly spaced and always the same, in more drawn anew.
        device: where.
    """

    def __init__(self, dimensions: int, points: int, device: torch.device) -> None:
        self.dimensions, self.points, self.device = dimensions, points, device
        self.source: str = f"Poisson's equation in {dimensions} dimensions, {points} points a step"

    def places(self, rows: Int64[Tensor, " batch"]) -> Float[Tensor, "batch dimensions"]:
        """Return some of the places of a step."""
        if self.dimensions == 1:
            return ((rows + 0.5) / self.points)[:, None].to(self.device)
        return torch.rand(len(rows), self.dimensions, device=self.device)

    def solution(self, model: nn.Module, x: Float[Tensor, "n dimensions"]) -> Float[Tensor, " n"]:
        """Return u(x)."""
        boundary: Tensor = (x * (1 - x)).prod(dim=1)
        value: Tensor = boundary * model(x)[:, 0]
        return value

    def residual(self, model: nn.Module, x: Float[Tensor, "n dimensions"]) -> Float[Tensor, " n"]:
        """Return Δu + nπ² Π sin πxᵢ, which the parameters can be differentiated through."""
        x = x.requires_grad_()
        u = self.solution(model, x)
        (gradient,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        laplacian = u.new_zeros(())
        for i in range(self.dimensions):
            (second,) = torch.autograd.grad(gradient[:, i].sum(), x, create_graph=True)
            laplacian = laplacian + second[:, i]
        forcing = self.dimensions * math.pi**2 * torch.sin(math.pi * x.detach()).prod(dim=1)
        return laplacian + forcing

    def measure(self, model: nn.Module) -> dict[str, float]:
        """Return the largest and the root mean square error of the solution, over 1,001 or 101ⁿ points."""
        axis = torch.linspace(0, 1, 1001 if self.dimensions == 1 else 101, device=self.device)
        x = torch.cartesian_prod(*[axis] * self.dimensions).reshape(-1, self.dimensions)
        with torch.no_grad():
            error = self.solution(model, x) - torch.sin(math.pi * x).prod(dim=1)
        return {
            "max error": float(f"{error.abs().max().item():.3g}"),
            "rms error": float(f"{error.square().mean().sqrt().item():.3g}"),
        }


# ---------------------------------------------------------------- the parameters behind a floor

TRUE = (2.3, -0.7)

#: The ways to have a gradient.
Floor: TypeAlias = Literal["hard", "identity", "straight_through", "smooth", "annealed"]
FLOORS: tuple[Floor, ...] = get_args(Floor)


class FloorModel(nn.Module):
    """ŷ = floor(ax + b) with a and b to be learnt, and one way of having a gradient.

    Args:
        method: "hard" (none), "identity" (ax + b - ½ in the place of the floor), "straight_through", "smooth" or
            "annealed" (smooth, ever sharper).
        t: sharpness of the smooth floor; where the annealed one ends.
        steps: over which it is annealed.

    Raises:
        ValueError: if there is no such method.
    """

    def __init__(self, method: str, t: int | float, steps: int) -> None:
        super().__init__()
        check_choice("method", method, FLOORS)
        self.method, self.t, self.steps = method, t, steps
        self.a = nn.Parameter(torch.randn((), dtype=torch.float64))
        self.b = nn.Parameter(torch.randn((), dtype=torch.float64))

    def forward(self, x: Float[Tensor, " n"], step: int = 0) -> Float[Tensor, " n"]:
        """Return the prediction that is trained on."""
        line = self.a * x + self.b
        match self.method:
            case "hard":
                return torch.floor(line)
            case "identity":
                return line - 0.5
            case "straight_through":
                return straight_through_floor(line)
            case "smooth":
                return smooth_floor(line, 1 / self.t)
        start = 2.0
        sharpness = start * (self.t / start) ** (step / self.steps)
        return smooth_floor(line, 1 / sharpness)


class FloorTask:
    """Recover (a, b) = (2.3, -0.7) from y = floor(ax + b), which has no gradient anywhere.

    Args:
        points: how many x are seen, drawn uniformly from [-4, 4].
        seed: of the draw.
        device: where.
    """

    def __init__(self, points: int, seed: int, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(seed)
        x = 8 * torch.rand(points + 4096, dtype=torch.float64, generator=generator) - 4
        self.x, self.unseen = x[:points].to(device), x[points:].to(device)
        self.source = f"floor({TRUE[0]}x + {TRUE[1]}) at {points} random x in [-4, 4], tested at 4096 others"

    def batch(self, rows: Int64[Tensor, " batch"]) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Return some of the x that are seen, and y = floor(2.3x - 0.7)."""
        x = self.x[rows.to(self.x.device)]
        return x, self.truth(x)

    @torch.no_grad()
    def measure(self, model: nn.Module) -> dict[str, float]:
        """Return how many unseen x get the right whole number from the *hard* floor, and the parameters' errors."""
        a, b = model.a, model.b
        right = torch.floor(a * self.unseen + b) == self.truth(self.unseen)  # type: ignore[operator]
        errors = [float(learnt) - true for learnt, true in zip((a, b), TRUE, strict=True)]  # type: ignore[arg-type]
        return {
            "matches": round(right.double().mean().item(), 4),
            "error of a": round(errors[0], 5),
            "error of b": round(errors[1], 5),
        }

    def guess(self) -> float:
        """Return how many unseen x get the right whole number from the one that is seen most often."""
        answer = self.truth(self.x).mode().values
        return (self.truth(self.unseen) == answer).double().mean().item()

    @staticmethod
    def truth(x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Return floor(2.3x - 0.7)."""
        return torch.floor(TRUE[0] * x + TRUE[1])


#: What `experiment.train` learns: each has a `measure` of the trained model, and a `source`.
Task: TypeAlias = PictureTask | PhysicsTask | FloorTask
