"""What the README has from package and notebooks: badges and picture; its lessons are made by `claims_command`."""

from __future__ import annotations

import base64
from pathlib import Path, PurePosixPath

from nbformat import NotebookNode

from sjedu.course.repository import Repository

START = PurePosixPath("notebooks", "00_start_here.ipynb")
PICTURE = PurePosixPath("docs", "picture.png")


def picture(notebook: NotebookNode) -> bytes | None:
    """Return the README's picture: the figure of the cell with the metadata ``{"sjedu": {"readme": true}}``."""
    for cell in notebook.cells:
        if cell.metadata.get("sjedu", {}).get("readme"):
            figures = [
                output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})
            ]
            return base64.b64decode(figures[0])
    return None


def woven_readme(root: Path, repository: Repository) -> str:
    """Return the README with the badges of the start page."""
    text = (root / "README.md").read_text("utf-8")
    return between_markers(text, "badges", repository.badges(START))


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
