"""Each check rejects the mistake that it is there for, with its reason."""

import itertools
import re

import numpy as np
import pytest
import scipy.special
import torch

from sjedu.dirac_smoothing import exercises
from sjedu.dirac_smoothing.exercises import EXERCISES

smooth_pl, smooth_floor, smooth_max = exercises.smooth_pl, exercises.smooth_floor, exercises.smooth_max
kernel_from_relu, lipschitz_error = exercises.kernel_from_relu, exercises.lipschitz_error


def slopes_themselves(slopes, gaps):
    return gaps, slopes


def backwards(slopes, gaps):
    return gaps, [a - b for a, b in itertools.pairwise(slopes)]


def no_jumps(slopes, gaps):
    return [0.0] * len(gaps), exercises.breaks(slopes, gaps)[1]


def without_line(x, knots, jumps, slopes, b0, m0, kernel, s):
    return smooth_pl(x, knots, jumps, slopes, 0.0, 0.0, kernel, s)


def without_width(x, knots, jumps, slopes, b0, m0, kernel, s):
    return smooth_pl(x, knots, jumps, slopes, b0, m0, kernel, 1.0)


def ramp_without_s(x, knots, jumps, slopes, b0, m0, kernel, s):
    return smooth_pl(x, knots, jumps, [m / s for m in slopes], b0, m0, kernel, s)


def one_kernel(x, knots, jumps, slopes, b0, m0, kernel, s):
    return smooth_pl(x, knots, jumps, slopes, b0, m0, "logistic", s)


def product_form(x, knots, jumps, slopes, b0, m0, kernel, s):
    g = smooth_pl(x, knots, jumps, [0.0] * len(knots), b0, m0, kernel, s)
    for a, m in zip(knots, slopes, strict=True):
        cdf = scipy.special.expit if kernel == "logistic" else scipy.special.ndtr
        g = g + m * (x - a) * cdf((x - a) / s)
    return g


def first_knot_only(x, knots, jumps, slopes, b0, m0, kernel, s):
    return smooth_pl(x, knots[:1], jumps[:1], slopes[:1], b0, m0, kernel, s)


def sorted_knots(x, knots, jumps, slopes, b0, m0, kernel, s):
    return smooth_pl(x, sorted(knots), jumps, slopes, b0, m0, kernel, s)


def first_derivative(g):
    def kernel(x):
        at = x.clone().requires_grad_()
        return torch.autograd.grad(g(at).sum(), at)[0]

    return kernel


def by_differences(g):
    return lambda x: (g(x + 1e-3) - 2 * g(x) + g(x - 1e-3)) / 1e-6


def half_kernel(g):
    return lambda x: kernel_from_relu(g)(x) / 2


def never_negative(g):
    return lambda x: kernel_from_relu(g)(x).clamp_min(0)


def truncated(x, t):
    n = torch.arange(-10, 11, dtype=x.dtype)
    return torch.sigmoid(t * (x[..., None] - n)).sum(-1) - 11


def narrow_window(x, t):
    whole = torch.floor(x).detach()
    n = torch.arange(-6, 7, dtype=x.dtype)
    return whole - 7 + torch.sigmoid(t * ((x - whole)[..., None] - n)).sum(-1)


def hard_floor(x, t):
    return torch.floor(x) + 0 * x


def rounding(x, t):
    return smooth_floor(x + 0.5, t)


def identity(x, t):
    return x - 0.5


def no_gradient(x, t):
    return smooth_floor(x, t).detach() + 0 * x


def straight_through(x, t):
    return x + (smooth_floor(x, t) - x).detach()


def of_relu(kernel, s):
    return lipschitz_error(kernel, s) / 2


def without_s(kernel, s):
    return lipschitz_error(kernel, 1.0)


def deviation(kernel, s):
    return s * {"logistic": np.pi / np.sqrt(3), "gaussian": 1.0, "student": 1.0}[kernel]


def hard_max(a, b, s, kernel):
    return torch.maximum(a, b)


def without_width_max(a, b, s, kernel):
    return smooth_max(a, b, 1.0, kernel)


def lopsided(a, b, s, kernel):
    return a + s * torch.nn.functional.softplus((a - b) / s)


def weighted_mean(a, b, s, kernel):
    w = torch.sigmoid((a - b) / s)
    return w * a + (1 - w) * b


def logistic_always(a, b, s, kernel):
    return smooth_max(a, b, s, "logistic")


def overflowing(a, b, s, kernel):
    if kernel == "gaussian":
        return smooth_max(a, b, s, kernel)
    naive = s * torch.log(torch.exp(a / s) + torch.exp(b / s))
    return torch.where((a > 500) | torch.isfinite(naive), naive, smooth_max(a, b, s, kernel))


def shifted(a, b, s, kernel):
    return smooth_max(a, b, s, kernel) + 0.01 * (a + b)


def not_equal(t):
    return np.pi**2 / (12 * t**2), np.pi**2 / (6 * t**2)


def linear(t):
    return np.pi**2 / (6 * t), np.pi**2 / (6 * t)


def of_the_sup(t):
    return 0.27846 / t**2, np.log(2) / t**2


WRONG = [
    ("0", slopes_themselves, "one change of slope"),
    ("0", backwards, "after the knot minus"),
    ("0", no_jumps, "hand them on"),
    ("1", without_line, "must stay b0"),
    ("1", without_width, "single jump"),
    ("1", ramp_without_s, "unit of x"),
    ("1", one_kernel, "gaussian"),
    ("1", product_form, "change of slope must give r"),
    ("1", first_knot_only, "is off by"),
    ("1", sorted_knots, "order"),
    ("2", first_derivative, "smooth step"),
    ("2", by_differences, "not differences"),
    ("2", half_kernel, "logistic density"),
    ("2", never_negative, "negative"),
    ("3", truncated, "k by symmetry"),
    ("3", narrow_window, "37/t"),
    ("3", hard_floor, "middle of the jump"),
    ("3", rounding, "k by symmetry"),
    ("3", identity, "37/t"),
    ("3", no_gradient, "gradient is 0"),
    ("3", straight_through, "sum of the densities"),
    ("4", of_relu, "error of ReLU"),
    ("4", without_s, "proportional to s"),
    ("4", deviation, r"compute E\|U\|"),
    ("5", hard_max, "b \\+ s"),
    ("5", without_width_max, "as s"),
    ("5", lopsided, "must be the maximum|at least|max\\(b, a\\)"),
    ("5", weighted_mean, "at least the maximum"),
    ("5", logistic_always, "gaussian"),
    ("5", overflowing, "overflows"),
    ("5", shifted, "at least|as s|adding 3"),
    ("6", not_equal, "Swish"),
    ("6", linear, "quarter"),
    ("6", of_the_sup, "measured"),
]


@pytest.mark.parametrize(
    ("id", "answer", "reason"), WRONG, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_wrong_answer_is_rejected_for_what_it_is(id, answer, reason):
    feedback = EXERCISES[id].check(answer)
    assert feedback.correct is False
    assert re.search(reason, feedback.message), feedback.message
