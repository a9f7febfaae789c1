"""The columns of the page's table: what each shows, its unit and its rule. Pure."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from ctxuse.counting.detail import Counts
from ctxuse.fullreport import ContextFigures, FullReportRecord
from ctxuse.render import words
from ctxuse.render.record import sparkline
from ctxuse.zones import Zone

SPARK_COLUMNS = 20
"""So many columns a sparkline of a row has at most."""


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


class Column(NamedTuple):
    """One column.

    Attributes:
        name: Its name in the address of the page.
        heading: Its heading.
        meaning: Unit and rule.
        cell: Makes the cell of a row.
        form: ``number`` (set to the right), ``bars`` (a sparkline), ``day`` or ``words``.
        more: Whether it is only shown where all columns are asked for.
    """

    name: str
    heading: str
    meaning: str
    cell: Callable[[Row], Cell]
    form: Literal["number", "bars", "day", "words"] = "number"
    more: bool = False


def _count(number: int | None) -> Cell:
    return Cell(words.count(number), number)


def _time(ns: int | None, zone: Zone) -> Cell:
    return Cell(words.day(ns, zone), ns, words.minute(ns, zone) if ns is not None else "")


def _segments(number: int | None) -> Cell:
    return Cell("many" if number is None else words.count(number), number)


def _context(figures: ContextFigures) -> Cell:
    partly = figures.bytes is not None and figures.times_known < figures.times
    title = f"known of {figures.times_known:,} of {figures.times:,} times" if partly else ""
    return Cell(words.count(figures.bytes) + ("+" if partly else ""), figures.bytes, title)


def _counted(numbers: Mapping[str, int]) -> Cell:
    text = words.named(numbers)
    return Cell(text or words.UNKNOWN, text or None)


def _size(record: FullReportRecord) -> Cell:
    if record.gone:
        return Cell("gone", None)
    return _count(record.size_now)


def _spark(row: Row, number: Callable[[Counts], int]) -> Cell:
    counts = {day: number(counted) for day, counted in row.record.days.items()}
    bars, _ = sparkline(counts, row.first_day, row.last_day, SPARK_COLUMNS)
    return Cell(bars, sum(counts.values()))


def style() -> str:
    """Return what the page's style says of each column, so that no cell has to say it."""
    rules = []
    for place, column in enumerate(COLUMNS, 2):
        cells = f"td:nth-child({place})"
        if _STYLES[column.form]:
            rules.append(f"#table {cells} {{ {_STYLES[column.form]} }}")
        if column.more:
            rules.append(f"#table:not(.all-columns) {cells} {{ display: none; }}")
    return "\n".join(rules)


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


COLUMNS = (
    Column(
        "uses", "Uses", "Times that it was explicitly read. A search hit is not a use.",
        lambda r: _count(r.record.basic.use_count),
    ),
    Column(
        "used-in", "in segments", "Distinct segments (stretches of a session) it was read in.",
        lambda r: _segments(r.record.used_in), more=True,
    ),
    Column(
        "uses-over-time", "Uses over time", "Uses by day, from the first day of the report on.",
        lambda r: _spark(r, lambda c: c.uses), form="bars",
    ),
    Column(
        "last-used", "Last used", "The day of its last use.",
        lambda r: _time(r.record.basic.last_used_at_ns, r.zone), form="day",
    ),
    Column(
        "exposures", "Resident", "Times that it was in a context because it is resident.",
        lambda r: _count(r.record.basic.resident_exposure_count),
    ),
    Column(
        "exposed-in", "in segments", "Distinct segments it was resident in.",
        lambda r: _segments(r.record.exposed_in), more=True,
    ),
    Column(
        "resident-over-time", "Resident over time",
        "Times resident by day, from the first day of the report on.",
        lambda r: _spark(r, lambda c: c.exposures), form="bars", more=True,
    ),
    Column(
        "last-exposed", "Last resident", "The day it was last resident.",
        lambda r: _time(r.record.last_exposed_ns, r.zone), form="day", more=True,
    ),
    Column(
        "tokens-recorded", "Resident tokens",
        "Tokens of all times resident, each estimated when it happened: a quarter of the bytes its"
        " file had then. Times of unknown size are left out.",
        lambda r: _count(r.record.recorded_tokens),
    ),
    Column(
        "tokens-each", "Tokens each",
        "Estimated tokens of the last time resident, in the order of the log.",
        lambda r: _count(r.record.basic.tokens_each), more=True,
    ),
    Column(
        "tokens-total", "At that size",
        "Times resident multiplied by the column before: all of them at the last size.",
        lambda r: _count(r.record.basic.tokens_total), more=True,
    ),
    Column(
        "context-used", "Bytes read",
        "Bytes that entered contexts by reads, where known; + is more.",
        lambda r: _context(r.record.used), more=True,
    ),
    Column(
        "context-resident", "Bytes resident",
        "Bytes that entered contexts by being resident, where known; + is more.",
        lambda r: _context(r.record.exposed), more=True,
    ),
    Column(
        "measured", "Tokens measured",
        "Tokens that entered by either way, as the model's own accounting said.",
        lambda r: _count(r.record.tokens_known("measured")), more=True,
    ),
    Column(
        "calibrated", "Tokens calibrated",
        "Tokens that entered by either way: bytes by the ratio that was measured in the session.",
        lambda r: _count(r.record.tokens_known("calibrated")), more=True,
    ),
    Column(
        "first-seen", "First seen", "The day of its first event.",
        lambda r: _time(r.record.first_seen_ns, r.zone), form="day", more=True,
    ),
    Column(
        "size-now", "Bytes now", "Size of its file today; gone when it has none.",
        lambda r: _size(r.record),
    ),
    Column(
        "agents", "Agents", "Events by agent.",
        lambda r: _counted({name: c.events for name, c in r.record.hosts.items()}), form="words",
    ),
    Column(
        "actors", "Read by", "Uses by whose doing they were.",
        lambda r: _counted({name: c.uses for name, c in r.record.actors.items()}),
        form="words", more=True,
    ),
    Column(
        "sources", "Sources", "Uses by the way it was read.",
        lambda r: _counted({name: c.uses for name, c in r.record.sources.items()}),
        form="words", more=True,
    ),
)  # fmt: skip
"""The columns behind that of the record's name."""
