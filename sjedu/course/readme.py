"""From the stored notebooks to the README: the claims as JSON beside each lesson, and the course table."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from nbformat import NotebookNode

from sjedu.course.lessons import LESSONS, Lesson
from sjedu.course.repository import Repository
from sjedu.figures.tables import Table
from sjedu.records.old_claims import CLAIMS_MIME, Verdict

START = PurePosixPath("notebooks", "00_start_here.ipynb")
PICTURE = PurePosixPath("docs", "picture.png")


def claims_path(lesson: Lesson) -> Path:
    """Return where a lesson's claims are kept as JSON, from the root of the repository."""
    return Path("sjedu", lesson.room, "claims.json")


def stored_claims(notebook: NotebookNode, lesson: Lesson) -> dict[str, Any]:
    """Return the claim sheet that a lesson's notebook shows last, as JSON.

    Raises:
        ValueError: if it shows none of this lesson, or if a claim in it was not measured, or was not
            reproduced and does not say why.
    """
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    sheets = [output.data[CLAIMS_MIME] for output in outputs if CLAIMS_MIME in output.get("data", {})]
    sheets = [sheet for sheet in sheets if sheet["lesson"] == lesson.room]
    if not sheets:
        raise ValueError(f"{lesson.notebook} shows no claim sheet of {lesson.room}")
    sheet: dict[str, Any] = sheets[-1]
    for claim in sheet["claims"]:
        if claim["verdict"] is None:
            raise ValueError(f"{lesson.notebook}: claim {claim['id']} was not measured")
        if claim["verdict"] != Verdict.REPRODUCED and not claim["why"]:
            raise ValueError(f"{lesson.notebook}: claim {claim['id']} is {claim['verdict']}: say why")
    return sheet


def claims_text(sheet: dict[str, Any]) -> str:
    """Return the text of a lesson's claims.json."""
    return json.dumps(sheet, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def picture(notebook: NotebookNode) -> bytes | None:
    """Return the README's picture: the figure of the cell with the metadata ``{"sjedu": {"readme": true}}``."""
    for cell in notebook.cells:
        if cell.metadata.get("sjedu", {}).get("readme"):
            figures = [
                output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})
            ]
            return base64.b64decode(figures[0])
    return None


def read_claims(root: Path, lesson: Lesson) -> dict[str, Any] | None:
    """Return a lesson's stored claims; None while it has none."""
    path = root / claims_path(lesson)
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def woven_readme(root: Path, repository: Repository) -> str:
    """Return the README with its generated parts: the badges of the start page, and the lessons.

    Raises:
        ValueError: if the markers of a part are not there, once each and in order.
    """
    text = (root / "README.md").read_text("utf-8")
    text = between_markers(text, "badges", repository.badges(START))
    return between_markers(text, "lessons", course_table(root, repository))


def between_markers(text: str, part: str, content: str) -> str:
    """Return the text with the content of ``<!-- part:begin -->`` ... ``<!-- part:end -->`` replaced.

    Raises:
        ValueError: if the markers are not there, once each and in order.
    """
    begin, end = f"<!-- {part}:begin -->", f"<!-- {part}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"README.md must hold {begin} and {end}, once each and in this order")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{content}\n{end}{rest.split(end)[1]}"


def course_table(root: Path, repository: Repository) -> str:
    """Return what the README says of the lessons: one table of all, and the claims of each that is ready."""
    header = ["", "lesson", "after the article", "claims measured here", ""]
    sheets = {each.room: read_claims(root, each) for each in LESSONS}
    rows = [_course_row(each, sheets[each.room], repository) for each in LESSONS]
    details = [_claims(each, sheet) for each in LESSONS if (sheet := sheets[each.room])]
    return "\n\n".join([Table(header, rows).to_markdown(), *details])


def _course_row(lesson: Lesson, sheet: dict[str, Any] | None, repository: Repository) -> list[str]:
    title = f"[{lesson.title}]({lesson.notebook})"
    article = f"[《{lesson.article.title_zh}》]({lesson.article.url})"
    counted = Counter(claim["verdict"] for claim in sheet["claims"]) if sheet else {}
    claims = ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict if verdict in counted)
    badges = repository.badges(lesson.notebook)
    return [str(lesson.number), title, article, claims or "in preparation", badges]


def _claims(lesson: Lesson, sheet: dict[str, Any]) -> str:
    header = ["", "claim", "published", "measured here", "verdict"]
    table = Table(header, [_claim_row(claim) for claim in sheet["claims"]]).to_markdown()
    summary = f"<summary>Lesson {lesson.number}, {lesson.title}: its claims</summary>"
    return f"<details>\n{summary}\n\n{table}\n\n</details>"


def _claim_row(claim: dict[str, Any]) -> list[str]:
    verdict = Verdict(claim["verdict"]).badge.text
    return [claim["id"], claim["statement"], claim["published"], claim["measured"], verdict]
