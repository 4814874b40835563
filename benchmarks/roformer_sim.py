"""Our encoding and writing beside Transformers' and sentence-transformers' encode loop, in one run: tokens a second.

All contestants have the same weights and texts. *Encode*: ours sorts by length, as sentence-transformers does; the
plain loop around Transformers takes the texts as they come. *Write*: greedily, so that all must write the same. Ours
keeps keys and values; Transformers' RoFormer has no mask for a source that is read in both directions and a target
that is not when it caches, so it reads everything again for each token, with the mask given to it.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import peers
import torch
import torch.nn.functional as F
import tyro
from harness import RESULTS, Times, keep_freed_memory, provenance, write
from torch import Tensor

from sjedu.data.text import all_questions, corpus_characters, write_question
from sjedu.roformer import LanguageModel, RoFormerConfig, Tokenizer, padding_mask, prefix_mask
from sjedu.roformer.tokenizer import SEP
from sjedu.roformer_sim import RoFormerSim

OURS, PLAIN, LOOP = "sjedu", "transformers", "sentence-transformers"
PACKAGES = ("torch", "transformers", "sentence-transformers")


@dataclass
class Settings:
    """What to measure."""

    shapes: tuple[tuple[int, int], ...] = ((128, 3), (384, 6))
    """Width and layers of the model: the course's small one, and the published small RoFormer-Sim."""
    sentences: int = 512
    """To encode."""
    sources: int = 16
    """To write for, all at once."""
    tokens: int = 24
    """To write for each."""
    batch_size: int = 64
    """Sentences at a time."""
    rounds: int = 7
    """How often each contestant is measured."""
    seconds: float = 0.02
    """How long each measurement takes, at least."""
    quick: bool = False
    """Try everything on a tiny model, without a claim to precision."""
    output: Path | None = None
    """Where to write the JSON; by default results/roformer_sim.json beside this file, and with --quick nowhere."""


@dataclass
class Row:
    """What was measured of one contestant."""

    part: str
    name: str
    shape: tuple[int, int]
    milliseconds: float
    tokens_per_second: float
    ratio_to_ours: float
    error: float


Contest = tuple[dict[str, Callable[[], Any]], dict[str, float], int]


def make_model(shape: tuple[int, int], tokens: int) -> RoFormerSim:
    """Return a model with random weights that never writes [SEP], so that all write equally many tokens."""
    torch.manual_seed(0)
    tokenizer = Tokenizer.for_texts([], always=corpus_characters())
    dim, layers = shape
    config = RoFormerConfig(
        vocab_size=len(tokenizer),
        hidden_size=dim,
        embedding_size=dim,
        num_hidden_layers=layers,
        num_attention_heads=dim // 32,
        intermediate_size=4 * dim,
        max_position_embeddings=2 * max(64, tokens + 1),
        initializer_range=0.1,
    )
    model = LanguageModel(config)
    with torch.no_grad():
        model.bias[: tokenizer.id("a")] = -1e4  # special tokens
        model.bias[tokenizer.id(SEP)] = -2e4
    return RoFormerSim(model, tokenizer, max_length=tokens + 1).eval()


def transformers_twin(model: RoFormerSim) -> Any:
    """Return Transformers' model with the same weights."""
    module = peers.transformers_model("roformer")
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return module.RoFormerForMaskedLM.from_pretrained(folder).eval()


def encoding(model: RoFormerSim, sentences: list[str], batch_size: int) -> Contest:
    """Return the encoders by name, their largest difference from ours, and the number of tokens."""

    def ours() -> Tensor:
        return model.encode(sentences, batch_size=batch_size)

    calls: dict[str, Callable[[], Tensor]] = {OURS: ours}
    with contextlib.suppress(ImportError):
        calls[PLAIN] = plain_loop(transformers_twin(model), model, sentences, batch_size)
        calls[LOOP] = their_loop(model, sentences, batch_size)
    reference = ours()
    errors = {name: float((call() - reference).abs().max()) for name, call in calls.items()}
    tokens = sum(len(model.tokenizer.ids(sentence)) + 2 for sentence in sentences)
    return calls, errors, tokens


def plain_loop(twin: Any, model: RoFormerSim, sentences: list[str], batch_size: int) -> Callable[[], Tensor]:
    def encode() -> Tensor:
        found = []
        with torch.no_grad():
            for start in range(0, len(sentences), batch_size):
                batch = model.tokenizer.encode(sentences[start : start + batch_size])
                hidden = twin.roformer(input_ids=batch.ids, attention_mask=batch.inside.long())
                found.append(hidden.last_hidden_state[:, 0])
        return F.normalize(torch.cat(found), dim=1)

    return encode


