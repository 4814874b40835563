"""The claims: each rule can come out either way, and the measurements say what they should."""

import dataclasses

import pytest
from made_up_records import made_up

from sjedu.records import Record, load_records
from sjedu.records.old_claims import ClaimSheet, Verdict
from sjedu.vmf_vae import claims, theory
from sjedu.vmf_vae.experiment import PRESETS, variants

RULES = {claim.id: claim.judge for claim in claims.CLAIMS}
YES, PARTLY, NO = Verdict.REPRODUCED, Verdict.PARTLY, Verdict.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("id", "values", "verdict"),
    [
        ("C1", {"worst": 3.9, "smallest": 0.1}, YES),
        ("C1", {"worst": 4.1, "smallest": 0.1}, NO),
        ("C1", {"worst": 1.0, "smallest": 0.0}, NO),
        ("C2", {"p_value": 0.001}, YES),
        ("C2", {"p_value": 0.0009}, NO),
        ("C3", {"worst": 0.01, "typical": 0.001}, YES),
        ("C3", {"worst": 0.02, "typical": 0.01}, PARTLY),
        ("C3", {"worst": 0.02, "typical": 0.02}, NO),
        ("C4", {"gaussian_kl": 0.1, "gaussian_gap": 0.1, "vmf_gap": 1.0}, YES),
        ("C4", {"gaussian_kl": 0.1, "gaussian_gap": 0.1, "vmf_gap": 0.9}, PARTLY),
        ("C4", {"gaussian_kl": 0.2, "gaussian_gap": 0.1, "vmf_gap": 5.0}, NO),
        ("C5a", {"kl": 0.1, "fixed": 3.0}, YES),
        ("C5a", {"kl": 1.5, "fixed": 3.0}, PARTLY),
        ("C5a", {"kl": 1.6, "fixed": 3.0}, NO),
        ("C5b", {"bias": 4.0, "spread": 1.0, "score_spread": 1.0}, NO),
        ("C5b", {"bias": 4.1, "spread": 0.1, "score_spread": 1.0}, YES),
        ("C5b", {"bias": 1.0, "spread": 1.1, "score_spread": 1.0}, YES),
        ("C6", {"ratios": {3: 1.0, 4: 2.0}}, YES),
        ("C6", {"ratios": {3: 1.0, 4: 2.1}}, PARTLY),
        ("C6", {"ratios": {3: 3.0, 4: 2.1}}, NO),
        ("C7", {"bound_lead": 2.1, "frechet_lead": 2.1}, YES),
        ("C7", {"bound_lead": 2.1, "frechet_lead": 2.0}, PARTLY),
        ("C7", {"bound_lead": 0.0, "frechet_lead": 2.0}, NO),
        ("C8", {"leads": {2: 2.1, 3: 3.0}}, YES),
        ("C8", {"leads": {2: 2.1, 3: -1.9}}, PARTLY),
        ("C8", {"leads": {2: 2.1, 3: -2.0}}, NO),
        ("C8", {"leads": {2: 1.0, 3: 1.0}}, NO),
        ("C9", {"gaussian_failures": 1, "vmf_failures": 0}, YES),
        ("C9", {"gaussian_failures": 0, "vmf_failures": 0}, NO),
        ("C9", {"gaussian_failures": 1, "vmf_failures": 1}, NO),
        ("C10", {"leads": {"a": 2.1, "b": 2.1}}, YES),
        ("C10", {"leads": {"a": 2.1, "b": -9.0}}, PARTLY),
        ("C10", {"leads": {"a": 0.0, "b": -9.0}}, NO),
        ("C11", {"shares": {3: 0.95, 64: 0.9}}, YES),
        ("C11", {"shares": {3: 0.95, 64: 0.5}}, PARTLY),
        ("C11", {"shares": {3: 0.95, 64: 0.4}}, NO),
        ("C12", {"leads": {21: 2.1, 41: 2.1}}, YES),
        ("C12", {"leads": {21: 2.1, 41: 0.0}}, PARTLY),
        ("C12", {"leads": {21: 0.0, 41: 0.0}}, NO),
    ],
)
def test_each_rule_can_come_out_either_way(id, values, verdict):
    assert RULES[id](values) == verdict


def test_what_needs_no_training_is_measured():
    sheet = ClaimSheet("vmf_vae", claims.CLAIMS)
    assert sheet.measure("C1", **claims.closed_form(samples=2000)).verdict == YES
    assert sheet.measure("C2", **claims.law(samples=2000)).verdict == YES
    # A coarser grid of the table fails earlier.
    coarse = sheet.measure("C3", **claims.table(step=1e-4))
    assert coarse.verdict == NO


