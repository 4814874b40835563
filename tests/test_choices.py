"""A config refuses the names that its annotations do not list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import pytest

from sjedu.checks import check_choices

Shape: TypeAlias = Literal["round", "square"]


@dataclass(frozen=True)
class Config:
    shape: Shape = "round"
    sides: Literal[3, 4] = 3
    name: str = "any"

    def __post_init__(self) -> None:
        check_choices(self)


def test_listed_values_are_accepted():
    Config("square", 4, "whatever")


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ({"shape": "oval"}, "shape: got 'oval'; expected one of round, square$"),
        ({"shape": None}, "shape: got None; expected one of round, square$"),
        ({"sides": 5}, "sides: got 5; expected one of 3, 4$"),
    ],
)
def test_others_are_refused_by_the_field_s_name(numbers, reason):
    with pytest.raises(ValueError, match=reason):
        Config(**numbers)
