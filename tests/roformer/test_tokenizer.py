"""Cutting text, and putting it together again: like BERT's tokenizer, and by words."""

import inspect

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sjedu.roformer import Tokenizer
from sjedu.roformer.tokenizer import SPECIAL

CHARACTERS = Tokenizer.for_texts(["今天天气很好，我不喜欢下雨。abc 123"], least=1, unused=4)
WORDS = Tokenizer([*CHARACTERS.vocabulary, "今天", "天气", "天气很好", "喜欢"], "word")
TEXTS = st.text(alphabet="今天气很好我不喜欢下雨abc12，。", min_size=1, max_size=12)


@given(TEXTS)
def test_characters_come_back(text):
    assert CHARACTERS.decode(CHARACTERS.ids(text)) == text
    assert WORDS.decode(WORDS.ids(text)) == text


@given(TEXTS)
def test_spans_cover_the_text(text):
    for tokenizer in (CHARACTERS, WORDS):
        spans = tokenizer.spans(text)
        assert "".join(text[start:end] for start, end in spans) == text
        assert len(spans) == len(tokenizer.ids(text))


def test_it_cuts_as_berts_tokenizer(transformers_model, tmp_path):
    transformers_model("bert")
    from transformers import BertTokenizerFast

    CHARACTERS.save(tmp_path)
    peer = BertTokenizerFast(str(tmp_path / "vocab.txt"))
    for text in ("今天天气很好。", "我 不喜欢ABC abc, 12a!", "[MASK]喜欢下雨", "雪😀天", "a" * 30):
        assert CHARACTERS.tokens(text) == peer.tokenize(text)
        assert CHARACTERS.encode([text]).ids[0].tolist() == peer(text)["input_ids"]
    pair, theirs = CHARACTERS.encode(["今天"], ["下雨。"]), peer("今天", "下雨。")
    assert pair.ids[0].tolist() == theirs["input_ids"]
    assert pair.types[0].tolist() == theirs["token_type_ids"]


def test_words_are_the_longest_from_the_left():
    assert WORDS.tokens("今天天气很好，天气好") == ["今天", "天气很好", "，", "天气", "好"]
    assert WORDS.tokens("天雪喜欢") == ["天", "[UNK]", "喜欢"]  # an unknown character spoils only itself
    assert WORDS.tokens("我[MASK]喜欢") == ["我", "[MASK]", "喜欢"]


def test_a_batch_is_padded_and_knows_its_parts():
    batch = CHARACTERS.encode(["今天好", "我"], ["下雨", "不"])
    assert batch.ids.shape == (2, 8)
    assert batch.lengths.tolist() == [8, 5]
    assert batch.source_lengths.tolist() == [5, 3]
    assert batch.types.tolist() == [[0] * 5 + [1] * 3, [0] * 3 + [1] * 2 + [0] * 3]
    assert torch.equal(batch.ids == CHARACTERS.pad_id, ~batch.inside)
    assert torch.equal(batch.mask[:, 0], batch.inside)
    assert batch.to("cpu").ids.equal(batch.ids)


def test_special_tokens_have_ids_of_their_own():
    assert CHARACTERS.vocabulary[0] == "[PAD]"
    assert [CHARACTERS.unused_id(i) for i in (1, 2, 3, 4)] == [1, 2, 3, 4]
    assert CHARACTERS.ids("[unused2][MASK]") == [2, CHARACTERS.mask_id]
    assert CHARACTERS.decode(CHARACTERS.encode(["今天"]).ids[0]) == "今天"


def test_latin_words_keep_their_spaces():
    tokenizer = Tokenizer([*SPECIAL, "play", "##ing", "games", "好"])
    assert tokenizer.decode(tokenizer.ids("playing games好 games")) == "playing games好games"


def test_a_vocabulary_is_made_by_frequency():
    tokenizer = Tokenizer.for_texts(["天天天地", "天地人"], always="新", least=2)
    assert tokenizer.vocabulary[-3:] == ("天", "地", "新")
    assert len(set(tokenizer.vocabulary)) == len(tokenizer)
    assert tokenizer.tokens("人Z9") == ["[UNK]", "z", "##9"]


def test_it_is_saved_with_its_level(tmp_path):
    for tokenizer in (CHARACTERS, WORDS):
        tokenizer.save(tmp_path)
        loaded = Tokenizer.load(tmp_path)
        assert (loaded.vocabulary, loaded.level) == (tokenizer.vocabulary, tokenizer.level)
    assert Tokenizer.load(tmp_path, "character").level == "character"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Tokenizer(["[PAD]", "好"]), r"vocabulary: got none of \[UNK\], \[CLS\], \[SEP\], \[MASK\]"),
        (lambda: Tokenizer([*SPECIAL, "好", "好"]), "vocabulary: got '好' twice"),
        (
            lambda: inspect.unwrap(Tokenizer.__init__)(WORDS, SPECIAL, "letter"),
            "level: got 'letter'; expected one of 'character', 'word'",
        ),
        (
            lambda: CHARACTERS.id("很好"),
            "token: got '很好', which is cut into 很 好; expected one token",
        ),
        (lambda: CHARACTERS.id(""), "which is cut into nothing"),
        (lambda: CHARACTERS.unused_id(5), r"number: got 5; .* lacks \[unused5\]"),
        (lambda: CHARACTERS.encode([]), "got 0 and None texts; expected the same number, not 0"),
        (lambda: CHARACTERS.encode(["a", "b"], ["c"]), "got 2 and 1 texts"),
        (lambda: CHARACTERS.encode(["好", " "]), "text: got ' '; expected at least one token"),
        (
            lambda: CHARACTERS.encode(["好", "今天好"], max_length=4),
            "text 1: got 5 tokens; expected at most 4",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_missing_vocabulary_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"vocab.txt: there is no vocabulary"):
        Tokenizer.load(tmp_path)
