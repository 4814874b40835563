"""What the classifiers learn: reviews and their sentiment, a few labels at a time, and human templates for them.

A *draw* is a handful of labelled reviews to learn from and as many to choose by. Draws depend on the seed, their number
and the most labels that are asked for, so all methods learn from the same ones; with fewer labels they learn from the
first of a draw.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from sjedu.checks import check_choice, check_count
from sjedu.data.text import DOMAINS, HELD_OUT_DOMAIN, TEXT_SETS, load_texts, sample_review, write_review
from sjedu.p_tuning.template import Filled, Kind, Template, Verbalizer, Vocabulary, check_labels, plain

Dataset: TypeAlias = Literal["embedded", "reviews", "hotel", "waimai", "shopping", "eprstmt"]
Place: TypeAlias = Literal["prefix", "suffix", "both"]

DATASETS: tuple[Dataset, ...] = get_args(Dataset)

#: The words in the blank: 不 (not) for a review that is not pleased, 很 (very) for one that is.
VERBALIZER = Verbalizer(("不", "很"))

#: Human templates. The first of each kind is the lesson's; the others say the same in other words or another place.
HUMAN: dict[Kind, tuple[Template, ...]] = {
    "mlm": tuple(
        map(
            Template,
            (
                "{mask}满意。{text}",
                "{text}，总之我{mask}满意。",
                "我{mask}推荐，{text}。",
                "{text}，整体上{mask}值得。",
                "{mask}高兴。{text}",
                "{text}，{mask}好。",
            ),
        )
    ),
    "lm": tuple(
        Template(pattern, "lm")
        for pattern in (
            "{text}，总之我{mask}",
            "{text}，{mask}",
            "{text}，整体上{mask}",
            "{text}。{mask}",
            "总之，{text}，我{mask}",
            "{text}，要说满意，我{mask}",
        )
    ),
}

#: Where prompt tokens stand, by name. The article's causal model has "both"; its masked one has the blank before the
#: text, as "prefix" here.
PLACES: dict[Kind, dict[Place, Template]] = {
    "mlm": {
        "prefix": Template("{prompt:3}{mask}{prompt:3}{text}"),
        "suffix": Template("{text}{prompt:3}{mask}{prompt:3}"),
        "both": Template("{prompt:3}{text}{prompt:3}{mask}"),
    },
    "lm": {
        "prefix": Template("{prompt:6}{text}{mask}", "lm"),
        "suffix": Template("{text}{prompt:6}{mask}", "lm"),
        "both": Template("{prompt:3}{text}{prompt:3}{mask}", "lm"),
    },
}


@dataclass(frozen=True, eq=False)
class Labelled:
    """Texts and their classes.

    Raises:
        ValueError: the numbers of labels and texts differ, or a label is out of range.
    """

    texts: tuple[str, ...]
    labels: Int64[Tensor, " texts"]

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.labels):
            raise ValueError(
                f"labels: got {len(self.labels)} for {len(self.texts)} texts; expected the same number"
            )
        check_labels(self.labels, len(VERBALIZER.words))

    def __len__(self) -> int:
        return len(self.texts)

    def first(self, count: int) -> Labelled:
        """Return the first examples.

        Raises:
            ValueError: there are fewer.
        """
        if not 1 <= count <= len(self):
            raise ValueError(f"count: got {count}; expected 1 to {len(self)}")
        return Labelled(self.texts[:count], self.labels[:count])

    def read(
        self, template: Template | None, vocabulary: Vocabulary, max_length: int, kind: Kind = "mlm"
    ) -> Examples:
        """Fill the texts into a template, or encode them without one for a dense head.

        Args:
            template: to fill in; None for none.
            vocabulary: of the model.
            max_length: of a filled template, in tokens.
            kind: of the model, where there is no template to say it.
        """
        if template is None:
            return Examples(plain(self.texts, vocabulary, max_length, kind), self.labels)
        return Examples(template.fill(self.texts, vocabulary, max_length), self.labels)


@dataclass(frozen=True, eq=False)
class Examples:
    """Texts as a classifier reads them, and their classes."""

    filled: Filled
    labels: Int64[Tensor, " texts"]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Int64[Tensor, " chosen"]) -> tuple[Filled, Int64[Tensor, " chosen"]]:
        """Return some of the texts, and their classes."""
        return self.filled[rows], self.labels[rows]

    def to(self, device: torch.device | str) -> Examples:
        """Return the examples on a device."""
        return Examples(self.filled.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False)
class Draw:
    """A few labelled texts: to learn from, and as many others to choose by."""

    train: Labelled
    validation: Labelled

    def first(self, count: int) -> Draw:
        """Return the draw with so many labels on either side."""
        return Draw(self.train.first(count), self.validation.first(count))


@dataclass(frozen=True, eq=False)
class Task:
    """Draws of labelled texts, and the test set that nothing may be chosen by.

    Attributes:
        draws: each with the largest number of labels asked for.
        test: texts of other reviews.
        source: in a sentence, whose texts these are.
    """

    draws: tuple[Draw, ...]
    test: Labelled
    source: str


def load_task(
    dataset: Dataset,
    labels: int,
    draws: int,
    seed: int = 0,
    *,
    domain: str = HELD_OUT_DOMAIN,
    test: int = 300,
    validation_as_test: bool = False,
) -> Task:
    """Return the draws and the test set of one data set.

    Args:
        dataset: "embedded", or a published set by its name in `sjedu.data.text.TEXT_SETS`.
        labels: of each draw, half of them of either class.
        draws: how many.
        seed: of the draws; the test set is always the same.
        domain: of embedded reviews. In pretraining, reviews of `HELD_OUT_DOMAIN` never had a verdict.
        test: how many texts to test on, at most.
        validation_as_test: test on texts that are not the test set's: what settings are chosen on.

    Raises:
        ValueError: there is no such set or domain, or a number does not fit.
        DataNotFound, DamagedData: a published set cannot be read.
    """
    if labels < 2 or labels % 2:
        raise ValueError(f"labels: got {labels}; expected an even number, half of it for either class")
    check_count("draws", draws)
    check_count("test", test, 2)
    check_choice("dataset", dataset, DATASETS)
    if dataset == "embedded":
        return _embedded(labels, draws, seed, domain, test, validation_as_test)
    return _published(dataset, labels, draws, seed, test, validation_as_test)


def embedded_reviews(count: int, seed: str, domain: str = HELD_OUT_DOMAIN) -> Labelled:
    """Draw reviews without a verdict, good and bad by turns; the full stop at their end is the template's affair.

    Raises:
        ValueError: there is no such domain.
    """
    check_choice("domain", domain, DOMAINS)
    rng = random.Random(f"{domain} {seed}")
    labels = [number % 2 for number in range(count)]
    reviews = [sample_review(rng, domain=domain, label=bool(label), verdict_rate=0.0) for label in labels]
    texts = tuple(write_review(review, rng).removesuffix("。") for review in reviews)
    return Labelled(texts, torch.tensor(labels))


def _embedded(labels: int, draws: int, seed: int, domain: str, test: int, validating: bool) -> Task:
    both = [embedded_reviews(2 * labels, f"{seed} {draw}", domain) for draw in range(draws)]
    return Task(
        tuple(Draw(part.first(labels), _rest(part, labels)) for part in both),
        embedded_reviews(test, "validation" if validating else "test", domain),
        f"embedded corpus: {draws} draws of {labels} labelled and {labels} validation reviews of the domain"
        f" {domain!r}, without verdicts, and {test} to test on",
    )


def _rest(examples: Labelled, start: int) -> Labelled:
    return Labelled(examples.texts[start:], examples.labels[start:])


def _published(dataset: Dataset, labels: int, draws: int, seed: int, test: int, validating: bool) -> Task:
    if TEXT_SETS[dataset].columns != ("text",):
        raise ValueError(f"dataset: got {dataset!r}, which holds pairs of texts; expected reviews")
    training = load_texts(dataset, "train")
    try:
        tested = load_texts(dataset, "valid" if validating else "test")
    except FileNotFoundError:  # Su's own test reviews are not handed out everywhere
        tested = load_texts(dataset, "valid")
    chosen = [
        _balanced(training.first, training.labels, 2 * labels, (seed, draw), dataset) for draw in range(draws)
    ]
    size = min(test, 2 * int(min(np.bincount(tested.labels or ()))))
    return Task(
        tuple(Draw(part.first(labels), _rest(part, labels)) for part in chosen),
        _balanced(tested.first, tested.labels, size, (0, 0), dataset),
        f"{training.source}; {draws} draws of {labels} and {labels}, tested on {size} of: {tested.source}",
    )


def _balanced(
    texts: Sequence[str], labels: Sequence[int] | None, count: int, seed: tuple[int, int], name: str
) -> Labelled:
    """Draw texts of either class by turns."""
    order = np.random.default_rng(seed).permutation(len(texts))
    known = np.array(labels or ())[order]
    classes = [order[known == label] for label in (0, 1)]
    half = count // 2
    if min(map(len, classes)) < half:
        raise ValueError(
            f"labels: got {half} of a class; expected at most {min(map(len, classes))}, which {name} has"
        )
    chosen = np.stack([each[:half] for each in classes], axis=1).reshape(-1)
    return Labelled(tuple(texts[i].removesuffix("。") for i in chosen), torch.arange(2 * half) % 2)
