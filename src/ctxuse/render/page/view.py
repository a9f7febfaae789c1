"""A report → the texts of a page: everything but markup. Pure, but for the charts' engine."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ctxuse.render import words
from ctxuse.render.page import charts, series
from ctxuse.render.page.columns import COLUMNS, Beside, Cell, Row, bar_said, cells, totals
from ctxuse.render.reports import times_of, tokens_explained, tokens_of
from ctxuse.render.tables import OnPage
from ctxuse.reports.full import FullReport, FullReportRecord
from ctxuse.visible import visible


class Figure(NamedTuple):
    """One chart.

    Attributes:
        name: Its name, for the page's own use.
        title: Its title.
        caption: What it shows, and what it leaves out.
        wide: It as SVG for a large screen; empty where it is still to be drawn.
        narrow: The same for a small one; empty where the large one is moved about instead.
        headings: Of the table of its figures; empty where the page has them elsewhere.
        rows: The rows of that table.
        legend: What its colors stand for: each and its meaning.
        broad: Whether it takes all of the page's width though its chart does not.
    """

    name: str
    title: str
    caption: str
    wide: str
    narrow: str
    headings: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    legend: Sequence[tuple[str, str]] = ()
    broad: bool = False


class Line(NamedTuple):
    """One row of the table.

    Attributes:
        kind: The record's kind, safe to show.
        slug: Its slug, likewise.
        address: Where its own page is; None where there is none.
        mark: What its mark in the chart is called.
        cells: The cells behind the record's name.
    """

    kind: str
    slug: str
    address: str | None
    mark: str
    cells: Sequence[Cell]


class CostView(NamedTuple):
    """What a page says of requests.

    Attributes:
        notes: What they took in, a paragraph each.
        headings: Of the table of records.
        rows: Its rows.
        session: The latest session; empty where there is none.
        address: Where its own page is; empty where it has none.
        figures: Its pictures.
    """

    notes: Sequence[str]
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    session: str
    address: str
    figures: Sequence[Figure]


class Place(NamedTuple):
    """One of many workspaces.

    Attributes:
        cells: Where it is, and its figures.
        command: What shows it by itself; empty where no text names it.
    """

    cells: Sequence[str]
    command: str


class View(NamedTuple):
    """What a page says.

    Attributes:
        title: What the workspace is called.
        notes: What the report rests on, the first of them since when.
        totals: Figures of the whole: what, and how much.
        columns: The columns of the table behind that of the record.
        lines: Its rows.
        sums: The row of totals, a cell for each column behind that of the record; or none.
        more: How many rows there would be beyond these.
        sort: The column by which they are sorted; empty when it is none of the page's.
        kinds: The kinds of records, with how many there are of each.
        figures: The charts.
        cost: What requests came to; None where none is known.
        places: The workspaces, where it is of many.
        more_places: How many more there would be.
    """

    title: str
    notes: Sequence[str]
    totals: Sequence[tuple[str, str]]
    columns: Sequence[OnPage]
    lines: Sequence[Line]
    sums: Sequence[str]
    more: int
    sort: str
    kinds: Sequence[tuple[str, int]]
    figures: Sequence[Figure]
    cost: CostView | None = None
    places: Sequence[Place] = ()
    more_places: int = 0


_BROAD = 180
"""A calendar of more days does not fit beside another one."""

MOST_LINES = 1000
"""So many records the table of a page has, the first ones in the order of the report."""

Address = Callable[[FullReportRecord], str | None]
"""Where a record's own page is; None where it has none."""


def view_of(  # noqa: PLR0913 - what a page depends on
    report: FullReport,
    *,
    title: str,
    address: Address | None = None,
    more: Sequence[str] = (),
    beside: Sequence[Beside] = (),
    drawn: bool = True,
) -> View:
    """Return what a page says of a report; see `ctxuse.render.page.html.page_html`.

    `address` says where a record's own page is. Charts are `drawn` or not.

    Raises:
        MissingExtraError: What draws the charts is not installed.
    """
    lines = _lines(report, address, beside)
    columns = [*(extra.column for extra in beside), *COLUMNS]
    sort = report.basic.rows.sort
    numbers: dict[str, int] = {}
    for line in lines[:MOST_LINES]:
        numbers[line.kind] = numbers.get(line.kind, 0) + 1
    return View(
        title=visible(title),
        notes=[*notes_of(report, bars=True), *more],
        totals=_totals(report),
        columns=columns,
        lines=lines[:MOST_LINES],
        sums=[*("" for _ in beside), *totals(report.records)] if len(report.records) > 1 else (),
        more=max(0, len(lines) - MOST_LINES),
        sort=sort if sort == "record" or sort in {column.name for column in columns} else "",
        kinds=sorted(numbers.items()),
        figures=[
            *over_time(report, drawn=drawn),
            *_marks(report, drawn=drawn),
            *calendars(report, drawn=drawn),
        ],
    )


