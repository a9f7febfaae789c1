"""What each report shows: its columns and what stands below them, said once for every form.

A figure of the report over records is one entry of `FULL`, which says what it is called and how it
looks in tables, in CSV and on the page. Pure.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ctxuse.counting.detail import Counts
from ctxuse.events import UsageSource
from ctxuse.query import UNNAMED
from ctxuse.render import words
from ctxuse.render.tables import (
    AnyTable,
    Bar,
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
from ctxuse.reports.full import ContextFigures, FullReport, FullReportRecord
from ctxuse.reports.report import UsageReport, UsageReportRecord
from ctxuse.reports.tokens import TokenFigures
from ctxuse.visible import Safe, visible
from ctxuse.zones import Zone

if TYPE_CHECKING:
    from ctxuse.reports.groups import Group, GroupedReport, Key

    _InGroup = tuple[Group, Key, Counts]

_NARROW = 90
_BROAD = 100
WIDE = 110
"""From this many columns on, a terminal is shown everything."""


def each_of(tokens: TokenFigures) -> Partial:
    """Return the tokens of the latest time of which they are known."""
    return Partial(tokens.each, 1, 1, (tokens.each_basis or "",))


def tokens_of(figures: Sequence[TokenFigures]) -> Partial:
    """Return the sum of tokens, of whatever times it is known."""
    known = [tokens for tokens in figures if tokens.total is not None]
    return Partial(
        sum(tokens.total or 0 for tokens in known) if known else None,
        sum(tokens.times_known for tokens in known),
        sum(tokens.times or 0 for tokens in figures),
        {basis for tokens in known for basis in tokens.by_basis},
    )


def times_of(figures: Sequence[TokenFigures]) -> int | None:
    """Return the sum of times; None where none is known."""
    known = [tokens.times for tokens in figures if tokens.times is not None]
    return sum(known) if known else None


def explained(records: Sequence[UsageReportRecord], zone: Zone) -> str:
    """Return what the headings of `basic_columns` mean; nothing where there is no record."""
    if not records:
        return ""
    figures = [record.resident for record in records]
    said = (
        f"Times are {visible(zone.name)}. Resident: times that it stood in a context without being"
        " read. Tokens each: what of it entered then, the latest known. Tokens: of all these times"
    )
    said += _how_known(figures)
    if any(tokens.times is None for tokens in figures):
        said += " A dash under Resident: nothing here would tell of records of that kind."
    return said


def _how_known(figures: Sequence[TokenFigures]) -> str:
    bases = {basis for tokens in figures for basis in tokens.by_basis}
    return tokens_explained(bases, partly=any(tokens_of([one]).is_part for one in figures))


def tokens_explained(bases: Collection[str], *, partly: bool, of: str = "the y times") -> str:
    """Return the end of a sentence that explains figures of tokens.

    Args:
        bases: How they are known.
        partly: Whether some are of a part only.
        of: A part of what.
    """
    said = f"; n of x of y: known of x of {of}" if partly else ""
    marks = words.marks_explained(bases)
    return f"{said}. {marks}." if marks else f"{said}."


def _without(report: UsageReport) -> list[Name]:
    return [Name(ref.kind, str(ref.slug)) for ref in report.without_events]


def of_report(report: UsageReport, safe: Safe, *, minutes: bool) -> AnyTable:
    """Return the reference's figures; times with their `minutes`, or days."""
    zone = report.evidence.zone
    columns = [*basic_columns(minutes=minutes, zone=zone.name), bars(report.records)]
    return Table(
        columns,
        report.records,
        _without(report),
        words.notes(report, safe),
        explained(report.records, zone),
        zone,
        dims=True,
        top=report.rows.top,
        sums=True,
    )


def bars(records: Sequence[UsageReportRecord]) -> Column[Any]:
    """Return the column of bars: the tokens of each record as a share of the most."""
    most = max([record.resident.total or 0 for record in records], default=0) or 1
    return Column(" ", "", lambda r: Bar((r.basic.resident.total or 0) / most), right=False)


def _many(number: int | None) -> Said:
    return Said("many" if number is None else words.count(number), number)


def _partial(context: ContextFigures) -> Partial:
    return Partial(context.bytes, context.times_known, context.times)


def _used(counts: Mapping[str, Counts]) -> ByName:
    return ByName({name: its.uses for name, its in counts.items()})


def _size(record: FullReportRecord) -> Said | int | None:
    return Said("gone", None) if record.gone else record.size_now


