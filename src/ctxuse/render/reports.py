"""What each report shows: its columns and what stands below them, said once for every form.

A figure of the report over records is one entry of `FULL`, which says what it is called and how it
looks in tables, in CSV and on the page. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from ctxuse.counting.detail import Counts
from ctxuse.events import UsageSource
from ctxuse.render import words
from ctxuse.render.tables import (
    AnyTable,
    ByName,
    Column,
    Days,
    Moment,
    Name,
    OnPage,
    Partial,
    Said,
    Table,
)
from ctxuse.reports.comparison import Comparison, Side
from ctxuse.reports.comparison import Row as Compared
from ctxuse.reports.full import ContextFigures, FullReport, FullReportRecord
from ctxuse.reports.groups import Group, GroupedReport, Key
from ctxuse.reports.report import UsageReport, UsageReportRecord
from ctxuse.visible import quoted, visible

WIDE = 110
"""From this many columns on, a terminal is shown everything."""

RECORDED = "Recorded: tokens of all exposures as estimated when they happened."


def basic_columns(
    of: Callable[[Any], UsageReportRecord], *, minutes: bool = False, zone: str = ""
) -> list[Column[Any]]:
    """Return the columns of the reference's figures, of whatever `of` takes them from."""

    def source(name: str) -> Callable[[Any], int]:
        return lambda row: of(row).source_breakdown.get(name, 0)

    return [
        Column("Record", "", lambda r: Name(of(r).kind, of(r).slug), right=False, whole=False),
        Column("", "kind", lambda r: of(r).kind),
        Column("", "slug", lambda r: of(r).slug),
        Column("Uses", "use_count", lambda r: of(r).use_count),
        Column(
            "By source", "", lambda r: ByName(of(r).source_breakdown),
            right=False, whole=False, most=42, least=WIDE,
        ),
        Column(
            "Last used", "last_used_at", lambda r: Moment(of(r).last_used_at_ns, minutes),
            right=False, full=f"Last used ({zone})",
        ),
        *(Column("", name, source(name)) for name in sorted(UsageSource)),
        Column("Exposed", "resident_exposure_count", lambda r: of(r).resident_exposure_count),
        Column(
            "Each", "estimated_tokens_per_injection", lambda r: of(r).tokens_each,
            full="Tokens each (estimated)",
        ),
        Column(
            "Total", "estimated_total_resident_exposure_tokens", lambda r: of(r).tokens_total,
            full="Tokens total (estimated)",
        ),
    ]  # fmt: skip


def explained(report: UsageReport) -> str:
    """Return what the headings of `basic_columns` mean; nothing where there is no record."""
    return (
        f"Times are {visible(report.evidence.zone.name)}. Exposed: times resident in a context."
        " Each: estimated tokens of the record at its last exposure, a quarter of its bytes. Total:"
        " both multiplied."
        if report.records
        else ""
    )


def _without(report: UsageReport) -> list[Name]:
    return [Name(ref.kind, str(ref.slug)) for ref in report.without_events]


def of_report(report: UsageReport, *, minutes: bool) -> AnyTable:
    """Return the reference's figures; times with their `minutes`, or days."""
    zone = report.evidence.zone
    return Table(
        basic_columns(lambda r: r, minutes=minutes, zone=zone.name),
        report.records,
        _without(report),
        words.notes(report),
        explained(report),
        zone,
        dims=True,
    )


def _many(number: int | None) -> Said:
    return Said("many" if number is None else words.count(number), number)


def _partial(context: ContextFigures) -> Partial:
    return Partial(context.bytes, context.times_known, context.times)


def _used(counts: Mapping[str, Counts]) -> ByName:
    return ByName({name: its.uses for name, its in counts.items()})


def _size(record: FullReportRecord) -> Said | int | None:
    return Said("gone", None) if record.gone else record.size_now


