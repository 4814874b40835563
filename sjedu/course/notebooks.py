"""Make the notebooks what they should be: generated cells, outputs, stored form, and the README's picture and badges.

``make lessons`` is ``python -m sjedu.course.notebooks``: it runs the notebooks in place. With ``--check`` it
runs nothing and changes nothing, and says which file ``make lessons`` would write differently.
"""

# mypy: untyped-calls-exclude=nbformat

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from sjedu.course.lessons import LESSONS
from sjedu.course.normalise import dumps, normalise
from sjedu.course.readme import PICTURE, picture, woven_readme
from sjedu.course.repository import ROOT, Repository
from sjedu.course.weave import weave

#: Seconds that one cell may take.
TIMEOUT = 300


def read(path: Path) -> NotebookNode:
    """Return the notebook in a file.

    Raises:
        OSError: if there is no such file.
        ValueError: if it is no notebook; the message names the file.
    """
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)
    except nbformat.reader.NotJSONError as error:
        raise ValueError(f"{path} is no notebook: {error}") from None
    return notebook


def prepared(path: Path, root: Path = ROOT) -> NotebookNode:
    """Return the notebook with its generated cells filled, in its stored form; nothing is run or written."""
    inside = PurePosixPath(path.resolve().relative_to(root.resolve()).as_posix())
    return normalise(weave(read(path), inside, Repository.of(root)))


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run a notebook in a fresh kernel of this Python in that folder, and return it with its new outputs."""
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=TIMEOUT,
        resources={"metadata": {"path": str(folder)}},
        # Widgets live as long as their kernel; a stored page shows the picture in the same output.
        store_widget_state=False,
    )
    client.execute()
    return notebook


def run(path: Path, root: Path = ROOT) -> NotebookNode:
    """Weave, run and normalise one notebook and write it in place; a notebook that fails is left as it was."""
    notebook = normalise(execute(prepared(path, root), path.parent))
    path.write_text(dumps(notebook), "utf-8")
    return notebook


def products(root: Path = ROOT) -> Iterator[tuple[Path, bytes]]:
    """Yield each file that is made from the notebooks and the package, with the content it should have."""
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        yield path, dumps(prepared(path, root)).encode()
    yield from summaries(root)


def summaries(root: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield the files made besides the notebooks: the README, and its picture from the outputs of a lesson."""
    for lesson in LESSONS:
        path = root / lesson.notebook
        if path.is_file() and (content := picture(read(path))) is not None:
            yield root / PICTURE, content
    yield root / "README.md", woven_readme(root, Repository.of(root)).encode()


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run or check the notebooks that the command line names, or all."""
    parser = argparse.ArgumentParser(prog="python -m sjedu.course.notebooks", description=__doc__)
    parser.add_argument("--check", action="store_true", help="run nothing, only say what would change")
    parser.add_argument("notebooks", nargs="*", type=Path, help="notebooks to run; all if none is named")
    options = parser.parse_args(arguments)
    try:
        return _check(root) if options.check else _make(options.notebooks, root)
    except (OSError, ValueError, CellExecutionError, TimeoutError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _check(root: Path) -> int:
    stale = [path for path, wanted in products(root) if not path.is_file() or path.read_bytes() != wanted]
    for path in stale:
        print(f"{path.relative_to(root)} is not what the package makes it: run make lessons", file=sys.stderr)
    return 1 if stale else 0


def _make(paths: Sequence[Path], root: Path) -> int:
    for path in paths or sorted((root / "notebooks").glob("*.ipynb")):
        print(f"running {path}")
        run(path, root)
    for path, content in summaries(root):
        path.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
