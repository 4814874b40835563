"""What lesson 2 proves and what it measured, each sentence with its source.

`THEOREMS` have a check that computes them once more; `CLAIMS` have a measurement that reads recorded runs and applies
the rule that is stated with it. To see both: ``ledger("p_tuning")``.

Methods learn from the same draws of labels, so they are compared draw by draw (`paired`), and draws stand where other
lessons have seeds. All of them start from one pretrained model.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from sjedu.data.text import VERDICTS
from sjedu.figures import about, below, fixed, percent
from sjedu.p_tuning import theory
from sjedu.p_tuning.backbone import Backbone
from sjedu.p_tuning.classifier import ClozeClassifier
from sjedu.p_tuning.prompt import PromptedEmbedding, PromptEncoder, StopGradientEmbedding
from sjedu.p_tuning.results import accuracies, bag_accuracies, budgets
from sjedu.p_tuning.tasks import HUMAN
from sjedu.p_tuning.template import Filled
from sjedu.records import (
    ALPHA,
    Check,
    Claim,
    Evidence,
    Precondition,
    Record,
    Runs,
    Source,
    Spread,
    Theorem,
    Verdict,
    beats_baseline,
    checked,
    enough_draws,
    head_room,
    leads,
    load_runs,
    no_worse,
    paired,
    same_setting,
    shown,
    told,
    welch,
)
from sjedu.roformer import LanguageModel, RoFormerConfig


def _article(section: str) -> Source:
    return Source("article", f"kexue.fm/archives/8295, section on {section}")


def _course(section: str) -> Source:
    return Source("course", f"section {section}")


# ---------------------------------------------------------------- proved here


def cloze_is_a_head() -> Check:
    """Check T1 on a model with random weights."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 16, "embedding_size": 16, "num_hidden_layers": 1}
    sizes |= {"num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 16}
    model = LanguageModel(RoFormerConfig(vocab_size=50, **sizes)).eval()
    backbone, words = Backbone(model), [5, 7]
    ids, everything = torch.randint(50, (8, 10)), torch.ones(8, 10, dtype=torch.bool)
    blank = torch.randint(10, (8,))
    with torch.no_grad():
        scores = ClozeClassifier(backbone, words)(Filled(ids, everything, blank, everything))
        hidden = model.norm(model.activation(model.dense(backbone(ids, everything)[torch.arange(8), blank])))
        dense = hidden @ backbone.words.weight[words].T + model.bias[words]
    error = float((scores - dense).abs().max())
    return checked(
        error < 1e-5,
        f"A model with random weights in float32, 8 texts: the scores of both differ by {below(error, 1e-5)}.",
    )


def best_of_several() -> Check:
    """Check T2 against what is known of two and three normal numbers in closed form."""
    known = {2: 1 / math.sqrt(math.pi), 3: 1.5 / math.sqrt(math.pi)}
    error = max(abs(theory.expected_maximum(count) - value) for count, value in known.items())
    return checked(
        error < 1e-9,
        f"By numerical integration: for T = 2 and 3 it is 1/√π and 3/(2√π), to {below(error, 1e-9)}; for T = 6 it"
        f" is {theory.expected_maximum(6):.3f}.",
    )


def stopped_gradient(steps: int = 20) -> Check:
    """Check T3 on a table of 50 rows: against a separate table, and by what Adam leaves of the other rows."""
    table, ids, rows = _table_of_rows()
    layer = StopGradientEmbedding(table, rows)
    prompt = PromptEncoder(len(rows), table.shape[1]).double()
    prompt.embedding.weight.data.copy_(table[rows])
    separate = PromptedEmbedding(torch.nn.Embedding(50, 8, _weight=table.clone()), rows, prompt)
    for each in (layer, separate):
        each(ids).sin().sum().backward()
    gradient, other = layer.table.grad, prompt.embedding.weight.grad
    assert gradient is not None
    assert other is not None
    error = float((gradient[rows] - other).abs().max())
    moved = _moved_rows(0.0, steps)
    return checked(
        torch.equal(layer(ids), table[ids]) and error <= 1e-12 and moved == 0,
        f"A table of {len(table)} rows in float64: the values are the table's, the gradients of both ways differ by"
        f" {below(error, 1e-12)}, and {steps} steps of Adam change {moved} of {len(table) - len(rows)} other rows.",
    )


def rows_that_move(steps: int = 7) -> Check:
    """Check T4 by PyTorch's AdamW and Adam."""
    E = np.random.default_rng(0).normal(size=(2, 4))
    row = torch.nn.Parameter(torch.tensor(E[0]))
    adamw = torch.optim.AdamW([row], lr=0.1, weight_decay=0.5)
    for _ in range(steps):
        row.grad = torch.zeros_like(row)
        adamw.step()
    decay = np.abs(row.detach().numpy() - theory.decayed(E[0], 0.1, 0.5, steps)).max()
    coasting = torch.nn.Parameter(torch.tensor(E[0]))
    adam = torch.optim.Adam([coasting], lr=0.01)
    coasting.grad = torch.tensor(E[1])
    for _ in range(3):
        adam.step()
    before, state = coasting.detach().clone(), adam.state[coasting]
    first, second = (state[name].numpy().copy() for name in ("exp_avg", "exp_avg_sq"))
    coasting.grad = torch.zeros_like(coasting)
    for _ in range(steps):
        adam.step()
    drift = (coasting.detach() - before).numpy()
    error = max(decay, np.abs(drift - theory.adam_drift(first, second, 3, steps, 0.01)).max())
    moved = _moved_rows(0.1, 20)
    return checked(
        bool(error <= 1e-12) and moved > 0,
        f"PyTorch's AdamW and Adam move a row as the two formulas say, to {below(error, 1e-12)}; with weight decay"
        f" the layer of T3 has {moved} other rows changed after 20 steps.",
    )


def tied_head() -> Check:
    """Check T5 on the smallest tied model, against autograd."""
    E, ids, target = np.random.default_rng(0).normal(size=(6, 4)), [3, 0, 3, 5, 1], 4
    parts = theory.tied_gradient(E, ids, target)
    table = torch.tensor(E, requires_grad=True)
    torch.autograd.backward(F.cross_entropy((table @ table[ids].mean(0))[None], torch.tensor([target])))
    assert table.grad is not None
    error = np.abs(parts.input_side + parts.output_side - table.grad.numpy()).max()
    rows = [int((np.abs(part).max(axis=1) > 0).sum()) for part in parts]
    return checked(
        bool(error <= 1e-12) and rows == [len(set(ids)), len(E)],
        f"Autograd's gradient is the sum of both sides, to {below(error, 1e-12)}: looking up reaches {rows[0]} rows"
        f" of {len(E)}, predicting {rows[1]}.",
    )


def reparameterised() -> Check:
    """Check T6: what is left out is of second order, so a step of a tenth has an error of a hundredth."""
    rng = np.random.default_rng(0)
    Z, W, G = (rng.normal(size=(4, 4)) for _ in range(3))

    def error(lr: float) -> float:
        moved = (Z - lr * G @ W.T) @ (W - lr * Z.T @ G) - Z @ W
        return float(np.abs(moved - theory.reparameterised_step(Z, W, G, lr)).max())

    ratio = error(1e-3) / error(1e-4)
    return checked(
        abs(ratio - 100) < 1e-2,
        f"Random 4 × 4 matrices: with a tenth of the learning rate the error is {about(ratio, 3)} times smaller.",
    )


def _table_of_rows() -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    """A table, ids of a batch, and the rows that may be learnt."""
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(50, 8, dtype=torch.float64, generator=generator)
    return table, torch.randint(50, (4, 12), generator=generator), [1, 2, 3, 7]


def _moved_rows(decay: float, steps: int) -> int:
    """How many rows that may not be learnt have changed in any bit after some steps of AdamW."""
    table, ids, rows = _table_of_rows()
    layer = StopGradientEmbedding(table, rows)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.01, weight_decay=decay)
    for _ in range(steps):
        optimizer.zero_grad()
        layer(ids).sin().sum().backward()
        optimizer.step()
    changed = (layer.table.detach() != table).any(dim=1)
    changed[rows] = False
    return int(changed.sum())