FULL: Sequence[Column[FullReportRecord]] = (
    Column("Record", "", lambda r: Name(*r.key), right=False, whole=False),
    Column("", "kind", lambda r: r.basic.kind),
    Column("", "slug", lambda r: r.basic.slug),
    Column(
        "Uses", "use_count", lambda r: r.basic.use_count,
        OnPage("uses", "Uses", "Times that it was explicitly read. A search hit is not a use."),
    ),
    Column(
        "in", "segments_used_in", lambda r: _many(r.used_in),
        OnPage("used-in", "in segments",
               "Distinct segments (stretches of a session) it was read in.", more=True),
    ),
    Column(
        "", "", lambda r: Days({day: counts.uses for day, counts in r.days.items()}),
        OnPage("uses-over-time", "Uses over time",
               "Uses by day, from the first day of the report on.", "bars"),
    ),
    Column(
        "Last used", "last_used_at", lambda r: Moment(r.basic.last_used_at_ns),
        OnPage("last-used", "Last used", "The day of its last use.", "day"),
    ),
    Column(
        "Exposed", "resident_exposure_count", lambda r: r.basic.resident_exposure_count,
        OnPage("exposures", "Resident",
               "Times that it was in a context because it is resident."),
    ),
    Column(
        "in", "segments_exposed_in", lambda r: _many(r.exposed_in),
        OnPage("exposed-in", "in segments", "Distinct segments it was resident in.", more=True),
    ),
    Column(
        "", "", lambda r: Days({day: counts.exposures for day, counts in r.days.items()}),
        OnPage("resident-over-time", "Resident over time",
               "Times resident by day, from the first day of the report on.", "bars", more=True),
    ),
    Column(
        "", "last_exposed_at", lambda r: Moment(r.last_exposed_ns),
        OnPage("last-exposed", "Last resident", "The day it was last resident.", "day", more=True),
    ),
    Column(
        "Recorded", "exposed_tokens_recorded", lambda r: r.recorded_tokens,
        OnPage("tokens-recorded", "Resident tokens",
               "Tokens of all times resident, each estimated when it happened: a quarter of the"
               " bytes its file had then. Times of unknown size are left out."),
    ),
    Column(
        "", "estimated_tokens_per_injection", lambda r: r.basic.tokens_each,
        OnPage("tokens-each", "Tokens each",
               "Estimated tokens of the last time resident, in the order of the log.", more=True),
    ),
    Column(
        "", "estimated_total_resident_exposure_tokens", lambda r: r.basic.tokens_total,
        OnPage("tokens-total", "At that size",
               "Times resident multiplied by the column before: all of them at the last size.",
               more=True),
    ),
    Column("", "exposures_of_unknown_size", lambda r: r.total.unsized),
    Column(
        "Context", "",
        lambda r: f"{_partial(r.used).text} / {_partial(r.exposed).text}", least=WIDE,
    ),
    Column(
        "", "used_context_bytes", lambda r: _partial(r.used),
        OnPage("context-used", "Bytes read",
               "Bytes that entered contexts by reads, where known; + is more.", more=True),
    ),
    Column("", "used_context_times_known", lambda r: r.used.times_known),
    Column(
        "", "exposed_context_bytes", lambda r: _partial(r.exposed),
        OnPage("context-resident", "Bytes resident",
               "Bytes that entered contexts by being resident, where known; + is more.",
               more=True),
    ),
    Column("", "exposed_context_times_known", lambda r: r.exposed.times_known),
    Column(
        "", "context_tokens_measured", lambda r: r.tokens_known("measured"),
        OnPage("measured", "Tokens measured",
               "Tokens that entered by either way, as the model's own accounting said.",
               more=True),
    ),
    Column(
        "", "context_tokens_calibrated", lambda r: r.tokens_known("calibrated"),
        OnPage("calibrated", "Tokens calibrated",
               "Tokens that entered by either way: bytes by the ratio that was measured in the"
               " session.", more=True),
    ),
    Column(
        "Since", "first_seen_at", lambda r: Moment(r.first_seen_ns),
        OnPage("first-seen", "First seen", "The day of its first event.", "day", more=True),
        least=WIDE,
    ),
    Column(
        "Now", "size_now_bytes", _size,
        OnPage("size-now", "Bytes now", "Size of its file today; gone when it has none."),
    ),
    Column(
        "", "hosts", lambda r: ByName({name: its.events for name, its in r.hosts.items()}),
        OnPage("agents", "Agents", "Events by agent.", "words"),
    ),
    Column(
        "", "actors", lambda r: _used(r.actors),
        OnPage("actors", "Read by", "Uses by whose doing they were.", "words", more=True),
    ),
    Column("", "gone", lambda r: r.gone),
    Column(
        "", "", lambda r: _used(r.sources),
        OnPage("sources", "Sources", "Uses by the way it was read.", "words", more=True),
    ),
)  # fmt: skip
"""The figures of a record, in the order in which people see them."""

_CSV_ORDER = (
    "kind", "slug", "use_count", "last_used_at", "segments_used_in",
    "resident_exposure_count", "last_exposed_at", "segments_exposed_in",
    "estimated_tokens_per_injection", "estimated_total_resident_exposure_tokens",
    "exposed_tokens_recorded", "exposures_of_unknown_size", "first_seen_at",
    "used_context_bytes", "used_context_times_known", "exposed_context_bytes",
    "exposed_context_times_known", "context_tokens_measured", "context_tokens_calibrated",
    "hosts", "actors", "size_now_bytes", "gone",
)  # fmt: skip
"""Columns of CSV stay where they are, whatever people see first; new ones come last."""


