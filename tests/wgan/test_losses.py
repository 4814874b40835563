"""Losses on critics whose values are known, and on the best critics there are."""

import math

import pytest
import torch

from sjedu.wgan import (
    CTransform,
    ExactTransport,
    Hinge,
    NonSaturating,
    SoftCTransform,
    Wasserstein,
    kantorovich_potential,
    make_loss,
    mcshane,
    mlp_critic,
    theory,
    wasserstein_1,
)
from sjedu.wgan.losses import LOSSES


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


REAL, FAKE = normal(12, 3), normal(12, 3, seed=1) + 1
BATCH_DISTANCE = wasserstein_1(REAL, FAKE).value


def first(x):
    return x.flatten(1)[:, 0]


def zero(x):
    return 0 * first(x)


def optimal(x):
    """A 1-Lipschitz critic that reaches the batch's distance."""
    values = torch.from_numpy(kantorovich_potential(REAL, FAKE)[0])
    # The potential of the real points, extended from below: the largest h with these values.
    return -mcshane(REAL, -values, x)


def seeded_critic(seed=0):
    torch.manual_seed(seed)
    return mlp_critic(3, (16,)).double()


# ---------------------------------------------------------------- the Wasserstein losses


def test_wasserstein_signs():
    loss = Wasserstein()
    gap = (first(REAL).mean() - first(FAKE).mean()).item()
    assert loss.critic(first, REAL, FAKE).item() == pytest.approx(-gap)
    assert loss.estimate(first, REAL, FAKE).item() == pytest.approx(gap)
    assert loss.generator(first, REAL, FAKE).item() == pytest.approx(-first(FAKE).mean().item())


@pytest.mark.parametrize("name", ["wasserstein", "c_transform"])
def test_the_optimal_critic_says_the_distance(name):
    assert make_loss(name).estimate(optimal, REAL, FAKE).item() == pytest.approx(BATCH_DISTANCE, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [0.1, 1, 100])
def test_the_c_transform_never_exceeds_the_distance(seed, scale):
    critic = seeded_critic(seed)
    assert CTransform().estimate(lambda x: scale * critic(x), REAL, FAKE).item() <= BATCH_DISTANCE + 1e-9


def test_the_c_transform_of_zero_is_the_nearest_real_point():
    wanted = torch.cdist(FAKE, REAL).min(dim=1).values.mean()
    assert CTransform().estimate(zero, REAL, FAKE).item() == pytest.approx(wanted.item())


def test_the_c_transform_pulls_each_fake_point_to_one_real_point():
    fake = FAKE.clone().requires_grad_()
    CTransform().generator(zero, REAL, fake).backward()
    nearest = REAL[torch.cdist(FAKE, REAL).argmin(dim=1)]
    direction = torch.nn.functional.normalize(FAKE - nearest, dim=1)
    assert torch.allclose(fake.grad, direction / len(FAKE))


def test_the_soft_transform_reaches_entropic_transport():
    uniform = [1 / 12] * 12
    best = theory.entropic(torch.cdist(REAL, FAKE).numpy(), 0.5, uniform, uniform)
    potential = torch.from_numpy(best.f)
    found = SoftCTransform(0.5).estimate(lambda x: potential, REAL, FAKE)
    assert found.item() == pytest.approx(best.value, abs=1e-9)
    assert best.value > BATCH_DISTANCE
    # Any other critic stays below.
    assert SoftCTransform(0.5).estimate(seeded_critic(), REAL, FAKE).item() < best.value


def test_exact_transport_is_the_distance_with_or_without_a_critic():
    loss = ExactTransport()
    assert not loss.needs_critic
    assert loss.generator(zero, REAL, FAKE).item() == pytest.approx(BATCH_DISTANCE)
    assert loss.estimate(first, REAL, FAKE).item() == pytest.approx(BATCH_DISTANCE)


@pytest.mark.parametrize("name", ["c_transform", "soft_c_transform", "transport"])
def test_pictures_are_points(name):
    loss, pictures = make_loss(name), (REAL.reshape(12, 1, 3, 1), FAKE.reshape(12, 1, 3, 1))
    assert loss.estimate(first, *pictures).item() == pytest.approx(loss.estimate(first, REAL, FAKE).item())


# ---------------------------------------------------------------- the others


