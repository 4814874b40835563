"""Weights travel between Transformers and this package in both directions, and whatever is wrong is named."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_roformer import SIZES, loud, make_encoder, make_model, token_ids

from sjedu.roformer import (
    Tokenizer,
    WeightsError,
    load_encoder,
    load_language_model,
    load_tokenizer,
    padding_mask,
    save_pretrained,
)
from sjedu.roformer.tokenizer import SPECIAL

KINDS = {"roformer": ("RoFormerModel", "RoFormerForMaskedLM"), "bert": ("BertModel", "BertForMaskedLM")}
LENGTHS = torch.tensor([12, 7, 3])
IDS = token_ids(3, 12)
TYPES = (torch.arange(12) > 5).long().expand(3, 12)
INSIDE = torch.arange(12) < LENGTHS[:, None]


@pytest.fixture
def peer(transformers_model):
    """A model of Transformers with random weights: of a kind, with or without a head."""

    def make(kind, head, **values):
        module = transformers_model(kind)
        config = module.__dict__[{"roformer": "RoFormerConfig", "bert": "BertConfig"}[kind]]
        sizes = {
            name: value for name, value in SIZES.items() if kind == "roformer" or name != "embedding_size"
        }
        return loud(getattr(module, KINDS[kind][head])(config(**{**sizes, **values})))

    return make


def theirs(model, ids=IDS):
    found = model(input_ids=ids, attention_mask=INSIDE.long(), token_type_ids=TYPES)
    return found.logits if "logits" in found else found.last_hidden_state


def ours(model):
    return model(IDS, mask=padding_mask(LENGTHS, 12), types=TYPES)


@pytest.mark.parametrize("head", [0, 1])
@pytest.mark.parametrize(
    ("kind", "values"), [("roformer", {}), ("roformer", {"embedding_size": 10}), ("bert", {})]
)
def test_transformers_weights_give_transformers_outputs_and_gradients(peer, tmp_path, kind, values, head):
    original = peer(kind, head, **values)
    original.save_pretrained(tmp_path)
    model = (load_language_model if head else load_encoder)(tmp_path)
    expected, found = theirs(original), ours(model)
    torch.testing.assert_close(found[INSIDE], expected[INSIDE], atol=1e-5, rtol=1e-5)

    direction = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2)) * INSIDE[..., None]
    (expected * direction).sum().backward()
    (found * direction).sum().backward()
    body, their_body = (model.roformer, getattr(original, kind)) if head else (model, original)
    layer = their_body.encoder.layer[0]
    pairs = [
        (body.embeddings.words.weight, their_body.embeddings.word_embeddings.weight),
        (body.blocks[0].up.weight, layer.intermediate.dense.weight),
        (body.blocks[0].attention.out.weight, layer.attention.output.dense.weight),
    ]
    for mine, other in pairs:
        scale = other.grad.abs().max()
        assert scale > 0
        torch.testing.assert_close(mine.grad / scale, other.grad / scale, atol=1e-5, rtol=1e-5)
    attention = layer.attention.self
    fused = torch.cat([part.weight.grad for part in (attention.query, attention.key, attention.value)])
    torch.testing.assert_close(
        body.blocks[0].attention.qkv.weight.grad / fused.abs().max(),
        fused / fused.abs().max(),
        atol=1e-5,
        rtol=1e-5,
    )


@pytest.mark.parametrize("kind", ["roformer", "bert"])
@pytest.mark.parametrize("head", [0, 1])
def test_transformers_loads_what_is_saved_here(transformers_model, tmp_path, kind, head):
    module = transformers_model(kind)
    pooler = kind == "bert" and not head  # RoFormerModel has none
    model = (make_model if head else make_encoder)(model_type=kind, pooler=pooler)
    save_pretrained(model, tmp_path)
    loaded, report = getattr(module, KINDS[kind][head]).from_pretrained(tmp_path, output_loading_info=True)
    assert not report["unexpected_keys"]
    assert {
        key for key in report["missing_keys"] if "embed_positions" not in key and "decoder" not in key
    } == set()
    torch.testing.assert_close(ours(model)[INSIDE], theirs(loaded.eval())[INSIDE], atol=1e-5, rtol=1e-5)


def test_the_causal_model_is_transformers_causal_model(transformers_model, tmp_path):
    from sjedu.roformer import causal_mask

    module = transformers_model("roformer")
    model = make_model()
    save_pretrained(model, tmp_path)
    config = module.RoFormerConfig.from_pretrained(tmp_path, is_decoder=True)
    loaded = module.RoFormerForCausalLM.from_pretrained(tmp_path, config=config).eval()
    expected = loaded(input_ids=IDS).logits
    torch.testing.assert_close(model(IDS, mask=causal_mask(12)), expected, atol=1e-5, rtol=1e-5)


def test_the_pooler_is_berts(peer, tmp_path):
    original = peer("bert", 0)
    original.save_pretrained(tmp_path)
    from sjedu.roformer import sentence_vectors

    model = load_encoder(tmp_path)
    expected = original(input_ids=IDS, attention_mask=INSIDE.long()).pooler_output
    torch.testing.assert_close(
        sentence_vectors(model, IDS, LENGTHS, "pooler"), expected, atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_a_saved_model_comes_back(tmp_path, norm):
    model = make_model(norm=norm)
    save_pretrained(model, tmp_path)
    assert torch.equal(ours(load_language_model(tmp_path)), ours(model))
    save_pretrained(model, tmp_path, dtype=torch.float16, metadata={"seed": "3"})
    torch.testing.assert_close(ours(load_language_model(tmp_path)), ours(model), atol=0.05, rtol=0.05)


def test_dropout_may_be_other_than_the_checkpoints(tmp_path):
    model = make_model(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.1)
    save_pretrained(model, tmp_path)
    assert load_language_model(tmp_path).config == model.config
    loaded = load_language_model(tmp_path, dropout=0.0)
    expected = dataclasses.replace(model.config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    assert loaded.config == expected == load_encoder(tmp_path, dropout=0.0).config
    assert torch.equal(ours(loaded.train()), ours(model.eval()))
    with pytest.raises(
        ValueError, match=r"hidden_dropout_prob: got 1.0; expected at least 0 and less than 1"
    ):
        load_language_model(tmp_path, dropout=1.0)


def test_a_torch_file_of_an_old_checkpoint_is_read(tmp_path):
    model = make_encoder(model_type="bert", pooler=True)
    save_pretrained(model, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    old = {
        "bert."
        + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): w
        for name, w in weights.items()
    }
    old["cls.seq_relationship.weight"] = torch.zeros(2, 24)
    old["bert.embeddings.position_ids"] = torch.arange(32)[None]
    torch.save(old, tmp_path / "pytorch_model.bin")
    assert torch.equal(ours(load_encoder(tmp_path)), ours(model))


def test_a_torch_file_is_not_unpickled(tmp_path):
    save_pretrained(make_model(), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save({"evil": print}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"pytorch_model.bin: expected a whole file of tensors"):
        load_language_model(tmp_path)
    torch.save([torch.ones(2)], tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="got no dict of named tensors"):
        load_language_model(tmp_path)


def change(folder, edit):
    path = folder / "model.safetensors"
    weights = load_file(path)
    edit(weights)
    save_file(weights, path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda w: w.pop("cls.predictions.bias"), "got no cls.predictions.bias; expected all weights"),
        (lambda w: w.update(extra=torch.ones(1)), "got extra; expected no more than"),
        (
            lambda w: w.update({"roformer.encoder.layer.1.attention.self.key.weight": torch.ones(24, 23)}),
            r"encoder.layer.1.attention.self.key.weight: got shape \(24, 23\); expected \(24, 24\)",
        ),
        (
            lambda w: w.update({"roformer.embeddings.word_embeddings.weight": torch.ones(50, 24)}),
            r"embeddings.word_embeddings.weight: got shape \(50, 24\); expected \(60, 24\)",
        ),
        (
            lambda w: w.update({"cls.predictions.decoder.weight": torch.ones(60, 24)}),
            "got a head with word vectors of its own",
        ),
        (
            lambda w: w.update({"roformer.encoder.embed_positions.weight": torch.ones(32, 12)}),
            "expected RoFormer's sines and cosines",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_named(tmp_path, edit, message):
    save_pretrained(make_model(), tmp_path)
    change(tmp_path, edit)
    with pytest.raises(WeightsError, match=message):
        load_language_model(tmp_path)


def test_an_encoder_has_no_head_to_load(tmp_path):
    save_pretrained(make_encoder(), tmp_path)
    with pytest.raises(WeightsError, match=r"got no cls.predictions"):
        load_language_model(tmp_path)


def test_damaged_files_are_named(tmp_path):
    save_pretrained(make_model(), tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-100])
    with pytest.raises(WeightsError, match=r"model.safetensors: expected a whole file of tensors"):
        load_encoder(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config.json: expected JSON"):
        load_encoder(tmp_path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"this folder has no config.json"):
        load_encoder(tmp_path)
    save_pretrained(make_encoder(), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"no model.safetensors and no pytorch_model.bin"):
        load_encoder(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no such folder, and it is no name on the hub"):
        load_encoder(tmp_path / "a" / "b")


def test_offline_a_hub_name_says_how_to_get_it(monkeypatch):
    message = (
        r"nobody/nothing: there is no such folder here, and config.json could not be had from"
        r" huggingface.co/nobody/nothing .*hf download nobody/nothing"
    )
    with pytest.raises(FileNotFoundError, match=message):
        load_encoder("nobody/nothing", local_only=True)


def test_a_hub_name_is_downloaded_file_by_file(tmp_path, monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    model = make_model()
    save_pretrained(model, tmp_path)
    asked = []

    def download(repository, name, *, revision, local_files_only):
        asked.append((repository, name, revision))
        if not (tmp_path / name).is_file():
            raise EntryNotFoundError(name)
        return str(tmp_path / name)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert torch.equal(ours(load_language_model("a/b", revision="v1")), ours(model))
    assert asked == [("a/b", "config.json", "v1"), ("a/b", "model.safetensors", "v1")]
    weights = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    torch.save(weights, tmp_path / "pytorch_model.bin")
    load_language_model("a/b")
    assert asked[-1][1] == "pytorch_model.bin"


def test_a_tokenizer_lies_beside_its_model(tmp_path):
    tokenizer = Tokenizer([*SPECIAL, *(f"[unused{i}]" for i in range(1, 56))])
    save_pretrained(make_model(), tmp_path, tokenizer)
    assert load_tokenizer(tmp_path).vocabulary == tokenizer.vocabulary
    with pytest.raises(ValueError, match="tokenizer: got 5 tokens; expected the model's vocab_size = 60"):
        save_pretrained(make_model(), tmp_path, Tokenizer(SPECIAL))


def test_a_config_says_what_transformers_needs(tmp_path):
    save_pretrained(make_model(), tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    assert values["architectures"] == ["RoFormerForMaskedLM"]
    assert values["model_type"] == "roformer"
