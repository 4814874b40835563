"""What the measures say of models and of sets whose answer is known."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from sjedu.vmf_vae import VonMisesFisher, kl_to_uniform
from sjedu.vmf_vae.quality import (
    feature_classifier,
    information,
    log_likelihood,
    shuffled_gap,
    spread,
    winding,
)
from sjedu.vmf_vae.vae import VAE, PixelDecoder, PlaneLatent, perceptron


def test_codes_that_never_overlap_carry_log_n_nats():
    torch.manual_seed(0)
    posterior = Independent(Normal(100.0 * torch.arange(50.0)[:, None], 1.0), 1)
    assert information(posterior, posterior.sample()) == pytest.approx(math.log(50), abs=1e-5)


def test_codes_that_are_all_alike_carry_nothing():
    loc = torch.tensor([1.0, 0.0, 0.0]).expand(50, 3)
    posterior = VonMisesFisher(loc, torch.tensor(20.0))
    assert information(posterior, posterior.sample()) == pytest.approx(0, abs=1e-5)


def test_the_information_of_codes_that_fill_the_sphere_is_the_kl():
    torch.manual_seed(0)
    loc = torch.nn.functional.normalize(torch.randn(3000, 3), dim=-1)
    posterior = VonMisesFisher(loc, torch.tensor(20.0))
    # An even aggregated posterior is the prior, so the mismatch is zero, but for the finite number of pictures.
    assert information(posterior, posterior.sample()) == pytest.approx(
        float(kl_to_uniform(3, 20.0)), abs=0.05
    )


def test_the_information_does_not_depend_on_the_size_of_the_pieces(monkeypatch):
    torch.manual_seed(0)
    posterior = Independent(Normal(torch.randn(20, 2), 0.5), 1)
    z = posterior.sample()
    whole = information(posterior, z)
    monkeypatch.setattr("sjedu.vmf_vae.quality.CHUNK", 3 * 40)
    assert information(posterior, z) == pytest.approx(whole, abs=1e-6)


def test_a_sample_for_each_posterior_is_needed():
    posterior = Independent(Normal(torch.zeros(5, 2), 1.0), 1)
    with pytest.raises(ValueError, match=r"got 4 samples for a posterior of batch shape \(5,\)"):
        information(posterior, torch.zeros(4, 2))


def small_model():
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(perceptron([4, 8]), torch.nn.ReLU())
    return VAE(encoder, PlaneLatent(8, 1), PixelDecoder(1, (8,), 4), 1)


def test_importance_sampling_finds_the_likelihood_that_an_integral_gives():
    model = small_model()
    x = torch.tensor([[0.0, 1.0, 1.0, 0.0]])
    z = torch.linspace(-8, 8, 4001)[:, None]
    with torch.no_grad():
        log_joint = -model.decoder(z, x.expand(4001, 4)) + model.prior(x).log_prob(z)
        expected = float(torch.logsumexp(log_joint, dim=0)) + math.log(16 / 4000)
    assert log_likelihood(model, x, 20_000) == pytest.approx(expected, abs=0.02)


def test_the_likelihood_of_more_samples_is_nearer_and_never_worse_than_the_bound():
    model = small_model()
    x = (torch.rand(200, 4) > 0.5).float()
    with torch.no_grad():
        bound = float(sum(model(x)).mean())
    assert -log_likelihood(model, x, 200) <= bound + 0.05


def test_a_decoder_that_ignores_its_code_has_no_gap():
    model = small_model()
    for parameter in model.decoder.net[0].parameters():
        torch.nn.init.zeros_(parameter)
    assert shuffled_gap(model, (torch.rand(50, 4) > 0.5).float()) == 0


def test_the_classifier_learns_and_is_the_same_whatever_was_drawn_before():
    x = torch.rand(300, 8, generator=torch.Generator().manual_seed(0))
    labels = (x[:, 0] > x[:, 1]).long()
    torch.manual_seed(1)
    first = feature_classifier(x, labels, steps=200)
    before = torch.random.get_rng_state()
    second = feature_classifier(x, labels, steps=200)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(first.features(x), second.features(x))
    assert float((first(x).argmax(dim=-1) == labels).float().mean()) > 0.95


def test_the_spread_of_directions():
    even = torch.nn.functional.normalize(torch.randn(20_000, 4), dim=-1)
    assert spread(even) == pytest.approx((1, 1), abs=0.05)
    flat = torch.nn.functional.pad(even[:, :3], (0, 1))
    assert spread(torch.nn.functional.normalize(flat, dim=-1)) == pytest.approx((0, 4 / 3), abs=0.05)


@pytest.mark.parametrize("turns", [-2, -1, 0, 1, 3])
def test_the_winding_counts_turns(turns):
    t = 2 * math.pi * torch.arange(200) / 200
    curve = torch.stack([torch.cos(turns * t), torch.sin(turns * t)], dim=-1)
    assert winding(curve) == pytest.approx(turns, abs=1e-4)
