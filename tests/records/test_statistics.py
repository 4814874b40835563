"""Spreads and tests: against SciPy's own, by simulation, and where nothing varies."""

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from unchecked import unchecked

with unchecked("sjedu.records.statistics"):  # which is asked thousands of questions
    from sjedu.records.statistics import (
        ALPHA,
        Spread,
        against,
        equivalent,
        family,
        holm,
        no_worse,
        paired,
        welch,
    )

FIRST, SECOND = Spread((0.5, 0.7, 0.9), (0, 1, 2)), Spread((0.1, 0.3, 0.25, 0.2), (0, 1, 2, 3))
THREE = Spread((0.3, 0.1, 0.2), (2, 0, 1))
SAME, LESS = Spread((0.1, 0.1, 0.1), (0, 1, 2)), Spread((0.05, 0.05), (0, 1))

samples = st.lists(st.integers(-1000, 1000), min_size=2, max_size=12, unique=True).map(
    lambda values: Spread(tuple(value / 64 for value in values), tuple(range(len(values))))
)


# ---------------------------------------------------------------- spreads


def test_a_spread_is_mean_and_standard_error_over_seeds():
    spread = Spread((0.5, 0.7, 0.9))
    assert (spread.n, spread.mean) == (3, pytest.approx(0.7))
    assert spread.error == pytest.approx(0.2 / np.sqrt(3))
    assert str(spread) == "0.700 ± 0.115"
    assert str(Spread((0.5,))) == "0.500"


@given(samples)
def test_the_interval_is_student_s(spread):
    for level in (0.9, 0.95, 0.99):
        expected = scipy.stats.t.interval(level, spread.n - 1, spread.mean, spread.error)
        assert spread.interval(level) == pytest.approx(expected, abs=1e-9)
    assert spread.interval() == spread.interval(0.95)


def test_text_takes_digits_a_factor_and_an_interval():
    assert FIRST.text(1, factor=100) == "70.0 ± 11.5"
    assert FIRST.text(2, interval=True) == "0.70 ± 0.50"
    assert Spread((-0.001, 0.0)).text(2) == "0.00 ± 0.00"
    assert Spread((0.5,)).text(2, interval=True) == "0.50"


def test_one_seed_has_no_error():
    assert math.isnan(Spread((0.5,)).error)
    assert all(map(math.isnan, Spread((0.5,)).interval()))


def test_what_does_not_vary_has_no_error_at_all():
    assert float(np.std([0.1] * 3, ddof=1)) > 0  # by rounding
    assert SAME.error == 0
    assert SAME.interval() == (SAME.mean, SAME.mean)


@pytest.mark.parametrize(
    ("values", "seeds", "says"),
    [
        ((), None, r"values: got \(\); expected one finite number or more"),
        ((1.0, math.nan), None, "values: got .*nan"),
        ((1.0, math.inf), None, "values: got .*inf"),
        ((1.0, 2.0), (0,), r"seeds: got \(0,\); expected 2 different ones"),
        ((1.0, 2.0), (0, 0), r"seeds: got \(0, 0\); expected 2 different ones"),
        ((1.0,), (0, 1), r"seeds: got \(0, 1\); expected 1 different ones"),
    ],
)
def test_spreads_that_are_none_are_refused(values, seeds, says):
    with pytest.raises(ValueError, match=says):
        Spread(values, seeds)


# ---------------------------------------------------------------- tests, against SciPy's


@given(samples, samples)
def test_welch_is_scipy_s(first, second):
    found, expected = (
        welch(first, second),
        scipy.stats.ttest_ind(first.values, second.values, equal_var=False),
    )
    interval = expected.confidence_interval(1 - ALPHA)
    assert found.estimate == pytest.approx(first.mean - second.mean, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert (found.df, found.p) == pytest.approx((expected.df, expected.pvalue), rel=1e-9)
    assert (found.n, found.level) == ((first.n, second.n), 1 - ALPHA)


@given(samples, st.randoms(use_true_random=False))
def test_paired_is_scipy_s_in_whatever_order_the_seeds_come(first, random):
    other = [value * value / 9 for value in first.values]
    order = list(range(first.n))
    random.shuffle(order)
    second = Spread(tuple(other[i] for i in order), tuple(order))
    found, expected = paired(first, second), scipy.stats.ttest_rel(first.values, other)
    interval = expected.confidence_interval(1 - ALPHA)
    if len({a - b for a, b in zip(first.values, other, strict=True)}) > 1:
        assert found.p == pytest.approx(expected.pvalue, rel=1e-6)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert found.n == (first.n,)
    assert found.df == first.n - 1


@given(samples, st.floats(-10, 10))
def test_against_a_figure_is_scipy_s(spread, figure):
    found, expected = against(spread, figure), scipy.stats.ttest_1samp(spread.values, figure)
    interval = expected.confidence_interval(1 - ALPHA)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.low + figure, found.high + figure) == pytest.approx((interval.low, interval.high), abs=1e-9)


