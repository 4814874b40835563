"""Our prompts beside PEFT's, on one model of Transformers: the cost of a step of training and of a look at a text.

The model is a GPT-2 with random weights; each text has 6 prompt tokens before it, and its class is read at its last
token. A *step* is forward, backward and AdamW. "x full" is the time over that of training all weights without a
prompt: the floor for a frozen model is its backward pass without gradients of weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import peers
import torch
import torch.nn.functional as F
import tyro
from harness import RESULTS, Times, keep_freed_memory, provenance, write
from torch import Tensor, nn

from sjedu.p_tuning import Backbone, PromptEncoder, freeze, insert_prompt, trainable

PACKAGES = ("torch", "transformers", "peft")
FULL, OURS = "full fine-tuning", "sjedu, {}"


@dataclass
class Settings:
    """What to measure."""

    kinds: tuple[str, ...] = ("lstm", "mlp", "embedding")
    """How the vectors are made."""
    prompt_tokens: int = 6
    tokens: int = 122
    """Of each text; with the prompt 128."""
    batch: int = 16
    dim: int = 256
    layers: int = 4
    vocabulary: int = 8000
    rounds: int = 11
    """How often each contestant is measured."""
    seconds: float = 0.3
    """How long each measurement takes, at least."""
    threads: int = 1
    quick: bool = False
    """Try everything on a tiny model, without a claim to precision."""
    output: Path | None = None
    """Where to write the JSON; by default results/p_tuning.json beside this file, and with --quick nowhere."""


@dataclass(frozen=True)
class Contestant:
    """A model whose class logits are a function of the texts' ids, and what of it is learnt."""

    name: str
    kind: str
    logits: Callable[[], Tensor]
    learnt: Sequence[nn.Parameter]


@dataclass
class Row:
    """What was measured of one contestant."""

    name: str
    kind: str
    learnt: int
    max_error: float
    milliseconds: dict[str, float] = field(default_factory=dict)
    ratio_to_ours: dict[str, float] = field(default_factory=dict)
    ratio_to_full: dict[str, float] = field(default_factory=dict)


# ---------------------------------------------------------------- the contestants


def contestants(settings: Settings, kind: str) -> list[Contestant]:
    """Return full fine-tuning, ours, and PEFT's where it is installed, all with the same weights."""
    transformers = library("transformers")
    generator = torch.Generator().manual_seed(0)
    texts = torch.randint(settings.vocabulary, (settings.batch, settings.tokens), generator=generator)
    torch.manual_seed(1)
    prompt = PromptEncoder(settings.prompt_tokens, settings.dim, kind)  # type: ignore[arg-type]
    full = gpt2(transformers, settings)
    found = [Contestant(FULL, kind, lambda: full(texts).logits[:, -1, :2], list(full.parameters()))]

    found += ours(transformers, settings, kind, prompt, texts)
    return found + pefts(transformers, settings, kind, prompt, texts)


def ours(
    transformers: ModuleType, settings: Settings, kind: str, prompt: PromptEncoder, texts: Tensor
) -> list[Contestant]:
    """Return our prompt: as it is, computing all logits as the peers do, and with its network baked in."""
    ids = list(range(settings.vocabulary, settings.vocabulary + settings.prompt_tokens))
    filled = torch.cat([torch.tensor(ids).expand(settings.batch, -1), texts], dim=1)
    mask = torch.ones_like(filled, dtype=torch.bool)

    def contestant(name: str, encoder: PromptEncoder, everywhere: bool) -> Contestant:
        backbone = Backbone(freeze(gpt2(transformers, settings)), causal=True)
        insert_prompt(backbone, ids, encoder)

        def logits() -> Tensor:
            hidden = backbone(filled, mask)
            if everywhere:
                return backbone.word_logits(hidden)[:, -1, :2]
            return backbone.word_logits(hidden[:, -1])[:, :2]

        return Contestant(name, kind, logits, trainable(backbone))

    name = OURS.format(kind)
    found = [contestant(name, prompt, False), contestant(f"{name}, all logits", prompt, True)]
    if kind != "embedding":
        found.append(contestant(f"{name}, baked", prompt.baked(), False))
    return found


