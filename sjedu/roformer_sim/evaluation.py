"""How well a model retrieves and writes: measures, and what they are taken on.

The embedded grammar knows what every sentence means, so retrieval needs no labels of people, and what a model wrote is
read back (`parse_question`) to see whether it is a sentence, and means what it should. The character Jaccard of
`sjedu.roformer_sim.mining` stands beside every figure of retrieval: who does not beat it has learnt no meaning.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.stats
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sjedu.data.text import (
    Question,
    Statement,
    all_questions,
    family,
    grade,
    parse_question,
    parse_statement,
    sample_question,
    wordings,
    write_question,
)
from sjedu.data.text.questions import Level
from sjedu.data.text.statements import StatementLevel
from sjedu.roformer_sim.decoding import BEYOND, Candidate
from sjedu.roformer_sim.mining import jaccard_matrix
from sjedu.roformer_sim.model import RoFormerSim
from sjedu.roformer_sim.pairs import distinct_statements as distinct_statements

Meaning: TypeAlias = Question | Statement
Numbers: TypeAlias = Sequence[float | int] | Tensor | np.ndarray
Scorer: TypeAlias = Callable[[Sequence[str], Sequence[str]], Float[Tensor, "queries corpus"]]

#: What is new about held-out questions, from the easiest to the hardest.
LEVELS: tuple[Level, ...] = ("combination", "entity", "intent")

# ---------------------------------------------------------------- measures


def spearman(x: Numbers, y: Numbers) -> float:
    """Return Spearman's rank correlation: Pearson's of the ranks, equal values sharing their mean rank.

    Raises:
        ValueError: if the lengths differ or are less than 2, a value is not finite, or one side is constant, for
            which no correlation is defined.
    """
    a, b = (np.asarray(values, dtype=np.float64) for values in (x, y))
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise ValueError(
            f"x and y: got shapes {a.shape} and {b.shape}; expected two equally long, of 2 or more"
        )
    for name, values in (("x", a), ("y", b)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: got {values[~np.isfinite(values)][0]}; expected finite numbers")
        if (values == values[0]).all():
            raise ValueError(f"{name}: all {len(values)} values are {values[0]}; no correlation is defined")
    return float(scipy.stats.spearmanr(a, b).statistic)


def accuracy_at_1(scores: Float[Tensor, "queries corpus"], relevant: Bool[Tensor, "queries corpus"]) -> float:
    """Return how often the text with the highest score is a relevant one.

    Where several have the highest score, a query counts by the share of relevant ones among them: what choosing one of
    them at random gives on average.

    Raises:
        ValueError: if the shapes differ, or a query has no relevant text.
    """
    _check_scores(scores, relevant)
    best = scores == scores.amax(dim=1, keepdim=True)
    return float(((best & relevant).sum(dim=1) / best.sum(dim=1)).mean())


def mean_reciprocal_rank(
    scores: Float[Tensor, "queries corpus"], relevant: Bool[Tensor, "queries corpus"]
) -> float:
    """Return the mean of 1/rank of each query's best relevant text; of equal scores, half of the others rank before.

    Raises:
        ValueError: if the shapes differ, or a query has no relevant text.
    """
    _check_scores(scores, relevant)
    best = scores.masked_fill(~relevant, -torch.inf).amax(dim=1, keepdim=True)
    others = ~relevant
    before = ((scores > best) & others).sum(dim=1) + ((scores == best) & others).sum(dim=1) / 2
    return float((1 / (1 + before)).mean())


def _check_scores(scores: Tensor, relevant: Tensor) -> None:
    if scores.shape != relevant.shape or scores.ndim != 2:
        raise ValueError(
            f"scores and relevant: got shapes {tuple(scores.shape)} and {tuple(relevant.shape)};"
            " expected (queries, corpus) both"
        )
    if not bool(relevant.any(dim=1).all()):
        lonely = int((~relevant.any(dim=1)).nonzero()[0])
        raise ValueError(f"relevant: query {lonely} has no relevant text in the corpus")


# ---------------------------------------------------------------- retrieval on the embedded corpus


def cosines(model: RoFormerSim) -> Scorer:
    """Return the function that scores texts by the cosines of a model's vectors."""
    return lambda queries, corpus: model.encode(queries) @ model.encode(corpus).mT


