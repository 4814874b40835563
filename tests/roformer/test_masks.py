"""Masks by their definition; what they do to gradients is in test_model.py."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sjedu.roformer import causal_mask, padding_mask, prefix_mask


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_padding_is_hidden(lengths):
    mask = padding_mask(torch.tensor(lengths), 9)
    assert mask.shape == (len(lengths), 1, 9)
    assert mask.sum(-1)[:, 0].tolist() == lengths
    assert not mask[..., :-1].logical_not().logical_and(mask[..., 1:]).any()


@given(st.integers(1, 12))
def test_causal_sees_what_came(size):
    mask = causal_mask(size)
    assert all(bool(mask[i, j]) == (j <= i) for i in range(size) for j in range(size))


@given(st.lists(st.integers(0, 8), min_size=1, max_size=4))
def test_prefix_sees_the_source_and_what_came(sources):
    mask = prefix_mask(torch.tensor(sources), 8)
    for row, source in zip(mask, sources, strict=True):
        assert all(bool(row[i, j]) == (j < source or j <= i) for i in range(8) for j in range(8))


def test_a_prefix_of_nothing_is_causal_and_a_whole_one_sees_all():
    assert torch.equal(prefix_mask(torch.tensor([0]), 5)[0], causal_mask(5))
    assert prefix_mask(torch.tensor([5]), 5).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: padding_mask(torch.tensor([0, 2]), 3),
            r"lengths: got \[0, 2\]; expected 1 .. size = 3",
        ),
        (lambda: padding_mask(torch.tensor([4]), 3), r"lengths: got \[4\]; expected 1 .. size = 3"),
        (lambda: prefix_mask(torch.tensor([-1]), 3), r"source_lengths: got \[-1\]; expected 0 .. size = 3"),
        (lambda: causal_mask(0), "size: got 0; expected at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
