import json

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from sjedu.course.lessons import lesson
from sjedu.course.readme import between_markers, claims_path, claims_text, course_table, stored_claims
from sjedu.course.repository import Repository
from sjedu.records.old_claims import CLAIMS_MIME, Claim, ClaimSheet, Verdict

LESSON = lesson("dirac_smoothing")
CLAIMS = [Claim(f"C{n}", f"claim {n}", "article", "a rule", lambda v: v["verdict"], "1.5") for n in (1, 2)]


def sheet(*verdicts: Verdict, why: str = "because", room: str = LESSON.room) -> ClaimSheet:
    filled = ClaimSheet(room, CLAIMS)
    for claim, verdict in zip(CLAIMS, verdicts, strict=False):
        filled.measure(claim.id, text=f"found {claim.id}", why=why, verdict=verdict)
    return filled


def showing(*sheets: ClaimSheet):
    cells = [
        new_code_cell("sheet", outputs=[new_output("execute_result", data=shown._repr_mimebundle_())])
        for shown in sheets
    ]
    return new_notebook(cells=cells)


def test_the_last_sheet_of_the_lesson_counts():
    early, late = sheet(), sheet(Verdict.REPRODUCED, Verdict.PARTLY)
    other = sheet(Verdict.REPRODUCED, Verdict.REPRODUCED, room="rope_2d")
    assert stored_claims(showing(early, late, other), LESSON) == late.to_json()


def test_reproduced_needs_no_why():
    filled = sheet(Verdict.REPRODUCED, Verdict.REPRODUCED, why="")
    assert stored_claims(showing(filled), LESSON) == filled.to_json()


@pytest.mark.parametrize(
    ("notebook", "message"),
    [
        (new_notebook(), "shows no claim sheet of dirac_smoothing"),
        (showing(sheet(Verdict.REPRODUCED)), "claim C2 was not measured"),
        (showing(sheet(Verdict.REPRODUCED, Verdict.PARTLY, why="")), "claim C2 is partly: say why"),
    ],
)
def test_incomplete_sheets_are_refused(notebook, message):
    with pytest.raises(ValueError, match=f"05_dirac_smoothing.ipynb:? {message}"):
        stored_claims(notebook, LESSON)


def test_course_table(tmp_path, room):
    path = tmp_path / claims_path(LESSON)
    path.parent.mkdir(parents=True)
    filled = sheet(Verdict.REPRODUCED, Verdict.NOT_REPRODUCED)
    path.write_text(claims_text(filled.to_json()), "utf-8")
    repository = Repository("owner", "name")
    table = course_table(tmp_path, repository)
    rows = table.splitlines()
    assert len([row for row in rows if row.startswith(tuple(f"| {n} |" for n in range(1, 9)))]) == 8
    row = rows[6]
    assert "[Smoothing functions with the Dirac delta](notebooks/05_dirac_smoothing.ipynb)" in row
    assert "| 1 reproduced, 1 not reproduced |" in row
    assert repository.badges(LESSON.notebook) in row
    assert "in preparation" in rows[2]
    assert "| C1 | claim 1 | 1.5 | found C1 | ✓ reproduced |" in rows
    assert "| C2 | claim 2 | 1.5 | found C2 | ✗ not reproduced |" in rows


def test_claims_text_is_stable_json():
    data = sheet(Verdict.REPRODUCED).to_json()
    assert json.loads(claims_text(data)) == data
    assert claims_text(data).endswith("}\n")


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


def test_claims_mime_is_what_the_notebook_stores():
    assert showing(sheet()).cells[0].outputs[0].data[CLAIMS_MIME]["lesson"] == LESSON.room