THEOREMS = (
    Theorem(
        "T1",
        "A cloze is a dense layer on a hidden state, whose weights are the embeddings of the classes' words.",
        _course("2.2"),
        "The head of a language model with tied embeddings computes all words' scores so; the cloze keeps those of"
        " the classes (section 2.2).",
        cloze_is_a_head,
    ),
    Theorem(
        "T2",
        "Choose the best of T equally good templates by measurements with independent normal errors of standard"
        " deviation σ, and what was measured of it is too high by σ times the expected maximum of T standard normal"
        " numbers, in the mean.",
        _course("2.3"),
        "The best measurement is the common accuracy plus σ times that maximum (section 2.3).",
        best_of_several,
    ),
    Theorem(
        "T3",
        "Looking up E ⊙ m + sg(E) ⊙ (1 − m) instead of E changes no value, and lets a gradient through to the rows of"
        " the prompt tokens only.",
        _article("stopped gradients"),
        "The derivative with sg(E) as a constant (section 2.5).",
        stopped_gradient,
    ),
    Theorem(
        "T4",
        "A row without gradient moves all the same: AdamW with weight decay makes (1 − ηλ)ⁿE of it in n steps, and"
        " Adam goes on by the moments of earlier steps.",
        _course("2.5"),
        "The optimisers' own formulas with the gradient zero (section 2.5).",
        rows_that_move,
    ),
    Theorem(
        "T5",
        "A head that shares the table has a gradient of its own on every row of it.",
        _course("2.5"),
        "(p − y)hᵀ, and no entry of p − y is zero (section 2.5).",
        tied_head,
    ),
    Theorem(
        "T6",
        "A step of plain gradient descent on Z and W moves the prompt P = ZW by −η(ZZᵀG + GWᵀW), to first order in η:"
        " the first term mixes the tokens, which it does not do where the vectors themselves are learnt.",
        _course("2.6"),
        "The product of both steps, its terms of first order (section 2.6).",
        reparameterised,
    ),
)

