"""The mathematics: gradients, best cosines under careless labels, the bound of the mean cosine, CoSENT, Spearman."""

import math

import numpy as np
import pytest
import scipy.stats
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from sjedu.supervised_similarity import theory

c, t, p = sp.symbols("c t p", real=True)
probabilities = st.floats(0, 1)


@pytest.mark.parametrize(
    ("kind", "at", "label", "value"),
    [
        ("squared", 0.3, 1, 0.49), ("squared", 0.3, 0, 0.09), ("opposite", 0.3, 1, 0.49), ("opposite", 0.3, 0, 1.69),
        ("margin", 0.3, 1, 0.6), ("margin", 0.3, 0, 0.2), ("margin", 0.95, 1, 0), ("margin", 0.05, 0, 0),
    ],
)  # fmt: skip
def test_values(kind, at, label, value):
    assert theory.cosine_loss_value(kind, at, label) == pytest.approx(value)


@given(kind=st.sampled_from(theory.COSINE_KINDS), chance=probabilities)
def test_best_cosine_is_not_beaten_on_a_grid(kind, chance):
    best = theory.best_cosine(kind, chance)

    def expected(at):
        return chance * theory.cosine_loss_value(kind, at, 1) + (1 - chance) * theory.cosine_loss_value(
            kind, at, 0
        )

    assert all(expected(best) <= expected(at) + 1e-12 for at in np.linspace(-1, 1, 21))


def test_best_cosines_of_the_squares_are_stationary():
    for kind, best in (("squared", p), ("opposite", 2 * p - 1)):
        slope = sp.diff(theory.expected_loss(kind, c, p), c)
        assert sp.simplify(slope.subs(c, best)) == 0


@given(flips=st.floats(0, 0.5), marked=probabilities)
def test_label_probability_counts_what_is_drawn(flips, marked):
    rng = np.random.default_rng(0)
    n = 20_000
    labels = (rng.random(n) < marked) ^ (rng.random(n) < flips)
    said = theory.label_probability(False, True, flips=flips, topic_positives=marked)
    assert labels.mean() == pytest.approx(said, abs=5 * math.sqrt(0.25 / n))
    assert theory.label_probability(True, True, flips=flips) == pytest.approx(1 - flips)
    assert theory.label_probability(False, False, flips=flips, topic_positives=marked) == flips


@pytest.mark.parametrize("name", ["flips", "topic_positives"])
def test_probabilities_are_checked(name):
    with pytest.raises(ValueError, match=name):
        theory.label_probability(True, True, **{name: 1.5})
    with pytest.raises(ValueError, match="p: got"):
        theory.best_cosine("squared", -0.1)


def test_cosine_gradient_by_differences():
    rng = np.random.default_rng(1)
    u, v = rng.normal(size=(2, 5))
    step = 1e-6 * np.eye(5)
    numeric = [(theory.cosine(u + e, v) - theory.cosine(u - e, v)) / 2e-6 for e in step]
    gradient = theory.cosine_gradient(u, v)
    assert gradient == pytest.approx(numeric, abs=1e-8)
    assert gradient @ u == pytest.approx(0, abs=1e-12)
    sine = math.sqrt(1 - theory.cosine(u, v) ** 2)
    assert np.linalg.norm(gradient) == pytest.approx(sine / np.linalg.norm(u))
    with pytest.raises(ValueError, match="zero"):
        theory.cosine(u, 0 * v)


@given(n=st.integers(2, 9), dim=st.integers(1, 6), seed=st.integers(0, 99))
def test_mean_cosine_is_above_its_bound(n, dim, seed):
    vectors = np.random.default_rng(seed).normal(size=(n, dim))
    assert theory.mean_cosine(vectors) >= theory.mean_cosine_bound(n) - 1e-12


@pytest.mark.parametrize("n", [2, 3, 7])
def test_simplex_reaches_the_bound(n):
    assert theory.mean_cosine(theory.simplex(n)) == pytest.approx(theory.mean_cosine_bound(n))


def test_one_vector_has_no_pairs():
    with pytest.raises(ValueError, match="at least 2"):
        theory.mean_cosine_bound(1)
    with pytest.raises(ValueError, match="two vectors"):
        theory.mean_cosine(np.ones((1, 3)))


def test_cosent_by_hand_and_its_limit():
    cosines, labels = [0.2, 0.5, -0.1], [2, 0, 1]
    by_hand = math.log(1 + math.exp(0.3 * 2) + math.exp(-0.3 * 2) + math.exp(0.6 * 2))
    assert theory.cosent(cosines, labels, 2.0) == pytest.approx(by_hand)
    assert theory.cosent(cosines, labels, 2000.0) / 2000 == pytest.approx(
        theory.cosent_limit(cosines, labels), abs=1e-3
    )
    assert theory.cosent(cosines, [1, 1, 1]) == 0


ties = st.lists(st.integers(0, 3), min_size=3, max_size=20)


@given(a=ties, seed=st.integers(0, 99))
def test_spearman_equals_scipy(a, seed):
    b = np.random.default_rng(seed).integers(0, 4, len(a))
    if len(set(a)) < 2 or len(set(b.tolist())) < 2:
        with pytest.raises(ValueError, match="constant"):
            theory.spearman(a, b)
        return
    assert theory.spearman(a, b) == pytest.approx(scipy.stats.spearmanr(a, b).statistic, abs=1e-12)


def test_spearman_lengths():
    with pytest.raises(ValueError, match="3 and 2"):
        theory.spearman([1, 2, 3], [1, 2])
