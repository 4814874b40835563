"""Rules of the claims, on made-up records; what needs no training is measured."""

import dataclasses

import pytest
from made_up_records import made_up
from tiny_sim import make_sim, make_writer

from sjedu.records import load_records
from sjedu.records.old_claims import ClaimSheet, Verdict
from sjedu.roformer_sim import claims


def record(study, seed, **metrics):
    shown = {name.replace("_", " "): value for name, value in metrics.items()}
    config = {"study": study, "seed": seed}
    return made_up(f"{study}-seed{seed}", config, shown, lesson="roformer_sim", seed=seed)


def runs(**studies):
    """Three seeds of each study; a value is a mean, to which seeds add -0.01, 0 and 0.01."""
    return [
        record(study, seed, **{name: value + 0.01 * (seed - 1) for name, value in metrics.items()})
        for study, metrics in studies.items()
        for seed in range(3)
    ]


def found(share):
    return {"combination_accuracy": share + 0.1, "entity_accuracy": share, "intent_accuracy": share - 0.1}


def both(retrieval, generation):
    return {**found(retrieval), "combination_same": generation - 0.1, "statements_same": generation + 0.1}


def verdict(id, measured):
    return ClaimSheet("roformer_sim", claims.CLAIMS).measure(id, **measured).verdict


@pytest.mark.parametrize(
    ("full", "without", "expected"),
    [
        (0.8, 0.3, Verdict.REPRODUCED),
        (0.8, 0.795, Verdict.NOT_REPRODUCED),
        (0.3, 0.8, Verdict.NOT_REPRODUCED),
    ],
)
def test_contrast(full, without, expected):
    records = runs(cpu=found(full), no_contrast=found(without))
    assert verdict("C2", claims.contrast(records)) == expected


@pytest.mark.parametrize(
    ("with_noise", "without", "expected"),
    [
        (both(0.5, 0.7), both(0.6, 0.5), Verdict.REPRODUCED),
        (both(0.6, 0.7), both(0.6, 0.5), Verdict.PARTLY),
        (both(0.5, 0.5), both(0.6, 0.5), Verdict.PARTLY),
        (both(0.6, 0.5), both(0.6, 0.5), Verdict.NOT_REPRODUCED),
    ],
)
def test_noise(with_noise, without, expected):
    assert verdict("C3", claims.noise(runs(cpu=with_noise, no_noise=without))) == expected


@pytest.mark.parametrize(
    ("mixed", "alone", "within", "expected"),
    [
        (0.5, 0.7, 0.6, Verdict.REPRODUCED),
        (0.5, 0.7, 0.5, Verdict.PARTLY),
        (0.5, 0.5, 0.5, Verdict.NOT_REPRODUCED),
    ],
)
def test_easy_negatives(mixed, alone, within, expected):
    values = {"cpu": mixed, "simbert": alone, "within": within, "simbert_half": mixed}
    records = runs(**{study: found(value) for study, value in values.items()})
    assert verdict("C4", claims.easy_negatives(records)) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (both(0.7, 0.5), Verdict.REPRODUCED),
        (both(0.7, 0.3), Verdict.PARTLY),
        (both(0.5, 0.5), Verdict.NOT_REPRODUCED),
    ],
)
def test_distillation(after, expected):
    records = runs(cpu=both(0.5, 0.5), distil=after, continued=both(0.5, 0.5), distil_large=both(0.9, 0.9))
    assert verdict("C5", claims.distillation(records)) == expected


@pytest.mark.parametrize(
    ("distilled", "expected"),
    [(0.7, Verdict.REPRODUCED), (0.505, Verdict.PARTLY), (0.3, Verdict.NOT_REPRODUCED)],
)
def test_students(distilled, expected):
    records = runs(
        student=found(0.5),
        student_distil_large=found(distilled),
        teacher=found(0.8),
        student_distil=found(0.4),
        distil=found(0.6),
    )
    measured = claims.student(records)
    assert verdict("C6", measured) == expected
    assert measured["text"].endswith("smaller teacher 0.400 ± 0.006")
    assert measured["why"].startswith("The teacher finds 0.800 ± 0.006; the earlier one")