# ---------------------------------------------------------------- measured here

FEW, MIDDLE, MANY = 4, 16, 256


def _runs(**fields: Any) -> Runs:
    """Recorded runs; of the study "cpu", the masked model and prompts on both sides, unless told otherwise."""
    return load_runs("p_tuning").where(**{"study": "cpu", "objective": "mlm", "place": "both"} | fields)


def _scale(runs: Runs, *labels: int) -> str:
    config = next(iter(runs)).config
    learnt = f"{' or '.join(map(str, labels))} labels, {config['draws']} draws, {config['steps']} steps"
    return (
        f"one pretrained RoFormer of width 128 with 3 layers; reviews of a grammar, {config['test']} to test on;"
        f" {learnt if labels else 'no labels'}"
    )


def _draws(runs: Runs) -> Precondition:
    """There are as many draws as the length of one training demands, see `seeds_needed`."""
    seconds = [run.seconds / (len(run.config["labels"]) * run.config["draws"]) for run in runs]
    return enough_draws(min(run.config["draws"] for run in runs), max(seconds), "draws of labels")


def _one_model(objective: str) -> Precondition:
    """A claim about pretrained models has more than one of them."""
    return enough_draws(1, _pretraining(objective).seconds, "pretrained model")


def _pretraining(objective: str) -> Record:
    """The run that the package's model is of."""
    return load_runs("roformer").where(study="cpu", objective=objective).one()


def _toy() -> Precondition:
    return same_setting(
        False,
        "The sentence is about BERT or GPT, which have read ordinary texts, and about real reviews; here a model of a"
        " million numbers has read a grammar that was made for the task.",
    )