def of_full(report: FullReport, *, narrow: bool) -> AnyTable:
    """Return the fuller figures; `narrow` says below what a narrow terminal leaves out."""
    zone = report.basic.evidence.zone
    said = (
        f"Times are {visible(zone.name)}. in: distinct segments. {RECORDED} Context: bytes that"
        " entered by being read and by being resident, where known. Since: the first event. Now:"
        " bytes of its file today."
    )
    agents = f"Agents: {words.listed([*map(visible, report.hosts)])}"
    notes = [*words.notes(report.basic), *([agents] if report.records else []), said]
    if narrow:
        hidden = [column.heading for column in FULL if column.least]
        notes.append(f"From {WIDE} columns on, also {' and '.join(hidden)}.")
    return Table(
        FULL, report.records, _without(report.basic), notes, zone=zone, csv_order=_CSV_ORDER
    )


def of_groups(report: GroupedReport) -> AnyTable:
    """Return a row for each group, for people."""
    columns: list[Column[Group]] = [
        Column(report.by.capitalize(), "", lambda g: g.name, right=False, whole=False),
        Column("Uses", "", lambda g: g.total.uses),
        Column("of", "", lambda g: g.used),
        Column("Exposed", "", lambda g: g.total.exposures),
        Column("of", "", lambda g: g.exposed),
        Column("Recorded", "", lambda g: g.total.tokens),
    ]
    if report.by == "segment":
        columns += [
            Column(
                "Began", "", lambda g: Moment(g.began_ns, minutes=True), right=False, whole=False
            ),
            Column("Agent", "", lambda g: g.host or "unknown", right=False, whole=False),
        ]
    zone = report.basic.evidence.zone
    explained = f"of: different records. {RECORDED}"
    if report.by in {"day", "week"}:
        explained += f" Days are those of {zone.name}; one without a row has no event."
    notes = [*words.notes(report.basic), explained]
    return Table(columns, report.groups, notes=notes, zone=zone)


_InGroup = tuple[Group, Key, Counts]


def of_records_in_groups(report: GroupedReport) -> AnyTable:
    """Return a row for each record in each group, for programs."""
    more: list[Column[_InGroup]] = []
    if report.by == "segment":
        more = [
            Column("", "began_at", lambda row: Moment(row[0].began_ns)),
            Column("", "host", lambda row: row[0].host or ""),
        ]
    elif report.apart:
        more = [Column("", "workspace", lambda row: row[1][0])]
    columns: list[Column[_InGroup]] = [
        Column("", report.by, lambda row: row[0].name),
        *more,
        Column("", "kind", lambda row: row[1][-2]),
        Column("", "slug", lambda row: row[1][-1]),
        Column("", "use_count", lambda row: row[2].uses),
        Column("", "resident_exposure_count", lambda row: row[2].exposures),
        Column("", "exposed_tokens_recorded", lambda row: row[2].tokens),
        Column("", "exposures_of_unknown_size", lambda row: row[2].unsized),
    ]
    rows = [(group, *its) for group in report.groups for its in sorted(group.records.items())]
    return Table(columns, rows)


def of_comparison(comparison: Comparison) -> AnyTable:
    """Return two windows side by side."""
    columns: list[Column[Compared]] = [
        Column("Record", "", lambda r: Name(r.kind, r.slug), right=False, whole=False),
        Column("", "kind", lambda r: r.kind),
        Column("", "slug", lambda r: r.slug),
    ]
    for heading, name, figure in (
        ("Uses", "use_count", "uses"),
        ("Exposed", "resident_exposure_count", "exposures"),
        ("Recorded", "exposed_tokens_recorded", "tokens"),
        ("", "exposures_of_unknown_size", "unsized"),
    ):
        columns += [
            Column(heading and f"{heading} A", f"{name}_a", _figure("first", figure)),
            Column(heading and "B", f"{name}_b", _figure("second", figure)),
        ]
    notes = [
        _side("A", comparison.first),
        _side("B", comparison.second),
        *words.gaps(comparison.first.report.basic, outside=False),
        RECORDED,
    ]
    return Table(columns, comparison.rows(), notes=notes)


def _figure(side: str, name: str) -> Callable[[Compared], int | None]:
    """What takes a figure of one side, which is not known of a side without evidence."""
    counts, figure = attrgetter(side), attrgetter(name)
    return lambda row: None if counts(row) is None else figure(counts(row))


def _side(letter: str, side: Side) -> str:
    name = quoted(side.name)
    report = side.report.basic
    since = ". ".join(filter(None, [words.since(report.evidence), words.origins(report)]))
    if not side.known:
        when = "ends before there is evidence" if side.begun else "is to come"
        return f"{letter} is {name}. It {when}: nothing is known of it. {since}"
    partly = " It begins before there is evidence." if side.partly else ""
    return f"{letter} is {name}.{partly} {since}"
