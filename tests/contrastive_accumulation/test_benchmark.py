"""The benchmark runs, and every contestant is exact; how fast they are is not judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_contestant_is_measured_and_exact(tmp_path):
    output = tmp_path / "found.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "benchmarks/contrastive_accumulation.py", "--quick", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert {"date", "versions", "instructions", "settings"} == set(found["provenance"])
    step = {row["name"]: row for row in found["rows"] if row["part"] == "step"}
    assert {"full batch", "sjedu", "GradCache's scheme", "checkpointed"} <= set(step)
    for name, row in step.items():
        assert f"{name} " in done.stdout
        assert row["milliseconds"] > 0
        assert row["ratio_to_bound"] > 0
        assert name == "two passes alone" or row["relative_error"] < 1e-9
    assert {row["name"] for row in found["rows"] if row["part"] == "loss"} == {"autograd", "sjedu, streamed"}
