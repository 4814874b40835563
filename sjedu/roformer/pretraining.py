"""What pretraining needs beside a model: encoded text, batches of like lengths, masks over words, two losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sjedu.checks import check_choice, check_count
from sjedu.roformer.masks import causal_mask
from sjedu.roformer.model import LanguageModel
from sjedu.roformer.tokenizer import CLS, SEP, Tokenizer
from sjedu.training import batch_indices

#: So many batches are drawn together and sorted by length, so that a batch holds texts of like lengths.
POOL = 16


@dataclass(frozen=True, eq=False)
class EncodedBatch:
    """Some texts as tensors.

    Attributes:
        ids: of the tokens, padded behind.
        words: of each token, the number of its word.
        lengths: how many tokens each text has.
    """

    ids: Int64[Tensor, "batch tokens"]
    words: Int64[Tensor, "batch tokens"]
    lengths: Int64[Tensor, " batch"]

    def to(self, device: torch.device | str) -> EncodedBatch:
        """Return the batch on a device."""
        return EncodedBatch(self.ids.to(device), self.words.to(device), self.lengths.to(device))


@dataclass(frozen=True, eq=False)
class EncodedTexts:
    """Texts as token ids, end to end.

    Attributes:
        ids: of all tokens, [CLS] and [SEP] included.
        words: of each token, which word of its text it belongs to, counted from 0; a word is masked as a whole.
        starts: where each text begins, and last where all end.
    """

    ids: np.ndarray
    words: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """How many tokens each text has."""
        lengths: np.ndarray = np.diff(self.starts)
        return lengths

    def batch(self, indices: Int64[Tensor, " batch"], pad_id: int) -> EncodedBatch:
        """Return these texts, padded behind to the longest."""
        chosen = indices.numpy()
        lengths = self.lengths[chosen]
        ids = np.full((len(chosen), lengths.max()), pad_id, dtype=np.int64)
        words = np.zeros_like(ids)
        for row, (start, length) in enumerate(zip(self.starts[chosen], lengths, strict=True)):
            ids[row, :length] = self.ids[start : start + length]
            words[row, :length] = self.words[start : start + length]
        return EncodedBatch(*(torch.from_numpy(each) for each in (ids, words, lengths)))


def encode_texts(
    texts: Sequence[str], tokenizer: Tokenizer, max_length: int, segmenter: Tokenizer | None = None
) -> EncodedTexts:
    """Encode texts as ``[CLS] text [SEP]``; what is beyond max_length is cut off, texts without a token are left out.

    The segmenter is a tokenizer by words; without one every token is a word of its own.

    Raises:
        ValueError: if no text has a token.
    """
    check_count("max_length", max_length, least=3)
    first, last = tokenizer.id(CLS), tokenizer.id(SEP)
    ids: list[int] = []
    words: list[int] = []
    starts = [0]
    for text in texts:
        kept = tokenizer.ids(text)[: max_length - 2]
        if not kept:
            continue
        numbers = _word_numbers(text, tokenizer, segmenter)[: len(kept)] if segmenter else range(len(kept))
        ids += [first, *kept, last]
        words += [0, *(1 + number for number in numbers), 1 + len(kept)]
        starts.append(len(ids))
    if len(starts) == 1:
        raise ValueError(f"texts: got {len(texts)} without a token; expected one that has some")
    return EncodedTexts(np.array(ids, np.int32), np.array(words, np.int32), np.array(starts, np.int64))


def _word_numbers(text: str, tokenizer: Tokenizer, segmenter: Tokenizer) -> list[int]:
    """Return, for each token, the number of the word in which it begins."""
    numbers = np.zeros(len(text) + 1, dtype=np.int64)
    for number, (start, end) in enumerate(segmenter.spans(text)):
        numbers[start:end] = number
    return [int(numbers[start]) for start, _ in tokenizer.spans(text)]


def bucketed_indices(step: int, lengths: np.ndarray, batch_size: int, seed: int) -> Int64[Tensor, " batch"]:
    """Return which texts make up the batch of a step; a function of the arguments alone.

    `POOL` batches are drawn together as `batch_indices` draws one, sorted by length, cut into batches, and taken
    in random order: padding becomes rare, and the order of lengths stays random.
    """
    batches = min(POOL, max(1, len(lengths) // batch_size))
    pool, place = divmod(step, batches)
    drawn = batch_indices(pool, len(lengths), batches * batch_size, seed)
    ordered = drawn[torch.from_numpy(np.argsort(lengths[drawn.numpy()], kind="stable"))]
    turn = int(np.random.default_rng((seed, pool, 1)).permutation(batches)[place])
    return ordered[turn * batch_size : (turn + 1) * batch_size]


def mask_tokens(
    ids: Int64[Tensor, "batch tokens"],
    words: Int64[Tensor, "batch tokens"],
    tokenizer: Tokenizer,
    rate: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[Int64[Tensor, "batch tokens"], Bool[Tensor, "batch tokens"]]:
    """Choose words to be guessed, and hide them as BERT does: 80 % [MASK], 10 % any token, 10 % as they are.

    Args:
        ids: of the tokens.
        words: of each token, the number of its word: tokens of one word are chosen together.
        tokenizer: knows which tokens are special; those are never chosen.
        rate: of words that are chosen, between 0 and 1.
        generator: of the draws; on the device of ids.

    Returns:
        The ids with hidden words, and where the words to be guessed are.
    """
    if not 0 < rate < 1:
        raise ValueError(f"rate: got {rate}; expected a share between 0 and 1")
    device = ids.device
    special = torch.tensor(sorted(tokenizer.special_ids), device=device)
    draws = torch.rand(len(ids), int(words.max()) + 1, generator=generator, device=device)
    chosen = (draws.gather(1, words) < rate) & ~torch.isin(ids, special)
    how = torch.rand(ids.shape, generator=generator, device=device)
    others = torch.randint(len(tokenizer), ids.shape, generator=generator, device=device)
    hidden = torch.where(how < 0.8, tokenizer.mask_id, torch.where(how < 0.9, others, ids))
    return torch.where(chosen, hidden, ids), chosen


def guesses(
    model: LanguageModel,
    objective: str,
    batch: EncodedBatch,
    tokenizer: Tokenizer,
    rate: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[Float[Tensor, "chosen vocabulary"], Int64[Tensor, " chosen"]]:
    """Return the logits of what an objective lets the model guess, and what it should have guessed.

    "mlm" are words hidden at this rate, seen from both sides; "causal" is each next word, from what stands before.
    """
    check_choice("objective", objective, ("mlm", "causal"))
    ids, words, lengths = batch.ids, batch.words, batch.lengths
    places = torch.arange(ids.shape[1], device=ids.device)
    if objective == "mlm":
        hidden, chosen = mask_tokens(ids, words, tokenizer, rate, generator)
        inside = places < lengths[:, None]
        return model(hidden, mask=inside[:, None], where=chosen), ids[chosen]
    follows = places < lengths[:, None] - 1
    # Padding stands behind, so that the causal mask hides it too.
    mask = causal_mask(ids.shape[1], device=ids.device)
    return model(ids, mask=mask, where=follows), ids.roll(-1, dims=1)[follows]


@torch.no_grad()
def accuracy(
    model: LanguageModel, objective: str, texts: EncodedTexts, tokenizer: Tokenizer, *, batch_size: int = 128
) -> dict[str, float]:
    """Return how well a model guesses: "loss", the mean negative log-likelihood, and "accuracy".

    What is hidden depends on the texts alone, so that models can be compared.
    """
    was_training = model.training
    model.eval()
    device = model.bias.device
    generator = torch.Generator(device=device).manual_seed(0)
    loss = hits = count = 0.0
    for part in torch.split(torch.arange(len(texts)), batch_size):
        batch = texts.batch(part, tokenizer.pad_id).to(device)
        logits, truth = guesses(model, objective, batch, tokenizer, generator=generator)
        loss += float(F.cross_entropy(logits.float(), truth, reduction="sum"))
        hits += float((logits.argmax(-1) == truth).sum())
        count += len(truth)
    model.train(was_training)
    return {"loss": loss / count, "accuracy": hits / count}
