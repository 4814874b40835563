"""Weights in and out, in the naming of Transformers: published checkpoints, ours, and those that come along.

A source is a folder with ``config.json`` and ``model.safetensors`` or ``pytorch_model.bin``, or a name on the
Hugging Face hub. A torch file is opened with ``weights_only=True``: nothing is unpickled.

Ours differ from Transformers in one thing: queries, keys and values are one matrix, of which theirs are the thirds.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sjedu.checks import check_choice
from sjedu.errors import InOneSentence
from sjedu.roformer.config import RoFormerConfig
from sjedu.roformer.model import LanguageModel, RoFormer
from sjedu.roformer.tokenizer import Level, Tokenizer

Small: TypeAlias = Literal["mlm", "causal"]

#: The models that come with the package.
SMALL: tuple[Small, ...] = ("mlm", "causal")

_CONFIG, _SAFETENSORS, _TORCH = "config.json", "model.safetensors", "pytorch_model.bin"

#: Our names and Transformers', within the model and within a block.
_MODEL = {
    "embeddings.words": "embeddings.word_embeddings",
    "embeddings.types": "embeddings.token_type_embeddings",
    "embeddings.positions": "embeddings.position_embeddings",
    "embeddings.norm": "embeddings.LayerNorm",
    "embeddings.project": "embeddings_project",
    "pooler": "pooler.dense",
    "final_norm": "encoder.LayerNorm",
}
_BLOCK = {
    "attention.out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "mlp_norm": "output.LayerNorm",
}
_HEAD = {
    "dense": "cls.predictions.transform.dense",
    "norm": "cls.predictions.transform.LayerNorm",
    "bias": "cls.predictions.bias",
}
#: What checkpoints hold beside the weights of this model: constants, copies, and BERT's next-sentence head.
_LEFT_OUT = re.compile(
    r"encoder\.embed_positions\.weight|embeddings\.position_ids|cls\.seq_relationship\..*"
    r"|cls\.predictions\.decoder\.(weight|bias)"
)


class WeightsError(InOneSentence, ValueError):
    """A checkpoint cannot be used: the message names it, and what it lacks or has too much or of another shape."""


def load_encoder(
    source: str | Path,
    *,
    dropout: float | None = None,
    revision: str | None = None,
    local_only: bool = False,
) -> RoFormer:
    """Return the encoder of a checkpoint, in evaluation mode and in float32.

    Args:
        source: a folder or a name on the Hugging Face hub, for instance
            "junnyu/roformer_chinese_sim_char_ft_base".
        dropout: both rates of the config, for training; None: as the checkpoint says.
        revision: a branch, tag or commit on the hub.
        local_only: do not ask the net; what was downloaded before will do.

    Raises:
        WeightsError: if the checkpoint does not hold this model, whole.
        FileNotFoundError: if the files are neither there nor to be had; says what was looked for, where, and how
            to get it.
    """
    config, weights = _read(source, dropout, revision, local_only)
    model = RoFormer(config)
    _fill(model, {name: w for name, w in weights.items() if not name.startswith("cls.")}, str(source))
    return model.eval()


def load_language_model(
    source: str | Path,
    *,
    dropout: float | None = None,
    revision: str | None = None,
    local_only: bool = False,
) -> LanguageModel:
    """Return the encoder of a checkpoint with its head over words; arguments and errors as in `load_encoder`."""
    config, weights = _read(source, dropout, revision, local_only)
    model = LanguageModel(config)
    _fill(model, weights, str(source))
    tied = weights.get("cls.predictions.decoder.weight")
    if tied is not None and not torch.equal(
        tied.float(), weights["embeddings.word_embeddings.weight"].float()
    ):
        raise WeightsError(f"{source}: got a head with word vectors of its own; expected the embeddings")
    return model.eval()


def load_small(name: Small, *, dropout: float | None = None) -> tuple[LanguageModel, Tokenizer]:
    """Return one of the small models that come with the package, and its tokenizer. Their cards lie beside them.

    Both read ``[CLS] text [SEP]``. "mlm" guesses hidden characters and sees everything but padding; "causal" guesses
    the next one under `causal_mask`, and begins at [CLS]. Dropout as in `load_encoder`.
    """
    check_choice("name", name, SMALL)
    folder = Path(str(resources.files("sjedu.roformer"))) / "small" / name
    if not folder.is_dir():
        preset = {"mlm": "cpu", "causal": "cpu_causal"}[name]
        raise FileNotFoundError(
            f"{folder}: the small models are not in this copy of the package; `python -m sjedu train roformer"
            f" --preset {preset} --directory DIR` trains this one anew and leaves it in DIR/model"
        )
    return load_language_model(folder, dropout=dropout), Tokenizer.load(folder)


def load_tokenizer(
    source: str | Path,
    *,
    level: Level | None = None,
    revision: str | None = None,
    local_only: bool = False,
) -> Tokenizer:
    """Return the tokenizer of a checkpoint, from its ``vocab.txt``; arguments and errors as in `load_encoder`."""
    return Tokenizer.load(_file(source, ("vocab.txt",), revision, local_only).parent, level)


def save_pretrained(
    model: RoFormer | LanguageModel,
    folder: str | Path,
    tokenizer: Tokenizer | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write config.json and model.safetensors as Transformers does, and the tokenizer beside them.

    Args:
        model: the weights.
        folder: made if it is not there.
        tokenizer: of the model.
        dtype: of the stored numbers: torch.float16 halves the file.
        metadata: goes into the head of the safetensors file.

    Raises:
        ValueError: if the tokenizer has another number of tokens than the model.
    """
    size = model.config.vocab_size
    if tokenizer is not None and len(tokenizer) != size:
        raise ValueError(f"tokenizer: got {len(tokenizer)} tokens; expected the model's vocab_size = {size}")
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    content = json.dumps(model.config.to_json(), ensure_ascii=False, indent=1)
    (path / _CONFIG).write_text(content + "\n", encoding="utf-8")
    weights = {name: w.detach().to("cpu", dtype).contiguous() for name, w in _export(model)}
    save_file(weights, path / _SAFETENSORS, {"format": "pt", **(metadata or {})})
    if tokenizer is not None:
        tokenizer.save(path)


