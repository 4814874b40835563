"""The benchmark runs, and compiles everything in one piece; how fast that is, is not judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_contestant_is_measured(tmp_path):
    output = tmp_path / "dirac_smoothing.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "benchmarks/dirac_smoothing.py", "--quick", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert {"date", "versions", "instructions", "settings"} == set(found["provenance"])
    rows = {(row["name"], row["mode"]): row for row in found["rows"]}
    assert {mode for _, mode in rows} == {"eager", "compiled"}
    for (name, _), row in rows.items():
        assert set(row["milliseconds"]) == {"forward", "forward + backward"}
        if name.startswith("sjedu"):
            assert row["tail_error"] < 2e-5
            assert row["kept"] < 1.01
    assert rows["F.gelu", "eager"]["ratio_to_gelu"] == {"forward": 1, "forward + backward": 1}
    assert rows["composed Gaussian ReLU", "eager"]["tail_error"] > 1
    assert rows["composed Gaussian ReLU", "eager"]["kept"] > 3.5
