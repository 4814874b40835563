"""Import other projects' rotary embeddings, without the rest of those projects.

Both `timm` and `transformers` look for torchvision, whose wheels on PyPI are built for CUDA: beside a CPU
build of torch its import fails with a RuntimeError, which neither expects. Here they find none at all.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def without_torchvision() -> Iterator[None]:
    """Make ``import torchvision`` raise ImportError."""
    loaded = {name: m for name, m in sys.modules.items() if name.partition(".")[0] == "torchvision"}
    for name in loaded:
        del sys.modules[name]
    sys.modules["torchvision"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["torchvision"]
        sys.modules.update(loaded)


def timm_rotary() -> ModuleType:
    """Return timm's file of rotary embeddings; the package around it needs torchvision.

    Raises:
        ImportError: timm is not installed.
    """
    found = importlib.util.find_spec("timm")
    if found is None or not found.submodule_search_locations:
        raise ImportError("timm is not installed")
    # A package of another name with the same folder: the file's relative imports find their neighbours.
    layers = ModuleType("timm_layers")
    layers.__path__ = [f"{path}/layers" for path in found.submodule_search_locations]
    sys.modules.setdefault("timm_layers", layers)
    with without_torchvision():
        return importlib.import_module("timm_layers.pos_embed_sincos")


def transformers_model(name: str) -> ModuleType:
    """Return the module of one model of transformers, for instance "pixtral".

    Raises:
        ImportError: transformers is not installed.
    """
    with without_torchvision():
        return importlib.import_module(f"transformers.models.{name}.modeling_{name}")
