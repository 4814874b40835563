"""The networks of the experiment, each with its activation as an argument: a plain MLP, and ShuffleNet V2."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sjedu.checks import check_choice
from sjedu.dirac_smoothing.activations import SmoothLeakyReLU, SmoothReLU

MakeActivation: TypeAlias = Callable[[], nn.Module]

Activation: TypeAlias = Literal["relu", "softplus", "softplus_centred", "gaussian", "sau", "gelu", "swish"]

#: The activations of the experiment: a function of the width and of whether the width is learnt.
ACTIVATIONS: dict[str, Callable[[float, bool], nn.Module]] = {
    "relu": lambda width, learn: nn.ReLU(),
    "softplus": lambda width, learn: SmoothReLU(width, "logistic", learnable=learn),
    "softplus_centred": lambda width, learn: SmoothReLU(width, "logistic", learnable=learn, centred=True),
    "gaussian": lambda width, learn: SmoothReLU(width, "gaussian", learnable=learn),
    "sau": lambda width, learn: SmoothLeakyReLU(0.15, width, "gaussian", learnable=learn),
    "gelu": lambda width, learn: SmoothReLU(width, "gelu", learnable=learn),
    "swish": lambda width, learn: SmoothReLU(width, "swish", learnable=learn),
}


def activation(name: str, width: int | float = 1.0, learnable: bool = False) -> MakeActivation:
    """Return a function that makes one activation module after the other.

    Raises:
        ValueError: if there is no such activation.
    """
    check_choice("activation", name, tuple(ACTIVATIONS))
    return lambda: ACTIVATIONS[name](width, learnable)


def mlp(inputs: int, hidden: int, outputs: int, depth: int, make: MakeActivation) -> nn.Sequential:
    """Return a network of `depth` hidden layers; pictures are flattened."""
    sizes = [inputs, *[hidden] * depth]
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), make()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))


class ShuffleBlock(nn.Module):
    """One unit of ShuffleNet V2: half of the channels pass, half are convolved, and the two are shuffled.

    With stride 2 both halves are convolved. Source: Ma et al., arXiv 1807.11164, figure 3 (c) and (d).
    """

    def __init__(self, before: int, after: int, stride: int, make: MakeActivation) -> None:
        super().__init__()
        half = after // 2
        self.stride = stride
        entering = before if stride == 2 else before // 2
        self.right = nn.Sequential(
            _convolution(entering, half, 1),
            make(),
            _convolution(half, half, 3, stride, groups=half),
            _convolution(half, half, 1),
            make(),
        )
        self.left = (
            nn.Sequential(
                _convolution(before, before, 3, 2, groups=before), _convolution(before, half, 1), make()
            )
            if stride == 2
            else nn.Identity()
        )

    def forward(self, x: Float[Tensor, "n channels rows columns"]) -> Float[Tensor, "n after height width"]:
        """Return the block's output."""
        kept, turned = (x, x) if self.stride == 2 else x.chunk(2, dim=1)
        pairs = torch.stack([self.left(kept), self.right(turned)], dim=2)
        return pairs.flatten(1, 2)  # which shuffles: channels of both halves alternate


def shufflenet_v2(
    classes: int, make: MakeActivation, stages: tuple[int, ...] = (244, 488, 976)
) -> nn.Sequential:
    """Return ShuffleNet V2 2.0x for pictures of 32x32: nothing shrinks them before the first stage."""
    layers: list[nn.Module] = [_convolution(3, 24, 3), make()]
    before = 24
    for channels, repeats in zip(stages, (4, 8, 4), strict=True):
        for i in range(repeats):
            layers.append(ShuffleBlock(before, channels, 2 if i == 0 else 1, make))
            before = channels
    last = 2 * before + 96  # 2048 for the widths of 2.0x
    layers += [_convolution(before, last, 1), make(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(last, classes))


def _convolution(before: int, after: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after))


@torch.no_grad()
def varying_share(model: nn.Sequential, x: Float[Tensor, "n ..."]) -> list[float]:
    """Return, after each activation, which share of its mean square differs between the examples.

    ``E‖h - E h‖² / E‖h‖²``, over the examples x: 1 for activations that vary around zero, near 0 for activations that
    hardly vary around a mean that has moved away from it.
    """
    shares = []
    for layer in model:
        x = layer(x)
        if not isinstance(layer, nn.Flatten | nn.Linear):
            varying = (x - x.mean(dim=0)).square().sum(dim=1).mean()
            shares.append(float(varying / x.square().sum(dim=1).mean()))
    return shares
