"""Which figures the charts show: by time, by record, by day. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ctxuse.counting.detail import Counts
from ctxuse.render.reports import tokens_of
from ctxuse.render.session import columns_of
from ctxuse.reports.full import FullReport, FullReportRecord
from ctxuse.reports.session import MOST_LAYERS, SessionReport
from ctxuse.visible import visible
from ctxuse.zones import day_text, monday

MOST_BINS = 48
"""So many columns a chart over time has at most; a longer time has several days in one."""

MOST_SERIES = 8
"""So many records a chart over time tells apart: those with the largest sums."""

MOST_WEEKS = 53
"""So many weeks the calendar shows, the last ones."""

MOST_MARKS = 600
"""So many records the chart of uses and tokens shows, those with the most events."""


class Span(NamedTuple):
    """The days of a report, in days since 1970-01-01."""

    first: int
    last: int

    @classmethod
    def of(cls, report: FullReport) -> "Span | None":
        """Return the days that hold events; None without any."""
        days = [day for record in report.records for day in record.days]
        return cls(min(days), max(days)) if days else None


class Bins(NamedTuple):
    """How the days of a report are divided.

    Attributes:
        first: The first day of the first one.
        each: Days in each.
        number: How many there are.
    """

    first: int
    each: int
    number: int

    @classmethod
    def of(cls, span: Span) -> "Bins":
        """Return how to divide a span: days, weeks from Monday on, or several weeks."""
        days = span.last - span.first + 1
        if days <= MOST_BINS:
            return cls(span.first, 1, days)
        first = monday(span.first)
        weeks = (span.last - first) // 7 + 1
        each = 7 * -(-weeks // MOST_BINS)
        return cls(first, each, (span.last - first) // each + 1)

    @property
    def names(self) -> list[str]:
        """The first day of each."""
        return [day_text(self.first + index * self.each) for index in range(self.number)]

    @property
    def said(self) -> str:
        """What one of them is."""
        if self.each == 1:
            return "a day"
        return "a week" if self.each == 7 else f"{self.each // 7} weeks"  # noqa: PLR2004 - a week

    def of_day(self, day: int) -> int:
        """Return which of them a day lies in."""
        return (day - self.first) // self.each


class OverTime(NamedTuple):
    """Figures over time, such as the resident tokens of records.

    Attributes:
        unit: What the figures are.
        bins: How time is divided.
        names: What is told apart, and, last, what stands for all others together.
        numbers: For each name, the figure in each bin.
        others: How many the others are.
        unknown: Times resident of which the tokens are not known.
    """

    unit: str
    bins: Bins
    names: list[str]
    numbers: list[list[int]]
    others: int = 0
    unknown: int = 0


def over_time(report: FullReport) -> OverTime | None:
    """Return the tokens of all times resident by record over time; None when none are known."""
    span = Span.of(report)
    known = [record for record in report.records if record.total.entered]
    if span is None or not known:
        return None
    bins = Bins.of(span)
    known.sort(key=lambda record: -record.total.entered)
    apart, others = known[:MOST_SERIES], known[MOST_SERIES:]
    names = [visible(record.name) for record in apart]
    tokens = [_tokens([record], bins) for record in apart]
    if others:
        names.append(f"{len(others):,} others")
        tokens.append(_tokens(others, bins))
    unknown = sum(r.total.exposures - r.total.entered_times for r in report.records)
    return OverTime("tokens", bins, names, tokens, len(others), unknown)


def counts_over_time(
    record: FullReportRecord, unit: str, number: Callable[[Counts], int]
) -> OverTime | None:
    """Return one figure of a record over time; None when it never has any."""
    span = Span(min(record.days), max(record.days))
    bins = Bins.of(span)
    found = [0] * bins.number
    for day, counts in record.days.items():
        found[bins.of_day(day)] += number(counts)
    return OverTime(unit, bins, [unit], [found]) if any(found) else None


def _tokens(records: Sequence[FullReportRecord], bins: Bins) -> list[int]:
    found = [0] * bins.number
    for record in records:
        for day, counts in record.days.items():
            found[bins.of_day(day)] += counts.entered
    return found


class Mark(NamedTuple):
    """One record in the chart of uses and resident tokens.

    Attributes:
        kind: Its kind.
        uses: Its uses.
        tokens: The tokens of all its times resident.
        label: What is said of it.
    """

    kind: str
    uses: int
    tokens: int
    label: str


class Marks(NamedTuple):
    """The marks of a chart, and how many records have none there."""

    shown: list[Mark]
    unknown: int
    beyond: int


def marks(report: FullReport) -> Marks:
    """Return a mark for each record of which the tokens of all times resident are known.

    A record that was never resident has none, which is known where its kind would be seen.
    """
    known = [record for record in report.records if record.basic.resident.total is not None]
    chosen = sorted(known, key=lambda record: -record.total.events)[:MOST_MARKS]
    shown = [
        Mark(
            visible(record.basic.kind),
            record.total.uses,
            record.basic.resident.total or 0,
            mark_label(record),
        )
        for record in chosen
    ]
    return Marks(shown, len(report.records) - len(known), len(known) - len(shown))


def mark_label(record: FullReportRecord) -> str:
    """Return what is said of a record's mark, which tells it from others, too."""
    tokens = tokens_of([record.basic.resident]).text
    return f"{visible(record.name)}: {record.total.uses:,} uses, {tokens} tokens"


