r"""The Transformer of lessons 2, 6 and 8: RoFormer, and with learned positions BERT.

A block is :math:`x \leftarrow \mathrm{LN}(x + \mathrm{Attention}(x))`, :math:`x \leftarrow \mathrm{LN}(x +
\mathrm{MLP}(x))`, and attention of a head is

.. math:: \mathrm{softmax}\left(\frac{(R_n W_q x_n)^\top (R_m W_k x_m)}{\sqrt d} + \text{mask}\right) W_v x_m

with the rotation :math:`R_n` of `sjedu.roformer.rotary` (Su et al., arXiv 2104.09864). What makes it an encoder, a
language model or UniLM is the mask alone (`sjedu.roformer.masks`).

Begin with `Attention`, `Block` and `RoFormer.forward`. `Cache` and `Inside` are there for speed: without them the
numbers are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor, nn

from sjedu.checks import check_count
from sjedu.roformer.config import RoFormerConfig
from sjedu.roformer.masks import padding_mask
from sjedu.roformer.rotary import phase_table, rotate

Activations = dict[str, Callable[[Tensor], Tensor]]
_ACTIVATIONS: Activations = {"gelu": F.gelu, "gelu_new": partial(F.gelu, approximate="tanh"), "relu": F.relu}


class Cache:
    """For speed: keys and values of the tokens seen so far, so that the next token costs one position and not all.

    There is room for a batch of texts of so many tokens, in the dtype of keys and values: the model's, or autocast's.

    Attributes:
        length: how many tokens are in it.
    """

    def __init__(
        self,
        config: RoFormerConfig,
        batch: int,
        size: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        check_count("batch", batch)
        if not 1 <= size <= config.max_position_embeddings:
            raise ValueError(f"size: got {size}; expected 1 .. {config.max_position_embeddings}")
        shape = (config.num_hidden_layers, 2, batch, config.num_attention_heads, size, config.head_size)
        self._store = torch.empty(shape, device=device, dtype=dtype)
        self.length = 0

    @property
    def size(self) -> int:
        """For how many tokens there is room."""
        return self._store.shape[4]

    @property
    def batch(self) -> int:
        """How many texts are decoded together."""
        return self._store.shape[2]

    def select(self, rows: Int64[Tensor, " chosen"]) -> Cache:
        """Return a cache of these texts, in this order: to repeat a source for several samples, or to drop texts."""
        selected = object.__new__(Cache)
        selected._store = self._store.index_select(2, rows)
        selected.length = self.length
        return selected

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Put new keys and values of a layer behind the old ones, and return all of them."""
        end = self.length + key.shape[-2]
        stored = self._store[layer]
        stored[0, :, :, self.length : end] = key
        stored[1, :, :, self.length : end] = value
        return stored[0, :, :, :end], stored[1, :, :, :end]


class Inside:
    """For speed: the tokens of a batch that are no padding. All but attention works on each token alone.

    Args:
        lengths: of the texts, each 1 .. size.
        size: to which they are padded.

    Attributes:
        mask: `padding_mask` of the batch.
    """

    def __init__(self, lengths: Int64[Tensor, " batch"], size: int) -> None:
        self.mask = padding_mask(lengths, size)
        self._shape = (len(lengths), size)
        self._rows = self.mask.flatten().nonzero().squeeze(1)

    def pack(self, x: Shaped[Tensor, "batch size ..."]) -> Shaped[Tensor, "inside ..."]:
        """Return the tokens that are inside, text by text."""
        return x.flatten(0, 1).index_select(0, self._rows)

    def pad(self, x: Shaped[Tensor, "inside ..."]) -> Shaped[Tensor, "batch size ..."]:
        """Return the batch again, with zeros where there is padding."""
        batch, size = self._shape
        zeros = x.new_zeros(batch * size, *x.shape[1:])
        padded: Tensor = zeros.index_copy(0, self._rows, x)
        return padded.view(batch, size, *x.shape[1:])


