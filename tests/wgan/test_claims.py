"""The claims: each rule can say yes and no, and each measurement gives what its rule reads."""

from __future__ import annotations

import dataclasses

import pytest

from sjedu.records import load_records
from sjedu.records.old_claims import ClaimSheet, Verdict
from sjedu.wgan import claims

RULES = {claim.id: claim.judge for claim in claims.CLAIMS}
YES, PARTLY, NO = Verdict.REPRODUCED, Verdict.PARTLY, Verdict.NOT_REPRODUCED


def static(**gp):
    others = dict.fromkeys(claims.PENALISED, 0.3)
    return {
        "ratios": {
            pair: {**others, "c_transform": 0.95, "gp:10": gp.get(pair, 0.5)}
            for pair in ("ring", *claims.DIGITS)
        }
    }


def training(ratios=(0.3,), correlations=(-0.1,), follows=(0.99,)):
    return {
        "transform_ratios": (0.95,),
        "transform_correlations": follows,
        "penalty_ratios": ratios,
        "penalty_correlations": correlations,
    }


def population(penalty, transform):
    return {"penalty": penalty, "transform": transform}


@pytest.mark.parametrize(
    ("id", "values", "verdict"),
    [
        ("C1", static(), YES),
        ("C1", static(ring=0.93), PARTLY),
        ("C1", static(digits_noise=0.93), NO),
        ("C2", training(), YES),
        ("C2", training(correlations=(0.3,)), PARTLY),
        ("C2", training(follows=(0.5,)), NO),
        ("C3", {"leads": {"frechet": 5, "recall": 5, "mid-grey": 5}}, YES),
        ("C3", {"leads": {"frechet": 5, "recall": 5, "mid-grey": 1}}, PARTLY),
        ("C3", {"leads": {"frechet": -5, "recall": 5, "mid-grey": 5}}, NO),
        ("C4", {"real": 2, "mean": 1.9, "centroids": 1.5}, YES),
        ("C4", {"real": 2, "mean": 2.1, "centroids": 1.5}, PARTLY),
        ("C4", {"real": 2, "mean": 2.1, "centroids": 2.5}, NO),
        ("C5", {"stranger": 0.6, "blur": 1.0}, YES),
        ("C5", {"stranger": 0.4, "blur": 1.0}, PARTLY),
        ("C5", {"stranger": 0.4, "blur": 0.0}, NO),
        ("C6", {"transform": [(1.2, 1.1)], "penalty": [(1.5, 1.7)]}, YES),
        ("C6", {"transform": [(1.2, 1.1)], "penalty": [(1.8, 1.7)]}, PARTLY),
        ("C6", {"transform": [(1.2, 1.3)], "penalty": [(1.8, 1.7)]}, NO),
        ("C7", {"untrained": [(0.0, 0.5)], "ten_steps": [(0.1, 0.5)], "final": [0.5]}, YES),
        ("C7", {"untrained": [(0.0, 0.9)], "ten_steps": [(1.2, 0.9)], "final": [0.9]}, PARTLY),
        ("C7", {"untrained": [(0.9, 0.8)], "ten_steps": [(0.1, 0.8)], "final": [0.8]}, NO),
        ("C7", {"untrained": [(0.0, 1.1)], "ten_steps": [(0.1, 1.1)], "final": [1.1]}, NO),
        ("C8", {"leads": {"a": 3.0, "b": 4.0}}, YES),
        ("C8", {"leads": {"a": 3.0, "b": -4.0}}, PARTLY),
        ("C8", {"leads": {"a": 0.0, "b": 1.0}}, NO),
        ("C9", {"leads": [3.0, 3.0], "tuned_leads": [3.0, 3.0]}, YES),
        ("C9", {"leads": [3.0, 3.0], "tuned_leads": [3.0, -9.0]}, PARTLY),
        ("C9", {"leads": [3.0, 0.0], "tuned_leads": [3.0, 3.0]}, PARTLY),
        ("C9", {"leads": [3.0, -3.0], "tuned_leads": [3.0, 3.0]}, NO),
        ("C10", {"oracle_bias": 1, "oracle_sd": 0.1, "batch_bias": 50, "theta": 0.9}, YES),
        ("C10", {"oracle_bias": 3, "oracle_sd": 0.1, "batch_bias": 50, "theta": 0.9}, PARTLY),
        ("C10", {"oracle_bias": 1, "oracle_sd": 0.1, "batch_bias": 1, "theta": 0.9}, NO),
        ("C11", population([1.0, 0.9], [4.0, 9.0]), YES),
        ("C11", population([1.0, 0.5], [4.0, 9.0]), PARTLY),
        ("C11", population([0.3], [1.1]), NO),
        ("C12", {"zero": {"a": 0.9, "b": 0.8}}, YES),
        ("C12", {"zero": {"a": 0.9, "b": 0.7}}, NO),
    ],
)
def test_rules_judge_as_they_say(id, values, verdict):
    assert RULES[id](values) is verdict


