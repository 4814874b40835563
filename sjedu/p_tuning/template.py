"""Templates and verbalisers: a classification task as a cloze, for masked and for causal language models.

A template (模版) says where prompt tokens, words, the text and the blank stand::

    Template("{mask}满意。{text}")                        words, as in PET
    Template("{prompt:3}{mask}{prompt:3}{text}")          tokens that mean nothing yet, as in P-tuning
    Template("{prompt:3}{text}{prompt:3}{mask}", "lm")    a causal model can only fill in the end

and a verbaliser (标签词) says which word in the blank means which class.
Source: kexue.fm/archives/8295, sections on templates and on P-tuning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sjedu.checks import check_choice
from sjedu.roformer import Tokenizer

Kind: TypeAlias = Literal["mlm", "lm"]

#: The slots of a template; anything else in braces is an error.
_SLOT = re.compile(r"\{(text|mask|prompt)(?::(\d+))?\}")


@dataclass(frozen=True)
class Vocabulary:
    """What this room asks of a tokenizer, whoever made it.

    Attributes:
        encode: a text to the ids of its tokens, without special tokens.
        id_of: the id of one token, or None where the vocabulary lacks it.
        token_of: the token of an id.
        size: how many tokens there are.
        pad: id of the padding.
        begin: id before a text ([CLS]; a causal model's begin of text).
        end: id after a text, for masked models ([SEP]).
        mask: id of [MASK]; None for causal models without one.
        prompts: ids of the tokens that prompts are made of: [unused1], [unused2], ... where the vocabulary has
            them, else ids behind its end, which only a `PromptedEmbedding` can look up.
    """

    encode: Callable[[str], list[int]]
    id_of: Callable[[str], int | None]
    token_of: Callable[[int], str]
    size: int
    pad: int
    begin: int
    end: int
    mask: int | None
    prompts: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Any, prompts: int = 16) -> Vocabulary:
        """Wrap our tokenizer, or one of 🤗 Tokenizers or of Transformers.

        Args:
            tokenizer: to wrap.
            prompts: how many prompt tokens to provide for.

        Raises:
            ValueError: prompts is negative.
            TypeError: the tokenizer is of another kind, or has no token to begin or to end a text with.
        """
        if prompts < 0:
            raise ValueError(f"prompts: got {prompts}; expected 0 or more")
        encode, lookup, token_of, size = _reader(tokenizer)

        def first(*names: str | None) -> int | None:
            tokens = (lookup(name) for name in names if name)
            return next((token for token in tokens if token is not None), None)

        def special(name: str) -> str | None:
            value = getattr(tokenizer, f"{name}_token", None)
            return value if isinstance(value, str) else None

        begin = first(special("cls"), special("bos"), "[CLS]", special("eos"))
        end = first(special("sep"), special("eos"), "[SEP]")
        pad = first(special("pad"), "[PAD]")
        if begin is None or end is None:
            raise TypeError(
                f"tokenizer: got {type(tokenizer).__name__}; expected tokens to begin and to end a text with"
            )
        unused = [lookup(f"[unused{n}]") for n in range(1, prompts + 1)]
        known = [token for token in unused if token is not None]
        ids = known if len(known) == prompts else list(range(size, size + prompts))
        return cls(
            encode, lookup, token_of, size, end if pad is None else pad, begin, end,
            first(special("mask"), "[MASK]"), tuple(ids),
        )  # fmt: skip

    def word(self, word: str) -> int:
        """Return the id of a word that is exactly one token.

        Raises:
            ValueError: it is none, or several; names the word and its tokens.
        """
        token = self.id_of(word)
        if token is not None:
            return token
        ids = self.encode(word)
        if len(ids) != 1 or self.token_of(ids[0]).lower() in ("[unk]", "<unk>"):
            tokens = ", ".join(map(self.token_of, ids)) or "none"
            raise ValueError(f"word: got {word!r}, whose tokens are {tokens}; expected one of the vocabulary")
        return ids[0]

    def word_ids(self) -> list[int]:
        """Return the ids of all words: what is neither in brackets, as [CLS] and [unused1] are, nor a piece of one."""
        return [token for token in range(self.size) if not self.token_of(token).startswith(("[", "<", "##"))]

    def describe(self, ids: Sequence[int]) -> list[str]:
        """Return tokens for people to read: prompt tokens as [P1], [P2], ..."""
        numbers = {token: f"[P{n}]" for n, token in enumerate(self.prompts, start=1)}
        return [numbers[token] if token in numbers else self.token_of(token) for token in map(int, ids)]


def _reader(
    tokenizer: Any,
) -> tuple[Callable[[str], list[int]], Callable[[str], int | None], Callable[[int], str], int]:
    """Encode, look up, look back, and the size, for a tokenizer of ours or of either library."""
    if isinstance(tokenizer, Tokenizer):
        numbers = {token: number for number, token in enumerate(tokenizer.vocabulary)}
        return tokenizer.ids, numbers.get, tokenizer.vocabulary.__getitem__, len(tokenizer)
    if hasattr(tokenizer, "convert_tokens_to_ids"):  # Transformers
        known: dict[str, int] = tokenizer.get_vocab()
        return (
            lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
            known.get,
            lambda token: str(tokenizer.convert_ids_to_tokens(int(token))),
            len(tokenizer),
        )
    if hasattr(tokenizer, "token_to_id") and hasattr(tokenizer, "id_to_token"):  # Tokenizers
        return (
            lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids),
            tokenizer.token_to_id,
            lambda token: str(tokenizer.id_to_token(int(token))),
            int(tokenizer.get_vocab_size()),
        )
    raise TypeError(
        f"tokenizer: got {type(tokenizer).__name__}; expected ours, or one of Transformers or of 🤗 Tokenizers"
    )


@dataclass(frozen=True, eq=False)
class Filled:
    """A batch of filled templates.

    Attributes:
        ids: the tokens, padded at the end.
        attention_mask: true where a token stands.
        answer: where the logits of the blank are read: the blank itself for masked models, the token before it
            for causal ones.
        text: true where the text stands, which auxiliary objectives may ask for.
    """

    ids: Int64[Tensor, "batch tokens"]
    attention_mask: Bool[Tensor, "batch tokens"]
    answer: Int64[Tensor, " batch"]
    text: Bool[Tensor, "batch tokens"]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, chosen: Int64[Tensor, " chosen"] | slice) -> Filled:
        """Return some of the batch, without the padding that none of them needs."""
        longest = int(self.attention_mask[chosen].sum(dim=1).max())
        return Filled(
            self.ids[chosen, :longest],
            self.attention_mask[chosen, :longest],
            self.answer[chosen],
            self.text[chosen, :longest],
        )

    def to(self, device: torch.device | str) -> Filled:
        """Return the batch on a device."""
        return Filled(*(part.to(device) for part in (self.ids, self.attention_mask, self.answer, self.text)))


@dataclass(frozen=True)
class Template:
    """Where prompt tokens, words, text and blank stand.

    Attributes:
        pattern: words, ``{text}`` and ``{mask}`` once each, and ``{prompt:n}`` for n prompt tokens as often as
            wished. Prompt tokens are numbered from left to right.
        kind: "mlm" for masked language models; "lm" for causal ones, where the blank must be at the end.

    Raises:
        ValueError: the text or the blank is missing or there twice, there are other braces, or the blank of a
            causal model is not at the end.
    """

    pattern: str
    kind: Kind = "mlm"

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, get_args(Kind))
        slots = [match.group(1) for match in _SLOT.finditer(self.pattern)]
        for name in ("text", "mask"):
            if slots.count(name) != 1:
                raise ValueError(
                    f"pattern: got {self.pattern!r} with {{{name}}} {slots.count(name)} times; expected it once"
                )
        if left := re.findall(r"\{[^}]*\}?|\}", _SLOT.sub("", self.pattern)):
            raise ValueError(
                f"pattern: got {self.pattern!r} with {left[0]!r}; expected {{text}}, {{mask}} or {{prompt:n}}"
            )
        if self.kind == "lm" and not self.pattern.endswith("{mask}"):
            raise ValueError(
                f"pattern: got {self.pattern!r}; expected {{mask}} at its end, where a causal model predicts"
            )

    @property
    def prompt_tokens(self) -> int:
        """How many prompt tokens there are."""
        return sum(
            int(match.group(2) or 1) for match in _SLOT.finditer(self.pattern) if match.group(1) == "prompt"
        )

    def fill(self, texts: Sequence[str], vocabulary: Vocabulary, max_length: int = 128) -> Filled:
        """Fill in texts; where one is too long, its end is cut off, never the template.

        Args:
            texts: to fill in.
            vocabulary: to encode with.
            max_length: tokens of the longest result, special ones included.

        Raises:
            ValueError: there is no text or an empty one, the template alone leaves no room for one token of text,
                there are not enough prompt tokens, or a masked model's vocabulary has no [MASK].
        """
        before, after = self._around(vocabulary)
        room = max_length - len(before) - len(after)
        if room < 1:
            raise ValueError(
                f"max_length: got {max_length}; expected more than the {len(before) + len(after)} tokens of the"
                f" template {self.pattern!r}"
            )
        return _padded(
            [(before, ids[:room], after) for ids in _encoded(texts, vocabulary)],
            vocabulary,
            self._answer(before, after, vocabulary),
        )

    def _around(self, vocabulary: Vocabulary) -> tuple[list[int], list[int]]:
        """The tokens before and after the text."""
        if self.prompt_tokens > len(vocabulary.prompts):
            raise ValueError(
                f"pattern: got {self.pattern!r} with {self.prompt_tokens} prompt tokens; expected at most"
                f" {len(vocabulary.prompts)}, as many as the vocabulary provides"
            )
        prompts = iter(vocabulary.prompts)
        before, after = [vocabulary.begin], list[int]()
        part, place = before, 0
        for match in _SLOT.finditer(self.pattern):
            part += vocabulary.encode(self.pattern[place : match.start()])
            place = match.end()
            if match.group(1) == "text":
                part = after
            elif match.group(1) == "prompt":
                part += [next(prompts) for _ in range(int(match.group(2) or 1))]
            elif self.kind == "mlm":
                if vocabulary.mask is None:
                    raise ValueError(
                        "vocabulary: got none with [MASK]; expected it for a template of kind 'mlm'"
                    )
                part.append(vocabulary.mask)
        part += vocabulary.encode(self.pattern[place:])
        return before, after if self.kind == "lm" else [*after, vocabulary.end]

    def _answer(
        self, before: Sequence[int], after: Sequence[int], vocabulary: Vocabulary
    ) -> Callable[[int], int]:
        """Where the logits of the blank are read, for a text of so many tokens."""
        if self.kind == "lm":
            return lambda length: len(before) + length + len(after) - 1
        if vocabulary.mask in before:
            return lambda _: before.index(vocabulary.mask or 0)
        return lambda length: len(before) + length + after.index(vocabulary.mask or 0)


def plain(texts: Sequence[str], vocabulary: Vocabulary, max_length: int = 128, kind: Kind = "mlm") -> Filled:
    """Encode texts without a template, for models with a dense head: ``answer`` is the first or last token.

    Raises:
        ValueError: there is no text or an empty one, or no room.
    """
    end = [vocabulary.end] if kind == "mlm" else []
    room = max_length - 1 - len(end)
    if room < 1:
        raise ValueError(f"max_length: got {max_length}; expected room for a token of text")
    rows = [([vocabulary.begin], ids[:room], end) for ids in _encoded(texts, vocabulary)]
    return _padded(rows, vocabulary, (lambda _: 0) if kind == "mlm" else (lambda length: length))


def _encoded(texts: Sequence[str], vocabulary: Vocabulary) -> list[list[int]]:
    if isinstance(texts, str):
        raise TypeError(f"texts: got one string, {texts[:20]!r}; expected a sequence of texts")
    if not texts:
        raise ValueError("texts: got none; expected at least one")
    encoded = [vocabulary.encode(text) for text in texts]
    for number, ids in enumerate(encoded):
        if not ids:
            raise ValueError(f"texts: got {texts[number]!r} as number {number}; expected at least one token")
    return encoded


def _padded(
    rows: Sequence[tuple[Sequence[int], Sequence[int], Sequence[int]]],
    vocabulary: Vocabulary,
    answer: Callable[[int], int],
) -> Filled:
    length = max(sum(map(len, row)) for row in rows)
    ids = torch.full((len(rows), length), vocabulary.pad)
    mask, text = torch.zeros(2, len(rows), length, dtype=torch.bool)
    for number, (before, middle, after) in enumerate(rows):
        line = [*before, *middle, *after]
        ids[number, : len(line)] = torch.tensor(line)
        mask[number, : len(line)] = True
        text[number, len(before) : len(before) + len(middle)] = True
    return Filled(ids, mask, torch.tensor([answer(len(middle)) for _, middle, _ in rows]), text)


@dataclass(frozen=True)
class Verbalizer:
    """Which word in the blank means which class.

    Attributes:
        words: of each class, in the order of the labels; each one token.

    Raises:
        ValueError: there are fewer than two classes, or a word stands for two of them.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.words) < 2:
            raise ValueError(f"words: got {self.words!r}; expected a word for each of two classes or more")
        if len(set(self.words)) != len(self.words):
            raise ValueError(f"words: got {self.words!r}; expected different words for different classes")

    def ids(self, vocabulary: Vocabulary) -> tuple[int, ...]:
        """Return the words' ids; errors as in `Vocabulary.word`."""
        return tuple(vocabulary.word(word) for word in self.words)

    def logits(
        self, logits: Float[Tensor, "batch vocabulary"], vocabulary: Vocabulary
    ) -> Float[Tensor, "batch classes"]:
        """Return of all logits those of the words: the scores of the classes."""
        return logits[:, list(self.ids(vocabulary))]


def check_labels(labels: Int64[Tensor, " batch"], classes: int) -> None:
    """Refuse labels that name no class.

    Raises:
        ValueError: a label is not in 0 ... classes − 1; names it.
    """
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < classes):
        wrong = int(labels[(labels < 0) | (labels >= classes)][0])
        raise ValueError(f"labels: got {wrong}; expected 0 to {classes - 1}")
