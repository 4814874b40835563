"""A run: what it saves, that it resumes exactly, when it stops, and that processes agree."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from toy import Config, train

from sjedu.training import CheckpointError, NonFiniteLoss, Run

SCRIPT = str(Path(__file__).with_name("toy.py"))


def start(directory, *options):
    return subprocess.Popen(
        [sys.executable, SCRIPT, str(directory), *options], stdout=subprocess.PIPE, text=True
    )


def digest_of(process):
    last = process.communicate(timeout=120)[0].strip().splitlines()[-1]
    assert process.returncode == 0
    return last.removeprefix("digest ")


def test_killed_at_random_steps_and_resumed_it_ends_with_the_same_bits(tmp_path):
    whole = digest_of(start(tmp_path / "whole"))
    killed = tmp_path / "killed"
    step, options = 0, []
    for _ in range(3):
        process = start(killed, *options)
        victim = random.randint(step + 8, min(step + 22, 58))  # after a checkpoint, which comes every 7 steps
        for line in process.stdout:
            step = int(line)
            if step >= victim:
                process.send_signal(signal.SIGKILL)
                break
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        step, options = step - step % 7, ["--resume"]
    assert digest_of(start(killed, "--resume")) == whole


def test_two_runs_of_one_config_agree_and_another_seed_does_not():
    assert train(Config())[1] == train(Config())[1] != train(Config(seed=1))[1]


def test_interrupt_saves_the_step_it_came_in(tmp_path):
    def interrupt(step):
        if step == 10:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="11 of 60 steps are done and saved"):
        train(Config(), tmp_path, before_step=interrupt)
    first = []
    assert train(Config(), tmp_path, resume=True, before_step=first.append)[1] == train(Config())[1]
    assert first[0] == 11


def test_a_finished_run_gives_its_record_back_without_training(tmp_path):
    record, _ = train(Config(), tmp_path)
    steps = []
    again, _ = train(Config(), tmp_path, resume=True, before_step=steps.append)
    assert (again, steps) == (record, [])


def test_a_directory_with_a_run_is_not_overwritten(tmp_path):
    train(Config(), tmp_path)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match=r"checkpoint\.safetensors: already there"):
        train(Config(), tmp_path)
    with pytest.raises(CheckpointError, match=r"learning_rate was 0\.01, is 0\.1"):
        train(Config(learning_rate=0.1), tmp_path, resume=True)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_resuming_needs_a_run(tmp_path):
    with pytest.raises(CheckpointError, match="nothing to resume"):
        train(Config(), tmp_path, resume=True)
    with pytest.raises(ValueError, match="directory=None"):
        train(Config(), resume=True)


def test_resuming_with_another_model_names_it(tmp_path):
    train(Config(steps=7), tmp_path)
    with (
        Run("toy", Config(steps=7), tmp_path, resume=True) as run,
        pytest.raises(CheckpointError, match="prepares Linear"),
    ):
        run.prepare(nn.Linear(2, 2))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_run_before_its_step(tmp_path, value):
    with Run("toy", Config(), tmp_path, progress=False, checkpoint_every=2) as run:
        model = nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        model, optimizer = run.prepare(model, optimizer)

        def loop():
            for step in run.steps(10):
                weights.append(model.weight.detach().clone())
                run.backward(model(torch.ones(1, 1)).sum() * (value if step == 5 else 1.0))
                optimizer.step()
                optimizer.zero_grad()

        weights = []
        with pytest.raises(NonFiniteLoss, match=f"{value} at step 5") as caught:
            loop()
    assert caught.value.step == 5
    assert torch.equal(model.weight, weights[-1])


def test_tensorboard_has_each_step_once_after_a_resume(tmp_path):
    def fail(step):
        if step == 20:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        train(Config(), tmp_path, before_step=fail)  # the last checkpoint is that of step 14
    train(Config(), tmp_path, resume=True)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == list(range(60))


def test_runs_of_different_precision_follow_one_another():
    plain, _ = train(Config(steps=5))
    low, _ = train(Config(steps=5, precision="bf16"))
    again, _ = train(Config(steps=5))
    assert plain.metrics == again.metrics != low.metrics


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        (Config(seed=-1), ValueError, "config.seed must be an integer between 0"),
        (Config(precision="fp8"), ValueError, "config.precision must be 'no', 'bf16' or 'fp16', got 'fp8'"),
        (Config(precision="fp16"), ValueError, "'fp16' needs an accelerator"),
        ({"seed": 0}, TypeError, "config must be a frozen dataclass"),
    ],
)
def test_bad_configs_are_named(config, error, message):
    with pytest.raises(error, match=message), Run("toy", config):
        pass


def test_misuse_of_the_loop_is_named():
    with Run("toy", Config(), progress=False) as run:
        with pytest.raises(RuntimeError, match="prepare the models"):
            run.steps(3)
        run.prepare(nn.Linear(1, 1))
        with pytest.raises(RuntimeError, match="loop"):
            run.log(loss=1.0)
        with pytest.raises(RuntimeError, match="finish belongs after the loop"):
            run.finish({})


TWO = """
import sys, torch
from torch import nn
sys.path.insert(0, {folder!r})
from toy import Config, train
record, _ = train(Config(dropout=0.0, steps=20), {directory!r})
import torch.distributed as dist
if not dist.is_initialized() or dist.get_rank() == 0:
    print("loss", record.metrics["loss"], record.device)
"""


def test_two_processes_train_like_one(tmp_path):
    """Equal shares and averaged gradients: the same run up to the order of a sum."""
    script = tmp_path / "two.py"
    script.write_text(TWO.format(folder=str(Path(__file__).parent), directory=str(tmp_path / "run")))
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *launch, str(script)]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    _, loss, *device = done.stdout.strip().splitlines()[-1].split()
    alone, _ = train(Config(dropout=0.0, steps=20))
    assert float(loss) == pytest.approx(alone.metrics["loss"], rel=1e-4)
    assert " ".join(device).startswith("2 × cpu")


def test_the_record_says_what_ran(tmp_path):
    record, _ = train(Config(seed=3), tmp_path)
    assert record.config == dataclasses.asdict(Config(seed=3))
    assert record.seed == 3
    assert len(record.curve("loss")[0]) == 60
    assert (tmp_path / "toy-seed3.json").is_file()
    assert record.provenance().endswith("seed 3")
