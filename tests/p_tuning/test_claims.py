"""What lesson 2 proves and claims: checks that refute wrong theorems, rules on made-up runs, the recorded runs."""

import pytest
import torch
from made_up import OWN, error, runs

from sjedu.p_tuning import claims, theory
from sjedu.p_tuning.claims import CLAIMS, THEOREMS
from sjedu.p_tuning.tasks import HUMAN
from sjedu.records import Refuted, Spread, Verdict, ledger, load_runs

GOOD, _, BAD, UNTESTED = Verdict

# ---------------------------------------------------------------- theorems


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda theorem: theorem.id)
def test_every_theorem_holds(theorem):
    assert theorem.check().text.endswith(".")


def scaled(function, factor):
    return lambda *arguments, **options: factor * function(*arguments, **options)


def one_side_only(E, ids, target):
    parts = theory.TiedGradient(*tied_gradient(E, ids, target))
    return theory.TiedGradient(parts.input_side, 0 * parts.output_side)


tied_gradient = theory.tied_gradient


@pytest.mark.parametrize(
    ("check", "module", "name", "wrong"),
    [
        (claims.best_of_several, theory, "expected_maximum", scaled(theory.expected_maximum, 1.01)),
        (claims.rows_that_move, theory, "decayed", lambda E, *a: E),
        (claims.rows_that_move, theory, "adam_drift", scaled(theory.adam_drift, 1.01)),
        (claims.rows_that_move, claims, "_moved_rows", lambda *a: 0),
        (claims.tied_head, theory, "tied_gradient", one_side_only),
        (claims.reparameterised, theory, "reparameterised_step", scaled(theory.reparameterised_step, 1.01)),
        (claims.stopped_gradient, claims, "_moved_rows", lambda *a: 1),
    ],
)
def test_a_wrong_formula_is_refuted(monkeypatch, check, module, name, wrong):
    monkeypatch.setattr(module, name, wrong)
    with pytest.raises(Refuted):
        check()


def test_a_layer_that_stops_nothing_is_refuted(monkeypatch):
    class Open(claims.StopGradientEmbedding):
        weight = property(lambda self: self.table)

    monkeypatch.setattr(claims, "StopGradientEmbedding", Open)
    with pytest.raises(Refuted, match=r"change \d\d of 46 other rows"):
        claims.stopped_gradient()


def test_a_layer_that_changes_values_is_refuted(monkeypatch):
    class Other(claims.StopGradientEmbedding):
        def forward(self, ids):
            return super().forward(ids) + 1e-9 * torch.ones(8, dtype=torch.float64)

    monkeypatch.setattr(claims, "StopGradientEmbedding", Other)
    with pytest.raises(Refuted):
        claims.stopped_gradient()


def test_a_cloze_that_is_no_head_is_refuted(monkeypatch):
    class Other(claims.ClozeClassifier):
        def forward(self, filled, *asked):
            return super().forward(filled, *asked).flip(1)

    monkeypatch.setattr(claims, "ClozeClassifier", Other)
    with pytest.raises(Refuted):
        claims.cloze_is_a_head()


# ---------------------------------------------------------------- rules, on made-up runs


def judged(monkeypatch, id, *changes, **options):
    """The judgement of a claim by made-up runs."""
    made = runs(*changes, **options)
    monkeypatch.setattr(claims, "load_runs", lambda room: made if room == "p_tuning" else load_runs(room))
    return next(claim for claim in CLAIMS if claim.id == id).judge()


def held(judgement):
    return list(judgement.evidence.holds.values())


def above(t, draws=5):
    """An accuracy that is above 0.8 by so many standard errors of a paired difference."""
    return 0.8 + t * error(draws)


# With 5 draws, a paired t of 3.2 has p = .033 and one of 3.6 has p = .023; after Holm over two, .066 and .046.
CLEAR, UNCLEAR = 3.6, 3.2


@pytest.mark.parametrize(
    ("id", "fields", "part"),
    [
        ("C3", {"method": "pet"}, 0),
        ("C3", {"method": "fine_tune"}, 1),
        ("C4", {"method": "p_tuning_full", "labels": 4}, 0),
        ("C4", {"method": "p_tuning", "labels": 256}, 1),
        ("C6", {"method": "p_tuning", "study": "speed"}, 0),
        ("C6", {"method": "p_tuning", "study": "cpu"}, 1),
        ("C7", {"objective": "mlm", "place": "suffix"}, 1),
        ("C8", {"method": "p_tuning_full_words", "labels": 4}, 0),
        ("C8", {"method": "p_tuning_full", "labels": 256}, 1),
    ],
)
def test_a_part_of_two_holds_from_a_clear_lead_on(monkeypatch, id, fields, part):
    """The rival is lowered; the other part's two are alike, and so do not differ."""
    others = [False, False]
    leading = [part == 0, part == 1]
    assert held(judged(monkeypatch, id, (1.6 - above(CLEAR), fields))) == leading
    assert held(judged(monkeypatch, id, (1.6 - above(UNCLEAR), fields))) == others
    assert held(judged(monkeypatch, id, (above(CLEAR), fields))) == others


