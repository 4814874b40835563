"""Our RoFormer beside Transformers' own: time and error of the same weights on the same tokens, in one run.

Contestants are encoders, which make a vector of every token of a padded batch; backward, every weight's gradient is
computed. Ours is told the lengths and leaves the padding out; *masked*, it hides the padding and computes it, as
Transformers does. *matmul* multiplies the same matrices, padding included, and does nothing between: the limit for a
model of this form. Ratios are to Transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import peers
import torch
import torch.nn.functional as F
import tyro
from harness import RESULTS, Times, keep_freed_memory, provenance, write
from torch import Tensor

from sjedu.roformer import RoFormer, RoFormerConfig, padding_mask, save_pretrained

OURS, MASKED, PEER, LIMIT = "sjedu", "sjedu, masked", "transformers", "matmul"
PACKAGES = ("torch", "transformers")
DIRECTIONS = ("forward", "forward + backward")

SHAPES: dict[str, dict[str, int]] = {
    "tiny": {
        "vocab_size": 2000,
        "hidden_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 512,
        "max_position_embeddings": 128,
    },
    "base": {
        "vocab_size": 12_000,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 512,
    },
}


@dataclass
class Settings:
    """What to measure."""

    shapes: tuple[str, ...] = ("tiny", "tiny", "base", "base")
    """Sizes of the model."""
    batches: tuple[tuple[int, int], ...] = ((1, 16), (32, 48), (1, 32), (4, 64))
    """Texts and tokens a text, for each shape."""
    modes: tuple[str, ...] = ("eager",)
    """With "compiled", both models through torch.compile as well."""
    threads: int = 1
    """How many threads torch may use."""
    rounds: int = 15
    """How often each contestant is measured."""
    seconds: float = 0.2
    """How long each measurement takes, at least."""
    quick: bool = False
    """Try everything on a tiny model, without a claim to precision."""
    output: Path | None = None
    """Where to write the JSON; by default results/roformer.json beside this file, and with --quick nowhere."""


@dataclass
class Row:
    """What was measured of one contestant in one setting."""

    name: str
    shape: str
    mode: str
    batch: tuple[int, int]
    max_error: float
    milliseconds: dict[str, float] = field(default_factory=dict)
    ratio_to_peer: dict[str, float] = field(default_factory=dict)


def contestants(
    config: RoFormerConfig, ids: Tensor, lengths: Tensor
) -> dict[str, tuple[torch.nn.Module, Callable[[], Tensor]]]:
    """Return, by name, an encoder and a call that gives its hidden states; all with the same weights."""
    torch.manual_seed(0)
    ours = RoFormer(config).eval()
    found: dict[str, tuple[torch.nn.Module, Callable[[], Tensor]]] = {
        OURS: (ours, lambda: ours(ids, lengths=lengths)),
        MASKED: (ours, lambda: ours(ids, mask=padding_mask(lengths, ids.shape[1]))),
    }
    try:
        module = peers.transformers_model("roformer")
    except ImportError:
        return found
    with TemporaryDirectory() as folder:
        save_pretrained(ours, folder)
        peer = module.RoFormerModel.from_pretrained(folder).eval()
    inside = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    found[PEER] = (peer, lambda: peer(input_ids=ids, attention_mask=inside).last_hidden_state)
    return found


def measure(settings: Settings, shape: str, batch: tuple[int, int], mode: str) -> list[Row]:
    """Return one row for each contestant."""
    torch.set_num_threads(settings.threads)
    config = RoFormerConfig(
        **{**SHAPES[shape], "embedding_size": SHAPES[shape]["hidden_size"]},
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, config.vocab_size, batch, generator=generator)
    lengths = torch.randint(batch[1] // 2, batch[1] + 1, batch[:1], generator=generator)
    lengths[0] = batch[1]  # the longest text has no padding, and so a single one has none
    entries = contestants(config, ids, lengths)
    inside = torch.arange(batch[1]) < lengths[:, None]
    with torch.no_grad():
        model, call = entries[OURS]
        model.double()
        reference = call()[inside]
        model.float()
        errors = {name: error(call, inside, reference) for name, (_, call) in entries.items()}
    names = list(entries)
    upstream = torch.randn(*batch, config.hidden_size, generator=generator)
    steps = [pair_of(*entries[name], upstream, mode) for name in names]
    rows = [Row(name, shape, mode, batch, errors[name]) for name in names]
    rows.append(Row(LIMIT, shape, mode, batch, 0.0))
    steps.append(products(config, batch))
    for index, direction in enumerate(DIRECTIONS):
        times = Times([both[index] for both in steps], settings.rounds, settings.seconds, settings.threads)
        for i, row in enumerate(rows):
            row.milliseconds[direction] = times.milliseconds(i)
            if PEER in names:
                row.ratio_to_peer[direction] = times.ratio(i, to=names.index(PEER))
    return rows


def error(call: Callable[[], Tensor], inside: Tensor, reference: Tensor) -> float:
    """Return the largest deviation of the hidden states from those of the same weights in float64."""
    return (call()[inside].double() - reference).abs().max().item()


def pair_of(
    module: torch.nn.Module, call: Callable[[], Tensor], upstream: Tensor, mode: str
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return two calls: encode; and encode, and then compute every gradient."""
    run = torch.compile(call) if mode == "compiled" else call
    weights = [weight for weight in module.parameters() if weight.requires_grad]

    def forward() -> Any:
        with torch.no_grad():
            return run()

    def forward_backward() -> Any:
        return torch.autograd.grad(run(), weights, upstream, allow_unused=True)

    forward(), forward_backward()
    return forward, forward_backward