def zero_shot() -> Evidence:
    """Measure C1, what a causal model makes of the same reviews, the control, and real reviews."""
    from scipy.stats import binomtest

    masked, (template, *_) = _runs(method="zero_shot"), HUMAN["mlm"]

    def first(runs: Runs, pattern: str = template.pattern) -> float:
        return runs["zero_shot", pattern].mean

    accuracy, tested = first(masked), masked.one().config["test"]
    control, sister = (first(_runs(study=study)) for study in ("shuffled", "unshuffled"))
    causal = first(_runs(method="zero_shot", objective="causal"), HUMAN["lm"][0].pattern)
    real = first(_runs(study="real", method="zero_shot", dataset="reviews"))
    guessing = binomtest(round(accuracy * tested), tested).pvalue
    return Evidence(
        text=f"accuracy with the first template {accuracy:.2f}; of a causal model {causal:.2f}; of a smaller masked"
        f" model {sister:.2f}, of its sister that has read shuffled verdicts {control:.2f}; on real reviews {real:.2f}",
        holds=bool(guessing < ALPHA) and accuracy > 0.5,
        scale=_scale(masked),
        preconditions=[_one_model("mlm"), _toy()],
        why={
            Verdict.NOT_TESTED: "Verdicts of the grammar agree with the opinions in"
            f" {percent(_pretraining('mlm').config['verdict_agreement'])} of the reviews because they were made to.",
        },
    )


def template_spread() -> Evidence:
    """Measure C2, without training and after it."""
    runs = _runs(method="zero_shot")
    zero = runs.one().metrics["zero_shot"]
    trained = {t: accuracies(group, MIDDLE) for t, group in _runs(study="templates").by("template").items()}
    after = [spread.mean for spread in trained.values()]
    read = [zero[pattern] for pattern in zero if any(verdict in pattern for verdict in VERDICTS)]
    spread = max(zero.values()) - min(zero.values())
    return Evidence(
        text=f"accuracy without training {min(zero.values()):.2f} to {max(zero.values()):.2f}; with {MIDDLE} labels"
        f" {min(after):.2f} to {max(after):.2f}",
        holds=spread >= 0.1,
        scale=_scale(runs),
        preconditions=[
            _one_model("mlm"),
            same_setting(
                max(read) - min(read) >= 0.1,
                f"The spread was planted: the {len(read)} templates with a verdict that the grammar writes have"
                f" {min(read):.2f} to {max(read):.2f}, and the others ask by words that it never writes as one.",
            ),
            _toy(),
        ],
        why={Verdict.NOT_REPRODUCED: f"All six lie within {spread:.2f}."},
    )


def ordering() -> Evidence:
    """Measure C3."""
    runs = _runs(method={"p_tuning", "pet", "fine_tune"})
    prompt, pet, tuned = (_method(name) for name in ("p_tuning", "pet", "fine_tune"))
    rivals = {"over PET": paired(prompt, pet), "over fine-tuning": paired(prompt, tuned)}
    return Evidence(
        text=f"accuracy of P-tuning {prompt}, PET {pet}, fine-tuning {tuned}; {told(rivals)}",
        holds=leads(rivals),
        scale=_scale(runs, MIDDLE),
        preconditions=[
            _draws(runs),
            _beats_bag("P-tuning", prompt, MIDDLE),
            head_room("accuracy", {"of P-tuning": prompt, "of PET": pet}, ceiling=1.0, margin=0.05),
            same_setting(
                False,
                "The article's P-tuning (its public code) puts the blank before the text, hides 15 % of the other"
                " tokens as well, has eight prompt tokens, 168 labels and epochs of 300 steps, and keeps the epoch"
                " that is best on 2,111 labelled reviews; nothing of that is so here.",
            ),
            _toy(),
        ],
    )


def regimes() -> Evidence:
    """Measure C4."""
    runs = _runs(method={"p_tuning", "p_tuning_full"})
    frozen, full = ({n: _method(name, n) for n in budgets(runs)} for name in ("p_tuning", "p_tuning_full"))
    held = {
        "few labels: the prompt alone": paired(frozen[FEW], full[FEW]),
        "many labels: everything": paired(full[MANY], frozen[MANY]),
    }
    levels = ", ".join(f"{frozen[n].mean:.2f} / {full[n].mean:.2f} at {n}" for n in frozen)
    return Evidence(
        text=f"accuracy, the prompt alone / everything: {levels} labels; {told(held)}",
        holds=leads(held),
        scale=_scale(runs, FEW, MIDDLE, MANY),
        preconditions=[
            _draws(runs),
            _beats_bag("The prompt alone", frozen[FEW], FEW),
            _beats_bag("Training everything", full[MANY], MANY),
            head_room("accuracy of the prompt alone", frozen[MANY], ceiling=1.0, margin=0.05),
            _toy(),
        ],
    )


