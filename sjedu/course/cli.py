"""The course from a terminal: ``python -m sjedu list | doctor | train LESSON``."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from types import ModuleType
from typing import Any

import tyro

from sjedu.course.environment import doctor
from sjedu.course.lessons import LESSONS, ROOMS
from sjedu.figures.tables import Table

#: Rooms that lessons stand on and that train something too.
FOUNDATIONS = ("roformer",)

USAGE = """\
usage: python -m sjedu COMMAND

  list                          the lessons
  doctor                        what works on this machine
  train LESSON [--preset NAME] [--FIELD VALUE ...] [--directory DIR | --resume DIR]
                                run a lesson's experiment; train LESSON --help shows every field. LESSON may
                                also be roformer, the model that lessons 2, 6 and 8 stand on
"""


class UsageError(ValueError):
    """The command line asks for something that there is not; the message lists what there is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    command, *rest = (sys.argv[1:] if arguments is None else list(arguments)) or ["--help"]
    if command in {"-h", "--help"}:
        print(USAGE, end="")
        return 0
    commands: dict[str, Callable[[Sequence[str]], int]] = {"list": _list, "doctor": _doctor, "train": _train}
    try:
        if command not in commands:
            raise UsageError(f"there is no command {command!r}; commands: {', '.join(commands)}")
        return commands[command](rest)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _list(rest: Sequence[str]) -> int:
    _expect_no_more("list", rest)
    rows = [[str(each.number), each.room, each.title] for each in LESSONS]
    print(Table(["", "LESSON", "title"], rows))
    return 0


def _doctor(rest: Sequence[str]) -> int:
    _expect_no_more("doctor", rest)
    report = doctor()
    print(report)
    return 0 if report.well else 1


def _train(rest: Sequence[str]) -> int:
    if rest[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    room, *rest = rest or [""]
    experiment = _experiment(room)
    options, fields = _options(rest)
    config = _config(room, experiment, options.preset, fields)
    now = datetime.now().astimezone()
    directory = options.resume or options.directory or f"runs/{room}/{options.preset}-{now:%Y%m%d-%H%M%S}"
    record = experiment.train(config, directory, resume=options.resume is not None)
    if os.environ.get("RANK", "0") == "0":  # under accelerate launch every process comes here
        print(Table(["metric", "value"], [[name, _value(value)] for name, value in record.metrics.items()]))
        print(f"\nrecord.json, checkpoint and curves are in {directory}")
    return 0


def _experiment(room: str) -> ModuleType:
    if room not in (known := (*ROOMS, *FOUNDATIONS)):
        raise UsageError(f"LESSON: got {room!r}; expected one of {', '.join(known)}")
    return importlib.import_module(f"sjedu.{room}.experiment")


def _options(rest: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Split what every lesson's run takes from the fields of this lesson's config."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--directory")
    parser.add_argument("--resume")
    options, fields = parser.parse_known_args(rest)
    if options.directory and options.resume:
        raise UsageError("give --directory for a new run or --resume for an old one, not both")
    return options, fields


def _config(room: str, experiment: ModuleType, preset: str, fields: list[str]) -> Any:
    presets = experiment.PRESETS
    if preset not in presets:
        raise UsageError(f"--preset must be one of {', '.join(presets)}, got {preset!r}")
    further = f"--preset {{{','.join(presets)}}}, --directory DIR, --resume DIR"
    config, unknown = tyro.cli(
        type(presets[preset]),
        args=fields,
        default=presets[preset],
        prog=f"python -m sjedu train {room}",
        description=f"The fields of the {preset} preset. Besides them: {further}.",
        return_unknown_args=True,
        config=(tyro.conf.FlagConversionOff,),
    )
    if unknown:
        known = ", ".join(f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(config))
        raise UsageError(f"unknown: {' '.join(unknown)}; the fields of {room} are {known}")
    return config


def _expect_no_more(command: str, rest: Sequence[str]) -> None:
    if rest:
        raise UsageError(f"{command} takes no arguments, got {' '.join(rest)}")


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
