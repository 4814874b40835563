"""A checkpoint is whole or refused, with the file and the reason; nothing that it holds is unpickled."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from sjedu import atomic
from sjedu.training import CheckpointError, checkpoint
from sjedu.training.checkpoint import Checkpoint, flatten, load_checkpoint, save_checkpoint, unflatten

CONFIG = {"seed": 0, "learning_rate": 0.1}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, Checkpoint("toy", CONFIG, {"step": 3, "weights": torch.arange(1000.0)}))
    return path


def refused(path, reason, lesson="toy", config=CONFIG):
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=reason) as caught:
        load_checkpoint(path, lesson, config)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_round_trip(path):
    found = load_checkpoint(path, "toy", CONFIG)
    assert found.state["step"] == 3
    assert torch.equal(found.state["weights"], torch.arange(1000.0))


@pytest.mark.parametrize("kept", [0, 7, 100, 0.5, 0.99])
def test_truncated(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    refused(path, "truncated, or not a safetensors file")


def test_a_flipped_bit_is_noticed(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    refused(path, "damaged: the content does not match its digest")


def test_foreign_files(path):
    path.write_text("a text")
    refused(path, "not a safetensors file")
    save_file({"weights": torch.zeros(3)}, path)
    refused(path, "not a checkpoint of this course")


@pytest.mark.parametrize("version", ["0", "99"])
def test_another_version(path, version):
    with safe_open(path, framework="pt") as file:
        metadata, weights = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(weights, path, metadata | {"version": version})
    refused(path, f"format version {version}; this package reads version {checkpoint.VERSION}")


def test_another_lesson_or_config(path):
    refused(path, "a checkpoint of lesson 'toy', not of 'wgan'", lesson="wgan")
    refused(path, "learning_rate was 0.1, is 0.2", config=CONFIG | {"learning_rate": 0.2})
    refused(path, r"momentum was '\(absent\)', is 0.9", config=CONFIG | {"momentum": 0.9})


def test_missing(tmp_path):
    with pytest.raises(CheckpointError, match="nothing to resume"):
        load_checkpoint(tmp_path / "none.safetensors", "toy", CONFIG)


def test_a_crash_between_writing_and_replacing_leaves_the_old_one(path, monkeypatch):
    before = path.read_bytes()

    def crash(*_):
        raise OSError("power cut")

    monkeypatch.setattr(atomic.os, "replace", crash)
    with pytest.raises(OSError, match="power cut"):
        save_checkpoint(path, Checkpoint("toy", CONFIG, {"step": 4}))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
tensors = st.lists(st.floats(width=32, allow_nan=False), max_size=4).map(torch.tensor)
trees = st.recursive(
    leaves | tensors,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.integers() | st.text().filter(lambda key: "/" not in key), inner)
    ),
    max_leaves=12,
)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b) and a.dtype == b.dtype
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return a == b and type(a) is type(b)


@given(trees)
def test_any_state_comes_back_as_it_was(tree):
    structure, leaves = flatten(tree)
    assert same(unflatten(json.loads(json.dumps(structure)), leaves), tree)


def test_what_cannot_be_saved_is_named():
    with pytest.raises(TypeError, match="parts/0: got object; expected a tensor or a plain value"):
        flatten({"parts": [object()]})
