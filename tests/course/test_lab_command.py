"""Working copies: refreshed while they are untouched, never overwritten once they were changed."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from traitlets.config import Config

from sjedu.course import lab_command
from sjedu.course.lab_command import main, refresh
from sjedu.course.normalise import WIDGET_VIEW


@pytest.fixture
def clone(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_start_here.ipynb").write_text("start")
    (tmp_path / "notebooks" / "03_rope_2d.ipynb").write_text("first")
    return tmp_path


def refreshed(clone):
    return refresh(clone / "notebooks", clone / "work")


def test_the_first_time_everything_is_copied(clone):
    assert refreshed(clone) == []
    assert (clone / "work" / "00_start_here.ipynb").read_text() == "start"
    assert (clone / "work" / "03_rope_2d.ipynb").read_text() == "first"


def test_an_untouched_copy_follows_the_course(clone):
    refreshed(clone)
    (clone / "notebooks" / "03_rope_2d.ipynb").write_text("second")
    assert refreshed(clone) == []
    assert (clone / "work" / "03_rope_2d.ipynb").read_text() == "second"


def test_a_changed_copy_is_kept_in_silence_while_the_course_stands_still(clone):
    refreshed(clone)
    (clone / "work" / "03_rope_2d.ipynb").write_text("answers")
    assert refreshed(clone) == []
    assert (clone / "work" / "03_rope_2d.ipynb").read_text() == "answers"


@pytest.mark.parametrize("known", [True, False], ids=["copied before", "of unknown origin"])
def test_a_changed_copy_of_a_changed_notebook_is_kept_and_named(clone, known):
    refreshed(clone)
    if not known:
        (clone / "work" / ".copied.json").unlink()
    (clone / "work" / "03_rope_2d.ipynb").write_text("answers")
    (clone / "notebooks" / "03_rope_2d.ipynb").write_text("second")
    for _ in range(2):
        assert [line for line in refreshed(clone) if "03" in line] == [
            "work/03_rope_2d.ipynb keeps your changes; to get the course's new one, rename yours"
        ]
        assert (clone / "work" / "03_rope_2d.ipynb").read_text() == "answers"
    (clone / "work" / "03_rope_2d.ipynb").rename(clone / "work" / "mine.ipynb")
    assert [line for line in refreshed(clone) if "03" in line] == []
    assert (clone / "work" / "03_rope_2d.ipynb").read_text() == "second"
    assert (clone / "work" / "mine.ipynb").read_text() == "answers"


@pytest.fixture
def started(monkeypatch):
    calls = []

    def run(command, env):
        calls.append((command, env))
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr(lab_command.subprocess, "run", run)
    return calls


def test_jupyterlab_opens_the_copy_with_news_answered(clone, started, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "mine")
    assert main(["03_rope_2d.ipynb", "--no-browser"], clone) == 3
    ((command, environment),) = started
    assert str(clone / "work" / "03_rope_2d.ipynb") in command
    assert command[-2:] == ["--LabApp.default_url=/lab/tree/03_rope_2d.ipynb", "--no-browser"]
    folder, mine = environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert mine == "mine"
    settings = json.loads((Path(folder) / "labconfig" / "default_setting_overrides.json").read_text())
    assert settings == {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}


def test_a_saved_widget_is_its_picture(clone, started):
    main([], clone)
    (hook,) = [word.partition("=")[2] for word in started[0][0] if "ContentsManager.pre_save_hook" in word]
    config = Config({"ContentsManager": {"pre_save_hook": hook}})
    manager = LargeFileManager(root_dir=str(clone), config=config)
    view = {WIDGET_VIEW: {"model_id": "af3", "version_major": 2, "version_minor": 0}}
    shown = [{"image/png": "iVBORw0KGgo="}, {"text/html": "<p>0.5</p>"}, {"text/plain": "of another library"}]
    outputs = [new_output("display_data", view | data) for data in shown]
    content = new_notebook(cells=[new_markdown_cell("text"), new_code_cell("widget", outputs=outputs)])
    manager.save({"type": "notebook", "format": "json", "content": content}, "mine.ipynb")
    manager.save({"type": "file", "format": "text", "content": "text"}, "mine.txt")
    saved = nbformat.read(clone / "mine.ipynb", as_version=4).cells[1].outputs
    assert [set(output.data) for output in saved] == [
        {"image/png"},
        {"text/html"},
        {WIDGET_VIEW, "text/plain"},
    ]
    assert (clone / "mine.txt").read_text() == "text"


def test_without_a_name_the_start_page_is_opened(clone, started):
    main(["--no-browser"], clone)
    assert started[0][0][-2:] == ["--LabApp.default_url=/lab/tree/00_start_here.ipynb", "--no-browser"]


def test_an_unknown_notebook_is_named(clone, started, capsys):
    assert main(["rope"], clone) == 2
    assert "NOTEBOOK: got 'rope'; expected one in the folder notebooks" in capsys.readouterr().err
    assert started == []
