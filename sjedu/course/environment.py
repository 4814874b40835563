"""What the course finds on this machine: `setup` for the first cell of a notebook, `doctor` for the whole.

Nothing here needs a third-party package to be imported, so that a missing one can be reported in a sentence.
"""

from __future__ import annotations

import importlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeAlias

from sjedu.course.lessons import lesson
from sjedu.figures.tables import Badge, Cell, Table, Tone

Status: TypeAlias = Literal["ok", "warn", "missing"]
_TONES: dict[Status, Tone] = {"ok": Tone.GOOD, "warn": Tone.FAIR, "missing": Tone.BAD}


class SetupError(RuntimeError):
    """The course cannot run here; the message says what to do."""

    def _render_traceback_(self) -> list[str]:
        # IPython asks for this: the reader of a notebook is shown the sentence, not our stack.
        return [f"The course cannot start here: {self}"]


@dataclass(frozen=True)
class Setup:
    """What the setup cell found."""

    lesson: str
    python: str
    torch: str
    device: str
    preset: str
    note: str = ""

    def table(self) -> Table:
        """Return the findings as a table of one row."""
        row = [self.lesson, self.python, self.torch, self.device, self.preset]
        return Table(
            ["lesson", "Python", "torch", "device", "preset"], [row], notes=[self.note] if self.note else []
        )

    def __repr__(self) -> str:
        return self.table().to_text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()


def setup(room: str | None = None, preset: str = "cpu") -> Setup:
    """Check that a lesson can run here, and report with what; changes nothing.

    Args:
        room: the lesson's room, for instance "rope_2d"; None on the start page.
        preset: "cpu" or "gpu", or another preset of the lesson's experiment.

    Raises:
        ValueError: if there is no such lesson or preset.
        SetupError: if a package is missing or too old; the message says what to do.
    """
    title = lesson(room).title if room else "start page"
    for name, bound in requirements():
        if advice := _shortfall(name, bound):
            raise SetupError(advice)
    _check_preset(room, preset)
    note = ""
    if preset == "gpu" and not _device().startswith("cuda"):
        note = "No CUDA device was found: the gpu preset will take very long here. preset='cpu' fits."
    return Setup(title, platform.python_version(), metadata.version("torch"), _device(), preset, note)


def _check_preset(room: str | None, preset: str) -> None:
    known = list(importlib.import_module(f"sjedu.{room}.experiment").PRESETS) if room else ["cpu", "gpu"]
    if preset not in known:
        raise ValueError(f"preset: got {preset!r}; expected one of {', '.join(known)}")


@dataclass(frozen=True)
class Finding:
    """One row of the doctor's report."""

    name: str
    status: Status
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Report:
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

    def __repr__(self) -> str:
        return self.table().to_text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()


def doctor() -> Report:
    """Return what works here: Python, packages, device, widgets, kernel, fonts, data, disk."""
    packages = _packages()
    findings = [Finding("Python", "ok", platform.python_version()), packages]
    if packages.status == "ok":
        findings += [_torch(), _accelerator(), _fonts()]
    return Report((*findings, _widgets(), _kernel(), _downloads(), _data(), _disk()))


def requirements() -> Iterator[tuple[str, str]]:
    """Yield the packages that the course needs with their lower bounds, from the package's own metadata.

    Raises:
        SetupError: if the course itself is not installed.
    """
    try:
        lines = metadata.requires("sjedu") or []
    except metadata.PackageNotFoundError:
        raise SetupError(
            "sjedu is not installed: run `pip install -e .` in the folder of pyproject.toml."
        ) from None
    for line in lines:
        if "extra ==" not in line and (match := re.match(r"([\w.-]+)\s*>=\s*([\w.]+)", line)):
            yield match[1], match[2]


