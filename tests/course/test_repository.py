import subprocess
import tomllib
from pathlib import Path, PurePosixPath

import pytest

from sjedu.course.repository import ROOT, Repository

NOTEBOOK = PurePosixPath("notebooks/03_rope_2d.ipynb")
PROJECT = '[project]\nname = "toy"\n[project.urls]\nRepository = "https://github.com/old-owner/toy.py"\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "notebooks").mkdir()
    old = Repository("old-owner/toy.py")
    prose = (
        f"{old.badges(NOTEBOOK)} see {old.url}, {old.url}.git, {old.url}/issues. Or {old.url}.\n"
        "https://github.com/old-owner/toy.python https://github.com/old-owner/toy.py-2 old-owner/toy.py\n"
    )
    (tmp_path / "README.md").write_text(prose)
    (tmp_path / "notebooks" / "a.ipynb").write_text(f'"source": ["{old.url}\\n", "git+{old.url}\\""]')
    return tmp_path


def move(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    make = ["make", "-f", str(ROOT / "Makefile"), "repo", *arguments]
    return subprocess.run(make, cwd=root, capture_output=True, text=True)


def test_addresses():
    repository = Repository("owner/name")
    assert repository.url == "https://github.com/owner/name"
    assert repository.colab(NOTEBOOK) == (
        "https://colab.research.google.com/github/owner/name/blob/main/notebooks/03_rope_2d.ipynb"
    )
    assert repository.binder(NOTEBOOK) == (
        "https://mybinder.org/v2/gh/owner/name/main?labpath=notebooks%2F03_rope_2d.ipynb"
    )
    assert repository.colab(NOTEBOOK) in repository.badges(NOTEBOOK)
    assert repository.binder(NOTEBOOK) in repository.badges(NOTEBOOK)


def test_address_stands_in_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert Repository.of().url == project["urls"]["Repository"]


def test_move_writes_every_link(root):
    new = Repository("New/course_2")
    done = move(root, "REPO=New/course_2")
    assert done.returncode == 0, done.stderr
    assert Repository.of(root) == new
    assert (root / "README.md").read_text() == (
        f"{new.badges(NOTEBOOK)} see {new.url}, {new.url}.git, {new.url}/issues. Or {new.url}.\n"
        "https://github.com/old-owner/toy.python https://github.com/old-owner/toy.py-2 old-owner/toy.py\n"
    )
    assert (root / "notebooks" / "a.ipynb").read_text() == f'"source": ["{new.url}\\n", "git+{new.url}\\""]'


def test_moving_there_and_back_changes_nothing(root):
    before = {path: path.read_text() for path in root.rglob("*.*") if path.is_file()}
    move(root, "REPO=New/course")
    assert {path: path.read_text() for path in before} != before
    move(root, "REPO=old-owner/toy.py")
    assert {path: path.read_text() for path in before} == before


def test_no_slug_shows_usage(root):
    done = move(root)
    assert done.returncode != 0
    assert "make repo REPO=owner/name" in done.stderr


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/old-owner/toy.py",
        "https://github.com/sjedu",
        "https://github.com/a/b/c",
        "https://github.com/-a/b",
        "https://github.com/a b/c",
        "https://github.com/a/",
    ],
)
def test_what_is_no_repository_on_github_is_refused(root, address):
    (root / "pyproject.toml").write_text(PROJECT.replace("https://github.com/old-owner/toy.py", address))
    with pytest.raises(ValueError, match=r"Repository: got .*; expected https://github\.com/owner/name"):
        Repository.of(root)