def character_overlap(queries: Sequence[str], corpus: Sequence[str]) -> Float[Tensor, "queries corpus"]:
    """Score texts by the Jaccard of their characters: the baseline."""
    return torch.from_numpy(jaccard_matrix(queries, corpus)).float()


@dataclass(frozen=True, eq=False)
class Retrieval:
    """Questions to ask of a corpus.

    Attributes:
        queries: one wording for each meaning.
        corpus: other wordings of these meanings and of all others.
        relevant: which texts of the corpus mean what a query means.
    """

    queries: tuple[str, ...]
    corpus: tuple[str, ...]
    relevant: Bool[Tensor, "queries corpus"]

    def measure(self, scorer: Scorer) -> dict[str, float]:
        """Return "accuracy" (at 1) and "mrr" of a scorer."""
        scores = scorer(self.queries, self.corpus)
        return {
            "accuracy": accuracy_at_1(scores, self.relevant),
            "mrr": mean_reciprocal_rank(scores, self.relevant),
        }


def question_retrieval(level: Level, seed: int = 0) -> Retrieval:
    """Return queries of one level of novelty against two wordings of each of the grammar's 400 meanings.

    The query is a third wording, so none of the 800 texts of the corpus has its words.
    """
    rng = random.Random(f"questions {seed}")
    queries, corpus, asked, meant = [], [], [], []
    wanted = set(all_questions(level))
    for question in all_questions():
        forms = rng.sample(family(question), 3)
        query, *known = (write_question(question, rng, form=form) for form in forms)
        corpus += known
        meant += [question] * len(known)
        if question in wanted:
            queries.append(query)
            asked.append(question)
    return Retrieval(tuple(queries), tuple(corpus), _same(asked, meant))