@given(samples, samples, st.floats(0.1, 10))
def test_equivalence_is_two_one_sided_tests_of_scipy(first, second, margin):
    found = equivalent(first, second, margin)
    above, below = (
        scipy.stats.ttest_ind(
            [value - shift for value in first.values], second.values, equal_var=False, alternative=side
        )
        for shift, side in ((-margin, "greater"), (margin, "less"))
    )
    assert found.p == pytest.approx(max(above.pvalue, below.pvalue), rel=1e-6, abs=1e-12)
    interval = scipy.stats.ttest_ind(first.values, second.values, equal_var=False).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-9)
    # The same said by the interval: it lies within the margin.
    assert (found.p < ALPHA) == (-margin < found.low and found.high < margin)
    assert no_worse(first, second, margin).p == pytest.approx(above.pvalue, rel=1e-6, abs=1e-12)
    assert (no_worse(first, second, margin).low, no_worse(first, second, margin).high) == (
        found.low,
        math.inf,
    )


def test_equivalence_and_no_worse_can_be_asked_in_pairs():
    gaps = [a - b for a, b in zip(FIRST.values, (0.1, 0.2, 0.3), strict=True)]
    expected = scipy.stats.ttest_1samp(gaps, -0.05, alternative="greater").pvalue
    assert no_worse(FIRST, THREE, 0.05, test=paired).p == pytest.approx(expected)
    assert equivalent(FIRST, THREE, 0.05, test=paired).p > 0.9
    assert equivalent(FIRST, THREE, 0.05, test=paired).n == (3,)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_the_step_down_procedure(p_values):
    """Step down: reject the smallest at α/m, the next at α/(m - 1), ..., until one is not rejected."""
    adjusted = holm(p_values)
    for alpha in (0.01, 0.05, 0.2):
        rejected: set[int] = set()
        for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
            if p_values[place] * (len(p_values) - rank) > alpha:
                break
            rejected.add(place)
        assert {place for place, p in enumerate(adjusted) if p <= alpha} == rejected


def test_holm_keeps_the_order_and_stays_below_one():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx((0.06, 0.03, 0.06))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_holm_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match=r"p_values: got .*; expected numbers between 0 and 1"):
        holm([0.5, p])


def test_a_family_has_names():
    differences = {"one": welch(FIRST, SECOND), "other": welch(FIRST, THREE)}
    p = [each.p for each in differences.values()]
    assert family(differences) == {"one": min(2 * min(p), 1), "other": max(*p, 2 * min(p))}


# ---------------------------------------------------------------- where nothing varies, and refusals


def test_without_variance_a_difference_is_what_it_is():
    found = welch(SAME, LESS)
    assert (found.low, found.high) == (found.estimate, found.estimate)
    assert (found.estimate, found.p, found.error) == (pytest.approx(0.05), 0, 0)
    assert math.isfinite(found.df)
    assert welch(SAME, SAME).p == 1
    assert paired(SAME, SAME).p == 1
    assert against(SAME, SAME.mean).p == 1
    assert against(SAME, 0).p == 0
    assert equivalent(SAME, LESS, 0.06).p == 0
    assert equivalent(SAME, LESS, 0.04).p == equivalent(LESS, SAME, 0.04).p == 1
    # The estimate is on the margin itself.
    assert equivalent(Spread((3.0, 3.0)), Spread((1.0, 1.0)), 2).p == 1
    assert equivalent(Spread((1.0, 1.0)), Spread((3.0, 3.0)), 2).p == 1
    assert no_worse(LESS, SAME, 0.06).p == 0
    assert no_worse(LESS, SAME, 0.04).p == 1
    assert no_worse(Spread((1.0, 1.0)), Spread((3.0, 3.0)), 2).p == 1


def test_one_of_two_may_not_vary():
    expected = scipy.stats.ttest_1samp(FIRST.values, LESS.mean)
    assert welch(FIRST, LESS).p == pytest.approx(expected.pvalue)
    assert welch(LESS, FIRST).df == pytest.approx(2)


