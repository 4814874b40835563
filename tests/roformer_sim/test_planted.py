"""Planted paraphrases: what mining finds depends on the context as the lesson says."""

import inspect
import math
import random

import pytest

from sjedu.data.text import parse_statement
from sjedu.roformer_sim.planted import mined, planted_texts, precision


def test_texts_of_a_context_are_sentences_with_a_meaning():
    for context in ("answers", "passage", "anything"):
        texts = planted_texts(context, random.Random(0))
        assert len(texts) == 6
        assert all(parse_statement(text.removesuffix("。")) for text in texts)
    with pytest.raises(ValueError, match="context: got 'book'; expected one of"):
        inspect.unwrap(planted_texts)("book", random.Random(0))


def test_the_same_threshold_is_right_more_often_where_repeats_are_likelier():
    answers, passage = (mined(context, [0.5, 0.7], contexts=60) for context in ("answers", "passage"))
    assert answers[0].precision > passage[0].precision
    assert answers[1].pairs < answers[0].pairs


def test_nothing_found_has_no_precision():
    assert math.isnan(precision([]))
