"""The claims: their rules, judged from measurements that would and would not bear them out."""

import pytest

from sjedu.contrastive_accumulation import claims
from sjedu.contrastive_accumulation.estimators import compare_estimators
from sjedu.contrastive_accumulation.theory import Comparison
from sjedu.records import load_records
from sjedu.records.old_claims import ClaimSheet, Verdict

BY_ID = {claim.id: claim for claim in claims.CLAIMS}
RECORDS = load_records("contrastive_accumulation")


def judge(id, measured):
    return BY_ID[id].judge(measured)


def test_ids_count_up_and_every_rule_is_stated():
    assert list(BY_ID) == [f"C{k}" for k in range(1, 14)]
    assert all(claim.rule and claim.source for claim in claims.CLAIMS)
    ClaimSheet("contrastive_accumulation", claims.CLAIMS)


@pytest.mark.parametrize(
    ("id", "measure"),
    [
        ("C8", claims.norm_errors),
        ("C9", claims.multi_pass_error),
        ("C4", lambda: claims.operations(128, 32)),
    ],
)
def test_what_the_mathematics_says_is_reproduced(id, measure):
    assert judge(id, measure()) == Verdict.REPRODUCED


def test_dropout_is_a_problem_with_a_remedy():
    assert judge("C6", claims.dropout_errors()) == Verdict.PARTLY
    measured = claims.replay_errors(draws=4)  # too few to see the bias
    assert max(measured["replayed"], measured["simcse"]) < 1e-12
    assert judge("C7", measured | {"bias": 4.0, "noise": 1.0}) == Verdict.REPRODUCED
    assert judge("C7", measured | {"bias": 2.0, "noise": 1.0}) == Verdict.NOT_REPRODUCED


def test_the_loss_is_what_takes_the_memory():
    measured = claims.memory(1024, 256)
    assert measured["streamed"] < 0.25 < measured["dense"]
    assert judge("C3", measured) == Verdict.PARTLY
    assert judge("C3", {"dense": 0.1, "streamed": 0.1}) == Verdict.REPRODUCED
    assert judge("C3", {"dense": 0.9, "streamed": 0.9}) == Verdict.NOT_REPRODUCED


def test_streaming_is_exact():
    measured = claims.streaming(512, 32)
    assert measured["error"] < 1e-12
    assert measured["memory"] < 0.2  # a tenth only from larger batches on
    assert judge("C13", measured | {"memory": 0.05}) == Verdict.REPRODUCED
    assert judge("C13", {"error": 0.0, "memory": 0.5}) == Verdict.PARTLY
    assert judge("C13", {"error": 1e-3, "memory": 0.01}) == Verdict.NOT_REPRODUCED


def test_estimators_are_compared_during_a_training():
    found = compare_estimators(at=(5,), chunk=256)
    assert set(found) == {5}
    assert set(found[5]) == {"naive", "detached", "stale"}
    measured = claims.detached_negatives(found)
    assert measured["gaps"][0] == found[5]["detached"].cosine - found[5]["naive"].cosine
    with pytest.raises(ValueError, match="at: got step 2"):
        compare_estimators(at=(2,))


def test_processes_are_judged_after_the_best_rescaling():
    right, shrunk = Comparison(0.0, 1.0, 1.0), Comparison(0.75, 1.0, 0.25)
    off = Comparison(0.5, 0.8, 1.0)
    found = dict.fromkeys(("own keys", "no keys", "alone"), off)
    found |= {"global": shrunk, "rows": right, "accumulate": right}
    assert judge("C11", claims.process_factors(found)) == Verdict.REPRODUCED
    found["own keys"] = Comparison(0.5, 1.0, 0.5)  # a factor would repair it
    assert judge("C11", claims.process_factors(found)) == Verdict.PARTLY
    found["accumulate"] = off
    assert judge("C11", claims.process_factors(found)) == Verdict.NOT_REPRODUCED


def test_rules_that_read_records():
    assert judge("C10", claims.training(RECORDS)) in (Verdict.REPRODUCED, Verdict.PARTLY)
    assert judge("C10", {"difference": 0.0, "lead": 1.0}) == Verdict.PARTLY
    assert judge("C10", {"difference": 0.1, "lead": 9.0}) == Verdict.NOT_REPRODUCED
    measured = claims.surrogate_values(RECORDS)
    assert measured["negative"] > 0
    assert judge("C5", {"negative": 0.1, "rises": 0.1, "correlation": 0.9}) == Verdict.PARTLY
    assert judge("C5", {"negative": 0.0, "rises": 0.1, "correlation": 0.0}) == Verdict.NOT_REPRODUCED
    assert judge("C12", {"gaps": [-0.1, 0.1]}) == Verdict.PARTLY
    assert judge("C12", {"gaps": [0.1]}) == Verdict.NOT_REPRODUCED


def test_missing_records_are_named():
    with pytest.raises(ValueError, match=r"records of 'cpu'.*got none"):
        claims.training([])
    with pytest.raises(ValueError, match="got none by the exact method"):
        claims.surrogate_values([])
    with pytest.raises(ValueError, match="expected 9 seeds"):
        claims.spreads(RECORDS, "cpu", "test loss", seeds=9)


def test_summaries_order_methods_and_say_what_is_not_recorded():
    shown = str(claims.summary(RECORDS, "cpu"))
    positions = [shown.index(name) for name in ("full", "exact, 16", "naive, 64", "naive, 16", "naive, 4")]
    assert positions == sorted(positions)
    assert "--preset gpu" in str(claims.summary(RECORDS, "gpu"))
