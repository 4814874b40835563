"""Every run that comes with the package: what the course shows was measured by committed code, and can be repeated."""

import collections
import dataclasses
import importlib
from pathlib import Path

import pytest

import sjedu
from sjedu.course.record_command import config_of, up_to_date
from sjedu.records import load_runs
from sjedu.records.migrations import SCHEMA
from sjedu.records.record import canonical, plain, write_study

STUDIES = sorted(Path(sjedu.__file__).parent.glob("*/recorded/*.jsonl"))
ROOMS = sorted({path.parents[1].name for path in STUDIES})

#: By room: in what the runs of a study may differ from its preset. Each is a thing that is compared.
VARIED = {
    "contrastive_accumulation": {"method", "micro_batch"},
    "dirac_smoothing": {"activation", "width"},
    "p_tuning": {"method", "objective", "place", "labels", "template", "dataset", "learning_rate", "steps"},
    "roformer": {"objective", "embedded", "mask_rate", "steps", "verdict_rate"},
    "roformer_sim": {"start", "teacher"},
    "rope_2d": {"encoding"},
    "supervised_similarity": {
        "objective", "flips", "topic_positives", "parts", "shared_head", "sets", "before", "batch_size",
        "learning_rate",
    },
    "vmf_vae": {
        "latent", "dim", "concentration", "concentration_floor", "concentration_start", "sampler", "code_at",
        "kl_weight", "kl_warmup", "steps",
    },
    "wgan": {
        "loss", "constraint", "strength", "optimizer", "learning_rate", "critic_steps", "batch_size", "critics",
        "steps", "pair", "dim", "samples", "shift", "dataset",
    },
}  # fmt: skip


def test_every_room_has_recorded_runs():
    assert sorted(VARIED) == ROOMS


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_a_study_is_written_as_today_s_code_writes_it(path, tmp_path):
    runs = load_runs(path.parents[1].name).where(study=path.stem)
    write_study(tmp_path / "again.jsonl", map(up_to_date, runs))
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()
    assert all(line.startswith(f'{{"schema":{SCHEMA},') for line in path.read_text("utf-8").splitlines())
    assert all(len(line) < 30_000 for line in path.read_text("utf-8").splitlines())


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_a_recorded_run_can_be_repeated(path):
    room = path.parents[1].name
    experiment = importlib.import_module(f"sjedu.{room}.experiment")
    preset = experiment.PRESETS[getattr(experiment, "STUDIES", {}).get(path.stem, path.stem)]
    for run in load_runs(room).where(study=path.stem):
        config = config_of(run)
        assert config.name == run.name
        for field in {field.name for field in dataclasses.fields(config)} - VARIED[room] - {"study", "seed"}:
            assert getattr(config, field) == getattr(preset, field), (run.name, field)


@pytest.mark.parametrize("room", ROOMS)
def test_runs_are_clean_and_different(room):
    runs = load_runs(room)
    configs = collections.Counter(canonical(run.config) for run in runs)
    assert max(configs.values()) == 1
    for run in runs:
        assert run.commit
        assert not run.dirty
        assert run.seed == run.config["seed"]
        assert run.config.get("evaluate", "test") == "test"
        assert run.metrics == plain(run.metrics, "metrics")  # which refuses NaN and infinity
        assert run.seconds > 0
        assert run.data


@pytest.mark.parametrize("room", ROOMS)
def test_every_picture_belongs_to_one_run(room):
    named = collections.Counter(name for run in load_runs(room) for name in run.files.values())
    folder = Path(sjedu.__file__).parent / room / "recorded"
    assert set(named) == {path.name for path in folder.glob("*.png")}
    assert set(named.values()) <= {1}
    assert {path.suffix for path in folder.iterdir()} <= {".jsonl", ".png", ".safetensors"}
