"""Numbers among arguments: what each check lets through, and how it names the rest."""

import math

import numpy as np
import pytest

from sjedu.checks import check_choice, check_count, check_not_negative, check_positive


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
    with pytest.raises(ValueError, match="kind: got 'pg'; expected one of gp, lp"):
        check_choice("kind", "pg", ("gp", "lp"))
