"""The claims: rules that tell right from wrong values, exact measurements, and the recorded runs."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from made_up_records import made_up

from sjedu.records import load_records
from sjedu.records.old_claims import ClaimSheet, Verdict
from sjedu.rope_2d import claims
from sjedu.rope_2d.claims import CLAIMS, shift_error, summary
from sjedu.rope_2d.experiment import PRESETS, Config
from sjedu.rope_2d.vision import ENCODINGS

GOOD, FAIR, BAD = Verdict.REPRODUCED, Verdict.PARTLY, Verdict.NOT_REPRODUCED

# ---------------------------------------------------------------- rules


@pytest.mark.parametrize(
    ("id", "values", "verdict"),
    [
        ("C1", {"error": 1e-12, "rounding": 1e-11}, GOOD),
        ("C1", {"error": 1e-10, "rounding": 1e-11}, BAD),
        ("C2", {"ratio": 0.995, "two_sided": 1e-14}, GOOD),
        ("C2", {"ratio": 0.98, "two_sided": 1e-14}, BAD),
        ("C2", {"ratio": 1.0, "two_sided": 1e-3}, BAD),
        ("C3", {"line": 0.0, "block_nearby": 1.0, "block_everywhere": 0.1}, GOOD),
        ("C3", {"line": 0.0, "block_nearby": 1.0, "block_everywhere": 0.0}, FAIR),
        ("C3", {"line": 0.1, "block_nearby": 1.0, "block_everywhere": 0.1}, BAD),
        ("C4", {"error": 1e-13}, GOOD),
        ("C4", {"error": 1e-6}, BAD),
        ("C5", {"flattened_right": 0.9, "flattened_down": 0.2, "axial_right": 0.9, "axial_down": 0.9}, GOOD),
        ("C5", {"flattened_right": 0.9, "flattened_down": 0.9, "axial_right": 0.9, "axial_down": 0.9}, BAD),
        ("C5", {"flattened_right": 0.9, "flattened_down": 0.2, "axial_right": 0.9, "axial_down": 0.8}, BAD),
        ("C6", {"vertical": 0.13, "horizontal": 0.99, "rows": 0.99}, GOOD),
        ("C6", {"vertical": 0.13, "horizontal": 0.60, "rows": 0.99}, FAIR),
        ("C6", {"vertical": 0.13, "horizontal": 0.99, "rows": 0.60}, FAIR),
        ("C6", {"vertical": 0.50, "horizontal": 0.99, "rows": 0.99}, BAD),
        ("C7", {"rope_change": 0.0, "sincos_change": 0.5}, GOOD),
        ("C7", {"rope_change": 0.0, "sincos_change": 0.0}, FAIR),
        ("C7", {"rope_change": 0.1, "sincos_change": 0.5}, BAD),
        ("C8", {"leads": {"none": 9.0, "sincos": 2.1}}, GOOD),
        ("C8", {"leads": {"none": 9.0, "sincos": -1.0}}, FAIR),
        ("C8", {"leads": {"none": 9.0, "sincos": -3.0}}, BAD),
        ("C9", {"rope_lead": 3.0, "mixed_lead": 3.0}, GOOD),
        ("C9", {"rope_lead": 3.0, "mixed_lead": 0.0}, FAIR),
        ("C9", {"rope_lead": 0.0, "mixed_lead": 3.0}, FAIR),
        ("C9", {"rope_lead": 0.0, "mixed_lead": 0.0}, BAD),
        ("C10", {"axial_axis": 0.6, "axial_diagonal": 0.3, "mixed_axis": 0.4, "mixed_diagonal": 0.4}, GOOD),
        ("C10", {"axial_axis": 0.4, "axial_diagonal": 0.3, "mixed_axis": 0.4, "mixed_diagonal": 0.4}, BAD),
        ("C10", {"axial_axis": 0.6, "axial_diagonal": 0.3, "mixed_axis": 0.4, "mixed_diagonal": 0.3}, BAD),
    ],
)
def test_each_rule_tells_right_from_wrong_values(id, values, verdict):
    assert ClaimSheet("rope_2d", CLAIMS).measure(id, text="", **values).verdict == verdict


def test_claims_are_complete():
    assert [claim.id for claim in CLAIMS] == [f"C{n}" for n in range(1, 11)]
    for claim in CLAIMS:
        assert claim.statement.endswith(".")
        assert "eproduced if" in claim.rule
        assert claim.source


# ---------------------------------------------------------------- exact measurements


@pytest.mark.parametrize(
    ("id", "measure", "verdict"),
    [
        ("C1", claims.relativity, GOOD),
        ("C2", claims.quaternion_failure, GOOD),
        ("C3", claims.reversibility, FAIR),
        ("C4", claims.classification, GOOD),
        ("C5", claims.flattening, GOOD),
        ("C10", claims.decay, GOOD),
    ],
)
def test_what_needs_no_training_gives_its_verdict(id, measure, verdict):
    measured = measure()
    assert ClaimSheet("rope_2d", CLAIMS).measure(id, **measured).verdict == verdict
    assert measured["text"]


@pytest.mark.parametrize(
    ("reach", "dtype", "least", "most"),
    [
        # An angle near `reach` is rounded by reach · eps / 2, which moves a logit, a sum of 64 products of
        # normal numbers, by about reach · eps · 8; over 65,536 logits the largest is within a factor of ten.
        (16, torch.float64, 1e-15, 3e-13),
        (1024, torch.float64, 1e-13, 2e-11),
        (1024, torch.float32, 5e-5, 1e-2),
        # In bf16 an angle at 768 is rounded to a multiple of 4: nothing is left of the logits.
        (1024, torch.bfloat16, 5, 100),
    ],
)
def test_the_error_of_a_shift_grows_with_distance_and_falls_with_precision(reach, dtype, least, most):
    assert least < shift_error(reach, dtype) < most


def test_the_mean_logit_of_the_axial_form_is_half_a_sum():
    measured = claims.decay(at=0.0)
    assert [measured[key] for key in ("axial_axis", "mixed_diagonal")] == pytest.approx([1, 1])
    far = claims.decay(at=16.0)
    # Along an axis the other axis' half stays 1: K = (κ(16) + 1)/2, on the diagonal κ(16/√2).
    theta = 100.0 ** (-np.arange(16) / 16)
    assert far["axial_axis"] == pytest.approx((np.cos(16 * theta).mean() + 1) / 2)
    assert far["axial_diagonal"] == pytest.approx(np.cos(16 / np.sqrt(2) * theta).mean())


# ---------------------------------------------------------------- runs


def record(study, encoding, seed, **metrics):
    config = {"study": study, "encoding": encoding}
    shown = {name.replace("_", " "): value for name, value in metrics.items()}
    return made_up(f"{study}-{encoding}-{seed}", config, shown, seed=seed)


def test_a_summary_has_a_row_for_each_encoding():
    runs = [record("cpu", "none", seed, **{"6x6": 0.5}) for seed in (0, 1)]
    runs += [record("cpu", "sincos", seed, **{"6x6": 0.5, "8x8": 0.25}) for seed in (0, 1)]
    table = summary(runs, "cpu")
    assert table.header == ["encoding", "6x6", "8x8"]
    assert table.rows == [["none", "0.500 ± 0.000", "—"], ["sincos", "0.500 ± 0.000", "0.250 ± 0.000"]]
    assert "4 runs on cpu (1 thread)" in str(table)
    assert summary(runs, "cpu", ["8x8"]).rows == [["none", "—"], ["sincos", "0.250 ± 0.000"]]


def test_flattened_rope_is_what_a_change_of_width_is_judged_by():
    flat = {"8x10_vertical": 0.12, "8x10_horizontal": 0.99, "10x8": 0.98}
    fine = dict.fromkeys(flat, 1.0)
    runs = [record("symbols", "rope_flat", s, **flat) for s in (0, 1)]
    runs += [record("symbols", "rope_axial", s, **fine) for s in (0, 1)]
    measured = claims.width_change(runs)
    assert measured["text"] == "8x10: vertical 0.12, horizontal 0.99 (chance 0.12); 10x8: 0.98"
    assert (measured["vertical"], measured["horizontal"], measured["rows"]) == (0.12, 0.99, 0.98)


def test_a_translation_counts_the_worst_run_of_each_kind():
    runs = [record("cpu", "rope_flat", 0, **{"6x6": 0.9, "6x6_shifted": 0.9})]
    runs += [record("cpu", "rope_mixed", 0, **{"6x6": 0.9, "6x6_shifted": 0.89})]
    runs += [record("cpu", "sincos", s, **{"6x6": 0.9, "6x6_shifted": 0.1 + 0.5 * s}) for s in (0, 1)]
    runs += [record("cpu", "none", 0, **{"6x6": 0.9})]
    measured = claims.translation(runs)
    assert measured["rope_change"] == pytest.approx(0.01)
    assert measured["sincos_change"] == pytest.approx(0.3)


def test_the_nearest_rival_decides_and_mixed_is_none():
    levels = {"rope_axial": 0.9, "rope_mixed": 0.99, "sincos": 0.8, "rope_flat": 0.85, "none": 0.3}
    runs = [record("cpu", e, s, **{"6x6": level + 0.01 * s}) for e, level in levels.items() for s in (0, 1)]
    measured = claims.effectiveness(runs)
    assert measured["leads"].keys() == {"sincos", "rope_flat", "none"}
    # Two seeds 0.01 apart: standard error 0.005 each.
    assert measured["leads"]["rope_flat"] == pytest.approx(0.05 / (0.005 * np.sqrt(2)))
    assert "nearest rival rope_flat 0.855 ± 0.005" in measured["text"]


def test_resolution_compares_rescaled_rope_with_resized_vectors():
    runs = []
    for s in (0, 1):
        runs += [record("scale", "learned", s, **{"10x10": 0.6 + 0.02 * s})]
        for encoding, level in (("rope_axial", 0.8), ("rope_mixed", 0.7), ("sincos", 0.6)):
            runs += [record("scale", encoding, s, **{"10x10": 0.31, "10x10_rescaled": level + 0.02 * s})]
    measured = claims.resolution(runs)
    assert measured["rope_lead"] == pytest.approx(0.2 / (0.01 * np.sqrt(2)))
    assert measured["mixed_lead"] == pytest.approx(-0.1 / (0.01 * np.sqrt(2)))
    assert "axial has 0.31 and mixed 0.31" in measured["why"]
    assert "sin-cos has 0.61" in measured["why"]


# ---------------------------------------------------------------- recorded runs

RECORDS = load_records("rope_2d")
RECORDED = {"symbols": (0, 1, 2), "cpu": (0, 1, 2), "scale": (0, 1, 2)}


@pytest.mark.parametrize("study", RECORDED)
def test_every_encoding_and_seed_is_recorded(study):
    found = {(r.config["encoding"], r.seed) for r in RECORDS if r.config["study"] == study}
    assert found == {(encoding, seed) for encoding in ENCODINGS for seed in RECORDED[study]}


@pytest.mark.parametrize("run", RECORDS, ids=lambda run: run.name)
def test_a_recorded_run_can_be_repeated(run):
    fields = {name: _tuples(value) for name, value in run.config.items()}
    config = Config(**fields)
    assert config == dataclasses.replace(
        PRESETS[config.study], encoding=config.encoding, seed=config.seed, dataset=config.dataset
    )
    assert run.name == config.name
    assert run.commit
    assert not run.dirty
    assert len(json.dumps(dataclasses.asdict(run))) < 30_000


@pytest.mark.parametrize(
    ("id", "measure"),
    [
        ("C6", claims.width_change),
        ("C7", claims.translation),
        ("C8", claims.effectiveness),
        ("C9", claims.resolution),
    ],
)
def test_the_recorded_runs_judge_the_claims_of_training(id, measure):
    measured = measure(RECORDS)
    found = ClaimSheet("rope_2d", CLAIMS).measure(id, **measured)
    assert found.verdict in tuple(Verdict)
    assert found.verdict == GOOD or found.why, "a claim that was not reproduced needs a reason"


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
