"""What the article and its successors claim, the rule by which each claim is judged, and the measurements.

Each measurement is a function that returns what `ClaimSheet.measure` takes: the figure as text, why it came out so,
and the values that the claim's rule reads. Those that need training read the recorded runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from sjedu.contrastive_accumulation import theory, toy
from sjedu.contrastive_accumulation.accumulation import accumulate
from sjedu.contrastive_accumulation.batch_norm import accumulate_batch_norm
from sjedu.contrastive_accumulation.estimators import compare_estimators
from sjedu.contrastive_accumulation.losses import info_nce
from sjedu.contrastive_accumulation.meter import mebibytes, peak_bytes
from sjedu.contrastive_accumulation.processes import measure as measure_processes
from sjedu.figures import below
from sjedu.records import Record, lead
from sjedu.records.comparison import Comparison
from sjedu.records.old_claims import Claim, Verdict

Measured: TypeAlias = dict[str, Any]
Values: TypeAlias = Mapping[str, Any]

ARTICLE = "Su, kexue.fm/archives/8471"
OURS = "ours"

# ---------------------------------------------------------------- the claims and their rules


def _exactness(v: Values) -> Verdict:
    return Verdict.of(v["float64"] < 1e-12 and v["float32"] < 1e-5, v["float32"] < 1e-5)


def _naive(v: Values) -> Verdict:
    falls = bool(np.all(np.diff(v["cosines"]) < 0))
    return Verdict.of(falls and v["last_norm"] == 0, falls)


def _memory(v: Values) -> Verdict:
    return Verdict.of(v["dense"] < 0.25, v["streamed"] < 0.25)


def _cost(v: Values) -> Verdict:
    return Verdict.of(abs(v["extra_forwards"] - 1) < 0.01)


def _surrogate(v: Values) -> Verdict:
    return Verdict.of(v["negative"] > 0 and v["rises"] > 0 and v["correlation"] < 0.5, v["negative"] > 0)


def _dropout(v: Values) -> Verdict:
    return Verdict.of(v["careless"] > 0.1 and v["replayed"] > 0.1, v["careless"] > 0.1)


def _replay(v: Values) -> Verdict:
    return Verdict.of(max(v["replayed"], v["simcse"]) < 1e-12 and v["bias"] > 3 * v["noise"])


def _batch_norm(v: Values) -> Verdict:
    return Verdict.of(v["batch_norm"] > 0.01 and max(v["layer_norm"], v["evaluation"]) < 1e-12)


def _multi_pass(v: Values) -> Verdict:
    return Verdict.of(v["error"] < 1e-12 and v["sweeps"] == v["expected"])


def _training(v: Values) -> Verdict:
    same = v["difference"] <= 0.001
    return Verdict.of(same and v["lead"] > 2, same)


def _processes(v: Values) -> Verdict:
    right = max(v["global_scaled"], v["rows"], v["accumulate"]) < 1e-12
    return Verdict.of(right and min(v["own_keys"], v["no_keys"], v["alone"]) > 0.05, right)


def _detached(v: Values) -> Verdict:
    return Verdict.of(max(v["gaps"]) < 0, min(v["gaps"]) < 0)


def _streaming(v: Values) -> Verdict:
    return Verdict.of(v["error"] < 1e-12 and v["memory"] < 0.1, v["error"] < 1e-12)


CLAIMS = (
    Claim(
        "C1",
        "The gradient of Σ⟨h, h̃⟩, summed over micro-batches of any size, is that of the whole batch's loss.",
        f"{ARTICLE}, equations 2 and 3",
        "Reproduced if the relative error, at 1, 7, 16 and 64 pairs a micro-batch, is below 1e-12 in float64"
        " and below 1e-5 in float32.",
        _exactness,
    ),
    Claim(
        "C2",
        "Adding up the gradients of the micro-batches' own losses optimises another loss.",
        f"{ARTICLE}, opening sections",
        "Reproduced if the cosine with the exact gradient falls each time as 64 pairs are cut into 2, 4, 8, 16, 64"
        " parts, and a single pair gives no gradient at all.",
        _naive,
    ),
    Claim(
        "C3",
        "Memory is that of a micro-batch.",
        f"{ARTICLE}, section on the algorithm",
        "Peak memory of tensors at 2048 pairs (two towers of six layers, 128 pairs a micro-batch): reproduced"
        " if it is below a quarter of the full batch's with the loss as autograd computes it; partly if only"
        " with the streamed loss.",
        _memory,
    ),
    Claim(
        "C4",
        "The price is one more forward pass.",
        f"{ARTICLE}, section on the algorithm",
        "Reproduced if the additional operations, counted, are those of one forward pass to 1 %.",
        _cost,
    ),
    Claim(
        "C5",
        "The surrogate's value says nothing about the loss.",
        f"{ARTICLE}, remark after the algorithm",
        "Over the recorded exact runs: reproduced if the surrogate is negative at some steps, rises at some while the"
        " loss falls, and has a correlation with the loss below 0.5; partly if it is negative at some.",
        _surrogate,
    ),
    Claim(
        "C6",
        "Dropout makes it inexact, and there is no good remedy; so SimCSE cannot be accumulated.",
        f"{ARTICLE}, closing section",
        "Reproduced if the relative error exceeds 0.1 (p = 0.3), with replayed random states too; partly if only"
        " without.",
        _dropout,
    ),
    Claim(
        "C7",
        "Replaying the random states makes it exact again, SimCSE included; without, the gradient is biased, not"
        " only noisy.",
        "ours; the replay is that of GradCache (arXiv 2101.06983) and of torch.utils.checkpoint",
        "Reproduced if the error with replay is below 1e-12, for SimCSE too, and the mean of 300 careless"
        " gradients is farther from the exact mean than three times its Monte-Carlo error.",
        _replay,
    ),
    Claim(
        "C8",
        "Batch norm makes it inexact in training; layer norm, and batch norm in evaluation, do not.",
        f"{ARTICLE}, opening and closing sections",
        "Reproduced if the error exceeds 0.01 with batch norm in training mode, and stays below 1e-12 in the other"
        " two.",
        _batch_norm,
    ),
    Claim(
        "C9",
        "With L batch norms, L + 1 sweeps without and L + 1 with a graph give the exact gradient in the memory of a"
        " micro-batch.",
        "ours; the article leaves batch norm to the reader",
        "Reproduced if the error is below 1e-12 with three layers, and the sweeps that begin are counted as 4 + 4.",
        _multi_pass,
    ),
    Claim(
        "C10",
        "Training by the accumulated gradient is training by the whole batch; naive accumulation loses quality.",
        f"{ARTICLE}, as a consequence",
        "Recorded runs on the halves of digits, three seeds: reproduced if the test losses of full and exact"
        " differ by at most 0.001 for every seed, and that of naive accumulation in 32 parts is higher by"
        " more than 2 pooled standard errors; partly if only the first.",
        _training,
    ),
    Claim(
        "C11",
        "In W processes the mean gradient needs the factor W if each computes the global loss, and none if"
        " each computes its rows with gradients flowing back; if gathered embeddings are detached, no factor"
        " helps.",
        OURS,
        "Reproduced if four real processes give errors below 1e-12 for the first two and for accumulate, and"
        " above 0.05 after the best rescaling for the others; partly if only the first.",
        _processes,
    ),
    Claim(
        "C12",
        "As estimates of the whole batch's gradient, detached negatives are worse than leaving the negatives out.",
        OURS,
        "Reproduced if the cosine of detached negatives is below that of naive accumulation (parts of 32 of"
        " 512) at steps 20, 60 and 140 of a training; partly if at one of them.",
        _detached,
    ),
    Claim(
        "C13",
        "The loss itself can be streamed: exact, in a fraction of the memory.",
        OURS,
        "Reproduced if value and gradients agree with autograd's to 1e-12 in float64, and the peak of tensors"
        " at N = 2048 (rows in blocks of 128) is below a tenth of autograd's; partly if only the first.",
        _streaming,
    ),
)

# ---------------------------------------------------------------- gradients of the toy problem


def exactness() -> Measured:
    """Measure C1."""
    errors = {}
    for dtype in (torch.float64, torch.float32):
        x = [view.to(dtype) for view in toy.views()]
        model = toy.encoder().to(dtype)
        reference = toy.full(model, x)
        errors[dtype] = max(_error(toy.exact(model, x, chunk), reference) for chunk in (1, 7, 16, 64))
    double, single = errors[torch.float64], errors[torch.float32]
    return {
        "text": f"relative error {below(double, 1e-12)} in float64, {below(single, 1e-5)} in float32",
        "float64": double,
        "float32": single,
    }


def naive_gap() -> Measured:
    """Measure C2."""
    x, model = toy.views(), toy.encoder()
    reference = toy.full(model, x).numpy()
    found = [
        theory.compare(toy.naive(model, x, 64 // parts).numpy(), reference) for parts in (2, 4, 8, 16, 64)
    ]
    shown = ", ".join(f"{each.cosine:.2f}" for each in found[:-1])
    return {
        "text": f"cosine {shown} in 2, 4, 8, 16 parts; gradient {found[-1].norm_ratio:.0f} with single pairs",
        "cosines": [each.cosine for each in found],
        "last_norm": found[-1].norm_ratio,
    }


def dropout_errors(p: float = 0.3) -> Measured:
    """Measure C6 and what C7 needs of it."""
    x, model = toy.views(), toy.encoder(p)
    careless = _error(_seeded(toy.exact, model, x, 16, replay=False), _seeded(toy.full, model, x, 16))
    replayed = _error(_seeded(toy.exact, model, x, 16), _seeded(toy.full, model, x, 16))
    return {
        "text": f"relative error {careless:.2f} with new masks, {below(replayed, 1e-12)} with replayed ones",
        "why": "The error is as the article says, but the remedy exists: put the generators back to where they stood"
        " before the same micro-batch of the first pass.",
        "careless": careless,
        "replayed": replayed,
    }


def replay_errors(p: float = 0.3, draws: int = 300) -> Measured:
    """Measure C7: exactness with replay, SimCSE included, and the bias without."""
    x, model = toy.views(), toy.encoder(p)
    replayed = _error(_seeded(toy.exact, model, x, 16), _seeded(toy.full, model, x, 16))
    simcse = (x[0], x[0])
    same = _error(_seeded(toy.exact, model, simcse, 16), _seeded(toy.full, model, simcse, 16))
    careless = torch.stack([_seeded(toy.exact, model, x, 64, seed=n, replay=False) for n in range(draws)])
    exact = torch.stack([_seeded(toy.full, model, x, 64, seed=draws + n) for n in range(draws)])
    bias = float((careless.mean(0) - exact.mean(0)).norm())
    noise = float((careless.var(0).sum() / draws + exact.var(0).sum() / draws).sqrt())
    size = float(exact.mean(0).norm())
    return {
        "text": f"error {below(max(replayed, same), 1e-12)} with replay; without, the mean is off by"
        f" {bias / size:.2f} of its norm ± {noise / size:.2f}",
        "replayed": replayed,
        "simcse": same,
        "bias": bias,
        "noise": noise,
    }


def norm_errors() -> Measured:
    """Measure C8."""
    x = toy.views()
    batch, layer = toy.encoder(norm="batch"), toy.encoder(norm="layer")
    training = _error(toy.two_pass(batch, x, 16), toy.full(batch, x))
    evaluation = _error(toy.exact(batch.eval(), x, 16), toy.full(batch, x))
    layered = _error(toy.exact(layer, x, 16), toy.full(layer, x))
    return {
        "text": f"relative error {training:.2f} with batch norm in training;"
        f" {below(max(evaluation, layered), 1e-12)} in"
        " evaluation, and with layer norm",
        "batch_norm": training,
        "evaluation": evaluation,
        "layer_norm": layered,
    }


def batch_norm_network(seed: int = 0) -> nn.Sequential:
    """Return an encoder with three batch norms, in float64."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden = [
            layer
            for inputs in (32, 48, 48)
            for layer in (nn.Linear(inputs, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(0.2))
        ]
        return nn.Sequential(*hidden, nn.Linear(48, 16), toy.Normalize()).double()


