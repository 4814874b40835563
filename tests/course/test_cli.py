import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import sjedu
from sjedu.course import cli, environment
from sjedu.course.cli import main
from sjedu.course.environment import Finding, Report
from sjedu.training import Interrupted


@pytest.fixture
def calls(room):
    return importlib.import_module(f"sjedu.{room}.experiment").CALLS


def test_list_shows_all_lessons(room, capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 8
    assert re.fullmatch(r"5 +dirac_smoothing +Smoothing functions .*", lines[6])


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("warn", 0), ("missing", 1)])
def test_doctor_prints_its_report(monkeypatch, capsys, status, code):
    monkeypatch.setattr(cli, "doctor", lambda: Report((Finding("torch", status, "2.13"),)))
    assert main(["doctor"]) == code
    assert "2.13" in capsys.readouterr().out


def test_doctor_is_the_environments():
    assert cli.doctor is environment.doctor


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["train", "--help"]])
def test_help(arguments, capsys):
    assert main(arguments) == 0
    assert "train LESSON" in capsys.readouterr().out


def test_train_uses_the_preset(calls, room, capsys):
    assert main(["train", room, "--preset", "gpu", "--directory", "out"]) == 0
    (config, directory, resume) = calls[0]
    assert (config.steps, config.learning_rate, directory, resume) == (1000, 1e-3, "out", False)
    out = capsys.readouterr().out
    assert "accuracy  0.9877" in out
    assert "params    12" in out
    assert "record.json, checkpoint and curves are in out" in out


def test_train_overrides_fields(calls, room):
    assert main(["train", room, "--steps", "7", "--learning-rate", "0.5", "--augment", "True"]) == 0
    config = calls[0][0]
    assert (config.steps, config.learning_rate, config.augment) == (7, 0.5, True)


def test_train_names_a_directory_of_its_own(calls, room):
    main(["train", room])
    assert re.fullmatch(rf"runs/{room}/cpu-\d{{8}}-\d{{6}}", calls[0][1])


def test_train_resumes(calls, room):
    assert main(["train", room, "--resume", "old"]) == 0
    assert calls[0][1:] == ("old", True)


def test_only_the_first_process_prints(calls, room, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert main(["train", room]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tarin"], "COMMAND: got 'tarin'; expected one of list, doctor, train"),
        (["list", "all"], "list: got all; expected no arguments"),
        (["train"], "LESSON: got ''; expected one of wgan, "),
        (["train", "rope"], "LESSON: got 'rope'; expected one of wgan, .*, roformer"),
        (["train", "dirac_smoothing", "--preset", "tpu"], "--preset: got 'tpu'; expected one of cpu, gpu"),
        (
            ["train", "dirac_smoothing", "--stpes", "7"],
            "--stpes: there is no such field; expected one of --steps, --learning-rate, --augment",
        ),
        (["train", "dirac_smoothing", "--resume", "a", "--directory", "b"], "not both"),
        (["train", "dirac_smoothing", "--preset"], "--preset: expected one argument"),
        (["train", "dirac_smoothing", "7"], "7: expected --FIELD before its value"),
        (["train", "dirac_smoothing", "--steps", "many"], "--steps: got many; expected a whole number"),
        (["train", "dirac_smoothing", "--steps"], "--steps: got nothing; expected a whole number"),
        (["train", "dirac_smoothing", "--augment", "yes"], "--augment: got yes; expected True or False"),
    ],
)
def test_errors_list_what_there_is(calls, capsys, arguments, message):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert re.search(f"^error: .*{message}", err)
    assert err.count("\n") == 1
    assert calls == []


def test_the_model_below_the_lessons_can_be_trained_too(monkeypatch, capsys):
    experiment = importlib.import_module("sjedu.roformer.experiment")
    calls = []

    def train(config, directory, *, resume):
        calls.append((config, directory))
        return SimpleNamespace(name="toy", metrics={"accuracy": 0.5})

    monkeypatch.setattr(experiment, "train", train)
    assert main(["train", "roformer", "--preset", "quick", "--steps", "3", "--directory", "out"]) == 0
    assert (calls[0][0].study, calls[0][0].steps, calls[0][1]) == ("quick", 3, "out")
    assert "record.json" in capsys.readouterr().out


def test_help_of_a_lesson_shows_its_fields(calls, room, capsys):
    assert main(["train", room, "--help"]) == 0
    assert calls == []
    out = capsys.readouterr().out
    for text in ("--steps", "--learning-rate", "--augment", "--preset {cpu,gpu}", "--resume DIR"):
        assert text in out