class Day(NamedTuple):
    """One day of the calendar.

    Attributes:
        week: The Monday of its week, as ``2026-11-02``.
        weekday: 0 for Monday to 6.
        name: The day, as ``2026-11-03``.
        uses: Uses of records on it.
        exposures: Times that records were resident on it.
    """

    week: str
    weekday: int
    name: str
    uses: int
    exposures: int


def calendar(report: FullReport) -> tuple[list[Day], int]:
    """Return the days of the last weeks, and how many weeks before them are left out."""
    span = Span.of(report)
    if span is None:
        return [], 0
    totals: dict[int, Counts] = {}
    for record in report.records:
        for day, counts in record.days.items():
            totals.setdefault(day, Counts()).merge(counts)
    weeks = (monday(span.last) - monday(span.first)) // 7 + 1
    left_out = max(0, weeks - MOST_WEEKS)
    begin = max(span.first, monday(span.last) - 7 * (MOST_WEEKS - 1))
    days = []
    for day in range(begin, span.last + 1):
        counts = totals.get(day, Counts())
        week = monday(day)
        days.append(Day(day_text(week), day - week, day_text(day), counts.uses, counts.exposures))
    return days, left_out


class Compacted(NamedTuple):
    """Compactions of the context that one mark stands for.

    Attributes:
        first: The number of the request behind the first of them, from 1 on.
        last: That of the one behind the last.
        number: Before how many requests they are.
    """

    first: int
    last: int
    number: int

    @property
    def label(self) -> str:
        """What is said of the mark."""
        if self.number == 1:
            return f"compacted before request {self.first:,}"
        return f"compacted before {self.number:,} of requests {self.first:,} to {self.last:,}"


class Requests(NamedTuple):
    """What the requests of a session held, drawn together where they are many.

    Attributes:
        begins: The number of the first request of each part, from 1 on, and of the one behind all.
        layers: Of each layer its name, its tokens in each part, on average, and what it is.
        compacted: Where the context was compacted, one mark for each part at most.
        number: How many requests there are.
        each: How many are a part, at most.
        own: How many layers are records of their own.
        others: Whether the next one is all other records.
        rest: Whether the last one is everything else.
    """

    begins: list[int]
    layers: list[tuple[str, list[int], str]]
    compacted: list[Compacted]
    number: int
    each: int
    own: int
    others: bool
    rest: bool


MOST_PARTS = 240
"""So many parts a chart of requests has at most."""


def requests_of(report: SessionReport, *, rest: bool) -> Requests:
    """Return what the requests of a session held, everything else with `rest` only."""
    number = len(report.requests)
    each = 1
    found = []
    for name, tokens in report.layers if rest else report.layers[:-1]:
        means, each = columns_of(tokens, MOST_PARTS)
        drawn = [round(mean) for mean in means]
        said = f"{visible(name)}: {min(tokens):,} to {max(tokens):,} tokens a request"
        found.append((visible(name), drawn, said))
    records = len(report.layers) - 1
    own = min(records, MOST_LAYERS)
    compacted: dict[int, Compacted] = {}
    for place in report.compactions:
        before = compacted.get(place // each, Compacted(place + 1, place + 1, 0))
        compacted[place // each] = Compacted(before.first, place + 1, before.number + 1)
    ends = [*range(1, number + 1, each), number + 1]
    marked = [*compacted.values()]
    return Requests(ends, found, marked, number, each, own, records > own, rest)
