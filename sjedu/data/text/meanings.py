"""Reading a grammar backwards: of every text that it can write, the one meaning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Meaning = TypeVar("Meaning")


def meanings(written: Iterable[tuple[str, Meaning]]) -> dict[str, Meaning]:
    """Return the meaning of each text, from all texts with what each was written for; none may have two."""
    table: dict[str, Meaning] = {}
    for text, meaning in written:
        if table.setdefault(text, meaning) != meaning:
            raise AssertionError(f"{text} means both {table[text]} and {meaning}")
    return table
