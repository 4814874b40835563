import tomllib
from pathlib import Path, PurePosixPath

import pytest

from sjedu.course.repository import ROOT, Repository, main

NOTEBOOK = PurePosixPath("notebooks/03_rope_2d.ipynb")
PROJECT = '[project]\nname = "toy"\n[project.urls]\nRepository = "https://github.com/old-owner/toy.py"\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "notebooks").mkdir()
    old = Repository("old-owner", "toy.py")
    prose = (
        f"{old.badges(NOTEBOOK)} see {old.url}, {old.url}.git, {old.url}/issues. Or {old.url}.\n"
        "https://github.com/old-owner/toy.python https://github.com/old-owner/toy.py-2 old-owner/toy.py\n"
    )
    (tmp_path / "README.md").write_text(prose)
    (tmp_path / "notebooks" / "a.ipynb").write_text(f'"source": ["{old.url}\\n", "git+{old.url}\\""]')
    return tmp_path


def test_addresses():
    repository = Repository("owner", "name")
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


def test_move_writes_every_link(root, capsys):
    new = Repository("New", "course_2")
    assert main(["New/course_2"], root) == 0
    assert Repository.of(root) == new
    assert (root / "README.md").read_text() == (
        f"{new.badges(NOTEBOOK)} see {new.url}, {new.url}.git, {new.url}/issues. Or {new.url}.\n"
        "https://github.com/old-owner/toy.python https://github.com/old-owner/toy.py-2 old-owner/toy.py\n"
    )
    assert (root / "notebooks" / "a.ipynb").read_text() == f'"source": ["{new.url}\\n", "git+{new.url}\\""]'
    assert "pyproject.toml, README.md, notebooks/a.ipynb" in capsys.readouterr().out


def test_moving_there_and_back_changes_nothing(root):
    before = {path: path.read_text() for path in root.rglob("*.*") if path.is_file()}
    main(["New/course"], root)
    main(["old-owner/toy.py"], root)
    assert {path: path.read_text() for path in before} == before


@pytest.mark.parametrize(
    ("slug", "message"),
    [
        ("sjedu", "must be given as owner/name, got 'sjedu'"),
        ("https://github.com/a/b", "must be given as owner/name"),
        ("a/b/c", "must be given as owner/name"),
        ("-a/b", "owner must be a GitHub user or organisation, got '-a'"),
        ("a b/c", "owner must be"),
        ("a/", "name must be a GitHub repository's, got ''"),
        ("a/b c", "name must be"),
        ("a/..", "name must be"),
    ],
)
def test_bad_slug_changes_nothing(root, capsys, slug, message):
    assert main([slug], root) == 2
    assert message in capsys.readouterr().err
    assert (root / "pyproject.toml").read_text() == PROJECT


def test_no_slug_shows_usage(root, capsys):
    assert main([], root) == 2
    assert "make repo REPO=owner/name" in capsys.readouterr().err


def test_other_hosts_are_refused(root):
    (root / "pyproject.toml").write_text(PROJECT.replace("github.com", "example.org"))
    with pytest.raises(ValueError, match=r"Repository must start with https://github\.com/"):
        Repository.of(root)
