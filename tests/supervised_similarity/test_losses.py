"""The losses against the slow mathematics, and their gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sjedu.supervised_similarity import cosent_loss, cosine_loss, theory

cosine = st.floats(-1, 1, allow_subnormal=False)


@st.composite
def pairs(draw, classes=2):
    cosines = draw(st.lists(cosine, min_size=1, max_size=12))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=len(cosines), max_size=len(cosines)))
    return torch.tensor(cosines, dtype=torch.float64), torch.tensor(labels)


@given(data=pairs(), kind=st.sampled_from(theory.COSINE_KINDS))
def test_cosine_losses_equal_the_formulas(data, kind):
    cosines, labels = data
    wanted = np.mean(
        [
            theory.cosine_loss_value(kind, *each)
            for each in zip(cosines.tolist(), labels.tolist(), strict=True)
        ]
    )
    assert cosine_loss(cosines, labels, kind).item() == pytest.approx(wanted, abs=1e-12)


@given(data=pairs(classes=4), scale=st.sampled_from([0.5, 20.0, 400.0]))
def test_cosent_equals_brute_force(data, scale):
    cosines, labels = data
    wanted = theory.cosent(cosines.tolist(), labels.tolist(), scale)
    assert cosent_loss(cosines, labels, scale).item() == pytest.approx(wanted, rel=1e-10, abs=1e-10)


@given(data=pairs(classes=3))
def test_cosent_knows_the_order_only(data):
    cosines, labels = data
    relabelled = torch.tensor([-7.0, 0.25, 1e6], dtype=torch.float64)[labels]
    assert torch.equal(cosent_loss(cosines, labels), cosent_loss(cosines, relabelled))
    order = torch.randperm(len(cosines), generator=torch.Generator().manual_seed(0))
    assert torch.allclose(cosent_loss(cosines[order], labels[order]), cosent_loss(cosines, labels))


@given(data=pairs(), shift=st.floats(-0.5, 0.5))
def test_cosent_has_no_threshold(data, shift):
    cosines, labels = data
    assert torch.allclose(cosent_loss(cosines + shift, labels), cosent_loss(cosines, labels), atol=1e-9)


def test_cosent_gradients():
    generator = torch.Generator().manual_seed(0)
    cosines = (torch.rand(9, dtype=torch.float64, generator=generator) * 2 - 1).requires_grad_()
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 1, 0, 0])
    assert torch.autograd.gradcheck(lambda c: cosent_loss(c, labels, 5.0), cosines)
    (gradient,) = torch.autograd.grad(cosent_loss(cosines, labels), cosines)
    assert gradient.sum().abs() < 1e-12  # a common shift changes nothing


def test_cosent_neither_overflows_nor_underflows():
    cosines = torch.tensor([-1.0, 1.0, 1.0, -1.0]).requires_grad_()
    labels = torch.tensor([1, 0, 1, 0])
    loss = cosent_loss(cosines, labels, 1e4)
    loss.backward()
    assert loss.item() == pytest.approx(2e4)
    assert torch.isfinite(cosines.grad).all()


def test_many_pairs_take_no_square():
    cosines = torch.linspace(-1, 1, 50_000, dtype=torch.float64)
    labels = torch.arange(50_000) % 5
    assert torch.isfinite(cosent_loss(cosines, labels))


@pytest.mark.parametrize(
    ("cosines", "labels", "options", "says"),
    [
        ([], [], {}, "no pairs"),
        ([0.1], [2], {}, "0 or 1"),
        ([0.1], [1], {"low": 0.95}, "low"),
    ],
)
def test_bad_input_of_the_cosine_losses(cosines, labels, options, says):
    with pytest.raises(ValueError, match=says):
        cosine_loss(torch.tensor(cosines).double(), torch.tensor(labels).long(), "margin", **options)


@pytest.mark.parametrize(
    ("labels", "scale", "says"),
    [([1.0, 0.0], 0.0, "scale"), ([1.0, float("nan")], 20.0, "NaN")],
)
def test_bad_input_of_cosent(labels, scale, says):
    with pytest.raises(ValueError, match=says):
        cosent_loss(torch.tensor([0.1, 0.2]), torch.tensor(labels), scale)
