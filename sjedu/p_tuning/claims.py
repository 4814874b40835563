"""What the article and the paper claim, the rule by which each claim is judged, and the measurements.

Each measurement is a function that returns what `ClaimSheet.measure` takes: the figure as text, why it came out so, and
the values that the claim's rule reads. Those that need training read the recorded runs.

All methods learn from the same draws of labels, so they are compared draw by draw: a *lead* is the mean difference of
the accuracies over draws, in its own standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

from sjedu.figures import below
from sjedu.figures.tables import Table
from sjedu.p_tuning import theory
from sjedu.p_tuning.experiment import METHODS
from sjedu.p_tuning.prompt import PromptedEmbedding, PromptEncoder, StopGradientEmbedding
from sjedu.p_tuning.tasks import HUMAN
from sjedu.records import Record, Spread
from sjedu.records.old_claims import Claim, Verdict

Measured: TypeAlias = dict[str, Any]
Values: TypeAlias = Mapping[str, Any]

ARTICLE = "Su, kexue.fm/archives/8295"
TABLE = f"{ARTICLE}, table of results (Chinese sentiment, BERT-base, GPT-base; test accuracy)"
PAPER = "Liu et al., arXiv 2103.10385"

FEW, MIDDLE, MANY = 4, 16, 256

# ---------------------------------------------------------------- the claims and their rules


def _zero_shot(v: Values) -> Verdict:
    return Verdict.of(v["accuracy"] >= 0.8 and v["control"] < 0.6, v["accuracy"] >= 0.6)


def _templates(v: Values) -> Verdict:
    return Verdict.of(v["spread"] >= 0.1, v["spread"] >= 0.05)


def _ordering(v: Values) -> Verdict:
    leads = v["p_tuning_over_pet"], v["pet_over_fine_tune"]
    return Verdict.of(min(leads) > 2, min(leads) > -2 and max(leads) > 2)


def _regimes(v: Values) -> Verdict:
    return Verdict.of(v["few"] > 2 and v["many"] > 2, v["few"] > 2 or v["many"] > 2)


def _auxiliary(v: Values) -> Verdict:
    return Verdict.of(v["over_all"] > 2, max(v["leads"]) > 2 and min(v["leads"]) > -2)


def _convergence(v: Values) -> Verdict:
    return Verdict.of(v["best"] > 2, v["default"] > 2)


def _causal(v: Values) -> Verdict:
    reaches, prefix = v["gap"] > -0.02, v["prefix"] > 2
    return Verdict.of(reaches and prefix, reaches or prefix)


def _targets(v: Values) -> Verdict:
    return Verdict.of(v["few"] > 2 and v["many"] > 2, v["few"] > 2 or v["many"] > 2)


def _exact(v: Values) -> Verdict:
    return Verdict.of(v["error"] <= 1e-12 and v["moved"] == 0 and v["decayed"] > 0)


def _start(v: Values) -> Verdict:
    return Verdict.of(v["widest"] > 2)


CLAIMS = (
    Claim(
        "C1",
        "A cloze solves the task without any label.",
        f"{ARTICLE}, section on templates; figures from kexue.fm/archives/7764",
        "Accuracy of the masked model with the template that 16 validation labels choose, mean over draws (guessing:"
        " 0.5). Reproduced from 0.8 on, if a model whose verdicts were shuffled in pretraining stays below 0.6; partly"
        " from 0.6 on.",
        _zero_shot,
        published="zero-shot PET 84.27",
    ),
    Claim(
        "C2",
        "Templates that say the same differ a lot.",
        f"{ARTICLE}, section on what templates are",
        "Accuracy without training of the best of six human templates minus that of the worst: reproduced from 0.1 on,"
        " partly from 0.05 on.",
        _templates,
        published="“the results vary a lot”; no figures",
    ),
    Claim(
        "C3",
        "With few labels P-tuning is better than PET, and PET better than a dense head.",
        TABLE,
        "Leads at 16 labels of frozen P-tuning over PET and of PET over fine-tuning: reproduced if both exceed 2,"
        " partly if one does and none is below -2.",
        _ordering,
        published="P-tuning 89.75, PET 89.18, fine-tuning 89.34",
    ),
    Claim(
        "C4",
        "With few labels only the prompt should learn, with many everything.",
        f"{ARTICLE}, section on P-tuning",
        "Lead of the frozen over the full form at 4 labels and of the full over the frozen form at 256: reproduced if"
        " both exceed 2, partly if one does.",
        _regimes,
        published="no figures",
    ),
    Claim(
        "C5",
        "An auxiliary language-model objective improves the prompt.",
        f"{ARTICLE}, section on the correlation of the tokens",
        "Lead of frozen P-tuning with the objective over that without, over all numbers of labels: reproduced if it"
        " exceeds 2, partly if it does so at one number and is below -2 at none.",
        _auxiliary,
        published="“improves”; no figures",
    ),
    Claim(
        "C6",
        "An LSTM over the prompt tokens converges faster.",
        f"{PAPER}, section 3.2; its author, as the article reports",
        "Lead of the LSTM over plain embeddings after 15 steps at 16 labels: reproduced if it exceeds 2 with the best"
        " learning rate of each, partly if it does with each one's own default.",
        _convergence,
        published="“faster and better”; no figures",
    ),
    Claim(
        "C7",
        "With P-tuning a causal model reaches a masked one; for it the prefix matters.",
        f"{TABLE}; {PAPER}",
        "Frozen P-tuning at 16 labels. Reproduced if the causal model is at most 0.02 behind the masked one and its"
        " lead with a prefix over a suffix exceeds 2; partly if one of the two holds.",
        _causal,
        published="GPT 88.51, BERT 89.75; suffix “clearly worse”",
    ),
    Claim(
        "C8",
        "Target words chosen by hand are better with few labels, learnt ones with many.",
        f"{ARTICLE}, section on P-tuning",
        "All weights learn. Lead of 不 / 很 over two [unused] tokens at 4 labels, and of these over 不 / 很 at 256:"
        " reproduced if both exceed 2, partly if one does.",
        _targets,
        published="no figures",
    ),
    Claim(
        "C9",
        "Stopping gradients inside the embedding layer trains the prompt's rows and nothing else.",
        f"{ARTICLE}, section on stopped gradients; the exception is ours",
        "Reproduced if its gradient equals that of a separate table to 1e-12, no other row changes in any bit in 20"
        " steps of Adam, and, as predicted, with weight decay they do.",
        _exact,
    ),
    Claim(
        "C10",
        "Where the prompt starts matters.",
        "ours",
        "Frozen P-tuning at 16 labels, started at random, at words, at the [unused] tokens' own rows, twenty draws:"
        " reproduced if the widest lead between two of them exceeds 2.",
        _start,
    ),
)

# ---------------------------------------------------------------- reading records


def scores(
    records: Sequence[Record], method: str, labels: int, *, study: str = "cpu", name: str = "", **config: Any
) -> Spread:
    """Return the test accuracies of one method at one number of labels, one for each draw.

    Args:
        records: recorded runs.
        method: a key of `experiment.METHODS`.
        labels: how many.
        study: of the run.
        name: what else the run's name must contain.
        **config: what its config must say; by default the masked model and prompts on both sides.

    Raises:
        ValueError: there is not exactly one such run, or it has no such number of labels.
    """
    wanted = {"objective": "mlm", "place": "both", "template": "", "study": study, "method": method, **config}
    found = [
        record
        for record in records
        if all(record.config.get(key) == value for key, value in wanted.items()) and name in record.name
    ]
    if len(found) != 1:
        raise ValueError(f"records of {wanted}: got {len(found)}; expected one")
    values = found[0].metrics["accuracy"]
    if str(labels) not in values:
        raise ValueError(f"labels: {found[0].name} has {', '.join(values)}; expected {labels}")
    return Spread(tuple(values[str(labels)]))


def paired_lead(first: Spread, second: Spread) -> float:
    """Return the mean difference over draws in its standard errors; infinite where the difference never varies.

    Raises:
        ValueError: the two have different numbers of draws.
    """
    if len(first.values) != len(second.values):
        raise ValueError(
            f"first, second: got {len(first.values)} and {len(second.values)} draws; expected as many"
        )
    gap = Spread(tuple(a - b for a, b in zip(first.values, second.values, strict=True)))
    return gap.mean / gap.error if gap.error else (math.copysign(math.inf, gap.mean) if gap.mean else 0.0)


def interval(spread: Spread) -> str:
    """Return "0.85 ± 0.02": mean and half width of Student's 95 % confidence interval."""
    half = theory.half_width(spread.values)
    return f"{spread.mean:.2f}" + ("" if math.isnan(half) else f" ± {half:.2f}")


