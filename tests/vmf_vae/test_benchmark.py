"""The benchmark runs; speed is not judged here, but what is right is."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_vmf_vae_measures_every_contestant(tmp_path):
    output = tmp_path / "vmf_vae.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "benchmarks/vmf_vae.py", "--quick", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert {"date", "versions", "instructions", "settings"} == set(found["provenance"])
    rows = found["rows"]
    speed = [row for row in rows if row["kind"] == "speed"]
    assert {row["workload"] for row in speed} == {"batch", "many", "both"}
    everybody = {"sjedu", "s-vae's method", "scipy", "Su's table", "Wood's rejection", "closed form"}
    assert everybody <= {row["name"] for row in speed}
    assert all(row["microseconds"] > 0 for row in speed)
    assert all(row["ratio_to_ours"] == 1 for row in speed if row["name"] == "sjedu")
    for row in rows:
        if row["kind"] == "accuracy" and row["name"] == "sjedu":
            assert row["within_1e-10"] == row["cells"]
        if row["kind"] in ("law", "gradient") and row["name"] == "sjedu":
            assert abs(row["standard_errors"]) < 5
    assert any(row["not_finite"] for row in rows if row["kind"] == "accuracy" and row["name"] != "sjedu")
