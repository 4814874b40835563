"""Recorded runs, and the one question to them: which runs, and what did they measure?

    runs = load_runs("vmf_vae")
    kl = runs.where(study="collapse", latent="gaussian", steps=720)["kl"]    # a Spread over seeds
    for dim, group in runs.where(study="cpu", latent="vmf").by("dim").items(): ...
    runs.where(study="collapse").table("latent", ["kl", "gap"])

A run is found by its config only. Whoever asks for a figure over seeds gets it of runs that differ in nothing else, or
an error that says what they differ in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float64

from sjedu.figures.tables import Table
from sjedu.records.record import MetricPath, MissingMetric, Record, read_recorded
from sjedu.records.statistics import Spread

#: What is asked of each run: a metric by name or path, or a function that makes a number of the record.
Metric: TypeAlias = MetricPath | Callable[[Record], float]

#: The name under which `values` lets the items of a metric that is a list vary.
DRAW = "draw"

#: How many values an error or a caption lists.
MOST = 12

#: What stands in a cell of a table.
Figure: TypeAlias = Spread | float | int | None

#: A row that a table holds its groups against: runs, a figure or a spread for each column, or one figure for all.
Baseline: TypeAlias = "Runs | Mapping[str, Figure] | float | int"


@dataclass(frozen=True)
class Curve:
    """A curve with several seeds.

    Attributes:
        steps: at which it was logged.
        values: a row for each run.
        seeds: of the rows.
    """

    steps: Float64[np.ndarray, " points"]
    values: Float64[np.ndarray, "runs points"]
    seeds: tuple[Any, ...]

    @property
    def mean(self) -> Float64[np.ndarray, " points"]:
        """The mean over seeds, at each step."""
        mean: np.ndarray = self.values.mean(axis=0)
        return mean

    @property
    def error(self) -> Float64[np.ndarray, " points"]:
        """The standard error of the mean, at each step; NaN for a single run."""
        if len(self.values) < 2:
            return np.full(len(self.steps), np.nan)
        error: np.ndarray = self.values.std(axis=0, ddof=1) / np.sqrt(len(self.values))
        return error


@dataclass(frozen=True, repr=False)
class Runs:
    """Some runs of a lesson; immutable. `where` and `by` choose among them, `[...]` asks what they measured.

    Fields are those of the configs. Values are compared as Python compares them, and a list equals a tuple.

    Attributes:
        lesson: the room.
        records: of the runs, in the package's order: study by study, by config.
    """

    lesson: str
    records: tuple[Record, ...]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        fields = "".join(f"; {name} {_listed(values)}" for name, values in _varying(self.records).items())
        return f"{len(self)} runs of {self.lesson}{fields}"

    # ------------------------------------------------------------ which runs

    def where(self, **fields: Any) -> Runs:
        """The runs whose config has these values; a set stands for any of its values.

        Raises:
            ValueError: if there is no run, none has such a field, or none that has the values before it has this
                one; names those that there are.
        """
        self._expect_some()
        chosen, asked = self.records, ""
        for name, value in fields.items():
            options = {_fixed(each) for each in (value if isinstance(value, set | frozenset) else [value])}
            having = [record for record in chosen if name in _config(record)]
            if not having:
                raise ValueError(
                    f"field: got {name!r}{asked}; expected one of {_listed(_names(chosen), str)}"
                )
            known = _ordered((_field(record, name),) for record in having)
            unknown = [option for option in options if (option,) not in known] if options else [value]
            if unknown:
                choices = _listed(value for (value,) in known)
                raise ValueError(f"{name}: got {unknown[0]!r}{asked}; expected one of {choices}")
            chosen = tuple(record for record in having if _field(record, name) in options)
            asked += f"{' and' if asked else ' where'} {name} = {value!r}"
        return Runs(self.lesson, chosen)

    def has(self, **fields: Any) -> bool:
        """Whether there is a run with these values; with a set, one for each of them.

        Raises:
            ValueError: if there are runs, but no run has such a field.
        """
        for name in fields:
            if self.records and name not in _names(self.records):
                self.where(**{name: fields[name]})  # says which fields there are
        try:
            return len(self.where(**fields)) > 0
        except ValueError:
            return False

    def by(self, *fields: str, order: Sequence[Any] = ()) -> dict[Any, Runs]:
        """The runs in groups, by the value of a field, or by the tuple of the values of several.

        Args:
            *fields: names of fields.
            order: of the groups, by their values; those that no run has are left out. By default numbers ascend, and
                everything else is as it comes.

        Raises:
            ValueError: if no field is named, a run lacks one, or has a value that the order leaves out.
        """
        if not fields:
            raise ValueError(
                f"fields: got none; expected one or more of {_listed(_names(self.records), str)}"
            )
        groups = self._groups(fields, [each if len(fields) > 1 else (each,) for each in order])
        return {key if len(fields) > 1 else key[0]: runs for key, runs in groups.items()}

    def one(self) -> Record:
        """The only run.

        Raises:
            ValueError: if there are none or several; names what these differ in.
        """
        if len(self) != 1:
            raise ValueError(f"runs: got {self!r}; expected exactly one")
        return self.records[0]

    def pairs(self, other: Runs) -> list[tuple[Record, Record]]:
        """The runs of two methods in pairs, by seed.

        Raises:
            ValueError: if the seeds are not the same, or a seed stands twice.
        """
        first, second = ({run.seed: run for run in runs._apart(["seed"]).values()} for runs in (self, other))
        if set(first) != set(second):
            raise ValueError(f"seeds: got {_listed(first)} and {_listed(second)}; expected the same of both")
        return [(run, second[seed]) for seed, run in first.items()]

    # ------------------------------------------------------------ what they measured

    def __getitem__(self, metric: Metric) -> Spread:
        """The spread of a metric over seeds: `runs["kl"]`, `runs["after", "spearman", "atec"]`, or of a function.

        Raises:
            ValueError: if there is no run, two have the same seed, the configs differ in more than the seed, a run
                lacks the metric, or it is not a number.
        """
        return self.values(metric)

    def values(self, metric: Metric, over: Sequence[str] = ("seed",)) -> Spread:
        """The spread of a metric over seeds and other fields, whose values become the spread's seeds.

        Args:
            metric: a name, a path into nested metrics, or a function of the record that gives a number.
            over: the fields that may vary. With "draw" among them the metric is a list, of as many figures as the
                run has drawn data sets, and the spread is over these.

        Raises:
            ValueError: as `[...]`, for the fields that may vary in the place of the seed.
        """
        figures = {
            key: _asked(record, metric)
            for key, record in self._apart([name for name in over if name != DRAW]).items()
        }
        lacking = [figure for figure in figures.values() if isinstance(figure, MissingMetric)]
        if lacking:
            raise MissingMetric(f"{lacking[0]} (in {len(lacking)} of {len(self)} runs)")
        if DRAW in over:
            for figure in figures.values():
                if not isinstance(figure, list):
                    raise ValueError(
                        f"metric {metric!r}: got {figure!r}; expected a list, a figure for each draw"
                    )
            figures = {(*key, draw): one for key, many in figures.items() for draw, one in enumerate(many)}
        for figure in figures.values():
            if not _is_number(figure):
                raise ValueError(f"metric {metric!r}: got {figure!r}; expected a number")
        seeds = [key if len(over) > 1 else key[0] for key in figures]
        return Spread(tuple(figures.values()), tuple(seeds))

    def curve(self, name: str, over: Sequence[str] = ("seed",)) -> Curve:
        """A curve over steps, with a row for each seed.

        Raises:
            ValueError: as `values`, or if the runs logged it at different steps.
        """
        records = self._apart(over)
        points = [record.curve(name) for record in records.values()]
        if any(steps != points[0][0] for steps, _ in points):
            raise ValueError(f"curve {name!r}: got different steps; expected the same in each run")
        steps, values = np.array(points[0][0], np.float64), np.array([row for _, row in points], np.float64)
        return Curve(steps, values, tuple(key if len(over) > 1 else key[0] for key in records))

    def provenance(self) -> str:
        """One sentence for a caption: how many runs and seeds, when, where, with what.

        Raises:
            ValueError: if there is no run.
        """
        self._expect_some()
        seeds = {record.seed for record in self.records}
        dates = sorted({record.date for record in self.records})
        devices, torch, commits = (
            sorted({what(record) for record in self.records}) for what in (_device, _torch, _commit)
        )
        return (
            f"{_count(len(self), 'run')}, {_count(len(seeds), 'seed')},"
            f" measured {' to '.join(dict.fromkeys((dates[0], dates[-1])))} on {_listed(devices, str)},"
            f" torch {_listed(torch, str)}, {'commits' if len(commits) > 1 else 'commit'} {_listed(commits, str)}"
        )

    # ------------------------------------------------------------ as a table

    def table(
        self,
        by: str | Sequence[str],
        metrics: Mapping[str, Metric] | Sequence[MetricPath] = (),
        *,
        study: str | None = None,
        order: Sequence[Any] = (),
        label: Callable[..., str] | None = None,
        heading: str = "",
        baselines: Mapping[str, Baseline] | None = None,
        over: Sequence[str] = ("seed",),
        digits: int | Mapping[str, int] = 3,
        factor: float | int = 1.0,
        interval: bool = False,
        caption: str = "",
    ) -> Table:
        """The runs as a table: a row for each group, a column for each metric, and n, the number of values.

        Args:
            by: the field or the fields that the rows stand for.
            metrics: what is shown, by heading; by default every metric that is a number. A group whose runs do not
                have one shows "—".
            study: only the runs of this one; if nobody has recorded any, the table has no rows and a note that says
                how to make one.
            order: of the rows, see `by`.
            label: what a row is called, given the values of its fields; by default the values in columns.
            heading: over the labels; by default the fields.
            baselines: first rows, by what they are called: other runs, a figure for each heading, or one for all.
            over: what varies within a row, see `values`.
            digits: after the decimal point; or by heading, where they are not 3.
            factor: of all figures, 100 for percent.
            interval: show half the 95 % interval instead of the standard error.
            caption: of the table.

        Raises:
            ValueError: as `by` and `values`; or if no run has a metric at all.
        """
        fields = (by,) if isinstance(by, str) else tuple(by)
        heads = [heading or ", ".join(fields)] if label else list(fields)
        if study is not None and not self.has(study=study):
            command = f"python -m sjedu train {self.lesson} --preset {study}"
            note = f"No {study} run is recorded yet; to make one: {command}"
            return Table(heads, [], caption, notes=[note])
        runs = self if study is None else self.where(study=study)
        columns = runs._columns(metrics)
        rows = [
            ([name, *[""] * (len(heads) - 1)], _baseline(baseline, columns, over))
            for name, baseline in (baselines or {}).items()
        ]
        groups = runs._groups(fields, [each if len(fields) > 1 else (each,) for each in order])
        rows += [
            ([label(*key)] if label else list(map(str, key)), group._spreads(columns, over))
            for key, group in groups.items()
        ]

        def cell(figure: Figure, name: str) -> str:
            spread = Spread((figure,)) if isinstance(figure, int | float) else figure
            places = digits if isinstance(digits, int) else digits.get(name, 3)
            return "—" if spread is None else spread.text(places, factor=factor, interval=interval)

        error = "half the 95 % interval" if interval else "standard error"
        return Table(
            [*heads, *columns, "n"],
            [[*names, *map(cell, figures, columns), _sizes(figures)] for names, figures in rows],
            caption,
            notes=[f"Mean ± {error}; {runs.provenance()}."],
        )

    def _columns(self, metrics: Mapping[str, Metric] | Sequence[MetricPath]) -> dict[str, Metric]:
        if not metrics:
            names = dict.fromkeys(name for record in self.records for name in record.metrics)
            metrics = [name for name in names if any(_is_number(each.metrics.get(name)) for each in self)]
        if isinstance(metrics, Mapping):
            columns = dict(metrics)
        else:
            columns = {each if isinstance(each, str) else " ".join(map(str, each)): each for each in metrics}
        for metric in columns.values():
            figures = [_asked(record, metric) for record in self.records]
            if all(isinstance(figure, MissingMetric) for figure in figures):
                raise figures[0]
        return columns

    def _groups(self, fields: Sequence[str], order: Sequence[Any]) -> dict[tuple[Any, ...], Runs]:
        self._expect_fields(fields)
        groups: dict[tuple[Any, ...], list[Record]] = {}
        for record in self.records:
            groups.setdefault(_key(record, fields), []).append(record)
        keys = [tuple(map(_fixed, key)) for key in order] or _ordered(groups)
        for key in groups:
            if key not in keys:
                raise ValueError(f"order: got no {_listed(key)}; expected all values that runs have")
        return {key: Runs(self.lesson, tuple(groups[key])) for key in keys if key in groups}

    def _spreads(self, columns: Mapping[str, Metric], over: Sequence[str]) -> list[Figure]:
        known = {
            name: any(not isinstance(_asked(record, metric), MissingMetric) for record in self.records)
            for name, metric in columns.items()
        }
        return [self.values(metric, over) if known[name] else None for name, metric in columns.items()]

    def _apart(self, over: Sequence[str]) -> dict[tuple[Any, ...], Record]:
        """The records by the fields that may vary, in order; all else is the same, and no key stands twice."""
        self._expect_some()
        self._expect_fields(over)
        for name, values in _varying(self.records).items():
            if name not in over:
                raise ValueError(
                    f"{name}: got {_listed(values)}; expected runs that differ in {_listed(over, str)} only"
                )
        records = {_key(record, over): record for record in self.records}
        if len(records) < len(self):
            twice, _ = Counter(_key(record, over) for record in self.records).most_common(1)[0]
            raise ValueError(f"{_listed(over, str)}: got {_listed(twice)} twice; expected each once")
        return {key: records[key] for key in _ordered(records)}

    def _expect_some(self) -> None:
        if not self.records:
            raise ValueError(f"runs of {self.lesson}: got none; expected at least one")

    def _expect_fields(self, fields: Sequence[str]) -> None:
        for name in fields:
            if any(name not in _config(record) for record in self.records):
                names = _listed(_names(self.records, all), str)
                raise ValueError(f"field: got {name!r}; expected one that all of the runs have: {names}")


@lru_cache
def load_runs(room: str) -> Runs:
    """All runs that come with the package for a room.

    Raises:
        ValueError: if there is no such room.
        RecordError: if a line of its records is not one.
    """
    return Runs(room, tuple(read_recorded(room)))


def _asked(record: Record, metric: Metric) -> Any:
    try:
        return metric(record) if callable(metric) else record[metric]
    except MissingMetric as error:
        return error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _baseline(baseline: Baseline, columns: Mapping[str, Metric], over: Sequence[str]) -> list[Figure]:
    if isinstance(baseline, Runs):
        return baseline._spreads(columns, over)
    if isinstance(baseline, Mapping):
        unknown = [name for name in baseline if name not in columns]
        if unknown:
            raise ValueError(f"baselines: got {unknown[0]!r}; expected one of {_listed(columns, str)}")
        return [baseline.get(name) for name in columns]
    return [baseline] * len(columns)


def _sizes(figures: Iterable[Figure]) -> str:
    sizes = sorted({figure.n for figure in figures if isinstance(figure, Spread)})
    return ", ".join(map(str, sizes)) or "—"


# ---------------------------------------------------------------- fields and their values


class _Absent:
    """Stands for the value of a field that a config does not have."""

    def __repr__(self) -> str:
        return "absent"


_ABSENT = _Absent()


def _config(record: Record) -> dict[str, Any]:
    return {"seed": record.seed, **record.config}


def _fixed(value: Any) -> Any:
    """A value that can be compared and can name a group: tuples for lists."""
    return tuple(map(_fixed, value)) if isinstance(value, list | tuple) else value


def _field(record: Record, name: str) -> Any:
    return _fixed(_config(record)[name])


def _key(record: Record, fields: Sequence[str]) -> tuple[Any, ...]:
    return tuple(_field(record, name) for name in fields)


def _names(records: Iterable[Record], which: Callable[[Iterable[bool]], bool] = any) -> list[str]:
    """The fields that any, or all, of the records have."""
    configs = [_config(record) for record in records]
    return [
        name for name in dict.fromkeys(n for c in configs for n in c) if which(name in c for c in configs)
    ]


def _varying(records: Sequence[Record]) -> dict[str, list[Any]]:
    """The fields in which the records differ, with their values."""
    varying = {}
    for name in _names(records):
        values = [(_field(record, name) if name in _config(record) else _ABSENT,) for record in records]
        if len(set(values)) > 1:
            varying[name] = [value for (value,) in _ordered(values)]
    return varying


def _ordered(keys: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Different keys, by their first value, then by the second, ...: numbers ascend, all else is as it comes."""
    different = list(dict.fromkeys(keys))
    ranks = []
    for column in zip(*different, strict=True):
        if all(_is_number(value) for value in column):
            ranks.append(dict(zip(column, column, strict=True)))
        else:
            ranks.append({value: rank for rank, value in enumerate(dict.fromkeys(column))})
    return sorted(different, key=lambda key: [rank[value] for rank, value in zip(ranks, key, strict=True)])


# ---------------------------------------------------------------- words


def _listed(values: Iterable[Any], show: Callable[[Any], str] = repr) -> str:
    shown = [show(value) for value in values]
    return ", ".join([*shown[:MOST], f"and {len(shown) - MOST} more"] if len(shown) > MOST else shown)


def _count(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _device(record: Record) -> str:
    return record.device


def _torch(record: Record) -> str:
    return record.versions["torch"].partition("+")[0]


def _commit(record: Record) -> str:
    return record.commit[:7] if record.commit else "unknown"
