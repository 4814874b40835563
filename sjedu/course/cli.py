"""The course from a terminal: ``python -m sjedu list | doctor | train LESSON | claims | record DIR``."""

from __future__ import annotations

import functools
import importlib
import linecache
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from sjedu.course.environment import doctor
from sjedu.course.lessons import LESSONS
from sjedu.figures.tables import Table

USAGE = """\
usage: python -m sjedu COMMAND

  list                          the lessons
  doctor                        what works on this machine
  lab [NOTEBOOK] [OPTION ...]   a clone's notebooks as working copies in JupyterLab, which takes the options
  train LESSON [--preset NAME] [--FIELD VALUE ...] [--directory DIR | --resume DIR]
                                run a lesson's experiment; train LESSON --help shows every field. LESSON may
                                also be roformer, the model that lessons 2, 6 and 8 stand on
  claims [ROOM ...] [--check]   measure what the lessons prove and claim; all of them: write README and docs/claims
  record DIR ...                make finished runs part of the package; --migrate: rewrite what is recorded
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    command, *rest = (sys.argv[1:] if arguments is None else list(arguments)) or ["--help"]
    commands: dict[str, Callable[[Sequence[str]], int]] = {
        "list": _list,
        "doctor": _doctor,
        **{name: functools.partial(_run, name) for name in ("train", "claims", "record", "lab")},
    }
    try:
        if command in {"-h", "--help"} or (command == "train" and rest[:1] in (["-h"], ["--help"])):
            print(USAGE, end="")
            return 0
        if command not in commands:
            raise ValueError(f"COMMAND: got {command!r}; expected one of {', '.join(commands)}")
        status = commands[command](rest)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain at its exit
        return 141  # as shells report it
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ArithmeticError) as error:
        if not _is_refusal(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        return (
            1 if isinstance(error, ArithmeticError) else 2
        )  # a loss that is not finite is nobody's typing error
    return status


def _is_refusal(error: Exception) -> bool:
    """Whether the error is a sentence for the user: of the operating system, or raised by the package on purpose.

    Any other error is a fault of the program and needs its traceback.
    """
    last = traceback.extract_tb(error.__traceback__)[-1]
    return isinstance(error, OSError) or (
        Path(last.filename).resolve().is_relative_to(Path(__file__).resolve().parents[1])
        and linecache.getline(last.filename, last.lineno or 0).lstrip().startswith("raise ")
    )


def _run(command: str, rest: Sequence[str]) -> int:
    """Run a command of a module of its own, imported now: a list of lessons does not wait for torch."""
    status: int = importlib.import_module(f"sjedu.course.{command}_command").main(rest)
    return status


def _list(rest: Sequence[str]) -> int:
    _expect_no_more("list", rest)
    rows = [[str(each.number), each.room, each.title] for each in LESSONS]
    print(Table(["", "LESSON", "title"], rows))
    return 0


def _doctor(rest: Sequence[str]) -> int:
    _expect_no_more("doctor", rest)
    report = doctor()
    print(report)
    return 0 if report.well else 1


def _expect_no_more(command: str, rest: Sequence[str]) -> None:
    if rest:
        raise ValueError(f"{command}: got {' '.join(rest)}; expected no arguments")
