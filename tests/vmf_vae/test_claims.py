"""What lesson 4 proves and claims: checks that refute wrong theorems, rules on made-up runs, the recorded runs."""

import dataclasses
import itertools
from unittest.mock import ANY

import numpy as np
import pytest
from made_up_records import made_up

from sjedu.records import Refuted, Spread, Verdict, ledger, load_runs
from sjedu.records.runs import Runs
from sjedu.vmf_vae import claims, theory
from sjedu.vmf_vae.claims import CLAIMS, THEOREMS, label
from sjedu.vmf_vae.experiment import PRESETS, variants

GOOD, FAIR, BAD, UNTESTED = Verdict

# ---------------------------------------------------------------- theorems


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda theorem: theorem.id)
def test_every_theorem_holds(theorem):
    assert theorem.check().text.endswith(".")


class Shifted(claims.VonMisesFisher):
    """Its samples lie a little off."""

    def sample(self, shape):
        z = super().sample(shape)
        z[..., 0] += 0.05
        return z / z.norm(dim=-1, keepdim=True)


def off(function, by):
    return lambda *given, **options: function(*given, **options) + by


def swapped(function):
    """With Wood's b where the public code's is asked for, and the other way round."""
    return lambda dim, kappa, *, exact: function(dim, kappa, exact=not exact)


@pytest.mark.parametrize(
    ("check", "module", "name", "wrong"),
    [
        (claims.information_bound, theory, "mutual_information_split", lambda *given: (1.0, 0.5, 0.6)),
        (claims.information_bound, theory, "mutual_information_split", lambda *given: (1.0, 1.5, -0.5)),
        (claims.kl_formula, claims, "kl_to_uniform", off(claims.kl_to_uniform, 1e-7)),
        (claims.kl_formula, claims, "VonMisesFisher", Shifted),
        (claims.law_of_draws, claims, "VonMisesFisher", Shifted),
        (claims.gradients_in_kappa, theory, "naive_gradient", off(theory.naive_gradient, 0.01)),
        (claims.public_code_s_law, claims, "rejection_cosine", swapped(claims.rejection_cosine)),
    ],
)
def test_a_wrong_formula_is_refuted(monkeypatch, check, module, name, wrong):
    monkeypatch.setattr(module, name, wrong)
    with pytest.raises(Refuted):
        check()


@pytest.mark.parametrize("wrong", ["biased", "spread", "unbiased naive"])
def test_a_wrong_gradient_is_refuted(monkeypatch, wrong):
    def estimators(dim, kappa):
        slope, naive = float(theory.exact(dim, kappa).slope), theory.naive_gradient(dim, kappa)
        sizes = {"implicit": (slope, 0.01), "naive": (naive, 0.01), "score function": (slope, 0.02)}
        sizes |= {
            "biased": {"implicit": (1.1 * slope, 0.01)},
            "spread": {"implicit": (slope, 0.03)},
            "unbiased naive": {"naive": (slope, 0.01)},
            "right": {},
        }[wrong]
        signs = np.tile([-1.0, 1.0], 50_000)
        return {name: Spread(tuple(m * (1 + s * signs))) for name, (m, s) in sizes.items()}

    monkeypatch.setattr(claims, "gradient_estimators", estimators)
    with pytest.raises(Refuted):
        claims.gradients_in_kappa()
    wrong = "right"
    assert claims.gradients_in_kappa().text


def test_the_gradients_are_told_apart():
    estimators = claims.gradient_estimators(5, 2.0, samples=20_000)
    slope = float(theory.exact(5, 2.0).slope)
    for name in ("implicit", "score function"):
        assert abs(estimators[name].mean - slope) < 4 * estimators[name].error
    assert abs(estimators["naive"].mean - theory.naive_gradient(5, 2.0)) < 4 * estimators["naive"].error


# ---------------------------------------------------------------- rules, on made-up runs


def made_up_runs(study, levels, seeds=10, noise=0.01, unsettled=()):
    """Runs of a study with these mean metrics, by changes of its preset; other codes of the study are there too."""
    rng = np.random.default_rng(0)
    runs = []
    for changes, metrics in levels:
        for seed in range(seeds):
            config = dataclasses.replace(PRESETS[study], seed=seed, **changes)
            own = {name: level + noise * rng.normal() for name, level in metrics.items()}
            run = made_up(config.name, dataclasses.asdict(config), own, lesson="vmf_vae", seed=seed)
            loss = np.linspace(2, 1, 40).tolist() if changes in unsettled else [2.0] * 4 + [1.0] * 36
            runs.append(dataclasses.replace(run, curves={"step": list(range(40)), "reconstruction": loss}))
    return runs


