"""Numbers as text: one minus sign, one way to write a power of ten, the same digits on every machine.

| function | writes |
|---|---|
| `fixed` | a number with so many decimals: "−0.31", with its sign "+0.31" |
| `about` | so many significant digits: "0.96", "230", "1.2·10⁻⁵" |
| `percent` | a share: "93 %", "+1.5 %" |
| `point` | coordinates: "(−2.0, 1.0)" |
| `interval` | its ends: "[−0.10, 0.31]" |
| `p_value` | "p = 0.034", "p < 0.001" |
| `at_most`, `below` | errors of rounding, whose digits differ from machine to machine: "≤ 1e-12" |
"""

from __future__ import annotations

import math
from typing import SupportsFloat

from sjedu.checks import check_count, check_not_negative, check_share

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def fixed(value: SupportsFloat, digits: int = 2, sign: bool = False) -> str:
    """Return the value with so many decimals and a true minus: "−0.31"; with `sign` also "+0.31".

    What rounds to zero has no sign: "0.00".
    """
    check_count("digits", digits, least=0)
    text = f"{float(value):{'+' if sign else ''}.{digits}f}"
    if not text.strip("+-0."):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def about(value: SupportsFloat, digits: int = 2) -> str:
    """Return the value rounded to so many significant digits: "0.96", "1.6", "23", "1.2·10⁻⁵".

    Raises:
        ValueError: if `value` is not finite.
    """
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"value: got {value!r}; expected a finite number")
    check_count("digits", digits)
    mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -4 <= power < 6:
        return fixed(float(f"{mantissa}e{power}"), max(digits - 1 - power, 0))
    return f"{mantissa}·10{str(power).translate(_SUPERSCRIPTS)}".replace("-", "−")


def percent(share: SupportsFloat, digits: int = 0, sign: bool = False) -> str:
    """Return a share of 1 in percent: "93 %"; with `sign` also "+1.5 %"."""
    return f"{fixed(100 * float(share), digits, sign)} %"


def point(*coordinates: SupportsFloat, digits: int = 1) -> str:
    """Return coordinates in brackets: "(−2.0, 1.0)"."""
    return f"({', '.join(fixed(each, digits) for each in coordinates)})"


def interval(low: SupportsFloat, high: SupportsFloat, digits: int = 2) -> str:
    """Return the ends of an interval: "[−0.10, 0.31]"."""
    return f"[{fixed(low, digits)}, {fixed(high, digits)}]"


def p_value(p: float) -> str:
    """Return "p = 0.034" with two significant digits, or "p < 0.001"."""
    check_share("p", p)
    return "p < 0.001" if p < 0.001 else f"p = {about(p)}"


def at_most(value: float) -> str:
    """Return "≤ 1e-12" for 3.4e-13: an error rounded up to a power of ten, alike on every machine."""
    check_not_negative("value", value)
    if value == 0:
        return "exactly 0"
    exponent = math.floor(math.log10(value))
    while float(f"1e{exponent}") < value:
        exponent += 1
    return f"≤ {10**exponent}" if 0 <= exponent <= 3 else f"≤ 1e{exponent}"


def below(value: float, bound: float) -> str:
    """Return "< 1e-12" for a value below that bound, and the value itself for any other."""
    return f"< {bound:.2g}" if value < bound else about(value)
