"""The experiment: a few labels, one pretrained model, and the ways to make a classifier of the two.

`METHODS` says what each way learns, `PRESETS` holds the numbers, `train` the whole loop::

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

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sjedu.p_tuning.adapter import add_adapters
from sjedu.p_tuning.backbone import Backbone
from sjedu.p_tuning.classifier import ClozeClassifier, HeadClassifier, auxiliary
from sjedu.p_tuning.prompt import EncoderKind, PromptEncoder, freeze, insert_prompt, trainable, word_table
from sjedu.p_tuning.tasks import HUMAN, PLACES, VERBALIZER, Dataset, Draw, Labelled, Task, load_task
from sjedu.p_tuning.template import Filled, Kind, Template, Verbalizer, Vocabulary, plain
from sjedu.records import Record
from sjedu.roformer import load_language_model, load_small, load_tokenizer
from sjedu.training import Run, batch_indices

Objective: TypeAlias = Literal["mlm", "causal"]
Learns: TypeAlias = Literal["nothing", "head", "prompt", "adapters", "everything"]
Start: TypeAlias = Literal["words", "template", "unused", "random"]

#: The words at which a prompt of start "template" begins: three before the text, three between it and the blank.
TEMPLATE_WORDS = "总之，总之我"

#: Prompt tokens 1 to 8 are for prompts; these two may become words of the classes.
LEARNT_WORDS = Verbalizer(("[unused15]", "[unused16]"))


@dataclass(frozen=True)
class Method:
    """One way to make a classifier.

    Attributes:
        learns: which parameters are trained; the others keep every bit.
        prompt: how prompt vectors are made; None for a human template, or for a dense head.
        dense: whether a fresh dense layer classifies instead of a word in the blank.
        start: where prompt vectors begin: at random vectors of the table's size, at words drawn from the vocabulary,
            at `TEMPLATE_WORDS`, or at the rows that the [unused] tokens have.
        auxiliary: weight of the loss of an auxiliary objective.
        learnt_words: whether the classes' words are [unused] tokens, learnt like everything else.
        learning_rate: at its highest.
    """

    learns: Learns
    prompt: EncoderKind | None = None
    dense: bool = False
    start: Start = "random"
    auxiliary: float = 0.0
    learnt_words: bool = False
    learning_rate: float = 1e-3


METHODS: dict[str, Method] = {
    "zero_shot": Method("nothing"),
    "probe": Method("head", dense=True, learning_rate=1e-2),
    "fine_tune": Method("everything", dense=True, learning_rate=1e-4),
    "pet": Method("everything", learning_rate=3e-5),
    "adapter": Method("adapters", learning_rate=1e-3),
    "p_tuning": Method("prompt", "embedding", learning_rate=3e-2),
    "p_tuning_auxiliary": Method("prompt", "embedding", auxiliary=1.0, learning_rate=3e-2),
    "p_tuning_lstm": Method("prompt", "lstm", learning_rate=1e-3),
    "p_tuning_mlp": Method("prompt", "mlp", learning_rate=1e-3),
    "p_tuning_template": Method("prompt", "embedding", start="template", learning_rate=3e-2),
    "p_tuning_unused": Method("prompt", "embedding", start="unused", learning_rate=1e-2),
    "p_tuning_words": Method("prompt", "embedding", start="words", learning_rate=1e-2),
    "p_tuning_full": Method("everything", "embedding", learning_rate=3e-4),
    "p_tuning_full_words": Method("everything", "embedding", learnt_words=True, learning_rate=3e-4),
}


@dataclass(frozen=True)
class Config:
    """All numbers of one run.

    Attributes:
        study: what the run is part of; its record's name begins with it.
        method: a key of `METHODS`.
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
    method: str = "p_tuning"
    objective: Objective = "mlm"
    model: str = "small"
    dataset: Dataset = "embedded"
    domain: str = "hotel"
    place: str = "both"
    template: str = ""
    labels: tuple[int, ...] = (4, 16, 64, 256)
    draws: int = 5
    seed: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    evaluate: Literal["test", "validation"] = "test"
    test: int = 300
    max_length: int = 80
    steps: int = 60
    batch_size: int = 8
    learning_rate: float | None = None
    rate_factor: float = 1.0
    warmup: float = 0.1
    weight_decay: float = 0.01
    mask_rate: float = 0.15

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method: got {self.method!r}; expected one of {', '.join(METHODS)}")
        if self.place not in PLACES[self.kind]:
            raise ValueError(f"place: got {self.place!r}; expected one of {', '.join(PLACES[self.kind])}")
        if not self.labels or min(self.labels) < 2 or any(count % 2 for count in self.labels):
            raise ValueError(
                f"labels: got {self.labels}; expected even numbers, half of each for either class"
            )

    @property
    def kind(self) -> Kind:
        """Of the templates."""
        return "mlm" if self.objective == "mlm" else "lm"

    @property
    def rate(self) -> float:
        """The learning rate at its highest."""
        default = METHODS[self.method].learning_rate * self.rate_factor
        return default if self.learning_rate is None else self.learning_rate

    @property
    def name(self) -> str:
        """Of the run's record."""
        places = [self.place] if METHODS[self.method].prompt and self.place != "both" else []
        patterns = [template.pattern for template in HUMAN[self.kind]]
        chosen = [f"template{patterns.index(self.template) + 1}"] if self.template in patterns else []
        data = [] if self.dataset == "embedded" else [self.dataset]
        rates = [] if self.learning_rate is None else [f"rate{self.learning_rate:g}"]
        parts = [self.study, *data, self.objective, self.method, *places, *chosen, *rates]
        return "-".join([*parts, f"seed{self.seed}"])