def multi_pass_error(micro_batch: int = 16) -> Measured:
    """Measure C9: three batch norms and dropout, against one graph over the same masks."""
    x, model = torch.cat(toy.views()), batch_norm_network()
    layers = sum(isinstance(each, nn.BatchNorm1d) for each in model)
    sweeps = [0, 0]
    # How often the first layer meets the first micro-batch tells sweeps apart from micro-batches.
    first = model[0]

    def count(*_: object) -> None:
        sweeps[0] += 1

    handle = first.register_forward_hook(count)
    found = toy.gradient(model, lambda: _seeded(accumulate_batch_norm, model, x, _one_tower, micro_batch))
    handle.remove()
    walked = sweeps[0] / (len(x) / micro_batch)
    error = _error(found, toy.gradient(model, lambda: _masked_batch(model, x, micro_batch)))
    return {
        "text": f"relative error {below(error, 1e-12)} with {layers} layers, {walked:.0f} sweeps",
        "why": "Two sweeps cannot be enough: what a layer normalises by depends on the whole batch through all layers"
        " before it.",
        "error": error,
        "sweeps": walked,
        "expected": 2 * (layers + 1),
    }


def _one_tower(h: Tensor) -> Tensor:
    return info_nce(h, temperature=toy.TEMPERATURE)


