"""Every clause of the contract of torch.distributions, and the laws themselves."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical, Independent, MixtureSameFamily, kl_divergence

from sjedu.vmf_vae import HypersphericalUniform, VonMisesFisher, theory

DIMS = (2, 3, 4, 16, 64, 256)
KAPPAS = (0.0, 1e-3, 0.1, 1.0, 10.0, 100.0, 1e4, 1e6)
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
f64 = torch.float64


def direction(*shape, dtype=f64, seed=0):
    return F.normalize(
        torch.randn(*shape, dtype=f64, generator=torch.Generator().manual_seed(seed)), dim=-1
    ).to(dtype)


def vmf(dim, kappa, dtype=f64):
    return VonMisesFisher(direction(dim, dtype=dtype), torch.tensor(kappa, dtype=dtype))


# ---------------------------------------------------------------- the contract


@settings(max_examples=12)
@given(st.lists(st.integers(1, 3), max_size=2), st.lists(st.integers(1, 3), max_size=2), st.integers(2, 5))
def test_shapes(batch, sample, dim):
    loc = direction(*batch, dim)
    for kappa in (torch.tensor(3.0, dtype=f64), torch.full(batch, 3.0, dtype=f64)):
        p = VonMisesFisher(loc, kappa)
        assert p.batch_shape == torch.Size(batch)
        assert p.event_shape == torch.Size([dim])
        x = p.rsample(sample)
        assert x.shape == p.sample(sample).shape == torch.Size([*sample, *batch, dim])
        assert p.log_prob(x).shape == torch.Size([*sample, *batch])
        assert p.mean.shape == p.variance.shape == p.mode.shape == p.stddev.shape == loc.shape
        assert p.covariance_matrix.shape == torch.Size([*batch, dim, dim])
        assert p.entropy().shape == kl_divergence(p, HypersphericalUniform(dim)).shape == torch.Size(batch)
        assert p.support.check(x).all()


def test_loc_and_concentration_broadcast():
    p = VonMisesFisher(direction(4), torch.rand(5, 3, dtype=f64))
    assert p.batch_shape == (5, 3)
    assert p.rsample((2,)).shape == (2, 5, 3, 4)
    q = VonMisesFisher(direction(5, 1, 4), torch.rand(3, dtype=f64))
    assert q.rsample().shape == (5, 3, 4)
    assert kl_divergence(p, q).shape == (5, 3)
    assert VonMisesFisher(direction(4), 2.0).concentration.dtype == f64
    assert Independent(q, 1).log_prob(q.sample()).shape == (5,)


@settings(max_examples=6)
@given(st.lists(st.integers(1, 3), max_size=2))
def test_expand(more):
    loc, kappa = direction(2, 4), torch.tensor([1.0, 30.0], dtype=f64)
    for p in (VonMisesFisher(loc, kappa), VonMisesFisher(loc, kappa, validate_args=False)):
        wide = p.expand([*more, 2])
        assert wide.batch_shape == torch.Size([*more, 2])
        assert wide.event_shape == p.event_shape
        assert wide._validate_args == p._validate_args
        assert wide.rsample((3,)).shape == torch.Size([3, *more, 2, 4])
        x = p.sample()
        torch.testing.assert_close(wide.log_prob(x), p.log_prob(x).expand(*more, 2))
        torch.testing.assert_close(wide.entropy(), p.entropy().expand(*more, 2))
    uniform = HypersphericalUniform(4).expand([*more, 2])
    assert uniform.sample((3,)).shape == torch.Size([3, *more, 2, 4])
    assert uniform.entropy().shape == uniform.log_prob(uniform.sample()).shape == torch.Size([*more, 2])


@pytest.mark.parametrize("shape", [(1,), (), (2,), (3, 1)])
def test_what_cannot_be_expanded_is_refused(shape):
    for each in (VonMisesFisher(direction(3, 4), 2.0), HypersphericalUniform(4, (3,))):
        with pytest.raises(RuntimeError, match="size"):
            each.expand(shape)


def test_they_are_components_of_mixtures():
    torch.manual_seed(0)
    components = VonMisesFisher(torch.eye(3), 20.0)
    mixture = MixtureSameFamily(Categorical(torch.tensor([0.5, 0.3, 0.2])), components)
    x = mixture.sample((5000,))
    assert torch.allclose(x.mean(dim=0), mixture.mean, atol=0.04)
    assert torch.allclose(x.var(dim=0), mixture.variance, atol=0.02)
    wanted = torch.logsumexp(components.log_prob(x[:, None]) + mixture.mixture_distribution.logits, dim=-1)
    assert torch.allclose(mixture.log_prob(x), wanted)


@dtypes
def test_dtype_is_that_of_the_arguments(dtype):
    p, q = vmf(4, 3.0, dtype), HypersphericalUniform(4, dtype=dtype)
    for value in (p.rsample(), p.log_prob(p.sample()), p.mean, p.variance, p.entropy(), p.covariance_matrix):
        assert value.dtype == dtype
    for value in (q.rsample(), q.log_prob(q.sample()), q.mean, q.variance, q.entropy(), q.covariance_matrix):
        assert value.dtype == dtype
    for value in (kl_divergence(p, q), kl_divergence(p, p), kl_divergence(q, p), kl_divergence(q, q)):
        assert value.dtype == dtype
    assert HypersphericalUniform(4).sample().dtype == torch.get_default_dtype()


def test_half_precision_is_rounded_once():
    p = VonMisesFisher(
        direction(8, dtype=torch.bfloat16), torch.tensor(5.0, dtype=torch.bfloat16), validate_args=False
    )
    assert p.rsample((3,)).dtype == torch.bfloat16
    assert (p.rsample((1000,)).float().norm(dim=-1) - 1).abs().max() < 0.01


def test_meta_information():
    assert VonMisesFisher.has_rsample
    assert HypersphericalUniform.has_rsample
    assert set(VonMisesFisher.arg_constraints) == {"loc", "concentration"}
    assert VonMisesFisher.arg_constraints["loc"].event_dim == vmf(3, 1.0).support.event_dim == 1
    assert repr(vmf(3, 1.0)).startswith("VonMisesFisher(")
    assert repr(vmf(3, 1.0).support) == "Sphere(3)"
    assert repr(HypersphericalUniform(3)) == "HypersphericalUniform(dim: 3)"
    assert not vmf(3, 1.0).support.check(torch.ones(2, 3)).any()
    assert not vmf(3, 1.0).support.check(direction(5, 4)).any()


@pytest.mark.parametrize(
    ("loc", "concentration", "error", "message"),
    [
        (torch.ones(3), 1.0, ValueError, "loc"),
        (torch.tensor([1.002, 0.0]), 1.0, ValueError, "loc"),
        (torch.zeros(3), 1.0, ValueError, "loc"),
        (torch.eye(3), torch.tensor(-1.0), ValueError, "concentration"),
        (torch.eye(3), torch.tensor(math.nan), ValueError, "concentration"),
        (torch.eye(3), torch.tensor(math.inf), ValueError, "concentration: got an infinite value"),
        (torch.eye(3), torch.ones(2), ValueError, r"got shapes \(3, 3\) and \(2,\)"),
        (torch.tensor(1.0), 1.0, ValueError, r"loc: got shape \(\); expected \(\*batch, d\) with d >= 2"),
        (torch.ones(4, 1), 1.0, ValueError, r"loc: got shape \(4, 1\)"),
        (torch.eye(3).long(), 1.0, TypeError, "loc: got torch.int64"),
        (torch.eye(3), torch.tensor(1), TypeError, "concentration: got torch.int64"),
    ],
)
def test_bad_arguments_are_named(loc, concentration, error, message):
    with pytest.raises(error, match=message):
        VonMisesFisher(loc, concentration, validate_args=True)


def test_bad_values_are_refused():
    for p in (vmf(3, 1.0), HypersphericalUniform(3)):
        with pytest.raises(ValueError, match="support"):
            p.log_prob(torch.ones(3, dtype=f64))
        with pytest.raises(ValueError, match=r"support|right-most|shape"):
            p.log_prob(direction(4))
    with pytest.raises(ValueError, match="dim: got 1"):
        HypersphericalUniform(1)
    with pytest.raises(ValueError, match="p and q: got dimensions 3 and 4; expected the same"):
        kl_divergence(vmf(3, 1.0), HypersphericalUniform(4))


# ---------------------------------------------------------------- density, moments, KL


@pytest.mark.parametrize("dim", [*DIMS, 1024, 4096])
@pytest.mark.parametrize("kappa", KAPPAS)
def test_log_prob_entropy_and_kl_against_the_oracle(dim, kappa):
    exact = theory.exact(dim, kappa) if kappa < 1e6 or dim == 2 else None
    loc = direction(dim).requires_grad_()
    k = torch.tensor(kappa, dtype=f64, requires_grad=True)
    p, q = VonMisesFisher(loc, k), HypersphericalUniform(dim, dtype=f64)
    x = p.sample((5,))
    log_prob, entropy, kl = p.log_prob(x), p.entropy(), kl_divergence(p, q)
    if exact is not None:
        cosines = 1 - (x - loc.detach()).square().sum(-1) / 2
        wanted = [float(kappa * w - exact.log_normalizer) for w in cosines.tolist()]
        # κ w - log Z: rounding of w and of log Z is all that may remain.
        size = kappa + abs(float(exact.log_normalizer)) + 1
        np.testing.assert_allclose(log_prob.detach(), wanted, rtol=0, atol=1e-14 * size)
        assert kl.item() == pytest.approx(float(exact.divergence), rel=1e-12)
        assert entropy.item() == pytest.approx(
            float(theory.log_sphere_area(dim) - exact.divergence), rel=1e-12, abs=1e-12
        )
    gradients = torch.autograd.grad(log_prob.sum() + entropy + kl + p.rsample((4,)).sum(), (loc, k))
    for value in (x, log_prob, entropy, kl, p.mean, p.variance, *gradients):
        assert value.isfinite().all()


@pytest.mark.parametrize("dim", [*DIMS, 1024, 4096])
def test_float32_gives_what_float32_can(dim):
    kappa = torch.tensor(KAPPAS[1:])
    loc = direction(dim, dtype=torch.float32).requires_grad_()
    k = kappa.clone().requires_grad_()
    p = VonMisesFisher(loc, k)
    x = p.sample((5,))
    exact = VonMisesFisher(F.normalize(loc.detach().double(), dim=-1), kappa.double())
    wanted = exact.log_prob(F.normalize(x.double(), dim=-1))
    found = p.log_prob(x)
    # x itself is rounded: what that does to κ‖x-μ‖²/2, and the rounding of the result.
    slack = 3e-6 * (wanted.abs() + 1 + dim**0.5)
    rounding = 3e-7 * kappa.double() * (x.double() - loc.detach().double()).norm(dim=-1)
    assert ((found - wanted).abs() <= slack + rounding).all()
    kl = kl_divergence(p, HypersphericalUniform(dim, dtype=torch.float32))
    torch.testing.assert_close(
        kl.double(), kl_divergence(exact, HypersphericalUniform(dim, dtype=f64)), rtol=1e-7, atol=0
    )
    gradients = torch.autograd.grad(found.sum() + kl.sum() + p.rsample().sum() + p.variance.sum(), (loc, k))
    assert all(g.isfinite().all() for g in gradients)


@pytest.mark.parametrize(("dim", "kappa"), [(2, 0.5), (3, 8.0), (50, 20.0), (200, 300.0)])
def test_scipy_agrees(dim, kappa):
    p, x = vmf(dim, kappa), direction(7, dim, seed=1)
    oracle = scipy.stats.vonmises_fisher(p.loc.numpy(), kappa)
    np.testing.assert_allclose(p.log_prob(x), oracle.logpdf(x.numpy()), rtol=1e-11, atol=1e-11)
    assert p.entropy().item() == pytest.approx(float(oracle.entropy()), rel=1e-11, abs=1e-11)


@given(st.integers(2, 60), st.floats(0, 300), st.floats(0, 300), st.integers(0, 100))
@settings(max_examples=15)
def test_kl_between_two(dim, first, second, seed):
    p = VonMisesFisher(direction(dim, seed=seed), torch.tensor(first, dtype=f64))
    q = VonMisesFisher(direction(dim, seed=seed + 1), torch.tensor(second, dtype=f64))
    a, b = theory.exact(dim, first), theory.exact(dim, second)
    cosine = float(p.loc @ q.loc)
    wanted = float(b.log_normalizer - a.log_normalizer + a.ratio * (first - second * cosine))
    assert kl_divergence(p, q).item() == pytest.approx(wanted, rel=1e-9, abs=1e-11)
    assert kl_divergence(p, p) == 0
    assert kl_divergence(p, HypersphericalUniform(dim)).item() == pytest.approx(
        kl_divergence(p, VonMisesFisher(q.loc, torch.zeros((), dtype=f64))).item(), rel=1e-12, abs=1e-15
    )
    flat = HypersphericalUniform(dim, dtype=f64)
    assert kl_divergence(flat, q).item() == pytest.approx(float(b.log_moment), rel=1e-12)
    assert kl_divergence(flat, flat) == 0


@pytest.mark.parametrize("dim", [2, 3, 40, 300])
def test_the_kl_of_close_neighbours_is_not_negative(dim):
    """It is of the order of the squared difference of κ, which rounding exceeds."""
    kappa = torch.logspace(-2, 6, 400, dtype=f64)
    loc = direction(dim)
    for share in (1e-12, 1e-9, -1e-9):
        kl = kl_divergence(VonMisesFisher(loc, kappa), VonMisesFisher(loc, kappa * (1 + share)))
        assert (kl >= 0).all()


@pytest.mark.parametrize("dim", [2, 3, 5, 40])
def test_gradcheck(dim):
    loc, x = direction(3, dim), direction(3, dim, seed=4)
    kappa = torch.tensor([0.3, 4.0, 70.0], dtype=f64)

    def all_of_it(loc, kappa):
        p = VonMisesFisher(loc, kappa, validate_args=False)
        q = VonMisesFisher(loc.flip(0), kappa.flip(0), validate_args=False)
        flat = HypersphericalUniform(dim, dtype=f64)
        return (p.log_prob(x), p.entropy(), p.mean, p.variance, kl_divergence(p, flat), kl_divergence(p, q))

    assert torch.autograd.gradcheck(all_of_it, (loc.requires_grad_(), kappa.requires_grad_()))


# ---------------------------------------------------------------- samples: the law


@dtypes
@pytest.mark.parametrize("dim", DIMS)
def test_samples_have_the_law(dim, dtype):
    """Kolmogorov and Smirnov on the angle, moments of w, and a uniform tangent direction, for all κ in one batch."""
    torch.manual_seed(dim)
    n = 20_000 if dim <= 16 else 200_000 // dim
    loc = direction(len(KAPPAS), dim, seed=dim, dtype=dtype)
    p = VonMisesFisher(loc, torch.tensor(KAPPAS, dtype=dtype))
    x = p.sample((n,))
    tolerance = 8 * torch.finfo(dtype).eps
    assert (x.norm(dim=-1) - 1).abs().max() < tolerance
    x, loc = x.double(), F.normalize(loc.double(), dim=-1)
    # In float32 the distance of x from μ is known to half a unit in the last place of x.
    phi = 2 * torch.asin(((x - loc).norm(dim=-1) / 2).clamp(max=1))
    for i, kappa in enumerate(KAPPAS):
        grid = theory.AngularGrid(dim, float(torch.tensor(kappa, dtype=dtype)))
        result = scipy.stats.kstest(phi[:, i].numpy(), lambda t, g=grid: np.interp(t, g.phi, g.cdf))
        assert result.pvalue > 1e-5, kappa
        gap = 2 * torch.sin(phi[:, i] / 2) ** 2
        z = (gap.mean() - (1 - grid.mean)) / math.sqrt(grid.variance / n)
        assert abs(z) < 5, kappa
        ratio = gap.var() / grid.variance
        assert ratio == pytest.approx(1, abs=10 / math.sqrt(n)), kappa
        tangent = F.normalize(x[:, i] - torch.cos(phi[:, i : i + 1]) * loc[i], dim=-1)
        # A uniform direction in a space of d - 1 dimensions: mean 0, second moment (I - μμᵀ)/(d-1).
        assert (tangent.mean(dim=0).abs() < 6 / math.sqrt(n)).all(), kappa
        moment = tangent.T @ tangent / n * (dim - 1)
        wanted = torch.eye(dim, dtype=f64) - torch.outer(loc[i], loc[i])
        assert (moment - wanted).abs().max() < 8 * math.sqrt(2 / n) * 2, kappa


@dtypes
@pytest.mark.parametrize("dim", [1024, 4096])
def test_samples_have_the_law_in_many_dimensions(dim, dtype):
    torch.manual_seed(0)
    loc = direction(dim, dtype=dtype)
    x = VonMisesFisher(loc, torch.tensor(KAPPAS, dtype=dtype)).sample((500,)).double()
    assert (x.norm(dim=-1) - 1).abs().max() < 8 * torch.finfo(dtype).eps
    phi = 2 * torch.asin(((x - F.normalize(loc.double(), dim=-1)).norm(dim=-1) / 2).clamp(max=1))
    for i, kappa in enumerate(KAPPAS):
        grid = theory.AngularGrid(dim, float(torch.tensor(kappa, dtype=dtype)))
        result = scipy.stats.kstest(phi[:, i].numpy(), lambda t, g=grid: np.interp(t, g.phi, g.cdf))
        assert result.pvalue > 1e-5, kappa
        gap = 2 * torch.sin(phi[:, i] / 2) ** 2
        assert abs(gap.mean() - (1 - grid.mean)) < 5 * math.sqrt(grid.variance / 500), kappa


@dtypes
@pytest.mark.parametrize("dim", [2, 3, 5, 64])
def test_no_direction_is_special(dim, dtype):
    torch.manual_seed(0)
    e1 = torch.zeros(dim, dtype=dtype)
    e1[0] = 1
    near = e1.clone()
    near[1] = 1e-5
    locs = F.normalize(torch.stack([e1, -e1, near, -near, e1.flip(0), -e1.flip(0)]), dim=-1)
    p = VonMisesFisher(locs.requires_grad_(), torch.tensor(4.0, dtype=dtype))
    x = p.rsample((5000,))
    assert (x.norm(dim=-1) - 1).abs().max() < 8 * torch.finfo(dtype).eps
    assert torch.allclose(x.mean(dim=0), p.mean, atol=0.06)
    (gradient,) = torch.autograd.grad(x.sum(), locs)
    assert gradient.isfinite().all()
    # It is tangent, up to the rounding of 5000 terms.
    assert (gradient * locs).sum(dim=-1).abs().max() < 5000 * 4 * torch.finfo(dtype).eps


def test_uniform_samples():
    torch.manual_seed(0)
    for dim in (2, 3, 10):
        x = HypersphericalUniform(dim, dtype=f64).sample((20_000,))
        assert (x.norm(dim=-1) - 1).abs().max() < 1e-14
        assert x.mean(dim=0).abs().max() < 5 / math.sqrt(20_000 * dim)
        grid = theory.AngularGrid(dim, 0.0)
        assert (
            scipy.stats.kstest(x[:, 0].acos().numpy(), lambda t, g=grid: np.interp(t, g.phi, g.cdf)).pvalue
            > 1e-5
        )
    assert torch.allclose(HypersphericalUniform(3).variance, torch.full((3,), 1 / 3))


def test_moments_match_samples():
    torch.manual_seed(1)
    p = VonMisesFisher(direction(3, 5), torch.tensor([0.5, 5.0, 200.0], dtype=f64))
    x = p.sample((200_000,))
    for i in range(3):
        covariance = torch.cov(x[:, i].T)
        scale = p.variance[i].max()
        assert (covariance - p.covariance_matrix[i]).abs().max() < 0.02 * scale
    torch.testing.assert_close(p.covariance_matrix.diagonal(dim1=-2, dim2=-1), p.variance)
    torch.testing.assert_close(p.stddev, p.variance.sqrt())
    entropy = -p.log_prob(x).mean(dim=0)
    torch.testing.assert_close(entropy, p.entropy(), atol=0.02, rtol=0)


def test_sampling_is_reproducible_and_silent_without_gradients():
    p = VonMisesFisher(direction(4).requires_grad_(), torch.tensor(3.0, dtype=f64, requires_grad=True))
    torch.manual_seed(5)
    first = p.sample((3,))
    torch.manual_seed(5)
    assert torch.equal(first, p.rsample((3,)))
    assert not first.requires_grad


# ---------------------------------------------------------------- samples: the gradients


@pytest.mark.parametrize("dim", [2, 3, 5, 16, 128])
def test_gradient_in_concentration_is_unbiased(dim):
    """d/dκ E[w] = A', and of E[w²], for several κ in one batch."""
    torch.manual_seed(dim)
    n, kappas = 40_000, torch.tensor([0.01, 0.7, 6.0, 80.0], dtype=f64)
    k = kappas.expand(n, 4).clone().requires_grad_()
    loc = direction(dim)
    w = VonMisesFisher(loc, k, validate_args=False).rsample() @ loc
    for i, kappa in enumerate(kappas.tolist()):
        exact = theory.exact(dim, kappa)
        wanted = {1: float(exact.slope)}
        # E[w²] = 1 - (d-1) A/κ
        wanted[2] = float((dim - 1) * (exact.ratio / kappa**2 - exact.slope / kappa))
        for power, value in wanted.items():
            (g,) = torch.autograd.grad((w[:, i] ** power).sum(), k, retain_graph=True)
            error = g[:, i].std().item() / math.sqrt(n)
            assert abs(g[:, i].mean().item() - value) < 4.5 * error + 1e-9, (kappa, power)


