"""What lesson 5 proves and claims: checks that refute wrong theorems, rules on made-up runs, the recorded runs."""

import dataclasses

import numpy as np
import pytest
import sympy as sp
from made_up_records import made_up

from sjedu.dirac_smoothing import claims, theory
from sjedu.dirac_smoothing.claims import CLAIMS, REPAIRS, THEOREMS, label
from sjedu.dirac_smoothing.experiment import PRESETS
from sjedu.dirac_smoothing.kernels import Cauchy, Gaussian, Logistic
from sjedu.records import Refuted, Verdict, ledger, load_runs
from sjedu.records.runs import Runs

GOOD, FAIR, BAD, UNTESTED = Verdict

LEDGER = ledger("dirac_smoothing")  # checks and judges what is asked of it, once

# ---------------------------------------------------------------- theorems


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda theorem: theorem.id)
def test_every_theorem_holds(theorem):
    assert LEDGER[theorem.id].right["Checked here"].endswith(".")


class Wider(Logistic):
    def density(self, x):
        return super().density(x / 2) / 2


class Shifted(Gaussian):
    def density(self, x):
        return super().density(x - 1)


class Narrow(Cauchy):
    """Its tails are cut as those of a Gaussian, so that it has a mean."""

    def density(self, x):
        return Gaussian(self.symbol).density(x)


class Light(Cauchy):
    def cdf(self, x):
        return Gaussian(self.symbol).cdf(x)


@pytest.mark.parametrize(
    ("check", "name", "wrong", "says"),
    [
        (claims.known_activations, "Logistic", Wider, "minus softplus, Swish is not 0"),
        (claims.known_activations, "Gaussian", Shifted, "minus the Gaussian ReLU, GELU is not 0"),
        (claims.cauchy_failure, "Cauchy", Narrow, "the integral is "),
        (claims.cauchy_failure, "Cauchy", Light, "tends to 0"),
    ],
)
def test_a_wrong_kernel_is_refuted(monkeypatch, check, name, wrong, says):
    monkeypatch.setattr(claims, name, wrong)
    with pytest.raises(Refuted, match=says):
        check()


def off_by(error):
    right = theory.truncated_floor
    return lambda x, t, M, N: right(x, t, M, N) + error(t)


@pytest.mark.parametrize(
    "wrong",
    [
        off_by(lambda t: 0.05),  # does not fall
        off_by(lambda t: 0.5 / t),  # falls, and not as 2 log 2/t
        off_by(lambda t: 1e-9),  # no half at the jumps
    ],
)
def test_a_wrong_floor_is_refuted(monkeypatch, wrong):
    monkeypatch.setattr(theory, "truncated_floor", wrong)
    with pytest.raises(Refuted, match="mean error"):
        claims.floor_formula()


def test_an_exponent_that_is_off_is_refuted(monkeypatch):
    right = theory.errors_of

    def errors(kernel, scales, *function):
        largest, area = right(kernel, scales, *function)
        return largest, area * (np.array(scales) ** 0.03 if kernel == "gelu" else 1)

    monkeypatch.setattr(theory, "errors_of", errors)
    with pytest.raises(Refuted, match=r"off by 0.030 at most \(GELU, area\)"):
        claims.error_laws()


def test_a_smooth_function_whose_error_falls_slowly_is_refuted(monkeypatch):
    monkeypatch.setattr(theory, "cosine_error", lambda s: s)
    with pytest.raises(Refuted, match="cos, gaussian"):
        claims.error_laws()


def test_a_closed_form_that_is_off_is_refuted(monkeypatch):
    right = theory.smooth_piecewise_linear
    monkeypatch.setattr(theory, "smooth_piecewise_linear", lambda *given: right(*given) + 1e-11)
    with pytest.raises(Refuted, match="quadrature"):
        claims.closed_form()


def test_a_difference_that_is_not_zero_does_not_pass():
    x = sp.Symbol("x", positive=True)
    assert claims._vanishes(sp.log(x**2) - 2 * sp.log(x))
    assert not claims._vanishes(sp.log(x))
    assert not claims._vanishes(sp.S(3))
    assert not claims._vanishes(x - x**2)


