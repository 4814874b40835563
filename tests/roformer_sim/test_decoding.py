"""Writing: the nucleus against the oracle, cached decoding against full passes, and what is dropped."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_sim import TOKENIZER, make_sim, questions

from sjedu.roformer import prefix_mask
from sjedu.roformer.tokenizer import SEP
from sjedu.roformer_sim import Candidate, nucleus, theory
from sjedu.roformer_sim.decoding import BEYOND, COPY, DUPLICATE, UNFINISHED

TEXTS = questions(6)


# ---------------------------------------------------------------- nucleus


@given(st.lists(st.floats(-6, 6), min_size=1, max_size=12), st.floats(0.01, 0.999))
def test_the_nucleus_is_the_oracles(logits, top_p):
    x = torch.tensor(logits)
    p = torch.softmax(x.double(), dim=0).numpy()
    found = nucleus(x, top_p).double().numpy()
    expected = theory.nucleus(p, top_p)
    ordered = np.sort(p)[::-1].cumsum()
    if np.abs(ordered - top_p).min() > 1e-5:  # else rounding decides
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.sum() == pytest.approx(1, abs=1e-5)


def test_small_p_leaves_the_best_and_one_leaves_all():
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, 5.0, 5.0]])
    assert torch.equal(nucleus(logits, 1e-9), torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))
    torch.testing.assert_close(nucleus(logits, 1.0), torch.softmax(logits, dim=-1))


def test_temperature_sharpens_before_the_cut():
    logits = torch.tensor([1.0, 0.0, 0.0])
    assert int((nucleus(logits, 0.9, 0.1) > 0).sum()) == 1
    assert int((nucleus(logits, 0.9, 10.0) > 0).sum()) == 3


def test_half_precision_is_sorted_in_float32():
    logits = torch.zeros(4096, dtype=torch.float16)
    found = nucleus(logits, 0.5)
    assert found.dtype == torch.float32
    assert int((found > 0).sum()) == 2048


# ---------------------------------------------------------------- sampling


def log_probability(model, source, target):
    """Of a target and its [SEP], by one full pass without cache and padding."""
    batch = TOKENIZER.encode([source], [target])
    start = int(batch.source_lengths[0])
    mask = prefix_mask(batch.source_lengths, batch.ids.shape[1])
    with torch.no_grad():
        logits = model.language_model(batch.ids, mask=mask, types=batch.types)[0]
    keep = torch.full((len(TOKENIZER),), -torch.inf)
    allowed = [i for i, t in enumerate(TOKENIZER.vocabulary) if t == SEP or not t.startswith("[")]
    keep[allowed] = 0
    total = 0.0
    for i in range(start, batch.ids.shape[1]):
        row = logits[i - 1] + keep
        if i == start:
            row[TOKENIZER.id(SEP)] = -torch.inf
        total += float(torch.log_softmax(row, dim=0)[batch.ids[0, i]])
    return total


def test_cached_batched_sampling_has_the_probabilities_of_a_full_pass():
    model = make_sim(loud=0.3)
    with torch.no_grad():
        model.language_model.bias[TOKENIZER.id(SEP)] += 6  # so that most come to an end
    written = model.sample(TEXTS, 6, generator=torch.Generator().manual_seed(0))
    checked = 0
    for source, samples in zip(TEXTS, written, strict=True):
        for sample in samples:
            # Random pieces of Latin words may be cut in another way than they were written.
            if sample.dropped is None and not any(c.isascii() for c in sample.text):
                expected = log_probability(model, source, sample.text)
                assert sample.log_probability == pytest.approx(expected, abs=2e-3)
                checked += 1
    assert checked >= 6


def test_greedy_samples_do_not_depend_on_what_else_is_in_the_batch():
    model = make_sim(loud=0.3)
    together = model.sample(TEXTS, 2, top_p=1e-6)
    for text, samples in zip(TEXTS, together, strict=True):
        assert samples[0] == samples[1]
        assert model.sample([text], 1, top_p=1e-6)[0][0].text == samples[0].text


def test_the_generator_decides():
    model = make_sim()
    first, second, third = (
        model.sample(TEXTS[:2], 4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert first == second
    assert first != third


def test_nothing_special_and_nothing_empty_is_written():
    model = make_sim(loud=0.3)
    for samples in model.sample(TEXTS, 8, temperature=5.0, top_p=1.0):
        for sample in samples:
            assert sample.text
            assert "[" not in sample.text


def test_samples_without_an_end_are_unfinished():
    model = make_sim(max_length=20)
    with torch.no_grad():
        model.language_model.bias[TOKENIZER.id(SEP)] = -1e4
    (samples,) = model.sample(["北京会下雨吗"], 3)
    assert all(sample.dropped == UNFINISHED for sample in samples)
    assert model.generate("北京会下雨吗", 2) == []


# ---------------------------------------------------------------- ranking


def test_copies_duplicates_and_the_rest_are_named():
    model = make_sim()
    texts = ["北京会下雨吗", "去北京要带伞吗", "去北京要带伞吗", "北京明天是晴天吗", "北京今天天气怎么样"]
    samples = [*(Candidate(text, -1.0) for text in texts), Candidate("北", -9.0, dropped=UNFINISHED)]
    order = model.rank("北京会下雨吗", samples, 2)
    assert [c.dropped for c in order] == [None, None, BEYOND, COPY, DUPLICATE, UNFINISHED]
    scores = [c.similarity for c in order[:3]]
    assert scores == sorted(scores, reverse=True)
    expected = model.similarity(["北京会下雨吗"], [order[0].text])
    assert order[0].similarity == pytest.approx(float(expected), abs=1e-5)


def test_generate_returns_the_kept_ones_best_first():
    model = make_sim(loud=0.3)
    found = model.candidates("北京会下雨吗", 3, candidates=9, generator=torch.Generator().manual_seed(2))
    texts = model.generate("北京会下雨吗", 3, candidates=9, generator=torch.Generator().manual_seed(2))
    assert len(found) == 9
    assert texts == [c.text for c in found if c.dropped is None]
    assert len(texts) == len(set(texts)) <= 3


def test_hidden_parts_may_be_given():
    model = make_sim(loud=0.3)
    assert model.tokenizer.ids("北[MASK]会下雨吗")[1] == model.tokenizer.mask_id
    for text in model.generate("北[MASK]会下雨吗", 2, candidates=4):
        assert "[MASK]" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n: got 0; expected at least 1"),
        ({"n": 3, "candidates": 2}, "candidates: got 2; expected at least 3"),
        ({"top_p": 0.0}, r"top_p: got 0.0; expected \(0, 1\]"),
        ({"top_p": 1.1}, "top_p: got 1.1"),
        ({"temperature": 0.0}, "temperature: got 0.0; expected a positive number"),
        ({"temperature": float("inf")}, "temperature: got inf; expected a positive number"),
        ({"text": ""}, "text: got ''; expected at least one token"),
        ({"text": "北" * 60}, "at most 48"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_sim().generate(**{"text": "北京会下雨吗", "n": 2, **arguments})


def test_bad_samples_are_refused():
    with pytest.raises(ValueError, match="count: got 0; expected at least 1"):
        make_sim().sample(TEXTS, 0)
    with pytest.raises(TypeError, match="texts: got one string"):
        make_sim().sample("北京会下雨吗", 1)
