"""Theorems, their checks, and where a sentence stands."""

import pytest
from unchecked import unchecked

from sjedu.records import Check, Refuted, Source, Theorem, checked


def theorem(**fields):
    given = {
        "id": "T1",
        "statement": "a² + b² = c²",
        "source": Source("course", "section 1"),
        "proof": "By a drawing.",
        "check": lambda: Check("3, 4, 5"),
    }
    return Theorem(**given | fields)


def test_a_check_that_holds_is_its_text():
    assert checked(True, "error < 1e-12") == Check("error < 1e-12")
    assert theorem().check().text == "3, 4, 5"


def test_a_check_that_fails_says_what_was_seen():
    with pytest.raises(Refuted, match=r"error 0\.3"):
        checked(False, "error 0.3")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Check(""), "text: got ''; expected what was checked"),
        (lambda: theorem(id="C1"), "id: got 'C1'; expected T1, T2, ... or T1a"),
        (lambda: theorem(statement=" "), "T1, statement: got ''; expected a text"),
        (lambda: theorem(proof=""), "T1, proof: got ''; expected a text"),
        (lambda: Source("paper", ""), "place: got ''; expected where the sentence stands"),
    ],
)
def test_what_is_lacking_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("source", "url"),
    [
        (Source("article", "kexue.fm/archives/8397, section 标准答案"), "https://kexue.fm/archives/8397"),
        (Source("paper", "Heo et al., arXiv 2403.13298, table 2"), "https://arxiv.org/abs/2403.13298"),
        (Source("code", "github.com/bojone/P-tuning, bert.py"), "https://github.com/bojone/P-tuning"),
        (Source("course", "section 4.1, e.g. 3/4 of it"), None),
    ],
)
def test_a_place_with_an_address_is_linked(source, url):
    assert source.url == url


def test_an_unknown_kind_of_source_is_named():
    message = "kind: got 'ours'; expected one of article, paper, code, course"
    # Where the shape checks do not refuse it first.
    with unchecked("sjedu.records.theorems") as theorems, pytest.raises(ValueError, match=message):
        theorems.Source("ours", "section 1")
