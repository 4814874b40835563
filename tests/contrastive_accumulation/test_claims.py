"""What lesson 7 proves and claims: checks that refute what is wrong, rules on made-up evidence, the recorded runs."""

import dataclasses

import numpy as np
import pytest
from made_up_records import made_up

from sjedu.contrastive_accumulation import claims, estimators, theory, toy
from sjedu.contrastive_accumulation.claims import CLAIMS, DROPOUT, SURROGATE, THEOREMS
from sjedu.contrastive_accumulation.estimators import compare_estimators
from sjedu.contrastive_accumulation.experiment import PRESETS
from sjedu.contrastive_accumulation.theory import Comparison
from sjedu.records import Ledger, Precondition, Refuted, Verdict, load_runs
from sjedu.records.runs import Runs

GOOD, FAIR, BAD, UNTESTED = Verdict
BY_ID = {claim.id: claim for claim in CLAIMS}

# ---------------------------------------------------------------- theorems


@pytest.mark.parametrize("theorem", THEOREMS[:-1], ids=lambda theorem: theorem.id)
def test_every_theorem_holds(theorem):
    assert theorem.check().text.endswith(".")  # the last one, of several processes, in test_processes


def whole(model, x, chunk):
    return toy.full(model, x)


def one_graph(model, x, loss, micro_batch):
    loss(model(x)).backward()


def scaled(function, factor):
    return lambda *args, **kwargs: factor * function(*args, **kwargs)


