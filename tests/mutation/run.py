"""Change the code that decides results, one small change at a time, and see whether the tests notice.

    make mutation                        every room below, a sample of mutants each
    make mutation ROOMS=records          one room
    make mutation ROOMS=records MUTANTS=0    all of its mutants

Cosmic Ray makes the mutants and runs the room's tests on each, in a copy of the working tree, so that a stop leaves
nothing changed. The report names each survivor with its change; it is killed by a test, or said to be harmless.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkerOutcome, WorkResult

ROOT = Path(__file__).parents[2]
#: What decides results: the files of a room, and the tests that must notice a change in them.
MUTATED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "records": (
        ("records/statistics.py", "records/runs.py", "records/claims.py", "records/preconditions.py"),
        ("tests/records",),
    ),
    "training": (
        ("training/run.py", "training/batches.py", "training/checkpoint.py", "checks.py"),
        ("tests/training", "tests/test_checks.py"),
    ),
    "wgan": (
        ("wgan/losses.py", "wgan/constraints.py"),
        ("tests/wgan/test_losses.py", "tests/wgan/test_constraints.py"),
    ),
    "vmf_vae": (("vmf_vae/samplers.py",), ("tests/vmf_vae",)),
    "contrastive_accumulation": (
        ("contrastive_accumulation/losses.py", "contrastive_accumulation/accumulation.py"),
        (
            "tests/contrastive_accumulation/test_losses.py",
            "tests/contrastive_accumulation/test_accumulation.py",
        ),
    ),
    "roformer_sim": (("roformer_sim/losses.py",), ("tests/roformer_sim/test_losses.py",)),
    "supervised_similarity": (
        ("supervised_similarity/losses.py",),
        ("tests/supervised_similarity/test_losses.py",),
    ),
}
# A name of a type is changed into what Python never evaluates, and a decorator left out breaks the import: neither is
# a fault that anybody makes.
PASSED_OVER = ("core/ReplaceBinaryOperator_BitOr", "core/RemoveDecorator")


def main() -> int:
    """Run the rooms asked for; the exit status is 1 when the unchanged code fails its tests."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rooms", nargs="*", default=list(MUTATED), choices=list(MUTATED), metavar="ROOM")
    parser.add_argument("--mutants", type=int, default=60, help="how many a room, drawn at random; 0 for all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "sjedu"
        _copy_tree(copy)
        for room in options.rooms:
            _run(room, copy, options.mutants)
    return 0


def _copy_tree(copy: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)


def _run(room: str, copy: Path, mutants: int) -> None:
    files, tests = MUTATED[room]
    config, session = copy / f"{room}.toml", copy / f"{room}.sqlite"
    modules = ", ".join(f'"sjedu/{file}"' for file in files)
    command = f"{sys.executable} -m pytest -q -x -p no:cacheprovider {' '.join(tests)}"
    config.write_text(
        f"[cosmic-ray]\nmodule-path = [{modules}]\ntimeout = 300\nexcluded-modules = []\n"
        f'test-command = "{command}"\n[cosmic-ray.distributor]\nname = "local"\n',
        "utf-8",
    )
    tool = Path(sys.executable).with_name("cosmic-ray")
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}

    def cosmic_ray(*arguments: object) -> None:
        subprocess.run([tool, *map(str, arguments)], cwd=copy, env=environment, check=True)

    cosmic_ray("baseline", config)
    cosmic_ray("init", config, session)
    with use_db(session) as database:
        _choose(database, mutants)
    cosmic_ray("exec", config, session)
    with use_db(session) as database:
        print(_report(room, database), flush=True)


def _choose(database: WorkDB, mutants: int) -> None:
    """Leave out what is passed over, and all but a sample of the rest."""
    pending = sorted(database.pending_work_items, key=lambda item: _key(item.mutations[0]))
    kept = [item for item in pending if not item.mutations[0].operator_name.startswith(PASSED_OVER)]
    if mutants:
        kept = random.Random(0).sample(kept, min(mutants, len(kept)))
    chosen = {item.job_id for item in kept}
    for item in pending:
        if item.job_id not in chosen:
            database.set_result(
                item.job_id, WorkResult(worker_outcome=WorkerOutcome.SKIPPED, output="not drawn")
            )


def _key(mutation: object) -> tuple[str, str, int]:
    return str(mutation.module_path), mutation.operator_name, mutation.occurrence


def _report(room: str, database: WorkDB) -> str:
    results = [(item, result) for item, result in database.completed_work_items if result.test_outcome]
    outcomes = Counter(str(result.test_outcome.value) for _, result in results)
    lines = [f"== {room}: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))]
    lines += [str(result.diff) for _, result in results if result.test_outcome.value == "survived"]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
