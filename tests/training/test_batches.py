import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sjedu.training import batch_indices


@given(st.data())
def test_an_epoch_is_a_permutation_cut_into_batches(data):
    size = data.draw(st.integers(1, 60))
    batch_size = data.draw(st.integers(1, size))
    seed, epoch = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(0, 5))
    per_epoch = size // batch_size
    steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
    seen = torch.cat([batch_indices(step, size, batch_size, seed) for step in steps])
    assert len(set(seen.tolist())) == len(seen) == per_epoch * batch_size
    assert set(seen.tolist()) <= set(range(size))


def test_the_order_depends_on_seed_and_epoch_only():
    first = batch_indices(0, 100, 100, 0)
    assert torch.equal(first, batch_indices(0, 100, 100, 0))
    assert not torch.equal(first, batch_indices(1, 100, 100, 0))
    assert not torch.equal(first, batch_indices(0, 100, 100, 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 10, 2, 0), "step: got -1; expected at least 0"),
        ((0, 10, 2, -3), "seed: got -3; expected at least 0"),
        ((0, 10, 11, 0), "batch_size: got 11; expected 1 to 10"),
        ((0, 10, 0, 0), "batch_size: got 0; expected 1 to 10"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        batch_indices(*arguments)
