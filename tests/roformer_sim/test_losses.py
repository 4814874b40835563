"""The losses against the oracle, in values and gradients, and what they refuse."""

import inspect

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from tiny_sim import TOKENIZER, make_sim

from sjedu.contrastive_accumulation import accumulate
from sjedu.roformer import padding_mask, prefix_mask
from sjedu.roformer_sim import (
    contrastive_loss,
    distillation_loss,
    equal_texts,
    partners,
    theory,
    unilm_loss,
    unpack,
)

PAIRS = [
    ("红烧肉怎么做", "谁能教我烧红烧肉"),
    ("北京会下雨吗", "去北京要带伞吗"),
    ("微信收费吗", "用微信要交钱吗"),
]
FIRST = [text for a, b in PAIRS for text in (a, b)]
SECOND = [text for a, b in PAIRS for text in (b, a)]


def vectors(n=8, dim=5, seed=0):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def inputs():
    batch = TOKENIZER.encode(FIRST, SECOND)
    return {
        "ids": batch.ids,
        "types": batch.types,
        "lengths": batch.lengths,
        "source_lengths": batch.source_lengths,
    }


# ---------------------------------------------------------------- contrast


@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_contrast_is_the_oracles(scale):
    v = vectors().requires_grad_()
    loss = contrastive_loss(v, scale=scale)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(theory.contrastive_loss(v.detach().numpy(), scale))
    np.testing.assert_allclose(v.grad, theory.contrastive_gradient(v.detach().numpy(), scale), atol=1e-10)


@given(st.permutations(range(4)), st.lists(st.booleans(), min_size=4, max_size=4))
def test_contrast_does_not_depend_on_the_order_of_pairs(order, flips):
    v = vectors()
    rows = [2 * pair + (k ^ flip) for pair, flip in zip(order, flips, strict=True) for k in (0, 1)]
    torch.testing.assert_close(contrastive_loss(v[rows]), contrastive_loss(v))


def test_contrast_is_computed_in_float32():
    v = vectors().bfloat16()
    assert contrastive_loss(v).dtype == torch.float32
    torch.testing.assert_close(contrastive_loss(v), contrastive_loss(v.float()))


def test_partners_are_neighbours():
    assert partners(6).tolist() == [1, 0, 3, 2, 5, 4]
    with pytest.raises(ValueError, match="n: got 5 rows; expected both orders"):
        partners(5)


def test_a_pair_that_occurs_twice_is_no_negative_of_itself():
    texts = ["a", "b", "c", "d", "a", "b"]
    mask = equal_texts(texts)
    expected = torch.zeros(6, 6, dtype=torch.bool)
    for i, j in ((0, 4), (0, 5), (1, 4), (1, 5)):
        expected[i, j] = expected[j, i] = True
    assert torch.equal(mask, expected)
    v = vectors(6)
    v[4:] = v[:2]
    logits = 20 * F.normalize(v, dim=1) @ F.normalize(v, dim=1).T
    logits = logits.fill_diagonal_(-torch.inf).masked_fill(mask, -torch.inf)
    torch.testing.assert_close(contrastive_loss(v, mask=mask), F.cross_entropy(logits, partners(6)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 0.0}, "scale: got 0.0"),
        ({"mask": torch.ones(8, 8, dtype=torch.bool)}, "mask: got True for a positive"),
    ],
)
def test_contrast_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        contrastive_loss(vectors(), **arguments)


# ---------------------------------------------------------------- distillation


def test_distillation_is_the_oracles():
    u, v = vectors(dim=7), vectors(seed=1).requires_grad_()
    loss = distillation_loss(u, v, 3.0)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(theory.distillation_loss(u.numpy(), v.detach().numpy(), 3.0))
    expected = theory.distillation_gradient(u.numpy(), v.detach().numpy(), 3.0)
    np.testing.assert_allclose(v.grad, expected, atol=1e-10)


def test_the_teacher_gets_no_gradient_and_an_equal_one_costs_nothing():
    u = vectors().requires_grad_()
    loss = distillation_loss(u, u.detach() @ torch.linalg.qr(vectors(5))[0])
    assert float(loss.detach()) == pytest.approx(0, abs=1e-20)
    distillation_loss(u, vectors(seed=1).requires_grad_()).backward()
    assert u.grad is None


def test_distillation_refuses():
    with pytest.raises(ValueError, match="got 8 and 6 vectors"):
        inspect.unwrap(distillation_loss)(vectors(), vectors(6))
    with pytest.raises(ValueError, match="weight: got 0"):
        distillation_loss(vectors(), vectors(), 0.0)


# ---------------------------------------------------------------- generation


def reference(logits, batch):
    """Token by token: what stands behind the source, the final [SEP] included."""
    total, count = 0.0, 0
    for row in range(len(batch["ids"])):
        for i in range(int(batch["source_lengths"][row]), int(batch["lengths"][row])):
            total -= float(torch.log_softmax(logits[row, i - 1], dim=-1)[batch["ids"][row, i]])
            count += 1
    return total / count


def logits_of(model, batch):
    size = batch["ids"].shape[1]
    mask = prefix_mask(batch["source_lengths"], size) & padding_mask(batch["lengths"], size)
    return model.language_model(batch["ids"], mask=mask, types=batch["types"])


def test_generation_counts_the_targets_tokens_and_no_others():
    model, batch = make_sim(), inputs()
    with torch.no_grad():
        logits = logits_of(model, batch)
        loss = unilm_loss(logits, batch["ids"], batch["lengths"], batch["source_lengths"])
        rows = unpack(model(**batch))
    assert float(loss) == pytest.approx(reference(logits, batch), rel=1e-5)
    assert float(rows.nll.sum() / rows.tokens.sum()) == pytest.approx(float(loss), rel=1e-5)
    assert rows.tokens.tolist() == [len(text) + 1 for text in SECOND]


def test_a_batch_without_a_target_has_no_generation_loss():
    batch = TOKENIZER.encode(FIRST)
    logits = torch.zeros(*batch.ids.shape, len(TOKENIZER))
    with pytest.raises(ValueError, match="expected a target"):
        unilm_loss(logits, batch.ids, batch.lengths, batch.source_lengths)


# ---------------------------------------------------------------- all of them, in micro-batches


def total_loss(rows):
    vectors, nll, tokens = unpack(rows)
    return nll.sum() / tokens.sum() + contrastive_loss(vectors) + distillation_loss(TEACHER, vectors)


TEACHER = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("micro_batch", [1, 2, 4])
def test_accumulated_gradients_are_the_whole_batchs_dropout_included(micro_batch):
    def gradients(step):
        model = make_sim(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2).double().train()
        torch.manual_seed(0)
        loss = step(model)
        return float(loss.detach()), [p.grad for p in model.parameters()]

    def plainly(model):
        # The same dropout masks as in micro-batches: they are drawn part by part.
        parts = [
            model(**{name: x[k : k + micro_batch] for name, x in inputs().items()})
            for k in range(0, 6, micro_batch)
        ]
        loss = total_loss(torch.cat(parts))
        loss.backward()
        return loss

    expected_loss, expected = gradients(plainly)
    loss, found = gradients(lambda model: accumulate(model, inputs(), total_loss, micro_batch))
    assert loss == pytest.approx(expected_loss)
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-5)