def test_gradient_in_concentration_is_the_closed_form_of_three_dimensions():
    k = torch.tensor([0.5, 3.0, 40.0], dtype=f64)
    loc = torch.eye(3, dtype=f64)[0]
    torch.manual_seed(2)
    wide = k.expand(500, 3).clone().requires_grad_()
    w = VonMisesFisher(loc, wide, validate_args=False).rsample() @ loc
    (found,) = torch.autograd.grad(w.sum(), wide)
    # At fixed u: differentiate w = 1 + log(u + (1-u) e^(-2κ)) / κ, with the u that gives this w.
    u = (torch.exp(k * (w.detach() - 1)) - torch.exp(-2 * k)) / (-torch.expm1(-2 * k))
    again = wide.detach().clone().requires_grad_()
    closed = 1 + torch.log(u + (1 - u) * torch.exp(-2 * again)) / again
    (wanted,) = torch.autograd.grad(closed.sum(), again)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dim", [2, 3, 16])
def test_gradient_in_loc_is_unbiased(dim):
    """f = (a·x)²: its mean is A' … along μ, so that d/dμ E f = 2 (A_2) (a·μ) a on the tangent space."""
    torch.manual_seed(3)
    n, kappa = 60_000, 5.0
    mu, a = direction(dim, seed=8), direction(dim, seed=9)
    loc = mu.expand(n, dim).clone().requires_grad_()
    x = VonMisesFisher(loc, torch.tensor(kappa, dtype=f64), validate_args=False).rsample()
    (g,) = torch.autograd.grad((x @ a).square().sum(), loc)
    # E xxᵀ = q μμᵀ + (1-q)/(d-1) (I - μμᵀ), q = E[w²]
    q = 1 - (dim - 1) * float(theory.exact(dim, kappa).ratio) / kappa
    wanted = 2 * (q - (1 - q) / (dim - 1)) * (a @ mu) * (a - (a @ mu) * mu)
    error = g.std(dim=0) / math.sqrt(n)
    assert ((g.mean(dim=0) - wanted).abs() < 4.5 * error + 1e-12).all()
    assert (g @ mu).abs().max() < 1e-12  # tangent