@pytest.mark.parametrize(
    ("check", "place", "name", "wrong", "says"),
    [
        (claims.naive_gap, toy, "naive", whole, "relative error 0.00"),
        (claims.naive_gap, toy, "naive", scaled(whole, 0.5), r"is 0\.5 of the exact"),
        (claims.exactness, toy, "exact", scaled(toy.exact, 1 + 1e-11), "relative error 1.0·10⁻¹¹"),
        (claims.chain_rule, theory, "target_vectors", scaled(theory.target_vectors, 0.5), "differ by 0.50"),
        (claims.replay, toy, "exact", scaled(toy.exact, 1 + 1e-11), "relative error 1.0·10⁻¹¹"),
        (claims.norms, toy, "exact", toy.naive, "in evaluation"),
        (claims.norms, toy, "two_pass", whole, "relative error 0.00"),
        (claims.sweeps, claims, "accumulate_batch_norm", one_graph, "3 batch norms"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refuted(monkeypatch, check, place, name, wrong, says):
    monkeypatch.setattr(place, name, wrong)
    with pytest.raises(Refuted, match=says):
        check()


def test_a_gradient_without_bias_is_refuted(monkeypatch):
    monkeypatch.setattr(toy, "exact", lambda model, x, chunk, replay: toy.full(model, x))
    with pytest.raises(Refuted, match="mean of 4 draws"):
        claims.careless_bias(draws=4)


def test_a_surrogate_of_another_value_is_refuted(monkeypatch):
    right = claims.info_nce
    monkeypatch.setattr(claims, "info_nce", lambda u, v, **given: right(u, v, **given) + u[0, 0])
    with pytest.raises(Refuted, match="the two sides differ by"):
        claims.surrogate_value()


def test_a_training_that_differs_is_refuted(monkeypatch):
    def gap(size):
        runs = load_runs(claims.ROOM)
        moved = [
            dataclasses.replace(
                run, metrics={**run.metrics, "test loss": run.metrics.get("test loss", 0) + size}
            )
            if run.config["method"] == "exact"
            else run
            for run in runs
        ]
        monkeypatch.setattr(claims, "load_runs", lambda room: Runs(room, tuple(moved)))

    gap(0.0009)
    assert "5 pairs" in claims.same_training().text
    gap(0.0011)
    with pytest.raises(Refuted, match=r"differ by 0\.0011"):
        claims.same_training()


@pytest.mark.parametrize("extra", [0, 2])
def test_another_number_of_forward_passes_is_refuted(monkeypatch, extra):
    def accumulate(pair, inputs, loss, chunk):
        for _ in range(extra):
            pair[0](inputs[0]), pair[1](inputs[1])
        loss(pair[0](inputs[0]), pair[1](inputs[1])).backward()

    monkeypatch.setattr(claims, "accumulate", accumulate)
    with pytest.raises(Refuted, match=f"{extra} forward pass"):
        claims.operations(64, 16)


@pytest.mark.parametrize(
    ("full", "dense", "streamed", "half", "holds"),
    [
        (100, 66, 6, 5, True),
        (23, 66, 6, 5, False),  # the full batch is not four times as much
        (100, 63, 6, 5, False),  # less than the loss's matrices
        (100, 75, 6, 5, False),  # more than they and what else is held
        (100, 66, 7, 5, False),  # grows by more than four vectors a pair
    ],
)
def test_memory_of_another_size_is_refuted(monkeypatch, full, dense, streamed, half, holds):
    def step_memory(batch, micro_batch, block):
        if micro_batch is None:
            return full
        return dense if block is None else streamed if batch == 2048 else half

    monkeypatch.setattr(claims, "step_memory", step_memory)
    if holds:
        assert claims.memory().text
    else:
        with pytest.raises(Refuted, match="Peak of tensors"):
            claims.memory()


def test_a_stream_that_is_off_or_takes_too_much_is_refuted(monkeypatch):
    right = claims.info_nce
    monkeypatch.setattr(claims, "peak_bytes", lambda work: 1000)
    with pytest.raises(Refuted, match="MiB instead of"):
        claims.streaming(64, 16)
    peaks = iter([9, 100])
    monkeypatch.setattr(claims, "peak_bytes", lambda work: next(peaks))
    assert claims.streaming(64, 16).text
    monkeypatch.setattr(
        claims, "info_nce", lambda *args, block, **given: right(*args, **given) * (1 + 1e-11 * bool(block))
    )
    peaks = iter([9, 100])
    with pytest.raises(Refuted, match="differ by"):
        claims.streaming(64, 16)


def test_processes_are_judged_after_the_best_rescaling(monkeypatch):
    right, shrunk = Comparison(0.0, 1.0, 1.0), Comparison(0.75, 1.0, 0.25)
    off = Comparison(0.5, 0.8, 1.0)
    schemes = dict.fromkeys(("own keys", "no keys", "alone"), off)
    schemes |= {"global": shrunk, "rows": right, "accumulate": right}
    monkeypatch.setattr(claims, "measure_processes", lambda processes: schemes)
    assert "0.25 of the whole" in claims.process_factors().text
    for name, wrong in (
        ("own keys", Comparison(0.5, 1.0, 0.5)),  # a factor would repair it
        ("accumulate", Comparison(1e-11, 1.0, 1.0)),
        ("rows", off),
        ("global", right),
        ("global", Comparison(0.75, 0.9, 0.25)),
    ):
        kept, schemes[name] = schemes[name], wrong
        with pytest.raises(Refuted, match="4 processes"):
            claims.process_factors()
        schemes[name] = kept


# ---------------------------------------------------------------- rules, on made-up evidence


def made_up_run(study="cpu", metrics=(), curves=(), **fields):
    config = dataclasses.replace(PRESETS[study], **fields)
    run = made_up(
        config.name, dataclasses.asdict(config), dict(metrics), lesson=claims.ROOM, seed=config.seed
    )
    return dataclasses.replace(run, curves=dict(curves))


def judge(monkeypatch, id, runs, here=True):
    monkeypatch.setattr(claims, "load_runs", lambda room: Runs(room, tuple(runs)))
    if here:
        monkeypatch.setattr(claims, "same_setting", lambda met, sentence: Precondition(True, sentence))
    return BY_ID[id].judge()


def curves(loss, surrogate):
    return {"step": list(range(len(loss))), "loss": loss, "surrogate": surrogate}


FALLING = [4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([1.0, -2.0, -1.0, -3.0], GOOD),
        ([3.0, 1.0, 2.0, 0.5], FAIR),  # never negative
        ([2.0, 1.0, -1.0, -2.0], FAIR),  # falls with the loss
        ([4.0, 3.0, 2.0, 0.0], BAD),
    ],
)
def test_the_surrogate_is_no_loss(monkeypatch, values, verdict):
    judgement = judge(monkeypatch, "C5", [made_up_run(curves=curves(FALLING, values))])
    assert judgement.verdict == verdict
    assert set(judgement.held) == set(SURROGATE)


def test_the_surrogate_is_asked_of_in_every_run(monkeypatch):
    good, bad = ([1.0, -2.0, -1.0, -3.0], [4.0, 3.0, 2.0, 0.0])
    runs = [
        made_up_run(curves=curves(FALLING, values), seed=seed)
        for seed, values in enumerate((good, good, bad))
    ]
    judgement = judge(monkeypatch, "C5", runs)
    assert judgement.verdict == BAD
    assert "from −" in judgement.why or "0 %" in judgement.why


@pytest.mark.parametrize(
    ("careless", "replayed", "verdict"),
    [(0.2, 1e-15, FAIR), (0.2, 0.2, GOOD), (0.05, 1e-15, BAD), (0.05, 0.2, FAIR)],
)
def test_dropout_is_a_problem_and_has_a_remedy(monkeypatch, careless, replayed, verdict):
    exact = scaled(toy.full, 1.0)
    monkeypatch.setattr(
        toy,
        "exact",
        lambda model, x, chunk, replay: exact(model, x, chunk) * (1 + (replayed if replay else careless)),
    )
    judgement = BY_ID["C6"].judge()
    assert judgement.verdict == verdict
    if verdict == FAIR:
        assert ("There is a remedy" in judgement.why) == judgement.held[DROPOUT[0]]


def halves(naive, full=3.9, seeds=10, noise=0.01, last=1.0):
    """Runs of the full batch and of naive accumulation whose test losses have these means."""
    rng = np.random.default_rng(0)
    loss = [5.0] * 4 + [last * 1.0] * 36 if last else np.linspace(5, 1, 40).tolist()
    return [
        made_up_run(
            metrics={"test loss": level + noise * rng.normal(), "R@1": 0.1},
            curves={"step": list(range(40)), "loss": loss},
            method=method,
            micro_batch=16,
            seed=seed,
        )
        for method, level in (("full", full), ("naive", naive))
        for seed in range(seeds)
    ]


@pytest.mark.parametrize(
    ("given", "verdict", "says"),
    [
        ({"naive": 3.93}, GOOD, ""),
        ({"naive": 3.905}, BAD, "not clearly higher"),
        ({"naive": 3.87}, BAD, "not clearly higher"),
        ({"naive": 4.5, "seeds": 9}, UNTESTED, "9 seeds"),
        ({"naive": 9.0, "full": 6.3}, UNTESTED, "does not beat guessing"),
        ({"naive": 3.93, "last": 0}, UNTESTED, "not converged"),
    ],
)
def test_naive_accumulation_loses_quality(monkeypatch, given, verdict, says):
    judgement = judge(monkeypatch, "C10", halves(**given))
    assert judgement.verdict == verdict
    assert says in judgement.why


def test_naive_accumulation_has_other_needs(monkeypatch):
    judgement = judge(monkeypatch, "C10", halves(3.93), here=False)
    assert judgement.verdict == UNTESTED
    assert "temperature" in judgement.why


@pytest.mark.parametrize(
    ("detached", "seeds", "verdict"),
    [
        ((0.3, 0.5, 0.9), 10, GOOD),
        ((0.3, 0.5, 0.96), 10, BAD),  # at one of three steps
        ((0.3, 0.5, 0.9), 9, UNTESTED),
        ((0.3, 0.5, 0.9), 1, UNTESTED),
    ],
)
def test_detached_negatives_are_compared_over_seeds(monkeypatch, detached, seeds, verdict):
    rng = np.random.default_rng(0)

    def compare(seed):
        ways = {"naive": (0.96,) * 3, "detached": detached}
        return {
            step: {
                way: Comparison(0.1, cosines[k] + 0.01 * rng.normal(), 1.0) for way, cosines in ways.items()
            }
            for k, step in enumerate((20, 60, 140))
        }

    monkeypatch.setattr(claims, "compare_estimators", compare)
    claim = dataclasses.replace(BY_ID["C12"], measure=lambda: claims.detached_negatives(range(seeds)))
    judgement = claim.judge()
    assert judgement.verdict == verdict
    assert "step 140" in judgement.evidence.text


def test_estimators_are_compared_during_a_training():
    comparisons = compare_estimators(at=(5,), chunk=256)
    assert set(comparisons) == {5}
    assert set(comparisons[5]) == set(estimators.ESTIMATORS)
    with pytest.raises(ValueError, match="at: got step 2"):
        compare_estimators(at=(2,))


# ---------------------------------------------------------------- the ledger, and the tables


def test_what_the_records_say():
    book = Ledger(claims.ROOM, (), CLAIMS)
    assert book.counts() == {"reproduced": 1, "partly": 1, "not tested here": 2}
    assert [id for id in book.claims if book[id].verdict == UNTESTED] == ["C10", "C12"]
    assert [each.id for each in THEOREMS] == [f"T{k}" for k in range(1, 14)]


def test_tables_begin_with_what_needs_no_training_and_order_methods():
    rows = [row[0] for row in claims.halves_table().rows]
    assert rows == ["guessing", "full", "exact, 16", "naive, 64", "naive, 16", "naive, 4"]
    assert rows[1:] == list(claims.ways("cpu"))
    assert claims.halves_table().rows[0][1:] == ["0.002", "0.010", "6.215", "—"]
    assert claims.halves_table("mnist").rows[0][1:] == ["0.000", "0.001", "9.210", "—"]
    assert claims.dropout_table().rows[0][:3] == ["the pixels", "0.884", "0.960"]
    assert claims.simcse_table().rows[0][:2] == ["common characters", "0.642"]


@pytest.mark.parametrize(
    ("method", "micro_batch", "says"),
    [("full", 16, "full"), ("naive", 4, "naive, 4"), ("exact", 32, "exact, 32")],
)
def test_labels_of_runs(method, micro_batch, says):
    assert claims.label(method, micro_batch) == says
