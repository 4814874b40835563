"""The two ledgers of a room: what is proved here, and what was measured here; for a notebook, a terminal, a page."""

from __future__ import annotations

import html
import importlib
import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sjedu.records.claims import Claim, Judgement, Verdict
from sjedu.records.theorems import Refuted, Source, Theorem

#: On a narrow page the cells of a row go below each other. All else is inline, for pages that drop a style sheet.
_STYLE = (
    "<style>@media(max-width:600px){.sjedu-ledger thead,.sjedu-ledger colgroup{display:none}"
    ".sjedu-ledger tr,.sjedu-ledger th,.sjedu-ledger td{display:block;width:auto}"
    ".sjedu-ledger tr{margin-bottom:1.5em}}</style>"
)
_CELL = 'style="text-align:left;vertical-align:top;font-weight:normal;overflow-wrap:anywhere"'
_COLUMNS = "".join(f'<col style="width:{share}%">' for share in (38, 29, 33))


@dataclass(frozen=True)
class Entry:
    """A theorem or a claim as the ledger shows it.

    Attributes:
        id: of the theorem or claim.
        statement: its sentence.
        source: where that stands.
        middle: what is in the second column, texts by what they are.
        right: what is in the third column.
        verdict: of a claim; a theorem has none.
        rule: of the verdict.
    """

    id: str
    statement: str
    source: Source
    middle: dict[str, str]
    right: dict[str, str]
    verdict: Verdict | None = None
    rule: str = ""

    @classmethod
    def proved(cls, theorem: Theorem) -> Entry:
        """Return a theorem, checked once more.

        Raises:
            Refuted: if the check fails.
        """
        try:
            check = theorem.check()
        except Refuted as error:
            raise Refuted(f"{theorem.id}: {error}") from error
        middle, right = {"Proof": theorem.proof}, {"Checked here": check.text}
        return cls(theorem.id, theorem.statement, theorem.source, middle, right)

    @classmethod
    def measured(cls, judgement: Judgement) -> Entry:
        """Return a claim with its verdict."""
        claim, evidence = judgement.claim, judgement.evidence
        middle = {
            "Measured here": evidence.text,
            "Published": "" if claim.published == "—" else claim.published,
            "Scale of the source": claim.scale,
            "Scale here": evidence.scale,
        }
        right = {"Why": judgement.why}
        if claim.parts and judgement.verdict == Verdict.PARTLY:
            right["Holds"] = ", ".join(part for part in claim.parts if judgement.held[part])
            right["Does not hold"] = ", ".join(part for part in claim.parts if not judgement.held[part])
        return cls(claim.id, claim.statement, claim.source, middle, right, judgement.verdict, claim.rule)

    @property
    def details(self) -> dict[str, str]:
        """What is known of it besides the sentence, texts by what they are."""
        texts = {"Source": str(self.source)} | self.middle | self.right | {"Rule": self.rule}
        return {label: text for label, text in texts.items() if text}

    @property
    def title(self) -> str:
        """The id, and the verdict of a claim."""
        return self.id if self.verdict is None else f"{self.id} {self.verdict.badge}"

    def __str__(self) -> str:
        lines = [self.statement, *(f"{label}: {text}" for label, text in self.details.items())]
        shown = [textwrap.fill(line, 96, initial_indent="    ", subsequent_indent="      ") for line in lines]
        return "\n".join([self.title, *shown])

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": str(self), "text/html": _html_table([self])}

    def to_html(self) -> str:
        """Return the row of a table: the sentence with its source, what was seen, and what follows."""
        source = html.escape(str(self.source))
        if url := self.source.url:
            source = f'<a href="{html.escape(url)}">{source}</a>'
        first = f"<b>{self.id}</b> {html.escape(self.statement)}<br><small>{source}</small>"
        badge = f"{self.verdict.badge.to_html()}<br>" if self.verdict else ""
        rule = f"<details><summary>rule</summary>{html.escape(self.rule)}</details>" if self.rule else ""
        cells = [f'<th scope="row" {_CELL}>{first}</th>']
        cells += [
            f"<td {_CELL}>{cell}</td>" for cell in (_html(self.middle), badge + _html(self.right) + rule)
        ]
        return f"<tr>{''.join(cells)}</tr>"

    def to_markdown(self, anchor: str) -> str:
        """Return a paragraph and a list, with an anchor to link to."""
        lines = [f"- *{label}*: {_markdown(text)}" for label, text in self.details.items()]
        if url := self.source.url:
            lines[0] = f"- *Source*: [{_markdown(str(self.source))}]({url})"
        return "\n".join([f'<a id="{anchor}"></a>**{self.title}.** {_markdown(self.statement)}', "", *lines])