FULL: Sequence[Column[FullReportRecord]] = (
    Column("Record", "", lambda r: Name(r.basic.kind, r.basic.slug), right=False, whole=False),
    Column("", "kind", lambda r: r.basic.kind),
    Column("", "slug", lambda r: r.basic.slug),
    Column(
        "Uses", "use_count", lambda r: r.basic.use_count,
        OnPage("uses", "Uses", "Times that it was explicitly read. A search hit is not a use.",
               small=True),
        total=lambda rows: sum(row.basic.use_count for row in rows),
    ),
    Column(
        "in", "segments_used_in", lambda r: _many(r.used_in),
        OnPage("used-in", "in sessions",
               "Different sessions and sub-agents that read it.", more=True),
        least=WIDE,
    ),
    Column(
        "Last used", "last_used_at", lambda r: Moment(r.basic.last_used_at_ns),
        OnPage("last-used", "Last used", "The day of its last use.", "day"),
    ),
    Column(
        "Resident", "resident_exposure_count", lambda r: r.basic.resident.times,
        OnPage("resident", "Resident",
               "Times that it was in a context because it is resident."),
        total=lambda rows: times_of([row.basic.resident for row in rows]),
    ),
    Column(
        "in", "segments_exposed_in", lambda r: _many(r.exposed_in),
        OnPage("exposed-in", "in sessions",
               "Different sessions and sub-agents in which it was resident.", more=True),
        least=WIDE,
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
        "Tokens\neach", "tokens_each", lambda r: each_of(r.basic.resident),
        OnPage("tokens-each", "Tokens each",
               "Tokens that entered when it was resident, the latest known."),
        full="Tokens each",
    ),
    Column("", "tokens_each_basis", lambda r: r.basic.resident.each_basis),
    Column(
        "Tokens", "tokens", lambda r: tokens_of([r.basic.resident]),
        OnPage("tokens", "Tokens", "Tokens of all times resident, of so many as they are known.",
               small=True),
        whole=False, most=14,
        total=lambda rows: tokens_of([row.basic.resident for row in rows]),
    ),
    Column("", "tokens_times_known", lambda r: r.basic.resident.times_known),
    Column(
        "", "", lambda r: Days({day: counts.uses for day, counts in r.days.items()}),
        OnPage("uses-over-time", "Uses over time",
               "Uses by day, from the first day of the report on.", "bars"),
    ),
    Column(
        "Read", "tokens_read", lambda r: tokens_of([r.basic.read]),
        OnPage("tokens-read", "Tokens read", "Tokens that entered by its uses, where known.",
               more=True),
        whole=False, most=14,
        total=lambda rows: tokens_of([row.basic.read for row in rows]),
    ),
    Column("", "tokens_read_times_known", lambda r: r.basic.read.times_known),
    Column("", "exposed_tokens_recorded", lambda r: r.recorded_tokens),
    Column("", "estimated_tokens_per_injection", lambda r: r.basic.file_tokens_each),
    Column("", "estimated_total_resident_exposure_tokens", lambda r: r.basic.file_tokens_total),
    Column("", "exposures_of_unknown_size", lambda r: r.total.unsized),
    Column(
        "Bytes", "",
        lambda r: f"{_partial(r.used).text} / {_partial(r.exposed).text}", least=WIDE,
    ),
    Column(
        "", "used_context_bytes", lambda r: _partial(r.used),
        OnPage("context-used", "Bytes read",
               "Bytes that entered by its uses, where known.", more=True),
    ),
    Column("", "used_context_times_known", lambda r: r.used.times_known),
    Column(
        "", "exposed_context_bytes", lambda r: _partial(r.exposed),
        OnPage("context-resident", "Bytes resident",
               "Bytes that entered by its being resident, where known.",
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
        least=WIDE,
    ),
    Column(
        "", "hosts", lambda r: ByName({name: its.events for name, its in r.hosts.items()}),
        OnPage("agents", "Agents", "Events by agent.", "words"),
    ),
    Column(
        "", "actors", lambda r: _used(r.actors),
        OnPage("actors", "Read by", "Uses by whose doing they were.", "words", more=True),
    ),
    Column(
        "", "agent_types",
        lambda r: ByName({n: c.events for n, c in r.agents.items() if n != UNNAMED}),
        OnPage("sub-agents", "Sub-agents", "Events by kind of sub-agent.", "words", more=True),
    ),
    Column("", "gone", lambda r: r.gone),
    Column(
        "", "", lambda r: _used(r.sources),
        OnPage("sources", "Sources", "Uses by the way it was read.", "words", more=True),
    ),
)  # fmt: skip
"""The figures of a record, in the order in which people see them."""


def basic_columns(*, minutes: bool = False, zone: str = "") -> list[Column[Any]]:
    """Return the columns of the reference's figures, of whatever rows have these as `basic`."""
    figure: dict[str, Column[Any]] = {column.name: column for column in FULL}

    def source(name: str) -> Callable[[Any], int]:
        return lambda row: row.basic.source_breakdown.get(name, 0)

    return [
        FULL[0],
        *(figure[name] for name in ("kind", "slug", "use_count")),
        Column(
            "By source", "", lambda r: ByName(r.basic.source_breakdown),
            right=False, whole=False, most=42, least=WIDE,
        ),
        figure["last_used_at"]._replace(
            value=lambda r: Moment(r.basic.last_used_at_ns, minutes),
            right=False, full=f"Last used ({zone})",
        ),
        *(Column("", name, source(name)) for name in sorted(UsageSource)),
        figure["resident_exposure_count"],
        figure["estimated_tokens_per_injection"],
        figure["estimated_total_resident_exposure_tokens"],
        figure["tokens_each"],
        figure["tokens_each_basis"],
        figure["tokens"]._replace(whole=minutes, most=0 if minutes else 14),
        figure["tokens_times_known"],
    ]  # fmt: skip


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


def of_full(report: FullReport, safe: Safe, *, width: int | None = None) -> AnyTable:
    """Return the fuller figures; what a terminal of a `width` leaves out is said below."""
    zone = report.basic.evidence.zone
    figures = [tokens for r in report.records for tokens in (r.basic.resident, r.basic.read)]
    said = (
        f"Times are {visible(zone.name)}. in: so many {words.SEGMENTS}. Tokens each: what of it"
        " entered when it was resident, the latest known. Tokens: of all times resident. Read:"
        " tokens of its uses"
    )
    said += _how_known(figures) + (
        " Bytes: those that entered by being read and by being resident. Since: the first event."
        " Now: bytes of its file today."
    )
    agents = words.agents(report.hosts, safe)
    notes = [*words.notes(report.basic, safe), *([agents] if report.records else []), said]
    left = [column.heading for column in FULL if width is not None and column.least > width]
    if left:
        *others, last = dict.fromkeys(left)
        notes.append(f"From {WIDE} columns on, also {', '.join(others)} and {last}.")
    return Table(
        FULL,
        report.records,
        _without(report.basic),
        notes,
        zone=zone,
        csv_order=_CSV_ORDER,
        top=report.basic.rows.top,
        sums=True,
    )


def of_groups(report: "GroupedReport", safe: Safe) -> AnyTable:
    """Return a row for each group, for people."""
    least, narrow, wide = (_BROAD, _NARROW, WIDE) if report.by == "segment" else (0, 0, 0)
    columns: list[Column[Group]] = [
        Column(report.by.capitalize(), "", lambda g: g.name, right=False, whole=False),
        Column("Uses", "", lambda g: g.total.uses),
        Column("of", "", lambda g: g.used, least=least),
        Column("Resident", "", lambda g: g.total.exposures, least=narrow),
        Column("of", "", lambda g: g.exposed, least=least),
        Column("Tokens", "", lambda g: tokens_together([g.total]), total=_tokens_in),
    ]
    if report.by == "segment":
        columns += [
            Column(
                "Began", "", lambda g: Moment(g.began_ns, minutes=True), right=False, whole=False
            ),
            Column("Agent", "", lambda g: g.host or UNNAMED, right=False, whole=False, least=wide),
            Column("Requests", "", lambda g: None if g.requests is None else g.requests[0]),
            Column("Took in", "", lambda g: None if g.requests is None else g.requests[1]),
        ]
    zone = report.basic.evidence.zone
    total = tokens_together([group.total for group in report.groups])
    explained = "of: different records. "
    if report.by == "segment":
        explained += "Took in: tokens of all its requests, by its agent's account. "
    explained += "Tokens: of all times resident"
    explained += tokens_explained(total.bases, partly=total.is_part)
    if report.by in {"day", "week"}:
        explained += f" Days are those of {zone.name}; one without a row has no event."
    notes = [*words.notes(report.basic, safe), explained]
    return Table(columns, report.groups, notes=notes, zone=zone)


def _tokens_in(groups: "Sequence[Group]") -> Partial:
    return tokens_together([group.total for group in groups])


def tokens_together(counted: Sequence[Counts]) -> Partial:
    """Return the tokens of all times resident, of so many as they are known."""
    total = Counts()
    for counts in counted:
        total.merge(counts)
    return Partial(total.entered_tokens, total.entered_times, total.exposures, total.entered_bases)


def of_records_in_groups(report: "GroupedReport") -> AnyTable:
    """Return a row for each record in each group, for programs."""
    more: list[Column[_InGroup]] = []
    if report.by == "segment":
        more = [
            Column("", "began_at", lambda row: Moment(row[0].began_ns)),
            Column("", "host", lambda row: row[0].host or ""),
            Column("", "requests", lambda row: None if (n := row[0].requests) is None else n[0]),
            Column("", "input", lambda row: None if (n := row[0].requests) is None else n[1]),
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
        Column("", "tokens", lambda row: row[2].entered_tokens),
        Column("", "tokens_times_known", lambda row: row[2].entered_times),
    ]
    rows = [(group, *its) for group in report.groups for its in sorted(group.records.items())]
    return Table(columns, rows)
