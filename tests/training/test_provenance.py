"""A record says which commit ran."""

import subprocess

import pytest

from sjedu.training import provenance


def git(folder, *arguments):
    identity = ["-c", "user.name=A Reader", "-c", "user.email=reader@example.org"]
    done = subprocess.run(
        ["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone with one file of the package, which thinks that it lies there."""
    source = tmp_path / "sjedu" / "training" / "provenance.py"
    source.parent.mkdir(parents=True)
    source.write_text("first")
    monkeypatch.setattr(provenance, "__file__", str(source))
    git(tmp_path, "init", "-q")
    return tmp_path, source


def test_the_commit_of_a_clone(clone):
    folder, source = clone
    assert provenance.commit() == (None, False)  # in a clone, but not of it: somebody's virtual environment
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    head = git(folder, "rev-parse", "HEAD")
    assert provenance.commit() == (head, False)
    recorded = folder / "sjedu" / "rope_2d" / "recorded" / "run.json"
    recorded.parent.mkdir(parents=True)
    recorded.write_text("{}")
    assert provenance.commit() == (head, False)  # a result is no change of the code
    source.write_text("second")
    assert provenance.commit() == (head, True)


def test_without_git_there_is_no_commit(clone, monkeypatch):
    folder, _ = clone
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() == (None, False)
