"""Training pairs: two wordings of one held-in meaning, both orders, noise on sources alone."""

import random

import pytest
import torch
from tiny_sim import TOKENIZER

from sjedu.data import DataNotFound
from sjedu.data.text import level_of, parse_question, parse_statement, statement_level
from sjedu.roformer_sim.pairs import both_orders, draw, hide, load_corpus, question_pairs, statement_pairs

CORPORA = [question_pairs, statement_pairs]


def test_questions_and_statements_are_paraphrases_of_different_known_meanings():
    questions = question_pairs(random.Random(0), 40)
    meanings = [(parse_question(a), parse_question(b)) for a, b in questions]
    assert all(a == b and level_of(a) == "train" for a, b in meanings)
    assert len({a for a, _ in meanings}) == 40
    statements = [(parse_statement(a), parse_statement(b)) for a, b in statement_pairs(random.Random(0), 40)]
    assert all(a == b and statement_level(a) == "train" for a, b in statements)
    assert len({a for a, _ in statements}) == 40
    assert all(a != b for a, b in [*questions, *statement_pairs(random.Random(1), 40)])


def test_a_step_is_a_function_of_seed_and_number():
    assert draw(CORPORA, 3, 10, 0) == draw(CORPORA, 3, 10, 0)
    assert draw(CORPORA, 3, 10, 0) != draw(CORPORA, 4, 10, 0)
    assert draw(CORPORA, 3, 10, 0) != draw(CORPORA, 3, 10, 1)


def kind(text):
    try:
        return "question" if parse_question(text) else ""
    except ValueError:
        return "statement" if parse_statement(text) else ""


def test_batches_are_mixed_or_of_one_kind():
    mixed = [kind(a) for a, _ in draw(CORPORA, 0, 9, 0)]
    assert (mixed.count("question"), mixed.count("statement")) == (5, 4)
    for step, expected in enumerate(["question", "statement", "question"]):
        assert {kind(a) for a, _ in draw(CORPORA, step, 9, 0, within=True)} == {expected}


def test_both_orders_are_neighbours():
    sources, targets = both_orders([("a", "b"), ("c", "d")])
    assert sources == ["a", "b", "c", "d"]
    assert targets == [sources[i ^ 1] for i in range(4)]


def test_noise_hides_tokens_of_the_source_alone():
    sources, targets = both_orders(question_pairs(random.Random(0), 20))
    batch = TOKENIZER.encode(sources, targets)
    generator = torch.Generator().manual_seed(0)
    ids = hide(batch, TOKENIZER, share=1.0, rate=1.0, generator=generator)
    for row in range(40):
        end = int(batch.source_lengths[row])
        assert set(ids[row, 1 : end - 1].tolist()) == {TOKENIZER.mask_id}
        assert torch.equal(ids[row, end - 1 :], batch.ids[row, end - 1 :])
        assert ids[row, 0] == batch.ids[row, 0]
    some = hide(batch, TOKENIZER, share=0.5, rate=0.3, generator=generator) != batch.ids
    rows = some.any(dim=1).float().mean()
    assert 0.3 < float(rows) < 0.7
    assert torch.equal(hide(batch, TOKENIZER, share=0.0, rate=0.9, generator=generator), batch.ids)
    with pytest.raises(ValueError, match=r"rate: got 1.5; expected 0 to 1"):
        hide(batch, TOKENIZER, share=0.5, rate=1.5, generator=generator)


def test_published_sets_give_the_pairs_that_people_called_alike(tmp_path, monkeypatch):
    folder = tmp_path / "pairs" / "atec"
    folder.mkdir(parents=True)
    rows = [
        "text_a\ttext_b\tlabel",
        "花呗怎么还\t如何还花呗\t1",
        "花呗\t借呗\t0",
        "一\t一\t1",
        f"二\t{'长' * 70}\t1",
    ]
    (folder / "train.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path))
    corpus, source = load_corpus("atec", 40)
    assert corpus(random.Random(0), 1) == [("花呗怎么还", "如何还花呗")]
    assert source.startswith("ATEC")


def test_what_has_no_pairs_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "sentiment" / "waimai_10k"
    folder.mkdir(parents=True)
    (folder / "train.tsv").write_text("text\tlabel\n好\t1\n", encoding="utf-8")
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="corpora: got 'waimai'; expected a set of pairs"):
        load_corpus("waimai")
    with pytest.raises(DataNotFound, match="lcqmc, train"):
        load_corpus("lcqmc")
