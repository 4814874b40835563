"""The eight lessons: after which article each is, on what it builds, and what its reader takes away.

A lesson's facts stand in its own room, as ``LESSON`` in ``sjedu/<room>/about.py``; headers of notebooks, the
course map and the README are generated from them. Here is what such facts are, and the list of the rooms.
"""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePosixPath

#: The rooms of the lessons, in the lessons' order.
ROOMS = (
    "wgan",
    "p_tuning",
    "rope_2d",
    "vmf_vae",
    "dirac_smoothing",
    "roformer_sim",
    "contrastive_accumulation",
    "supervised_similarity",
)

#: The lessons, in order.
LESSONS: tuple[Lesson, ...]


@dataclass(frozen=True)
class Article:
    """An article of Su Jianlin (苏剑林), by its number in the archive of kexue.fm. The English title is ours."""

    title_zh: str
    title_en: str
    date: datetime.date
    number: int

    @property
    def url(self) -> str:
        """The article's address."""
        return f"https://kexue.fm/archives/{self.number}"


@dataclass(frozen=True)
class Paper:
    """A paper that the lesson follows or tests."""

    authors: str
    title: str
    arxiv: str

    @property
    def url(self) -> str:
        """The paper's address."""
        return f"https://arxiv.org/abs/{self.arxiv}"


@dataclass(frozen=True)
class Term:
    """A term of the field in both languages, with its meaning in a few words."""

    english: str
    chinese: str
    meaning: str


@dataclass(frozen=True)
class Lesson:
    """One lesson of the course.

    Attributes:
        number: its place in the list; the articles' themes, not the reading order.
        room: its room in the package (`sjedu.<room>`) and the name on the command line.
        title: in English.
        title_zh: in Chinese.
        article: the article it follows.
        papers: what else it follows or tests.
        question: the lesson's question, in a sentence.
        you_will: what its reader is able to do afterwards.
        minutes: for reading it and doing its exercises.
        place: column and row on the course map: language reads from left to right, what stands alone lies below.
        terms: its words in both languages, sorted.
        runs_in: what the whole notebook stays under, run at once on two cores.
        needs: rooms of the lessons whose code it uses; read them first.
        after: rooms of the lessons that are worth reading first.
    """

    number: int
    room: str
    title: str
    title_zh: str
    article: Article
    papers: tuple[Paper, ...]
    question: str
    you_will: tuple[str, ...]
    minutes: int
    place: tuple[float, float]
    terms: tuple[Term, ...]
    runs_in: str = "a minute and a half"
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def notebook(self) -> PurePosixPath:
        """The lesson's notebook, from the root of the repository."""
        return PurePosixPath("notebooks", f"{self.number:02d}_{self.room}.ipynb")


def lesson(room: str) -> Lesson:
    """Return the lesson of that room.

    Raises:
        ValueError: if there is none; the message lists the rooms that there are.
    """
    if room not in ROOMS:
        raise ValueError(f"room: got {room!r}; expected one of {', '.join(ROOMS)}")
    return _lesson(room)


@functools.cache
def _lesson(room: str) -> Lesson:
    about: Lesson = import_module(f"sjedu.{room}.about").LESSON
    return about


def __getattr__(name: str) -> tuple[Lesson, ...]:
    # The rooms are asked when the list is first used: they import the classes above.
    if name == "LESSONS":
        return tuple(map(_lesson, ROOMS))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
