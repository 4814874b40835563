"""Where a number came from: device, versions, date and commit."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch


def device_name(device: torch.device, processes: int = 1) -> str:
    """What computes, without saying whose it is."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    elif device.type == "cpu":
        threads = torch.get_num_threads()
        name = f"cpu ({threads} thread{'s' if threads > 1 else ''})"
    else:
        name = device.type
    return name if processes == 1 else f"{processes} × {name}"


def versions() -> dict[str, str]:
    """Of what computes the numbers."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "accelerate": version("accelerate"),
    }


def today() -> str:
    """The date in UTC, ISO 8601."""
    return datetime.now(UTC).date().isoformat()


def commit() -> tuple[str | None, bool]:
    """The commit of the clone that the package is imported from, and whether its code was changed since.

    Returns:
        (None, False) where the package is not in a clone, or where there is no git.
    """
    # A package in site-packages may lie inside somebody else's clone: it counts only if it is tracked there.
    if _git("ls-files", "--error-unmatch", "training/provenance.py") is None:
        return None, False
    # Recorded results are products, not causes: writing one does not make the next run's code differ.
    changes = _git("status", "--porcelain", "--", ".", ":(exclude)*/recorded/*")
    return _git("rev-parse", "HEAD"), changes != ""


def _git(*arguments: str) -> str | None:
    package = Path(__file__).resolve().parents[1]
    command = ["git", "-C", str(package), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
