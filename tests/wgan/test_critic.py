"""Critics give one number a sample, each by itself; generators give pictures in [0, 1]."""

import pytest
import torch
from torch import nn

from sjedu.wgan import (
    GradientPenalty,
    dcgan_critic,
    dcgan_generator,
    mlp_critic,
    mlp_generator,
    resnet_critic,
    resnet_generator,
)
from sjedu.wgan.critic import ResidualBlock

PICTURES = [(dcgan_critic, dcgan_generator), (resnet_critic, resnet_generator)]


def test_perceptrons_have_the_widths_asked_for():
    critic = mlp_critic(5, (7, 9))
    assert [m.weight.shape for m in critic.modules() if isinstance(m, nn.Linear)] == [(7, 5), (9, 7), (1, 9)]
    generator = mlp_generator(3, (4,), 2)
    assert [m.weight.shape for m in generator.modules() if isinstance(m, nn.Linear)] == [(4, 3), (2, 4)]
    assert mlp_critic(5, ())(torch.zeros(2, 5)).shape == (2,)


def test_a_critic_of_pictures_flattens_them():
    critic, pictures = mlp_critic(12, (8,)), torch.randn(3, 1, 3, 4)
    assert critic(pictures).shape == (3,)
    assert torch.equal(critic(pictures), critic(pictures.flatten(1)))
    assert critic(pictures[:1]).shape == (1,)


def test_a_generator_of_pixels_stays_within_them():
    z = 100 * torch.randn(50, 4)
    pixels = mlp_generator(4, (8,), 6, squash=True)(z)
    assert 0 <= pixels.min() < pixels.max() <= 1
    assert mlp_generator(4, (8,), 6)(z).abs().max() > 1


@pytest.mark.parametrize("side", [28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("make_critic", "make_generator"), PICTURES)
def test_pictures_have_the_shape_asked_for_and_gradients_flow_back(
    make_critic, make_generator, channels, side
):
    torch.manual_seed(0)
    generator, critic = make_generator(6, channels, side, 8), make_critic(channels, side, 8)
    z = torch.randn(2, 6, requires_grad=True)
    pictures = generator(z)
    assert pictures.shape == (2, channels, side, side)
    assert 0 <= pictures.min() < pictures.max() <= 1
    values = critic(pictures)
    assert values.shape == (2,)
    values.sum().backward()
    assert z.grad.abs().max() > 0


@pytest.mark.parametrize("make_critic", [dcgan_critic, resnet_critic])
def test_a_samples_value_does_not_depend_on_the_others(make_critic):
    critic, pictures = make_critic(1, 28, 4), torch.rand(4, 1, 28, 28)
    alone = torch.cat([critic(picture[None]) for picture in pictures])
    assert torch.allclose(critic(pictures), alone, atol=1e-6)
    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in critic.modules())


@pytest.mark.parametrize("make_critic", [dcgan_critic, resnet_critic])
def test_penalties_differentiate_twice_in_half_precision(make_critic):
    torch.manual_seed(0)
    critic, pictures = make_critic(3, 32, 8), torch.rand(8, 3, 32, 32)
    penalty, found = GradientPenalty(where="real"), []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            value = penalty.penalty(critic, pictures, pictures)
        gradients = torch.autograd.grad(value, list(critic.parameters()), allow_unused=True)
        found.append(torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]))
    assert torch.isfinite(found[1]).all()
    assert torch.nn.functional.cosine_similarity(*found, dim=0) > 0.98


def test_the_residual_critic_of_small_pictures_is_the_paper_s():
    kinds = [m.resample for m in resnet_critic(3, 32, 4).modules() if isinstance(m, ResidualBlock)]
    assert kinds == ["down", "down", "", ""]
    kinds = [m.resample for m in resnet_critic(3, 64, 4).modules() if isinstance(m, ResidualBlock)]
    assert kinds == ["down", "down", "down", "", ""]


@pytest.mark.parametrize("make_critic", [dcgan_critic, resnet_critic])
def test_critics_refuse_pictures_of_another_side(make_critic):
    with pytest.raises(ValueError, match=r"x: got pictures of \(28, 28\) pixels; expected 32x32"):
        make_critic(1, 32, 4)(torch.rand(2, 1, 28, 28))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mlp_critic(0), "dim: got 0"),
        (lambda: mlp_critic(2, (3, 0)), r"hidden\[1\]: got 0"),
        (lambda: mlp_critic(2, slope=1.5), "slope: got 1.5"),
        (lambda: mlp_generator(0, (3,), 2), "latent: got 0"),
        (lambda: mlp_generator(2, (3,), 0), "dim: got 0"),
        (lambda: dcgan_critic(1, 30, 4), "side: got 30; expected one of 28, 32, 64"),
        (lambda: dcgan_critic(0, 32, 4), "channels: got 0"),
        (lambda: dcgan_generator(0, 1, 32, 4), "latent: got 0"),
        (lambda: resnet_critic(1, 32, 0), "width: got 0"),
        (lambda: resnet_generator(2, 1, 48, 4), "side: got 48"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
