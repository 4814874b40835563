"""Open a clone's notebooks in JupyterLab as working copies, so that answers and outputs stay out of the repository.

``python -m sjedu lab [NOTEBOOK] [OPTION OF JUPYTERLAB ...]``; the copies lie in ``work/``, which git ignores.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sjedu.course.normalise import WIDGET_VIEW
from sjedu.course.repository import ROOT

START = "00_start_here.ipynb"
#: JupyterLab asks over the first cell whether it may fetch news: no, unless the reader's own settings say otherwise.
_SETTINGS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}


def refresh(notebooks: Path, work: Path) -> list[str]:
    """Copy the notebooks that are new or newer than their copies; a copy that was changed is never touched.

    Returns:
        A sentence for each copy that was kept though the clone's notebook has changed since.
    """
    work.mkdir(exist_ok=True)
    state = work / ".copied.json"  # digests of the notebooks that were copied
    copied: dict[str, str] = json.loads(state.read_text("utf-8")) if state.is_file() else {}
    kept = []
    for source in sorted(notebooks.glob("*.ipynb")):
        content, copy = source.read_bytes(), work / source.name
        if copied.get(source.name) == _digest(content) and copy.is_file():
            continue
        if copy.is_file() and copied.get(source.name) != _digest(copy.read_bytes()):
            kept.append(
                f"{work.name}/{source.name} keeps your changes; to get the course's new one, rename yours"
            )
            continue
        copy.write_bytes(content)
        copied[source.name] = _digest(content)
    state.write_text(json.dumps(copied, indent=1))
    return kept


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Refresh the copies and open one of them in JupyterLab; return its exit status."""
    named = [name for name in arguments[:1] if not name.startswith("-")]
    notebook = named[0] if named else START
    if not (root / "notebooks" / notebook).is_file():
        print(
            f"error: NOTEBOOK: got {notebook!r}; expected one in the folder notebooks of a clone",
            file=sys.stderr,
        )
        return 2
    work = root / "work"
    for sentence in refresh(root / "notebooks", work):
        print(sentence)
    settings = work / ".jupyter" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(_SETTINGS))
    paths = [str(work / ".jupyter"), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    environment = {"OMP_NUM_THREADS": "1", **os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(paths)}
    lab = [
        sys.executable,
        "-m",
        "jupyterlab",
        str(work / notebook),
        "--ContentsManager.pre_save_hook=sjedu.course.lab_command.drop_views",
        f"--LabApp.default_url=/lab/tree/{notebook}",
    ]
    return subprocess.run([*lab, *arguments[len(named) :]], env=environment).returncode


def drop_views(model: dict[str, Any], **_: Any) -> None:
    """Save a widget's picture without its panel, in the place of which "model not found" would stand tomorrow.

    The model is what JupyterLab's server is about to save; its content is changed.
    """
    cells = model["content"]["cells"] if model["type"] == "notebook" else []
    for output in [output for cell in cells for output in cell.get("outputs", [])]:
        data = output.get("data", {})
        if {"image/png", "text/html"} & data.keys():
            data.pop(WIDGET_VIEW, None)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
