"""The samplers that the lesson compares: their laws, and which gradients are biased."""

import inspect
import math

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F

from sjedu.vmf_vae import samplers, theory

f64 = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def p_value(w, dim, kappa):
    grid = theory.AngularGrid(dim, kappa)
    return scipy.stats.kstest(
        w.detach().clamp(-1, 1).acos().numpy(), lambda t: np.interp(t, grid.phi, grid.cdf)
    ).pvalue


@pytest.mark.parametrize(("dim", "kappa"), [(2, 1.0), (3, 5.0), (10, 30.0), (64, 5.0)])
def test_wood_has_the_law_and_the_expected_acceptance(dim, kappa):
    w, proposals = samplers.wood_cosine(dim, torch.tensor(kappa, dtype=f64), 20_000, generator())
    assert w.shape == (20_000,)
    assert p_value(w, dim, kappa) > 1e-4
    share = theory.wood_acceptance(dim, kappa)
    assert 20_000 / proposals == pytest.approx(
        share, abs=5 * math.sqrt(share * (1 - share) / proposals) + 1e-3
    )


@pytest.mark.parametrize(("dim", "kappa"), [(2, 2.0), (5, 2.0), (10, 10.0)])
def test_the_gradient_along_the_proposal_has_another_mean(dim, kappa):
    k = torch.tensor(kappa, dtype=f64, requires_grad=True)
    w, _ = samplers.wood_cosine(dim, k, 40_000, generator())
    (found,) = torch.autograd.grad(w.mean(), k)
    each = (1 - w.detach() ** 2) / math.hypot(2 * kappa, dim - 1)
    error = each.std().item() / 200
    assert abs(found.item() - theory.naive_gradient(dim, kappa)) < 5 * error
    assert found.item() < float(theory.exact(dim, kappa).slope) - 5 * error


def test_tabulated_cosine():
    for dim, kappa, tolerance in ((3, 5.0, 1e-4), (4, 20.0, 1e-4), (64, 1000.0, 1e-3)):
        table = samplers.TabulatedCosine(dim, kappa, 1e-4)
        exact = theory.exact(dim, kappa)
        sd = math.sqrt(float(exact.slope))
        assert abs(table.even_cache(10_000).mean().item() - float(exact.ratio)) < 20 * tolerance * sd
        assert p_value(table.cache(5000, generator()), dim, kappa) > 1e-4
    # A density narrower than a step falls through the grid.
    lost = samplers.TabulatedCosine(4, 1e6, 1e-4).even_cache(1000)
    assert abs(lost.mean().item() - float(theory.exact(4, 1e6).ratio)) > 1e-6


def test_closed_form():
    k = torch.tensor(7.0, dtype=f64, requires_grad=True)
    u = (torch.arange(20_000, dtype=f64) + 0.5) / 20_000
    w = samplers.closed_form_cosine(k, u)
    assert w.mean().item() == pytest.approx(1 / math.tanh(7) - 1 / 7, abs=1e-5)
    (found,) = torch.autograd.grad(w.mean(), k)
    assert found.item() == pytest.approx(float(theory.exact(3, 7.0).slope), rel=1e-3)


@pytest.mark.parametrize(("dim", "kappa"), [(2, 1.0), (3, 20.0), (64, 100.0)])
def test_the_grid_draws_the_law_and_around_is_that_of_torch(dim, kappa):
    law, mu = theory.AngularGrid(dim, kappa), F.normalize(torch.arange(1.0, dim + 1, dtype=f64), dim=0)
    x = torch.from_numpy(law.draw(mu.numpy(), 20_000, np.random.default_rng(0)))
    assert (x.norm(dim=-1) - 1).abs().max() < 1e-12
    assert p_value(x @ mu, dim, kappa) > 1e-4
    assert (x.mean(dim=0) - law.mean * mu).norm() < 5 * math.sqrt((1 - law.mean**2) / 20_000)
    phi, noise = law.ppf(np.array([0.1, 0.5, 0.9])), torch.randn(3, dim, dtype=f64, generator=generator())
    ours = samplers.around(torch.from_numpy(np.cos(phi)), mu.expand(3, dim), noise)
    np.testing.assert_allclose(theory.around(phi, mu.numpy(), noise.numpy()), ours, atol=1e-12)


