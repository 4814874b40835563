"""Unsupervised SimCSE: a sentence seen twice, under two dropout masks, belongs to itself and to no other.

``questions`` are drawn from the embedded grammar, with grades of likeness that the grammar knows; ``sts_b`` holds the
sentences of the Chinese STS benchmark, whose grades people gave. Labels are for judging only.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from sjedu.contrastive_accumulation.tasks import embed
from sjedu.data.text import Question, embedded_corpus, grade, load_texts, sample_question, write_question
from sjedu.measures import spearman
from sjedu.training import batch_indices

PADDING, UNKNOWN = 0, 1
LONGEST = 48


class Graded(NamedTuple):
    """Sentences to learn from, and graded pairs to be judged by."""

    sentences: tuple[str, ...]
    first: tuple[str, ...]
    second: tuple[str, ...]
    grades: tuple[int, ...]
    source: str


@cache
def embedded_questions(sentences: int = 4096, pairs: int = 1000) -> Graded:
    """Return questions of the embedded grammar; a pair's grade counts what its meanings share (0 to 3)."""
    corpus = embedded_corpus(0, kind="question")
    texts = tuple(example.text for example in itertools.islice(corpus, sentences))
    rng = random.Random(1)
    first = [sample_question(rng, "combination") for _ in range(pairs)]
    second = [_relative(question, k % 4, rng) for k, question in enumerate(first)]
    return Graded(
        texts,
        tuple(write_question(question, rng) for question in first),
        tuple(write_question(question, rng) for question in second),
        tuple(grade(a, b) for a, b in zip(first, second, strict=True)),
        f"questions of the embedded grammar: {sentences} drawn with seed 0 to learn from, {pairs} pairs to judge by",
    )


def sts_benchmark() -> Graded:
    """Return the sentences of the Chinese STS-B's training part, and its graded test pairs.

    Raises:
        DataNotFound, DamagedData: if they cannot be read.
    """
    train, test = load_texts("sts_b", "train"), load_texts("sts_b", "test")
    sentences = tuple(dict.fromkeys((*train.first, *(train.second or ()))))
    return Graded(sentences, test.first, test.second or (), test.labels or (), train.source)


SENTENCE_SETS: dict[str, Callable[[], Graded]] = {"questions": embedded_questions, "sts_b": sts_benchmark}


@dataclass(frozen=True, eq=False)
class SentencesTask:
    """A sentence twice.

    Attributes:
        graded: the sentences.
        tokenize: makes tokens of texts, padded with 0.
        batch_size: sentences a step.
        seed: of the order.
        device: of the tokens.
    """

    graded: Graded
    tokenize: Callable[[Sequence[str]], Tensor]
    batch_size: int
    seed: int
    device: torch.device | str = "cpu"

    @property
    def source(self) -> str:
        """Whose sentences these are."""
        return self.graded.source

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the same tokens as both views, (batch_size, length)."""
        indices = batch_indices(step, len(self.graded.sentences), self.batch_size, self.seed)
        tokens = self.tokenize([self.graded.sentences[int(i)] for i in indices]).to(self.device)
        return tokens, tokens

    def evaluate(self, encoders: tuple[nn.Module, nn.Module]) -> dict[str, float]:
        """Return Spearman's rank correlation between cosines and grades."""
        u, v = (
            embed(encoders[0], self.tokenize(texts).to(self.device))
            for texts in (self.graded.first, self.graded.second)
        )
        cosines = (u * v).sum(dim=1).cpu().numpy()
        return {"spearman": round(spearman(cosines, self.graded.grades), 4)}


class Characters:
    """Tokens are characters: those of some sentences, in the order of their code points."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self.index = {character: k + 2 for k, character in enumerate(sorted(set("".join(sentences))))}

    def __len__(self) -> int:
        return len(self.index) + 2

    def __call__(self, texts: Sequence[str]) -> Int64[Tensor, "texts length"]:
        """Return the numbers of the characters, cut after `LONGEST` and padded."""
        rows = [[self.index.get(c, UNKNOWN) for c in text[:LONGEST]] or [UNKNOWN] for text in texts]
        length = max(map(len, rows))
        return torch.tensor([row + [PADDING] * (length - len(row)) for row in rows])


def pretrained_tokens(name: str) -> Callable[[Sequence[str]], Tensor]:
    """Return the tokenizer of a model of 🤗 Transformers.

    Raises:
        ValueError: its padding is not 0, as BERT's is.
    """
    from transformers import AutoTokenizer  # heavy, and not needed on the CPU

    tokenizer: Any = AutoTokenizer.from_pretrained(name)
    if tokenizer.pad_token_id != PADDING:
        raise ValueError(
            f"encoder: {name!r} pads with {tokenizer.pad_token_id}; expected a model that pads with 0"
        )

    def tokenize(texts: Sequence[str]) -> Tensor:
        options = {"padding": True, "truncation": True, "max_length": LONGEST, "return_tensors": "pt"}
        tokens: Tensor = tokenizer(list(texts), **options)["input_ids"]
        return tokens

    return tokenize


def _relative(question: Question, likeness: int, rng: random.Random) -> Question:
    """A question that is at least that much like another, as `grade` counts."""
    if likeness == 3:
        return question
    for _ in range(1000):
        other = sample_question(rng, "combination")
        if grade(question, other) == likeness:
            return other
    return sample_question(rng, "combination")
