"""Accumulation through batch norm equals one pass over the whole batch: gradients and running statistics."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sjedu.contrastive_accumulation import accumulate, accumulate_batch_norm, claims, info_nce, toy
from sjedu.contrastive_accumulation.theory import compare


def contrast(h):
    return info_nce(F.normalize(h.flatten(1), dim=-1), temperature=0.3)


def dense(layers=2, seed=0, **options):
    torch.manual_seed(seed)
    body = [m for _ in range(layers) for m in (nn.Linear(6, 6), nn.BatchNorm1d(6, **options), nn.Tanh())]
    return nn.Sequential(*body, nn.Linear(6, 4)).double()


def convolutional():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 2), nn.BatchNorm2d(2), nn.Flatten()
    ).double()


def assert_as_one_pass(model, x, chunk, loss=contrast):
    straight, swept = model, copy.deepcopy(model)
    exact = toy.gradient(straight, lambda: loss(straight(x)).backward())
    values = []
    found = toy.gradient(swept, lambda: values.append(accumulate_batch_norm(swept, x, loss, chunk)))
    assert compare(found.numpy(), exact.numpy()).relative_error < 1e-9
    for (name, a), b in zip(straight.named_buffers(), swept.buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=name)
    assert not values[0].requires_grad
    assert "forward" not in vars(
        next(m for m in swept.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d))
    )


@given(st.integers(1, 3), st.integers(1, 13), st.integers(0, 50))
@settings(max_examples=6)
def test_any_depth_and_chunk(layers, chunk, seed):
    x = torch.randn(12, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    assert_as_one_pass(dense(layers, seed), x, chunk)


def test_convolutions_count_every_pixel():
    assert_as_one_pass(convolutional(), torch.randn(10, 1, 5, 5, dtype=torch.float64), 3)


@pytest.mark.parametrize("options", [{"affine": False}, {"momentum": None}, {"track_running_stats": False}])
def test_every_kind_of_layer(options):
    assert_as_one_pass(dense(2, **options), torch.randn(10, 6, dtype=torch.float64), 4)


def test_means_far_from_zero_lose_no_digits():
    model = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 4)).double()
    assert_as_one_pass(model, 1e6 + torch.randn(10, 6, dtype=torch.float64), 3)


def test_a_layer_that_is_used_twice():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.linear = nn.BatchNorm1d(6).double(), nn.Linear(6, 6).double()

        def forward(self, x):
            return self.norm(torch.tanh(self.linear(self.norm(x))))

    assert_as_one_pass(Shared(), torch.randn(10, 6, dtype=torch.float64), 4)


def test_dropout_is_replayed_and_every_chunk_has_masks_of_its_own():
    assert "relative error < 1e-12, 8 sweeps" in claims.sweeps(32).text


def test_without_batch_norm_it_is_accumulate():
    model, x = nn.Linear(6, 4).double(), torch.randn(8, 6, dtype=torch.float64)
    a = toy.gradient(model, lambda: accumulate_batch_norm(model, x, contrast, 3))
    b = toy.gradient(model, lambda: accumulate(model, x, contrast, 3))
    torch.testing.assert_close(a, b)


def test_the_two_pass_gradient_is_wrong_here():
    model, x = toy.encoder(norm="batch"), toy.views()
    assert compare(toy.two_pass(model, x, 16).numpy(), toy.full(model, x).numpy()).relative_error > 0.01


def test_an_encoder_that_changes_its_way_is_refused():
    class Fickle(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(6).double()
            self.linear = nn.Linear(6, 4).double()

        def forward(self, x):
            return self.linear(self.norm(x) if len(x) == 4 else x)

    with pytest.raises(RuntimeError, match="batch norms"):
        accumulate_batch_norm(Fickle(), torch.randn(6, 6, dtype=torch.float64), contrast, 4)


def test_bad_input_is_named(unchecked):
    with pytest.raises(ValueError, match="micro_batch: got 0"):
        unchecked(accumulate_batch_norm)(dense(), torch.zeros(4, 6).double(), contrast, 0)
