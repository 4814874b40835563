"""A run: what it saves, that it resumes exactly, when it stops, and that processes agree."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from IPython.core.interactiveshell import InteractiveShell
from pair import one_step
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer.record_writer import RecordWriter
from torch import nn
from toy import Config, net, train

import sjedu
from sjedu.training import CheckpointError, Interrupted, NonFiniteLoss, Run

SCRIPT = str(Path(__file__).with_name("toy.py"))
#: Of other processes: they import the package that these tests import, not the one that may be installed.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(sjedu.__file__).parents[1])}


def start(directory, *options):
    return subprocess.Popen(
        [sys.executable, SCRIPT, str(directory), *options],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def digest_of(process):
    last = process.communicate(timeout=120)[0].strip().splitlines()[-1]
    assert process.returncode == 0
    return last.removeprefix("digest ")


def test_killed_at_random_steps_and_resumed_it_ends_with_the_same_bits(tmp_path):
    killed = tmp_path / "killed"
    step, options = 0, []
    for _ in range(3):
        process = start(killed, *options)
        victim = random.randint(step + 3, step + 15)  # after a checkpoint: they come every second step
        for line in process.stdout:
            step = int(line)
            if step >= victim:
                time.sleep(random.uniform(0, 0.02))  # anywhere in a step, writing a checkpoint included
                process.send_signal(signal.SIGKILL)
                break
        for line in process.communicate()[0].splitlines():
            step = int(line)
        assert process.returncode == -signal.SIGKILL
        options = ["--resume"]
    # The whole run is a process of its own too: beartype, which checks types in this one, draws from `random`.
    assert digest_of(start(killed, "--resume")) == digest_of(start(tmp_path / "whole"))


def test_two_runs_of_one_config_agree_and_another_seed_does_not():
    assert train(Config())[1] == train(Config())[1] != train(Config(seed=1))[1]


def test_interrupt_saves_the_step_it_came_in(tmp_path):
    def interrupt(step):
        if step == 10:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted, match=r"^stopped at step 11 of 60; resume with resume=True$"):
        train(Config(), tmp_path, before_step=interrupt)
    first = []
    assert train(Config(), tmp_path, resume=True, before_step=first.append)[1] == train(Config())[1]
    assert first[0] == 11


def test_an_interrupt_says_how_to_go_on_where_nothing_is_saved(tmp_path):
    def interrupt(step):
        if step == 3:
            raise KeyboardInterrupt

    for directory in (None, tmp_path):
        with pytest.raises(Interrupted, match=r"^stopped at step 3 of 60; run the cell again to start over$"):
            train(Config(), directory, before_step=interrupt)
    with pytest.raises(Interrupted, match=r"^stopped before the first step; run"), Run("toy", Config()):
        raise KeyboardInterrupt


def test_a_notebook_shows_what_ended_a_run_in_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setattr("IPython.core.history.HistoryManager.enabled", False)
    shell = InteractiveShell()
    errors = {
        "interrupt": Interrupted(44, 400, None),
        "loss": NonFiniteLoss(5, float("nan")),
        "checkpoint": CheckpointError(tmp_path / "checkpoint.safetensors", "damaged"),
    }
    for name, error in errors.items():
        shell.push({name: error})
        shell.run_cell(f"def train():\n    raise {name}\n\ntrain()")
        assert capsys.readouterr().out.splitlines() == [str(error)]


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
    with pytest.raises(ValueError, match="directory: got None; expected that of the run to resume"):
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


def test_a_checkpoint_counts_no_step_that_tensorboard_lacks(tmp_path, monkeypatch):
    """A power cut after the checkpoint of step 7, where the disk is slow: events are written by another thread."""
    steps, write = [], RecordWriter.write

    def slowly(self, event):
        time.sleep(0.05)
        write(self, event)

    monkeypatch.setattr(RecordWriter, "write", slowly)

    def look(step):
        if step == 7:
            events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
            steps.extend(event.step for event in events.Scalars("loss"))

    train(Config(steps=9), tmp_path, before_step=look)
    assert steps == list(range(7))


def test_seconds_add_up_over_resumes(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("sjedu.training.run.time.perf_counter", lambda: now[0])

    def a_second_each(step):
        now[0] += 1
        if step in (10, 30):
            signal.raise_signal(signal.SIGINT)

    for resume in (False, True):
        with pytest.raises(Interrupted):
            train(Config(), tmp_path, resume=resume, before_step=a_second_each)
        now[0] += 1000  # between runs nobody computes
    assert train(Config(), tmp_path, resume=True, before_step=a_second_each)[0].seconds == 60


def test_the_scaler_of_fp16_is_resumed(tmp_path):
    """On the CPU, where the scaler works too: its scale doubles after every 5 good steps."""

    def scaler():
        return torch.amp.GradScaler("cpu", init_scale=2.0, growth_interval=5)

    def fail(step):
        if step == 20:
            raise RuntimeError("power cut")

    whole = scaler()
    expected = train(Config(), scaler=whole)[1]
    with pytest.raises(RuntimeError, match="power cut"):
        train(Config(), tmp_path, before_step=fail, scaler=scaler())
    resumed = scaler()
    assert train(Config(), tmp_path, resume=True, scaler=resumed)[1] == expected
    assert resumed.state_dict() == whole.state_dict()
    assert whole.get_scale() == 2.0 * 2 ** (60 // 5)


def test_a_step_that_overflows_is_skipped_by_the_schedule_too():
    def overflow(step):
        return 1e36 if step == 3 else None  # finite, until the scaler multiplies it

    record, _ = train(Config(steps=6), before_step=overflow, scaler=torch.amp.GradScaler("cpu"))
    rates = record.curve("lr")[1]
    assert rates[3] == rates[2]
    assert rates[4] != rates[3]


def test_a_run_resumed_under_another_commit_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("sjedu.training.provenance.commit", lambda: ("a" * 40, False))
    with pytest.raises(KeyboardInterrupt):
        train(Config(), tmp_path, before_step=lambda step: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr("sjedu.training.provenance.commit", lambda: ("b" * 40, False))
    record, _ = train(Config(), tmp_path, resume=True)
    assert (record.commit, record.dirty) == ("b" * 40, True)
    assert not train(Config())[0].dirty


def test_a_second_interrupt_does_not_wait_and_leaves_the_last_checkpoint(tmp_path):
    def interrupt(step):
        if step == 10:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(
        Interrupted, match=r"^stopped at step 10 of 60; resume with resume=True, from step 7$"
    ):
        train(Config(), tmp_path, before_step=interrupt)
    assert signal.getsignal(signal.SIGINT) is handler
    first = []
    train(Config(), tmp_path, resume=True, before_step=first.append)
    assert first[0] == 7


def test_what_a_killed_write_left_is_not_read_and_goes(tmp_path):
    stale = tmp_path / "checkpoint.safetensors.tmp"
    stale.write_bytes(b"half a checkpo")
    train(Config(steps=7), tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "checkpoint.safetensors",
        "record.json",
        "tensorboard",
    ]


def test_runs_of_different_precision_follow_one_another():
    plain, _ = train(Config(steps=5))
    low, _ = train(Config(steps=5, precision="bf16"))
    again, _ = train(Config(steps=5))
    assert plain.metrics == again.metrics != low.metrics


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        (Config(steps=0), ValueError, r"config\.steps: got 0; expected at least 1"),
        (Config(seed=-1), ValueError, r"config\.seed: got -1; expected a whole number from 0 to"),
        (Config(precision="fp8"), ValueError, "got 'fp8'; expected one of 'no', 'bf16', 'fp16'"),
        (Config(precision="fp16"), ValueError, "got 'fp16' on a CPU; expected 'no' or 'bf16'"),
        ({"seed": 0}, TypeError, "config: got .*; expected a frozen dataclass"),
    ],
)
def test_bad_configs_are_named(config, error, message):
    with pytest.raises(error, match=message), Run("toy", config):
        pass


def inner_dtype(model):
    """The type in which a model's last layer computes."""
    seen = []
    hook = model[-1].register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    model(torch.zeros(1, 8))
    hook.remove()
    return seen[0]