@pytest.fixture
def judged(monkeypatch):
    """The judgement of a claim on made-up runs, as if all settings were those that it is about."""

    right = claims.same_setting

    def judge(id, study, levels, setting=True, more=(), **options):
        runs = Runs("vmf_vae", (*made_up_runs(study, levels, **options), *more))
        monkeypatch.setattr(claims, "load_runs", lambda room: runs)
        monkeypatch.setattr(claims, "same_setting", lambda met, text: right(met or setting, text))
        (claim,) = (each for each in CLAIMS if each.id == id)
        return claim.judge()

    return judge


def test_a_coarser_table_is_less_accurate():
    evidence = claims.tabulated_at(1e-4)
    assert evidence.holds == {"does not overflow": True, "is accurate": False}


@pytest.mark.parametrize(
    ("mean", "holds"),
    [
        (0.009, (True, True)),
        (0.011, (True, False)),
        (float("inf"), (False, False)),
    ],
)
def test_a_table_has_to_be_within_a_hundredth_everywhere(monkeypatch, mean, holds):
    class Table:
        def __init__(self, dim, kappa, step):
            self.grid = claims.AngularGrid(dim, kappa)

        def even_cache(self, size):
            return np.array([self.grid.mean + mean * np.sqrt(self.grid.variance)])

    monkeypatch.setattr(claims, "TabulatedCosine", Table)
    assert tuple(claims.tabulated().holds.values()) == holds


NONE, GAUSSIAN = {"latent": "none"}, {"latent": "gaussian"}
SPHERE, FREE = {"concentration": 20.0}, {"concentration": None, "concentration_start": 20.0}


def collapse_levels(kl=0.05, gap=6.0, kl_free=0.0):
    bound = {"bound": 20.0, "reconstruction": 20.0}
    return [
        (NONE, bound),
        (GAUSSIAN, bound | {"kl": kl, "gap": 0.1}),
        (SPHERE, bound | {"kl": 3.26, "gap": gap, "concentration": 20.0}),
        (FREE, bound | {"kl": kl_free, "gap": 0.0, "concentration": 0.01}),
        # Other codes of the study, which no rule of these claims may take for theirs.
        (GAUSSIAN | {"steps": 1440}, bound | {"kl": 9.0, "gap": 9.0}),
        (GAUSSIAN | {"kl_warmup": 360}, bound | {"kl": 9.0, "gap": 9.0}),
        ({"concentration": 1.0}, bound | {"kl": 9.0, "gap": 0.0}),
    ]


@pytest.mark.parametrize(
    ("kl", "gap", "verdict"),
    [
        (0.05, 6.0, GOOD),
        (0.085, 1.02, GOOD),
        (0.099, 6.0, FAIR),
        (0.05, 1.0, FAIR),
        (0.2, 6.0, FAIR),
        (0.2, 0.5, BAD),
    ],
)
def test_the_collapse(judged, kl, gap, verdict):
    judgement = judged("C4", "collapse", collapse_levels(kl, gap))
    assert judgement.verdict == verdict
    assert f"KL of the Gaussian VAE {kl:.1f}" in judgement.evidence.text or kl < 0.1


def test_the_collapse_needs_seeds_and_rest(judged):
    assert judged("C4", "collapse", collapse_levels(), seeds=9).verdict == UNTESTED
    for unsettled in (GAUSSIAN, SPHERE):
        judgement = judged("C4", "collapse", collapse_levels(), unsettled=[unsettled])
        assert judgement.verdict == UNTESTED
        assert "not converged" in judgement.why


@pytest.mark.parametrize(("kl", "verdict"), [(0.0, GOOD), (0.09, GOOD), (0.099, BAD), (3.0, BAD)])
def test_a_learned_concentration_collapses(judged, kl, verdict):
    assert judged("C5a", "collapse", collapse_levels(kl_free=kl)).verdict == verdict
    assert judged("C5a", "collapse", collapse_levels(kl_free=kl), seeds=9).verdict == UNTESTED


@pytest.mark.parametrize(
    ("distance", "seeds", "verdict"),
    [(1.9, 10, GOOD), (1.999, 10, BAD), (2.1, 10, BAD), (1.0, 1, UNTESTED), (1.0, 9, UNTESTED)],
)
def test_prior_samples_are_plausible_up_to_twice_the_distance_of_real_ones(judged, distance, seeds, verdict):
    levels = [({}, {"frechet": distance, "frechet reconstructed": 1.0, "frechet real": 1.0})]
    small = [(change, {"frechet": 5.0, "frechet real": 1.0}) for change in (SPHERE, {"concentration": 1.0})]
    judgement = judged("C6", "article", levels, seeds=seeds, more=made_up_runs("cpu", small))
    assert judgement.verdict == verdict