def their_loop(model: RoFormerSim, sentences: list[str], batch_size: int) -> Callable[[], Tensor]:
    with peers.without_torchvision(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.models import Pooling, Transformer

        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            words = Transformer(folder, max_seq_length=model.max_length)
        pooling = Pooling(words.get_word_embedding_dimension(), pooling_mode="cls")
        whole = SentenceTransformer(modules=[words, pooling], device="cpu")
    return lambda: whole.encode(
        sentences,
        batch_size=batch_size,
        convert_to_tensor=True,
        normalize_embeddings=True,
        show_progress_bar=False,
    )


def writing(model: RoFormerSim, sources: list[str], tokens: int) -> Contest:
    """Return the writers by name, how many of the texts differ from ours, and the number of tokens written."""

    def ours() -> list[str]:
        return [samples[0].text for samples in model.sample(sources, 1, top_p=1e-9)]

    calls: dict[str, Callable[[], list[str]]] = {OURS: ours}
    with contextlib.suppress(ImportError):
        calls[PLAIN] = full_passes(transformers_twin(model), model, sources, tokens)
    reference = ours()
    errors = {
        name: sum(a != b for a, b in zip(call(), reference, strict=True)) for name, call in calls.items()
    }
    return calls, {name: float(value) for name, value in errors.items()}, tokens * len(sources)


def full_passes(twin: Any, model: RoFormerSim, sources: list[str], tokens: int) -> Callable[[], list[str]]:
    batches = [model.tokenizer.encode([source]) for source in sources]

    def write_all() -> list[str]:
        texts = []
        with torch.no_grad():
            for batch in batches:  # its positions cannot be told, so sources of other lengths go one by one
                ids = batch.ids
                for _ in range(tokens):
                    size = ids.shape[1]
                    mask = prefix_mask(batch.lengths, size) & padding_mask(torch.tensor([size]), size)
                    types = (torch.arange(size) >= batch.lengths[:, None]).long()
                    added = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)
                    logits = twin(input_ids=ids, token_type_ids=types, attention_mask=added[:, None]).logits
                    ids = torch.cat([ids, logits[:, -1].argmax(-1, keepdim=True)], dim=1)
                texts.append(model.tokenizer.decode(ids[0, batch.ids.shape[1] :]))
        return texts

    return write_all


def measure(settings: Settings, shape: tuple[int, int]) -> list[Row]:
    """Return a row for each part and contestant."""
    model = make_model(shape, settings.tokens)
    rng = random.Random(0)
    questions = [rng.choice(all_questions()) for _ in range(settings.sentences)]
    sentences = [write_question(question, rng) for question in questions]
    short = [text for text in sentences if len(text) <= settings.tokens - 2]
    rows = []
    for part, (calls, errors, tokens) in {
        "encode": encoding(model, short, settings.batch_size),
        "write": writing(model, short[: settings.sources], settings.tokens),
    }.items():
        times = Times(list(calls.values()), settings.rounds, settings.seconds)
        for i, name in enumerate(calls):
            milliseconds = times.milliseconds(i)
            speed = round(1e3 * tokens / milliseconds)
            rows.append(Row(part, name, shape, milliseconds, speed, times.ratio(i, to=0), errors[name]))
    return rows


def show(rows: list[Row]) -> None:
    """Print the table of the results."""
    print(
        f"{'part':8s}{'width x layers':16s}{'contestant':24s}{'ms':>9s}{'tokens/s':>10s}{'x ours':>8s}  difference"
    )
    for row in rows:
        size = f"{row.shape[0]} x {row.shape[1]}"
        print(
            f"{row.part:8s}{size:16s}{row.name:24s}{row.milliseconds:9.1f}{row.tokens_per_second:10.0f}"
            f"{row.ratio_to_ours:8.2f}  {row.error:.1e}"
        )


def main(settings: Settings) -> None:
    """Measure, print, write."""
    torch.set_num_threads(1)
    keep_freed_memory()
    if settings.quick:
        settings.shapes, settings.sentences, settings.sources = ((32, 1),), 40, 3
        settings.tokens, settings.rounds, settings.seconds = 20, 1, 0.001
    rows = [row for shape in settings.shapes for row in measure(settings, shape)]
    show(rows)
    output = settings.output or (None if settings.quick else RESULTS / "roformer_sim.json")
    if output is not None:
        write(output, provenance(PACKAGES, asdict(settings)), [asdict(row) for row in rows])


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
