"""From a query to a report: what of the log is read for it, and what is made of the counts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from ctxuse.codec.decode import Valid, check
from ctxuse.counting.checkpoint import count_logs
from ctxuse.counting.count import Accumulator, count
from ctxuse.counting.kinds import BASIC, DETAIL, LogTally, TallyKind
from ctxuse.counting.tally import Tally, segment_key
from ctxuse.counting.tuning import Reading
from ctxuse.layout import RecordRef, WorkspaceLayout
from ctxuse.log.reader import open_logs
from ctxuse.query import By, Query
from ctxuse.reports.full import FullReport, build_full_report
from ctxuse.reports.report import ALL_ROWS, Rows, UsageReport, build_report
from ctxuse.zones import UTC

if TYPE_CHECKING:
    from ctxuse.counting.asked import Counted
    from ctxuse.counting.segments import Segments
    from ctxuse.hosts.places import Places
    from ctxuse.reports.cost import CostReport, Prices
    from ctxuse.reports.fleet import FleetReport
    from ctxuse.reports.groups import Group, GroupedReport
    from ctxuse.reports.session import Costs, SessionReport


def make_report(layout: WorkspaceLayout, query: Query, reading: Reading) -> UsageReport:
    """Return the reference's figures.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    if query.counts_everything:
        return build_report(count_logs(layout, BASIC, reading).basic, query)
    (one,) = _asked(layout, BASIC, [query], reading)
    return build_report(one.tally.basic, query, one.outside)


def make_full_report(
    layout: WorkspaceLayout, query: Query, reading: Reading, *, days: bool = True
) -> FullReport:
    """Return the reference's figures and what is known beyond them.

    Where figures by `days` are not wanted, the zone matters only to how times are shown.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    counted = query if days else query._replace(zone=UTC)
    if counted.counts_everything and counted.zone == UTC:
        return _full(count_logs(layout, DETAIL, reading), Tally(), query)
    (one,) = _asked(layout, DETAIL, [counted], reading)
    return _full(one.tally, one.outside, query)


def make_full_reports(
    layout: WorkspaceLayout, queries: Sequence[Query], reading: Reading
) -> list[FullReport]:
    """Return the report of each of some queries.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    counted = _asked(layout, DETAIL, queries, reading)
    return [
        _full(one.tally, one.outside, query) for one, query in zip(counted, queries, strict=True)
    ]


def make_cost_report(
    layout: WorkspaceLayout,
    query: Query,
    reading: Reading,
    *,
    prices: "Prices | None" = None,
    window: int | None = None,
) -> "CostReport":
    """Return what the requests of a window came to, and how much of that is of which record.

    Whose uses count does not matter to it, and a window of time makes it read everything. For
    `prices` and `window` see `CostReport`.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    from ctxuse.counting.costs import cost_of_log  # noqa: PLC0415 - hashes, as no report needs
    from ctxuse.reports.cost import build_cost_report  # noqa: PLC0415 - only for costs

    query = query._replace(actors=None, without_actors=())
    cost = cost_of_log(layout, query.window, reading)
    return build_cost_report(cost, make_report(layout, query, reading), prices, window)


def make_costs(layout: WorkspaceLayout, query: Query, reading: Reading) -> "Costs":
    """Return what the requests of a window came to, and the latest session by itself.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    from ctxuse.reports.session import Costs, SessionReport  # noqa: PLC0415 - only for costs

    report = make_cost_report(layout, query, reading)
    latest = report.cost.latest
    session = None if latest is None else make_session_report(layout, latest[1])
    return Costs(report, session if isinstance(session, SessionReport) else None)


def make_session_report(layout: WorkspaceLayout, name: str) -> "SessionReport | list[str]":
    """Return what the log says of the one session or sub-agent whose id is `name`, or begins so.

    If several ids begin so, or none does, return these.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    from ctxuse.counting.segments import Segments  # noqa: PLC0415 - only for a session
    from ctxuse.log.naming import lines_naming  # noqa: PLC0415 - likewise
    from ctxuse.reports.session import build_session, meant  # noqa: PLC0415 - likewise

    segments, names = Segments(), set()
    for line in lines_naming(layout, [name]):
        found = check(line)
        if isinstance(found, Valid) and found.line.segment_id.startswith(name):
            segments.add_line(found)
            names.add(found.line.segment_id)
    of_it = meant(names, name)
    if len(of_it) != 1:
        return of_it
    key = segment_key(of_it[0])
    return replace(build_session(segments, key), segment=of_it[0])


def make_grouped_report(
    layout: WorkspaceLayout, query: Query, by: By, reading: Reading
) -> "GroupedReport":
    """Return the figures by something else than records; by segment and model all is read.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    from ctxuse.counting.segments import Segments  # noqa: PLC0415 - only for groups
    from ctxuse.reports.groups import (  # noqa: PLC0415 - likewise
        group_report,
        model_groups,
        segment_groups,
    )

    groups: Mapping[str, Group] | None = None
    if by in {"segment", "model"}:
        segments, requests = Segments(), Segments(only_requests=True)
        report = _with_segments(layout, query, reading, segments, requests)
        grouped = model_groups if by == "model" else segment_groups
        groups = grouped(segments, requests)
    else:
        report = make_full_report(layout, query, reading, days=by in {"day", "week"})
    return group_report(narrowed(report, query), by, groups)


def records_on_disk(report: UsageReport, places: "Places") -> Iterable[RecordRef]:
    """Return the records on disk that a report may list.

    Skills, instruction files and memories of agents outside the workspace are many and mostly of
    other projects: they are among them once there is an event of any such record.
    """
    from ctxuse.hosts.ondisk import on_disk  # noqa: PLC0415 - only for who lists the disk
    from ctxuse.hosts.recordfile import OTHER_KINDS  # noqa: PLC0415 - only for who lists the disk

    return on_disk(places, outside=any(record.kind in OTHER_KINDS for record in report.records))


R = TypeVar("R", UsageReport, FullReport, "FleetReport")


def narrowed(report: R, query: Query, rows: Rows = ALL_ROWS) -> R:
    """Return what of a report is shown last of all: of the kinds asked for, what `rows` chooses."""
    if query.kinds:
        report = report.of_kinds(query.kinds)
    return report if rows == ALL_ROWS else report.chosen(rows)


def _asked(
    layout: WorkspaceLayout, kind: TallyKind, queries: Sequence[Query], reading: Reading
) -> "list[Counted]":
    from ctxuse.counting.asked import count_asked  # noqa: PLC0415 - only of a part

    return count_asked(layout, kind, queries, reading)


def _with_segments(
    layout: WorkspaceLayout,
    query: Query,
    reading: Reading,
    segments: "Segments",
    requests: "Segments",
) -> FullReport:
    """Read the whole log once, and collect what entered each segment, and all requests."""
    tuning = reading.tuning
    one = Accumulator(DETAIL, query, also=[segments], tuning=tuning)
    for log in open_logs(layout):
        count(log, [one, requests], tuning=tuning, on_progress=reading.on_progress)
    return _full(one.tally, one.outside, query)


def _full(tally: LogTally, outside: Tally, query: Query) -> FullReport:
    return build_full_report(build_report(tally.basic, query, outside), tally.detail)