def test_every_claim_is_measured_from_what_is_recorded():
    records = load_records("wgan")
    sheet = ClaimSheet("wgan", claims.CLAIMS)
    stars = {(16, 10): 0.45}
    for id, measured in {
        "C1": claims.static(records),
        "C2": claims.training(records),
        "C3": claims.worse(records, 0.23),
        "C4": claims.batches(records, repeats=2),
        "C5": claims.pixels(60),
        "C6": claims.clusters(records),
        "C7": claims.incomplete(records),
        "C8": claims.helps(records),
        "C9": claims.zero_centred(records),
        "C10": claims.biases(records, stars),
        "C11": claims.population(records),
        "C12": claims.control(records),
    }.items():
        sheet.measure(id, **measured)
    assert not sheet.missing()


def test_theta_stars_are_below_the_truth_and_rise_with_the_batch():
    stars = claims.theta_stars(share=0.2)
    assert max(stars.values()) < 1
    for d in (2, 10, 50):
        assert stars[1, d] < stars[16, d] <= stars[64, d] + 0.05
    assert stars[64, 2] > stars[64, 10] > stars[64, 50]


def test_a_correlation_may_leave_the_first_steps_out():
    record = dataclasses.replace(
        load_records("wgan")[0],
        config={"study": "digits", "loss": "wasserstein", "constraint": "spectral", "strength": 0.0},
        metrics={"correlation": 0.0},
        curves={"step": [0, 20, 40, 60], "estimate": [0.0, 3.0, 2.0, 1.0], "batch": [9.0, 1.0, 2.0, 3.0]},
    )
    since = [claims.correlations([record], "digits", step)["wasserstein + spectral"].mean for step in (0, 20)]
    assert since[0] < 0
    assert since[1] == pytest.approx(-1)
    assert claims.correlations([record], "mnist", 0) == {}


def game_record(**numbers):
    config = {"study": "ring", "loss": "hinge", "constraint": "gp", "strength": 10.0, **numbers}
    return dataclasses.replace(load_records("wgan")[0], config=config, metrics={"modes": 3})


def test_games_are_named_and_gathered_over_seeds():
    assert claims.game(game_record()) == "hinge + gp 10"
    assert claims.game(game_record(constraint="none")) == "hinge"
    assert claims.game(game_record(constraint="spectral")) == "hinge + spectral"
    games = [game_record(), game_record(), game_record(constraint="none")]
    found = claims.spreads(games, "ring", "modes", seeds=1)
    assert {name: len(spread.values) for name, spread in found.items()} == {"hinge": 1, "hinge + gp 10": 2}


def test_what_is_not_recorded_is_said():
    assert "No gpu run is recorded yet" in repr(claims.summary([], "gpu", ("frechet",)))
    with pytest.raises(ValueError, match="records of 'ring' with 'modes': got none"):
        claims.spreads([], "ring", "modes")
    with pytest.raises(ValueError, match="'pair': 'ring'"):
        claims.static_records([], "ring")
