"""The experiment: one encoder, several sets of labels of different standards, and the ways to learn from them.

`PRESETS` holds the numbers, `train` the whole loop::

    start       the model before any label: pairs mined by overlap, contrast and generation (lesson 6 in small)
    cpu         one objective on the embedded sets, from that model (C1 to C5, C8, C9)
    nli         the same for longer: does the inference data bring the negation? (C5)
    quick       the same in a few seconds, for notebook and tests
    distil      the article's way to the end: labels, then distillation that keeps generation (C6, C7)
    small       the same from lesson 6's small RoFormer-Sim
    real        published sets, by name: PAWS-X, ATEC, STS-B, OCNLI
    overlap     no model: how far counting common characters gets on the published sets, to hold `real` against
    gpu         the article's: RoFormer-Sim-base on published sets, then 5,000 steps of distillation

Options of a study: --objective, --flips and --topic-positives for careless labels, --sets to leave one out, --parts for
heads with a part taken away, --shared-head for one head instead of one a set. All objectives see the same pairs in the
same order, with the same number of steps. Nothing is tuned on the test pairs: `evaluate="validation"` tests on other
pairs of the training level.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

import torch
from annotated_types import MinLen
from torch.optim.lr_scheduler import OneCycleLR

from sjedu.checks import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ProperShare,
    Share,
    check_choice,
    check_fields,
)
from sjedu.data.text import corpus_characters
from sjedu.records import Record
from sjedu.roformer import LanguageModel, RoFormerConfig, Tokenizer
from sjedu.roformer import load_small as load_pretrained
from sjedu.roformer_sim import RoFormerSim
from sjedu.roformer_sim import load_small as load_roformer_sim
from sjedu.supervised_similarity.card import write_card
from sjedu.supervised_similarity.evaluation import measure, measure_overlap, read_heads
from sjedu.supervised_similarity.heads import ARTICLE_PARTS, Heads, Part
from sjedu.supervised_similarity.learning import (
    Objective,
    Pair,
    balanced_batch,
    distil_loss,
    label_loss,
    mined_loss,
    take_pairs,
)
from sjedu.supervised_similarity.tasks import (
    REAL_SETS,
    STRICT_SETS,
    TEST_SETS,
    TRAIN_SETS,
    PairSet,
    Split,
    careless,
    embedded_set,
    mined_pairs,
    real_set,
)
from sjedu.training import Precision, Run, Seed, presets

Small: TypeAlias = Literal["start", "teacher", "student"]

#: The learning rate of each objective, the best of 5e-4, 2e-3 and 4e-3 on validation pairs (seed 0, 100 steps). The
#: choice decides who wins: at 5e-4 the losses on the cosine are ahead of the head, at 2e-3 two of them are behind it.
RATES: dict[Objective, float] = {
    "head": 2e-3,
    "squared": 5e-4,
    "opposite": 5e-4,
    "margin": 5e-4,
    "cosent": 2e-3,
    "mined": 2e-3,
    "overlap": 0.0,
}

#: How many pairs are mined for the objective "mined" and for the distillation.
MINED = 6000
#: The pairs are the same for every seed of a run: what differs is the order, the fresh weights and the carelessness.
PAIRS_SEED = 0


@dataclass(frozen=True)
class Config:
    """All numbers of one run.

    Attributes:
        study: the preset, or the question that the run helps to answer.
        objective: "head" classifies (u, v, |u - v|) and throws the classifier away; "squared", "opposite" and "margin"
            are the article's losses on the cosine; "cosent" orders cosines; "mined" knows no labels; "overlap" learns
            nothing, and scores pairs by the characters that they share.
        start: the model to begin with: "start" for this lesson's own, "small" for lesson 6's, "mlm" for the
            pretrained one without sentence vectors, "fresh" for random weights; else a folder, or a name on the hub.
        data: "embedded" for the grammar's sets, "real" for published ones.
        sets: to learn from.
        parts: of a pair that a head sees.
        shared_head: one head for all sets with equally many classes, instead of one a set.
        flips: how often a label of yes or no is flipped.
        topic_positives: how often a pair of one topic is marked alike in the strict sets.
        train_size: pairs of each set to learn from, at most.
        test_size: pairs of each set to test on, at most.
        seed: of fresh weights, order and careless labels.
        precision: "no" (float32), "bf16" or "fp16".
        evaluate: on the test pairs, or on others of the training level.
        before: whether the model is also tested before it learns.
        written: on how many meanings generation is measured.
        max_length: of a text in characters; what is longer is cut.
        steps: of the optimiser.
        batch_size: pairs a step, the same number of each set.
        learning_rate: at its highest; by default the objective's, see `RATES`.
        warmup: part of the steps over which it rises; then it falls to zero.
        weight_decay: on everything.
        dropout: while it learns; a model that others distil from stands still without.
        distil_steps: of the distillation into a second copy of the start; 0 for none.
        distil_batch: pairs a step of it, and of "mined".
        distil_rate: its learning rate at the highest.
        distil_weight: λ of its geometry, beside the loss of generation.
        dim: width of a fresh model.
        layers: of a fresh model.
        attention_heads: of a fresh model.
        mlp_dim: of a fresh model.
    """

    study: str = "cpu"
    objective: Objective = "head"
    start: str = "start"
    data: Literal["embedded", "real"] = "embedded"
    sets: Annotated[tuple[str, ...], MinLen(1)] = TRAIN_SETS
    parts: Annotated[tuple[Part, ...], MinLen(1)] = ARTICLE_PARTS
    shared_head: bool = False
    flips: Share = 0.0
    topic_positives: Share = 0.0
    train_size: PositiveInt = 2000
    test_size: PositiveInt = 400
    seed: Seed = 0
    precision: Precision = "no"
    evaluate: Literal["test", "validation"] = "test"
    before: bool = False
    written: NonNegativeInt = 0
    max_length: PositiveInt = 40
    steps: PositiveInt = 80
    batch_size: PositiveInt = 48
    learning_rate: PositiveFloat | None = None
    warmup: Share = 0.1
    weight_decay: NonNegativeFloat = 0.01
    dropout: ProperShare = 0.0
    distil_steps: NonNegativeInt = 0
    distil_batch: PositiveInt = 32
    distil_rate: PositiveFloat = 1e-3
    distil_weight: NonNegativeFloat = 100.0
    dim: PositiveInt = 64
    layers: PositiveInt = 2
    attention_heads: PositiveInt = 4
    mlp_dim: PositiveInt = 256

    def __post_init__(self) -> None:
        check_fields(self)
        for name in self.sets:
            check_choice("sets", name, self.known_sets)
        if self.batch_size < len(self.sets):
            raise ValueError(
                f"batch_size: got {self.batch_size}; expected at least {len(self.sets)}, the number of sets"
            )

    @property
    def rate(self) -> float:
        """The learning rate at its highest."""
        return RATES[self.objective] if self.learning_rate is None else self.learning_rate

    @property
    def known_sets(self) -> tuple[str, ...]:
        """The sets that there are."""
        return TRAIN_SETS if self.data == "embedded" else tuple(REAL_SETS)

    @property
    def name(self) -> str:
        """The name of the run's record."""
        left_out = [f"without_{name}" for name in self.known_sets if name not in self.sets]
        short = {"u": "u", "v": "v", "|u-v|": "d", "u*v": "p"}
        parts = [] if self.parts == ARTICLE_PARTS else ["".join(short[part] for part in self.parts)]
        noise = [f"{n}{v:g}" for n, v in (("flips", self.flips), ("topic", self.topic_positives)) if v]
        shared = ["shared"] if self.shared_head else []
        described = [self.study, self.objective, *parts, *shared, *left_out, *noise]
        return "-".join([*described, f"seed{self.seed}"])


