"""The claims: measured ones come out as the mathematics says, and each rule can also say no."""

import math

import pytest

from sjedu.dirac_smoothing import claims
from sjedu.records import load_records
from sjedu.records.old_claims import ClaimSheet, Verdict

JUDGES = {claim.id: claim.judge for claim in claims.CLAIMS}


@pytest.fixture(scope="module")
def records():
    return load_records("dirac_smoothing")


@pytest.mark.parametrize(
    ("id", "measure"),
    [
        ("C1", claims.identities),
        ("C2", claims.laws),
        ("C3", claims.floor_errors),
        ("C6", claims.closed_forms),
        ("C7", claims.cauchy_failure),
    ],
)
def test_what_mathematics_says_is_reproduced(id, measure):
    assert ClaimSheet("dirac_smoothing", claims.CLAIMS).measure(id, **measure()).verdict == Verdict.REPRODUCED


def test_the_recorded_runs_are_judged(records):
    sheet = ClaimSheet("dirac_smoothing", claims.CLAIMS)
    measured = {
        "C4": claims.easier_to_optimise,
        "C5": claims.sau_against_relu,
        "C8": claims.floor_training,
        "C9": claims.mean_shift,
    }
    for id, measure in measured.items():
        assert sheet.measure(id, **measure(records)).text


@pytest.mark.parametrize(
    ("id", "values", "verdict"),
    [
        ("C1", {"zero": {"softplus": True, "GELU": False}}, "not reproduced"),
        ("C2", {"exponents": {"a": (1.0, 1.0), "b": (1.03, 1.0)}}, "not reproduced"),
        ("C3", {"errors": [0.2, 0.1, 0.05, 0.03], "laws": [0.28, 0.14, 0.07, 0.028]}, "partly"),
        ("C3", {"errors": [0.2, 0.1, 0.11, 0.03], "laws": [0.28, 0.1, 0.11, 0.03]}, "not reproduced"),
        ("C4", {"relu_error": 0.1, "smooth_error": 0.001, "digits_lead": 3.0}, "reproduced"),
        ("C4", {"relu_error": 0.1, "smooth_error": 0.001, "digits_lead": -1.0}, "partly"),
        ("C4", {"relu_error": 0.1, "smooth_error": 0.02, "digits_lead": 1.0}, "not reproduced"),
        ("C5", {"leads": [3.0, 2.5]}, "reproduced"),
        ("C5", {"leads": [3.0, 0.5]}, "partly"),
        ("C5", {"leads": [-3.0, 0.5]}, "not reproduced"),
        ("C6", {"error": 1e-11}, "not reproduced"),
        ("C7", {"infinite": True, "far": -1 / math.pi}, "reproduced"),
        ("C7", {"infinite": False, "far": -1 / math.pi}, "not reproduced"),
        ("C7", {"infinite": True, "far": 0.0}, "not reproduced"),
        ("C8", {"smooth": 0.96, "hard": 0.1}, "reproduced"),
        ("C8", {"smooth": 0.8, "hard": 0.1}, "partly"),
        ("C8", {"smooth": 0.2, "hard": 0.1}, "not reproduced"),
        ("C9", {"centred_lead": 3.0, "narrow_lead": 3.0}, "reproduced"),
        ("C9", {"centred_lead": 3.0, "narrow_lead": 1.0}, "partly"),
        ("C9", {"centred_lead": 0.0, "narrow_lead": 1.0}, "not reproduced"),
    ],
)
def test_each_rule_can_say_either(id, values, verdict):
    assert JUDGES[id](values) == verdict


def test_a_difference_that_is_not_zero_does_not_pass():
    import sympy as sp

    x = sp.Symbol("x", positive=True)
    assert claims._vanishes(sp.log(x**2) - 2 * sp.log(x))
    assert not claims._vanishes(sp.log(x))
    assert not claims._vanishes(sp.S(3))
    assert not claims._vanishes(x - x**2)


def test_studies_and_what_is_missing(records):
    table = claims.summary(records, "floor", ("matches", "error of a")).to_text()
    assert "straight_through" in table
    assert "24 runs" in table
    assert "No gpu run is recorded yet" in claims.summary([], "gpu", ("accuracy",)).to_text()
    with pytest.raises(ValueError, match="expected 2 seeds"):
        claims.spreads([], "cpu", "accuracy")