def test_a_model_may_go_from_run_to_run_and_comes_back_as_it_was():
    model = net(0.0)
    for precision, dtype in [("no", torch.float32), ("bf16", torch.bfloat16), ("no", torch.float32)]:
        with Run("toy", Config(precision=precision), progress=False) as run:
            (prepared,) = run.prepare(model)
            assert inner_dtype(prepared) is dtype
        assert inner_dtype(model) is torch.float32


def test_a_run_leaves_other_peoples_accelerate_and_threads_alone():
    AcceleratorState._reset_state()
    threads, mine = torch.get_num_threads(), Accelerator(mixed_precision="bf16")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with (
            Run("toy", Config(), progress=False),
            Run("toy", Config(precision="bf16"), progress=False) as inner,
        ):
            assert inner.accelerator.mixed_precision == "bf16"
        train(Config(steps=2))
    assert mine.mixed_precision == "bf16"
    assert torch.get_num_threads() == threads


def test_an_outer_run_keeps_its_precision_through_an_inner_one():
    with Run("toy", Config(), progress=False) as outer:
        train(Config(steps=2, precision="bf16"))
        assert outer.accelerator.mixed_precision == "no"


def test_a_batch_that_does_not_divide_is_named():
    with Run("toy", Config(), progress=False) as run:
        assert run.shard(torch.arange(3)).tolist() == [0, 1, 2]


def clipped(bound, scale=None):
    """The norm that clipping reports, and the gradient after it, where the gradient is 3."""
    with Run("toy", Config(), progress=False) as run:
        model = nn.Linear(1, 1, bias=False)
        model, _ = run.prepare(model, torch.optim.SGD(model.parameters()))
        if scale is not None:  # what accelerate does with fp16, on the CPU
            run.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
            run.accelerator.native_amp, run.accelerator.state._mixed_precision = True, "fp16"
        run.backward(3 * model.weight.sum())
        return run.clip(model.parameters(), bound).item(), model.weight.grad.item()


