"""Seeds, and the state of every random number generator as tensors."""

from __future__ import annotations

import math
import random

import numpy as np
import torch
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's generators, those of all accelerators included, by 0 … 2³²-1."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed: got {seed}; expected 0 to 2**32 - 1")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  the global generator is what other people's code draws from
    torch.manual_seed(seed)


def rng_state(device: torch.device) -> dict[str, Tensor]:
    """The state of all generators that a step on `device` may draw from; see `set_rng_state`."""
    _, words, gauss = random.getstate()
    numpy = np.random.get_state(legacy=False)  # noqa: NPY002
    state = {
        # 32-bit words are exact in float64, so words and the spare Gaussian fit one tensor (NaN: none kept).
        "python": torch.tensor([*words, math.nan if gauss is None else gauss], dtype=torch.float64),
        "numpy": torch.tensor(
            [*numpy["state"]["key"].tolist(), numpy["state"]["pos"], numpy["has_gauss"], numpy["gauss"]],
            dtype=torch.float64,
        ),
        "torch": torch.get_rng_state(),
    }
    if device.type != "cpu":
        state["device"] = torch.get_device_module(device).get_rng_state()
    return state


def set_rng_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Put all generators back to where `rng_state` found them."""
    *words, gauss = state["python"].tolist()
    random.setstate((3, tuple(map(int, words)), None if math.isnan(gauss) else gauss))
    *key, position, has_gauss, gauss = state["numpy"].tolist()
    np.random.set_state(  # noqa: NPY002
        {
            "bit_generator": "MT19937",
            "state": {"key": np.array(key, dtype=np.uint32), "pos": int(position)},
            "has_gauss": int(has_gauss),
            "gauss": gauss,
        }
    )
    # PyTorch reads a state wrongly, or crashes, where the tensor is a view into a larger one: hence the clones.
    torch.set_rng_state(state["torch"].clone())
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(state["device"].clone())