def _masked_batch(model: nn.Sequential, x: Tensor, micro_batch: int) -> None:
    """Backpropagate through the whole batch with the dropout masks that the micro-batches draw."""
    masks: dict[int, list[Tensor]] = {}
    torch.manual_seed(0)
    for part in torch.split(x, micro_batch):
        for number, layer in enumerate(model):
            if isinstance(layer, nn.Dropout):
                masks.setdefault(number, []).append(layer(torch.ones(len(part), 48, dtype=x.dtype)))
    h = x
    for number, layer in enumerate(model):
        h = h * torch.cat(masks[number]) if number in masks else layer(h)
    _one_tower(h).backward()  # type: ignore[no-untyped-call]


def _seeded(function: Callable[..., Any], *args: Any, seed: int = 0, **kwargs: Any) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return function(*args, **kwargs)


def _error(found: Tensor, exact: Tensor) -> float:
    return theory.compare(found.double().numpy(), exact.double().numpy()).relative_error


# ---------------------------------------------------------------- memory and operations


def towers(width: int = 256, dim: int = 64) -> tuple[nn.Sequential, nn.Sequential]:
    """Return the two towers, of six layers each, on which memory and time are measured."""

    def tower() -> nn.Sequential:
        layers = [nn.Linear(dim, width), nn.GELU()]
        for _ in range(4):
            layers += [nn.Linear(width, width), nn.GELU()]
        return nn.Sequential(*layers, nn.Linear(width, dim), toy.Normalize())

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return tower(), tower()


