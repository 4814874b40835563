"""The benchmark runs; what it measures is not judged here, but everybody must compute the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_measures_every_contestant(tmp_path):
    output = tmp_path / "roformer.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "benchmarks/roformer.py", "--quick", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert {"date", "versions", "instructions", "settings"} == set(found["provenance"])
    rows = {row["name"]: row for row in found["rows"]}
    ours = {"sjedu", "sjedu, masked", "matmul"}
    assert ours <= set(rows) <= ours | {"transformers"}
    for name, row in rows.items():
        assert f"{name} " in done.stdout
        assert row["max_error"] < 1e-4  # other weights, or another rotation, are off by more than 0.1
        assert set(row["milliseconds"]) == {"forward", "forward + backward"}
        assert all(time > 0 for time in row["milliseconds"].values())
