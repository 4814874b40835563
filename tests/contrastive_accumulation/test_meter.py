"""Memory is counted to the byte, and the prediction is of the right size."""

import pytest
import torch

from sjedu.contrastive_accumulation.meter import mebibytes, peak_bytes, step_memory
from sjedu.contrastive_accumulation.theory import step_cost


def test_counts_what_lives_at_the_same_time():
    x = torch.zeros(1000)  # made before: not counted
    assert peak_bytes(lambda: x + 1) == 4000
    assert peak_bytes(lambda: [x + 1, x + 2]) == 8000
    assert peak_bytes(lambda: ((x + 1) * 2) * 2) == 8000  # each result goes when the next is there
    assert peak_bytes(lambda: x.view(10, 100)) == 0
    assert peak_bytes(lambda: x.add_(1)) == 0


def test_counts_what_a_backward_pass_keeps():
    x = torch.ones(1000, requires_grad=True)
    assert peak_bytes(lambda: x.exp().exp().sum().backward()) >= 8000


def test_is_alike_on_every_run():
    assert step_memory(64, 16, 16) == step_memory(64, 16, 16)


def test_the_prediction_is_within_a_factor_of_two():
    measured = step_memory(256, None, None)
    cost = step_cost("full", 256, 256, layers=6, width=256, dim=64)
    gradients = 2.5  # MiB of the weights', which the prediction leaves out
    assert 0.5 < measured / (gradients + mebibytes(cost.total)) < 2


def test_what_grows_with_what():
    def cost(method, n, block=None):
        return step_cost(method, n, 64, layers=4, width=256, block=block)

    assert cost("exact", 4096).similarities == 4 * cost("exact", 2048).similarities
    assert cost("exact", 4096, 128).similarities == 2 * cost("exact", 2048, 128).similarities
    assert cost("exact", 4096).activations == cost("exact", 128).activations
    assert cost("naive", 4096).total == cost("naive", 128).total
    assert (cost("full", 64).time, cost("exact", 64).time) == (3, 4)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="batch: got 0; expected at least 1"):
        step_cost("full", 0, 1, layers=1, width=1)
    with pytest.raises(ValueError, match="block: got 0; expected at least 1"):
        step_cost("full", 4, 1, layers=1, width=1, block=0)
