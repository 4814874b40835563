"""Preconditions: what is met, what is not, and the sentence that says so."""

from __future__ import annotations

import dataclasses

import pytest
from made_up_records import made_up

from sjedu.records import (
    Difference,
    Precondition,
    Spread,
    beats_baseline,
    converged,
    effect_resolved,
    enough_draws,
    enough_seeds,
    head_room,
    same_setting,
    welch,
)

GOOD, POOR = Spread((0.80, 0.82, 0.81, 0.83)), Spread((0.60, 0.62, 0.61, 0.60))


@pytest.mark.parametrize(
    ("method", "baseline", "lower_is_better", "met"),
    [
        (GOOD, POOR, False, True),
        (POOR, GOOD, False, False),
        (GOOD, GOOD, False, False),
        (POOR, GOOD, True, True),
        (GOOD, POOR, True, False),
        (GOOD, 0.5, False, True),
        (GOOD, 0.81, False, False),
        (GOOD, 0.9, False, False),
        (GOOD, 0.9, True, True),
        (Spread((0.5, 0.5)), 0.4, False, True),
        (Spread((0.5, 0.5)), 0.5, False, False),
    ],
)
def test_a_method_beats_a_baseline_clearly_and_in_the_right_direction(method, baseline, lower_is_better, met):
    precondition = beats_baseline("PET", method, baseline, over="guessing", lower_is_better=lower_is_better)
    assert precondition.met == met
    assert precondition.sentence.startswith("PET beats guessing: " if met else "PET does not beat guessing: ")


def test_a_baseline_is_told_with_its_figures():
    assert beats_baseline("PET", POOR, GOOD).sentence == (
        "PET does not beat the trivial baseline: 0.608 ± 0.005 against 0.815 ± 0.006."
    )
    assert beats_baseline("PET", POOR, 0.125).sentence.endswith("0.608 ± 0.005 against 0.125.")


@pytest.mark.parametrize(
    ("values", "met"),
    [
        (0.5, True),
        (0.95, True),
        (0.97, False),
        (0.14, False),
        (Spread((0.98, 0.99)), False),
        ({"before": 0.5, "after": Spread((0.9, 0.9))}, True),
        ({"before": 0.5, "after": 0.99}, False),
    ],
)
def test_head_room_is_asked_of_every_value(values, met):
    precondition = head_room("accuracy", values, floor=0.125, ceiling=1.0, margin=0.04)
    assert precondition.met == met


def test_missing_head_room_is_told():
    full = head_room("accuracy", {"of PET": 0.99, "of P-tuning": 0.5}, ceiling=1.0, margin=0.05)
    assert full.sentence == "No head-room: accuracy of PET, 0.990, is less than 0.05 below the ceiling of 1."
    low = head_room("rank correlation", 0.01, floor=0.0, margin=0.05)
    assert low.sentence == "No head-room: rank correlation, 0.0100, is less than 0.05 above the floor of 0."


def run(seed=0, seconds=10.0, losses=(), **config):
    record = made_up("run", {"study": "cpu", "seed": seed, **config}, {"loss": 0.5}, seed=seed)
    curves = {"step": list(range(len(losses))), "loss": list(losses)}
    return dataclasses.replace(record, seconds=float(seconds), curves=curves)


FLAT_AT_LAST = [1.0] * 4 + [0.5] * 6 + [0.01, 0.0] * 5
FALLING = [1.0 - 0.05 * k for k in range(20)]


@pytest.mark.parametrize(("losses", "met"), [(FLAT_AT_LAST, True), (FALLING, False), ([0.7] * 20, False)])
def test_convergence_is_a_rule_about_the_last_two_tenths(losses, met):
    precondition = converged([run(losses=losses), run(1, losses=losses)], "loss")
    assert precondition.met == met
    assert ("not converged" in precondition.sentence) != met


def test_convergence_is_judged_by_the_mean_of_the_runs():
    up = [0.1 * (k % 2) for k in range(20)]
    noisy = [[a + s * b for a, b in zip(FLAT_AT_LAST, up, strict=True)] for s in (1, -1)]
    assert converged([run(0, losses=noisy[0]), run(1, losses=noisy[1])], "loss").met


@pytest.mark.parametrize("curves", [[], [[1.0] * 9], [[1.0] * 10, [1.0] * 20]])
def test_convergence_needs_curves_of_one_length(curves):
    with pytest.raises(ValueError, match=r"curve 'loss': got .* expected as many in each run, from 10 on"):
        converged([run(k, losses=losses) for k, losses in enumerate(curves)], "loss")


@pytest.mark.parametrize(
    ("seconds", "seeds", "met"),
    [(59, 10, True), (59, 9, False), (61, 5, True), (61, 4, False), (601, 3, True), (601, 2, False)],
)
def test_short_runs_need_more_seeds(seconds, seeds, met):
    assert enough_seeds([run(seed, seconds) for seed in range(seeds)]).met == met


def test_the_configuration_that_lacks_most_seeds_speaks():
    runs = [run(seed, 30, rate=1) for seed in range(10)] + [run(seed, 300, rate=2) for seed in range(3)]
    assert enough_seeds(runs) == Precondition(
        False, "3 seeds of runs that take 5.0 minutes; at least 5 are needed."
    )
    assert enough_seeds(runs[:10]).met


def test_seeds_of_no_run_are_an_error():
    with pytest.raises(ValueError, match="runs: got none; expected at least one"):
        enough_seeds([])


def test_draws_within_a_run_count_like_seeds():
    assert enough_draws(9, 12, "draws") == Precondition(
        False, "9 draws of runs that take 12 seconds; at least 10 are needed."
    )


def test_an_interval_wider_than_the_effect_says_nothing():
    gap: Difference = welch(GOOD, Spread((0.7, 0.9, 0.8, 0.85)))
    assert not effect_resolved("PET over fine-tuning", gap, 0.005).met
    assert effect_resolved("PET over fine-tuning", gap, 0.5).met
    assert "and the effect to be seen is 0.0050" in effect_resolved("PET", gap, 0.005).sentence


def test_the_author_says_whether_the_setting_is_the_same():
    assert same_setting(False, "Digits are no photographs.") == Precondition(
        False, "Digits are no photographs."
    )


def test_a_precondition_says_something():
    with pytest.raises(ValueError, match="sentence: got ''; expected what was seen"):
        Precondition(True, " ")
