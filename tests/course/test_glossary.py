import re

import pytest

from sjedu.course.glossary import COMMON, glossary
from sjedu.course.lessons import LESSONS

TERMS = {lesson.room: lesson.terms for lesson in LESSONS}


@pytest.mark.parametrize("terms", [COMMON, *TERMS.values()], ids=["common", *TERMS])
def test_terms_are_sorted_and_bilingual(terms):
    english = [term.english for term in terms]
    assert english == sorted(set(english), key=str.lower)
    for term in terms:
        assert re.search(r"[\u4e00-\u9fff]", term.chinese), term
        assert term.meaning


def test_no_lesson_repeats_a_common_term():
    common = {term.english for term in COMMON}
    for terms in TERMS.values():
        assert common.isdisjoint(term.english for term in terms)


def test_table_has_a_row_for_each_term():
    assert glossary("rope_2d").rows[0][:2] == ["absolute position", "绝对位置"]
    assert len(glossary().rows) == len(COMMON)


def test_unknown_lesson_is_named():
    with pytest.raises(ValueError, match=r"room: got 'rope'; expected one of .*rope_2d"):
        glossary("rope")
