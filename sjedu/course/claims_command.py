"""``python -m sjedu claims [ROOM ...] [--check]``: what the rooms prove and measured, and what is made from it.

Without a room it measures all and writes the README's table of lessons and a page for each room, docs/claims/ROOM.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sjedu.course.lessons import LESSONS, ROOMS, Lesson, lesson
from sjedu.course.readme import between_markers
from sjedu.course.repository import ROOT
from sjedu.figures.tables import Table
from sjedu.records import Ledger, ledger

PAGES = Path("docs", "claims")


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Measure the rooms that are named, or all; print them, write what is generated, or check it."""
    parser = argparse.ArgumentParser(prog="python -m sjedu claims", description=__doc__)
    parser.add_argument("rooms", metavar="ROOM", nargs="*", help="only these; nothing is written then")
    parser.add_argument("--check", action="store_true", help="write nothing, only say what would change")
    options = parser.parse_args(arguments)
    try:
        ledgers = {lesson(room).room: ledger(room) for room in options.rooms or ROOMS}
        products = pages(ledgers)
        if not options.rooms:
            products[Path("README.md")] = readme((root / "README.md").read_text("utf-8"), ledgers)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.check:
        return _check(products, root)
    for each in ledgers.values():
        print(f"{lesson(each.room).title}\n\n{each}\n\n")
    if not options.rooms:
        for path, text in products.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, "utf-8")
    return 0


def pages(ledgers: Mapping[str, Ledger]) -> dict[Path, str]:
    """Return the page of each room, by its path in the repository."""
    return {PAGES / f"{room}.md": page(lesson(room), each) for room, each in ledgers.items()}


def page(about: Lesson, ledger: Ledger) -> str:
    """Return a room's page: its theorems and claims, each with an anchor "ROOM-ID"."""
    made = f"<!-- Made by `python -m sjedu claims` from sjedu/{about.room}/claims.py. -->"
    title = f"# Lesson {about.number}: {about.title}"
    source = f"After [《{about.article.title_zh}》]({about.article.url}). {about.question}"
    return "\n\n".join([made, title, source, ledger.to_markdown()]) + "\n"


def readme(text: str, ledgers: Mapping[str, Ledger]) -> str:
    """Return the README with its table of lessons."""
    header = ["", "lesson", "question", "minutes", "what came out"]
    rows = [_row(each, ledgers[each.room]) for each in LESSONS]
    return between_markers(text, "lessons", Table(header, rows).to_markdown())


def _row(about: Lesson, ledger: Ledger) -> list[str]:
    title = f"[{about.title}]({about.notebook}), after [《{about.article.title_zh}》]({about.article.url})"
    counts = f"[{ledger.summary}]({PAGES / about.room}.md)"
    return [str(about.number), title, about.question, str(about.minutes), counts]


def _check(products: Mapping[Path, str], root: Path) -> int:
    stale = [path for path, text in products.items() if _read(root / path) != text]
    for path in stale:
        print(f"{path} is not what the rooms' claims make it: run python -m sjedu claims", file=sys.stderr)
    return 1 if stale else 0


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None
