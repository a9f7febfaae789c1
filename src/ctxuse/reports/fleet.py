"""The counts of many workspaces, and the report over them. Pure.

What one workspace gives is a `FleetTally`; two that stand for neighbouring stretches of the sorted
addresses merge into that of both. Merging is associative and `FleetTally()` is neutral, so neither
the division into batches nor the number of workers shows in a report. It counts nothing itself:
`ctxuse.counting.tally` and `ctxuse.counting.detail` do.
"""

from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter
from typing import Literal, NamedTuple, get_args

import msgspec
from msgspec.structs import replace

from ctxuse.counting.detail import Counts, DetailTally
from ctxuse.counting.kinds import BASIC, DETAIL, LogTally, TallyKind
from ctxuse.counting.sums import add_counts
from ctxuse.counting.tally import RecordTally, Tally
from ctxuse.query import EVERYTHING, Query
from ctxuse.reports.full import FullReport, build_full_report
from ctxuse.reports.groups import Group, GroupedReport, Key, group_report
from ctxuse.reports.report import (
    ALL_ROWS,
    Evidence,
    Rows,
    UsageReport,
    UsageReportRecord,
    build_report,
    report_record,
)
from ctxuse.reports.tokens import kinds_shown
from ctxuse.times import known_time
from ctxuse.zones import UTC

FleetBy = Literal["workspace", "host", "kind", "day"]
"""What a report over many workspaces can be grouped by."""

FLEET_BY: tuple[FleetBy, ...] = get_args(FleetBy)


class FleetQuery(msgspec.Struct, frozen=True):
    """What is asked of each workspace.

    Attributes:
        query: Which events count, and which days are counted.
        merge_records: Whether records of the same kind and slug are one, whichever workspace they
            are of.
        by: What to group by; None for a report by record.
        full: Whether the fuller figures are wanted, too; only of merged records and not by groups.
        distinct_ids: Whether events that several workspaces hold count with the first of them only.
    """

    query: Query = EVERYTHING
    merge_records: bool = False
    by: FleetBy | None = None
    full: bool = False
    distinct_ids: bool = False

    @property
    def kind(self) -> TallyKind:
        """What is counted."""
        return DETAIL if self.full or self.by is not None else BASIC

    @property
    def of_part(self) -> bool:
        """Whether only a part of the events is asked for, or days of another zone than UTC."""
        query = self.query
        return not query.counts_everything or (self.kind.has_detail and query.zone != UTC)


class SeenWorkspace(msgspec.Struct, frozen=True, array_like=True):
    """A workspace that was read.

    Attributes:
        address: Where it is, without what must not be shown.
        events: Events counted.
        not_counted: Lines that could not be counted, by reason.
        pending: Last lines that somebody may still be writing.
        since_ns: The earliest time of an event, in nanoseconds since the epoch; None without any.
        until_ns: The latest.
        repeated: Events left out because a workspace before it holds them, too.
        only_fleet: Whether only a report over many workspaces reads all of it: it is an address, or
            some of its log was collected.
    """

    address: str
    events: int
    not_counted: Mapping[str, int] = {}
    pending: int = 0
    since_ns: int | None = None
    until_ns: int | None = None
    repeated: int = 0
    only_fleet: bool = False

    def fields(self) -> dict[str, object]:
        """Return it as JSON holds it."""
        return {
            "address": self.address,
            "events": self.events,
            "lines_not_counted": dict(self.not_counted),
            "since": known_time(self.since_ns),
            "until": known_time(self.until_ns),
            **({"events_counted_elsewhere": self.repeated} if self.repeated else {}),
        }


class Unreadable(msgspec.Struct, frozen=True, array_like=True):
    """A place that could not be read.

    Attributes:
        address: Where it is, without what must not be shown.
        reason: What happened.
    """

    address: str
    reason: str

    def fields(self) -> dict[str, object]:
        """Return it as JSON holds it."""
        return {"address": self.address, "reason": self.reason}


class Apart(NamedTuple):
    """The counts of one record of one workspace.

    Attributes:
        workspace: The workspace's address.
        kind: The record's kind.
        slug: Its name within the kind.
        tally: Its counts.
    """

    workspace: str
    kind: str
    slug: str
    tally: RecordTally