def products(config: RoFormerConfig, batch: tuple[int, int]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return the same two calls for the model's products with its weights, and nothing between them."""
    d, wide = config.hidden_size, config.intermediate_size
    block = [(d, 3 * d), (d, d), (d, wide), (wide, d)]
    sizes = block * config.num_hidden_layers
    weights = [torch.randn(out, into, requires_grad=True) for into, out in sizes]
    inputs = [torch.randn(*batch, into, requires_grad=True) for into, _ in sizes]
    upstream = [torch.randn(*batch, out) for _, out in sizes]

    def multiply() -> list[Tensor]:
        return [F.linear(x, weight) for x, weight in zip(inputs, weights, strict=True)]

    def forward() -> Any:
        with torch.no_grad():
            return multiply()

    def forward_backward() -> Any:
        return torch.autograd.grad(multiply(), [*weights, *inputs], upstream)

    return forward, forward_backward


def table(rows: Sequence[Row]) -> str:
    """Return one setting's rows as text."""
    first = rows[0]
    lines = [
        f"{first.shape}, {first.mode}, {first.batch[0]} texts of up to {first.batch[1]} tokens",
        f"{'':16}{'forward':^22}{'forward + backward':^22}",
        f"{'':16}{'ms':>10}{'x peer':>10}  {'ms':>10}{'x peer':>10}{'max error':>12}",
    ]
    for row in rows:
        cells = "".join(
            f"{row.milliseconds[d]:10.2f}{row.ratio_to_peer.get(d, float('nan')):10.2f}  " for d in DIRECTIONS
        )
        lines.append(f"{row.name:16}{cells}{row.max_error:10.1e}")
    return "\n".join(lines)


def main(settings: Settings) -> None:
    """Measure, print a table for each setting, and write everything to a JSON file."""
    keep_freed_memory()
    output = settings.output
    if settings.quick:
        settings.shapes, settings.batches = ("tiny",), ((2, 8),)
        settings.rounds, settings.seconds = 1, 1e-3
    elif output is None:
        output = RESULTS / "roformer.json"
    rows = []
    for mode in settings.modes:
        for shape, batch in zip(settings.shapes, settings.batches, strict=True):
            rows.append(measure(settings, shape, batch, mode))
            print(table(rows[-1]), end="\n\n", flush=True)
    if output is not None:
        write(
            output, provenance(PACKAGES, asdict(settings)), [asdict(row) for group in rows for row in group]
        )


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
