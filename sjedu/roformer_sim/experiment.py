"""The experiment: what each objective of RoFormer-Sim is good for, on pairs whose meaning the grammar knows.

`PRESETS` holds the numbers, `train` the whole loop::

    cpu             RoFormer-Sim before distillation: questions and statements, generation, contrast and noise
    no_generation   the same without the target's loss
    no_contrast     without the in-batch loss
    no_noise        without [MASK] in the source
    within          with batches of one kind of sentence each
    bert            with learned positions
    simbert         questions only, no noise: what SimBERT learnt from; the teacher
    simbert_half    the same with half the pairs a step: as many questions as "cpu" has
    distil          "cpu" continued with a teacher's geometry in place of contrast (give start and teacher)
    distil_only     the same without the target's loss
    continued       "cpu" continued as it was, for as long (give start)
    student         half as wide a model, trained as "cpu" is
    student_distil  the same, with a teacher in place of contrast (give teacher)
    teacher         "simbert" twice as wide and deep: a teacher that is larger than those it teaches
    distil_large    "distil" with that one (give start and teacher)
    distil_long, continued_long  "distil_large" and "continued" for ten times as long
    student_distil_large  "student_distil" with that one (give teacher)
    sim             the small model that comes with the package, from pretrained weights
    quick           "simbert" in seconds, for the notebook
    real            pairs that people called alike, by name, from pretrained weights
    gpu, gpu_distil the article's scale from published weights
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR

from sjedu.contrastive_accumulation import accumulate
from sjedu.data import DataNotFound
from sjedu.data.text import all_questions, corpus_characters, load_texts
from sjedu.records import Record
from sjedu.roformer import LanguageModel, Pooling, RoFormerConfig, Tokenizer
from sjedu.roformer import load_small as load_small_roformer
from sjedu.roformer.experiment import decay_groups
from sjedu.roformer_sim.card import write_card
from sjedu.roformer_sim.evaluation import (
    LEVELS,
    Meaning,
    cosines,
    generation_measures,
    graded_questions,
    question_retrieval,
    reranking_measures,
    spearman,
    statement_retrieval,
    write,
)
from sjedu.roformer_sim.losses import SCALE, contrastive_loss, distillation_loss, equal_texts
from sjedu.roformer_sim.mining import jaccard
from sjedu.roformer_sim.model import RoFormerSim, load_small, unpack
from sjedu.roformer_sim.pairs import both_orders, distinct_statements, draw, hide, load_corpus
from sjedu.roformer_sim.whitening import Whitening
from sjedu.training import Run

#: Any function from a batch to a row for each of its texts.
Encoder: TypeAlias = Callable[..., Tensor]

#: Samples for each source, and sources for each level of novelty, that generation is judged by.
SAMPLES, SOURCES = 6, 50


@dataclass(frozen=True)
class Config:
    """All numbers of one run.

    Attributes:
        study: what the run is part of; its record's name begins with it.
        seed: of weights, data and noise.
        precision: "no" (float32), "bf16" or "fp16".
        start: where weights come from: "mlm", the small pretrained RoFormer; "sim" or "student", this lesson's small
            models; "fresh", none; otherwise a folder or a name on the Hugging Face hub.
        teacher: like start, whose vectors are to be copied; None: no distillation.
        corpora: of the pairs, see `pairs.load_corpus`.
        within: whether the pairs of a step come from one corpus, each in its turn, or from all alike.
        generation: whether the target's loss counts.
        contrast: whether the in-batch loss counts.
        scale: of the in-batch loss.
        distillation: λ, the weight of the teacher's geometry.
        noise: share of the sources in which tokens are hidden.
        hidden: rate of hidden tokens in these.
        pooling: how a text's vector is made.
        max_length: in tokens.
        model_type: of a fresh model: "roformer" with rotary, "bert" with learned positions.
        dim: width of a fresh model.
        layers: of a fresh model.
        heads: of a fresh model.
        dropout: of everything.
        steps: of the optimiser.
        pairs: a step, over all processes together; twice as many rows.
        micro_batch: rows at a time, with lesson 7's exact accumulation; None: all at once. With several processes only
            accumulation has all processes' rows as negatives.
        learning_rate: at its highest.
        warmup: part of the steps over which it rises; then it falls to zero.
        weight_decay: on matrices.
        tests: published sets whose test pairs are judged too, by every pooling and with whitening.
    """

    study: str = "cpu"
    seed: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    start: str = "fresh"
    teacher: str | None = None
    corpora: tuple[str, ...] = ("questions", "statements")
    within: bool = False
    generation: bool = True
    contrast: bool = True
    scale: float = SCALE
    distillation: float = 100.0
    noise: float = 0.5
    hidden: float = 0.15
    pooling: Pooling = "cls"
    max_length: int = 40
    model_type: Literal["roformer", "bert"] = "roformer"
    dim: int = 64
    layers: int = 2
    heads: int = 4
    dropout: float = 0.0
    steps: int = 800
    pairs: int = 16
    micro_batch: int | None = None
    learning_rate: float = 3e-3
    warmup: float = 0.1
    weight_decay: float = 0.01
    tests: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.corpora:
            raise ValueError("corpora must name at least one corpus, got none")
        if self.contrast and self.teacher:
            raise ValueError(
                f"contrast: got True with the teacher {self.teacher!r}; the teacher's geometry takes its place"
            )
        if self.pairs < 2:
            raise ValueError(f"pairs must be at least 2, got {self.pairs}")

    @property
    def name(self) -> str:
        """Of the run's record."""
        return f"{self.study}-seed{self.seed}"


