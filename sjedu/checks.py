"""What an argument must be: a number in some range, or one of a few names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_origin, get_type_hints


def check_positive(name: str, value: object) -> None:
    """Demand a positive finite number.

    Raises:
        TypeError: if it is no number; True and False are none.
        ValueError: if it is not positive, or not finite. Both name the argument.
    """
    if not 0 < _number(name, value, "a positive number") < math.inf:
        raise ValueError(f"{name}: got {value}; expected a positive number")


def check_not_negative(name: str, value: object) -> None:
    """Demand a finite number that is not negative.

    Raises:
        TypeError: if it is no number; True and False are none.
        ValueError: if it is negative, or not finite. Both name the argument.
    """
    if not 0 <= _number(name, value, "a number that is not negative") < math.inf:
        raise ValueError(f"{name}: got {value}; expected a number that is not negative")


def check_count(name: str, value: object, least: int = 1) -> None:
    """Demand a whole number that is not too small.

    Raises:
        TypeError: if it is no whole number, but for instance 2.0 or True.
        ValueError: if it is less than ``least``. Both name the argument.
    """
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name}: got {value!r}; expected a whole number, at least {least}")
    if int(value) < least:
        raise ValueError(f"{name}: got {value}; expected at least {least}")


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Demand one of the choices.

    Raises:
        ValueError: if it is another; names the argument, the value and the choices.
    """
    if value not in choices:
        raise ValueError(f"{name}: got {value!r}; expected one of {', '.join(map(str, choices))}")


def check_choices(config: Any) -> None:
    """Demand of each field that is annotated with a `Literal` one of its values; for a config's `__post_init__`.

    An annotation alone refuses nothing when the program runs.

    Args:
        config: a dataclass.

    Raises:
        ValueError: for the first field with another value; names the field, the value and the choices.
    """
    for name, hint in get_type_hints(type(config)).items():
        if get_origin(hint) is Literal:
            check_choice(name, getattr(config, name), get_args(hint))


def _number(name: str, value: object, expected: str) -> float:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name}: got {value!r}; expected {expected}")
    return float(value)