def notes_of(report: FullReport, *, bars: bool = False) -> list[str]:
    """Return what a page's figures rest on, since when first; with `bars`, what a bar is."""
    evidence = report.basic.evidence
    said = words.notes(report.basic, visible)
    if report.records:
        said.append(words.agents(report.hosts, visible))
    zone = visible(evidence.zone.name)
    span = series.Span.of(report) if bars else None
    bar = f" {bar_said(*span)}" if span else ""
    tokens = tokens_of([record.basic.resident for record in report.records])
    if tokens.bases:
        said.append("Tokens: what entered" + tokens_explained(tokens.bases, partly=tokens.is_part))
    said.append(
        f"Times and days are those of {zone}. A dash is what is not known, never zero.{bar}"
    )
    return said


def _totals(report: FullReport) -> list[tuple[str, str]]:
    evidence = report.basic.evidence
    uses = sum(record.total.uses for record in report.records)
    figures = [record.basic.resident for record in report.records]
    segments = evidence.segments
    many = f"over {evidence.at_least_segments:,}"
    return [
        ("records in events", words.count(len(report.records))),
        (words.SEGMENTS, many if segments is None else words.count(segments)),
        ("uses", words.count(uses)),
        ("times resident", words.count(times_of(figures))),
        ("tokens of all times resident", tokens_of(figures).text),
    ]


def _lines(report: FullReport, address: Address | None, beside: Sequence[Beside]) -> list[Line]:
    span = series.Span.of(report) or series.Span(0, 0)
    zone = report.basic.evidence.zone
    lines = [
        Line(
            visible(record.basic.kind),
            visible(record.basic.slug),
            None if address is None else address(record),
            series.mark_label(record),
            [*(extra.cell(record) for extra in beside), *cells(Row(record, zone, *span))],
        )
        for record in report.records
    ]
    unknown = [Cell(words.UNKNOWN, None)] * (len(COLUMNS) + len(beside))
    return lines + [
        Line(visible(ref.kind), visible(str(ref.slug)), None, "", unknown)
        for ref in report.basic.without_events
    ]


def over_time(report: FullReport, *, drawn: bool = True) -> list[Figure]:
    """Return the chart of resident tokens over time, if there are any; `drawn` or not."""
    found = series.over_time(report)
    if found is None:
        return []
    caption = f"Tokens of all times that records were resident. A column is {found.bins.said}."
    if found.others:
        caption += (
            f" The {series.MOST_SERIES} records with the largest sums have colors of their own,"
            f" the {words.plural(found.others, 'other')} share one."
        )
    if found.unknown:
        caption += f" {words.plural(found.unknown, 'time')} left out: their tokens are not known."
    return [
        Figure(
            "over-time",
            "Tokens over time",
            caption,
            *both(lambda width: charts.over_time_chart(found, width=width), drawn=drawn),
            legend=[*zip(charts.record_colors(found), found.names, strict=True)],
            headings=("From", *found.names),
            rows=[
                (day, *(f"{numbers[index]:,}" for numbers in found.numbers))
                for index, day in enumerate(found.bins.names)
            ],
        )
    ]


def _marks(report: FullReport, *, drawn: bool) -> list[Figure]:
    found, unknown, beyond = series.marks(report)
    if not found:
        return []
    caption = (
        "A mark is a record: how often it was read, and what its times resident come to. Records"
        " that were never resident lie on the axis below. Both scales are those of square roots."
        " The table has the same figures."
    )
    if beyond:
        caption += f" The {len(found):,} records with the most events are shown."
    if unknown:
        caption += f" {words.plural(unknown, 'record')} left out: nothing is known of their tokens."
    return [
        Figure(
            "marks",
            "Uses and tokens",
            caption,
            *both(lambda width: charts.marks_chart(found, width=width), drawn=drawn),
            legend=[(color, kind) for kind, color in charts.kind_colors(found).items()],
        )
    ]


def calendars(report: FullReport, *, drawn: bool = True) -> list[Figure]:
    """Return the calendars of uses and of times resident; `drawn` or not."""
    days, left_out = series.calendar(report)
    figures: list[Figure] = []
    for resident, title in ((False, "Uses by day"), (True, "Times resident by day")):
        numbers = [day.exposures if resident else day.uses for day in days]
        if not any(numbers):
            continue
        caption = "A square is a day, a column is a week from Monday on."
        if left_out:
            caption += f" {words.plural(left_out, 'week')} before left out."
        figures.append(
            Figure(
                "resident-by-day" if resident else "uses-by-day",
                title,
                caption,
                charts.svg(charts.calendar_chart(days, resident=resident)) if drawn else "",
                "",
                headings=("Day", title.removesuffix(" by day")),
                rows=[
                    (day.name, f"{number:,}")
                    for day, number in zip(days, numbers, strict=True)
                    if number
                ],
                legend=[
                    (f"var(--q{index})", said)
                    for index, said in enumerate(charts.steps_said(max(numbers)))
                ],
                broad=len(days) > _BROAD,
            )
        )
    return figures


def both(chart: Callable[[int], charts.Spec], *, drawn: bool = True) -> tuple[str, str]:
    """Return a chart as SVG for a large and for a small screen; `drawn` or not."""
    if not drawn:
        return "", ""
    return charts.svg(chart(charts.WIDE)), charts.svg(chart(charts.NARROW))
