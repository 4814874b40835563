"""What the article claims, the rule by which each claim is judged, and the measurements.

Each measurement is a function that returns what `ClaimSheet.measure` takes: the figure as text, why it came out so, and
the values that the claim's rule reads. Those that need training read the recorded runs. "Leads" are differences of
means over seeds, in pooled standard errors.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeAlias

import torch

from sjedu.data.text import all_questions
from sjedu.figures import below
from sjedu.figures.tables import Table
from sjedu.records import Record, Spread, lead
from sjedu.records.old_claims import Claim, Verdict
from sjedu.roformer import padding_mask, prefix_mask
from sjedu.roformer_sim import theory
from sjedu.roformer_sim.evaluation import (
    LEVELS,
    Meaning,
    character_overlap,
    graded_questions,
    question_retrieval,
    reranking_measures,
    statement_retrieval,
    write,
)
from sjedu.roformer_sim.model import RoFormerSim
from sjedu.roformer_sim.pairs import distinct_statements

Measured: TypeAlias = dict[str, Any]
Values: TypeAlias = Mapping[str, Any]

ARTICLE = "Su, kexue.fm/archives/8454"

#: The article's table, Spearman x 100: without whitening, whitened, whitened with 256 of 768 directions kept.
#: V1 is SimBERT, V2 RoFormer-Sim, both with pooling P1.
ARTICLE_TABLE: dict[str, dict[str, tuple[float, float, float]]] = {
    "V1-P1": {
        "ATEC": (38.50, 23.64, 30.79),
        "BQ": (48.54, 31.78, 40.01),
        "LCQMC": (76.23, 75.05, 74.50),
        "PAWSX": (15.10, 18.49, 15.64),
        "STS-B": (74.14, 73.37, 75.29),
    },
    "V2-P1": {
        "ATEC": (39.52, 25.31, 31.10),
        "BQ": (50.26, 33.47, 40.16),
        "LCQMC": (76.02, 74.92, 74.58),
        "PAWSX": (14.37, 19.31, 14.81),
        "STS-B": (74.46, 71.00, 76.29),
    },
    "V1 small-P1": {
        "ATEC": (30.68, 27.56, 29.07),
        "BQ": (43.41, 30.89, 39.78),
        "LCQMC": (74.73, 73.21, 73.50),
        "PAWSX": (15.89, 17.96, 16.75),
        "STS-B": (70.54, 71.39, 72.14),
    },
    "V2 small-P1": {
        "ATEC": (37.33, 23.59, 31.31),
        "BQ": (47.90, 29.21, 42.07),
        "LCQMC": (74.72, 74.94, 74.69),
        "PAWSX": (13.41, 15.30, 13.61),
        "STS-B": (71.48, 69.01, 75.10),
    },
}

#: What the claims read, each a mean over what was recorded: questions of all levels of novelty that are found, and
#: samples with the source's meaning, for questions and statements of new combinations.
RETRIEVAL = ("combination accuracy", "entity accuracy", "intent accuracy")
GENERATION = ("combination same", "statements same")

# ---------------------------------------------------------------- the claims and their rules


def _mask(v: Values) -> Verdict:
    return Verdict.of(v["forbidden"] == 0 and v["allowed"] > 0 and v["vector_change"] == 0)


def _contrast(v: Values) -> Verdict:
    return Verdict.of(v["lead"] > 2 and v["without"] < v["full"], v["lead"] > 2)


def _noise(v: Values) -> Verdict:
    better, worse = v["generation_lead"] > 2, v["retrieval_lead"] < -2
    return Verdict.of(better and worse, better or worse)


def _easy(v: Values) -> Verdict:
    return Verdict.of(
        v["simbert_lead"] > 2 and v["within_lead"] > 2, v["simbert_lead"] > 2 or v["within_lead"] > 2
    )


def _distillation(v: Values) -> Verdict:
    restored, kept = v["retrieval_lead"] > 2, v["generation_lead"] > -2
    return Verdict.of(restored and kept, restored)


def _student(v: Values) -> Verdict:
    return Verdict.of(v["lead"] > 2, v["lead"] > -2)


def _ranking(v: Values) -> Verdict:
    return Verdict.of(v["lead"] > 2, v["lead"] > 0)


def _whitening(v: Values) -> Verdict:
    return Verdict.of(v["atec"] < 0 and v["sts_b"] > 0, v["atec"] < 0 or v["sts_b"] > 0)


CLAIMS = (
    Claim(
        "C1",
        "The mask of UniLM makes an encoder and a writer of one Transformer, and nothing leaks.",
        f"{ARTICLE}, section on SimBERT; Dong et al., arXiv 1905.03197",
        "Reproduced if in the small model of three layers every derivative that the mask forbids is exactly 0 and every"
        " other one is not, and if another target changes no bit of the source's vector.",
        _mask,
    ),
    Claim(
        "C2",
        "The in-batch loss is what makes the vector of [CLS] retrieve.",
        f"{ARTICLE}, section on SimBERT",
        "Lead of the full model over the one without that loss, in the share of questions found: reproduced if it"
        " exceeds 2.",
        _contrast,
    ),
    Claim(
        "C3",
        "Noise on the source, as in BART, makes generation better and retrieval worse.",
        f"{ARTICLE}, sections on BART and on retrieval",
        "Leads of the model with noise over the one without: reproduced if in the share of samples with the source's"
        " meaning it exceeds 2 and in that of questions found it is below -2; partly if one of the two holds.",
        _noise,
        published="no figures",
    ),
    Claim(
        "C4",
        "General sentences beside questions make retrieval worse, because negatives of another kind are easy.",
        f"{ARTICLE}, section on retrieval",
        "In the share of questions found, reproduced if questions alone lead the mixture, and batches of one kind lead"
        " mixed batches of the same sentences, both by more than 2; partly if one does.",
        _easy,
        published="no figures",
    ),
    Claim(
        "C5",
        "Distillation of a model of questions restores retrieval and keeps generation.",
        f"{ARTICLE}, section on distillation",
        "Leads of the distilled model over the one it started from: reproduced if in the share of questions found it"
        " exceeds 2 and in that of samples with the source's meaning it is above -2; partly if only the first holds.",
        _distillation,
        published="ATEC 38.50 → 39.52, BQ 48.54 → 50.26, LCQMC 76.23 → 76.02 (SimBERT → RoFormer-Sim)",
    ),
    Claim(
        "C6",
        "A small model that copies a better one is at least as good as one that is trained directly.",
        f"{ARTICLE}, section on distillation, table",
        "Lead of the small model that copies one four times as wide over the small one trained directly, in the share"
        " of questions found: reproduced if it exceeds 2, partly if it is above -2.",
        _student,
        published="small models, ATEC 30.68 → 37.33, BQ 43.41 → 47.90 (SimBERT → distilled RoFormer-Sim)",
    ),
    Claim(
        "C7",
        "Ranking what was written by the model's own similarity keeps more of the meaning.",
        "test/generate.py of ZhuiyiTechnology/roformer-sim",
        "On the package's small model, three times six samples for 100 known and new meanings: lead of the best sample"
        " over the mean of all, in the share with the source's meaning; reproduced if it exceeds 2, partly if it is"
        " positive.",
        _ranking,
        published="no figures",
    ),
    Claim(
        "C8",
        "Whitening hurts similarity on ATEC and helps on STS-B.",
        f"{ARTICLE}, table",
        "On a model trained on pairs by name, pooling [CLS]: reproduced if whitening lowers ATEC and if whitening, with"
        " all or a third of the directions, raises STS-B; partly if one of the two holds.",
        _whitening,
        published="RoFormer-Sim: ATEC 39.52 → 25.31; STS-B 74.46 → 71.00, with 256 directions 76.29",
    ),
)

# ---------------------------------------------------------------- measurements without training


def leakage(model: RoFormerSim, source: str = "红烧肉怎么做", targets: Sequence[str] = ()) -> Measured:
    """Measure C1: derivatives by automatic differentiation, and a vector under two targets."""
    others = list(targets) or ["谁能教我烧红烧肉", "红烧肉如何烹饪呢"]
    batches = [model.tokenizer.encode([source], [other]) for other in others]
    first = batches[0]
    mask = prefix_mask(first.source_lengths, first.ids.shape[1]) & padding_mask(
        first.lengths, first.ids.shape[1]
    )
    encoder = model.encoder.eval()
    derivatives = theory.influence(
        lambda x: encoder(words=x, mask=mask, types=first.types), encoder.embed(first.ids)
    )
    allowed = mask[0].numpy()
    with torch.no_grad():
        rows = [model(b.ids, b.types, b.lengths, b.source_lengths)[0, :-2] for b in batches]
    forbidden = float(derivatives[~allowed].max())
    change = float((rows[0] - rows[1]).abs().max())
    count = int((~allowed).sum())
    return {
        "text": f"{count} forbidden derivatives, the largest {_exactly(forbidden)}; another target changes the vector"
        f" by {_exactly(change)}",
        "forbidden": forbidden,
        "allowed": float(derivatives[allowed].min()),
        "vector_change": change,
    }


def ranking(model: RoFormerSim, meanings: int = 100, samples: int = 6, seeds: int = 3) -> Measured:
    """Measure C7: half of the meanings are questions, half statements; half known, half new combinations."""
    rng = random.Random(0)
    chosen: list[Meaning] = []
    levels: tuple[Literal["train", "combination"], ...] = ("train", "combination")
    for level in levels:
        chosen += rng.sample(all_questions(level), meanings // 4)
        chosen += distinct_statements(meanings // 4, rng, level)
    found = [reranking_measures(model, write(model, chosen, samples, seed=seed)) for seed in range(seeds)]
    mean, best = (Spread(tuple(each[kind] for each in found)) for kind in ("fresh", "ranked"))
    return {
        "text": f"same meaning: {mean.mean:.2f} of all fresh samples, {best.mean:.2f} of the best",
        "lead": lead(best, mean),
    }


@cache
def baselines() -> dict[str, float]:
    """Return what the Jaccard of characters reaches on the tasks of the embedded corpus, by the metrics' names."""
    found: dict[str, float] = {}
    for level in LEVELS:
        for kind, value in question_retrieval(level).measure(character_overlap).items():
            found[f"{level} {kind}"] = value
        found[f"{level} spearman"] = graded_questions(level).baseline()
    for kind, value in statement_retrieval().measure(character_overlap).items():
        found[f"statements {kind}"] = value
    return found


