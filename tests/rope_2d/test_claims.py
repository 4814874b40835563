"""What lesson 3 proves and claims: checks that refute wrong theorems, rules on made-up runs, the recorded runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_up_records import made_up

from sjedu.records import Claim, Refuted, Verdict, ledger, load_runs
from sjedu.records.runs import Runs
from sjedu.rope_2d import claims, quaternion, theory
from sjedu.rope_2d.claims import CLAIMS, THEOREMS, shift_error
from sjedu.rope_2d.vision import ENCODINGS

GOOD, FAIR, BAD, UNTESTED = Verdict

# ---------------------------------------------------------------- theorems


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda theorem: theorem.id)
def test_every_theorem_holds(theorem):
    assert theorem.check().text.endswith(".")


def scaled(function, factor):
    return lambda *arguments, **options: factor * function(*arguments, **options)


def squared(p, generators):
    """Rotations by the square of a coordinate, which are orthogonal and not relative."""
    return theory.exponential(p[0] ** 2 * generators[0])


@pytest.mark.parametrize(
    ("check", "module", "name", "wrong"),
    [
        (claims.relativity, claims, "shift_error", lambda *a: 1e-10),
        (claims.quaternions_fail, quaternion, "one_sided_rotation", quaternion.two_sided_rotation),
        (
            claims.quaternion_failure,
            quaternion,
            "predicted_failure",
            scaled(quaternion.predicted_failure, 1.02),
        ),
        (claims.quaternion_failure, quaternion, "two_sided_rotation", quaternion.one_sided_rotation),
        (claims.smallest_size, theory, "commutator", lambda A, B: A - A),
        (claims.reversibility, claims, "distance", lambda *a: 0.1),
        (claims.sufficiency, theory, "representation", squared),
        (claims.flattening, theory, "flattened", lambda dim, width: theory.axial(dim)),
        (claims.flattening, theory, "axial", lambda dim: theory.flattened(dim, 8)),
        (claims.decay, theory, "mixed", lambda dim, base, angle: theory.axial(dim, base)),
    ],
)
def test_a_wrong_formula_is_refuted(monkeypatch, check, module, name, wrong):
    monkeypatch.setattr(module, name, wrong)
    with pytest.raises(Refuted):
        check()


def test_a_wrong_list_of_frequencies_is_refuted(monkeypatch):
    right = theory.joint_blocks

    def wrong(B1, B2):
        blocks = right(B1, B2)
        return type(blocks)(blocks.basis, blocks.frequencies + 1e-6)

    monkeypatch.setattr(theory, "joint_blocks", wrong)
    with pytest.raises(Refuted, match="rebuilt from their blocks"):
        claims.classification()


def test_a_model_that_sees_absolute_places_is_refuted(monkeypatch):
    class Absolute(claims.GridTransformer):
        def __init__(self, *arguments, encoding, **options):
            super().__init__(*arguments, encoding="sincos", **options)

    monkeypatch.setattr(claims, "GridTransformer", Absolute)
    with pytest.raises(Refuted, match="changes the outputs"):
        claims.translation()


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


def test_the_mean_logit_falls_in_a_cross():
    theta = 100.0 ** (-np.arange(16) / 16)
    # Along an axis the other axis' half stays 1: K = (κ(16) + 1)/2, on the diagonal κ(16/√2).
    axis, diagonal = (np.cos(16 * theta).mean() + 1) / 2, np.cos(16 / np.sqrt(2) * theta).mean()
    assert f"on the diagonal: {axis:.2f} and {diagonal:.2f} in one head" in claims.decay().text
    assert "1.00 and 1.00 in one head" not in claims.decay(16.0).text


# ---------------------------------------------------------------- rules, on made-up runs


def judged(monkeypatch, id, levels, study, seeds=10, noise=0.01):
    """The judgement of a claim by runs with these mean metrics for each encoding, and a little noise over seeds."""
    shape = {"layers": 2, "dim": 48, "steps": 400}
    rng = np.random.default_rng(0)
    runs = [
        made_up(
            f"{encoding}-{seed}",
            {"study": study, "encoding": encoding, "seed": seed} | shape,
            {metric: level + noise * rng.normal() for metric, level in metrics.items()},
            seed=seed,
        )
        for encoding, metrics in levels.items()
        for seed in range(seeds)
    ]
    monkeypatch.setattr(claims, "load_runs", lambda room: Runs(room, tuple(runs)))
    return claim(id).judge()


def claim(id) -> Claim:
    return next(each for each in CLAIMS if each.id == id)


@pytest.mark.parametrize(
    ("vertical", "horizontal", "rows", "verdict"),
    [
        (0.13, 0.99, 0.99, GOOD),
        (0.16, 0.97, 0.97, GOOD),
        (0.13, 0.60, 0.99, FAIR),
        (0.13, 0.99, 0.60, FAIR),
        (0.13, 0.94, 0.99, FAIR),
        (0.18, 0.99, 0.99, FAIR),
        (0.50, 0.60, 0.99, BAD),
    ],
)
def test_a_change_of_width(monkeypatch, vertical, horizontal, rows, verdict):
    flat = {"8x8": 0.99, "8x10 vertical": vertical, "8x10 horizontal": horizontal, "10x8": rows}
    others = {"rope_axial": dict.fromkeys(flat, 0.5)}
    judgement = judged(monkeypatch, "C6", {"rope_flat": flat} | others, "symbols")
    assert judgement.verdict == verdict
    assert f"vertical {vertical:.2f}"[:-1] in judgement.evidence.text


def test_a_model_that_learnt_nothing_tests_nothing(monkeypatch):
    flat = {"8x8": 0.125, "8x10 vertical": 0.125, "8x10 horizontal": 0.99, "10x8": 0.99}
    judgement = judged(monkeypatch, "C6", {"rope_flat": flat}, "symbols")
    assert judgement.verdict == UNTESTED
    assert judgement.why.startswith("Flattened RoPE on the grid of the training does not beat guessing")


@pytest.mark.parametrize(
    ("axial", "learned", "sincos", "flat", "none", "verdict"),
    [
        (0.90, 0.70, 0.80, 0.85, 0.6, GOOD),
        (0.90, 0.70, 0.80, 0.90, 0.6, BAD),
        (0.90, 0.70, 0.95, 0.80, 0.6, BAD),
        (0.90, 0.70, 0.80, 0.85, 0.9, UNTESTED),
        (0.99, 0.70, 0.80, 0.85, 0.6, UNTESTED),
    ],
)
def test_better_than_the_others(monkeypatch, axial, learned, sincos, flat, none, verdict):
    levels = {"rope_axial": axial, "learned": learned, "sincos": sincos, "rope_flat": flat, "none": none}
    # Mixed frequencies are a two-dimensional RoPE too, so no rival.
    levels |= {"rope_mixed": 0.97}
    judgement = judged(monkeypatch, "C8", {name: {"6x6": level} for name, level in levels.items()}, "cpu")
    assert judgement.verdict == verdict
    if verdict == BAD:
        assert ("over flattened RoPE no" in judgement.why) == (flat == 0.90)
        assert ("over sin-cos no" in judgement.why) == (sincos == 0.95)


def test_three_seeds_of_short_runs_are_too_few(monkeypatch):
    levels = {"rope_axial": 0.9, "learned": 0.7, "sincos": 0.8, "rope_flat": 0.85, "none": 0.6}
    runs = {name: {"6x6": level} for name, level in levels.items()}
    assert judged(monkeypatch, "C8", runs, "cpu", seeds=3).verdict == UNTESTED


def test_a_higher_resolution_is_another_setting_than_the_paper_s(monkeypatch):
    rescaled = {"rope_axial": 0.8, "rope_mixed": 0.7}
    levels = {name: {"10x10": 0.31, "10x10 rescaled": level} for name, level in rescaled.items()}
    levels |= {"learned": {"10x10": 0.6}, "sincos": {"10x10": 0.2, "10x10 rescaled": 0.61}}
    judgement = judged(monkeypatch, "C9", levels, "scale")
    assert judgement.verdict == UNTESTED
    assert "ImageNet" in judgement.why
    assert judgement.held == {"axial over learned": True, "mixed over axial": False}


# ---------------------------------------------------------------- recorded runs

RUNS = load_runs("rope_2d")


@pytest.mark.parametrize("study", ["symbols", "cpu", "scale"])
def test_every_encoding_and_seed_is_recorded(study):
    recorded = {(run.config["encoding"], run.seed) for run in RUNS.where(study=study)}
    assert recorded == {(encoding, seed) for encoding in ENCODINGS for seed in (0, 1, 2)}


def test_a_shift_changes_no_recorded_accuracy_with_rope_and_every_one_with_sines():
    runs = RUNS.where(study="cpu")

    def changes(**fields):
        return [abs(run.metrics["6x6 shifted"] - run.metrics["6x6"]) for run in runs.where(**fields)]

    assert max(changes(encoding={"rope_flat", "rope_axial", "rope_mixed"})) <= 0.002
    assert min(changes(encoding="sincos")) >= 0.1


def test_the_recorded_runs_judge_every_claim():
    assert ledger("rope_2d").counts()["proved"] == len(THEOREMS)
    assert all(ledger("rope_2d")[each.id].verdict in tuple(Verdict) for each in CLAIMS)
