"""Exercises that say what is wrong with an answer, and why.

An exercise is its solution, a function, with the task as docstring; the decorators `Exercises.add` and `judged_by`
make one of the other. What the reader gets to fill in, the stub, is the solution without its body. A check is an ordinary function: it takes the
reader's function, tries it, and raises `WrongAnswer` with the reason. `Exercise.check` runs the checks and returns
a `Feedback`; it raises for no answer whatever.
"""

from __future__ import annotations

import functools
import html
import inspect
import re
import reprlib
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from sjedu.course.source import source
from sjedu.figures.tables import Badge, Tone

Answer: TypeAlias = Callable[..., Any]
Check: TypeAlias = Callable[[Answer], None]
Solution = TypeVar("Solution", bound=Answer)
Difficulty: TypeAlias = Literal["easy", "medium", "hard"]
_DOCSTRING = r"(.+?)\n\n(.+)\n\nHint: (.+)\n\nShows: (.+)"


class WrongAnswer(Exception):  # noqa: N818 (what it says, not what broke)
    """An answer that a check rejects; the message is the reason, in a sentence for the reader."""


class NotAnswered(Exception):  # noqa: N818
    """The stub is still a stub: it returned None or an Ellipsis."""


def expect(condition: object, reason: str) -> None:
    """Reject the answer for this reason, unless the condition holds."""
    if not bool(condition):
        raise WrongAnswer(reason)


