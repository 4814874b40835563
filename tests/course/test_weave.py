import re
from pathlib import PurePosixPath

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sjedu.course.cells import closing
from sjedu.course.lessons import lesson
from sjedu.course.repository import Repository
from sjedu.course.weave import WeaveError, weave

REPOSITORY = Repository("owner/name")
START = PurePosixPath("notebooks/00_start_here.ipynb")


def cell(kind: str, source: str = ""):
    code = kind == "setup" or kind.endswith((".stub", ".check"))
    new = new_code_cell if code else new_markdown_cell
    return new(source, metadata={"sjedu": {"generated": kind}})


LESSON_KINDS = ["header", "setup", "exercise:1.task", "exercise:1.stub", "exercise:1.check", "closing"]


@pytest.fixture
def path(room) -> PurePosixPath:
    return lesson(room).notebook


def sources(notebook, path) -> dict[str, str]:
    woven = weave(notebook, path, REPOSITORY)
    return {c.metadata.get("sjedu", {}).get("generated", "by hand"): c.source for c in woven.cells}


def lesson_notebook():
    return new_notebook(cells=[new_markdown_cell("mine"), *map(cell, LESSON_KINDS)])


def test_header_gives_the_facts(path):
    header = sources(lesson_notebook(), path)["header"]
    about = lesson("dirac_smoothing")
    assert header.startswith("# Lesson 5 · Smoothing functions with the Dirac delta\n")
    facts = [
        about.title_zh,
        about.question,
        about.article.title_zh,
        about.article.title_en,
        about.article.url,
    ]
    facts += ["2021-10-10", "60 minutes", *about.you_will, REPOSITORY.badges(path)]
    facts += [text for paper in about.papers for text in (paper.title, paper.url, paper.authors)]
    for fact in facts:
        assert fact in header


def test_setup_differs_by_the_lessons_name_only(path):
    setup = sources(lesson_notebook(), path)["setup"]
    start = sources(new_notebook(cells=[cell("setup")]), START)["setup"]
    assert setup.replace('setup("dirac_smoothing", preset="cpu")', "setup()") == start
    assert f"git+{REPOSITORY.url}" in setup


def test_setup_is_short_and_tagged_with_the_reason():
    setup = weave(new_notebook(cells=[cell("setup")]), START, REPOSITORY).cells[0]
    assert len([line for line in setup.source.splitlines() if line]) <= 13
    assert setup.metadata.tags == ["nbval-ignore-output"]
    assert setup.metadata.sjedu.not_compared == "versions, commit and device are this machine's"


def test_exercise_task_folds_hint_and_solution(path):
    task = sources(lesson_notebook(), path)["exercise:1.task"]
    assert task.startswith("### Exercise 1 · Twice\n\n*●○○ easy · try for 3 minutes*\n\nWrite $2x$.\n")
    folded = re.findall(r"<details>\n<summary>(\w+)</summary>\n\n(.*?)\n\n</details>", task, re.DOTALL)
    solution = "```python\ndef double(x: float) -> float:\n    return 2 * x\n```"
    assert folded == [("Hint", "Add."), ("Solution", solution)]


def test_exercise_stub_and_check_run(path):
    """The woven cells, run as a reader would: unanswered first, then with the folded solution."""
    woven = sources(lesson_notebook(), path)
    namespace: dict[str, object] = {}
    check = woven["exercise:1.check"].splitlines()
    exec(woven["exercise:1.stub"], namespace)
    exec("\n".join(check[:-1]), namespace)
    assert eval(check[-1], namespace).correct is None
    solution = re.search(r"```python\n(.*?)```", woven["exercise:1.task"], re.DOTALL)[1]
    exec(solution, namespace)
    assert eval(check[-1], namespace).correct is True


def test_another_lessons_exercise(room):
    notebook = new_notebook(cells=[cell("setup"), cell(f"exercise:{room}/1.check")])
    check = sources(notebook, START)[f"exercise:{room}/1.check"]
    assert check == f'from sjedu.{room}.exercises import EXERCISES\n\nEXERCISES["1"].check(double)'


def test_closing_says_what_to_read():
    text = closing(lesson("rope_2d"))
    assert "arxiv.org/abs/2403.13298" in text
    assert "lesson 2, P-tuning" in text
    assert "| reversibility | 可逆性 |" in text


def test_course_map(room):
    notebook = new_notebook(cells=[cell("setup"), cell("course"), cell("glossary"), cell("badges")])
    woven = sources(notebook, START)
    rows = woven["course"].splitlines()[2:]
    assert len(rows) == 8
    assert "[Smoothing functions with the Dirac delta](05_dirac_smoothing.ipynb)" in rows[4]
    assert "| 7, (3) |" in rows[5]
    assert "| gradient | 梯度 |" in woven["glossary"]
    assert woven["badges"] == REPOSITORY.badges(START)


def test_hand_edits_of_generated_cells_are_overwritten_others_kept(path):
    notebook = lesson_notebook()
    notebook.cells[1].source = "edited"
    woven = sources(notebook, path)
    assert woven["header"].startswith("# Lesson 5")
    assert woven["by hand"] == "mine"
    assert notebook.cells[1].source == "edited"


def test_weaving_again_changes_nothing(path):
    once = weave(lesson_notebook(), path, REPOSITORY)
    assert weave(once, path, REPOSITORY) == once


@pytest.mark.parametrize("lost", LESSON_KINDS)
def test_lacking_cell_is_named(path, lost):
    notebook = new_notebook(cells=[cell(kind) for kind in LESSON_KINDS if kind != lost])
    with pytest.raises(
        WeaveError, match=rf"05_dirac_smoothing.ipynb lacks the generated cells {lost}: place"
    ):
        weave(notebook, path, REPOSITORY)


def test_cell_that_stands_twice_is_named(path):
    notebook = new_notebook(cells=[*map(cell, LESSON_KINDS), cell("header")])
    with pytest.raises(WeaveError, match="two cells are generated as 'header'"):
        weave(notebook, path, REPOSITORY)


def test_cell_of_the_wrong_type_is_named():
    notebook = new_notebook(cells=[new_markdown_cell(metadata={"sjedu": {"generated": "setup"}})])
    with pytest.raises(WeaveError, match="the cell generated as 'setup' must be a code cell"):
        weave(notebook, START, REPOSITORY)


@pytest.mark.parametrize("kind", ["heading", "header", "closing"])
def test_unknown_kind_is_named(kind):
    """The start page is no lesson: it has no header and no closing."""
    with pytest.raises(WeaveError, match=f"00_start_here.ipynb: nothing is generated as '{kind}'"):
        weave(new_notebook(cells=[cell(kind)]), START, REPOSITORY)


@pytest.mark.parametrize("kind", ["exercise:2.task", "exercise:1.answer"])
def test_unknown_exercise_is_named(path, kind):
    with pytest.raises(WeaveError, match=f"there is no '{kind}'; the exercises are 1"):
        weave(new_notebook(cells=[cell(kind)]), path, REPOSITORY)
