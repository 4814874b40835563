"""The claims: rules that tell right from wrong values, what records say, and measurements without training."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from made_up import runs

from sjedu.p_tuning import claims
from sjedu.p_tuning.claims import CLAIMS, bag_of_words, interval, paired_lead, scores, summary
from sjedu.p_tuning.experiment import METHODS, Config
from sjedu.p_tuning.tasks import embedded_reviews
from sjedu.records import Spread, load_records
from sjedu.records.old_claims import ClaimSheet, Verdict

RECORDS = load_records("p_tuning")
GOOD, FAIR, BAD = Verdict.REPRODUCED, Verdict.PARTLY, Verdict.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("id", "values", "verdict"),
    [
        ("C1", {"accuracy": 0.85, "control": 0.5}, GOOD),
        ("C1", {"accuracy": 0.85, "control": 0.7}, FAIR),
        ("C1", {"accuracy": 0.7, "control": 0.5}, FAIR),
        ("C1", {"accuracy": 0.55, "control": 0.5}, BAD),
        ("C2", {"spread": 0.2}, GOOD),
        ("C2", {"spread": 0.07}, FAIR),
        ("C2", {"spread": 0.01}, BAD),
        ("C3", {"p_tuning_over_pet": 3.0, "pet_over_fine_tune": 2.5}, GOOD),
        ("C3", {"p_tuning_over_pet": 3.0, "pet_over_fine_tune": -1.0}, FAIR),
        ("C3", {"p_tuning_over_pet": 3.0, "pet_over_fine_tune": -3.0}, BAD),
        ("C3", {"p_tuning_over_pet": 1.0, "pet_over_fine_tune": 1.0}, BAD),
        ("C4", {"few": 3.0, "many": 3.0}, GOOD),
        ("C4", {"few": 3.0, "many": 0.0}, FAIR),
        ("C4", {"few": 0.0, "many": 0.0}, BAD),
        ("C5", {"over_all": 2.5, "leads": [1.0, 1.0]}, GOOD),
        ("C5", {"over_all": 1.0, "leads": [2.5, -1.0]}, FAIR),
        ("C5", {"over_all": 1.0, "leads": [2.5, -3.0]}, BAD),
        ("C5", {"over_all": 1.0, "leads": [1.0, 1.0]}, BAD),
        ("C6", {"best": 3.0, "default": 0.0}, GOOD),
        ("C6", {"best": 0.0, "default": 3.0}, FAIR),
        ("C6", {"best": 0.0, "default": 0.0}, BAD),
        ("C7", {"gap": 0.0, "prefix": 3.0}, GOOD),
        ("C7", {"gap": -0.1, "prefix": 3.0}, FAIR),
        ("C7", {"gap": 0.1, "prefix": 0.0}, FAIR),
        ("C7", {"gap": -0.1, "prefix": 0.0}, BAD),
        ("C8", {"few": 3.0, "many": 3.0}, GOOD),
        ("C8", {"few": 0.0, "many": 3.0}, FAIR),
        ("C8", {"few": 0.0, "many": 0.0}, BAD),
        ("C9", {"error": 1e-16, "moved": 0, "decayed": 5}, GOOD),
        ("C9", {"error": 1e-6, "moved": 0, "decayed": 5}, BAD),
        ("C9", {"error": 1e-16, "moved": 1, "decayed": 5}, BAD),
        ("C9", {"error": 1e-16, "moved": 0, "decayed": 0}, BAD),
        ("C10", {"widest": 4.0}, GOOD),
        ("C10", {"widest": 1.0}, BAD),
    ],
)
def test_each_rule_tells_right_from_wrong_values(id, values, verdict):
    assert ClaimSheet("p_tuning", CLAIMS).measure(id, text="", **values).verdict == verdict


def test_claims_are_complete():
    assert [claim.id for claim in CLAIMS] == [f"C{n}" for n in range(1, 11)]
    for claim in CLAIMS:
        assert claim.statement.endswith(".")
        assert "eproduced" in claim.rule
        assert claim.source


def test_the_stopped_gradient_is_exact_and_decay_is_not():
    measured = claims.exactness()
    assert ClaimSheet("p_tuning", CLAIMS).measure("C9", **measured).verdict == GOOD
    assert measured["decayed"] == 46


# ---------------------------------------------------------------- records


@pytest.mark.parametrize(
    ("id", "measure", "verdict"),
    [
        ("C1", claims.zero_shot, GOOD),
        ("C2", claims.template_spread, GOOD),
        ("C3", claims.ordering, GOOD),
        ("C4", claims.regimes, FAIR),
        ("C5", claims.auxiliary_objective, GOOD),
        ("C6", claims.convergence, FAIR),
        ("C7", claims.causal_models, GOOD),
        ("C8", claims.target_words, FAIR),
        ("C10", claims.starts, GOOD),
    ],
)
def test_measurements_read_records_made_to_a_verdict(id, measure, verdict):
    measured = measure(runs())
    assert measured["text"]
    assert ClaimSheet("p_tuning", CLAIMS).measure(id, **measured).verdict == verdict


def test_a_score_is_one_runs():
    found = runs()
    assert scores(found, "pet", 16).mean == pytest.approx(0.72, abs=0.02)
    with pytest.raises(ValueError, match="got 0; expected one"):
        scores(found, "pet", 16, study="gpu")
    with pytest.raises(ValueError, match="got 2; expected one"):
        scores([*found, *found], "pet", 16)
    with pytest.raises(ValueError, match="has 4, 16, 256; expected 8"):
        scores(found, "pet", 8)
    with pytest.raises(ValueError, match="records of 'speed'"):
        claims.convergence(found[:3])


def test_leads_are_paired():
    first, second = Spread((0.7, 0.8, 0.9)), Spread((0.69, 0.78, 0.89))
    assert paired_lead(first, second) == pytest.approx(
        0.04 / 3 / (0.01 / math.sqrt(3) / math.sqrt(3)), rel=1e-6
    )
    assert paired_lead(first, second) > 3
    assert paired_lead(first, first) == 0
    assert paired_lead(Spread((0.5, 0.75)), Spread((0.25, 0.5))) == math.inf
    with pytest.raises(ValueError, match="3 and 2 draws"):
        paired_lead(first, Spread((0.1, 0.2)))


def test_an_interval_is_wider_than_the_standard_error():
    assert interval(Spread((0.8, 0.9))) == "0.85 ± 0.64"
    assert interval(Spread((0.8,))) == "0.80"


def test_the_summary_has_a_row_a_method_in_order():
    table = summary(runs())
    names = [row[0] for row in table.rows]
    assert names == [m for m in METHODS if m in names]
    assert "p_tuning, prefix" in [row[0] for row in summary(runs(), objective="causal").rows]
    empty = summary(runs(), "gpu")
    assert not empty.rows
    assert "python -m sjedu train p_tuning --preset gpu" in str(empty)


def test_a_bag_of_words_learns_words():
    train, test = embedded_reviews(64, "bag train"), embedded_reviews(100, "bag test")
    found = np.array(bag_of_words(train.texts, train.labels.tolist(), test.texts))
    assert 0.6 < (found == test.labels.numpy()).mean() < 1


# ---------------------------------------------------------------- the recorded runs


@pytest.mark.parametrize(("objective", "count"), [("mlm", len(METHODS)), ("causal", 10)])
def test_the_recorded_study_has_every_draw(objective, count):
    found = [
        run
        for run in RECORDS
        if (run.config["study"], run.config["objective"], run.config["place"]) == ("cpu", objective, "both")
    ]
    assert len({run.config["method"] for run in found}) == len(found) == count
    for run in found:
        assert list(run.metrics["accuracy"]) == ["4", "16", "64", "256"]
        assert {len(values) for values in run.metrics["accuracy"].values()} == {Config().draws}


@pytest.mark.parametrize(
    ("id", "measure"),
    [
        ("C1", claims.zero_shot),
        ("C2", claims.template_spread),
        ("C3", claims.ordering),
        ("C4", claims.regimes),
        ("C5", claims.auxiliary_objective),
        ("C6", claims.convergence),
        ("C7", claims.causal_models),
        ("C8", claims.target_words),
        ("C10", claims.starts),
    ],
)
def test_the_recorded_runs_judge_the_claims_of_training(id, measure):
    found = ClaimSheet("p_tuning", CLAIMS).measure(id, **measure(RECORDS))
    stored = json.loads(Path(claims.__file__).with_name("claims.json").read_text(encoding="utf-8"))["claims"]
    verdicts = {claim["id"]: claim["verdict"] for claim in stored}
    assert found.verdict.value == verdicts[id]
    assert found.verdict == GOOD or found.why, "a claim that was not reproduced needs a reason"
