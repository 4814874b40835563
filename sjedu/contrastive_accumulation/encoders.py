"""The encoders of the experiments: small ones for the CPU, a ResNet and a Transformer for the GPU.

All return embeddings of length 1, and none has a batch norm.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from sjedu.contrastive_accumulation.toy import Normalize


def mlp(inputs: int, width: int, dim: int, dropout: float = 0.0) -> nn.Sequential:
    """Return flatten, two hidden layers with GELU and dropout, a projection, and length 1."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs, width),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(width, width),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(width, dim),
        Normalize(),
    )


class ResidualBlock(nn.Module):
    """Two convolutions with group norms, and the shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        groups = min(32, outputs // 4)
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.GroupNorm(groups, outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.GroupNorm(groups, outputs),
        )
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Float[Tensor, "batch channels rows columns"]) -> Tensor:
        """Return the block's features."""
        return F.relu(self.body(x) + self.shortcut(x))


class ResNet(nn.Module):
    """ResNet-18 for small pictures (a 3x3 stem, no pooling before the stages) with group norms, and SimCLR's head.

    Args:
        channels: of the pictures.
        width: of the first stage; 64 for ResNet-18.
        dim: of the embeddings.
    """

    def __init__(self, channels: int = 3, width: int = 64, dim: int = 128) -> None:
        super().__init__()
        stages: list[nn.Module] = [nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.ReLU(inplace=True)]
        size = width
        for number in range(4):
            outputs = width * 2**number
            stages += [ResidualBlock(size, outputs, 1 + (number > 0)), ResidualBlock(outputs, outputs, 1)]
            size = outputs
        self.body = nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, dim), Normalize())

    def features(self, x: Float[Tensor, "batch channels rows columns"]) -> Float[Tensor, "batch size"]:
        """Return what the linear probe reads: the features before the head."""
        features: Tensor = self.body(x)
        return features

    def forward(self, x: Float[Tensor, "batch channels rows columns"]) -> Float[Tensor, "batch dim"]:
        """Return the embeddings that the loss compares."""
        h: Tensor = self.head(self.features(x))
        return h


class SentenceEncoder(nn.Module):
    """A Transformer over tokens, its mean, and length 1: what SimCSE needs, with dropout everywhere.

    Args:
        vocabulary: number of tokens; 0 is padding.
        width: of a token.
        layers: number of blocks.
        dim: of the embeddings.
        dropout: in attention, MLPs and embeddings.
        longest: number of positions.
    """

    def __init__(
        self, vocabulary: int, width: int, layers: int, dim: int, dropout: float = 0.1, longest: int = 64
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, width, padding_idx=0)
        self.position = nn.Parameter(torch.randn(longest, width) * 0.02)
        self.dropout = nn.Dropout(dropout)
        block = nn.TransformerEncoderLayer(
            width, max(1, width // 64), 4 * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, dim), Normalize())

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch dim"]:
        """Return the embeddings of sentences whose ends are padded with 0."""
        padding = tokens == 0
        x = self.dropout(self.token(tokens) + self.position[: tokens.shape[1]])
        h: Tensor = self.head(mean_of_tokens(self.blocks(x, src_key_padding_mask=padding), ~padding))
        return h


class PretrainedEncoder(nn.Module):
    """A model of 🤗 Transformers by name; the vector of its first token, as in SimCSE, with length 1."""

    def __init__(self, name: str) -> None:
        super().__init__()
        from transformers import AutoModel  # heavy, and not needed on the CPU

        self.body: Any = AutoModel.from_pretrained(name)

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch dim"]:
        """Return the embeddings of sentences whose ends are padded with 0."""
        first = self.body(input_ids=tokens, attention_mask=(tokens != 0).long()).last_hidden_state[:, 0]
        return F.normalize(first, dim=-1)


def mean_of_tokens(
    x: Float[Tensor, "batch length dim"], present: Bool[Tensor, "batch length"]
) -> Float[Tensor, "batch dim"]:
    """Return the mean over the tokens that are there."""
    weights = present[..., None].to(x.dtype)
    return (x * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
