"""A whole training run in one safetensors file: written atomically, checked when read, never unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sjedu.atomic import write_atomically
from sjedu.training.errors import CheckpointError

FORMAT = "sjedu.training.checkpoint"
VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """A training run at rest.

    Attributes:
        lesson: the room that wrote it.
        config: the run's config as plain JSON values.
        state: nested dicts, lists and tuples of tensors, numbers, strings and None.
    """

    lesson: str
    config: dict[str, Any]
    state: dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; `path` holds the old one or the new one at every moment."""
    structure, tensors = flatten(checkpoint.state)
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "lesson": checkpoint.lesson,
        "config": json.dumps(checkpoint.config),
        "structure": json.dumps(structure),
    }
    metadata["digest"] = _digest(tensors, metadata)
    write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata))


def load_checkpoint(path: Path, lesson: str, config: Mapping[str, Any]) -> Checkpoint:
    """Read a checkpoint of this lesson and this config, and check that it is whole.

    Raises:
        CheckpointError: if the file is missing, truncated, damaged, not a checkpoint of this format and
            version, or the checkpoint of another lesson or config.
    """
    metadata, tensors = _read(path)
    if metadata.get("format") != FORMAT:
        raise CheckpointError(path, "a safetensors file, but not a checkpoint of this course")
    if metadata.get("version") != str(VERSION):
        written = metadata.get("version")
        raise CheckpointError(
            path, f"written in format version {written}; this package reads version {VERSION}"
        )
    if metadata.pop("digest", None) != _digest(tensors, metadata):
        raise CheckpointError(path, "damaged: the content does not match its digest")
    if metadata["lesson"] != lesson:
        raise CheckpointError(path, f"a checkpoint of lesson {metadata['lesson']!r}, not of {lesson!r}")
    stored = json.loads(metadata["config"])
    if stored != config:
        raise CheckpointError(path, f"written with another config ({_differences(stored, config)})")
    return Checkpoint(lesson, stored, unflatten(json.loads(metadata["structure"]), tensors))


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    if not path.is_file():
        raise CheckpointError(path, "no such checkpoint, so there is nothing to resume")
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(path, f"truncated, or not a safetensors file ({error})") from error


def _differences(stored: Mapping[str, Any], current: Mapping[str, Any]) -> str:
    missing = "(absent)"
    return "; ".join(
        f"{field} was {stored.get(field, missing)!r}, is {current.get(field, missing)!r}"
        for field in sorted(stored.keys() | current.keys())
        if stored.get(field, missing) != current.get(field, missing)
    )


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def flatten(tree: Any, path: str = "") -> tuple[Any, dict[str, Tensor]]:
    """Split a tree into a JSON value that keeps its structure and the named tensors of its leaves.

    Lists and plain values stand for themselves; what JSON lacks is an object with one key:
    `{"tensor": name}`, `{"tuple": [...]}` and `{"dict": [[key, value], ...]}` (keys may be integers, as in
    an optimiser's state). `unflatten` is the inverse.

    Raises:
        TypeError: if a leaf is neither a tensor nor None, bool, int, float or str.
    """
    if isinstance(tree, Tensor):
        # A copy, because safetensors refuses tensors that share memory, as tied weights do.
        return {"tensor": path}, {path: tree.detach().to("cpu", copy=True).contiguous()}
    if isinstance(tree, np.generic):
        tree = tree.item()
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree, {}
    if isinstance(tree, Mapping):
        keys, values = list(tree.keys()), list(tree.values())
    elif isinstance(tree, list | tuple):
        keys, values = list(range(len(tree))), list(tree)
    else:
        raise TypeError(f"{path}: got {type(tree).__name__}; expected a tensor or a plain value")
    structures, tensors = [], {}
    for key, value in zip(keys, values, strict=True):
        structure, leaves = flatten(value, f"{path}/{key}" if path else str(key))
        structures.append(structure)
        tensors.update(leaves)
    if isinstance(tree, Mapping):
        return {"dict": [list(pair) for pair in zip(keys, structures, strict=True)]}, tensors
    return ({"tuple": structures} if isinstance(tree, tuple) else structures), tensors


def unflatten(structure: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Rebuild the tree that `flatten` took apart."""
    match structure:
        case {"tensor": name}:
            return tensors[name]
        case {"tuple": items}:
            return tuple(unflatten(item, tensors) for item in items)
        case {"dict": pairs}:
            return {key: unflatten(value, tensors) for key, value in pairs}
        case list():
            return [unflatten(item, tensors) for item in structure]
        case _:
            return structure
