"""The rotation: against matrices, against its own traced form, and what makes it relative."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sjedu.roformer import phase_table, rotate
from sjedu.roformer.theory import rotation_matrix

SIZES = st.integers(1, 8).map(lambda half: 2 * half)


@given(position=st.integers(0, 2000), size=SIZES, seed=st.integers(0, 99))
def test_a_rotation_is_the_dense_matrix(position, size, seed):
    x = torch.randn(3, size, generator=torch.Generator().manual_seed(seed))
    turned = rotate(x, phase_table(torch.tensor(position), size))
    expected = x.double().numpy() @ rotation_matrix(position, size).T
    np.testing.assert_allclose(turned.numpy(), expected, atol=1e-6 * max(1, abs(expected).max()))


@given(m=st.integers(0, 500), n=st.integers(0, 500), shift=st.integers(0, 500), size=SIZES)
def test_a_score_depends_on_the_difference_of_positions(m, n, shift, size):
    first, second, moved_first, moved_second = (
        rotation_matrix(position, size) for position in (m, n, m + shift, n + shift)
    )
    np.testing.assert_allclose(first.T @ second, moved_first.T @ moved_second, atol=1e-9)
    np.testing.assert_allclose(first.T @ second, rotation_matrix(n - m, size), atol=1e-9)


def test_the_table_is_exact_far_out():
    table = phase_table(torch.arange(1536), 64).double()
    theta = 10000.0 ** (-torch.arange(0, 64, 2, dtype=torch.float64) / 64)
    angles = torch.arange(1536, dtype=torch.float64)[:, None] * theta
    assert (table - torch.stack([angles.cos(), angles.sin()], -1)).abs().max() < 1e-7


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_traced_and_eager_rotations_agree(dtype, monkeypatch):
    x = torch.randn(2, 5, 2, 3, 8).to(dtype)
    table = phase_table(torch.arange(5), 8)[:, None, None]
    eager = rotate(x, table)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    traced = rotate(x, table)
    assert eager.dtype == traced.dtype == dtype
    torch.testing.assert_close(eager, traced, atol=1e-6 if dtype == torch.float32 else 2e-2, rtol=0)


def test_gradients_are_right():
    table = phase_table(torch.arange(3), 4).double()[:, None]
    x = torch.randn(2, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: rotate(x, table), x)


@pytest.mark.parametrize("size", [0, 3, -2])
def test_odd_heads_are_refused(size):
    with pytest.raises(ValueError, match=f"head_size: got {size}; expected an even number, at least 2"):
        phase_table(torch.arange(3), size)
