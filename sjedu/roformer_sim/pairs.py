"""What RoFormer-Sim learns from: pairs of like texts, both orders of each, with noise on the source.

A corpus is a function from a random generator and a number to so many pairs, no two of one meaning where meanings are
known: a second pair of the same meaning would be a negative that is none. "questions" and "statements" are the
training parts of the embedded grammar; other names are those of `sjedu.data.text.load_texts`, of which the pairs that
people called alike are taken.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from jaxtyping import Int64
from torch import Tensor

from sjedu.data.text import (
    Statement,
    all_questions,
    family,
    load_texts,
    sample_statement,
    wordings,
    write_question,
)
from sjedu.data.text.statements import StatementLevel
from sjedu.roformer import Batch, Tokenizer

Pair: TypeAlias = tuple[str, str]
Corpus: TypeAlias = Callable[[random.Random, int], list[Pair]]

#: Graded pairs count as alike from this grade on (of 0 .. 5).
LEAST_GRADE = 4


def question_pairs(rng: random.Random, count: int) -> list[Pair]:
    """Return two wordings each of so many different questions of the level "train"."""
    pairs = []
    for question in rng.sample(all_questions("train"), count):
        first, second = (write_question(question, rng, form=form) for form in rng.sample(family(question), 2))
        pairs.append((first, second))
    return pairs


def statement_pairs(rng: random.Random, count: int) -> list[Pair]:
    """Return two wordings each of so many different statements of the level "train"."""
    drawn = [rng.sample(wordings(statement), 2) for statement in distinct_statements(count, rng)]
    return [(first, second) for first, second in drawn]


def distinct_statements(
    count: int, rng: random.Random, level: StatementLevel = "train", *, least: int = 2
) -> list[Statement]:
    """Draw so many different statements of one level, each of which can be said in at least that many ways."""
    statements: dict[Statement, None] = {}
    while len(statements) < count:
        drawn = sample_statement(rng, level=level)
        if len(wordings(drawn)) >= least:
            statements[drawn] = None
    return list(statements)


def load_corpus(name: str, max_length: int = 64) -> tuple[Corpus, str]:
    """Return a corpus by its name, and where its texts come from.

    Of a published set the training pairs that are labelled as alike are taken, without those of two equal texts and
    those of more than max_length - 2 characters.

    Raises:
        ValueError: if there is no such set, or it has no pairs with such labels.
        DataNotFound, DamagedData: if it cannot be read.
    """
    if name == "questions":
        return question_pairs, "the embedded questions"
    if name == "statements":
        return statement_pairs, "the embedded statements"
    texts = load_texts(name, "train")
    if texts.second is None or texts.labels is None or "1" not in texts.classes:
        raise ValueError(f"corpora: got {name!r}; expected a set of pairs that are labelled as alike or not")
    least = LEAST_GRADE if len(texts.classes) > 2 else 1
    rows = zip(texts.first, texts.second, texts.labels, strict=True)
    longest = max_length - 2
    pairs = [(a, b) for a, b, y in rows if y >= least and a != b and max(len(a), len(b)) <= longest]
    return lambda rng, count: rng.sample(pairs, count), texts.source


def draw(corpora: Sequence[Corpus], step: int, count: int, seed: int, *, within: bool = False) -> list[Pair]:
    """Return the pairs of a training step, a function of seed and step alone.

    Args:
        corpora: what to draw from.
        step: of the training.
        count: of the pairs.
        seed: of all draws.
        within: whether all pairs of a step come from one corpus, each in its turn; otherwise each gives its share.
    """
    rng = random.Random(f"{seed} {step}")
    if within:
        return corpora[step % len(corpora)](rng, count)
    shares = [count // len(corpora) + (k < count % len(corpora)) for k in range(len(corpora))]
    return [pair for corpus, share in zip(corpora, shares, strict=True) for pair in corpus(rng, share)]


def both_orders(pairs: Sequence[Pair]) -> tuple[list[str], list[str]]:
    """Return sources and targets such that row i and row i ^ 1 are the two orders of one pair."""
    sources = [text for a, b in pairs for text in (a, b)]
    targets = [text for a, b in pairs for text in (b, a)]
    return sources, targets


def hide(
    batch: Batch, tokenizer: Tokenizer, *, share: float, rate: float, generator: torch.Generator
) -> Int64[Tensor, "batch tokens"]:
    """Return the ids with some tokens of some sources replaced by [MASK]; targets stay whole.

    Args:
        batch: of sources and targets.
        tokenizer: of the ids.
        share: of the sources that get noise at all.
        rate: of the tokens of such a source, but for [CLS] and [SEP].
        generator: of the choice.

    Raises:
        ValueError: if share or rate is not in 0 .. 1.

    Source: article, section BART; in train/stage1.py of ZhuiyiTechnology/roformer-sim share is 0.5 and rate 0.15 (of
    words; there some are replaced by others or kept, as in BERT).
    """
    for name, value in (("share", share), ("rate", rate)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name}: got {value!r}; expected 0 to 1")
    rows, size = batch.ids.shape
    places = torch.arange(size)
    inner = (places > 0) & (places < batch.source_lengths[:, None] - 1)
    noisy = torch.rand(rows, 1, generator=generator) < share
    chosen = torch.rand(rows, size, generator=generator) < rate
    return batch.ids.masked_fill(inner & noisy & chosen, tokenizer.mask_id)
