"""What lesson 6 proves and claims: checks that refute wrong theorems, rules on made-up runs, the recorded runs."""

import dataclasses

import numpy as np
import pytest
import sympy as sp
import torch
from made_up_records import made_up
from tiny_sim import make_sim, make_writer

from sjedu.records import Refuted, Verdict, ledger, load_runs
from sjedu.records.runs import Runs
from sjedu.roformer_sim import claims, results, theory
from sjedu.roformer_sim.claims import CLAIMS, THEOREMS
from sjedu.roformer_sim.experiment import PRESETS

GOOD, FAIR, BAD, UNTESTED = Verdict

# ---------------------------------------------------------------- theorems


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda theorem: theorem.id)
def test_every_theorem_holds(theorem):
    assert theorem.check().text.endswith(".")


def window(n_source, n_target):
    """Each position sees its neighbours: no path at one layer, and one at every depth."""
    n = n_source + n_target
    return np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= 1


def test_a_mask_that_opens_with_depth_is_refuted(monkeypatch):
    monkeypatch.setattr(theory, "unilm_mask", window)
    with pytest.raises(Refuted, match="12 layers open no path"):
        claims.no_leak(make_sim())


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_a_model_that_looks_everywhere_or_nowhere_is_refuted(monkeypatch, size):
    monkeypatch.setattr(theory, "influence", lambda f, words: np.full((words.shape[1],) * 2, size))
    with pytest.raises(Refuted, match="forbidden derivatives is " + ("exactly 0" if size == 0 else "1")):
        claims.no_leak(make_sim())


def test_a_vector_that_sees_the_target_is_refuted(monkeypatch):
    model = make_sim()
    monkeypatch.setattr(model, "pooling", "mean")
    monkeypatch.setattr(
        type(model),
        "forward",
        lambda self, ids, types, lengths, source_lengths: torch.cat(
            [self.vectors(ids, lengths), torch.zeros(len(ids), 2)], dim=1
        ),
    )
    with pytest.raises(Refuted, match="changes the source's vector by 0"):
        claims.no_leak(model)


def scaled(function, factor):
    return lambda *arguments, **options: factor * function(*arguments, **options)


@pytest.mark.parametrize(
    ("check", "module", "name", "wrong"),
    [
        (
            claims.contrastive_gradient,
            theory,
            "contrastive_gradient",
            scaled(theory.contrastive_gradient, 1 + 1e-9),
        ),
        (
            claims.geometry_only,
            theory,
            "distillation_loss",
            lambda u, v: float(((u @ u.T - v @ v.T) ** 2).mean()),
        ),
        (claims.geometry_only, theory, "aligning_rotation", lambda u, v: np.eye(4)),
        (
            claims.distillation_gradient,
            theory,
            "distillation_gradient",
            scaled(theory.distillation_gradient, 0.5),
        ),
        (claims.white_covariance, theory, "whitening", lambda x: (x.mean(axis=0), np.eye(5))),
        (claims.premise_and_threshold, sp, "solve", lambda equation, f: [2 * f]),
    ],
)
def test_a_wrong_formula_is_refuted(monkeypatch, check, module, name, wrong):
    monkeypatch.setattr(module, name, wrong)
    with pytest.raises(Refuted):
        check()


# ---------------------------------------------------------------- rules, on made-up runs

SEEDS = 10


def made_up_runs(levels, seeds=SEEDS, noise=0.02, own=0.3, falling=()):
    """Runs of studies with these figures, with a noise over seeds that the studies share but for a part.

    The figures are "found", "kept" and "loss" (in the batch) or metrics by name; "falling" are curves still on their
    way. A run has the start and the teacher of its own seed.
    """
    rng = np.random.default_rng(0)
    shared = rng.normal(size=seeds)
    flat, slope = [2.0] * 4 + [1.0] * 36, np.linspace(2, 1, 40).tolist()
    runs = []
    for study, figures in levels.items():
        preset = PRESETS[study]
        for seed in range(seeds):
            config = dataclasses.asdict(dataclasses.replace(preset, seed=seed))
            config["start"] = f"runs/cpu-seed{seed}/model" if "distil" in study else preset.start
            config["teacher"] = f"runs/simbert-seed{seed}/model" if "distil" in study else None
            shift = noise * (shared[seed] + own * rng.normal())
            metrics = {name: value + shift for name, value in figures.items() if " " in name}
            for level, more in (("combination", 0.03), ("entity", 0.0), ("intent", -0.03)):
                metrics[f"{level} accuracy"] = figures.get("found", 0.5) + more + shift
            for kind, more in (("combination", -0.02), ("statements", 0.02)):
                metrics[f"{kind} same"] = figures.get("kept", 0.5) + more + shift
            loss = figures.get("loss", 0.5) + shift
            curves = {"step": list(range(40)), "contrast": [3.4] * 20 + [loss] * 20}
            curves |= {name: slope if name in falling else flat for name in ("generation", "distillation")}
            run = made_up(
                f"{study}-seed{seed}",
                config,
                {"parameters": 1000, **metrics},
                lesson="roformer_sim",
                seed=seed,
            )
            runs.append(dataclasses.replace(run, curves=curves))
    return Runs("roformer_sim", tuple(runs))