_CPU = Config()
_DISTIL = dataclasses.replace(_CPU, before=True, written=60, steps=200, distil_steps=250)

PRESETS = presets(
    cpu=_CPU,
    start=Config(objective="mined", start="fresh", steps=3000, written=60),
    nli=dataclasses.replace(_CPU, steps=250),
    quick=Config(train_size=600, test_size=200, steps=60),
    distil=_DISTIL,
    small=dataclasses.replace(_DISTIL, start="small", max_length=38, learning_rate=5e-4, distil_rate=5e-4),
    real=Config(
        data="real",
        sets=tuple(REAL_SETS),
        start="mlm",
        train_size=10_000,
        test_size=300,
        max_length=40,
        steps=200,
        batch_size=32,
        learning_rate=5e-4,
    ),
    overlap=Config(objective="overlap", data="real", sets=tuple(REAL_SETS), test_size=300),
    gpu=Config(
        data="real",
        sets=tuple(REAL_SETS),
        start="junnyu/roformer_chinese_sim_char_base",
        train_size=1_000_000,
        test_size=1_000_000,
        precision="bf16",
        before=True,
        max_length=62,
        steps=4000,  # three epochs: 88,000 pairs of PAWS-X, ATEC, STS-B and OCNLI, 64 a step
        batch_size=64,
        learning_rate=2e-5,
        dropout=0.1,  # as usual for fine-tuning; the author's code has 0.2
        distil_steps=5000,
        distil_batch=64,
        distil_rate=2e-5,
    ),
)