def clip_loss(u: Tensor, v: Tensor, block: int | None = 128) -> Tensor:
    """Return the symmetric loss of two towers, streamed unless ``block`` is None."""
    return info_nce(u, v, temperature=0.07, symmetric=True, block=block)


def step_memory(batch: int, micro_batch: int | None, block: int | None) -> float:
    """Return the peak of a step's tensors in MiB: of the full batch, or in micro-batches."""
    generator = torch.Generator().manual_seed(1)
    pair, x = towers(), torch.randn(2, batch, 64, generator=generator)

    def step() -> None:
        if micro_batch is None:
            clip_loss(pair[0](x[0]), pair[1](x[1]), block).backward()  # type: ignore[no-untyped-call]
        else:
            accumulate(pair, (x[0], x[1]), lambda u, v: clip_loss(u, v, block), micro_batch)

    return mebibytes(peak_bytes(step))


def memory(batch: int = 2048, micro_batch: int = 128) -> Measured:
    """Measure C3."""
    full = step_memory(batch, None, None)
    dense, streamed = (step_memory(batch, micro_batch, block) for block in (None, 128))
    return {
        "text": f"full batch {full:.0f} MiB; accumulated {dense:.0f} MiB with autograd's loss, {streamed:.0f}"
        " MiB with the streamed one",
        "why": "The N × N matrices of the loss, which the article does not mention, outgrow the encoder: with"
        " them streamed the statement holds.",
        "dense": dense / full,
        "streamed": streamed / full,
    }


