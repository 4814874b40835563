"""The order of the data, as a function of seed and step alone: nothing to save, nothing to lose."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from sjedu.checks import check_count


def batch_indices(step: int, size: int, batch_size: int, seed: int) -> Int64[Tensor, " batch_size"]:
    """Which examples make up the batch of a training step.

    An epoch has `size // batch_size` steps and walks through a permutation π of 0 … size-1 that is drawn
    from (seed, epoch):  step s of epoch e sees π_e[s·batch_size : (s+1)·batch_size].  The last
    `size % batch_size` examples of a permutation are left out; the next epoch shuffles anew.

    Args:
        step: the training step, counted from 0 over all epochs.
        size: the number of examples.
        batch_size: examples a step, over all processes together (see `Run.shard`).
        seed: of the data order.

    Returns:
        The indices, int64 on the CPU, shape (batch_size,).

    Raises:
        ValueError: if batch_size is not in 1 … size.
    """
    check_count("step", step, 0)
    check_count("seed", seed, 0)
    if not 1 <= batch_size <= size:
        raise ValueError(f"batch_size: got {batch_size}; expected 1 to {size}, the number of examples")
    epoch, position = divmod(step, size // batch_size)
    start = position * batch_size
    return torch.from_numpy(_epoch_order(size, seed, epoch)[start : start + batch_size].copy())


@lru_cache(maxsize=4)  # a pure function: an epoch's permutation is drawn once, not at each of its steps
def _epoch_order(size: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(size).astype(np.int64)
