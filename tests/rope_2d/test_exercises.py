"""Each check rejects the mistake that it is there for, with its reason."""

import re

import numpy as np
import pytest
import torch

from sjedu.rope_2d import exercises
from sjedu.rope_2d.exercises import EXERCISES
from sjedu.rope_2d.quaternion import one_sided_rotation

rope2d, commuting_pair, common_basis = exercises.rope2d, exercises.commuting_pair, exercises.common_basis
collisions, sandwich, tie_positions = exercises.collisions, exercises.sandwich, exercises.tie_positions


def swapped_sines(q, xy, freqs, layout="interleaved"):
    angles = xy @ freqs.T
    a, b = q[..., 0::2], q[..., 1::2]
    turned = a * angles.cos() + b * angles.sin(), a * angles.sin() + b * angles.cos()
    return torch.stack(turned, dim=-1).flatten(-2)


def backwards(q, xy, freqs, layout="interleaved"):
    return rope2d(q, -xy, freqs, layout)


def by_sum(q, xy, freqs, layout="interleaved"):
    return rope2d(q, xy.sum(-1, keepdim=True).expand(-1, 2), freqs, layout)


def off_by_one(q, xy, freqs, layout="interleaved"):
    return rope2d(q, xy + 1, freqs, layout)


def one_layout(q, xy, freqs, layout="interleaved"):
    return rope2d(q, xy, freqs)


def widened(q, xy, freqs, layout="interleaved"):
    return rope2d(q.double(), xy, freqs, layout)


def angles_in_q_dtype(q, xy, freqs, layout="interleaved"):
    return rope2d(q.double(), xy.to(q.dtype).double(), freqs.to(q.dtype).double(), layout).to(q.dtype)


def absolute(q, xy, freqs, layout="interleaved"):
    return rope2d(q, xy.abs(), freqs, layout)


def twice_as_fast(q, xy, freqs, layout="interleaved"):
    return rope2d(q, xy, 2 * freqs, layout)


def symmetric_pair(b, c, f):
    return tuple(B + B.T for B in map(np.tril, commuting_pair(b, c, f)))


def wrong_sign(b, c, f):
    B1, _ = commuting_pair(b, c, f)
    return B1, commuting_pair(-b, -c, f)[1]


def trivial_pair(b, c, f):
    B1, _ = commuting_pair(b, c, f)
    return B1, 2 * B1


def unscaled(B1, B2):
    Q, omegas = common_basis(B1, B2)
    return Q / np.sqrt(2), omegas


def absolute_frequencies(B1, B2):
    Q, omegas = common_basis(B1, B2)
    return Q, np.abs(omegas)


def careless(B1, B2):
    values, vectors = np.linalg.eigh(1j * (0.83 * B1 + 0.56 * B2))
    planes = vectors[:, values > 1e-9]
    Q = np.sqrt(2) * np.stack([planes.real, planes.imag], axis=-1).reshape(len(B1), -1)
    return Q, np.stack([(Q.T @ B @ Q)[range(1, len(B), 2), range(0, len(B), 2)] for B in (B1, B2)], axis=-1)


def with_origin(omegas, N):
    return collisions(omegas, N) | {(0, 0)}


def without_modulo(omegas, N):
    grid = [(x, y) for x in range(-N, N + 1) for y in range(-N, N + 1)]
    return {p for p in grid if p != (0, 0) and np.allclose(omegas @ np.array(p), 0)}


def any_angle(omegas, N):
    grid = [(x, y) for x in range(-N, N + 1) for y in range(-N, N + 1)]
    return {p for p in grid if p != (0, 0) and np.abs(np.sin(omegas @ np.array(p) / 2)).min() < 1e-9}


def axes_only(omegas, N):
    if len(omegas) == 1:
        return set()
    return collisions(omegas, N)


def one_sided(q, x, y, theta):
    return one_sided_rotation(x, y, theta) @ q


def exchanged(q, x, y, theta):
    return sandwich(q, y, x, theta)


