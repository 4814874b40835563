"""The model: vectors that have not seen the target, exact search, weights there and back, and what is refused."""

import inspect

import pytest
import torch
from tiny_sim import SIZES, TOKENIZER, make_sim, questions

from sjedu.roformer import LanguageModel, RoFormerConfig, Tokenizer
from sjedu.roformer_sim import RoFormerSim, load_small, nearest, unpack

TEXTS = questions(23)


@pytest.mark.parametrize("pooling", ["cls", "mean", "first_last", "linear", "pooler"])
def test_vectors_are_the_same_with_a_target_behind_and_without(pooling):
    model = make_sim(pooling, pooler=pooling in ("linear", "pooler"))
    batch = TOKENIZER.encode(TEXTS[:6], TEXTS[6:12])
    with torch.no_grad():
        rows = unpack(model(batch.ids, batch.types, batch.lengths, batch.source_lengths))
    torch.testing.assert_close(rows.vectors, model.encode(TEXTS[:6], normalize=False), atol=1e-5, rtol=1e-4)


def test_the_target_changes_no_bit_of_the_vector():
    model = make_sim()
    batches = [TOKENIZER.encode(TEXTS[:1], [other]) for other in ("红烧肉怎么做呢？", "去哪里玩都可以呀！")]
    with torch.no_grad():
        a, b = (model(x.ids, x.types, x.lengths, x.source_lengths) for x in batches)
    assert torch.equal(a[:, :-2], b[:, :-2])
    assert not torch.equal(a[:, -2], b[:, -2])


def test_encoding_keeps_the_order_and_does_not_depend_on_the_batch():
    model = make_sim()
    alone = torch.cat([model.encode([text]) for text in TEXTS])
    torch.testing.assert_close(model.encode(TEXTS, batch_size=7), alone, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(alone.norm(dim=1), torch.ones(len(TEXTS)))


def test_encoding_switches_dropout_off_and_the_mode_back():
    model = make_sim(hidden_dropout_prob=0.3).train()
    assert torch.equal(model.encode(TEXTS), model.encode(TEXTS))
    assert model.training
    assert not model.encode(TEXTS).requires_grad


def test_similarity_is_the_cosine_of_pairs():
    model = make_sim()
    found = model.similarity(TEXTS[:5], TEXTS[5:10])
    expected = torch.cosine_similarity(model.encode(TEXTS[:5]), model.encode(TEXTS[5:10]))
    torch.testing.assert_close(found, expected)
    assert float(model.similarity(TEXTS[:1], TEXTS[:1])) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("k", [1, 3, 23])
def test_search_is_exact(k, monkeypatch):
    model = make_sim()
    monkeypatch.setattr("sjedu.roformer_sim.model._BLOCK", 5)
    hits = model.search(TEXTS[:4], TEXTS, k)
    scores = model.encode(TEXTS[:4]) @ model.encode(TEXTS).T
    expected = scores.sort(dim=1, descending=True).values[:, :k]
    torch.testing.assert_close(hits.scores, expected)
    torch.testing.assert_close(scores.gather(1, hits.indices), expected)
    assert hits.indices[:, 0].tolist() == [0, 1, 2, 3]
    again = model.search(TEXTS[:4], model.encode(TEXTS), k)
    assert torch.equal(again.indices, hits.indices)


def test_nearest_of_a_tie_returns_different_texts():
    hits = nearest(torch.eye(2), torch.eye(2).repeat(3, 1), 3)
    assert all(len(set(row.tolist())) == 3 for row in hits.indices)
    torch.testing.assert_close(hits.scores, torch.ones(2, 3))


def test_weights_there_and_back(tmp_path):
    model = make_sim("mean", 40)
    model.save_pretrained(tmp_path)
    again = RoFormerSim.from_pretrained(tmp_path)
    assert (again.pooling, again.max_length, again.training) == ("mean", 40, False)
    assert torch.equal(again.encode(TEXTS), model.encode(TEXTS))
    other = RoFormerSim.from_pretrained(tmp_path, pooling="cls", max_length=30)
    assert (other.pooling, other.max_length) == ("cls", 30)
    model.save_pretrained(tmp_path, dtype=torch.float16)
    half = RoFormerSim.from_pretrained(tmp_path)
    torch.testing.assert_close(half.encode(TEXTS), model.encode(TEXTS), atol=5e-3, rtol=0)


def test_a_published_checkpoint_is_read_as_it_was_trained(tmp_path, transformers_model):
    """RoFormer-Sim in Transformers' form: a pooler without tanh, and no file of ours."""
    module = transformers_model("roformer")
    theirs = module.RoFormerForMaskedLM(module.RoFormerConfig(**SIZES)).eval()
    state = theirs.state_dict()
    generator = torch.Generator().manual_seed(0)
    state["roformer.pooler.dense.weight"] = torch.randn(32, 32, generator=generator)
    state["roformer.pooler.dense.bias"] = torch.randn(32, generator=generator)
    theirs.config.save_pretrained(tmp_path)
    torch.save(state, tmp_path / "pytorch_model.bin")
    TOKENIZER.save(tmp_path)
    model = RoFormerSim.from_pretrained(tmp_path)
    assert (model.pooling, model.max_length) == ("linear", 48)
    batch = TOKENIZER.encode(TEXTS)
    with torch.no_grad():
        hidden = theirs.roformer(batch.ids, attention_mask=batch.inside.long()).last_hidden_state[:, 0]
    expected = hidden @ state["roformer.pooler.dense.weight"].T + state["roformer.pooler.dense.bias"]
    torch.testing.assert_close(model.encode(TEXTS, normalize=False), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.encode([]), "texts: got none"),
        (lambda m: m.encode(["", "北京"]), "text: got ''; expected at least one token"),
        (lambda m: m.encode(["北" * 47]), "got 49 tokens; expected at most 48"),
        (lambda m: m.encode(TEXTS, batch_size=0), "batch_size: got 0; expected at least 1"),
        (lambda m: m.encode(TEXTS, pooling="pooler"), "for a model without a pooler"),
        (lambda m: m.similarity(TEXTS, TEXTS[1:]), "got 23 and 22 texts"),
        (lambda m: m.search(TEXTS, TEXTS, 0), "k: got 0; expected 1 to 23"),
        (lambda m: m.search(TEXTS, TEXTS, 24), "k: got 24; expected 1 to 23"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(make_sim())


def test_one_string_is_no_sequence_of_texts():
    with pytest.raises(TypeError, match="texts: got one string"):
        make_sim().encode("北京会下雨吗")


def test_parts_that_do_not_fit_are_refused():
    model = LanguageModel(RoFormerConfig(**SIZES))
    with pytest.raises(ValueError, match="the model's vocab_size"):
        RoFormerSim(model, Tokenizer.for_texts([], always="北京"))
    with pytest.raises(ValueError, match="max_length: got 49; expected 3 to 48, half"):
        RoFormerSim(model, TOKENIZER, max_length=49)
    with pytest.raises(
        ValueError, match="pooling: got 'linear'; expected another, as the model has no pooler"
    ):
        RoFormerSim(model, TOKENIZER, "linear")
    with pytest.raises(ValueError, match="pooling: got 'max'; expected one of"):
        inspect.unwrap(RoFormerSim.__init__)(RoFormerSim.__new__(RoFormerSim), model, TOKENIZER, "max")


def test_unknown_small_models_are_refused():
    with pytest.raises(ValueError, match="name: got 'large'; expected one of 'sim', 'student'"):
        inspect.unwrap(load_small)("large")
