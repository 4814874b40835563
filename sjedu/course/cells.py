"""The text of a notebook's generated cells: what the course says alike in every lesson."""

from __future__ import annotations

from sjedu.course.exercises import Exercise
from sjedu.course.glossary import glossary
from sjedu.course.lessons import LESSONS, Lesson, Paper
from sjedu.course.repository import Repository
from sjedu.figures.tables import Table

_DIFFICULTY = {"easy": "●○○ easy", "medium": "●●○ medium", "hard": "●●● hard"}


def header(lesson: Lesson, repository: Repository) -> str:
    """Return the Markdown that opens a lesson."""
    article = lesson.article
    outcomes = "\n".join(f"- {outcome}" for outcome in lesson.you_will)
    return "\n\n".join(
        [
            f"# Lesson {lesson.number} · {lesson.title}",
            f"**{lesson.title_zh}**",
            repository.badges(lesson.notebook),
            f"> {lesson.question}",
            f"**After the article** 苏剑林 (Su Jianlin), [《{article.title_zh}》]({article.url}) "
            f"(*{article.title_en}*), {article.date:%Y-%m-%d}.",
            f"**Papers:** {'; '.join(map(_cite, lesson.papers))}.",
            f"**When you are through, you will be able to**\n\n{outcomes}",
            f"**Before you start:** {_prerequisites(lesson)}",
            f"**Time:** about {lesson.minutes} minutes with the exercises; "
            f"the whole notebook runs in under {lesson.runs_in} on two CPU cores.",
        ]
    )


def setup(room: str | None, repository: Repository) -> str:
    """Return the first code cell: alike in each notebook but for the lesson's name."""
    arguments = f'"{room}", preset="cpu"' if room else ""
    return f"""\
# Installs the course where it is missing: from this clone, or else from its repository.
import os
import sys
from importlib.util import find_spec

if not getattr(find_spec("sjedu"), "origin", None):  # a mere folder has no origin
    clone = os.path.isdir("../sjedu/course")
    source = "-e .." if clone else "git+{repository.url}"
    %pip install -q {{source}}
    sys.path.append("..")  # a running kernel does not see an editable install

# Is it not found? Then fix what pip reports above, and run this cell again.
from sjedu.course import setup

here = setup({arguments})
here"""


def exercise_task(exercise: Exercise, room: str) -> str:
    """Return the Markdown that sets an exercise, its hint and solution folded away."""
    effort = f"{_DIFFICULTY[exercise.difficulty]} · try for {exercise.minutes} minutes"
    return "\n\n".join(
        [
            f"### Exercise {exercise.id} · {exercise.title}",
            f"*{effort}*",
            exercise.task.strip(),
            _details("Hint", exercise.hint.strip()),
            _details("Solution", f"```python\n{exercise.solution_source()}\n```"),
        ]
    )


def exercise_stub(exercise: Exercise, room: str) -> str:
    """Return the code that the reader completes."""
    return exercise.stub.strip()


def exercise_check(exercise: Exercise, room: str) -> str:
    """Return the code that checks the reader's answer."""
    return f"""\
from sjedu.{room}.exercises import EXERCISES

EXERCISES["{exercise.id}"].check({exercise.name})"""


def closing(lesson: Lesson) -> str:
    """Return the Markdown that ends a lesson: where to go on, and its terms in both languages."""
    following = [each for each in LESSONS if lesson.room in (*each.needs, *each.after)]
    lines = [f"- the article itself, [《{lesson.article.title_zh}》]({lesson.article.url})"]
    lines += [f"- {_cite(paper)}" for paper in lesson.papers]
    lines += [f"- lesson {each.number}, {each.title}: {each.question}" for each in following]
    terms = glossary(lesson.room).to_markdown()
    return "\n\n".join(["## What to read next", "\n".join(lines), "## The terms of this lesson", terms])


def course_map() -> str:
    """Return the list of lessons with their dependencies and articles, as Markdown."""
    heads = ["", "lesson", "the question", "read first", "minutes", "article"]
    return Table(heads, [_map_row(each) for each in LESSONS]).to_markdown()


def _map_row(lesson: Lesson) -> list[str]:
    numbers = {each.room: str(each.number) for each in LESSONS}
    first = [numbers[room] for room in lesson.needs] + [f"({numbers[room]})" for room in lesson.after]
    article = f"[《{lesson.article.title_zh}》]({lesson.article.url})"
    return [
        str(lesson.number),
        f"[{lesson.title}]({lesson.notebook.name})<br>{lesson.title_zh}",
        lesson.question,
        ", ".join(first) or "—",
        str(lesson.minutes),
        article,
    ]


def _prerequisites(lesson: Lesson) -> str:
    text = "calculus, linear algebra and a little PyTorch; you need not have read the article."
    if lesson.needs:
        text += f" This lesson uses what you build in {_names(lesson.needs)}."
    if lesson.after:
        text += f" It is easier after {_names(lesson.after)}."
    return text


def _names(rooms: tuple[str, ...]) -> str:
    chosen = [each for each in LESSONS if each.room in rooms]
    return " and ".join(f"lesson {each.number} ({each.title})" for each in chosen)


def _cite(paper: Paper) -> str:
    return f"{paper.authors}, [*{paper.title}*]({paper.url})"


def _details(summary: str, content: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{content}\n\n</details>"
