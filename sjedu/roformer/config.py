"""The sizes of a model, under the names that Transformers' ``config.json`` uses."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sjedu.checks import PositiveInt, ProperShare, check_choice, check_fields


@dataclass(frozen=True)
class RoFormerConfig:
    """All sizes of a model. The defaults are RoFormer-base's.

    Attributes:
        model_type: "roformer" turns queries and keys by their positions; "bert" adds a learned vector a position.
        vocab_size: how many tokens there are.
        hidden_size: width of a token between the blocks.
        embedding_size: width of a word's embedding; a projection follows where it is not hidden_size.
        num_hidden_layers: how many blocks.
        num_attention_heads: of each block; each is hidden_size / num_attention_heads wide.
        intermediate_size: width within a block's feed-forward network.
        hidden_act: its activation: "gelu" is exact, "gelu_new" its tanh approximation.
        hidden_dropout_prob: of embeddings, attention outputs and feed-forward outputs.
        attention_probs_dropout_prob: of attention weights.
        max_position_embeddings: the greatest number of tokens.
        type_vocab_size: how many segments are told apart.
        layer_norm_eps: added to variances.
        initializer_range: standard deviation of fresh weights.
        pad_token_id: the token whose embedding is and stays zero in fresh models.
        norm: "post" normalises after each residual sum, as all published weights of both kinds do; "pre"
            before each branch and once at the end, which deep models learn more easily. A model with "pre"
            cannot be loaded by Transformers, which knows only "post".
        pooler: whether a dense layer with tanh on the first token is part of the model.

    Raises:
        ValueError: if a size does not fit another; says which.
    """

    model_type: str = "roformer"
    vocab_size: PositiveInt = 50_000
    hidden_size: PositiveInt = 768
    embedding_size: PositiveInt = 768
    num_hidden_layers: PositiveInt = 12
    num_attention_heads: PositiveInt = 12
    intermediate_size: PositiveInt = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: ProperShare = 0.1
    attention_probs_dropout_prob: ProperShare = 0.1
    max_position_embeddings: PositiveInt = 1536
    type_vocab_size: PositiveInt = 2
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02
    pad_token_id: int | None = 0
    norm: str = "post"
    pooler: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        check_choice("model_type", self.model_type, ("roformer", "bert"))
        check_choice("hidden_act", self.hidden_act, ("gelu", "gelu_new", "relu"))
        check_choice("norm", self.norm, ("post", "pre"))
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size: got {self.hidden_size}; expected a multiple of num_attention_heads ="
                f" {self.num_attention_heads}"
            )
        if self.model_type == "roformer" and self.head_size % 2:
            raise ValueError(
                f"hidden_size / num_attention_heads: got {self.head_size}; expected an even number, to turn pairs"
            )
        if self.model_type == "bert" and self.embedding_size != self.hidden_size:
            raise ValueError(
                f"embedding_size: got {self.embedding_size}; expected hidden_size = {self.hidden_size} in a BERT"
            )

    @property
    def head_size(self) -> int:
        """The width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RoFormerConfig:
        """Read what stands in a config.json of ours or of Transformers; fields that mean nothing here are left out."""
        only = {
            "rotary_value": False,
            "add_cross_attention": False,
            "tie_word_embeddings": True,
            "position_embedding_type": "absolute",
        }
        for name, value in only.items():
            if values.get(name, value) != value:
                raise ValueError(
                    f"{name}: got {values[name]!r}; expected {value!r}, all that this model can do"
                )
        known = {field.name for field in dataclasses.fields(cls)}
        fields = {name: value for name, value in values.items() if name in known}
        if fields.get("embedding_size") is None and "hidden_size" in fields:
            fields["embedding_size"] = fields["hidden_size"]
        return cls(**fields)

    def to_json(self) -> dict[str, Any]:
        """Return the content of a config.json, which Transformers reads as well."""
        name = {"roformer": "RoFormerForMaskedLM", "bert": "BertForMaskedLM"}[self.model_type]
        return {"architectures": [name], **dataclasses.asdict(self), "rotary_value": False}
