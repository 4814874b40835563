"""Texts with planted paraphrases, to see what mining by characters finds in which context, and how much of it is right.

A context is a list of texts that belong together. In "answers" several people answer one question, so that they often
say the same; in a "passage" one person goes on about one thing and rarely repeats it; "anything" has no common
thread. What each sentence means is known, so that a mined pair is right if both mean the same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from sjedu.checks import check_choice
from sjedu.data.text import Statement, parse_statement, sample_statement, wordings
from sjedu.roformer_sim.mining import MinedPair, mine_answers, sentences

Context: TypeAlias = Literal["answers", "passage", "anything"]

#: How likely a sentence repeats the thing that the context is about.
REPEATS: dict[Context, float] = {"answers": 0.5, "passage": 0.15, "anything": 0.0}


class Yield(NamedTuple):
    """Of mined pairs, how many there are, and the share of those that mean the same."""

    pairs: int
    precision: float


def planted_texts(context: Context, rng: random.Random, texts: int = 6) -> list[str]:
    """Return so many sentences of one context; of a question's answers each is one answer.

    Raises:
        ValueError: if there is no such context.
    """
    check_choice("context", context, tuple(REPEATS))
    topic = _with_wordings(rng)
    lines = []
    for _ in range(texts):
        meaning = topic if rng.random() < REPEATS[context] else _other(context, topic, rng)
        lines.append(rng.choice(wordings(meaning)) + "。")
    return lines


def mined(context: Context, thresholds: Sequence[float], contexts: int = 150, seed: int = 0) -> list[Yield]:
    """Mine many contexts of one kind, and count for each threshold what it lets pass."""
    rng = random.Random(f"{context} {seed}")
    lowest = min(thresholds)
    pairs = [pair for _ in range(contexts) for pair in mine_answers(planted_texts(context, rng), lowest)]
    passed = [[pair for pair in pairs if pair.similarity >= threshold] for threshold in thresholds]
    return [Yield(len(some), precision(some)) for some in passed]


def precision(pairs: Sequence[MinedPair]) -> float:
    """Return the share of pairs of statements that mean the same; NaN where there are none."""
    if not pairs:
        return float("nan")
    right = [_meaning(pair.first) == _meaning(pair.second) for pair in pairs]
    return sum(right) / len(right)


def _meaning(sentence: str) -> Statement:
    return parse_statement(sentences(sentence)[0].removesuffix("。"))


def _with_wordings(rng: random.Random) -> Statement:
    while True:
        drawn = sample_statement(rng)
        if len(wordings(drawn)) >= 5:
            return drawn


def _other(context: Context, topic: Statement, rng: random.Random) -> Statement:
    """Another meaning: about the same thing where there is a common thread."""
    while True:
        drawn = sample_statement(rng)
        if drawn != topic and (context == "anything" or drawn.entity == topic.entity):
            return drawn
