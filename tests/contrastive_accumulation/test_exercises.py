"""Each check rejects the mistake that it is there for, with its reason."""

import pytest
import torch
import torch.nn.functional as F

from sjedu.contrastive_accumulation import exercises
from sjedu.contrastive_accumulation.exercises import EXERCISES

coef, target_vectors = exercises.coef, exercises.target_vectors
cached_step, replayed_step, clip_stream = (
    exercises.cached_step,
    exercises.replayed_step,
    exercises.clip_stream,
)


def masked(h, tau):
    return (h @ h.T / tau).fill_diagonal_(-torch.inf)


def not_symmetrised(h, t, tau):
    return 2 * (torch.softmax(masked(h, tau), dim=1) - t) @ h / tau


def without_the_two(h, t, tau):
    return target_vectors(h, t, tau) / 2


def rows_only(h, t, tau):
    return (torch.softmax(masked(h, tau), dim=1) - t) @ h / tau


def diagonal_competes(h, t, tau):
    c = torch.softmax(h @ h.T / tau, dim=1) - t
    return (c + c.T) @ h / tau


def without_temperature(h, t, tau):
    return target_vectors(h, t, tau) * tau


def single_positives(h, t, tau):
    c = torch.softmax(masked(h, tau), dim=1) - t
    return (c + c.T) @ h / tau


def labels_taken_as_symmetric(h, t, tau):
    c = coef(masked(h, tau), t)
    p = c + t
    return ((p + p.T) - 2 * t) @ h / tau


def without_a_second_pass(model, x, loss, chunk):
    with torch.no_grad():
        return loss(model(x))


def naive_step(model, x, loss, chunk):
    parts = [part for part in x.split(chunk) if len(part) % 2 == 0]
    value = sum(loss(model(part)) * len(part) / len(x) for part in parts)
    if isinstance(value, torch.Tensor):
        value.backward()
        return value.detach()
    return value


def surrogate_step(model, x, loss, chunk):
    h = model(x).detach().requires_grad_()
    loss(h).backward()
    cached_step(model, x, loss, chunk)
    return (h.detach() * h.grad).sum()


def chunk_means(model, x, loss, chunk):
    h = model(x).detach().requires_grad_()
    value = loss(h)
    value.backward()
    scale = min(chunk, len(x))
    for part, target in zip(x.split(chunk), h.grad.split(chunk), strict=True):
        ((model(part) * target).sum() * scale / len(part)).backward()
    return value.detach()


def clears_first(model, x, loss, chunk):
    model.zero_grad()
    return cached_step(model, x, loss, chunk)


def switches_to_training(model, x, loss, chunk):
    model.train()
    return cached_step(model, x, loss, chunk)


def seeded_alike(model, x, loss, chunk):
    state = torch.get_rng_state()
    embeddings = []
    for part in x.split(chunk):
        torch.set_rng_state(state)
        with torch.no_grad():
            embeddings.append(model(part))
    h = torch.cat(embeddings).requires_grad_()
    value = loss(h)
    value.backward()
    for part, target in zip(x.split(chunk), h.grad.split(chunk), strict=True):
        torch.set_rng_state(state)
        (model(part) * target).sum().backward()
    return value.detach()


def first_mask_again(model, x, loss, chunk):
    state = torch.get_rng_state()
    result = replayed_step(model, x, loss, chunk)
    torch.set_rng_state(state)
    return result


def overflowing(u, v, beta, block):
    s = beta * u @ v.T
    rows, columns = s.exp().sum(1).log(), s.exp().sum(0).log()
    loss = ((rows + columns) / 2 - s.diagonal()).mean()
    G = ((s - rows[:, None]).exp() + (s - columns).exp() - 2 * torch.eye(len(u))) / (2 * len(u))
    return loss, beta * G @ v, beta * G.T @ u, (G * (u @ v.T)).sum()


