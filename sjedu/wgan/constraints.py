"""What keeps a critic's slope down: interchangeable pieces around one training loop.

Each piece acts at one of three places, and does nothing at the others::

    critic = constraint.wrap(mlp_critic(64))                            # spectral normalisation
    loss = loss + constraint.penalty(critic, real, fake)                # gradient penalties
    optimiser.step(); constraint.after_step(critic)                     # weight clipping

Sources: Arjovsky et al., arXiv 1701.07875 (clipping); Miyato et al., arXiv 1802.05957 (spectral normalisation);
Gulrajani et al., arXiv 1704.00028 (gradient penalty); Petzka et al., arXiv 1709.08894 (one-sided); Mescheder et al.,
arXiv 1801.04406 (zero-centred on the data, R1). Su Jianlin, kexue.fm/archives/8244, prefers the zero-centred one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import spectral_norm

from sjedu.checks import check_choice, check_count, check_not_negative, check_positive
from sjedu.wgan.transport import Number

Critic: TypeAlias = Callable[[Tensor], Tensor]
Where: TypeAlias = Literal["between", "real", "fake"]


class Constraint:
    """No constraint, and the interface of all: the three places where one may act."""

    def wrap(self, critic: nn.Module) -> nn.Module:
        """Return the critic to train, made from the one given."""
        return critic

    def penalty(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return what to add to the critic's loss."""
        return torch.zeros((), dtype=real.dtype, device=real.device)

    def after_step(self, critic: nn.Module) -> None:
        """Change the critic's weights in place; call it after each step of the critic's optimiser."""


@dataclass(frozen=True)
class Unconstrained(Constraint):
    """Let the critic be as steep as it likes."""


@dataclass(frozen=True)
class WeightClipping(Constraint):
    """Clip every parameter, biases too, to ``-bound … bound`` after each step.

    A layer with m inputs and n outputs then stretches by ``bound √(mn)`` at most, and a network by the product: the
    estimate is a multiple of the distance with an unknown factor.

    Attributes:
        bound: > 0.
    """

    bound: Number = 0.01

    def __post_init__(self) -> None:
        check_positive("bound", self.bound)

    @torch.no_grad()
    def after_step(self, critic: nn.Module) -> None:
        """Clip the critic's parameters in place."""
        for parameter in critic.parameters():
            parameter.clamp_(-self.bound, self.bound)


@dataclass(frozen=True)
class SpectralNormalisation(Constraint):
    """Divide each layer's weight by its largest singular value, so that each layer stretches by 1 at most.

    The value comes from power iterations, one more each time the critic runs in training mode. A convolution's weight
    is taken as the matrix (outputs, inputs · kernel), as in Miyato et al.: for the convolution itself that bounds the
    stretch by the root of the kernel's size, not by 1.

    Attributes:
        iterations: of each, at least 1.
    """

    iterations: int = 1

    def __post_init__(self) -> None:
        check_count("iterations", self.iterations)

    def wrap(self, critic: nn.Module) -> nn.Module:
        """Normalise the critic's linear and convolutional layers, in place, and return it."""
        for layer in list(critic.modules()):
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                spectral_norm(layer, n_power_iterations=self.iterations)
        return critic


