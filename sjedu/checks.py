"""What an argument must be: a number in some range, one of a few names, and what a config's annotations say."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, GroupedMetadata, Gt, Interval, Le, Lt, MinLen, MultipleOf

# What the fields of configs are, by the names that pydantic has for them.
PositiveInt: TypeAlias = Annotated[int, Ge(1)]
NonNegativeInt: TypeAlias = Annotated[int, Ge(0)]
PositiveFloat: TypeAlias = Annotated[float, Gt(0)]
NonNegativeFloat: TypeAlias = Annotated[float, Ge(0)]
#: A part of a whole, or a probability.
Share: TypeAlias = Annotated[float, Interval(ge=0, le=1)]
#: A part that leaves something: of dropout, or of the steps that the learning rate rises over.
ProperShare: TypeAlias = Annotated[float, Interval(ge=0, lt=1)]


def check_positive(name: str, value: object) -> None:
    """Demand a positive finite number.

    Raises:
        TypeError: if it is not a number (booleans are refused).
        ValueError: if it is not positive, or not finite. Both name the argument.
    """
    if not 0 < _number(name, value, "a positive number") < math.inf:
        raise ValueError(f"{name}: got {value}; expected a positive number")


def check_not_negative(name: str, value: object) -> None:
    """Demand a finite number that is not negative.

    Raises:
        TypeError: if it is not a number (booleans are refused).
        ValueError: if it is negative, or not finite. Both name the argument.
    """
    if not 0 <= _number(name, value, "a number that is not negative") < math.inf:
        raise ValueError(f"{name}: got {value}; expected a number that is not negative")


def check_share(name: str, value: object) -> None:
    """Demand a part of a whole, or a probability.

    Raises:
        TypeError: if it is not a number (booleans are refused).
        ValueError: if it is not in 0 .. 1. Both name the argument.
    """
    if not 0 <= _number(name, value, "a number from 0 to 1") <= 1:
        raise ValueError(f"{name}: got {value}; expected a number from 0 to 1")


def check_count(name: str, value: object, least: int = 1) -> None:
    """Demand a whole number that is not too small.

    Raises:
        TypeError: if it is not a whole number: 2.0 and True are refused.
        ValueError: if it is less than ``least``. Both name the argument.
    """
    if not _is_a(int, value):
        raise TypeError(f"{name}: got {value!r}; expected a whole number, at least {least}")
    if value < least:  # type: ignore[operator]
        raise ValueError(f"{name}: got {value}; expected at least {least}")


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Demand one of the choices.

    Raises:
        ValueError: if it is another; names the argument, the value and the choices.
    """
    if value not in choices:
        raise ValueError(f"{name}: got {value!r}; expected {_one_of(choices)}")


def check_fields(config: Any, prefix: str = "config") -> None:
    """Demand of each field of a config what its annotation says; an annotation alone refuses nothing.

    Args:
        config: a dataclass. Its fields are annotated with int, float (finite; an int is one), bool (no number), str,
            `Literal`, tuples of these or any of these with ``| None``; bounds are written
            ``Annotated[int, Ge(1)]`` with the package annotated-types. For tuples JSON's lists are taken too.
        prefix: what the config is called in the message.

    Raises:
        TypeError: for the first field of another kind.
        ValueError: for the first field with another value. Both say ``config.steps: got -3; expected at least 1``.
    """
    for name, hint in field_hints(type(config)).items():
        _check(f"{prefix}.{name}", getattr(config, name), hint)


def field_hints(config: type) -> dict[str, Any]:
    """Return what each field of a dataclass is annotated with, bounds included."""
    hints = get_type_hints(config, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(config)}


def kind(hint: Any) -> str:
    """Say what values an annotation allows, without bounds: "a whole number", "one of 'test', 'validation'"."""
    hint, _ = _parted(hint)
    arguments = get_args(hint)
    if get_origin(hint) is Literal:
        return _one_of(arguments)
    if get_origin(hint) is tuple:
        how_many = "values" if arguments[-1] is ... else f"{len(arguments)} values"
        return f"{how_many}, each {kind(arguments[0])}"
    if arguments:
        return f"{kind(_besides_none(hint))}, or None"
    return _KINDS[hint]


_KINDS: dict[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a string",
}

#: Of each bound: the field that holds its limit, how a message says it, and what it demands of (value, limit).
_BOUNDS: dict[type, tuple[str, str, Callable[[Any, Any], Any]]] = {
    Ge: ("ge", "at least {}", operator.ge),
    Gt: ("gt", "more than {}", operator.gt),
    Le: ("le", "at most {}", operator.le),
    Lt: ("lt", "less than {}", operator.lt),
    MultipleOf: ("multiple_of", "a multiple of {}", lambda value, factor: value % factor == 0),
    MinLen: ("min_length", "a length of at least {}", lambda value, least: len(value) >= least),
}


def _check(name: str, value: Any, hint: Any) -> None:
    hint, bounds = _parted(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        check_choice(name, value, arguments)
    elif origin in (Union, UnionType):
        if value is not None:
            _check(name, value, _besides_none(hint))
    elif origin is tuple:
        many = arguments[-1] is ...
        if not isinstance(value, tuple | list) or not (many or len(value) == len(arguments)):
            raise TypeError(f"{name}: got {value!r}; expected {kind(hint)}")
        for place, item in enumerate(value):
            _check(f"{name}[{place}]", item, arguments[0 if many else place])
    elif hint not in _KINDS:
        raise TypeError(f"{name}: got the annotation {hint}; expected one that `check_fields` lists")
    elif not _is_a(hint, value):
        raise TypeError(f"{name}: got {value!r}; expected {kind(hint)}")
    elif hint is float and not math.isfinite(value):
        raise ValueError(f"{name}: got {value}; expected a finite number")
    limits = [(*_BOUNDS[type(bound)], bound) for bound in bounds]
    if not all(holds(value, getattr(bound, limit)) for limit, _, holds, bound in limits):
        expected = " and ".join(words.format(getattr(bound, limit)) for limit, words, _, bound in limits)
        raise ValueError(f"{name}: got {value!r}; expected {expected}")


def _parted(hint: Any) -> tuple[Any, list[Any]]:
    """An annotation without its bounds, and the bounds."""
    if get_origin(hint) is not Annotated:
        return hint, []
    bare, *bounds = get_args(hint)
    return bare, [
        each for bound in bounds for each in (bound if isinstance(bound, GroupedMetadata) else [bound])
    ]


def _besides_none(hint: Any) -> Any:
    (other,) = (each for each in get_args(hint) if each is not type(None))
    return other


def _is_a(kind: Any, value: object) -> bool:
    if kind in (bool, str):
        return isinstance(value, kind)
    return isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)


def _one_of(choices: Sequence[object]) -> str:
    return f"one of {', '.join(map(repr, choices))}"


def _number(name: str, value: object, expected: str) -> float:
    if not _is_a(float, value):
        raise TypeError(f"{name}: got {value!r}; expected {expected}")
    return float(value)  # type: ignore[arg-type]
