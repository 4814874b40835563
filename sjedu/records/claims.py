"""Claims: sentences about training, data and models, each measured here and judged by the machine.

::

    Claim(id, statement, source, rule, measure, scale=...)      what is said, and the rule, stated before the runs
        .judge() -> Judgement                                   calls measure() -> Evidence, and gives the verdict

    a precondition of the evidence is not met                   not tested here
    all of what the sentence says holds                         reproduced
    some of the named parts of a compound sentence hold         partly
    nothing holds, a null result included                       not reproduced
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sjedu.figures.tables import Badge, Tone
from sjedu.records.preconditions import Precondition
from sjedu.records.statistics import ALPHA, Difference, family
from sjedu.records.theorems import Source, check_id, check_texts


class Verdict(StrEnum):
    """What was found of a claim."""

    REPRODUCED = "reproduced"
    PARTLY = "partly"
    NOT_REPRODUCED = "not reproduced"
    NOT_TESTED = "not tested here"

    @property
    def badge(self) -> Badge:
        """The verdict as a badge; a sign repeats the colour for readers who do not see it."""
        sign, tone = _BADGES[self]
        return Badge(f"{sign} {self}", tone)


_BADGES = {
    Verdict.REPRODUCED: ("✓", Tone.GOOD),
    Verdict.PARTLY: ("◐", Tone.FAIR),
    Verdict.NOT_REPRODUCED: ("✗", Tone.BAD),
    Verdict.NOT_TESTED: ("○", Tone.NEUTRAL),
}


@dataclass(frozen=True)
class Evidence:
    """What was measured for a claim.

    Attributes:
        text: the figures, rounded so that a second machine gives the same text.
        holds: whether what the claim says holds; for a claim with parts, of each part. None where a failed
            precondition leaves nothing to measure.
        why: an explanation for each verdict that can come out, its digits computed. Every verdict but "reproduced"
            needs one; "not tested here" has that of its preconditions, and may have more.
        preconditions: without which the measurement says nothing about the claim.
        scale: of the experiment here: data, size of the model, steps, seeds.
    """

    text: str
    holds: bool | Mapping[str, bool] | None
    scale: str
    why: Mapping[Verdict, str] = field(default_factory=dict)
    preconditions: Sequence[Precondition] = ()


@dataclass(frozen=True)
class Claim:
    """One sentence, whose it is, and how it is judged.

    Attributes:
        id: "C1", "C2", ... in the order of the lesson.
        statement: the sentence of the source in our words, its hedges kept.
        source: where that sentence stands.
        rule: the rule of the verdict in words, stated before the measurement.
        measure: loads the runs that it needs, or computes, and applies the rule.
        parts: of a compound sentence, by name, where one can hold without another; else none.
        scale: of the source's experiment; "none reported" if it has none. A sentence of the course needs none.
        published: the source's figure, or "—".

    Raises:
        ValueError: if the id is no claim's, a text is empty, or the parts are not at least two different names.
    """

    id: str
    statement: str
    source: Source
    rule: str
    measure: Callable[[], Evidence]
    parts: tuple[str, ...] = ()
    scale: str = ""
    published: str = "—"

    def __post_init__(self) -> None:
        check_id(self.id, "C")
        check_texts(self.id, statement=self.statement, rule=self.rule, published=self.published)
        if self.source.kind != "course":
            check_texts(f"{self.id} (or 'none reported')", scale=self.scale)
        if self.parts and (len(self.parts) < 2 or len(set(self.parts)) < len(self.parts)):
            raise ValueError(
                f"{self.id}, parts: got {self.parts}; expected none, or at least two different names"
            )

    def judge(self) -> Judgement:
        """Measure, and give the verdict.

        Raises:
            ValueError: if the evidence does not fit the claim: other parts, an empty text, no reason for its verdict.
        """
        evidence = self.measure()
        check_texts(self.id, text=evidence.text, scale_here=evidence.scale)
        reasons = [each.sentence for each in evidence.preconditions if not each.met]
        held = {} if evidence.holds is None and reasons else self._held(evidence.holds)
        verdict = _verdict(held, tested=not reasons)
        reasons += [text for text in [evidence.why.get(verdict, "").strip()] if text]
        if verdict != Verdict.REPRODUCED and not reasons:
            raise ValueError(f"{self.id}, why: got none for {str(verdict)!r}; expected a reason")
        return Judgement(self, evidence, verdict, " ".join(reasons), held)

    def _held(self, holds: bool | Mapping[str, bool] | None) -> dict[str, bool]:
        """What the evidence says of each part; of the whole, under an empty name, where there are none."""
        expected = f"a value for each of the parts {', '.join(self.parts)}" if self.parts else "True or False"
        if holds is None:
            raise ValueError(
                f"{self.id}, holds: got None; expected {expected}, or a precondition that is not met"
            )
        named = holds if isinstance(holds, Mapping) else {"": holds}
        if named.keys() != (set(self.parts) or {""}):
            got = ", ".join(holds) if isinstance(holds, Mapping) else holds
            raise ValueError(f"{self.id}, holds: got {got}; expected {expected}")
        return {part: bool(value) for part, value in named.items()}


def _verdict(held: Mapping[str, bool], tested: bool) -> Verdict:
    if not tested:
        return Verdict.NOT_TESTED
    if all(held.values()):
        return Verdict.REPRODUCED
    return Verdict.PARTLY if any(held.values()) else Verdict.NOT_REPRODUCED


@dataclass(frozen=True)
class Judgement:
    """A claim, the evidence, the verdict that follows, why, and which parts hold."""

    claim: Claim
    evidence: Evidence
    verdict: Verdict
    why: str
    held: Mapping[str, bool]


def leads(differences: Mapping[str, Difference]) -> dict[str, bool]:
    """Return of each comparison whether the first mean is above the second: positive, and p < 0.05 after Holm.

    A claim about several comparisons takes them as one family. "All of them" is `all(leads(...).values())`; for the
    parts of a compound claim take the dictionary itself. For "lower is better" hold the second against the first.

    Args:
        differences: by `welch`, `paired` or `against`, by name.
    """
    return {name: clear and differences[name].estimate > 0 for name, clear in shown(differences).items()}


def shown(differences: Mapping[str, Difference]) -> dict[str, bool]:
    """Return of each test whether p < 0.05 after Holm: for `equivalent` and `no_worse`, whose small p is the claim."""
    return {name: p < ALPHA for name, p in family(differences).items()}


def listed(held: Mapping[str, bool]) -> str:
    """Return which hold as text, "over none yes, over learned no"."""
    return ", ".join(f"{name} {'yes' if holds else 'no'}" for name, holds in held.items())


def told(differences: Mapping[str, Difference]) -> str:
    """Return comparisons as text, "over none +0.12 [0.05, 0.19], p = .003, df 7.4, n = 10 and 10; ...".

    Means minus means with their intervals; p is that after Holm where there are several.
    """
    holm = " (Holm)" if len(differences) > 1 else ""
    adjusted = family(differences)
    return "; ".join(f"{name} {_told(each, _p(adjusted[name]) + holm)}" for name, each in differences.items())


def _told(difference: Difference, p: str) -> str:
    half = difference.estimate - difference.low
    decimals = max(0, -math.floor(math.log10(half / 3))) if half else 3
    ends = [f"{end:.{decimals}f}" if math.isfinite(end) else "∞" for end in (difference.low, difference.high)]
    level = "" if difference.level == 1 - ALPHA else f" ({difference.level:.0%} interval)"
    n = " and ".join(map(str, difference.n))
    text = f"{difference.estimate:+.{decimals}f} [{', '.join(ends)}]{level}, {p}, df {difference.df:.1f}, n = {n}"
    return text.replace("-", "−")


def _p(p: float) -> str:
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)
