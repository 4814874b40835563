"""What a run measured, with everything that one needs to believe it or to repeat it."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import UnionType
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

from sjedu.atomic import write_atomically
from sjedu.records.migrations import SCHEMA, migrate

#: A metric by its name or, inside of a nested one, by the names and places on the way to it.
MetricPath: TypeAlias = str | tuple[str | int, ...]

#: The file that a run leaves its record in.
FILE = "record.json"


class RecordError(ValueError):
    """A file is not a result record; the message names the file and what is wrong with it."""


class MissingMetric(ValueError):  # noqa: N818  the name says it all
    """A record has no such metric; the message names those that it has."""


@dataclass(frozen=True)
class Record:
    """The result of a run, written by the run and never by hand.

    In the run's own directory it is `record.json`; among those that come with the package it is a line of
    `sjedu/<lesson>/recorded/<study>.jsonl`. A run is known by its config; what it is called is for people.

    Attributes:
        lesson: the room that ran, for instance "rope_2d".
        name: a label for people.
        config: the run's config as plain JSON values; its "study" is the question that the run helps to answer.
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
        files: what else is kept of the run, by what it is: names of files beside the record.
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
    files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (self.name, *self.files.values()):
            if not re.fullmatch(r"[\w.-]+", name):
                raise ValueError(f"name: got {name!r}; expected letters, digits, '_', '-' and '.'")

    @property
    def study(self) -> str:
        """The study that the run belongs to."""
        return str(self.config["study"])

    def __getitem__(self, path: MetricPath) -> Any:
        """A metric: `record["kl"]`, or inside of a nested one `record["after", "spearman", "atec"]`.

        Raises:
            MissingMetric: if there is none; names the ones there are.
        """
        steps = path if isinstance(path, tuple) else (path,)
        value: Any = self.metrics
        for step in steps:
            try:
                value = value[str(step) if isinstance(value, dict) else step]
            except (KeyError, IndexError, TypeError):
                where = "metric" if len(steps) == 1 else f"metric {'/'.join(map(str, steps))}"
                raise MissingMetric(f"{where}: got {step!r}; expected {_inside(value)}") from None
        return value

    def curve(self, name: str) -> tuple[list[float | int], list[float | int]]:
        """The steps at which `name` was logged, and the values: ready to plot.

        Raises:
            ValueError: if no curve has that name.
        """
        if name not in self.curves:
            raise ValueError(f"curve: got {name!r}; expected one of {', '.join(sorted(self.curves))}")
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

    def file(self, what: str, folder: str | Path | None = None) -> Traversable:
        """Where a file is that is kept of the run.

        Args:
            what: it is, a key of `files`.
            folder: where the run left its record; None: among the records that come with the package.

        Raises:
            ValueError: if no such file was kept.
        """
        if what not in self.files:
            raise ValueError(f"file: got {what!r}; expected one of {', '.join(self.files) or 'none'}")
        place: Traversable = recorded(self.lesson) if folder is None else Path(folder)
        return place / self.files[what]

    def save(self, folder: str | Path) -> Path:
        """Write `record.json` into a folder, which is made if it is not there.

        Raises:
            OSError: if the file cannot be written.
        """
        path = Path(folder) / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._fields(), ensure_ascii=False, allow_nan=False, indent=1) + "\n"
        write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
        return path

    def line(self) -> str:
        """The record as a line of its study's file, the same for the same record, without the line's end."""
        return json.dumps(self._fields(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    @classmethod
    def load(cls, folder: str | Path) -> Record:
        """Read the record that a run left in its directory, also one of an older schema.

        Raises:
            OSError: if there is none.
            RecordError: if the file is not a record.
        """
        path = Path(folder) / FILE
        return _parse(path.read_bytes(), str(path))

    def _fields(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **dataclasses.asdict(self)}


def recorded(lesson: str) -> Traversable:
    """The folder of the records that came with the package for a lesson, which need not be there.

    Raises:
        ValueError: if there is no such lesson.
    """
    room = resources.files("sjedu") / lesson
    if not re.fullmatch(r"\w+", lesson) or not room.is_dir():
        raise ValueError(
            f"lesson: got {lesson!r}; expected the name of a room of sjedu, for instance 'rope_2d'"
        )
    return room / "recorded"


def read_recorded(lesson: str) -> list[Record]:
    """All records that came with the package for a lesson: study by study, by config.

    Raises:
        ValueError: if there is no such lesson.
        RecordError: if a line is not a record of this lesson and its file's study.
    """
    folder = recorded(lesson)
    files = [file for file in folder.iterdir() if file.name.endswith(".jsonl")] if folder.is_dir() else []
    return [
        _line(content, lesson, file.name.removesuffix(".jsonl"), f"{file}, line {number}")
        for file in sorted(files, key=lambda file: file.name)
        for number, content in enumerate(file.read_bytes().splitlines(), 1)
    ]


def write_study(path: Path, records: Iterable[Record]) -> None:
    """Write the file of a study, a line for each run, by config."""
    lines = [f"{record.line()}\n" for record in sorted(records, key=lambda record: canonical(record.config))]
    write_atomically(path, lambda temporary: temporary.write_text("".join(lines), encoding="utf-8"))


def canonical(config: Mapping[str, Any]) -> str:
    """A config as text, the same for the same values: what the lines of a study's file are sorted by."""
    return json.dumps(config, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _line(content: bytes, lesson: str, study: str, source: str) -> Record:
    record = _parse(content, source)
    if record.lesson != lesson:
        raise RecordError(f"{source}: lesson: got {record.lesson!r}; expected {lesson!r}")
    if record.config.get("study") != study:
        raise RecordError(f"{source}: config.study: got {record.config.get('study')!r}; expected {study!r}")
    return record


def _parse(content: bytes, source: str) -> Record:
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise RecordError(f"{source}: not JSON ({error})") from error
    if not isinstance(fields, dict):
        raise RecordError(f"{source}: got {type(fields).__name__}; expected the fields of a record")
    try:
        fields = migrate(fields)
    except ValueError as error:
        raise RecordError(f"{source}: {error}") from error
    del fields["schema"]
    hints = _types()
    if fields.keys() != hints.keys():
        wrong = ", ".join(sorted(fields.keys() ^ hints.keys()))
        raise RecordError(f"{source}: these fields are missing or unknown: {wrong}")
    for name, hint in hints.items():
        options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        if not isinstance(fields[name], tuple(get_origin(option) or option for option in options)):
            raise RecordError(f"{source}: {name}: got {fields[name]!r}; expected {hint}")
    if len({len(column) for column in fields["curves"].values()}) > 1:
        raise RecordError(f"{source}: the curves are columns of one table, but not equally long")
    try:
        return Record(**fields)
    except ValueError as error:
        raise RecordError(f"{source}: {error}") from error


@cache
def _types() -> dict[str, Any]:
    return get_type_hints(Record)


def _inside(value: Any) -> str:
    if isinstance(value, dict):
        return f"one of {', '.join(value)}"
    return (
        f"a place below {len(value)}"
        if isinstance(value, list)
        else "nothing further, this is no nested metric"
    )


def plain(value: Any, name: str) -> Any:
    """A value as JSON knows it: tensors and arrays become numbers and lists.

    Raises:
        TypeError: if JSON has nothing for it.
        ValueError: if it holds a number that is not finite.
    """
    if hasattr(value, "tolist"):  # a tensor, an array or a number of NumPy
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{name}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name}: got {value}; expected a finite number")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"{name}: got {type(value).__name__}; expected a number, a string, or lists and dicts of them"
    )


def columns(history: Sequence[Mapping[str, float | int]]) -> dict[str, list[float | int | None]]:
    """The rows of a run's history as the equally long columns of `Record.curves`."""
    names = dict.fromkeys(name for row in history for name in row)
    return {name: [_finite(row.get(name)) for row in history] for name in names}


def _finite(value: float | int | None) -> float | int | None:
    return value if value is not None and math.isfinite(value) else None