_CPU = Config()
_DISTIL = dataclasses.replace(_CPU, study="distil", contrast=False, steps=300, learning_rate=1e-3)
_STUDENT_DISTIL = dataclasses.replace(_CPU, study="student_distil", dim=32, contrast=False)
_SIMBERT = dataclasses.replace(_CPU, study="simbert", corpora=("questions",), noise=0.0)
_SIM = dataclasses.replace(_CPU, study="sim", start="mlm", steps=1600, learning_rate=1e-3)
_GPU = Config(
    study="gpu",
    precision="bf16",
    start="junnyu/roformer_chinese_char_base",
    corpora=("lcqmc", "paws_x", "bq", "sts_b"),  # questions and general sentences in turn, 1 : 1
    max_length=64,
    dropout=0.2,
    steps=20_000,
    pairs=256,
    micro_batch=128,
    learning_rate=1e-5,
    warmup=0.05,
    tests=("atec", "bq", "lcqmc", "paws_x", "sts_b"),
)

PRESETS: dict[str, Config] = {
    "cpu": _CPU,
    "no_generation": dataclasses.replace(_CPU, study="no_generation", generation=False),
    "no_contrast": dataclasses.replace(_CPU, study="no_contrast", contrast=False),
    "no_noise": dataclasses.replace(_CPU, study="no_noise", noise=0.0),
    "within": dataclasses.replace(_CPU, study="within", within=True),
    "simbert": _SIMBERT,
    "simbert_half": dataclasses.replace(_SIMBERT, study="simbert_half", pairs=8),
    "bert": dataclasses.replace(_CPU, study="bert", model_type="bert"),
    "distil": _DISTIL,
    "distil_only": dataclasses.replace(_DISTIL, study="distil_only", generation=False),
    "continued": dataclasses.replace(_DISTIL, study="continued", contrast=True),
    "student": dataclasses.replace(_CPU, study="student", dim=32),
    "student_distil": _STUDENT_DISTIL,
    # Twice the width takes half the rate; so that it gets as far, twice the steps.
    "teacher": dataclasses.replace(
        _SIMBERT, study="teacher", dim=128, layers=4, learning_rate=1.5e-3, steps=1600
    ),
    "distil_large": dataclasses.replace(_DISTIL, study="distil_large"),
    "distil_long": dataclasses.replace(_DISTIL, study="distil_long", steps=3000),
    "continued_long": dataclasses.replace(_DISTIL, study="continued_long", contrast=True, steps=3000),
    "student_distil_large": dataclasses.replace(_STUDENT_DISTIL, study="student_distil_large"),
    "sim": _SIM,
    "quick": dataclasses.replace(_SIM, study="quick", corpora=("questions",), noise=0.0, steps=150),
    "real": dataclasses.replace(
        _SIM,
        study="real",
        corpora=("atec", "paws_x"),
        max_length=60,
        steps=400,
        tests=("atec", "paws_x", "sts_b"),
    ),
    "gpu": _GPU,
    "gpu_distil": dataclasses.replace(
        _GPU,
        study="gpu_distil",
        start="runs/roformer_sim/gpu/model",
        teacher="peterchou/simbert-chinese-base",
        contrast=False,
        steps=5000,
    ),
}


