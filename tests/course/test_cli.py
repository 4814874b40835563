import importlib
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from sjedu.course import cli, environment
from sjedu.course.cli import main
from sjedu.course.environment import Finding, Report


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
        (["tarin"], "there is no command 'tarin'; commands: list, doctor, train"),
        (["list", "all"], "list takes no arguments, got all"),
        (["train"], "LESSON: got ''; expected one of wgan, "),
        (["train", "rope"], "LESSON: got 'rope'; expected one of wgan, .*, roformer"),
        (["train", "dirac_smoothing", "--preset", "tpu"], "--preset must be one of cpu, gpu, got 'tpu'"),
        (
            ["train", "dirac_smoothing", "--stpes", "7"],
            "unknown: --stpes 7; the fields of dirac_smoothing are --steps, --learning-rate, --augment",
        ),
        (["train", "dirac_smoothing", "--resume", "a", "--directory", "b"], "not both"),
    ],
)
def test_errors_list_what_there_is(calls, capsys, arguments, message):
    assert main(arguments) == 2
    assert re.search(f"^error: .*{message}", capsys.readouterr().err)
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


def test_field_of_the_wrong_type(calls, room, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["train", room, "--steps", "many"])
    assert stopped.value.code == 2
    assert "--steps" in capsys.readouterr().err
    assert calls == []


def test_help_of_a_lesson_shows_its_fields(calls, room, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["train", room, "--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    for text in ("--steps", "--learning-rate", "--augment", "--preset {cpu,gpu}", "--resume DIR"):
        assert text in out


def test_as_a_module():
    done = subprocess.run([sys.executable, "-m", "sjedu", "list"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "rope_2d" in done.stdout