def auxiliary_objective() -> Evidence:
    """Measure C5 at each number of labels."""
    runs = _runs(method={"p_tuning", "p_tuning_auxiliary"})
    both = {n: (_method("p_tuning_auxiliary", n), _method("p_tuning", n)) for n in budgets(runs)}
    gains = {f"with {n} labels": paired(*pair) for n, pair in both.items()}
    clear = shown(gains)
    return Evidence(
        text=f"gain {told(gains)}",
        holds=any(leads(gains).values()) and all(gains[n].estimate > 0 for n, each in clear.items() if each),
        scale=_scale(runs, *both),
        preconditions=[
            _draws(runs),
            head_room(
                "accuracy without it",
                {f"at {n}": pair[1] for n, pair in both.items()},
                ceiling=1.0,
                margin=0.05,
            ),
            _toy(),
        ],
    )


def convergence() -> Evidence:
    """Measure C6: after 15 steps with the best of three learning rates for each, and after 60."""
    speed = _runs(study="speed")
    early = {name: accuracies(_best_rate(runs), MIDDLE) for name, runs in speed.by("method").items()}
    late = {name: _method(name) for name in early}
    held = {
        "converges faster": paired(early["p_tuning_lstm"], early["p_tuning"]),
        "gives better results": paired(late["p_tuning_lstm"], late["p_tuning"]),
    }
    cosines = {kind: _start_cosine(kind) for kind in ("lstm", "embedding")}
    return Evidence(
        text=f"accuracy of LSTM / plain: {early['p_tuning_lstm']} / {early['p_tuning']} early,"
        f" {late['p_tuning_lstm']} / {late['p_tuning']} at the end; {told(held)}",
        holds=leads(held),
        scale=_scale(speed, MIDDLE),
        preconditions=[
            _draws(speed),
            same_setting(
                False,
                "The two start elsewhere, which matters (C10): the mean cosine between two fresh prompt tokens is"
                f" {fixed(cosines['lstm'])} behind an LSTM and {fixed(cosines['embedding'])} without.",
            ),
            _toy(),
        ],
    )


def _best_rate(runs: Runs) -> Runs:
    """Of one method with several learning rates, that with the best mean on validation texts."""

    def validated(group: Runs) -> float:
        return group.values(("validation", str(MIDDLE)), over=("draw",)).mean

    return max(runs.by("learning_rate").values(), key=validated)


@cache
def _start_cosine(kind: Any, prompts: int = 100) -> float:
    """The mean cosine between two of the six vectors of prompts that nobody has trained."""
    first, second = torch.triu_indices(6, 6, 1)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        made = [F.normalize(PromptEncoder(6, 128, kind)(), dim=1) for _ in range(prompts)]
    return float(torch.stack([(each @ each.T)[first, second].mean() for each in made]).mean())


def prefixes() -> Evidence:
    """Measure C7."""
    places = load_runs("p_tuning").where(study="cpu", method="p_tuning").by("objective", "place")
    of = {key: accuracies(runs, MIDDLE) for key, runs in places.items()}
    # The runs with a prefix or a suffix alone drew labels of their own: not paired with those that have both.
    held = {
        "causal: both over the suffix alone": welch(of["causal", "both"], of["causal", "suffix"]),
        "masked: prefix over suffix": paired(of["mlm", "prefix"], of["mlm", "suffix"]),
    }
    return Evidence(
        text=told(held),
        holds=leads(held),
        scale=_scale(places["causal", "suffix"], MIDDLE),
        preconditions=[
            _draws(places["causal", "suffix"]),
            _beats_bag("The causal model", of["causal", "both"], MIDDLE),
            _toy(),
        ],
        why={
            Verdict.NOT_TESTED: f"A prefix alone, which the sentence is not about, leaves the causal model at"
            f" {of['causal', 'prefix']}.",
        },
    )