def close(found: Any, wanted: Any, absolute: float = 1e-9, relative: float = 0.0) -> bool:
    """Whether an answer has the shape of what is wanted, and its numbers but for these tolerances."""
    found, wanted = np.asarray(found, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    return found.shape == wanted.shape and bool(np.allclose(found, wanted, rtol=relative, atol=absolute))


@dataclass(frozen=True)
class Feedback:
    """What the checks say. `correct` is None while the exercise is not answered."""

    correct: bool | None
    message: str

    @property
    def badge(self) -> Badge:
        """The outcome as a badge."""
        if self.correct is None:
            return Badge("not answered yet", Tone.NEUTRAL)
        return Badge("✓ correct", Tone.GOOD) if self.correct else Badge("✗ not yet", Tone.BAD)

    def __repr__(self) -> str:
        if self.correct is None:
            return f"not answered yet: {self.message}"
        return f"{'✓' if self.correct else '✗'} {self.message}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        line = f'<div role="status">{self.badge.to_html()} {html.escape(self.message)}</div>'
        return {"text/plain": repr(self), "text/html": line}


@dataclass(frozen=True)
class Exercise:
    """A task, a stub to fill in, and the checks that judge the answer.

    Attributes:
        id: unique in its lesson, for instance "1".
        title: a few words.
        contract: what goes into the function and what comes out, in a line or a few; the stub's docstring.
        task: what to do, in Markdown.
        hint: a nudge, in Markdown; folded away in the notebook.
        solution: a function that passes every check; its source is what the notebook folds away.
        checks: functions of the answer, from the simplest demand to the hardest. The first that raises
            `WrongAnswer` is what the reader sees.
        shows: what a correct answer has shown, in a sentence.
        minutes: how long to try before looking at the solution.
        difficulty: "easy", "medium" or "hard".
    """

    id: str
    title: str
    contract: str
    task: str
    hint: str
    solution: Answer
    checks: Sequence[Check]
    shows: str
    minutes: int
    difficulty: Difficulty

    def check(self, answer: Any) -> Feedback:
        """Run the checks on the reader's answer and say how it fares.

        Exceptions in the reader's code, too, end as feedback: which function raised what, for which input.
        """
        if answer is None or answer is ...:
            return Feedback(None, f"write {self.name} and run this cell again.")
        if not callable(answer):
            got = describe(answer)
            return Feedback(
                False, f"hand over the function {self.name} itself, without calling it; got {got}."
            )
        watched = _Watched(answer)
        try:
            for check in self.checks:
                check(watched.function)
        except WrongAnswer as reason:
            return Feedback(False, str(reason))
        except NotAnswered:
            return Feedback(None, f"{self.name} still returns nothing.")
        except Exception as error:
            return Feedback(False, watched.explain(error))
        return Feedback(True, self.shows)

    @property
    def name(self) -> str:
        """The name of the function that the reader writes."""
        return self.solution.__name__

    @property
    def stub(self) -> str:
        """The source of the function to complete."""
        signature = inspect.signature(self.solution)
        bare = signature.replace(
            parameters=[each.replace(annotation=each.empty) for each in signature.parameters.values()],
            return_annotation=signature.empty,
        )
        parameters = str(bare).replace("'", '"')  # as the formatter wants it
        end = "\n" if "\n" in self.contract else ""
        docstring = textwrap.indent(f'"""{self.contract}{end}"""', "    ")
        return f"def {self.name}{parameters}:\n{docstring}\n    return ..."

    def solution_source(self) -> str:
        """Return the solution's source, as the notebook shows it."""
        return source(self.solution, docstring=False)


def judged_by(*checks: Check) -> Callable[[Solution], Solution]:
    """Return the decorator that gives an exercise's solution the checks that judge an answer."""

    def decorate(solution: Solution) -> Solution:
        solution.checks = checks  # type: ignore[attr-defined]
        return solution

    return decorate


class Exercises(dict[str, Exercise]):
    """The exercises of a lesson by their ids."""

    def add(
        self, id: str, title: str, *, minutes: int, difficulty: Difficulty
    ) -> Callable[[Solution], Solution]:
        """Return the decorator that makes an exercise of its solution, which stays the function that it is.

        The docstring of the solution has four parts with an empty line between them, all in Markdown: what goes in
        and what comes out (the stub's docstring), the task, ``Hint: ...``, and ``Shows: ...``.

        Raises:
            ValueError: if the id is taken, or the docstring lacks a part.
        """

        def decorate(solution: Solution) -> Solution:
            docstring = re.fullmatch(_DOCSTRING, inspect.getdoc(solution) or "", re.DOTALL)
            if id in self or not docstring:
                raise ValueError(
                    f"exercise {id!r}: got an id that is taken, or a docstring that lacks a part; expected an id of"
                    " its own, and in the docstring: contract, task, Hint: ..., Shows: ..."
                )
            contract, task, hint, shows = docstring.groups()
            self[id] = Exercise(
                id=id,
                title=title,
                contract=contract,
                task=task,
                hint=hint,
                solution=solution,
                checks=solution.checks,  # type: ignore[attr-defined]
                shows=" ".join(shows.split()),
                minutes=minutes,
                difficulty=difficulty,
            )
            return solution

        return decorate


class _Watched:
    """The reader's function, remembering the call that failed."""

    def __init__(self, answer: Answer) -> None:
        self.failed: tuple[Exception, str] | None = None
        # A class or a module may be asked for its attributes: it is handed on as it is.
        self.function = self._wrap(answer) if inspect.isroutine(answer) else answer

    def _wrap(self, answer: Answer) -> Answer:
        @functools.wraps(answer)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                result = answer(*args, **kwargs)
            except Exception as error:
                self.failed = (error, describe_call(args, kwargs))
                raise
            if result is None or _has_ellipsis(result):
                raise NotAnswered
            return result

        return call

    def explain(self, error: Exception) -> str:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if self.failed and self.failed[0] is error:
            return f"your function raised {what} (input {self.failed[1]})"
        return (
            f"what your function returned cannot be checked ({what}). Is it of the kind that was asked for?"
        )


def _has_ellipsis(result: Any) -> bool:
    return result is ... or (isinstance(result, tuple) and any(part is ... for part in result))


def describe_call(args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """Return the arguments of a call in a few words, tensors by shape and dtype."""
    named = [f"{name}={describe(value)}" for name, value in kwargs.items()]
    return ", ".join([*map(describe, args), *named]) or "none"


def describe(value: Any) -> str:
    """Return a value in a few words: a tensor by dtype and shape, anything else by a shortened repr."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{type(value).__name__} of {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if inspect.isroutine(value):
        return f"the function {value.__name__}"
    return reprlib.repr(value)
