"""Figures and tables of the recorded runs."""

import pytest
from made_up_records import made_up

from sjedu.records import load_runs
from sjedu.roformer_sim import results


def test_the_baseline_is_between_nothing_and_everything():
    reached = results.baselines()
    assert 0.05 < reached["intent accuracy"] < 1
    assert reached["combination spearman"] > 0


def test_a_run_s_start_and_teacher_may_vary_with_its_seed_only():
    spread = results.over_seeds("distil", "entity accuracy")
    assert spread.seeds == (0, 1, 2)
    runs = load_runs("roformer_sim").where(study="distil")
    assert spread.values == tuple(run.metrics["entity accuracy"] for run in runs)
    with pytest.raises(ValueError, match="start"):
        runs["entity accuracy"]


def test_figures_of_a_run_by_hand():
    shares = {"combination accuracy": 0.2, "entity accuracy": 0.3, "intent accuracy": 0.7}
    run = made_up("a", {"distillation": 100.0}, {**shares, "combination same": 0.1, "statements same": 0.5})
    run.curves.update(step=[0, 1, 2, 3, 4], contrast=[9.0, 9.0, 0.1, 0.2, 0.3])
    run.curves.update(distillation=[9.0, 9.0, 9.0, 9.0, 4.0])
    assert results.questions_found(run) == pytest.approx(0.4)
    assert results.meaning_kept(run) == pytest.approx(0.3)
    assert results.in_batch_loss(run) == pytest.approx(0.2)
    assert results.cosine_gap(run) == pytest.approx(0.2)


def test_a_table_of_studies_begins_with_the_characters():
    table = results.study_table(["distil", "cpu"], ["entity accuracy", "statements same"])
    assert [row[0] for row in table.rows] == [results.CHARACTERS, "distil", "cpu"]
    assert table.rows[0][1:] == [f"{results.baselines()['entity accuracy']:.3f}", "—", "—"]
    assert table.rows[1][1] == str(results.over_seeds("distil", "entity accuracy"))
    with pytest.raises(ValueError, match="study: got 'gpu'"):
        results.study_table(["gpu"], ["entity accuracy"])


def test_the_teachers_stand_side_by_side():
    table = results.teacher_table()
    assert table.rows[0][0] == results.CHARACTERS
    assert table.rows[1][3:] == [
        str(results.over_seeds(s, results.questions_found)) for s in ("simbert", "teacher")
    ]
    assert table.rows[4][4] == str(results.over_seeds("distil_large", results.meaning_kept))
    assert table.rows[6][3] == table.rows[9][3] == "—"  # nobody distilled from the small teacher for as long
    assert len(table.rows) == 2 + 3 * 4


def test_every_set_of_pairs_begins_with_the_characters():
    rows = results.pairs_table().rows
    assert [row[1] for row in rows] == [results.CHARACTERS, "cls", "mean", "first_last"] * 3
    assert rows[8][:3] == ["sts_b", results.CHARACTERS, "0.592"]
    assert rows[9][3] == str(load_runs("roformer_sim").where(study="real")["sts_b cls whitened"])


def test_the_articles_table_says_what_the_lesson_says_of_it():
    """Whitening lowers ATEC everywhere; on STS-B it lowers RoFormer-Sim, and 256 of its directions raise all."""
    for row in results.ARTICLE_TABLE.values():
        plain, white, kept = row["ATEC"]
        assert max(white, kept) < plain
        assert row["STS-B"][2] > row["STS-B"][0]
    assert results.ARTICLE_TABLE["V2-P1"]["STS-B"][1] < results.ARTICLE_TABLE["V2-P1"]["STS-B"][0]
    assert results.article_table().rows[1][:2] == ["V2-P1", "39.5 / 25.3 / 31.1"]