def test_gradients_sum_over_what_was_broadcast():
    torch.manual_seed(0)
    loc, kappa = direction(4).requires_grad_(), torch.tensor(3.0, dtype=f64, requires_grad=True)
    torch.manual_seed(1)
    shared = VonMisesFisher(loc, kappa).expand((6,)).rsample((2,))
    g = torch.randn_like(shared)
    found = torch.autograd.grad((g * shared).sum(), (loc, kappa))
    wide_loc, wide_kappa = (
        loc.detach().expand(6, 4).clone().requires_grad_(),
        kappa.detach().expand(6).clone(),
    )
    wide_kappa.requires_grad_()
    torch.manual_seed(1)
    x = VonMisesFisher(wide_loc, wide_kappa).rsample((2,))
    torch.testing.assert_close(x, shared)
    wanted = torch.autograd.grad((g * x).sum(), (wide_loc, wide_kappa))
    torch.testing.assert_close(found[0], wanted[0].sum(0))
    torch.testing.assert_close(found[1], wanted[1].sum(0))


def test_second_derivatives_of_samples_are_refused():
    loc = direction(4).requires_grad_()
    x = VonMisesFisher(loc, torch.tensor(3.0, dtype=f64)).rsample()
    (g,) = torch.autograd.grad(x.square().sum() + x[0], loc, create_graph=True)
    with pytest.raises(RuntimeError, match="once differentiable"):
        g.sum().backward()