@pytest.mark.parametrize(
    ("bound", "frechet", "reconstruction", "verdict"),
    [
        (1.0, 1.0, 20.0, GOOD),
        (1.0, 0.0, 20.0, BAD),
        (0.0, 1.0, 20.0, BAD),
        (-1.0, 1.0, 20.0, BAD),
        (1.0, 1.0, 26.9, UNTESTED),
    ],
)
def test_many_dimensions_are_worse_in_both(judged, bound, frechet, reconstruction, verdict):
    few = {"bound": 24.0, "frechet": 6.0, "reconstruction": reconstruction}
    many = few | {"bound": 24.0 + bound, "frechet": 6.0 + frechet}
    levels = [
        ({"dim": 4}, few),
        ({"dim": 64}, many),
        ({"dim": 8}, {"bound": 99.0}),
        (GAUSSIAN, {"bound": 1.0}),
    ]
    judgement = judged("C7", "cpu", levels)
    assert judgement.verdict == verdict
    if verdict == BAD:
        assert f"bound {'yes' if bound > 0 else 'no'}" in judgement.why


def mnist_levels(gains, flaw=(0.0, 0.0)):
    """Gains of the sphere over the Gaussian by m; what the flaw costs in R^21 and R^41."""
    gains = {20: -9.0, 40: -17.0, **gains}
    levels = [(GAUSSIAN | {"dim": m}, {"likelihood": 100.0}) for m in gains]
    levels += [({"dim": m + 1}, {"likelihood": 100.0 - gain}) for m, gain in gains.items()]
    for dim, cost in zip((21, 41), flaw, strict=True):
        own = {
            "likelihood": 0.0,
            "likelihood as sampled": 100.0 - gains[dim - 1] + cost,
            "concentration": 90.0,
        }
        levels.append(({"dim": dim, "sampler": "public code"}, own))
    return levels


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ((1.0, 1.0, 1.0), GOOD),
        ((0.0, 1.0, 1.0), BAD),
        ((1.0, -1.0, 1.0), BAD),
        ((1.0, 1.0, -0.02), BAD),
    ],
)
def test_few_dimensions_have_to_be_better_in_all_three(judged, gains, verdict):
    levels = mnist_levels(dict(zip((2, 5, 10), gains, strict=True)))
    judgement = judged("C8", "mnist", levels)
    assert judgement.verdict == verdict
    if verdict == BAD:
        assert f"m = 5 {'yes' if gains[1] > 0 else 'no'}" in judgement.why
    assert "5 epochs" in judged("C8", "mnist", levels, setting=False, seeds=2).why


@pytest.mark.parametrize(
    ("costs", "verdict"), [((1.0, 1.0), GOOD), ((1.0, 0.0), BAD), ((0.0, 1.0), BAD), ((-1.0, -1.0), BAD)]
)
def test_the_flaw_has_to_cost_something_in_both_dimensions(judged, costs, verdict):
    levels = mnist_levels({}, costs)
    assert judged("C12", "mnist", levels).verdict == verdict
    assert judged("C12", "mnist", levels, seeds=9).verdict == UNTESTED


def circle_runs(missed, missed_by_sphere):
    """Runs of a Gaussian with three weights, and of a sphere; so many of them do not wind once."""
    levels = [
        (GAUSSIAN | {"kl_weight": weight}, {"winding": 1.0, "radius spread": 0.1}) for weight in (1.0, 10.0)
    ]
    levels.append(({}, {"winding": -1.0, "radius spread": 0.0}))
    runs = made_up_runs("circle", levels, noise=0.0)
    kinds = {"gaussian": missed, "vmf": missed_by_sphere}
    for index, run in enumerate(runs):
        if kinds[run.config["latent"]] > 0:
            kinds[run.config["latent"]] -= 1
            runs[index] = dataclasses.replace(run, metrics={**run.metrics, "winding": 0.0})
    return runs


@pytest.mark.parametrize(
    ("missed", "missed_by_sphere", "verdict"), [(1, 0, GOOD), (0, 0, FAIR), (1, 1, FAIR), (0, 1, BAD)]
)
def test_a_circle_that_is_missed_is_counted(judged, missed, missed_by_sphere, verdict):
    judgement = judged("C9", "circle", [], more=circle_runs(missed, missed_by_sphere))
    assert judgement.verdict == verdict
    assert f"misses the circle in {missed} of 20 runs" in judgement.evidence.text


