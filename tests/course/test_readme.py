"""The README's badges and picture, and the marks between which something is generated."""

from __future__ import annotations

import base64

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from sjedu.course.readme import between_markers, picture, woven_readme
from sjedu.course.repository import Repository


def test_the_picture_is_that_of_the_cell_that_says_so():
    figure = new_output("display_data", data={"image/png": base64.b64encode(b"png").decode()})
    plain, chosen = new_code_cell("a"), new_code_cell("b", metadata={"sjedu": {"readme": True}})
    chosen.outputs = [new_output("display_data", data={"text/plain": "b"}), figure]
    assert picture(new_notebook(cells=[plain, chosen])) == b"png"
    assert picture(new_notebook(cells=[plain])) is None


def test_badges_are_woven_and_the_lessons_left_alone(tmp_path):
    text = "<!-- badges:begin -->old<!-- badges:end --> <!-- lessons:begin -->table<!-- lessons:end -->"
    (tmp_path / "README.md").write_text(text, "utf-8")
    woven = woven_readme(tmp_path, Repository("owner/name"))
    assert "github/owner/name" in woven
    assert "old" not in woven
    assert woven.endswith("<!-- lessons:begin -->table<!-- lessons:end -->")


def test_text_between_markers_is_replaced():
    text = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n"
    new = between_markers(text, "x", "new")
    assert new == "a\n<!-- x:begin -->\nnew\n<!-- x:end -->\nb\n"
    assert between_markers(new, "x", "new") == new


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!-- x:begin -->",
        "<!-- x:end --> <!-- x:begin -->",
        "<!-- x:begin --><!-- x:end --><!-- x:end -->",
    ],
)
def test_missing_markers_are_named(text):
    with pytest.raises(ValueError, match="must hold <!-- x:begin --> and <!-- x:end -->"):
        between_markers(text, "x", "new")
