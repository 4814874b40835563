"""Two classifiers on one language model: the cloze, and the dense head that it competes with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sjedu.checks import check_choice
from sjedu.p_tuning.backbone import Backbone
from sjedu.p_tuning.template import Filled, Kind

Pooling: TypeAlias = Literal["answer", "mean"]

NO_TARGET = -100  # what `cross_entropy` leaves out


class ClozeClassifier(nn.Module):
    """Scores classes by the logits of their words in the blank.

    The score of class c is ``e_{w(c)} · h + b_{w(c)}``, with h the head's hidden state at the blank and e the
    words' own embeddings: a dense head whose weights pretraining has already found (article, closing section).

    Args:
        backbone: the language model.
        words: the id of each class's word, as `Verbalizer.ids` gives them.
    """

    def __init__(self, backbone: Backbone, words: Sequence[int]) -> None:
        super().__init__()
        self.backbone = backbone
        self.register_buffer("answers", torch.tensor(list(words)), persistent=False)
        self.answers: Tensor

    def forward(
        self,
        filled: Filled,
        ids: Int64[Tensor, "batch tokens"] | None = None,
        targets: Int64[Tensor, "batch tokens"] | None = None,
    ) -> Any:
        """Return the scores of the classes, (batch, classes); or these and the loss of an auxiliary objective.

        Args:
            filled: what was filled in.
            ids: what the model sees instead, of `masked_text` or `next_words`.
            targets: which word it should find at each token, `NO_TARGET` for none; both losses come from one pass.
        """
        hidden = self.backbone(filled.ids if ids is None else ids, filled.attention_mask)
        scores = self.backbone.word_logits(answers(hidden, filled))[:, self.answers]
        if targets is None:
            return scores
        asked = targets != NO_TARGET
        if not asked.any():
            return scores, hidden.sum() * 0
        return scores, F.cross_entropy(self.backbone.word_logits(hidden[asked]), targets[asked])

    def word_logits(self, filled: Filled) -> Float[Tensor, "batch vocabulary"]:
        """Return the logits of every word in the blank."""
        return self.backbone.word_logits(answers(self.backbone(filled.ids, filled.attention_mask), filled))


class HeadClassifier(nn.Module):
    """A fresh dense layer on the model's hidden states: what fine-tuning does.

    Args:
        backbone: the language model, whose own head is not used.
        classes: how many.
        pooling: "answer" reads the first token of a masked model and the last one of a causal model, "mean" the
            mean over the text.
    """

    def __init__(self, backbone: Backbone, classes: int, pooling: Pooling = "mean") -> None:
        super().__init__()
        check_choice("pooling", pooling, get_args(Pooling))
        self.backbone, self.pooling = backbone, pooling
        self.head = nn.Linear(backbone.dim, classes)
        self.reset()

    def reset(self) -> None:
        """Forget what the head has learnt."""
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, filled: Filled) -> Float[Tensor, "batch classes"]:
        """Return the scores of the classes."""
        hidden = self.backbone(filled.ids, filled.attention_mask)
        if self.pooling == "answer":
            scores: Tensor = self.head(answers(hidden, filled))
            return scores
        text = filled.text[..., None].to(hidden.dtype)
        pooled: Tensor = self.head((hidden * text).sum(1) / text.sum(1))
        return pooled


def answers(hidden: Float[Tensor, "batch tokens dim"], filled: Filled) -> Float[Tensor, "batch dim"]:
    """Return the hidden states from which the blank is predicted."""
    return hidden[torch.arange(len(hidden), device=hidden.device), filled.answer]


def masked_text(
    filled: Filled, mask: int, rate: float = 0.15, generator: torch.Generator | None = None
) -> tuple[Int64[Tensor, "batch tokens"], Int64[Tensor, "batch tokens"]]:
    """Hide some more tokens of the text, and ask for them: the auxiliary objective of masked models.

    Su's suggestion instead of an LSTM: a prompt with which the model still reads the text well must be near to
    language (article, section on the correlation of the tokens).

    Returns:
        What the model sees, and what it should find (`NO_TARGET` elsewhere).

    Raises:
        ValueError: the rate is not in 0 ... 1.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate: got {rate}; expected 0 to 1")
    drawn = torch.rand(filled.ids.shape, generator=generator)
    hidden = filled.text & (drawn.to(filled.ids.device) < rate)
    return filled.ids.masked_fill(hidden, mask), filled.ids.masked_fill(~hidden, NO_TARGET)


def next_words(filled: Filled) -> tuple[Int64[Tensor, "batch tokens"], Int64[Tensor, "batch tokens"]]:
    """Ask for every word of the text before it is seen: the auxiliary objective of causal models.

    Returns:
        What the model sees, and what it should find at each token, the next one (`NO_TARGET` elsewhere).
    """
    following, asked = filled.ids.roll(-1, dims=1), filled.text.roll(-1, dims=1)
    asked[:, -1] = False
    return filled.ids, following.masked_fill(~asked, NO_TARGET)


def auxiliary(
    filled: Filled, kind: Kind, mask: int | None, rate: float, generator: torch.Generator | None = None
) -> tuple[Int64[Tensor, "batch tokens"], Int64[Tensor, "batch tokens"]]:
    """Return `masked_text` or `next_words`, whichever fits the kind of model."""
    if kind == "lm":
        return next_words(filled)
    if mask is None:
        raise ValueError("mask: got None; expected the id of [MASK], which a masked model's objective needs")
    return masked_text(filled, mask, rate, generator)
