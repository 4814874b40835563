"""The exercises of the lesson, each with checks that say what is wrong.

Gradients are compared by their relative error: a gradient that lacks a factor, or half of its terms, can have a cosine of
1.00 or 0.99 with the right one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sjedu.contrastive_accumulation import theory
from sjedu.contrastive_accumulation.losses import info_nce
from sjedu.course.exercises import Answer, Exercises, expect, judged_by

EXERCISES = Exercises()


CLOSE = 1e-10


def _error(result: Any, exact: Tensor, what: str = "your result") -> float:
    """The relative error, after a check that there is something to compare."""
    expect(isinstance(result, Tensor), f"{what} must be a torch.Tensor, not a {type(result).__name__}.")
    expect(
        result.shape == exact.shape,
        f"{what} has the shape {tuple(result.shape)}; expected {tuple(exact.shape)}.",
    )
    expect(torch.isfinite(result).all(), f"{what} holds NaN or infinite numbers.")
    return float((result - exact).norm() / exact.norm())


def _similarities(batch: int = 6, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, batch, dtype=torch.float64, generator=generator)


def _embeddings(pairs: int = 6, dim: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noisy pairs on the sphere, first views before second views, and their labels."""
    generator = torch.Generator().manual_seed(seed)
    z, first, second = torch.randn(3, pairs, dim, dtype=torch.float64, generator=generator)
    h = F.normalize(torch.cat([z + 0.4 * first, z + 0.4 * second]), dim=-1)
    return h, torch.from_numpy(theory.view_labels(pairs))


# ---------------------------------------------------------------- 0: what naive accumulation leaves out


def _missing_even(answer: Answer) -> None:
    result = answer(64, 16)
    expect(result != 4 * 16**2, "those are the pairs that are compared; the others are asked for.")
    expect(
        result == 3072,
        f"64 samples in chunks of 16: of 64² entries, 4·16² lie inside a chunk; you have {result}.",
    )
    expect(answer(8, 8) == 0, "one chunk leaves nothing out.")


def _missing_short(answer: Answer) -> None:
    expect(
        answer(10, 4) == 64,
        "10 samples in chunks of 4: the last chunk has 2 samples, so 100 − 16 − 16 − 4 = 64.",
    )


