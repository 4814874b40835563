"""From Chinese text to token ids and back, in the form that BERT and RoFormer use, by 🤗 Tokenizers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Bool, Int64
from tokenizers import Tokenizer as FastTokenizer
from tokenizers import models, normalizers, pre_tokenizers
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from sjedu.checks import check_choice

Level: TypeAlias = Literal["character", "word"]
Span: TypeAlias = tuple[int, int]

#: In characters; longer entries of published vocabularies are not words.
_LONGEST_WORD = 8

PAD, UNKNOWN, CLS, SEP, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, eq=False)
class Batch:
    """Texts as the model reads them.

    Attributes:
        ids: padded behind with [PAD].
        types: 0 for the first text and its [CLS] and [SEP], 1 for the second text and its [SEP].
        lengths: how many tokens each has.
        source_lengths: how many of them are the first text's, [CLS] and [SEP] included.
    """

    ids: Int64[Tensor, "batch tokens"]
    types: Int64[Tensor, "batch tokens"]
    lengths: Int64[Tensor, " batch"]
    source_lengths: Int64[Tensor, " batch"]

    @property
    def inside(self) -> Bool[Tensor, "batch tokens"]:
        """True where a token is not padding."""
        return torch.arange(self.ids.shape[1], device=self.ids.device) < self.lengths[:, None]

    @property
    def mask(self) -> Bool[Tensor, "batch 1 tokens"]:
        """Who may be seen: every token but the padding."""
        return self.inside[:, None]

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on a device."""
        return Batch(*(part.to(device) for part in (self.ids, self.types, self.lengths, self.source_lengths)))


