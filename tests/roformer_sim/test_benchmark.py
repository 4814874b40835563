"""The benchmark runs; what it measures is not judged here, but everybody must encode and write the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_measures_every_contestant(tmp_path):
    output = tmp_path / "roformer_sim.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "benchmarks/roformer_sim.py", "--quick", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert {"date", "versions", "instructions", "settings"} == set(found["provenance"])
    parts = {}
    for row in found["rows"]:
        parts.setdefault(row["part"], {})[row["name"]] = row
    assert "sjedu" in parts["encode"]
    assert "sjedu" in parts["write"]
    for row in found["rows"]:
        assert row["name"] in done.stdout
        assert row["tokens_per_second"] > 0
        assert row["error"] < (1e-5 if row["part"] == "encode" else 0.5)