def train(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Train one model, judge it, and leave it in the directory.

    Args:
        config: all numbers.
        directory: where checkpoint, TensorBoard events, record and, in ``model/``, weights, tokenizer and card
            go; None: nowhere.
        resume: continue the run in that directory.
        progress: show a bar.

    Returns:
        The record; its metrics are those of `evaluate`.

    Raises:
        ValueError: if a name or size does not fit; says which.
        FileNotFoundError, WeightsError: if start or teacher cannot be read.
        DataNotFound, DamagedData: if a published set cannot be read.
        CheckpointError: if the directory holds a run and `resume` is false, or none that fits and it is true.
        NonFiniteLoss, FloatingPointError: if the loss becomes NaN or infinite.
    """
    return train_model(config, directory, resume=resume, progress=progress)[1]


def train_model(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> tuple[RoFormerSim, Record]:
    """Do what `train` does, and return the model too."""
    with Run("roformer_sim", config, directory, resume=resume, progress=progress) as run:
        if not (config.generation or config.contrast or config.teacher):
            raise ValueError(
                "generation, contrast and teacher: got none of them; expected something to learn"
            )
        known = [load_corpus(name, config.max_length) for name in config.corpora]
        corpora = [corpus for corpus, _ in known]
        model = load_start(config, config.start)
        teacher = None if config.teacher is None else load_start(config, config.teacher)
        if teacher is not None:
            teacher.to(run.device).eval().requires_grad_(False)
        tokenizer = model.tokenizer
        optimizer = torch.optim.AdamW(decay_groups(model, config.weight_decay), lr=config.learning_rate)
        scheduler = OneCycleLR(optimizer, config.learning_rate, config.steps, pct_start=config.warmup)
        model, optimizer, scheduler = run.prepare(model, optimizer, scheduler)
        model.train()

        for step in run.steps(config.steps):
            pairs = draw(corpora, step, config.pairs, config.seed, within=config.within)
            share = run.shard(torch.arange(config.pairs))
            sources, targets = both_orders([pairs[i] for i in share])
            batch = tokenizer.encode(sources, targets, max_length=2 * config.max_length)
            chance = torch.Generator().manual_seed(1_000_003 * config.seed + step)
            ids = hide(batch, tokenizer, share=config.noise, rate=config.hidden, generator=chance)
            inputs = {
                "ids": ids.to(run.device),
                "types": batch.types.to(run.device),
                "lengths": batch.lengths.to(run.device),
                "source_lengths": batch.source_lengths.to(run.device),
            }
            objective = Objective(config, equal_texts(sources).to(run.device))
            towers: list[Encoder] = [model]
            tower_inputs: list[dict[str, Tensor]] = [inputs]
            if teacher is not None:  # it reads the sources without noise
                whole = teacher.tokenizer.encode(sources, max_length=teacher.max_length).to(run.device)
                towers.append(teacher.vectors)
                tower_inputs.append({"ids": whole.ids, "lengths": whole.lengths})
            if config.micro_batch is None:
                loss = objective(*(f(**x) for f, x in zip(towers, tower_inputs, strict=True)))
                run.backward(loss)
            else:
                loss = accumulate(
                    towers, tower_inputs, objective, config.micro_batch, accelerator=run.accelerator
                )
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            if step % max(1, config.steps // 50) == 0:
                run.log(loss=loss, **objective.parts)

        model = run.accelerator.unwrap_model(model).eval()
        source = "; ".join(dict.fromkeys(source for _, source in known))
        record = run.finish(evaluate(model, config), name=config.name, data=source)
        if directory is not None and run.is_main:
            folder = Path(directory) / "model"
            model.save_pretrained(folder, dtype=torch.float16)
            write_card(folder, record)
        return model, record


class Objective:
    """The loss of a batch, as a function of all its rows: what is switched on is added up.

    Attributes:
        parts: the terms of the last call, by name.
    """

    def __init__(self, config: Config, same: Tensor) -> None:
        self.config = config
        self.same = same
        self.parts: dict[str, Tensor] = {}

    def __call__(self, rows: Tensor, teacher: Tensor | None = None) -> Tensor:
        """Return the loss of `RoFormerSim.forward`'s rows, and of the teacher's vectors of the same sources."""
        vectors, nll, tokens = unpack(rows)
        parts: dict[str, Tensor] = {}
        if self.config.generation:
            parts["generation"] = nll.sum() / tokens.sum()
        if self.config.contrast:
            # Rows of other processes have texts that this one does not know.
            mask = self.same if len(rows) == len(self.same) else None
            parts["contrast"] = contrastive_loss(vectors, scale=self.config.scale, mask=mask)
        if teacher is not None:
            parts["distillation"] = distillation_loss(teacher, vectors, self.config.distillation)
        self.parts = {name: part.detach() for name, part in parts.items()}
        return torch.stack(list(parts.values())).sum()


def load_start(config: Config, source: str) -> RoFormerSim:
    """Return the model that a run starts from, or its teacher.

    Raises:
        FileNotFoundError, WeightsError: if it cannot be read.
    """
    if source in ("sim", "student"):
        return load_small("sim" if source == "sim" else "student", dropout=config.dropout)
    if source == "mlm":
        parts = load_small_roformer("mlm", dropout=config.dropout)
        return RoFormerSim(*parts, config.pooling, config.max_length)
    if source == "fresh":
        tokenizer = Tokenizer.for_texts([], always=corpus_characters())
        return RoFormerSim(fresh_model(config, len(tokenizer)), tokenizer, config.pooling, config.max_length)
    return RoFormerSim.from_pretrained(source, max_length=config.max_length, dropout=config.dropout)


def fresh_model(config: Config, vocabulary: int) -> LanguageModel:
    """Return an untrained model; the global random number generator draws its weights."""
    return LanguageModel(
        RoFormerConfig(
            model_type=config.model_type,
            vocab_size=vocabulary,
            hidden_size=config.dim,
            embedding_size=config.dim,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=4 * config.dim,
            hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.dropout,
            max_position_embeddings=max(128, 2 * config.max_length),
            # See sjedu.roformer.experiment.model_config: 0.02 is too little for a narrow model.
            initializer_range=round(0.55 / config.dim**0.5, 4),
        )
    )


# ---------------------------------------------------------------- tests


def evaluate(model: RoFormerSim, config: Config) -> dict[str, Any]:
    """Return what a model is worth.

    Returns:
        "parameters"; for runs on the embedded corpus what `judge_retrieval` and `judge_generation` return; and for
        each published set in the config's tests what `judge_pairs` does.
    """
    metrics: dict[str, Any] = {"parameters": sum(p.numel() for p in model.parameters())}
    if {"questions", "statements"} & set(config.corpora):
        metrics |= judge_retrieval(model) | judge_generation(model)
    for name in config.tests:
        metrics |= judge_pairs(model, name)
    return {name: value if name == "parameters" else round(value, 4) for name, value in metrics.items()}


def judge_retrieval(model: RoFormerSim) -> dict[str, float]:
    """Return "entity accuracy" (at 1), "entity mrr", "entity spearman", and so for each level and for statements."""
    metrics: dict[str, float] = {}
    scorer = cosines(model)
    for level in LEVELS:
        for kind, value in question_retrieval(level).measure(scorer).items():
            metrics[f"{level} {kind}"] = value
        metrics[f"{level} spearman"] = graded_questions(level).measure(model)
    for kind, value in statement_retrieval().measure(scorer).items():
        metrics[f"statements {kind}"] = value
    return metrics


def judge_generation(model: RoFormerSim, samples: int = SAMPLES, sources: int = SOURCES) -> dict[str, float]:
    """Return what the grammar says of samples for questions of each level and for statements of new combinations.

    Returns:
        "entity valid", "entity same", ... as `generation_measures` names them, and for all questions of known intents
        together "fresh" and "ranked" as `reranking_measures` does.
    """
    meanings: dict[str, list[Meaning]] = {level: list(all_questions(level)[:sources]) for level in LEVELS}
    meanings["statements"] = list(distinct_statements(sources, random.Random(0), "combination"))
    written = {name: write(model, some, samples) for name, some in meanings.items()}
    metrics = {
        f"{name} {kind}": value
        for name, some in written.items()
        for kind, value in generation_measures(some).items()
    }
    known = written["combination"] + written["entity"]
    return metrics | reranking_measures(model, known)


def judge_pairs(model: RoFormerSim, name: str, *, most: int = 2000) -> dict[str, float]:
    """Return Spearman's correlation of cosines and labels of a published set's pairs, for every pooling.

    The names are "atec cls", "atec cls whitened", "atec cls third" (whitened, and a third of the directions kept), and
    "atec jaccard" for the characters alone.

    The test part is taken, or the valid one where there is no other; whitening is fitted on the same texts' vectors,
    as in the article's evaluation. Texts that are too long are cut.
    """
    try:
        texts = load_texts(name, "test")
    except DataNotFound:
        texts = load_texts(name, "valid")
    if texts.second is None or texts.labels is None:
        raise ValueError(f"tests: {name!r} has no labelled pairs")
    longest = model.max_length - 2
    first, second = ([text[:longest] for text in some[:most]] for some in (texts.first, texts.second))
    labels = texts.labels[:most]
    poolings: tuple[Pooling, ...] = ("cls", "mean", "first_last")
    if model.encoder.pooler is not None:
        poolings = ("pooler", "linear", *poolings)
    overlap = [jaccard(a, b) for a, b in zip(first, second, strict=True)]
    metrics = {f"{name} jaccard": spearman(overlap, labels)}
    for pooling in poolings:
        vectors = model.encode([*first, *second], pooling=pooling, normalize=False)
        white = Whitening.fit(vectors)(vectors)
        third = white[:, : vectors.shape[1] // 3]  # the article keeps 256 of 768
        for kind, x in {"": vectors, " whitened": white, " third": third}.items():
            u, v = x[: len(first)], x[len(first) :]
            metrics[f"{name} {pooling}{kind}"] = spearman(torch.cosine_similarity(u, v), labels)
    return metrics