# ---------------------------------------------------------------- measurements on recorded runs


def spread(records: Sequence[Record], study: str, metric: str | Sequence[str], seeds: int = 2) -> Spread:
    """Return the spread over seeds of one metric, or of the mean of some, in one study.

    Raises:
        ValueError: if there are fewer records with that metric than that.
    """
    names = [metric] if isinstance(metric, str) else list(metric)
    chosen = [r.metrics for r in records if r.config["study"] == study and set(names) <= set(r.metrics)]
    if len(chosen) < seeds:
        raise ValueError(
            f"records of {study!r} with {metric!r}: got {len(chosen)}; expected {seeds} seeds or more"
        )
    return Spread(tuple(sum(float(found[name]) for name in names) / len(names) for found in chosen))


def summary(records: Sequence[Record], studies: Sequence[str], metrics: Sequence[str]) -> Table:
    """Return a table: a row for each study, a column for each metric, mean ± standard error over seeds.

    A study that nobody has recorded yet has a note that says how to record it. The last row is that of the characters'
    Jaccard, which has no generation.
    """
    rows: list[list[Any]] = []
    notes: list[str] = []
    for study in studies:
        found = [record for record in records if record.config["study"] == study]
        if not found:
            notes.append(
                f"No {study} run is recorded yet; to make one: python -m sjedu train roformer_sim --preset {study}"
            )
            continue
        rows.append([study, *(str(spread(found, study, metric, seeds=1)) for metric in metrics)])
        notes = [*notes, *([] if notes else [f"{len(found)} seeds each, on {found[0].device}"])]
    if rows:
        known = baselines()
        rows.append(["character Jaccard", *(f"{known[m]:.3f}" if m in known else "—" for m in metrics)])
    return Table(["study", *metrics], rows, notes=notes)


