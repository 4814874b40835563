import inspect

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sjedu.rope_2d import offsets, theory

EPS = np.finfo(np.float64).eps
frequencies = arrays(np.float64, st.tuples(st.integers(1, 6), st.just(2)), elements=st.floats(-3, 3))
grid_offsets = st.tuples(st.integers(-20, 20), st.integers(-20, 20))

PLANE = [[1.0, 0.0], [0.0, 1.0]]


@given(frequencies, grid_offsets)
def test_distance_is_the_scaled_norm_of_the_rotation_minus_the_identity(omega, p):
    R = theory.rope_matrix(p, omega)
    expected = np.linalg.norm(R - np.eye(len(R))) / np.sqrt(len(R))
    # cos a - 1 is off by eps whatever a is, so the norm is off by up to sqrt(eps) near zero: compare squares.
    assert abs(offsets.distance(p, omega) ** 2 - expected**2) <= 64 * EPS * (1 + np.abs(omega).max() * 40)


@pytest.mark.parametrize(
    ("omega", "expected"),
    [
        (lambda N: [[1, 1]], [0, 0, 0, 0]),
        (lambda N: [[1, np.sqrt(2)]], [0.041, 0.0094, 0.0006, 0.0002]),
        (
            lambda N: 2 * np.pi / (2 * N + 1) ** 2 * np.array([[2 * N + 1, 1]]),
            [0.028, 0.0065, 0.0016, 0.0004],
        ),
        (lambda N: PLANE, [0.200, 0.200, 0.094, 0.0125]),
        (lambda N: theory.axial(16), [0.359] * 4),
        (lambda N: theory.mixed(16), [0.412] * 4),
    ],
    ids=["x+y", "x+sqrt2 y", "flattened", "4x4", "axial", "mixed"],
)
def test_smallest_distances_on_grids(omega, expected):
    for N, value in zip((7, 15, 31, 63), expected, strict=True):
        digits = max(len(str(value).split(".")[-1]), 3)
        assert abs(offsets.min_distance(omega(N), N).distance - value) <= 0.51 * 10**-digits


def test_the_plane_nearly_collides_at_fourteen_half_turns():
    assert offsets.min_distance(PLANE, 63).offset == (44, 0)


@given(frequencies, st.integers(2, 8))
def test_smallest_distance_equals_brute_force_and_falls_with_the_grid(omega, N):
    grid = [(i, j) for i in range(-N, N + 1) for j in range(-N, N + 1) if (i, j) != (0, 0)]
    closest = offsets.min_distance(omega, N)
    # An angle is a sum of two products, at most 6N in all, whose rounding depends on how many are computed at
    # once; no distance changes faster than the largest angle.
    rounding = 4 * EPS * (1 + 6 * N)
    assert closest.distance == pytest.approx(offsets.distance(grid, omega).min(), rel=0, abs=rounding)
    assert closest.distance == pytest.approx(
        float(offsets.distance(closest.offset, omega)), rel=0, abs=rounding
    )
    assert closest.distance <= offsets.min_distance(omega, N - 1).distance + rounding


def test_the_flattened_form_cannot_be_closer_than_one_step():
    N, width = 10, 21
    theta = 2 * np.pi / width**2
    closest = offsets.min_distance([[width * theta, theta]], N)
    assert closest.distance == pytest.approx(2 * np.sin(theta / 2), rel=1e-12)


def test_planted_collisions_are_found_nearest_first():
    found = offsets.collisions(np.pi / 3 * np.array(PLANE), 13)
    multiples = {(6 * k, 6 * m) for k in range(-2, 3) for m in range(-2, 3)} - {(0, 0)}
    assert {(int(i), int(j)) for i, j in found} == multiples
    assert len(found) == len(multiples)
    assert (np.diff((found**2).sum(axis=1)) >= 0).all()


def test_no_collision_gives_an_empty_array():
    assert offsets.collisions(theory.axial(16), 20).shape == (0, 2)


def test_flattened_offsets_alias():
    width = 8
    omega = theory.flattened(16, width)
    np.testing.assert_allclose(
        theory.rope_matrix((1, -(width - 1)), omega), theory.rope_matrix((0, 1), omega), rtol=0, atol=8 * EPS
    )


# ---------------------------------------------------------------- decay


@given(frequencies, grid_offsets)
def test_mean_logit_is_the_logit_of_constant_content(omega, p):
    ones = np.ones(2 * len(omega))
    logit = ones @ theory.rope_matrix(p, omega) @ ones / len(ones)
    assert abs(offsets.mean_logit(p, omega) - logit) <= 32 * EPS * (1 + np.abs(omega).max() * 40)


def test_the_axial_kernel_is_a_sum_that_half_survives_along_an_axis():
    omega = theory.axial(64)
    along, diagonal = offsets.mean_logit([(16, 0), (16, 16)], omega)
    along_x = offsets.mean_logit([[16.0]], omega[:16, :1])[0]
    assert along == pytest.approx((1 + along_x) / 2, abs=8 * EPS)
    assert diagonal == pytest.approx(along_x, abs=8 * EPS)


