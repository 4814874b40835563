"""Results of several seeds: their mean, how sure it is, and whether two means differ.

Runs are few and cost time, so the questions are small. Is this mean above that one (`welch`; `paired` where both had
the same seeds; `against` for a fixed figure)? Are the two equal up to a margin (`equivalent`), is one no worse
(`no_worse`)? Who asks several questions at once adjusts the p values (`holm`, `family`). All tests are Student's t for
values that are independent and roughly normal, two-sided unless they say otherwise, and meant for the level `ALPHA`.

Where nothing varies there is no error to measure a difference by. Then the difference is what it is: its interval is a
point, and p is 1 if the null hypothesis holds of it, else 0.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sjedu.checks import check_positive

#: The level of every test, unless a claim states another.
ALPHA = 0.05


@dataclass(frozen=True)
class Spread:
    """One figure measured with several seeds; shows itself as "0.858 ± 0.004", mean and standard error.

    Attributes:
        values: one for each seed; finite.
        seeds: to which the values belong, so that `paired` can match them; None where there are none to match.

    Raises:
        ValueError: if there is no value, one that is not finite, or not one for each seed.
    """

    values: tuple[float | int, ...]
    seeds: tuple[Hashable, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(map(float, self.values)))
        if not self.values or not all(map(math.isfinite, self.values)):
            raise ValueError(f"values: got {self.values}; expected one finite number or more")
        if self.seeds is not None:
            object.__setattr__(self, "seeds", tuple(self.seeds))
            if not len(set(self.seeds)) == len(self.seeds) == len(self.values):
                raise ValueError(f"seeds: got {self.seeds}; expected {len(self.values)} different ones")

    @property
    def n(self) -> int:
        """How many values there are."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))

    @property
    def error(self) -> float:
        """The standard error of the mean, s/√n with s from n - 1; NaN for a single seed."""
        if self.n < 2:
            return math.nan
        if len(set(self.values)) == 1:
            return 0.0  # which a rounded mean would miss: the mean of three times 0.1 is not 0.1
        return float(np.std(self.values, ddof=1) / np.sqrt(self.n))

    def interval(self, level: float = 1 - ALPHA) -> tuple[float, float]:
        """Student's confidence interval of the mean; NaN at both ends for a single seed."""
        if self.n < 2:
            return math.nan, math.nan
        half = _quantile(self.n - 1, level) * self.error
        return self.mean - half, self.mean + half

    def text(self, digits: int = 3, *, factor: float | int = 1.0, interval: bool = False) -> str:
        """Mean ± standard error, or half the 95 % interval; both times a factor, the mean alone for a single seed."""
        mean = f"{round(factor * self.mean, digits) + 0.0:.{digits}f}"  # plus 0.0: no −0.00
        if self.n < 2:
            return mean
        margin = self.interval()[1] - self.mean if interval else self.error
        return f"{mean} ± {factor * margin:.{digits}f}"

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True)
class Difference:
    """A mean minus another, and what a t test says of it.

    Attributes:
        estimate: the difference of the means.
        low: where the confidence interval begins.
        high: where it ends.
        df: degrees of freedom.
        p: how likely a difference that speaks as clearly against the test's null hypothesis is, if that holds.
        n: how many values there were: of both samples, or (pairs,) or (values,).
        error: the standard error of the difference.
        level: of the confidence interval.
    """

    estimate: float
    low: float
    high: float
    df: float
    p: float
    n: tuple[int, ...]
    error: float
    level: float = 1 - ALPHA

    def __str__(self) -> str:
        interval = f"{100 * self.level:.0f} % interval {self.low:.3f} to {self.high:.3f}"
        return f"{self.estimate:.3f} ({interval}, p = {self.p:.2g})"


def welch(first: Spread, second: Spread) -> Difference:
    """Test whether two means differ; the variances may (Welch 1947).

    Raises:
        ValueError: if a spread has fewer than two values.
    """
    _expect_several(first=first, second=second)
    error = math.hypot(first.error, second.error)
    # Each sample's share of the squared error; equal ones where there is none to share.
    shares = [(each.error / error) ** 2 if error else 0.5 for each in (first, second)]
    df = 1 / sum(share**2 / (each.n - 1) for share, each in zip(shares, (first, second), strict=True))
    return _two_sided(first.mean - second.mean, error, df, (first.n, second.n))


