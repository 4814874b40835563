"""The experiment in miniature: what is learnt, what a run records, and that every preset stands on what there is."""

import dataclasses

import pytest
import torch
from interrupted import assert_resumes

from sjedu.records import Record
from sjedu.roformer import LanguageModel, RoFormerConfig, load_language_model, save_pretrained
from sjedu.supervised_similarity import embedded_set, evaluation, experiment
from sjedu.supervised_similarity.experiment import PRESETS, Config, load_sets, load_start, train
from sjedu.supervised_similarity.tasks import ARTICLE_PAIRS, STRICT_SETS, TRAIN_SETS

TINY = dataclasses.replace(PRESETS["quick"], train_size=200, test_size=80, steps=25, batch_size=36)


def test_labels_teach_what_overlap_does_not():
    record = train(dataclasses.replace(TINY, objective="squared", steps=40, before=True), progress=False)
    before, after = record.metrics["before"], record.metrics["after"]
    assert after["mean"] > before["mean"] + 0.02
    assert after["kinds"]["colour"]["other colour"] < before["kinds"]["colour"]["other colour"] - 0.04
    assert set(after["spearman"]) == set(after["interval"])
    assert len(after["pairs"]) == 10


def test_a_student_learns_its_teachers_geometry_and_writes(tmp_path):
    config = dataclasses.replace(TINY, distil_steps=15, distil_batch=8, written=4)
    record = train(config, tmp_path, progress=False)
    assert set(record.metrics) == {"parameters", "after", "student", "reading"}
    assert set(record.metrics["reading"]["statements"]) >= {"topic", "meaning", "entity", "negative", "equal"}
    assert 0 <= record.metrics["student"]["generation"]["valid"] <= 1
    loaded = load_start(dataclasses.replace(config, start=str(tmp_path / "student")))
    assert evaluation.measure(loaded, experiment.load_tests(config))["mean"] == pytest.approx(
        record.metrics["student"]["mean"],
        abs=0.01,  # saved in float16
    )
    assert "Spearman" in (tmp_path / "student" / "README.md").read_text("utf-8")


def test_pairs_without_labels_make_a_start():
    config = dataclasses.replace(TINY, objective="mined", start="fresh", steps=2, dim=16, mlp_dim=32)
    assert train(config, progress=False).data.startswith("6000 pairs")


def test_careless_labels_reach_the_strict_sets_only():
    clean, careless = (load_sets(dataclasses.replace(TINY, topic_positives=q)) for q in (0.0, 0.6))
    changed = {a.name for a, b in zip(clean, careless, strict=True) if a.labels != b.labels}
    assert changed == set(STRICT_SETS)
    assert all(len(pairs.classes) in (2, 3) for pairs in clean)


def test_objectives_see_the_same_pairs():
    one, other = (load_sets(dataclasses.replace(TINY, objective=name)) for name in ("head", "cosent"))
    assert one == other


def test_names_tell_runs_apart():
    configs = [
        Config(), Config(objective="cosent"), Config(parts=("u", "v")), Config(shared_head=True), Config(flips=0.2),
        Config(topic_positives=0.3), Config(sets=TRAIN_SETS[:-1]), Config(seed=1), PRESETS["nli"],
    ]  # fmt: skip
    assert len({config.name for config in configs}) == len(configs)
    assert Config(sets=TRAIN_SETS[:-1]).name == "cpu-head-without_nli-seed0"


@pytest.mark.parametrize("name", [name for name, config in PRESETS.items() if "/" not in config.start])
def test_every_preset_starts_from_a_model_that_knows_its_texts(name):
    config = dataclasses.replace(PRESETS[name], train_size=TINY.train_size, test_size=TINY.test_size)
    model = load_start(config)
    texts = [text for a, b, _ in ARTICLE_PAIRS for text in (a, b)]
    if config.data == "embedded":
        pairs = [*load_sets(config), *experiment.load_tests(config)]
        texts += [text for each in pairs for text in (*each.first, *each.second)]
    unknown = model.tokenizer.id("[UNK]")
    assert not any(unknown in model.tokenizer.ids(text) for text in texts)


