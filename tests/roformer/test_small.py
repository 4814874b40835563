"""The small models that come with the package: their size, their cards, and what they learnt."""

import inspect
import json
from importlib import resources
from pathlib import Path

import pytest
import torch

from sjedu.records import load_runs
from sjedu.roformer import load_small, weights
from sjedu.roformer.card import write_card
from sjedu.roformer.experiment import gap_logits, verdict_auc

FOLDER = Path(str(resources.files("sjedu.roformer"))) / "small"

shipped = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="this copy of the package came without the small models"
)
models = pytest.mark.parametrize("name", ["mlm", "causal"])


@shipped
def test_they_are_small():
    assert sum(file.stat().st_size for file in FOLDER.rglob("*")) < 8 * 2**20


@shipped
@models
def test_each_is_what_a_record_says(name, tmp_path):
    """The card and the record are of one run, and the weights still measure what they say."""
    record = load_runs("roformer").where(study="cpu", objective=name).one()
    card = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    assert card == write_card(tmp_path, record).read_text(encoding="utf-8")
    assert record.provenance() in card
    assert "CC BY 2.0 FR" in card
    assert not record.dirty
    model, tokenizer = load_small(name)
    assert sum(weight.numel() for weight in model.parameters()) == record.metrics["parameters"]
    assert json.loads((FOLDER / name / "config.json").read_text())["vocab_size"] == len(tokenizer)
    for group, area in verdict_auc(model, tokenizer, name, reviews=60).items():
        # Sixty reviews a word, four words: a standard error of about 0.02.
        assert area == pytest.approx(record.metrics[f"verdict {group}"], abs=0.1)


@shipped
@models
def test_each_knows_a_verdict_without_having_been_told_a_label(name):
    areas = verdict_auc(*load_small(name), name, reviews=60)
    assert areas["known"] > 0.85
    assert areas["held-out domain"] > 0.7


@shipped
def test_the_masked_model_speaks_a_little_chinese():
    model, tokenizer = load_small("mlm")
    guess = gap_logits(model, tokenizer, "mlm", ["我喜"], "北京", tuple("欢是雨的"))
    assert guess.argmax() == 0


@shipped
@models
def test_transformers_loads_them_too(name, transformers_model):
    module = transformers_model("roformer")
    model, tokenizer = load_small(name)
    # In float16, which the file has, Transformers would round the rotations too.
    peer = module.RoFormerForMaskedLM.from_pretrained(FOLDER / name, dtype=torch.float32).eval()
    batch = tokenizer.encode(["味道很好吃，总之我[MASK]满意。"])
    expected = peer(input_ids=batch.ids, attention_mask=batch.inside.long()).logits
    torch.testing.assert_close(model(batch.ids, mask=batch.mask), expected, atol=1e-4, rtol=1e-4)


def test_a_copy_without_them_says_how_to_make_them(monkeypatch, tmp_path):
    monkeypatch.setattr(weights.resources, "files", lambda package: tmp_path)
    with pytest.raises(FileNotFoundError, match="--preset cpu_causal --directory DIR"):
        load_small("causal")
    with pytest.raises(ValueError, match="name: got 'large'; expected one of 'mlm', 'causal'"):
        inspect.unwrap(load_small)("large")
