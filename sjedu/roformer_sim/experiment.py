"""The experiment: what each objective of RoFormer-Sim is good for, on pairs whose meaning the grammar knows.

`PRESETS` holds the numbers, `train_model` the whole loop with its losses::

    cpu             RoFormer-Sim before distillation: questions and statements, generation, contrast and noise
    no_generation   the same without the target's loss
    no_contrast     without the in-batch loss
    no_noise        without [MASK] in the source
    within          with batches of one kind of sentence each
    bert            with learned positions
    simbert         questions only, no noise: what SimBERT learnt from; the teacher
    simbert_half    the same with half the pairs a step: as many questions as "cpu" has
    distil          "cpu" continued with a teacher's geometry in place of contrast (needs start and teacher)
    distil_only     the same without the target's loss
    continued       "cpu" continued as it was, for as long (needs start)
    student         half as wide a model, trained as "cpu" is
    student_distil  the same, with a teacher in place of contrast (needs teacher)
    teacher         "simbert" twice as wide and deep: a teacher that is larger than those it teaches
    distil_large    "distil" with that one (needs start and teacher)
    distil_long, continued_long  "distil_large" and "continued" for ten times as long
    student_distil_large  "student_distil" with that one (needs teacher)
    sim             the small model that comes with the package, from pretrained weights
    quick           "simbert" in seconds, for the notebook
    real            pairs that people called alike, by name, from pretrained weights
    gpu, gpu_distil the article's scale from published weights
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import torch
from annotated_types import Ge, MinLen
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR

from sjedu.checks import NonNegativeFloat, PositiveFloat, PositiveInt, ProperShare, Share
from sjedu.contrastive_accumulation import accumulate
from sjedu.data.text import corpus_characters
from sjedu.records import Record
from sjedu.roformer import LanguageModel, Pooling, RoFormerConfig, Tokenizer
from sjedu.roformer import load_small as load_small_roformer
from sjedu.roformer.experiment import decay_groups
from sjedu.roformer_sim.card import write_card
from sjedu.roformer_sim.evaluation import evaluate
from sjedu.roformer_sim.losses import SCALE, contrastive_loss, distillation_loss, equal_texts
from sjedu.roformer_sim.model import RoFormerSim, load_small, unpack
from sjedu.roformer_sim.pairs import both_orders, draw, hide, load_corpus
from sjedu.training import Precision, Run, Seed, presets

#: Any function from a batch to a row for each of its texts.
Encoder: TypeAlias = Callable[..., Tensor]


@dataclass(frozen=True)
class Config:
    """All numbers of one run.

    Attributes:
        study: the question that the run helps to answer; its record's name begins with it.
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
        max_grad_norm: that gradients are clipped to.
        learning_rate: at its highest.
        warmup: part of the steps over which it rises; then it falls to zero.
        weight_decay: on matrices.
        tests: published sets whose test pairs are judged too, by every pooling and with whitening.
    """

    study: str = "cpu"
    seed: Seed = 0
    precision: Precision = "no"
    start: str = "fresh"
    teacher: str | None = None
    corpora: Annotated[tuple[str, ...], MinLen(1)] = ("questions", "statements")
    within: bool = False
    generation: bool = True
    contrast: bool = True
    scale: PositiveFloat = SCALE
    distillation: PositiveFloat = 100.0
    noise: Share = 0.5
    hidden: Share = 0.15
    pooling: Pooling = "cls"
    max_length: Annotated[int, Ge(3)] = 40
    model_type: Literal["roformer", "bert"] = "roformer"
    dim: PositiveInt = 64
    layers: PositiveInt = 2
    heads: PositiveInt = 4
    dropout: ProperShare = 0.0
    steps: PositiveInt = 800
    pairs: Annotated[int, Ge(2)] = 16
    micro_batch: PositiveInt | None = None
    max_grad_norm: PositiveFloat = 1.0
    learning_rate: PositiveFloat = 3e-3
    warmup: ProperShare = 0.1
    weight_decay: NonNegativeFloat = 0.01
    tests: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.contrast and self.teacher:
            raise ValueError(
                f"contrast: got True with the teacher {self.teacher!r}; expected one of the two: the teacher's"
                " geometry takes the place of contrast"
            )

    @property
    def name(self) -> str:
        """The name of the run's record."""
        return f"{self.study}-seed{self.seed}"


