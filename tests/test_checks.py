"""What each check lets through, and how it names the rest."""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pytest
from annotated_types import Ge, MinLen, MultipleOf

from sjedu.checks import (
    PositiveFloat,
    PositiveInt,
    ProperShare,
    check_choice,
    check_count,
    check_fields,
    check_not_negative,
    check_positive,
    field_hints,
    kind,
)


def test_what_fits_passes():
    for value in (1, 0.5, np.float32(2), np.int64(3)):
        check_positive("x", value)
        check_not_negative("x", value)
    check_not_negative("x", 0)
    check_count("n", 1)
    check_count("n", np.int64(0), least=0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_numbers_that_do_not_fit_are_named(value):
    for check, expected in ((check_positive, "a positive number"), (check_not_negative, "not negative")):
        with pytest.raises(ValueError, match=f"x: got {value}; expected .*{expected}"):
            check("x", value)


@pytest.mark.parametrize("value", [True, "1", None])
def test_what_is_no_number_is_named(value):
    for check in (check_positive, check_not_negative, check_count):
        with pytest.raises(TypeError, match=f"x: got {value!r}; expected"):
            check("x", value)


def test_zero_is_not_positive_and_halves_are_no_counts():
    with pytest.raises(ValueError, match="x: got 0; expected a positive number"):
        check_positive("x", 0)
    with pytest.raises(ValueError, match="n: got 1; expected at least 2"):
        check_count("n", 1, least=2)
    with pytest.raises(TypeError, match=r"n: got 2\.5; expected a whole number, at least 1"):
        check_count("n", 2.5)


def test_a_choice_is_one_of_the_names():
    check_choice("kind", "gp", ("gp", "lp"))
    with pytest.raises(ValueError, match="kind: got 'pg'; expected one of 'gp', 'lp'"):
        check_choice("kind", "pg", ("gp", "lp"))


Shape: TypeAlias = Literal["round", "square"]


@dataclass(frozen=True)
class Fields:
    """A config with a field of each kind, before anything has looked at it."""

    shape: Shape = "round"
    steps: PositiveInt = 3
    odds: ProperShare = 0.0
    rate: PositiveFloat | None = None
    sides: Literal[3, 4] = 3
    quiet: bool = False
    name: str = "any"
    grid: tuple[PositiveInt, PositiveInt] = (2, 2)
    labels: Annotated[tuple[Annotated[int, Ge(2), MultipleOf(2)], ...], MinLen(1)] = (4, 16)
    folder: str | None = None


class Odd(NamedTuple):
    """What is put into a field, and what is said of it."""

    field: str
    value: object
    error: type[Exception]
    message: str


ODD = [
    Odd("shape", "oval", ValueError, "config.shape: got 'oval'; expected one of 'round', 'square'"),
    Odd("shape", None, ValueError, "config.shape: got None; expected one of 'round', 'square'"),
    Odd("sides", 5, ValueError, "config.sides: got 5; expected one of 3, 4"),
    Odd("steps", -3, ValueError, "config.steps: got -3; expected at least 1"),
    Odd("steps", True, TypeError, "config.steps: got True; expected a whole number"),
    Odd("steps", 2.0, TypeError, "config.steps: got 2.0; expected a whole number"),
    Odd("steps", "3", TypeError, "config.steps: got '3'; expected a whole number"),
    Odd("odds", 1, ValueError, "config.odds: got 1; expected at least 0 and less than 1"),
    Odd("odds", math.nan, ValueError, "config.odds: got nan; expected a finite number"),
    Odd("odds", False, TypeError, "config.odds: got False; expected a number"),
    Odd("rate", math.inf, ValueError, "config.rate: got inf; expected a finite number"),
    Odd("rate", 0.0, ValueError, "config.rate: got 0.0; expected more than 0"),
    Odd("rate", "x", TypeError, "config.rate: got 'x'; expected a number"),
    Odd("quiet", 1, TypeError, "config.quiet: got 1; expected True or False"),
    Odd("name", None, TypeError, "config.name: got None; expected a string"),
    Odd("folder", 3, TypeError, "config.folder: got 3; expected a string"),
    Odd("grid", (2,), TypeError, "config.grid: got (2,); expected 2 values, each a whole number"),
    Odd("grid", 2, TypeError, "config.grid: got 2; expected 2 values, each a whole number"),
    Odd("grid", (2, 0), ValueError, "config.grid[1]: got 0; expected at least 1"),
    Odd("labels", (), ValueError, "config.labels: got (); expected a length of at least 1"),
    Odd("labels", (4, 7), ValueError, "config.labels[1]: got 7; expected at least 2 and a multiple of 2"),
    Odd("labels", "4", TypeError, "config.labels: got '4'; expected values, each a whole number"),
]


def with_field(field, value):
    """Fields with a value that nothing has refused yet: under test, beartype would refuse the wrong kinds."""
    config = Fields()
    object.__setattr__(config, field, value)
    return config


@pytest.mark.parametrize(
    ("field", "value"),
    [("rate", 1), ("rate", np.float32(0.5)), ("steps", np.int64(1)), ("grid", [6, 8]), ("labels", (2,))],
)
def test_fields_that_fit_pass(field, value):
    check_fields(Fields())
    check_fields(with_field(field, value))


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: f"{odd.field}={odd.value!r}")
def test_a_field_that_does_not_fit_is_refused_in_one_sentence(odd):
    with pytest.raises(odd.error, match=f"^{re.escape(odd.message)}$"):
        check_fields(with_field(odd.field, odd.value))


def test_the_config_may_have_another_name():
    with pytest.raises(ValueError, match=r"^game\.steps: got 0"):
        check_fields(with_field("steps", 0), "game")


def test_an_annotation_that_cannot_be_checked_is_no_free_pass():
    @dataclass(frozen=True)
    class Open:
        other: Any = None

    with pytest.raises(TypeError, match=r"config\.other: got the annotation"):
        check_fields(Open())


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("steps", "a whole number"),
        ("rate", "a number, or None"),
        ("shape", "one of 'round', 'square'"),
        ("labels", "values, each a whole number"),
        ("grid", "2 values, each a whole number"),
    ],
)
def test_a_kind_in_words(field, words):
    assert kind(field_hints(Fields)[field]) == words
