"""The experiment: what is learnt, that it resumes exactly, and that every preset runs in miniature."""

import dataclasses
import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from interrupted import assert_resumes
from PIL import Image

from sjedu.contrastive_accumulation import experiment
from sjedu.contrastive_accumulation.encoders import PretrainedEncoder, ResNet, SentenceEncoder
from sjedu.contrastive_accumulation.experiment import PRESETS, Config, build_encoders, load_task, train
from sjedu.contrastive_accumulation.sentences import (
    Characters,
    Graded,
    SentencesTask,
    embedded_questions,
    pretrained_tokens,
)
from sjedu.contrastive_accumulation.tasks import linear_probe, random_view
from sjedu.measures import recall_at


def config(preset="cpu", **numbers):
    return dataclasses.replace(PRESETS[preset], **numbers)


def test_halves_find_each_other_and_exact_is_full():
    small = {"steps": 40, "width": 64, "batch_size": 128}
    full = train(config(method="full", **small), progress=False)
    exact = train(config(method="exact", micro_batch=64, **small), progress=False)
    # 500 pairs: a loop that learns nothing finds 0.01 of them among five.
    assert full.metrics["R@5"] > 0.08
    assert exact.metrics["test loss"] == pytest.approx(full.metrics["test loss"], abs=2e-3)
    assert "surrogate" in exact.curves
    assert "scikit-learn" in exact.data


def test_naive_accumulation_in_small_chunks_is_another_training():
    small = {"steps": 30, "width": 64, "batch_size": 64}
    exact = train(config(method="full", **small), progress=False)
    naive = train(config(method="naive", micro_batch=4, **small), progress=False)
    assert naive.metrics["test loss"] != pytest.approx(exact.metrics["test loss"], abs=5e-3)


@pytest.mark.parametrize("method", ["exact", "careless", "naive", "full"])
def test_every_method_runs_on_every_kind_of_view(method):
    for preset in ("dropout", "simcse"):
        record = train(
            config(preset, method=method, steps=2, batch_size=16, micro_batch=5, width=64), progress=False
        )
        assert np.isfinite(list(record.metrics.values())).all()
        assert len(record.curves["loss"]) == 2


def test_dropout_views_teach_something():
    record = train(config("dropout", steps=40, batch_size=128, micro_batch=64), progress=False)
    assert record.metrics["nearest neighbour"] > 0.8


def test_the_gpu_presets_run_in_miniature():
    record = train(
        config("gpu", dataset="digits", width=8, batch_size=16, micro_batch=6, steps=2), progress=False
    )
    assert record.metrics["probe"] > 0.1
    assert record.config["max_grad_norm"] == 1.0
    assert record.name == "gpu-digits-exact6-seed0"


def test_a_run_that_was_interrupted_ends_like_one_that_was_not(tmp_path):
    numbers = config("dropout", steps=8, batch_size=32, micro_batch=8, width=16)
    assert_resumes(train, numbers, tmp_path, experiment.ViewsTask, "batch", 5, but=("ms a step",))


def test_cifar_pictures_take_the_resnet(tmp_path, monkeypatch):
    folder = tmp_path / "cifar10_jpeg"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, count in (("train_10k", 20), ("test_2k", 10)):
        files = []
        for _ in range(count):
            stored = io.BytesIO()
            Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(stored, "JPEG")
            files.append(stored.getvalue())
        offset = np.cumsum([0, *map(len, files)])
        classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
        np.savez(
            folder / f"{name}.npz",
            jpeg=np.frombuffer(b"".join(files), np.uint8),
            offset=offset,
            y=(np.arange(count) % 10).astype(np.uint8),
            classes=np.array(classes),
        )
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path))
    record = train(
        config("gpu", width=8, batch_size=8, micro_batch=3, steps=1, precision="no"), progress=False
    )
    assert 0 <= record.metrics["probe"] <= 1


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({"dropout": 0.1}, "dropout: got 0.1 with task 'halves'"),
        ({"task": "dropout"}, "dropout: got 0.0"),
        ({"micro_batch": 0}, "micro_batch: got 0"),
        ({"micro_batch": 513}, "micro_batch: got 513"),
        ({"dataset": "questions"}, "encoder: got 'mlp'"),
        ({"dataset": "questions", "encoder": "transformer"}, "task: got 'halves'"),
        ({"encoder": "transformer"}, "encoder: got 'transformer' with dataset 'digits'"),
    ],
)
def test_a_config_that_fits_nothing_is_refused(numbers, says):
    with pytest.raises(ValueError, match=says):
        Config(**numbers)


def test_a_batch_is_shared_by_processes_only_where_all_its_pairs_are_compared():
    for method in ("exact", "careless"):
        experiment.check_processes(config(method=method), 2)
    for method in ("full", "naive"):
        experiment.check_processes(config(method=method), 1)
        with pytest.raises(ValueError, match=f"method: got '{method}' with 2 processes; expected 'exact'"):
            experiment.check_processes(config(method=method), 2)


