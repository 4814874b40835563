"""Backbones, classifiers, auxiliary objectives and adapters, on our model and on Transformers'."""

import pytest
import torch
import torch.nn.functional as F
from tiny import MODELS, TEXTS, TOKENIZER, VOCABULARY, backbone, ours

from sjedu.p_tuning import (
    Adapter,
    Backbone,
    ClozeClassifier,
    HeadClassifier,
    Template,
    Verbalizer,
    add_adapters,
    changed,
    freeze,
    masked_text,
    next_words,
    plain,
    snapshot,
    trainable,
)
from sjedu.p_tuning.classifier import NO_TARGET, auxiliary

WORDS = Verbalizer(("不", "很")).ids(VOCABULARY)
MASKED, CAUSAL = Template("{mask}满意。{text}"), Template("{text}我{mask}", "lm")


def fill(model, texts=TEXTS):
    return (CAUSAL if model.causal else MASKED).fill(texts, VOCABULARY)


@pytest.mark.parametrize("name", MODELS)
def test_padding_changes_no_score(name):
    model = backbone(name)
    cloze, head = ClozeClassifier(model, WORDS), HeadClassifier(model, 2)
    together, alone = fill(model), fill(model, TEXTS[1:2])
    assert together.ids.shape[1] > alone.ids.shape[1]
    torch.testing.assert_close(cloze(together)[1:2], cloze(alone), rtol=0, atol=1e-5)
    torch.testing.assert_close(head(together)[1:2], head(alone), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["ours, causal", "gpt2"])
def test_a_causal_model_does_not_look_ahead(name):
    model = backbone(name)
    filled = fill(model)
    hidden = model(filled.ids, filled.attention_mask)
    ids = filled.ids.clone()
    ids[:, 5:] = TOKENIZER.id("差")
    torch.testing.assert_close(model(ids, filled.attention_mask)[:, :5], hidden[:, :5], rtol=0, atol=1e-6)
    masked = ours()
    assert (
        masked(ids, filled.attention_mask)[:, :5] - masked(filled.ids, filled.attention_mask)[:, :5]
    ).abs().max() > 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_the_cloze_is_a_dense_head_made_of_word_embeddings(name):
    model = backbone(name)
    filled = fill(model)
    cloze = ClozeClassifier(model, WORDS)
    seen = []
    # The score is linear in the words' own rows: doubling a row doubles what it adds to the bias.
    for factor in (1.0, 2.0):
        with torch.no_grad():
            row = model.words.weight[WORDS[1]].clone()
            hidden = model(filled.ids, filled.attention_mask)[torch.arange(3), filled.answer]
            model.words.weight[WORDS[1]] *= factor
            seen.append(model.word_logits(hidden)[:, WORDS[1]])
            model.words.weight[WORDS[1]] = row
    bias = 2 * seen[0] - seen[1]
    torch.testing.assert_close(bias, bias[:1].expand(3), rtol=0, atol=1e-5)
    assert torch.equal(cloze(filled), cloze.word_logits(filled)[:, list(WORDS)])


def test_what_is_no_language_model_is_refused():
    with pytest.raises(TypeError, match="got Linear"):
        Backbone(torch.nn.Linear(2, 2))


def test_a_head_forgets():
    head = HeadClassifier(ours(), 3, "answer")
    before = head(plain(TEXTS, VOCABULARY))
    assert before.shape == (3, 3)
    head.reset()
    assert not torch.equal(head(plain(TEXTS, VOCABULARY)), before)
    with pytest.raises((ValueError, TypeError), match="pooling"):
        HeadClassifier(ours(), 2, "max")


# ---------------------------------------------------------------- auxiliary objectives


def test_masked_text_hides_and_asks_for_the_same_tokens_of_the_text_only():
    filled = MASKED.fill(TEXTS * 100, VOCABULARY)
    ids, targets = masked_text(filled, VOCABULARY.mask, 0.3, torch.Generator().manual_seed(0))
    asked = targets != NO_TARGET
    assert torch.equal(targets[asked], filled.ids[asked])
    assert (ids[asked] == VOCABULARY.mask).all()
    assert torch.equal(ids[~asked], filled.ids[~asked])
    assert not (asked & ~filled.text).any()
    assert asked.sum() / filled.text.sum() == pytest.approx(0.3, abs=0.03)
    with pytest.raises(ValueError, match=r"rate: got 2\.0"):
        masked_text(filled, VOCABULARY.mask, 2.0)


def test_next_words_are_the_text_shifted_by_one():
    filled = CAUSAL.fill(TEXTS, VOCABULARY)
    ids, targets = next_words(filled)
    assert torch.equal(ids, filled.ids)
    for row, text in enumerate(TEXTS):
        assert targets[row][targets[row] != NO_TARGET].tolist() == TOKENIZER.ids(text)
        assert targets[row, 0] == filled.ids[row, 1]


@pytest.mark.parametrize("name", ["ours", "ours, causal"])
def test_the_auxiliary_loss_is_the_cross_entropy_at_its_targets(name):
    model = backbone(name)
    cloze, filled = ClozeClassifier(model, WORDS), fill(model)
    ids, targets = auxiliary(
        filled, "lm" if model.causal else "mlm", VOCABULARY.mask, 0.5, torch.Generator().manual_seed(0)
    )
    scores, loss = cloze(filled, ids, targets)
    logits = model.word_logits(model(ids, filled.attention_mask))
    torch.testing.assert_close(loss, F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=NO_TARGET))
    if model.causal:
        torch.testing.assert_close(scores, cloze(filled))
    nothing = torch.full_like(targets, NO_TARGET)
    assert cloze(filled, filled.ids, nothing)[1] == 0


def test_a_masked_objective_needs_a_mask():
    with pytest.raises(ValueError, match="mask: got None"):
        auxiliary(fill(ours()), "mlm", None, 0.1)


# ---------------------------------------------------------------- adapters


@pytest.mark.parametrize("name", MODELS)
def test_adapters_begin_as_nothing_and_are_all_that_is_learnt(name):
    model = freeze(backbone(name))
    cloze, filled = ClozeClassifier(model, WORDS), fill(model)
    before = cloze(filled)
    adapters = add_adapters(model, width=4)
    assert len(adapters) == 2
    assert torch.equal(cloze(filled), before)
    assert {id(p) for p in trainable(cloze)} == {id(p) for a in adapters for p in a.parameters()}
    weights = snapshot(cloze)
    optimizer = torch.optim.AdamW(trainable(cloze), lr=0.02, weight_decay=0.3)
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(cloze(filled), torch.tensor([1, 0, 1])).backward()
        optimizer.step()
    assert F.cross_entropy(cloze(filled), torch.tensor([1, 0, 1])) < F.cross_entropy(
        before, torch.tensor([1, 0, 1])
    )
    assert all(".adapter." in name for name in changed(cloze, weights))


def test_an_adapter_without_width_is_refused():
    with pytest.raises(ValueError, match="width: got 0"):
        Adapter(8, 0)
