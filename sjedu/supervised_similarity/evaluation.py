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
from sjedu.measures import Calibration as Calibration
from sjedu.measures import auc as auc
from sjedu.measures import best_threshold as best_threshold
from sjedu.measures import bootstrap as bootstrap
from sjedu.measures import calibration_error as calibration_error
from sjedu.measures import confusion as confusion
from sjedu.measures import roc as roc
from sjedu.roformer_sim import RoFormerSim
from sjedu.roformer_sim.evaluation import generation_measures, meaning_of, write
from sjedu.roformer_sim.pairs import distinct_statements
from sjedu.supervised_similarity.heads import Heads
from sjedu.supervised_similarity.tasks import ARTICLE_PAIRS, YES_NO_SETS, PairSet

Encode: TypeAlias = Callable[[Sequence[str]], Tensor]


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
        "spearman" and "interval" (95 %, over the pairs) of each set; their "mean" over the sets answered by yes or
        no; "kinds", of each set the mean cosine of each kind of pair; "pairs", the cosines of the article's ten pairs;
        "generation", as `generation_measures` gives it.

    Raises:
        ValueError: if a set has only one class, or all cosines are equal; names the set.
    """
    metrics: dict[str, Any] = {"spearman": {}, "interval": {}, "kinds": {}}
    for pairs in tests:
        similarity = cosines(model.encode, pairs).double().cpu().numpy()
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
    first, second, _ = zip(*ARTICLE_PAIRS, strict=True)
    metrics["pairs"] = [round(c, 4) for c in model.similarity(first, second).tolist()]
    if written:
        metrics["generation"] = measure_writing(model, written)
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
        entity = _explained_by_entity(_numbers(shares["u"]), pairs.first)
        values |= {} if entity is None else {"entity": entity}
        parts[pairs.name] = {name: round(value, 4) for name, value in values.items()}
    return parts


def _by_kind(similarity: np.ndarray, pairs: PairSet) -> dict[str, float]:
    kinds = np.array(pairs.kinds)
    return {kind: round(float(similarity[kinds == kind].mean()), 4) for kind in sorted(set(pairs.kinds))}


def _explained_by_entity(scores: np.ndarray, texts: Sequence[str]) -> float | None:
    """The share of the variance of scores that the texts' entities explain; None where the grammar cannot read them.

    It is corrected for the number of entities: 0 is what is expected of scores that do not depend on them.
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
