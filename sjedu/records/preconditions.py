"""What must hold before a measurement says anything about a claim; where it fails, the claim is not tested here.

A precondition is stated with the claim and judged by the machine. Its sentence says what was seen, with figures
that are computed, and it stands in the table as the reason where the precondition is not met.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from sjedu.figures.numbers import about
from sjedu.records.record import Record
from sjedu.records.statistics import ALPHA, Difference, Spread, against, welch


@dataclass(frozen=True)
class Precondition:
    """Whether it is met, and the sentence that says so.

    Raises:
        ValueError: if the sentence is empty.
    """

    met: bool
    sentence: str

    def __post_init__(self) -> None:
        if not self.sentence.strip():
            raise ValueError("sentence: got ''; expected what was seen")


def beats_baseline(
    name: str,
    method: Spread,
    baseline: Spread | float,
    *,
    over: str = "the trivial baseline",
    lower_is_better: bool = False,
) -> Precondition:
    """The method is better than the trivial baseline of its task: characters, a bag of them, the mean, chance.

    By Welch's t test, or against a fixed figure by the t test of one sample; two-sided, at `ALPHA`.

    Args:
        name: of the method, as the subject of a sentence.
        method: its figures over seeds.
        baseline: figures over seeds, or one that has no spread, such as chance.
        over: what the baseline is.
        lower_is_better: for errors, losses and distances.

    Raises:
        ValueError: if the method or a baseline with a spread has fewer than two values.
    """
    gain = welch(method, baseline) if isinstance(baseline, Spread) else against(method, baseline)
    met = (gain.estimate < 0 if lower_is_better else gain.estimate > 0) and gain.p < ALPHA
    level = str(baseline) if isinstance(baseline, Spread) else about(baseline, 3)
    return Precondition(
        met, f"{name} {'beats' if met else 'does not beat'} {over}: {method} against {level}."
    )


def head_room(
    name: str,
    values: Spread | float | Mapping[str, Spread | float],
    *,
    floor: float | None = None,
    ceiling: float | None = None,
    margin: float,
) -> Precondition:
    """There is room above and below: no value is nearer to the floor or to the ceiling than the margin.

    Args:
        name: of what was measured, "accuracy of the masked model".
        values: one value, or several by name; all of them need the room.
        floor: the lowest value that there can be, or chance; None if nothing bounds it.
        ceiling: the highest value that there can be, or that the data's noise allows.
        margin: the room that the claim's effect needs.
    """
    named = values if isinstance(values, Mapping) else {"": values}
    short = []
    for key, value in named.items():
        level = value.mean if isinstance(value, Spread) else value
        shown = f"{name} {key}".strip() + f", {about(level, 3)}"
        if ceiling is not None and ceiling - level < margin:
            short.append(f"{shown}, is less than {margin:g} below the ceiling of {ceiling:g}")
        if floor is not None and level - floor < margin:
            short.append(f"{shown}, is less than {margin:g} above the floor of {floor:g}")
    if short:
        return Precondition(False, f"No head-room: {'; '.join(short)}.")
    return Precondition(True, f"{name}: at least {margin:g} of head-room.")


def converged(runs: Iterable[Record], curve: str, share: float = 0.05) -> Precondition:
    """Training has come to rest: a curve's last tenth and the tenth before differ little in the mean.

    The curves of all runs are averaged. The two means may differ by less than a share of what the curve has
    changed since its first tenth.

    Args:
        runs: of one method, with the same number of steps.
        curve: its name in the record, for instance "loss".
        share: the part of the whole change that counts as little.

    Raises:
        ValueError: if there is no run, the curves are not equally long, or have less than ten points.
    """
    values = [run.curve(curve)[1] for run in runs]
    lengths = {len(each) for each in values}
    if len(lengths) != 1 or min(lengths) < 10:
        raise ValueError(
            f"curve {curve!r}: got {sorted(lengths)} points; expected as many in each run, from 10 on"
        )
    mean = np.mean(np.asarray(values, dtype=float), axis=0)
    tenth = len(mean) // 10
    first, before, last = mean[:tenth].mean(), mean[-2 * tenth : -tenth].mean(), mean[-tenth:].mean()
    met = abs(last - before) < share * abs(last - first)
    return Precondition(
        bool(met),
        f"Training has {'' if met else 'not '}converged: the mean {curve} of the last tenth of the steps is"
        f" {about(last, 3)}, of the tenth before {about(before, 3)}, of the first {about(first, 3)}"
        f" ({share:.0%} of the whole change is allowed).",
    )


def seeds_needed(seconds: int | float) -> int:
    """Return how many seeds a run of that length must have: 10 under a minute, 5 under ten minutes, else 3."""
    return 10 if seconds < 60 else 5 if seconds < 600 else 3


def enough_seeds(runs: Iterable[Record]) -> Precondition:
    """Every configuration has as many seeds as its runs' length demands, see `seeds_needed`.

    Raises:
        ValueError: if there is no run.
    """
    groups: defaultdict[str, list[Record]] = defaultdict(list)
    for run in runs:
        config = {field: value for field, value in run.config.items() if field != "seed"}
        groups[json.dumps(config, sort_keys=True)].append(run)
    if not groups:
        raise ValueError("runs: got none; expected at least one")
    counts = [
        (len({run.seed for run in group}), float(np.mean([run.seconds for run in group])))
        for group in groups.values()
    ]
    # The configuration that lacks most seeds speaks for all.
    return enough_draws(*min(counts, key=lambda each: each[0] - seeds_needed(each[1])))


def enough_draws(count: int, seconds: int | float, what: str = "seeds") -> Precondition:
    """As `enough_seeds`, where a record holds many draws: so many, and one takes so many seconds."""
    needed = seeds_needed(seconds)
    return Precondition(
        count >= needed,
        f"{count} {what} of runs that take {_duration(seconds)}; at least {needed} are needed.",
    )


def effect_resolved(name: str, difference: Difference, effect: float) -> Precondition:
    """The interval is narrow enough to tell the claimed effect from none: half of it is less than the effect.

    Without this, a claim of half a point would be "not reproduced" by a measurement that is sure to five.

    Args:
        name: of the comparison.
        difference: as measured.
        effect: the size that the source reports, or the least that the sentence can mean; positive.
    """
    half = (difference.high - difference.low) / 2
    return Precondition(
        half < effect,
        f"{name}: the difference is known to ± {about(half)}, and the effect to be seen is {about(effect)}.",
    )


def same_setting(met: bool, sentence: str) -> Precondition:
    """The data and the scale are those that the claim is about, or it is free of scale; a judgement of the author."""
    return Precondition(met, sentence)


def _duration(seconds: int | float) -> str:
    return f"{about(seconds)} seconds" if seconds < 60 else f"{about(seconds / 60)} minutes"