def test_three_ways_around_agree_in_law_and_rotation_has_the_least_variance():
    n, kappa = 40_000, 5.0
    mu = F.normalize(torch.tensor([1.0, 2.0, -1.0], dtype=f64), dim=0)
    a = torch.tensor([0.5, -1.0, 2.0], dtype=f64)
    q = 1 - 2 * float(theory.exact(3, kappa).ratio) / kappa
    wanted = 2 * (q - (1 - q) / 2) * (a @ mu) * (a - (a @ mu) * mu)
    variances = {}
    for way in ("projection", "reflection", "rotation"):
        loc = mu.expand(n, 3).clone().requires_grad_()
        w = samplers.closed_form_cosine(
            torch.tensor(kappa, dtype=f64), torch.rand(n, dtype=f64, generator=generator(1))
        )
        x = samplers.around(w, loc, torch.randn(n, 3, dtype=f64, generator=generator(2)), way)
        assert (x.norm(dim=-1) - 1).abs().max() < 1e-8
        assert (x.mean(dim=0) - w.mean() * mu).abs().max() < 0.02
        g = tangent_gradient(x, loc, a, mu)
        assert ((g.mean(dim=0) - wanted).abs() < 5 * g.std(dim=0) / math.sqrt(n)).all()
        variances[way] = g.var(dim=0).sum().item()
    assert variances["rotation"] < min(variances["projection"], variances["reflection"])
    loc = mu.expand(n, 3).clone().requires_grad_()
    x = samplers.around(w, loc, torch.randn(n, 3, dtype=f64, generator=generator(2)), detached=True)
    assert (tangent_gradient(x, loc, a, mu).mean(dim=0) / wanted).min() > 1.2


def tangent_gradient(x, loc, a, mu):
    (g,) = torch.autograd.grad((x @ a).square().sum(), loc)
    return g - (g @ mu)[:, None] * mu


def test_bad_input_is_named():
    around = inspect.unwrap(samplers.around)
    with pytest.raises(ValueError, match="way: got 'sideways'; expected one of 'projection'"):
        around(
            torch.zeros(1, dtype=f64), torch.eye(3, dtype=f64)[:1], torch.ones(1, 3, dtype=f64), "sideways"
        )
    with pytest.raises(ValueError, match="step: got 0"):
        samplers.TabulatedCosine(3, 1.0, 0)
    with pytest.raises(ValueError, match=r"kappa: got 0\.0; expected a positive number"):
        samplers.wood_cosine(3, torch.tensor(0.0, dtype=f64), 5)
    with pytest.raises(ValueError, match="size: got -1"):
        samplers.wood_cosine(3, torch.tensor(1.0, dtype=f64), -1)


def test_more_bad_input_is_named():
    table = samplers.TabulatedCosine(3, 1.0, 1e-3)
    for method in (table.cache, table.even_cache):
        with pytest.raises(ValueError, match="size: got -1; expected at least 0"):
            method(-1)
    half = torch.tensor([0.5], dtype=f64)
    for kappa in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"kappa: got .*; expected positive finite numbers"):
            samplers.closed_form_cosine(torch.tensor(kappa, dtype=f64), half)
    with pytest.raises(ValueError, match=r"u: got numbers from .* to .*; expected from 0 to 1"):
        samplers.closed_form_cosine(torch.tensor(1.0, dtype=f64), 3 * half)


def test_a_reflection_at_the_pole_itself_is_none():
    pole = torch.eye(3, dtype=f64)[:1].requires_grad_()
    w, noise = torch.tensor([0.3], dtype=f64), torch.randn(1, 3, dtype=f64, generator=generator())
    x = samplers.around(w, pole, noise, "reflection")
    assert x.norm().item() == pytest.approx(1)
    assert float(x[0, 0].detach()) == pytest.approx(0.3)
    x.sum().backward()
    assert pole.grad.isfinite().all()