@pytest.fixture
def judged(monkeypatch):
    """The judgement of a claim on made-up runs."""

    def judge(id, levels, **options):
        runs = made_up_runs(levels, **options)
        for module in (claims, results):
            monkeypatch.setattr(module, "load_runs", lambda room: runs)
        (claim,) = (each for each in CLAIMS if each.id == id)
        return claim.judge()

    return judge


@pytest.mark.parametrize(
    ("full", "without", "verdict"),
    [(0.8, 0.3, GOOD), (0.5, 0.47, GOOD), (0.5, 0.498, BAD), (0.5, 0.5, BAD), (0.3, 0.8, BAD)],
)
def test_contrast(judged, full, without, verdict):
    judgement = judged("C2", {"cpu": {"found": full}, "no_contrast": {"found": without}})
    assert judgement.verdict == verdict
    assert (verdict == BAD) == judgement.why.startswith("The loss gains nothing that is clear: with the loss")


def test_a_model_that_finds_no_more_than_characters_tests_nothing(judged):
    characters = claims._by_characters()
    levels = {"cpu": {"found": characters}, "no_contrast": {"found": characters - 0.2}}
    judgement = judged("C2", levels)
    assert judgement.verdict == UNTESTED
    assert judgement.why.startswith("The model with the loss does not beat characters in common")


@pytest.mark.parametrize(("seeds", "verdict"), [(9, UNTESTED), (10, GOOD)])
def test_short_runs_need_ten_seeds(judged, seeds, verdict):
    judgement = judged("C2", {"cpu": {"found": 0.8}, "no_contrast": {"found": 0.3}}, seeds=seeds)
    assert judgement.verdict == verdict


@pytest.mark.parametrize(
    ("found", "kept", "verdict"),
    [
        ((0.5, 0.6), (0.7, 0.5), GOOD),
        ((0.6, 0.6), (0.7, 0.5), FAIR),
        ((0.5, 0.6), (0.5, 0.5), FAIR),
        ((0.6, 0.5), (0.5, 0.7), BAD),
    ],
)
def test_noise(judged, found, kept, verdict):
    studies = zip(("cpu", "no_noise"), found, kept, strict=True)
    judgement = judged("C3", {study: {"found": f, "kept": k} for study, f, k in studies})
    assert judgement.verdict == verdict


@pytest.mark.parametrize("kept", [(0.06, 0.5), (0.5, 0.06), (0.5, 0.94)])
def test_models_that_hardly_write_tell_nothing_of_noise(judged, kept):
    levels = {study: {"found": 0.5, "kept": k} for study, k in zip(("cpu", "no_noise"), kept, strict=True)}
    judgement = judged("C3", levels, noise=0.001)
    assert judgement.verdict == UNTESTED
    assert "No head-room: share of samples that keep the meaning of" in judgement.why


def test_writing_that_is_still_being_learnt_tells_nothing_of_noise(judged):
    levels = {"cpu": {"found": 0.5, "kept": 0.7}, "no_noise": {"found": 0.6, "kept": 0.5}}
    assert judged("C3", levels, falling=["generation"]).verdict == UNTESTED


def mixtures(alone=0.5, within=0.5, mixed=0.5, harder=0.5, easier=0.5):
    return {
        "simbert": {"found": 0.9},
        "simbert_half": {"found": alone, "loss": 0.5},
        "within": {"found": within, "loss": harder},
        "cpu": {"found": mixed, "loss": easier},
    }


@pytest.mark.parametrize(
    ("levels", "held"),
    [
        (mixtures(alone=0.7, within=0.6, harder=0.6), (True, True, True)),
        (mixtures(alone=0.7), (True, False, False)),
        (mixtures(harder=0.6), (False, True, False)),
        (mixtures(within=0.6), (False, False, True)),
        (mixtures(alone=0.4, within=0.4, easier=0.6), (False, False, False)),
    ],
)
def test_easy_negatives(judged, levels, held):
    judgement = judged("C4", levels)
    assert tuple(judgement.held.values()) == held
    assert judgement.verdict == (GOOD if all(held) else FAIR if any(held) else BAD)
    for part, holds in judgement.held.items():
        assert judgement.verdict != FAIR or f"{part} {'yes' if holds else 'no'}" in judgement.why