def operations(batch: int = 1024, micro_batch: int = 128) -> Measured:
    """Measure C4: count floating point operations of matrix products."""
    pair, x = towers(), torch.randn(2, batch, 64)

    def count(work: Callable[[], Any]) -> int:
        with FlopCounterMode(display=False) as counter:
            work()
        return int(counter.get_total_flops())

    forward = count(lambda: (pair[0](x[0]), pair[1](x[1])))
    full = count(lambda: clip_loss(pair[0](x[0]), pair[1](x[1]), None).backward())  # type: ignore[no-untyped-call]
    exact = count(lambda: accumulate(pair, (x[0], x[1]), lambda u, v: clip_loss(u, v, None), micro_batch))
    extra = (exact - full) / forward
    return {
        "text": f"{extra:.2f} forward passes more: {exact / full:.2f} times the full batch's operations",
        "why": "In time a small micro-batch costs more, because each operation has a price of its own: see the"
        " benchmark.",
        "extra_forwards": extra,
    }


def streaming(batch: int = 2048, block: int = 128) -> Measured:
    """Measure C13."""
    generator = torch.Generator().manual_seed(0)
    u, v = (
        F.normalize(x, dim=-1) for x in torch.randn(2, batch, 64, dtype=torch.float64, generator=generator)
    )
    scale = torch.tensor(14.0, dtype=torch.float64)

    def derivatives(rows: int | None) -> list[Tensor]:
        leaves = [x.clone().requires_grad_() for x in (u, v, scale)]
        value = info_nce(leaves[0], leaves[1], temperature=1 / leaves[2], symmetric=True, block=rows)
        return [value.detach(), *torch.autograd.grad(value, leaves)]

    pairs = zip(derivatives(block), derivatives(None), strict=True)
    error = max(float((ours - theirs).norm() / theirs.norm()) for ours, theirs in pairs)
    ours, theirs = (peak_bytes(lambda rows=rows: derivatives(rows)) for rows in (block, None))  # type: ignore[misc]
    return {
        "text": f"error {below(error, 1e-12)}; {mebibytes(ours):.0f} MiB instead of {mebibytes(theirs):.0f}",
        "error": error,
        "memory": ours / theirs,
    }


# ---------------------------------------------------------------- processes, and other estimators


