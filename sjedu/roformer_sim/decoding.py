"""Writing: nucleus sampling with cached keys and values, many sources and samples at once, then ranking.

Sources of different lengths are padded behind; the tokens that are written stand behind the padding in the cache, but
have the positions that follow their own source, and never look at the padding. So the result is that of a full pass
without padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sjedu.checks import check_count, check_positive
from sjedu.roformer import Batch, LanguageModel, Tokenizer
from sjedu.roformer.tokenizer import SEP, SPECIAL

UNFINISHED, COPY, DUPLICATE, BEYOND = "unfinished", "copy", "duplicate", "not among the best"


@dataclass(frozen=True)
class Candidate:
    """A text that was sampled.

    Attributes:
        text: as written.
        log_probability: of its tokens and the final [SEP], before temperature and nucleus.
        similarity: to the source, by the model's own vectors; None where it was dropped unseen.
        dropped: why it does not count: `UNFINISHED`, `COPY`, `DUPLICATE` or `BEYOND`; None if it does.
    """

    text: str
    log_probability: float
    similarity: float | None = None
    dropped: str | None = None


def nucleus(
    logits: Float[Tensor, "*batch vocabulary"], top_p: float = 0.95, temperature: float = 1.0
) -> Float[Tensor, "*batch vocabulary"]:
    r"""Return the probabilities of the smallest set of tokens whose mass reaches top_p, and 0 for all others.

    With :math:`p = \mathrm{softmax}(\text{logits}/T)`, tokens are taken from the most probable down, until the sum of
    those taken is at least top_p; then they are renormalised. At least one is taken. Of equally probable ones the
    first of the vocabulary comes first. Sorting and sums are done in float32.

    Raises:
        ValueError: if top_p is not in (0, 1], or temperature is not positive.

    Source: Holtzman et al., arXiv 1904.09751, section 3.1.
    """
    _check_sampling(top_p, temperature)
    p = torch.softmax(logits.float() / temperature, dim=-1)
    if top_p == 1:
        return p
    ordered, order = p.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    kept = ordered.masked_fill(before >= top_p, 0)
    return torch.zeros_like(p).scatter(-1, order, kept / kept.sum(dim=-1, keepdim=True))


@torch.no_grad()
def sample(
    model: LanguageModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    count: int,
    *,
    max_length: int = 64,
    top_p: float = 0.95,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> list[list[Candidate]]:
    """Sample `count` targets for each of some sources, all together.

    A sample that has not come to its [SEP] within max_length tokens is marked as unfinished.

    Args:
        model: in training mode or not, dropout is off.
        tokenizer: of the model.
        texts: the sources; [MASK] hides a token of them.
        count: samples for each.
        max_length: of a source with its [CLS] and [SEP], and of a target with as many tokens.
        top_p: mass of the nucleus, in (0, 1].
        temperature: of the softmax.
        generator: on the model's device; by default PyTorch's own.

    Raises:
        ValueError: if an argument is out of its range, or a text is empty or longer than max_length.
    """
    if isinstance(texts, str):
        raise TypeError(f"texts: got one string; expected a sequence of texts, such as [{texts!r}]")
    check_count("count", count)
    _check_sampling(top_p, temperature)
    batch = tokenizer.encode(texts, max_length=max_length).to(model.bias.device)
    was_training = model.training
    model.eval()
    try:
        written = _Writer(model, tokenizer, batch, count, max_length - 1).run(top_p, temperature, generator)
    finally:
        model.train(was_training)
    return [written[k * count : (k + 1) * count] for k in range(len(texts))]


class _Writer:
    """Samples under way: the rows that have not ended, their cache, and what each has written so far."""

    def __init__(
        self, model: LanguageModel, tokenizer: Tokenizer, batch: Batch, count: int, most: int
    ) -> None:
        self.model, self.tokenizer, self.most = model, tokenizer, most
        sources, size = batch.ids.shape
        self.forbidden = _forbidden(tokenizer, batch.ids.device)
        self.end = self.tokenizer.id(SEP)
        cache = self.model.roformer.new_cache(sources, size + self.most)
        hidden = self.model.roformer(batch.ids, mask=batch.mask, cache=cache)
        last = hidden[torch.arange(sources, device=hidden.device), batch.lengths - 1]
        rows = torch.arange(sources, device=hidden.device).repeat_interleave(count)
        self.cache = cache.select(rows)
        self.logits = self.model.logits(last)[rows]
        self.positions = batch.lengths[rows]
        self.seen = batch.inside[rows]
        self.rows = torch.arange(len(rows), device=hidden.device)
        self.ids: list[list[int]] = [[] for _ in rows]
        self.log_probability = torch.zeros(len(rows), device=hidden.device)
        self.ended = [False] * len(rows)

    def run(self, top_p: float, temperature: float, generator: torch.Generator | None) -> list[Candidate]:
        for length in range(self.most):
            logits = self.logits.float()
            logits[:, self.forbidden] = float("-inf")
            if length == 0:
                logits[:, self.end] = float("-inf")  # an empty text is no paraphrase
            tokens = torch.multinomial(nucleus(logits, top_p, temperature), 1, generator=generator)
            chosen = torch.log_softmax(logits, dim=-1).gather(1, tokens)[:, 0]
            self.log_probability[self.rows] += chosen
            going_on = self._note(tokens[:, 0])
            if not bool(going_on.any()):
                break
            if length + 1 < self.most:
                self._advance(tokens, going_on)
        return [
            Candidate(self.tokenizer.decode(ids), float(value), dropped=None if ended else UNFINISHED)
            for ids, value, ended in zip(self.ids, self.log_probability, self.ended, strict=True)
        ]

    def _note(self, tokens: Int64[Tensor, " rows"]) -> Tensor:
        """Write down a token of each row that is under way; return which go on."""
        for row, token in zip(self.rows.tolist(), tokens.tolist(), strict=True):
            if token == self.end:
                self.ended[row] = True
            else:
                self.ids[row].append(token)
        return tokens != self.end

    def _advance(self, tokens: Tensor, going_on: Tensor) -> None:
        """Drop the rows that have ended, and read one more token of the others."""
        if not bool(going_on.all()):
            kept = going_on.nonzero()[:, 0]
            self.rows, self.positions, self.seen = (x[kept] for x in (self.rows, self.positions, self.seen))
            self.cache, tokens = self.cache.select(kept), tokens[kept]
        self.seen = torch.cat([self.seen, torch.ones_like(self.seen[:, :1])], dim=1)
        hidden = self.model.roformer(
            tokens,
            mask=self.seen[:, None],
            types=torch.ones_like(tokens),
            positions=self.positions[:, None],
            cache=self.cache,
        )
        self.positions = self.positions + 1
        self.logits = self.model.logits(hidden[:, -1])


def _forbidden(tokenizer: Tokenizer, device: torch.device) -> Int64[Tensor, " tokens"]:
    """What may never be written: special tokens but [SEP], and those that stand for nothing."""
    special = {*SPECIAL} - {SEP}
    ids = [i for i, t in enumerate(tokenizer.vocabulary) if t in special or t.startswith("[unused")]
    return torch.tensor(ids, device=device)


def _check_sampling(top_p: float, temperature: float) -> None:
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p: got {top_p!r}; expected (0, 1]")
    check_positive("temperature", temperature)