@pytest.mark.parametrize("spent", ["simbert_half", "within", "cpu"])
def test_a_loss_that_is_spent_tells_nothing_of_negatives(judged, spent):
    levels = mixtures(alone=0.7, within=0.6)
    levels[spent]["loss"] = 0.09
    judgement = judged("C4", levels, noise=0.001)
    assert judgement.verdict == UNTESTED
    assert f"in-batch loss in the second half ({spent}), 0.0" in judgement.why


def stages(after=0.6, going_on=0.5, kept=0.5, teacher=0.8, loss=0.5, before=0.5):
    return {
        "cpu": {"found": before, "kept": 0.5, "loss": loss},
        "simbert": {"found": teacher},
        "distil": {"found": after, "kept": kept},
        "continued": {"found": going_on},
        "distil_large": {"found": 0.9},
    }


@pytest.mark.parametrize(
    ("levels", "verdict"),
    [
        (stages(), GOOD),
        (stages(kept=0.48), GOOD),
        (stages(kept=0.44), FAIR),
        (stages(going_on=0.6), FAIR),  # to go on without a teacher does as much
        (stages(after=0.4), FAIR),
        (stages(after=0.5, kept=0.3), BAD),
        (stages(teacher=0.5), UNTESTED),
        (stages(loss=0.05), UNTESTED),
    ],
)
def test_distillation(judged, levels, verdict):
    assert judged("C5", levels, noise=0.01).verdict == verdict


def test_a_geometry_that_is_still_being_copied_tells_nothing(judged):
    assert judged("C5", stages(), falling=["distillation"]).verdict == UNTESTED


@pytest.mark.parametrize(
    ("distilled", "teacher", "verdict"),
    [
        (0.7, 0.9, GOOD),
        (0.5, 0.9, GOOD),
        (0.485, 0.9, GOOD),
        (0.478, 0.9, BAD),
        (0.3, 0.9, BAD),
        (0.7, 0.5, UNTESTED),
    ],
)
def test_students(judged, distilled, teacher, verdict):
    levels = {"student_distil_large": distilled, "student": 0.5, "teacher": teacher}
    judgement = judged(
        "C6", {study: {"found": found} for study, found in levels.items()}, noise=0.005, own=0.1
    )
    assert judgement.verdict == verdict


def shares(*pairs):
    return lambda model, written: iter(pairs * 10)


@pytest.mark.parametrize(
    ("pairs", "verdict"),
    [
        (((0.5, 1.0), (0.6, 0.9)), GOOD),
        (((0.5, 0.4), (0.4, 0.6)), BAD),
        (((0.9, 0.4), (0.8, 0.5)), BAD),
        (((0.96, 1.0), (0.95, 1.0)), UNTESTED),
    ],
)
def test_ranking(monkeypatch, pairs, verdict):
    monkeypatch.setattr(claims, "reranked", shares(*pairs))
    monkeypatch.setattr(claims, "load_small", make_writer)
    monkeypatch.setattr(claims, "write", lambda *arguments: [])
    (claim,) = (each for each in CLAIMS if each.id == "C7")
    assert claim.judge().verdict == verdict


def test_ranking_is_measured_on_samples():
    evidence = claims.ranking(make_writer(), meanings=8, samples=3)
    assert "same meaning" in evidence.text
    assert evidence.scale.endswith("meanings, 3 samples each")


@pytest.mark.parametrize(
    ("atec", "sts", "verdict"),
    [
        ((0.4, 0.3), (0.7, 0.8), GOOD),
        ((0.4, 0.4), (0.7, 0.8), FAIR),
        ((0.4, 0.3), (0.7, 0.6), FAIR),
        ((0.4, 0.5), (0.7, 0.6), BAD),
        ((0.3, 0.2), (0.7, 0.8), UNTESTED),  # characters have 0.3 on the one and 0.5 on the other
        ((0.4, 0.3), (0.5, 0.8), UNTESTED),
    ],
)
def test_whitening(judged, atec, sts, verdict):
    figures = {}
    for name, (plain, third), characters in (("atec", atec, 0.3), ("sts_b", sts, 0.5)):
        figures |= {f"{name} cls": plain, f"{name} cls whitened": 0.1, f"{name} cls third": third}
        figures |= {f"{name} jaccard": characters}
    assert judged("C8", {"real": figures}).verdict == verdict


# ---------------------------------------------------------------- recorded runs


def test_the_ledger_says_what_the_runs_say():
    assert ledger("roformer_sim").counts() == {"proved": 6, "reproduced": 1, "not tested here": 6}
    assert load_runs("roformer_sim").where(study="real")["sts_b jaccard"].error == 0
