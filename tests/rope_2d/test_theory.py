import inspect

import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sjedu.rope_2d import theory

EPS = np.finfo(np.float64).eps
x, y, theta = sp.symbols("x y theta", real=True)
b, c, f = sp.symbols("b c f", real=True)

coordinates = st.floats(-100, 100)
positions = st.tuples(coordinates, coordinates)
frequencies = arrays(np.float64, st.tuples(st.integers(1, 6), st.just(2)), elements=st.floats(-3, 3))


def simplified(matrix):
    return matrix.applyfunc(sp.simplify)


def rounding(omega, *points):
    """Bound the error of R(ω·p): each angle is off by a few eps of its terms, and so is its cosine."""
    omega = np.asarray(omega)
    angles = sum(np.abs(omega) @ np.abs(p) for p in points)
    return 8 * EPS * (1 + np.linalg.norm(angles) + len(omega))


def random_pair(rng, omega, dim):
    """Return commuting antisymmetric matrices with the given frequencies in a random basis."""
    Q = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    pair = []
    for component in omega.T:
        blocks = np.zeros((dim, dim))
        for k, frequency in enumerate(component):
            blocks[2 * k + 1, 2 * k], blocks[2 * k, 2 * k + 1] = frequency, -frequency
        B = Q @ blocks @ Q.T
        pair.append((B - B.T) / 2)
    return pair


def multiset(omega):
    """Return the frequencies up to order and sign: turned into one half-plane, and sorted."""
    rounded = np.round(omega, 6) + 0.0
    flip = (rounded[:, 0] < 0) | ((rounded[:, 0] == 0) & (rounded[:, 1] < 0))
    rounded[flip] *= -1
    return sorted(map(tuple, rounded + 0.0))


# ---------------------------------------------------------------- symbols and numbers


def test_rotation_of_symbols_is_the_exponential_of_the_articles_generator():
    B = theory.antisymmetric(x * theta, 0, 0, 0, 0, y * theta)
    assert simplified(B.exp() - theory.rotation(x, y, theta)) == sp.zeros(4)


def test_rotation_satisfies_relativity_identically():
    x1, y1, x2, y2 = sp.symbols("x1 y1 x2 y2", real=True)
    left = theory.rotation(x1, y1, theta).T * theory.rotation(x2, y2, theta)
    assert simplified(left - theory.rotation(x2 - x1, y2 - y1, theta)) == sp.zeros(4)


def test_rotation_of_numbers_equals_rotation_of_symbols():
    R = theory.rotation(2, -3.5, 0.25)
    assert R.dtype == np.float64
    exact = theory.rotation(sp.Integer(2), sp.Rational(-7, 2), sp.Rational(1, 4)).evalf(30)
    assert np.abs(R - np.array(exact, dtype=np.float64)).max() <= 2 * EPS


def test_rotation_is_the_axial_form_in_four_dimensions():
    np.testing.assert_array_equal(
        theory.rotation(1.5, -2.0, 0.3), theory.rope_matrix((1.5, -2.0), 0.3 * theory.axial(4))
    )


def test_antisymmetric_is_the_articles_matrix():
    a, b, c, d, e, f = sp.symbols("a b c d e f")
    assert theory.antisymmetric(a, b, c) == sp.Matrix([[0, -a, -b], [a, 0, -c], [b, c, 0]])
    article = sp.Matrix([[0, -a, -b, -d], [a, 0, -c, -e], [b, c, 0, -f], [d, e, f, 0]])
    assert theory.antisymmetric(a, b, c, d, e, f) == article


@pytest.mark.parametrize("count", [0, 2, 4, 5, 7])
def test_antisymmetric_names_a_wrong_count(count):
    with pytest.raises(ValueError, match=rf"entries: got {count}; .*1, 3, 6, 10"):
        theory.antisymmetric(*range(count))


def test_the_family_commutes_and_turns_two_orthogonal_planes():
    B1, B2 = theory.commuting_family(b, c, f)
    w2 = 1 + b**2 + c**2
    assert theory.commutator(B1, B2).expand() == sp.zeros(4)
    assert (B1**3 + w2 * B1).expand() == sp.zeros(4)
    assert (B2**3 + f**2 * w2 * B2).expand() == sp.zeros(4)
    assert (B1 * B2).expand() == sp.zeros(4)


