"""The classifier that is thrown away: what it sees, which parts of its score are which, and its symmetric version."""

import pytest
import torch

from sjedu.supervised_similarity import Heads, PairHead, concat_features


def vectors(pairs=6, dim=4, seed=0):
    return torch.randn(2, pairs, dim, generator=torch.Generator().manual_seed(seed))


def test_features_stand_side_by_side():
    u, v = vectors()
    assert torch.equal(concat_features(u, v), torch.cat([u, v, (u - v).abs()], dim=1))
    assert torch.equal(concat_features(u, v, ("u*v",)), u * v)


@pytest.mark.parametrize("parts", [(), ("u", "u")])
def test_parts_are_checked(parts):
    u, v = vectors()
    with pytest.raises(ValueError, match="parts"):
        concat_features(u, v, parts)
    with pytest.raises(ValueError, match="parts"):
        PairHead(4, 2, parts)


def test_one_class_is_no_classification():
    with pytest.raises(ValueError, match="classes"):
        PairHead(4, 1)


def test_the_shares_add_up_to_the_score():
    u, v = vectors()
    head = PairHead(4)
    logits = head(u, v)
    bias = head.linear.bias[1] - head.linear.bias[0]
    assert torch.allclose(sum(head.shares(u, v).values()) + bias, logits[:, 1] - logits[:, 0], atol=1e-6)
    assert set(head.weights()) == {"u", "v", "|u-v|"}


def test_the_first_two_shares_say_nothing_about_nearness():
    # As far as ⟨u, w₁⟩ + ⟨v, w₂⟩ goes, any pair can be had at distance zero: its vectors' mean, twice, if w₁ = w₂.
    u, v = vectors()
    head = PairHead(4).symmetrised()
    middle = (u + v) / 2
    far, near = head.shares(u, v), head.shares(middle, middle)
    assert torch.allclose(far["u"] + far["v"], near["u"] + near["v"], atol=1e-6)
    assert near["|u-v|"].abs().max() == 0


def test_symmetrised_is_the_mean_of_both_orders():
    u, v = vectors()
    head = PairHead(4, 3)
    symmetric = head.symmetrised()
    assert torch.allclose(symmetric(u, v), (head(u, v) + head(v, u)) / 2, atol=1e-6)
    assert torch.allclose(symmetric(u, v), symmetric(v, u), atol=1e-6)
    with pytest.raises(ValueError, match="both u and v"):
        PairHead(4, 2, ("u", "|u-v|")).symmetrised()


def test_one_head_a_set_or_one_for_all():
    classes = {"a": 2, "b": 2, "nli": 3}
    own, shared = Heads(classes, 4), Heads(classes, 4, shared=True)
    assert own["a"] is not own["b"]
    assert shared["a"] is shared["b"]
    u, v = vectors()
    assert own("nli", u, v).shape == shared("nli", u, v).shape == (6, 3)
    with pytest.raises(ValueError, match="'c'"):
        own("c", u, v)
    with pytest.raises(ValueError, match="none"):
        Heads({}, 4)
