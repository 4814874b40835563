"""The Fréchet distance on samples for which it is known."""

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st

from sjedu.measures.frechet import frechet_distance

SEEDS = st.integers(0, 2**32 - 1)


def sample(n, dim, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dim)) @ rng.normal(size=(dim, dim)) + rng.normal(size=dim)


@given(SEEDS, st.integers(2, 40), st.integers(1, 6))
def test_it_is_the_textbook_formula(seed, n, dim):
    a, b = sample(n, dim, seed), sample(50, dim, seed + 1)
    A, B = (np.cov(s, rowvar=False).reshape(dim, dim) for s in (a, b))
    # The eigenvalues of AB are those of A½ B A½; rounding makes some complex or negative, which the roots must survive.
    roots = np.sqrt(np.maximum(scipy.linalg.eigvals(A @ B).real, 0)).sum()
    wanted = np.square(a.mean(axis=0) - b.mean(axis=0)).sum() + np.trace(A) + np.trace(B) - 2 * roots
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-5, abs=1e-5)


def test_known_gaussians():
    a = sample(300, 4)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-12)
    shift = np.array([1.0, 0, 2, 0])
    assert frechet_distance(a, a + shift) == pytest.approx(5)
    centred = a - a.mean(axis=0)
    assert frechet_distance(centred, 3 * centred) == pytest.approx(4 * np.trace(np.cov(a, rowvar=False)))
    assert frechet_distance(a, 2 * a + 1) == pytest.approx(frechet_distance(2 * a + 1, a))


def test_fewer_samples_than_features():
    a, b = sample(5, 20), sample(9, 20, 1)
    assert frechet_distance(a, b) > 0
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_constant_features():
    assert frechet_distance(np.zeros((4, 3)), np.ones((5, 3))) == pytest.approx(3)


def test_tensors_of_any_precision_are_samples_too():
    a, b = sample(30, 3), sample(40, 3, 1)
    wanted = frechet_distance(a, b)
    assert frechet_distance(torch.from_numpy(a), torch.from_numpy(b).requires_grad_()) == wanted
    assert frechet_distance(torch.from_numpy(a).float(), b) == pytest.approx(wanted, rel=1e-5)


X = sample(6, 3)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (X, X[:1], r"b: got the shape \(1, 3\); expected \(n, features\) with n ≥ 2"),
        (X[0], X, r"a: got the shape \(3,\)"),
        (X[:, :0], X[:, :0], r"a: got the shape \(6, 0\)"),
        (X, X[:, :2], "a and b: got 3 and 2 features"),
        (X * np.nan, X, "a: 18 numbers are NaN or infinite"),
    ],
)
def test_refuses(a, b, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(a, b)


def test_refuses_what_are_no_real_numbers():
    with pytest.raises(TypeError, match="b: got numbers of type complex128"):
        frechet_distance(X, X * 1j)
