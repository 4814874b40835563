"""The table of angles against the exact inverse, and its derivative against A', without any sampling."""

import math

import mpmath
import numpy as np
import pytest
import scipy.special
import torch

from sjedu.vmf_vae import bessel, fast, theory
from sjedu.vmf_vae.fast import angle_quantile, angles, closed_form_sides

DIMS = (2, 3, 4, 16, 64, 256, 1024, 4096)
# Off the nodes of the table, and beyond both of its ends.
KAPPAS = np.array([0.0, 1e-3, 0.07, 1.3, 4.4, 21.0, 333.0, 5e3, 1e6, 1e9])


@pytest.mark.parametrize("dim", [2, 3, 7, 64])
def test_exact_inverse_against_quadrature(dim):
    scores = np.linspace(-6, 6, 9)
    for kappa in (0.0, 0.5, 20.0, 1e4):
        found = angle_quantile(dim, np.array([kappa]), scores)[0]
        grid = theory.AngularGrid(dim, kappa, points=8193)
        cdf = np.interp(found, grid.phi, grid.cdf)
        np.testing.assert_allclose(cdf, scipy.special.ndtr(scores), atol=1e-6)


def test_exact_inverse_against_the_closed_form():
    kappas, scores = np.array([1e-3, 0.5, 20.0, 1e3, 1e6]), np.linspace(-7, 4, 23)
    u = scipy.special.ndtr(scores)
    gap = -np.log1p(u * np.expm1(-2 * kappas[:, None])) / kappas[:, None]  # 1 - w
    np.testing.assert_allclose(angle_quantile(3, kappas, scores), 2 * np.arcsin(np.sqrt(gap / 2)), rtol=1e-9)


@pytest.mark.parametrize("dim", DIMS)
def test_table_is_the_exact_inverse(dim):
    scores = np.linspace(-6, 6, 61)
    exact = angle_quantile(dim, KAPPAS, scores)
    found = angles(dim, torch.from_numpy(KAPPAS), torch.from_numpy(scores)[:, None].repeat(1, len(KAPPAS)))
    error = np.abs(found.phi.numpy().T - exact)
    sd = exact[:, 55:56] - exact[:, 30:31]  # five normal scores
    # The distribution function is off by less than φ's error in units of its spread, times the density.
    assert (error / sd * scipy.stats.norm.pdf(scores) < 2e-8).all()
    if dim > 2:
        assert (error / sd < 1e-6).all()


@pytest.mark.parametrize("dim", DIMS)
def test_moments_and_gradient_are_unbiased_in_every_dim(dim):
    """The mean over y of 1 - w is 1 - A, and that of dw/dκ is A': the law and the implicit gradient, integrated."""
    nodes, weights = np.polynomial.legendre.leggauss(800)
    y = torch.from_numpy(8.5 * nodes)[:, None].repeat(1, len(KAPPAS))
    density = torch.from_numpy(8.5 * weights * np.exp(-((8.5 * nodes) ** 2) / 2) / math.sqrt(2 * math.pi))[
        :, None
    ]
    kappa = torch.from_numpy(KAPPAS)
    phi, by_kappa = angles(dim, kappa, y, with_derivative=True)
    values = bessel.values_at(dim, kappa)
    gap = (density * 2 * torch.sin(phi / 2) ** 2).sum(dim=0)
    # Beyond the table, at κ = 1e9, the limit law is used.
    assert ((gap - values.complement).abs() / values.slope.sqrt()).max() < 1e-7
    variance = (density * (2 * torch.sin(phi / 2) ** 2 - gap).square()).sum(dim=0)
    assert (variance / values.slope - 1).abs().max() < 1e-6
    gradient = (density * -torch.sin(phi) * by_kappa).sum(dim=0)
    assert (gradient / values.slope - 1).abs().max() < 1e-6
    assert (density * by_kappa <= 1e-9).all()  # raising κ never moves a sample away from μ


def test_derivative_is_the_tables_and_the_closed_forms():
    y = torch.linspace(-3, 3, 13, dtype=torch.float64)
    for kappa in (0.3, 7.0, 90.0):
        step = 1e-5 * kappa
        phi = [
            angles(3, torch.tensor([k], dtype=torch.float64), y[:, None]).phi
            for k in (kappa - step, kappa + step)
        ]
        by_difference = (phi[1] - phi[0]) / (2 * step)
        found = angles(
            3, torch.tensor([kappa], dtype=torch.float64), y[:, None], with_derivative=True
        ).by_kappa
        torch.testing.assert_close(found, by_difference, rtol=1e-5, atol=0)
        grid = theory.AngularGrid(3, kappa)
        exact = angle_quantile(3, np.array([kappa]), y.numpy())[0]
        np.testing.assert_allclose(found[:, 0].numpy(), grid.dphi_dkappa(exact), rtol=1e-5)


