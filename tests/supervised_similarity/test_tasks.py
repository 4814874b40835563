"""The sets: labels follow from meanings, nothing held out is trained on, careless labels are as said."""

import numpy as np
import pytest

from sjedu.data.text import Statement, opposite, parse_question, parse_statement, relation
from sjedu.roformer_sim.evaluation import meaning_of
from sjedu.supervised_similarity import PairSet, careless, embedded_set, real_set, tasks


def drawn(name, split="train", size=120):
    return embedded_set(name, size, 0, split)


def rows(pairs):
    return list(zip(pairs.first, pairs.second, pairs.labels, pairs.kinds, strict=True))


@pytest.mark.parametrize("name", tasks.TEST_SETS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_every_sentence_is_of_the_grammar_and_no_pair_is_twice_the_same(name, split):
    for first, second, *_ in rows(drawn(name, split)):
        assert meaning_of(first) is not None
        assert meaning_of(second) is not None
        assert first != second


@pytest.mark.parametrize("name", ["questions", "statements", "adversarial", "negation", "colour"])
def test_strict_labels_are_equality_of_meaning(name):
    for first, second, label, _ in rows(drawn(name)):
        assert (meaning_of(first) == meaning_of(second)) == bool(label)


def test_loose_labels_are_equality_of_topic():
    for first, second, label, _ in rows(drawn("topics")):
        assert (parse_statement(first).entity == parse_statement(second).entity) == bool(label)


def test_inference_labels_are_the_grammars():
    for first, second, label, _ in rows(drawn("nli")):
        assert relation(parse_statement(first), parse_statement(second)) == tasks.NLI[label]


def test_graded_labels_count_from_the_cut_on():
    pairs = drawn("graded")
    assert set(pairs.labels) == {0, 1, 2, 3}
    binary = pairs.binary()
    assert binary.labels == tuple(int(label >= tasks.CUT) for label in pairs.labels)
    assert binary.classes == ("no", "yes")
    for first, second, label, _ in rows(pairs):
        a, b = parse_question(first), parse_question(second)
        assert (label == 3) == (a == b)


@pytest.mark.parametrize("name", ["questions", "graded", "statements", "adversarial"])
def test_only_inference_and_topics_pair_opposites(name):
    for first, second, *_ in rows(drawn(name, size=300)):
        a, b = meaning_of(first), meaning_of(second)
        if isinstance(a, Statement) and a.frame not in ("request", "thing"):
            assert b != opposite(a)


def test_adversarial_pairs_look_the_wrong_way_round():
    pairs = drawn("adversarial", size=300)
    shared = np.array([tasks.overlap(a, b) for a, b in zip(pairs.first, pairs.second, strict=True)])
    alike = pairs.alike().numpy().astype(bool)
    assert shared[alike].mean() < shared[~alike].mean() - 0.15


def test_nothing_held_out_is_trained_on():
    train = [drawn(name, size=600) for name in tasks.TRAIN_SETS]
    test = [drawn(name, "test", 300) for name in tasks.TEST_SETS]
    assert not tasks.leaked(train, test)
    assert tasks.leaked(train, train)  # the measure sees what is there


def test_standards_disagree_where_they_should():
    found = tasks.conflicts([drawn(name, size=1500) for name in ("statements", "topics", "nli")])
    assert found["statements", "nli"][1] == 0
    assert found["topics", "nli"][1] > 0


def test_sets_are_reproducible_and_seeds_differ():
    embedded_set.cache_clear()
    once = embedded_set("nli", 50, 1)
    embedded_set.cache_clear()
    assert embedded_set("nli", 50, 1) == once
    assert embedded_set("nli", 50, 2) != once
    assert embedded_set("nli", 50, 1, "valid") != once


def test_careless_labels():
    pairs = drawn("statements", size=2000)
    marked = careless(pairs, 0, topic_positives=0.4)
    changed = np.array(marked.labels) != np.array(pairs.labels)
    topical_no = np.array(pairs.topical) & (np.array(pairs.labels) == 0)
    assert not changed[~topical_no].any()
    assert changed[topical_no].mean() == pytest.approx(0.4, abs=0.06)
    flipped = careless(pairs, 0, flips=0.2)
    assert np.mean(np.array(flipped.labels) != np.array(pairs.labels)) == pytest.approx(0.2, abs=0.03)
    assert careless(pairs, 0) == pairs


def test_mined_pairs_flip_the_polarity_often():
    opposites, same = tasks.polarity_flips(tasks.mined_pairs(600, 0))
    assert 0.15 < opposites < 0.45 < same


def test_take_and_shorten():
    pairs = drawn("nli")
    assert pairs.take([3, 1]).first == (pairs.first[3], pairs.first[1])
    assert max(map(len, pairs.shortened(4).first)) == 4


def made(**changes):
    fields = {
        "name": "mine", "first": ("a", "b"), "second": ("c", "d"), "labels": (0, 1), "classes": ("no", "yes"),
        "likeness": (0, 1), "cut": 1, "topical": (True, False), "kinds": ("", ""), "source": "",
    }  # fmt: skip
    return PairSet(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"first": (), "second": (), "labels": (), "topical": (), "kinds": ()}, "mine: got an empty set"),
        ({"second": ("c",)}, "mine: got .* expected as many"),
        ({"labels": (0, 2)}, r"mine, labels: got \[2\]; expected 0 .. 1"),
        ({"likeness": (0, 1, 2)}, "mine, likeness: .* 2 classes"),
    ],
)
def test_bad_sets_are_named(changes, says):
    with pytest.raises(ValueError, match=says):
        made(**changes)


def test_one_class_only():
    assert made().require_classes() == made()
    with pytest.raises(ValueError, match="mine: all 2 pairs are alike"):
        made(labels=(1, 1)).require_classes()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: embedded_set("atec", 10, 0), "atec"),
        (lambda: embedded_set("nli", 0, 0), "size"),
        (lambda: real_set("lcqmc", "train"), "lcqmc"),
        (lambda: careless(drawn("nli"), 0, flips=0.1), "3 classes"),
        (lambda: careless(drawn("questions"), 0, flips=2.0), "flips"),
    ],
)
def test_bad_arguments_are_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
