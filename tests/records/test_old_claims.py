import json

import pytest

from sjedu.figures import at_most
from sjedu.records.old_claims import CLAIMS_MIME, Claim, ClaimSheet, Verdict

CLAIMS = (
    Claim("C1", "exact", "article, section 1", "error ≤ 1e-12", lambda v: Verdict.of(v["error"] <= 1e-12)),
    Claim(
        "C2",
        "A beats B",
        "paper, table 2",
        "by one point; partly if at all",
        lambda v: Verdict.of(v["a"] - v["b"] >= 1, partly=v["a"] > v["b"]),
        published="81.8",
    ),
)


@pytest.fixture
def sheet() -> ClaimSheet:
    return ClaimSheet("toy", CLAIMS)


@pytest.mark.parametrize(
    ("a", "verdict"), [(3.0, Verdict.REPRODUCED), (2.5, Verdict.PARTLY), (2.0, Verdict.NOT_REPRODUCED)]
)
def test_verdict_follows_from_the_values(sheet, a, verdict):
    assert sheet.measure("C2", text="…", a=a, b=2.0).verdict is verdict


def test_a_new_sheet_is_not_measured(sheet):
    assert sheet.missing() == ("C1", "C2")
    assert repr(sheet).count("not measured yet") == 2


def test_measuring_completes_the_sheet(sheet):
    sheet.measure("C2", text="79 against 78.5", why="noise", a=79.0, b=78.5)
    assert sheet.missing() == ("C1",)
    sheet.measure("C1", text=at_most(3e-14), error=3e-14)
    assert sheet.missing() == ()
    assert repr(sheet).splitlines()[2:] == [
        "C1  exact      article, section 1  —          ≤ 1e-13          ✓ reproduced  error ≤ 1e-12",
        "C2  A beats B  paper, table 2      81.8       79 against 78.5  ◐ partly      "
        "by one point; partly if at all noise",
    ]


def test_a_second_measurement_replaces_the_first(sheet):
    sheet.measure("C1", text="bad", error=1.0)
    sheet.measure("C1", text="good", error=0.0)
    assert sheet.to_json()["claims"][0]["verdict"] == "reproduced"


def test_json_carries_what_the_table_shows(sheet):
    sheet.measure("C1", text="0.5", why="too coarse", error=0.5)
    assert json.loads(json.dumps(sheet.to_json())) == {
        "lesson": "toy",
        "claims": [
            {
                "id": "C1",
                "statement": "exact",
                "source": "article, section 1",
                "rule": "error ≤ 1e-12",
                "published": "—",
                "measured": "0.5",
                "verdict": "not reproduced",
                "why": "too coarse",
            },
            {
                "id": "C2",
                "statement": "A beats B",
                "source": "paper, table 2",
                "rule": "by one point; partly if at all",
                "published": "81.8",
                "measured": None,
                "verdict": None,
                "why": None,
            },
        ],
    }


def test_notebook_output_is_deterministic(sheet):
    """Raw values do not reach the output: two runs that differ beyond the rounding look the same."""
    other = ClaimSheet("toy", CLAIMS)
    sheet.measure("C1", text=at_most(3e-14), error=3e-14)
    other.measure("C1", text=at_most(8e-14), error=8e-14)
    assert sheet._repr_mimebundle_() == other._repr_mimebundle_()
    assert set(sheet._repr_mimebundle_()) == {"text/plain", "text/html", "text/markdown", CLAIMS_MIME}


def test_a_measurement_shows_itself(sheet):
    measurement = sheet.measure("C1", text="0.5", why="too coarse", error=0.5)
    assert repr(measurement) == "C1 ✗ not reproduced: 0.5 (too coarse)"
    assert "not reproduced" in measurement._repr_mimebundle_()["text/html"]


def test_unknown_claim_is_refused(sheet):
    with pytest.raises(ValueError, match="id must be one of C1, C2, got 'C3'"):
        sheet.measure("C3", text="")


def test_missing_value_is_named(sheet):
    with pytest.raises(ValueError, match="the rule of C2 reads the value 'b', but was given a, c"):
        sheet.measure("C2", text="", a=1.0, c=2.0)


def test_ids_must_differ():
    with pytest.raises(ValueError, match="different ids"):
        ClaimSheet("toy", [CLAIMS[0], CLAIMS[0]])


@pytest.mark.parametrize("verdict", Verdict)
def test_badge_says_the_verdict_in_words(verdict):
    assert verdict.badge.text.endswith(f" {verdict}")
