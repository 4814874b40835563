"""``python -m sjedu record DIR ...``: make finished runs part of what comes with the package.

Each run's record becomes a line of ``sjedu/<room>/recorded/<study>.jsonl``, in the place of an earlier one with the
same config; the files that it names are copied beside it. With ``--migrate`` all lines are rewritten as today's code
has them, see `sjedu.records.migrations`.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from sjedu.checks import check_fields
from sjedu.records import RecordError
from sjedu.records.migrations import FIELDS_ADDED
from sjedu.records.record import FILE, Record, plain, read_recorded, recorded, write_study


def main(arguments: Sequence[str] | None = None) -> int:
    """Record the runs in some directories, or none of them, or rewrite what is recorded."""
    parser = argparse.ArgumentParser(prog="python -m sjedu record", description=__doc__)
    parser.add_argument(
        "directories", metavar="DIR", nargs="*", type=Path, help="where a run left its record.json"
    )
    parser.add_argument("--migrate", action="store_true", help="rewrite all records at today's schema")
    options = parser.parse_args(arguments)
    if bool(options.directories) == options.migrate:
        parser.error("expected directories of runs, or --migrate")
    print("\n".join(migrate_all() if options.migrate else add(options.directories)))
    return 0


def add(directories: Sequence[Path]) -> list[str]:
    """Add runs to the package, or put them in the place of those with their configs; return what was done.

    Raises:
        RecordError: if a file that a run names is not there, or is that of another run. Nothing is written then, nor
            if a run may not become part of the package.
    """
    runs = [(load(directory), directory) for directory in directories]
    rooms = {run.lesson: [up_to_date(each) for each in read_recorded(run.lesson)] for run, _ in runs}
    messages, stale = [], set()
    for run, directory in runs:
        replaced = [each for each in rooms[run.lesson] if each.config == run.config]
        rooms[run.lesson] = [each for each in rooms[run.lesson] if each.config != run.config]
        _check_files(run, directory, rooms[run.lesson])
        rooms[run.lesson].append(run)
        stale |= {_folder(run.lesson) / name for each in replaced for name in each.files.values()}
        messages.append(f"{run.lesson}: {run.name} {'replaced' if replaced else 'added'}")
    for file in stale:
        file.unlink(missing_ok=True)
    for run, directory in runs:  # before the records: none may name a file that is not there
        _folder(run.lesson).mkdir(exist_ok=True)
        for name in run.files.values():
            shutil.copyfile(directory / name, _folder(run.lesson) / name)
    for room, records in rooms.items():
        _write(room, records)
    return messages


def migrate_all() -> list[str]:
    """Rewrite every line that comes with the package at today's schema and with today's fields; return the counts."""
    messages = []
    for room in sorted(
        each.name for each in resources.files("sjedu").iterdir() if (each / "recorded").is_dir()
    ):
        records = [up_to_date(record) for record in read_recorded(room)]
        _write(room, records)
        messages.append(f"{room}: {len(records)} runs")
    return messages


def load(directory: Path) -> Record:
    """Return the record that a run left, if it may become part of the package."""
    try:
        record = up_to_date(Record.load(directory))
    except FileNotFoundError:
        raise RecordError(
            f"{directory}: got no {FILE}; expected the directory of a run that has ended"
        ) from None
    except RecordError as error:
        raise RecordError(f"{directory}: {error}") from error
    if record.commit is None or record.dirty:
        state = "an unknown one" if record.commit is None else f"{record.commit[:7]} with changes"
        raise RecordError(
            f"{directory}: commit: got {state}; expected a clean one, so that the run can be repeated"
        )
    return record


def up_to_date(record: Record) -> Record:
    """The record with its config as today's Config of its room has it."""
    return dataclasses.replace(record, config=plain(dataclasses.asdict(config_of(record)), "config"))


def config_of(record: Record) -> Any:
    """Today's Config of a recorded run, to repeat it by.

    Raises:
        RecordError: if its study is none of the room's, if a field is missing that `FIELDS_ADDED` does not know, or the
            Config does not take the others.
    """
    kind = _config_type(record)
    names = {field.name for field in dataclasses.fields(kind)}
    added = {name: value for name, value in FIELDS_ADDED.get(record.lesson, {}).items() if name in names}
    given = added | record.config
    for name in sorted(names ^ given.keys()):
        got, expected = (
            ("none", "it, or a value in FIELDS_ADDED") if name in names else (given[name], "no such field")
        )
        raise RecordError(f"config.{name}: got {got}; expected {expected}, for today's {kind.__name__}")
    try:
        config = kind(**{name: _tuples(given[name]) for name in names})
        check_fields(config)
    except (TypeError, ValueError) as error:
        raise RecordError(str(error)) from error
    return config


def _config_type(record: Record) -> Any:
    try:
        experiment = importlib.import_module(f"sjedu.{record.lesson}.experiment")
    except ModuleNotFoundError:
        raise RecordError(f"lesson: got {record.lesson!r}; expected a room with an experiment") from None
    # A study that is no preset says of which preset it is a variant.
    presets, studies = experiment.PRESETS, getattr(experiment, "STUDIES", {})
    study = record.config.get("study")
    if study not in presets and study not in studies:
        raise RecordError(f"study: got {study!r}; expected one of {', '.join([*presets, *studies])}")
    return type(presets[studies.get(study, study)])


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _check_files(record: Record, directory: Path, others: Iterable[Record]) -> None:
    taken = {name: other.name for other in others for name in other.files.values()}
    for name in record.files.values():
        if not (directory / name).is_file():
            raise RecordError(f"{directory}: got no {name}; expected it, as the record names it")
        if name in taken:
            raise RecordError(
                f"{directory}: got the file {name}; expected another name, this is that of {taken[name]}"
            )


def _write(room: str, records: Iterable[Record]) -> None:
    studies: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        studies[record.study].append(record)
    folder = _folder(room)
    folder.mkdir(exist_ok=True)
    for study, members in studies.items():
        write_study(folder / f"{study}.jsonl", members)
    for file in folder.glob("*.jsonl"):
        if file.stem not in studies:
            file.unlink()


def _folder(room: str) -> Path:
    folder = recorded(room)
    if not isinstance(folder, Path):
        raise RecordError(f"{folder}: expected the package in a folder that can be written to")
    return folder
