"""Retrieval on the grammar, and what it says of samples; the measures themselves are in tests/measures."""

import pytest
import torch
from tiny_sim import make_sim

from sjedu.data.text import all_questions, grade, level_of, parse_question, parse_statement
from sjedu.roformer_sim import Candidate
from sjedu.roformer_sim.evaluation import (
    Retrieval,
    Written,
    character_overlap,
    cosines,
    generation_measures,
    graded_questions,
    meaning_of,
    question_retrieval,
    reranking_measures,
    statement_retrieval,
    write,
)


@pytest.mark.parametrize("level", ["combination", "entity", "intent"])
def test_queries_are_new_wordings_of_held_out_meanings(level):
    task = question_retrieval(level)
    assert len(task.corpus) == 2 * len(all_questions()) == 800
    assert set(task.relevant.sum(dim=1).tolist()) == {2}
    for query, row in zip(task.queries, task.relevant, strict=True):
        meaning = parse_question(query)
        assert level_of(meaning) == level
        assert query not in task.corpus
        for place in row.nonzero()[:, 0].tolist():
            assert parse_question(task.corpus[place]) == meaning


def test_statements_are_retrieved_among_statements():
    task = statement_retrieval()
    assert len(task.corpus) == 520
    for query, row in zip(task.queries, task.relevant, strict=True):
        assert {parse_statement(task.corpus[i]) for i in row.nonzero()[:, 0].tolist()} == {
            parse_statement(query)
        }


def test_graded_pairs_have_their_grades():
    pairs = graded_questions("combination", 80)
    assert sorted(set(pairs.grades)) == [0, 1, 2, 3]
    for a, b, value in zip(pairs.first, pairs.second, pairs.grades, strict=True):
        assert grade(parse_question(a), parse_question(b)) == value
    assert set(graded_questions("intent", 80).grades) == {0, 1, 2, 3}
    assert -1 <= pairs.measure(make_sim()) <= 1
    assert pairs.baseline() > 0.2


def test_a_perfect_and_a_blind_scorer():
    task = question_retrieval("combination")
    perfect = task.measure(lambda queries, corpus: task.relevant.float())
    assert perfect == {"accuracy": 1.0, "mrr": 1.0}
    blind = task.measure(lambda queries, corpus: torch.zeros(len(queries), len(corpus)))
    assert blind["accuracy"] == pytest.approx(2 / 800)


def test_scorers_score_every_pair():
    task = Retrieval(("北京会下雨吗",), ("去北京要带伞吗", "微信收费吗"), torch.tensor([[True, False]]))
    for scorer in (cosines(make_sim()), character_overlap):
        assert scorer(task.queries, task.corpus).shape == (1, 2)
    assert task.measure(character_overlap)["accuracy"] == 1


# ---------------------------------------------------------------- generation


def test_meanings_are_read_from_both_grammars():
    assert meaning_of("请问北京会下雨吗？") == parse_question("北京会下雨吗")
    assert meaning_of("我喜欢北京") == parse_statement("我喜欢北京")
    assert meaning_of("北北京") is None


def test_generation_measures_by_hand():
    source = "北京会下雨吗"
    texts = [source, "去北京要带伞吗", "去北京要带伞吗", "上海会下雨吗", "胡说"]
    written = Written(source, parse_question(source), tuple(Candidate(text, 0.0) for text in texts))
    assert generation_measures([written]) == pytest.approx(
        {"valid": 0.8, "same": 0.6, "new": 0.4, "copy": 0.2, "distinct": 0.8}
    )
    found = reranking_measures(make_sim(), [written])
    assert found["fresh"] == pytest.approx(1 / 3)  # the other wording, another city, and no sentence
    assert found["ranked"] in (0.0, 1.0)


def test_samples_are_written_for_meanings():
    meanings = all_questions("entity")[:5]
    written = write(make_sim(loud=0.3), meanings, 2, batch_size=2)
    assert [each.meaning for each in written] == meanings
    assert all(parse_question(each.source) == each.meaning for each in written)
    assert all(len(each.candidates) == 2 for each in written)
    assert written == write(make_sim(loud=0.3), meanings, 2, batch_size=2)


def test_nothing_written_is_refused():
    with pytest.raises(ValueError, match="got no samples"):
        generation_measures([])
    with pytest.raises(ValueError, match="got no source with a fresh sample"):
        reranking_measures(make_sim(), [])