def test_as_a_module():
    environment = os.environ | {"PYTHONPATH": str(Path(sjedu.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "sjedu", "list"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "rope_2d" in done.stdout


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["lab", "nothing"], ["train", "rope"]])
def test_what_trains_nothing_does_not_wait_for_torch(arguments):
    code = (
        f"import sys; from sjedu.course.cli import main; main({arguments}); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize("option", ["--steps=7", "--steps 7"])
def test_a_value_may_follow_an_equals_sign(calls, room, option):
    assert main(["train", room, *option.split()]) == 0
    assert calls[0][0].steps == 7


# ---------------------------------------------------------------- errors and ends of real runs

QUICK = [
    "train",
    "rope_2d",
    "--preset",
    "quick",
    "--dim",
    "16",
    "--batch-size",
    "4",
    "--test-grids",
    "5",
    "5",
]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "-3"], "config.steps: got -3; expected at least 1"),
        (["--evaluate", "validtion"], "--evaluate: got validtion; expected one of 'test', 'validation'"),
        (["--warmup", "2"], "config.warmup: got 2.0; expected at least 0 and at most 1"),
        (["--test-grids", "6", "6", "8"], "--test-grids: got 6 6 8; expected values, each 2 values, each a"),
        (["--readout", "mean"], "readout: got 'mean' with dataset 'symbols'; expected 'marker'"),
        (["--resume", "nowhere"], "checkpoint.safetensors: no such checkpoint"),
        (["--preset", "mnist"], "train-images-idx3-ubyte.gz"),
    ],
)
def test_a_user_s_error_is_one_line(words, message, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("SJEDU_DATA", "data")
    monkeypatch.setitem(sys.modules, "pooch", None)  # nothing is downloaded
    arguments = ["train", "rope_2d", *words] if "mnist" in words else [*QUICK, *words]
    assert main(arguments) == 2
    err = capfd.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not list(tmp_path.glob("runs/*/*/record.json"))


def test_a_directory_that_holds_a_run_is_not_overwritten(tmp_path, capsys):
    arguments = [*QUICK, "--steps", "2", "--directory", str(tmp_path)]
    assert main(arguments) == 0
    capsys.readouterr()
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {tmp_path}/checkpoint.safetensors: already there; resume that run")
    assert main([*QUICK, "--steps", "3", "--resume", str(tmp_path)]) == 2
    assert "steps was 2, is 3" in capsys.readouterr().err


def test_an_interrupt_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    from sjedu.rope_2d.tasks import SymbolTask

    inner = SymbolTask.batch

    def interrupted(self, step):
        if step == 1:
            signal.raise_signal(signal.SIGINT)
        return inner(self, step)

    arguments = [*QUICK, "--steps", "4"]
    with monkeypatch.context() as patch:
        patch.setattr(SymbolTask, "batch", interrupted)
        assert main([*arguments, "--directory", str(tmp_path)]) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("stopped at step 2 of 4; to go on: python -m sjedu train rope_2d --preset quick")
    again = shlex.split(last.partition("python -m sjedu ")[2])
    assert again[-2:] == ["--resume", str(tmp_path)]
    assert main(again) == 0
    assert "record.json" in capsys.readouterr().out


def test_an_interrupt_before_anything_is_saved_says_so(room, capsys, monkeypatch):
    def train(config, directory, *, resume):
        raise Interrupted(0, None, None)

    monkeypatch.setattr(importlib.import_module(f"sjedu.{room}.experiment"), "train", train)
    assert main(["train", room]) == 130
    assert capsys.readouterr().err == "stopped before the first step; nothing is saved yet\n"


def test_a_loss_that_is_not_finite_is_one_line_but_no_fault_of_the_command(tmp_path, capsys):
    arguments = [*QUICK, "--steps", "9", "--learning-rate", "1e30", "--directory", str(tmp_path)]
    assert main(arguments) == 1
    assert re.match(r"error: the loss is (nan|inf) at step \d; ", capsys.readouterr().err.splitlines()[-1])


@pytest.mark.parametrize("fault", ["int('x')", "None + 1"])
def test_a_fault_of_the_program_keeps_its_traceback(fault, room, monkeypatch):
    def train(config, directory, *, resume):
        eval(fault)

    monkeypatch.setattr(importlib.import_module(f"sjedu.{room}.experiment"), "train", train)
    with pytest.raises((ValueError, TypeError)):
        main(["train", room])


def test_a_closed_pipe_is_silent():
    command = (
        f"{shlex.quote(sys.executable)} -m sjedu train rope_2d --help | head -1; exit ${{PIPESTATUS[0]}}"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(sjedu.__file__).parents[1])}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment)
    assert done.stderr == ""
    assert done.returncode in (0, 141)  # 0 where all of it was written before the pipe was closed
    assert done.stdout.startswith("usage: python -m sjedu train rope_2d")
