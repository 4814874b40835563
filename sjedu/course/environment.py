"""What the course finds on this machine: `setup` for the first cell of a notebook, `doctor` for the whole.

Nothing here needs a third-party package to be imported, so that a missing one can be reported in a sentence.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import re
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeAlias

import sjedu
from sjedu.course.lessons import lesson
from sjedu.figures.tables import Badge, Cell, Table, Tone

Status: TypeAlias = Literal["ok", "warn", "missing"]
_TONES: dict[Status, Tone] = {"ok": Tone.GOOD, "warn": Tone.FAIR, "missing": Tone.BAD}


class SetupError(RuntimeError):
    """The course cannot run here; the message says what to do."""

    def _render_traceback_(self) -> list[str]:
        # IPython asks for this: the reader of a notebook is shown the sentence, not our stack.
        return [f"The course cannot start here: {self}"]


class _Shown(ABC):
    """What is shown as a table."""

    @abstractmethod
    def table(self) -> Table:
        """Return it as a table."""

    def __repr__(self) -> str:
        return self.table().to_text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()


@dataclass(frozen=True, repr=False)
class Setup(_Shown):
    """What the setup cell found."""

    lesson: str
    course: str
    python: str
    torch: str
    device: str
    preset: str
    notes: tuple[str, ...] = ()

    def table(self) -> Table:
        """Return the findings as a table of one row."""
        header = ["lesson", "sjedu", "Python", "torch", "device", "preset"]
        row = [self.lesson, self.course, self.python, self.torch, self.device, self.preset]
        return Table(header, [row], notes=self.notes)


def setup(room: str | None = None, preset: str = "cpu") -> Setup:
    """Check that a lesson can run here, and report with what; changes nothing.

    Args:
        room: the lesson's room, for instance "rope_2d"; None on the start page.
        preset: "cpu" or "gpu", or another preset of the lesson's experiment.

    Raises:
        ValueError: if there is no such preset.
        SetupError: if a package is missing or too old; the message says what to do.
    """
    title = lesson(room).title if room else "start page"
    if lacking := _shortfalls():
        raise SetupError(lacking[0])
    known = importlib.import_module(f"sjedu.{room}.experiment").PRESETS if room else ("cpu", "gpu")
    if preset not in known:
        raise ValueError(f"preset: got {preset!r}; expected one of {', '.join(known)}")
    course, notes = _course()
    if preset == "gpu" and not _device().startswith("cuda"):
        notes += ("No CUDA device was found: the gpu preset will take very long here. preset='cpu' fits.",)
    return Setup(title, course, platform.python_version(), version("torch"), _device(), preset, notes)


def _course() -> tuple[str, tuple[str, ...]]:
    """Which course runs: its version, folder and commit; and a note if it is not the one beside the notebook."""
    folder = Path(sjedu.__file__).resolve().parents[1]
    inside = Path.cwd().resolve().is_relative_to(folder)
    words = [sjedu.__version__, "this clone" if inside else f"folder {folder.name}"]
    if (folder / ".git").exists():
        git = ["git", "-C", str(folder), "describe", "--always", "--dirty=, changed", "--exclude=*"]
        with contextlib.suppress(OSError, subprocess.CalledProcessError):  # no git, or somebody else's folder
            words += [
                f"commit {subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()}"
            ]
    other = not inside and Path("../sjedu/course").is_dir()
    advice = "The clone that holds this notebook is not the sjedu that runs: `pip install -e ..` makes it so."
    return ", ".join(words), (advice,) if other else ()


@dataclass(frozen=True)
class Finding:
    """One row of the doctor's report."""

    name: str
    status: Status
    found: str
    advice: str = ""


@dataclass(frozen=True, repr=False)
class Report(_Shown):
    """What works here and what does not."""

    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        """Whether nothing that the course needs is missing."""
        return all(finding.status != "missing" for finding in self.findings)

    def table(self) -> Table:
        """Return the findings as a table."""
        rows: list[list[Cell]] = [
            [f.name, Badge(f.status, _TONES[f.status]), f.found, f.advice] for f in self.findings
        ]
        return Table(["", "status", "found", "what to do"], rows)


def doctor() -> Report:
    """Return what works here: the course, Python, packages, device, what notebooks need, data."""
    findings = [Finding("sjedu", "ok", _course()[0]), Finding("Python", "ok", platform.python_version())]
    if lacking := _shortfalls():
        findings += [Finding("packages", "missing", f"{len(lacking)} missing or too old", " ".join(lacking))]
    else:
        findings += [Finding("packages", "ok", "all that the course needs"), _torch(), _accelerator()]
    findings += [
        _package("widgets", "ipywidgets", "missing", "Run `pip install ipywidgets`."),
        _package("kernel", "ipykernel", "missing", "Run `pip install ipykernel` to open the notebooks."),
        _package("downloads", "pooch", "warn", "Only for real data sets: run `pip install pooch`."),
        _data(),
    ]
    return Report(tuple(findings))


def version(name: str) -> str:
    """Return the installed version of a package, or "" if there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _shortfalls() -> list[str]:
    """What is missing or too old of what the course needs, by the package's own metadata, each with what to do."""
    try:
        lines = metadata.requires("sjedu") or []
    except metadata.PackageNotFoundError:
        return ["sjedu is not installed: run `pip install -e .` in the folder of pyproject.toml."]
    needed = [re.match(r"([\w.-]+)\s*>=\s*([\w.]+)", line) for line in lines if "extra ==" not in line]
    return [advice for each in needed if each and (advice := _shortfall(each[1], each[2]))]


def _shortfall(name: str, bound: str) -> str:
    installed = version(name)
    if installed and _release(installed) >= _release(bound):
        return ""
    what = f"{name} {installed} was found" if installed else f"there is no {name}"
    advice = f"run `pip install -U '{name}>={bound}'` and restart the kernel."
    return f"needs {name} {bound} or newer, {what}: {advice}"


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def _torch() -> Finding:
    import torch

    threads = torch.get_num_threads()
    advice = "The lessons' small networks gain nothing from more than one thread: set OMP_NUM_THREADS=1."
    words = f"{torch.__version__}, {threads} thread{'s' * (threads > 1)}"
    return Finding("torch", "ok", words, advice if threads > 1 else "")


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return f"cuda ({torch.cuda.get_device_name()})"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _accelerator() -> Finding:
    import torch

    device = _device()
    if device.startswith("cuda"):
        bf16 = torch.cuda.is_bf16_supported()
        return Finding("device", "ok", f"{device}, {'bf16' if bf16 else 'no bf16: use precision fp16'}")
    advice = "" if device == "mps" else "Every lesson runs on it; the gpu presets want a CUDA device."
    return Finding("device", "ok", device, advice)


def _package(row: str, name: str, without: Status, advice: str) -> Finding:
    installed = version(name)
    return (
        Finding(row, "ok", f"{name} {installed}")
        if installed
        else Finding(row, without, f"no {name}", advice)
    )


def _data() -> Finding:
    folder = os.environ.get("SJEDU_DATA")
    if not folder:
        advice = "For files of your own, name their folder in SJEDU_DATA."
        return Finding("data", "ok", "embedded sets", advice)
    if not Path(folder).is_dir():
        advice = "There is no such folder: make it or name another."
        return Finding("data", "warn", f"SJEDU_DATA is {folder}", advice)
    names = sorted(entry.name for entry in Path(folder).iterdir())
    return Finding("data", "ok", f"{folder}: {', '.join(names[:8]) or 'empty'}{' …' * (len(names) > 8)}")
