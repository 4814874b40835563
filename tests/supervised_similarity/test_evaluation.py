"""The cosines of pairs; correlation, confusion and calibration are tested in tests/measures."""

import pytest
import torch

from sjedu.supervised_similarity import embedded_set, evaluation


def test_every_sentence_is_encoded_once():
    pairs = embedded_set("negation", 40, 0)
    asked = []

    def encode(texts):
        asked.extend(texts)
        return torch.tensor([[float(len(text)), text.count("不") + 1.0] for text in texts])

    cosines = evaluation.cosines(encode, pairs)
    assert len(asked) == len(set(asked))
    first, second = (encode([column[7]])[0] for column in (pairs.first, pairs.second))
    assert cosines[7].item() == pytest.approx(torch.cosine_similarity(first, second, dim=0).item(), abs=1e-6)
