"""Statements: what they mean, what follows from them, and what is held out."""

import inspect
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjedu.data.text import (
    SOMEBODY,
    Statement,
    opposite,
    parse_statement,
    relation,
    same_topic,
    sample_statement,
    statement_level,
    wordings,
    write_statement,
)

SEEDS = st.integers(0, 2**32)
LEVELS = st.sampled_from(["train", "combination", "entity"])


def drawn(seed, level="train", **fixed):
    return sample_statement(random.Random(seed), level=level, **fixed)


@given(seed=SEEDS, level=LEVELS)
def test_a_text_is_read_as_what_was_said(seed, level):
    statement = drawn(seed, level)
    assert statement_level(statement) == level
    assert parse_statement(write_statement(statement, random.Random(seed), opening=0.5)) == statement
    assert all(parse_statement(text) == statement for text in wordings(statement))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("我喜欢北京", Statement("like", "北京", True, "我")),
        ("我讨厌北京", Statement("like", "北京", False, "我")),
        ("北京我不喜欢", Statement("like", "北京", False, "我")),
        ("说实话，妈妈没打算买红车", Statement("want", "车", False, "妈妈", "红")),
        ("手机很差", Statement("good", "手机", False)),
        ("给我推荐一款红色的车", Statement("request", "车", True, None, "红")),
        ("麻烦来一辆红车", Statement("request", "车", True, None, "红")),
        ("红色的苹果", Statement("thing", "苹果", True, None, "红")),
    ],
)
def test_examples(text, meaning):
    assert parse_statement(text) == meaning


def test_negation_is_said_in_ways_that_share_little():
    yes, no = (set(wordings(Statement("like", "北京", value, "我"))) for value in (True, False))
    assert {"我喜欢北京", "北京我很喜欢"} <= yes
    assert {"我不喜欢北京", "我讨厌北京", "我一点也不喜欢北京", "我没喜欢过北京"} <= no
    assert not yes & no


@given(seed=SEEDS)
def test_opposites_contradict_and_share_the_topic(seed):
    statement = drawn(seed, frame="like")
    assert opposite(opposite(statement)) == statement
    assert same_topic(statement, opposite(statement))
    expected = "neutral" if statement.subject == SOMEBODY else "contradiction"
    assert relation(statement, opposite(statement)) == expected


@given(seed=SEEDS)
def test_everything_entails_itself(seed):
    statement = drawn(seed)
    assert relation(statement, statement) == "entailment"


LIKES = Statement("like", "车", True, "妈妈", "红")
WANTS_NOT = Statement("want", "车", False, "我", None)


@pytest.mark.parametrize(
    ("premise", "hypothesis", "expected"),
    [
        (LIKES, replace(LIKES, subject=SOMEBODY), "entailment"),
        (replace(LIKES, subject=SOMEBODY), LIKES, "neutral"),
        (LIKES, replace(LIKES, colour=None), "entailment"),
        (replace(LIKES, colour=None), LIKES, "neutral"),
        # To refuse cars is to refuse red ones, not the other way round.
        (WANTS_NOT, replace(WANTS_NOT, colour="红"), "entailment"),
        (replace(WANTS_NOT, colour="红"), WANTS_NOT, "neutral"),
        (LIKES, replace(LIKES, value=False), "contradiction"),
        (LIKES, replace(LIKES, value=False, subject="我"), "neutral"),
        (LIKES, replace(LIKES, colour="黑"), "neutral"),
        (LIKES, replace(LIKES, entity="花"), "neutral"),
        (Statement("request", "车", colour="红"), Statement("request", "车", colour="黑"), "contradiction"),
        (Statement("request", "车", colour="红"), Statement("request", "车"), "entailment"),
        (Statement("thing", "花", colour="红"), Statement("thing", "花", colour="绿"), "contradiction"),
        (Statement("good", "车", colour="红"), Statement("good", "车"), "neutral"),
        (Statement("good", "手机"), Statement("good", "手机", False), "contradiction"),
    ],
)
def test_relations(premise, hypothesis, expected):
    assert relation(premise, hypothesis) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Statement("like", "月亮", True, "我"), "entity of like: got '月亮'; expected one of '车', "),
        (lambda: Statement("like", "北京", True, None), "subject of like: got None; expected one of '我', "),
        (lambda: Statement("good", "手机", True, "我"), "subject of good: got '我'; expected one of None"),
        (lambda: Statement("like", "北京", True, "我", "红"), "colour of 北京: only things have one"),
        (lambda: Statement("request", "车", False), "value of a request is always True, got False"),
        (lambda: Statement("thing", "车"), "a thing is named with its colour"),
        (lambda: parse_statement("我是学生"), "'我是学生' is no statement of this grammar"),
        (
            lambda: inspect.unwrap(sample_statement)(random.Random(0), level="x"),
            "level: got 'x'; expected one of 'train', ",
        ),
        (
            lambda: inspect.unwrap(sample_statement)(random.Random(0), frame="x"),
            "frame: got 'x'; expected one of 'like', ",
        ),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