def paired(first: Spread, second: Spread) -> Difference:
    """Test whether two means differ, seed by seed: the differences have the mean 0 if they do not.

    More powerful than `welch` where a seed makes both values large or small, as the same data or start does.

    Raises:
        ValueError: if a spread does not know its seeds, the seeds are not the same, or there are fewer than two.
    """
    if first.seeds is None or second.seeds is None or set(first.seeds) != set(second.seeds):
        raise ValueError(f"seeds: got {first.seeds} and {second.seeds}; expected the same of both")
    other = dict(zip(second.seeds, second.values, strict=True))
    gaps = [value - other[seed] for seed, value in zip(first.seeds, first.values, strict=True)]
    return against(Spread(tuple(gaps), first.seeds), 0.0)


def against(spread: Spread, figure: float | int) -> Difference:
    """Test whether a mean differs from a fixed figure, such as chance.

    Raises:
        ValueError: if the spread has fewer than two values.
    """
    _expect_several(spread=spread)
    return _two_sided(spread.mean - figure, spread.error, spread.n - 1, (spread.n,))


def equivalent(
    first: Spread,
    second: Spread,
    margin: float | int,
    *,
    test: Callable[[Spread, Spread], Difference] = welch,
) -> Difference:
    """Test whether two means are equal up to a margin: two one-sided tests (Schuirmann 1987).

    Args:
        first: of one way.
        second: of the other.
        margin: the difference that would matter, in the values' unit.
        test: `welch` or `paired`: how the difference is measured.

    Returns:
        The difference with its 90 % interval and the larger of both p values; a small one says |difference| < margin.
    """
    check_positive("margin", margin)
    gap = test(first, second)
    p = max(_above(gap, -margin), _above(gap, margin, sign=-1))
    level = 1 - 2 * ALPHA
    half = _quantile(gap.df, level) * gap.error
    low, high = gap.estimate - half, gap.estimate + half
    return dataclasses.replace(gap, low=low, high=high, p=p, level=level)


def no_worse(
    first: Spread,
    second: Spread,
    margin: float | int,
    *,
    test: Callable[[Spread, Spread], Difference] = welch,
) -> Difference:
    """Test whether the first mean is above the second, or below it by less than a margin; larger is better.

    Returns:
        The difference with its one-sided 95 % interval, which has no upper end. A small p says difference > -margin.
    """
    check_positive("margin", margin)
    gap = test(first, second)
    low = gap.estimate - _quantile(gap.df, 1 - 2 * ALPHA) * gap.error
    return dataclasses.replace(gap, low=low, high=math.inf, p=_above(gap, -margin))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjust the p values of several tests, in their order (Holm 1979).

    Who then calls everything below α clear errs in one or more of the tests with a probability of at most α.

    Raises:
        ValueError: if a p value is not between 0 and 1.
    """
    for p in p_values:
        if not 0 <= p <= 1:
            raise ValueError(f"p_values: got {p}; expected numbers between 0 and 1")
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = least
    return tuple(adjusted)


def family(differences: Mapping[str, Difference]) -> dict[str, float]:
    """Return for each of several differences, by name, its p value as `holm` adjusts it."""
    return dict(zip(differences, holm([each.p for each in differences.values()]), strict=True))


def _expect_several(**spreads: Spread) -> None:
    for name, spread in spreads.items():
        if spread.n < 2:
            raise ValueError(f"{name}: got a single value; expected two or more, to know how they vary")


def _two_sided(estimate: float, error: float, df: float | int, n: tuple[int, ...]) -> Difference:
    from scipy.special import stdtr

    p = 2 * float(stdtr(df, -abs(estimate) / error)) if error else float(estimate == 0)
    half = _quantile(df, 1 - ALPHA) * error
    return Difference(estimate, estimate - half, estimate + half, float(df), p, n, error)


def _above(difference: Difference, bound: float | int, sign: int = 1) -> float:
    """The p value of the null hypothesis that sign · (difference - bound) is not positive."""
    from scipy.special import stdtr

    gap = sign * (difference.estimate - bound)
    return float(stdtr(difference.df, -gap / difference.error)) if difference.error else float(gap <= 0)


def _quantile(df: float | int, level: float) -> float:
    """Between minus and plus this, Student's t lies with the probability `level`."""
    from scipy.special import stdtrit  # scipy.stats has the same, and takes a second to import

    return float(stdtrit(df, (1 + level) / 2))