def statement_retrieval(
    level: StatementLevel = "combination", seed: int = 0, meanings: int = 260
) -> Retrieval:
    """Return statements of one level, each asked in a third wording, against two wordings of each and of others.

    Half of the meanings are of that level, half of the level "train".
    """
    rng = random.Random(f"statements {seed}")
    queries, corpus, asked, meant = [], [], [], []
    levels: tuple[StatementLevel, ...] = ("train", level)
    for each in levels:
        for statement in distinct_statements(meanings // 2, rng, each, least=3):
            query, *known = rng.sample(wordings(statement), 3)
            corpus += known
            meant += [statement] * len(known)
            if each == level:
                queries.append(query)
                asked.append(statement)
    return Retrieval(tuple(queries), tuple(corpus), _same(asked, meant))


@dataclass(frozen=True)
class GradedPairs:
    """Pairs of texts and how alike they are."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    grades: tuple[int, ...]

    def measure(self, model: RoFormerSim) -> float:
        """Return Spearman's correlation of a model's cosines with the grades."""
        return spearman(model.similarity(self.first, self.second), self.grades)

    def baseline(self) -> float:
        """Return that of the characters' Jaccard."""
        pairs = zip(self.first, self.second, strict=True)
        return spearman([float(jaccard_matrix([a], [b])[0, 0]) for a, b in pairs], self.grades)


def graded_questions(level: Level, pairs: int = 400, seed: int = 0) -> GradedPairs:
    """Return pairs of questions, the first of one level of novelty, the second of any; a quarter of each grade.

    3: the same meaning in other words; 2: the same intent of another entity; 1: another intent of the same entity;
    0: neither.
    """
    rng = random.Random(f"graded {level} {seed}")
    everything = all_questions()
    first, second, grades = [], [], []
    for k in range(pairs):
        a = sample_question(rng, level)
        b = rng.choice([b for b in everything if grade(a, b) == 3 - k % 4])
        forms = rng.sample(family(a), 2)
        first.append(write_question(a, rng, form=forms[0]))
        second.append(write_question(b, rng, form=forms[1] if a == b else None))
        grades.append(grade(a, b))
    return GradedPairs(tuple(first), tuple(second), tuple(grades))


def _same(asked: Sequence[Meaning], meant: Sequence[Meaning]) -> Bool[Tensor, "queries corpus"]:
    return torch.tensor([[a == b for b in meant] for a in asked])


# ---------------------------------------------------------------- generation on the embedded corpus


@dataclass(frozen=True)
class Written:
    """What a model wrote for one source whose meaning is known."""

    source: str
    meaning: Meaning
    candidates: tuple[Candidate, ...]


def meaning_of(text: str) -> Meaning | None:
    """Read a question or a statement of the embedded grammar; None for any other text."""
    for parse in (parse_question, parse_statement):
        try:
            return parse(text)
        except ValueError:
            continue
    return None


def write(
    model: RoFormerSim,
    meanings: Sequence[Meaning],
    count: int = 8,
    *,
    seed: int = 0,
    top_p: float = 0.95,
    temperature: float = 1.0,
    batch_size: int = 64,
) -> list[Written]:
    """Sample texts for one wording of each meaning."""
    rng = random.Random(f"write {seed}")
    sources = [rng.choice(family(m) if isinstance(m, Question) else wordings(m)) for m in meanings]
    generator = torch.Generator(model.device).manual_seed(seed)
    found = []
    for start in range(0, len(sources), batch_size):
        part = sources[start : start + batch_size]
        drawn = model.sample(part, count, top_p=top_p, temperature=temperature, generator=generator)
        for source, meaning, candidates in zip(part, meanings[start:], drawn, strict=False):
            found.append(Written(source, meaning, tuple(candidates)))
    return found


def generation_measures(written: Sequence[Written]) -> dict[str, float]:
    """Return what the grammar says of samples.

    Returns:
        Shares of all samples: "valid", sentences of the grammar; "same", sentences with the source's meaning; "new",
        those of them that are not the source itself; "copy", the source itself; and "distinct", of the
        samples of one source, how many different texts there are, over their number.

    Raises:
        ValueError: if there are no samples.
    """
    samples = [(each, candidate) for each in written for candidate in each.candidates]
    if not samples:
        raise ValueError("written: got no samples; expected at least one")
    total = len(samples)
    read = [(w, c, meaning_of(c.text)) for w, c in samples]
    copies = [c.text == w.source for w, c, _ in read]
    same = [meaning == w.meaning for w, _, meaning in read]
    distinct = [len({c.text for c in w.candidates}) / len(w.candidates) for w in written]
    return {
        "valid": sum(meaning is not None for *_, meaning in read) / total,
        "same": sum(same) / total,
        "new": sum(s and not c for s, c in zip(same, copies, strict=True)) / total,
        "copy": sum(copies) / total,
        "distinct": sum(distinct) / len(distinct),
    }


def reranking_measures(model: RoFormerSim, written: Sequence[Written], best: int = 1) -> dict[str, float]:
    """Return how often a text keeps the source's meaning: among all fresh samples, and among the best by similarity.

    Fresh are those that are neither copies nor duplicates nor unfinished, as in `RoFormerSim.generate`. Sources
    without a fresh sample do not count.

    Returns:
        "fresh", the mean over sources of the share among all fresh ones; "ranked", the same among the `best`.
    """
    fresh_share, ranked_share = [], []
    for each in written:
        order = model.rank(each.source, each.candidates, best)
        fresh = [c for c in order if c.dropped in (None, BEYOND)]
        if not fresh:
            continue
        kept = [meaning_of(c.text) == each.meaning for c in fresh]
        fresh_share.append(sum(kept) / len(kept))
        ranked_share.append(sum(kept[:best]) / len(kept[:best]))
    if not fresh_share:
        raise ValueError("written: no source has a fresh sample; nothing can be ranked")
    return {"fresh": float(np.mean(fresh_share)), "ranked": float(np.mean(ranked_share))}