@given(b=st.floats(-3, 3), c=st.floats(-3, 3), f=st.floats(-3, 3), t=st.floats(-5, 5))
def test_rodrigues_equals_expm(b, c, f, t):
    B1, B2 = theory.commuting_family(b, c, f)
    w = np.sqrt(1 + b * b + c * c)
    tolerance = 64 * EPS * (1 + abs(t) * w * (1 + abs(f)))
    assert np.abs(theory.rodrigues(B1, w, t) - scipy.linalg.expm(t * B1)).max() <= tolerance
    # Below 1e-3 the quotient (1 - cos fwt)/(fw)² of the closed form itself loses digits.
    if abs(f) >= 1e-3:
        frequency = abs(f) * w
        lost = 1 / min(1, abs(f)) ** 2
        error = np.abs(theory.rodrigues(B2, frequency, t) - scipy.linalg.expm(t * B2)).max()
        assert error <= tolerance * lost


def test_rodrigues_of_symbols_solves_the_differential_equation():
    w, t = sp.symbols("w t", positive=True)
    B, _ = theory.commuting_family(sp.sqrt(w**2 - 1 - c**2), c, f)
    E = theory.rodrigues(B, w, t)
    assert simplified(E.diff(t) - B * E) == sp.zeros(4)
    assert E.subs(t, 0) == sp.eye(4)


# ---------------------------------------------------------------- exponentials and relativity


@given(arrays(np.float64, st.tuples(st.integers(1, 6)), elements=st.floats(-4, 4)))
def test_exponential_equals_expm_and_is_orthogonal(entries):
    dim = len(entries)
    B = np.zeros((dim, dim))
    B[1:, 0] = entries[1:]
    B = B + np.diag(entries[:-1], -1)
    B = B - B.T
    R = theory.exponential(B)
    tolerance = 64 * EPS * dim * (1 + np.linalg.norm(B))
    assert np.abs(R - scipy.linalg.expm(B)).max() <= tolerance
    assert np.abs(R.T @ R - np.eye(dim)).max() <= tolerance


@given(frequencies, positions, positions)
def test_every_list_of_frequencies_satisfies_relativity(omega, first, second):
    error = theory.relativity_error(lambda p: theory.rope_matrix(p, omega), first, second)
    assert error <= rounding(omega, first, second)


def test_relativity_fails_for_generators_that_do_not_commute():
    generators = theory.antisymmetric(1, 0, 0), theory.antisymmetric(0, 1, 0)
    error = theory.relativity_error(lambda p: theory.representation(p, generators), (1, 0), (0, 1))
    assert error > 0.5


def test_representation_is_the_matrix_exponential():
    generators = theory.commuting_family(0.5, -1.0, 2.0)
    expected = scipy.linalg.expm(1.5 * generators[0] - 0.7 * generators[1])
    np.testing.assert_allclose(theory.representation((1.5, -0.7), generators), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.exponential([[0, 1], [1, 0]]), r"B: got a symmetric part of norm 1\.41"),
        (lambda: theory.exponential(np.ones((2, 3))), r"B: got shape \(2, 3\); expected a square matrix"),
        (lambda: theory.exponential([[0, np.nan], [0, 0]]), "B: got nan; expected finite numbers"),
        (
            lambda: theory.representation((1, 2), [np.zeros((2, 2))]),
            "generators: got 1; .* each of 2 coordinates",
        ),
    ],
)
def test_exponentials_name_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------- classification