def test_log_prob_can_be_fitted():
    """Maximum likelihood by Adam recovers κ: density and its gradient, used."""
    torch.manual_seed(0)
    x = VonMisesFisher(direction(6), torch.tensor(12.0, dtype=f64)).sample((2000,))
    log_kappa = torch.zeros((), dtype=f64, requires_grad=True)
    raw = torch.randn(6, dtype=f64, requires_grad=True)
    optimiser = torch.optim.Adam([log_kappa, raw], lr=0.1)
    for _ in range(80):
        optimiser.zero_grad()
        loss = -VonMisesFisher(F.normalize(raw, dim=0), log_kappa.exp()).log_prob(x).mean()
        loss.backward()
        optimiser.step()
    assert log_kappa.exp().item() == pytest.approx(12, rel=0.05)
    assert (F.normalize(raw, dim=0) @ direction(6)).item() > 0.999


# ---------------------------------------------------------------- dtypes, devices, numbers, sizes


def test_the_wider_dtype_of_both_arguments_is_that_of_everything():
    narrow, wide = direction(3, 4, dtype=torch.float32), torch.tensor(3.0, dtype=f64)
    for p in (VonMisesFisher(narrow, wide), VonMisesFisher(narrow.double(), wide.float())):
        values = p.loc, p.concentration, p.mean, p.variance, p.covariance_matrix, p.entropy(), p.rsample()
        assert {v.dtype for v in values} == {f64}
        assert p.log_prob(p.sample()).dtype == f64
    half = direction(4, dtype=torch.bfloat16)
    p = VonMisesFisher(half, torch.tensor(3.0), validate_args=False)
    q = HypersphericalUniform(4, dtype=f64)
    assert kl_divergence(p, p).dtype == p.sample().dtype == torch.float32
    assert kl_divergence(p, q).dtype == kl_divergence(q, p).dtype == f64


