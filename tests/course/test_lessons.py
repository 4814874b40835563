import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from sjedu.course.lessons import LESSONS, ROOMS, lesson

ROOT = Path(__file__).parents[2]


def test_there_are_eight_in_order():
    assert [each.number for each in LESSONS] == list(range(1, 9))
    assert [each.room for each in LESSONS] == list(ROOMS)


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
    with pytest.raises(ValueError, match=r"room: got 'rope'; expected one of wgan, p_tuning"):
        lesson("rope")


def test_each_room_tells_of_itself():
    for each in LESSONS:
        assert import_module(f"sjedu.{each.room}.about").LESSON is each


def test_no_two_lessons_share_a_place_on_the_map():
    assert len({each.place for each in LESSONS}) == len(LESSONS)


def test_the_course_is_known_without_importing_what_it_teaches():
    code = "import sys; from sjedu.course import LESSONS; print({'torch', 'sympy', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.parametrize("room", [*ROOMS, "roformer"])
def test_a_front_door_costs_nothing_and_every_name_behind_it_is_there(room):
    door = import_module(f"sjedu.{room}")
    assert {"train", "PRESETS"} <= set(door.__all__) or room not in ROOMS
    submodules = {path.stem for path in Path(door.__file__).parent.glob("*.py")}
    for name in door.__all__:
        behind = getattr(door, name)
        assert behind is not None
        if name in submodules:  # which would shadow anything else, once it is imported
            assert behind is import_module(f"sjedu.{room}.{name}")