@EXERCISES.add("0", "Warm-up: what naive accumulation leaves out", minutes=3, difficulty="easy")
@judged_by(_missing_even, _missing_short)
def missing_pairs(batch: int, chunk: int) -> int:
    """Return a whole number.

    A batch of `batch` samples is cut into chunks of `chunk`; the last may be smaller. How many of the entries
    of the `batch` × `batch` matrix of similarities lie outside all chunks, and so are never looked at?

    Hint: Count what lies inside: a chunk of $m$ samples holds $m^2$ entries.

    Shows: with n equal chunks, all but 1/n of the comparisons are lost.
    """
    sizes = [chunk] * (batch // chunk) + [batch % chunk]
    return batch**2 - sum(size**2 for size in sizes)


# ---------------------------------------------------------------- 1: the coefficients


def _coef_by_autograd(s: Tensor, t: Tensor) -> Tensor:
    s = s.clone().requires_grad_()
    terms = torch.where(t == 0, torch.zeros_like(t), t * torch.log_softmax(s, dim=1))
    return torch.autograd.grad(-terms.sum(), s)[0]


def _coef_rows(answer: Answer) -> None:
    s, t = _similarities(), torch.eye(6, dtype=torch.float64).roll(1, 0)
    result = answer(s, t)
    expect(isinstance(result, Tensor), "return a torch.Tensor.")
    expect(
        result.shape == s.shape, f"s has the shape {tuple(s.shape)}; your result has {tuple(result.shape)}."
    )
    off = float(result.sum(dim=1).abs().max())
    expect(
        off < CLOSE,
        f"a row of c must sum to 0 (p and t both sum to 1), yours is off by {off:.2g}: is the softmax over"
        " rows, and the sign p − t?",
    )


def _coef_exact(answer: Answer) -> None:
    s, t = _similarities(seed=1), torch.eye(6, dtype=torch.float64).roll(1, 0)
    error = _error(answer(s, t), _coef_by_autograd(s, t))
    expect(error < CLOSE, f"c is not ∂L/∂s: relative error {error:.2g}. L is a sum over rows, not a mean.")


def _coef_several(answer: Answer) -> None:
    s, t = _similarities(seed=2), (_similarities(seed=3) > 0).double() + torch.eye(6, dtype=torch.float64)
    error = _error(answer(s, t), _coef_by_autograd(s, t))
    expect(
        error < CLOSE,
        f"with several positives a row it is wrong (relative error {error:.2g}): the normaliser stands once"
        " for each of them, so p gets the factor Σ t of its row.",
    )


def _coef_masked(answer: Answer) -> None:
    s, t = _similarities(seed=4), torch.eye(6, dtype=torch.float64).roll(1, 0)
    s.fill_diagonal_(-torch.inf)
    result = answer(s, t)
    expect(torch.isfinite(result).all(), "a similarity of −∞ (a masked pair) must give 0 and not NaN.")
    expect(_error(result, _coef_by_autograd(s, t)) < CLOSE, "with a masked diagonal it is wrong.")


@EXERCISES.add("1", "The coefficients", minutes=8, difficulty="easy")
@judged_by(_coef_rows, _coef_exact, _coef_several, _coef_masked)
def coef(s: Tensor, t: Tensor) -> Tensor:
    r"""s, t: (batch, batch) -> (batch, batch)

    Return $c_{ij} = \partial\mathcal L/\partial s_{ij}$ for $\mathcal L = -\sum_{ij} t_{ij}\log p_{ij}$ with
    the softmax $p$ over rows. Rows of `t` may sum to anything (several positives), and `s` may hold $-\infty$
    for masked pairs.

    Hint: Write $\log p_{ij} = s_{ij} - \log\sum_k e^{s_{ik}}$ and collect: how often does the second term of
    row $i$ stand there?

    Shows: your c is the whole derivative of the loss by the similarities: the loss can now be replaced by Σ c
    s.
    """
    return torch.softmax(s, dim=1) * t.sum(dim=1, keepdim=True) - t


# ---------------------------------------------------------------- 2: the target vectors


def _target_by_autograd(h: Tensor, t: Tensor, tau: float) -> Tensor:
    h = h.clone().requires_grad_()
    s = h @ h.T / tau
    s = s.masked_fill(torch.eye(len(h), dtype=torch.bool), -torch.inf)
    terms = torch.where(t == 0, torch.zeros_like(t), t * torch.log_softmax(s, dim=1))
    return torch.autograd.grad(-terms.sum(), h)[0]


def _target_temperature(answer: Answer) -> None:
    h, t = _embeddings()
    result, exact = answer(h, t, 0.1), _target_by_autograd(h, t, 0.1)
    error, bare = _error(result, exact), _error(result / 0.1, exact)
    expect(
        bare > CLOSE,
        "the factor 1/τ of ∂s/∂h is missing. (The cosine with the right answer is 1: look at the size.)",
    )
    expect(
        _error(2 * result, exact) > CLOSE, "a factor 2 is missing: ⟨h_i, h_j⟩ stands in row i and in row j."
    )
    unmasked = _unmasked(h, t, 0.1)
    expect(
        _error(result, unmasked) > CLOSE or error < CLOSE,
        "the diagonal competes: set s_ii = −∞ before the softmax.",
    )
    halfway = 2 * (torch.softmax(_masked(h, 0.1), dim=1) - t) @ h / 0.1
    expect(
        _error(result, halfway) > CLOSE,
        "2(p − t) is not enough: p is not symmetric, so it is (c + cᵀ), with p̄ = (p_ij + p_ji)/2.",
    )
    expect(error < CLOSE, f"h̃ is not ∂L/∂h: relative error {error:.2g}.")


def _masked(h: Tensor, tau: float) -> Tensor:
    return (h @ h.T / tau).fill_diagonal_(-torch.inf)


def _unmasked(h: Tensor, t: Tensor, tau: float) -> Tensor:
    c = torch.softmax(h @ h.T / tau, dim=1) - t
    return (c + c.T) @ h / tau


def _target_asymmetric(answer: Answer) -> None:
    h, _ = _embeddings(seed=1)
    t = torch.eye(12, dtype=torch.float64).roll(1, 0)  # i asks for i - 1, which asks for another
    t[0, 5] = 1.0
    error = _error(answer(h, t, 0.3), _target_by_autograd(h, t, 0.3))
    expect(
        error < CLOSE,
        "for labels that are not symmetric, with two positives in one row, it is wrong (relative error"
        f" {error:.2g}).",
    )


def _target_symmetries(answer: Answer) -> None:
    h, t = _embeddings(seed=2)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    expect(
        _error(answer(h[order], t[order][:, order], 0.2), answer(h, t, 0.2)[order]) < CLOSE,
        "the same samples in another order must give the same vectors in that order.",
    )
    A = torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    turn = float((answer(h, t, 0.2) * (h @ (A - A.T).T)).sum().abs())
    expect(
        turn < 1e-9, "turning all embeddings together must not change the loss: Σ⟨h̃_i, A h_i⟩ = 0 if Aᵀ = −A."
    )


@EXERCISES.add("2", "The target vectors", minutes=12, difficulty="medium")
@judged_by(_target_temperature, _target_asymmetric, _target_symmetries)
def target_vectors(h: Tensor, t: Tensor, tau: float) -> Tensor:
    r"""h: (batch, dim), t: (batch, batch) -> (batch, dim)

    Return $\tilde h_i = \partial\mathcal L/\partial h_i$ for $s_{ij} = \langle h_i, h_j\rangle/\tau$ with the
    diagonal masked, for labels `t` that need not be symmetric. In closed form, without autograd.

    Hint: $h_i$ stands in row $i$ *and* in column $i$ of $s$. Mask the diagonal before the softmax.

    Shows: Σ⟨h, h̃⟩ has the gradient of the whole loss, and is a sum over samples.
    """
    s = h @ h.T / tau
    s.fill_diagonal_(-torch.inf)
    c = torch.softmax(s, dim=1) * t.sum(dim=1, keepdim=True) - t
    return (c + c.T) @ h / tau


# ---------------------------------------------------------------- 3: the accumulated step


def _network(dropout: float = 0.0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = nn.Linear(7, 12), nn.Tanh(), nn.Dropout(dropout), nn.Linear(12, 5)
        return nn.Sequential(*layers).double()


def _inputs(batch: int = 12) -> Tensor:
    return torch.randn(batch, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def _mean_loss(h: Tensor) -> Tensor:
    return info_nce(F.normalize(h, dim=-1), temperature=0.2)


def _flat(model: nn.Module) -> Tensor:
    return torch.cat(
        [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in model.parameters()]
    )


def _reference(model: nn.Module, parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    model.zero_grad()
    value = _mean_loss(torch.cat([model(part) for part in parts]))
    value.backward()  # type: ignore[no-untyped-call]
    gradient = _flat(model)
    model.zero_grad()
    return value.detach(), gradient


def _step_gradient(answer: Answer) -> None:
    model, x = _network(), _inputs()
    _, exact = _reference(model, [x])
    for chunk in (12, 6, 3, 1, 17):
        answer(model, x, _mean_loss, chunk)
        result = _flat(model)
        model.zero_grad()
        expect(
            result.norm() > 0, "no parameter has a gradient: the second pass needs a graph, and a backward()."
        )
        error = _error(result, exact)
        expect(error < CLOSE, f"with chunks of {chunk} the gradient is wrong: relative error {error:.2g}.")


def _step_short_chunk(answer: Answer) -> None:
    model, x = _network(), _inputs()
    _, exact = _reference(model, [x])
    answer(model, x, _mean_loss, 7)
    error = _error(_flat(model), exact)
    expect(
        error < CLOSE,
        f"with chunks of 7 and 5 it is wrong (relative error {error:.2g}): sum over samples, do not take chunk"
        " means.",
    )


def _step_value(answer: Answer) -> None:
    model, x = _network(), _inputs()
    exact, _ = _reference(model, [x])
    result = answer(model, x, _mean_loss, 4)
    expect(isinstance(result, Tensor | float), "return the loss, one number.")
    expect(
        abs(float(result) - float(exact)) < 1e-9,
        f"return the loss ({float(exact):.3f}), not the surrogate or another number ({float(result):.3f}).",
    )


def _step_keeps(answer: Answer) -> None:
    model, x = _network(), _inputs()
    _, exact = _reference(model, [x])
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    answer(model, x, _mean_loss, 4)
    expect(
        _error(_flat(model) - 1, exact) < 1e-9, "gradients that were there before must be kept and added to."
    )
    model.eval()
    answer(model, x, _mean_loss, 4)
    expect(not model.training, "leave the model in the mode that it was in.")


@EXERCISES.add("3", "The accumulated step", minutes=15, difficulty="medium")
@judged_by(_step_gradient, _step_short_chunk, _step_value, _step_keeps)
def cached_step(model: nn.Module, x: Any, loss: Answer, chunk: int) -> Any:
    r"""Return loss(model(x)), with gradients accumulated in model's parameters.

    Add to `.grad` of `model` the gradient of `loss(h)`, where `h` are the embeddings of all of `x`, with the
    graph of at most `chunk` samples at a time. Return the loss. `loss` is any differentiable function of the
    embeddings.

    Hint: Let autograd find $\tilde h$: embeddings without a graph, `requires_grad_()`, `loss(h).backward()`,
    and read `h.grad`.

    Shows: your step is exact for every chunk, keeps earlier gradients, and reports the loss.
    """
    parts = x.split(chunk)
    with torch.no_grad():
        h: Any = torch.cat([model(part) for part in parts])
    h.requires_grad_()
    value = loss(h)
    value.backward()
    for part, target in zip(parts, h.grad.split(chunk), strict=True):
        (model(part) * target).sum().backward()
    return value.detach()


# ---------------------------------------------------------------- 4: dropout, replayed


def _dropout_reference(model: nn.Module, x: Tensor, chunk: int) -> tuple[Tensor, Tensor, Tensor]:
    """Value, gradient and the generator's next number, with the masks that chunked passes draw."""
    torch.manual_seed(5)
    value, gradient = _reference(model, torch.split(x, chunk))
    return value, gradient, torch.rand(1)


def _replay_gradient(answer: Answer) -> None:
    with torch.random.fork_rng(devices=[]):
        model, x = _network(0.4), _inputs()
        value, exact, _ = _dropout_reference(model, x, 4)
        torch.manual_seed(5)
        result = answer(model, x, _mean_loss, 4)
        expect(
            abs(float(result) - float(value)) < 1e-9,
            "the first pass must draw its masks as a plain chunked pass does.",
        )
        error = _error(_flat(model), exact)
        expect(
            error < CLOSE,
            f"relative error {error:.2g}: the second pass must draw the masks of the first, chunk by chunk.",
        )


def _replay_varies(answer: Answer) -> None:
    with torch.random.fork_rng(devices=[]):
        model, x = _network(0.4), torch.ones(12, 7, dtype=torch.float64) * _inputs(1)
        torch.manual_seed(6)
        seen: list[Tensor] = []

        def loss(h: Tensor) -> Tensor:
            seen.append(h.detach().clone())
            return _mean_loss(h)

        answer(model, x, loss, 4)
        expect(
            float((seen[0][:4] - seen[0][4:8]).norm()) > 1e-6,
            "all chunks have the same masks: save a state before each, do not seed them alike.",
        )


def _replay_state(answer: Answer) -> None:
    with torch.random.fork_rng(devices=[]):
        model, x = _network(0.4), _inputs()
        *_, following = _dropout_reference(model, x, 4)
        torch.manual_seed(5)
        answer(model, x, _mean_loss, 4)
        expect(
            torch.equal(torch.rand(1), following),
            "leave the generator where one pass would leave it: else the next step repeats a mask.",
        )


@EXERCISES.add("4", "Dropout, replayed", minutes=12, difficulty="medium")
@judged_by(_replay_gradient, _replay_varies, _replay_state)
def replayed_step(model: nn.Module, x: Any, loss: Answer, chunk: int) -> Any:
    """As cached_step, for a model with dropout.

    Make it exact for a model with dropout on the CPU: the second pass over a chunk must draw the masks of the
    first.

    Hint: `torch.get_rng_state()` before each chunk of the first pass, `torch.set_rng_state()` before the same
    chunk of the second. Where should the generator stand at the end?

    Shows: with replayed masks dropout is no obstacle, and so SimCSE is not either.
    """
    states, embeddings = [], []
    for part in x.split(chunk):
        states.append(torch.get_rng_state())
        with torch.no_grad():
            embeddings.append(model(part))
    after = torch.get_rng_state()
    h: Any = torch.cat(embeddings).requires_grad_()
    value = loss(h)
    value.backward()
    for part, state, target in zip(x.split(chunk), states, h.grad.split(chunk), strict=True):
        torch.set_rng_state(state)
        (model(part) * target).sum().backward()
    torch.set_rng_state(after)
    return value.detach()


# ---------------------------------------------------------------- 5: two towers, streamed


def _clip_outputs(answer: Answer, n: int, beta: float, block: int) -> list[float]:
    generator = torch.Generator().manual_seed(n)
    u, v = (F.normalize(x, dim=-1) for x in torch.randn(2, n, 4, dtype=torch.float64, generator=generator))
    exact = theory.two_towers(u.numpy(), v.numpy(), beta)
    result = answer(u.clone(), v.clone(), beta, block)
    expect(isinstance(result, tuple) and len(result) == 4, "return four things: loss, ∂L/∂u, ∂L/∂v, ∂L/∂β.")
    tensors = [torch.as_tensor(each, dtype=torch.float64) for each in exact]
    for name, ours in zip(("the loss", "∂L/∂u", "∂L/∂v", "∂L/∂β"), result, strict=True):
        expect(
            torch.isfinite(torch.as_tensor(ours)).all(),
            f"{name} is not finite for β = {beta:g}: subtract before exp.",
        )
    names = ("the loss", "∂L/∂u", "∂L/∂v", "∂L/∂β")
    return [
        _error(torch.as_tensor(a, dtype=torch.float64), b, name)
        if float(b.norm()) > 1e-9
        else float(a.norm())
        for a, b, name in zip(map(torch.as_tensor, result), tensors, names, strict=True)
    ]


def _clip_exact(answer: Answer) -> None:
    for n, beta, block in ((6, 5.0, 6), (6, 5.0, 2), (7, 5.0, 3), (1, 5.0, 4)):
        errors = _clip_outputs(answer, n, beta, block)
        for name, error in zip(("the loss", "∂L/∂u", "∂L/∂v", "∂L/∂β"), errors, strict=True):
            expect(
                error < CLOSE,
                f"{name} is wrong for N = {n} in blocks of {block}: relative error {error:.2g}."
                + (" The columns' log-sum-exp runs over all blocks." if block < n else ""),
            )


def _clip_large(answer: Answer) -> None:
    errors = _clip_outputs(answer, 9, 1000.0, 4)
    expect(
        max(errors) < CLOSE,
        f"for β = 1000 a result is off by {max(errors):.2g}: use logsumexp and logaddexp.",
    )


@EXERCISES.add("5", "Two towers, streamed", minutes=25, difficulty="hard")
@judged_by(_clip_exact, _clip_large)
def clip_stream(u: Tensor, v: Tensor, beta: float, block: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    r"""u, v: (N, dim) -> the loss, and its derivatives by u, v and beta

    Compute the symmetric loss $\frac1{2N}\sum_i[\mathrm{CE}(s_{i\cdot}, i) + \mathrm{CE}(s_{\cdot i}, i)]$ of
    $s = \beta uv^\top$ and its derivatives by $u$, $v$ and $\beta$, holding no more than `block` rows of $s$
    at a time.

    Hint: Two sweeps. The first finds the log-sum-exp of each row, and, with `torch.logaddexp`, of each
    column; the second builds $G = (P^r + P^c - 2I)/2N$ block by block.

    Shows: the loss of N pairs needs memory for N, not for N² numbers.
    """
    n = len(u)
    rows, columns = u.new_empty(n), u.new_full((n,), -torch.inf)
    for i in range(0, n, block):
        s = beta * u[i : i + block] @ v.T
        rows[i : i + block] = s.logsumexp(dim=1)
        columns = torch.logaddexp(columns, s.logsumexp(dim=0))
    hits = beta * (u * v).sum(dim=1)
    loss = ((rows + columns) / 2 - hits).mean()
    du, dv, dbeta = torch.zeros_like(u), torch.zeros_like(v), u.new_zeros(())
    for i in range(0, n, block):
        here = slice(i, i + block)
        inner = u[here] @ v.T
        s = beta * inner
        G = ((s - rows[here, None]).exp() + (s - columns).exp()) / (2 * n)
        G[torch.arange(len(G)), torch.arange(i, i + len(G))] -= 1 / n
        du[here] = beta * G @ v
        dv += beta * G.T @ u[here]
        dbeta += (G * inner).sum()
    return loss, du, dv, dbeta


# ---------------------------------------------------------------- 6: several processes


def _processes_gradient(kind: str, world: int) -> tuple[Tensor, Tensor]:
    """The mean over simulated processes of a linear encoder's gradient, and the exact one."""
    generator = torch.Generator().manual_seed(world)
    x, y = torch.randn(2, 12, 7, dtype=torch.float64, generator=generator)
    weight = torch.randn(5, 7, dtype=torch.float64, generator=generator)
    share = 12 // world

    def loss(W: Tensor, rank: int | None) -> Tensor:
        u, v = F.normalize(x @ W.T, dim=-1), F.normalize(y @ W.T, dim=-1)
        if rank is None:
            return info_nce(u, v, temperature=0.2)
        own = torch.zeros(12, 1, dtype=torch.bool)
        own[rank * share : (rank + 1) * share] = True
        if kind == "global":
            return info_nce(torch.where(own, u, u.detach()), torch.where(own, v, v.detach()), temperature=0.2)
        rows = torch.arange(rank * share, (rank + 1) * share)
        keys = v if kind == "rows" else torch.where(own, v, v.detach())
        return info_nce(u[rows], keys, temperature=0.2, positives=rows)

    def gradient(rank: int | None) -> Tensor:
        W = weight.clone().requires_grad_()
        return torch.autograd.grad(loss(W, rank), W)[0]

    return torch.stack([gradient(rank) for rank in range(world)]).mean(dim=0), gradient(None)


def _scale_right(answer: Answer) -> None:
    for kind in ("global", "rows"):
        for world in (2, 3, 4):
            mean, exact = _processes_gradient(kind, world)
            factor = answer(kind, world)
            expect(
                isinstance(factor, int | float) and not isinstance(factor, bool),
                f'for "{kind}" there is a factor; you returned {factor!r}.',
            )
            error = _error(mean * factor, exact)
            expect(
                error < CLOSE,
                f'"{kind}" with {world} processes: the mean gradient times {factor:g} is off by {error:.2g}; it should be'
                " the whole batch's.",
            )


def _scale_detached(answer: Answer) -> None:
    result = answer("detached", 4)
    expect(
        isinstance(result, float) and math.isnan(result),
        f'no factor repairs "detached": terms are missing, and the direction is wrong. Return NaN, not {result!r}.',
    )


@EXERCISES.add("6", "Several processes", minutes=10, difficulty="medium")
@judged_by(_scale_right, _scale_detached)
def ddp_scale(kind: str, world: int) -> float:
    """kind: "global", "rows" or "detached"; world: number of processes -> a number

    DistributedDataParallel leaves the *mean* of the processes' gradients. By which factor must it be
    multiplied to be the gradient of the whole batch's mean loss? Return NaN where no factor helps. In process
    $r$:

    - `"global"`: the loss of all pairs; only its own embeddings carry gradients (the others were gathered);
    - `"rows"`: the mean loss of its own rows; all keys carry gradients;
    - `"detached"`: the mean loss of its own rows; of the keys only its own carry gradients.

    Hint: Write the whole gradient as a sum over embeddings, or over rows. Which part does each process have?

    Shows: sum over embeddings: W times the mean; mean over rows: the mean itself; dropped terms: nothing
    helps.
    """
    return {"global": float(world), "rows": 1.0, "detached": float("nan")}[kind]
