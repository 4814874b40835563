"""Whitening: covariance one, truncation, and vectors that do not fill their space."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sjedu.roformer_sim import Whitening, theory, whiten


def vectors(n=300, dim=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(dim, dim, generator=generator, dtype=torch.float64)
    return torch.randn(n, dim, generator=generator, dtype=torch.float64) @ mix + 2


def covariance(x):
    return torch.from_numpy(np.cov(x.numpy(), rowvar=False, bias=True))


@given(st.integers(0, 1000), st.integers(1, 6))
def test_the_covariance_is_one_also_when_cut_off(seed, k):
    white = whiten(vectors(seed=seed), k)
    assert white.shape == (300, k)
    torch.testing.assert_close(covariance(white).reshape(k, k), torch.eye(k, dtype=torch.float64))
    torch.testing.assert_close(white.mean(dim=0), torch.zeros(k, dtype=torch.float64), atol=1e-9, rtol=0)


def test_it_is_the_oracles_up_to_signs():
    x = vectors()
    mean, W = theory.whitening(x.numpy())
    found = Whitening.fit(x)
    torch.testing.assert_close(found.mean, torch.from_numpy(mean))
    torch.testing.assert_close(found.matrix.abs(), torch.from_numpy(np.abs(W)), atol=1e-8, rtol=1e-6)


def test_the_first_directions_are_those_of_largest_variance():
    x = vectors() * torch.tensor([1.0, 2, 3, 4, 5, 6])
    kept = Whitening.fit(x, 2)
    assert torch.equal(kept.matrix, Whitening.fit(x).matrix[:, :2])
    unit = kept.matrix[:, 0] / kept.matrix[:, 0].norm()
    expected = torch.linalg.eigvalsh(covariance(x))[-1]
    torch.testing.assert_close(((x - x.mean(0)) @ unit).square().mean(), expected)


def test_directions_without_variance_are_left_out():
    x = vectors()[:, :3] @ torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    white = whiten(x)
    assert white.shape == (300, 3)
    torch.testing.assert_close(covariance(white), torch.eye(3, dtype=torch.float64))
    with pytest.raises(ValueError, match="k: got 4; expected 1 to 3"):
        whiten(x, 4)


def test_it_is_fitted_on_some_and_applied_to_others():
    whitening = Whitening.fit(vectors().float())
    other = vectors(seed=1).float()
    assert whitening(other).dtype == torch.float32
    torch.testing.assert_close(whitening(other)[:3], whitening(other[:3]))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.ones(1, 3), "got 1 vectors"),
        (torch.ones(4, 3), "x: got equal vectors"),
        (torch.tensor([[1.0, float("nan")], [0.0, 1.0]]), "got a NaN or an infinity"),
    ],
)
def test_what_cannot_be_whitened_is_refused(x, message):
    with pytest.raises(ValueError, match=message):
        whiten(x)
