"""What a trained model is worth: bound, likelihood, information in the code, prior samples.

Everything here draws from the global generator of PyTorch and takes no gradients.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.distributions import Distribution

from sjedu.vmf_vae.vae import VAE, perceptron

CHUNK = 2**22  # numbers in the largest intermediate result


@torch.no_grad()
def information(posterior: Distribution, z: Float[Tensor, "n dim"]) -> float:
    """Estimate I(x; z) in nats for n equally likely pictures, from one sample of each posterior.

    I = E[log p(z|x) - log (1/n) Σ_x' p(z|x')]; it is at most log n and at most the mean KL.

    Args:
        posterior: n distributions, batch shape (n,).
        z: a sample of each.

    Raises:
        ValueError: if there is not one sample for each distribution.
    """
    n = len(z)
    if posterior.batch_shape != (n,):
        shape = tuple(posterior.batch_shape)
        raise ValueError(f"z: got {n} samples for a posterior of batch shape {shape}; expected one for each")
    rows = max(1, CHUNK // z.numel())
    total = 0.0
    for start in range(0, n, rows):
        logs = posterior.log_prob(z[start : start + rows, None])
        own = logs.diagonal(start)[: len(logs)]
        total += float((own - torch.logsumexp(logs, dim=-1) + math.log(n)).double().sum())
    return total / n


@torch.no_grad()
def shuffled_gap(model: VAE, x: Float[Tensor, "n pixels"]) -> float:
    """Return by how many nats the reconstruction gets worse when every picture is given another's code."""
    z = model.posterior(x).sample()
    return float((model.decoder(z.roll(1, dims=0), x) - model.decoder(z, x)).mean())


@torch.no_grad()
def log_likelihood(model: VAE, x: Float[Tensor, "n pixels"], samples: int) -> float:
    """Estimate the mean log q(x) by importance sampling: log 1/K Σ q(x|z) q(z) / p(z|x), z from p(z|x).

    In expectation a lower bound of log q(x), the nearer the more samples; provided that z has the law that
    p(z|x) says it has.

    Args:
        model: with a latent.
        x: pictures of 0 and 1.
        samples: K.
    """
    posterior, prior = model.posterior(x), model.prior(x)
    z = posterior.sample((samples,))
    loss = model.decoder(z.flatten(0, 1), x.repeat(samples, 1)).view(samples, -1)
    weights = prior.log_prob(z) - posterior.log_prob(z) - loss
    return float((torch.logsumexp(weights, dim=0) - math.log(samples)).mean())


# ---------------------------------------------------------------- prior samples


class FeatureClassifier(nn.Module):
    """A perceptron pixels-64-classes; its 64 hidden units are the features of the Fréchet distance."""

    def __init__(self, pixels: int, classes: int) -> None:
        super().__init__()
        self.net = perceptron([pixels, 64, classes])

    def forward(self, x: Float[Tensor, "n pixels"]) -> Float[Tensor, "n classes"]:
        """Return logits."""
        logits: Tensor = self.net(x)
        return logits

    @torch.no_grad()
    def features(self, x: Float[Tensor, "n pixels"]) -> Float[Tensor, "n 64"]:
        """Return the hidden units."""
        hidden: Tensor = self.net[:2](x)
        return hidden


def feature_classifier(
    x: Float[Tensor, "n pixels"], labels: Int64[Tensor, " n"], steps: int = 600
) -> FeatureClassifier:
    """Train the classifier whose features judge prior samples: always with seed 0, so that all runs share it."""
    devices = [x.device] if x.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(0)
        model = FeatureClassifier(x.shape[1], int(labels.max()) + 1).to(x.device)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        with torch.enable_grad():
            for _ in range(steps):
                rows = torch.randint(len(x), (min(len(x), 256),))
                F.cross_entropy(model(x[rows]), labels[rows]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                optimizer.zero_grad()
    return model


# ---------------------------------------------------------------- the shape of the code


@torch.no_grad()
def spread(loc: Float[Tensor, "n dim"]) -> tuple[float, float]:
    """Return the least and the largest eigenvalue of dim · E[μμᵀ]: both 1 if the directions fill the sphere evenly.

    A least eigenvalue of 0 says that the codes keep to a smaller sphere.
    """
    values = torch.linalg.eigvalsh(loc.shape[1] * loc.double().T @ loc.double() / len(loc))
    return float(values[0].clamp(min=0)), float(values[-1])


def winding(codes: Float[Tensor, "n 2"]) -> float:
    """Return how often a closed curve of codes goes around the origin: ±1 if a circle became a circle."""
    angles = torch.atan2(codes[:, 1], codes[:, 0])
    turns = torch.diff(angles, append=angles[:1])
    return float(torch.remainder(turns + math.pi, 2 * math.pi).sub(math.pi).sum() / (2 * math.pi))
