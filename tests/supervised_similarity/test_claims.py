"""The rules of the claims on made-up records, and the verdicts on those that come with the package."""

import dataclasses

import pytest

from sjedu.records import Record, load_records
from sjedu.records.old_claims import ClaimSheet, Verdict
from sjedu.records.record import plain
from sjedu.supervised_similarity import claims
from sjedu.supervised_similarity.experiment import PRESETS
from sjedu.supervised_similarity.planted import LOSSES
from sjedu.supervised_similarity.tasks import REAL_SETS, TEST_SETS, TRAIN_SETS


def made(study, mean, seed=0, before=0.5, student=None, negation=0.2, **changes):
    """A record whose every figure follows from a few."""
    config = dataclasses.replace(PRESETS[study], seed=seed, **changes)
    names = REAL_SETS if config.data == "real" else TEST_SETS

    def measured(value, valid):
        kinds = {"negation": {"paraphrase": 0.9, "opposite": 0.8}, "topics": {"other topic": 0.1}}
        kinds |= {"adversarial": {"other entity": 0.3}, "nli": {"opposite": 0.8}}
        spearman = dict.fromkeys(names, value) | ({"negation": negation} if "negation" in names else {})
        generation = {"valid": valid, "same": 0.4, "new": 0.3, "copy": 0.0, "distinct": 0.9}
        return {
            "mean": value,
            "spearman": spearman,
            "kinds": kinds,
            "pairs": [0.95] * 10,
            "generation": generation,
        }

    reading = {"topics": {"topic": 0.5, "meaning": 0.9, "entity": 0.4, "negative": 0.7, "equal": 0.0}}
    metrics = {
        "parameters": 1,
        "after": measured(mean, 0.0),
        "reading": reading,
        "before": measured(before, 0.8),
    }
    if student is not None:
        metrics["student"] = measured(student, 0.75)
    return Record(
        "supervised_similarity", config.name, plain(dataclasses.asdict(config), "config"), seed, "0" * 40, False,
        "cpu (1 thread)", {"torch": "2"}, "2026-01-01", 1.0, metrics, {"step": [0], "loss": [1.0]}, "made up",
    )  # fmt: skip


def records(head=0.8, cosent=0.8, noisy_head=0.8, noisy=0.6, direct=0.7, with_nli=0.6, real_gain=None):
    wiggle = [0.001 * seed for seed in range(3)]
    found = [made("start", 0.5)]
    for seed, w in enumerate(wiggle):
        values = {"head": head, "cosent": cosent, "squared": direct, "opposite": direct, "margin": direct}
        for loss in LOSSES:
            found.append(made("cpu", values[loss] + w, seed, objective=loss))
            careless = noisy_head if loss == "head" else noisy
            found.append(made("cpu", careless + w, seed, objective=loss, topic_positives=0.6))
            found.append(made("real", 0.6 + w, seed, objective=loss))
        for changes in ({"parts": ("u", "v")}, {"parts": ("|u-v|",)}, {"shared_head": True}):
            found.append(made("cpu", 0.5 + w, seed, **changes))
        found.append(made("distil", 0.8, seed, student=0.81 + w))
        found.append(made("small", 0.9, seed, before=0.6, student=0.91 + w))
        for loss in ("head", "cosent"):
            found.append(made("nli", 0.8, seed, objective=loss, negation=with_nli + w))
            found.append(made("nli", 0.8, seed, objective=loss, negation=0.2 + w, sets=TRAIN_SETS[:-1]))
    for record in found:
        if record.config["study"] == "real" and real_gain:
            for name, gain in real_gain.items():
                record.metrics["after"]["spearman"][name] = 0.5 + gain
    return found


def verdict(id, measured):
    return ClaimSheet("supervised_similarity", claims.CLAIMS).measure(id, **measured).verdict


GOOD, PARTLY, BAD = Verdict.REPRODUCED, Verdict.PARTLY, Verdict.NOT_REPRODUCED


def test_the_rules_say_yes_where_all_is_as_claimed():
    given = records()
    assert verdict("C1", claims.complaint(given)) == GOOD
    assert verdict("C2", claims.head_against_cosine(given)) == GOOD
    assert verdict("C3", claims.head_parts(given)) == GOOD
    assert verdict("C4", claims.own_heads(given)) == GOOD
    assert verdict("C5", claims.negation_by_inference(given)) == GOOD
    assert verdict("C6", claims.distillation(given)) == GOOD


@pytest.mark.parametrize(
    ("id", "function", "changes", "wanted"),
    [
        ("C2", "head_against_cosine", {"direct": 0.85}, BAD),
        ("C3", "head_parts", {"head": 0.4}, BAD),
        ("C5", "negation_by_inference", {"with_nli": 0.2}, BAD),
        ("C7", "published_sets", {"real_gain": {"paws_x": 0.05, "atec": 0.1}}, PARTLY),
        ("C7", "published_sets", {"real_gain": {"paws_x": 0.3, "atec": 0.1, "sts_b": 0.2}}, GOOD),
        ("C7", "published_sets", {"real_gain": {"paws_x": -0.1}}, BAD),
        ("C8", "sequel", {}, PARTLY),
        ("C8", "sequel", {"cosent": 0.9}, GOOD),
        ("C8", "sequel", {"cosent": 0.7}, BAD),
    ],
)
def test_the_rules_can_say_no(id, function, changes, wanted):
    assert verdict(id, getattr(claims, function)(records(**changes))) == wanted


def test_the_growth_is_read_off_both():
    values = {"planted": 3.0, "trained": 3.0}
    assert claims._grows(values) == GOOD
    assert claims._grows({**values, "trained": 1.0}) == PARTLY
    assert claims._grows({"planted": 0.0, "trained": 0.0}) == BAD


def test_missing_records_are_named():
    with pytest.raises(ValueError, match="'distil'"):
        claims.distillation([made("start", 0.5)])
    assert "No gpu run" in str(claims.gpu_note([]))


def test_every_table_can_be_made_of_what_comes_with_the_package():
    recorded = load_records("supervised_similarity")
    for name in (
        "objectives_table", "sets_table", "kinds_table", "parts_table", "reading_table", "negation_table",
        "pairs_table", "distillation_table", "starts_table", "real_table", "gpu_note",
    ):  # fmt: skip
        assert str(getattr(claims, name)(recorded))
    assert "62.84" in str(claims.article_table())