@pytest.mark.parametrize("kappa", [1e-9, 1e-5, 9.9e-4, 1.01e-3, 0.3, 20.0, 1e3, 1e6])
def test_closed_form_in_three_dimensions_with_its_derivative(kappa):
    def gap(k, u):
        return -mpmath.log(1 + u * mpmath.expm1(-2 * k)) / k

    k = torch.tensor(kappa, dtype=torch.float64)
    torch.manual_seed(0)
    u = torch.rand(20, dtype=torch.float64)
    torch.manual_seed(0)
    cosine, sine, by_kappa = closed_form_sides(k, u.shape, with_derivative=True)
    with mpmath.workdps(50):
        points = [(mpmath.mpf(kappa), mpmath.mpf(float(v))) for v in u]
        exact = [gap(*point) for point in points]
        sines = [mpmath.sqrt(g * (2 - g)) for g in exact]
        slopes = [mpmath.diff(gap, point, (1, 0)) / s for point, s in zip(points, sines, strict=True)]
    np.testing.assert_allclose(cosine, [float(1 - g) for g in exact], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(sine, [float(s) for s in sines], rtol=1e-12)
    np.testing.assert_allclose(by_kappa, [float(s) for s in slopes], rtol=1e-9)


def test_closed_form_at_the_uniform_law():
    zero = torch.zeros((), dtype=torch.float64)
    _, sine, by_kappa = closed_form_sides(zero, torch.Size([50]), with_derivative=True)
    torch.testing.assert_close(by_kappa, -sine / 2, rtol=1e-7, atol=0)  # at κ = 0, ∂w/∂κ = (1 - w²)/2
    assert closed_form_sides(zero, torch.Size([5]))[2] is None


@pytest.mark.parametrize("dim", [2, 5, 100])
def test_beyond_the_table_a_sample_moves_as_one_over_the_root_of_kappa(dim):
    """There φ√κ is constant to the last digit, and ∂φ/∂κ = -φ/2κ."""
    kappa = torch.tensor([1e12, 1e30, 1e100], dtype=torch.float64)
    scores = torch.linspace(-6, 6, 25, dtype=torch.float64)[:, None].repeat(1, 3)
    phi, by_kappa = angles(dim, kappa, scores, with_derivative=True)
    torch.testing.assert_close(by_kappa, -phi / (2 * kappa), rtol=1e-12, atol=0)
    torch.testing.assert_close(
        phi * kappa.sqrt(), (phi * kappa.sqrt())[:, :1].expand(-1, 3), rtol=1e-9, atol=0
    )


def test_both_ways_of_evaluation_are_one():
    kappa = torch.logspace(-3, 6, 100, dtype=torch.float64)
    scores = torch.randn(40, 100, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    many, few = (
        angles(5, kappa, scores, with_derivative=True),
        angles(5, kappa, scores[:3], with_derivative=True),
    )
    torch.testing.assert_close(many.phi[:3], few.phi, rtol=1e-12, atol=0)
    torch.testing.assert_close(many.by_kappa[:3], few.by_kappa, rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize("samples", [5, 60])
def test_in_parts_it_is_the_same_to_the_last_bit(samples, monkeypatch):
    """So many κ that patches are copied a part at a time; the last part may be short."""
    kappa = torch.logspace(-3, 6, 1001, dtype=torch.float64)
    scores = torch.randn(samples, 1001, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole = angles(5, kappa, scores.clone(), with_derivative=True)
    sizes = []
    split = torch.split
    monkeypatch.setattr(torch, "split", lambda x, n, **axis: sizes.append(n) or split(x, n, **axis))
    monkeypatch.setattr(fast, "PATCHES", 1000)
    parts = angles(5, kappa, scores.clone(), with_derivative=True)
    assert max(sizes) * min(samples, fast.COLUMNS) <= 1000
    assert torch.equal(parts.phi, whole.phi)
    assert torch.equal(parts.by_kappa, whole.by_kappa)


@pytest.mark.parametrize("dim", sorted(fast.ACCURACY))
def test_the_accuracy_is_the_stated_one(dim):
    *stated, of_derivative = fast.ACCURACY[dim]
    kappa = np.geomspace(1e-3, 1e6, 300)
    for reach, most in zip((3, 4, 6), stated, strict=True):
        scores = np.linspace(-reach, reach, 121)
        y = torch.from_numpy(scores)[:, None].repeat(1, len(kappa))
        found = angles(dim, torch.from_numpy(kappa), y, with_derivative=reach == 3)
        error = np.abs(found.phi.numpy().T / angle_quantile(dim, kappa, scores) - 1).max()
        assert most / 5 < error < most
        if reach == 3:
            step = 1e-4
            ends = (angle_quantile(dim, kappa * (1 + sign * step), scores) for sign in (1, -1))
            slope = np.subtract(*ends) / (2 * step * kappa[:, None])
            size = np.abs(slope).max(axis=1, keepdims=True)
            assert (np.abs(found.by_kappa.numpy().T - slope) / size).max() < of_derivative
