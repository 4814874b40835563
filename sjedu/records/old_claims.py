"""The claims of a lesson: what is said, by whom, what was measured here, and the verdict.

A verdict is computed by the claim's own rule from measured values, never typed. The sheet shows itself as a
table and carries the same content as JSON, from which the README's table is generated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sjedu.figures.tables import Badge, Cell, Table, Tone

#: The type under which a stored notebook output carries a sheet, for the README.
CLAIMS_MIME = "application/vnd.sjedu.claims+json"


class Verdict(StrEnum):
    """What a measurement says about a claim."""

    REPRODUCED = "reproduced"
    PARTLY = "partly"
    NOT_REPRODUCED = "not reproduced"

    @classmethod
    def of(cls, reproduced: bool, partly: bool = False) -> Verdict:
        """Return the verdict for a rule that holds, or else holds in part."""
        if reproduced:
            return cls.REPRODUCED
        return cls.PARTLY if partly else cls.NOT_REPRODUCED

    @property
    def badge(self) -> Badge:
        """The verdict as a badge; a sign repeats the colour for readers who do not see it."""
        sign, tone = _BADGES[self]
        return Badge(f"{sign} {self}", tone)


_BADGES = {
    Verdict.REPRODUCED: ("✓", Tone.GOOD),
    Verdict.PARTLY: ("◐", Tone.FAIR),
    Verdict.NOT_REPRODUCED: ("✗", Tone.BAD),
}
_NOT_MEASURED = Badge("not measured yet", Tone.NEUTRAL)


@dataclass(frozen=True)
class Claim:
    """One claim and the rule that judges it.

    Attributes:
        id: "C1", "C2", ... in the order of the lesson.
        statement: what is claimed, in a sentence.
        source: who claims it and where (article section, paper table).
        rule: the rule of the verdict in words, stated before the measurement.
        judge: the same rule as a function of the measured values.
        published: the figure in the source, or "—" where it gives none.
    """

    id: str
    statement: str
    source: str
    rule: str
    judge: Callable[[Mapping[str, Any]], Verdict]
    published: str = "—"


@dataclass(frozen=True)
class Measurement:
    """What was measured for one claim; shows itself as one line of the sheet."""

    claim: Claim
    text: str
    why: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.claim.id} {self.verdict.badge}: {self.text}" + (f" ({self.why})" if self.why else "")

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        rows: list[list[Cell]] = [[self.claim.id, self.text, self.verdict.badge, self.why or self.claim.rule]]
        table = Table(["", "measured here", "verdict", "because"], rows)
        return {"text/plain": str(self), "text/html": table.to_html()}


class ClaimSheet:
    """The claims of a lesson, filled in as the notebook measures them.

    Args:
        lesson: the lesson's room, for instance "rope_2d".
        claims: its claims, in order.

    Raises:
        ValueError: if two claims have the same id.
    """

    def __init__(self, lesson: str, claims: Sequence[Claim]) -> None:
        self.lesson = lesson
        self.claims = {claim.id: claim for claim in claims}
        if len(self.claims) != len(claims):
            raise ValueError(f"claims must have different ids, got {[claim.id for claim in claims]}")
        self.measurements: dict[str, Measurement] = {}

    def measure(self, id: str, *, text: str, why: str = "", **values: Any) -> Measurement:
        """Judge a claim by measured values and note it; a second measurement replaces the first.

        Args:
            id: the claim's id.
            text: the measured figure as the table shows it, rounded so that a second run gives the same text.
            why: what explains the verdict; the stored notebooks need it wherever a claim was not reproduced.
            values: what the claim's rule reads, by name.

        Raises:
            ValueError: if there is no such claim, or if the rule reads a value that was not given.
        """
        if id not in self.claims:
            raise ValueError(f"id must be one of {', '.join(self.claims)}, got {id!r}")
        claim = self.claims[id]
        try:
            verdict = Verdict(claim.judge(values))
        except KeyError as error:
            given = ", ".join(values) or "nothing"
            raise ValueError(f"the rule of {id} reads the value {error}, but was given {given}") from None
        self.measurements[id] = Measurement(claim, text, why, verdict)
        return self.measurements[id]

    def missing(self) -> tuple[str, ...]:
        """Return the ids of the claims that were not measured yet."""
        return tuple(id for id in self.claims if id not in self.measurements)

    def table(self) -> Table:
        """Return the sheet as a table, one row a claim."""
        header = ["", "claim", "source", "published", "measured here", "verdict", "by which rule, and why"]
        return Table(header, [self._row(claim) for claim in self.claims.values()])

    def to_json(self) -> dict[str, Any]:
        """Return the sheet as plain JSON; measured figures are the texts of the table."""
        return {"lesson": self.lesson, "claims": [self._entry(claim) for claim in self.claims.values()]}

    def _row(self, claim: Claim) -> list[Cell]:
        found = self.measurements.get(claim.id)
        fixed: list[Cell] = [claim.id, claim.statement, claim.source, claim.published]
        if found is None:
            return [*fixed, "—", _NOT_MEASURED, claim.rule]
        return [*fixed, found.text, found.verdict.badge, f"{claim.rule} {found.why}".strip()]

    def _entry(self, claim: Claim) -> dict[str, Any]:
        found = self.measurements.get(claim.id)
        entry = {"id": claim.id, "statement": claim.statement, "source": claim.source, "rule": claim.rule}
        return entry | {
            "published": claim.published,
            "measured": found and found.text,
            "verdict": found and str(found.verdict),
            "why": found and found.why,
        }

    def __repr__(self) -> str:
        return self.table().to_text()

    def _repr_html_(self) -> str:
        return self.table().to_html()

    def _repr_markdown_(self) -> str:
        return self.table().to_markdown()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {
            "text/plain": repr(self),
            "text/html": self._repr_html_(),
            "text/markdown": self._repr_markdown_(),
            CLAIMS_MIME: self.to_json(),
        }
