"""A small Transformer over a grid, with six ways to tell it where a token stands.

It reads pictures, cut into patches, or grids of symbols; the six encodings differ in nothing else::

    none          nothing: the tokens are a bag
    learned       a vector for each cell is learnt and added; on another grid the map of vectors is resized
    sincos        sines and cosines of row and column are added
    rope_flat     1-D RoPE of the flattened index n = width·row + column
    rope_axial    the article's 2-D RoPE
    rope_mixed    2-D RoPE with frequencies that each head of each layer learns (Heo et al., arXiv 2403.13298)

A model trained on one grid runs on any other. Its coordinates then either go on counting cells, or are
rescaled to the range that it was trained on (position interpolation).
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from sjedu.checks import check_choice
from sjedu.rope_2d.rotary import (
    RotaryEmbedding2D,
    Table,
    apply_rotary,
    axial_frequencies,
    flattened_frequencies,
    grid_positions,
    interpolated_positions,
    rotation_table,
)

Encoding: TypeAlias = Literal["none", "learned", "sincos", "rope_flat", "rope_axial", "rope_mixed"]
Readout: TypeAlias = Literal["mean", "class", "marker"]

ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)


# ---------------------------------------------------------------- positions


def sincos(positions: Float[Tensor, "tokens 2"], dim: int, base: float) -> Float[Tensor, "tokens dim"]:
    """Return ``sin(ω_k·p)`` and ``cos(ω_k·p)``, axial frequencies: Vaswani et al.'s, for a grid."""
    cos, sin = rotation_table(positions, axial_frequencies(dim, base).to(positions))
    return torch.cat([sin, cos], dim=-1)


# ---------------------------------------------------------------- layers


class Attention(nn.Module):
    """Softmax attention whose queries and keys are rotated by where they stand.

    Args:
        dim: width of a token.
        heads: each is dim / heads wide.
        prefix_tokens: tokens at the front that stand nowhere: the class token.
    """

    def __init__(self, dim: int, heads: int, prefix_tokens: int = 0) -> None:
        super().__init__()
        self.heads, self.prefix_tokens = heads, prefix_tokens
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(
        self, x: Float[Tensor, "batch tokens dim"], table: Table | None
    ) -> Float[Tensor, "batch tokens dim"]:
        """Return what each token gathers from all others; no table, no rotation."""
        q, k, v = rearrange(self.qkv(x), "b tokens (qkv h d) -> qkv b h tokens d", qkv=3, h=self.heads)
        if table is not None:
            q, k = (apply_rotary(each, *table, prefix_tokens=self.prefix_tokens) for each in (q, k))
        gathered = F.scaled_dot_product_attention(q, k, v)
        mixed: Tensor = self.out(rearrange(gathered, "b h tokens d -> b tokens (h d)"))
        return mixed