class Tokenizer:
    """Chinese by characters, everything else by word pieces; or by words where the vocabulary has them.

    Args:
        vocabulary: the tokens, in order of their ids: [PAD], [UNK], [CLS], [SEP], [MASK] among them; "##x" is a
            piece inside a word.
        level: "character" as in BERT and in RoFormer-Sim. "word" takes the longest word of the vocabulary from the
            left; RoFormer's word models were trained on what jieba cuts, which differs in places.

    Raises:
        ValueError: if a special token is missing, or a token occurs twice.
    """

    def __init__(self, vocabulary: Sequence[str], level: Level = "character") -> None:
        ids = {token: i for i, token in enumerate(vocabulary)}
        if missing := [token for token in SPECIAL if token not in ids]:
            raise ValueError(f"vocabulary: got none of {', '.join(missing)}; expected all special tokens")
        if len(ids) != len(vocabulary):
            twice = next(token for i, token in enumerate(vocabulary) if ids[token] != i)
            raise ValueError(f"vocabulary: got {twice!r} twice; expected each token once")
        check_choice("level", level, get_args(Level))
        self.vocabulary = tuple(vocabulary)
        self.level = level
        self._ids = ids
        self._fast = _fast_tokenizer(ids)

    def __len__(self) -> int:
        return len(self.vocabulary)

    @classmethod
    def for_texts(
        cls, texts: Iterable[str], *, always: str = "", least: int = 3, unused: int = 32
    ) -> Tokenizer:
        """Make a character vocabulary for texts: special tokens, [unused1] …, ASCII pieces, characters by frequency.

        A character must occur `least` times, or be one of `always`.
        """
        counts = Counter(character for text in texts for character in text.lower())
        frequent = {c for c, count in counts.items() if count >= least} | set(always)
        pieces = "abcdefghijklmnopqrstuvwxyz0123456789"
        tokens = [PAD, *(f"[unused{i}]" for i in range(1, unused + 1)), *SPECIAL[1:]]
        tokens += [*pieces, *(f"##{piece}" for piece in pieces)]
        others = sorted(frequent, key=lambda c: (-counts[c], c))
        known = set(tokens)
        return cls([*tokens, *(c for c in others if c not in known and not c.isspace())])

    @classmethod
    def load(cls, folder: str | Path, level: Level | None = None) -> Tokenizer:
        """Read ``vocab.txt`` of a folder, one token a line; ``tokenizer_config.json`` beside it may say the level."""
        path = Path(folder) / "vocab.txt"
        if not path.is_file():
            raise FileNotFoundError(f"{path}: there is no vocabulary")
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        config = path.with_name("tokenizer_config.json")
        stated = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
        return cls([line.removesuffix("\r") for line in lines], level or stated.get("level", "character"))

    def save(self, folder: str | Path) -> None:
        """Write ``vocab.txt``, and what Transformers' ``BertTokenizerFast`` wants to know."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        (path / "vocab.txt").write_text("".join(f"{token}\n" for token in self.vocabulary), encoding="utf-8")
        config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "level": self.level}
        (path / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")

    def id(self, token: str) -> int:
        """Return the id of a token.

        Raises:
            ValueError: if it is not one token of the vocabulary; says how it would be cut.
        """
        if token not in self._ids:
            pieces = " ".join(self.tokens(token)) if token else "nothing"
            raise ValueError(
                f"token: got {token!r}, which is cut into {pieces}; expected one token of the vocabulary"
            )
        return self._ids[token]

    @property
    def mask_id(self) -> int:
        """The id of [MASK]."""
        return self._ids[MASK]

    @property
    def pad_id(self) -> int:
        """The id of [PAD]."""
        return self._ids[PAD]

    @property
    def special_ids(self) -> frozenset[int]:
        """The ids of [PAD], [UNK], [CLS], [SEP], [MASK]."""
        return frozenset(self._ids[token] for token in SPECIAL)

    def unused_id(self, number: int) -> int:
        """Return the id of [unused1], [unused2], ...

        Raises:
            ValueError: if the vocabulary has no such token.
        """
        name = f"[unused{number}]"
        if name not in self._ids:
            raise ValueError(
                f"number: got {number}; expected an unused token of the vocabulary, which lacks {name}"
            )
        return self._ids[name]

    def tokens(self, text: str) -> list[str]:
        """Return how a text is cut, without [CLS] and [SEP]."""
        return [self.vocabulary[i] for i in self.ids(text)]

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text's tokens, without [CLS] and [SEP]."""
        return [i for i, _ in self._cut(text)]

    def spans(self, text: str) -> list[Span]:
        """Return where each token of `ids` stands in the text: first and last character plus one."""
        return [span for _, span in self._cut(text)]

    def _cut(self, text: str) -> Iterable[tuple[int, Span]]:
        cut = self._fast.encode(text, add_special_tokens=False)
        if self.level == "character":
            return zip(cut.ids, cut.offsets, strict=True)
        return self._words(text, cut.ids, cut.offsets)

    def _words(self, text: str, ids: list[int], spans: list[Span]) -> Iterator[tuple[int, Span]]:
        """Join neighbouring tokens to the longest word of the vocabulary, from the left."""
        start = 0
        while start < len(ids):
            for end in range(min(len(ids), start + _LONGEST_WORD), start + 1, -1):
                span = spans[start][0], spans[end - 1][1]
                word = self._ids.get(text[slice(*span)].lower())
                if word is not None:
                    yield word, span
                    start = end
                    break
            else:
                yield ids[start], spans[start]
                start += 1

    def encode(
        self, first: Sequence[str], second: Sequence[str] | None = None, *, max_length: int = 512
    ) -> Batch:
        """Return ``[CLS] first [SEP]``, or of pairs ``[CLS] first [SEP] second [SEP]``, padded to the longest.

        Raises:
            ValueError: if there are no texts, if one has no token, or has more than max_length; says which.
        """
        if not first or (second is not None and len(second) != len(first)):
            number = None if second is None else len(second)
            raise ValueError(
                f"first and second: got {len(first)} and {number} texts; expected the same number, not 0"
            )
        sources = [[self._ids[CLS], *self._some_ids(text), self._ids[SEP]] for text in first]
        targets = [[*self._some_ids(text), self._ids[SEP]] for text in second or ()] or [[] for _ in first]
        rows = [source + target for source, target in zip(sources, targets, strict=True)]
        for i, row in enumerate(rows):
            if len(row) > max_length:
                text = first[i] if second is None else f"{first[i]} / {second[i]}"
                raise ValueError(f"text {i}: got {len(row)} tokens; expected at most {max_length}: {text!r}")
        ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=self.pad_id)
        lengths = torch.tensor([len(row) for row in rows])
        source_lengths = torch.tensor([len(source) for source in sources])
        places = torch.arange(ids.shape[1])
        types = (places >= source_lengths[:, None]) & (places < lengths[:, None])
        return Batch(ids, types.long(), lengths, source_lengths)

    def decode(self, ids: Iterable[int] | Int64[Tensor, " tokens"]) -> str:
        """Return the text of token ids, without special tokens; a word's pieces are joined again."""
        kept = [int(i) for i in ids if int(i) not in self.special_ids]
        text = ""
        for token in (self.vocabulary[i] for i in kept):
            joined = token.startswith("##")
            piece = token.removeprefix("##")
            spaced = not joined and text[-1:].isascii() and text[-1:].isalnum() and piece[:1].isascii()
            text += f" {piece}" if spaced and piece[:1].isalnum() else piece
        return text

    def _some_ids(self, text: str) -> list[int]:
        ids = self.ids(text)
        if not ids:
            raise ValueError(f"text: got {text!r}; expected at least one token")
        return ids


def _fast_tokenizer(ids: dict[str, int]) -> FastTokenizer:
    fast = FastTokenizer(models.WordPiece(ids, unk_token=UNKNOWN))
    fast.normalizer = normalizers.BertNormalizer(lowercase=True)
    fast.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    fast.add_special_tokens([token for token in ids if token in SPECIAL or token.startswith("[unused")])
    return fast
