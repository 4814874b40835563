"""Draws, the experiment's loop, and what it learns: on a tiny model that was never pretrained."""

import dataclasses
from typing import get_args

import pytest
import torch
from interrupted import assert_resumes
from tiny import READER, TOKENIZER, small
from unchecked import unchecked

from sjedu.data.text import parse_review
from sjedu.p_tuning import experiment
from sjedu.p_tuning.backbone import Backbone
from sjedu.p_tuning.classifier import auxiliary
from sjedu.p_tuning.experiment import PRESETS, Config, correct, plan, schedule, templates, train
from sjedu.p_tuning.methods import METHODS, MethodName, build_classifier, learnt, restart
from sjedu.p_tuning.prompt import changed, snapshot, trainable
from sjedu.p_tuning.tasks import (
    DATASETS,
    HUMAN,
    PLACES,
    VERBALIZER,
    Examples,
    Labelled,
    embedded_reviews,
    load_task,
)
from sjedu.p_tuning.template import Vocabulary

TINY = dataclasses.replace(PRESETS["quick"], labels=(4, 8), draws=2, test=20, steps=3)


@pytest.fixture(autouse=True)
def _no_shipped_weights(monkeypatch):
    monkeypatch.setattr(experiment, "load_small", small)


# ---------------------------------------------------------------- tasks


def test_draws_are_nested_balanced_and_apart_from_each_other_and_the_test():
    task, more = load_task("embedded", 16, 3, seed=1), load_task("embedded", 16, 3, seed=2)
    sets = [part for draw in task.draws for part in (draw.train, draw.validation)] + [task.test]
    for part in sets:
        assert part.labels.float().mean() == 0.5
    few = task.draws[0].first(4)
    assert few.train.texts == task.draws[0].train.texts[:4]
    assert len(few.validation) == 4
    assert few.train.labels.tolist() == [0, 1, 0, 1]
    assert task.draws[0].train.texts != task.draws[1].train.texts
    assert not {*task.draws[0].train.texts} & {*task.draws[0].validation.texts}
    assert more.test.texts == task.test.texts
    assert more.draws[0].train.texts != task.draws[0].train.texts
    other = load_task("embedded", 16, 1, validation_as_test=True).test
    assert not {*other.texts} & {*task.test.texts}


def test_embedded_reviews_mean_what_their_labels_say_and_have_no_verdict():
    reviews = embedded_reviews(40, "a test")
    for text, label in zip(reviews.texts, reviews.labels.tolist(), strict=True):
        meaning = parse_review(text + "。")
        assert meaning.label == bool(label)
        assert meaning.verdict is None
        assert meaning.domain == "hotel"


def test_the_words_of_the_templates_are_tokens_of_every_vocabulary():
    vocabulary = Vocabulary.of(READER)
    assert len(VERBALIZER.ids(vocabulary)) == 2
    for kind in ("mlm", "lm"):
        for template in (*HUMAN[kind], *PLACES[kind].values()):
            filled = template.fill(["房间很大"], vocabulary, 40)
            assert (filled.text.sum(), template.kind) == (4, kind)
            assert "[UNK]" not in vocabulary.describe(filled.ids[0].tolist())


def test_bad_tasks_are_named():
    with pytest.raises(ValueError, match="labels: got 3"):
        load_task("embedded", 3, 1)
    with pytest.raises(ValueError, match="draws: got 0"):
        load_task("embedded", 4, 0)
    with pytest.raises(ValueError, match="domain: got 'car'"):
        load_task("embedded", 4, 1, domain="car")
    with pytest.raises((ValueError, TypeError), match="dataset"):
        load_task("imdb", 4, 1)
    with pytest.raises(ValueError, match="labels: got 1 for 2 texts"):
        Labelled(("a", "b"), torch.tensor([0]))
    with pytest.raises(ValueError, match="labels: got 2; expected 0 to 1"):
        Labelled(("a", "b"), torch.tensor([0, 2]))
    with pytest.raises(ValueError, match="count: got 3"):
        Labelled(("a", "b"), torch.tensor([0, 1])).first(3)


def write_sets(folder, name, splits):
    (folder / name).mkdir(parents=True)
    for split in splits:
        rows = [f"{split}第{i}条评论。\t{i % 3 == 0:d}" for i in range(60)]
        (folder / name / f"{split}.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")


