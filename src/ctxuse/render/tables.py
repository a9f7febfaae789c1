"""Tables: what a report shows is said once, and written as CSV, as Markdown or on a terminal.

A table is columns and rows. A column takes a value from a row; how a value looks in a form is said
here, and on a terminal and a page by the modules that write these. Pure.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from ctxuse.patterns import pattern
from ctxuse.render import words
from ctxuse.times import format_ns
from ctxuse.visible import Safe, visible
from ctxuse.zones import UTC, Zone

Row = TypeVar("Row")


class Moment(NamedTuple):
    """A time: people see its day, or its minute where `minutes` is set; CSV has all of it."""

    ns: int | None
    minutes: bool = False


class Name(NamedTuple):
    """A record's kind and slug."""

    kind: str
    slug: str


class Names(NamedTuple):
    """Several records."""

    names: Sequence[Name]


class ByName(NamedTuple):
    """Counts by name, which may be foreign."""

    counts: Mapping[str, int]


class Partial(NamedTuple):
    """A sum over those of some times of which it is known; None when it is of none.

    Attributes:
        total: The sum.
        times_known: Times that it is over.
        times: Times that there were.
        bases: How it is known, where it is of tokens; see `words.marks`.
    """

    total: int | None
    times_known: int
    times: int
    bases: Collection[str] = ()

    @property
    def text(self) -> str:
        """The sum, how it is known, and of how many times where it is not of all."""
        if self.total is None:
            return words.UNKNOWN
        part = f" of {self.times_known:,} of {self.times:,}" if self.is_part else ""
        return f"{self.total:,}{words.marks(self.bases)}{part}"

    @property
    def is_part(self) -> bool:
        """Whether the sum is known of some of the times only."""
        return self.total is not None and self.times_known < self.times


class Bar(NamedTuple):
    """A share of the largest in a column, from 0 to 1; people see a bar, programs nothing."""

    share: float


class Days(NamedTuple):
    """Counts by day, in days since 1970-01-01: bars, on a page."""

    counts: Mapping[int, int]


class Said(NamedTuple):
    """A text of ours that people see, and the value that programs get."""

    text: str
    value: int | str | bool | None


Value = int | str | bool | Moment | Name | Names | ByName | Partial | Days | Said | Bar | None
"""What a cell holds; None is unknown, which is never zero. A plain text is foreign."""


class OnPage(NamedTuple):
    """A column's place on an HTML page.

    Attributes:
        name: Its name in the address of the page.
        heading: Its heading.
        meaning: Unit and rule.
        form: ``number`` (set to the right), ``bars`` (a sparkline), ``day`` or ``words``.
        more: Whether it is only shown where all columns are asked for.
        small: Whether small screens show it without being asked.
    """

    name: str
    heading: str
    meaning: str
    form: Literal["number", "bars", "day", "words"] = "number"
    more: bool = False
    small: bool = False


class Column(NamedTuple, Generic[Row]):
    """A column: what it is called and how it is set wherever it is shown.

    Attributes:
        heading: In tables for people; empty where these do not show it.
        name: In CSV; empty where that does not have it.
        value: Takes what a row stands for.
        page: Its place on a page; None where that does not show it.
        right: Whether it is set to the right.
        whole: Whether a terminal never breaks it into lines.
        most: Characters it may be wide on a terminal; any number when 0.
        least: Columns that a terminal must have for it to be shown.
        full: Its heading in Markdown, where nothing below the table explains it.
        total: Takes what stands for several rows together; None where nothing does.
    """

    heading: str
    name: str
    value: Callable[[Row], Value]
    page: OnPage | None = None
    right: bool = True
    whole: bool = True
    most: int = 0
    least: int = 0
    full: str = ""
    total: Callable[[Sequence[Row]], Value] | None = None


class Table(NamedTuple, Generic[Row]):
    """A table.

    Attributes:
        columns: Its columns.
        rows: What its rows stand for.
        without: Records of which nothing but the name is known; they stand behind the rows.
        notes: What stands below it, a paragraph each, safe to show.
        explained: What the headings mean; on a terminal it stands behind the first note.
        zone: The time zone of its times.
        dims: Whether a terminal with colors dims kinds and what is explained.
        csv_order: Names of the columns that CSV begins with; the others follow as they stand.
        top: How many rows are shown; the others are one row, for people.
        sums: Whether people see a row of totals.
    """

    columns: Sequence[Column[Row]]
    rows: Sequence[Row]
    without: Sequence[Name] = ()
    notes: Sequence[str] = ()
    explained: str = ""
    zone: Zone = UTC
    dims: bool = False
    csv_order: Sequence[str] = ()
    top: int | None = None
    sums: bool = False


AnyTable = Table[Any]
"""A table of whatever rows."""


