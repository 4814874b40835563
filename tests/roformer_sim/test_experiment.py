"""The runs: what they learn, what each switch does, and the larger presets in miniature."""

import dataclasses
import json

import pytest
import torch
from interrupted import assert_resumes
from tiny_sim import TOKENIZER, make_sim

from sjedu.roformer_sim import RoFormerSim, evaluation
from sjedu.roformer_sim import experiment as module
from sjedu.roformer_sim.experiment import PRESETS, Config, load_start, train, train_model
from sjedu.roformer_sim.losses import contrastive_loss, equal_texts
from sjedu.roformer_sim.model import unpack
from sjedu.roformer_sim.pairs import both_orders, draw, load_corpus

measure_retrieval = evaluation.measure_retrieval
TINY = {"start": "fresh", "dim": 32, "layers": 1, "heads": 2, "steps": 2, "pairs": 4}


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    monkeypatch.setattr(evaluation, "SAMPLES", 1)
    monkeypatch.setattr(evaluation, "SOURCES", 2)
    monkeypatch.setattr(evaluation, "measure_generation", lambda model: {"entity valid": 0.0})
    monkeypatch.setattr(evaluation, "measure_retrieval", lambda model: {"entity accuracy": 0.0})


def tiny(preset="cpu", **values):
    return dataclasses.replace(PRESETS[preset], **{**TINY, **values})


def test_contrast_and_generation_are_learnt(monkeypatch):
    """In seconds, from nothing: held-out combinations are found, and the target's loss falls."""
    monkeypatch.setattr(evaluation, "measure_retrieval", measure_retrieval)
    config = tiny("simbert", dim=48, layers=2, steps=100, pairs=12, learning_rate=3e-3)
    record = train(config, progress=False)
    assert record.metrics["combination accuracy"] > 0.3  # chance is 0.0025
    assert record.metrics["combination spearman"] > 0.4
    assert record.curves["generation"][-1] < record.curves["generation"][0] - 1.0


def test_a_run_that_was_interrupted_ends_like_one_that_was_not(tmp_path):
    config = tiny(dim=16, steps=6, dropout=0.1)
    folders = assert_resumes(train, config, tmp_path, module, "draw", 4)
    files = [(folder / "model" / "model.safetensors").read_bytes() for folder in folders]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("values", "terms"),
    [
        ({}, {"generation", "contrast"}),
        ({"generation": False}, {"contrast"}),
        ({"contrast": False}, {"generation"}),
        ({"contrast": False, "teacher": "sim"}, {"generation", "distillation"}),
        ({"contrast": False, "generation": False, "teacher": "sim"}, {"distillation"}),
    ],
)
@pytest.mark.parametrize("micro_batch", [None, 2])
def test_what_is_switched_off_is_not_in_the_loss(values, terms, micro_batch):
    curves = train(tiny(**values, micro_batch=micro_batch), progress=False).curves
    assert set(curves) - {"step", "loss"} == terms
    assert curves["loss"] == pytest.approx(
        [sum(parts) for parts in zip(*map(curves.get, terms), strict=True)]
    )


def test_the_loss_is_that_of_the_first_batch():
    """By hand: the model that the run starts from, on the batch that it sees first."""
    config = tiny(steps=1, noise=0.0)
    curves = train(config, progress=False).curves
    torch.manual_seed(config.seed)
    model = load_start(config, "fresh")
    corpora = [load_corpus(name)[0] for name in config.corpora]
    sources, targets = both_orders(draw(corpora, 0, config.pairs, config.seed))
    vectors, nll, tokens = unpack(model(**vars(model.tokenizer.encode(sources, targets, max_length=80))))
    assert curves["generation"][0] == pytest.approx(float(nll.sum() / tokens.sum()), rel=1e-5)
    contrast = float(contrastive_loss(vectors, mask=equal_texts(sources)))
    assert curves["contrast"][0] == pytest.approx(contrast, rel=1e-5)


def test_accumulation_is_the_same_step(tmp_path):
    records = [train(tiny(steps=3, micro_batch=size), progress=False) for size in (None, 2)]
    assert records[0].curves["loss"] == pytest.approx(records[1].curves["loss"], rel=1e-4)


