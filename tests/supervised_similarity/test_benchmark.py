"""The benchmark runs, and every contestant computes the same; how fast they are is not judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_contestant_is_measured_and_agrees(tmp_path):
    output = tmp_path / "found.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "benchmarks/supervised_similarity.py", "--quick", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert {"date", "versions", "instructions", "settings"} == set(found["provenance"])
    assert {row["part"] for row in found["rows"]} == {"CoSENT", "squared", "head"}
    for row in found["rows"]:
        assert row["part"] in done.stdout
        assert row["error"] < 1e-5
        assert row["milliseconds"] > 0
