"""Pairs with labels: sets of several standards from the embedded grammar, published sets by name, and careless labels.

The embedded sets follow from meanings; nobody typed a label. Five are answered by yes or no, one by three classes,
and two are for tests only::

    questions     strict   the same question (like LCQMC)
    graded        graded   0 to 3, as `sjedu.data.text.grade` has it (like STS-B); yes from `CUT` on
    statements    strict   the same meaning; a no is another subject, colour, frame or entity, never a negation
    topics        loose    about the same thing, whatever is said of it, also a no of a yes (a careless ATEC)
    adversarial   strict   the yes share few characters, the no many (like PAWS-X); no negation
    nli           classes  entailment, neutral, contradiction; the only set that tells a negation
    negation      strict   test only: the same meaning against its opposite
    colour        strict   test only: the same colour against another

What is tested is of the levels "combination" and "entity" of the grammar, of which nothing is trained on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from sjedu.checks import check_choice, check_count, check_share
from sjedu.data.text import (
    COLOURS,
    SOMEBODY,
    SUBJECTS,
    Question,
    Statement,
    all_questions,
    family,
    grade,
    level_of,
    load_texts,
    opposite,
    parse_statement,
    relation,
    same_topic,
    sample_statement,
    statement_level,
    wordings,
    write_question,
    write_statement,
)

Split: TypeAlias = Literal["train", "valid", "test"]
Meaning: TypeAlias = Question | Statement

NLI = ("entailment", "neutral", "contradiction")
YES_NO = ("no", "yes")

#: From this grade on a graded pair counts as alike: the same question, or the same intent about something else.
CUT = 2
#: The same for STS-B, whose grades run from 0 to 5. The author's code takes what is above 2.5.
STS_CUT = 4

#: The sets that a model learns from, and those that it is only tested on.
TRAIN_SETS = ("questions", "graded", "statements", "topics", "adversarial", "nli")
TEST_SETS = (*TRAIN_SETS, "negation", "colour")
#: The five answered by yes or no: their mean is the figure by which losses are compared.
YES_NO_SETS = TRAIN_SETS[:5]
#: Where careless labels can mark a pair of one topic as alike.
STRICT_SETS = ("questions", "statements", "adversarial")
#: Published sets, and the split on which each can be tested.
REAL_SETS: dict[str, Literal["valid", "test"]] = {
    "paws_x": "valid",
    "atec": "valid",
    "sts_b": "test",
    "ocnli": "valid",
}

#: The article's ten pairs, and their similarity after its fine-tuning (RoFormer-Sim-FT, base).
ARTICLE_PAIRS: tuple[tuple[str, str, float], ...] = (
    ("今天天气不错", "今天天气很好", 0.977),
    ("今天天气不错", "今天天气不好", 0.624),
    ("我喜欢北京", "我很喜欢北京", 0.992),
    ("我喜欢北京", "我不喜欢北京", 0.529),
    ("电影不错", "电影很好", 0.968),
    ("电影不错", "电影不好", 0.631),
    ("红色的苹果", "绿色的苹果", 0.697),
    ("给我推荐一款红色的车", "给我推荐一款黑色的车", 0.719),
    ("给我推荐一款红色的车", "推荐一辆红车", 0.987),
    ("给我推荐一款红色的车", "麻烦来一辆红车", 0.946),
)


@dataclass(frozen=True)
class PairSet:
    """Pairs of sentences with labels of one standard.

    Attributes:
        name: of the set.
        first: the first sentences.
        second: the second ones.
        labels: of each pair, an index into classes.
        classes: their names.
        likeness: of each class, how alike its pairs are: only the order of these numbers means something.
        cut: classes whose likeness is at least this count as alike.
        topical: of each pair, whether both sentences are about the same thing.
        kinds: of each pair, how it was made; "" where nobody knows.
        source: in a sentence, where it comes from.

    Raises:
        ValueError: if the set is empty, lengths differ, or a label is unknown; names the set.
    """

    name: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    labels: tuple[int, ...]
    classes: tuple[str, ...]
    likeness: tuple[int, ...]
    cut: int
    topical: tuple[bool, ...]
    kinds: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        if not self.first:
            raise ValueError(f"{self.name}: got an empty set; expected at least one pair")
        columns = (self.first, self.second, self.labels, self.topical, self.kinds)
        if len({len(column) for column in columns}) > 1:
            raise ValueError(
                f"{self.name}: got {[len(c) for c in columns]} sentences and labels; expected as many of each"
            )
        if len(self.likeness) != len(self.classes):
            raise ValueError(
                f"{self.name}, likeness: got {self.likeness}; expected one for each of {len(self.classes)} classes"
            )
        if unknown := sorted({label for label in self.labels if not 0 <= label < len(self.classes)}):
            raise ValueError(f"{self.name}, labels: got {unknown}; expected 0 .. {len(self.classes) - 1}")

    def __len__(self) -> int:
        return len(self.first)

    def require_classes(self) -> PairSet:
        """Return the set itself, if it has pairs that are alike and pairs that are not.

        Raises:
            ValueError: if it has only one of the two: nothing can be learnt or measured on it.
        """
        if len(set(self.alike().tolist())) < 2:
            raise ValueError(
                f"{self.name}: all {len(self)} pairs are {'alike' if self.alike()[0] else 'not alike'};"
                " expected some of both"
            )
        return self

    def alike(self) -> Int64[Tensor, " pairs"]:
        """Return 1 for each pair that counts as alike, 0 for the others."""
        return torch.tensor([int(self.likeness[label] >= self.cut) for label in self.labels])

    def order(self) -> Int64[Tensor, " pairs"]:
        """Return of each pair how alike it is: what CoSENT orders and Spearman compares with."""
        return torch.tensor([self.likeness[label] for label in self.labels])

    def binary(self) -> PairSet:
        """Return the set with two classes, alike or not: what a graded set is trained as."""
        labels = tuple(self.alike().tolist())
        return replace(self, labels=labels, classes=YES_NO, likeness=(0, 1), cut=1)

    def shortened(self, characters: int) -> PairSet:
        """Return the pairs with sentences cut to so many characters."""
        first, second = (tuple(text[:characters] for text in column) for column in (self.first, self.second))
        return replace(self, first=first, second=second)

    def take(self, indices: Iterable[int]) -> PairSet:
        """Return the pairs at these places, in this order."""
        kept = list(indices)
        return replace(
            self,
            first=tuple(self.first[i] for i in kept),
            second=tuple(self.second[i] for i in kept),
            labels=tuple(self.labels[i] for i in kept),
            topical=tuple(self.topical[i] for i in kept),
            kinds=tuple(self.kinds[i] for i in kept),
        )


@dataclass(frozen=True)
class Drawn:
    """One pair, as the makers below give it."""

    first: str
    second: str
    meanings: tuple[Meaning, Meaning]
    label: int
    topical: bool
    kind: str


# ---------------------------------------------------------------- the embedded sets


@cache
def embedded_set(name: str, size: int, seed: int, split: Split = "train") -> PairSet:
    """Return a set of the embedded grammar; the module's text lists them.

    Args:
        name: one of `TEST_SETS`.
        size: number of pairs.
        seed: of the draws; the splits draw differently under one seed.
        split: "train" and "valid" are of the level that models train on, "test" is held out.

    Raises:
        ValueError: if there is no such set or split, or the size is less than 1.
    """
    check_choice("name", name, tuple(_MAKERS))
    if split not in ("train", "valid", "test"):
        raise ValueError(f"split: got {split!r}; expected 'train', 'valid' or 'test'")
    check_count("size", size)
    rng = random.Random(f"{name} {split} {seed}")
    pairs = [_draw(name, rng, split == "test", number) for number in range(size)]
    classes, likeness, cut = _STANDARDS.get(name, (YES_NO, (0, 1), 1))
    return PairSet(
        name,
        tuple(p.first for p in pairs),
        tuple(p.second for p in pairs),
        tuple(p.label for p in pairs),
        classes,
        likeness,
        cut,
        tuple(p.topical for p in pairs),
        tuple(p.kind for p in pairs),
        f"embedded corpus, {name}, {size} pairs of the {split} part",
    )


def _draw(name: str, rng: random.Random, held_out: bool, number: int) -> Drawn:
    """Draw until both sentences are on one side of what is held out: a changed subject or colour may cross."""
    while True:
        drawn = _MAKERS[name](rng, held_out, number)
        if all(_is_held_out(meaning) == held_out for meaning in drawn.meanings):
            return drawn


def _is_held_out(meaning: Meaning) -> bool:
    level = level_of(meaning) if isinstance(meaning, Question) else statement_level(meaning)
    return level != "train"


def _question(rng: random.Random, held_out: bool) -> Question:
    return rng.choice(_QUESTIONS[held_out])


def _statement(rng: random.Random, held_out: bool) -> Statement:
    return rng.choice(_statements_of(held_out))


@cache
def _statements_of(held_out: bool) -> tuple[Statement, ...]:
    """Meanings to choose from, drawn once: to draw them is slower than to choose."""
    rng = random.Random(f"statements {held_out}")
    if not held_out:
        return tuple(sample_statement(rng) for _ in range(6000))
    half = [sample_statement(rng, level="combination") for _ in range(3000)]
    return (*half, *(sample_statement(rng, level="entity") for _ in range(3000)))


@cache
def _statements_about(held_out: bool, entity: str) -> tuple[Statement, ...]:
    return tuple(s for s in _statements_of(held_out) if s.entity == entity)


def _another(rng: random.Random, meaning: Meaning, text: str) -> str:
    """Say the same in other words."""
    while True:
        wording = _write(rng, meaning)
        if wording != text:
            return wording


def _write(rng: random.Random, meaning: Meaning) -> str:
    return write_question(meaning, rng) if isinstance(meaning, Question) else write_statement(meaning, rng)


def _questions(rng: random.Random, held_out: bool, number: int) -> Drawn:
    return _graded_pair(rng, held_out, 3 if number % 2 else number // 2 % 3, strict=True)


def _graded(rng: random.Random, held_out: bool, number: int) -> Drawn:
    return _graded_pair(rng, held_out, number % 4, strict=False)


def _graded_pair(rng: random.Random, held_out: bool, likeness: int, *, strict: bool) -> Drawn:
    kinds = ("unrelated", "same entity", "same intent", "paraphrase")
    while True:
        question = _question(rng, held_out)
        others = [q for q in _QUESTIONS[held_out] if grade(question, q) == likeness]
        if others:
            break
    other = rng.choice(others)
    text = write_question(question, rng)
    label = int(likeness == 3) if strict else likeness
    second = _another(rng, other, text)
    return Drawn(text, second, (question, other), label, question.entity == other.entity, kinds[likeness])


def _statements(rng: random.Random, held_out: bool, number: int) -> Drawn:
    statement = _statement(rng, held_out)
    text = write_statement(statement, rng)
    if number % 2:
        return Drawn(text, _another(rng, statement, text), (statement,) * 2, 1, True, "paraphrase")
    kind, other = _altered(rng, statement, held_out)
    second = write_statement(other, rng)
    return Drawn(text, second, (statement, other), 0, same_topic(statement, other), kind)


def _altered(rng: random.Random, statement: Statement, held_out: bool) -> tuple[str, Statement]:
    """Return a statement that means something else, and in what it differs; never in yes or no alone."""
    while True:
        kind = rng.choice(("entity", "subject", "colour", "frame"))
        other = statement
        if kind == "entity":
            other = _statement_like(rng, statement, held_out, frame=True)
        elif kind == "subject" and statement.subject is not None:
            other = replace(statement, subject=rng.choice((*SUBJECTS, SOMEBODY)))
        elif kind == "colour" and statement.colour is not None:
            other = replace(statement, colour=rng.choice(COLOURS))
        elif kind == "frame":
            other = _statement_like(rng, statement, held_out, frame=False)
        if other not in (statement, _flipped(statement)):
            return f"other {kind}", other


def _flipped(statement: Statement) -> Statement:
    return statement if statement.frame in ("request", "thing") else opposite(statement)


def _statement_like(rng: random.Random, statement: Statement, held_out: bool, *, frame: bool) -> Statement:
    """Return another statement of the same frame, or one of another frame about the same entity."""
    if not frame:
        other = rng.choice(_statements_about(held_out, statement.entity) or (statement,))
        return other if other.frame != statement.frame else statement  # whoever asks tries again
    other = _statement(rng, held_out)
    if other.frame == statement.frame and other.entity != statement.entity:
        return replace(other, value=statement.value)
    return statement


def _topics(rng: random.Random, held_out: bool, number: int) -> Drawn:
    statement = _statement(rng, held_out)
    text = write_statement(statement, rng)
    other = _other_about(rng, statement, held_out, same=bool(number % 2))
    kind = "same topic" if number % 2 else "other topic"
    if other == _flipped(statement) != statement:
        kind = "opposite"
    second = _another(rng, other, text)
    return Drawn(text, second, (statement, other), number % 2, bool(number % 2), kind)


def _other_about(rng: random.Random, statement: Statement, held_out: bool, *, same: bool) -> Statement:
    """Return a statement about the same entity, half of the time the same one, or a statement about another."""
    if same and rng.random() < 0.5:
        return statement
    if same:
        return rng.choice(_statements_about(held_out, statement.entity) or (statement,))
    while same_topic(statement, other := _statement(rng, held_out)):
        pass
    return other


def _adversarial(rng: random.Random, held_out: bool, number: int) -> Drawn:
    meaning: Meaning = _question(rng, held_out) if number % 4 < 2 else _statement(rng, held_out)
    text = _write(rng, meaning)
    if number % 2:
        candidates = [_another(rng, meaning, text) for _ in range(6)]
        second = min(candidates, key=lambda t: overlap(text, t))
        return Drawn(text, second, (meaning, meaning), 1, True, "distant paraphrase")
    if isinstance(meaning, Question):
        others: list[Meaning] = [q for q in _QUESTIONS[held_out] if grade(meaning, q) == 2]
        other = rng.choice(others) if others else _question(rng, held_out)
        if other == meaning:
            return _adversarial(rng, held_out, number)
        second = _closest(rng, other, text)
        return Drawn(text, second, (meaning, other), 0, False, "other entity")
    kind, changed = _altered(rng, meaning, held_out)
    second = _closest(rng, changed, text)
    return Drawn(text, second, (meaning, changed), 0, same_topic(meaning, changed), kind)


def _closest(rng: random.Random, meaning: Meaning, text: str) -> str:
    return max((_another(rng, meaning, text) for _ in range(12)), key=lambda t: overlap(text, t))


def _nli(rng: random.Random, held_out: bool, number: int) -> Drawn:
    label = NLI[number % 3]
    while True:
        premise = _statement(rng, held_out)
        kind, hypothesis = _hypothesis(rng, premise, label, held_out)
        if relation(premise, hypothesis) == label:
            text = write_statement(premise, rng)
            second = _another(rng, hypothesis, text)
            topical = same_topic(premise, hypothesis)
            return Drawn(text, second, (premise, hypothesis), NLI.index(label), topical, kind)


def _hypothesis(rng: random.Random, premise: Statement, label: str, held_out: bool) -> tuple[str, Statement]:
    """Propose what may be entailed, contradicted or neither; `relation` decides."""
    if label == "entailment":
        wider = replace(premise, subject=SOMEBODY) if premise.subject else premise
        bare = replace(premise, colour=None) if premise.frame != "thing" else premise
        kind, other = rng.choice((("paraphrase", premise), ("somebody", wider), ("any colour", bare)))
        return (kind if other != premise else "paraphrase"), other
    if label == "contradiction":
        if premise.frame in ("request", "thing"):
            return "other colour", _recoloured(rng, premise)
        return "opposite", opposite(premise)
    return _altered(rng, premise, held_out)


def _recoloured(rng: random.Random, statement: Statement) -> Statement:
    return replace(statement, colour=rng.choice(COLOURS)) if statement.colour else statement


def _negation(rng: random.Random, held_out: bool, number: int) -> Drawn:
    while (statement := _statement(rng, held_out)).frame in ("request", "thing"):
        pass
    text = write_statement(statement, rng)
    other = statement if number % 2 else opposite(statement)
    kind = "paraphrase" if number % 2 else "opposite"
    return Drawn(text, _another(rng, other, text), (statement, other), number % 2, True, kind)


def _colour(rng: random.Random, held_out: bool, number: int) -> Drawn:
    while (statement := _statement(rng, held_out)).colour is None:
        pass
    other = statement
    while not number % 2 and other == statement:
        other = _recoloured(rng, statement)
    text = write_statement(statement, rng)
    kind = "paraphrase" if number % 2 else "other colour"
    return Drawn(text, _another(rng, other, text), (statement, other), number % 2, True, kind)


_MAKERS: dict[str, Callable[[random.Random, bool, int], Drawn]] = {
    "questions": _questions,
    "graded": _graded,
    "statements": _statements,
    "topics": _topics,
    "adversarial": _adversarial,
    "nli": _nli,
    "negation": _negation,
    "colour": _colour,
}
_STANDARDS: dict[str, tuple[tuple[str, ...], tuple[int, ...], int]] = {
    "graded": (("0", "1", "2", "3"), (0, 1, 2, 3), CUT),
    "nli": (NLI, (2, 1, 0), 2),
}
_QUESTIONS = {
    False: tuple(all_questions("train")),
    True: (*all_questions("combination"), *all_questions("entity")),
}


# ---------------------------------------------------------------- published sets


def real_set(name: str, split: Split, size: int | None = None, seed: int = 0) -> PairSet:
    """Return pairs of a published set, shuffled; `load_texts` says where it is looked for.

    Args:
        name: a key of `REAL_SETS`.
        split: "train", or "test" for the split that `REAL_SETS` names.
        size: how many pairs; by default all.
        seed: of the order.

    Raises:
        ValueError: if there is no such set.
        DataNotFound, DamagedData: if it cannot be read.
    """
    check_choice("name", name, tuple(REAL_SETS))
    texts = load_texts(name, "train" if split == "train" else REAL_SETS[name])
    assert texts.second is not None
    assert texts.labels is not None
    classes = texts.classes
    likeness = (2, 1, 0) if classes == NLI else tuple(range(len(classes)))
    cut = {"ocnli": 2, "sts_b": STS_CUT}.get(name, 1)
    n = len(texts)
    whole = PairSet(
        name, texts.first, texts.second, texts.labels, classes, likeness, cut,
        (True,) * n, ("",) * n, texts.source,
    )  # fmt: skip
    return whole.take(np.random.default_rng(seed).permutation(n)[:size].tolist())


# ---------------------------------------------------------------- labels as they are


def careless(pairs: PairSet, seed: int, *, flips: float = 0.0, topic_positives: float = 0.0) -> PairSet:
    """Return the set as a careless person would label it, in yes or no.

    Pairs of one topic are marked alike with probability `topic_positives`; then each label is flipped with
    probability `flips`. See `theory.label_probability`.

    Raises:
        ValueError: if the set has not two classes, or a probability is not in [0, 1].
    """
    if len(pairs.classes) != 2:
        raise ValueError(
            f"{pairs.name}: got {len(pairs.classes)} classes; expected yes or no, for careless labels"
        )
    for name, value in (("flips", flips), ("topic_positives", topic_positives)):
        check_share(name, value)
    rng = np.random.default_rng(seed)
    marked, flipped = rng.random((2, len(pairs)))
    labels = [
        (label | (topical and bool(m < topic_positives))) ^ bool(f < flips)
        for label, topical, m, f in zip(pairs.labels, pairs.topical, marked, flipped, strict=True)
    ]
    return replace(pairs, labels=tuple(map(int, labels)))


def conflicts(sets: Sequence[PairSet]) -> dict[tuple[str, str], tuple[int, int]]:
    """Return of each two sets how many pairs both hold, in either order, and on how many of them they disagree.

    Alike or not is what counts. Sets of one standard should not disagree; sets of two standards do.
    """
    answers = [
        {
            frozenset(p): a
            for p, a in zip(zip(s.first, s.second, strict=True), s.alike().tolist(), strict=True)
        }
        for s in sets
    ]
    return {
        (sets[i].name, sets[j].name): (
            len(common := answers[i].keys() & answers[j].keys()),
            sum(answers[i][pair] != answers[j][pair] for pair in common),
        )
        for j in range(len(sets))
        for i in range(j)
    }


def leaked(train: Sequence[PairSet], test: Sequence[PairSet]) -> set[str]:
    """Return the sentences that stand in a training and in a test set."""
    return _sentences(train) & _sentences(test)


def _sentences(sets: Sequence[PairSet]) -> set[str]:
    return {text for pairs in sets for text in (*pairs.first, *pairs.second)}


# ---------------------------------------------------------------- pairs without labels


def overlap(a: str, b: str, n: int = 1) -> float:
    """Return the share of characters, or of runs of n characters, that two texts have in common (Jaccard).

    Each counts once; a text shorter than n is a run of its own. Cruder than `sjedu.roformer_sim.mining.jaccard`, which
    counts repetitions and leaves out punctuation: the sets here are drawn, and the models trained, by this one, and
    every adversarial pair takes a dozen of its calls.
    """
    x, y = ({text[i : i + n] for i in range(len(text) - n + 1)} or {text} for text in (a, b))
    return len(x & y) / len(x | y)


@cache
def mined_pairs(size: int, seed: int, *, threshold: float = 0.5) -> tuple[tuple[str, str], ...]:
    """Return pairs as they are to be had without labels: half of questions, half of statements.

    Questions come in groups of paraphrases, as questions of a forum do. Statements are paired within a passage, which
    is about one thing, where they share enough characters: what is alike by rule. A negation shares nearly all of
    them, so that many of these pairs say the opposite of each other.

    Args:
        size: how many.
        seed: of the draws.
        threshold: of `overlap`.
    """
    rng = random.Random(f"mined {seed}")
    pairs: list[tuple[str, str]] = []
    while len(pairs) < size:
        if len(pairs) % 2:
            question = _question(rng, False)
            a, b = rng.sample(family(question), 2)
        else:
            statement = _statement(rng, False)
            a = write_statement(statement, rng)
            other = rng.choice((statement, _flipped(statement), _altered(rng, statement, False)[1]))
            b = write_statement(other, rng)
            if a == b or overlap(a, b) < threshold:
                continue
        pairs.append((a, b))
    return tuple(pairs)


def polarity_flips(pairs: Sequence[tuple[str, str]]) -> Float64[np.ndarray, " 2"]:
    """Return, of the pairs that are statements, the share that means the opposite and the share that means the same."""
    outcomes = []
    for a, b in pairs:
        try:
            first, second = parse_statement(a), parse_statement(b)
        except ValueError:
            continue
        outcomes.append((second == _flipped(first) != first, first == second))
    return np.asarray(np.array(outcomes, dtype=np.float64).reshape(-1, 2).mean(axis=0))


# ---------------------------------------------------------------- a sentence changed


def changed(text: str, change: str, wording: int = 1) -> str:
    """Return a sentence of the grammar with its meaning changed, or kept, in one of its wordings.

    Raises:
        ValueError: if the text is none of the grammar's statements, or cannot be changed in this way; says why.
    """
    statement = parse_statement(text)
    meaning = _CHANGES[change](statement)
    known = [each for each in wordings(meaning) if each != text]
    return known[(wording - 1) * 5 % len(known)]


def _negative(statement: Statement) -> Statement:
    if statement.frame in ("request", "thing"):
        # A request has no opposite in the grammar; the nearest is to want none of it.
        return Statement("want", statement.entity, False, "我", statement.colour)
    return opposite(statement)


def _with_next_colour(statement: Statement) -> Statement:
    if statement.frame == "like":  # a city has no colour: the thing changes with it
        return Statement("like", "苹果", statement.value, statement.subject, "红")
    colour = COLOURS[(COLOURS.index(statement.colour) + 1) % len(COLOURS)] if statement.colour else "绿"
    return Statement(statement.frame, statement.entity, statement.value, statement.subject, colour)


def _with_next_subject(statement: Statement) -> Statement:
    if statement.subject is None:
        return Statement("like", statement.entity, True, "他", statement.colour)
    subject = SUBJECTS[(SUBJECTS.index(statement.subject) + 1) % len(SUBJECTS)]
    return Statement(statement.frame, statement.entity, statement.value, subject, statement.colour)


def _about_another_thing(statement: Statement) -> Statement:
    entity = {"北京": "上海", "手机": "酒店"}.get(statement.entity, "沙发")
    colour = statement.colour if entity == "沙发" else None
    return Statement(statement.frame, entity, statement.value, statement.subject, colour)


_CHANGES: dict[str, Callable[[Statement], Statement]] = {
    "paraphrase": lambda statement: statement,
    "negate": _negative,
    "other colour": _with_next_colour,
    "other subject": _with_next_subject,
    "other thing": _about_another_thing,
}
