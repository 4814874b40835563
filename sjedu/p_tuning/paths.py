"""The way of a prompt: its vectors after every step of training, and the words that lie nearest to them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sjedu.p_tuning.experiment import METHODS, Config, Learner, load_model, schedule
from sjedu.p_tuning.tasks import load_task
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


def follow(config: Config, every: int = 5) -> PromptPath:
    """Train a prompt on the config's first draw of its first number of labels, and look at it every few steps.

    Args:
        config: all numbers; its method must learn a prompt and nothing else.
        every: steps from one picture to the next.

    Raises:
        ValueError: the method learns something else, or every is less than 1.
    """
    if METHODS[config.method].learns != "prompt":
        raise ValueError(f"method: got {config.method!r}; expected one that learns a prompt only")
    if every < 1:
        raise ValueError(f"every: got {every}; expected at least 1")
    task = load_task(config.dataset, config.labels[0], 1, config.seed, domain=config.domain, test=config.test)
    backbone, vocabulary = load_model(config)
    learner = Learner(config, backbone, vocabulary)
    (episode, *_) = learner.episodes(task)
    learner.restart(0)
    optimizer = torch.optim.AdamW(learner.learnt(), config.rate, weight_decay=config.weight_decay)
    everything = torch.arange(episode.labels)
    pictures, steps, losses, accuracies = [], [], [], []
    for step in range(config.steps + 1):
        if step % every == 0:
            with torch.no_grad():
                pictures.append(backbone.words.prompt().detach().clone())
                losses.append(float(learner.loss(learner.classifier, episode, everything)))
            accuracies.append(learner.evaluate(episode, task.test)["accuracy"])
            steps.append(step)
        if step == config.steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = config.rate * schedule((step + 0.5) / config.steps, config.warmup)
        batch = batch_indices(step, episode.labels, min(config.batch_size, episode.labels), 0)
        optimizer.zero_grad()
        torch.autograd.backward(learner.loss(learner.classifier, episode, batch))
        optimizer.step()
    table = backbone.words.base.weight.detach().clone()
    return PromptPath(
        tuple(steps), torch.stack(pictures), tuple(losses), tuple(accuracies), table, vocabulary
    )