def version(name: str) -> str:
    """Return the installed version of a package, or "" if there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def _shortfall(name: str, bound: str) -> str:
    """Return what is wrong with an installed package and what to do, or "" if nothing is."""
    found = version(name)
    if found and _release(found) >= _release(bound):
        return ""
    what = f"{name} {found} was found" if found else f"there is no {name}"
    advice = f"run `pip install -U '{name}>={bound}'` and restart the kernel."
    return f"needs {name} {bound} or newer, {what}: {advice}"


def _packages() -> Finding:
    try:
        bounds = list(requirements())
    except SetupError as error:
        return Finding("packages", "missing", "sjedu is not installed", str(error))
    lacking = [advice for name, bound in bounds if (advice := _shortfall(name, bound))]
    if lacking:
        return Finding(
            "packages", "missing", f"{len(lacking)} of {len(bounds)} missing or too old", " ".join(lacking)
        )
    return Finding("packages", "ok", f"all {len(bounds)} that the course needs")


def _torch() -> Finding:
    import torch

    threads = torch.get_num_threads()
    advice = "The lessons' small networks gain nothing from more than one thread: set OMP_NUM_THREADS=1."
    found = f"{torch.__version__}, {threads} thread{'s' * (threads > 1)}"
    return Finding("torch", "ok", found, advice if threads > 1 else "")


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


def _fonts() -> Finding:
    from matplotlib import font_manager

    families = {entry.name for entry in font_manager.fontManager.ttflist}
    known = (
        "CJK",
        "SimHei",
        "YaHei",
        "PingFang",
        "WenQuanYi",
        "Heiti",
        "Songti",
        "Source Han",
        "Arial Unicode",
    )
    chinese = sorted(family for family in families if any(name in family for name in known))
    if chinese:
        return Finding("fonts", "ok", f"Chinese in figures with {chinese[0]}")
    return Finding(
        "fonts", "ok", "Latin only", "Enough for the lessons: Chinese stands in the text, not in figures."
    )


def _widgets() -> Finding:
    kernel, lab, front = version("ipywidgets"), version("jupyterlab"), version("jupyterlab_widgets")
    if not kernel:
        return Finding("widgets", "missing", "no ipywidgets", "Run `pip install ipywidgets`.")
    if "google.colab" in sys.modules or not lab:
        return Finding("widgets", "ok", f"ipywidgets {kernel}; the front end brings its own half")
    wanted = _release(kernel)[0] - 5 if _release(kernel)[0] >= 8 else 1
    found = f"ipywidgets {kernel}, JupyterLab {lab}, jupyterlab_widgets {front or 'none'}"
    if not front or _release(front)[0] != wanted or (_release(lab)[0] >= 4 and wanted < 3):
        return Finding(
            "widgets", "warn", found, "Sliders will not show: run `pip install -U ipywidgets jupyterlab`."
        )
    return Finding("widgets", "ok", found)


def _kernel() -> Finding:
    if found := version("ipykernel"):
        return Finding("kernel", "ok", f"ipykernel {found} in {Path(sys.prefix).name}")
    return Finding("kernel", "missing", "no ipykernel", "Run `pip install ipykernel` to open the notebooks.")


def _downloads() -> Finding:
    if found := version("pooch"):
        return Finding("downloads", "ok", f"pooch {found}")
    return Finding("downloads", "warn", "no pooch", "Only for real data sets: run `pip install pooch`.")


def _data() -> Finding:
    folder = os.environ.get("SJEDU_DATA")
    if not folder:
        return Finding(
            "data", "ok", "embedded sets", "For files of your own, name their folder in SJEDU_DATA."
        )
    if not Path(folder).is_dir():
        return Finding(
            "data", "warn", f"SJEDU_DATA is {folder}", "There is no such folder: make it or name another."
        )
    names = sorted(entry.name for entry in Path(folder).iterdir())
    return Finding("data", "ok", f"{folder}: {', '.join(names[:8]) or 'empty'}{' …' * (len(names) > 8)}")


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free < 2:
        return Finding("disk", "warn", f"{free:.1f} GB free", "Checkpoints and data sets want about 2 GB.")
    return Finding("disk", "ok", f"{free:.0f} GB free")