class Ledger:
    """The theorems and claims of a room; each is checked or judged when it is first looked at.

    Args:
        room: its name.
        theorems: in the order of the lesson.
        claims: in the order of the lesson.

    Raises:
        ValueError: if their ids are not different and in order.
    """

    def __init__(self, room: str, theorems: Sequence[Theorem] = (), claims: Sequence[Claim] = ()) -> None:
        for ids in ([each.id for each in theorems], [each.id for each in claims]):
            if sorted(set(ids), key=_order) != ids:
                raise ValueError(f"ids of {room}: got {', '.join(ids)}; expected different ones, in order")
        self.room = room
        self.theorems = {theorem.id: theorem for theorem in theorems}
        self.claims = {claim.id: claim for claim in claims}
        self._entries: dict[str, Entry] = {}

    def __getitem__(self, id: str) -> Entry:
        """Return one entry, checked or judged.

        Raises:
            KeyError: if there is no such theorem or claim.
        """
        if id not in self._entries:
            if id in self.theorems:
                self._entries[id] = Entry.proved(self.theorems[id])
            elif id in self.claims:
                self._entries[id] = Entry.measured(self.claims[id].judge())
            else:
                raise KeyError(f"id: got {id!r}; expected one of {', '.join((*self.theorems, *self.claims))}")
        return self._entries[id]

    @property
    def tables(self) -> dict[str, list[Entry]]:
        """The entries, checked and judged, by the title of their table."""
        tables = {"Proved here": list(self.theorems), "Measured here": list(self.claims)}
        return {title: [self[id] for id in ids] for title, ids in tables.items() if ids}

    def counts(self) -> dict[str, int]:
        """Return how many theorems are proved, and how many claims have each verdict; what is 0 is left out."""
        entries = [entry for table in self.tables.values() for entry in table]
        counted = Counter("proved" if entry.verdict is None else str(entry.verdict) for entry in entries)
        return {name: counted[name] for name in ("proved", *map(str, Verdict)) if counted[name]}

    @property
    def summary(self) -> str:
        """The counts as text: "3 proved · 4 reproduced · 1 partly · 2 not reproduced · 3 not tested here"."""
        return " · ".join(f"{count} {name}" for name, count in self.counts().items())

    def __str__(self) -> str:
        parts = [f"{title}\n\n" + "\n\n".join(map(str, entries)) for title, entries in self.tables.items()]
        return "\n\n\n".join([*parts, self.summary])

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": str(self), "text/html": self.to_html()}

    def to_html(self) -> str:
        """Return two tables of three columns, which read from 350 pixels on; the rule of each verdict is folded."""
        tables = [f"<h4>{title}</h4>{_html_table(entries)}" for title, entries in self.tables.items()]
        return "".join([*tables, f"<p>{self.summary}</p>"])

    def to_markdown(self) -> str:
        """Return the entries for a page, each with the anchor "room-id"; the headings are of the second level."""
        parts = [self.summary]
        for title, entries in self.tables.items():
            parts += [f"## {title}", *(entry.to_markdown(f"{self.room}-{entry.id}") for entry in entries)]
        return "\n\n".join(parts)


def ledger(room: str) -> Ledger:
    """Return a room's theorems and claims (`THEOREMS` and `CLAIMS` of `sjedu.<room>.claims`), to be judged.

    Raises:
        ModuleNotFoundError: if there is no such room.
    """
    module = importlib.import_module(f"sjedu.{room}.claims")
    return Ledger(room, module.THEOREMS, module.CLAIMS)


def _order(id: str) -> tuple[int, str]:
    return int(re.sub(r"\D", "", id)), id


def _html_table(entries: Sequence[Entry]) -> str:
    names = (
        ("claim", "measured here", "verdict") if entries[0].verdict else ("theorem", "proof", "checked here")
    )
    head = "".join(f'<th scope="col" style="text-align:left">{name}</th>' for name in names)
    body = "".join(entry.to_html() for entry in entries)
    return (
        f'{_STYLE}<table class="sjedu-ledger" style="width:100%;table-layout:fixed">'
        f"<colgroup>{_COLUMNS}</colgroup><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _html(texts: dict[str, str]) -> str:
    """The first text without a name, for the column's head says what it is; the others small, with theirs."""
    (head, first), *others = texts.items()
    # One comparison a line: semicolons part them.
    lines = first.split("; ") if head == "Measured here" else [first]
    small = [f"<br><small>{label}: {_unbroken(text)}</small>" for label, text in others if text]
    return "<br>".join(map(_unbroken, lines)) + "".join(small)


def _unbroken(text: str) -> str:
    """Escape a text, and keep figures on one line: "0.86 ± 0.01", "p = .03"."""
    return html.escape(re.sub(r" ([=±<×]) ", "\u00a0\\1\u00a0", text))


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*$<\[\]]|\b_|_\b)", r"\\\1", text)