_DISTIL = Config(contrast=False, steps=300, learning_rate=1e-3)
_CONTINUED = Config(steps=300, learning_rate=1e-3)
_STUDENT_DISTIL = Config(dim=32, contrast=False)
_SIMBERT = Config(corpora=("questions",), noise=0.0)
_SIM = Config(start="mlm", steps=1600, learning_rate=1e-3)
_GPU = Config(
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

PRESETS: dict[str, Config] = presets(
    cpu=Config(),
    no_generation=Config(generation=False),
    no_contrast=Config(contrast=False),
    no_noise=Config(noise=0.0),
    within=Config(within=True),
    simbert=_SIMBERT,
    simbert_half=dataclasses.replace(_SIMBERT, pairs=8),
    bert=Config(model_type="bert"),
    distil=_DISTIL,
    distil_only=dataclasses.replace(_DISTIL, generation=False),
    continued=_CONTINUED,
    student=Config(dim=32),
    student_distil=_STUDENT_DISTIL,
    # Twice the width takes half the rate; so that it gets as far, twice the steps.
    teacher=dataclasses.replace(_SIMBERT, dim=128, layers=4, learning_rate=1.5e-3, steps=1600),
    distil_large=_DISTIL,
    distil_long=dataclasses.replace(_DISTIL, steps=3000),
    continued_long=dataclasses.replace(_CONTINUED, steps=3000),
    student_distil_large=_STUDENT_DISTIL,
    sim=_SIM,
    quick=dataclasses.replace(_SIM, corpora=("questions",), noise=0.0, steps=150),
    real=dataclasses.replace(
        _SIM, corpora=("atec", "paws_x"), max_length=60, steps=400, tests=("atec", "paws_x", "sts_b")
    ),
    gpu=_GPU,
    gpu_distil=dataclasses.replace(
        _GPU,
        start="runs/roformer_sim/gpu/model",
        teacher="peterchou/simbert-chinese-base",
        contrast=False,
        steps=5000,
    ),
)


def train(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Train one model, measure it, and leave it in the directory's ``model/``: `train_model`, for its record alone."""
    return train_model(config, directory, resume=resume, progress=progress)[1]


def train_model(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> tuple[RoFormerSim, Record]:
    """Train one model and measure it; arguments and errors as in `Run`, metrics as in `evaluate`."""
    with Run("roformer_sim", config, directory, resume=resume, progress=progress) as run:
        loaded = [load_corpus(name, config.max_length) for name in config.corpora]
        corpora = [corpus for corpus, _ in loaded]
        model = load_start(config, config.start)
        teacher = load_teacher(config, run.device)
        tokenizer = model.tokenizer
        optimizer = torch.optim.AdamW(decay_groups(model, config.weight_decay), lr=config.learning_rate)
        scheduler = OneCycleLR(optimizer, config.learning_rate, config.steps, pct_start=config.warmup)
        model, optimizer, scheduler = run.prepare(model, optimizer, scheduler)
        model.train()
        terms: dict[str, Tensor] = {}

        def objective(same: Tensor, rows: Tensor, known: Tensor | None = None) -> Tensor:
            vectors, nll, tokens = unpack(rows)
            if config.generation:  # UniLM: write the other text of the pair
                terms["generation"] = nll.sum() / tokens.sum()
            if config.contrast:  # SimBERT: find it among all others of the batch
                # Rows of other processes have texts that this one does not know.
                mask = same if len(rows) == len(same) else None
                terms["contrast"] = contrastive_loss(vectors, scale=config.scale, mask=mask)
            if known is not None:  # RoFormer-Sim's second stage: the teacher's geometry
                terms["distillation"] = distillation_loss(known, vectors, config.distillation)
            return torch.stack(list(terms.values())).sum()

        for step in run.steps(config.steps):
            pairs = draw(corpora, step, config.pairs, config.seed, within=config.within)
            sources, targets = both_orders([pairs[i] for i in run.shard(torch.arange(config.pairs))])
            batch = tokenizer.encode(sources, targets, max_length=2 * config.max_length)
            chance = torch.Generator().manual_seed(1_000_003 * config.seed + step)
            noisy = hide(batch, tokenizer, share=config.noise, rate=config.hidden, generator=chance)
            encoders: list[Encoder] = [model]
            inputs = [vars(dataclasses.replace(batch, ids=noisy).to(run.device))]
            if teacher is not None:  # which reads the sources without noise
                whole = teacher.tokenizer.encode(sources, max_length=teacher.max_length).to(run.device)
                encoders.append(teacher.vectors)
                inputs.append({"ids": whole.ids, "lengths": whole.lengths})
            loss_of = partial(objective, equal_texts(sources).to(run.device))
            if config.micro_batch is None:
                loss = loss_of(*(encode(**x) for encode, x in zip(encoders, inputs, strict=True)))
                run.backward(loss)
            else:  # as lesson 7 does: exact, though the batch does not fit into memory at once
                loss = accumulate(encoders, inputs, loss_of, config.micro_batch, accelerator=run.accelerator)
            run.clip(model.parameters(), config.max_grad_norm)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            if run.logs(step):
                run.log(loss=loss, **terms)

        model = run.accelerator.unwrap_model(model).eval()
        metrics = evaluate(model, config.corpora, config.tests)
        data = "; ".join(dict.fromkeys(source for _, source in loaded))
        record = run.finish(metrics, name=config.name, data=data)
        if directory is not None and run.is_main:
            folder = Path(directory) / "model"
            model.save_pretrained(folder, dtype=torch.float16)
            write_card(folder, record)
        return model, record


def load_teacher(config: Config, device: torch.device | str) -> RoFormerSim | None:
    """Return the frozen model whose vectors are copied; None where there is none.

    Raises:
        ValueError: if then nothing is left to learn.
    """
    if config.teacher is None:
        if not (config.generation or config.contrast):
            raise ValueError(
                "generation, contrast and teacher: got none of them; expected something to learn"
            )
        return None
    return load_start(config, config.teacher).to(device).eval().requires_grad_(False)


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
