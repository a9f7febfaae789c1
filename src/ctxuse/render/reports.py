"""What each report shows: its columns and what stands below them, said once for every form.

A figure of the report over records is one entry of `FULL`, which says what it is called and how it
looks in tables, in CSV and on the page. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from msgspec.structs import replace

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
    as_csv,
    as_markdown,
    markdown_cell,
)
from ctxuse.reports.comparison import Comparison, Side
from ctxuse.reports.comparison import Row as Compared
from ctxuse.reports.fleet import FleetRecord, FleetReport
from ctxuse.reports.full import ContextFigures, FullReport, FullReportRecord
from ctxuse.reports.groups import Group, GroupedReport, Key
from ctxuse.reports.report import UsageReport, UsageReportRecord, as_json
from ctxuse.visible import quoted, visible

Report = UsageReport | FullReport | GroupedReport | Comparison | FleetReport

WIDE = 110
"""From this many columns on, a terminal is shown everything."""

MOST_ROWS = 2_000
"""So many rows a table of a fleet has on a terminal: more take minutes, and nobody reads them."""

_MOST_SAID = 10
"""So many places that could not be read are named below a table."""

_RECORDED = "Recorded: tokens of all exposures as estimated when they happened."


def shown(report: Report, form: str, *, width: int = 80, color: bool = False) -> str:
    """Return a report in a form.

    Args:
        report: The report.
        form: ``table``, ``csv``, ``markdown`` or one of JSON.
        width: Columns of the terminal, for a table.
        color: Whether a table may have colors.
    """
    if form.startswith("json"):
        return report.to_json() if isinstance(report, UsageReport) else as_json(report.fields())
    table = table_of(report, form, width)
    match form:
        case "csv":
            return as_csv(table)
        case "markdown":
            return as_markdown(table)
        case _:
            from ctxuse.render.terminal import as_text  # noqa: PLC0415 - only for this form

            return as_text(table, width=width, color=color)


def beside(report: Report, form: str) -> list[str]:
    """Return what a form for programs leaves out, for stderr."""
    if form not in {"json", "json-full", "csv"}:
        return []
    match report:
        case UsageReport():
            return words.gaps(report)
        case Comparison():
            return words.gaps(report.first.report.basic, outside=False)
        case FleetReport():
            return [*not_counted(report), *words.gaps(without_skipped(report))]
        case _:
            return words.gaps(report.basic)


def table_of(report: Report, form: str, width: int) -> AnyTable:
    """Return what a report shows in a form, for a terminal of `width` columns."""
    match report:
        case UsageReport():
            return _of_report(report, minutes=form == "markdown" or width >= WIDE)
        case FullReport():
            return _of_full(report, narrow=form == "table" and width < WIDE)
        case GroupedReport():
            return _of_records_in_groups(report) if form == "csv" else _of_groups(report)
        case Comparison():
            return _of_comparison(report)
        case FleetReport():
            return _of_fleet(report, form)


def _basic_columns(
    of: Callable[[Any], UsageReportRecord], *, minutes: bool = False, zone: str = ""
) -> list[Column[Any]]:
    """The reference's figures, of whatever `of` takes them from."""

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


def _explained(report: UsageReport) -> str:
    return (
        f"Times are {visible(report.evidence.zone.name)}. Exposed: times resident in a context."
        " Each: estimated tokens of the record at its last exposure, a quarter of its bytes. Total:"
        " both multiplied."
        if report.records
        else ""
    )


def _without(report: UsageReport) -> list[Name]:
    return [Name(ref.kind, str(ref.slug)) for ref in report.without_events]


def _of_report(report: UsageReport, *, minutes: bool) -> AnyTable:
    zone = report.evidence.zone
    return Table(
        _basic_columns(lambda r: r, minutes=minutes, zone=zone.name),
        report.records,
        _without(report),
        words.notes(report),
        _explained(report),
        zone,
        dims=True,
    )


def _many(number: int | None) -> Said:
    return Said("many" if number is None else words.count(number), number)


def _partial(context: ContextFigures) -> Partial:
    return Partial(context.bytes, context.times_known, context.times)


def _used(counts: Mapping[str, Counts]) -> ByName:
    return ByName({name: its.uses for name, its in counts.items()})


def _recorded(record: FullReportRecord) -> int | None:
    return record.recorded_tokens


def _size(record: FullReportRecord) -> Said | int | None:
    return Said("gone", None) if record.gone else record.size_now


def _first_seen(record: FullReportRecord) -> Moment:
    return Moment(record.first_seen_ns)