def columns_of_the_block(u, v, beta, block):
    total = [0.0, torch.zeros_like(u), torch.zeros_like(v), 0.0]
    for i in range(0, len(u), block):
        part = clip_stream(u[i : i + block], v[i : i + block], beta, block)
        share = len(u[i : i + block]) / len(u)
        total[0] += part[0] * share
        total[1][i : i + block] = part[1] * share
        total[2][i : i + block] = part[2] * share
        total[3] += part[3] * share
    return total[0], total[1], total[2], torch.as_tensor(total[3])


def beta_per_block(u, v, beta, block):
    loss, du, dv, dbeta = clip_stream(u, v, beta, block)
    return loss, du, dv, dbeta * -(-len(u) // block)


def scaled_wrongly(u, v, beta, block):
    loss, du, dv, dbeta = clip_stream(u, v, beta, block)
    return loss, du / beta, dv / beta, dbeta


MISTAKES = [
    ("0", lambda batch, chunk: batch * chunk, "those are the pairs that are compared"),
    ("0", lambda batch, chunk: batch**2 - (batch // chunk) * chunk**2, "the last chunk has 2 samples"),
    ("1", lambda s, t: t - torch.softmax(s, 1), "relative error 2"),
    ("1", lambda s, t: torch.softmax(s, 0) - t, "a row of c must sum to 0"),
    ("1", lambda s, t: coef(s, t) / len(s), "not a mean"),
    ("1", lambda s, t: torch.softmax(s, 1) - t, "several positives a row"),
    ("1", lambda s, t: s.exp() / s.exp().sum(1, keepdim=True) * t.sum(1, keepdim=True) - t + 0 * s, "NaN"),
    ("2", not_symmetrised, "p is not symmetric"),
    ("2", without_the_two, "a factor 2 is missing"),
    ("2", rows_only, "relative error"),
    ("2", diagonal_competes, "the diagonal competes"),
    ("2", without_temperature, "the factor 1/τ"),
    ("2", single_positives, "two positives in one row"),
    ("2", labels_taken_as_symmetric, "not symmetric"),
    ("3", without_a_second_pass, "no parameter has a gradient"),
    ("3", naive_step, "with chunks of"),
    ("3", surrogate_step, "not the surrogate"),
    ("3", chunk_means, "is wrong"),
    ("3", clears_first, "must be kept and added to"),
    ("3", switches_to_training, "in the mode that it was in"),
    ("4", cached_step, "relative error"),
    ("4", seeded_alike, "as a plain chunked pass does"),
    ("4", first_mask_again, "the next step repeats a mask"),
    ("5", overflowing, "is not finite"),
    ("5", columns_of_the_block, "log-sum-exp runs over all blocks"),
    ("5", beta_per_block, "∂L/∂β is wrong"),
    ("5", scaled_wrongly, "∂L/∂u is wrong"),
    ("6", lambda kind, world: 1.0, '"global"'),
    ("6", lambda kind, world: float(world), '"rows"'),
    ("6", lambda kind, world: float(world) if kind == "global" else 1.0, "no factor repairs"),
    ("6", lambda kind, world: float("nan"), "holds NaN"),
]


@pytest.mark.parametrize(("number", "answer", "reason"), MISTAKES, ids=[f"{n}-{r}" for n, _, r in MISTAKES])
def test_a_mistake_is_rejected_with_its_reason(number, answer, reason):
    feedback = EXERCISES[number].check(answer)
    assert feedback.correct is False
    assert reason in feedback.message


def test_a_mistake_that_a_cosine_would_let_pass():
    """Why checks compare by relative error."""
    h, t = exercises._embeddings(pairs=16, dim=8)
    exact, found = target_vectors(h, t, 0.1), without_temperature(h, t, 0.1)
    assert float(F.cosine_similarity(found.flatten(), exact.flatten(), dim=0)) == pytest.approx(1)
    assert float((found - exact).norm() / exact.norm()) == pytest.approx(0.9)
