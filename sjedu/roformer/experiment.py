"""Pretraining: a RoFormer guesses hidden words, or each next one, in the embedded corpus and in published text.

`PRESETS` holds the numbers, `train` the whole loop::

    cpu         the small model of masked words that comes with the package
    cpu_causal  the other one, which guesses the next word
    quick       one on the embedded corpus's reviews alone, in a few minutes
    shuffled    "quick" with verdicts that say nothing about the review: the control of lesson 2
    gpu         RoFormer-base on the open and the community's corpora by name, whole words masked; the terms of some of
                these allow no publication of the weights
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import zlib
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated, Literal, TypeAlias

import torch
import torch.nn.functional as F
from annotated_types import Ge, Interval, MinLen
from torch.optim.lr_scheduler import OneCycleLR

from sjedu.checks import NonNegativeFloat, PositiveFloat, PositiveInt, ProperShare, Share
from sjedu.data.text import (
    DOMAINS,
    HELD_OUT_DOMAIN,
    HELD_OUT_VERDICTS,
    VERDICTS,
    corpus_characters,
    corpus_words,
    embedded_corpus,
    load_texts,
    sample_review,
    write_review,
)
from sjedu.data.text.corpus import Kind
from sjedu.measures import auc
from sjedu.records import Record
from sjedu.roformer.card import write_card
from sjedu.roformer.config import RoFormerConfig
from sjedu.roformer.masks import causal_mask
from sjedu.roformer.model import LanguageModel
from sjedu.roformer.pretraining import (
    EncodedTexts,
    accuracy,
    bucketed_indices,
    encode_texts,
    guesses,
)
from sjedu.roformer.tokenizer import MASK, Tokenizer
from sjedu.roformer.weights import save_pretrained
from sjedu.training import Precision, Run, Seed, presets

Objective: TypeAlias = Literal["mlm", "causal"]

#: The name of the corpus that comes with the package; the others are sets of `sjedu.data.text`.
EMBEDDED = "embedded"

#: How many examples of the embedded corpus, and how many reviews for each verdict word, models are tested on.
TEST_EXAMPLES, TEST_REVIEWS = 1000, 200


@dataclass(frozen=True)
class Config:
    """All numbers of one run.

    Attributes:
        study: the preset, or the question that the run helps to answer.
        objective: "mlm" hides words and sees both sides, "causal" guesses each next word.
        corpora: "embedded", and names of published sets, whose training texts are read.
        embedded: how many examples of the embedded corpus.
        kind: of these examples, "review", "question" or "statement"; by default all, mixed.
        verdict_agreement: of its reviews, see `embedded_corpus`; 0.5 is the control.
        verdict_rate: how many of its reviews have a verdict, see there. A model of masked words learns what a verdict
            has to do with a review only from verdicts that are hidden, and it needs some ten thousand of them: hence
            many verdicts, and a high mask_rate.
        seed: of corpus, weights, data order and masks.
        precision: "no" (float32), "bf16" or "fp16".
        vocabulary: a file with a token a line; by default characters that occur often enough.
        least_count: how often that is.
        whole_word: whether the characters of a word are hidden together.
        word_list: a file with a word a line for that, besides the words of the embedded corpus.
        mask_rate: of words that are hidden.
        max_length: in tokens; longer texts are cut.
        dim: width of a token.
        layers: number of blocks.
        heads: of each block.
        mlp_dim: width within the feed-forward networks.
        dropout: of everything.
        steps: of the optimiser.
        batch_size: texts a step, over all processes together.
        learning_rate: at its highest.
        warmup: part of the steps over which it rises; then it falls to zero.
        weight_decay: on matrices; vectors and embeddings have none.
        max_grad_norm: longer gradients are shortened to it.
    """

    study: str = "cpu"
    objective: Objective = "mlm"
    corpora: Annotated[tuple[str, ...], MinLen(1)] = (EMBEDDED, "tatoeba", "paws_x")
    embedded: PositiveInt = 400_000
    kind: Kind | None = None
    verdict_agreement: Share = 0.95
    verdict_rate: Share = 0.9
    seed: Seed = 0
    precision: Precision = "no"
    vocabulary: str | None = None
    least_count: PositiveInt = 8
    whole_word: bool = False
    word_list: str | None = None
    mask_rate: Annotated[float, Interval(gt=0, le=1)] = 0.3
    max_length: Annotated[int, Ge(3)] = 72  # [CLS], a token and [SEP]
    dim: PositiveInt = 128
    layers: PositiveInt = 3
    heads: PositiveInt = 4
    mlp_dim: PositiveInt = 512
    dropout: ProperShare = 0.0
    steps: PositiveInt = 8000
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 1e-3
    warmup: Share = 0.1
    weight_decay: NonNegativeFloat = 0.01
    max_grad_norm: PositiveFloat = 1.0

    @property
    def name(self) -> str:
        """The name of the run's record."""
        return f"{self.study}-{self.objective}-seed{self.seed}"


_QUICK = Config(corpora=(EMBEDDED,), embedded=60_000, kind="review", steps=2000, batch_size=32)

