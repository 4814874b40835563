"""All generators are seeded, and come back to where they were."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sjedu.training import seed_everything
from sjedu.training.seeding import rng_state, set_rng_state

CPU = torch.device("cpu")


def draws():
    normal = np.random.normal()  # noqa: NPY002
    return [random.random(), random.gauss(), normal, *torch.rand(2).tolist(), torch.randn(()).item()]


@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_the_state_comes_back_at_any_point(seed, before):
    """After an odd number of draws Python and NumPy keep a spare Gaussian, which is part of the state."""
    seed_everything(seed)
    for _ in range(before):
        draws()
    state = rng_state(CPU)
    expected = [draws() for _ in range(3)]
    seed_everything(0)
    set_rng_state(state, CPU)
    assert [draws() for _ in range(3)] == expected


def test_a_state_may_be_a_row_of_a_table():
    """As it is when the states of several processes lie in one checkpoint."""
    seed_everything(1)
    state = rng_state(CPU)
    expected = draws()
    seed_everything(2)
    other = rng_state(CPU)
    set_rng_state({name: torch.stack([other[name], state[name]])[1] for name in state}, CPU)
    assert draws() == expected


def test_a_seed_decides_all_draws():
    seed_everything(1)
    first = draws()
    seed_everything(1)
    assert draws() == first
    seed_everything(2)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_named(seed):
    with pytest.raises(ValueError, match=f"got {seed}"):
        seed_everything(seed)
