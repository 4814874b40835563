import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjedu.figures import about, at_most, below
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


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_at_most_is_a_tight_bound(value):
    bound = float(at_most(value).removeprefix("≤ "))
    assert value <= bound < value * 10 * (1 + 1e-12)


@pytest.mark.parametrize("exponent", range(-30, 31))
def test_at_most_keeps_powers_of_ten(exponent):
    assert float(at_most(float(f"1e{exponent}")).removeprefix("≤ ")) == float(f"1e{exponent}")


def test_at_most_of_zero_says_exactly():
    assert at_most(0.0) == "exactly 0"


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e-9])
def test_at_most_refuses_what_is_no_error(value):
    with pytest.raises(ValueError, match="value must be a finite number that is not negative"):
        at_most(value)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.9634, 2, "0.96"),
        (0.9996, 2, "1.0"),
        (23.4, 2, "23"),
        (234.0, 2, "230"),
        (3.14159, 3, "3.14"),
        (0.5, 3, "0.500"),
        (1234567.0, 2, "1.2e6"),
        (1.234e-5, 2, "1.2e-5"),
        (-0.25, 1, "-0.2"),
        (0.0, 2, "0.0"),
    ],
)
def test_about_rounds_to_significant_digits(value, digits, text):
    assert about(value, digits) == text


@given(st.floats(min_value=1e-200, max_value=1e200), st.integers(1, 6))
def test_about_is_off_by_at_most_half_a_last_digit(value, digits):
    assert abs(float(about(value, digits)) - value) <= value * 0.5 * 10 ** (1 - digits) * (1 + 1e-9)


@pytest.mark.parametrize(("value", "digits", "name"), [(math.inf, 2, "value"), (1.0, 0, "digits")])
def test_about_refuses(value, digits, name):
    with pytest.raises(ValueError, match=f"{name} must be"):
        about(value, digits)


def test_below_hides_rounding_and_nothing_else():
    assert below(3e-15, 1e-12) == "< 1e-12"
    assert below(2e-12, 1.4552e-11) == "< 1.5e-11"
    assert below(0.25, 1e-12) == "0.25"
