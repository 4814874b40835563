"""The experiment: a few labels, one pretrained model, and the ways to make a classifier of the two.

`methods.METHODS` says what each way learns, `PRESETS` holds the numbers, `train` the whole loop::

    cpu         reviews of a domain whose verdicts the small model never saw, 4 to 256 labels
    quick       16 labels, two draws: seconds
    templates   every human template trained, 16 labels (C2)
    starts      16 labels and twenty draws, to hold starts of a prompt against each other (C10)
    real        Su's reviews and the small model; also with --dataset eprstmt, hotel, waimai, shopping
    shuffled    the control of C1: zero-shot, and a model pretrained on verdicts that say nothing about the
                review (python -m sjedu train roformer --preset shuffled --directory runs/roformer/shuffled)
    unshuffled  the same with that model's sister (--preset quick --directory runs/roformer/quick)
    gpu         Su's reviews and RoFormer-base; BERT-base with --model bert-base-chinese

A run trains one method on every number of labels and on every draw of them, always from the pretrained weights.
Templates are chosen on the draw's own validation texts; nothing is chosen on the test texts. The start of prompts and
the learning rates were chosen with ``evaluate="validation"`` and three other draws (seed 1000) of 16 labels, the rates
among two or three values a factor of about 3 apart, with the masked model; "p_tuning_mlp" and "p_tuning_full_words"
have those of their sisters, and so have all methods with the causal model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from annotated_types import Ge, MinLen, MultipleOf
from torch import Tensor, nn

from sjedu.checks import NonNegativeFloat, PositiveFloat, PositiveInt, ProperShare, Share
from sjedu.p_tuning.backbone import Backbone
from sjedu.p_tuning.classifier import auxiliary
from sjedu.p_tuning.methods import METHODS as METHODS
from sjedu.p_tuning.methods import Classifier, MethodName, build_classifier, learnt, restart
from sjedu.p_tuning.prompt import trainable
from sjedu.p_tuning.tasks import HUMAN, PLACES, Dataset, Examples, Labelled, Place, Task, load_task
from sjedu.p_tuning.template import Kind, Template, Vocabulary
from sjedu.records import Record
from sjedu.roformer import load_language_model, load_small, load_tokenizer
from sjedu.training import Precision, Run, Seed, batch_indices, presets

Objective: TypeAlias = Literal["mlm", "causal"]

#: Half of the labels are of either class.
Labels: TypeAlias = Annotated[tuple[Annotated[int, Ge(2), MultipleOf(2)], ...], MinLen(1)]


@dataclass(frozen=True)
class Config:
    """All numbers of one run.

    Attributes:
        study: the question that the run helps to answer; its record's name begins with it.
        method: a key of `methods.METHODS`.
        objective: of the pretrained model, "mlm" or "causal".
        model: "small" for the model that comes with the package; else a folder, or a name on the Hugging Face hub.
        dataset: "embedded", or reviews by the names of `sjedu.data.text.TEXT_SETS`.
        domain: of embedded reviews.
        place: of prompt tokens, a key of `tasks.PLACES`.
        template: a pattern for human methods; by default one of `tasks.HUMAN`, chosen on each draw's validation
            texts before training.
        labels: numbers of labels to learn from, each even.
        draws: how many draws of each.
        seed: of draws, starts and order.
        precision: "no" (float32), "bf16" or "fp16".
        evaluate: on the test texts, or on others that settings are chosen on.
        test: how many of them.
        max_length: of a filled template, in tokens.
        steps: of the optimiser, for each draw.
        batch_size: texts a step, over all processes together; all labels where there are fewer.
        learning_rate: at its highest; by default the method's, times rate_factor.
        rate_factor: for models of another size: larger ones learn with smaller steps.
        warmup: part of the steps over which it rises; then it falls to zero.
        weight_decay: on what is learnt.
        mask_rate: of the auxiliary objective.
    """

    study: str = "cpu"
    method: MethodName = "p_tuning"
    objective: Objective = "mlm"
    model: str = "small"
    dataset: Dataset = "embedded"
    domain: str = "hotel"
    place: Place = "both"
    template: str = ""
    labels: Labels = (4, 16, 64, 256)
    draws: PositiveInt = 5
    seed: Seed = 0
    precision: Precision = "no"
    evaluate: Literal["test", "validation"] = "test"
    test: Annotated[int, Ge(2)] = 300
    max_length: PositiveInt = 80
    steps: PositiveInt = 60
    batch_size: PositiveInt = 8
    learning_rate: PositiveFloat | None = None
    rate_factor: PositiveFloat = 1.0
    warmup: ProperShare = 0.1
    weight_decay: NonNegativeFloat = 0.01
    mask_rate: Share = 0.15

    @property
    def kind(self) -> Kind:
        """The kind of its templates."""
        return "mlm" if self.objective == "mlm" else "lm"

    @property
    def rate(self) -> float:
        """The learning rate at its highest."""
        default = METHODS[self.method].learning_rate * self.rate_factor
        return default if self.learning_rate is None else self.learning_rate

    @property
    def name(self) -> str:
        """The name of the run's record."""
        places = [self.place] if METHODS[self.method].prompt and self.place != "both" else []
        patterns = [template.pattern for template in HUMAN[self.kind]]
        chosen = [f"template{patterns.index(self.template) + 1}"] if self.template in patterns else []
        data = [] if self.dataset == "embedded" else [self.dataset]
        rates = [] if self.learning_rate is None else [f"rate{self.learning_rate:g}"]
        parts = [self.study, *data, self.objective, self.method, *places, *chosen, *rates]
        return "-".join([*parts, f"seed{self.seed}"])