def test_published_reviews_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path))
    write_sets(tmp_path, "sentiment/reviews_bojone", ("train", "valid"))  # its test texts are not handed out
    write_sets(tmp_path, "sentiment/waimai_10k", ("train", "valid", "test"))
    task = load_task("reviews", 8, 2, test=12)
    assert task.test.labels.float().mean() == 0.5
    assert len(task.test) == 12
    assert all(text.startswith("valid") for text in task.test.texts)
    assert all(text.startswith("train") for text in task.draws[1].validation.texts)
    assert not task.test.texts[0].endswith("。")
    assert load_task("waimai", 4, 1).test.texts[0].startswith("test")
    with pytest.raises(ValueError, match="labels: got 32 of a class; expected at most 20, which reviews has"):
        load_task("reviews", 32, 1)


def test_a_set_that_is_not_there_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"reviews_bojone/train.*get sentiment\.zip"):
        load_task("reviews", 4, 1)
    assert set(DATASETS) == {"embedded", "reviews", "hotel", "waimai", "shopping", "eprstmt"}


# ---------------------------------------------------------------- the loop


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("objective", ["mlm", "causal"])
def test_every_method_trains_what_it_should_and_nothing_else(method, objective):
    config = dataclasses.replace(TINY, method=method, objective=objective, labels=(4,), draws=1)
    classifier, vocabulary, (episode,) = begin(config, load_task("embedded", 4, 1, test=20))
    before, pretrained = snapshot(classifier), learnt(classifier)
    if METHODS[method].learns == "nothing":
        assert not trainable(classifier)
        return
    restart(classifier, pretrained, METHODS[method], vocabulary, 0)
    optimizer = torch.optim.AdamW(trainable(classifier), 0.01, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        filled, labels = episode.train[torch.arange(4)]
        scores, further = classifier(filled), 0.0
        if METHODS[method].auxiliary:
            scores, further = classifier(filled, *auxiliary(filled, config.kind, vocabulary.mask, 0.15))
        (torch.nn.functional.cross_entropy(scores, labels) + further).backward()
        optimizer.step()
    touched = changed(classifier, before)
    part = {"head": "head.", "prompt": ".prompt.", "adapters": ".adapter."}.get(METHODS[method].learns)
    assert touched
    if part is None:
        assert len(touched) > 10
    else:
        assert all(part in name for name in touched), touched
    restart(classifier, pretrained, METHODS[method], vocabulary, 0)
    fresh = ("head.", ".prompt.")
    assert all(any(part in name for part in fresh) for name in changed(classifier, before))


def begin(config, task):
    backbone, vocabulary = experiment.load_model(config)
    classifier = build_classifier(METHODS[config.method], backbone, vocabulary, templates(config)[0])
    return classifier, vocabulary, plan(config, task, classifier, vocabulary)


@pytest.mark.parametrize("method", ["zero_shot", "pet", "p_tuning_lstm", "p_tuning_auxiliary"])
def test_a_record_has_every_draw_of_every_number_of_labels(method):
    record = train(dataclasses.replace(TINY, method=method), progress=False)
    assert record.name == f"quick-mlm-{method}-seed0"
    for labels in ("4", "8"):
        assert len(record.metrics["accuracy"][labels]) == 2
        assert all(0 <= value <= 1 for value in record.metrics["accuracy"][labels])
        assert len(record.metrics["template"][labels]) == 2
    assert (record.metrics["parameters"] == 0) == (method == "zero_shot")
    if method == "zero_shot":
        assert list(record.metrics["zero_shot"]) == [template.pattern for template in HUMAN["mlm"]]


def test_a_template_is_chosen_by_validation_texts_before_training():
    config = dataclasses.replace(TINY, method="pet")
    task = load_task("embedded", 8, 2, test=20)
    classifier, vocabulary, episodes = begin(config, task)
    draws = [draw.first(labels) for labels in config.labels for draw in task.draws]
    for episode, draw in zip(episodes, draws, strict=True):
        filled = [draw.validation.read(t, vocabulary, config.max_length) for t in HUMAN["mlm"]]
        hits = [correct(classifier, examples).sum() for examples in filled]
        assert episode.template == HUMAN["mlm"][hits.index(max(hits))]


def test_a_draw_does_not_depend_on_those_before_it():
    config = dataclasses.replace(TINY, method="p_tuning_full", steps=5)
    alone = train(dataclasses.replace(config, labels=(8,), draws=1), progress=False)
    again = train(dataclasses.replace(config, labels=(8,), draws=2), progress=False)
    assert again.metrics["accuracy"]["8"][0] == alone.metrics["accuracy"]["8"][0]
    assert again.curves["loss"][0] == alone.curves["loss"][0]


def test_a_run_that_is_resumed_within_a_draw_ends_alike(tmp_path):
    config = dataclasses.replace(TINY, method="p_tuning_auxiliary")
    assert_resumes(train, config, tmp_path, Examples, "__getitem__", 2 * config.steps + 3)


def test_fine_tuning_learns_what_a_bag_of_characters_can_tell():
    # A review that says 满意 or 失望 outright: whoever learns anything learns this from 64 labels.
    config = dataclasses.replace(TINY, method="fine_tune", labels=(64,), draws=1, steps=60, test=100)
    record = train(dataclasses.replace(config, learning_rate=3e-3), progress=False)
    assert record.metrics["accuracy"]["64"][0] > 0.6


def test_the_rate_rises_and_falls():
    assert schedule(0.0, 0.1) == 0
    assert schedule(0.05, 0.1) == pytest.approx(0.5)
    assert schedule(0.1, 0.1) == 1
    assert schedule(0.55, 0.1) == pytest.approx(0.5)


def test_a_larger_model_has_smaller_rates():
    assert Config().rate == METHODS["p_tuning"].learning_rate
    assert PRESETS["gpu"].rate == pytest.approx(3e-3)
    assert dataclasses.replace(PRESETS["gpu"], method="fine_tune").rate == pytest.approx(1e-5)
    assert dataclasses.replace(PRESETS["gpu"], learning_rate=0.3).rate == 0.3


# ---------------------------------------------------------------- names and mistakes


def test_names_tell_runs_apart():
    names = [
        dataclasses.replace(TINY, method=method, objective=o).name
        for method in METHODS
        for o in ("mlm", "causal")
    ]
    names += [dataclasses.replace(TINY, place=place).name for place in ("prefix", "suffix")]
    names += [
        dataclasses.replace(TINY, method="pet", template=template.pattern).name for template in HUMAN["mlm"]
    ]
    names += [dataclasses.replace(TINY, learning_rate=rate).name for rate in (0.002, 0.01)]
    names += [dataclasses.replace(TINY, dataset="waimai").name, dataclasses.replace(TINY, seed=1).name]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"method": "magic"}, "method: got 'magic'"),
        ({"place": "middle"}, "place: got 'middle'"),
        ({"evaluate": "validtion"}, "evaluate: got 'validtion'"),
        ({"labels": (4, 5)}, r"labels\[1\]: got 5; expected at least 2 and a multiple of 2"),
        ({"labels": ()}, r"labels: got \(\)"),
        ({"warmup": 1.0}, r"warmup: got 1\.0"),
        ({"steps": 0}, "steps: got 0"),
    ],
)
def test_bad_configs_are_named(change, names):
    with unchecked("sjedu.p_tuning.experiment") as module:
        config = dataclasses.replace(module.PRESETS["quick"], **change)
        with pytest.raises(ValueError, match=f"config.{names}"):
            module.train(config, progress=False)