def train(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Teach a model with labels, test its cosines, and distil it into a student that still writes."""
    with Run("supervised_similarity", config, directory, resume=resume, progress=progress) as run:
        if config.objective == "overlap":
            return count_overlap(run, config)
        sets, tests = load_sets(config), load_tests(config)
        pairs = unlabelled(config, sets) if config.distil_steps or config.objective == "mined" else ()
        model, student = load_start(config).to(run.device), load_start(config)
        tokenizer, seed = model.tokenizer, config.seed
        heads = build_heads(config, model, sets)
        metrics: dict[str, Any] = {"parameters": sum(p.numel() for p in model.parameters())}
        if config.before:
            metrics["before"] = measure(model, tests, config.written)
        optimizer = torch.optim.AdamW(
            [*model.parameters(), *heads.parameters()], config.rate, weight_decay=config.weight_decay
        )
        second = torch.optim.AdamW(student.parameters(), config.distil_rate, weight_decay=config.weight_decay)
        scheduler = _schedule(optimizer, config.rate, config.steps, config.warmup)
        later = _schedule(second, config.distil_rate, config.distil_steps, config.warmup)
        model, heads, optimizer, scheduler, student, second, later = run.prepare(
            model, heads, optimizer, scheduler, student, second, later
        )

        student.train()
        for step in run.steps(config.steps + config.distil_steps):
            model.train(step < config.steps)
            if step >= config.steps:  # the taught model stands still, and the student learns its geometry
                batch = take_pairs(pairs, step, config.distil_batch, seed)
                loss = distil_loss(student, model, tokenizer, batch, config.distil_weight)
            elif config.objective == "mined":
                loss = mined_loss(model, tokenizer, take_pairs(pairs, step, config.distil_batch, seed))
            else:
                parts = balanced_batch(sets, step, config.batch_size, seed)
                loss = label_loss(model, heads, tokenizer, parts, config.objective)
            run.backward(loss)
            learner = (optimizer, scheduler) if step < config.steps else (second, later)
            for part in learner:
                part.step()
            learner[0].zero_grad()
            if run.logs(step):
                run.log(loss=loss)

        model, heads, student = map(run.accelerator.unwrap_model, (model, heads, student))
        # What `measure` gives before, after, and of the student; and what the heads read, see `read_heads`.
        metrics["after"] = measure(model, tests, config.written)
        if config.distil_steps:
            metrics["student"] = measure(student, tests, config.written)
        if config.objective == "head":
            metrics["reading"] = read_heads(model, heads, tests)
        if config.objective == "mined":
            source = f"{len(pairs)} pairs of the embedded corpus, mined by overlap"
        else:
            source = _sources(sets)
        record = run.finish(metrics, name=config.name, data=source)
        if directory is not None and run.is_main:
            save(Path(directory), record, model, student if config.distil_steps else None)
        return record


def count_overlap(run: Run, config: Config) -> Record:
    """End a run in which nothing learns: score the test pairs by the characters that they share."""
    tests = load_tests(config)
    run.prepare()
    list(run.steps(0))
    return run.finish(measure_overlap(tests), name=config.name, data=_sources(tests))


# ---------------------------------------------------------------- data


def load_sets(config: Config) -> list[PairSet]:
    """Return the sets to learn from, graded ones as yes or no, with labels as careless as the config wants them.

    Raises:
        DataNotFound, DamagedData: if a published set cannot be read.
        ValueError: if all pairs of a set are alike, or none is; names the set.
    """
    sets = []
    for name in config.sets:
        pairs = _pairs(config, name, "train", config.train_size)
        if len(pairs.classes) > 3:
            pairs = pairs.binary()
        if name not in ("nli", "ocnli"):
            topical = config.topic_positives if name in STRICT_SETS else 0.0
            pairs = careless(pairs, config.seed, flips=config.flips, topic_positives=topical)
        sets.append(pairs.require_classes())
    return sets


def load_tests(config: Config) -> list[PairSet]:
    """Return the sets to test on: all that there are, whatever is learnt from, with clean labels.

    Raises:
        DataNotFound, DamagedData: if a published set cannot be read.
    """
    names = TEST_SETS if config.data == "embedded" else tuple(REAL_SETS)
    split: Split = "test" if config.evaluate == "test" else "valid"
    return [_pairs(config, name, split, config.test_size) for name in names]


def _sources(sets: Sequence[PairSet]) -> str:
    return "; ".join(pairs.source for pairs in sets)


def _pairs(config: Config, name: str, split: Split, size: int) -> PairSet:
    if config.data == "embedded":
        pairs = embedded_set(name, size, PAIRS_SEED, split)
    elif (
        split == "valid"
    ):  # the end of the training pairs, which `load_sets` does not reach where they are many
        pairs = real_set(name, "train", None, PAIRS_SEED)
        pairs = pairs.take(range(len(pairs) - min(size, len(pairs) // 4), len(pairs)))
    else:
        pairs = real_set(name, split, size, PAIRS_SEED)
    return pairs.shortened(config.max_length)


def unlabelled(config: Config, sets: Sequence[PairSet]) -> tuple[Pair, ...]:
    """Return pairs of sentences to write and to compare: mined ones, or of published sets those that are alike."""
    if config.data == "embedded":
        return mined_pairs(MINED, PAIRS_SEED)
    return tuple(
        (a, b)
        for pairs in sets
        for a, b, alike in zip(pairs.first, pairs.second, pairs.alike().tolist(), strict=True)
        if alike
    )


# ---------------------------------------------------------------- models


def load_start(config: Config) -> RoFormerSim:
    """Return the model that a run begins with.

    Raises:
        FileNotFoundError: if it is not there; says what was looked for, and how to get it.
        ValueError: if it has no room for texts of the config's length.
    """
    if config.start == "fresh":
        model = _fresh(config)
    elif config.start == "start":
        model = load_small("start", dropout=config.dropout)
    elif config.start == "small":
        model = load_roformer_sim("sim", dropout=config.dropout)
    elif config.start == "mlm":
        model = RoFormerSim(*load_pretrained("mlm", dropout=config.dropout))
    else:
        model = RoFormerSim.from_pretrained(config.start, dropout=config.dropout)
    if model.max_length < config.max_length + 2:
        raise ValueError(
            f"max_length: got {config.max_length} characters; the model takes {model.max_length - 2}"
        )
    return model


def load_small(name: Small = "student", *, dropout: float | None = None) -> RoFormerSim:
    """Return one of the lesson's own small models; their cards lie beside them.

    "start" has seen no label; "teacher" was taught by heads from there, and "student" was distilled from the teacher.

    Raises:
        ValueError: if there is no such model, or dropout is not in [0, 1).
        FileNotFoundError: if this copy of the package came without it.
    """
    check_choice("name", name, get_args(Small))
    folder = Path(str(resources.files("sjedu.supervised_similarity"))) / "small" / name
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: the small models are not in this copy of the package; `python -m sjedu train"
            " supervised_similarity --preset start --directory DIR` trains one anew and leaves it in DIR/model"
        )
    return RoFormerSim.from_pretrained(folder, dropout=dropout)


def _fresh(config: Config) -> RoFormerSim:
    tokenizer = Tokenizer.for_texts([], always=corpus_characters(), unused=0)
    sizes = RoFormerConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.dim,
        embedding_size=config.dim,
        num_hidden_layers=config.layers,
        num_attention_heads=config.attention_heads,
        intermediate_size=config.mlp_dim,
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.dropout,
        max_position_embeddings=2 * (config.max_length + 2),
        initializer_range=round(0.55 / config.dim**0.5, 4),  # as `sjedu.roformer.experiment` has it
    )
    return RoFormerSim(LanguageModel(sizes), tokenizer, max_length=config.max_length + 2)


def build_heads(config: Config, model: RoFormerSim, sets: Sequence[PairSet]) -> Heads:
    """Return fresh heads for the sets; for objectives that need none, too, so that all draw the same numbers."""
    classes = {pairs.name: len(pairs.classes) for pairs in sets}
    return Heads(classes, model.encoder.config.hidden_size, config.parts, shared=config.shared_head)


def save(directory: Path, record: Record, model: RoFormerSim, student: RoFormerSim | None) -> None:
    """Write the weights of the model, and of the student if there is one, each with its card."""
    model.save_pretrained(directory / "model", dtype=torch.float16)
    write_card(directory / "model", record, "after")
    if student is not None:
        student.save_pretrained(directory / "student", dtype=torch.float16)
        write_card(directory / "student", record, "student")


def _schedule(optimizer: torch.optim.Optimizer, rate: float, steps: int, warmup: float) -> OneCycleLR:
    return OneCycleLR(optimizer, rate, max(steps, 1), pct_start=warmup)