@dataclass(frozen=True)
class GradientPenalty(Constraint):
    """Add ``weight · E (‖∇f(x̂)‖ - centre)²`` to the critic's loss.

    ========  ===========  ===========  ========================================================
    centre    one_sided    where        name
    ========  ===========  ===========  ========================================================
    1         no           "between"    WGAN-GP
    1         yes          "between"    LP: only slopes above the centre cost
    0         no           "between"    zero-centred penalty
    0         no           "real"       R1, with the weight γ/2
    ========  ===========  ===========  ========================================================

    "between" draws ``x̂ = t·real + (1-t)·fake`` with one uniform t for each pair. The gradient's norm is that of a whole
    sample, whatever its shape. Even for the best critic the penalty changes what the critic says of the distance:
    `sjedu.wgan.theory.penalised_optimum`.

    Attributes:
        weight: λ ≥ 0. It is in units of 1/distance: data twice as far apart need half of it for the same slope.
        centre: the slope that costs nothing, ≥ 0.
        one_sided: let smaller slopes cost nothing either.
        where: at which points.
    """

    weight: Number = 10.0
    centre: Number = 1.0
    one_sided: bool = False
    where: Where = "between"

    def __post_init__(self) -> None:
        check_not_negative("weight", self.weight)
        check_not_negative("centre", self.centre)
        check_choice("where", self.where, get_args(Where))

    def penalty(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return the penalty at points of this batch.

        Raises:
            ValueError: if real and fake differ in shape or are empty, or the critic has batch normalisation.
        """
        if isinstance(critic, nn.Module) and any(isinstance(m, _BatchNorm) for m in critic.modules()):
            raise ValueError(
                "critic: got batch normalisation, under which a sample has no gradient of its own; expected none"
            )
        slopes = gradient_norms(critic, self._points(real, fake), create_graph=True)
        excess = slopes - self.centre
        if self.one_sided:
            excess = excess.clamp(min=0)
        return self.weight * excess.square().mean()

    def _points(self, real: Tensor, fake: Tensor) -> Tensor:
        if real.shape != fake.shape or not len(real):
            raise ValueError(
                f"real and fake: got the shapes {tuple(real.shape)} and {tuple(fake.shape)}; expected the same,"
                " with at least one sample"
            )
        real, fake = real.detach(), fake.detach()
        if self.where != "between":
            return real if self.where == "real" else fake
        t = torch.rand(len(real), *[1] * (real.ndim - 1), dtype=real.dtype, device=real.device)
        return fake + t * (real - fake)


def critic_values(critic: Critic, samples: Float[Tensor, "batch ..."]) -> Float[Tensor, " batch"]:
    """Return the one number that a critic gives each sample.

    Raises:
        ValueError: if it gives more, or fewer.
    """
    values = critic(samples)
    if values.shape[:1] != samples.shape[:1] or values.numel() != len(samples):
        raise ValueError(
            f"critic: got values of the shape {tuple(values.shape)} for {len(samples)} samples; expected one number"
            " each"
        )
    return values.flatten()


def gradient_norms(
    critic: Critic, points: Float[Tensor, "batch ..."], *, create_graph: bool = False
) -> Float[Tensor, " batch"]:
    """Return ``‖∇f‖`` at each point, the norm taken over a whole sample.

    Where the gradient vanishes the norm has the subgradient 0, not NaN, so a constant critic can be trained. Where
    f is NaN or infinite the norm is NaN: what `torch.autograd` calls the slope of a ReLU at NaN is a number.

    Args:
        critic: gives one number a sample, and no sample's number depends on another.
        points: where; they need no gradient of their own.
        create_graph: make the result differentiable in the critic's parameters.

    Raises:
        ValueError: if there is no point, or a point has no axis.
    """
    if points.ndim < 2 or not len(points):
        raise ValueError(
            f"points: got the shape {tuple(points.shape)}; expected (points, ...) with at least one point, and an"
            " axis for its coordinates"
        )
    points = points.detach().requires_grad_()
    with torch.enable_grad():
        values = critic_values(critic, points)
        # A critic that ignores its input has the gradient 0 too.
        total = values.sum() + 0 * points.sum()
        (gradient,) = torch.autograd.grad(total, points, create_graph=create_graph)
    norms: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    return norms + 0 * values.detach().to(norms)


def empirical_lipschitz(critic: Critic, points: Float[Tensor, "batch ..."]) -> float:
    """Return the largest of the `gradient_norms` at the points: a lower bound of the critic's Lipschitz constant."""
    return float(gradient_norms(critic, points).max())


@torch.no_grad()
def share_at_bound(critic: nn.Module, bound: Number) -> float:
    """Return the share of a critic's parameters at ±bound or beyond.

    Clipping pushes them there (Gulrajani et al., arXiv 1704.00028, figure 1b): such a critic is not one of the best of
    its slope, but one that the box around its weights has made.

    Raises:
        ValueError: if the critic has no parameters.
    """
    check_positive("bound", bound)
    weights = [parameter.flatten() for parameter in critic.parameters()]
    if not weights:
        raise ValueError("critic: got one without parameters; expected at least one")
    return float((torch.cat(weights).abs() >= bound).double().mean())


#: How to make each constraint from its one strength; None where it has none.
CONSTRAINTS: dict[str, Callable[[Number], Constraint]] = {
    "none": lambda _: Unconstrained(),
    "clip": WeightClipping,
    "spectral": lambda _: SpectralNormalisation(),
    "gp": GradientPenalty,
    "lp": lambda weight: GradientPenalty(weight, one_sided=True),
    "zero_gp": lambda weight: GradientPenalty(weight, centre=0.0),
    "r1": lambda weight: GradientPenalty(weight, centre=0.0, where="real"),
}

#: The strengths of the papers: the bound of clipping, the weight of a penalty.
STRENGTHS: dict[str, float] = {"clip": 0.01, "gp": 10.0, "lp": 10.0, "zero_gp": 0.5, "r1": 0.5}


def make_constraint(name: str, strength: Number | None = None) -> Constraint:
    """Return the constraint of that name.

    Args:
        name: "none", "clip", "spectral", "gp", "lp", "zero_gp" or "r1"; the strength may be spelt with it, "gp:10".
        strength: the bound of "clip", the weight of a penalty; by default as in `STRENGTHS`.

    Raises:
        ValueError: if there is no such constraint, if it takes no strength, or if it gets two.
    """
    kind, spelt = split_strength(name)
    check_choice("name", kind, tuple(CONSTRAINTS))
    if spelt is not None:
        if strength is not None:
            raise ValueError(f"strength: got {strength} beside {name!r}; expected one of the two")
        strength = spelt
    if strength is not None and kind not in STRENGTHS:
        raise ValueError(f"strength: got {strength}; expected none for {kind!r}")
    return CONSTRAINTS[kind](STRENGTHS.get(kind, 0.0) if strength is None else strength)


def split_strength(spelling: str, argument: str = "name") -> tuple[str, float | None]:
    """Split "gp:10" into a name and its strength, None where there is no colon: the one place where this is read.

    Raises:
        ValueError: if what follows the colon is not a number; begins with the argument's name.
    """
    name, colon, strength = spelling.partition(":")
    try:
        return name, float(strength) if colon else None
    except ValueError:
        raise ValueError(f"{argument}: got {spelling!r}; expected a number after the colon") from None
