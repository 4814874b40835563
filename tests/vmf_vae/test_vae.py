"""The models: shapes, the two terms of the loss, and decoders that do as they say."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import kl_divergence

from sjedu.vmf_vae import HypersphericalUniform, VonMisesFisher, kl_to_uniform
from sjedu.vmf_vae.public_code import (
    PublicCodeVonMisesFisher,
    proposal_parameter,
    rejection_cosine,
)
from sjedu.vmf_vae.theory import exact, naive_gradient, wood_parameters
from sjedu.vmf_vae.vae import (
    VAE,
    AutoregressiveDecoder,
    PixelDecoder,
    PlaneLatent,
    PointDecoder,
    SphereLatent,
    bernoulli_loss,
    perceptron,
    unit,
)

X = (torch.rand(6, 16, generator=torch.Generator().manual_seed(0)) > 0.5).float()


def model(latent, dim, decoder=None):
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(perceptron([16, 8]), torch.nn.ReLU())
    return VAE(encoder, latent, decoder or PixelDecoder(dim, (8,), 16), dim)


def test_the_kl_on_the_sphere_is_the_constant_that_was_chosen():
    reconstruction, kl = model(SphereLatent(8, 4, 20.0), 4)(X)
    assert reconstruction.shape == kl.shape == (6,)
    assert torch.allclose(kl, kl_to_uniform(4, 20.0).float().expand(6))


def test_codes_lie_on_the_sphere_and_the_gradient_reaches_the_encoder():
    vae = model(SphereLatent(8, 3, 20.0), 3)
    z = vae.posterior(X).rsample()
    assert torch.allclose(z.norm(dim=-1), torch.ones(6), atol=1e-6)
    vae(X).reconstruction.mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in vae.encoder.parameters())


@pytest.mark.parametrize("length", [0.0, 1e-30])
def test_a_code_without_a_direction_still_lies_on_the_sphere(length):
    latent = SphereLatent(8, 4, 20.0)
    with torch.no_grad():
        latent.direction.weight.zero_()
        latent.direction.bias.fill_(length)
    p = latent(torch.randn(5, 8))
    assert torch.equal(p.loc, torch.eye(4)[:1].expand(5, 4))
    assert torch.allclose(p.rsample((100,)).norm(dim=-1), torch.ones(100, 5), atol=1e-6)
    p.rsample().sum().backward()
    assert latent.direction.weight.grad.isfinite().all()


def test_every_other_direction_is_what_it_was():
    v = (
        torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
        * 10 ** torch.linspace(-11, 6, 50)[:, None]
    )
    assert torch.equal(unit(v), torch.nn.functional.normalize(v, dim=-1))


def test_a_learned_concentration_starts_where_it_is_told_and_has_a_gradient():
    vae = model(SphereLatent(8, 5, None, floor=1.0, start=20.0), 5)
    posterior = vae.posterior(X)
    assert torch.allclose(posterior.concentration, torch.full((6,), 20.0))
    vae(X).kl.mean().backward()
    assert vae.latent.sharpness.bias.grad.item() > 0  # a smaller κ costs less


def test_a_learned_concentration_stays_above_its_floor():
    latent = SphereLatent(8, 5, None, floor=1.0)
    assert bool((latent(torch.randn(100, 8) * 50).concentration >= 1).all())


def test_the_gaussian_has_the_textbook_kl():
    vae = model(PlaneLatent(8, 3), 3)
    posterior, kl = vae.posterior(X), vae(X).kl
    mean, variance = posterior.mean, posterior.variance
    expected = (mean**2 + variance - 1 - variance.log()).sum(dim=-1) / 2
    assert torch.allclose(kl, expected, atol=1e-6)


def test_without_a_latent_there_is_no_kl_and_no_posterior():
    vae = model(None, 4, AutoregressiveDecoder(4, 8))
    assert torch.equal(vae(X).kl, torch.zeros(6))
    with pytest.raises(
        ValueError, match="latent: got None; expected one, for a model without it has no posterior"
    ):
        vae.posterior(X)
    with pytest.raises(
        ValueError, match="latent: got None; expected one, for a model without it has no prior"
    ):
        vae.prior(X)


@pytest.mark.parametrize("code_at", ["start", "every step"])
def test_an_autoregressive_decoder_sees_only_the_pixels_before(code_at):
    torch.manual_seed(0)
    decoder = AutoregressiveDecoder(3, 8, code_at)
    z, pixel = torch.randn(1, 3), 7
    changed = X[:1].clone()
    changed[0, pixel] = 1 - changed[0, pixel]
    # The loss is a sum over pixels: up to the changed one, the terms differ only in that pixel's own.
    head, head_changed = (decoder(z, x[:, : pixel + 1]) for x in (X[:1], changed))
    without, without_changed = (decoder(z, x[:, :pixel]) for x in (X[:1], changed))
    assert torch.equal(without, without_changed)
    assert not torch.equal(head, head_changed)


@pytest.mark.parametrize("code_at", ["start", "every step"])
def test_an_autoregressive_decoder_is_a_normalised_distribution(code_at):
    torch.manual_seed(0)
    decoder = AutoregressiveDecoder(2, 8, code_at)
    pictures = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 6)
    total = torch.exp(-decoder(torch.randn(1, 2).expand(64, 2), pictures)).sum()
    assert float(total.detach()) == pytest.approx(1, abs=1e-5)


def test_samples_of_an_autoregressive_decoder_have_its_probabilities():
    torch.manual_seed(0)
    decoder = AutoregressiveDecoder(2, 8, "every step")
    z = torch.randn(1, 2)
    pictures = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)
    expected = torch.exp(-decoder(z.expand(8, 2), pictures))
    drawn = decoder.sample(z.expand(20_000, 2), 3) @ torch.tensor([4.0, 2.0, 1.0])
    counts = torch.bincount(drawn.long(), minlength=8) / 20_000
    assert torch.allclose(counts, expected, atol=4 * 0.5 / math.sqrt(20_000))


def test_the_loss_of_pixels_is_minus_the_log_probability():
    logits = torch.randn(6, 16, generator=torch.Generator().manual_seed(1))
    expected = -torch.distributions.Bernoulli(logits=logits).log_prob(X).sum(dim=-1)
    assert torch.allclose(bernoulli_loss(logits, X), expected, atol=1e-5)


def test_the_loss_of_points_counts_standard_deviations():
    decoder = PointDecoder(2, (), 16, scale=0.5)
    z = torch.randn(6, 2)
    assert torch.allclose(decoder(z, decoder.net(z) + 1), torch.full((6,), 16 * 4 / 2), atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 1}, "dim: got 1; expected at least 2"),
        (
            {"dim": 3, "concentration": -1.0},
            r"concentration: got -1\.0; expected a number that is not negative",
        ),
        ({"dim": 3, "concentration": math.nan}, "concentration: got nan"),
        ({"dim": 3, "concentration": None, "floor": -1.0}, r"floor: got -1\.0"),
        (
            {"dim": 3, "concentration": None, "floor": 1.0, "start": 0.5},
            r"start: got 0\.5; expected more than floor, 1\.0",
        ),
    ],
)
def test_a_latent_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SphereLatent(8, **arguments)


@pytest.mark.parametrize("start", [1e-9, 0.5, 20.0, 1000.0, 1e6])
def test_any_concentration_can_be_the_first(start):
    latent = SphereLatent(8, 5, None, start=start)
    assert latent(torch.zeros(1, 8)).concentration.item() == pytest.approx(start, rel=1e-5)


def test_a_plane_needs_a_dimension():
    with pytest.raises(ValueError, match="dim: got 0; expected at least 1"):
        PlaneLatent(8, 0)


# ---------------------------------------------------------------- the public code


@given(st.integers(2, 200), st.floats(0.1, 1e4))
def test_the_exact_parameter_is_woods_and_the_flawed_one_is_so_up_to_ten(dim, kappa):
    k = torch.tensor([kappa], dtype=torch.float64)
    right, flawed = (float(proposal_parameter(dim, k, flag)) for flag in (True, False))
    assert right == pytest.approx(wood_parameters(dim, kappa)[0], rel=1e-12)
    if kappa <= 10:
        assert flawed == right
    if kappa >= 11:
        assert flawed == pytest.approx((dim - 1) / (4 * kappa), rel=1e-12)


@pytest.mark.parametrize(("dim", "kappa"), [(2, 1.0), (5, 20.0), (41, 12.0), (128, 20.0)])
def test_with_the_right_constant_the_law_is_right_and_with_the_flawed_one_it_need_not_be(dim, kappa):
    torch.manual_seed(0)
    k = torch.full((40_000,), kappa, dtype=torch.float64)
    reference = exact(dim, kappa)
    error = 4 * math.sqrt(float(reference.slope) / len(k))
    right, flawed = (float(rejection_cosine(dim, k, exact=flag).mean()) for flag in (True, False))
    assert abs(right - float(reference.ratio)) < error
    if dim > kappa > 10:
        assert abs(flawed - float(reference.ratio)) > 10 * error


def test_the_gradient_along_the_accepted_proposal_is_the_biased_one():
    torch.manual_seed(0)
    k = torch.full((40_000,), 2.0, dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(rejection_cosine(5, k, exact=True).sum(), k)[0]
    error = float(slope.std()) / math.sqrt(len(k))
    assert abs(float(slope.mean()) - naive_gradient(5, 2.0)) < 4 * error
    assert abs(float(slope.mean()) - float(exact(5, 2.0).slope)) > 20 * error


def test_a_flawed_distribution_still_believes_itself_exact():
    loc = torch.nn.functional.normalize(torch.randn(4, 41), dim=-1)
    p, flawed = (kind(loc, torch.tensor(12.0)) for kind in (VonMisesFisher, PublicCodeVonMisesFisher))
    prior = HypersphericalUniform(41)
    assert torch.equal(kl_divergence(p, prior), kl_divergence(flawed, prior))
    torch.manual_seed(0)
    z = flawed.rsample((2000,))
    assert torch.allclose(z.norm(dim=-1), torch.ones(2000, 4), atol=1e-5)
    assert torch.equal(p.log_prob(z), flawed.log_prob(z))
    assert float((z * loc).sum(dim=-1).mean()) == pytest.approx(0.089, abs=0.01)
