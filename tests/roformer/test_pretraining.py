"""Batches, masks over words, and the two objectives."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from tiny_roformer import loud, make_config

from sjedu.roformer import LanguageModel, Tokenizer
from sjedu.roformer.pretraining import (
    POOL,
    accuracy,
    bucketed_indices,
    encode_texts,
    guesses,
    mask_tokens,
)

TEXTS = ["我喜欢北京", "今天天气很好", "好", "我不喜欢下雨天，真的"]
TOKENIZER = Tokenizer.for_texts(TEXTS, least=1)
SEGMENTER = Tokenizer([*TOKENIZER.vocabulary, "喜欢", "北京", "今天", "天气"], "word")
ENCODED = encode_texts(TEXTS, TOKENIZER, 8, SEGMENTER)
EVERYTHING = torch.arange(4)


def model():
    return loud(LanguageModel(make_config(vocab_size=len(TOKENIZER))))


def test_texts_are_encoded_cut_and_padded():
    batch = ENCODED.batch(EVERYTHING, TOKENIZER.pad_id)
    assert batch.lengths.tolist() == [7, 8, 3, 8]
    assert [TOKENIZER.decode(row) for row in batch.ids] == [
        "我喜欢北京",
        "今天天气很好",
        "好",
        "我不喜欢下雨",
    ]
    assert (batch.ids[:, 0] == TOKENIZER.id("[CLS]")).all()
    assert batch.words[0].tolist() == [0, 1, 2, 2, 3, 3, 6, 0]  # 我 喜欢 北京
    plain = encode_texts(TEXTS, TOKENIZER, 8).batch(EVERYTHING, 0)
    assert plain.words[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]


def test_texts_without_a_token_are_left_out():
    assert len(encode_texts(["", " ", "好"], TOKENIZER, 8)) == 1
    with pytest.raises(ValueError, match="texts: got 1 without a token"):
        encode_texts([""], TOKENIZER, 8)
    with pytest.raises(ValueError, match="max_length: got 2; expected at least 3"):
        encode_texts(TEXTS, TOKENIZER, 2)


@given(size=st.integers(8, 200), batch_size=st.integers(1, 8), seed=st.integers(0, 9))
def test_a_pool_of_batches_takes_each_text_once(size, batch_size, seed):
    lengths = np.random.default_rng(seed).integers(3, 60, size)
    batches = min(POOL, size // batch_size)
    drawn = torch.cat([bucketed_indices(step, lengths, batch_size, seed) for step in range(batches)])
    assert len(set(drawn.tolist())) == batches * batch_size


def test_batches_hold_like_lengths_in_random_order():
    lengths = np.random.default_rng(0).integers(3, 60, 1000)
    batches = [lengths[bucketed_indices(step, lengths, 16, 0).numpy()] for step in range(POOL)]
    assert np.mean([np.ptp(batch) for batch in batches]) < 8
    means = [batch.mean() for batch in batches]
    assert means != sorted(means)


@given(seed=st.integers(0, 999))
def test_words_are_hidden_whole_and_specials_never(seed):
    batch = ENCODED.batch(EVERYTHING, TOKENIZER.pad_id)
    generator = torch.Generator().manual_seed(seed)
    hidden, chosen = mask_tokens(batch.ids, batch.words, TOKENIZER, 0.5, generator)
    assert torch.equal(hidden[~chosen], batch.ids[~chosen])
    assert not chosen[torch.isin(batch.ids, torch.tensor(sorted(TOKENIZER.special_ids)))].any()
    for row, words in zip(chosen[:, 1:], batch.words[:, 1:], strict=True):
        for word in (2, 3):  # of the first two texts: 喜欢 and 北京, 天气
            together = row[words == word]
            assert together.all() or not together.any()


def test_so_many_are_hidden_in_the_three_ways():
    batch = ENCODED.batch(torch.zeros(5000, dtype=torch.int64), TOKENIZER.pad_id)
    hidden, chosen = mask_tokens(batch.ids, batch.words, TOKENIZER, 0.15, torch.Generator().manual_seed(0))
    assert chosen[:, 1:6].float().mean().item() == pytest.approx(0.15, abs=0.015)
    masked = (hidden[chosen] == TOKENIZER.mask_id).float().mean().item()
    kept = (hidden[chosen] == batch.ids[chosen]).float().mean().item()
    assert masked == pytest.approx(0.8, abs=0.04)
    assert kept == pytest.approx(0.1, abs=0.03)
    with pytest.raises(ValueError, match=r"rate: got 1\.0; expected a share between 0 and 1"):
        mask_tokens(batch.ids, batch.words, TOKENIZER, 1.0)


def test_the_causal_objective_is_the_chain_rule():
    """The sum of its losses is the negative log-likelihood of each text, token by token."""
    lm, batch = model(), ENCODED.batch(EVERYTHING, TOKENIZER.pad_id)
    logits, truth = guesses(lm, "causal", batch, TOKENIZER)
    assert len(truth) == int((batch.lengths - 1).sum())
    total = 0.0
    for row, length in zip(batch.ids, batch.lengths.tolist(), strict=True):
        for i in range(1, length):
            total -= lm(row[None, :i])[0, -1].log_softmax(-1)[row[i]].item() if i == 1 else 0.0
            if i > 1:
                mask = torch.ones(i, i, dtype=torch.bool).tril()
                total -= lm(row[None, :i], mask=mask)[0, -1].log_softmax(-1)[row[i]].item()
    assert F.cross_entropy(logits, truth, reduction="sum").item() == pytest.approx(total, rel=1e-4)


def test_the_masked_objective_asks_for_what_was_hidden():
    lm, batch = model(), ENCODED.batch(EVERYTHING, TOKENIZER.pad_id)
    logits, truth = guesses(lm, "mlm", batch, TOKENIZER, 0.5, torch.Generator().manual_seed(1))
    hidden, chosen = mask_tokens(batch.ids, batch.words, TOKENIZER, 0.5, torch.Generator().manual_seed(1))
    assert torch.equal(truth, batch.ids[chosen])
    inside = torch.arange(8) < batch.lengths[:, None]
    torch.testing.assert_close(logits, lm(hidden, mask=inside[:, None])[chosen], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("objective", ["mlm", "causal"])
def test_accuracy_is_reproducible_and_leaves_the_model_alone(objective):
    lm = model().train()
    first, second = (accuracy(lm, objective, ENCODED, TOKENIZER, batch_size=size) for size in (4, 4))
    assert first == second
    assert 0 <= first["accuracy"] <= 1
    assert first["loss"] > 0
    assert lm.training
    with pytest.raises(ValueError, match="objective: got 'gan'; expected one of 'mlm', 'causal'"):
        accuracy(lm, "gan", ENCODED, TOKENIZER)
