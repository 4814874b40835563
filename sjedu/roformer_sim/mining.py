"""Pseudo-pairs without labels: sentences that share characters *and* a context.

Two answers to one question, or two sentences of one passage, are likely to say like things; among those, a ready
similarity of characters picks the pairs. The context says that they belong together, the characters that they say
the same; a model that learns from such pairs gets further than the characters did.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

#: The article gives no numbers, but says that passages need the higher threshold: their premise is weaker.
ANSWERS_THRESHOLD, PASSAGE_THRESHOLD = 0.35, 0.5

_ENDS = re.compile(r"[^。！？!?；;\n]+[。！？!?；;]?")


@dataclass(frozen=True)
class MinedPair:
    """Two sentences that are taken for alike, and how alike their characters are."""

    first: str
    second: str
    similarity: float


def sentences(text: str) -> list[str]:
    """Cut a text behind each 。！？； or line break; the marks stay with their sentences."""
    return [part.strip() for part in _ENDS.findall(text) if _characters(part)]


def jaccard(a: str, b: str) -> float:
    r"""Return how many characters two texts share, counted as often as they occur; punctuation does not count.

    .. math:: J(a, b) = \frac{\sum_c \min(a_c, b_c)}{\sum_c \max(a_c, b_c)}

    with :math:`a_c` the number of times that character c occurs in a. It is 1 for texts of the same characters and 0
    for texts without a common one. The article uses "a variant of Jaccard" and does not say which; this is ours.

    Raises:
        ValueError: if a text has no character but punctuation and spaces.
    """
    return float(jaccard_matrix([a], [b])[0, 0])


def jaccard_matrix(first: Sequence[str], second: Sequence[str]) -> Float64[np.ndarray, "first second"]:
    """Return `jaccard` of every text of the first with every one of the second.

    Raises:
        ValueError: if a text has no character but punctuation and spaces.
    """
    counts = [_characters(text) for text in (*first, *second)]
    for text, count in zip((*first, *second), counts, strict=True):
        if not count:
            raise ValueError(f"text: got {text!r}; expected a character to compare")
    places = {c: k for k, c in enumerate(sorted({c for count in counts for c in count}))}
    table = np.zeros((len(counts), len(places)))
    for row, count in enumerate(counts):
        for character, times in count.items():
            table[row, places[character]] = times
    a, b = table[: len(first)], table[len(first) :]
    shared = np.stack([np.minimum(row, b).sum(axis=1) for row in a])
    return np.asarray(shared / (a.sum(axis=1)[:, None] + b.sum(axis=1) - shared))


def mine_answers(answers: Sequence[str], threshold: float = ANSWERS_THRESHOLD) -> list[MinedPair]:
    """Return the like sentences of *different* answers to one question.

    Args:
        answers: each of one or more sentences.
        threshold: of `jaccard`, in (0, 1]. Equal sentences teach nothing and are left out.

    Raises:
        ValueError: if the threshold is not in (0, 1].

    Source: article, section on general sentence pairs, way (i).
    """
    return list(_mine([sentences(answer) for answer in answers], threshold))


def mine_passage(passage: str, threshold: float = PASSAGE_THRESHOLD) -> list[MinedPair]:
    """Return the like sentences of one passage; arguments and errors as in `mine_answers`.

    Source: article, section on general sentence pairs, way (ii).
    """
    return list(_mine([[sentence] for sentence in sentences(passage)], threshold))


def _mine(groups: list[list[str]], threshold: float) -> Iterator[MinedPair]:
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold: got {threshold!r}; expected (0, 1]")
    for k, group in enumerate(groups):
        rest = [sentence for other in groups[k + 1 :] for sentence in other]
        if not group or not rest:
            continue
        similar = jaccard_matrix(group, rest)
        for i, j in np.argwhere(similar >= threshold):
            if group[i] != rest[j]:
                yield MinedPair(group[i], rest[j], float(similar[i, j]))


def _characters(text: str) -> Counter[str]:
    return Counter(c for c in text.lower() if unicodedata.category(c)[0] not in "PZC")