def conjugate(q, x, y, theta):
    return sandwich(q, -x, -y, theta)


def shifted_text(L, w, h, kind="tie"):
    return tie_positions(L, w, h, kind) + 1


def lopsided(L, w, h, kind="tie"):
    positions = tie_positions(L, w, h, kind)
    positions[L:-1] -= 0.5
    return positions


def transposed(L, w, h, kind="tie"):
    positions = tie_positions(L, w, h, kind)
    positions[L:-1] = positions[L:-1].reshape(h, w, 2).swapaxes(0, 1).reshape(-1, 2)
    return positions


def in_float32(q, xy, freqs, layout="interleaved"):
    return rope2d(q, xy.float(), freqs.float(), layout)


def test_angles_in_float32_are_good_enough():
    assert EXERCISES["1"].check(in_float32).correct


MISTAKES = [
    ("0", lambda width: [-1, 1], "return a set"),
    ("0", lambda width: {0, *exercises.neighbours(width)}, "the patch itself"),
    ("0", lambda width: {-width, width}, "left and right"),
    ("0", lambda width: {-1, 1}, "one row is 8"),
    ("0", lambda width: {-1, 1, -width, width}, "diagonal"),
    ("0", lambda width: exercises.neighbours(8), "width is an argument"),
    ("1", lambda q, xy, freqs, layout="interleaved": q.numpy(), "return a torch.Tensor"),
    ("1", lambda q, xy, freqs, layout="interleaved": q[:, :4], "shape"),
    ("1", off_by_one, r"at the position \(0, 0\)"),
    ("1", swapped_sines, "length of the vectors"),
    ("1", by_sum, "second half"),
    ("1", backwards, "turn the wrong way"),
    ("1", absolute, "moving all positions"),
    ("1", twice_as_fast, "not that of the block matrix"),
    ("1", one_layout, "permutations of each other"),
    ("1", widened, "return q's dtype"),
    ("1", angles_in_q_dtype, "computed in bfloat16"),
    ("2", symmetric_pair, "not antisymmetric"),
    ("2", lambda b, c, f: (np.eye(3), np.eye(3)), "4 x 4"),
    ("2", wrong_sign, "do not commute"),
    ("2", trivial_pair, "frequencies must be"),
    ("3", unscaled, "not orthogonal"),
    ("3", absolute_frequencies, "is not B2"),
    ("3", careless, "raise a ValueError"),
    ("4", lambda omegas, N: sorted(collisions(omegas, N)), "return a set"),
    ("4", with_origin, "leave it out"),
    ("4", without_modulo, "modulo 2π"),
    ("4", any_angle, "all"),
    ("4", axes_only, "flattened at width 5"),
    ("5", lambda q, x, y, theta: sandwich(q, x + 1, y, theta), "must stay as it is"),
    ("5", lambda q, x, y, theta: sandwich(q, x, y, theta)[:3], "four numbers"),
    ("5", one_sided, "One belongs on each side"),
    ("5", exchanged, "x belongs to i"),
    ("5", conjugate, "check the table"),
    ("6", lambda L, w, h, kind="tie": tie_positions(L, w, h, kind)[:-1], "positions of 2 numbers"),
    ("6", shifted_text, "text token n"),
    ("6", lopsided, "is not the step"),
    ("6", transposed, "not where they should be"),
]


@pytest.mark.parametrize(("id", "mistake", "reason"), MISTAKES)
def test_mistake_is_rejected_with_its_reason(id, mistake, reason):
    feedback = EXERCISES[id].check(mistake)
    assert feedback.correct is False
    assert re.search(reason, feedback.message), feedback.message


def test_every_check_has_a_mistake_of_its_own():
    reached = set()
    for id, mistake, _ in MISTAKES:
        for check in EXERCISES[id].checks:
            try:
                check(mistake)
            except Exception:
                reached.add(check)
                break
    assert reached == {check for exercise in EXERCISES.values() for check in exercise.checks}