def causal_models() -> Evidence:
    """Measure C7a."""
    runs = load_runs("p_tuning").where(study="cpu", method="p_tuning", place="both")
    masked, causal = (_method("p_tuning", objective=each) for each in ("mlm", "causal"))
    gap = {"causal over masked": no_worse(causal, masked, 0.02, test=paired)}
    pretrained = [_pretraining(objective) for objective in ("causal", "mlm")]
    steps = [run.config["steps"] for run in pretrained]
    areas = [run.metrics["verdict held-out domain"] for run in pretrained]
    return Evidence(
        text=f"accuracy of the causal model {causal}, of the masked one {masked}; {told(gap)}",
        holds=all(shown(gap).values()),
        scale=_scale(runs, MIDDLE),
        preconditions=[
            _draws(runs),
            _beats_bag("The causal model", causal, MIDDLE),
            same_setting(
                steps[0] == steps[1],
                f"The two are not pretrained alike: {steps[0]:,} steps and {steps[1]:,}; before any label the area"
                f" under the ROC curve is {fixed(areas[0])} and {fixed(areas[1])}.",
            ),
            _toy(),
        ],
    )


def target_words() -> Evidence:
    """Measure C8."""
    runs = _runs(method={"p_tuning_full", "p_tuning_full_words"})
    by_hand, by_learning = (
        {n: _method(name, n) for n in (FEW, MANY)} for name in ("p_tuning_full", "p_tuning_full_words")
    )
    held = {
        "few labels: by hand": paired(by_hand[FEW], by_learning[FEW]),
        "many labels: learnt": paired(by_learning[MANY], by_hand[MANY]),
    }
    return Evidence(
        text=told(held),
        holds=leads(held),
        scale=_scale(runs, FEW, MANY),
        preconditions=[
            _draws(runs),
            _beats_bag("With learnt words, training everything", by_learning[MANY], MANY),
            head_room("accuracy with words chosen by hand", by_hand[MANY], ceiling=1.0, margin=0.05),
            _toy(),
        ],
    )


def starts() -> Evidence:
    """Measure C10."""
    runs = _runs(study="starts")
    names = {"random vectors": "p_tuning", "random words": "p_tuning_words", "[unused]": "p_tuning_unused"}
    of = {name: accuracies(runs.where(method=method), MIDDLE) for name, method in names.items()}
    template = accuracies(runs.where(method="p_tuning_template"), MIDDLE)
    pairs = [("random vectors", "random words"), ("[unused]", "random words"), ("[unused]", "random vectors")]
    held = {f"{first} over {second}": paired(of[first], of[second]) for first, second in pairs}
    quarters = [Spread(of["random words"].values[k::4]).mean for k in range(4)]
    return Evidence(
        text=f"{', '.join(f'{name} {spread}' for name, spread in of.items())}; {told(held)}",
        holds=any(shown(held).values()),
        scale=_scale(runs, MIDDLE),
        preconditions=[
            _draws(runs),
            _beats_bag("P-tuning", of["random vectors"], MIDDLE, most=MIDDLE, draws=20),
        ],
        why={
            Verdict.REPRODUCED: f"Which random words matters, too: of {of['random words'].n} draws a quarter alone"
            f" would have given {min(quarters):.2f} to {max(quarters):.2f}. The words of a human template give"
            f" {template}.",
            Verdict.NOT_REPRODUCED: "No two of the three differ clearly; the words of a human template give"
            f" {template}.",
        },
    )


def _method(method: str, labels: int = MIDDLE, objective: str = "mlm") -> Spread:
    return accuracies(_runs(method=method, objective=objective), labels)


def _beats_bag(name: str, method: Spread, labels: int, most: int = MANY, draws: int = 5) -> Precondition:
    bag = bag_accuracies(labels, most, draws)
    return beats_baseline(f"{name}, with {labels} labels,", method, bag, over="a bag of characters")


SENTIMENT = "Chinese sentiment, BERT-base or GPT of the same size, 168 labels, one draw"