def contrast(records: Sequence[Record]) -> Measured:
    """Measure C2."""
    full, without = (spread(records, study, RETRIEVAL) for study in ("cpu", "no_contrast"))
    jaccard = sum(baselines()[name] for name in RETRIEVAL) / len(RETRIEVAL)
    return {
        "text": f"questions found: {full}; without {without}; by characters alone {jaccard:.3f}",
        "full": full.mean,
        "without": without.mean,
        "lead": lead(full, without),
    }


def noise(records: Sequence[Record]) -> Measured:
    """Measure C3."""
    with_noise, without = (_both(records, study) for study in ("cpu", "no_noise"))
    return {
        "text": f"meaning kept: {with_noise[1]}, without noise {without[1]}; questions found: {with_noise[0]}, without"
        f" {without[0]}",
        "why": "In so few steps the model has hardly learnt to copy what it sees, and to see less of it does not help.",
        "generation_lead": lead(with_noise[1], without[1]),
        "retrieval_lead": lead(with_noise[0], without[0]),
    }


def easy_negatives(records: Sequence[Record]) -> Measured:
    """Measure C4."""
    mixed, simbert, within, half = (
        spread(records, study, RETRIEVAL) for study in ("cpu", "simbert", "within", "simbert_half")
    )
    return {
        "text": f"questions found: alone {simbert}, mixed {mixed}, mixed in batches of one kind {within}",
        "why": f"Alone, there are twice as many questions; with as many as in the mixture {half} are found.",
        "simbert_lead": lead(simbert, mixed),
        "within_lead": lead(within, mixed),
    }