def test_the_smallest_errors_do_not_vanish_in_a_power():
    tiny = Spread((1e-120, 2e-120, 3e-120))
    assert welch(tiny, Spread((0.0, 1e-120, 2e-120))).df == pytest.approx(4)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: welch(Spread((1.0,)), FIRST), "first: got a single value; expected two or more"),
        (lambda: welch(FIRST, Spread((1.0,))), "second: got a single value"),
        (lambda: against(Spread((1.0,)), 0.5), "spread: got a single value"),
        (lambda: paired(Spread((1.0,), (0,)), Spread((2.0,), (0,))), "a single value"),
        (
            lambda: paired(FIRST, SECOND),
            r"seeds: got \(0, 1, 2\) and \(0, 1, 2, 3\); expected the same of both",
        ),
        (lambda: paired(FIRST, Spread(FIRST.values)), "seeds: got .* and None"),
        (lambda: paired(Spread(FIRST.values), FIRST), "seeds: got None and"),
        (lambda: equivalent(FIRST, SECOND, 0.0), "margin: got 0.0; expected a positive number"),
        (lambda: no_worse(FIRST, SECOND, -1), "margin: got -1; expected a positive number"),
    ],
)
def test_questions_without_an_answer_are_refused(ask, says):
    with pytest.raises(ValueError, match=says):
        ask()


def test_a_difference_shows_itself():
    found = welch(FIRST, SECOND)
    assert str(found) == "0.488 (95 % interval 0.054 to 0.921, p = 0.038)"
    assert "(90 % interval" in str(equivalent(FIRST, SECOND, 1))
    assert dataclasses.replace(found, p=0.00012).p < ALPHA


# ---------------------------------------------------------------- how often they err


def rejections(rng, draws, rule):
    """The share of draws without a difference in which a rule sees one, and how sure that share is."""
    share = sum(rule(rng) for _ in range(draws)) / draws
    return share, 4 * math.sqrt(ALPHA * (1 - ALPHA) / draws)  # four standard errors of a share of α


def spread_of(rng, seeds, scale=1.0, mean=0.0):
    return Spread(rng.normal(mean, scale, seeds).tolist(), tuple(range(seeds)))


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_welch_errs_at_its_level(seeds, scale):
    rng = np.random.default_rng(seeds)
    share, tolerance = rejections(
        rng, 3000, lambda rng: welch(spread_of(rng, seeds), spread_of(rng, seeds, scale)).p < ALPHA
    )
    # With three seeds Welch's test is on the safe side by about 0.015; that is what its degrees of freedom cost.
    assert 0.025 - tolerance < share < ALPHA + tolerance


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_tests_of_one_sample_err_at_their_level(seeds):
    rng = np.random.default_rng(seeds)
    share, tolerance = rejections(
        rng, 3000, lambda rng: paired(spread_of(rng, seeds), spread_of(rng, seeds)).p < ALPHA
    )
    assert share == pytest.approx(ALPHA, abs=tolerance)


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_a_difference_of_just_the_margin_is_called_none_at_most_at_the_level(seeds):
    rng = np.random.default_rng(seeds)

    def accepts(rng, ask, margin=3.0):
        return ask(spread_of(rng, seeds, mean=-margin), spread_of(rng, seeds), margin).p < ALPHA

    for ask in (no_worse, equivalent):
        share, tolerance = rejections(rng, 2000, lambda rng, ask=ask: accepts(rng, ask))
        assert share < ALPHA + tolerance
        if ask is no_worse:  # and it is not merely cautious
            assert share > ALPHA - tolerance - 0.01


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_a_family_errs_at_the_level_of_one(seeds):
    """Eleven methods against one baseline, none of them better: Holm holds the chance of any error."""
    rng = np.random.default_rng(seeds)

    def any_of(rng):
        baseline = spread_of(rng, seeds)
        p = family({str(i): welch(spread_of(rng, seeds), baseline) for i in range(11)})
        return min(p.values()) < ALPHA

    share, tolerance = rejections(rng, 600, any_of)
    assert share < ALPHA + tolerance


def test_two_standard_errors_err_far_more_often():
    """The rule that the course had at first: with three seeds it sees a lead in every ninth draw of nothing."""
    rng = np.random.default_rng(0)

    def two_errors(rng):
        difference = welch(spread_of(rng, 3), spread_of(rng, 3))
        return abs(difference.estimate) > 2 * difference.error

    share, tolerance = rejections(rng, 3000, two_errors)
    assert share == pytest.approx(2 * scipy.stats.t.sf(2, 4), abs=1.5 * tolerance)  # t with 4 degrees: 0.116
    assert share > ALPHA + tolerance


def test_eleven_tests_without_holm_err_far_more_often():
    rng = np.random.default_rng(1)

    def any_of(rng):
        pairs = [(spread_of(rng, 5), spread_of(rng, 5)) for _ in range(11)]
        return any(welch(*pair).p < ALPHA for pair in pairs)

    share, tolerance = rejections(rng, 300, any_of)
    assert share > ALPHA + tolerance