@given(st.integers(0, 9), st.integers(0, 4), grid_offsets, st.integers(5, 12))
def test_a_learnt_number_leads_back_to_its_offset_only_at_its_own_width(row, column, p, width):
    query = row, column
    reached = offsets.led_to(query, p, 8, width)
    assert 0 <= reached[1] < width
    moved = (reached[0] - row) * width + reached[1] - column
    assert moved == 8 * p[0] + p[1]  # what was learnt
    if width == 8 and 0 <= column + p[1] < 8:
        assert reached == (row + p[0], column + p[1])


def test_the_flattened_kernel_is_one_wherever_the_flattened_index_repeats():
    assert offsets.mean_logit((1, -8), theory.flattened(16, 8)) == pytest.approx(1, abs=8 * EPS)


@given(frequencies, grid_offsets, st.integers(0, 2**32 - 1))
def test_the_abel_bound_holds(omega, p, seed):
    content = np.random.default_rng(seed).normal(size=(len(omega), 2)) @ [1, 1j]
    logit = abs(content @ np.exp(1j * omega @ p))
    assert logit <= offsets.abel_bound(p, omega, content) * (1 + 32 * EPS)


def test_the_abel_bound_is_sharp_at_offset_zero_with_one_pair():
    assert offsets.abel_bound((0, 0), [[1, 2]], [3 + 4j]) == pytest.approx(5, abs=4 * EPS)


# ---------------------------------------------------------------- text and images

kinds = pytest.mark.parametrize("kind", ["tie", "tv"])


@kinds
@given(length=st.integers(1, 9), width=st.integers(1, 9), height=st.integers(1, 9))
def test_image_positions_are_symmetric_between_the_texts(kind, length, width, height):
    p = offsets.tie_positions(length, width, height, kind)
    assert p.shape == (length + width * height + 1, 2)
    np.testing.assert_array_equal(p[length] - p[length - 1], p[-1] - p[-2])


@kinds
@given(length=st.integers(0, 20))
def test_pure_text_lies_on_the_diagonal(kind, length):
    expected = np.arange(1, length + 2)
    np.testing.assert_array_equal(offsets.tie_positions(length, 0, 0, kind), np.stack([expected] * 2, -1))


def test_tie_positions_of_a_small_image():
    expected = [(1, 1), (2, 2), (6, 5), (6, 8), (6, 11), (10, 5), (10, 8), (10, 11), (14, 14)]
    np.testing.assert_array_equal(offsets.tie_positions(2, 3, 2, "tie"), expected)


def test_tv_positions_may_lie_between_whole_numbers():
    expected = [(1, 1), (2, 2), (5, 4.5), (5, 5.5), (5, 6.5), (6, 4.5), (6, 5.5), (6, 6.5), (9, 9)]
    np.testing.assert_array_equal(offsets.tie_positions(2, 3, 2, "tv"), expected)


def test_tv_positions_solve_the_articles_equation():
    L, w, h, beta1, beta2 = sp.symbols("L w h beta1 beta2")
    after = L + w * h + 1
    solution = sp.solve(
        [beta1 + 1 - L - after + beta1 + h, beta2 + 1 - L - after + beta2 + w], [beta1, beta2]
    )
    start = [float(solution[beta].subs({L: 5, w: 4, h: 7})) + 1 for beta in (beta1, beta2)]
    np.testing.assert_array_equal(offsets.tie_positions(5, 4, 7, "tv")[5], start)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: offsets.min_distance(PLANE, 0), "N: got 0; expected at least 1"),
        (lambda: offsets.collisions([1.0, 2.0], 3), r"frequencies: got shape \(2,\); expected 2 axes"),
        (
            lambda: offsets.min_distance([[1.0]], 3),
            r"positions: got shape \(\d+, 2\); expected \(\.\.\., 1\)",
        ),
        (lambda: offsets.distance((np.nan, 0), PLANE), "positions: got nan"),
        (
            lambda: offsets.mean_logit((1, 2, 3), PLANE),
            r"positions: got shape \(3,\); expected \(\.\.\., 2\)",
        ),
        (
            lambda: offsets.abel_bound((1, 2), PLANE, [1.0]),
            "content: got 1 numbers; expected one for each of 2 pairs",
        ),
        (lambda: offsets.tie_positions(-1, 2, 2), "length: got -1"),
        (lambda: offsets.tie_positions(1, -2, 2), "width: got -2"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_unknown_kind_is_named():
    # Unwrapped: in the tests the annotation would answer first.
    with pytest.raises(ValueError, match="kind: got 'knot'; expected one of 'tie', 'tv'"):
        inspect.unwrap(offsets.tie_positions)(1, 2, 2, "knot")