# ---------------------------------------------------------------- names


def _theirs(name: str) -> list[str]:
    """Return Transformers' names of one of our parameters; a fused matrix has three."""
    name, prefix = (name.removeprefix("roformer."), "") if name.startswith("roformer.") else (name, "")
    module, _, kind = name.rpartition(".")
    if in_block := re.fullmatch(r"blocks\.(\d+)\.(.+)", module):
        prefix, inner = f"encoder.layer.{in_block[1]}.", in_block[2]
        if inner == "attention.qkv":
            return [f"{prefix}attention.self.{part}.{kind}" for part in ("query", "key", "value")]
        return [f"{prefix}{_BLOCK[inner]}.{kind}"]
    if name in _HEAD:  # the bias of the words, which is no module's
        return [_HEAD[name]]
    return [f"{(_MODEL | _HEAD)[module]}.{kind}"]


def _export(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    head = isinstance(model, LanguageModel)
    prefix = f"{model.config.model_type}." if isinstance(model, LanguageModel) else ""
    for name, weight in model.state_dict().items():
        names = _theirs(name)
        for each, part in zip(names, weight.chunk(len(names)), strict=True):
            yield (each if head and each.startswith("cls.") else prefix + each), part


def _fill(model: nn.Module, weights: dict[str, Tensor], source: str) -> None:
    theirs = {name: _theirs(name) for name in model.state_dict()}
    expected = {each for names in theirs.values() for each in names}
    known = {name for name in weights if not _LEFT_OUT.fullmatch(name)}
    _check_positions(model, weights, source)
    if missing := sorted(expected - known):
        raise WeightsError(f"{source}: got no {_some(missing)}; expected all weights of this model")
    if unknown := sorted(known - expected):
        raise WeightsError(f"{source}: got {_some(unknown)}; expected no more than this model's weights")
    state = {}
    for name, own in model.state_dict().items():
        parts = [weights[each] for each in theirs[name]]
        shape = (own.shape[0] // len(parts), *own.shape[1:])
        for each, part in zip(theirs[name], parts, strict=True):
            if part.shape != shape:
                raise WeightsError(f"{source}: {each}: got shape {tuple(part.shape)}; expected {shape}")
        state[name] = torch.cat(parts).float()
    model.load_state_dict(state)


def _check_positions(model: nn.Module, weights: dict[str, Tensor], source: str) -> None:
    """Where a checkpoint stores its table of sines and cosines, it must be the one that this model computes."""
    stored = weights.get("encoder.embed_positions.weight")
    own = model.roformer.table if isinstance(model, LanguageModel) else model.table
    if stored is None or not isinstance(own, Tensor):
        return
    expected = torch.cat([own[..., 1], own[..., 0]], dim=-1)
    if stored.shape != expected.shape or not torch.allclose(stored.float(), expected, atol=1e-3):
        raise WeightsError(
            f"{source}: encoder.embed_positions.weight: got other numbers; expected RoFormer's sines and cosines"
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# ---------------------------------------------------------------- files


def _read(
    source: str | Path, dropout: float | None, revision: str | None, local_only: bool
) -> tuple[RoFormerConfig, dict[str, Tensor]]:
    """Return the config, and the weights under Transformers' names without the model's own prefix."""
    path = _file(source, (_CONFIG,), revision, local_only)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeightsError(f"{path}: expected JSON ({error})") from error
    weights = _bare(_tensors(_file(source, (_SAFETENSORS, _TORCH), revision, local_only)))
    # Older files do not say whether they have a pooler; the weights do.
    config = RoFormerConfig.from_json({**values, "pooler": "pooler.dense.weight" in weights})
    if dropout is not None:
        config = replace(config, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    return config, weights


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{path}: expected a whole file of tensors ({error})") from error
    if not (isinstance(content, dict) and all(isinstance(each, Tensor) for each in content.values())):
        raise WeightsError(f"{path}: got no dict of named tensors; expected one")
    return content


def _bare(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo the prefix of the model in a model with a head, and the names that LayerNorm had in TensorFlow."""
    bare = {}
    for name, weight in weights.items():
        own = re.sub(r"^(roformer|bert)\.", "", name)
        own = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", own)
        bare[re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", own)] = weight
    return bare


def _file(source: str | Path, names: tuple[str, ...], revision: str | None, local_only: bool) -> Path:
    """Return the first of these files that a folder or a repository on the hub has."""
    folder = Path(source)
    if folder.is_dir():
        for name in names:
            if (folder / name).is_file():
                return folder / name
        raise FileNotFoundError(f"{folder}: this folder has no {' and no '.join(names)}")
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", str(source)):
        raise FileNotFoundError(f"{source}: there is no such folder, and it is no name on the hub")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    reason: Exception | None = None
    for name in names:
        try:
            return Path(hf_hub_download(str(source), name, revision=revision, local_files_only=local_only))
        except Exception as error:  # whatever the transport raises when there is no net
            reason = error
            if not isinstance(
                error, EntryNotFoundError
            ):  # the repository lacks this file; the next name may do
                break
    raise FileNotFoundError(
        f"{source}: there is no such folder here, and {' or '.join(names)} could not be had from"
        f" huggingface.co/{source} ({type(reason).__name__}: {reason}). With a connection run `hf download"
        f" {source}`; without one, copy that repository's files into a folder and give its path"
    ) from reason
