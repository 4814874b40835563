"""What is read from recorded runs: accuracies over draws, tables with their baselines, and a bag of characters."""

import pytest
from made_up import runs

from sjedu.p_tuning import results
from sjedu.p_tuning.experiment import Config
from sjedu.p_tuning.methods import METHODS
from sjedu.p_tuning.results import (
    accuracies,
    accuracy_table,
    bag_accuracies,
    bag_of_characters,
    budget_curves,
)
from sjedu.p_tuning.tasks import embedded_reviews, load_task
from sjedu.records import load_runs, paired


def test_accuracies_are_those_of_one_run_draw_by_draw():
    made = runs((0.9, {"labels": 16}))
    pet = made.where(study="cpu", method="pet")
    assert accuracies(pet, 16).mean == pytest.approx(0.9)
    assert accuracies(pet, 4).seeds == ((256, 0), (256, 1), (256, 2), (256, 3), (256, 4))
    with pytest.raises(ValueError, match="method: got"):
        accuracies(made.where(study="cpu", method={"pet", "probe"}, objective="mlm"), 16)
    with pytest.raises(ValueError, match="'8'"):
        accuracies(pet, 8)


def test_draws_of_another_size_are_other_reviews():
    few, many = (load_task("embedded", labels=size, draws=1, test=20).draws[0].train for size in (16, 32))
    assert few.texts != many.first(16).texts
    prompts = load_runs("p_tuning").where(study="cpu", objective="causal", method="p_tuning")
    both, suffix = (accuracies(prompts.where(place=place), 16) for place in ("both", "suffix"))
    with pytest.raises(ValueError, match="expected the same of both"):
        paired(both, suffix)


@pytest.mark.parametrize("objective", ["mlm", "causal"])
def test_a_table_has_its_baselines_first_and_a_row_a_method_in_order(objective):
    table = accuracy_table("cpu", objective)
    names = [str(row[0]).partition(":")[0] for row in table.rows]
    assert names[:3] == ["guessing", "bag of characters", "zero_shot"]
    assert [name for name in names if name in METHODS] == [name for name in METHODS if name in names]
    assert "p_tuning, prefix" in names
    assert table.rows[1][2] == bag_accuracies(16).text(2, interval=True)
    assert table.rows[0][1:-1] == ["0.50"] * 4


def test_a_table_of_real_reviews_says_what_it_lacks():
    table = accuracy_table("real")
    assert [row[0] for row in table.rows[:2]] == ["guessing", "reviews, zero_shot: 0"]
    assert "no row for a bag of characters" in table.notes[-1]


def test_curves_have_every_number_of_labels(monkeypatch):
    monkeypatch.setattr(results, "load_runs", lambda room: runs())
    curves = budget_curves("mlm")
    assert list(curves) == list(METHODS)
    assert all(list(curve) == [4, 16, 64, 256] for curve in curves.values())
    assert list(budget_curves("causal")) == ["zero_shot", "p_tuning"]


def test_a_bag_of_characters_learns_words():
    train, test = embedded_reviews(64, "bag train"), embedded_reviews(100, "bag test")
    assert 0.6 < bag_of_characters(train, test) < 1


def test_a_bag_of_characters_learns_from_the_draws_of_the_runs():
    task = load_task("embedded", labels=16, draws=2)
    expected = [bag_of_characters(draw.train, task.test) for draw in task.draws]
    assert bag_accuracies(16, most=16, draws=2).values == tuple(expected)
    assert bag_accuracies(16).mean < bag_accuracies(256).mean


@pytest.mark.parametrize(("objective", "count"), [("mlm", len(METHODS)), ("causal", 10)])
def test_the_recorded_study_has_every_draw(objective, count):
    recorded = load_runs("p_tuning").where(study="cpu", objective=objective, place="both")
    assert len(recorded.by("method")) == len(recorded) == count
    for run in recorded:
        assert list(run.metrics["accuracy"]) == ["4", "16", "64", "256"]
        assert {len(values) for values in run.metrics["accuracy"].values()} == {Config().draws}
