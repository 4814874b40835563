"""Normaliser, ratio, variance and KL against 60 digits, and their derivatives, over the whole grid."""

import math

import mpmath as mp
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sjedu.vmf_vae import bessel, theory

DIMS = (2, 3, 4, 16, 64, 256, 1024, 4096)
KAPPAS = (0.0, *(10.0**e for e in range(-3, 7)))
FUNCTIONS = {
    "log_normalizer": bessel.log_normalizer,
    "ratio": bessel.mean_resultant_length,
    "slope": bessel.cosine_variance,
    "divergence": bessel.kl_to_uniform,
}
kappas = torch.tensor(KAPPAS, dtype=torch.float64)


@pytest.fixture(scope="module")
def oracle():
    return {dim: [theory.exact(dim, kappa) for kappa in KAPPAS] for dim in DIMS}


def relative_error(value, exact):
    return float(abs(mp.mpf(value) - exact) / abs(exact)) if exact else abs(value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_to_ten_digits_and_more(name, oracle):
    for dim in DIMS:
        for kappa, found, exact in zip(
            KAPPAS, FUNCTIONS[name](dim, kappas).tolist(), oracle[dim], strict=True
        ):
            wanted = getattr(exact, name)
            error = relative_error(found, wanted)
            if name == "log_normalizer":  # it crosses zero: area and F have opposite signs for large d
                terms = abs(float(theory.log_sphere_area(dim))) + float(exact.log_moment)
                error = float(abs(found - wanted)) / terms
            assert error < 1e-12, (dim, kappa)


def test_distances_from_the_limit_keep_their_digits(oracle):
    for dim in DIMS:
        values = bessel.values_at(dim, kappas)
        for i, (kappa, exact) in enumerate(zip(KAPPAS, oracle[dim], strict=True)):
            with mp.workdps(60):
                assert relative_error(values.complement[i].item(), 1 - exact.ratio) < 1e-12
                assert relative_error(values.deficit[i].item(), kappa - exact.log_moment) < 1e-12
                # A'' is the difference of two larger numbers where κ is large.
                assert relative_error(values.curvature[i].item(), exact.curvature) < 1e-12 * (dim + kappa)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_narrow_input_is_rounded_once(name, dtype, oracle):
    kappa = kappas.to(dtype)
    for dim in DIMS:
        found = FUNCTIONS[name](dim, kappa)
        assert found.dtype == dtype
        assert torch.equal(found, FUNCTIONS[name](dim, kappa.double()).to(dtype))


@pytest.mark.parametrize("dim", DIMS)
def test_derivatives_are_right_and_finite_everywhere(dim, oracle):
    kappa = kappas.clone().requires_grad_()
    for function, names in (
        (bessel.log_normalizer, ("ratio", "slope")),
        (bessel.mean_resultant_length, ("slope", "curvature")),
    ):
        first, second = derivatives(function(dim, kappa), kappa)
        for i, exact in enumerate(oracle[dim]):
            assert relative_error(first[i].item(), getattr(exact, names[0])) < 1e-12
            assert relative_error(second[i].item(), getattr(exact, names[1])) < 1e-12 * (dim + KAPPAS[i])
    first, second = derivatives(bessel.kl_to_uniform(dim, kappa), kappa)
    for i, exact in enumerate(oracle[dim]):
        with mp.workdps(60):
            assert relative_error(first[i].item(), KAPPAS[i] * exact.slope) < 1e-12
            wanted = exact.slope + KAPPAS[i] * exact.curvature  # may cross zero
            assert abs(second[i].item() - wanted) < 1e-12 * (dim + KAPPAS[i]) * exact.slope


def derivatives(y, x):
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    return first.detach(), second


@settings(max_examples=12)
@given(st.integers(2, 400), st.floats(0.01, 300))
def test_gradcheck(dim, kappa):
    x = torch.tensor([kappa], dtype=torch.float64, requires_grad=True)
    for function in (
        bessel.log_normalizer,
        bessel.log_peak,
        bessel.mean_resultant_length,
        bessel.kl_to_uniform,
    ):
        assert torch.autograd.gradcheck(lambda k, f=function: f(dim, k), x)
        assert torch.autograd.gradgradcheck(lambda k, f=function: f(dim, k), x, atol=1e-4)


@given(st.integers(2, 5000), st.floats(1e-6, 1e7))
def test_any_dim_and_kappa(dim, kappa):
    F, A = bessel.log_normalizer(dim, kappa), bessel.mean_resultant_length(dim, kappa)
    lower, upper, other = theory.ratio_bounds(dim, kappa)
    assert lower * (1 - 1e-14) <= A.item() <= min(upper, other) * (1 + 1e-14)
    assert bessel.kl_to_uniform(dim, kappa) > 0
    assert F + bessel.log_peak(dim, kappa) == pytest.approx(kappa, rel=1e-12, abs=1e-11 * abs(F.item()))


def test_far_beyond_the_grid():
    for dim in (2, 3, 100_000):
        for kappa in (1e-300, 1e-150, 1e12, 1e150, 1e300):
            values = bessel.values_at(dim, torch.tensor(kappa, dtype=torch.float64))
            assert all(value.isfinite() for value in values)
            assert kappa - values.deficit.item() == pytest.approx(
                values.log_moment.item(), rel=1e-12, abs=1e-12 * kappa
            )
            # Near 0 the law is uniform, far out a normal one of variance 1/κ in d - 1 directions.
            near = kappa < 1
            limits = {
                "log_moment": kappa**2 / (2 * dim) if near else kappa,
                "ratio": kappa / dim if near else 1,
                "complement": 1 if near else (dim - 1) / (2 * kappa),
                "slope": 1 / dim if near else (dim - 1) / 2 / kappa / kappa,
                "divergence": kappa**2 / (2 * dim) if near else theory.kl_large(dim, kappa),
            }
            for name, limit in limits.items():
                assert getattr(values, name).item() == pytest.approx(limit, rel=1e-6, abs=1e-200), (
                    dim,
                    kappa,
                    name,
                )


def test_the_expansion_is_as_right_as_it_is_said_to_be():
    """Orders 12 to 20, on both sides of `LEAST_ORDER`, and where fewer terms are taken: F, A and KL to 1e-14."""
    some = [0.0, *(10.0 ** (e / 4) for e in range(-8, 17))]
    for dim in (26, 28, 30, 33, 34, 35, 42, 50, 82, 262, 1202):
        values = bessel.values_at(dim, torch.tensor(some, dtype=torch.float64))
        exact = [theory.exact(dim, kappa) for kappa in some]
        for name, bound in (("log_moment", 1e-14), ("ratio", 1e-14), ("divergence", 1e-14), ("slope", 1e-13)):
            errors = map(relative_error, getattr(values, name).tolist(), (getattr(e, name) for e in exact))
            assert max(errors) < bound, (dim, name)


@settings(max_examples=25)
@given(st.integers(2, 2000), st.floats(1e-8, 200))
def test_kappa_for_kl_is_the_inverse(dim, nats):
    kappa = bessel.kappa_for_kl(dim, nats)
    if kappa > 1e12 * dim:
        return  # one unit in κ's last place is more than the tolerance
    assert bessel.kl_to_uniform(dim, kappa).item() == pytest.approx(nats, rel=1e-11)


def test_kappa_for_three_nats():
    found = [bessel.kappa_for_kl(dim, 3.0).item() for dim in (3, 4, 8, 16, 64, 768)]
    assert found == pytest.approx([27.3, 16.75, 11.93, 12.80, 20.99, 68.3], rel=2e-3)
    assert bessel.kappa_for_kl(5, torch.tensor([0.0, 1.0])).dtype == torch.float32
    assert bessel.kappa_for_kl(5, 0) == 0


def test_third_derivatives_are_refused():
    kappa = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(bessel.cosine_variance(4, kappa), kappa, create_graph=True)
    with pytest.raises(RuntimeError, match="third derivative"):
        torch.autograd.grad(first, kappa, create_graph=True)


@pytest.mark.parametrize("function", [*FUNCTIONS.values(), bessel.kappa_for_kl])
def test_bad_input_is_named(function):
    with pytest.raises(ValueError, match="dim: got 1; expected at least 2"):
        function(1, 1.0)
    with pytest.raises(TypeError):
        function(3.0, 1.0)
    name = "nats" if function is bessel.kappa_for_kl else "concentration"
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"{name}: got {wrong}; expected finite numbers of at least 0"):
            function(3, torch.tensor([1.0, wrong]))
    with pytest.raises(TypeError):
        function(3, "1")
    with pytest.raises(TypeError, match=f"{name}: got torch.int64"):
        function(3, torch.tensor([1]))


def test_too_many_nats_are_refused():
    with pytest.raises(ValueError, match=r"nats: got 1000000.0; in dim 3 κ would exceed 1e200"):
        bessel.kappa_for_kl(3, 1e6)


def test_numbers_of_numpy_are_numbers():
    import numpy as np

    assert bessel.log_normalizer(np.int64(4), np.float32(2)) == bessel.log_normalizer(4, 2.0)
    assert bessel.log_sphere_area(np.int32(4)) == bessel.log_sphere_area(4)
