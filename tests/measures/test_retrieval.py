"""Retrieval by hand, and what a broken model is worth: no more than guessing."""

import inspect

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sjedu.measures import accuracy_at_1, mean_reciprocal_rank, recall_at

MEASURES = {
    "accuracy at 1": accuracy_at_1,
    "mean reciprocal rank": mean_reciprocal_rank,
    "recall at 2": lambda scores, relevant: recall_at(scores, 2),
}


def test_accuracy_and_rank_by_hand():
    scores = torch.tensor([[0.9, 0.1, 0.5], [0.2, 0.9, 0.5], [0.3, 0.3, 0.3]])
    relevant = torch.tensor([[True, False, False], [False, False, True], [True, False, False]])
    assert accuracy_at_1(scores, relevant) == pytest.approx((1 + 0 + 1 / 3) / 3)
    assert mean_reciprocal_rank(scores, relevant) == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)


def test_recall_by_hand():
    scores = torch.tensor([[0.9, 0.1, 0.5], [0.2, 0.1, 0.5], [0.3, 0.3, 0.3]])
    assert recall_at(scores, 1) == pytest.approx((1 + 0 + 1 / 3) / 3)
    assert recall_at(scores, 2) == pytest.approx((1 + 0 + 2 / 3) / 3)
    assert recall_at(scores, 3) == recall_at(scores, 7) == 1


@given(st.integers(2, 40), st.integers(1, 50))
def test_a_constant_model_is_worth_what_guessing_is_worth(n, k):
    scores, relevant = torch.full((n, n), 0.7), torch.eye(n, dtype=torch.bool)
    assert recall_at(scores, k) == pytest.approx(min(1, k / n), rel=1e-6)
    assert accuracy_at_1(scores, relevant) == pytest.approx(1 / n, rel=1e-6)
    assert mean_reciprocal_rank(scores, relevant) == pytest.approx(2 / (n + 1), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_a_tie_counts_as_chance_breaks_it(seed):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randint(3, (6, 6), generator=generator).double()
    draws = scores + 0.1 * torch.rand(500, 6, 6, generator=generator, dtype=torch.float64)
    relevant = torch.eye(6, dtype=torch.bool)
    for k in (1, 3):
        assert recall_at(scores, k) == pytest.approx(
            sum(recall_at(draw, k) for draw in draws) / 500, abs=0.05
        )
    mean = sum(accuracy_at_1(draw, relevant) for draw in draws) / 500
    assert accuracy_at_1(scores, relevant) == pytest.approx(mean, abs=0.05)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_model_that_says_nan_is_refused(name, wrong):
    scores = torch.eye(3)
    scores[1, 2] = wrong
    with pytest.raises(ValueError, match=f"scores: got {wrong}; expected finite"):
        MEASURES[name](scores, torch.eye(3, dtype=torch.bool))


def test_a_query_without_an_answer_is_refused():
    with pytest.raises(ValueError, match="got none for query 1"):
        accuracy_at_1(torch.zeros(2, 2), torch.tensor([[True, False], [False, False]]))
    with pytest.raises(ValueError, match=r"expected \(queries, corpus\) both"):
        inspect.unwrap(mean_reciprocal_rank)(torch.zeros(2, 2), torch.ones(2, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="k: got 0; expected at least 1"):
        recall_at(torch.eye(2), 0)
