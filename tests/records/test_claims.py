"""Claims: every verdict, and what is refused."""

from __future__ import annotations

import dataclasses

import pytest

from sjedu.records import (
    Claim,
    Evidence,
    Precondition,
    Source,
    Spread,
    Verdict,
    equivalent,
    leads,
    no_worse,
    shown,
    told,
    welch,
)

ARTICLE = Source("article", "kexue.fm/archives/8397, section 1")
YES, PARTLY, NO, UNTESTED = Verdict
MET, UNMET = Precondition(True, "Ten seeds."), Precondition(False, "Three seeds are too few.")
WHY = {PARTLY: "one half failed", NO: "it is noise"}


def evidence(holds, *preconditions, why=WHY, text="0.5 ± 0.1", scale="digits, 10 seeds"):
    return Evidence(text, holds, scale, why, preconditions)


def claim(measured=None, parts=(), **fields):
    given = {
        "id": "C1",
        "statement": "It may help.",
        "source": ARTICLE,
        "rule": "p < 0.05",
        "scale": "none reported",
    }
    return Claim(**given | fields, measure=lambda: measured, parts=parts)


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("parts", "holds", "preconditions", "verdict", "why"),
    [
        ((), True, [], YES, ""),
        ((), True, [MET], YES, ""),
        ((), False, [MET], NO, "it is noise"),
        ((), True, [MET, UNMET], UNTESTED, "Three seeds are too few."),
        ((), False, [UNMET], UNTESTED, "Three seeds are too few."),
        ((), None, [UNMET, UNMET], UNTESTED, "Three seeds are too few. Three seeds are too few."),
        (("a", "b"), {"a": True, "b": True}, [], YES, ""),
        (("a", "b"), {"a": True, "b": False}, [], PARTLY, "one half failed"),
        (("a", "b"), {"b": True, "a": False}, [], PARTLY, "one half failed"),
        (("a", "b"), {"a": False, "b": False}, [], NO, "it is noise"),
        (("a", "b"), {"a": True, "b": True}, [UNMET], UNTESTED, "Three seeds are too few."),
        (("a", "b"), None, [UNMET], UNTESTED, "Three seeds are too few."),
    ],
)
def test_the_machine_gives_the_verdict(parts, holds, preconditions, verdict, why):
    judgement = claim(evidence(holds, *preconditions), parts).judge()
    assert judgement.verdict == verdict
    assert judgement.why == why


def test_a_sentence_cannot_stand_beside_another_verdict():
    """Each verdict shows its own explanation, and a new run that changes the verdict changes the sentence."""
    why = {verdict: f"so it is {verdict}" for verdict in Verdict}
    for holds, preconditions in ((True, []), (False, []), (True, [UNMET])):
        judgement = claim(evidence(holds, *preconditions, why=why)).judge()
        assert judgement.why.endswith(f"so it is {judgement.verdict}")


def test_a_result_without_a_reason_for_it_is_refused():
    unexplained = evidence(False, why={PARTLY: "one half failed", YES: "it is so"})
    with pytest.raises(ValueError, match="C1, why: got none for 'not reproduced'; expected a reason"):
        claim(unexplained).judge()


def test_a_null_result_is_never_partly():
    assert claim(evidence(False)).judge().verdict == NO
    with pytest.raises(ValueError, match="C1, holds: got a, b; expected True or False"):
        claim(evidence({"a": True, "b": False})).judge()


@pytest.mark.parametrize(
    "holds", [True, {"a": True}, {"a": True, "b": True, "c": False}, {"a": True, "x": True}]
)
def test_the_parts_are_those_of_the_claim(holds):
    with pytest.raises(ValueError, match=r"C1, holds: got .*; expected a value for each of the parts a, b"):
        claim(evidence(holds), ("a", "b")).judge()
    with pytest.raises(ValueError, match="C1, holds"):
        claim(evidence(holds, UNMET), ("a", "b")).judge()