def distillation(records: Sequence[Record]) -> Measured:
    """Measure C5, and what a larger teacher makes of it."""
    before, after, more, large = (
        _both(records, study) for study in ("cpu", "distil", "continued", "distil_large")
    )
    return {
        "text": f"questions found: {before[0]} → {after[0]}; meaning kept: {before[1]} → {after[1]}",
        "why": "The teacher is as small as the student and knows questions only. With one twice as wide and deep:"
        f" {large[0]} found, {large[1]} kept; continued for as long without one: {more[0]} and {more[1]}.",
        "retrieval_lead": lead(after[0], before[0]),
        "generation_lead": lead(after[1], before[1]),
        "over_continued": lead(after[0], more[0]),
    }


def student(records: Sequence[Record]) -> Measured:
    """Measure C6."""
    direct, distilled, teacher, earlier, earlier_teacher = (
        spread(records, study, RETRIEVAL)
        for study in ("student", "student_distil_large", "teacher", "student_distil", "distil")
    )
    return {
        "text": f"questions found: distilled {distilled}, direct {direct}; distilled from an earlier, smaller teacher"
        f" {earlier}",
        "why": f"The teacher finds {teacher}; the earlier one, twice as wide as the student, {earlier_teacher}: hardly"
        " more than the student trained directly.",
        "lead": lead(distilled, direct),
    }


#: What is trained without a teacher, with a small one, and with a large one; None where nobody did.
TAUGHT = {
    "cpu, 300 steps more": ("continued", "distil", "distil_large"),
    "cpu, 3000 steps more": ("continued_long", None, "distil_long"),
    "half as wide": ("student", "student_distil", "student_distil_large"),
}


def teachers(records: Sequence[Record]) -> Table:
    """Return a table of what no teacher, a small one and a large one make of the same model.

    The figures are those that C5 and C6 read, the share of statements found, and `cosine_gap`; the first row is of the
    teachers themselves.
    """
    measures = {
        "questions found": RETRIEVAL,
        "statements found": ("statements accuracy",),
        "meaning kept": GENERATION,
    }
    alone = (str(spread(records, study, RETRIEVAL)) for study in ("simbert", "teacher"))
    rows = [["the teacher", "questions found", "—", *alone]]
    for model, studies in TAUGHT.items():
        for name, metrics in measures.items():
            found = (str(spread(records, study, metrics)) if study else "—" for study in studies)
            rows.append([model, name, *found])
        gaps = (str(cosine_gap(records, study)) if study else "—" for study in studies[1:])
        rows.append([model, "gap of cosines", "—", *gaps])
    return Table(
        ["model", "measure", "no teacher", "small teacher", "large teacher"],
        rows,
        notes=["The small teacher is simbert, of the model half as wide distil; the large one is teacher."],
    )


def cosine_gap(records: Sequence[Record], study: str) -> Spread:
    """Return how far a student's cosines are from its teacher's: √(L_sim/λ), over the last fifth of the steps."""
    gaps = []
    for record in records:
        if record.config["study"] == study:
            losses = record.curve("distillation")[1]
            last = losses[-max(1, len(losses) // 5) :]
            gaps.append((sum(last) / len(last) / record.config["distillation"]) ** 0.5)
    return Spread(tuple(gaps))


def whitening(records: Sequence[Record]) -> Measured:
    """Measure C8."""
    found = {
        (name, kind): spread(records, "real", f"{name} cls{kind}", seeds=1)
        for name in ("atec", "sts_b")
        for kind in ("", " whitened", " third")
    }
    atec, sts = ([found[name, kind] for kind in ("", " whitened", " third")] for name in ("atec", "sts_b"))
    # Seed by seed: the same pairs are judged twice.
    change = Spread(tuple(b - a for a, b in zip(atec[0].values, atec[1].values, strict=True)))
    return {
        "text": "plain / whitened / third: ATEC {} / {} / {}, STS-B {} / {} / {}".format(*atec, *sts),
        "why": f"On ATEC it changes by {change} only; the sampling error of 2,000 pairs is about 0.02.",
        "atec": change.mean,
        "sts_b": max(value.mean for value in sts[1:]) - sts[0].mean,
    }


def _both(records: Sequence[Record], study: str) -> tuple[Spread, Spread]:
    return spread(records, study, RETRIEVAL), spread(records, study, GENERATION)


def _exactly(value: float) -> str:
    return "exactly 0" if value == 0 else below(value, 1e-12)
