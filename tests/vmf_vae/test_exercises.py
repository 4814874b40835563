"""Each check rejects the mistake that it is there for, with its reason."""

import math

import numpy as np
import pytest
import scipy.special
import torch

from sjedu.vmf_vae import bessel, exercises, theory
from sjedu.vmf_vae.exercises import EXERCISES


def by_ive(d, kappa):
    order = d / 2 - 1
    if kappa == 0:
        return exercises.log_vmf_normalizer(d, kappa)
    with np.errstate(divide="ignore"):
        return float(
            order * np.log(kappa)
            - (order + 1) * np.log(2 * np.pi)
            - np.log(scipy.special.ive(order, kappa))
            - kappa
        )


def textbook_kl(d, kappa):
    if kappa == 0:
        return 0.0
    order = d / 2 - 1
    with np.errstate(all="ignore"):
        ratio = scipy.special.ive(order + 1, kappa) / scipy.special.ive(order, kappa)
    return kappa * ratio + by_ive(d, kappa) + bessel.log_sphere_area(d)


def kl_of_d_plus_2(d, kappa):
    return exercises.kl_vmf_uniform(d + 2, kappa)


def kl_without_area(d, kappa):
    return exercises.kl_vmf_uniform(d, kappa) - bessel.log_sphere_area(d) * (kappa > 0)


def even_in_w(kappa, d, n, rng):
    w = np.linspace(-1, 1, 2001)[1:-1]
    density = np.exp(kappa * (w - 1) + (d - 3) / 2 * np.log1p(-(w**2)))
    return np.interp(rng.random(n), np.cumsum(density) / density.sum(), w)


def wrong_exponent(kappa, d, n, rng):
    return exercises.sample_w(kappa, d + 1, n, rng)


def backwards(kappa, d, n, rng):
    return -exercises.sample_w(kappa, d, n, rng)


def detached(mu, w):
    return (
        w[:, None] * mu
        + (1 - w**2).clamp(min=0).sqrt()[:, None]
        * (
            (exercises.rsample(mu, w) - w[:, None] * mu) / (1 - w**2).clamp(min=1e-12).sqrt()[:, None]
        ).detach()
    )


def reflected(mu, w):
    e1 = torch.zeros_like(mu)
    e1[:, 0] = 1
    v = torch.nn.functional.normalize(torch.randn_like(mu) * (1 - e1), dim=-1)
    x = w[:, None] * e1 + (1 - w**2).clamp(min=0).sqrt()[:, None] * v
    u = e1 - mu
    u = u / u.norm(dim=-1, keepdim=True)
    return x - 2 * (x * u).sum(-1, keepdim=True) * u


def not_orthogonal(mu, w):
    nu = torch.nn.functional.normalize(torch.randn_like(mu), dim=-1)
    return torch.nn.functional.normalize(
        w[:, None] * mu + (1 - w**2).clamp(min=0).sqrt()[:, None] * nu, dim=-1
    )


def along_the_proposal(w, kappa, d):
    return (1 - w**2) / np.sqrt(4 * kappa**2 + (d - 1) ** 2)


def wrong_sign(w, kappa, d):
    return -exercises.dw_dkappa(w, kappa, d)


def rule_of_thumb(d, nats):
    return math.sqrt(2 * d * nats)


def short_bracket(d, nats):
    return min(exercises.kappa_for_budget(d, nats), 100.0)


def off_between(d, kappa):
    return exercises.log_vmf_normalizer(d, kappa) + (30 <= d <= 300 and 1 <= kappa <= 1000)


def negative_from_21(d, kappa):
    return -1.0 if kappa >= 21 else exercises.kl_vmf_uniform(d, kappa)


def capped_at_50(d, kappa):
    return exercises.kl_vmf_uniform(d, min(kappa, 50.0))


def rejected(kappa, d, n, rng):
    b, x0, c = theory.wood_parameters(d, kappa)
    kept = np.empty(0)
    while len(kept) < n:
        z = rng.beta((d - 1) / 2, (d - 1) / 2, 2 * n)
        w = (1 - (1 + b) * z) / (1 - (1 - b) * z)
        good = kappa * w + (d - 1) * np.log1p(-x0 * w) - c >= np.log(rng.random(2 * n))
        kept = np.concatenate([kept, w[good]])
    return kept[:n]


