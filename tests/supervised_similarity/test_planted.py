"""The planted simulation: labels as careless as said, and what each loss makes of the topic."""

import numpy as np
import pytest

from sjedu.supervised_similarity import planted, theory
from sjedu.supervised_similarity.planted import World, draw_pairs, learn

SMALL = {"pairs": 450, "steps": 80}


def test_a_third_each_and_labels_as_the_theory_says():
    pairs = draw_pairs(World(), 3000, 1)
    assert pairs.same_meaning.sum() == 1000
    assert pairs.same_topic.sum() == 2000
    labels = planted.careless_labels(pairs, 0.1, 0.4, 0).numpy()
    topic_only = (pairs.same_topic & ~pairs.same_meaning).numpy()
    for which, said in ((pairs.same_meaning.numpy(), (True, True)), (topic_only, (False, True))):
        wanted = theory.label_probability(*said, flips=0.1, topic_positives=0.4)
        assert labels[which].mean() == pytest.approx(wanted, abs=0.06)


def test_training_learns_meaning_and_leaves_the_global_generator_alone():
    import torch

    state = torch.get_rng_state()
    found = learn("squared", world=World(noise=0.05), **SMALL)
    assert torch.equal(torch.get_rng_state(), state)
    assert found.meaning > 0.9
    assert learn("squared", world=World(noise=0.05), **SMALL) == found


def test_careless_labels_put_the_topic_into_the_cosine():
    clean, careless = (learn("squared", topic_positives=q, **SMALL) for q in (0.0, 0.6))
    assert careless.cosines[1] > clean.cosines[1] + 0.2
    assert careless.meaning < clean.meaning


def test_u_and_v_alone_teach_the_cosine_little():
    whole, blind = (learn("head", parts=parts, **SMALL) for parts in (("u", "v", "|u-v|"), ("u", "v")))
    assert whole.meaning > blind.meaning + 0.05
    assert np.isfinite(blind.topic)


def test_bad_size():
    with pytest.raises(ValueError, match="at least 3"):
        draw_pairs(World(), 2, 0)