def test_a_transformer_of_ours_needs_its_characters():
    with pytest.raises(ValueError, match="task: got NoneType"):
        build_encoders(PRESETS["simcse"])


# ---------------------------------------------------------------- tasks and encoders


def test_views_are_pictures_of_the_same_range_and_repeat_by_seed():
    x = torch.rand(6, 3, 16, 16)
    one, same, other = (random_view(x, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert one.shape == x.shape
    assert one.min() >= 0
    assert one.max() <= 1
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_recall_counts_who_is_more_similar():
    u = torch.eye(4)
    v = torch.tensor([[1.0, 0, 0, 0], [0.5, 0.4, 0, 0], [0, 0, 1, 0], [0, 0, 0.2, 0.1]])
    assert recall_at(u @ v.T, 1) == 1.0
    assert recall_at(v @ u.T, 1) == 0.5
    assert recall_at(v @ u.T, 2) == 1.0


def test_the_probe_separates_what_can_be_separated():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    x = torch.eye(3)[labels] * 4 + torch.randn(60, 3, generator=generator)
    assert (linear_probe(x, labels, x) == labels).float().mean() > 0.95


def test_embedded_questions_cover_all_grades():
    graded = embedded_questions(sentences=50, pairs=40)
    assert len(graded.sentences) == 50
    assert set(graded.grades) >= {0, 3}
    again = embedded_questions.__wrapped__(sentences=50, pairs=40)
    assert graded == again


def test_characters_are_padded_cut_and_known():
    tokens = Characters(["你好", "好吗"])
    assert len(tokens) == 3 + 2
    found = tokens(["你好吗", "x"])
    assert found.shape == (2, 3)
    assert found[1].tolist() == [1, 0, 0]
    assert (found[0] > 1).all()
    assert tokens(["好" * 100]).shape == (1, 48)


def test_padding_does_not_change_a_sentence():
    torch.manual_seed(0)
    model = SentenceEncoder(10, 64, 1, 8).eval()
    short, padded = torch.tensor([[3, 4]]), torch.tensor([[3, 4, 0, 0]])
    torch.testing.assert_close(model(short), model(padded))
    torch.testing.assert_close(model(short).norm(dim=1), torch.ones(1))


def test_sentences_give_the_same_tokens_twice():
    graded = Graded(
        ("你好", "再见", "谢谢", "早安"), ("你好",) * 3, ("你好", "再见", "早"), (3, 0, 1), "here"
    )
    task = SentencesTask(graded, Characters(graded.sentences), 2, 0)
    x, y = task.batch(0)
    assert torch.equal(x, y)
    assert len(x) == 2
    assert task.source == "here"


def test_the_resnet_has_features_for_the_probe_and_no_batch_norm():
    model = ResNet(1, 8, 16)
    x = torch.rand(2, 1, 8, 8)
    assert model.features(x).shape == (2, 64)
    torch.testing.assert_close(model(x).norm(dim=1), torch.ones(2))
    assert not any("BatchNorm" in type(m).__name__ for m in model.modules())


def test_a_pretrained_model_is_taken_by_name(monkeypatch):
    asked = []

    class Body(torch.nn.Module):
        def forward(self, input_ids, attention_mask):
            states = torch.nn.functional.one_hot(input_ids, 12).float() + attention_mask[..., None]
            return SimpleNamespace(last_hidden_state=states)

    def from_pretrained(name):
        asked.append(name)
        return Body()

    library = SimpleNamespace(AutoModel=SimpleNamespace(from_pretrained=from_pretrained))
    monkeypatch.setitem(sys.modules, "transformers", library)
    (model,) = build_encoders(PRESETS["gpu_text"])
    assert isinstance(model, PretrainedEncoder)
    assert asked == ["bert-base-chinese"]
    found = model(torch.tensor([[3, 4, 0], [5, 6, 7]]))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))


def test_a_tokenizer_that_pads_otherwise_is_refused(monkeypatch):
    tokenizer = SimpleNamespace(pad_token_id=1)
    library = SimpleNamespace(AutoTokenizer=SimpleNamespace(from_pretrained=lambda name: tokenizer))
    monkeypatch.setitem(sys.modules, "transformers", library)
    with pytest.raises(ValueError, match="'other' pads with 1"):
        pretrained_tokens("other")


def test_one_batch_of_halves_fits_together():
    task = load_task(config(batch_size=6, micro_batch=3))
    left, right = task.batch(0)
    assert left.shape == right.shape == (6, 1, 8, 4)
    again = task.batch(0)
    assert torch.equal(left, again[0])
    assert not torch.equal(left, task.batch(1)[0])
