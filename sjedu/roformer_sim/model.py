"""RoFormer-Sim: one Transformer that makes sentence vectors and writes paraphrases, by its attention mask alone.

`RoFormerSim` joins the Transformer of `sjedu.roformer`, its tokenizer and a pooling. A text alone is encoded in both
directions; a second text behind it is written from left to right under `sjedu.roformer.prefix_mask`, and the first
does not see it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sjedu.checks import check_choice, check_count
from sjedu.roformer import (
    LanguageModel,
    Pooling,
    RoFormer,
    Tokenizer,
    load_language_model,
    load_tokenizer,
    padding_mask,
    pool_states,
    prefix_mask,
    save_pretrained,
    sentence_vectors,
)
from sjedu.roformer_sim.decoding import BEYOND, COPY, DUPLICATE, Candidate, sample
from sjedu.roformer_sim.losses import target_positions

Small: TypeAlias = Literal["sim", "student"]

#: The models that come with the package.
SMALL: tuple[Small, ...] = get_args(Small)

_SETTINGS = "sim.json"
#: Corpus rows a block of the search's matrix product.
_BLOCK = 4096


class Hits(NamedTuple):
    """The nearest texts of a corpus for each query, best first: cosines, and their places in the corpus."""

    scores: Float[Tensor, "queries k"]
    indices: Int64[Tensor, "queries k"]


class RoFormerSim(nn.Module):
    """A sentence encoder and paraphrase writer in one.

        model = load_small()
        model.similarity(["信用卡丢了怎么办"], ["怎么挂失信用卡"])
        model.search(["怎么挂失信用卡"], corpus, k=5)
        model.generate("信用卡丢了怎么办", 5)

    Args:
        language_model: the Transformer with its head over words.
        tokenizer: of its vocabulary.
        pooling: how a text's vector is made, see `sjedu.roformer.sentence_vectors`.
        max_length: in tokens, of a text with its [CLS] and [SEP]; source and target together have twice as many.

    Raises:
        ValueError: if the tokenizer has another number of tokens than the model, if the pooling is unknown or needs
            a pooler that the model lacks, or if the model has no room for two texts of max_length.
    """

    def __init__(
        self,
        language_model: LanguageModel,
        tokenizer: Tokenizer,
        pooling: Pooling = "cls",
        max_length: int = 64,
    ) -> None:
        super().__init__()
        config = language_model.config
        if len(tokenizer) != config.vocab_size:
            raise ValueError(
                f"tokenizer: got {len(tokenizer)} tokens; expected {config.vocab_size}, the model's vocab_size"
            )
        check_choice("pooling", pooling, get_args(Pooling))
        if pooling in ("pooler", "linear") and not config.pooler:
            raise ValueError(f"pooling: got {pooling!r}; expected another, as the model has no pooler")
        if not 3 <= max_length <= config.max_position_embeddings // 2:
            raise ValueError(
                f"max_length: got {max_length}; expected 3 to {config.max_position_embeddings // 2}, half of the"
                " model's max_position_embeddings"
            )
        self.language_model = language_model
        self.tokenizer = tokenizer
        self.pooling: Pooling = pooling
        self.max_length = max_length

    @property
    def encoder(self) -> RoFormer:
        """The Transformer without its head."""
        return self.language_model.roformer

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.language_model.bias.device

    def forward(
        self,
        ids: Int64[Tensor, "batch tokens"],
        types: Int64[Tensor, "batch tokens"],
        lengths: Int64[Tensor, " batch"],
        source_lengths: Int64[Tensor, " batch"],
    ) -> Float[Tensor, "batch columns"]:
        """Return all that the training losses need of each row ``[CLS] source [SEP] target [SEP]``.

        Columns 0 .. dim-1 are the source's vector, which has not seen the target; then come the summed negative
        log-likelihood of the target's tokens, and their number (`unpack` takes them apart). A row may have no target.
        Rows depend on their own texts alone, so lesson 7's `accumulate` can take them in micro-batches.
        """
        size = ids.shape[1]
        mask = prefix_mask(source_lengths, size) & padding_mask(lengths, size)
        states = self.encoder.hidden_states(ids, mask=mask, types=types)
        vectors = pool_states(self.encoder, states, source_lengths, self.pooling)
        where = target_positions(lengths, source_lengths, size)
        logits = self.language_model.logits(states[-1][where])
        each = F.cross_entropy(logits.float(), ids.roll(-1, dims=1)[where], reduction="none")
        nll = each.new_zeros(len(ids)).index_add(0, where.nonzero()[:, 0], each)
        columns = [vectors.float(), nll[:, None], (lengths - source_lengths)[:, None].float()]
        return torch.cat(columns, dim=1)

    def vectors(
        self, ids: Int64[Tensor, "batch tokens"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch dim"]:
        """Return the vectors of texts without targets, with their gradient; `encode` is for use."""
        return sentence_vectors(self.encoder, ids, lengths, self.pooling)

    # ------------------------------------------------------------ retrieval

    def encode(
        self,
        texts: Sequence[str],
        *,
        batch_size: int = 64,
        normalize: bool = True,
        pooling: Pooling | None = None,
    ) -> Float[Tensor, "texts dim"]:
        """Return a vector for each text, without gradient and without dropout.

        Texts of like lengths are encoded together, and come back in the order given.

        Args:
            texts: at least one.
            batch_size: texts at a time.
            normalize: to length 1, so that inner products are cosines.
            pooling: another than the model's own.

        Raises:
            TypeError: if texts is one string and not a sequence of them.
            ValueError: if there is no text, one is empty or has more than max_length tokens, batch_size is less
                than 1, or the pooling is unknown.
        """
        _check_texts("texts", texts)
        check_count("batch_size", batch_size)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = None
        with _Evaluating(self):
            for start in range(0, len(order), batch_size):
                part = order[start : start + batch_size]
                batch = self.tokenizer.encode([texts[i] for i in part], max_length=self.max_length)
                batch = batch.to(self.device)
                some = sentence_vectors(self.encoder, batch.ids, batch.lengths, pooling or self.pooling)
                if vectors is None:
                    vectors = some.new_empty(len(texts), some.shape[1])
                vectors[torch.tensor(part, device=some.device)] = some
        assert vectors is not None
        return F.normalize(vectors.float(), dim=1) if normalize else vectors

    def similarity(self, first: Sequence[str], second: Sequence[str]) -> Float[Tensor, " pairs"]:
        """Return the cosine of each pair's vectors.

        Raises:
            ValueError: if the numbers of texts differ; else as `encode`.
        """
        _check_texts("first", first)
        _check_texts("second", second)
        if len(first) != len(second):
            raise ValueError(
                f"first and second: got {len(first)} and {len(second)} texts; expected the same number"
            )
        both = self.encode([*first, *second])
        return (both[: len(first)] * both[len(first) :]).sum(dim=1)

    def search(
        self, queries: Sequence[str], corpus: Sequence[str] | Float[Tensor, "texts dim"], k: int = 10
    ) -> Hits:
        """Return the k nearest texts of a corpus for each query: exactly, by comparing with all of them.

        Args:
            queries: at least one.
            corpus: the texts, or their vectors from `encode`.
            k: how many to return.

        Raises:
            ValueError: if k is not in 1 .. the size of the corpus; else as `encode`.
        """
        known = corpus if isinstance(corpus, Tensor) else self.encode(corpus)
        if not 1 <= k <= len(known):
            raise ValueError(f"k: got {k}; expected 1 to {len(known)}, the size of the corpus")
        return nearest(self.encode(queries), known, k)

    # ------------------------------------------------------------ generation

    def generate(
        self,
        text: str,
        n: int = 5,
        *,
        candidates: int | None = None,
        top_p: float = 0.95,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> list[str]:
        """Write up to n paraphrases of a text, nearest to it first.

        More are sampled than are wanted (`candidates`); copies of the text, duplicates and unfinished ones are dropped,
        and the rest is ranked by the model's own similarity to the text. Parts of the text that are hidden by
        [MASK] are filled in.

        Args:
            text: the source, which may contain [MASK].
            n: how many paraphrases at most.
            candidates: how many to sample; 4 n unless given.
            top_p: mass of the nucleus, in (0, 1].
            temperature: above 1 flattens, below 1 sharpens.
            generator: of the samples, on the model's device; by default PyTorch's own.

        Raises:
            ValueError: if an argument is out of its range, or the text is empty or too long; says which.

        Source: gen_synonyms in test/generate.py of ZhuiyiTechnology/roformer-sim.
        """
        samples = self.candidates(
            text, n, candidates=candidates, top_p=top_p, temperature=temperature, generator=generator
        )
        return [candidate.text for candidate in samples if candidate.dropped is None]

    def candidates(
        self,
        text: str,
        n: int = 5,
        *,
        candidates: int | None = None,
        top_p: float = 0.95,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> list[Candidate]:
        """Return every sample that `generate` draws, and why it was dropped; the kept ones first, best first.

        Arguments and errors as in `generate`.
        """
        check_count("n", n)
        count = 4 * n if candidates is None else candidates
        check_count("candidates", count, n)
        (samples,) = self.sample([text], count, top_p=top_p, temperature=temperature, generator=generator)
        return self.rank(text, samples, n)

    def sample(
        self,
        texts: Sequence[str],
        count: int,
        *,
        top_p: float = 0.95,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> list[list[Candidate]]:
        """Sample `count` texts for each of some sources, all together, without ranking; see `decoding.sample`."""
        return sample(
            self.language_model,
            self.tokenizer,
            texts,
            count,
            max_length=self.max_length,
            top_p=top_p,
            temperature=temperature,
            generator=generator,
        )

    def rank(self, text: str, samples: Sequence[Candidate], n: int) -> list[Candidate]:
        """Say of each sample why it does not count, and put the n that are nearest to the source first.

        A sample counts if it is finished, no copy of the source, and no duplicate of one before it.
        """
        source = self.tokenizer.decode(self.tokenizer.ids(text))
        seen: set[str] = set()
        fresh: list[Candidate] = []
        others: list[Candidate] = []
        for each in samples:
            again = COPY if each.text == source else DUPLICATE if each.text in seen else None
            reason = each.dropped or again
            seen.add(each.text)
            (fresh if reason is None else others).append(replace(each, dropped=reason))
        if not fresh:
            return others
        vectors = self.encode([text, *(each.text for each in fresh)])
        cosines = (vectors[1:] @ vectors[0]).tolist()
        order = sorted(range(len(fresh)), key=lambda k: -cosines[k])
        scored = [replace(fresh[k], similarity=cosines[k]) for k in order]
        return [*scored[:n], *(replace(each, dropped=BEYOND) for each in scored[n:]), *others]

    # ------------------------------------------------------------ weights

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        pooling: Pooling | None = None,
        max_length: int | None = None,
        dropout: float | None = None,
        revision: str | None = None,
        local_only: bool = False,
    ) -> RoFormerSim:
        """Return the model of a folder, or of a name on the Hugging Face hub.

        That may be one of ours, or a published RoFormer-Sim or SimBERT in PyTorch's form, such as
        "junnyu/roformer_chinese_sim_char_base". What a folder does not say is taken as it was published: the pooler
        without tanh where there is one, texts of 64 tokens. Dropout, revision and local_only are as in
        `sjedu.roformer.load_encoder`.

        Raises:
            WeightsError: if the checkpoint does not hold this model, whole.
            FileNotFoundError: if it is neither there nor to be had.
            ValueError: if dropout is not in [0, 1); else as `RoFormerSim`.
        """
        language_model = load_language_model(
            source, dropout=dropout, revision=revision, local_only=local_only
        )
        tokenizer = load_tokenizer(source, revision=revision, local_only=local_only)
        path = Path(source) / _SETTINGS
        stated = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        published: Pooling = "linear" if language_model.config.pooler else "cls"
        room = language_model.config.max_position_embeddings // 2
        return cls(
            language_model,
            tokenizer,
            pooling or stated.get("pooling", published),
            max_length or stated.get("max_length", min(64, room)),
        ).eval()

    def save_pretrained(self, folder: str | Path, *, dtype: torch.dtype = torch.float32) -> None:
        """Write the weights as Transformers does, the tokenizer, and in ``sim.json`` pooling and max_length."""
        save_pretrained(self.language_model, folder, self.tokenizer, dtype=dtype)
        settings = json.dumps({"pooling": self.pooling, "max_length": self.max_length})
        (Path(folder) / _SETTINGS).write_text(settings + "\n", encoding="utf-8")


def load_small(name: Small = "sim", *, dropout: float | None = None) -> RoFormerSim:
    """Return one of the small models that come with the package. Their cards lie beside them.

    "sim" learnt questions and statements, with generation, contrast and noise; "student" is a quarter as wide, and
    learnt the geometry of a distilled model. Dropout is as in `sjedu.roformer.load_encoder`.

    Raises:
        ValueError: if there is no such model, or dropout is not in [0, 1).
        FileNotFoundError: if this copy of the package came without them.
    """
    check_choice("name", name, SMALL)
    folder = Path(str(resources.files("sjedu.roformer_sim"))) / "small" / name
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: the small models are not in this copy of the package; `python -m sjedu train roformer_sim"
            f" --preset cpu --directory DIR` trains one anew and leaves it in DIR/model"
        )
    return RoFormerSim.from_pretrained(folder, dropout=dropout)


class Rows(NamedTuple):
    """What `RoFormerSim.forward` returns, taken apart."""

    vectors: Float[Tensor, "batch dim"]
    nll: Float[Tensor, " batch"]
    tokens: Float[Tensor, " batch"]


def unpack(rows: Float[Tensor, "batch columns"]) -> Rows:
    """Take apart the source vectors, the targets' negative log-likelihoods, and their numbers of tokens."""
    return Rows(rows[:, :-2], rows[:, -2], rows[:, -1])


