"""The embedded corpus: reviews, questions and statements of the three grammars, in one stream of examples.

What is held out of it is held out by construction, so nothing that was trained on it has seen

- a verdict on a review of `HELD_OUT_DOMAIN`, or a verdict word of `HELD_OUT_VERDICTS`;
- a question of the levels "combination", "entity" or "intent";
- a statement of the levels "combination" or "entity".
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sjedu.checks import check_choice
from sjedu.data.text.questions import Question, all_questions, question_words, sample_question, write_question
from sjedu.data.text.reviews import (
    HELD_OUT_DOMAIN,
    HELD_OUT_VERDICTS,
    Review,
    review_words,
    sample_review,
    write_review,
)
from sjedu.data.text.statements import Statement, sample_statement, statement_words, write_statement

Kind: TypeAlias = Literal["review", "question", "statement"]

#: Shares of the kinds in the corpus.
SHARES: dict[Kind, float] = {"review": 0.6, "question": 0.2, "statement": 0.2}


@dataclass(frozen=True)
class Example:
    """A text and what it means."""

    text: str
    meaning: Review | Question | Statement


def embedded_corpus(
    seed: int, *, verdict_agreement: float = 0.95, verdict_rate: float = 0.6, kind: Kind | None = None
) -> Iterator[Example]:
    """Yield examples of the training part without end.

    Args:
        seed: of all draws.
        verdict_agreement: how often a review's verdict agrees with its label. With 0.5 the verdicts are
            shuffled, and everything else stays as it is: the control of every claim about clozes.
        verdict_rate: how many of the reviews outside of `HELD_OUT_DOMAIN` have a verdict.
        kind: "review", "question" or "statement"; by default all, mixed by `SHARES`.
    """
    check_choice("kind", kind, (*SHARES, None))
    rng = random.Random(seed)
    while True:
        match kind or rng.choices(list(SHARES), list(SHARES.values()))[0]:
            case "review":
                review = sample_review(rng, verdict_rate=verdict_rate, verdict_agreement=verdict_agreement)
                if review.domain == HELD_OUT_DOMAIN:
                    review = Review(review.domain, review.opinions)
                yield Example(write_review(review, rng), review)
            case "question":
                question = sample_question(rng)
                yield Example(write_question(question, rng), question)
            case "statement":
                statement = sample_statement(rng)
                yield Example(write_statement(statement, rng), statement)


def corpus_words() -> tuple[str, ...]:
    """Return the words of more than one character that the grammars are made of."""
    return tuple(sorted({*review_words(), *question_words(), *statement_words()}))


def corpus_characters() -> str:
    """Return every character that the grammars can write, held-out parts included, in order."""
    rng = random.Random(0)
    texts = [write_question(question, rng) for question in all_questions() for _ in range(40)]
    texts += [write_review(sample_review(rng), rng) for _ in range(4000)]
    texts += [write_statement(sample_statement(rng, level="entity"), rng) for _ in range(1000)]
    texts += [write_statement(sample_statement(rng), rng) for _ in range(1000)]
    return "".join(sorted(set("".join([*texts, *HELD_OUT_VERDICTS]))))
