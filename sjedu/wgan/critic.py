"""Critics and generators: perceptrons for points, and convolutional networks for pictures.

A critic gives one number a sample, without a bound on it; whatever holds its slope down comes from
`sjedu.wgan.constraints`. It has no batch normalisation, under which a sample's value would depend on the others and the
gradient penalty would mean nothing. A generator's pictures have values in [0, 1].

DCGAN: Radford, Metz and Chintala, arXiv 1511.06434, in the form of Arjovsky et al., arXiv 1701.07875. Residual
networks: Gulrajani et al., arXiv 1704.00028, appendix F.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sjedu.checks import check_choice, check_count

#: How often a map of 4x4 cells doubles to become a picture of this side; 28 is framed to, or cut from, 32.
_DOUBLINGS = {28: 3, 32: 3, 64: 4}
_SEED = 4


class Values(nn.Module):
    """One number a sample: runs a body that ends with one output, and drops that axis."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Float[Tensor, " batch"]:
        """Return the critic's value of each sample."""
        values: Tensor = self.body(x)
        return values.flatten()


# ---------------------------------------------------------------- perceptrons


def mlp_critic(dim: int, hidden: Sequence[int] = (128, 128), slope: float = 0.2) -> nn.Module:
    """Return a perceptron critic of points with ``dim`` coordinates; pictures are flattened.

    Args:
        dim: of a sample, flattened.
        hidden: widths of the hidden layers.
        slope: of the leaky ReLU between layers for negative numbers; 0 … 1, so that it stretches nothing.

    Raises:
        ValueError: if the slope is not in 0 … 1.
    """
    if not 0 <= slope <= 1:
        raise ValueError(f"slope: got {slope}; expected a number from 0 to 1")
    _check_sizes(dim=dim, **{f"hidden[{i}]": width for i, width in enumerate(hidden)})
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise((dim, *hidden)):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(slope)]
    return Values(nn.Sequential(*layers, nn.Linear((dim, *hidden)[-1], 1)))


def mlp_generator(latent: int, hidden: Sequence[int], dim: int, *, squash: bool = False) -> nn.Module:
    """Return a perceptron that makes points of ``dim`` coordinates from ``latent`` random numbers.

    Args:
        latent: how many random numbers a sample is made from.
        hidden: widths of the hidden layers.
        dim: of a sample.
        squash: end with a sigmoid, for pixels in [0, 1].
    """
    _check_sizes(latent=latent, dim=dim, **{f"hidden[{i}]": width for i, width in enumerate(hidden)})
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((latent, *hidden)):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    layers.append(nn.Linear((latent, *hidden)[-1], dim))
    return nn.Sequential(*layers, *([nn.Sigmoid()] if squash else []))


# ---------------------------------------------------------------- DCGAN


def dcgan_critic(channels: int, side: int, width: int = 64) -> nn.Module:
    """Return a critic of square pictures: strided convolutions that halve the side down to 4, without normalisation.

    Args:
        channels: of a picture.
        side: 28, 32 or 64 pixels; 28 is framed with black to 32.
        width: channels after the first convolution; doubled with each halving.
    """
    doublings = _doublings(channels, side, width)
    layers: list[nn.Module] = [Frame(side)]
    widths = [channels, *(width * 2**i for i in range(doublings))]
    for inputs, outputs in pairwise(widths):
        layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
    return Values(nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, _SEED)))


def dcgan_generator(latent: int, channels: int, side: int, width: int = 64) -> nn.Module:
    """Return a generator of square pictures in [0, 1]: transposed convolutions with batch normalisation.

    Args:
        latent: how many random numbers a picture is made from.
        channels: of a picture.
        side: 28, 32 or 64 pixels; 28 is cut from 32.
        width: channels before the last convolution; doubled with each halving towards the input.
    """
    doublings = _doublings(channels, side, width, latent=latent)
    widths = [width * 2**i for i in reversed(range(doublings))]
    layers: list[nn.Module] = [
        nn.Unflatten(1, (latent, 1, 1)),
        nn.ConvTranspose2d(latent, widths[0], _SEED, bias=False),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(),
    ]
    for inputs, outputs in pairwise(widths):
        layers += [
            nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    last = nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1)
    return nn.Sequential(*layers, last, nn.Sigmoid(), Cut(side))