_GPU = Config(
    study="gpu",
    model="junnyu/roformer_chinese_char_base",
    dataset="reviews",
    labels=(32, 128, 512, 2048),
    precision="bf16",
    test=2000,
    max_length=128,
    steps=500,
    batch_size=32,
    rate_factor=0.1,
)

PRESETS: dict[str, Config] = {
    "cpu": Config(),
    "quick": Config(study="quick", labels=(16,), draws=2, test=200, steps=40),
    "templates": Config(study="templates", method="pet", labels=(16,)),
    "starts": Config(study="starts", labels=(16,), draws=20),
    "real": Config(study="real", dataset="reviews", labels=(16, 256), max_length=96),
    "shuffled": Config(
        study="shuffled", method="zero_shot", model="runs/roformer/shuffled/model", labels=(16,)
    ),
    "unshuffled": Config(
        study="unshuffled", method="zero_shot", model="runs/roformer/quick/model", labels=(16,)
    ),
    "gpu": _GPU,
}


def train(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Train one method on every draw and every number of labels, and test it after each.

    Dropout is off throughout, so that a frozen model is the same function at every step.

    Args:
        config: all numbers.
        directory: where checkpoint, TensorBoard events and record go; None: nowhere.
        resume: continue the run in that directory.
        progress: show a bar.

    Returns:
        The record. Its metrics: "accuracy" and "validation", for each number of labels the list over draws;
        "template", likewise, the pattern used; "parameters", how many numbers were learnt. A run without
        training has "zero_shot", of each human template the accuracy.

    Raises:
        ValueError: if a size does not fit; says which.
        FileNotFoundError: if model or data cannot be had; says what was looked for, where, and how to get it.
        CheckpointError: if the directory holds a run and `resume` is false, or none that fits and it is true.
        NonFiniteLoss: if the loss becomes NaN or infinite; names the step.
    """
    with Run("p_tuning", config, directory, resume=resume, progress=progress) as run:
        task = load_task(
            config.dataset,
            max(config.labels),
            config.draws,
            config.seed,
            domain=config.domain,
            test=config.test,
            validation_as_test=config.evaluate == "validation",
        )
        learner = Learner(config, *load_model(config), run.device)
        episodes = learner.episodes(task)
        optimizer = torch.optim.AdamW(learner.learnt(), config.rate, weight_decay=config.weight_decay)
        classifier, optimizer = run.prepare(learner.classifier, optimizer)

        for step in run.steps(len(episodes) * config.steps):
            number, inner = divmod(step, config.steps)
            episode = episodes[number]
            if inner == 0:
                learner.restart(number)
                optimizer.state.clear()
            for group in optimizer.param_groups:
                group["lr"] = config.rate * schedule((inner + 0.5) / config.steps, config.warmup)
            size = min(config.batch_size, episode.labels)
            batch = run.shard(batch_indices(inner, episode.labels, size, number))
            loss = learner.loss(classifier, episode, batch)
            run.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            if inner == config.steps - 1:
                run.log(loss=loss, **learner.evaluate(episode, task.test))

        return run.finish(learner.metrics(task, episodes, run.history), name=config.name, data=task.source)


def schedule(done: float, warmup: float) -> float:
    """Return which part of the learning rate is used when a part of the steps is done: a rise, then a fall."""
    return done / warmup if done < warmup else (1 - done) / (1 - warmup)


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


@dataclass(frozen=True, eq=False)
class Episode:
    """One training, from the pretrained weights on.

    Attributes:
        labels: how many there are to learn from.
        draw: of so many labelled texts.
        template: to fill them in; None for a dense head.
    """

    labels: int
    draw: Draw
    template: Template | None


class Learner:
    """A classifier that can begin anew from the pretrained weights, and what a draw needs of it.

    Args:
        config: all numbers.
        backbone: the pretrained model. It is changed.
        vocabulary: its vocabulary.
        device: where to train.
    """

    def __init__(
        self, config: Config, backbone: Backbone, vocabulary: Vocabulary, device: torch.device | str = "cpu"
    ) -> None:
        self.config, self.method, self.vocabulary = config, METHODS[config.method], vocabulary
        self.device = torch.device(device)
        freeze(backbone)
        if self.method.prompt:
            self._table = word_table(backbone).weight.detach().clone()
            self._words = torch.tensor(vocabulary.word_ids())
            insert_prompt(backbone, self._prompt_ids(), self._fresh_prompt())
        if self.method.learns == "adapters":
            add_adapters(backbone)
        words = LEARNT_WORDS if self.method.learnt_words else VERBALIZER
        self.classifier: ClozeClassifier | HeadClassifier = (
            HeadClassifier(backbone, len(words.words))
            if self.method.dense
            else ClozeClassifier(backbone, words.ids(vocabulary))
        )
        self.classifier.to(self.device)
        if self.method.learns == "everything":
            self.classifier.requires_grad_(True)
        self._begin = {name: p.detach().clone() for name, p in self._trained()}
        self._filled: dict[tuple[int, str], Filled] = {}

    @property
    def templates(self) -> tuple[Template, ...]:
        """Those that come into question; none for a dense head."""
        if self.method.dense:
            return ()
        if self.method.prompt:
            return (PLACES[self.config.kind][self.config.place],)
        if self.config.template:
            return (Template(self.config.template, self.config.kind),)
        return HUMAN[self.config.kind]

    def learnt(self) -> list[nn.Parameter]:
        """Return what the optimiser is given; something that nothing depends on where nothing is learnt."""
        return trainable(self.classifier) or [nn.Parameter(torch.zeros(1))]

    def episodes(self, task: Task) -> list[Episode]:
        """Return the trainings to do, for every number of labels one on each draw; none where nothing is learnt.

        Of several templates each training takes the one that does best before it, on the draw's validation texts.
        """
        if self.method.learns == "nothing":
            return []
        ranked = [self._hits(draw.validation) for draw in task.draws]
        return [
            Episode(labels, draw.first(labels), self._best(hits, labels))
            for labels in self.config.labels
            for draw, hits in zip(task.draws, ranked, strict=True)
        ]

    @torch.no_grad()
    def restart(self, number: int) -> None:
        """Go back to the pretrained weights, and draw anew what is not pretrained, for the training of that number."""
        for name, parameter in self._trained():
            parameter.copy_(self._begin[name])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1000 * self.config.seed + number)
            if isinstance(self.classifier, HeadClassifier):
                self.classifier.reset()
            if self.method.prompt:
                self.classifier.backbone.words.prompt.load_state_dict(self._fresh_prompt().state_dict())

    def loss(self, classifier: nn.Module, episode: Episode, batch: Tensor) -> Tensor:
        """Return the cross entropy of the classes' scores, and the auxiliary loss with its weight."""
        filled = self.fill(episode.draw.train, episode.template)[batch.to(self.device)]
        labels = episode.draw.train.labels[batch].to(self.device)
        if not self.method.auxiliary:
            return F.cross_entropy(classifier(filled), labels)
        asked = auxiliary(filled, self.config.kind, self.vocabulary.mask, self.config.mask_rate)
        scores, further = classifier(filled, *asked)
        both: Tensor = F.cross_entropy(scores, labels) + self.method.auxiliary * further
        return both

    def fill(self, examples: Labelled, template: Template | None) -> Filled:
        """Fill the texts into a template, or encode them without one; done once for the same texts."""
        key = (id(examples), "" if template is None else template.pattern)
        if key not in self._filled:
            length, kind = self.config.max_length, self.config.kind
            filled = (
                plain(examples.texts, self.vocabulary, length, kind)
                if template is None
                else template.fill(examples.texts, self.vocabulary, length)
            )
            self._filled[key] = filled.to(self.device)
        return self._filled[key]

    def evaluate(self, episode: Episode, test: Labelled) -> dict[str, float]:
        """Return the accuracies on the test texts and on the draw's validation texts."""
        sets = {"accuracy": test, "validation": episode.draw.validation}
        return {name: _mean(self._correct(examples, episode.template)) for name, examples in sets.items()}

    def metrics(
        self, task: Task, episodes: list[Episode], history: list[dict[str, float | int]]
    ) -> dict[str, Any]:
        """Return what `train` lists, from what was logged at the end of each training."""
        if self.method.learns == "nothing":
            return self._zero_shot(task)
        rows: dict[str, dict[str, list[float]]] = {"accuracy": {}, "validation": {}}
        patterns: dict[str, list[str]] = {}
        for episode, row in zip(episodes, history, strict=True):
            labels = str(episode.labels)
            for name, found in rows.items():
                found.setdefault(labels, []).append(round(float(row[name]), 4))
            patterns.setdefault(labels, []).append(
                "" if episode.template is None else episode.template.pattern
            )
        count = sum(p.numel() for _, p in self._trained())
        return {**rows, "template": patterns, "parameters": count}

    def _zero_shot(self, task: Task) -> dict[str, Any]:
        tested = {t.pattern: _mean(self._correct(task.test, t)) for t in self.templates}
        ranked = [self._hits(draw.validation) for draw in task.draws]
        chosen = {str(labels): [self._best(hits, labels) for hits in ranked] for labels in self.config.labels}
        patterns = {labels: [t.pattern for t in found if t] for labels, found in chosen.items()}
        accuracy = {labels: [tested[pattern] for pattern in found] for labels, found in patterns.items()}
        return {"accuracy": accuracy, "zero_shot": tested, "template": patterns, "parameters": 0}

    def _hits(self, validation: Labelled) -> list[Tensor]:
        """Which validation texts each template gets right without training."""
        return [self._correct(validation, t) for t in self.templates] if len(self.templates) > 1 else []

    def _best(self, hits: list[Tensor], labels: int) -> Template | None:
        counts = [int(each[:labels].sum()) for each in hits] or [0]
        return self.templates[counts.index(max(counts))] if self.templates else None

    @torch.no_grad()
    def _correct(self, examples: Labelled, template: Template | None, batch_size: int = 128) -> Tensor:
        """Which texts get their class; true or false for each."""
        filled = self.fill(examples, template)
        classifier = self.classifier.eval()
        parts = torch.arange(len(filled), device=self.device).split(batch_size)  # type: ignore[no-untyped-call]
        found = torch.cat([classifier(filled[part]).argmax(dim=-1).cpu() for part in parts])
        return found == examples.labels

    def _trained(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self.classifier.named_parameters() if p.requires_grad]

    def _prompt_ids(self) -> tuple[int, ...]:
        return self.vocabulary.prompts[: self.templates[0].prompt_tokens]

    def _fresh_prompt(self) -> PromptEncoder:
        """Draw the start of a prompt by the global generator."""
        assert self.method.prompt is not None
        ids, table = self._prompt_ids(), self._table
        size, dim = len(ids), table.shape[1]
        if self.method.prompt != "embedding":
            return PromptEncoder(size, dim, self.method.prompt)
        if self.method.start == "random":
            return PromptEncoder(size, dim, std=float(table.std()))
        rows = torch.tensor(ids)
        if self.method.start == "template":
            rows = torch.tensor([self.vocabulary.word(word) for word in TEMPLATE_WORDS[:size]])
        if self.method.start == "words":
            rows = self._words[torch.randint(len(self._words), (size,))]
        return PromptEncoder(size, dim, start=table[rows])


def _mean(correct: Tensor) -> float:
    return round(correct.float().mean().item(), 4)