PRESETS = presets(
    cpu=Config(),
    # Each text asks it about every token and not about three in ten: fewer texts do, and fewer verdicts.
    cpu_causal=Config(objective="causal", embedded=160_000, verdict_rate=0.6, steps=3000),
    quick=_QUICK,
    shuffled=dataclasses.replace(_QUICK, verdict_agreement=0.5),
    gpu=Config(
        corpora=(
            EMBEDDED,
            "tatoeba",
            "paws_x",
            "atec",
            "sts_b",
            "ocnli",
            "shopping",
            "waimai",
            "eprstmt",
            "tnews",
            "bustm",
        ),
        embedded=500_000,
        precision="bf16",
        whole_word=True,
        mask_rate=0.15,
        max_length=256,
        dim=768,
        layers=12,
        heads=12,
        mlp_dim=3072,
        dropout=0.1,
        steps=100_000,
        batch_size=512,
        learning_rate=2e-4,
        warmup=0.05,
    ),
)


def train(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Pretrain one model, test it as `evaluate` says, and leave it in the directory's ``model/`` with its card."""
    with Run("roformer", config, directory, resume=resume, progress=progress, checkpoint_every=1000) as run:
        corpus = load_corpus(config)
        model = LanguageModel(model_config(config, len(corpus.tokenizer)))
        optimizer = torch.optim.AdamW(decay_groups(model, config.weight_decay), lr=config.learning_rate)
        scheduler = OneCycleLR(optimizer, config.learning_rate, config.steps, pct_start=config.warmup)
        model, optimizer, scheduler = run.prepare(model, optimizer, scheduler)
        texts, tokenizer = corpus.train, corpus.tokenizer

        for step in run.steps(config.steps):
            indices = run.shard(bucketed_indices(step, texts.lengths, config.batch_size, config.seed))
            batch = texts.batch(indices, tokenizer.pad_id).to(run.device)
            logits, truth = guesses(model, config.objective, batch, tokenizer, config.mask_rate)
            loss = F.cross_entropy(logits, truth)
            run.backward(loss)
            run.clip(model.parameters(), config.max_grad_norm)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            if run.logs(step):
                run.log(loss=loss, accuracy=(logits.argmax(-1) == truth).float().mean())

        model = run.accelerator.unwrap_model(model)
        metrics = evaluate(model, corpus, config)
        record = run.finish(metrics, name=config.name, data=corpus.source)
        if directory is not None and run.is_main:
            folder = Path(directory) / "model"
            save_pretrained(model, folder, tokenizer, dtype=torch.float16)
            write_card(folder, record)
        return record


# ---------------------------------------------------------------- text


@dataclass(frozen=True, eq=False)
class Corpus:
    """What a run learns from.

    Attributes:
        tokenizer: of its vocabulary.
        train: the encoded texts.
        held_out: of each corpus, texts that are not trained on.
        source: in a sentence, where they come from.
    """

    tokenizer: Tokenizer
    train: EncodedTexts
    held_out: dict[str, EncodedTexts]
    source: str


def load_corpus(config: Config) -> Corpus:
    """Return the texts that the config asks for, encoded.

    Of every published set one text in forty is held out, by a checksum of the text, so that equal texts never
    stand on both sides. Of the embedded corpus other examples are drawn.
    """
    train, held_out, sources = [], {}, []
    for name in config.corpora:
        if name == EMBEDDED:
            examples, fresh = (
                embedded_corpus(
                    seed,
                    verdict_agreement=config.verdict_agreement,
                    verdict_rate=config.verdict_rate,
                    kind=config.kind,
                )
                for seed in (config.seed, 2**32 + config.seed)
            )
            train += [example.text for example in itertools.islice(examples, config.embedded)]
            held_out[name] = [example.text for example in itertools.islice(fresh, TEST_EXAMPLES)]
            sources.append(f"the embedded corpus, {config.embedded} examples")
        else:
            texts = load_texts(name, "train")
            distinct = list(dict.fromkeys((*texts.first, *(texts.second or ()))))
            held_out[name] = [text for text in distinct if _held_out(text)]
            train += [text for text in distinct if not _held_out(text)]
            sources.append(texts.source)
    tokenizer = _tokenizer(config, train)
    segmenter = _segmenter(config, tokenizer) if config.whole_word else None
    return Corpus(
        tokenizer,
        encode_texts(train, tokenizer, config.max_length, segmenter),
        {n: encode_texts(t, tokenizer, config.max_length) for n, t in held_out.items() if t},
        "; ".join(sources),
    )


def _held_out(text: str) -> bool:
    return zlib.crc32(text.encode()) % 40 == 0


def _tokenizer(config: Config, texts: list[str]) -> Tokenizer:
    if config.vocabulary is not None:
        return Tokenizer(Path(config.vocabulary).read_text(encoding="utf-8").removesuffix("\n").split("\n"))
    return Tokenizer.for_texts(texts, always=corpus_characters(), least=config.least_count)


def _segmenter(config: Config, tokenizer: Tokenizer) -> Tokenizer:
    words = list(corpus_words())
    if config.word_list is not None:
        words += Path(config.word_list).read_text(encoding="utf-8").split()
    known = set(tokenizer.vocabulary)
    return Tokenizer([*tokenizer.vocabulary, *dict.fromkeys(w for w in words if w not in known)], "word")


# ---------------------------------------------------------------- model


def model_config(config: Config, vocabulary: int) -> RoFormerConfig:
    """Return the sizes of the model.

    Fresh weights have the standard deviation 0.55/√dim, which is the usual 0.02 at dim 768. With 0.02 the scores of
    a narrow model begin so close to 0 that for a thousand steps it learns how common each word is, and no more.
    """
    return RoFormerConfig(
        vocab_size=vocabulary,
        hidden_size=config.dim,
        embedding_size=config.dim,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.mlp_dim,
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.dropout,
        max_position_embeddings=max(128, 2 * config.max_length),
        initializer_range=round(0.55 / config.dim**0.5, 4),
    )


def decay_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Return the parameters in two groups: matrices, which decay, and embeddings and vectors, which do not."""
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    decaying = [p for p in model.parameters() if p.ndim > 1 and id(p) not in embeddings]
    others = [p for p in model.parameters() if p.ndim < 2 or id(p) in embeddings]
    return [{"params": decaying, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


# ---------------------------------------------------------------- tests


def evaluate(model: LanguageModel, corpus: Corpus, config: Config) -> dict[str, float]:
    """Return, for each corpus, the "loss" and "accuracy" of guesses in texts not trained on.

    Further "verdict ..." as `verdict_auc` gives it, and "parameters" and "vocabulary", the sizes of the model.
    """
    model.eval()
    metrics: dict[str, float] = {}
    for name, texts in corpus.held_out.items():
        for kind, value in accuracy(model, config.objective, texts, corpus.tokenizer).items():
            metrics[f"{name} {kind}"] = round(value, 4)
    if EMBEDDED in config.corpora:
        for name, value in verdict_auc(
            model, corpus.tokenizer, config.objective, reviews=TEST_REVIEWS
        ).items():
            metrics[f"verdict {name}"] = round(value, 4)
    metrics["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    metrics["vocabulary"] = len(corpus.tokenizer)
    return metrics


def verdict_auc(
    model: LanguageModel, tokenizer: Tokenizer, objective: Objective, *, reviews: int = TEST_REVIEWS
) -> dict[str, float]:
    """Return whether the model knows a review's label without ever having been told one.

    To each review without a verdict, 总之我_满意。 is added; the score is the logit of 很 minus that of 不 in the
    gap. The area under the ROC curve of that score for the label is 0.5 where the model knows nothing.

    Returns:
        The areas by name: "known", words and domains whose verdicts it has read; "held-out domain", the domain
        whose reviews never had one; "held-out words", verdict words that no review used.
    """
    known = [domain for domain in DOMAINS if domain != HELD_OUT_DOMAIN]
    groups = {
        "known": (known, VERDICTS),
        "held-out domain": ([HELD_OUT_DOMAIN], VERDICTS),
        "held-out words": (known, HELD_OUT_VERDICTS),
    }
    return {
        name: fmean(_verdict_auc(model, tokenizer, objective, domains, word, reviews) for word in words)
        for name, (domains, words) in groups.items()
    }


def _verdict_auc(
    model: LanguageModel,
    tokenizer: Tokenizer,
    objective: Objective,
    domains: list[str],
    word: str,
    reviews: int,
) -> float:
    rng = random.Random(f"{word} {domains}")
    drawn = [
        sample_review(rng, domain=rng.choice(domains), label=i % 2 == 0, verdict_rate=0.0)
        for i in range(reviews)
    ]
    texts = [write_review(review, rng).removesuffix("。") + "，总之我" for review in drawn]
    scores = gap_logits(model, tokenizer, objective, texts, f"{word}。", ("很", "不"))
    difference = scores[:, 0] - scores[:, 1]
    return auc(difference, [review.label for review in drawn])


@torch.no_grad()
def gap_logits(
    model: LanguageModel,
    tokenizer: Tokenizer,
    objective: Objective,
    before: list[str],
    after: str,
    candidates: tuple[str, ...],
) -> torch.Tensor:
    """Return the logits of candidates in the gap between two texts, (texts, candidates), on the CPU.

    A model of masked words reads both sides and [MASK] between them; a causal one reads what stands before. The
    candidates are single tokens.
    """
    ids = torch.tensor([tokenizer.id(candidate) for candidate in candidates])
    most = model.config.max_position_embeddings
    if objective == "mlm":
        batch = tokenizer.encode([f"{text}{MASK}{after}" for text in before], max_length=most)
        where = batch.ids == tokenizer.mask_id
        mask = batch.mask
    else:
        batch = tokenizer.encode(before, max_length=most)
        where = torch.arange(batch.ids.shape[1]) == (batch.lengths - 2)[:, None]  # before [SEP]
        mask = causal_mask(batch.ids.shape[1])
    device = model.bias.device
    logits: torch.Tensor = model(batch.ids.to(device), mask=mask.to(device), where=where.to(device))
    return logits[:, ids.to(device)].float().cpu()
