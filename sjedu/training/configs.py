"""The configs of runs: what all have in common, presets that are named once, and many runs one after another."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from annotated_types import Interval

from sjedu.records import Record

#: Of weights, data order and noise; the range is NumPy's.
Seed: TypeAlias = Annotated[int, Interval(ge=0, lt=2**32)]

#: "no" is float32.
Precision: TypeAlias = Literal["no", "bf16", "fp16"]

#: A frozen dataclass with a `study` and a default for each field.
Config = TypeVar("Config", bound=Any)


def presets(**configs: Config) -> dict[str, Config]:
    """Name each preset once: its key is also its config's ``study``, under which its records are kept.

    Raises:
        ValueError: if a config already has a study of its own, and so would have two names.
    """
    for name, config in configs.items():
        own, default = config.study, type(config)().study
        if own != default:
            raise ValueError(
                f"{name}: got a config with study {own!r}; expected one that leaves its study out"
            )
    return {name: dataclasses.replace(config, study=name) for name, config in configs.items()}


def sweep(
    train: Callable[..., Record],
    configs: Iterable[Any],
    directory: str | Path | None = None,
    *,
    progress: bool = True,
) -> list[Record]:
    """Train every config by a room's ``train``, one after the other, each in a folder of its own with the run's name.

    Raises:
        ValueError: if two runs have one name; nothing is trained then.
    """
    configs = list(configs)
    twice = [name for name, count in Counter(config.name for config in configs).items() if count > 1]
    if twice:
        raise ValueError(f"configs: got {twice[0]} more than once; expected runs of different names")
    return [
        train(config, None if directory is None else Path(directory) / config.name, progress=progress)
        for config in configs
    ]
