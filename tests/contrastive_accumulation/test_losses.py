"""The streamed loss: against the definition, the oracle, and finite differences."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from sjedu.contrastive_accumulation import info_nce, theory
from sjedu.contrastive_accumulation.meter import peak_bytes

seeds, blocks = st.integers(0, 2**16), st.sampled_from([1, 2, 3, 5, 256])


def draw(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def value_and_gradients(leaves, function):
    leaves = [each.clone().requires_grad_() for each in leaves]
    value = function(*leaves)
    return [value.detach(), *torch.autograd.grad(value, leaves)]


def assert_equal(ours, theirs, tolerance=1e-10):
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@settings(max_examples=25)
@given(seeds, blocks, st.integers(1, 6), st.integers(0, 4), st.floats(0.02, 3))
def test_two_towers_with_more_keys_than_queries(seed, block, n, extra, tau):
    leaves = draw(seed, n, 3), draw(seed + 1, n + extra, 3), torch.tensor(tau, dtype=torch.float64)

    def dense(u, v, tau):
        return F.cross_entropy(u @ v.T / tau, torch.arange(n))

    def ours(u, v, tau):
        return info_nce(u, v, temperature=tau, block=block)

    assert_equal(value_and_gradients(leaves, ours), value_and_gradients(leaves, dense), 1e-8)


@settings(max_examples=25)
@given(seeds, blocks, st.integers(1, 7), st.floats(0.5, 100))
def test_symmetric_agrees_with_the_oracle(seed, block, n, scale):
    u, v = F.normalize(draw(seed, 2, n, 3), dim=-1)
    leaves = u, v, torch.tensor(scale, dtype=torch.float64)
    found = value_and_gradients(
        leaves, lambda u, v, beta: info_nce(u, v, temperature=1 / beta, symmetric=True, block=block)
    )
    wanted = theory.two_towers(u.numpy(), v.numpy(), scale)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10 * max(1, scale))


@settings(max_examples=25)
@given(seeds, blocks, st.integers(2, 5))
def test_one_tower_agrees_with_the_oracle(seed, block, pairs):
    h = draw(seed, 2 * pairs, 3)
    value, gradient = value_and_gradients(
        [h], lambda h: info_nce(h, temperature=0.7, reduction="sum", block=block)
    )
    s = theory.similarities(h.numpy(), 0.7, exclude_self=True)
    t = theory.view_labels(pairs)
    np.testing.assert_allclose(value, theory.loss(s, t), rtol=1e-10)
    c = theory.coefficients(s, t)
    np.testing.assert_allclose(gradient, (c + c.T) @ h.numpy() / 0.7, atol=1e-9)


def test_one_tower_takes_any_pairing():
    h = draw(0, 6, 4)
    neighbours = torch.tensor([1, 0, 3, 2, 5, 4])
    order = [0, 2, 4, 1, 3, 5]
    torch.testing.assert_close(info_nce(h, positives=neighbours), info_nce(h[order]))


@settings(max_examples=25)
@given(seeds, blocks)
def test_masked_pairs_do_not_compete(seed, block):
    u, v = draw(seed, 2, 5, 3)
    mask = torch.rand(5, 5, generator=torch.Generator().manual_seed(seed)) < 0.5
    mask.fill_diagonal_(False)

    def dense(u, v):
        s = (u @ v.T / 0.3).masked_fill(mask, -torch.inf)
        return (F.cross_entropy(s, torch.arange(5)) + F.cross_entropy(s.T, torch.arange(5))) / 2

    def ours(u, v):
        return info_nce(u, v, temperature=0.3, symmetric=True, mask=mask, block=block)

    assert_equal(value_and_gradients([u, v], ours), value_and_gradients([u, v], dense))


@pytest.mark.parametrize("block", [None, 3])
@pytest.mark.parametrize("options", [{}, {"symmetric": True}, {"reduction": "sum"}])
def test_gradcheck(block, options):
    leaves = [each.requires_grad_() for each in (draw(0, 5, 3), draw(1, 5, 3), torch.tensor(0.4).double())]
    assert gradcheck(lambda u, v, tau: info_nce(u, v, temperature=tau, block=block, **options), leaves)


def test_the_whole_matrix_can_be_differentiated_twice_and_the_streamed_form_says_that_it_cannot():
    h = draw(0, 4, 3).requires_grad_()
    (first,) = torch.autograd.grad(info_nce(h, block=None, temperature=1.0), h, create_graph=True)
    assert torch.autograd.grad(first.sum(), h)[0].isfinite().all()
    (first,) = torch.autograd.grad(info_nce(h, block=2), h, create_graph=True)
    with pytest.raises(RuntimeError, match="grad"):
        torch.autograd.grad(first.sum(), h)


def test_extreme_temperatures_stay_finite():
    h = F.normalize(draw(0, 8, 4, dtype=torch.float32), dim=-1).requires_grad_()
    for tau in (1e-4, 1e4):
        value = info_nce(h, temperature=tau, block=3)
        (gradient,) = torch.autograd.grad(value, h)
        assert value.isfinite()
        assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_embeddings_are_compared_in_float32(dtype):
    h = F.normalize(draw(0, 8, 4, dtype=torch.float32), dim=-1).to(dtype)
    (gradient,) = torch.autograd.grad(info_nce(h.requires_grad_(), temperature=0.01), h)
    wide = h.detach().float().requires_grad_()
    value = info_nce(wide, temperature=0.01)
    assert value.dtype == torch.float32
    assert gradient.dtype == dtype
    torch.testing.assert_close(gradient, torch.autograd.grad(value, wide)[0].to(dtype))


def test_autocast_does_not_touch_the_logits():
    h = F.normalize(draw(0, 8, 4, dtype=torch.float32), dim=-1)
    with torch.autocast("cpu", torch.bfloat16):
        inside = info_nce(h, temperature=0.01)
    torch.testing.assert_close(inside, info_nce(h, temperature=0.01), rtol=0, atol=0)


def test_streaming_takes_a_tenth_of_the_memory():
    u, v = draw(0, 2, 1024, 16, dtype=torch.float32)

    def peak(block):
        a, b = u.clone().requires_grad_(), v.clone().requires_grad_()
        return peak_bytes(lambda: info_nce(a, b, symmetric=True, block=block).backward())

    assert peak(64) < peak(None) / 10


def test_a_loss_against_a_constant_key_differentiates_the_query_only():
    u, v = draw(0, 4, 3).requires_grad_(), draw(1, 4, 3)
    info_nce(u, v).backward()
    assert u.grad is not None
    assert v.grad is None


H = torch.zeros(4, 3)


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((torch.zeros(4),), {}, r"u: got shape \(4,\)"),
        ((torch.zeros(0, 3),), {}, "both at least 1"),
        ((torch.zeros(3, 3),), {}, "u: got 3 rows"),
        ((H, torch.zeros(4, 2)), {}, "u and v"),
        ((H, H.double()), {}, "u and v"),
        ((H, torch.zeros(3, 3)), {}, "v: got 3 rows for 4"),
        ((H,), {"temperature": 0.0}, "temperature: got 0.0"),
        ((H,), {"temperature": float("nan")}, "temperature: got nan"),
        ((H,), {"symmetric": True}, "symmetric: got True"),
        ((H, torch.zeros(5, 3)), {"symmetric": True}, "4 x 5"),
        ((H, H), {"positives": torch.tensor([0, 1, 2, 4])}, "indices 0 to 4; expected 0 to 3"),
        ((H, H), {"positives": torch.tensor([0, 1])}, r"positives: got \(2,\)"),
        ((H,), {"positives": torch.tensor([0, 2, 1, 0])}, "its own positive"),
        ((torch.zeros(1, 3),), {"positives": torch.tensor([0])}, "its own positive"),
        ((H, H), {"mask": torch.eye(4, dtype=torch.bool)}, "mask: got True for a positive"),
        ((H, H), {"mask": torch.zeros(4, 3, dtype=torch.bool)}, r"expected \(4, 4\) bool"),
        ((H,), {"block": 0}, "block: got 0"),
        ((H,), {"reduction": "none"}, "reduction: got 'none'"),
    ],
)
def test_bad_input_is_named(arguments, options, says, unchecked):
    with pytest.raises(ValueError, match=says):
        unchecked(info_nce)(*arguments, **options)


def test_whole_numbers_are_no_embeddings(unchecked):
    with pytest.raises(TypeError, match=r"u: got dtype torch\.int64"):
        unchecked(info_nce)(torch.zeros(4, 3, dtype=torch.int64))
    with pytest.raises(TypeError, match="block: got True; expected a whole number"):
        unchecked(info_nce)(H, block=True)
