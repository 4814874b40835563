"""Every config of every room: each number has bounds, and what breaks one is refused before anything is read."""

from __future__ import annotations

import copy
import importlib
import math
import re
from dataclasses import fields
from typing import Annotated, Literal, get_args, get_origin

import pytest
from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt, MinLen, MultipleOf

from sjedu.checks import field_hints
from sjedu.course.lessons import ROOMS
from sjedu.course.train_command import FOUNDATIONS
from sjedu.training import Run

EXPERIMENTS = {room: importlib.import_module(f"sjedu.{room}.experiment") for room in (*FOUNDATIONS, *ROOMS)}
PRESETS = [(room, preset) for room, experiment in EXPERIMENTS.items() for preset in experiment.PRESETS]
#: One config of each class.
CONFIGS = {
    f"{room} {type(config).__name__}": (EXPERIMENTS[room], config)
    for room, experiment in EXPERIMENTS.items()
    for config in reversed(experiment.PRESETS.values())
}


class Reached(Exception):  # noqa: N818
    """The run was about to begin."""


def reached(*_, **__):
    raise Reached


def bounds(hint):
    """The annotation without its bounds, and the bounds."""
    if get_origin(hint) is not Annotated:
        return hint, []
    bare, *metadata = get_args(hint)
    return bare, [
        each for bound in metadata for each in (bound if isinstance(bound, GroupedMetadata) else [bound])
    ]


def wrong(hint):
    """Values that an annotation excludes, each by one of its parts."""
    bare, limits = bounds(hint)
    origin, arguments = get_origin(bare), get_args(bare)
    if origin is Literal:
        yield from ("misspelt", None if None not in arguments else 3)
    elif origin is tuple:
        yield 3.5
        most = 1 if arguments[-1] is ... else len(arguments)
        if most > 1:
            yield ()
        for value in wrong(arguments[0]):
            yield (value,) * most
    elif arguments:  # ... | None
        yield from (value for value in wrong(arguments[0]) if value is not None)
    else:
        yield from {
            bool: (1, "True"),
            int: ("3", 2.5, True),
            float: ("0.1", math.nan, math.inf),
            str: (3, None),
        }[bare]
    for limit in limits:
        match limit:
            case Ge(least):
                yield least - 1
            case Gt(least):
                yield least
            case Le(most):
                yield most + 1
            case Lt(most):
                yield most
            case MultipleOf(factor):
                yield factor + 1
            case MinLen():
                yield ()


def numeric(hint):
    """The numbers that an annotation is made of, each with its bounds."""
    bare, limits = bounds(hint)
    if get_origin(bare) is Literal:
        return
    if bare in (int, float):
        yield limits
    for part in get_args(bare):
        yield from numeric(part)


@pytest.mark.parametrize(("experiment", "config"), CONFIGS.values(), ids=CONFIGS)
def test_every_number_has_a_bound(experiment, config):
    unbounded = [name for name, hint in field_hints(type(config)).items() if not all(numeric(hint))]
    assert unbounded == []


@pytest.mark.parametrize(("experiment", "config"), CONFIGS.values(), ids=CONFIGS)
def test_what_a_field_excludes_is_refused_before_anything_is_read(experiment, config, monkeypatch):
    monkeypatch.setattr(Run, "__enter__", reached)
    for name, hint in field_hints(type(config)).items():
        for value in wrong(hint):
            odd = copy.copy(config)
            object.__setattr__(
                odd, name, value
            )  # past __post_init__, and past these tests' check of annotations
            with pytest.raises((ValueError, TypeError)) as refusal:
                experiment.train(odd, progress=False)
            said = str(refusal.value)
            assert re.match(rf"config\.{name}(\[\d+\])*: got .*; expected ", said), said
            assert "\n" not in said


@pytest.mark.parametrize(("room", "preset"), PRESETS)
def test_a_preset_is_named_once_and_reaches_its_run_before_anything_is_read(room, preset, monkeypatch):
    experiment = EXPERIMENTS[room]
    config = experiment.PRESETS[preset]
    assert config.study == preset
    for name in [name for name in vars(experiment) if name.startswith(("load_", "build_", "make_"))]:
        monkeypatch.setattr(experiment, name, lambda *_, name=name, **__: pytest.fail(f"{name} came first"))
    monkeypatch.setattr(Run, "__enter__", reached)
    with pytest.raises(Reached):
        experiment.train(config, progress=False)


def test_all_rooms_are_looked_at():
    assert len(CONFIGS) >= len(EXPERIMENTS) == 9
    assert all(fields(config) for _, config in CONFIGS.values())
