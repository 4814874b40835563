"""What a step computes: balanced batches, the losses of several sets, and a distillation that copies the geometry."""

import pytest
import torch

from sjedu.supervised_similarity import Heads, cosent_loss, embedded_set
from sjedu.supervised_similarity.experiment import load_small
from sjedu.supervised_similarity.learning import (
    LABELLED,
    balanced_batch,
    both_orders,
    distil_loss,
    encode_with_gradient,
    label_loss,
)

SETS = [embedded_set(name, size, 0) for name, size in (("questions", 40), ("nli", 300), ("topics", 90))]


@pytest.fixture(scope="module")
def model():
    return load_small("start")


def test_every_set_gives_the_same_number_of_pairs():
    for step in range(6):
        assert [len(part) for part in balanced_batch(SETS, step, 24, 0)] == [8, 8, 8]
    seen = [pair for step in range(5) for pair in balanced_batch(SETS, step, 24, 0)[0].first]
    assert set(seen) == set(SETS[0].first)
    with pytest.raises(ValueError, match="number of sets, 3"):
        balanced_batch(SETS, 0, 2, 0)


def test_training_and_encoding_see_the_same_vectors(model):
    texts = ["我喜欢北京", "给我推荐一款红色的车"]
    vectors = encode_with_gradient(model, model.tokenizer, texts)
    assert vectors.requires_grad
    assert torch.allclose(vectors, model.encode(texts, normalize=False), atol=1e-5)


@pytest.mark.parametrize("objective", LABELLED)
def test_every_objective_has_a_gradient_on_every_set(model, objective):
    heads = Heads({pairs.name: len(pairs.classes) for pairs in SETS}, 64)
    parts = balanced_batch(SETS, 0, 24, 0)
    loss = label_loss(model, heads, model.tokenizer, parts, objective)
    (gradient,) = torch.autograd.grad(loss, [model.encoder.blocks[0].up.weight])
    assert gradient.abs().max() > 0


def test_cosent_compares_within_sets_only(model):
    parts = balanced_batch(SETS, 0, 24, 0)
    loss = label_loss(model, Heads({"questions": 2}, 64), model.tokenizer, parts, "cosent")
    each = [cosent_loss(model.similarity(pairs.first, pairs.second), pairs.order()) for pairs in parts]
    assert loss.item() == pytest.approx(torch.stack(each).mean().item(), abs=1e-3)


def test_both_orders_stand_next_to_each_other(model):
    sources, batch = both_orders(model.tokenizer, [("我喜欢北京", "北京我很喜欢")])
    assert sources == ["我喜欢北京", "北京我很喜欢"]
    assert batch.source_lengths.tolist() == [7, 8]
    assert batch.lengths.tolist() == [14, 14]


def test_a_copy_of_the_teacher_has_nothing_to_learn_but_writing(model):
    pairs = [("我喜欢北京", "北京我很喜欢"), ("手机不错", "手机很好")]
    loss = [distil_loss(model, model, model.tokenizer, pairs, weight).item() for weight in (1.0, 1e4)]
    assert loss[0] == pytest.approx(loss[1], rel=1e-3)
