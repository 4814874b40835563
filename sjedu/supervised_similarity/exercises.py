"""The exercises of the lesson, each with checks that say what is wrong.

All are written in NumPy. A check tries the reader's function on small inputs and rejects one kind of wrong answer, with
the reason.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats

from sjedu.course.exercises import Answer, Exercises, WrongAnswer, close, expect, judged_by
from sjedu.supervised_similarity import theory

EXERCISES = Exercises()


def _refuses(reason: str, answer: Answer, *arguments: Any) -> None:
    try:
        answer(*arguments)
    except ValueError:
        return
    raise WrongAnswer(reason)


# ---------------------------------------------------------------- 1: three losses and their slopes


_COSINES = (-0.7, 0.0, 0.4, 0.8, 0.95)


def _loss_values(answer: Answer) -> None:
    for kind in theory.COSINE_KINDS:
        for t in (1, 0):
            for c in _COSINES:
                found = answer(c, t, kind)
                expect(
                    isinstance(found, tuple) and len(found) == 2,
                    "return two numbers: the loss and its derivative by c.",
                )
                wanted = theory.cosine_loss_value(kind, c, t)
                expect(
                    close(found[0], wanted),
                    f"{kind}, t = {t}, c = {c}: the loss is {wanted:.4g}, yours is {float(found[0]):.4g}.",
                )


def _loss_slopes(answer: Answer) -> None:
    step = 1e-6
    for kind in theory.COSINE_KINDS:
        for t in (1, 0):
            for c in _COSINES:
                above, below = (theory.cosine_loss_value(kind, c + d, t) for d in (step, -step))
                wanted = (above - below) / (2 * step)
                found = float(answer(c, t, kind)[1])
                expect(
                    not close(found, -wanted, 1e-5) or close(wanted, 0, 1e-5),
                    f"{kind}, t = {t}, c = {c}: your derivative has the wrong sign.",
                )
                expect(
                    close(found, wanted, 1e-5),
                    f"{kind}, t = {t}, c = {c}: the derivative is {wanted:.4g}, yours is {found:.4g}.",
                )


@EXERCISES.add("1", "Three losses and their slopes", minutes=10, difficulty="easy")
@judged_by(_loss_values, _loss_slopes)
def loss_and_slope(c: float, t: int, kind: str) -> tuple[float, float]:
    r"""Return (loss, derivative by c).

    Return the loss and its derivative by the cosine `c` for a pair with the label `t` (1 alike, 0 not): (i)
    `squared` $t(c-1)^2+(1-t)c^2$, (ii) `opposite` $t(c-1)^2+(1-t)(c+1)^2$, (iii) `margin`
    $t\max(0.9-c,0)+(1-t)\max(c-0.1,0)$.

    Hint: Where the margin is met, loss and slope are both 0.

    Shows: (i) and (ii) never rest before the cosine is exactly 1, 0 or −1; (iii) rests at its thresholds.
    """
    if kind == "squared":
        target = 1.0 if t else 0.0
        return (c - target) ** 2, 2 * (c - target)
    if kind == "opposite":
        target = 1.0 if t else -1.0
        return (c - target) ** 2, 2 * (c - target)
    if t:
        return max(0.9 - c, 0.0), -1.0 if c < 0.9 else 0.0
    return max(c - 0.1, 0.0), 1.0 if c > 0.1 else 0.0


# ---------------------------------------------------------------- 2: a head, and its symmetric version


def _head_inputs() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    return (*rng.normal(size=(2, 5, 3)), *rng.normal(size=(3, 3)))


def _head_shape(answer: Answer) -> None:
    found = np.asarray(answer(*_head_inputs()))
    expect(found.shape == (5,), f"five pairs have five scores, shape (5,); yours has {found.shape}.")


def _head_parts(answer: Answer) -> None:
    u, v, w1, w2, w3 = _head_inputs()
    zero = np.zeros(3)
    third = answer(u, v, zero, zero, w3)
    expect(
        not close(third, (u - v) @ w3),
        "the third part is |u - v|, coordinate by coordinate; you left out | |.",
    )
    expect(not close(third, (u - v) ** 2 @ w3), "the third part is |u - v|, not its square.")
    expect(close(third, np.abs(u - v) @ w3), "with w1 = w2 = 0 the score is ⟨|u - v|, w3⟩.")
    expect(close(answer(u, v, w1, zero, zero), u @ w1), "w1 belongs to u.")
    expect(close(answer(u, v, zero, w2, zero), v @ w2), "w2 belongs to v.")


def _head_symmetric(answer: Answer) -> None:
    u, v, w1, w2, w3 = _head_inputs()
    plain, swapped = answer(u, v, w1, w2, w3), answer(v, u, w1, w2, w3)
    expect(not close(plain, swapped), "with symmetric=False the order must count, as w1 and w2 differ.")
    found = answer(u, v, w1, w2, w3, symmetric=True)
    expect(
        close(found, answer(v, u, w1, w2, w3, symmetric=True)),
        "with symmetric=True the score of (v, u) must be that of (u, v).",
    )
    expect(
        not close(found, np.abs(u - v) @ w3),
        "symmetric does not mean without u and v: the topic score must stay.",
    )
    expect(
        close(found, (np.asarray(plain) + np.asarray(swapped)) / 2),
        "the symmetric score is the mean over both orders: w1 and w2 become (w1 + w2)/2.",
    )


@EXERCISES.add("2", "The head, and what is lost when it is symmetrised", minutes=10, difficulty="easy")
@judged_by(_head_shape, _head_parts, _head_symmetric)
def head_score(
    u: np.ndarray,
    v: np.ndarray,
    w1: np.ndarray,
    w2: np.ndarray,
    w3: np.ndarray,
    symmetric: bool = False,
) -> np.ndarray:
    r"""u, v: (pairs, dim); w1, w2, w3: (dim,) -> (pairs,)

    Return the score $\langle u,w_1\rangle+\langle v,w_2\rangle+\langle|u-v|,w_3\rangle$ of each pair of rows.
    With `symmetric=True` return the mean of the scores of $(u, v)$ and $(v, u)$.

    Hint: Concatenate $u$, $v$ and $|u-v|$. Which of the three change when $u$ and $v$ are exchanged?

    Shows: symmetry costs ⟨u − v, (w₁ − w₂)/2⟩ and nothing else: right for paraphrases, wrong for entailment,
    which has a direction.
    """
    if symmetric:
        w1 = w2 = (w1 + w2) / 2
    score: np.ndarray = np.concatenate([u, v, np.abs(u - v)], axis=-1) @ np.concatenate([w1, w2, w3])
    return score


# ---------------------------------------------------------------- 3: how far apart can all be?


def _mean_of_pairs(answer: Answer) -> None:
    vectors = np.array([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]])
    mean, _ = answer(vectors)
    expect(not close(mean, 1 / 9), "leave the pairs of a vector with itself out of the mean.")
    expect(
        not close(mean, np.mean([vectors[i] @ vectors[j] for i in range(3) for j in range(i)])),
        "these are inner products, not cosines: divide by the lengths.",
    )
    expect(close(mean, -1 / 3), f"the cosines are 0, −1 and 0, mean −1/3; yours is {float(mean):.4g}.")


def _mean_bound(answer: Answer) -> None:
    for n in (2, 5, 9):
        mean, bound = answer(theory.simplex(n))
        expect(
            not close(bound, -1 / n) or n < 2, "the sum has n(n − 1) terms, not n²: the bound is not −1/n."
        )
        expect(
            not close(bound, -1) or n == 2,
            "−1 can be had by two vectors only: three cannot all be opposite.",
        )
        expect(
            close(bound, -1 / (n - 1)),
            f"for n = {n} the bound is {-1 / (n - 1):.4g}, yours is {float(bound):.4g}.",
        )
        expect(close(mean, bound), "the corners of a simplex reach the bound: your mean cosine does not.")


def _mean_refuses(answer: Answer) -> None:
    _refuses("one vector has no pairs: raise a ValueError.", answer, np.ones((1, 3)))


@EXERCISES.add("3", "How unlike can many sentences be?", minutes=10, difficulty="medium")
@judged_by(_mean_of_pairs, _mean_bound, _mean_refuses)
def mean_cosine(vectors: np.ndarray) -> tuple[float, float]:
    r"""vectors: (n, dim) -> (mean cosine, its lower bound)

    Return the mean cosine over all pairs $i\ne j$ of the rows of `vectors`, and the lower bound that no $n$
    vectors can get below. Raise a `ValueError` for fewer than two vectors.

    Hint: Expand $|\sum_i \hat u_i|^2 \ge 0$ for the unit vectors.

    Shows: loss (ii) asks of n unrelated sentences what only two can give: −1 in the mean, where −1/(n − 1) is
    the end.
    """
    n = len(vectors)
    if n < 2:
        raise ValueError(f"vectors: a mean over pairs needs two, got {n}")
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    total = units.sum(axis=0)
    return float((total @ total - n) / (n * (n - 1))), -1 / (n - 1)


# ---------------------------------------------------------------- 4: CoSENT


def _cosent_value(answer: Answer) -> None:
    cosines, labels = np.array([0.3, 0.1, 0.2]), np.array([1, 0, 0])
    found, wanted = float(answer(cosines, labels, 5.0)), theory.cosent(cosines, labels, 5.0)
    expect(
        not close(found, theory.cosent(-cosines, labels, 5.0)),
        "the signs are exchanged: a pair of the *lower* label is to have the lower cosine.",
    )
    # With ties come three gaps of 0, of each pair with itself, and ±0.1 between the two equal ones.
    expect(
        not close(np.exp(found), np.exp(wanted) + 3 + 2 * np.cosh(0.5)),
        "pairs with equal labels are not to be ordered: only label_i > label_j counts.",
    )
    expect(not close(found, np.log(np.exp(wanted) - 1)), "you left out the 1 inside of the logarithm.")
    expect(close(found, wanted), f"for three pairs at λ = 5 the loss is {wanted:.4f}, yours is {found:.4f}.")


def _cosent_brute_force(answer: Answer) -> None:
    rng = np.random.default_rng(0)
    for classes in (2, 4):
        cosines, labels = rng.uniform(-1, 1, 12), rng.integers(0, classes, 12)
        found, wanted = float(answer(cosines, labels)), theory.cosent(cosines, labels)
        expect(
            close(found, wanted, 1e-8),
            f"with {classes} labels the loss is {wanted:.4f}, yours is {found:.4f}.",
        )


def _cosent_order(answer: Answer) -> None:
    cosines, labels = np.array([0.9, 0.1, 0.5, 0.4]), np.array([0, 1, 2, 1])
    found = [float(answer(cosines, relabelled)) for relabelled in (labels, 10 * labels - 3, labels**3)]
    expect(
        close(found, found[0] * np.ones(3)),
        "relabelling 0, 1, 2 as −3, 7, 17 or as 0, 1, 8 changed the loss: only the order of labels may count.",
    )


def _cosent_large(answer: Answer) -> None:
    cosines, labels = np.array([-1.0, 1.0, 0.0]), np.array([1, 0, 1])
    with np.errstate(all="ignore"):
        found = float(answer(cosines, labels, 1e5))
    expect(
        np.isfinite(found),
        "λ = 100000 overflows: take the largest exponent out of the sum (logsumexp). In the limit the loss is λ times "
        "the worst gap.",
    )
    expect(close(found / 1e5, 2.0, 1e-4), "for λ → ∞ the loss over λ must become the worst gap, here 2.")


@EXERCISES.add("4", "CoSENT", minutes=15, difficulty="medium")
@judged_by(_cosent_value, _cosent_brute_force, _cosent_order, _cosent_large)
def cosent(cosines: np.ndarray, labels: np.ndarray, scale: float = 20.0) -> float:
    r"""cosines, labels: (pairs,) -> a number

    Return $\log\big(1+\sum_{t_i>t_j}e^{\lambda(c_j-c_i)}\big)$ for pairs with the cosines $c$ and the labels
    $t$. It must not overflow, whatever $\lambda$.

    Hint: A table `labels[:, None] > labels[None, :]` says which gaps count. $1=e^0$ is one more exponent.

    Shows: only the order of labels is asked for, which is what Spearman measures; large λ look at the worst
    gap alone.
    """
    order = np.asarray(labels)[:, None] > np.asarray(labels)[None, :]
    gaps = scale * (np.asarray(cosines)[None, :] - np.asarray(cosines)[:, None])
    exponents = np.append(gaps[order], 0.0)
    largest = exponents.max()
    return float(largest + np.log(np.exp(exponents - largest).sum()))


# ---------------------------------------------------------------- 5: Spearman


def _spearman_untied(answer: Answer) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 20))
    wanted = float(scipy.stats.spearmanr(a, b).statistic)
    found = float(answer(a, b))
    expect(
        not close(found, np.corrcoef(a, b)[0, 1], 1e-6),
        "this is Pearson's correlation of the values: rank them first.",
    )
    expect(close(found, wanted, 1e-9), f"without ties: SciPy says {wanted:.4f}, you say {found:.4f}.")


def _spearman_ties(answer: Answer) -> None:
    rng = np.random.default_rng(1)
    for classes in (2, 4):
        a, b = rng.normal(size=30), rng.integers(0, classes, 30).astype(float)
        wanted, found = float(scipy.stats.spearmanr(a, b).statistic), float(answer(a, b))
        expect(
            close(found, wanted, 1e-9),
            f"labels of {classes} kinds are full of ties: SciPy says {wanted:.4f}, you say {found:.4f}. Equal values"
            " share the mean of their ranks (and 1 − 6Σd²/(n³ − n) holds without ties only).",
        )


def _spearman_constant(answer: Answer) -> None:
    with np.errstate(all="ignore"):
        _refuses(
            "predictions that are all equal have no rank correlation: raise a ValueError; 0 would claim that order and"
            " labels are unrelated.",
            answer,
            np.ones(5),
            np.array([0.0, 1.0, 0.0, 1.0, 1.0]),
        )


@EXERCISES.add("5", "Spearman from scratch", minutes=12, difficulty="medium")
@judged_by(_spearman_untied, _spearman_ties, _spearman_constant)
def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """a, b: (n,) -> a number

    Return the rank correlation of `a` and `b`; equal values share the mean of their ranks. Raise a
    `ValueError` where all values of one are equal.

    Hint: The rank of a value is the number of smaller ones plus half of (the number of equal ones + 1).

    Shows: labels of yes and no are nothing but ties, so the best Spearman is below 1, and a constant has
    none.
    """

    def ranks(values: np.ndarray) -> np.ndarray:
        values = np.asarray(values, dtype=float)
        below = (values[None, :] < values[:, None]).sum(axis=1)
        equal = (values[None, :] == values[:, None]).sum(axis=1)
        return np.asarray(below + (equal + 1) / 2)

    x, y = (ranks(values) - (len(values) + 1) / 2 for values in (a, b))
    if not x.any() or not y.any():
        raise ValueError("the rank correlation of a constant is undefined")
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


# ---------------------------------------------------------------- 6: how sure is a correlation?


def _labelled(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n)
    return scores, (scores + 1.5 * rng.normal(size=n) > 0).astype(int)


def _interval_order(answer: Answer) -> None:
    scores, labels = _labelled(80, 0)
    found = answer(scores, labels)
    expect(isinstance(found, tuple) and len(found) == 2, "return two numbers: the lower and the upper end.")
    low, high = map(float, found)
    value = float(scipy.stats.spearmanr(scores, labels).statistic)
    expect(low < high, "the interval has no width: draw pairs *with* replacement.")
    expect(
        low < value < high,
        f"the figure itself, {value:.2f}, is not in [{low:.2f}, {high:.2f}]: a score and its label must be drawn together.",
    )


def _interval_width(answer: Answer) -> None:
    scores, labels = _labelled(80, 1)
    widths = [float(np.diff(answer(scores, labels, 400, level, 0))[0]) for level in (0.5, 0.95)]
    expect(
        widths[0] < 0.6 * widths[1],
        "half of the resamples must give a much narrower interval than 95 % of them.",
    )
    many = _labelled(720, 1)
    ratio = float(np.diff(answer(*many, 400, 0.95, 0))[0]) / widths[1]
    expect(
        0.2 < ratio < 0.5,
        f"nine times the pairs: a third of the width is expected, yours is {ratio:.2f} of it.",
    )


def _interval_coverage(answer: Answer) -> None:
    truth = float(scipy.stats.spearmanr(*_labelled(200_000, 99)).statistic)
    hits = 0
    for seed in range(60):
        low, high = answer(*_labelled(60, 100 + seed), 100, 0.9, seed)
        hits += low <= truth <= high
    expect(
        46 <= hits <= 59,
        f"of 60 intervals of 90 %, about 54 should hold the true value; yours hold it {hits} times.",
    )


@EXERCISES.add("6", "How sure is a correlation?", minutes=15, difficulty="hard")
@judged_by(_interval_order, _interval_width, _interval_coverage)
def bootstrap_interval(
    scores: np.ndarray, labels: np.ndarray, samples: int = 400, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Return (low, high).

    Return the bootstrap interval of Spearman's correlation: draw as many pairs as there are, with
    replacement, `samples` times; the interval is what the middle `level` of the correlations spans.

    Hint: `rng.integers(0, n, n)` gives the places; use the same places for scores and labels.
    `scipy.stats.spearmanr` is at hand.

    Shows: the interval holds the truth about as often as it says; a test set of 400 pairs leaves some ±0.07.
    """
    rng = np.random.default_rng(seed)
    found: list[float] = []
    while len(found) < samples:
        drawn = rng.integers(0, len(scores), len(scores))
        if len(set(labels[drawn])) > 1:  # else undefined: draw again
            found.append(scipy.stats.spearmanr(scores[drawn], labels[drawn]).statistic)
    tail = 50 * (1 - level)
    low, high = np.percentile(found, [tail, 100 - tail])
    return float(low), float(high)
