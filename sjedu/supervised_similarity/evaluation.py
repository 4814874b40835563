"""What is measured of a model: its order of pairs, the article's ten pairs, its writing, and what its heads learnt."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sjedu.data.text import all_questions
from sjedu.measures import auc, bootstrap
from sjedu.roformer_sim import RoFormerSim
from sjedu.roformer_sim.evaluation import generation_measures, meaning_of, write
from sjedu.roformer_sim.pairs import distinct_statements
from sjedu.supervised_similarity.heads import Heads
from sjedu.supervised_similarity.tasks import ARTICLE_PAIRS, YES_NO_SETS, PairSet, overlap

Encode: TypeAlias = Callable[[Sequence[str]], Tensor]
Score: TypeAlias = Callable[[PairSet], np.ndarray]

#: What every table begins with: scores of pairs that no model is needed for, by how long the runs of characters are.
OVERLAPS = {"characters": 1, "bigrams": 2}


def cosines(encode: Encode, pairs: PairSet) -> Float[Tensor, " pairs"]:
    """Return the cosine of each pair; every sentence is encoded once."""
    texts = list(dict.fromkeys((*pairs.first, *pairs.second)))
    place = {text: i for i, text in enumerate(texts)}
    vectors = torch.nn.functional.normalize(encode(texts), dim=-1)
    first, second = (vectors[[place[text] for text in column]] for column in (pairs.first, pairs.second))
    return (first * second).sum(-1)


def measure(model: RoFormerSim, tests: Sequence[PairSet], written: int = 0) -> dict[str, Any]:
    """Return what a model's cosines are worth, and its writing.

    Args:
        model: that encodes.
        tests: pairs with labels.
        written: on how many held-out meanings its writing is measured; 0 for none.

    Returns:
        What `measure_order` gives; "pairs", the cosines of the article's ten pairs; "generation", as
        `generation_measures` gives it.
    """
    metrics = measure_order(lambda pairs: _numbers(cosines(model.encode, pairs)), tests)
    first, second, _ = zip(*ARTICLE_PAIRS, strict=True)
    metrics["pairs"] = [round(c, 4) for c in model.similarity(first, second).tolist()]
    if written:
        metrics["generation"] = measure_writing(model, written)
    return metrics


def measure_overlap(tests: Sequence[PairSet]) -> dict[str, dict[str, Any]]:
    """Return what counting common characters, or pairs of them, is worth: `measure_order` for each of `OVERLAPS`."""

    def score(n: int) -> Score:
        return lambda pairs: np.array(
            [overlap(*each, n) for each in zip(pairs.first, pairs.second, strict=True)]
        )

    return {name: measure_order(score(n), tests) for name, n in OVERLAPS.items()}


def measure_order(score: Score, tests: Sequence[PairSet]) -> dict[str, Any]:
    """Return what a score of pairs is worth.

    Returns:
        "spearman" and "interval" (95 %, over the pairs) of each set; their "mean" over the sets answered by yes or
        no; "kinds", of each set the mean score of each kind of pair.

    Raises:
        ValueError: if a set has only one class, or all scores are equal; names the set.
    """
    metrics: dict[str, Any] = {"spearman": {}, "interval": {}, "kinds": {}}
    for pairs in tests:
        similarity = score(pairs)
        try:
            correlation = bootstrap(similarity, pairs.order().numpy(), samples=300)
        except ValueError as error:
            raise ValueError(f"{pairs.name}: {error}") from error
        metrics["spearman"][pairs.name] = round(correlation.value, 4)
        metrics["interval"][pairs.name] = [round(correlation.low, 4), round(correlation.high, 4)]
        if any(pairs.kinds):
            metrics["kinds"][pairs.name] = _by_kind(similarity, pairs)
    counted = [v for name, v in metrics["spearman"].items() if name in YES_NO_SETS] or list(
        metrics["spearman"].values()
    )
    metrics["mean"] = round(float(np.mean(counted)), 4)
    return metrics


def measure_writing(model: RoFormerSim, meanings: int, seed: int = 0) -> dict[str, float]:
    """Return what the grammar says of what a model writes for held-out meanings: half questions, half statements."""
    rng = random.Random(f"writing {seed}")
    known = [*all_questions("combination"), *all_questions("entity")]
    chosen = rng.sample(known, meanings // 2)
    chosen_statements = distinct_statements(meanings - len(chosen), rng, "combination")
    written = write(model, [*chosen, *chosen_statements], 4, seed=seed)
    return {name: round(value, 4) for name, value in generation_measures(written).items()}


@torch.no_grad()
def read_heads(model: RoFormerSim, heads: Heads, tests: Sequence[PairSet]) -> dict[str, dict[str, float]]:
    """Return how far each part of a head tells pairs that are alike, on test pairs of its own set.

    Returns:
        Of each set with a head on u, v and |u-v| and two classes: "topic" and "meaning", the AUC of ⟨u, w₁⟩ + ⟨v, w₂⟩
        and of ⟨|u-v|, w₃⟩ as scores of alike; "spread topic" and "spread meaning", the standard deviation of both
        scores over pairs; "entity", the share of the variance of ⟨u, w₁⟩ that the first sentence's entity explains,
        where the grammar can read it; "negative", the share of w₃ below 0; "equal", the cosine
        of w₁ and w₂.
    """
    parts = {}
    for pairs in tests:
        if (
            pairs.name not in heads.key
            or len(pairs.classes) != 2
            or heads[pairs.name].parts != ("u", "v", "|u-v|")
        ):
            continue
        head = heads[pairs.name]
        u, v = (model.encode(column, normalize=False) for column in (pairs.first, pairs.second))
        shares, weights = head.shares(u, v), head.weights()
        topic = _numbers(shares["u"] + shares["v"])
        meaning = _numbers(shares["|u-v|"])
        alike = pairs.alike().numpy()
        values = {
            "topic": auc(topic, alike),
            "meaning": auc(meaning, alike),
            "spread topic": float(topic.std()),
            "spread meaning": float(meaning.std()),
            "negative": float((weights["|u-v|"] < 0).float().mean()),
            "equal": float(torch.nn.functional.cosine_similarity(weights["u"], weights["v"], dim=0)),
        }
        entity = explained_by_entity(_numbers(shares["u"]), pairs.first)
        values |= {} if entity is None else {"entity": entity}
        parts[pairs.name] = {name: round(value, 4) for name, value in values.items()}
    return parts


def _by_kind(similarity: np.ndarray, pairs: PairSet) -> dict[str, float]:
    kinds = np.array(pairs.kinds)
    return {kind: round(float(similarity[kinds == kind].mean()), 4) for kind in sorted(set(pairs.kinds))}


def explained_by_entity(scores: np.ndarray, texts: Sequence[str]) -> float | None:
    """Return the share of the variance of scores that the texts' entities explain.

    It is corrected for the number of entities: 0 is what is expected of scores that do not depend on them. None where
    the grammar cannot read the texts.
    """
    meanings = [meaning_of(text) for text in texts]
    if any(meaning is None for meaning in meanings):
        return None
    entities = np.array([meaning.entity for meaning in meanings if meaning is not None])
    known = sorted(set(entities.tolist()))
    within = sum(float(((scores[entities == e] - scores[entities == e].mean()) ** 2).sum()) for e in known)
    total = float(((scores - scores.mean()) ** 2).sum())
    return 1 - within / (len(scores) - len(known)) / (total / (len(scores) - 1))


def _numbers(values: Tensor) -> np.ndarray:
    return np.asarray(values.double().cpu().numpy())
