"""The experiment: what is learnt, that it resumes exactly, and that every preset runs."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from interrupted import assert_resumes

from sjedu.data import Images
from sjedu.dirac_smoothing import experiment
from sjedu.dirac_smoothing.experiment import PRESETS, load_task, study, train
from sjedu.dirac_smoothing.networks import ACTIVATIONS, activation, mlp, shufflenet_v2, varying_share
from sjedu.dirac_smoothing.tasks import (
    FLOORS,
    FloorModel,
    FloorTask,
    PhysicsTask,
    PictureTask,
    moved_and_mirrored,
)
from sjedu.records import Record
from sjedu.training import sweep


def config(preset, **numbers):
    return dataclasses.replace(PRESETS[preset], **numbers)


def test_digits_are_learnt():
    record = train(config("cpu", steps=150), progress=False)
    assert record.metrics["accuracy"] > 0.85  # ten classes: a loop that learns nothing gives 0.1
    assert "scikit-learn" in record.data
    assert record.name == "cpu-gaussian-1-seed0"


def test_the_equation_is_solved_with_a_smooth_activation_and_not_with_relu():
    smooth, relu = (
        train(config("physics", activation=name, steps=500), progress=False).metrics
        for name in ("gelu", "relu")
    )
    assert smooth["max error"] < 0.01
    assert relu["max error"] > 0.05


def test_the_floor_is_trained_through_but_the_hard_one_is_not():
    measured = {
        name: train(config("floor", activation=name, steps=300), progress=False).metrics for name in FLOORS
    }
    assert measured["smooth"]["matches"] > 0.95
    assert measured["straight_through"]["matches"] > 0.95
    assert measured["annealed"]["matches"] > 0.9
    assert measured["hard"]["matches"] < 0.5
    assert abs(measured["smooth"]["error of a"]) < 0.05


def test_a_run_that_was_interrupted_ends_like_one_that_was_not(tmp_path):
    numbers = config("cpu", steps=12, learnable=True)
    whole, _ = assert_resumes(train, numbers, tmp_path, PictureTask, "batch", 6)
    assert len(Record.load(whole).metrics["width"]) == numbers.depth


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_trains(name):
    record = train(config("deep", activation=name, steps=2, learnable=True), progress=False)
    assert math.isfinite(record.curves["loss"][0])
    assert record.name == f"deep-{name}-learnt1-seed0"


def pictures(n, classes):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, 3, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.randint(classes, (n,), generator=generator)
    return Images(images, labels, tuple(map(str, range(classes))), "random pictures")


def test_the_gpu_presets_in_miniature(monkeypatch):
    monkeypatch.setattr(experiment, "load_images", lambda name, split: pictures(8, 100))
    record = train(config("gpu", steps=1, batch_size=4, precision="no"), progress=False)
    assert 0 <= record.metrics["accuracy"] <= 1
    record = train(config("gpu_physics", steps=2, points=16, hidden=8), progress=False)
    assert record.metrics["max error"] > 0
    assert PRESETS["gpu"].batch_size * PRESETS["gpu"].steps == pytest.approx(200 * 50_000, rel=0.002)


def test_shufflenet_has_the_size_of_its_paper_but_for_the_classes():
    model = shufflenet_v2(1000, activation("relu"))
    # 7.4 million parameters in the paper (table 8 of arXiv 1807.11164), with 1000 classes.
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(7.4e6, rel=0.01)
    assert model.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 1000)


def test_augmentation_moves_and_mirrors():
    torch.manual_seed(0)
    one = torch.zeros(200, 1, 9, 9, dtype=torch.uint8)
    one[:, 0, 4, 4] = 1
    one[:, 0, 4, 5] = 2
    moved = moved_and_mirrored(one, reach=2)
    assert moved.shape == one.shape
    assert (moved.sum(dim=(1, 2, 3)) == 3).all()
    rows, columns = (moved == 1)[:, 0].nonzero(as_tuple=True)[1:]
    assert set((rows - 4).tolist()) == {-2, -1, 0, 1, 2}
    assert set((columns - 4).tolist()) == {-2, -1, 0, 1, 2}
    right = [(picture[0] == 2).nonzero()[0, 1] > (picture[0] == 1).nonzero()[0, 1] for picture in moved]
    assert 0.3 < np.mean(right) < 0.7


@pytest.mark.parametrize("dimensions", [1, 2])
def test_the_residual_vanishes_for_the_solution(dimensions):
    task = PhysicsTask(dimensions, 16, torch.device("cpu"))
    x = (torch.rand(16, dimensions, dtype=torch.float64) + 0.1) / 1.2

    class Exact(torch.nn.Module):
        def forward(self, x):
            return (torch.sin(math.pi * x) / (x * (1 - x))).prod(dim=1, keepdim=True)

    class Zero(torch.nn.Module):
        def forward(self, x):
            return torch.zeros(len(x), 1)

    assert task.residual(Exact(), x).abs().max() < 1e-9
    assert task.measure(Zero())["max error"] == pytest.approx(1, abs=1e-3)


def test_the_floor_task_knows_the_truth():
    task = FloorTask(32, 0, torch.device("cpu"))
    model = FloorModel("smooth", 10, 100)
    with torch.no_grad():
        model.a.fill_(2.3)
        model.b.fill_(-0.7)
    assert task.measure(model) == {"matches": 1.0, "error of a": 0.0, "error of b": 0.0}


def test_shares():
    torch.manual_seed(0)
    x = torch.randn(500, 64)
    shares_of = {
        name: varying_share(mlp(64, 64, 10, 3, activation(name)), x)
        for name in ("softplus", "softplus_centred")
    }
    assert all(0 <= share <= 1 for shares in shares_of.values() for share in shares)
    assert shares_of["softplus"][1] < shares_of["softplus_centred"][1] / 5


def test_sweeps_and_names(tmp_path):
    runs = study(config("floor", steps=2), [("hard", 0.1), ("smooth", 0.5)], (0, 1))
    records = sweep(train, runs, tmp_path, progress=False)
    assert [record.name for record in records] == [
        f"floor-{name}-seed{seed}" for name in ("hard-0.1", "smooth-0.5") for seed in (0, 1)
    ]
    assert len(list(tmp_path.glob("*/record.json"))) == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: activation("tanh"), "activation: got 'tanh'"),
        (lambda: FloorModel("soft", 10, 100), "method: got 'soft'"),
        (lambda: train(config("cpu", width=-1.0), progress=False), "width: got -1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_load_task_gives_what_the_config_asks_for():
    assert isinstance(load_task(PRESETS["physics"]), PhysicsTask)
    assert isinstance(load_task(PRESETS["floor"]), FloorTask)
    assert len(load_task(PRESETS["cpu"]).training) == 1297


def test_what_needs_no_training_is_measured_as_a_model_is():
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 0, 0, 1, 2, 2])
    bright = (labels * 100 + 20)[:, None, None, None].expand(6, 1, 2, 2)
    near = (bright + torch.randint(20, bright.shape, generator=generator)).to(torch.uint8)
    training = Images(near, labels, ("0", "1", "2"), "made up")
    held_out = Images(bright.to(torch.uint8)[1:], labels[1:], ("0", "1", "2"), "made up")
    assert PictureTask(training, held_out).baselines() == {
        "the most frequent class": 0.4,
        "the nearest class mean": 1.0,
    }
    # The whole numbers from -10 to 8 are nearly equally frequent.
    assert 0.03 < FloorTask(512, 0, torch.device("cpu")).guess() < 0.08
