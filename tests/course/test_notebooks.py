"""The tools that make the notebooks, on tiny notebooks: one for each thing that can be wrong."""

import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sjedu.course import notebooks
from sjedu.course.lessons import lesson
from sjedu.course.notebooks import execute, main, prepared

ROOT = Path(__file__).parents[2]
KINDS = ["header", "setup", "exercise:1.task", "exercise:1.stub", "exercise:1.check", "closing"]


def generated(kind: str):
    code = kind == "setup" or kind.endswith((".stub", ".check"))
    return (new_code_cell if code else new_markdown_cell)(metadata={"sjedu": {"generated": kind}})


@pytest.fixture
def root(tmp_path: Path, room: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a start page and one lesson, whose notebook "runs" without a kernel."""
    root = tmp_path / "checkout"
    (root / "notebooks").mkdir(parents=True)
    (root / "sjedu" / room).mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/owner/name"\n')
    (root / "README.md").write_text(
        "# Toy\n<!-- badges:begin -->\n<!-- badges:end -->\n<!-- lessons:begin -->\n<!-- lessons:end -->\n"
    )
    start = new_notebook(cells=[generated("setup"), new_markdown_cell("welcome")])
    nbformat.write(start, root / "notebooks" / "00_start_here.ipynb")
    nbformat.write(new_notebook(cells=[*map(generated, KINDS)]), root / lesson(room).notebook)
    monkeypatch.setattr(notebooks, "execute", play)
    return root


def play(notebook, folder):
    """Stand in for the kernel: number the cells."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
    return notebook


def edit(path: Path, change) -> None:
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


def test_check_finds_what_was_never_made(root, capsys):
    assert main(["--check"], root) == 1
    stale = [line.partition(" is not what")[0] for line in capsys.readouterr().err.splitlines()]
    assert stale == ["notebooks/00_start_here.ipynb", "notebooks/05_dirac_smoothing.ipynb", "README.md"]


def test_make_then_check_is_clean(root, room, capsys):
    assert main([], root) == 0
    assert main(["--check"], root) == 0
    assert "github/owner/name" in (root / "README.md").read_text("utf-8")
    start = nbformat.read(root / "notebooks" / "00_start_here.ipynb", as_version=4)
    assert start.cells[0].source.endswith("here = setup()\nhere")
    assert start.cells[0].execution_count == 1


def test_make_again_changes_nothing(root):
    main([], root)
    files = [path for path in root.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    main([], root)
    assert {path: path.read_bytes() for path in files} == before


def test_make_runs_only_the_named_notebooks(root, capsys):
    main([], root)
    capsys.readouterr()
    path = root / "notebooks" / "00_start_here.ipynb"
    assert main([str(path)], root) == 0
    assert capsys.readouterr().out == f"running {path}\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda n: n.cells[0].update(source="edited by hand"),
        lambda n: n.cells[2].update(source="edited by hand"),
        lambda n: n.metadata.update(widgets={}),
        lambda n: n.cells[1].metadata.update(execution={"shell.execute_reply": "now"}),
    ],
    ids=["header", "task", "widgets", "timing"],
)
def test_check_names_a_stale_notebook_and_leaves_it(root, room, capsys, change):
    main([], root)
    path = root / lesson(room).notebook
    edit(path, change)
    before = path.read_bytes()
    assert main(["--check"], root) == 1
    assert capsys.readouterr().err == (
        "notebooks/05_dirac_smoothing.ipynb is not what the package makes it: run make lessons\n"
    )
    assert path.read_bytes() == before


def test_check_names_a_stale_readme(root, capsys):
    main([], root)
    path = root / "README.md"
    path.write_text(path.read_text("utf-8").replace("owner/name", "somebody/else"))
    assert main(["--check"], root) == 1
    assert "README.md is not what the package makes it" in capsys.readouterr().err


def test_moving_the_repository_leaves_everything_as_the_package_makes_it(root, capsys):
    main([], root)
    make = ["make", "-f", str(ROOT / "Makefile"), "repo", "REPO=someone/else"]
    subprocess.run(make, cwd=root, check=True, capture_output=True)
    assert main(["--check"], root) == 0
    assert "owner/name" not in (root / "README.md").read_text("utf-8")


def test_lacking_exercise_is_an_error(root, room, capsys):
    edit(root / lesson(room).notebook, lambda n: n.cells.pop(3))
    assert main([], root) == 1
    assert "lacks the generated cells exercise:1.stub" in capsys.readouterr().err


def test_file_that_is_no_notebook(root, room, capsys):
    (root / lesson(room).notebook).write_text("no notebook")
    assert main(["--check"], root) == 1
    assert "05_dirac_smoothing.ipynb is no notebook" in capsys.readouterr().err


def test_missing_readme_markers(root, capsys):
    (root / "README.md").write_text("# Toy\n")
    assert main([], root) == 1
    assert "README.md must hold <!-- badges:begin -->" in capsys.readouterr().err


def test_failing_notebook_is_left_as_it_was(root, capsys, monkeypatch):
    def fail(notebook, folder):
        raise CellExecutionError("traceback", "ValueError", "no luck")

    monkeypatch.setattr(notebooks, "execute", fail)
    path = root / "notebooks" / "00_start_here.ipynb"
    before = path.read_bytes()
    assert main([str(path)], root) == 1
    assert "traceback" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_notebook_outside_the_checkout(root, tmp_path):
    with pytest.raises(ValueError, match="outside"):
        prepared(tmp_path / "outside.ipynb", root)


def test_execute_runs_in_the_folder_and_stores_outputs(tmp_path):
    notebook = new_notebook(cells=[new_code_cell("import os\nprint(os.getcwd())"), new_code_cell("6 * 7")])
    first, second = execute(notebook, tmp_path).cells
    assert first.outputs[0].text == f"{tmp_path}\n"
    assert second.outputs[0].data["text/plain"] == "42"
    assert [first.execution_count, second.execution_count] == [1, 2]


def test_execute_stops_at_an_error(tmp_path):
    notebook = new_notebook(cells=[new_code_cell("1 / 0"), new_code_cell("2")])
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(notebook, tmp_path)


def test_execute_stops_a_cell_that_takes_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "TIMEOUT", 1)
    with pytest.raises(CellTimeoutError):
        execute(new_notebook(cells=[new_code_cell("import time\ntime.sleep(60)")]), tmp_path)
