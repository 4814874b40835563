import importlib.util
import re

import pytest

from sjedu.course.lessons import LESSONS, lesson


def test_there_are_eight_in_order():
    assert [each.number for each in LESSONS] == list(range(1, 9))
    assert [each.room for each in LESSONS] == [
        "wgan",
        "p_tuning",
        "rope_2d",
        "vmf_vae",
        "dirac_smoothing",
        "roformer_sim",
        "contrastive_accumulation",
        "supervised_similarity",
    ]


@pytest.mark.parametrize(
    ("room", "number", "date"),
    [
        ("wgan", 8244, "2021-03-15"),
        ("p_tuning", 8295, "2021-04-03"),
        ("rope_2d", 8397, "2021-05-10"),
        ("vmf_vae", 8404, "2021-05-17"),
        ("dirac_smoothing", 8718, "2021-10-10"),
        ("roformer_sim", 8454, "2021-06-11"),
        ("contrastive_accumulation", 8471, "2021-06-17"),
        ("supervised_similarity", 8541, "2021-07-19"),
    ],
)
def test_articles(room, number, date):
    article = lesson(room).article
    assert article.number == number
    assert article.url == f"https://kexue.fm/archives/{number}"
    assert article.date.isoformat() == date


def test_dependencies():
    assert {each.room for each in LESSONS if "roformer" in each.stands_on} == {
        "p_tuning",
        "roformer_sim",
        "supervised_similarity",
    }
    assert lesson("roformer_sim").needs == ("contrastive_accumulation",)
    assert lesson("supervised_similarity").needs == ("roformer_sim",)
    assert lesson("p_tuning").after == ("rope_2d",)


def test_dependencies_have_an_order():
    """Every lesson can be read after those it needs: there is no circle."""
    read: set[str] = set()
    for _ in LESSONS:
        read |= {each.room for each in LESSONS if {*each.needs, *each.after} <= read}
    assert read == {each.room for each in LESSONS}


@pytest.mark.parametrize("each", LESSONS, ids=lambda each: each.room)
def test_every_lesson_says_what_it_is(each):
    assert each.question.endswith("?")
    assert len(each.you_will) >= 3
    assert 30 <= each.minutes <= 120
    assert re.search(r"[\u4e00-\u9fff]|Wasserstein", each.title_zh)
    assert all(re.fullmatch(r"\d{4}\.\d{5}", paper.arxiv) for paper in each.papers)


def test_notebook_path():
    assert str(lesson("rope_2d").notebook) == "notebooks/03_rope_2d.ipynb"


def test_unknown_lesson_lists_the_known():
    with pytest.raises(ValueError, match=r"room must be one of wgan, p_tuning, .*, got 'rope'"):
        lesson("rope")


def test_a_room_and_measured_claims_make_a_lesson_available(room, tmp_path):
    assert lesson(room).available
    (tmp_path / "rooms" / room / "claims.json").unlink()
    assert not lesson(room).available


def test_without_its_room_a_lesson_is_in_preparation(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not lesson("wgan").available