PRESETS: dict[str, Config] = presets(
    cpu=Config(),
    quick=Config(labels=(16,), draws=2, test=200, steps=40),
    templates=Config(method="pet", labels=(16,)),
    starts=Config(labels=(16,), draws=20),
    real=Config(dataset="reviews", labels=(16, 256), max_length=96),
    shuffled=Config(method="zero_shot", model="runs/roformer/shuffled/model", labels=(16,)),
    unshuffled=Config(method="zero_shot", model="runs/roformer/quick/model", labels=(16,)),
    gpu=Config(
        model="junnyu/roformer_chinese_char_base",
        dataset="reviews",
        labels=(32, 128, 512, 2048),
        precision="bf16",
        test=2000,
        max_length=128,
        steps=500,
        batch_size=32,
        rate_factor=0.1,
    ),
)

#: Studies that are variants of a preset, made on the command line: fewer steps with other learning rates.
STUDIES = {"speed": "cpu"}


def train(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Train one method on every draw of every number of labels; arguments as in `Run`, metrics as in `measure`."""
    with Run("p_tuning", config, directory, resume=resume, progress=progress) as run:
        method = METHODS[config.method]
        task = load_config_task(config)
        backbone, vocabulary = load_model(config)
        classifier = build_classifier(method, backbone, vocabulary, templates(config)[0]).to(run.device)
        episodes = plan(config, task, classifier, vocabulary)
        pretrained = learnt(classifier)
        # Where nothing is learnt, the optimiser has a number that nothing depends on.
        parameters = trainable(classifier) or [nn.Parameter(torch.zeros(1))]
        optimizer = torch.optim.AdamW(parameters, config.rate, weight_decay=config.weight_decay)
        model, optimizer = run.prepare(classifier, optimizer)

        for step in run.steps(config.steps * len(episodes) * (method.learns != "nothing")):
            number, inner = divmod(step, config.steps)
            episode = episodes[number]
            if inner == 0:  # other labels: from the pretrained weights on, as if nothing had been learnt
                restart(classifier, pretrained, method, vocabulary, 1000 * config.seed + number)
                optimizer.state.clear()
            for group in optimizer.param_groups:
                group["lr"] = config.rate * schedule((inner + 0.5) / config.steps, config.warmup)
            size = min(config.batch_size, episode.labels)
            rows = run.shard(batch_indices(inner, episode.labels, size, number))
            filled, labels = episode.train[rows.to(run.device)]
            if method.auxiliary:  # some more words are hidden, and asked for
                asked = auxiliary(filled, config.kind, vocabulary.mask, config.mask_rate)
                scores, further = model(filled, *asked)
                loss = F.cross_entropy(scores, labels) + method.auxiliary * further
            else:  # the words of the classes compete for the blank, or the classes of a dense head
                loss = F.cross_entropy(model(filled), labels)
            run.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            if inner == config.steps - 1:
                tested, validated = (accuracy(classifier, e) for e in (episode.test, episode.validation))
                run.log(loss=loss, accuracy=tested, validation=validated)

        metrics = measure(classifier, episodes, run.history)
        return run.finish(metrics, name=config.name, data=task.source)


def schedule(done: float, warmup: float) -> float:
    """Return which part of the learning rate is used when a part of the steps is done: a rise, then a fall."""
    return done / warmup if done < warmup else (1 - done) / (1 - warmup)


def load_config_task(config: Config) -> Task:
    """Return the draws and the test set that the config names; errors as in `load_task`."""
    return load_task(
        config.dataset,
        max(config.labels),
        config.draws,
        config.seed,
        domain=config.domain,
        test=config.test,
        validation_as_test=config.evaluate == "validation",
    )


def load_model(config: Config) -> tuple[Backbone, Vocabulary]:
    """Return the pretrained model that the config names, and its vocabulary.

    Raises:
        FileNotFoundError: if it is neither here nor to be had; says what was looked for, where, and how to get it.
        WeightsError: if the checkpoint does not hold such a model.
    """
    if config.model == "small":
        model, tokenizer = load_small(config.objective)
    else:
        model, tokenizer = load_language_model(config.model), load_tokenizer(config.model)
    return Backbone(model, causal=config.objective == "causal"), Vocabulary.of(tokenizer)


def templates(config: Config) -> tuple[Template | None, ...]:
    """Return the templates that a run may use: one with prompt tokens, human ones, or for a dense head None."""
    method = METHODS[config.method]
    if method.dense:
        return (None,)
    if method.prompt:
        return (PLACES[config.kind][config.place],)
    if config.template:
        return (Template(config.template, config.kind),)
    return HUMAN[config.kind]


@dataclass(frozen=True, eq=False)
class Episode:
    """One training, from the pretrained weights on.

    Attributes:
        labels: how many there are to learn from.
        template: that the texts are filled into; None for a dense head.
        train: the texts to learn from.
        validation: as many others, of the same draw.
        tests: for each template that the run may use, the test texts filled into it.
    """

    labels: int
    template: Template | None
    train: Examples
    validation: Examples
    tests: Mapping[Template | None, Examples]

    @property
    def test(self) -> Examples:
        """The test texts, filled into the template of this training."""
        return self.tests[self.template]

    @property
    def pattern(self) -> str:
        """The template as a record has it."""
        return "" if self.template is None else self.template.pattern


def plan(config: Config, task: Task, classifier: Classifier, vocabulary: Vocabulary) -> list[Episode]:
    """Return the trainings to do: for every number of labels one on each draw.

    Of several templates each takes the one that does best before any training, on its draw's validation texts.
    """
    device = next(classifier.parameters()).device

    def read(texts: Labelled, template: Template | None) -> Examples:
        return texts.read(template, vocabulary, config.max_length, config.kind).to(device)

    choices = templates(config)
    tests = {template: read(task.test, template) for template in choices}
    right = {
        draw: [correct(classifier, read(draw.validation, template)) for template in choices]
        for draw in task.draws
        if len(choices) > 1
    }
    episodes = []
    for labels in config.labels:
        for draw in task.draws:
            counts = [int(each[:labels].sum()) for each in right.get(draw, ())] or [0]
            template = choices[counts.index(max(counts))]
            few = draw.first(labels)
            train, validation = (read(texts, template) for texts in (few.train, few.validation))
            episodes.append(Episode(labels, template, train, validation, tests))
    return episodes


def measure(
    classifier: Classifier, episodes: Sequence[Episode], history: Sequence[Mapping[str, float | int]]
) -> dict[str, Any]:
    """Return what a run has found.

    Args:
        classifier: as the run left it.
        episodes: of the run.
        history: what was logged at the end of each training; nothing where nothing was learnt.

    Returns:
        "accuracy" and "validation", for each number of labels the list over draws; "template", likewise, the pattern
        used; "parameters", how many numbers were learnt. A run without training has no "validation", but in
        "zero_shot" the accuracy of each human template.
    """
    if history:
        rows = [{name: round(row[name], 4) for name in ("accuracy", "validation")} for row in history]
        return _lists(episodes, rows) | {"parameters": sum(p.numel() for p in trainable(classifier))}
    zero_shot = {
        "" if template is None else template.pattern: accuracy(classifier, examples)
        for template, examples in episodes[0].tests.items()
    }
    rows = [{"accuracy": zero_shot[episode.pattern]} for episode in episodes]
    return _lists(episodes, rows) | {"zero_shot": zero_shot, "parameters": 0}


def _lists(episodes: Iterable[Episode], rows: Iterable[Mapping[str, float]]) -> dict[str, Any]:
    """Of each measure the values of the draws, by the number of labels."""
    lists: dict[str, dict[str, list[float | str]]] = {}
    for episode, row in zip(episodes, rows, strict=True):
        values: dict[str, float | str] = {**row, "template": episode.pattern}
        for name, value in values.items():
            lists.setdefault(name, {}).setdefault(str(episode.labels), []).append(value)
    return lists


def accuracy(classifier: Classifier, examples: Examples) -> float:
    """Return the share of texts that get their class."""
    return round(correct(classifier, examples).float().mean().item(), 4)


@torch.no_grad()
def correct(classifier: Classifier, examples: Examples, batch_size: int = 128) -> Tensor:
    """Return which texts get their class; true or false for each."""
    classifier.eval()
    parts = torch.arange(len(examples), device=examples.labels.device).split(batch_size)  # type: ignore[no-untyped-call]
    answers = torch.cat([classifier(examples.filled[part]).argmax(dim=-1) for part in parts])
    return answers == examples.labels
