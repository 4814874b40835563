"""Mined pairs: likeness of characters, contexts, thresholds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjedu.roformer_sim import jaccard, jaccard_matrix, mine_answers, mine_passage
from sjedu.roformer_sim.mining import sentences

TEXT = st.text(alphabet="北京上海下雨吗a", min_size=1, max_size=8)


@given(TEXT, TEXT)
def test_likeness_is_symmetric_bounded_and_one_for_the_same_characters(a, b):
    assert jaccard(a, b) == jaccard(b, a)
    assert 0 <= jaccard(a, b) <= 1
    assert (jaccard(a, b) == 1) == (sorted(a) == sorted(b))


def test_likeness_by_hand():
    assert jaccard("北京，下雨！", "北京下雪") == pytest.approx(3 / 5)
    assert jaccard("好好", "好") == pytest.approx(1 / 2)  # counted as often as it occurs
    assert jaccard("北京", "上海") == 0
    assert jaccard_matrix(["AB", "c"], ["ab"]).tolist() == [[1.0], [0.0]]


def test_a_text_without_characters_is_refused():
    with pytest.raises(ValueError, match="expected a character to compare"):
        jaccard("？！", "北京")


def test_sentences_keep_their_marks():
    assert sentences("今天下雨。明天呢？\n后天！…") == ["今天下雨。", "明天呢？", "后天！"]


def test_answers_are_compared_with_each_other_and_not_with_themselves():
    answers = ["可以退货。七天之内可以退货。", "七天内可以退货的。", "找客服。"]
    found = {(pair.first, pair.second) for pair in mine_answers(answers, 0.4)}
    assert found == {("可以退货。", "七天内可以退货的。"), ("七天之内可以退货。", "七天内可以退货的。")}


def test_a_passage_is_compared_within_and_needs_more():
    passage = "北京今天下雨。今天北京有雨。我喜欢游泳。北京今天下雨。"
    found = mine_passage(passage, 0.5)
    assert {(pair.first, pair.second) for pair in found} == {
        ("北京今天下雨。", "今天北京有雨。"),
        ("今天北京有雨。", "北京今天下雨。"),
    }
    assert all(pair.similarity == pytest.approx(5 / 7) for pair in found)
    assert mine_passage(passage, 0.9) == []
    assert mine_passage("只有一句。") == []


@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_thresholds_out_of_range_are_refused(threshold):
    with pytest.raises(ValueError, match=r"threshold: got .*; expected \(0, 1\]"):
        mine_answers(["一句话", "两句话"], threshold)
