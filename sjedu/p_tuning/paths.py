"""The way of a prompt: its vectors after every step of training, and the words that lie nearest to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from sjedu.checks import check_count, check_fields
from sjedu.p_tuning.experiment import (
    Config,
    accuracy,
    load_config_task,
    load_model,
    plan,
    schedule,
    templates,
)
from sjedu.p_tuning.methods import METHODS, build_classifier, learnt, restart
from sjedu.p_tuning.prompt import trainable
from sjedu.p_tuning.template import Vocabulary
from sjedu.training import batch_indices


@dataclass(frozen=True, eq=False)
class PromptPath:
    """What a prompt was after each step.

    Attributes:
        steps: after how many steps each picture was taken.
        vectors: of the prompt tokens.
        losses: on the labelled texts.
        accuracies: on the test texts.
        table: the words' embeddings, of which the prompt's are neighbours.
        vocabulary: the words.
    """

    steps: tuple[int, ...]
    vectors: Float[Tensor, "pictures tokens dim"]
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    table: Float[Tensor, "words dim"]
    vocabulary: Vocabulary

    def nearest(self, picture: int, count: int = 1) -> list[list[tuple[str, float]]]:
        """Return of each prompt token the nearest words and the cosines of their angles, nearest first.

        Prompt tokens and other special tokens are left out: they are no words.

        Raises:
            ValueError: there is no such picture.
        """
        if not 0 <= picture < len(self.steps):
            raise ValueError(f"picture: got {picture}; expected 0 to {len(self.steps) - 1}")
        cosines = F.normalize(self.vectors[picture], dim=1) @ F.normalize(self.table, dim=1).T
        words = self.vocabulary.word_ids()
        best = cosines[:, words].topk(count)
        return [
            [(self.vocabulary.token_of(words[int(i)]), float(c)) for c, i in zip(values, places, strict=True)]
            for values, places in zip(best.values, best.indices, strict=True)
        ]

    def plane(
        self,
    ) -> tuple[Float[Tensor, "words 2"], Float[Tensor, "pictures tokens 2"]]:
        """Return words and prompts in the plane of the prompts' largest spread, seen from the words' mean."""
        center = self.table.mean(dim=0)
        moved = self.vectors - center
        axes = torch.linalg.svd(moved.flatten(0, 1), full_matrices=False).Vh[:2].T
        return (self.table - center) @ axes, moved @ axes


def follow(config: Config, every: int = 5) -> PromptPath:
    """Train a prompt on the config's first draw of its first number of labels, and look at it every few steps.

    Args:
        config: all numbers; its method must learn a prompt and nothing else, without an auxiliary objective.
        every: steps from one picture to the next.

    Raises:
        ValueError: the method learns something else, or every is less than 1.
    """
    check_fields(config)
    check_count("every", every)
    method = METHODS[config.method]
    if method.learns != "prompt" or method.auxiliary:
        raise ValueError(f"method: got {config.method!r}; expected one that learns a prompt and nothing else")
    config = replace(config, labels=config.labels[:1], draws=1)
    task = load_config_task(config)
    backbone, vocabulary = load_model(config)
    classifier = build_classifier(method, backbone, vocabulary, templates(config)[0])
    (episode,) = plan(config, task, classifier, vocabulary)
    restart(classifier, learnt(classifier), method, vocabulary, 1000 * config.seed)
    optimizer = torch.optim.AdamW(trainable(classifier), config.rate, weight_decay=config.weight_decay)

    def loss_of(rows: Int64[Tensor, " rows"]) -> Tensor:
        filled, labels = episode.train[rows]
        return F.cross_entropy(classifier(filled), labels)

    pictures, steps, losses, accuracies = [], [], [], []
    for step in range(config.steps + 1):
        if step % every == 0:
            with torch.no_grad():
                pictures.append(backbone.words.prompt().detach().clone())
                losses.append(float(loss_of(torch.arange(episode.labels))))
            accuracies.append(accuracy(classifier, episode.test))
            steps.append(step)
        if step == config.steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = config.rate * schedule((step + 0.5) / config.steps, config.warmup)
        rows = batch_indices(step, episode.labels, min(config.batch_size, episode.labels), 0)
        optimizer.zero_grad()
        torch.autograd.backward(loss_of(rows))
        optimizer.step()
    table = backbone.words.base.weight.detach().clone()
    return PromptPath(
        tuple(steps), torch.stack(pictures), tuple(losses), tuple(accuracies), table, vocabulary
    )