class FleetTally(msgspec.Struct):
    """What is known of some workspaces that follow one another in the order of their addresses.

    Attributes:
        whole: The counts of all of them together; its records are those of the same name joined,
            and there are none where they are kept apart.
        apart: The counts of each record of each workspace, where these are asked for.
        groups: By name, where groups are asked for.
        full: The fuller counts of merged records, where they are asked for.
        seen: The workspaces that were read.
        unreadable: Those that could not be.
        rest: The counts of events that are not asked for; like `whole` without records that are
            kept apart.
        outside: Of these, where records are kept apart, those all of whose events are not.
        holders: In how many workspaces each record is, where those of the same name are joined.
    """

    whole: Tally = msgspec.field(default_factory=Tally)
    apart: list[Apart] = []
    groups: dict[str, Group] = {}
    full: DetailTally = msgspec.field(default_factory=DetailTally)
    seen: list[SeenWorkspace] = []
    unreadable: list[Unreadable] = []
    rest: Tally = msgspec.field(default_factory=Tally)
    outside: list[Key] = []
    holders: dict[tuple[str, str], int] = {}

    def add(  # noqa: PLR0913 - what is known of a workspace
        self,
        address: str,
        counts: LogTally,
        asked: FleetQuery,
        *,
        outside: Tally | None = None,
        repeated: int = 0,
        only_fleet: bool = False,
    ) -> None:
        """Add a workspace whose address sorts behind all that were added.

        Args:
            address: Its address.
            counts: Its counts, with detail where `asked` needs it.
            asked: What is asked for.
            outside: The counts of its events that are not asked for.
            repeated: How many of its events are counted with a workspace before it.
            only_fleet: Whether only a report over many workspaces reads all of it.
        """
        basic = counts.basic
        self.seen.append(
            SeenWorkspace(
                address=address,
                events=basic.events,
                not_counted=dict(sorted(basic.skipped.items())),
                pending=basic.pending,
                since_ns=basic.since_ns,
                until_ns=basic.until_ns,
                repeated=repeated,
                only_fleet=only_fleet,
            )
        )
        if asked.full:
            self.full.merge(counts.detail)
        if asked.by is not None:
            self._merge_groups(_groups(address, counts, asked, asked.by))
        if asked.merge_records or asked.by is not None:
            self.whole.join(basic)
            self.rest.join(outside or Tally())
            add_counts(self.holders, dict.fromkeys(basic.records, 1))
            return
        self.whole.join(replace(basic, records={}))
        self.apart += [Apart(address, *key, record) for key, record in basic.records.items()]
        if outside is not None:
            self.rest.join(replace(outside, records={}))
            only = outside.records.keys() - basic.records.keys()
            self.outside += [(address, *key) for key in sorted(only)]

    def merge(self, later: "FleetTally") -> None:
        """Add what is known of workspaces whose addresses all sort behind ours."""
        self.whole.join(later.whole)
        self.apart += later.apart
        self._merge_groups(later.groups)
        self.full.merge(later.full)
        self.seen += later.seen
        self.unreadable += later.unreadable
        self.rest.join(later.rest)
        self.outside += later.outside
        add_counts(self.holders, later.holders)

    def _merge_groups(self, others: Mapping[str, Group]) -> None:
        for name, group in others.items():
            mine = self.groups.get(name)
            if mine is None:
                mine = self.groups[name] = Group(name)
            mine.merge(group)


class FleetRecord(msgspec.Struct, frozen=True):
    """The evidence on one record.

    Attributes:
        basic: Its figures.
        workspace: The address of its workspace; None where only one was read, and where records of
            the same name are one.
    """

    basic: UsageReportRecord
    workspace: str | None = None

    def fields(self) -> dict[str, object]:
        """Return the fields as JSON names and orders them."""
        where = {} if self.workspace is None else {"workspace": self.workspace}
        return {**where, **self.basic.fields()}