FULL: Sequence[Column[FullReportRecord]] = (
    Column("Record", "", lambda r: Name(*r.key), right=False, whole=False),
    Column("", "kind", lambda r: r.basic.kind),
    Column("", "slug", lambda r: r.basic.slug),
    Column(
        "Uses", "use_count", lambda r: r.basic.use_count,
        OnPage("uses", "Uses", "Times that it was explicitly read. A search hit is not a use."),
    ),
    Column(
        "in", "", lambda r: _many(r.used_in),
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
    Column("", "segments_used_in", lambda r: r.used_in),
    Column(
        "Exposed", "resident_exposure_count", lambda r: r.basic.resident_exposure_count,
        OnPage("exposures", "Resident",
               "Times that it was in a context because it is resident."),
    ),
    Column(
        "in", "", lambda r: _many(r.exposed_in),
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
    Column("", "segments_exposed_in", lambda r: r.exposed_in),
    Column(
        "Recorded", "", _recorded,
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
    Column("", "exposed_tokens_recorded", _recorded),
    Column("", "exposures_of_unknown_size", lambda r: r.total.unsized),
    Column(
        "Context", "",
        lambda r: f"{_partial(r.used).text} / {_partial(r.exposed).text}", least=WIDE,
    ),
    Column("Since", "first_seen_at", _first_seen, least=WIDE),
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
        "", "", _first_seen,
        OnPage("first-seen", "First seen", "The day of its first event.", "day", more=True),
    ),
    Column(
        "Now", "", _size,
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
    Column("", "size_now_bytes", lambda r: r.size_now),
    Column("", "gone", lambda r: r.gone),
    Column(
        "", "", lambda r: _used(r.sources),
        OnPage("sources", "Sources", "Uses by the way it was read.", "words", more=True),
    ),
)  # fmt: skip
"""The figures of a record. One that CSV has elsewhere than people do has two entries."""


def _of_full(report: FullReport, *, narrow: bool) -> AnyTable:
    zone = report.basic.evidence.zone
    said = (
        f"Times are {visible(zone.name)}. in: distinct segments. {_RECORDED} Context: bytes that"
        " entered by being read and by being resident, where known. Since: the first event. Now:"
        " bytes of its file today."
    )
    agents = f"Agents: {words.listed([*map(visible, report.hosts)])}"
    notes = [*words.notes(report.basic), *([agents] if report.records else []), said]
    if narrow:
        hidden = [column.heading for column in FULL if column.least]
        notes.append(f"From {WIDE} columns on, also {' and '.join(hidden)}.")
    return Table(FULL, report.records, _without(report.basic), notes, zone=zone)


def _of_groups(report: GroupedReport) -> AnyTable:
    """A row for each group, for people."""
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
    explained = f"of: different records. {_RECORDED}"
    if report.by in {"day", "week"}:
        explained += f" Days are those of {zone.name}; one without a row has no event."
    notes = [*words.notes(report.basic), explained]
    return Table(columns, report.groups, notes=notes, zone=zone)


_InGroup = tuple[Group, Key, Counts]


def _of_records_in_groups(report: GroupedReport) -> AnyTable:
    """A row for each record in each group, for programs."""
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


def _of_comparison(comparison: Comparison) -> AnyTable:
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
        _RECORDED,
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


def _of_fleet(report: FleetReport, form: str) -> AnyTable:
    basic = without_skipped(report)
    table: AnyTable
    if report.grouped is not None:
        grouped = replace(report.grouped, basic=basic)
        table = _of_records_in_groups(grouped) if form == "csv" else _of_groups(grouped)
        said = list(table.notes)
    else:
        columns = [
            column._replace(full="", whole=column.right)
            for column in _basic_columns(lambda r: r.basic)
            if column.heading != "By source"
        ]
        if report.apart:
            columns = [_WORKSPACE, *columns]
        table = Table(columns, report.records, zone=basic.evidence.zone)
        said = words.notes(basic)
        said[1:1] = filter(None, [_explained(basic)])
    safe = markdown_cell if form == "markdown" else visible
    number = words.plural(len(report.workspaces), "workspace")
    notes = [*said[:1], f"From {number}", *not_counted(report, safe), *said[1:]]
    if form == "table" and len(table.rows) > MOST_ROWS:
        more = words.plural(len(table.rows) - MOST_ROWS, "more row")
        options = "--kind chooses" if report.grouped is not None else "--sort and --kind choose"
        notes.insert(0, f"And {more}: --format csv and json have all, {options}")
        table = table._replace(rows=table.rows[:MOST_ROWS])
    return table._replace(notes=notes)


_WORKSPACE: Column[FleetRecord] = Column(
    "Workspace", "workspace", lambda r: r.workspace or "", right=False, whole=False
)


def without_skipped(report: FleetReport) -> UsageReport:
    """Return the figures as a report that leaves to `not_counted` what could not be counted."""
    evidence = replace(report.basic.evidence, skipped={})
    return replace(report.basic, evidence=evidence)


def not_counted(report: FleetReport, safe: Callable[[str], str] = visible) -> list[str]:
    """Return what of many workspaces is not in the figures; `safe` makes foreign text safe."""
    said = []
    if report.repeated:
        events = words.plural(report.repeated, "event")
        said.append(f"{events} held by several workspaces: counted with the first of them only")
    skipped = [one for one in report.workspaces if one.not_counted]
    if skipped:
        lines = words.plural(sum(sum(one.not_counted.values()) for one in skipped), "line")
        where = words.listed([safe(one.address) for one in skipped])
        said.append(f"{lines} could not be counted, in {where}")
    if report.unreadable:
        places = words.plural(len(report.unreadable), "place")
        named = [f"{safe(p.address)}: {safe(p.reason)}" for p in report.unreadable[:_MOST_SAID]]
        more = len(report.unreadable) - len(named)
        named += [f"and {more:,} more (--format json lists them)"] if more else []
        said += [f"{places} could not be read, and nothing of them is counted:", *named]
    return said