@pytest.mark.parametrize("name", ["real", "gpu"])
def test_the_large_presets_name_real_sets(name):
    config = PRESETS[name]
    assert config.data == "real"
    assert config.sets == ("paws_x", "atec", "sts_b", "ocnli")


@pytest.mark.parametrize("start", ["fresh", "start", "small", "mlm"])
def test_dropout_is_what_the_config_says(start):
    model = load_start(dataclasses.replace(TINY, start=start, dropout=0.25, max_length=38))
    rates = [module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    assert {*rates, *(block.attention.dropout for block in model.encoder.blocks)} == {0.25}


def test_a_teacher_stands_still_without_dropout(monkeypatch):
    modes = []

    def note(student, teacher, *rest):
        modes.append((student.training, teacher.training))
        return distil(student, teacher, *rest)

    distil = experiment.distil_loss
    monkeypatch.setattr(experiment, "distil_loss", note)
    train(dataclasses.replace(TINY, steps=1, distil_steps=2, distil_batch=4, written=2), progress=False)
    assert modes == [(True, False)] * 2


def write_published_sets(root):
    """A folder with a few pairs of each published set that the presets name, in their files and with their labels."""
    pairs = embedded_set("statements", 40, 0)
    for folder, split, labels in (
        ("pairs/pawsx_zh", "valid", "01"),
        ("pairs/atec", "valid", "01"),
        ("pairs/stsb_zh", "test", "05"),
        ("nli/ocnli", "valid", ("contradiction", "entailment")),
    ):
        (root / folder).mkdir(parents=True)
        rows = zip(pairs.first, pairs.second, (labels[alike] for alike in pairs.labels), strict=True)
        lines = ["text_a\ttext_b\tlabel", *("\t".join(row) for row in rows)]
        for part, chosen in (("train", lines[:25]), (split, [lines[0], *lines[25:]])):
            (root / folder / f"{part}.tsv").write_text("\n".join(chosen) + "\n", encoding="utf-8")


def write_published_model(folder):
    """A RoFormer-Sim as it is published: named as in Transformers, a pooler, dropout, and no file of ours."""
    tokenizer = experiment.load_small("start").tokenizer
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = RoFormerConfig(
            vocab_size=len(tokenizer), hidden_size=16, embedding_size=16, num_hidden_layers=1,
            num_attention_heads=2, intermediate_size=32, max_position_embeddings=128,
            initializer_range=0.3, pooler=True,
        )  # fmt: skip
        save_pretrained(LanguageModel(config), folder, tokenizer)


def test_the_gpu_preset_runs_in_miniature_and_resumes_within_the_distillation(tmp_path, monkeypatch):
    write_published_sets(tmp_path / "data")
    write_published_model(tmp_path / "published")
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path / "data"))
    config = dataclasses.replace(
        PRESETS["gpu"], start=str(tmp_path / "published"), precision="no", steps=4, batch_size=16,
        learning_rate=1e-2, distil_steps=6, distil_batch=4, distil_rate=1e-2,
    )  # fmt: skip
    whole, cut = assert_resumes(train, config, tmp_path, experiment, "distil_loss", 3)
    metrics = Record.load(cut).metrics
    assert set(metrics) == {"parameters", "before", "after", "student", "reading"}
    for who in ("before", "after", "student"):
        assert list(metrics[who]["spearman"]) == ["paws_x", "atec", "sts_b", "ocnli"]
    assert metrics["before"]["pairs"] != metrics["after"]["pairs"]
    assert metrics["before"]["pairs"] != metrics["student"]["pairs"]
    for name in ("model", "student"):
        weights = [load_language_model(folder / name).state_dict() for folder in (whole, cut)]
        assert any("pooler" in key for key in weights[0])
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"sets": ("atec",)}, "atec"), ({"sets": ()}, "sets"), ({"batch_size": 3}, "batch_size")],
)
def test_bad_configs_are_named(changes, says):
    with pytest.raises(ValueError, match=says):
        Config(**changes)


def test_models_that_are_not_there():
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_start(dataclasses.replace(TINY, start="/nowhere/at/all"))
    with pytest.raises(ValueError, match="takes 40"):
        load_start(dataclasses.replace(TINY, max_length=60))
