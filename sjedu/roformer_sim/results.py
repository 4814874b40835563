"""What the recorded runs measured: figures for the claims, tables for the notebook, and what needs no training.

A run that continues another one, or copies one, has that one's path in `start` or `teacher`, and the path names the
seed. So these two may vary with the seed, see `over_seeds`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from sjedu.figures.tables import Table
from sjedu.records import Record, Spread, load_runs
from sjedu.records.runs import Metric
from sjedu.roformer_sim import evaluation

ROOM = "roformer_sim"

#: What varies over the seeds of one study.
OVER = ("seed", "start", "teacher")

#: The name of the row that needs no training.
CHARACTERS = "characters in common"

# ---------------------------------------------------------------- figures of a run


def mean_of(*names: str) -> Callable[[Record], float]:
    """Return the metric that is the mean of some."""
    return lambda record: sum(float(record[name]) for name in names) / len(names)


#: The share of questions that are found, over all levels of novelty.
questions_found = mean_of("combination accuracy", "entity accuracy", "intent accuracy")
#: The share of samples with their source's meaning, for questions and statements of new combinations.
meaning_kept = mean_of("combination same", "statements same")


def in_batch_loss(record: Record) -> float:
    """Return the contrastive loss, its mean over the second half of the steps that were logged."""
    losses = record.curve("contrast")[1]
    later = losses[len(losses) // 2 :]
    return float(sum(later) / len(later))


def cosine_gap(record: Record) -> float:
    """Return how far a student's cosines are from its teacher's: √(L_sim/λ), over the last fifth of the steps."""
    losses = record.curve("distillation")[1]
    last = losses[-max(1, len(losses) // 5) :]
    return float((sum(last) / len(last) / record.config["distillation"]) ** 0.5)


def over_seeds(study: str, metric: Metric) -> Spread:
    """Return what the runs of a study measured, by seed; each may have a start and a teacher of its own seed."""
    spread = load_runs(ROOM).where(study=study).values(metric, over=OVER)
    seeds: list[tuple[int, ...]] = list(spread.seeds or ())  # type: ignore[arg-type]
    return Spread(spread.values, tuple(seed for seed, *_ in seeds))


@cache
def baselines() -> dict[str, float]:
    """Return what the Jaccard of characters reaches on the tasks of the embedded corpus, by the metrics' names."""
    reached: dict[str, float] = {}
    for level in evaluation.LEVELS:
        task = evaluation.question_retrieval(level)
        for kind, value in task.measure(evaluation.character_overlap).items():
            reached[f"{level} {kind}"] = value
        reached[f"{level} spearman"] = evaluation.graded_questions(level).baseline()
    for kind, value in evaluation.statement_retrieval().measure(evaluation.character_overlap).items():
        reached[f"statements {kind}"] = value
    return reached


# ---------------------------------------------------------------- tables


def study_table(studies: Sequence[str], metrics: Sequence[str]) -> Table:
    """Return a row for each study and a column for each metric; the first row is that of the characters' Jaccard."""
    runs = load_runs(ROOM).where(study=set(studies))
    characters = {name: baselines().get(name) for name in metrics}
    return runs.table("study", metrics, order=studies, over=OVER, baselines={CHARACTERS: characters})


#: What is trained without a teacher, with a small one, and with a large one; None where nobody did.
TAUGHT = {
    "cpu, 300 steps more": ("continued", "distil", "distil_large"),
    "cpu, 3000 steps more": ("continued_long", None, "distil_long"),
    "half as wide": ("student", "student_distil", "student_distil_large"),
}


def teacher_table() -> Table:
    """Return what no teacher, a small one and a large one make of the same model; before that, the teachers.

    The first row needs no training: the characters' Jaccard, which writes nothing and has no cosines.
    """
    measures: dict[str, Metric] = {
        "questions found": questions_found,
        "statements found": "statements accuracy",
        "meaning kept": meaning_kept,
    }
    levels = [baselines()[f"{level} accuracy"] for level in ("combination", "entity", "intent")]
    characters = f"{sum(levels) / len(levels):.3f}"
    alone = (str(over_seeds(study, questions_found)) for study in ("simbert", "teacher"))
    rows = [
        [CHARACTERS, "questions found", characters, "—", "—"],
        ["the teacher", "questions found", "—", *alone],
    ]
    for model, studies in TAUGHT.items():
        for name, metric in measures.items():
            spreads = (str(over_seeds(study, metric)) if study else "—" for study in studies)
            rows.append([model, name, *spreads])
        gaps = (str(over_seeds(study, cosine_gap)) if study else "—" for study in studies[1:])
        rows.append([model, "gap of cosines", "—", *gaps])
    return Table(
        ["model", "measure", "no teacher", "small teacher", "large teacher"],
        rows,
        notes=["The small teacher is simbert, of the model half as wide distil; the large one is teacher."],
    )


def pairs_table() -> Table:
    """Return Spearman's correlation with people's labels by set and pooling; the characters' first, for each set."""
    runs = load_runs(ROOM).where(study="real")
    rows = []
    for name in ("atec", "paws_x", "sts_b"):
        rows.append([name, CHARACTERS, str(Spread(runs[f"{name} jaccard"].values[:1])), "—", "—"])
        for pooling in ("cls", "mean", "first_last"):
            kinds = (f"{name} {pooling}{kind}" for kind in ("", " whitened", " third"))
            rows.append([name, pooling, *(str(runs[kind]) for kind in kinds)])
    notes = [f"Mean ± standard error; {runs.provenance()}.", f"Trained on {next(iter(runs)).data}."]
    return Table(["set", "pooling", "plain", "whitened", "a third"], rows, notes=notes)


#: The article's table, Spearman x 100: without whitening, whitened, whitened with 256 of 768 directions kept.
#: V1 is SimBERT, V2 RoFormer-Sim; pooling P1, one of four.
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


def article_table() -> Table:
    """Return `ARTICLE_TABLE` for people to read."""
    sets = ("ATEC", "BQ", "LCQMC", "PAWSX", "STS-B")
    rows = [
        [model, *(" / ".join(f"{value:.1f}" for value in row[name]) for name in sets)]
        for model, row in ARTICLE_TABLE.items()
    ]
    return Table(["plain / whitened / 256", *sets], rows)
