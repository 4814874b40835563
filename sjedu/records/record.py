"""What a run measured, with everything that one needs to believe it or to repeat it."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from torch import Tensor

from sjedu.atomic import write_atomically

SCHEMA = "sjedu.training.record/1"


class RecordError(ValueError):
    """A file is not a result record; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Record:
    """The result of a run; one JSON file, written by the run and never by hand.

    Attributes:
        lesson: the room that ran, for instance "rope_2d".
        name: of this run among the lesson's runs; also the file's name.
        config: the run's config as plain JSON values.
        seed: of the run.
        commit: of the package's repository, None outside a clone.
        dirty: the commit alone does not say what ran: there were uncommitted changes, or the run was resumed
            under another commit than it began with.
        device: "cpu (1 thread)" or the accelerator's name, with "2 × " before it for two processes.
        versions: of python, torch, numpy and accelerate.
        date: on which the run ended, UTC, ISO 8601.
        seconds: of wall time, over all resumes.
        metrics: the results, by name; numbers are finite.
        curves: equally long columns, "step" and every name that was logged; None where a step logged nothing
            finite under that name.
        data: in a sentence, what the run learnt from and where that came from.
    """

    lesson: str
    name: str
    config: dict[str, Any]
    seed: int
    commit: str | None
    dirty: bool
    device: str
    versions: dict[str, str]
    date: str
    seconds: float
    metrics: dict[str, Any]
    curves: dict[str, list[float | int | None]]
    data: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.-]+", self.name):
            raise ValueError(f"name must consist of letters, digits, '_', '-' and '.', got {self.name!r}")

    def curve(self, name: str) -> tuple[list[float | int], list[float | int]]:
        """The steps at which `name` was logged, and the values: ready to plot.

        Raises:
            ValueError: if no curve has that name.
        """
        if name not in self.curves:
            raise ValueError(f"no curve {name!r}; this record has {', '.join(sorted(self.curves))}")
        pairs = zip(self.curves["step"], self.curves[name], strict=True)
        points = [(step, value) for step, value in pairs if step is not None and value is not None]
        return [step for step, _ in points], [value for _, value in points]

    def provenance(self) -> str:
        """One sentence for a caption: when, where, with what."""
        commit = f"commit {self.commit[:7]}" if self.commit else "commit unknown"
        if self.dirty:
            commit += " with changes"
        torch_version = self.versions["torch"].partition("+")[0]
        return f"measured {self.date} on {self.device}, torch {torch_version}, {commit}, seed {self.seed}"

    def save(self, folder: str | Path) -> Path:
        """Write `<name>.json` into a folder, which is made if it is not there.

        Raises:
            OSError: if the file cannot be written.
        """
        path = Path(folder) / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"schema": SCHEMA, **dataclasses.asdict(self)}
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
        write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
        return path

    @classmethod
    def load(cls, path: str | Path) -> Record:
        """Read what `save` wrote.

        Raises:
            OSError: if there is no such file.
            RecordError: if the file is not a record of this schema.
        """
        return _parse(Path(path).read_bytes(), str(path))


def load_records(lesson: str) -> list[Record]:
    """All records that came with the package for a lesson (`sjedu/<lesson>/recorded/*.json`), by file name.

    Raises:
        ValueError: if there is no such lesson.
        RecordError: if a file is not a record of this lesson.
    """
    room = resources.files("sjedu") / lesson
    if not re.fullmatch(r"\w+", lesson) or not room.is_dir():
        raise ValueError(
            f"lesson must be the name of a room of sjedu, for instance 'rope_2d', got {lesson!r}"
        )
    folder = room / "recorded"
    files = folder.iterdir() if folder.is_dir() else []
    found = sorted((file for file in files if file.name.endswith(".json")), key=lambda file: file.name)
    records = [_parse(file.read_bytes(), str(file)) for file in found]
    for file, record in zip(found, records, strict=True):
        if record.lesson != lesson:
            raise RecordError(f"{file}: a record of lesson {record.lesson!r}, not of {lesson!r}")
    return records


def _parse(content: bytes, source: str) -> Record:
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise RecordError(f"{source}: not JSON ({error})") from error
    if not isinstance(fields, dict) or fields.pop("schema", None) != SCHEMA:
        raise RecordError(f"{source}: not a record (its schema is not {SCHEMA!r})")
    hints = get_type_hints(Record)
    if fields.keys() != hints.keys():
        wrong = ", ".join(sorted(fields.keys() ^ hints.keys()))
        raise RecordError(f"{source}: these fields are missing or unknown: {wrong}")
    for name, hint in hints.items():
        options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        if not isinstance(fields[name], tuple(get_origin(option) or option for option in options)):
            raise RecordError(f"{source}: {name} should be of type {hint}, is {fields[name]!r}")
    if len({len(column) for column in fields["curves"].values()}) > 1:
        raise RecordError(f"{source}: the curves are columns of one table, but not equally long")
    return Record(**fields)


def plain(value: Any, name: str) -> Any:
    """A value as JSON knows it: tensors and arrays become numbers and lists.

    Raises:
        TypeError: if JSON has nothing for it.
        ValueError: if it holds a number that is not finite.
    """
    if isinstance(value, Tensor | np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{name}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"{name} must be a number, a string, or lists and dicts of them, got {type(value).__name__}"
    )


def columns(history: Sequence[Mapping[str, float | int]]) -> dict[str, list[float | int | None]]:
    """The rows of a run's history as the equally long columns of `Record.curves`."""
    names = dict.fromkeys(name for row in history for name in row)
    return {name: [_finite(row.get(name)) for row in history] for name in names}


def _finite(value: float | int | None) -> float | int | None:
    return value if value is not None and math.isfinite(value) else None
