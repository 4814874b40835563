"""Numbers as text, alike on every machine."""

from __future__ import annotations

import math


def at_most(value: float) -> str:
    """Return "≤ 1e-12" for 3.4e-13: an error rounded up to a power of ten, alike on every machine.

    Raises:
        ValueError: if `value` is negative or not finite.
    """
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"value must be a finite number that is not negative, got {value!r}")
    if value == 0:
        return "exactly 0"
    exponent = math.floor(math.log10(value))
    while float(f"1e{exponent}") < value:
        exponent += 1
    return f"≤ {10**exponent}" if 0 <= exponent <= 3 else f"≤ 1e{exponent}"


def below(value: float, bound: float) -> str:
    """Return "< 1e-12" for a value below that bound, and the value itself for any other.

    For errors of rounding, whose digits differ from machine to machine.
    """
    return f"< {bound:.2g}" if value < bound else about(value)


def about(value: float, digits: int = 2) -> str:
    """Return the value rounded to so many significant digits: "0.96", "1.6", "23", "1.2e5".

    Raises:
        ValueError: if `value` is not finite or `digits` is less than 1.
    """
    if not math.isfinite(value):
        raise ValueError(f"value must be finite, got {value!r}")
    if digits < 1:
        raise ValueError(f"digits must be at least 1, got {digits!r}")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -4 <= power < 6:
        return f"{float(f'{mantissa}e{power}'):.{max(digits - 1 - power, 0)}f}"
    return f"{mantissa}e{power}"
