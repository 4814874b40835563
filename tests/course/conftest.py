"""A lesson's room made for the tests, so that they hold before and after any real lesson is written."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import sjedu

ROOM = "dirac_smoothing"
FILES = {
    "__init__.py": '"""A room."""\n',
    "exercises.py": '''
        """Exercises."""

        from sjedu.course import Exercises, WrongAnswer, judged_by

        EXERCISES = Exercises()


        def _doubles(answer):
            if answer(3) != 6:
                raise WrongAnswer("double(3) must be 6.")


        @EXERCISES.add("1", "Twice", minutes=3, difficulty="easy")
        @judged_by(_doubles)
        def double(x: float) -> float:
            """Return twice x.

            Write $2x$.

            Hint: Add.

            Shows: that two and two is four.
            """
            return 2 * x
        ''',
    "experiment.py": '''
        """An experiment."""

        from dataclasses import dataclass
        from types import SimpleNamespace

        CALLS = []


        @dataclass(frozen=True)
        class Config:
            """Settings."""

            steps: int = 10
            learning_rate: float = 1e-3
            augment: bool = False


        PRESETS = {"cpu": Config(), "gpu": Config(steps=1000)}


        def train(config, directory=None, *, resume=False, progress=True):
            """Train."""
            CALLS.append((config, str(directory), resume))
            return SimpleNamespace(name="toy", metrics={"accuracy": 0.987654, "params": 12})
        ''',
}


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    folder = tmp_path / "rooms" / ROOM
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(textwrap.dedent(text).lstrip(), "utf-8")
    monkeypatch.setattr(sjedu, "__path__", [str(folder.parent), *sjedu.__path__])
    for name in [name for name in sys.modules if name.startswith(f"sjedu.{ROOM}")]:
        monkeypatch.delitem(sys.modules, name)
    yield ROOM
    for name in [name for name in sys.modules if name.startswith(f"sjedu.{ROOM}")]:
        del sys.modules[name]
