"""The experiment: what is learnt, that it resumes exactly, and that every preset runs."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest
import torch
from interrupted import assert_resumes
from PIL import Image

from sjedu.rope_2d import experiment
from sjedu.rope_2d.experiment import PRESETS, Config, build_model, evaluate, load_task, train
from sjedu.rope_2d.tasks import SymbolTask
from sjedu.rope_2d.vision import ENCODINGS
from sjedu.training import sweep

CHANCE = 1 / 8


def config(preset="quick", **numbers):
    return dataclasses.replace(PRESETS[preset], **numbers)


def test_flattened_rope_learns_but_loses_the_vertical_when_the_width_changes():
    metrics = train(config(encoding="rope_flat"), progress=False).metrics
    # A loop that learns nothing gives 0.125; one whose positions are not used at most 0.25, the share of the
    # commonest of 25 symbols. Of 1000 vertical markers, chance is 0.125 ± 0.05 at five standard deviations.
    assert metrics["5x5"] > 0.8
    assert metrics["7x5"] > 0.8
    assert metrics["5x7 horizontal"] > 0.8
    assert metrics["5x7 vertical"] < CHANCE + 0.06


@pytest.mark.parametrize("encoding", ["rope_axial", "rope_mixed"])
def test_rope_in_two_dimensions_keeps_the_vertical(encoding):
    metrics = train(config(encoding=encoding), progress=False).metrics
    assert metrics["5x5"] > 0.8
    assert metrics["5x7 vertical"] > 0.6


def test_digits_are_learnt():
    record = train(config("cpu", steps=150, test_grids=((6, 6),)), progress=False)
    # Ten classes: a loop that learns nothing gives 0.1.
    assert record.metrics["6x6"] > 0.5
    assert record.metrics["6x6 shifted"] == pytest.approx(record.metrics["6x6"], abs=0.002)
    assert "scikit-learn" in record.data


def test_a_run_that_was_interrupted_ends_like_one_that_was_not(tmp_path):
    numbers = config("cpu", encoding="rope_mixed", steps=12, drop_path=0.2, test_grids=((6, 6),))
    assert_resumes(train, numbers, tmp_path, experiment.PictureTask, "batch", 6)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_record_says_what_was_measured(encoding):
    record = train(config(encoding=encoding, steps=2, seed=3), progress=False)
    assert record.name == f"quick-symbols-{encoding}-seed3"
    expected = {
        f"{grid}{group}" for grid in ("5x5", "5x7", "7x5") for group in ("", " vertical", " horizontal")
    }
    if encoding not in ("none", "learned"):
        expected |= {"5x5 shifted"}
    assert record.metrics.keys() == expected | {"parameters"}
    for grid in ("5x5", "5x7"):
        halves = [record.metrics[f"{grid} {group}"] for group in ("vertical", "horizontal")]
        assert min(halves) - 1e-4 <= record.metrics[grid] <= max(halves) + 1e-4


def test_a_long_run_keeps_a_short_curve():
    record = train(config(steps=130, batch_size=2, dim=16), progress=False)
    assert 50 <= len(record.curves["loss"]) <= 100
    assert len(json.dumps(dataclasses.asdict(record))) < 30_000


@pytest.mark.parametrize("preset", ["quick", "cpu", "scale"])
def test_every_run_is_tested_on_the_same_examples(preset):
    numbers = [config(preset, seed=seed) for seed in (0, 1)]
    tasks = [load_task(each) for each in numbers]
    for grid in PRESETS[preset].test_grids:
        first, second = (task.test(grid) for task in tasks)
        assert torch.equal(first.inputs, second.inputs)
        assert torch.equal(first.labels, second.labels)
    assert not torch.equal(*(task.batch(0).inputs for task in tasks))  # what is trained on does depend on it
    model = build_model(numbers[0])
    assert evaluate(model, tasks[0], numbers[0]) == evaluate(model, tasks[1], numbers[1])


def test_validation_keeps_the_test_pictures_out():
    task = load_task(config("cpu", evaluate="validation"))
    whole = load_task(config("cpu"))
    assert len(task.train) + len(task.held_out) == len(whole.train) == 1297
    assert torch.equal(torch.cat([task.train.images, task.held_out.images]), whole.train.images)
    assert "pictures 1081 to 1296" in task.source
    symbols, validation = (load_task(config(evaluate=which)) for which in ("test", "validation"))
    assert not torch.equal(symbols.test((5, 5)).inputs, validation.test((5, 5)).inputs)


def test_a_sweep_trains_every_encoding_with_every_seed(tmp_path):
    runs = [config(steps=2, encoding=name, seed=seed) for name in ("none", "rope_axial") for seed in (0, 1)]
    records = sweep(train, runs, tmp_path, progress=False)
    names = [f"quick-symbols-{encoding}-seed{seed}" for encoding in ("none", "rope_axial") for seed in (0, 1)]
    assert [record.name for record in records] == names
    assert all((tmp_path / name / "record.json").is_file() for name in names)
    assert records[0].curves != records[1].curves


def test_the_gpu_preset_runs_on_pictures_in_colour(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        buffers = []
        for _ in range(20):
            buffer = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(buffer, "JPEG")
            buffers.append(np.frombuffer(buffer.getvalue(), np.uint8))
        offset = np.cumsum([0, *map(len, buffers)])
        (tmp_path / "cifar10_jpeg").mkdir(exist_ok=True)
        path = tmp_path / "cifar10_jpeg" / f"{split}.npz"
        np.savez(path, jpeg=np.concatenate(buffers), offset=offset, y=np.arange(20, dtype=np.uint8) % 10)
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path))
    small = config("gpu", dim=48, layers=2, batch_size=4, steps=3, test_grids=((8, 8), (8, 12)))
    record = train(small, progress=False)
    assert record.metrics.keys() == {"8x8", "8x8 shifted", "8x12", "8x12 rescaled", "parameters"}
    assert record.config["precision"] == "bf16"
    assert "CIFAR-10" in record.data


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_fit_together(preset):
    numbers = PRESETS[preset]
    assert numbers.dim % (4 * numbers.heads) == 0
    assert numbers.grid in numbers.test_grids
    assert numbers.study == preset
    side = {"digits": 8, "mnist": 28, "fashion_mnist": 28, "cifar10": 32, "symbols": 3}[numbers.dataset]
    if numbers.arrangement == "place" and numbers.dataset != "symbols":
        assert min(min(grid) for grid in numbers.test_grids) * numbers.patch >= side


def test_the_names_of_records_differ_where_the_runs_do():
    names = {numbers.name for numbers in PRESETS.values()}
    assert len(names) == len(PRESETS)
    assert PRESETS["mnist"].name == "mnist-rope_axial-seed0"
    assert config(base=10.0).name == "quick-symbols-rope_axial-base10-seed0"


def test_digits_are_never_mirrored():
    assert not load_task(config("cpu", flip=True)).flip
    assert PRESETS["gpu"].flip


def test_a_readout_that_does_not_fit_the_data_is_refused():
    with pytest.raises(ValueError, match="readout: got 'mean' with dataset 'symbols'; expected 'marker'"):
        Config(dataset="symbols")
    with pytest.raises(ValueError, match="readout: got 'marker' with dataset 'digits'"):
        Config(readout="marker")


def test_symbols_are_loaded_with_the_numbers_of_the_config():
    task = load_task(config(batch_size=7, seed=2))
    assert isinstance(task, SymbolTask)
    assert task.batch(0).inputs.shape == (7, 5, 5)