def summary(records: Sequence[Record], study: str = "cpu", objective: str = "mlm") -> Table:
    """Return one study as a table: a row for each method, a column for each number of labels, 95 % intervals.

    A study that nobody has recorded yet is a table without rows and with a note that says so.
    """
    found = [
        record
        for record in records
        if (record.config["study"], record.config["objective"]) == (study, objective)
        and not record.config["template"]
    ]
    if not found:
        command = f"python -m sjedu train p_tuning --preset {study}"
        return Table(["method"], [], notes=[f"No {study} run is recorded yet; to make one: {command}"])
    columns = sorted({int(labels) for record in found for labels in record.metrics["accuracy"]})
    rows = []
    for record in sorted(found, key=_in_order):
        values = record.metrics["accuracy"]
        cells = [interval(Spread(tuple(values[str(n)]))) if str(n) in values else "—" for n in columns]
        place = "" if record.config["place"] == "both" else f", {record.config['place']}"
        data = "" if record.config["dataset"] == "embedded" else f"{record.config['dataset']}: "
        rows.append([f"{data}{record.config['method']}{place}", f"{record.metrics['parameters']:,}", *cells])
    draws = found[0].config["draws"]
    return Table(
        ["method", "learnt numbers", *(f"{n} labels" for n in columns)],
        rows,
        notes=[
            f"Accuracy, mean over {draws} draws and 95 % interval; {len(found)} runs on {found[0].device}"
        ],
    )


