"""One stored form for every notebook, so that a diff shows what an author or a result changed.

Kept: sources, outputs, tags. Dropped: timings, the commit that ran, progress bars, editors' metadata, widget state
and widget views (their ids are random; without a kernel a view shows an error, where the picture stored beside it
shows the widget's start).
"""

# mypy: untyped-calls-exclude=nbformat

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

import nbformat
from nbformat import NotebookNode

_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_CELL_METADATA = {"tags", "sjedu", "jupyter"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
#: The commit that ran, as the setup cell shows it: another one each time.
_COMMIT = re.compile(r"(?<=this clone), commit [0-9a-f]{7,40}(, changed)?")
#: The text that stands for a progress bar: its first frame, which says nothing once the run is over.
_BAR = re.compile(r"\d+%\|.*\d+/\d+ \[")


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook in its stored form; doing it again changes nothing.

    The alt text of a cell's figure, which `sjedu.figures.style.show` leaves in the output, is copied to where the
    site's builder looks for it, ``mystnb.image.alt`` of the cell.

    Raises:
        ValueError: if a cell has more than one figure; its alt text could belong to only one.
    """
    stored = copy.deepcopy(notebook)
    stored.nbformat, stored.nbformat_minor = 4, 5
    stored.metadata = NotebookNode(copy.deepcopy(_METADATA))
    _give_ids(stored.cells)
    for cell in stored.cells:
        cell.metadata = NotebookNode({k: v for k, v in cell.metadata.items() if k in _CELL_METADATA})
        if cell.cell_type == "code":
            kept = [output for output in cell.outputs if not _is_bar(output)]
            cell.outputs = [_output(output) for output in _merge_streams(kept)]
            if alt := _alt(cell):
                cell.metadata["mystnb"] = {"image": {"alt": alt}}
    return stored


def dumps(notebook: NotebookNode) -> str:
    """Return the text of a notebook file: sorted keys, one newline at the end."""
    nbformat.validate(notebook)
    text: str = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
    return text.rstrip("\n") + "\n"


def _give_ids(cells: Iterable[NotebookNode]) -> None:
    cells = list(cells)
    used: set[str] = set()
    taken = {cell.get("id") for cell in cells}
    for number, cell in enumerate(cells):
        if not cell.get("id") or cell.id in used:
            cell.id = next(id for id in _candidates(number) if id not in used | taken)
        used.add(cell.id)


def _candidates(number: int) -> Iterable[str]:
    yield f"cell-{number}"
    yield from (f"cell-{number}-{suffix}" for suffix in range(2, 1000))


def _merge_streams(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of one stream: how the kernel cut them is chance."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if output.output_type == "stream" and last and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _is_bar(output: NotebookNode) -> bool:
    return bool(_BAR.search(output.get("data", {}).get("text/plain", "")))


def _output(output: NotebookNode) -> NotebookNode:
    if "data" in output:
        output.data.pop(WIDGET_VIEW, None)
        for mime, text in output.data.items():
            if mime.startswith("text/"):
                # Of the same length, so that the columns of a table in plain text stay columns.
                output.data[mime] = _COMMIT.sub(lambda commit: ", commit …".ljust(len(commit[0])), text)
        output.metadata = NotebookNode({k: v for k, v in output.metadata.items() if k == "image/png"})
    return output


def _alt(cell: NotebookNode) -> str:
    figures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
    if len(figures) > 1:
        raise ValueError(f"cell {cell.id} must show one figure, not {len(figures)}: split it")
    metadata: dict[str, Any] = figures[0].metadata.get("image/png", {}) if figures else {}
    return str(metadata.get("alt", ""))
