"""Variational autoencoders with a latent code on the sphere, in the plane, or with none at all.

A model is an encoder, a latent and a decoder::

    h = encoder(x)              a multilayer perceptron, or what else gives a vector
    p(z|x) = latent(h)          von Mises-Fisher on the sphere, or a normal distribution
    -log q(x|z) = decoder(z, x) pixels that are independent given z, or an autoregressive model of them

with the names of the article: the encoder is p(z|x), the prior q(z), the decoder q(x|z). Every part can be
replaced alone, which is what the experiment does.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, kl_divergence

from sjedu.checks import check_choice, check_count, check_not_negative
from sjedu.vmf_vae.distribution import HypersphericalUniform, VonMisesFisher
from sjedu.vmf_vae.public_code import PublicCodeVonMisesFisher

CodeAt: TypeAlias = Literal["start", "every step"]
Sampler: TypeAlias = Literal["exact", "public code"]


class Outcome(NamedTuple):
    """What a model says about a batch of pictures, in nats for each picture.

    Attributes:
        reconstruction: -log q(x|z) for one sample z of p(z|x).
        kl: KL(p(z|x) ‖ q(z)), exact.
    """

    reconstruction: Float[Tensor, " batch"]
    kl: Float[Tensor, " batch"]


# ---------------------------------------------------------------- latents: from a vector to p(z|x)


def check_kappas(concentration: float | None, floor: float, start: float | None, prefix: str = "") -> None:
    """Refuse a negative κ, be it fixed, the least or the first that is learned, and a start that is not above floor.

    Raises:
        ValueError: start is not above floor; names it, with the prefix.
    """
    if concentration is not None:
        check_not_negative("concentration", concentration)
    check_not_negative(f"{prefix}floor", floor)
    if start is not None:
        check_not_negative(f"{prefix}start", start)
        if start <= floor:
            raise ValueError(f"{prefix}start: got {start}; expected more than {prefix}floor, {floor}")


class SphereLatent(nn.Module):
    """p(z|x) = vMF(μ(x), κ) on the sphere S^(dim-1) in R^dim; the prior is uniform (article, section vMF-VAE).

    Args:
        width: of the vector that the encoder gives.
        dim: of the ambient space: dim = 3 is the ordinary sphere.
        concentration: κ, alike for all pictures, as in the article; None: learned, κ(x) = floor + softplus(·).
        floor: the smallest κ that can be learned; Davidson et al.'s code has 1.
        start: the κ at which learning begins; None: where the weights happen to start.
        sampler: "exact", or "public code" with that code's flaws (see `public_code`).
    """

    def __init__(
        self,
        width: int,
        dim: int,
        concentration: float | None = 20.0,
        *,
        floor: float = 0.0,
        start: float | None = None,
        sampler: Sampler = "exact",
    ) -> None:
        super().__init__()
        check_count("dim", dim, least=2)
        check_kappas(concentration, floor, start)
        check_choice("sampler", sampler, get_args(Sampler))
        self.dim, self.fixed, self.floor, self.sampler = dim, concentration, floor, sampler
        self.direction = nn.Linear(width, dim)
        if concentration is None:
            self.sharpness = nn.Linear(width, 1)
            if start is not None:
                nn.init.zeros_(self.sharpness.weight)
                above = start - floor  # softplus of what is above
                nn.init.constant_(self.sharpness.bias, above + math.log(-math.expm1(-above)))

    def forward(self, h: Float[Tensor, "batch width"]) -> VonMisesFisher:
        """Return p(z|x)."""
        # In float32 whatever the autocast: a direction in bf16 is off the sphere by half a percent.
        loc = unit(self.direction(h).float())
        if self.fixed is None:
            concentration = self.floor + F.softplus(self.sharpness(h).float()).squeeze(-1)
        else:
            concentration = loc.new_tensor(self.fixed)
        kind = VonMisesFisher if self.sampler == "exact" else PublicCodeVonMisesFisher
        return kind(loc, concentration, validate_args=False)

    def prior(self, like: Tensor) -> HypersphericalUniform:
        """Return q(z), with dtype and device of a tensor."""
        return HypersphericalUniform(self.dim, dtype=like.dtype, device=like.device)


class PlaneLatent(nn.Module):
    """p(z|x) = N(m(x), diag s(x)²) in R^dim; the prior is standard normal: the usual VAE."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        check_count("dim", dim)
        self.dim = dim
        self.mean = nn.Linear(width, dim)
        self.log_variance = nn.Linear(width, dim)

    def forward(self, h: Float[Tensor, "batch width"]) -> Distribution:
        """Return p(z|x)."""
        scale = torch.exp(self.log_variance(h).float() / 2)
        return Independent(Normal(self.mean(h).float(), scale, validate_args=False), 1)

    def prior(self, like: Tensor) -> Distribution:
        """Return q(z), with dtype and device of a tensor."""
        zeros = like.new_zeros(self.dim)
        return Independent(Normal(zeros, torch.ones_like(zeros)), 1)


