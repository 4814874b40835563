"""``python -m sjedu train LESSON``: run a lesson's experiment, with a preset's numbers or others."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import io
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from types import ModuleType
from typing import Any

import tyro

from sjedu.checks import field_hints, kind
from sjedu.course.lessons import ROOMS
from sjedu.figures.tables import Table
from sjedu.training import Interrupted

#: Rooms that lessons stand on and that train something too.
FOUNDATIONS = ("roformer",)


def main(rest: Sequence[str]) -> int:
    """Train what the arguments ask for and print what was measured; return the exit status."""
    room, *rest = rest or [""]
    experiment = _experiment(room)
    options, words = _options(rest)
    if options.preset not in experiment.PRESETS:
        raise ValueError(f"--preset: got {options.preset!r}; expected one of {', '.join(experiment.PRESETS)}")
    preset = experiment.PRESETS[options.preset]
    if {"-h", "--help"} & set(words):
        return _help(room, options.preset, experiment)
    config = dataclasses.replace(preset, **_changes(type(preset), words))
    now = datetime.now().astimezone()
    directory = options.resume or options.directory or f"runs/{room}/{options.preset}-{now:%Y%m%d-%H%M%S}"
    try:
        record = experiment.train(config, directory, resume=options.resume is not None)
    except Interrupted as stop:
        again = shlex.join([room, "--preset", options.preset, *words, "--resume", directory])
        advice = "nothing is saved yet" if stop.saved is None else f"to go on: python -m sjedu train {again}"
        print(f"{stop.place}; {advice}", file=sys.stderr)
        return 130
    if os.environ.get("RANK", "0") == "0":  # under accelerate launch every process comes here
        print(Table(["metric", "value"], [[name, _value(value)] for name, value in record.metrics.items()]))
        print(f"\nrecord.json, checkpoint and curves are in {directory}")
    return 0


def _experiment(room: str) -> ModuleType:
    if room not in (known := (*ROOMS, *FOUNDATIONS)):
        raise ValueError(f"LESSON: got {room!r}; expected one of {', '.join(known)}")
    return importlib.import_module(f"sjedu.{room}.experiment")


def _options(rest: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Split what every lesson's run takes from the fields of this lesson's config."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--directory")
    parser.add_argument("--resume")
    try:
        options, words = parser.parse_known_args(rest)
    except argparse.ArgumentError as error:
        raise ValueError(f"{error.argument_name}: {error.message}") from None
    if options.directory and options.resume:
        raise ValueError("give --directory for a new run or --resume for an old one, not both")
    return options, words


def _help(room: str, preset: str, experiment: ModuleType) -> int:
    further = f"--preset {{{','.join(experiment.PRESETS)}}}, --directory DIR, --resume DIR"
    with contextlib.suppress(SystemExit):
        tyro.cli(
            type(experiment.PRESETS[preset]),
            args=["--help"],
            default=experiment.PRESETS[preset],
            prog=f"python -m sjedu train {room}",
            description=f"The fields of the {preset} preset. Besides them: {further}.",
            config=(tyro.conf.FlagConversionOff,),
        )
    return 0


def _changes(config: type, words: Sequence[str]) -> dict[str, Any]:
    """What ``--field value ...`` changes in a config; the config itself says what the values may be."""
    hints = field_hints(config)
    values: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            values[option] = [value] if equals else []
        elif values:
            values[option].append(word)
        else:
            raise ValueError(f"{word}: expected --FIELD before its value")
    changes = {}
    for option, texts in values.items():
        field = option.removeprefix("--").replace("-", "_")
        if field not in hints:
            known = ", ".join(f"--{name.replace('_', '-')}" for name in hints)
            raise ValueError(f"{option}: there is no such field; expected one of {known}")
        changes[field] = _parsed(option, texts, hints[field])
    return changes


def _parsed(option: str, texts: list[str], hint: Any) -> Any:
    markers = (tyro.conf.FlagConversionOff, tyro.conf.Positional)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # its message is a box of eight lines
            return tyro.cli(hint, args=texts, config=markers, console_outputs=False)
    except SystemExit:
        raise ValueError(f"{option}: got {' '.join(texts) or 'nothing'}; expected {kind(hint)}") from None


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