# ---------------------------------------------------------------- residual networks


def resnet_critic(channels: int, side: int, width: int = 128) -> nn.Module:
    """Return a residual critic of square pictures, without normalisation; sizes as for `dcgan_critic`.

    Blocks halve the side down to 8 and two more keep it; the value is a linear function of the mean over all places.
    All layers have ``width`` channels. Adding a branch to its shortcut adds their Lipschitz constants, so spectral
    normalisation of the layers bounds each block by 2, not by 1.
    """
    doublings = _doublings(channels, side, width)
    blocks = [ResidualBlock(width, width, "down") for _ in range(doublings - 2)]
    return Values(
        nn.Sequential(
            Frame(side),
            ResidualBlock(channels, width, "down", first=True),
            *blocks,
            ResidualBlock(width, width),
            ResidualBlock(width, width),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 1),
        )
    )


def resnet_generator(latent: int, channels: int, side: int, width: int = 128) -> nn.Module:
    """Return a residual generator of square pictures in [0, 1]; sizes as for `dcgan_generator`."""
    doublings = _doublings(channels, side, width, latent=latent)
    blocks = [ResidualBlock(width, width, "up", normalise=True) for _ in range(doublings)]
    return nn.Sequential(
        nn.Linear(latent, width * _SEED**2),
        nn.Unflatten(1, (width, _SEED, _SEED)),
        *blocks,
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, channels, 3, padding=1),
        nn.Sigmoid(),
        Cut(side),
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; both halve or double the side of the map, or keep it.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        resample: "down" halves, "up" doubles, "" keeps the side.
        normalise: put batch normalisation before each activation (generators only).
        first: leave the activation of the raw picture out.
    """

    def __init__(
        self, inputs: int, outputs: int, resample: str = "", *, normalise: bool = False, first: bool = False
    ) -> None:
        super().__init__()
        self.resample = resample
        self.before = nn.Identity() if first else _activation(inputs, normalise)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.between = _activation(outputs, normalise)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        same = inputs == outputs and not resample
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Float[Tensor, "batch inputs h w"]) -> Float[Tensor, "batch outputs h2 w2"]:
        """Return shortcut plus branch."""
        branch = self.before(x)
        if self.resample == "up":
            branch, x = (F.interpolate(t, scale_factor=2, mode="nearest") for t in (branch, x))
        branch = self.conv2(self.between(self.conv1(branch)))
        total: Tensor = self.shortcut(x) + branch
        return F.avg_pool2d(total, 2) if self.resample == "down" else total


def _activation(channels: int, normalise: bool) -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU()) if normalise else nn.ReLU()


# ---------------------------------------------------------------- sizes


class Frame(nn.Module):
    """Frame pictures of 28 pixels with black to 32, and demand the side that the critic was made for."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """Return the picture, framed if need be; a ValueError says so if its side is not the critic's."""
        if x.shape[-2:] != (self.side, self.side):
            raise ValueError(
                f"x: got pictures of {tuple(x.shape[-2:])} pixels; expected {self.side}x{self.side} for this critic"
            )
        return F.pad(x, (2, 2, 2, 2)) if self.side == 28 else x


class Cut(nn.Module):
    """Cut the middle 28 pixels out of 32 where the pictures have that side."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """Return the picture, cut if need be."""
        return x[..., 2:-2, 2:-2] if self.side == 28 else x


def _doublings(channels: int, side: int, width: int, **others: int) -> int:
    _check_sizes(channels=channels, width=width, **others)
    check_choice("side", side, tuple(_DOUBLINGS))
    return _DOUBLINGS[side]


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        check_count(name, size)
