"""Each check rejects the mistake that it is there for, with its reason."""

import numpy as np
import pytest
import sympy as sp
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from sjedu.wgan import exercises
from sjedu.wgan.exercises import EXERCISES

best_partner, c_eps_transform = exercises.best_partner, exercises.c_eps_transform


# ---------------------------------------------------------------- 0


def summed(x, y):
    return np.abs(np.sort(x) - np.sort(y)).sum()


def unsorted(x, y):
    return np.abs(x - y).mean()


def of_means(x, y):
    return abs(x.mean() - y.mean())


def squared(x, y):
    return np.sqrt(np.square(np.sort(x) - np.sort(y)).mean())


def each_apart(x, y):
    return np.abs(np.sort(x) - np.sort(y))


# ---------------------------------------------------------------- 1


def over_columns(C, f):
    return (C.T - f).min(axis=1)[: len(f)]


def largest(C, f):
    return (C - f[:, None]).max(axis=0)


def mean_cost(C, f):
    return (C - f[:, None]).mean(axis=0)


def added(C, f):
    return (C + f[:, None]).min(axis=0)


def negative(C, f):
    return -(C - f[:, None]).min(axis=0)


def without_f(C, f):
    return C.min(axis=0)


def timid(C, f):
    return best_partner(C, f) - 0.1


def constant(C, f):
    return np.full(C.shape[1], (C - f[:, None]).min())


# ---------------------------------------------------------------- 2


def unweighted_sum(C, f, a, eps):
    return c_eps_transform(C, f, np.ones_like(a), eps)


def equal_weights(C, f, a, eps):
    return c_eps_transform(C, f, np.full_like(a, 1 / len(a)), eps)


def naive(C, f, a, eps):
    return -eps * np.log((a[:, None] * np.exp((f[:, None] - C) / eps)).sum(axis=0))


def hard(C, f, a, eps):
    return best_partner(C, f)


def wrong_sign(C, f, a, eps):
    return -c_eps_transform(-C, -f, a, eps)


def fixed_epsilon(C, f, a, eps):
    return c_eps_transform(C, f, a, 0.5)


# ---------------------------------------------------------------- 3


def penalty(
    critic,
    x,
    y,
    lam,
    center=1.0,
    one_sided=False,
    *,
    where=None,
    norm=lambda g: g.flatten(1).norm(dim=1),
    create_graph=True,
    reduce=torch.mean,
):
    t = torch.rand(len(x), *[1] * (x.ndim - 1), dtype=x.dtype) if where is None else where(x)
    points = (t * x + (1 - t) * y).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=create_graph)
    excess = norm(gradient) - center
    return lam * reduce((excess.clamp(min=0) if one_sided else excess).square())


def variant(**options):
    def gradient_penalty(critic, x, y, lam, center=1.0, one_sided=False):
        return penalty(critic, x, y, lam, center, one_sided, **options)

    return gradient_penalty


def without_centre(critic, x, y, lam, center=1.0, one_sided=False):
    return penalty(critic, x, y, lam, 1.0, one_sided)


def two_sided(critic, x, y, lam, center=1.0, one_sided=False):
    return penalty(critic, x, y, lam, center)


def as_number(critic, x, y, lam, center=1.0, one_sided=False):
    return penalty(critic, x, y, lam, center, one_sided).item()


def unweighted(critic, x, y, lam, center=1.0, one_sided=False):
    return penalty(critic, x, y, 1.0, center, one_sided)


def root_of_squares(gradient):
    return gradient.flatten(1).square().sum(dim=1).sqrt()


# ---------------------------------------------------------------- 4


def slope_of_the_best(W, lam):
    return 1 + W / (2 * lam)


def largest_gain(W, lam):
    return W + W**2 / (4 * lam)


def no_bias(W, lam):
    return W


def zero_centred(W, lam):
    return W**2 / (2 * lam)


def with_s(W, lam):
    return sp.Symbol("s") * W


def off_by_two(W, lam):
    return W + W**2 / lam


# ---------------------------------------------------------------- 5


def theta_by(cost, metric="euclidean"):
    def theta_star(n, d, repeats=50, seed=0):
        rng = np.random.default_rng(seed)
        thetas = np.arange(0, 1.31, 0.05)
        total = np.zeros(len(thetas))
        for _ in range(repeats):
            x, z = rng.normal(size=(2, n, d))
            total += [cost(cdist(x, theta * z, metric)) for theta in thetas]
        return float(thetas[total.argmin()])

    return theta_star


def matched(C):
    return C[linear_sum_assignment(C)].mean()


def truth(n, d, repeats=50, seed=0):
    return 1.0