@pytest.mark.parametrize(
    ("start", "every", "verdict"), [(1.0, 1.0, GOOD), (1.0, 0.0, BAD), (0.0, 1.0, BAD), (-2.0, -2.0, BAD)]
)
def test_a_better_likelihood_with_both_places_of_the_code(judged, start, every, verdict):
    levels = [
        (change | {"code_at": place}, {"bound": 20.0 - gain, "reconstruction": 20.0})
        for place, lead in (("start", start), ("every step", every))
        for change, gain in ((GAUSSIAN, 0.0), (SPHERE, lead))
    ]
    assert judged("C10", "collapse", levels).verdict == verdict
    assert "about texts" in judged("C10", "collapse", levels, setting=False).why


@pytest.mark.parametrize(("few", "many", "verdict"), [(3.0, 2.0, GOOD), (2.0, 2.0, BAD), (2.0, 3.0, BAD)])
def test_the_share_of_information_falls(judged, few, many, verdict):
    levels = [
        ({"dim": dim}, {"information": level, "kl": 4.0})
        for dim, level in ((4, few), (64, many), (128, 3.9), (2, 0.1))
    ]
    assert judged("C13", "cpu", levels).verdict == verdict
    assert judged("C13", "cpu", levels, seeds=9).verdict == UNTESTED


# ---------------------------------------------------------------- recorded runs and their tables

RUNS = load_runs("vmf_vae")


@pytest.mark.parametrize(
    ("study", "seeds"), [("cpu", 3), ("collapse", 3), ("circle", 3), ("article", 1), ("mnist", 2)]
)
def test_every_variant_and_seed_is_recorded(study, seeds):
    expected = {dataclasses.replace(each, seed=seed) for each in variants(study) for seed in range(seeds)}
    runs = RUNS.where(study=study)
    assert len(runs) == len(expected)
    for config in expected:
        # A code that is not on the sphere has no κ, whatever the preset says of it.
        fields = vars(config) if config.latent == "vmf" else {**vars(config), "concentration": ANY}
        fields = {name: value for name, value in fields.items() if value is not ANY}
        assert len(runs.where(**fields)) == 1


def test_the_recorded_runs_judge_every_claim():
    counts = ledger("vmf_vae").counts()
    assert counts["proved"] == len(THEOREMS)
    assert sum(counts.values()) == len(THEOREMS) + len(CLAIMS)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"latent": "none"}, "no code"),
        ({"latent": "none", "code_at": "every step"}, "no code, code at every step"),
        ({"latent": "gaussian", "dim": 4, "concentration": 20.0}, "Gaussian, d = 4"),
        ({"latent": "gaussian", "steps": 1440}, "Gaussian, 1440 steps"),
        ({"latent": "gaussian", "kl_warmup": 360}, "Gaussian, KL annealed until step 360"),
        ({"latent": "vmf", "concentration": None}, "sphere, κ learned"),
        ({"latent": "vmf", "dim": 3, "concentration": 20.0}, "sphere, κ = 20, d = 3"),
        ({"latent": "vmf", "dim": 3, "sampler": "public code"}, "sphere, d = 3, samples of the public code"),
    ],
)
def test_a_code_is_called_by_what_is_unusual_of_it(given, name):
    assert label(**given) == name


def test_each_table_begins_with_its_baseline_and_has_every_code_once():
    tables = {
        "collapse": claims.collapse_table(),
        "cpu": claims.digits_table(),
        "article": claims.article_table(),
        "mnist": claims.mnist_table(),
    }
    for study, table in tables.items():
        names = [str(row[0]) for row in table.rows]
        assert len(set(names)) == len(names)
        extra = {"cpu": 2}.get(study, 0)
        assert len(names) == len(variants(study)) + extra
    assert [str(row[0]) for row in tables["collapse"].rows[:2]] == ["no code", "no code, code at every step"]
    assert tables["cpu"].rows[0][:4] == ["the mean picture", "26.82", "0.00", "26.82"]
    assert all("needs MNIST" in tables[study].notes[-1] for study in ("article", "mnist"))
    gaussians = [row[0] for row in tables["cpu"].rows if str(row[0]).startswith("Gaussian")]
    assert gaussians == [f"Gaussian, d = {dim}" for dim in (2, 3, 4, 8, 16, 32)]
    kappas = [str(row[0]).split(", d")[0] for row in tables["cpu"].rows if str(row[0]).startswith("sphere")]
    assert [kappa for kappa, _ in itertools.groupby(kappas)] == [
        f"sphere, κ {value}" for value in ("= 1", "= 5", "= 20", "= 80", "= 320", "learned")
    ]