def looped(kappa, d, n, rng):
    grid = theory.AngularGrid(d, kappa)
    return np.array([math.cos(np.interp(rng.random(), grid.cdf, grid.phi)) for _ in range(n)])


def frozen(kappa, d, n, rng):
    store = exercises.sample_w(kappa, d, 100_000, np.random.default_rng(0))
    return store[rng.integers(len(store), size=n)]


def without_its_generator(kappa, d, n, rng):
    return exercises.sample_w(kappa, d, n, np.random.default_rng(n))


def with_another_generator(kappa, d, n, rng):
    return exercises.sample_w(kappa, d, n, np.random.default_rng())


def without_a_clamp(mu, w):
    g = torch.randn_like(mu)
    nu = torch.nn.functional.normalize(g - (g * mu).sum(-1, keepdim=True) * mu, dim=-1)
    return w[:, None] * mu + torch.sqrt(1 - w**2)[:, None] * nu


def of_a_cube(mu, w):
    g = torch.rand_like(mu) - 0.5
    nu = torch.nn.functional.normalize(g - (g * mu).sum(-1, keepdim=True) * mu, dim=-1)
    return w[:, None] * mu + torch.sqrt((1 - w**2).clamp(min=0))[:, None] * nu


def only_the_mean(w, kappa, d):
    if d == 3:
        return exercises.dw_dkappa(w, kappa, d)
    return np.full_like(w, float(bessel.cosine_variance(d, kappa)))


@pytest.mark.parametrize(
    ("id", "answer", "reason"),
    [
        ("1", lambda d, kappa: -exercises.log_vmf_normalizer(d, kappa), "sign is wrong"),
        ("1", lambda d, kappa: exercises.log_vmf_normalizer(d + 1, kappa), "one over the area"),
        ("1", lambda d, kappa: math.nan if kappa == 0 else by_ive(d, kappa), "κ = 0 apart"),
        ("1", by_ive, "under- or overflows"),
        ("1", off_between, "somewhere between it is wrong"),
        ("2", negative_from_21, "never negative"),
        ("2", capped_at_50, "does not always rise"),
        ("3", rejected, "none is rejected"),
        ("3", looped, "no loop over samples"),
        ("3", frozen, "frozen noise"),
        ("3", without_its_generator, "another generator gives the same"),
        ("3", with_another_generator, "same generator in the same state"),
        ("4", without_a_clamp, "negative by rounding"),
        ("4", of_a_cube, "not uniform around every μ"),
        ("5", only_the_mean, "a speed of its own"),
        ("2", lambda d, kappa: 1.0 + exercises.kl_vmf_uniform(d, kappa), "the KL is 0"),
        ("2", kl_of_d_plus_2, "the KL of dimension 5"),
        ("2", kl_without_area, "the area of the sphere is missing"),
        ("2", textbook_kl, "κA - ∫A dt"),
        ("3", even_in_w, "the law is not the right one"),
        ("3", wrong_exponent, r"exponent \(d-3\)/2"),
        ("3", backwards, "away from μ"),
        ("3", lambda kappa, d, n, rng: np.full(n, 0.9), "again and again"),
        ("4", detached, "do not detach ν"),
        ("4", reflected, "not finite"),
        ("4", not_orthogonal, "orthogonal to μ"),
        ("4", lambda mu, w: w[:, None] * mu, "length 1"),
        ("5", along_the_proposal, "Wood's proposal"),
        ("5", wrong_sign, "never negative"),
        ("5", lambda w, kappa, d: 2 * exercises.dw_dkappa(w, kappa, d), "closed form"),
        ("6", rule_of_thumb, "κ much less than d"),
        ("6", short_bracket, "bracket|3 nats need"),
        ("6", lambda d, nats: 1.0, "κ = 0"),
    ],
)
def test_wrong_answers_are_told_why(id, answer, reason):
    import re

    feedback = EXERCISES[id].check(answer)
    assert feedback.correct is False
    assert re.search(reason, feedback.message), feedback.message
