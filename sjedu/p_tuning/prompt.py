"""Prompts that are learnt: where their vectors come from, and how nothing else is made to move.

`PromptEncoder` makes the vectors, `PromptedEmbedding` puts them in the place of the prompt tokens of any model that
looks its words up in an `nn.Embedding`, ours or Transformers'. `freeze` stops the rest. `StopGradientEmbedding` is the
article's way to do both inside the embedding layer (kexue.fm/archives/8295, section on stopped gradients).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sjedu.checks import check_choice, check_count
from sjedu.p_tuning.backbone import Backbone

EncoderKind: TypeAlias = Literal["embedding", "lstm", "mlp"]


class PromptEncoder(nn.Module):
    """The vectors of a prompt, learnt directly or through a small network.

    - "embedding": the vectors are the parameters (kexue.fm/archives/8295);
    - "lstm": ``P = MLP(BiLSTM(Z))`` (arXiv 2103.10385, section 3.2);
    - "mlp": ``P = MLP(Z)``, token by token.

    Its parameters have the names and shapes of those of PEFT's `PromptEncoder`, so weights can be exchanged.

    Args:
        tokens: how many prompt tokens.
        dim: of each vector.
        kind: "embedding", "lstm" or "mlp".
        hidden: width of the network; by default dim.
        layers: of the LSTM.
        start: vectors to begin with, for kind "embedding", shape (tokens, dim); by default standard normal numbers
            times ``std``.
        std: of the table where there is no start.

    Raises:
        ValueError: a size is less than 1, the kind is unknown, or the start does not fit.
    """

    def __init__(
        self,
        tokens: int,
        dim: int,
        kind: EncoderKind = "embedding",
        *,
        hidden: int | None = None,
        layers: int = 2,
        start: Tensor | None = None,
        std: float = 1.0,
    ) -> None:
        super().__init__()
        hidden = dim if hidden is None else hidden
        for name, value in {"tokens": tokens, "dim": dim, "hidden": hidden, "layers": layers}.items():
            check_count(name, value)
        check_choice("kind", kind, get_args(EncoderKind))
        if start is not None and (kind != "embedding" or start.shape != (tokens, dim)):
            raise ValueError(
                f"start: got the shape {tuple(start.shape)} with kind {kind!r}; expected {(tokens, dim)} with"
                " kind 'embedding', whose parameters are the vectors themselves"
            )
        self.kind: EncoderKind = kind
        self.embedding = nn.Embedding(tokens, dim)
        with torch.no_grad():
            self.embedding.weight.mul_(std) if start is None else self.embedding.weight.copy_(start)
        if kind == "lstm":
            self.lstm_head = nn.LSTM(dim, hidden, layers, bidirectional=True, batch_first=True)
            self.mlp_head = nn.Sequential(
                nn.Linear(2 * hidden, 2 * hidden), nn.ReLU(), nn.Linear(2 * hidden, dim)
            )
        elif kind == "mlp":
            self.mlp_head = nn.Sequential(
                nn.Linear(dim, hidden),
                nn.ReLU(),
                nn.Linear(hidden, hidden),
                nn.ReLU(),
                nn.Linear(hidden, dim),
            )

    def forward(self) -> Float[Tensor, "tokens dim"]:
        """Return the vectors."""
        vectors: Tensor = self.embedding.weight
        if self.kind == "lstm":
            vectors = self.lstm_head(vectors[None])[0][0]
        return vectors if self.kind == "embedding" else self.mlp_head(vectors)

    @torch.no_grad()
    def baked(self) -> PromptEncoder:
        """Return a plain encoder with the same vectors: after training, the network is not needed any more."""
        vectors = self()
        plain = PromptEncoder(*vectors.shape, start=vectors)
        return plain.to(vectors)


class PromptedEmbedding(nn.Module):
    """A word embedding in which some ids stand for the vectors of a prompt.

    Args:
        base: the model's own table, which is looked up for all other ids.
        ids: of the prompt tokens, in order. They may lie in the table, as [unused1] does, or behind its end.
        prompt: makes the vectors.

    Raises:
        ValueError: an id is negative or there twice, or numbers or widths differ.
    """

    def __init__(self, base: nn.Embedding, ids: Sequence[int], prompt: PromptEncoder) -> None:
        super().__init__()
        rows, width = base.weight.shape
        tokens = len(prompt.embedding.weight)
        if min(ids, default=0) < 0 or len(set(ids)) != len(ids):
            raise ValueError(f"ids: got {list(ids)}; expected different numbers from 0 up")
        if len(ids) != tokens:
            raise ValueError(f"ids: got {len(ids)}; expected one for each of the {tokens} prompt vectors")
        made = prompt().shape[1]
        if made != width:
            raise ValueError(
                f"prompt: got vectors of {made} numbers; expected {width}, as in the model's table"
            )
        self.base, self.prompt = base, prompt
        places = torch.full((max(rows, *(i + 1 for i in ids)),), -1)
        places[list(ids)] = torch.arange(len(ids))
        self.register_buffer("places", places, persistent=False)
        self.places: Tensor

    @property
    def weight(self) -> Tensor:
        """The model's own table: what a head that shares it multiplies with."""
        return self.base.weight

    def forward(self, ids: Int64[Tensor, "*batch"]) -> Float[Tensor, "*batch dim"]:
        """Look ids up, those of the prompt in the prompt."""
        places = self.places[ids]
        own = places >= 0
        words: Tensor = self.base(ids.masked_fill(own, 0))
        vectors = F.embedding(places.clamp(min=0), self.prompt().to(words.dtype))
        return torch.where(own[..., None], vectors, words)


