"""Cheaper ways to a gradient, held against the exact one while a model trains.

The model learns the halves of digits (`experiment`, preset "cpu") by the exact gradient of the whole batch; at some
steps the other ways are tried on the same batch and the same weights.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import deque
from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor, nn

from sjedu.contrastive_accumulation import theory
from sjedu.contrastive_accumulation.experiment import PRESETS, build_encoders, load_task
from sjedu.contrastive_accumulation.losses import info_nce
from sjedu.contrastive_accumulation.toy import gradient
from sjedu.training import seed_everything

#: How each way treats the pairs outside of the chunk that is being differentiated.
ESTIMATORS = {
    "naive": "leaves them out",
    "detached": "compares with them, but no gradient flows into them",
    "stale": "compares with what they were five steps ago",
}
_AGE = 5


@cache
def compare_estimators(
    at: tuple[int, ...] = (20, 60, 140), chunk: int = 32, seed: int = 0
) -> dict[int, dict[str, theory.Comparison]]:
    """Train up to the last step of ``at``, and compare every way with the exact gradient at each of them.

    Raises:
        ValueError: a step comes before there is a queue.
    """
    if min(at) < _AGE:
        raise ValueError(
            f"at: got step {min(at)}; expected at least {_AGE}, when there is something to remember"
        )
    config = dataclasses.replace(PRESETS["cpu"], seed=seed)
    seed_everything(seed)
    task = load_task(config)
    pair = nn.ModuleList(build_encoders(config)).double()
    optimizer = torch.optim.AdamW(pair.parameters(), lr=config.learning_rate)
    past: deque[nn.ModuleList] = deque(maxlen=_AGE)
    comparisons: dict[int, dict[str, theory.Comparison]] = {}
    for step in range(max(at) + 1):
        x, y = (view.double() for view in task.batch(step))
        if step in at:
            exact = gradient(pair, partial(_backward, pair, x, y))
            comparisons[step] = {
                name: theory.compare(gradient(pair, way).numpy(), exact.numpy())
                for name, way in _ways(pair, past[0], (x, y), chunk).items()
            }
        past.append(copy.deepcopy(pair))
        _backward(pair, x, y)
        optimizer.step()
        optimizer.zero_grad()
    return comparisons


def _ways(
    pair: nn.ModuleList, old: nn.ModuleList, inputs: tuple[Tensor, Tensor], chunk: int
) -> dict[str, Callable[[], None]]:
    now = [_embed(model, x) for model, x in zip(pair, inputs, strict=True)]
    before = [_embed(model, x) for model, x in zip(old, inputs, strict=True)]
    parts = [torch.split(x, chunk) for x in inputs]
    total = len(inputs[0])

    def naive() -> None:
        for x, y in zip(*parts, strict=True):
            (_loss(pair[0](x), pair[1](y)) * (len(x) / total)).backward()  # type: ignore[no-untyped-call]

    def against(others: list[Tensor]) -> None:
        for number, (x, y) in enumerate(zip(*parts, strict=True)):
            first = number * chunk
            own = pair[0](x), pair[1](y)
            keys = [
                torch.cat([other[:first], h, other[first + len(x) :]])
                for other, h in zip(others, own, strict=True)
            ]
            positives = torch.arange(first, first + len(x))
            rows = _rows(own[0], keys[1], positives) + _rows(own[1], keys[0], positives)
            (rows / (2 * total)).backward()  # type: ignore[no-untyped-call]

    return {"naive": naive, "detached": lambda: against(now), "stale": lambda: against(before)}


def _backward(pair: nn.ModuleList, x: Tensor, y: Tensor) -> None:
    _loss(pair[0](x), pair[1](y)).backward()  # type: ignore[no-untyped-call]


def _embed(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        h: Tensor = model(x)
    return h


def _loss(u: Tensor, v: Tensor) -> Tensor:
    return info_nce(u, v, temperature=PRESETS["cpu"].temperature, symmetric=True)


def _rows(queries: Tensor, keys: Tensor, positives: Tensor) -> Tensor:
    return info_nce(
        queries, keys, temperature=PRESETS["cpu"].temperature, positives=positives, reduction="sum"
    )