def process_factors(found: Mapping[str, theory.Comparison] | None = None, processes: int = 4) -> Measured:
    """Measure C11, from what real processes gave."""
    found = measure_processes(processes) if found is None else found
    missing = {name: (1 - found[name].cosine ** 2) ** 0.5 for name in ("own keys", "no keys", "alone")}
    shared = found["global"]
    right = max(found["rows"].relative_error, found["accumulate"].relative_error)
    return {
        "text": f"{processes} processes: global loss {shared.norm_ratio:.2f} of the gradient; rows and accumulate"
        f" {below(right, 1e-12)} off; detached keys {missing['own keys']:.2f} to {missing['no keys']:.2f} off at"
        " best",
        "global_scaled": abs(shared.norm_ratio * processes - 1) + (1 - min(shared.cosine, 1.0)),
        "rows": found["rows"].relative_error,
        "accumulate": found["accumulate"].relative_error,
        "own_keys": missing["own keys"],
        "no_keys": missing["no keys"],
        "alone": missing["alone"],
    }


def detached_negatives(found: Mapping[int, Mapping[str, theory.Comparison]] | None = None) -> Measured:
    """Measure C12."""
    found = compare_estimators() if found is None else found
    cosines = {way: [each[way].cosine for each in found.values()] for way in ("naive", "detached")}
    shown = {way: " / ".join(f"{cosine:.2f}" for cosine in values) for way, values in cosines.items()}
    steps = " / ".join(map(str, found))
    return {
        "text": f"cosine at steps {steps}: naive {shown['naive']}, detached {shown['detached']}",
        "why": "Most of the gradient by the anchors is cancelled by that by the negatives; who drops the"
        " second keeps a large wrong part. (MoCo is another algorithm, with a slow encoder of keys, and not"
        " refuted by this.)",
        "gaps": [a - b for a, b in zip(cosines["detached"], cosines["naive"], strict=True)],
    }


# ---------------------------------------------------------------- recorded runs


def label(record: Record) -> str:
    """Return how a run got its gradient: "full", "exact, 16", "naive, 64"."""
    method = str(record.config["method"])
    return method if method == "full" else f"{method}, {record.config['micro_batch']}"


def _order(method: str) -> tuple[int, int]:
    name, _, size = method.partition(", ")
    return ("full", "exact", "careless", "naive").index(name), -int(size or 0)


#: What the runs compare.
COMPARISON = Comparison("contrastive_accumulation", "method", label=label, order=_order, aside=("ms a step",))
spreads, summary = COMPARISON.spreads, COMPARISON.summary


def training(records: Sequence[Record]) -> Measured:
    """Measure C10 on the runs with the halves of digits."""
    found = spreads(records, "cpu", "test loss", seeds=3)
    full, exact, naive = found["full"], found["exact, 16"], found["naive, 16"]
    difference = max(abs(a - b) for a, b in zip(full.values, exact.values, strict=True))
    recalls = spreads(records, "cpu", "R@1", seeds=3)
    return {
        "text": f"test loss: full {full}, exact {exact}, naive in 32 parts {naive}",
        "why": f"Recall at 1 says the same less surely: {recalls['full']} and {recalls['naive, 16']}.",
        "difference": difference,
        "lead": lead(naive, full),
    }


def surrogate_values(records: Sequence[Record], study: str = "cpu") -> Measured:
    """Measure C5 on the recorded exact runs.

    Raises:
        ValueError: if there is none.
    """
    runs = [r for r in records if r.config["study"] == study and r.config["method"] == "exact"]
    if not runs:
        raise ValueError(f"records of {study!r}: got none by the exact method; expected at least one")
    losses, values = (np.array([run.curve(name)[1] for run in runs]) for name in ("loss", "surrogate"))
    negative = float((values < 0).mean())
    rises = float(((np.diff(values) > 0) & (np.diff(losses) < 0)).mean())
    correlation = float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(losses, values, strict=True)]))
    return {
        "text": f"negative at {negative:.0%} of the steps, rises while the loss falls at {rises:.0%}; correlation"
        f" {correlation:.2f}",
        "why": "It is no loss, as the article warns; but unrelated it is not, where it falls as the pairs come"
        " together.",
        "negative": negative,
        "rises": rises,
        "correlation": correlation,
    }
