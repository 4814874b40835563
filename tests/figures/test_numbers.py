"""Numbers as text: what is written can be read back, with one minus sign and without a sign before zero."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjedu.figures import about, at_most, below, fixed, interval, p_value, percent, point


def read(text: str) -> float:
    """The number that a text says."""
    plain = text.translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789"))
    return float(re.sub(r"·10(.*)", r"e\1", plain))


@given(st.floats(-1e6, 1e6), st.integers(0, 6), st.booleans())
def test_fixed_can_be_read_back_and_has_a_sign_unless_it_is_zero(value, digits, sign):
    text = fixed(value, digits, sign)
    assert abs(read(text) - value) <= 0.5 * 10**-digits * (1 + 1e-9) + 1e-9
    assert "-" not in text
    if read(text) == 0:
        assert text == f"{0:.{digits}f}"
    else:
        assert text.startswith("−" if value < 0 else "+" if sign else tuple("0123456789"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (fixed(-0.314), "−0.31"),
        (fixed(-0.001), "0.00"),
        (fixed(16, 0, sign=True), "+16"),
        (fixed(-math.inf), "−inf"),
        (percent(0.934), "93 %"),
        (percent(-0.0153, 1, sign=True), "−1.5 %"),
        (point(-2, 1), "(−2.0, 1.0)"),
        (point(-0.01, 0.5, -0.25, digits=2), "(−0.01, 0.50, −0.25)"),
        (point(1, -16, digits=0), "(1, −16)"),
        (interval(-0.1, 0.31), "[−0.10, 0.31]"),
        (p_value(0.0341), "p = 0.034"),
        (p_value(0.0004), "p < 0.001"),
        (p_value(1.0), "p = 1.0"),
    ],
)
def test_numbers_as_they_are_shown(text, expected):
    assert text == expected


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: fixed(1.0, -1), "digits: got -1"),
        (lambda: p_value(1.1), r"p: got 1\.1; expected a number from 0 to 1"),
        (lambda: p_value(math.nan), "p: got nan"),
    ],
)
def test_what_cannot_be_written_is_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_at_most_is_a_tight_bound(value):
    bound = float(at_most(value).removeprefix("≤ "))
    assert value <= bound < value * 10 * (1 + 1e-12)


@pytest.mark.parametrize("exponent", range(-30, 31))
def test_at_most_keeps_powers_of_ten(exponent):
    assert float(at_most(float(f"1e{exponent}")).removeprefix("≤ ")) == float(f"1e{exponent}")


def test_at_most_of_zero_says_exactly():
    assert at_most(0.0) == "exactly 0"


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e-9])
def test_at_most_refuses_what_is_no_error(value):
    with pytest.raises(ValueError, match=r"value: got .*; expected a number that is not negative"):
        at_most(value)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.9634, 2, "0.96"),
        (0.9996, 2, "1.0"),
        (23.4, 2, "23"),
        (234.0, 2, "230"),
        (3.14159, 3, "3.14"),
        (0.5, 3, "0.500"),
        (1234567.0, 2, "1.2·10⁶"),
        (1.234e-5, 2, "1.2·10⁻⁵"),
        (-0.25, 1, "−0.2"),
        (-1.234e-5, 2, "−1.2·10⁻⁵"),
        (0.0, 2, "0.0"),
    ],
)
def test_about_rounds_to_significant_digits(value, digits, text):
    assert about(value, digits) == text


@given(st.floats(min_value=1e-200, max_value=1e200), st.integers(1, 6))
def test_about_is_off_by_at_most_half_a_last_digit(value, digits):
    assert abs(read(about(value, digits)) - value) <= value * 0.5 * 10 ** (1 - digits) * (1 + 1e-9)


@pytest.mark.parametrize(("value", "digits", "name"), [(math.inf, 2, "value"), (1.0, 0, "digits")])
def test_about_refuses(value, digits, name):
    with pytest.raises(ValueError, match=f"{name}: got"):
        about(value, digits)


def test_below_hides_rounding_and_nothing_else():
    assert below(3e-15, 1e-12) == "< 1e-12"
    assert below(2e-12, 1.4552e-11) == "< 1.5e-11"
    assert below(0.25, 1e-12) == "0.25"