def as_csv(table: AnyTable, *, heading: bool = True) -> str:
    """Return a table as CSV; what is unknown is an empty cell."""
    import csv  # noqa: PLC0415 - only for this form
    import io  # noqa: PLC0415 - likewise

    first = {name: place for place, name in enumerate(table.csv_order)}
    columns = [column for column in table.columns if column.name]
    columns.sort(key=lambda column: first.get(column.name, len(first)))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    if heading:
        writer.writerow([column.name for column in columns])
    for row in table.rows[: table.top]:
        writer.writerow([_for_programs(column.value(row)) for column in columns])
    left = None if table.top is None else max(0, table.top - len(table.rows))
    for kind, slug in table.without[:left]:
        writer.writerow([csv_cell(kind), csv_cell(slug), *[""] * (len(columns) - 2)])
    return file.getvalue()


def as_markdown(table: AnyTable, *, heading: bool = True) -> str:
    """Return a table as Markdown with its notes below."""
    columns = [column for column in table.columns if column.heading]
    rows, every = texts(table, columns, markdown_cell)
    if every is not None:
        rows.append([f"**{cell}**" if cell else "" for cell in every])
    if heading and rows:
        headings = [column.full or column.heading for column in columns]
        rows = [headings, ["---:" if column.right else "---" for column in columns], *rows]
    shown = "".join("| " + " | ".join(row) + " |\n" for row in rows)
    return shown + "".join(f"\n{note}\n" for note in table.notes)


def texts(
    table: AnyTable, columns: Sequence[Column[Any]], safe: Safe
) -> tuple[list[list[str]], list[str] | None]:
    """Return the rows for people as texts, and the row of totals; None where there is none."""
    every = totals(table, columns)
    *rows, last = (
        [for_people(value, table.zone, safe) for value in row]
        for row in (*values(table, columns), every or ())
    )
    return rows, None if every is None else last


def values(table: AnyTable, columns: Sequence[Column[Any]]) -> list[list[Value]]:
    """Return what some columns hold; of records of which nothing is known the name is the first."""
    rows = [[column.value(row) for column in columns] for row in table.rows]
    unknown: list[Value] = [
        None if column.heading.strip() else Said("", None) for column in columns[1:]
    ]
    without: list[list[Value]] = [[name, *unknown] for name in table.without]
    rows.extend(without)
    number = 0 if table.top is None else len(rows) - table.top
    if number <= 0:
        return rows
    return [*rows[: table.top], _together(f"{number:,} more", columns, table.rows[table.top :])]


def totals(table: AnyTable, columns: Sequence[Column[Any]]) -> list[Value] | None:
    """Return the row of totals; None where a table has none."""
    return _together("all", columns, table.rows) if table.sums and len(table.rows) > 1 else None


def _together(what: str, columns: Sequence[Column[Any]], rows: Sequence[Any]) -> list[Value]:
    """A row that stands for several: `what` they are, and their totals."""
    sums: list[Value] = [
        Said("", None) if column.total is None else column.total(rows) for column in columns[1:]
    ]
    return [Said(what, None), *sums]


def for_people(value: Value, zone: Zone, safe: Safe) -> str:
    """Return how people see a value; `safe` makes foreign text safe."""
    match value:
        case Moment(ns, minutes):
            return (words.minute if minutes else words.day)(ns, zone)
        case ByName(counts):
            return words.named(counts, safe)
        case Name():
            return safe("/".join(value))
        case Names(names):
            return ", ".join(safe("/".join(name)) for name in names)
        case Said(text, _) | Partial(text=text):
            return text
        case Bar(share):
            return words.bar(share)
        case str():
            return safe(value)
        case int() | None:
            return words.count(value)
        case _:
            raise TypeError(value)


def _for_programs(value: Value) -> object:
    match value:
        case None:
            return ""
        case Moment(ns, _):
            return "" if ns is None else format_ns(ns)
        case ByName(counts):
            return csv_cell(", ".join(f"{name} {n}" for name, n in counts.items() if n))
        case Said(_, inner) | Partial(inner):
            return _for_programs(inner)
        case bool():
            return str(value).lower()
        case str():
            return csv_cell(value)
        case _:
            return value


_FORMULA_STARTS = tuple("=+-@＝＋－＠'")  # noqa: RUF001 - the full-width signs are meant


def csv_cell(text: str) -> str:
    """Return `text` for a cell: safe to show, and never taken for a formula.

    A text that a spreadsheet would calculate gets an apostrophe in front, which says *text*.
    """
    shown = visible(text)
    return "'" + shown if shown.startswith(_FORMULA_STARTS) else shown


_ADDRESS = pattern(r"(?<=www)\.", re.IGNORECASE)
_PUNCTUATION = pattern(r"[^\w \-/.,]", re.ASCII)


def markdown_cell(text: str) -> str:
    """Return `text` for a cell: safe to show, and never taken for markup.

    Every ASCII sign that could mean something to Markdown or HTML becomes a character reference,
    and so does the one by which ``www.example`` would become a link.
    """
    shown = _PUNCTUATION.sub(_reference, visible(text)).replace("_", "&#95;")
    return _ADDRESS.sub("&#46;", shown)


def _reference(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};" if match[0].isascii() else match[0]
