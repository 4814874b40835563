"""What a lesson proves: theorems, identities and arithmetic. They have a proof and a check, and no verdict."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["article", "paper", "code", "course"]


class Refuted(AssertionError):  # noqa: N818 (said of a theorem, not of the program)
    """A check of a theorem failed: the proof or the program is wrong. The message says what was seen."""


@dataclass(frozen=True)
class Source:
    """Where a sentence stands.

    Attributes:
        kind: "article" (Su's), "paper", "code" (published with either), or "course": this course's own sentence.
        place: "kexue.fm/archives/8397, section 标准答案", "Heo et al., arXiv 2403.13298, table 2", "section 2.6".

    Raises:
        ValueError: if the kind is none of these, or the place is empty.
    """

    kind: Kind
    place: str

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind: got {self.kind!r}; expected one of {', '.join(get_args(Kind))}")
        if not self.place.strip():
            raise ValueError("place: got ''; expected where the sentence stands")

    @property
    def label(self) -> str:
        """The kind in words."""
        return "the course's own" if self.kind == "course" else self.kind

    @property
    def url(self) -> str | None:
        """The address, where the place names one: a page, or a paper on arXiv."""
        if paper := re.search(r"arXiv[: ](\d{4}\.\d{4,5})", self.place):
            return f"https://arxiv.org/abs/{paper[1]}"
        page = re.search(r"\b(?:[\w-]+\.)+[a-z]{2,}/[^\s,;]+", self.place)
        return f"https://{page[0]}" if page else None

    def __str__(self) -> str:
        return f"{self.label}: {self.place}"


@dataclass(frozen=True)
class Check:
    """What was checked of a theorem, and how: symbolically, by which solver, or on which grid and to which error.

    Raises:
        ValueError: if the text is empty.
    """

    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("text: got ''; expected what was checked")


def checked(holds: bool, text: str) -> Check:
    """Return the check if it holds.

    Args:
        holds: what was checked.
        text: says so, with the figures that were seen, so that it also tells what is wrong.

    Raises:
        Refuted: if it does not hold.
    """
    if not holds:
        raise Refuted(text)
    return Check(text)


@dataclass(frozen=True)
class Theorem:
    """A sentence that has a proof.

    Attributes:
        id: "T1", "T2", ... in the order of the lesson.
        statement: the theorem, in a sentence.
        source: who says it and where.
        proof: how it is proved, and in which section of the lesson.
        check: computes it once more and raises `Refuted` if it fails.

    Raises:
        ValueError: if the id is no theorem's, or a text is empty.
    """

    id: str
    statement: str
    source: Source
    proof: str
    check: Callable[[], Check]

    def __post_init__(self) -> None:
        check_id(self.id, "T")
        check_texts(self.id, statement=self.statement, proof=self.proof)


def check_id(id: str, letter: str) -> None:
    """Check the form of an id: the letter, a number, and perhaps a small letter.

    Raises:
        ValueError: if it has another.
    """
    if not re.fullmatch(rf"{letter}[1-9]\d*[a-z]?", id):
        raise ValueError(f"id: got {id!r}; expected {letter}1, {letter}2, ... or {letter}1a")


def check_texts(id: str, **texts: str) -> None:
    """Check that texts say something.

    Raises:
        ValueError: if one is empty; the message names it.
    """
    for name, text in texts.items():
        if not text.strip():
            raise ValueError(f"{id}, {name}: got ''; expected a text")
