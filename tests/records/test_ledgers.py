"""The ledger of a room: what it shows, in which form, and what it refuses."""

from __future__ import annotations

import dataclasses
import sys
import types

import pytest

from sjedu.records import (
    Claim,
    Evidence,
    Ledger,
    Precondition,
    Refuted,
    Source,
    Theorem,
    Verdict,
    checked,
    ledger,
)

ARTICLE = Source("article", "kexue.fm/archives/8397, section 标准答案")
COURSE = Source("course", "section 4.1")


def theorem(id="T1", error=1e-15):
    text = f"200 pairs, error < {error:g}"
    return Theorem(id, "R(x) R(y) = R(x + y).", ARTICLE, "Angles add.", lambda: checked(error < 1e-12, text))


def claim(id="C1", holds=True, parts=(), preconditions=(), calls=None, source=ARTICLE):
    def measure():
        if calls is not None:
            calls.append(id)
        why = {Verdict.PARTLY: "Only one half.", Verdict.NOT_REPRODUCED: "It is <noise>."}
        return Evidence("+0.12 [0.05, 0.19]", holds, "digits, 10 seeds", why, preconditions)

    return Claim(id, "It *may* help.", source, "p < 0.05.", measure, parts, "none reported", "81.8")


@pytest.fixture
def toy():
    unmet = Precondition(False, "Three seeds are too few.")
    claims = [
        claim("C1"),
        claim("C2", {"a": True, "b": False}, ("a", "b")),
        claim("C3", False),
        claim("C10", True, preconditions=[unmet], source=COURSE),
    ]
    return Ledger("toy", [theorem()], claims)


def test_each_entry_is_measured_once_and_when_it_is_needed():
    calls = []
    toy = Ledger("toy", [theorem("T1", error=1.0)], [claim("C1", calls=calls), claim("C2", calls=calls)])
    assert calls == []
    assert toy["C2"].verdict == Verdict.REPRODUCED
    assert toy["C2"] is toy["C2"]
    assert calls == ["C2"]


def test_counts(toy):
    assert toy.counts() == {
        "proved": 1,
        "reproduced": 1,
        "partly": 1,
        "not reproduced": 1,
        "not tested here": 1,
    }
    assert toy.summary == "1 proved · 1 reproduced · 1 partly · 1 not reproduced · 1 not tested here"
    assert Ledger("toy", [theorem()], []).summary == "1 proved"


def test_a_claim_as_text(toy):
    assert str(toy["C2"]).splitlines() == [
        "C2 ◐ partly",
        "    It *may* help.",
        "    Source: article: kexue.fm/archives/8397, section 标准答案",
        "    Measured here: +0.12 [0.05, 0.19]",
        "    Published: 81.8",
        "    Scale of the source: none reported",
        "    Scale here: digits, 10 seeds",
        "    Why: Only one half.",
        "    Holds: a",
        "    Does not hold: b",
        "    Rule: p < 0.05.",
    ]


def test_a_theorem_as_text(toy):
    assert str(toy["T1"]).splitlines() == [
        "T1",
        "    R(x) R(y) = R(x + y).",
        "    Source: article: kexue.fm/archives/8397, section 标准答案",
        "    Proof: Angles add.",
        "    Checked here: 200 pairs, error < 1e-15",
    ]


def test_the_whole_as_text(toy):
    text = str(toy)
    assert max(map(len, text.splitlines())) <= 96
    assert text.startswith("Proved here\n\nT1\n")
    assert "\n\n\nMeasured here\n\nC1 ✓ reproduced\n" in text
    assert text.endswith(toy.summary)
    assert toy._repr_mimebundle_() == {"text/plain": text, "text/html": toy.to_html()}


def test_html_has_two_tables_of_three_columns(toy):
    page = toy.to_html()
    assert page.count("<table") == 2
    assert page.count('<th scope="col"') == 6
    assert '<a href="https://kexue.fm/archives/8397">' in page
    assert page.count("<details><summary>rule</summary>p &lt; 0.05.</details>") == 4
    assert "It is &lt;noise&gt;." in page
    assert "Three seeds are too few." in page


def test_each_comparison_has_a_line_and_figures_stay_together():
    evidence = Evidence("over a +0.1, p = .03; over b +0.2, p < .001", True, "digits; 10 seeds")
    page = Ledger("toy", [], [dataclasses.replace(claim(), measure=lambda: evidence)]).to_html()
    assert "over a +0.1, p\u00a0=\u00a0.03<br>over b +0.2, p\u00a0&lt;\u00a0.001<br>" in page
    assert "Scale here: digits; 10 seeds" in page


def test_one_entry_shows_itself(toy):
    bundle = toy["C3"]._repr_mimebundle_()
    assert bundle["text/html"].count("<tr>") == 2
    assert bundle["text/plain"].startswith("C3 ✗ not reproduced")


def test_markdown_has_an_anchor_for_each(toy):
    page = toy.to_markdown()
    for id in ("T1", "C1", "C2", "C3", "C10"):
        assert page.count(f'<a id="toy-{id}"></a>**{id}') == 1
    assert "**C10 ○ not tested here.** It \\*may\\* help." in page
    assert (
        "- *Source*: [article: kexue.fm/archives/8397, section 标准答案](https://kexue.fm/archives/8397)"
        in page
    )
    assert "- *Source*: the course's own: section 4.1" in page
    assert "- *Why*: It is \\<noise>." in page


def test_a_refuted_theorem_is_named():
    with pytest.raises(Refuted, match="T1: 200 pairs, error < 1"):
        Ledger("toy", [theorem(error=1.0)]).to_html()


def test_an_unknown_id_is_named(toy):
    with pytest.raises(KeyError, match="got 'C4'; expected one of T1, C1, C2, C3, C10"):
        toy["C4"]


@pytest.mark.parametrize("ids", [("C1", "C1"), ("C2", "C1"), ("C10", "C9"), ("C5b", "C5a")])
def test_ids_are_different_and_in_order(ids):
    with pytest.raises(
        ValueError, match=f"ids of toy: got {', '.join(ids)}; expected different ones, in order"
    ):
        Ledger("toy", [], [claim(id) for id in ids])


def test_ids_may_have_gaps_and_letters():
    ids = ["C2", "C5a", "C5b", "C10"]
    assert list(Ledger("toy", [], [claim(id) for id in ids]).claims) == ids


def test_a_room_is_asked_for_its_own(monkeypatch):
    room = types.ModuleType("sjedu.toy_room.claims")
    room.THEOREMS, room.CLAIMS = (theorem(),), (claim(),)
    monkeypatch.setitem(sys.modules, "sjedu.toy_room", types.ModuleType("sjedu.toy_room"))
    monkeypatch.setitem(sys.modules, "sjedu.toy_room.claims", room)
    assert ledger("toy_room").summary == "1 proved · 1 reproduced"