def _in_order(record: Record) -> tuple[str, int, str]:
    config = record.config
    return config["dataset"], list(METHODS).index(config["method"]), config["place"]


def bag_of_words(train: Sequence[str], labels: Sequence[int], test: Sequence[str]) -> list[int]:
    """Return the classes that logistic regression on characters and pairs of them gives to texts.

    What a classifier can tell without any pretraining: whoever is not better has learnt words and nothing else.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    counter = CountVectorizer(analyzer="char", ngram_range=(1, 2), binary=True)
    model = LogisticRegression(max_iter=1000).fit(counter.fit_transform(train), labels)
    return [int(label) for label in model.predict(counter.transform(test))]


# ---------------------------------------------------------------- measurements without training


def exactness(steps: int = 20) -> Measured:
    """Measure C9 on a table of 50 rows: gradients of both ways, and what optimisers do to the other rows."""
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(50, 8, dtype=torch.float64, generator=generator)
    ids, rows = torch.randint(50, (4, 12), generator=generator), [1, 2, 3, 7]
    layer = StopGradientEmbedding(table, rows)
    prompt = PromptEncoder(len(rows), 8).double()
    prompt.embedding.weight.data.copy_(table[rows])
    separate = PromptedEmbedding(torch.nn.Embedding(50, 8, _weight=table.clone()), rows, prompt)
    for each in (layer, separate):
        each(ids).sin().sum().backward()
    grad, other = layer.table.grad, prompt.embedding.weight.grad
    assert grad is not None
    assert other is not None
    error = float((grad[rows] - other).abs().max())
    others = [row for row in range(50) if row not in rows]
    moved = {decay: _moved_rows(table, rows, ids, decay, steps)[others].sum().item() for decay in (0.0, 0.1)}
    return {
        "text": f"gradients differ by {below(error, 1e-12)}; rows moved by Adam: {moved[0.0]:.0f} of {len(others)},"
        f" with weight decay: {moved[0.1]:.0f}",
        "why": "The layer promises a gradient of zero, and keeps it. Weight decay does not ask for a gradient, nor do"
        " moments from earlier steps; a head that shares the table has a gradient of its own. A separate table has"
        " none of these problems.",
        "error": error,
        "moved": moved[0.0],
        "decayed": moved[0.1],
    }


def _moved_rows(
    table: torch.Tensor, rows: list[int], ids: torch.Tensor, decay: float, steps: int
) -> torch.Tensor:
    """Which rows have changed in any bit after some steps."""
    layer = StopGradientEmbedding(table, rows)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.01, weight_decay=decay)
    for _ in range(steps):
        optimizer.zero_grad()
        layer(ids).sin().sum().backward()
        optimizer.step()
    return (layer.table.detach() != table).any(dim=1)


# ---------------------------------------------------------------- measurements that need training


def zero_shot(records: Sequence[Record]) -> Measured:
    """Measure C1, what a causal model makes of the same reviews, and the control."""
    masked = scores(records, "zero_shot", MIDDLE)
    causal = scores(records, "zero_shot", MIDDLE, objective="causal")
    control, sister = (scores(records, "zero_shot", MIDDLE, study=s) for s in ("shuffled", "unshuffled"))
    return {
        "text": f"{masked.mean:.2f}; causal model {causal.mean:.2f}; control {control.mean:.2f}",
        "why": "The reviews are of a domain whose verdicts the model never read, so this is transfer; that verdicts"
        " agree with opinions at all, it has read in the other domains. The control is smaller: its sister, with"
        f" verdicts that agree, has {sister.mean:.2f}.",
        "accuracy": masked.mean,
        "control": control.mean,
    }


def template_spread(records: Sequence[Record]) -> Measured:
    """Measure C2, without training and after it."""
    zero = next(
        record.metrics["zero_shot"]
        for record in records
        if (record.config["study"], record.config["method"], record.config["objective"])
        == ("cpu", "zero_shot", "mlm")
    )
    trained = {
        t.pattern: scores(records, "pet", MIDDLE, study="templates", template=t.pattern) for t in HUMAN["mlm"]
    }
    best, worst = max(zero, key=lambda t: zero[t]), min(zero, key=lambda t: zero[t])
    after = [spread.mean for spread in trained.values()]
    return {
        "text": f"without training {zero[worst]:.2f} to {zero[best]:.2f};"
        f" with 16 labels {min(after):.2f} to {max(after):.2f}",
        "why": f"Best “{best}”, worst “{worst}”.",
        "spread": zero[best] - zero[worst],
    }


def ordering(records: Sequence[Record]) -> Measured:
    """Measure C3."""
    found = {name: scores(records, name, MIDDLE) for name in ("p_tuning", "pet", "fine_tune", "adapter")}
    return {
        "text": "; ".join(f"{name} {interval(spread)}" for name, spread in found.items()),
        "why": "The article's own three figures lie within 0.6 points, from one draw of labels.",
        "p_tuning_over_pet": paired_lead(found["p_tuning"], found["pet"]),
        "pet_over_fine_tune": paired_lead(found["pet"], found["fine_tune"]),
    }


def regimes(records: Sequence[Record]) -> Measured:
    """Measure C4."""
    budgets = {n: [scores(records, m, n) for m in ("p_tuning", "p_tuning_full")] for n in (FEW, MIDDLE, MANY)}
    few, many = budgets[FEW], budgets[MANY]
    found = ", ".join(f"{a.mean:.2f} / {b.mean:.2f} at {n}" for n, (a, b) in budgets.items())
    return {
        "text": f"frozen / full: {found} labels",
        "why": "The model knows the answer before it sees a label (C1): six vectors are enough to ask for it, and"
        " there is little left that a change of its weights could add.",
        "few": paired_lead(*few),
        "many": paired_lead(many[1], many[0]),
    }


def auxiliary_objective(records: Sequence[Record]) -> Measured:
    """Measure C5."""
    budgets = _budgets(records)
    pairs = [[scores(records, m, n) for m in ("p_tuning_auxiliary", "p_tuning")] for n in budgets]
    both = [Spread(tuple(value for pair in pairs for value in pair[i].values)) for i in range(2)]
    gains = ", ".join(f"{a.mean - b.mean:+.2f}" for a, b in pairs)
    few = pairs[0][1].values
    return {
        "text": f"gain {gains} at {', '.join(map(str, budgets))} labels",
        "why": "From 16 labels on the prompt alone is near the best that any method reaches here. At the fewest labels"
        f" its draws range from {min(few):.2f} to {max(few):.2f}, and more blanks in so few texts do not mend an"
        " unlucky one.",
        "leads": [paired_lead(*pair) for pair in pairs],
        "over_all": paired_lead(*both),
    }


def convergence(records: Sequence[Record]) -> Measured:
    """Measure C6 on the study "speed": 15 steps with three learning rates for each."""
    found: dict[str, dict[float, Spread]] = {}
    for record in records:
        if record.config["study"] == "speed":
            rate = record.config["learning_rate"] or METHODS[record.config["method"]].learning_rate
            spread = Spread(tuple(record.metrics["accuracy"][str(MIDDLE)]))
            found.setdefault(record.config["method"], {})[rate] = spread
    if set(found) != {"p_tuning", "p_tuning_lstm"}:
        raise ValueError(f"records of 'speed': got {sorted(found)}; expected p_tuning and p_tuning_lstm")
    default = {name: found[name][METHODS[name].learning_rate] for name in found}
    best = {name: max(rates.values(), key=lambda spread: spread.mean) for name, rates in found.items()}
    text = "; ".join(
        f"{name.removeprefix('p_tuning_')} "
        + ", ".join(f"{s.mean:.2f} at {r:g}" for r, s in sorted(rates.items()))
        for name, rates in sorted(found.items())
    )
    return {
        "text": text,
        "why": "Both start at random. How fast either converges is first of all a matter of its learning rate.",
        "best": paired_lead(best["p_tuning_lstm"], best["p_tuning"]),
        "default": paired_lead(default["p_tuning_lstm"], default["p_tuning"]),
    }


def causal_models(records: Sequence[Record]) -> Measured:
    """Measure C7."""
    masked, causal = (scores(records, "p_tuning", MIDDLE, objective=o) for o in ("mlm", "causal"))
    prefix, suffix = (
        scores(records, "p_tuning", MIDDLE, objective="causal", place=place) for place in ("prefix", "suffix")
    )
    return {
        "text": f"causal {interval(causal)}, masked {interval(masked)}; causal with prefix {interval(prefix)},"
        f" with suffix {interval(suffix)}",
        "why": "Behind the bare text this small model expects a comma or a full stop. A suffix turns the last state"
        " towards a verdict; a prefix would have to do it through the states of the text, and does not.",
        "gap": causal.mean - masked.mean,
        "prefix": paired_lead(prefix, suffix),
    }


def target_words(records: Sequence[Record]) -> Measured:
    """Measure C8."""
    few, many = (
        [scores(records, m, n) for m in ("p_tuning_full", "p_tuning_full_words")] for n in (FEW, MANY)
    )
    return {
        "text": f"by hand / learnt: {few[0].mean:.2f} / {few[1].mean:.2f} at {FEW},"
        f" {many[0].mean:.2f} / {many[1].mean:.2f} at {MANY} labels",
        "why": "Learnt words begin as vectors that no text has used: what pretraining knows of 不 and 很 is lost, and"
        " the labels must buy it back.",
        "few": paired_lead(*few),
        "many": paired_lead(many[1], many[0]),
    }


def starts(records: Sequence[Record]) -> Measured:
    """Measure C10 on the study "starts"."""
    names = {"random": "p_tuning", "words": "p_tuning_words", "[unused]": "p_tuning_unused"}
    found = {name: scores(records, method, MIDDLE, study="starts") for name, method in names.items()}
    template = scores(records, "p_tuning_template", MIDDLE, study="starts")
    leads = [paired_lead(a, b) for a in found.values() for b in found.values() if a is not b]
    quarters = [Spread(found["words"].values[i::4]).mean for i in range(4)]
    return {
        "text": ", ".join(f"{name} {interval(spread)}" for name, spread in found.items()),
        "why": "Each draw starts at words of its own, and which ones matters: a quarter of the draws alone would have"
        f" given {min(quarters):.2f} to {max(quarters):.2f}. Started at the words of a human template it has"
        f" {interval(template)}. The rows of [unused] tokens are no fresh start: no text has used them, but the head"
        " shares the table and pushed all of them the same way.",
        "widest": float(np.max(leads)),
    }


def _budgets(records: Sequence[Record]) -> list[int]:
    """The numbers of labels of the study "cpu"."""
    return sorted({int(n) for r in records if r.config["study"] == "cpu" for n in r.metrics["accuracy"]})
