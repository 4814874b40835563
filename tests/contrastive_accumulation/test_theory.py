"""The oracle itself: against autograd, finite differences, and its own symmetries."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sjedu.contrastive_accumulation import info_nce, theory

seeds = st.integers(0, 2**16)


def problem(seed, batch=6):
    rng = np.random.default_rng(seed)
    t = (rng.random((batch, batch)) < 0.3) + np.eye(batch)
    return rng.normal(size=(batch, batch)) * 3, t, rng.normal(size=(batch, 4))


@settings(max_examples=25)
@given(seeds, st.integers(1, 7))
def test_coefficients_are_the_derivative_by_the_similarities(seed, batch):
    s, t, _ = problem(seed, batch)
    leaf = torch.tensor(s, requires_grad=True)
    value = -(torch.tensor(t) * torch.log_softmax(leaf, dim=1)).sum()
    (gradient,) = torch.autograd.grad(value, leaf)
    np.testing.assert_allclose(theory.loss(s, t), value.item(), rtol=1e-12)
    np.testing.assert_allclose(theory.coefficients(s, t), gradient, atol=1e-12)
    np.testing.assert_allclose(theory.coefficients(s, t).sum(axis=1), 0, atol=1e-12)


@settings(max_examples=25)
@given(seeds, st.floats(0.05, 5))
def test_target_vectors_are_the_derivative_by_the_embeddings(seed, tau):
    _, t, h = problem(seed)
    leaf = torch.tensor(h, requires_grad=True)
    value = -(torch.tensor(t) * torch.log_softmax(leaf @ leaf.T / tau, dim=1)).sum()
    (gradient,) = torch.autograd.grad(value, leaf)
    found = theory.target_vectors(h, t, tau)
    np.testing.assert_allclose(found, gradient, atol=1e-9 / tau**2)
    np.testing.assert_allclose(theory.surrogate(h, t, tau), np.sum(h * found), rtol=1e-12)


@settings(max_examples=25)
@given(seeds)
def test_target_vectors_follow_the_samples_and_ignore_a_common_rotation(seed):
    _, t, h = problem(seed)
    order = np.random.default_rng(seed + 1).permutation(len(h))
    moved = theory.target_vectors(h[order], t[np.ix_(order, order)])
    np.testing.assert_allclose(moved, theory.target_vectors(h, t)[order], atol=1e-10)
    A = np.random.default_rng(seed + 2).normal(size=(4, 4))
    assert abs(np.sum(theory.target_vectors(h, t) * (h @ (A - A.T)))) < 1e-9


@settings(max_examples=25)
@given(seeds, st.integers(1, 6), st.floats(0.1, 100))
def test_two_towers_agree_with_autograd(seed, batch, scale):
    rng = np.random.default_rng(seed)
    u, v = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in rng.normal(size=(2, batch, 3)))
    leaves = [torch.tensor(each, requires_grad=True) for each in (u, v, np.array(scale))]
    s = leaves[2] * leaves[0] @ leaves[1].T
    target = torch.arange(batch)
    value = (
        torch.nn.functional.cross_entropy(s, target) + torch.nn.functional.cross_entropy(s.T, target)
    ) / 2
    found = theory.two_towers(u, v, scale)
    np.testing.assert_allclose(found.loss, value.item(), atol=1e-10)
    for ours, theirs in zip(found[1:], torch.autograd.grad(value, leaves), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-10 * max(1, scale))


def test_what_is_masked_has_no_coefficient_and_gives_no_nan():
    h = np.random.default_rng(0).normal(size=(6, 3))
    s = theory.similarities(h, 0.1, exclude_self=True)
    c = theory.coefficients(s, theory.view_labels(3))
    assert np.isfinite(c).all()
    assert (np.diag(c) == 0).all()
    assert np.isfinite(theory.loss(s, theory.view_labels(3)))


def test_views_belong_to_each_other():
    np.testing.assert_array_equal(theory.view_labels(2), np.eye(4)[[2, 3, 0, 1]].T)


def test_chunks_are_blocks_and_the_last_may_be_short():
    mask = theory.chunk_mask(5, 2)
    assert mask.sum() == 4 + 4 + 1
    assert mask[4, 4]
    assert not mask[3, 4]


def test_a_gradient_without_its_factor_has_cosine_one_but_not_error_zero():
    g = np.random.default_rng(0).normal(size=9)
    found = theory.compare(0.1 * g, g)
    assert found.cosine == pytest.approx(1)
    assert found.relative_error == pytest.approx(0.9)
    assert found.norm_ratio == pytest.approx(0.1)
    assert theory.compare(np.zeros(9), g) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: theory.softmax([[1.0, 2.0]]), r"s: got shape \(1, 2\)"),
        (lambda: theory.softmax([[np.nan]]), "NaN"),
        (lambda: theory.softmax([[-np.inf, -np.inf], [0, 0]]), "row 0 is -inf"),
        (lambda: theory.loss(np.zeros((2, 2)), np.eye(3)), r"t: got shape \(3, 3\); expected \(2, 2\)"),
        (lambda: theory.loss(np.zeros((2, 2)), [[1, 0], [0, 0]]), "t: row 1 is zero"),
        (lambda: theory.loss([[-np.inf, 0], [0, 0]], np.eye(2)), r"pair \(0, 0\)"),
        (lambda: theory.similarities(np.ones((2, 2)), 0.0), "temperature: got 0.0"),
        (lambda: theory.similarities([1.0, 2.0]), "h: got shape"),
        (lambda: theory.target_vectors([[np.inf, 0.0]], [[1.0]]), "h: got inf"),
        (lambda: theory.view_labels(0), "pairs: got 0"),
        (lambda: theory.chunk_mask(4, 0), "expected at least 1"),
        (lambda: theory.two_towers(np.ones((2, 2)), np.ones((3, 2)), 1.0), "shapes"),
        (lambda: theory.two_towers(np.ones((2, 2)), np.ones((2, 2)), -1.0), "scale: got -1.0"),
        (lambda: theory.compare(np.ones(2), np.ones(3)), "gradient: got 2 numbers; expected 3"),
        (lambda: theory.compare(np.ones(2), 1e-9 * np.ones(2)), "more than 1e-6"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()


# ---------------------------------------------------------------- the small network, and the circle


def by_autograd(batch, drawn, parts=1):
    weights = [torch.tensor(each, requires_grad=True) for each in (batch.first, batch.second)]
    u, v = (
        (torch.tensor(mask) * torch.relu(torch.tensor(x) @ weights[0].T)) @ weights[1].T
        for x, mask in zip((batch.x, batch.y), drawn, strict=True)
    )
    chunks = zip(u.chunk(parts), v.chunk(parts), strict=True)
    loss = sum(info_nce(a, b, temperature=0.5, symmetric=True) for a, b in chunks) / parts
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights)])


@pytest.mark.parametrize("parts", [1, 4])
def test_the_small_network_s_gradient_is_autograd_s(parts):
    batch, drawn = theory.small_batch(), theory.dropout_masks(0.4, 0)
    ours = theory.two_pass_gradient(batch, drawn, parts=parts)
    np.testing.assert_allclose(ours, by_autograd(batch, drawn, parts), atol=1e-10)


def test_new_masks_in_the_second_pass_are_another_gradient():
    batch, drawn = theory.small_batch(), theory.dropout_masks(0.4, 0)
    exact = theory.two_pass_gradient(batch, drawn)
    careless = theory.two_pass_gradient(batch, drawn, theory.dropout_masks(0.4, 1))
    assert theory.compare(careless, exact).relative_error > 0.1


def test_chunks_see_their_own_pairs_alone():
    u, v = np.random.default_rng(0).normal(size=(2, 6, 3))
    c = theory.chunk_coefficients(u, v, 0.5, 3)
    np.testing.assert_array_equal(np.isnan(c), ~theory.chunk_mask(6, 2))
    np.testing.assert_allclose(np.nansum(c, axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(c[:2, :2], theory.coefficients(u[:2] @ v[:2].T / 0.5, np.eye(2)))


def test_the_push_on_the_circle_is_along_it_and_downhill():
    u, v = theory.circle_pairs(8, 2, 0.3)
    np.testing.assert_allclose(np.linalg.norm([u, v], axis=-1), 1)
    assert np.allclose(np.arctan2(*(u[2] + v[2])[::-1]), 0.3)
    push = theory.circle_push(u, v, 0.2, 1)
    np.testing.assert_allclose((push * np.concatenate([u, v])).sum(axis=1), 0, atol=1e-12)
    moved = [each + 1e-4 * part for each, part in zip((u, v), np.split(push, 2), strict=True)]
    moved = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in moved]
    assert theory.two_towers(*moved, 5.0).loss < theory.two_towers(u, v, 5.0).loss
