"""The corpus: reproducible, parsable, and without what it says it holds out."""

import inspect
import itertools

import pytest

from sjedu.data.text import (
    HELD_OUT_DOMAIN,
    HELD_OUT_VERDICTS,
    Question,
    Review,
    Statement,
    corpus_characters,
    corpus_words,
    embedded_corpus,
    level_of,
    parse_question,
    parse_review,
    parse_statement,
    statement_level,
)

PARSERS = {Review: parse_review, Question: parse_question, Statement: parse_statement}


def some(number=3000, **options):
    return list(itertools.islice(embedded_corpus(options.pop("seed", 0), **options), number))


def test_every_text_means_what_it_says():
    assert all(PARSERS[type(example.meaning)](example.text) == example.meaning for example in some())


def test_nothing_held_out_is_in_it():
    for example in some(6000):
        match example.meaning:
            case Review() as review:
                assert review.domain != HELD_OUT_DOMAIN or review.verdict is None
                assert not any(word in example.text for word in HELD_OUT_VERDICTS)
            case Question() as question:
                assert level_of(question) == "train"
            case Statement() as statement:
                assert statement_level(statement) == "train"


def test_a_seed_is_a_corpus():
    assert some(50) == some(50)
    assert some(50) != some(50, seed=1)


def test_the_control_shuffles_verdicts_and_nothing_else():
    usual, control = (some(4000, verdict_agreement=agreement, kind="review") for agreement in (0.95, 0.5))
    for corpus, expected in ((usual, 0.95), (control, 0.5)):
        told = [each.meaning for each in corpus if each.meaning.verdict is not None]
        agreement = sum(review.verdict == review.label for review in told) / len(told)
        assert agreement == pytest.approx(expected, abs=0.05)
    shares = [sum(each.meaning.label for each in corpus) / len(corpus) for corpus in (usual, control)]
    assert shares == pytest.approx([0.5, 0.5], abs=0.04)


def test_kinds_can_be_asked_for():
    for kind, meaning in (("review", Review), ("question", Question), ("statement", Statement)):
        assert all(isinstance(each.meaning, meaning) for each in some(20, kind=kind))
    with pytest.raises(
        ValueError, match="kind: got 'poem'; expected one of 'review', 'question', 'statement'"
    ):
        next(inspect.unwrap(embedded_corpus)(0, kind="poem"))


def test_characters_and_words_are_those_of_the_grammar():
    characters = set(corpus_characters())
    assert 500 < len(characters) < 1000
    assert set("".join(each.text for each in some(5000, seed=9))) <= characters
    assert set("".join(HELD_OUT_VERDICTS)) <= characters
    assert {"满意", "红烧肉", "北京"} <= set(corpus_words())
    assert all(len(word) > 1 for word in corpus_words())