def pefts(
    transformers: ModuleType, settings: Settings, kind: str, prompt: PromptEncoder, texts: Tensor
) -> list[Contestant]:
    """Return PEFT's prompt encoder, or prompt tuning for plain embeddings, with the weights of `prompt`."""
    try:
        peft = library("peft")
    except ImportError:
        return []
    common: dict[str, Any] = {"task_type": "CAUSAL_LM", "num_virtual_tokens": settings.prompt_tokens}
    if kind == "embedding":
        config = peft.PromptTuningConfig(**common)
    else:
        config = peft.PromptEncoderConfig(
            **common,
            encoder_reparameterization_type=kind.upper(),
            encoder_hidden_size=settings.dim,
            encoder_num_layers=2,
            encoder_dropout=0.0,
        )
    model = peft.get_peft_model(gpt2(transformers, settings), config).eval()
    encoder = model.prompt_encoder["default"]
    encoder.load_state_dict(prompt.state_dict())
    encoder.train()
    mask = torch.ones_like(texts)
    learnt = [p for p in model.parameters() if p.requires_grad]
    return [
        Contestant(
            "peft", kind, lambda: model(input_ids=texts, attention_mask=mask).logits[:, -1, :2], learnt
        )
    ]


def gpt2(transformers: ModuleType, settings: Settings) -> Any:
    """Return the same random model each time, without dropout."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=settings.vocabulary,
        n_embd=settings.dim,
        n_layer=settings.layers,
        n_head=4,
        n_positions=256,
        initializer_range=0.1,
        use_cache=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    return transformers.GPT2LMHeadModel(config).eval()


def library(name: str) -> ModuleType:
    """Import a package that looks for torchvision."""
    import importlib

    with peers.without_torchvision():
        return importlib.import_module(name)


# ---------------------------------------------------------------- measuring


def measure(settings: Settings, kind: str) -> list[Row]:
    """Return one row for each contestant."""
    entries = contestants(settings, kind)
    with torch.no_grad():
        reference = entries[1].logits()
        errors = [0.0 if c.name == FULL else float((c.logits() - reference).abs().max()) for c in entries]
    rows = [
        Row(c.name, kind, sum(p.numel() for p in c.learnt), e) for c, e in zip(entries, errors, strict=True)
    ]
    labels = torch.arange(settings.batch) % 2
    calls = {"step": [step(c, labels) for c in entries], "inference": [inference(c) for c in entries]}
    for name, each in calls.items():
        times = Times(each, settings.rounds, settings.seconds, settings.threads)
        for i, row in enumerate(rows):
            row.milliseconds[name] = times.milliseconds(i)
            row.ratio_to_full[name] = times.ratio(i, to=0)
            row.ratio_to_ours[name] = times.ratio(i, to=1)
    return rows


def step(c: Contestant, labels: Tensor) -> Callable[[], Any]:
    """Return a call that learns a little."""
    optimizer = torch.optim.AdamW(c.learnt, lr=1e-6)

    def call() -> None:
        optimizer.zero_grad()
        F.cross_entropy(c.logits(), labels).backward()
        optimizer.step()

    call()
    return call


def inference(c: Contestant) -> Callable[[], Any]:
    """Return a call that classifies the texts."""

    @torch.no_grad()
    def call() -> Tensor:
        return c.logits()

    call()
    return call


# ---------------------------------------------------------------- reporting


def table(rows: Sequence[Row]) -> str:
    """Return the rows of one kind as text."""
    lines = [
        f"prompt of kind {rows[0].kind}",
        f"{'':28}{'step':^26}{'inference':^26}",
        f"{'':28}{'ms':>8}{'x ours':>9}{'x full':>9}{'ms':>8}{'x ours':>9}{'x full':>9}{'learnt':>12}{'max error':>12}",
    ]
    for row in rows:
        cells = "".join(
            f"{row.milliseconds[n]:8.2f}{row.ratio_to_ours[n]:9.2f}{row.ratio_to_full[n]:9.2f}"
            for n in row.milliseconds
        )
        lines.append(f"{row.name:28}{cells}{row.learnt:12,}{row.max_error:12.1e}")
    return "\n".join(lines)


def main(settings: Settings) -> None:
    """Measure, print a table for each kind of prompt, and write everything to a JSON file."""
    keep_freed_memory()
    torch.set_num_threads(settings.threads)
    output = settings.output
    if settings.quick:
        settings.batch, settings.tokens, settings.dim, settings.layers, settings.vocabulary = 2, 5, 16, 2, 50
        settings.rounds, settings.seconds = 1, 1e-3
    elif output is None:
        output = RESULTS / "p_tuning.json"
    groups = []
    for kind in settings.kinds:
        groups.append(measure(settings, kind))
        print(table(groups[-1]), end="\n\n", flush=True)
    if output is not None:
        measured = [asdict(row) for group in groups for row in group]
        write(output, provenance(PACKAGES, asdict(settings)), measured)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
