"""The ways to make a vector of a text."""

import inspect

import pytest
import torch
from tiny_roformer import make_encoder, token_ids

from sjedu.roformer import padding_mask, pool_states, prefix_mask, sentence_vectors

LENGTHS = torch.tensor([6, 3])
IDS = token_ids(2, 6)


def test_each_is_what_its_name_says():
    model = make_encoder(pooler=True)
    for row, length in enumerate(LENGTHS.tolist()):
        states = model.hidden_states(IDS[row : row + 1, :length])
        first, last = states[1][0], states[-1][0]
        expected = {
            "cls": last[0],
            "pooler": torch.tanh(model.pooler(last[0])),
            "linear": model.pooler(last[0]),
            "mean": last.mean(0),
            "first_last": (first.mean(0) + last.mean(0)) / 2,
        }
        for pooling, vector in expected.items():
            found = sentence_vectors(model, IDS, LENGTHS, pooling)[row]
            torch.testing.assert_close(found, vector, atol=1e-5, rtol=1e-5)


def test_states_of_a_source_with_its_target_are_pooled_over_the_source():
    model = make_encoder()
    mask = prefix_mask(LENGTHS - 1, 6) & padding_mask(LENGTHS, 6)
    states = model.hidden_states(IDS, mask=mask)
    for pooling in ("cls", "mean", "first_last"):
        alone = sentence_vectors(model, IDS, LENGTHS - 1, pooling)
        torch.testing.assert_close(
            pool_states(model, states, LENGTHS - 1, pooling), alone, atol=1e-5, rtol=1e-5
        )


def test_what_there_is_not_is_named():
    with pytest.raises(ValueError, match="pooling: got 'pooler' for a model without a pooler"):
        sentence_vectors(make_encoder(), IDS, LENGTHS, "pooler")
    with pytest.raises(
        ValueError,
        match="pooling: got 'max'; expected one of 'pooler', 'linear', 'cls', 'mean', 'first_last'",
    ):
        inspect.unwrap(sentence_vectors)(make_encoder(), IDS, LENGTHS, "max")
