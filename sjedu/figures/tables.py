"""One table, shown alike in a notebook, on GitHub and in a terminal.

No text colour is set except inside badges, which bring their own background: so a table reads in a light and
in a dark theme.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias


class Tone(StrEnum):
    """Backgrounds of badges; white text on each has a contrast of at least 4.5 (WCAG AA)."""

    GOOD = "#1a7f37"
    FAIR = "#9a6700"
    BAD = "#cf222e"
    NEUTRAL = "#57606a"


@dataclass(frozen=True)
class Badge:
    """A word on a coloured ground. The colour only repeats what the word says."""

    text: str
    tone: Tone

    def __str__(self) -> str:
        return self.text

    def to_html(self) -> str:
        """Return the badge as an inline element."""
        style = f"background:{self.tone};color:#fff;padding:1px 7px;border-radius:9px;white-space:nowrap"
        return f'<span style="{style}">{html.escape(self.text)}</span>'


Cell: TypeAlias = str | Badge


@dataclass(frozen=True)
class Table:
    """A header and rows of cells, with a caption and notes below.

    Raises:
        ValueError: if a row has not as many cells as the header.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    notes: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"row {tuple(map(str, row))} must have {len(self.header)} cells")

    def __str__(self) -> str:
        return self.to_text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": str(self), "text/html": self.to_html(), "text/markdown": self.to_markdown()}

    def to_html(self) -> str:
        """Return the table for a notebook: left-aligned, the first cell of a row is its heading."""
        head = "".join(_element("th", html.escape(name), "col") for name in self.header)
        body = "".join(f"<tr>{_html_row(row)}</tr>" for row in self.rows)
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"

    def to_markdown(self) -> str:
        """Return the table as a GitHub pipe table."""
        lines = [_markdown_row(self.header), _markdown_row(["---"] * len(self.header))]
        lines += [_markdown_row(row) for row in self.rows]
        above = [f"**{self.caption}**", ""] if self.caption else []
        below = [line for note in self.notes for line in ("", note)]
        return "\n".join([*above, *lines, *below])

    def to_text(self) -> str:
        """Return the table in columns for a terminal, where a Chinese character is two cells wide."""
        grid = [[str(cell) for cell in row] for row in (self.header, *self.rows)]
        widths = [max(map(_width, column)) for column in zip(*grid, strict=True)]
        lines = [
            "  ".join(_pad(cell, w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in grid
        ]
        rule = "  ".join("-" * width for width in widths)
        above = [self.caption] if self.caption else []
        return "\n".join([*above, lines[0], rule, *lines[1:], *self.notes])


def _html_row(row: Sequence[Cell]) -> str:
    cells = [cell.to_html() if isinstance(cell, Badge) else html.escape(cell) for cell in row]
    return _element("th", cells[0], "row") + "".join(_element("td", cell) for cell in cells[1:])


def _element(tag: str, content: str, scope: str = "") -> str:
    scope = f' scope="{scope}"' if scope else ""
    return f'<{tag}{scope} style="text-align:left;vertical-align:top">{content}</{tag}>'


def _markdown_row(row: Iterable[Cell]) -> str:
    return "| " + " | ".join(str(cell).replace("|", r"\|").replace("\n", " ") for cell in row) + " |"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