# ---------------------------------------------------------------- rules, on made-up runs

METRICS = {"digits": "accuracy", "physics": "max error", "floor": "matches"}


def made_up_runs(levels, seeds=10, noise=0.002, loss=0.01, losses=None, falling=()):
    """Runs whose metric has these means, by (study, activation, width), with a noise that activations share in part."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=seeds)
    runs = []
    for (study, name, width), level in levels.items():
        preset = PRESETS[study]
        for seed in range(seeds):
            config = dataclasses.replace(preset, activation=name, width=width, seed=seed)
            value = level * (1 + noise * (shared[seed] + 0.3 * rng.normal()))
            final = (losses or {}).get((study, name), loss) * (1 + 0.1 * rng.random())
            loss_curve = np.linspace(2, 1, 40).tolist() if name in falling else [2.0] * 4 + [final] * 36
            run = made_up(
                config.name,
                dataclasses.asdict(config),
                {METRICS[preset.task]: value},
                lesson="dirac_smoothing",
                seed=seed,
            )
            runs.append(dataclasses.replace(run, curves={"step": list(range(40)), "loss": loss_curve}))
    return Runs("dirac_smoothing", tuple(runs))


@pytest.fixture
def judged(monkeypatch):
    """The judgement of a claim on made-up runs, as if all settings were those that it is about."""

    def judge(id, levels, setting=True, **options):
        runs = made_up_runs(levels, **options)
        monkeypatch.setattr(claims, "load_runs", lambda room: runs)
        if setting:
            right = claims.same_setting
            monkeypatch.setattr(claims, "same_setting", lambda met, sentence: right(True, sentence))
        (claim,) = (each for each in CLAIMS if each.id == id)
        return claim.judge()

    return judge


def digits(shallow, deep):
    return {
        (study, name, 1.0): level
        for study, levels in (("cpu", shallow), ("deep", deep))
        for name, level in levels.items()
    }


@pytest.mark.parametrize(
    ("shallow", "deep", "verdict"),
    [(0.005, 0.005, GOOD), (0.005, 0.01, BAD), (0.01, 0.005, BAD), (0.02, 0.005, BAD)],
)
def test_smooth_models_are_easier_if_both_losses_are_lower(judged, shallow, deep, verdict):
    levels = digits(dict.fromkeys(("relu", "gaussian"), 0.9), dict.fromkeys(("relu", "gaussian"), 0.9))
    judgement = judged("C4", levels, losses={("cpu", "gaussian"): shallow, ("deep", "gaussian"): deep})
    assert judgement.verdict == verdict
    if verdict == BAD:
        assert f"depth 2 {'yes' if shallow < 0.01 else 'no'}" in judgement.why
        assert f"depth 6 {'yes' if deep < 0.01 else 'no'}" in judgement.why


def test_a_network_that_guesses_tests_nothing(judged):
    levels = digits({"relu": 0.9, "gaussian": 0.9}, {"relu": 0.102, "gaussian": 0.9})
    judgement = judged("C4", levels)
    assert judgement.verdict == UNTESTED
    assert judgement.why.startswith("ReLU at depth 6 does not beat the most frequent class")


@pytest.mark.parametrize(
    ("shallow", "deep", "verdict"), [(0.92, 0.92, GOOD), (0.92, 0.9, BAD), (0.9, 0.92, BAD), (0.9, 0.9, BAD)]
)
def test_sau_has_to_lead_everywhere(judged, shallow, deep, verdict):
    levels = digits({"relu": 0.9, "sau": shallow}, {"relu": 0.9, "sau": deep})
    judgement = judged("C5", levels)
    assert judgement.verdict == verdict
    assert judged("C5", levels, seeds=9).verdict == UNTESTED


def test_digits_say_nothing_of_cifar(judged):
    levels = digits({"relu": 0.9, "sau": 0.95}, {"relu": 0.9, "sau": 0.95})
    judgement = judged("C5", levels, setting=False)
    assert judgement.verdict == UNTESTED
    assert "CIFAR-100" in judgement.why


@pytest.mark.parametrize(
    ("hard", "line", "smooth", "verdict"),
    [
        (0.1, 0.5, 0.96, GOOD),
        (0.49, 0.5, 0.96, GOOD),
        (0.1, 0.5, 0.94, BAD),
        (0.51, 0.5, 0.96, BAD),
        (0.1, 0.97, 0.97, UNTESTED),
    ],
)
def test_training_through_a_floor(judged, hard, line, smooth, verdict):
    levels = {
        ("floor", "hard", 0.1): hard,
        ("floor", "identity", 0.1): line,
        ("floor", "straight_through", 0.1): 0.97,
        ("floor", "smooth", 0.1): smooth,
        ("floor", "smooth", 0.5): 0.2,  # another width does not count
    }
    judgement = judged("C8", levels)
    assert judgement.verdict == verdict
    if verdict == UNTESTED:
        assert "does not beat the line x − ½" in judgement.why


@pytest.mark.parametrize(
    ("softplus", "centred", "wide", "narrow", "verdict"),
    [
        (0.85, 0.90, 0.85, 0.90, GOOD),
        (0.85, 0.90, 0.90, 0.90, FAIR),
        (0.90, 0.90, 0.85, 0.90, FAIR),
        (0.90, 0.90, 0.90, 0.90, BAD),
        (0.90, 0.85, 0.90, 0.85, BAD),
        (0.985, 0.99, 0.85, 0.90, UNTESTED),
        (0.102, 0.90, 0.85, 0.90, UNTESTED),
    ],
)
def test_a_positive_value_at_zero(judged, softplus, centred, wide, narrow, verdict):
    levels = {("deep", "relu", 1.0): 0.92, ("deep", "softplus", 1.0): softplus}
    levels |= {("deep", "softplus_centred", 1.0): centred}
    levels |= {("deep", "gaussian", 1.0): wide, ("deep", "gaussian", 0.3): narrow}
    judgement = judged("C9", levels)
    assert judgement.verdict == verdict
    assert judgement.held == dict(zip(REPAIRS, (centred > softplus, narrow > wide), strict=True))
    unfinished = judged("C9", levels, falling=("softplus_centred",))
    assert unfinished.verdict == UNTESTED
    assert "not converged" in unfinished.why


@pytest.mark.parametrize(
    ("gelu", "softplus", "verdict"),
    [(1e-4, 1e-3, GOOD), (1e-4, 0.14, BAD), (0.2, 1e-3, BAD), (1e-4, 1.0, UNTESTED)],
)
def test_an_equation_of_second_derivatives(judged, gelu, softplus, verdict):
    levels = {("physics", "relu", 1.0): 0.14, ("physics", "gaussian", 1.0): 2e-4}
    levels |= {("physics", "gaussian", 0.3): 2e-4}
    levels |= {("physics", "gelu", 1.0): gelu, ("physics", "softplus", 1.0): softplus}
    judgement = judged("C10", levels)
    assert judgement.verdict == verdict
    if verdict == BAD:
        assert ("over softplus" in judgement.why) == (softplus == 0.14)
        assert ("over gelu" in judgement.why) == (gelu == 0.2)
    if verdict == UNTESTED:
        assert judgement.why.startswith("softplus, s = 1 does not beat the solution u = 0")


# ---------------------------------------------------------------- recorded runs, and their tables


def test_the_recorded_runs_judge_every_claim():
    assert LEDGER.counts() == {"proved": 5, "not tested here": 5}


def test_the_table_begins_with_what_needs_no_floor():
    names = [row[0] for row in claims.floor_table().rows]
    assert names[:2] == ["the most frequent whole number", "the line x − ½"]
    assert "identity" not in names
    assert len(names) == len(load_runs("dirac_smoothing").where(study="floor").by("activation", "width")) + 1
    assert claims.digits_baselines() == {"the most frequent class": 0.102, "the nearest class mean": 0.87}


def test_the_widths_are_as_they_are_said():
    assert label("relu", 1.0) == "relu"
    assert label("straight_through", 0.1) == "straight-through"
    assert label("softplus_centred", 1.0) == "softplus − g(0), s = 1"
    assert label("gaussian", 0.3) == "gaussian, s = 0.3"
    assert label("smooth", 1 / 30) == "smooth, s = 1/30"
