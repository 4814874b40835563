"""The four ways to make a vector of a text."""

import inspect

import pytest
import torch
from tiny_roformer import make_encoder, token_ids

from sjedu.roformer import sentence_vectors

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
            "mean": last.mean(0),
            "first_last": (first.mean(0) + last.mean(0)) / 2,
        }
        for pooling, vector in expected.items():
            found = sentence_vectors(model, IDS, LENGTHS, pooling)[row]
            torch.testing.assert_close(found, vector, atol=1e-5, rtol=1e-5)


def test_what_there_is_not_is_named():
    with pytest.raises(ValueError, match="needs a model with one"):
        sentence_vectors(make_encoder(), IDS, LENGTHS, "pooler")
    with pytest.raises(ValueError, match="pooling must be one of pooler, cls, mean, first_last, got 'max'"):
        inspect.unwrap(sentence_vectors)(make_encoder(), IDS, LENGTHS, "max")
