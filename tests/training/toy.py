"""A small run as a user would write it; also a script, so that a real process can be killed.

python toy.py DIRECTORY [--resume]: trains, and prints the digest of weights and history.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from sjedu.checks import PositiveInt
from sjedu.training import Run, batch_indices


@dataclass(frozen=True)
class Config:
    seed: int = 0
    steps: PositiveInt = 60
    batch_size: int = 16
    learning_rate: float = 0.01
    precision: str = "no"
    dropout: float = 0.3


def data():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(96, 8, generator=generator)
    return x, x @ torch.randn(8, 2, generator=generator)


def net(dropout):
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 2))


def noise(scale):
    """Draws from Python's and NumPy's generators too, whose spare Gaussians are part of their state."""
    return 1 + scale * (random.gauss() + np.random.normal())  # noqa: NPY002


def train(config, directory=None, *, resume=False, before_step=lambda step: None, every=7, scaler=None):
    """Return the record, and the digest of everything that a resumed run must share with a whole one.

    What `before_step` returns, if anything, multiplies the loss.
    """
    x, y = data()
    with Run("toy", config, directory, resume=resume, progress=False, checkpoint_every=every) as run:
        run.accelerator.scaler = scaler
        model = net(config.dropout)
        optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, config.steps)
        model, optimizer, scheduler = run.prepare(model, optimizer, scheduler)
        for step in run.steps(config.steps):
            factor = before_step(step)
            indices = run.shard(batch_indices(step, len(x), config.batch_size, config.seed))
            batch = x[indices].to(run.device) * noise(config.dropout)
            loss = F.mse_loss(model(batch), y[indices].to(run.device))
            loss = loss if factor is None else loss * factor
            run.backward(loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            run.log(loss=loss, lr=scheduler.get_last_lr()[0])
        weights = b"".join(p.detach().cpu().numpy().tobytes() for p in model.parameters())
        digest = hashlib.sha256(weights + json.dumps(run.history).encode()).hexdigest()
        return run.finish({"loss": run.history[-1]["loss"]}), digest


if __name__ == "__main__":

    def announce(step):
        print(step, flush=True)
        time.sleep(0.005)  # or the toy would be done before the killer has woken up

    _, digest = train(Config(), sys.argv[1], resume="--resume" in sys.argv, before_step=announce, every=2)
    print("digest", digest, flush=True)