def test_non_saturating_is_cross_entropy():
    f, labels = torch.cat([first(REAL), first(FAKE)]), torch.cat([torch.ones(12), torch.zeros(12)]).double()
    wanted = 2 * torch.nn.functional.binary_cross_entropy_with_logits(f, labels)
    assert NonSaturating().critic(first, REAL, FAKE).item() == pytest.approx(wanted.item())
    generator = torch.nn.functional.binary_cross_entropy_with_logits(first(FAKE), torch.ones(12).double())
    assert NonSaturating().generator(first, REAL, FAKE).item() == pytest.approx(generator.item())


#: Real: 0 with 3/4, 1 with 1/4; fake: 0 with 1/4, 1 with 3/4.
LETTERS = torch.tensor([[0.0], [0], [0], [1]]), torch.tensor([[0.0], [1], [1], [1]])
SHARES = [0.75, 0.25], [0.25, 0.75]


def test_the_best_discriminator_says_the_jensen_shannon_divergence():
    best = NonSaturating().estimate(lambda x: math.log(3) * (1 - 2 * x.flatten()), *LETTERS).item()
    assert best == pytest.approx(theory.f_divergence("Jensen-Shannon", *SHARES))
    assert NonSaturating().estimate(lambda x: 1 - 2 * x.flatten(), *LETTERS).item() < best


def test_the_best_hinge_critic_says_the_total_variation():
    best = Hinge().estimate(lambda x: 1 - 2 * x.flatten(), *LETTERS).item()
    assert best == pytest.approx(theory.f_divergence("total variation", *SHARES))
    for factor in (0.5, 2.0):
        assert Hinge().estimate(lambda x, s=factor: s * (1 - 2 * x.flatten()), *LETTERS).item() < best


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_trains_critic_and_generator(name):
    loss, critic, fake = make_loss(name), seeded_critic(), FAKE.clone().requires_grad_()
    if loss.needs_critic:
        loss.critic(critic, REAL, FAKE).backward()
        assert critic.body[1].weight.grad.abs().max() > 0
    loss.generator(critic, REAL, fake).backward()
    assert fake.grad.abs().max() > 0
    assert not loss.estimate(critic, REAL, fake).requires_grad


@pytest.mark.parametrize(
    "name", sorted(set(LOSSES) - {"soft_c_transform"})
)  # entropic transport of equals is not 0
def test_equal_batches_are_at_no_distance(name):
    assert make_loss(name).estimate(zero, REAL, REAL).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_is_averaged_in_float32(name):
    real, fake, critic = REAL.float(), FAKE.float(), seeded_critic().float()
    wanted = make_loss(name).estimate(critic, real, fake)
    with torch.autocast("cpu", torch.bfloat16):
        assert critic(real).dtype == torch.bfloat16
        found = make_loss(name).estimate(critic, real, fake.bfloat16())
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(wanted.item(), abs=0.02)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("real", "fake"), [(REAL, FAKE[:, :2]), (REAL[:0], FAKE), (REAL, FAKE[:0])])
def test_batches_that_do_not_fit_are_refused(name, real, fake):
    loss = make_loss(name)
    for part in (loss.critic, loss.generator):
        with pytest.raises(ValueError, match="real and fake: got the shapes"):
            part(first, real, fake)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"transport"}))
def test_critics_must_give_one_number_a_sample(name):
    message = r"critic: got values of the shape \(12, 2\) for 12 samples; expected one number each"
    with pytest.raises(ValueError, match=message):
        make_loss(name).critic(lambda x: x[:, :2], REAL, FAKE)
    column = make_loss(name).critic(lambda x: first(x)[:, None], REAL, FAKE)
    assert torch.equal(column, make_loss(name).critic(first, REAL, FAKE))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_loss("wgan"), "name: got 'wgan'; expected one of 'wasserstein'"),
        (lambda: make_loss("hinge", 0.1), "epsilon: got 0.1; expected None for 'hinge'"),
        (lambda: make_loss("soft_c_transform", 0.0), "epsilon: got 0.0"),
        (lambda: SoftCTransform(-1.0), "epsilon: got -1.0"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_names_make_what_they_say():
    assert make_loss("soft_c_transform", 0.3) == SoftCTransform(0.3)
    assert make_loss("soft_c_transform") == SoftCTransform()
    assert make_loss("wasserstein") == Wasserstein()
