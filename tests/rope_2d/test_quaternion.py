import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from sympy.algebras.quaternion import Quaternion

from sjedu.rope_2d import quaternion, theory

EPS = np.finfo(np.float64).eps
p, q = sp.symbols("p:4", real=True), sp.symbols("q:4", real=True)
positions = st.tuples(st.floats(-5, 5), st.floats(-5, 5))


def test_left_and_right_matrices_multiply_as_sympys_quaternions_do():
    product = sp.Matrix((Quaternion(*p) * Quaternion(*q)).to_Matrix())
    assert (quaternion.left_matrix(*p) * sp.Matrix(q) - product).expand() == sp.zeros(4, 1)
    assert (quaternion.right_matrix(*q) * sp.Matrix(p) - product).expand() == sp.zeros(4, 1)


def test_left_matrices_represent_the_algebra_and_commute_with_right_matrices():
    product = (Quaternion(*p) * Quaternion(*q)).to_Matrix()
    L, R = quaternion.left_matrix, quaternion.right_matrix
    assert (L(*p) * L(*q) - L(*product)).expand() == sp.zeros(4)
    assert theory.commutator(L(*p), R(*q)).expand() == sp.zeros(4)


def test_multiplying_numbers():
    i, j, k = np.eye(4)[1:]
    np.testing.assert_array_equal(quaternion.multiply(i, j), k)
    np.testing.assert_array_equal(quaternion.multiply(j, i), -k)
    with pytest.raises(ValueError, match=r"p: got shape \(3,\); expected \(4,\)"):
        quaternion.multiply([1, 2, 3], i)


@given(st.tuples(*[st.floats(-3, 3)] * 3))
def test_eulers_formula_is_the_matrix_exponential(parts):
    L = quaternion.left_matrix(*quaternion.exponential(0, *parts))
    expected = theory.exponential(quaternion.left_matrix(0, *parts))
    assert np.abs(L - expected).max() <= 32 * EPS * (1 + np.linalg.norm(parts))


def test_eulers_formula_of_symbols():
    b = sp.symbols("b", positive=True)
    assert quaternion.exponential(0, b, 0, 0) == (sp.cos(b), sp.sin(b), 0, 0)
    assert quaternion.exponential(sp.Integer(1), 0, 0, 0) == (sp.E, 0, 0, 0)


def test_one_sided_fails_by_the_known_amount():
    error = theory.relativity_error(lambda p: quaternion.one_sided_rotation(*p, 1.0), (1, 0), (0, 1))
    assert error == pytest.approx(1.598, abs=5e-4)


def test_the_failure_is_twice_the_area_at_small_angles():
    rng = np.random.default_rng(0)
    ratios = []
    for first, second in rng.uniform(-5, 5, size=(200, 2, 2)):
        error = theory.relativity_error(lambda p: quaternion.one_sided_rotation(*p, 0.01), first, second)
        assert quaternion.failure(first, second, 0.01) == error
        assert quaternion.failure(first, second, 0.01, two_sided=True) < 1e-14
        ratios.append(error / quaternion.predicted_failure(first, second, 0.01))
    assert np.median(ratios) == pytest.approx(1, abs=1e-3)


def test_second_order_term_of_the_failure():
    theta, x1, y1, x2, y2 = sp.symbols("theta x1 y1 x2 y2", real=True)

    def expansion(x, y):
        B = theta * quaternion.left_matrix(sp.S.Zero, x, y, sp.S.Zero)
        return sp.eye(4) + B + B**2 / 2

    failure = (expansion(x1, y1).T * expansion(x2, y2) - expansion(x2 - x1, y2 - y1)).expand()
    expected = -(x1 * y2 - x2 * y1) * quaternion.left_matrix(0, 0, 0, sp.S.One)
    assert failure.applyfunc(lambda entry: entry.coeff(theta, 1)) == sp.zeros(4)
    assert (failure.applyfunc(lambda entry: entry.coeff(theta, 2)) - expected).expand() == sp.zeros(4)


@given(positions, positions)
def test_two_sided_satisfies_relativity(first, second):
    error = theory.relativity_error(lambda p: quaternion.two_sided_rotation(*p, 1.0), first, second)
    assert error <= 1e-13


@given(positions)
def test_two_sided_is_a_rope_in_its_basis(position):
    Q = quaternion.TWO_SIDED_BASIS
    R = Q.T @ quaternion.two_sided_rotation(*position, 0.7) @ Q
    assert np.abs(R - theory.rope_matrix(position, theory.two_sided(0.7))).max() <= 64 * EPS