def drawn_anew(n, d, repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    thetas = np.arange(0, 1.31, 0.05)
    costs = [
        np.mean([matched(cdist(*(rng.normal(size=(2, n, d)) * [[[1]], [[theta]]]))) for _ in range(repeats)])
        for theta in thetas
    ]
    return float(thetas[np.argmin(costs)])


# ---------------------------------------------------------------- 6


def bias_by(distance, batches=lambda draw, n: (draw(n), draw(n))):
    def batch_bias(draw, n, repeats=20):
        return np.mean([distance(cdist(*batches(draw, n))) for _ in range(repeats)])

    return batch_bias


def twice_the_same(draw, n):
    x = draw(n)
    return x, x


def against_the_mean(draw, n):
    x = draw(n)
    return x, np.tile(x.mean(axis=0), (n, 1))


@pytest.mark.parametrize(
    ("id", "wrong", "reason"),
    [
        ("0", summed, "take the mean, not the sum"),
        ("0", unsorted, "which is named first must not matter"),
        ("0", of_means, "yet each point has to move by 1"),
        ("0", squared, "not the distance that linear programming finds"),
        ("0", each_apart, "return one number, not an array of shape (3,)"),
        ("1", over_columns, "expected 7 numbers, one a column; got the shape (5,)"),
        ("1", largest, "weak duality fails"),
        ("1", mean_cost, "weak duality fails"),
        ("1", added, "must take 1.5 from the transform"),
        ("1", negative, "must take 1.5 from the transform"),
        ("1", without_f, "must take 1.5 from the transform"),
        ("1", timid, "not the largest partner"),
        ("1", constant, "f^cc must be at least f"),
        ("2", unweighted_sum, "is it a sum without the weights a?"),
        ("2", equal_weights, "taken with the weights a"),
        ("2", naive, "exponentials over- or underflow"),
        ("2", hard, "right for equal weights at best"),
        ("2", wrong_sign, "check the signs"),
        ("2", fixed_epsilon, "for ε → 0 the result must become f^c"),
        ("3", as_number, "return a torch.Tensor, not a float"),
        ("3", variant(reduce=lambda t: t), "return one number, the mean over the batch"),
        ("3", unweighted, "must cost λ(3 - 1)² = 40"),
        ("3", variant(norm=lambda g: g.flatten(1).square().sum(dim=1)), "must cost λ(3 - 1)² = 40"),
        ("3", without_centre, "with the centre 0 it must cost λ 3² = 90"),
        ("3", two_sided, "a slope of 0.3, below the centre, must cost nothing"),
        ("3", variant(norm=lambda g: g.norm(2, dim=1)), "flatten first"),
        ("3", variant(where=lambda x: torch.ones(len(x), *[1] * (x.ndim - 1))), "all pairs have the same t"),
        ("3", variant(where=lambda x: torch.rand(()).double()), "all pairs have the same t"),
        ("3", variant(where=torch.rand_like), "do not lie on the segments"),
        (
            "3",
            variant(where=lambda x: 3 * torch.rand(len(x), *[1] * (x.ndim - 1))),
            "do not lie on the segments",
        ),
        ("3", variant(create_graph=False), "would train nothing"),
        ("3", variant(norm=root_of_squares), "a constant critic gets the gradient NaN"),
        ("4", slope_of_the_best, "that is the slope s of the best critic"),
        ("4", largest_gain, "that is the largest gain"),
        ("4", no_bias, "without a penalty"),
        ("4", zero_centred, "belongs to the centre 0"),
        ("4", with_s, "still holds s"),
        ("4", off_by_two, "the estimate is"),
        ("5", truth, "for batches of one the best θ is 0"),
        ("5", theta_by(np.mean), "Is each x matched with the best z?"),
        ("5", theta_by(lambda C: np.trace(C) / len(C)), "Is each x matched with the best z?"),
        ("5", theta_by(lambda C: C.min(axis=1).mean()), "near 0.45, not the truth|the best θ is"),
        ("5", theta_by(matched, "cityblock"), "cityblock's, would give 0.20"),
        ("5", drawn_anew, "the best θ is|drawn anew for each θ"),
        ("5", theta_by(lambda C: 1.0 - matched(C)), "for batches of one the best θ is 0"),
        ("6", bias_by(matched, twice_the_same), "draw a second batch, of its own"),
        ("6", bias_by(lambda C: np.trace(C) / len(C)), "optimally matched"),
        ("6", bias_by(np.mean), "optimally matched"),
        ("6", bias_by(lambda C: C.min(axis=1).mean()), "optimally matched"),
        ("6", bias_by(lambda C: C[linear_sum_assignment(C)].sum()), "optimally matched"),
        ("6", bias_by(matched, against_the_mean), "draw a second batch|single points of N(0, 1)"),
    ],
)
def test_wrong_answers_are_rejected_with_the_reason(id, wrong, reason):
    feedback = EXERCISES[id].check(wrong)
    assert feedback.correct is False
    assert any(part in feedback.message for part in reason.split("|")), feedback.message


def test_squares_have_their_least_where_lengths_have_it_to_the_grid():
    # Why exercise 5 accepts them: over n = 4 ... 64 and d = 1 ... 50 their best θ is larger by 0.00 to 0.02.
    assert EXERCISES["5"].check(theta_by(matched, "sqeuclidean")).correct
    assert theta_by(matched, "sqeuclidean")(4, 2, 400) == theta_by(matched)(4, 2, 400)


def test_an_exception_is_explained():
    def best_partner(C, f):
        raise ZeroDivisionError("oh")

    feedback = EXERCISES["1"].check(best_partner)
    assert feedback.correct is False
    wanted = "your function raised ZeroDivisionError: oh (input ndarray of float64 (5, 7)"
    assert feedback.message.startswith(wanted)
