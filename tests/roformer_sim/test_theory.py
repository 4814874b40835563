"""The mathematics: masks by their definition, gradients against finite differences, invariances."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_sim import make_sim

from sjedu.roformer import causal_mask, padding_mask, prefix_mask
from sjedu.roformer_sim import theory


def vectors(seed, n=6, dim=4):
    return np.random.default_rng(seed).normal(size=(n, dim))


def numerical(f, x, step=1e-6):
    gradient = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (f(up) - f(down)) / (2 * step)
    return gradient


@given(st.integers(1, 9), st.integers(0, 9))
def test_the_definition_is_the_models_mask(n_source, n_target):
    mask = theory.unilm_mask(n_source, n_target)
    size = n_source + n_target
    assert (prefix_mask(torch.tensor([n_source]), size)[0].numpy() == mask).all()


@given(st.integers(1, 8), st.integers(0, 8), st.integers(1, 5))
def test_the_unilm_mask_is_transitive_so_depth_opens_nothing(n_source, n_target, layers):
    mask = theory.unilm_mask(n_source, n_target)
    assert (theory.reachable(mask, layers) == mask).all()


def test_a_mask_that_is_not_transitive_leaks_with_depth():
    window = np.abs(np.subtract.outer(np.arange(5), np.arange(5))) <= 1
    assert not theory.reachable(window, 2)[0, 3]
    assert theory.reachable(window, 3)[0, 3]


@pytest.mark.parametrize("mask", ["unilm", "causal", "full"])
def test_gradients_vanish_exactly_where_the_mask_says(mask):
    model = make_sim().encoder
    ids = torch.tensor([[3, 50, 51, 4, 52, 53, 4]])
    allowed = {
        "unilm": prefix_mask(torch.tensor([4]), 7)[0],
        "causal": causal_mask(7),
        "full": torch.ones(7, 7, dtype=torch.bool),
    }[mask]
    found = theory.influence(lambda x: model(words=x, mask=allowed), model.embed(ids))
    assert ((found != 0) == allowed.numpy()).all()


def test_padding_has_no_influence():
    model = make_sim().encoder
    ids = torch.tensor([[3, 50, 51, 4, 0, 0]])
    mask = padding_mask(torch.tensor([4]), 6)
    found = theory.influence(lambda x: model(words=x, mask=mask), model.embed(ids))
    assert (found[:4, 4:] == 0).all()
    assert (found[:4, :4] > 0).all()


@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_the_contrastive_gradient_is_the_derivative(scale):
    v = vectors(0)
    found = theory.contrastive_gradient(v, scale)
    np.testing.assert_allclose(found, numerical(lambda x: theory.contrastive_loss(x, scale), v), atol=1e-7)
    np.testing.assert_allclose((found * v).sum(axis=1), 0, atol=1e-12)  # lengths do not matter


def test_the_distillation_gradient_is_the_derivative():
    u, v = vectors(0, dim=5), vectors(1)
    found = theory.distillation_gradient(u, v, 3.0)
    expected = numerical(lambda x: theory.distillation_loss(u, x, 3.0), v)
    np.testing.assert_allclose(found, expected, atol=1e-7)


@given(st.integers(0, 10_000))
def test_distillation_sees_the_geometry_only(seed):
    u, v = vectors(seed), vectors(seed + 1)
    Q = np.linalg.qr(vectors(seed + 2, 4, 4))[0]
    lengths = np.exp(vectors(seed + 3, 6, 1))
    expected = theory.distillation_loss(u, v)
    assert theory.distillation_loss(u, lengths * v @ Q) == pytest.approx(expected)
    assert theory.distillation_loss(u, lengths * u @ Q) == pytest.approx(0, abs=1e-20)


def test_equal_geometry_is_a_rotation():
    u = vectors(0)
    Q = np.linalg.qr(vectors(1, 4, 4))[0]
    found = theory.aligning_rotation(u, u @ Q)
    np.testing.assert_allclose(found, Q.T, atol=1e-12)


def test_whitening_makes_the_covariance_the_identity():
    x = vectors(0, 200, 5) @ vectors(1, 5, 5) + 3
    mean, W = theory.whitening(x)
    np.testing.assert_allclose(np.cov((x - mean) @ W, rowvar=False, bias=True), np.eye(5), atol=1e-10)


def test_bad_sizes_are_named():
    with pytest.raises(ValueError, match="n_source: got 0; expected at least 1"):
        theory.unilm_mask(0, 3)
    with pytest.raises(ValueError, match="layers: got 0; expected at least 1"):
        theory.reachable(theory.unilm_mask(2, 2), 0)
