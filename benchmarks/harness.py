"""What every benchmark here shares: fair rounds, ratios taken within them, and results with their provenance.

Within a round all contestants run one after the other, in random order, so that a busy machine slows all of them;
ratios are taken within rounds. Each benchmark brings its contestants, their errors and its own table.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import platform
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch.utils.benchmark import Timer

RESULTS = Path(__file__).parent / "results"


def keep_freed_memory() -> None:
    """Tell glibc's allocator to give no memory back to the system.

    It would, for large results, and then every call pays for fresh pages more than for its arithmetic, by
    an amount that depends on what was allocated before. Without glibc the default stays.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    trim_threshold, mmap_threshold = -1, -3
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(mmap_threshold, 2**25)


class Times:
    """Seconds a call of each contestant, round by round.

    With one thread it is the processor's time: that on a quiet machine, whatever else this one has to do.

    Args:
        calls: what to measure, one function a contestant.
        rounds: how often each is measured.
        seconds: how long each measurement takes, at least.
        threads: how many threads torch may use.
    """

    def __init__(
        self, calls: Sequence[Callable[[], Any]], rounds: int, seconds: float, threads: int = 1
    ) -> None:
        clock = time.process_time if threads == 1 else time.perf_counter
        timers = [Timer("call()", globals={"call": call}, timer=clock, num_threads=threads) for call in calls]
        self.rounds = [_one_round(timers, seconds, seed) for seed in range(rounds)]

    def milliseconds(self, i: int) -> float:
        """Return the median of a contestant's times."""
        return 1e3 * statistics.median(times[i] for times in self.rounds)

    def fastest(self, i: int) -> float:
        """Return a contestant's best time, in milliseconds."""
        return 1e3 * min(times[i] for times in self.rounds)

    def ratio(self, i: int, to: int) -> float:
        """Return the median, over rounds, of one contestant's time over another's."""
        return statistics.median(times[i] / times[to] for times in self.rounds)


def _one_round(timers: Sequence[Timer], seconds: float, seed: int) -> list[float]:
    """Return the median seconds a call of each, measured in random order: no one always follows the same other."""
    times = [0.0] * len(timers)
    for i in random.Random(seed).sample(range(len(timers)), len(timers)):
        times[i] = timers[i].blocked_autorange(min_run_time=seconds).median
    return times


def provenance(packages: Sequence[str], settings: dict[str, Any]) -> dict[str, Any]:
    """Return what the numbers depend on, and when they were measured."""
    versions = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "settings": {name: value for name, value in settings.items() if name not in ("output", "quick")},
    }


def write(output: Path, provenance: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    """Write the results as JSON and say where."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"provenance": provenance, "rows": rows}, indent=1) + "\n")
    print(f"written to {output.name}")
