r"""The explanation of section 2 put to the test on planted vectors: where do careless labels leak into the cosine?

A sentence is a topic and a meaning: x = A (topic vector + meaning vector) + noise. A pair is truly alike if topic and
meaning agree. Its label is careless as `theory.label_probability` says: pairs of one topic are marked alike with
probability q, and labels are flipped with probability ρ. A linear encoder is trained with each loss on the same pairs,
and tested, on other sentences, by how often the cosine ranks a pair of one meaning above a pair of one topic.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sjedu.checks import check_choice
from sjedu.measures import auc
from sjedu.supervised_similarity.heads import ARTICLE_PARTS, PairHead, Part
from sjedu.supervised_similarity.losses import cosent_loss, cosine_loss

Loss: TypeAlias = Literal["head", "squared", "opposite", "margin", "cosent"]

#: All losses that are compared, the article's winner first.
LOSSES: tuple[Loss, ...] = get_args(Loss)


@dataclass(frozen=True)
class World:
    """What is planted.

    Attributes:
        topics: how many.
        meanings: of each topic.
        dim: of the sentences, and of the encoder's vectors.
        noise: standard deviation of what is neither topic nor meaning, in each coordinate.
        topic_weight: length of a topic's vector; a meaning's is 1.
        seed: of everything that is drawn.
    """

    topics: int = 8
    meanings: int = 6
    dim: int = 24
    noise: float = 0.15
    topic_weight: float = 1.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Pairs:
    """Planted pairs.

    Attributes:
        x: first sentences.
        y: second sentences.
        same_topic: whether the topics agree.
        same_meaning: whether topic and meaning agree.
    """

    x: Float[Tensor, "pairs dim"]
    y: Float[Tensor, "pairs dim"]
    same_topic: Tensor
    same_meaning: Tensor


def draw_pairs(world: World, size: int, seed: int) -> Pairs:
    """Return pairs of which a third each agree in all, in the topic alone, and in nothing.

    Raises:
        ValueError: if there are fewer than three pairs.
    """
    if size < 3:
        raise ValueError(f"size: got {size}; expected at least 3, one pair of each kind")
    rng = np.random.default_rng([world.seed, 0])
    topic_vectors, meaning_vectors = (
        _units(rng.normal(size=(n, world.dim))) for n in (world.topics, world.topics * world.meanings)
    )
    rng = np.random.default_rng([world.seed, seed])
    kind = np.arange(size) % 3
    topic = rng.integers(0, world.topics, size)
    other_topic = np.where(kind < 2, topic, (topic + rng.integers(1, world.topics, size)) % world.topics)
    meaning = rng.integers(0, world.meanings, size)
    shift = rng.integers(1, world.meanings, size)
    other_meaning = np.where(kind == 0, meaning, (meaning + shift) % world.meanings)

    def sentences(t: np.ndarray, m: np.ndarray) -> Tensor:
        clean = world.topic_weight * topic_vectors[t] + meaning_vectors[t * world.meanings + m]
        return torch.from_numpy(clean + world.noise * rng.normal(size=clean.shape)).float()

    return Pairs(
        sentences(topic, meaning),
        sentences(other_topic, other_meaning),
        torch.from_numpy(kind < 2),
        torch.from_numpy(kind == 0),
    )


def careless_labels(pairs: Pairs, flips: float, topic_positives: float, seed: int) -> Int64[Tensor, " pairs"]:
    """Return labels that are 1 with the probability of `theory.label_probability`."""
    generator = torch.Generator().manual_seed(seed)
    marked, flipped = torch.rand(2, len(pairs.x), generator=generator)
    alike = pairs.same_meaning | (pairs.same_topic & (marked < topic_positives))
    labels: Tensor = alike ^ (flipped < flips)
    return labels.long()


@dataclass(frozen=True)
class Outcome:
    """What came of one training.

    Attributes:
        meaning: probability that the cosine ranks a pair of one meaning above one of one topic only.
        topic: the same for a pair of one topic only above an unrelated one: how much topic the cosine carries.
        cosines: mean cosine of pairs of one meaning, of one topic only, of neither.
    """

    meaning: float
    topic: float
    cosines: tuple[float, float, float]


@cache
def learn(
    loss: Loss,
    *,
    flips: float = 0.0,
    topic_positives: float = 0.0,
    world: World | None = None,
    parts: tuple[Part, ...] = ARTICLE_PARTS,
    pairs: int = 1200,
    steps: int = 150,
    learning_rate: float = 0.02,
) -> Outcome:
    """Train a linear encoder on careless labels with one loss, and test its cosine on other pairs with true labels.

    Args:
        loss: one of `LOSSES`.
        flips: ρ, how often a label is flipped.
        topic_positives: q, how often a pair of one topic is marked alike.
        world: what is planted.
        parts: what the head sees, if the loss is "head".
        pairs: how many to learn from, and as many to test on.
        steps: of Adam, each on all pairs.
        learning_rate: of Adam.

    Raises:
        ValueError: if there is no such loss.
    """
    world = world or World()
    check_choice("loss", loss, LOSSES)
    data = draw_pairs(world, pairs, 1)
    labels = careless_labels(data, flips, topic_positives, world.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(world.seed)
        encoder = nn.Linear(world.dim, world.dim, bias=False)
        head = PairHead(world.dim, 2, parts)
    learnt = [*encoder.parameters(), *(head.parameters() if loss == "head" else ())]
    optimizer = torch.optim.Adam(learnt, learning_rate)
    for _ in range(steps):
        u, v = encoder(data.x), encoder(data.y)
        if loss == "head":
            value = F.cross_entropy(head(u, v), labels)
        elif loss == "cosent":
            value = cosent_loss(F.cosine_similarity(u, v), labels)
        else:
            value = cosine_loss(F.cosine_similarity(u, v), labels, loss)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return _test(encoder, draw_pairs(world, pairs, 2))


@torch.no_grad()
def _test(encoder: nn.Module, pairs: Pairs) -> Outcome:
    scores = F.cosine_similarity(encoder(pairs.x), encoder(pairs.y)).double().numpy()
    meaning, topic = pairs.same_meaning.numpy(), pairs.same_topic.numpy()
    means = [float(scores[which].mean()) for which in (meaning, topic & ~meaning, ~topic)]
    return Outcome(
        auc(scores[topic], meaning[topic].astype(float)),
        auc(scores[~meaning], topic[~meaning].astype(float)),
        (means[0], means[1], means[2]),
    )


def _units(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