CLAIMS = (
    Claim(
        "C1",
        "With a template of natural language a pretrained model does the task without any label.",
        _article("templates; figures from kexue.fm/archives/7764"),
        "The first of the human templates, chosen without looking, is right in more than half of the test texts:"
        " exact binomial test, two-sided, α = 0.05.",
        zero_shot,
        scale="Chinese sentiment, BERT-base, no labels",
        published="zero-shot PET 84.27",
    ),
    Claim(
        "C2",
        "Templates that mean the same can give results that differ a lot, and it is hard to tell which are good.",
        _article("what templates are; figures from kexue.fm/archives/7764"),
        "Accuracy without training of the best of six human templates minus that of the worst: at least 0.1.",
        template_spread,
        scale="Chinese sentiment, five templates, four pretrained models",
        published="50.97 to 87.45 without labels",
    ),
    Claim(
        "C3",
        "With few labels P-tuning is above PET with the best hand-made template, and above fine-tuning.",
        _article("results, table"),
        "With 16 labels the mean accuracy of frozen P-tuning is above that of PET, and above that of fine-tuning:"
        " paired t over draws, two-sided, α = 0.05 after Holm over the two.",
        ordering,
        parts=("over PET", "over fine-tuning"),
        scale=SENTIMENT,
        published="P-tuning 89.75, PET 89.18, fine-tuning 89.34",
    ),
    Claim(
        "C4",
        "With few labels one freezes the model and learns the prompt tokens alone, which hardly over-fits; with many"
        " labels that would under-fit, and one trains all weights.",
        _article("P-tuning"),
        "The prompt alone is above training everything with 4 labels, and below it with 256: paired t over draws,"
        " two-sided, α = 0.05 after Holm over the two.",
        regimes,
        parts=("few labels: the prompt alone", "many labels: everything"),
        scale="none reported",
    ),
    Claim(
        "C5",
        "An auxiliary language-model objective, which makes the prompt more like language, improved the results of the"
        " article's author.",
        _article("the correlation of the tokens"),
        "Frozen P-tuning with the objective is above that without with some of 4, 16, 64 or 256 labels, and below"
        " with none: paired t over draws, two-sided, α = 0.05 after Holm over the four.",
        auxiliary_objective,
        scale=SENTIMENT,
        published="no figures",
    ),
    Claim(
        "C6",
        "An LSTM over the prompt tokens makes training converge faster and gives better results, as the paper's author"
        " told the article's.",
        _article("the correlation of the tokens"),
        "With 16 labels the LSTM is above plain embeddings after 15 steps, each with that of three learning rates"
        " which is best on validation texts, and after 60 steps: paired t over draws, two-sided, α = 0.05 after Holm"
        " over the two.",
        convergence,
        parts=("converges faster", "gives better results"),
        scale="none reported",
        published="no figures",
    ),
    Claim(
        "C7",
        "For a causal model the prefix matters much: with the suffix alone it gets clearly worse. For a masked one the"
        " prefix is usually better than the suffix, too.",
        _article("results"),
        "With 16 labels: the causal model with prompt tokens on both sides is above that with a suffix alone (Welch's"
        " t, as their draws differ), the masked model with a prefix above that with a suffix (paired t); two-sided,"
        " α = 0.05 after Holm over the two.",
        prefixes,
        parts=("causal: both over the suffix alone", "masked: prefix over suffix"),
        scale=SENTIMENT,
        published="no figures",
    ),
    Claim(
        "C7a",
        "With P-tuning, GPTs can be better than or comparable to BERTs of similar size at understanding language.",
        Source("paper", "Liu et al., arXiv 2103.10385, abstract"),
        "With 16 labels the causal model is above the masked one, or less than 0.02 below it: paired t over draws, one"
        " one-sided test at α = 0.05.",
        causal_models,
        scale="SuperGLUE, base and medium sizes",
        published="the article's table: GPT 88.51, BERT 89.75",
    ),
    Claim(
        "C8",
        "Target words chosen by hand are better with few labels, [unused] tokens that are learnt with many.",
        _article("P-tuning"),
        "All weights learn. 不 / 很 are above two [unused] tokens with 4 labels, and below them with 256: paired t over"
        " draws, two-sided, α = 0.05 after Holm over the two.",
        target_words,
        parts=("few labels: by hand", "many labels: learnt"),
        scale="none reported",
        published="no figures",
    ),
    Claim(
        "C10",
        "With few labels it matters where the vectors of a prompt start, in the model that comes with this course.",
        _course("4.3"),
        "With 16 labels, of starts at random vectors, at random words and at the [unused] tokens' own rows some two"
        " differ, each with the learning rate that was best for it on other draws: paired t over 20 draws, two-sided,"
        " α = 0.05 after Holm over the three.",
        starts,
    ),
)