def test_the_teachers_stand_side_by_side():
    studies = [study for taught in claims.TAUGHT.values() for study in taught if study]
    values = {
        study: {**both(0.1 * k, 0.05 * k), "statements_accuracy": 0.5} for k, study in enumerate(studies)
    }
    records = runs(simbert=found(0.8), teacher=found(0.9), **values)
    for each in records:
        each.config["distillation"] = 100.0
        each.curves.update(step=[0, 1, 2, 3, 4], distillation=[9.0, 9.0, 9.0, 9.0, 4.0])
    table = claims.teachers(records)
    assert table.rows[0][2:] == ["—", "0.800 ± 0.006", "0.900 ± 0.006"]
    assert table.rows[3] == [
        "cpu, 300 steps more",
        "meaning kept",
        "0.000 ± 0.006",
        "0.050 ± 0.006",
        "0.100 ± 0.006",
    ]
    assert table.rows[4] == ["cpu, 300 steps more", "gap of cosines", "—", *["0.200 ± 0.000"] * 2]
    assert table.rows[5][3] == table.rows[8][3] == "—"  # nobody distilled from the small teacher for as long
    assert len(table.rows) == 1 + 3 * 4


@pytest.mark.parametrize(
    ("lead", "expected"),
    [(3.0, Verdict.REPRODUCED), (1.0, Verdict.PARTLY), (-0.5, Verdict.NOT_REPRODUCED)],
)
def test_ranking(lead, expected):
    assert verdict("C7", {"text": "", "lead": lead}) == expected


def test_ranking_is_measured_on_samples():
    measured = claims.ranking(make_writer(), meanings=8, samples=3, seeds=2)
    assert set(measured) == {"text", "lead"}


@pytest.mark.parametrize(
    ("atec", "sts", "expected"),
    [
        ((0.3, 0.2, 0.2), (0.6, 0.5, 0.7), Verdict.REPRODUCED),
        ((0.3, 0.2, 0.2), (0.6, 0.5, 0.5), Verdict.PARTLY),
        ((0.2, 0.3, 0.2), (0.6, 0.5, 0.5), Verdict.NOT_REPRODUCED),
    ],
)
def test_whitening(atec, sts, expected):
    kinds = ("", "_whitened", "_third")
    values = {
        f"{name}_cls{kind}": value
        for name, some in (("atec", atec), ("sts_b", sts))
        for kind, value in zip(kinds, some, strict=True)
    }
    real = record("real", 0, **{k.replace("sts_b", "STS"): v for k, v in values.items()})
    metrics = {name.replace("STS", "sts_b"): value for name, value in real.metrics.items()}
    assert verdict("C8", claims.whitening([record_with(real, metrics)])) == expected


def record_with(real, metrics):
    return dataclasses.replace(real, metrics=metrics)


def test_nothing_leaks():
    measured = claims.leakage(make_sim(num_hidden_layers=3))
    assert verdict("C1", measured) == Verdict.REPRODUCED
    assert "exactly 0" in measured["text"]


def test_the_baseline_is_between_nothing_and_everything():
    found = claims.baselines()
    assert 0.05 < found["intent accuracy"] < 1
    assert found["combination spearman"] > 0


def test_missing_records_are_named():
    with pytest.raises(ValueError, match="got 0; expected 2"):
        claims.contrast([])
    table = claims.summary([], ["gpu"], ["intent accuracy"])
    assert "No gpu run is recorded yet" in table.notes[0]
    assert not table.rows


def test_the_articles_table_says_what_the_lesson_says_of_it():
    """Whitening lowers ATEC everywhere; on STS-B it lowers RoFormer-Sim, and 256 of its directions raise all."""
    for row in claims.ARTICLE_TABLE.values():
        plain, white, _ = row["ATEC"]
        assert white < plain
        assert row["STS-B"][2] > row["STS-B"][0]
    assert claims.ARTICLE_TABLE["V2-P1"]["STS-B"][1] < claims.ARTICLE_TABLE["V2-P1"]["STS-B"][0]


def test_the_recorded_runs_can_be_judged():
    records = load_records("roformer_sim")
    for measure in (
        claims.contrast,
        claims.noise,
        claims.easy_negatives,
        claims.distillation,
        claims.student,
        claims.whitening,
    ):
        assert measure(records)["text"]