def unit(v: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
    """Return v / ‖v‖, and e1 where v is 0 to rounding: `F.normalize` would leave it inside the sphere."""
    e1 = F.pad(v.new_ones(1), (0, v.shape[-1] - 1))
    lost = torch.linalg.vector_norm(v.detach(), dim=-1, keepdim=True) < 1e-12
    return torch.where(lost, e1, F.normalize(v, dim=-1))


Latent: TypeAlias = SphereLatent | PlaneLatent


# ---------------------------------------------------------------- decoders: from z to -log q(x|z)


def perceptron(sizes: Sequence[int]) -> nn.Sequential:
    """Return linear layers of these sizes with a ReLU after each but the last."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def bernoulli_loss(
    logits: Float[Tensor, "batch pixels"], x: Float[Tensor, "batch pixels"]
) -> Float[Tensor, " batch"]:
    """Return the cross-entropy of pixels in [0, 1], summed over the picture.

    For pixels of 0 and 1 this is -log q(x|z). For grey ones, as in the article, it is a loss whose least value
    is not zero but the entropy of the grey levels.
    """
    return F.binary_cross_entropy_with_logits(logits.float(), x, reduction="none").sum(dim=-1)


class PixelDecoder(nn.Module):
    """Pixels that are independent given z: logits by a multilayer perceptron."""

    def __init__(self, dim: int, hidden: Sequence[int], pixels: int) -> None:
        super().__init__()
        self.net = perceptron([dim, *hidden, pixels])

    def logits(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch pixels"]:
        """Return the logit of each pixel."""
        logits: Tensor = self.net(z)
        return logits

    def forward(
        self, z: Float[Tensor, "batch dim"], x: Float[Tensor, "batch pixels"]
    ) -> Float[Tensor, " batch"]:
        """Return -log q(x|z)."""
        return bernoulli_loss(self.logits(z), x)


class PointDecoder(nn.Module):
    """Real numbers with independent normal noise of a known scale around what a perceptron makes of z."""

    def __init__(self, dim: int, hidden: Sequence[int], pixels: int, scale: float) -> None:
        super().__init__()
        self.net, self.scale = perceptron([dim, *hidden, pixels]), scale

    def forward(
        self, z: Float[Tensor, "batch dim"], x: Float[Tensor, "batch pixels"]
    ) -> Float[Tensor, " batch"]:
        """Return -log q(x|z) up to a constant: ‖x - f(z)‖² / (2 scale²)."""
        loss: Tensor = ((x - self.net(z)) / self.scale).square().sum(dim=-1) / 2
        return loss


class AutoregressiveDecoder(nn.Module):
    """log q(x|z) = Σ log q(x_t | x_1, ..., x_(t-1), z), pixel by pixel in the order of reading, by a GRU.

    It can model the pictures without z, so nothing forces it to listen to z: the setting of the article's
    first section.

    Args:
        dim: of z.
        hidden: width of the GRU.
        code_at: whether z only sets the state that the GRU begins with, or is also an input at every step.
    """

    def __init__(self, dim: int, hidden: int, code_at: CodeAt = "start") -> None:
        super().__init__()
        check_choice("code_at", code_at, get_args(CodeAt))
        self.code_at = code_at
        self.start = nn.Linear(dim, hidden)
        self.gru = nn.GRU(1 + (dim if code_at == "every step" else 0), hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(
        self, z: Float[Tensor, "batch dim"], x: Float[Tensor, "batch pixels"]
    ) -> Float[Tensor, " batch"]:
        """Return -log q(x|z); the true pixels before a pixel are its input (teacher forcing)."""
        before = F.pad(x[:, :-1], (1, 0))[..., None]
        if self.code_at == "every step":
            before = torch.cat([before, z[:, None].expand(-1, x.shape[1], -1)], dim=-1)
        states, _ = self.gru(before, torch.tanh(self.start(z))[None])
        return bernoulli_loss(self.out(states).squeeze(-1), x)

    @torch.no_grad()
    def sample(self, z: Float[Tensor, "batch dim"], pixels: int) -> Float[Tensor, "batch pixels"]:
        """Draw pictures, one pixel after the other."""
        state, pixel, drawn = torch.tanh(self.start(z))[None], z.new_zeros(len(z), 1), []
        for _ in range(pixels):
            inputs = torch.cat([pixel, z], dim=-1) if self.code_at == "every step" else pixel
            output, state = self.gru(inputs[:, None], state)
            pixel = torch.bernoulli(torch.sigmoid(self.out(output[:, 0])))
            drawn.append(pixel)
        return torch.cat(drawn, dim=-1)


Decoder: TypeAlias = PixelDecoder | PointDecoder | AutoregressiveDecoder


# ---------------------------------------------------------------- the model


class VAE(nn.Module):
    """Encoder, latent and decoder together; without a latent the decoder is a model of x alone.

    Args:
        encoder: from pictures (batch, pixels) to vectors.
        latent: from vectors to p(z|x); None: the decoder gets z = 0.
        decoder: from z to -log q(x|z).
        dim: of z.
    """

    def __init__(self, encoder: nn.Module, latent: Latent | None, decoder: Decoder, dim: int) -> None:
        super().__init__()
        self.encoder, self.latent, self.decoder, self.dim = encoder, latent, decoder, dim

    def posterior(self, x: Float[Tensor, "batch pixels"]) -> Distribution:
        """Return p(z|x), one distribution for each picture.

        Raises:
            ValueError: if the model has no latent.
        """
        if self.latent is None:
            raise ValueError("latent: got None; expected one, for a model without it has no posterior")
        posterior: Distribution = self.latent(self.encoder(x))
        return posterior

    def prior(self, like: Tensor) -> Distribution:
        """Return q(z), with dtype and device of a tensor.

        Raises:
            ValueError: if the model has no latent.
        """
        if self.latent is None:
            raise ValueError("latent: got None; expected one, for a model without it has no prior")
        return self.latent.prior(like)

    def forward(self, x: Float[Tensor, "batch pixels"]) -> Outcome:
        """Return the two terms of the loss for each picture, with one sample of z."""
        if self.latent is None:
            return Outcome(self.decoder(x.new_zeros(len(x), self.dim), x), x.new_zeros(len(x)))
        posterior = self.posterior(x)
        kl = kl_divergence(posterior, self.prior(x))
        return Outcome(self.decoder(posterior.rsample(), x), kl.expand(len(x)))