@torch.no_grad()
def nearest(queries: Float[Tensor, "queries dim"], corpus: Float[Tensor, "texts dim"], k: int) -> Hits:
    """Return the k largest inner products of each query with a corpus, block by block."""
    scores = queries.new_empty(len(queries), 0)
    indices = torch.empty(len(queries), 0, dtype=torch.int64, device=queries.device)
    for start in range(0, len(corpus), _BLOCK):
        block = queries @ corpus[start : start + _BLOCK].mT
        places = torch.arange(start, start + block.shape[1], device=queries.device).expand_as(block)
        scores, indices = torch.cat([scores, block], dim=1), torch.cat([indices, places], dim=1)
        scores, chosen = scores.topk(min(k, scores.shape[1]), dim=1)
        indices = indices.gather(1, chosen)
    return Hits(scores, indices)


class _Evaluating:
    """No gradient and no dropout within; afterwards as before."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def __enter__(self) -> None:
        self.was_training = self.model.training
        self.no_grad = torch.no_grad()
        self.no_grad.__enter__()
        self.model.eval()

    def __exit__(self, *_: object) -> None:
        self.model.train(self.was_training)
        self.no_grad.__exit__(None, None, None)


def _check_texts(name: str, texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise TypeError(f"{name}: got one string; expected a sequence of texts, such as [{texts!r}]")
    if not texts:
        raise ValueError(f"{name}: got none; expected at least one text")
