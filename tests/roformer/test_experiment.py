"""Pretraining: what is learnt, that it resumes exactly, that every preset runs, and what it leaves behind."""

import dataclasses
import gzip
import inspect

import pytest
import torch
from interrupted import assert_resumes

from sjedu.data import DataNotFound
from sjedu.data.text import TEXT_SETS
from sjedu.records import Record
from sjedu.roformer import LanguageModel, load_language_model, load_tokenizer
from sjedu.roformer import experiment as module
from sjedu.roformer.experiment import (
    PRESETS,
    Config,
    decay_groups,
    gap_logits,
    load_corpus,
    model_config,
    train,
    verdict_auc,
)
from sjedu.training import Run

SMALL = {"dim": 32, "layers": 2, "heads": 2, "mlp_dim": 64, "embedded": 300, "batch_size": 16}


def config(preset="quick", **values):
    return dataclasses.replace(PRESETS[preset], **{**SMALL, **values})


def sets(folder):
    """A folder with one line of every published set that a preset names."""
    for name in {name for preset in PRESETS.values() for name in preset.corpora} - {"embedded"}:
        each = TEXT_SETS[name]
        stem = "tatoeba_zh_en" if name == "tatoeba" else "train"
        path = folder / each.folder / f"{stem}.tsv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = ["\t".join(each.columns)] + [
            "\t".join(f"{name}第{i}句，{column}" for column in each.columns) for i in range(200)
        ]
        path.write_bytes(gzip.compress("\n".join(rows).encode()))
    return folder


@pytest.fixture(autouse=True)
def _few_tests(monkeypatch):
    monkeypatch.setattr(module, "TEST_EXAMPLES", 100)
    monkeypatch.setattr(module, "TEST_REVIEWS", 20)


@pytest.mark.parametrize(("objective", "steps", "learnt"), [("mlm", 400, 0.12), ("causal", 120, 0.25)])
def test_it_learns_to_guess(objective, steps, learnt):
    values = {"objective": objective, "embedded": 2000, "kind": "question", "learning_rate": 4e-3}
    # The commonest character is one in twenty, so that a loop that learns no context stays below a tenth for ever.
    assert train(config(**values, steps=1), progress=False).metrics["embedded accuracy"] < 0.1
    assert train(config(**values, steps=steps), progress=False).metrics["embedded accuracy"] > learnt


def test_a_run_that_was_interrupted_ends_like_one_that_was_not(tmp_path):
    numbers = config(steps=8, dropout=0.1, whole_word=True)
    folders = assert_resumes(train, numbers, tmp_path, module, "bucketed_indices", 5)
    files = [(folder / "model" / "model.safetensors").read_bytes() for folder in folders]
    assert files[0] == files[1]


def test_a_run_leaves_a_model_with_its_card(tmp_path):
    record = train(config(steps=2), tmp_path, progress=False)
    model, tokenizer = load_language_model(tmp_path / "model"), load_tokenizer(tmp_path / "model")
    assert len(tokenizer) == model.config.vocab_size == record.metrics["vocabulary"]
    assert sum(weight.numel() for weight in model.parameters()) == record.metrics["parameters"]
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"| embedded loss | {record.metrics['embedded loss']} |" in card
    assert "Apache-2.0" in card
    assert "--preset quick`" in card
    assert record.data in card
    assert Record.load(tmp_path).metrics == record.metrics


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("objective", ["mlm", "causal"])
def test_every_preset_runs(preset, objective, tmp_path, monkeypatch):
    monkeypatch.setenv("SJEDU_DATA", str(sets(tmp_path)))
    numbers = config(preset, steps=2, embedded=50, objective=objective, max_length=72)
    record = train(numbers, progress=False)
    assert record.name == f"{numbers.study}-{objective}-seed0"
    expected = {f"{name} {kind}" for name in numbers.corpora for kind in ("loss", "accuracy")}
    expected |= {
        "verdict known",
        "verdict held-out domain",
        "verdict held-out words",
        "parameters",
        "vocabulary",
    }
    assert set(record.metrics) == expected
    assert record.config["precision"] == PRESETS[preset].precision