class Block(nn.Module):
    """Attention, then an MLP, each on normalised tokens and each added to what it was given."""

    def __init__(
        self, dim: int, heads: int, hidden: int, prefix_tokens: int = 0, drop_path: float = 0.0
    ) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads, prefix_tokens)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
        self.drop_path = drop_path

    def forward(
        self, x: Float[Tensor, "batch tokens dim"], table: Table | None
    ) -> Float[Tensor, "batch tokens dim"]:
        """Return the tokens after this block."""
        x = x + self._dropped(self.attention(self.attention_norm(x), table))
        return x + self._dropped(self.mlp(self.mlp_norm(x)))

    def _dropped(self, branch: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return branch
        # What stays is enlarged, so that the expectation is what runs without dropping.
        keep = torch.rand(len(branch), 1, 1, device=branch.device) >= self.drop_path
        return branch * keep / (1 - self.drop_path)


# ---------------------------------------------------------------- the model


class PatchEmbedding(nn.Module):
    """Cut a picture into squares and map each to a token by one linear layer.

    Args:
        patch: the squares' side in pixels.
        channels: of the picture.
        dim: width of a token.
    """

    def __init__(self, patch: int, channels: int, dim: int) -> None:
        super().__init__()
        self.patch, self.dim = patch, dim
        self.project = nn.Linear(channels * patch * patch, dim)

    def forward(
        self, picture: Float[Tensor, "batch channels rows columns"]
    ) -> Float[Tensor, "batch h w dim"]:
        """Return the tokens, on their grid.

        Raises:
            ValueError: if a side of the picture is not a multiple of the patch.
        """
        p = self.patch
        if picture.shape[-2] % p or picture.shape[-1] % p:
            raise ValueError(
                f"picture: got {tuple(picture.shape[-2:])} pixels; expected multiples of the patch, {p}"
            )
        patches = rearrange(picture, "b c (h p) (w q) -> b h w (c p q)", p=p, q=p)
        tokens: Tensor = self.project(patches)
        return tokens


class SymbolEmbedding(nn.Module):
    """Look a token up for each symbol.

    Args:
        symbols: number of plain symbols, which come first.
        markers: number of markers, which come after them.
        dim: width of a token.
    """

    def __init__(self, symbols: int, markers: int, dim: int) -> None:
        super().__init__()
        self.symbols, self.dim = symbols, dim
        self.tokens = nn.Embedding(symbols + markers, dim)

    def forward(self, cells: Int64[Tensor, "batch h w"]) -> Float[Tensor, "batch h w dim"]:
        """Return the tokens, on their grid."""
        tokens: Tensor = self.tokens(cells)
        return tokens

    def is_marker(self, cells: Int64[Tensor, "batch h w"]) -> Bool[Tensor, "batch h w"]:
        """Return which cells hold a marker."""
        return cells >= self.symbols


class GridTransformer(nn.Module):
    """A pre-norm Transformer encoder with a classifier on top.

    Args:
        embedding: `PatchEmbedding` or `SymbolEmbedding`; makes tokens of width ``dim``.
        classes: number of classes.
        grid: rows and columns of the grid that it will be trained on.
        encoding: how it knows where tokens stand, see the module.
        heads: of each layer; dim / heads must be a multiple of 4.
        layers: number of blocks.
        mlp_ratio: hidden width of a block's MLP, in units of dim.
        readout: what the classifier sees: the mean token, a class token, or the marker among symbols.
        base: of the frequencies; by default 10 for "rope_mixed", else 100.
        drop_path: probability with which, in training, a whole residual branch is left out for an example.

    Raises:
        ValueError: if the encoding or the readout is unknown, or a size does not fit.
    """

    def __init__(
        self,
        embedding: PatchEmbedding | SymbolEmbedding,
        classes: int,
        *,
        grid: tuple[int, int],
        encoding: Encoding = "rope_axial",
        heads: int = 3,
        layers: int = 2,
        mlp_ratio: float = 2.0,
        readout: Readout = "mean",
        base: float | None = None,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        check_choice("encoding", encoding, ENCODINGS)
        check_choice("readout", readout, get_args(Readout))
        if readout == "marker" and not isinstance(embedding, SymbolEmbedding):
            raise ValueError("readout: got 'marker' for pictures; expected a grid of symbols, which has one")
        dim, self.head_dim = embedding.dim, embedding.dim // heads
        if dim % (4 * heads):
            raise ValueError(f"dim: got {dim}; expected a multiple of 4 · heads = {4 * heads}")
        self.encoding, self.readout, self.grid = encoding, readout, grid
        self.base = (10.0 if encoding == "rope_mixed" else 100.0) if base is None else base
        self.embedding = embedding
        self.class_token = nn.Parameter(0.02 * torch.randn(1, 1, dim)) if readout == "class" else None
        self.cell_vectors = nn.Parameter(0.02 * torch.randn(1, dim, *grid)) if encoding == "learned" else None
        hidden, prefix = round(mlp_ratio * dim), int(readout == "class")
        self.ropes, self.blocks = nn.ModuleList(), nn.ModuleList()
        for drop in torch.linspace(0, drop_path, layers).tolist():
            if encoding == "rope_mixed":
                self.ropes.append(RotaryEmbedding2D(self.head_dim, self.base, "mixed", heads))
            self.blocks.append(Block(dim, heads, hidden, prefix, drop))
        self.norm = nn.LayerNorm(dim)
        self.classifier = nn.Linear(dim, classes)

    def forward(
        self, inputs: Tensor, *, shift: tuple[int, int] = (0, 0), rescale: bool = False
    ) -> Float[Tensor, "batch classes"]:
        """Return the logits of each class.

        Args:
            inputs: pictures (batch, channels, rows, columns), or symbols (batch, rows, columns).
            shift: added to all coordinates, (rows, columns): nothing changes for a model that knows only
                differences. It cannot be said to learned vectors, which have no coordinates.
            rescale: squeeze the coordinates of this grid into the range of the grid of the training.
        """
        tokens = self.embedding(inputs)  # (batch, height, width, dim)
        height, width = tokens.shape[1:3]
        positions = self.positions(height, width, shift, rescale, tokens.device)
        tokens = rearrange(tokens, "batch height width dim -> batch (height width) dim")
        if self.encoding == "sincos":
            tokens = tokens + sincos(positions, tokens.shape[-1], self.base).to(tokens.dtype)
        if self.cell_vectors is not None:
            tokens = tokens + self._resized_cell_vectors(height, width)
        if self.class_token is not None:
            tokens = torch.cat([self.class_token.expand(len(tokens), -1, -1), tokens], dim=1)
        for block, table in zip(self.blocks, self.tables(positions), strict=True):
            tokens = block(tokens, table)
        logits: Tensor = self.classifier(self.norm(self._read(tokens, inputs)))
        return logits

    def positions(
        self,
        height: int,
        width: int,
        shift: tuple[int, int] = (0, 0),
        rescale: bool = False,
        device: torch.device | None = None,
    ) -> Float[Tensor, "tokens 2"]:
        """Return where the tokens of a grid stand, in the eyes of this encoding.

        Flattening makes a line of the grid, one cell wide: token n is in row n.
        """
        trained = self.grid
        if self.encoding == "rope_flat":
            shift = (shift[0] * width + shift[1], 0)
            height, width, trained = height * width, 1, (trained[0] * trained[1], 1)
        if rescale:
            positions = interpolated_positions(height, width, trained, device=device)
            return positions + torch.tensor(shift, device=device)
        return grid_positions(height, width, origin=shift, device=device)

    def tables(self, positions: Float[Tensor, "tokens 2"]) -> list[Table | None]:
        """Return cosines and sines for each layer: one table for all of them, unless each learns its frequencies."""
        if self.encoding == "rope_mixed":
            return [rope.table(positions) for rope in self.ropes if isinstance(rope, RotaryEmbedding2D)]
        if self.encoding == "rope_axial":
            frequencies = axial_frequencies(self.head_dim, self.base)
        elif self.encoding == "rope_flat":
            frequencies = flattened_frequencies(self.head_dim, 1, self.base)
        else:
            return [None] * len(self.blocks)
        return [rotation_table(positions, frequencies.to(positions))] * len(self.blocks)

    def _resized_cell_vectors(self, height: int, width: int) -> Float[Tensor, "1 tokens dim"]:
        assert self.cell_vectors is not None
        vectors: Tensor = self.cell_vectors
        if (height, width) != self.grid:
            vectors = F.interpolate(vectors, (height, width), mode="bicubic", align_corners=False)
        return rearrange(vectors, "one dim height width -> one (height width) dim")

    def _read(self, tokens: Tensor, inputs: Tensor) -> Float[Tensor, "batch dim"]:
        if self.readout == "mean":
            return tokens.mean(dim=1)
        if self.readout == "class":
            return tokens[:, 0]
        assert isinstance(self.embedding, SymbolEmbedding)
        marker = self.embedding.is_marker(inputs).flatten(1).int().argmax(dim=1)
        return tokens[torch.arange(len(tokens), device=tokens.device), marker]
