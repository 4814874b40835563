"""Recorded runs held against each other: over the seeds of a study, as numbers and as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sjedu.figures.tables import Table
from sjedu.records import Record, Spread


@dataclass(frozen=True)
class Comparison:
    """What the runs of a lesson's studies compare.

    Attributes:
        lesson: the name of its room.
        what: is compared, in one word: "encoding".
        label: tells which one a run has.
        order: of labels, as a sort key; by default as the records come.
        figure: how mean and error are written.
        aside: metrics that are shown only where they are asked for by name.
    """

    lesson: str
    what: str
    label: Callable[[Record], str]
    order: Callable[[str], Any] | None = None
    figure: Callable[[Spread], str] = str
    aside: Sequence[str] = ()

    def spreads(
        self, records: Sequence[Record], study: str, metric: str, seeds: int = 2
    ) -> dict[str, Spread]:
        """Return for each label the spread over seeds of one metric in one study.

        Labels whose runs do not have the metric are left out.

        Raises:
            ValueError: if there is no such record, or a label has fewer seeds than that.
        """
        found: dict[str, list[float]] = {}
        for record in records:
            if record.config["study"] == study and metric in record.metrics:
                found.setdefault(self.label(record), []).append(float(record.metrics[metric]))
        if not found or min(map(len, found.values())) < seeds:
            counts = {label: len(values) for label, values in found.items()} or "none"
            raise ValueError(
                f"records of {study!r} with {metric!r}: got {counts}; expected {seeds} seeds of each {self.what}"
            )
        return {label: Spread(tuple(found[label])) for label in self._ordered(found)}

    def summary(self, records: Sequence[Record], study: str, metrics: Sequence[str] = ()) -> Table:
        """Return one study as a table: a row for each label, a column for each metric, mean ± standard error.

        The columns are those of the metrics given that were recorded, or else all. A study that nobody has recorded
        yet is a table without rows and with a note that says so.
        """
        found = [record for record in records if record.config["study"] == study]
        if not found:
            command = f"python -m sjedu train {self.lesson} --preset {study}"
            return Table([self.what], [], notes=[f"No {study} run is recorded yet; to make one: {command}"])
        recorded = dict.fromkeys(metric for record in found for metric in record.metrics)
        shown = metrics or [metric for metric in recorded if metric not in self.aside]
        columns = {m: self.spreads(records, study, m, seeds=1) for m in shown if m in recorded}
        rows = [
            [label, *(self.figure(column[label]) if label in column else "—" for column in columns.values())]
            for label in self._ordered(dict.fromkeys(map(self.label, found)))
        ]
        return Table([self.what, *columns], rows, notes=[f"{len(found)} runs on {found[0].device}"])

    def _ordered(self, labels: dict[str, Any]) -> list[str]:
        return list(labels) if self.order is None else sorted(labels, key=self.order)
