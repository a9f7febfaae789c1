"""One record → the texts of its page. Pure, but for the charts' engine."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from ctxuse.counting.detail import Counts
from ctxuse.query import UNNAMED
from ctxuse.render import words
from ctxuse.render.page import charts, series
from ctxuse.render.page.columns import COLUMNS, Row, cells
from ctxuse.render.page.view import Figure, both, calendars, notes_of, over_time
from ctxuse.reports.full import FullReport, FullReportRecord
from ctxuse.visible import visible
from ctxuse.zones import day_text


class Listing(NamedTuple):
    """A small table.

    Attributes:
        title: Its title.
        headings: Its headings; the first column is text, those with a figure are set to the right.
        rows: Its rows.
        numbers: Whether all but the first column are figures.
        note: What is said above it; empty for nothing.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: bool
    note: str = ""


class RecordView(NamedTuple):
    """What the page of a record says.

    Attributes:
        title: The record's kind and slug.
        notes: What it rests on, the first of them since when.
        known: Whether it is in an event that is counted.
        totals: Its figures: what, how much, and unit and rule.
        figures: The charts.
        listings: The tables.
    """

    title: str
    notes: Sequence[str]
    known: bool
    totals: Sequence[tuple[str, str, str]] = ()
    figures: Sequence[Figure] = ()
    listings: Sequence[Listing] = ()


def record_view(kind: str, slug: str, report: FullReport) -> RecordView:
    """Return what the page of a record says, of which `report` says what is known.

    Raises:
        MissingExtraError: What draws the charts is not installed.
    """
    record = report.record(kind, slug)
    title = visible(f"{kind}/{slug}")
    if record is None:
        return RecordView(title, notes_of(report), known=False)
    alone = report.only(record)
    return RecordView(
        title,
        notes_of(report),
        known=True,
        totals=_totals(record, report),
        figures=[*_counts(record), *over_time(alone), *_sizes(record), *calendars(alone)],
        listings=_listings(record, report),
    )


def _totals(record: FullReportRecord, report: FullReport) -> list[tuple[str, str, str]]:
    row = Row(record, report.basic.evidence.zone, min(record.days), max(record.days))
    return [
        (column.heading, cell.text, column.meaning)
        for column, cell in zip(COLUMNS, cells(row), strict=True)
        if column.form in {"number", "day"}
    ]


def _counts(record: FullReportRecord) -> list[Figure]:
    figures: list[Figure] = []
    for name, title, unit, figure in (
        ("uses-over-time", "Uses over time", "uses", "uses"),
        ("resident-over-time", "Times resident over time", "times resident", "exposures"),
    ):
        found = series.counts_over_time(record, unit, attrgetter(figure))
        if found is not None:
            figures.append(_figure(name, title, found))
    return figures


def _figure(name: str, title: str, found: series.OverTime) -> Figure:
    (numbers,) = found.numbers
    return Figure(
        name,
        title,
        f"A column is {found.bins.said}.",
        *both(lambda width: charts.over_time_chart(found, width=width)),
        headings=("From", found.unit),
        rows=[(day, f"{number:,}") for day, number in zip(found.bins.names, numbers, strict=True)],
    )


def _sizes(record: FullReportRecord) -> list[Figure]:
    if not record.sizes:
        return []
    sizes = [(day_text(day), size) for day, size in record.sizes]
    last = day_text(max(record.days))
    return [
        Figure(
            "sizes",
            "Size of its file",
            "As events recorded it; a mark is the first day on which it was seen to be another.",
            *both(lambda width: charts.sizes_chart(sizes, last, width=width)),
            headings=("From", "bytes"),
            rows=[(day, f"{size:,}") for day, size in sizes],
        )
    ]


def _listings(record: FullReportRecord, report: FullReport) -> list[Listing]:
    zone = report.basic.evidence.zone
    uses = [
        (
            words.minute(use.at_ns, zone),
            visible(use.source),
            visible(use.host or UNNAMED),
            visible(use.actor or UNNAMED),
            words.count(use.context_bytes),
            visible(use.segment),
        )
        for use in record.last_uses
    ]
    listings = [
        _by("Source", "By source", record.sources),
        _by("Agent", "By agent", record.hosts),
        _by("Read by", "By whose doing it was", record.actors),
    ]
    if uses:
        headings = (
            f"When ({visible(zone.name)})",
            "Source",
            "Agent",
            "Read by",
            "Bytes",
            "Segment",
        )
        listings.append(Listing("Last uses", headings, uses, numbers=False))
    return listings


def _by(what: str, title: str, counted: Mapping[str, Counts]) -> Listing:
    rows = [
        (
            visible(name),
            words.count(counts.uses),
            words.count(counts.exposures),
            words.count(counts.tokens),
        )
        for name, counts in counted.items()
    ]
    return Listing(title, (what, "Uses", "Resident", "Resident tokens"), rows, numbers=True)