def test_half_precision_is_valid_as_it_is_rounded():
    for dtype in (torch.bfloat16, torch.float16):
        p = VonMisesFisher(direction(5, 8, dtype=dtype), torch.tensor(5.0, dtype=dtype), validate_args=True)
        x = p.sample((100,))
        assert x.dtype == p.log_prob(x).dtype == p.entropy().dtype == dtype
        assert p.log_prob(x).isfinite().all()


def test_devices_are_those_of_the_arguments_not_the_default():
    with pytest.raises(ValueError, match="concentration: got device cpu; expected loc's, meta"):
        VonMisesFisher(torch.empty(4, device="meta"), torch.tensor(1.0), validate_args=False)
    loc, kappa = direction(3, 7), torch.tensor([1.5, 20.0, 3.0], dtype=f64)
    with torch.device("meta"):  # as torch.set_default_device, but it leaves nothing behind
        for k in (kappa, kappa[0]):
            p = VonMisesFisher(loc, k)
            values = p.sample(), p.log_prob(loc), p.entropy(), p.mean, p.variance, kl_divergence(p, p)
            assert {v.device.type for v in values} == {"cpu"}


def test_what_is_set_is_what_is_used():
    p = VonMisesFisher(direction(2, 4), torch.tensor(1.0, dtype=f64))
    p.concentration = torch.full((2,), 1000.0, dtype=f64)
    torch.testing.assert_close(p.mean, VonMisesFisher(p.loc, 1000.0).mean)
    torch.testing.assert_close(p.entropy(), VonMisesFisher(p.loc, 1000.0).entropy())
    assert (p.sample() * p.loc).sum(dim=-1).min() > 0.98
    assert p.expand((5, 2)).mean.shape == (5, 2, 4)


