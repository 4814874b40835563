"""Questions: families, grades, what is held out, and that no question means two things."""

import inspect
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjedu.data.text import (
    ENTITIES,
    HELD_OUT_ENTITIES,
    INTENTS,
    Question,
    all_questions,
    family,
    grade,
    parse_question,
    sample_question,
    write_question,
)

ALL = all_questions()


@given(question=st.sampled_from(ALL), seed=st.integers(0, 2**32))
def test_a_text_is_read_as_what_was_asked(question, seed):
    assert parse_question(write_question(question, random.Random(seed), politeness=0.7)) == question


def test_every_way_to_ask_is_read():
    for question in ALL:
        assert len(family(question)) == 6
        assert all(parse_question(text) == question for text in family(question))


def test_there_are_as_many_as_said():
    assert len(INTENTS) == 25
    assert len(ALL) == 25 * 16
    assert Counter(kind for kind, _ in INTENTS) == dict.fromkeys(ENTITIES, 5)


def test_levels_hold_out_what_they_say():
    levels = {level: all_questions(level) for level in ("train", "combination", "entity", "intent")}
    assert sum(map(len, levels.values())) == len(ALL)
    assert all(len(members) > 40 for members in levels.values())
    trained = levels["train"]
    intents, entities = {(q.kind, q.intent) for q in trained}, {q.entity for q in trained}
    # Nothing new but the combination; nothing new but the entity; a new intent.
    assert all((q.kind, q.intent) in intents and q.entity in entities for q in levels["combination"])
    assert all((q.kind, q.intent) in intents and q.entity not in entities for q in levels["entity"])
    assert all((q.kind, q.intent) not in intents for q in levels["intent"])
    assert {q.entity for q in levels["entity"]} == HELD_OUT_ENTITIES


@given(a=st.sampled_from(ALL), b=st.sampled_from(ALL))
def test_grades(a, b):
    expected = {(True, True): 3, (True, False): 2, (False, True): 1, (False, False): 0}
    assert (
        grade(a, b)
        == grade(b, a)
        == expected[a.intent == b.intent and a.kind == b.kind, a.entity == b.entity]
    )


def test_paraphrases_do_not_give_themselves_away_by_their_characters():
    """Within a family few characters are shared beyond the entity: an overlap of words is no solution."""
    rng = random.Random(0)

    def overlap(first, second, entity):
        a, b = set(first.replace(entity, "")), set(second.replace(entity, ""))
        return len(a & b) / len(a | b)

    found = []
    for question in ALL:
        a, b = rng.sample(family(question), 2)
        found.append(overlap(a, b, question.entity))
    assert sum(found) / len(found) < 0.3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Question("car", "price", "车"), "kind: got 'car'; expected one of 'product', "),
        (
            lambda: Question("city", "price", "北京"),
            "intent of a city: got 'price'; expected one of 'weather', ",
        ),
        (
            lambda: Question("city", "route", "东京"),
            "entity of type city: got '东京'; expected one of '北京', ",
        ),
        (lambda: parse_question("你是谁"), "'你是谁' is no question of this grammar"),
        (
            lambda: inspect.unwrap(sample_question)(random.Random(0), "all"),
            "level: got 'all'; expected one of 'train', ",
        ),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
