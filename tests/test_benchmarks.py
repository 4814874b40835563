"""The benchmarks run; what they measure is not judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_rope_2d_measures_every_contestant(tmp_path):
    output = tmp_path / "rope_2d.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "benchmarks/rope_2d.py", "--quick", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert {"date", "versions", "instructions", "settings"} == set(found["provenance"])
    rows = found["rows"]
    assert {row["dtype"] for row in rows} == {"float32", "bfloat16"}
    for dtype, error in (("float32", 1e-5), ("bfloat16", 0.1)):
        measured = {row["name"]: row for row in rows if row["dtype"] == dtype}
        assert {"copy", "sjedu", "sjedu, fast", "sjedu, half", "sjedu, half, fast", "dense matrix"} <= set(
            measured
        )
        for name, row in measured.items():
            assert f"{name} " in done.stdout
            # A contestant that rotates by other angles, or pairs other numbers, is off by more than 1.
            assert row["max_error"] < error
            assert set(row["milliseconds"]) == {"forward", "forward + backward"}
            assert all(time > 0 for time in row["milliseconds"].values())
        assert measured["sjedu"]["ratio_to_ours"] == {"forward": 1, "forward + backward": 1}
