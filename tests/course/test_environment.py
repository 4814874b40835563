import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

from sjedu.course import environment
from sjedu.course.environment import Finding, Report, SetupError, doctor, setup

ROOT = Path(__file__).parents[2]
VERSIONS = {
    "torch": "2.13.0+cpu",
    "numpy": "2.4.6",
    "ipywidgets": "8.1.9",
    "ipykernel": "7.4.0",
    "pooch": "1.9.0",
}
REQUIRES = ["torch>=2.6", "numpy>=2.0", 'pooch>=1.8; extra == "data"']


@pytest.fixture
def installed(monkeypatch):
    """A machine with these packages, whatever is installed here."""
    versions = dict(VERSIONS)

    def version(name):
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "requires", lambda name: REQUIRES)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return versions


def row(name: str) -> Finding:
    return next(finding for finding in doctor().findings if finding.name == name)


def test_setup_says_what_it_found(installed, room):
    found = setup(room)
    assert (found.torch, found.device, found.preset) == ("2.13.0+cpu", "cpu", "cpu")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}"
    for text in ("Smoothing functions with the Dirac delta", python, "2.13.0+cpu", "cpu"):
        assert text in repr(found)
        assert text in found._repr_mimebundle_()["text/html"]


def test_setup_of_the_start_page(installed):
    assert setup().lesson == "start page"


def test_setup_says_which_course_runs(installed, monkeypatch):
    monkeypatch.chdir(ROOT / "notebooks")
    found = setup()
    assert re.fullmatch(r"[\w.+]+, this clone(, commit [0-9a-f]{7,40}(, changed)?)?", found.course)
    assert found.notes == ()


def test_setup_notes_that_another_clone_runs(installed, monkeypatch, tmp_path):
    (tmp_path / "sjedu" / "course").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    found = setup()
    assert f", folder {ROOT.name}" in found.course
    assert "is not the sjedu that runs" in found.notes[0]


def test_setup_outside_any_clone_and_without_git(installed, monkeypatch, tmp_path):
    monkeypatch.setattr(
        environment.sjedu, "__file__", str(tmp_path / "site-packages" / "sjedu" / "__init__.py")
    )
    monkeypatch.chdir(tmp_path)
    assert setup().course.endswith(", folder site-packages")
    (tmp_path / "site-packages" / ".git").mkdir(parents=True)
    monkeypatch.setenv("PATH", "")
    assert setup().course.endswith(", folder site-packages")


def test_gpu_preset_without_gpu_is_noted(installed, room):
    assert "No CUDA device was found" in repr(setup(room, "gpu"))


def test_gpu_preset_with_gpu(installed, room, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    found = setup(room, "gpu")
    assert (found.device, found.notes) == ("cuda (A GPU)", ())


def test_setup_changes_nothing(installed, room):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    setup(room)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_unknown_lesson_and_preset(installed, room):
    with pytest.raises(ValueError, match="room: got 'rope'; expected one of wgan"):
        setup("rope")
    with pytest.raises(ValueError, match="preset: got 'tpu'; expected one of cpu, gpu"):
        setup(room, "tpu")
    with pytest.raises(ValueError, match="preset: got 'tpu'; expected one of cpu, gpu"):
        setup(preset="tpu")


@pytest.mark.parametrize(
    ("found", "what"),
    [("2.5.1", "torch 2.5.1 was found"), ("2", "torch 2 was found"), (None, "there is no torch")],
)
def test_package_too_old_or_missing_is_one_sentence(installed, found, what):
    installed.pop("torch")
    if found:
        installed["torch"] = found
    with pytest.raises(SetupError) as caught:
        setup()
    sentence = f"needs torch 2.6 or newer, {what}: run `pip install -U 'torch>=2.6'` and restart the kernel."
    assert str(caught.value) == sentence
    assert caught.value._render_traceback_() == [f"The course cannot start here: {sentence}"]


def test_course_that_is_not_installed(monkeypatch):
    def requires(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    with pytest.raises(SetupError, match=r"sjedu is not installed: run `pip install -e \.`"):
        setup()
    packages = row("packages")
    assert packages.status == "missing"
    assert "pip install -e ." in packages.advice


def test_doctor_on_a_good_machine(installed):
    report = doctor()
    assert report.well
    names = [finding.name for finding in report.findings]
    assert names == [
        "sjedu",
        "Python",
        "packages",
        "torch",
        "device",
        "widgets",
        "kernel",
        "downloads",
        "data",
    ]
    assert {finding.status for finding in report.findings} == {"ok"}
    for finding in report.findings:
        assert finding.found in repr(report)
        assert finding.name in report._repr_mimebundle_()["text/html"]


def test_doctor_names_each_package_that_lacks(installed):
    installed["torch"] = "2.5"
    del installed["numpy"]
    packages = row("packages")
    assert packages.status == "missing"
    assert packages.found == "2 missing or too old"
    assert "pip install -U 'torch>=2.6'" in packages.advice
    assert "pip install -U 'numpy>=2.0'" in packages.advice


@pytest.mark.parametrize(
    ("name", "status"), [("ipywidgets", "missing"), ("ipykernel", "missing"), ("pooch", "warn")]
)
def test_optional_packages(installed, name, status):
    del installed[name]
    finding = row({"ipywidgets": "widgets", "ipykernel": "kernel", "pooch": "downloads"}[name])
    assert finding.status == status
    assert f"pip install {name}" in finding.advice


@pytest.mark.parametrize(("bf16", "text"), [(True, "bf16"), (False, "no bf16")])
def test_gpu_and_its_precision(installed, monkeypatch, bf16, text):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bf16)
    assert row("device").found.startswith(f"cuda (A GPU), {text}")


def test_apple_gpu(installed, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert row("device") == Finding("device", "ok", "mps")


def test_data_folder(installed, monkeypatch, tmp_path):
    monkeypatch.delenv("SJEDU_DATA", raising=False)
    assert "SJEDU_DATA" in row("data").advice
    (tmp_path / "mnist").mkdir()
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path))
    assert row("data") == Finding("data", "ok", f"{tmp_path}: mnist")
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path / "nowhere"))
    assert row("data").status == "warn"
    assert "no such folder" in row("data").advice


def test_torch_threads(installed, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert "2 threads" in row("torch").found
    assert "OMP_NUM_THREADS=1" in row("torch").advice
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert row("torch").advice == ""


def test_report_is_not_well_when_something_is_missing():
    assert Report((Finding("a", "warn", ""),)).well
    assert not Report((Finding("a", "ok", ""), Finding("b", "missing", ""))).well
