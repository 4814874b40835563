"""Losses of a critic and a generator, interchangeable in one training loop.

Each loss says what the critic minimises, what the generator minimises, and what the critic's value estimates. The
penalty is no part of any of them: an estimate that holds it would be an estimate of nothing. Where a distance between
samples is needed they are flattened.

================  ==================================  =====================================================
name              estimate                            of
================  ==================================  =====================================================
wasserstein       E f(real) - E f(fake)               W₁ of the populations, if f is 1-Lipschitz
c_transform       E f(real) + E f^c(fake)             W₁ of the two batches, from below
soft_c_transform  E f(real) + E f^{c,ε}(fake)         entropic transport of the two batches, from below
transport         W₁ by an exact solver, no critic    W₁ of the two batches
non_saturating    log 2 - half of the critic's loss   Jensen-Shannon divergence of the populations, from below
hinge             1 - half of the critic's loss       total variation of the populations, from below
================  ==================================  =====================================================

Sources: Goodfellow et al., arXiv 1406.2661; Arjovsky et al., arXiv 1701.07875; Mallasto et al., arXiv 1910.03875 (both
transforms); Lim and Ye, arXiv 1705.02894 (hinge).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sjedu.checks import check_choice, check_positive
from sjedu.wgan.constraints import Critic, critic_values
from sjedu.wgan.transport import (
    Number,
    c_transform,
    dual_value,
    pairwise_distances,
    soft_c_transform,
    transport_loss,
    widened,
)


class Loss(ABC):
    """What a critic and a generator minimise.

    Attributes:
        divergence: what `estimate` estimates: "W1", "OT" (entropic), "JS" or "TV".
        needs_critic: whether there is a critic at all.
    """

    divergence: ClassVar[str]
    needs_critic: ClassVar[bool] = True

    @abstractmethod
    def critic(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return what the critic minimises, without penalty; detach fake before."""

    @abstractmethod
    def generator(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return what the generator minimises."""

    @torch.no_grad()
    def estimate(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return what the critic says the divergence is."""
        return -self.critic(critic, real, fake)


@dataclass(frozen=True)
class Wasserstein(Loss):
    """The Kantorovich-Rubinstein dual: ``W₁ = sup E f(real) - E f(fake)`` over 1-Lipschitz f."""

    divergence: ClassVar[str] = "W1"

    def critic(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return ``E f(fake) - E f(real)``."""
        _check_batches(real, fake)
        return _values(critic, fake).mean() - _values(critic, real).mean()

    def generator(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return ``-E f(fake)``."""
        _check_batches(real, fake)
        return -_values(critic, fake).mean()


@dataclass(frozen=True)
class CTransform(Loss):
    """The dual without a constraint: the critic's partner is its c-transform over the real samples of the batch.

    By weak duality the value never exceeds ``W₁`` of the batch, whatever f is. The generator's gradient pulls each
    fake sample straight to one real sample, with a force that does not depend on how far it is.
    """

    divergence: ClassVar[str] = "W1"

    def critic(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return ``-(E f(real) + E f^c(fake))``."""
        return -self._value(critic, real, fake)

    def generator(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return ``E f(real) + E f^c(fake)``, in which only the costs depend on the generator."""
        return self._value(critic, real, fake)

    def _value(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        _check_batches(real, fake)
        cost = pairwise_distances(*_points(real, fake))
        f = _values(critic, real).to(cost)
        return dual_value(f, self._transform(cost, f))

    def _transform(self, cost: Tensor, f: Tensor) -> Tensor:
        return c_transform(cost, f)


@dataclass(frozen=True)
class SoftCTransform(CTransform):
    """The dual of entropic transport: as `CTransform`, with the (c, ε)-transform for the minimum.

    Its best value is ``min ⟨d, γ⟩ + ε KL(γ ‖ P ⊗ Q) ≥ W₁`` of the batch.

    Attributes:
        epsilon: ε > 0, in units of the distance.
    """

    divergence: ClassVar[str] = "OT"
    epsilon: Number = 0.1

    def __post_init__(self) -> None:
        check_positive("epsilon", self.epsilon)

    def _transform(self, cost: Tensor, f: Tensor) -> Tensor:
        return soft_c_transform(cost, f, self.epsilon)


@dataclass(frozen=True)
class ExactTransport(Loss):
    """``W₁`` of the two batches by an exact solver: what a perfect critic of the batch would say."""

    divergence: ClassVar[str] = "W1"
    needs_critic: ClassVar[bool] = False

    def critic(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return ``-W₁``, on which no critic has an influence."""
        return -self.generator(critic, real, fake)

    def generator(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return ``W₁`` of the batches."""
        _check_batches(real, fake)
        return transport_loss(*_points(real, fake))


@dataclass(frozen=True)
class NonSaturating(Loss):
    """The first GAN: the critic is a classifier's logit, the generator minimises ``-E log D(fake)``."""

    divergence: ClassVar[str] = "JS"

    def critic(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return ``-E log D(real) - E log(1 - D(fake))`` with ``D = sigmoid(f)``."""
        _check_batches(real, fake)
        return F.softplus(-_values(critic, real)).mean() + F.softplus(_values(critic, fake)).mean()

    def generator(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return ``-E log D(fake)``, whose gradient does not vanish where the critic is sure."""
        _check_batches(real, fake)
        return F.softplus(-_values(critic, fake)).mean()

    @torch.no_grad()
    def estimate(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return ``log 2 - loss/2``."""
        return math.log(2) - self.critic(critic, real, fake) / 2


@dataclass(frozen=True)
class Hinge(Loss):
    """A margin of 1 on either side of 0."""

    divergence: ClassVar[str] = "TV"

    def critic(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return ``E max(0, 1 - f(real)) + E max(0, 1 + f(fake))``."""
        _check_batches(real, fake)
        return F.relu(1 - _values(critic, real)).mean() + F.relu(1 + _values(critic, fake)).mean()

    def generator(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return ``-E f(fake)``."""
        _check_batches(real, fake)
        return -_values(critic, fake).mean()

    @torch.no_grad()
    def estimate(self, critic: Critic, real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """Return ``1 - loss/2``."""
        return 1 - self.critic(critic, real, fake) / 2


LOSSES: dict[str, type[Loss]] = {
    "wasserstein": Wasserstein,
    "c_transform": CTransform,
    "soft_c_transform": SoftCTransform,
    "transport": ExactTransport,
    "non_saturating": NonSaturating,
    "hinge": Hinge,
}


def make_loss(name: str, epsilon: Number | None = None) -> Loss:
    """Return the loss of that name.

    Args:
        name: one of `LOSSES`.
        epsilon: of "soft_c_transform", and of no other; 0.1 by default.

    Raises:
        ValueError: if there is no such loss, or it takes no ε.
    """
    check_choice("name", name, tuple(LOSSES))
    if epsilon is None:
        return LOSSES[name]()
    if name != "soft_c_transform":
        raise ValueError(f"epsilon: got {epsilon}; expected None for {name!r}")
    return SoftCTransform(epsilon)


def _values(critic: Critic, samples: Tensor) -> Tensor:
    """Return the critic's values, in float32 at least: a mean of bfloat16 is right to two digits."""
    return widened(critic_values(critic, samples))


def _points(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return both as points of one dtype: under autocast what a generator makes is in half precision."""
    dtype = torch.promote_types(real.dtype, fake.dtype)
    return real.flatten(1).to(dtype), fake.flatten(1).to(dtype)


def _check_batches(real: Tensor, fake: Tensor) -> None:
    if real.shape[1:] != fake.shape[1:] or not (real.ndim and len(real) and len(fake)):
        raise ValueError(
            f"real and fake: got the shapes {tuple(real.shape)} and {tuple(fake.shape)}; expected samples of one shape,"
            " at least one of each"
        )
