"""Templates and verbalisers: what stands where, what is cut off, and which mistakes are named."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import TEXTS, TOKENIZER, VOCABULARY, WORDS, library

from sjedu.p_tuning import Template, Verbalizer, Vocabulary, plain
from sjedu.p_tuning.template import check_labels


def read(filled, row):
    ids = filled.ids[row][filled.attention_mask[row]]
    return "".join(VOCABULARY.describe(ids.tolist()))


def test_a_masked_template_in_words():
    filled = Template("{mask}满意。{text}").fill(TEXTS, VOCABULARY)
    assert read(filled, 0) == "[CLS][MASK]满意。味道很好，服务真差。[SEP]"
    assert filled.answer.tolist() == [1, 1, 1]
    assert filled.text[1].sum() == 4
    assert "".join(VOCABULARY.describe(filled.ids[1][filled.text[1]].tolist())) == "房间干净"


def test_the_blank_after_the_text_moves_with_its_length():
    filled = Template("{prompt}{text}，{mask}好{prompt:2}").fill(TEXTS, VOCABULARY)
    assert read(filled, 1) == "[CLS][P1]房间干净，[MASK]好[P2][P3][SEP]"
    assert filled.answer.tolist() == [2 + len(text) + 1 for text in TEXTS]
    assert (filled.ids.gather(1, filled.answer[:, None]) == VOCABULARY.mask).all()


def test_a_causal_template_predicts_after_its_last_token():
    filled = Template("{prompt:2}{text}{prompt:2}{mask}", "lm").fill(TEXTS, VOCABULARY)
    assert read(filled, 1) == "[CLS][P1][P2]房间干净[P3][P4]"
    assert filled.answer.tolist() == [2 + len(text) + 2 for text in TEXTS]
    assert (filled.ids.gather(1, filled.answer[:, None]) == VOCABULARY.prompts[3]).all()
    assert VOCABULARY.mask not in filled.ids


@given(
    texts=st.lists(st.text(st.sampled_from(WORDS), min_size=1, max_size=60), min_size=1, max_size=4),
    max_length=st.integers(12, 40),
    pattern=st.sampled_from(["{mask}满意。{text}", "{prompt:3}{text}{prompt:2}{mask}好", "{text}{mask}"]),
    kind=st.sampled_from(["mlm", "lm"]),
)
def test_truncation_cuts_the_text_and_never_the_template(texts, max_length, pattern, kind):
    if kind == "lm" and not pattern.endswith("{mask}"):
        return
    template = Template(pattern, kind)
    filled = template.fill(texts, VOCABULARY, max_length)
    assert filled.ids.shape[1] <= max_length
    bare = template.fill(["好"], VOCABULARY, max_length)
    around = int(bare.attention_mask.sum()) - 1
    for row, text in enumerate(texts):
        kept = "".join(VOCABULARY.describe(filled.ids[row][filled.text[row]].tolist()))
        assert kept == text[: max_length - around]
        assert int(filled.attention_mask[row].sum()) == len(kept) + around
        if kind == "mlm":
            assert (filled.ids[row] == VOCABULARY.mask).sum() == 1
            assert filled.ids[row, filled.answer[row]] == VOCABULARY.mask
        else:
            assert filled.answer[row] == filled.attention_mask[row].sum() - 1


def test_a_part_of_a_batch_loses_padding_only():
    template = Template("{prompt:2}{mask}{text}")
    filled = template.fill(TEXTS, VOCABULARY)
    part = filled[torch.tensor([1])]
    alone = template.fill(TEXTS[1:2], VOCABULARY)
    for name in ("ids", "attention_mask", "answer", "text"):
        assert torch.equal(getattr(part, name), getattr(alone, name))
    assert len(filled) == 3
    assert len(filled[:2]) == 2


def test_plain_texts_have_no_template():
    masked, causal = plain(TEXTS, VOCABULARY), plain(TEXTS, VOCABULARY, kind="lm")
    assert read(masked, 1) == "[CLS]房间干净[SEP]"
    assert masked.answer.tolist() == [0, 0, 0]
    assert read(causal, 1) == "[CLS]房间干净"
    assert causal.answer.tolist() == [len(text) for text in TEXTS]


@pytest.mark.parametrize(
    ("pattern", "kind", "names"),
    [
        ("{text}满意", "mlm", r"\{mask\} 0 times"),
        ("{mask}满意", "mlm", r"\{text\} 0 times"),
        ("{mask}{text}{mask}", "mlm", r"\{mask\} 2 times"),
        ("{mask}{text}{answer}", "mlm", r"'\{answer\}'"),
        ("{mask}{text}{", "mlm", r"'\{'"),
        ("{mask}{text}", "lm", r"expected \{mask\} at its end"),
        ("{mask}{text}", "gpt", "kind"),
    ],
)
def test_a_pattern_that_is_none_is_refused(pattern, kind, names):
    with pytest.raises((ValueError, TypeError), match=names):
        Template(pattern, kind)


def test_bad_texts_and_sizes_are_named():
    template = Template("{prompt:3}{mask}{text}")
    with pytest.raises(ValueError, match="texts: got '' as number 1"):
        template.fill(["好", ""], VOCABULARY)
    with pytest.raises(ValueError, match="got none"):
        template.fill([], VOCABULARY)
    with pytest.raises(TypeError, match="one string"):
        template.fill("好", VOCABULARY)
    with pytest.raises(ValueError, match="max_length: got 6; expected more than the 6 tokens"):
        template.fill(TEXTS, VOCABULARY, max_length=6)
    assert template.fill(TEXTS, VOCABULARY, max_length=7).text.sum() == 3
    with pytest.raises(ValueError, match="with 9 prompt tokens; expected at most 8"):
        Template("{prompt:9}{mask}{text}").fill(TEXTS, VOCABULARY)
    with pytest.raises(ValueError, match="max_length: got 2"):
        plain(TEXTS, VOCABULARY, 2)


def test_a_masked_template_needs_a_mask_token():
    blind = Vocabulary(**{**vars(VOCABULARY), "mask": None})
    with pytest.raises(ValueError, match=r"vocabulary: got none with \[MASK\]"):
        Template("{mask}{text}").fill(TEXTS, blind)


# ---------------------------------------------------------------- verbalisers


def test_a_verbaliser_picks_the_logits_of_its_words():
    verbalizer = Verbalizer(("不", "很"))
    logits = torch.randn(4, VOCABULARY.size)
    no, very = TOKENIZER.id("不"), TOKENIZER.id("很")
    assert verbalizer.ids(VOCABULARY) == (no, very)
    assert torch.equal(verbalizer.logits(logits, VOCABULARY), logits[:, [no, very]])


def test_unused_tokens_may_be_words():
    assert Verbalizer(("[unused3]", "[unused4]")).ids(VOCABULARY) == VOCABULARY.prompts[2:4]


@pytest.mark.parametrize(("word", "names"), [("满意", "满, 意"), ("龘", r"\[UNK\]"), ("", "none")])
def test_a_word_that_is_not_one_token_is_named(word, names):
    with pytest.raises(ValueError, match=f"got {word!r}, whose tokens are .*{names}"):
        Verbalizer(("不", word)).ids(VOCABULARY)


def test_bad_verbalisers():
    with pytest.raises(ValueError, match="two classes or more"):
        Verbalizer(("很",))
    with pytest.raises(ValueError, match="different words"):
        Verbalizer(("很", "很"))


def test_labels_out_of_range_are_named():
    check_labels(torch.tensor([0, 1, 1]), 2)
    for wrong in (2, -1):
        with pytest.raises(ValueError, match=f"labels: got {wrong}; expected 0 to 1"):
            check_labels(torch.tensor([0, wrong]), 2)


def test_words_are_what_is_neither_in_brackets_nor_a_piece():
    tokens = [VOCABULARY.token_of(token) for token in VOCABULARY.word_ids()]
    assert {"很", "不", "，", "a"} <= set(tokens)
    assert not any(token.startswith(("[", "##")) for token in tokens)
    assert len(tokens) < VOCABULARY.size


# ---------------------------------------------------------------- other tokenizers


def test_a_tokenizer_of_transformers(tmp_path):
    transformers = library("transformers")
    TOKENIZER.save(tmp_path)
    theirs = Vocabulary.of(transformers.BertTokenizerFast.from_pretrained(tmp_path), prompts=8)
    template = Template("{prompt:3}{mask}满意。{text}")
    ours = template.fill(TEXTS, VOCABULARY)
    assert torch.equal(template.fill(TEXTS, theirs).ids, ours.ids)
    assert (theirs.pad, theirs.begin, theirs.end, theirs.mask) == (
        VOCABULARY.pad, VOCABULARY.begin, VOCABULARY.end, VOCABULARY.mask,
    )  # fmt: skip
    assert theirs.prompts == VOCABULARY.prompts
    assert theirs.describe(ours.ids[0].tolist()) == VOCABULARY.describe(ours.ids[0].tolist())


def test_a_bare_tokenizer_without_unused_tokens_gets_ids_behind_its_end():
    tokenizers = pytest.importorskip("tokenizers")
    words = {"<eos>": 0, "好": 1, "<unk>": 2, "[CLS]": 3, "[SEP]": 4}
    bare = Vocabulary.of(tokenizers.Tokenizer(tokenizers.models.WordLevel(words, "<unk>")), prompts=4)
    assert bare.prompts == (5, 6, 7, 8)
    assert bare.mask is None
    assert bare.describe([3, 6, 1]) == ["[CLS]", "[P2]", "好"]


def test_what_is_no_tokenizer_is_refused():
    with pytest.raises(TypeError, match="got object"):
        Vocabulary.of(object())
    with pytest.raises(ValueError, match="prompts: got -1"):
        Vocabulary.of(TOKENIZER, -1)