def test_one_kappa_for_a_batch_costs_one_evaluation_and_an_empty_batch_none():
    p = VonMisesFisher(direction(6, 5, 4), torch.rand(5, dtype=f64)).expand((2, 6, 5))
    assert p._given.shape == (1, 1, 5)
    assert VonMisesFisher(direction(6, 4), 2.0)._given.shape == (1,)
    empty = VonMisesFisher(torch.ones(0, 4), 2.0)
    assert empty.rsample((3,)).shape == (3, 0, 4)
    assert empty.mean.shape == (0, 4)
    assert empty.expand((-1,)).batch_shape == (0,)


def test_numbers_of_numpy_are_numbers():
    assert VonMisesFisher(direction(4), np.float32(2)).concentration == 2
    assert VonMisesFisher(direction(4), np.int64(2)).concentration.dtype == f64
    assert HypersphericalUniform(np.int64(4)).sample().shape == (4,)
    for flag in (True, np.True_):
        with pytest.raises(TypeError, match="concentration"):
            VonMisesFisher(direction(4), flag)


@pytest.mark.parametrize("p", [VonMisesFisher(direction(4), 2.0), HypersphericalUniform(4)])
def test_bad_sizes_and_values_are_named(p):
    with pytest.raises(ValueError, match=r"sample_shape: got \(-1,\); expected sizes of at least 0"):
        p.sample((-1,))
    with pytest.raises(TypeError, match=r"value: got torch.int64; expected a floating point tensor"):
        p.log_prob(torch.tensor([1, 0, 0, 0]))
    assert not p.support.check(torch.tensor([1, 0, 0, 0]))


def test_bad_uniform_laws_are_named():
    with pytest.raises(TypeError, match=r"dtype: got torch.int64; expected a floating point type"):
        HypersphericalUniform(3, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"batch_shape: got \(-1,\)"):
        HypersphericalUniform(3, (-1,))


def test_laws_that_do_not_broadcast_have_no_kl():
    p, q = VonMisesFisher(direction(3, 4), 2.0), VonMisesFisher(direction(2, 4), 2.0)
    for other in (q, HypersphericalUniform(4, (2,))):
        with pytest.raises(ValueError, match=r"p and q: got batch shapes \(3,\) and \(2,\); expected"):
            kl_divergence(p, other)