def test_a_model_that_is_not_there_says_what_was_looked_for():
    with pytest.raises(FileNotFoundError, match=r"nowhere/at_all"):
        experiment.load_model(dataclasses.replace(TINY, model="./nowhere/at_all"))


def test_presets_can_be_told_from_each_other_and_the_large_one_is_real_code(tmp_path):
    assert {"cpu", "gpu"} <= set(PRESETS)
    from sjedu.roformer import save_pretrained

    model, tokenizer = small()
    save_pretrained(model, tmp_path / "model", tokenizer)
    write_sets(tmp_path, "sentiment/reviews_bojone", ("train", "valid"))
    sizes = {"labels": (8,), "draws": 1, "steps": 2, "test": 10, "precision": "no"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SJEDU_DATA", str(tmp_path))
        config = dataclasses.replace(PRESETS["gpu"], model=str(tmp_path / "model"), **sizes)
        record = train(config, progress=False)
    assert record.name == "gpu-reviews-mlm-p_tuning-seed0"
    assert "bert4keras" in record.data


def test_unknown_characters_do_no_harm():
    assert Vocabulary.of(TOKENIZER).encode("龘") == [TOKENIZER.id("[UNK]")]
    assert isinstance(experiment.load_model(Config())[0], Backbone)


def test_a_config_knows_every_method():
    assert set(get_args(MethodName)) == set(METHODS)
