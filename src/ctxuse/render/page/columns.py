"""The table of the page: which columns it has, and how their values look there. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ctxuse.render import words
from ctxuse.render.record import sparkline
from ctxuse.render.reports import FULL
from ctxuse.render.tables import ByName, Days, Moment, OnPage, Partial, Said, Value, for_people
from ctxuse.reports.full import FullReportRecord
from ctxuse.visible import visible
from ctxuse.zones import UTC, Zone

SPARK_COLUMNS = 20
"""So many columns a sparkline of a row has at most."""


SMALL = "44rem"
"""Up to this width a screen is small, as in the style."""


class Cell(NamedTuple):
    """One cell.

    Attributes:
        text: What is shown, safe to show.
        value: What it is sorted by; None where nothing is known, which comes last either way.
        title: What is said of it on top; may be empty.
    """

    text: str
    value: int | str | None
    title: str = ""


class Beside(NamedTuple):
    """A column between the name and the usual ones, of what only some pages know.

    Attributes:
        column: Its place on the page.
        cell: What stands there for a record.
    """

    column: OnPage
    cell: Callable[[FullReportRecord], Cell]


class Row(NamedTuple):
    """One record.

    Attributes:
        record: The record.
        zone: The time zone in which times are shown.
        first_day: The first day of the report, in days since 1970-01-01.
        last_day: The last one.
    """

    record: FullReportRecord
    zone: Zone
    first_day: int
    last_day: int


def cells(row: Row) -> list[Cell]:
    """Return the cells of a record, one for each of `COLUMNS`."""
    return [_cell(column.value(row.record), row) for column, _ in _SHOWN]


def _cell(value: Value, row: Row) -> Cell:
    match value:
        case Moment(ns, _):
            title = "" if ns is None else words.minute(ns, row.zone)
            return Cell(words.day(ns, row.zone), ns, title)
        case Days(counts):
            bars, _ = sparkline(counts, row.first_day, row.last_day, SPARK_COLUMNS)
            return Cell(bars, sum(counts.values()))
        case Partial(total, known, times):
            title = f"known of {known:,} of {times:,} times" if value.is_part else ""
            return Cell(value.text, total, title)
        case ByName(counts):
            text = words.named(counts, visible)
            return Cell(text or words.UNKNOWN, text or None)
        case Said(text, inner):
            return Cell(text, inner)
        case int() | None:
            return Cell(words.count(value), value)
        case _:
            raise TypeError(value)


def style(beside: Sequence[OnPage] = ()) -> str:
    """Return the style of each column, so that no cell has to say it; those `beside` come first."""
    rules = []
    for place, column in enumerate([*beside, *COLUMNS], 2):
        cells = f"td:nth-child({place})"
        if _STYLES[column.form]:
            rules.append(f"#table {cells} {{ {_STYLES[column.form]} }}")
        if column.more:
            rules.append(f"#table:not(.all-columns) {cells} {{ display: none; }}")
        elif not column.small:
            both = f"#table:not(.all-columns) :is(thead th, td):nth-child({place})"
            rules.append(f"@media (max-width: {SMALL}) {{ {both} {{ display: none; }} }}")
    return "\n".join(rules)


def totals(records: Sequence[FullReportRecord]) -> list[str]:
    """Return the cells of the row of totals, one for each of `COLUMNS`; some are empty."""
    sums = [None if column.total is None else column.total(records) for column, _ in _SHOWN]
    return ["" if value is None else for_people(value, UTC, visible) for value in sums]


_STYLES = {
    "number": "text-align: right;",
    "bars": "white-space: pre; font-size: 0.7rem; letter-spacing: -0.05em;",
    "day": "",
    "words": "white-space: normal; min-width: 9rem;",
}


def bar_said(first_day: int, last_day: int) -> str:
    """Return what a bar of a sparkline stands for."""
    each = sparkline({}, first_day, last_day, SPARK_COLUMNS)[1]
    return "In the table a bar is a day." if each == 1 else f"In the table a bar is {each} days."


_SHOWN = [(column, column.page) for column in FULL if column.page is not None]

COLUMNS: Sequence[OnPage] = [page for _, page in _SHOWN]
"""The columns behind that of the record's name."""