def test_the_gradients_are_told_apart():
    found = claims.gradient_estimators(5, 2.0, samples=20_000)
    assert found["exact"].mean == pytest.approx(float(theory.exact(5, 2.0).slope), rel=1e-6)
    for name in ("implicit", "score function"):
        assert abs(found[name].mean - found["exact"].mean) < 4 * found[name].error
    assert abs(found["naive"].mean - theory.naive_gradient(5, 2.0)) < 4 * found["naive"].error


def test_a_wrong_distribution_is_noticed(monkeypatch):
    class Wrong(claims.VonMisesFisher):
        def sample(self, shape):
            z = super().sample(shape)
            z[..., 0] += 0.05
            return z / z.norm(dim=-1, keepdim=True)

    monkeypatch.setattr(claims, "VonMisesFisher", Wrong)
    sheet = ClaimSheet("vmf_vae", claims.CLAIMS)
    assert sheet.measure("C2", **claims.law()).verdict == NO


# ---------------------------------------------------------------- recorded runs


def record(name: str, **metrics: float) -> Record:
    configs = {
        each.name: each for preset in ("cpu", "collapse", "circle", "mnist") for each in variants(preset)
    }
    config = configs[name + "-seed0"]
    return made_up(config.name, dataclasses.asdict(config), metrics, lesson="vmf_vae")


def seeds(name: str, *values: dict[str, float]) -> list[Record]:
    base = record(name, **values[0])
    return [
        dataclasses.replace(base, name=base.name.replace("seed0", f"seed{i}"), seed=i, metrics=metrics)
        for i, metrics in enumerate(values)
    ]


def test_spreads_group_seeds_by_code():
    records = seeds("cpu-vmf-d4-k20", {"kl": 1.0}, {"kl": 3.0}) + seeds(
        "cpu-gaussian-d4", {"kl": 5.0}, {"kl": 5.0}
    )
    found = claims.spreads(records, "cpu", "kl")
    assert found["vmf-d4-k20"].values == (1.0, 3.0)
    assert found["gaussian-d4"].mean == 5.0
    with pytest.raises(ValueError, match="expected 3 seeds of each code"):
        claims.spreads(records, "cpu", "kl", seeds=3)


def test_a_summary_lists_codes_by_number_and_says_what_is_missing():
    records = seeds("cpu-vmf-d16-k20", {"kl": 1.0}) + seeds("cpu-vmf-d4-k20", {"kl": 2.0})
    table = claims.summary(records, "cpu", ("kl", "nothing"))
    assert [row[0] for row in table.rows] == ["vmf-d4-k20", "vmf-d16-k20"]
    assert list(table.header) == ["code", "kl"]
    assert "--preset gpu" in claims.summary(records, "gpu", ("kl",)).notes[0]


def test_the_collapse_is_judged_by_its_worst_seed():
    good, bad = {"kl": 0.01, "gap": 0.0}, {"kl": 0.5, "gap": 0.0}
    sphere = seeds("collapse-vmf-d4-k20", {"kl": 3.26, "gap": 3.0}, {"kl": 3.26, "gap": 2.0})
    weak = seeds("collapse-vmf-d4-k1", {"kl": 0.12, "gap": 0.1}, {"kl": 0.12, "gap": 0.2})
    for second, verdict in ((good, YES), (bad, NO)):
        gaussian = seeds("collapse-gaussian-d4", good, second)
        longer = seeds("collapse-gaussian-d4-steps1440", good, good)
        curves = {"step": [0, 1, 2, 3], "kl": [0.06, 0.002, 0.05, 0.01]}
        longer = [dataclasses.replace(run, curves=curves) for run in longer]
        measured = claims.collapse([*gaussian, *longer, *sphere, *weak])
        assert RULES["C4"](measured) == verdict
        assert "to 0.002 nats or less with every seed, then comes back, to 0.05 at most" in measured["why"]


def test_a_circle_that_is_missed_is_counted():
    runs = seeds(
        "circle-gaussian-d2-kl50",
        {"winding": 1.0, "radius spread": 0.1},
        {"winding": 0.0, "radius spread": 0.5},
    )
    runs += seeds(
        "circle-vmf-d2-k500", {"winding": -1.0, "radius spread": 0.0}, {"winding": 1.0, "radius spread": 0.0}
    )
    measured = claims.circle(runs)
    assert measured["gaussian_failures"] == 1
    assert RULES["C9"](measured) == YES


def test_the_recorded_runs_are_those_of_the_studies():
    records = load_records("vmf_vae")
    for study_name in {record.config["study"] for record in records}:
        known = {dataclasses.replace(each, seed=s).name for each in variants(study_name) for s in range(3)}
        assert {record.name for record in records if record.config["study"] == study_name} <= known
    assert all(record.config["study"] in PRESETS for record in records)