@pytest.mark.parametrize("scale", [None, 1024.0])
@pytest.mark.parametrize(("bound", "gradient"), [(1.0, 1.0), (2.0, 2.0), (5.0, 3.0)])
def test_a_long_gradient_is_shortened_whatever_its_scale(bound, gradient, scale):
    # PyTorch divides by norm + 1e-6.
    assert clipped(bound, scale) == pytest.approx((3.0, gradient), rel=1e-6)


@pytest.mark.parametrize(("total", "every"), [(1, 1), (50, 1), (99, 1), (100, 2), (400, 8)])
def test_about_fifty_steps_of_a_run_are_logged(total, every):
    with Run("toy", Config(), progress=False) as run:
        run.prepare()
        assert [step for step in run.steps(total) if run.logs(step)] == list(range(0, total, every))


def test_values_of_one_step_share_a_row():
    with Run("toy", Config(), progress=False) as run:
        run.prepare(nn.Linear(1, 1))
        for step in run.steps(2):
            run.log(loss=torch.tensor(0.5, requires_grad=True))
            if step == 1:
                run.log(accuracy=1)
                with pytest.raises(
                    ValueError, match="step: got 3; expected a single number, not named 'step'"
                ):
                    run.log(step=3)
                with pytest.raises(ValueError, match="expected a single number"):
                    run.log(loss=torch.zeros(2))
        record = run.finish({})
    assert run.history == [{"step": 0, "loss": 0.5}, {"step": 1, "loss": 0.5, "accuracy": 1.0}]
    assert record.curves == {"step": [0, 1], "loss": [0.5, 0.5], "accuracy": [None, 1.0]}


def test_what_has_no_state_cannot_be_prepared():
    refused = pytest.raises(TypeError, match="parts: got 3; expected objects with state_dict")
    with Run("toy", Config(), progress=False) as run, refused:
        run.prepare(nn.Linear(1, 1), 3)


def test_a_run_that_only_measures_prepares_nothing_and_resumes(tmp_path):
    def measure(total):
        with Run("toy", Config(), tmp_path, progress=False, resume=total > 1) as run:
            assert run.prepare() == ()
            for step in run.steps(total):
                run.log(square=step**2)
        return run

    measure(1)
    assert measure(3).finish({}).curves["square"] == [0, 1, 4]


def test_misuse_of_the_loop_is_named():
    with Run("toy", Config(), progress=False) as run:
        with pytest.raises(RuntimeError, match="prepare the models"):
            run.steps(3)
        run.prepare(nn.Linear(1, 1))
        with pytest.raises(RuntimeError, match="loop"):
            run.log(loss=1.0)
        with pytest.raises(RuntimeError, match="finish belongs after the loop"):
            run.finish({})


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What two real processes saw (see pair.py), and where they left their runs."""
    folder = tmp_path_factory.mktemp("pair")
    script = str(Path(__file__).with_name("pair.py"))
    # This is what `accelerate launch` calls for several processes; on CPUs it would call MPI instead.
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script, str(folder)]
    environment = ENVIRONMENT | {"ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [sys.executable, *launch], capture_output=True, text=True, timeout=180, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


def test_two_processes_have_the_gradients_and_the_schedule_of_one(pair):
    folder, _ = pair
    alone, schedule = one_step()
    for rank in (0, 1):
        shared = load_file(folder / f"gradients{rank}.safetensors")
        for name, gradient in alone.items():
            # float64, 16 terms added in another order: a few units of 1e-16 of the largest term
            torch.testing.assert_close(shared[name], gradient, rtol=1e-12, atol=1e-14)
        assert pair[1][rank]["schedule"] == schedule


def test_two_processes_stop_together_and_resume_exactly(pair):
    _, (main, other) = pair
    assert main["device"].startswith("2 × cpu")
    assert main["stopped"] == other["stopped"] == 30  # the loss was NaN in one of them only
    assert main["whole"] == main["resumed"] == other["whole"] == other["resumed"]
    assert main["rng"] != other["rng"]  # their dropout differs


def test_one_process_does_not_continue_the_run_of_two(pair):
    with pytest.raises(CheckpointError, match=r"written by 2 process\(es\), this run has 1"):
        train(Config(), pair[0] / "whole", resume=True)


def test_the_record_says_what_ran(tmp_path):
    record, _ = train(Config(seed=3), tmp_path)
    assert record.config == dataclasses.asdict(Config(seed=3))
    assert record.seed == 3
    assert len(record.curve("loss")[0]) == 60
    assert (tmp_path / "record.json").is_file()
    assert record.provenance().endswith("seed 3")


def test_a_record_names_the_files_that_its_directory_holds(tmp_path):
    def measure(directory):
        with Run("toy", Config(), directory, progress=False) as run:
            run.prepare()
            for _ in run.steps(1):
                pass
            return run.finish({}, files={"row": "seed0.png"})

    assert measure(tmp_path).files == {"row": "seed0.png"}
    assert measure(None).files == {}