class FleetReport(msgspec.Struct, frozen=True):
    """What the logs of many workspaces say. Evidence, never a verdict.

    Attributes:
        records: The records, sorted by kind, slug and workspace.
        workspaces: The workspaces that were read, sorted by address.
        unreadable: The places that could not be, sorted by address.
        evidence: What the figures rest on, over all workspaces.
        grouped: The same by something else than records, where that was asked for.
        full: The fuller figures, where they were asked for.
        apart: Whether records of several workspaces stand side by side.
        outside: Records all of whose events are not in the part that was asked for.
        rows: Which records were chosen, and in which order they stand.
        not_chosen: How many others there are.
        holders: In how many workspaces each record is, where those of the same name are one.
    """

    records: tuple[FleetRecord, ...]
    workspaces: tuple[SeenWorkspace, ...]
    unreadable: tuple[Unreadable, ...]
    evidence: Evidence
    grouped: GroupedReport | None = None
    full: FullReport | None = None
    apart: bool = False
    outside: frozenset[Key] = frozenset()
    rows: Rows = ALL_ROWS
    not_chosen: int = 0
    holders: Mapping[tuple[str, str], int] = {}

    def of_kinds(self, kinds: Collection[str]) -> "FleetReport":
        """Return the part of the report that is about records of `kinds`."""
        return replace(
            self,
            records=tuple(record for record in self.records if record.basic.kind in kinds),
            grouped=self.grouped and self.grouped.of_kinds(kinds),
            full=self.full and self.full.of_kinds(kinds),
            outside=frozenset(key for key in self.outside if key[-2] in kinds),
        )

    def chosen(self, rows: Rows) -> "FleetReport":
        """Return the report with the records that its reader chose."""
        records = tuple(rows.of(self.records, lambda record: record.basic))
        return replace(
            self,
            records=records,
            full=self.full and self.full.chosen(rows),
            rows=rows,
            not_chosen=len(self.records) - len(records),
        )

    @property
    def basic(self) -> UsageReport:
        """The records' figures and what they rest on, without the workspaces."""
        outside = frozenset((kind, "/".join((*where, slug))) for *where, kind, slug in self.outside)
        records = tuple(record.basic for record in self.records)
        return UsageReport(records, self.evidence, (), outside, self.rows, self.not_chosen)

    @property
    def repeated(self) -> int:
        """Events that were left out because another workspace holds them, too."""
        return sum(workspace.repeated for workspace in self.workspaces)

    def fields(self) -> dict[str, object]:
        """Return the report as JSON holds it."""
        shown: dict[str, object]
        if self.full is not None:
            shown = self.full.fields()
        elif self.grouped is not None:
            groups = [group.fields() for group in self.grouped.groups]
            shown = {"by": self.grouped.by, "groups": groups}
        else:
            shown = {"records": [record.fields() for record in self.records[: self.rows.top]]}
        part = {"evidence": self.evidence.fields()} if self.evidence.of_part else {}
        return {
            **part,
            **shown,
            "workspaces": [workspace.fields() for workspace in self.workspaces],
            "unreadable": [place.fields() for place in self.unreadable],
        }


def build_fleet_report(
    tally: FleetTally, asked: FleetQuery, unreadable: Iterable[Unreadable] = ()
) -> FleetReport:
    """Return the report over `tally`; in places that are `unreadable` nothing was looked for."""
    whole = build_report(tally.whole, asked.query, tally.rest)
    several = len(tally.seen) > 1
    if asked.merge_records or asked.by is not None:
        records = [FleetRecord(record) for record in whole.records]
    else:
        shown = kinds_shown((one.kind, one.tally) for one in tally.apart)
        in_order = sorted(tally.apart, key=lambda one: (one.kind, one.slug, one.workspace))
        records = [
            FleetRecord(report_record(kind, slug, record, shown), address if several else None)
            for address, kind, slug, record in in_order
        ]
    places = {(place.address, place.reason): place for place in [*unreadable, *tally.unreadable]}
    return FleetReport(
        records=tuple(records),
        workspaces=tuple(sorted(tally.seen, key=attrgetter("address"))),
        unreadable=tuple(places[key] for key in sorted(places)),
        evidence=whole.evidence,
        grouped=_grouped(tally, asked, asked.by, whole) if asked.by else None,
        full=build_full_report(whole, tally.full) if asked.full else None,
        apart=several and not asked.merge_records and asked.by is None,
        outside=whole.outside | frozenset(tally.outside),
        holders=tally.holders if several and asked.by is None else {},
    )


def _grouped(
    tally: FleetTally, asked: FleetQuery, by: FleetBy, whole: UsageReport
) -> GroupedReport:
    several = len(tally.seen) > 1
    groups = [tally.groups[name] for name in sorted(tally.groups)]
    if not several:
        groups = [_without_workspaces(group) for group in groups]
    apart = several and not asked.merge_records and by != "workspace"
    return GroupedReport(by, tuple(groups), whole, {}, apart)


def _groups(address: str, tally: LogTally, asked: FleetQuery, by: FleetBy) -> dict[str, Group]:
    """The groups of one workspace, the records in them by what tells them apart."""
    report = build_full_report(build_report(tally.basic), tally.detail)
    if by == "workspace":
        totals: dict[Key, Counts] = {record.key: record.total for record in report.records}
        return {address: Group(address, totals)} if totals else {}
    found = group_report(report, by).groups
    if asked.merge_records:
        return {group.name: group for group in found}
    return {
        group.name: Group(group.name, {(address, *key): c for key, c in group.records.items()})
        for group in found
    }


def _without_workspaces(group: Group) -> Group:
    return Group(group.name, {key[-2:]: counts for key, counts in group.records.items()})