@dataclass(frozen=True, eq=False)
class Context:
    """What all blocks share in one pass.

    Attributes:
        table: of the rotations, to be broadcast to queries and keys; None in BERT.
        mask: who sees whom.
        cache: of the tokens before these.
        inside: the tokens that are computed; None: all.
    """

    table: Tensor | None
    mask: Tensor | None
    cache: Cache | None
    inside: Inside | None


class Embeddings(nn.Module):
    """Words plus segments (plus, in BERT, positions), normalised."""

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        width = config.embedding_size
        self.words = nn.Embedding(config.vocab_size, width, padding_idx=config.pad_token_id)
        self.types = nn.Embedding(config.type_vocab_size, width)
        learned = config.model_type == "bert"
        self.positions = nn.Embedding(config.max_position_embeddings, width) if learned else None
        self.norm = nn.LayerNorm(width, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        projected = width != config.hidden_size
        self.project = nn.Linear(width, config.hidden_size) if projected else nn.Identity()

    def forward(self, words: Tensor, types: Tensor | None, positions: Tensor) -> Tensor:
        """Return what the first block reads, from embedded words."""
        x = words + (self.types.weight[0] if types is None else self.types(types))
        if self.positions is not None:
            x = x + self.positions(positions)
        embedded: Tensor = self.project(self.dropout(self.norm(x)))
        return embedded


class Attention(nn.Module):
    """Attention over all heads; queries, keys and values come out of one matrix product."""

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = config.attention_probs_dropout_prob

    def forward(self, x: Tensor, context: Context, layer: int) -> Tensor:
        """Mix what each token may see, in the shape of x: (batch, tokens, hidden), or (inside, hidden) if packed."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))  # (batch, tokens, 3, heads, head_size)
        qk, v = qkv[..., :2, :, :], qkv[..., 2, :, :]  # (..., 2, heads, head_size), (..., heads, head_size)
        if context.table is not None:
            qk = rotate(qk, context.table)  # both in one product
        if context.inside is not None:
            qk, v = context.inside.pad(qk), context.inside.pad(v)  # unpacked: (batch, tokens, ...)
        q, k = qk.unbind(2)  # (batch, tokens, heads, head_size)
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))  # (batch, heads, tokens, head_size)
        if context.cache is not None:
            k, v = context.cache.extend(layer, k, v)  # (batch, heads, cached + tokens, head_size)
        dropout = self.dropout if self.training else 0.0
        # softmax(q kᵀ / √head_size + mask) v
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=context.mask, dropout_p=dropout)
        mixed = mixed.transpose(1, 2).flatten(2)  # (batch, tokens, hidden)
        if context.inside is not None:
            mixed = context.inside.pack(mixed)  # (inside, hidden)
        result: Tensor = self.out(mixed)
        return result


class Block(nn.Module):
    """Attention and a feed-forward network, each with a residual sum and a normalisation."""

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size)
        self.mlp_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.activation = _ACTIVATIONS[config.hidden_act]
        self.pre = config.norm == "pre"

    def forward(self, x: Tensor, context: Context, layer: int) -> Tensor:
        """Return the next hidden states, in the shape of x."""
        if self.pre:
            x = x + self.dropout(self.attention(self.attention_norm(x), context, layer))
            return x + self._mlp(self.mlp_norm(x))
        x = self.attention_norm(x + self.dropout(self.attention(x, context, layer)))
        normed: Tensor = self.mlp_norm(x + self._mlp(x))
        return normed

    def _mlp(self, x: Tensor) -> Tensor:
        result: Tensor = self.dropout(self.down(self.activation(self.up(x))))
        return result


class RoFormer(nn.Module):
    """The encoder: token ids in, a vector for each token out.

    Args:
        config: its sizes. Fresh weights are drawn by the global generator: matrices and embeddings normal with
            `initializer_range`, biases zero.
    """

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        pre = config.norm == "pre"
        self.final_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps) if pre else nn.Identity()
        self.pooler = nn.Linear(config.hidden_size, config.hidden_size) if config.pooler else None
        table = phase_table(torch.arange(config.max_position_embeddings), config.head_size)
        rotary = config.model_type == "roformer"
        self.table: Tensor | None
        self.register_buffer("table", table if rotary else None, persistent=False)
        self.apply(partial(_initialise, deviation=config.initializer_range))

    def forward(
        self,
        ids: Int64[Tensor, "batch tokens"] | None = None,
        *,
        mask: Bool[Tensor, "*_"] | None = None,
        words: Float[Tensor, "batch tokens width"] | None = None,
        types: Int64[Tensor, "batch tokens"] | None = None,
        positions: Int64[Tensor, ...] | None = None,
        cache: Cache | None = None,
        lengths: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch tokens hidden"]:
        """Return the last hidden state of each token.

        Args:
            ids: of the tokens.
            mask: True where a query may attend to a key: (queries, keys) or (batch, queries or 1, keys); by default
                everyone to everyone. Keys are the cached tokens and then these.
            words: embeddings of the words instead of ids, from `embed` or changed; segments are added to them.
            types: segments; by default all 0.
            positions: of the tokens, (tokens,) or (batch, tokens); by default they go on from the cache.
            cache: of the tokens before these; these are added to it.
            lengths: of the texts. What stands behind their ends is seen by nobody, as with `padding_mask`, and is
                not even computed: its hidden states are 0. The more padding, the more time is saved.

        Raises:
            ValueError: if not exactly one of ids and words is given, if ids are empty, out of the vocabulary or
                longer than the model, if a length or a shape does not fit, if the cache is full, or if there are
                lengths beside a cache.
        """
        x, context = self._begin(ids, mask, words, types, positions, cache, lengths)
        for layer, block in enumerate(self.blocks):
            x = block(x, context, layer)
        if cache is not None:
            cache.length += x.shape[1]
        last: Tensor = self.final_norm(x)
        return last if context.inside is None else context.inside.pad(last)

    def hidden_states(
        self,
        ids: Int64[Tensor, "batch tokens"] | None = None,
        *,
        mask: Bool[Tensor, "*_"] | None = None,
        words: Float[Tensor, "batch tokens width"] | None = None,
        types: Int64[Tensor, "batch tokens"] | None = None,
    ) -> list[Float[Tensor, "batch tokens hidden"]]:
        """Return what each block reads and, last, what `forward` returns: one more than there are blocks."""
        x, context = self._begin(ids, mask, words, types)
        states = [x]
        for layer, block in enumerate(self.blocks):
            states.append(block(states[-1], context, layer))
        states[-1] = self.final_norm(states[-1])
        return states

    def embed(self, ids: Int64[Tensor, "batch tokens"]) -> Float[Tensor, "batch tokens width"]:
        """Return the embeddings of words, for `words` of `forward`."""
        embedded: Tensor = self.embeddings.words(ids)
        return embedded

    def new_cache(self, batch: int, size: int) -> Cache:
        """Return an empty cache for texts of up to `size` tokens."""
        weight = self.embeddings.words.weight
        return Cache(self.config, batch, size, device=weight.device, dtype=weight.dtype)

    def _begin(
        self,
        ids: Tensor | None,
        mask: Tensor | None,
        words: Tensor | None,
        types: Tensor | None,
        positions: Tensor | None = None,
        cache: Cache | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, Context]:
        """Return what the first block reads, and what all blocks share."""
        if (ids is None) == (words is None):
            raise ValueError(
                f"ids and words: got {'neither' if ids is None else 'both'}; expected one of them"
            )
        given = ids if ids is not None else words
        assert given is not None
        batch, tokens = given.shape[:2]
        start = cache.length if cache is not None else 0
        end = start + tokens
        self._check_sizes(batch, tokens, end, cache)
        if ids is not None:
            self._check_ids(ids)
            words = self.embed(ids)  # (batch, tokens, width)
        if positions is None:
            positions = torch.arange(start, end, device=given.device)
        x = self.embeddings(words, types, positions)  # (batch, tokens, hidden)
        inside = None if lengths is None else self._inside(lengths, batch, tokens, cache)
        if inside is not None:
            x, positions = inside.pack(x), inside.pack(positions.expand(batch, tokens))  # (inside, ...)
            mask = inside.mask if mask is None else mask & inside.mask
        # (..., tokens, 1, 1, pairs, 2): the same for queries and keys, and for all heads.
        table = None if self.table is None else self.table[positions][..., None, None, :, :]
        if mask is not None:
            if mask.shape[-2:] not in ((tokens, end), (1, end)):
                raise ValueError(
                    f"mask: got shape {tuple(mask.shape)}; expected (..., {tokens} or 1, {end}):"
                    f" {tokens} queries, {end} keys"
                )
            mask = mask[:, None] if mask.ndim == 3 else mask
        elif cache is not None and tokens > 1:
            raise ValueError(f"mask: got None for {tokens} tokens beside a cache; expected who sees whom")
        return x, Context(table, mask, cache, inside)

    def _inside(self, lengths: Tensor, batch: int, tokens: int, cache: Cache | None) -> Inside | None:
        """What to compute; None where there is no padding to leave out."""
        if cache is not None:
            raise ValueError(
                "lengths: got some beside a cache; expected a mask: cached texts end where they end"
            )
        if len(lengths) != batch:
            raise ValueError(f"lengths: got {len(lengths)}; expected one for each of {batch} texts")
        return Inside(lengths, tokens) if bool((lengths != tokens).any()) else None

    def _check_sizes(self, batch: int, tokens: int, end: int, cache: Cache | None) -> None:
        most = self.config.max_position_embeddings
        if not tokens:
            raise ValueError("ids: got texts without a token; expected at least one")
        if end > most:
            raise ValueError(f"ids: got {end} tokens; expected at most max_position_embeddings = {most}")
        if cache is not None and (end > cache.size or batch != cache.batch):
            raise ValueError(
                f"cache: got room for {cache.batch} texts of {cache.size} tokens; expected {batch} of {end}"
            )

    def _check_ids(self, ids: Tensor) -> None:
        # Elsewhere than on a CPU the look at the values would make the accelerator wait.
        if ids.device.type != "cpu" or torch.compiler.is_compiling():
            return
        least, most = ids.aminmax()
        last = self.config.vocab_size - 1
        if least < 0 or most > last:
            raise ValueError(f"ids: got {least} to {most}; expected 0 .. vocab_size - 1 = {last}")


class LanguageModel(nn.Module):
    """RoFormer with the head that says which word stands at a token: for masked words or for the next one.

    The head is dense, activation, normalisation, and the product with the words' own embeddings, plus a bias.
    """

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.roformer = RoFormer(config)
        self.dense = nn.Linear(config.hidden_size, config.embedding_size)
        self.norm = nn.LayerNorm(config.embedding_size, config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.activation = _ACTIVATIONS[config.hidden_act]
        _initialise(self.dense, config.initializer_range)

    def forward(
        self,
        ids: Int64[Tensor, "batch tokens"] | None = None,
        *,
        where: Bool[Tensor, "batch tokens"] | None = None,
        **context: Any,
    ) -> Float[Tensor, "*places vocabulary"]:
        """Return the logits of every word at every token.

        Args:
            ids: of the tokens.
            where: only there; the logits are then (number of True, vocabulary). With a large vocabulary the product
                with it is most of the work.
            **context: mask, words, types, positions, cache and lengths as in `RoFormer.forward`.
        """
        x = self.roformer(ids, **context)
        return self.logits(x if where is None else x[where])

    def logits(self, hidden: Float[Tensor, "*places hidden"]) -> Float[Tensor, "*places vocabulary"]:
        """Return the logits of every word, from last hidden states."""
        x = self.norm(self.activation(self.dense(hidden)))
        return F.linear(x, self.roformer.embeddings.words.weight, self.bias)


def _initialise(module: nn.Module, deviation: float) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=deviation)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=deviation)
        if module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx].zero_()