def test_the_presets_are_what_they_are_said_to_be():
    assert dataclasses.replace(PRESETS["shuffled"], study="quick", verdict_agreement=0.95) == PRESETS["quick"]
    assert PRESETS["cpu_causal"].objective == "causal"
    assert all(numbers.study == name for name, numbers in PRESETS.items())
    base = model_config(PRESETS["gpu"], 21128)
    assert (base.hidden_size, base.num_hidden_layers, base.intermediate_size) == (768, 12, 3072)
    assert len({numbers.name for numbers in PRESETS.values()}) == len(PRESETS)


def test_equal_texts_never_stand_on_both_sides(tmp_path, monkeypatch):
    monkeypatch.setenv("SJEDU_DATA", str(sets(tmp_path)))
    corpus = load_corpus(config("cpu", embedded=50))
    held_out = corpus.held_out["paws_x"]

    def rows(texts):
        batch = texts.batch(torch.arange(len(texts)), corpus.tokenizer.pad_id)
        return {tuple(row[:length]) for row, length in zip(batch.ids.tolist(), batch.lengths, strict=True)}

    assert rows(held_out)
    assert not rows(held_out) & rows(corpus.train)
    assert "Tatoeba" in corpus.source
    assert "PAWS-X" in corpus.source


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path))
    with pytest.raises(DataNotFound, match="tatoeba, train: no local file"):
        load_corpus(config("cpu", corpora=("embedded", "tatoeba")))


def test_a_vocabulary_and_a_word_list_may_be_given(tmp_path):
    corpus = load_corpus(config(embedded=20))
    corpus.tokenizer.save(tmp_path)
    (tmp_path / "words.txt").write_text("味道\n很好\n", encoding="utf-8")
    given = {"vocabulary": str(tmp_path / "vocab.txt"), "word_list": str(tmp_path / "words.txt")}
    again = load_corpus(config(embedded=20, whole_word=True, **given))
    assert again.tokenizer.vocabulary == corpus.tokenizer.vocabulary
    assert (again.train.ids == corpus.train.ids).all()
    assert (again.train.words != corpus.train.words).any()


def test_embeddings_and_vectors_do_not_decay():
    model = LanguageModel(model_config(config(), 900))
    decaying, others = decay_groups(model, 0.1)
    assert all(weight.ndim == 2 for weight in decaying["params"])
    assert any(weight is model.roformer.embeddings.words.weight for weight in others["params"])
    assert len(decaying["params"]) + len(others["params"]) == len(list(model.parameters()))
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)


@pytest.mark.parametrize("objective", ["mlm", "causal"])
def test_the_gap_is_where_it_should_be(objective):
    """A model whose logits are its input's token says which token it was asked at."""
    corpus = load_corpus(config(embedded=20))
    tokenizer = corpus.tokenizer

    class Echo(torch.nn.Module):
        config = model_config(config(), len(tokenizer))
        bias = torch.zeros(1)

        def forward(self, ids, *, mask, where):
            return torch.nn.functional.one_hot(ids[where], len(tokenizer))

    asked = "[MASK]" if objective == "mlm" else "我"
    logits = inspect.unwrap(gap_logits)(
        Echo(), tokenizer, objective, ["味道很好，总之我", "总之我"], "满意。", (asked, "味")
    )
    assert logits.tolist() == [[1.0, 0.0], [1.0, 0.0]]


def test_an_untrained_model_knows_no_verdict():
    corpus = load_corpus(config(embedded=20))
    torch.manual_seed(0)
    model = LanguageModel(model_config(config(), len(corpus.tokenizer))).eval()
    for area in verdict_auc(model, corpus.tokenizer, "mlm", reviews=100).values():
        assert 0.3 < area < 0.7


def test_gradients_are_clipped_at_the_bound_of_the_config(monkeypatch):
    bounds = []
    clip = Run.clip

    def spy(self, parameters, bound):
        bounds.append(bound)
        return clip(self, parameters, bound)

    monkeypatch.setattr(Run, "clip", spy)
    train(config(steps=2, embedded=50), progress=False)
    train(config(steps=1, embedded=50, max_grad_norm=0.5), progress=False)
    assert bounds == [1.0, 1.0, 0.5]


def test_no_corpus_is_no_run():
    with pytest.raises(ValueError, match=r"config\.corpora: got \(\); expected a length of at least 1"):
        train(Config(corpora=()), progress=False)