def test_nothing_measured_needs_an_unmet_precondition():
    with pytest.raises(ValueError, match="C1, holds: got None; expected True or False, or a precondition"):
        claim(evidence(None, MET)).judge()


@pytest.mark.parametrize(("field", "name"), [("text", "text"), ("scale", "scale_here")])
def test_evidence_says_what_was_seen_and_at_which_scale(field, name):
    with pytest.raises(ValueError, match=f"C1, {name}: got ''; expected a text"):
        claim(dataclasses.replace(evidence(True), **{field: " "})).judge()


@pytest.mark.parametrize("verdict", Verdict)
def test_badge_says_the_verdict_in_words(verdict):
    assert verdict.badge.text.endswith(f" {verdict}")


# ---------------------------------------------------------------- construction


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": "T1"}, "id: got 'T1'; expected C1, C2, ... or C1a"),
        ({"id": "C01"}, "id: got 'C01'"),
        ({"statement": ""}, "C1, statement: got ''; expected a text"),
        ({"rule": " "}, "C1, rule: got ''; expected a text"),
        ({"scale": ""}, r"C1 \(or 'none reported'\), scale: got ''"),
        ({"published": ""}, "C1, published: got ''"),
        ({"parts": ("a",)}, "C1, parts: got .* expected none, or at least two different names"),
        ({"parts": ("a", "a")}, "C1, parts: got .* expected none, or at least two different names"),
    ],
)
def test_what_a_claim_lacks_is_named(fields, message):
    with pytest.raises(ValueError, match=message):
        claim(**fields)


def test_a_sentence_of_the_course_has_no_scale_of_its_own():
    assert claim(source=Source("course", "section 4.1"), scale="").scale == ""


# ---------------------------------------------------------------- families of comparisons

LOW, HIGH, WIDE = (
    Spread((0.50, 0.51, 0.52, 0.50)),
    Spread((0.60, 0.61, 0.60, 0.62)),
    Spread((0.1, 0.9, 0.5, 0.7)),
)


def test_leads_are_positive_and_clear():
    compared = {"over low": welch(HIGH, LOW), "over wide": welch(HIGH, WIDE), "over itself": welch(LOW, HIGH)}
    assert leads(compared) == {"over low": True, "over wide": False, "over itself": False}


def test_a_family_asks_for_more_than_each_alone():
    near = welch(Spread((0.53, 0.50, 0.52, 0.55)), LOW)
    assert near.p > 0.05 > welch(HIGH, LOW).p
    clear = welch(Spread((0.520, 0.530, 0.515, 0.530)), LOW)
    assert 0.05 / 3 < clear.p < 0.05
    assert leads({"alone": clear}) == {"alone": True}
    assert leads({"a": clear, "b": clear, "c": clear}) == {"a": False, "b": False, "c": False}


def test_no_worse_and_equivalent_hold_by_their_small_p():
    below = Spread((0.505, 0.510, 0.500, 0.520))
    tests = {"no worse": no_worse(below, LOW, 0.05), "equal": equivalent(below, LOW, 0.05)}
    assert shown(tests) == {"no worse": True, "equal": True}
    assert shown({"no worse": no_worse(LOW, HIGH, 0.05)}) == {"no worse": False}


def test_comparisons_are_told_with_their_intervals():
    assert (
        told({"over low": welch(HIGH, LOW)})
        == "over low +0.100 [0.083, 0.117], p < .001, df 6.0, n = 4 and 4"
    )
    both = told({"over low": welch(LOW, HIGH), "over wide": welch(HIGH, WIDE)})
    first, second = both.split("; ")
    assert first == "over low −0.100 [−0.117, −0.083], p < .001 (Holm), df 6.0, n = 4 and 4"
    assert "p = .759 (Holm)" in second
    assert "∞]" in told({"no worse": no_worse(LOW, HIGH, 0.05)})
    assert "(90% interval)" in told({"equal": equivalent(LOW, HIGH, 0.05)})
    same = Spread((0.5, 0.5))
    assert told({"same": welch(same, same)}).startswith("same +0.000 [0.000, 0.000], p = 1.000")