def test_the_first_part_about_prefixes_compares_both_sides_with_the_suffix_alone(monkeypatch):
    suffix = {"objective": "causal", "place": "suffix"}
    assert held(judged(monkeypatch, "C7", (0.7, suffix))) == [True, False]
    assert held(judged(monkeypatch, "C7", (0.79, suffix))) == [False, False]
    prefix = {"objective": "causal", "place": "prefix"}
    assert held(judged(monkeypatch, "C7", (0.7, prefix))) == [False, False]


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        # Of four tests one needs p < .0125: a t of 4.3.
        ([(above(4.6), {"labels": 16})], True),
        ([(above(4.0), {"labels": 16})], False),
        ([(above(4.0), {"labels": n}) for n in (4, 16, 256)], False),
        ([(above(9), {"labels": 16}), (1.6 - above(9), {"labels": 4})], False),
        ([], False),
    ],
)
def test_an_auxiliary_objective_must_help_somewhere_and_harm_nowhere(monkeypatch, changes, holds):
    auxiliary = [(level, {"method": "p_tuning_auxiliary"} | fields) for level, fields in changes]
    assert judged(monkeypatch, "C5", *auxiliary).evidence.holds is holds


def test_the_learning_rate_is_that_of_the_validation_texts(monkeypatch):
    lstm = {"method": "p_tuning_lstm", "study": "speed"}
    assert held(judged(monkeypatch, "C6", (0.9, lstm | {"learning_rate": 0.03})))[0]
    assert not held(judged(monkeypatch, "C6", (0.9, lstm | {"learning_rate": 0.1})))[0]


@pytest.mark.parametrize(("t", "holds"), [(2.3, True), (2.0, False), (-3.0, False)])
def test_a_causal_model_may_be_two_points_behind(monkeypatch, t, holds):
    """One-sided, df 4: from a t of 2.13 on. Both made-up models are noisy alike, so one is spared its own noise."""
    test = claims.paired
    monkeypatch.setattr(
        claims,
        "paired",
        lambda causal, masked: test(causal, Spread(tuple(masked.values - OWN), masked.seeds)),
    )
    judgement = judged(monkeypatch, "C7a", (0.8 - 0.02 + t * error(), {"objective": "causal"}))
    assert judgement.evidence.holds is holds


@pytest.mark.parametrize(
    ("accuracy", "holds"), [(170 / 300, True), (166 / 300, False), (0.5, False), (0.2, False)]
)
def test_a_cloze_must_be_right_more_often_than_by_guessing(monkeypatch, accuracy, holds):
    judgement = judged(monkeypatch, "C1", (accuracy, {"pattern": HUMAN["mlm"][0].pattern, "study": "cpu"}))
    assert judgement.evidence.holds is holds
    assert judgement.verdict == UNTESTED
    assert "1 pretrained model" in judgement.why
    # Another template that does well is no help: the first is taken without looking.
    if not holds:
        other = (1.0, {"pattern": HUMAN["mlm"][1].pattern})
        first = (accuracy, {"pattern": HUMAN["mlm"][0].pattern})
        assert judged(monkeypatch, "C1", first, other).evidence.holds is holds


@pytest.mark.parametrize(("worst", "holds"), [(0.69, True), (0.71, False)])
def test_templates_differ_from_a_tenth_on(monkeypatch, worst, holds):
    planted = (worst, {"pattern": "{mask}高兴。{text}"})
    judgement = judged(monkeypatch, "C2", planted)
    assert judgement.evidence.holds is holds
    assert "The spread was planted: the 4 templates" in judgement.why
    honest = judged(monkeypatch, "C2", (worst, {"pattern": HUMAN["mlm"][0].pattern}))
    assert ("The spread was planted" in honest.why) is not holds


# With 20 draws and three tests the smallest p must be below .0167: a t of 2.63.
@pytest.mark.parametrize(("t", "verdict"), [(2.8, GOOD), (2.4, BAD), (-2.8, GOOD), (0.0, BAD)])
def test_a_start_matters_if_two_differ_clearly(monkeypatch, t, verdict):
    judgement = judged(monkeypatch, "C10", (above(t, 20), {"study": "starts", "method": "p_tuning"}))
    assert judgement.verdict == verdict
    # The words of a human template are told of, and not compared.
    template = (0.1, {"study": "starts", "method": "p_tuning_template"})
    assert judged(monkeypatch, "C10", template).verdict == BAD


def test_few_draws_test_nothing(monkeypatch):
    clear = (0.9, {"study": "starts", "method": "p_tuning"})
    judgement = judged(monkeypatch, "C10", clear, draws=5)
    assert judgement.verdict == UNTESTED
    assert judgement.why.startswith("5 draws of labels")


@pytest.mark.parametrize(
    ("id", "fields"),
    [
        ("C10", {"study": "starts"}),
        ("C3", {"method": "p_tuning"}),
        ("C4", {"method": "p_tuning", "labels": 4}),
        ("C4", {"method": "p_tuning_full", "labels": 256}),
        ("C7", {"objective": "causal"}),
        ("C7a", {"objective": "causal"}),
        ("C8", {"method": "p_tuning_full_words"}),
    ],
)
def test_who_does_not_beat_a_bag_of_characters_tests_nothing(monkeypatch, id, fields):
    judgement = judged(monkeypatch, id, (0.55, fields))
    assert judgement.verdict == UNTESTED
    assert "does not beat a bag of characters" in judgement.why


@pytest.mark.parametrize("id", ["C3", "C4", "C5", "C8"])
def test_there_must_be_room_below_the_ceiling(monkeypatch, id):
    assert "No head-room" in judged(monkeypatch, id, (0.96, {})).why
    assert "No head-room" not in judged(monkeypatch, id).why


# ---------------------------------------------------------------- recorded runs


def test_the_recorded_runs_judge_every_claim():
    judged = ledger("p_tuning")
    assert judged.counts() == {"proved": len(THEOREMS), "reproduced": 1, "not tested here": 9}
    assert judged["C10"].verdict == GOOD