@pytest.mark.parametrize("preset", ["distil", "distil_only", "student_distil_large"])
def test_a_teacher_may_have_other_sizes_and_another_vocabulary(tmp_path, preset):
    make_sim(max_length=48).save_pretrained(tmp_path / "teacher")
    config = tiny(preset, teacher=str(tmp_path / "teacher"), steps=30, pairs=8, learning_rate=3e-3)
    record = train(config, tmp_path / "run", progress=False)
    losses = record.curves["distillation"]
    assert losses[-1] < losses[0]
    again = RoFormerSim.from_pretrained(tmp_path / "run" / "model")
    assert again.max_length == config.max_length
    card = (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")
    assert record.provenance() in card
    assert json.loads((tmp_path / "run" / "record.json").read_text())["seed"] == 0
    continued = load_start(config, str(tmp_path / "run" / "model"))
    torch.testing.assert_close(continued.encode(["北京"]), again.encode(["北京"]))


@pytest.mark.parametrize("start", ["fresh", "mlm", "sim", "student", "a folder"])
def test_dropout_is_what_the_config_says(start, tmp_path):
    """In the modules, and in the model's own config, which is saved with it."""
    if start == "a folder":
        make_sim(max_length=48, hidden_dropout_prob=0.5).save_pretrained(tmp_path)
        start = str(tmp_path)
    model = load_start(tiny(dropout=0.25), start)
    rates = [m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)]
    rates += [block.attention.dropout for block in model.encoder.blocks]
    sizes = model.language_model.config
    assert {*rates, sizes.hidden_dropout_prob, sizes.attention_probs_dropout_prob} == {0.25}


def test_the_large_teacher_is_larger_and_all_else_is_the_same():
    small, large = PRESETS["simbert"], PRESETS["teacher"]
    assert (large.dim, large.layers) == (2 * small.dim, 2 * small.layers)
    assert (large.corpora, large.noise, large.pairs) == (small.corpora, small.noise, small.pairs)
    assert large.learning_rate * large.steps == pytest.approx(small.learning_rate * small.steps)
    for name in ("distil", "student_distil"):
        assert PRESETS[f"{name}_large"] == dataclasses.replace(PRESETS[name], study=f"{name}_large")


def test_learned_positions_are_a_bert():
    model, _ = train_model(tiny("bert"), progress=False)
    assert model.language_model.config.model_type == "bert"
    assert model.encoder.table is None


def write_pairs(root, folder, classes):
    path = root / "pairs" / folder
    path.mkdir(parents=True)
    rows = [f"花呗怎么还{i}\t如何还花呗{i}\t{classes[i % 2]}" for i in range(20)]
    for split in ("train", "test"):
        (path / f"{split}.tsv").write_text(
            "\n".join(["text_a\ttext_b\tlabel", *rows]) + "\n", encoding="utf-8"
        )


@pytest.mark.parametrize("preset", ["real", "gpu"])
def test_published_pairs_are_judged_by_every_pooling(preset, tmp_path, monkeypatch):
    for folder, classes in {
        "atec": "01",
        "bq": "01",
        "lcqmc": "01",
        "pawsx_zh": "01",
        "stsb_zh": "05",
    }.items():
        write_pairs(tmp_path, folder, classes)
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path))
    config = tiny(preset, precision="no")
    metrics = train(config, progress=False).metrics
    for name in config.tests:
        for pooling in ("cls", "mean", "first_last"):
            assert -1 <= metrics[f"{name} {pooling}"] <= 1
            assert -1 <= metrics[f"{name} {pooling} whitened"] <= 1


def test_the_gpu_presets_say_everything():
    gpu, distil = PRESETS["gpu"], PRESETS["gpu_distil"]
    assert (gpu.precision, gpu.max_length, distil.steps, distil.distillation) == ("bf16", 64, 5000, 100.0)
    assert gpu.micro_batch is not None
    assert distil.teacher is not None
    assert not distil.contrast


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"corpora": ()}, r"corpora: got \(\); expected a length of at least 1"),
        ({"pairs": 1}, "pairs: got 1; expected at least 2"),
        ({"max_grad_norm": 0.0}, r"max_grad_norm: got 0\.0; expected more than 0"),
        ({"noise": 1.5}, r"noise: got 1\.5"),
    ],
)
def test_configs_that_make_no_sense_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        train(Config(**values), progress=False)


def test_a_teacher_takes_the_place_of_contrast():
    with pytest.raises(ValueError, match="contrast: got True with the teacher 'sim'"):
        Config(teacher="sim")


def test_nothing_to_learn_is_refused():
    with pytest.raises(ValueError, match="expected something to learn"):
        train(tiny("distil_only"), progress=False)


def test_the_tokenizer_of_fresh_models_knows_the_grammar():
    assert load_start(tiny(), "fresh").tokenizer.vocabulary == TOKENIZER.vocabulary
