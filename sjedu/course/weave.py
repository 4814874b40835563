"""Fill the generated cells of a notebook from the package, so that a fact stands once.

The author of a lesson places each as an empty cell with the metadata ``{"sjedu": {"generated": KIND}}``;
`weave` fills it, and fills it again whenever the package changes. The rest of the notebook is left alone.

Kinds: ``header``, ``badges``, ``setup``, ``course``, ``glossary``, ``closing``, and for each exercise
``exercise:ID.task``, ``exercise:ID.stub``, ``exercise:ID.check`` (``exercise:ROOM/ID.task`` for another
lesson's).
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from nbformat import NotebookNode

from sjedu.course import cells
from sjedu.course.exercises import Exercise
from sjedu.course.glossary import glossary
from sjedu.course.lessons import LESSONS
from sjedu.course.repository import Repository

#: Why the output of a generated cell is not compared when the notebooks are tested.
NOT_COMPARED = {"setup": "versions, commit and device are this machine's"}
_EXERCISE_PARTS = {
    "task": (cells.exercise_task, "markdown"),
    "stub": (cells.exercise_stub, "code"),
    "check": (cells.exercise_check, "code"),
}


class WeaveError(ValueError):
    """A notebook's generated cells are not as they should be; the message names notebook and cell."""


def weave(notebook: NotebookNode, path: PurePosixPath, repository: Repository) -> NotebookNode:
    """Return a copy of the notebook that lies at this path in the repository, its generated cells filled.

    Raises:
        WeaveError: if a cell's kind is unknown, stands twice or in a cell of the wrong type, or if the
            notebook lacks one.
    """
    woven = copy.deepcopy(notebook)
    writer = _Writer(path, repository)
    seen: set[str] = set()
    for cell in woven.cells:
        kind = generated_kind(cell)
        if kind is None:
            continue
        if kind in seen:
            raise WeaveError(f"{path}: two cells are generated as {kind!r}")
        seen.add(kind)
        _fill(cell, kind, writer)
    if lacking := [kind for kind in writer.required() if kind not in seen]:
        how = 'place an empty cell with the metadata {"sjedu": {"generated": KIND}} for each'
        raise WeaveError(f"{path} lacks the generated cells {', '.join(lacking)}: {how}")
    return woven


def generated_kind(cell: Mapping[str, Any]) -> str | None:
    """Return as what a cell is generated; None for a cell written by hand."""
    kind: str | None = cell["metadata"].get("sjedu", {}).get("generated")
    return kind


def _fill(cell: NotebookNode, kind: str, writer: _Writer) -> None:
    source, cell_type = writer.write(kind)
    if cell.cell_type != cell_type:
        raise WeaveError(f"{writer.path}: the cell generated as {kind!r} must be a {cell_type} cell")
    cell.source = source
    if reason := NOT_COMPARED.get(kind):
        cell.metadata["tags"] = ["nbval-ignore-output"]
        cell.metadata["sjedu"] = {"generated": kind, "not_compared": reason}


class _Writer:
    """Writes the generated cells of one notebook."""

    def __init__(self, path: PurePosixPath, repository: Repository) -> None:
        self.path = path
        self.repository = repository
        self.lesson = next((each for each in LESSONS if each.notebook == path), None)
        self.room = self.lesson.room if self.lesson else None

    def required(self) -> list[str]:
        """The kinds that the notebook must have."""
        if self.room is None:
            return ["setup"]
        parts = [f"exercise:{id}.{part}" for id in _exercises(self.room) for part in _EXERCISE_PARTS]
        return ["header", "setup", *parts, "closing"]

    def write(self, kind: str) -> tuple[str, str]:
        """Return a cell's source and type."""
        if kind.startswith("exercise:"):
            return self._exercise(kind)
        match kind, self.lesson:
            case "setup", _:
                return cells.setup(self.room, self.repository), "code"
            case "badges", _:
                return self.repository.badges(self.path), "markdown"
            case "course", _:
                return cells.course_map(), "markdown"
            case "glossary", _:
                return glossary(None).to_markdown(), "markdown"
            case "header", lesson if lesson:
                return cells.header(lesson, self.repository), "markdown"
            case "closing", lesson if lesson:
                return cells.closing(lesson), "markdown"
        raise WeaveError(f"{self.path}: nothing is generated as {kind!r}")

    def _exercise(self, kind: str) -> tuple[str, str]:
        name, _, part = kind.removeprefix("exercise:").rpartition(".")
        room, slash, id = name.rpartition("/")
        room = room if slash else self.room or ""
        known = _exercises(room) if room else {}
        if id not in known or part not in _EXERCISE_PARTS:
            here = ", ".join(known) or "none"
            raise WeaveError(f"{self.path}: there is no {kind!r}; the exercises are {here}")
        text, cell_type = _EXERCISE_PARTS[part]
        return text(known[id], room), cell_type


def _exercises(room: str) -> dict[str, Exercise]:
    known: dict[str, Exercise] = importlib.import_module(f"sjedu.{room}.exercises").EXERCISES
    return known
