"""How well a model retrieves and writes: measures, and what they are taken on.

The embedded grammar knows what every sentence means, so retrieval needs no labels of people, and what a model wrote is
read back (`parse_question`) to see whether it is a sentence, and means what it should. The character Jaccard of
`sjedu.roformer_sim.mining` stands beside every figure of retrieval: who does not beat it has learnt no meaning.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sjedu.data import DataNotFound
from sjedu.data.text import (
    Question,
    Statement,
    all_questions,
    family,
    grade,
    load_texts,
    parse_question,
    parse_statement,
    sample_question,
    wordings,
    write_question,
)
from sjedu.data.text.questions import Level
from sjedu.data.text.statements import StatementLevel
from sjedu.measures import accuracy_at_1, mean_reciprocal_rank, spearman
from sjedu.roformer import Pooling
from sjedu.roformer_sim.decoding import BEYOND, Candidate
from sjedu.roformer_sim.mining import jaccard, jaccard_matrix
from sjedu.roformer_sim.model import RoFormerSim
from sjedu.roformer_sim.pairs import distinct_statements
from sjedu.roformer_sim.whitening import Whitening

Meaning: TypeAlias = Question | Statement
Scorer: TypeAlias = Callable[[Sequence[str], Sequence[str]], Float[Tensor, "queries corpus"]]

#: What is new about held-out questions, from the easiest to the hardest.
LEVELS: tuple[Level, ...] = ("combination", "entity", "intent")

#: Samples for each source, and sources for each level of novelty, on which generation is measured.
SAMPLES, SOURCES = 6, 50


def evaluate(model: RoFormerSim, corpora: Sequence[str], tests: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a model is worth.

    Args:
        model: after its training.
        corpora: that it learnt from.
        tests: published sets whose test pairs are measured too.

    Returns:
        "parameters"; for runs on the embedded corpus what `measure_retrieval` and `measure_generation` return; and for
        each of the tests what `measure_pairs` does.
    """
    metrics: dict[str, Any] = {"parameters": sum(p.numel() for p in model.parameters())}
    if {"questions", "statements"} & set(corpora):
        metrics |= measure_retrieval(model) | measure_generation(model)
    for name in tests:
        metrics |= measure_pairs(model, name)
    return {name: value if name == "parameters" else round(value, 4) for name, value in metrics.items()}


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
    held_out = set(all_questions(level))
    for question in all_questions():
        forms = rng.sample(family(question), 3)
        query, *known = (write_question(question, rng, form=form) for form in forms)
        corpus += known
        meant += [question] * len(known)
        if question in held_out:
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


def measure_retrieval(model: RoFormerSim) -> dict[str, float]:
    """Return "entity accuracy" (at 1), "entity mrr", "entity spearman", and so for each level and for statements."""
    metrics: dict[str, float] = {}
    scorer = cosines(model)
    for level in LEVELS:
        for kind, value in question_retrieval(level).measure(scorer).items():
            metrics[f"{level} {kind}"] = value
        metrics[f"{level} spearman"] = graded_questions(level).measure(model)
    for kind, value in statement_retrieval().measure(scorer).items():
        metrics[f"statements {kind}"] = value
    return metrics


def measure_pairs(model: RoFormerSim, name: str, *, most: int = 2000) -> dict[str, float]:
    """Return Spearman's correlation of cosines and labels of a published set's pairs, for every pooling.

    The names are "atec cls", "atec cls whitened", "atec cls third" (whitened, and a third of the directions kept), and
    "atec jaccard" for the characters alone.

    The test part is taken, or the valid one where there is no other; whitening is fitted on the same texts' vectors,
    as in the article's evaluation. Texts that are too long are cut.
    """
    try:
        texts = load_texts(name, "test")
    except DataNotFound:
        texts = load_texts(name, "valid")
    if texts.second is None or texts.labels is None:
        raise ValueError(f"tests: got {name!r}, which has no labelled pairs; expected a set that has")
    longest = model.max_length - 2
    first, second = ([text[:longest] for text in some[:most]] for some in (texts.first, texts.second))
    labels = texts.labels[:most]
    poolings: tuple[Pooling, ...] = ("cls", "mean", "first_last")
    if model.encoder.pooler is not None:
        poolings = ("pooler", "linear", *poolings)
    overlap = [jaccard(a, b) for a, b in zip(first, second, strict=True)]
    metrics = {f"{name} jaccard": spearman(overlap, labels)}
    for pooling in poolings:
        vectors = model.encode([*first, *second], pooling=pooling, normalize=False)
        white = Whitening.fit(vectors)(vectors)
        third = white[:, : vectors.shape[1] // 3]  # the article keeps 256 of 768
        for kind, x in {"": vectors, " whitened": white, " third": third}.items():
            u, v = x[: len(first)], x[len(first) :]
            metrics[f"{name} {pooling}{kind}"] = spearman(torch.cosine_similarity(u, v), labels)
    return metrics


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
    written = []
    for start in range(0, len(sources), batch_size):
        part = sources[start : start + batch_size]
        drawn = model.sample(part, count, top_p=top_p, temperature=temperature, generator=generator)
        for source, meaning, candidates in zip(part, meanings[start:], drawn, strict=False):
            written.append(Written(source, meaning, tuple(candidates)))
    return written


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


def reranked(model: RoFormerSim, written: Sequence[Written], best: int = 1) -> Iterator[tuple[float, float]]:
    """Yield for each source how often a text keeps its meaning: of all fresh samples, and of the best by similarity.

    Fresh are those that are neither copies nor duplicates nor unfinished, as in `RoFormerSim.generate`. Sources
    without a fresh sample do not count.
    """
    for each in written:
        order = model.rank(each.source, each.candidates, best)
        fresh = [c for c in order if c.dropped in (None, BEYOND)]
        if fresh:
            kept = [meaning_of(c.text) == each.meaning for c in fresh]
            yield sum(kept) / len(kept), sum(kept[:best]) / len(kept[:best])


def reranking_measures(model: RoFormerSim, written: Sequence[Written], best: int = 1) -> dict[str, float]:
    """Return the means over sources of what `reranked` yields: "fresh", and "ranked" of the best.

    Raises:
        ValueError: if no source has a fresh sample.
    """
    shares = list(reranked(model, written, best))
    if not shares:
        raise ValueError("written: got no source with a fresh sample; expected one at least, to be ranked")
    fresh, ranked = np.mean(shares, axis=0).tolist()
    return {"fresh": fresh, "ranked": ranked}


def measure_generation(
    model: RoFormerSim, samples: int = SAMPLES, sources: int = SOURCES
) -> dict[str, float]:
    """Return what the grammar says of samples for questions of each level and for statements of new combinations.

    Returns:
        "entity valid", "entity same", ... as `generation_measures` names them, and for all questions of known intents
        together "fresh" and "ranked" as `reranking_measures` does.
    """
    meanings: dict[str, list[Meaning]] = {level: list(all_questions(level)[:sources]) for level in LEVELS}
    meanings["statements"] = list(distinct_statements(sources, random.Random(0), "combination"))
    written = {name: write(model, some, samples) for name, some in meanings.items()}
    metrics = {
        f"{name} {kind}": value
        for name, some in written.items()
        for kind, value in generation_measures(some).items()
    }
    known = written["combination"] + written["entity"]
    return metrics | reranking_measures(model, known)