class StopGradientEmbedding(nn.Module):
    """An embedding of which only some rows are learnt, the article's way: ``E ⊙ m + sg(E) ⊙ (1 − m)``.

    The forward pass is that of the table itself; the gradient is zero outside the rows. That is all it promises:
    weight decay and moments of earlier steps still move rows whose gradient is zero (`theory.decayed`,
    `theory.adam_drift`), and a head that shares the *parameter* instead of calling `project` has its own gradient
    (`theory.tied_gradient`).

    Args:
        weight: the table, shape (vocabulary, dim). It becomes the parameter.
        rows: which rows are learnt.

    Raises:
        ValueError: a row is not in the table.
    """

    def __init__(self, weight: Float[Tensor, "vocabulary dim"], rows: Sequence[int]) -> None:
        super().__init__()
        for row in rows:
            if not 0 <= row < len(weight):
                raise ValueError(f"rows: got {row}; expected 0 to {len(weight) - 1}")
        self.table = nn.Parameter(weight.detach().clone())
        learnt = torch.zeros(len(weight), 1, dtype=weight.dtype)
        learnt[list(rows)] = 1
        self.register_buffer("learnt", learnt)
        self.learnt: Tensor

    @property
    def weight(self) -> Tensor:
        """The table, through which only the learnt rows get a gradient."""
        return self.table * self.learnt + self.table.detach() * (1 - self.learnt)

    def forward(self, ids: Int64[Tensor, "*batch"]) -> Float[Tensor, "*batch dim"]:
        """Look ids up."""
        return F.embedding(ids, self.weight)

    def project(self, hidden: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch vocabulary"]:
        """Return the logits of a head that shares the table: the gradient is stopped on this side too."""
        return F.linear(hidden, self.weight)


def insert_prompt(backbone: Backbone, ids: Sequence[int], prompt: PromptEncoder) -> PromptedEmbedding:
    """Let a model take the vectors of a prompt for some ids.

    Args:
        backbone: the model. An earlier prompt in it is replaced.
        ids: of the prompt tokens; in the vocabulary or behind its end.
        prompt: makes their vectors.
    """
    base = word_table(backbone)
    prompted = PromptedEmbedding(base, ids, prompt.to(base.weight))
    backbone.replace_words(prompted)
    return prompted


def word_table(backbone: Backbone) -> nn.Embedding:
    """Return a model's own table of words, also where a prompt stands in front of it."""
    words = backbone.words
    base: nn.Embedding = words.base if isinstance(words, PromptedEmbedding) else words
    return base


def freeze(model: nn.Module) -> nn.Module:
    """Stop every parameter of a model, and its dropout: what is frozen should not be noisy either.

    An optimiser that is then given `trainable` parameters alone has no way to reach the others: no decay, no
    moments. Returns the model.
    """
    return model.requires_grad_(False).eval()


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that are not frozen, each once."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all parameters and buffers, for `changed`."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def changed(model: nn.Module, before: dict[str, Tensor]) -> list[str]:
    """Return the names of the tensors that differ from a snapshot in any bit.

    Raises:
        ValueError: the snapshot is of another model.
    """
    after = model.state_dict()
    if list(after) != list(before):
        raise ValueError(
            f"before: got other tensors than the model's, {sorted(set(before) ^ set(after))}; expected the same"
        )
    # Compared as bytes, so that −0 and 0, or two NaNs, are told apart and alike as they should be.
    return [name for name, old in before.items() if not torch.equal(_bits(old), _bits(after[name]))]


def _bits(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