def test_two_hundred_random_pairs_are_block_diagonalised():
    rng = np.random.default_rng(0)
    for _ in range(200):
        dim = int(rng.integers(4, 13))
        omega = rng.normal(size=(dim // 2, 2))
        pair = random_pair(rng, omega, dim)
        basis, found = theory.joint_blocks(*pair)
        p = rng.uniform(-3, 3, 2)
        R = scipy.linalg.block_diag(theory.rope_matrix(p, found), *([[1.0]] * (dim % 2)))
        assert np.abs(basis.T @ basis - np.eye(dim)).max() <= 1e-12
        expected = scipy.linalg.expm(p[0] * pair[0] + p[1] * pair[1])
        assert np.abs(basis @ R @ basis.T - expected).max() <= 1e-12
        assert multiset(found) == multiset(omega)


@pytest.mark.parametrize(
    "omega",
    [
        [[1, 2], [1, 2]],
        [[1, 2], [-1, -2]],
        [[0, 0], [0, 0]],
        [[0, 0], [1, 2]],
        [[1, 0], [0, 1]],
        [[1, 1], [1, -1]],
        [[1e-7, 0], [0, 1]],
        # Along the first direction that is tried, 0.3 rad, these two coincide.
        [[np.cos(0.3) - np.sin(0.3), np.sin(0.3) + np.cos(0.3)], [np.cos(0.3), np.sin(0.3)]],
        [[1e4, 0], [0, 1e-4]],
    ],
)
@pytest.mark.parametrize("dim", [4, 5])
def test_degenerate_frequencies_are_found(omega, dim):
    omega = np.array(omega, dtype=np.float64)
    pair = random_pair(np.random.default_rng(1), omega, dim)
    basis, found = theory.joint_blocks(*pair)
    assert np.abs(basis.T @ basis - np.eye(dim)).max() <= 1e-13
    for B, component in zip(pair, found.T, strict=True):
        blocks = [frequency * np.array([[0, -1], [1, 0]]) for frequency in component]
        rebuilt = basis @ scipy.linalg.block_diag(*blocks, *([[0.0]] * (dim - 4))) @ basis.T
        assert np.abs(rebuilt - B).max() <= 1e-12 * max(np.linalg.norm(B), 1e-300)


@given(b=st.floats(-3, 3), c=st.floats(-3, 3), f=st.floats(-3, 3))
def test_the_articles_family_is_the_axial_form_with_frequencies_w_and_fw(b, c, f):
    _, omega = theory.joint_blocks(*theory.commuting_family(b, c, f))
    w = np.sqrt(1 + b * b + c * c)
    found = omega[np.argsort(-np.abs(omega[:, 0]))]
    np.testing.assert_allclose(
        np.abs(found), [[w, 0], [0, abs(f) * w]], rtol=0, atol=1e-13 * w * (1 + abs(f))
    )


@pytest.mark.parametrize(
    ("B1", "B2", "message"),
    [
        (
            theory.antisymmetric(1, 0, 0),
            theory.antisymmetric(0, 1, 0),
            r"B1 and B2: got .* norm 1\.41; expected",
        ),
        (
            np.eye(3),
            np.zeros((3, 3)),
            r"B1: got a symmetric part of norm 1\.73; expected an antisymmetric matrix",
        ),
        (
            np.zeros((3, 3)),
            np.ones((3, 3)),
            "B2: got a symmetric part of norm 3; expected an antisymmetric matrix",
        ),
        (theory.antisymmetric(1), theory.antisymmetric(1, 0, 0), r"shapes \(2, 2\) and \(3, 3\)"),
    ],
)
def test_joint_blocks_names_bad_input(B1, B2, message):
    with pytest.raises(ValueError, match=message):
        theory.joint_blocks(B1, B2)


# ---------------------------------------------------------------- lists of frequencies


def test_axial_rotates_the_halves_separately():
    R = theory.rope_matrix((3.0, 0.0), theory.axial(16))
    np.testing.assert_array_equal(R[8:, 8:], np.eye(8))
    np.testing.assert_array_equal(R[:8, 8:], 0)
    np.testing.assert_array_equal(R[:8, :8], theory.rope_matrix((0.0, 3.0), theory.axial(16))[8:, 8:])


def test_axial_frequencies_fall_geometrically_from_one():
    omega = theory.axial(16, base=10000)
    np.testing.assert_allclose(omega[:4, 0], [1, 0.1, 0.01, 0.001], rtol=4 * EPS)
    np.testing.assert_array_equal(omega[:4, 0], omega[4:, 1])


def test_mixed_is_axial_turned():
    np.testing.assert_array_equal(theory.mixed(8, base=10), theory.axial(8, base=10))
    quarter = theory.mixed(8, base=10, angle=np.pi / 2)
    np.testing.assert_allclose(quarter[:2], theory.axial(8, base=10)[2:], rtol=0, atol=EPS)


def test_two_sided_is_axial_turned_by_45_degrees_and_root_two_as_fast():
    expected = theory.turned(np.sqrt(2) * 0.3 * theory.axial(4), -np.pi / 4)
    np.testing.assert_allclose(theory.two_sided(0.3), expected, rtol=0, atol=4 * EPS)


def test_golden_frequencies_have_the_lengths_of_rope_and_prefer_no_direction():
    omega = theory.golden(64)
    assert np.linalg.norm(omega, axis=1) == pytest.approx(100.0 ** (-np.arange(32) / 32))
    gaps = np.diff(np.sort(np.arctan2(*omega.T)))
    assert gaps.max() < 3 * gaps.min()  # no two directions coincide, and no sector is empty


def test_flattened_sees_only_the_flattened_index():
    omega = theory.flattened(8, width=7)
    np.testing.assert_allclose(
        theory.rope_matrix((2, 3), omega), theory.rope_matrix((1, 10), omega), rtol=0, atol=32 * EPS
    )


@given(frequencies, positions)
def test_the_two_pairings_are_permutations_of_each_other(omega, p):
    v = np.arange(1.0, 2 * len(omega) + 1)
    order = theory.half_order(len(v))
    rotated = theory.rope_matrix(p, omega) @ v
    half = theory.rope_matrix(p, omega, "half") @ v[order]
    np.testing.assert_allclose(half, rotated[order], rtol=0, atol=8 * EPS * len(v))


def test_half_pairs_coordinate_k_with_k_plus_half_the_dimension():
    np.testing.assert_array_equal(theory.half_order(6), [0, 2, 4, 1, 3, 5])
    R = theory.rope_matrix((1, 0), [[0.5, 0], [2, 0]], "half")
    np.testing.assert_array_equal(R[np.ix_([0, 2], [0, 2])], theory.plane_rotation(0.5))
    np.testing.assert_array_equal(R[np.ix_([1, 3], [1, 3])], theory.plane_rotation(2))


def test_three_dimensional_positions_need_six_dimensions():
    R = theory.rope_matrix((1, 2, 3), np.eye(3))
    expected = scipy.linalg.block_diag(*(theory.plane_rotation(n) for n in (1, 2, 3)))
    np.testing.assert_array_equal(R, expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.axial(6), "head_dim: got 6; expected a positive multiple of 4"),
        (lambda: theory.axial(0), "head_dim: got 0"),
        (lambda: theory.axial(8, base=-1), "base: got -1; expected a positive number"),
        (lambda: theory.axial(8, base=float("inf")), "base: got inf"),
        (lambda: theory.flattened(5, 3), "head_dim: got 5; expected a positive multiple of 2"),
        (
            lambda: theory.rope_matrix((1, 2, 3), theory.axial(4)),
            r"positions: got shape \(3,\); expected \(\.\.\., 2\)",
        ),
        (
            lambda: theory.rope_matrix([(1, 2)], theory.axial(4)),
            r"position: got shape \(1, 2\); expected 1 axes",
        ),
        (
            lambda: theory.rope_matrix((1, np.inf), theory.axial(4)),
            "position: got inf; expected finite numbers",
        ),
        (lambda: theory.rope_matrix((1, 2), []), r"frequencies: got shape \(0,\)"),
        (lambda: theory.rope_matrix((1, 2), np.zeros((0, 2))), r"frequencies: got shape \(0, 2\)"),
    ],
)
def test_lists_of_frequencies_name_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_unknown_pairing_is_named():
    # Unwrapped: in the tests the annotation would answer first.
    with pytest.raises(ValueError, match="pairing: got 'pairs'; expected one of 'interleaved', 'half'"):
        inspect.unwrap(theory.rope_matrix)((1, 2), theory.axial(4), "pairs")
