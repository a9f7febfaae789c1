"""The report by day, week, segment, host, model and the like instead of by record. Pure.

Every figure is a sum of the records' own, so groups and report say the same. Days and weeks are
those of the report's time zone.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from ctxuse.counting.cost import Request, requests_of
from ctxuse.counting.detail import Counts
from ctxuse.counting.segments import Entry, Segment, Segments
from ctxuse.counting.sums import earliest, latest
from ctxuse.query import BY, UNNAMED, By
from ctxuse.reports.fields import (
    COUNT,
    COUNT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    TIME,
    Field,
    fields_of_part,
    filled,
    list_of,
    plain,
    properties,
    ref,
)
from ctxuse.reports.full import FullReport, FullReportRecord
from ctxuse.reports.report import UsageReport
from ctxuse.times import known_time
from ctxuse.zones import day_text, week_text

Key = tuple[str, ...]
"""A record: its kind and its slug, over several workspaces behind the address of its own."""


COUNT_FIELDS: Sequence[Field[Counts]] = (
    Field("use_count", COUNT, lambda c: c.uses),
    Field("resident_exposure_count", COUNT, lambda c: c.exposures),
    Field("exposed_tokens_recorded", COUNT_OR_NULL, lambda c: c.tokens),
    Field("exposures_of_unknown_size", COUNT, lambda c: c.unsized),
    Field("tokens", COUNT_OR_NULL, lambda c: c.entered_tokens),
    Field("tokens_times_known", COUNT, lambda c: c.entered_times),
)
"""Counts as JSON names them."""


class Group(msgspec.Struct):
    """What happened in one day, segment, agent or the like.

    Attributes:
        name: Its name.
        records: The counts of each record in it, by its `Key`.
        began_ns: Its first event, in nanoseconds since the epoch; only of segments.
        ended_ns: Its last event, likewise.
        host: Its agent, where known; only of segments.
        requests: What is known of its requests; only of segments: how many there were, and how many
            tokens they took in. None where nothing is known.
    """

    name: str
    records: dict[Key, Counts] = {}
    began_ns: int | None = None
    ended_ns: int | None = None
    host: str | None = None
    requests: tuple[int, int] | None = None

    @property
    def total(self) -> Counts:
        """The counts of all records together."""
        total = Counts()
        for counts in self.records.values():
            total.merge(counts)
        return total

    @property
    def used(self) -> int:
        """How many different records were read."""
        return sum(1 for counts in self.records.values() if counts.uses)

    @property
    def exposed(self) -> int:
        """How many different records were resident."""
        return sum(1 for counts in self.records.values() if counts.exposures)

    def fields(self) -> dict[str, object]:
        """Return the group as JSON holds it."""
        return filled(GROUP_FIELDS, self)

    def merge(self, other: "Group") -> None:
        """Add the counts of `other`, a group of the same name of another log."""
        for key, counts in other.records.items():
            _counts(self, key).merge(counts)


class GroupedReport(msgspec.Struct, frozen=True):
    """What the log says by something else than records. Evidence, never a verdict.

    Attributes:
        by: What it is grouped by: one of `By`, over several workspaces also ``workspace``.
        groups: The groups: days, weeks and segments by time, others by name.
        basic: The report of the same events by record, for what it rests on.
        evidence: The same as JSON holds it.
        apart: Whether records are told apart by their workspaces, too.
    """

    by: str
    groups: tuple[Group, ...]
    basic: UsageReport
    evidence: Mapping[str, object]
    apart: bool = False

    def of_kinds(self, kinds: Collection[str]) -> "GroupedReport":
        """Return the part of the report that is about records of `kinds`."""
        groups = tuple(_of_records(self.groups, lambda key: key[-2] in kinds))
        return replace(self, groups=groups, basic=self.basic.of_kinds(kinds))

    def fields(self) -> dict[str, object]:
        """Return the report as JSON holds it."""
        return filled(GROUPED_FIELDS, self)


def _record(key: Key, counts: Counts) -> dict[str, object]:
    *workspace, kind, slug = key
    where = {"workspace": workspace[0]} if workspace else {}
    return {**where, "kind": kind, "slug": slug, **filled(COUNT_FIELDS, counts)}


def _of_requests(which: int) -> Callable[[Group], object]:
    """Takes a figure of the requests of a segment; other groups have none."""

    def value(group: Group) -> object:
        if group.began_ns is None:
            return UNSET
        return None if group.requests is None else group.requests[which]

    return value


GROUP_FIELDS: Sequence[Field[Group]] = (
    Field("name", TEXT, lambda g: g.name),
    Field("host", TEXT_OR_NULL, lambda g: UNSET if g.began_ns is None else g.host, optional=True),
    Field("began_at", TIME, lambda g: known_time(g.began_ns) or UNSET, optional=True),
    Field("ended_at", TIME, lambda g: known_time(g.ended_ns) or UNSET, optional=True),
    Field("requests", COUNT_OR_NULL, _of_requests(0), optional=True),
    Field("input", COUNT_OR_NULL, _of_requests(1), optional=True),
    Field("records_used", COUNT, lambda g: g.used),
    Field("records_exposed", COUNT, lambda g: g.exposed),
    *fields_of_part("total", COUNT_FIELDS),
    Field(
        "records", list_of(plain({"kind": TEXT, "slug": TEXT, **properties(COUNT_FIELDS)})),
        lambda g: [_record(*item) for item in sorted(g.records.items())],
    ),
)  # fmt: skip
"""A group as JSON holds it; what only segments have is left out of others."""

GROUPED_FIELDS: Sequence[Field[GroupedReport]] = (
    Field("evidence", ref("Evidence"), lambda r: dict(r.evidence)),
    Field("by", {"enum": [*BY]}, lambda r: r.by),
    Field("groups", list_of(ref("Group")), lambda r: [group.fields() for group in r.groups]),
)
"""The report as JSON holds it."""


def segment_groups(segments: Segments, requests: Segments) -> dict[str, Group]:
    """Return the counts of each segment, by its key: what entered, and its `requests`."""
    groups: dict[str, Group] = {}
    for key, segment, asked in _with_requests(segments, requests):
        known = (len(asked), sum(request.input for request in asked)) if asked else None
        group = groups[key] = Group(key, host=segment.host, requests=known)
        for at_ns, entry in segments.events(segment):
            group.began_ns = earliest(group.began_ns, at_ns)
            group.ended_ns = latest(group.ended_ns, at_ns)
            _add(group, entry)
    return groups


def model_groups(segments: Segments, requests: Segments) -> dict[str, Group]:
    """Return the counts of each model, by its name: of the request that something entered with.

    Behind the last request of a segment that is its model, too. `requests` are those of the same
    segments.
    """
    groups: dict[str, Group] = {}
    for _, segment, asked in _with_requests(segments, requests):
        times = [request.at_ns for request in asked]
        for at_ns, entry in segments.events(segment):
            place = min(bisect_left(times, at_ns), len(times) - 1)
            name = (asked[place].model if asked else None) or UNNAMED
            _add(groups.setdefault(name, Group(name)), entry)
    return groups


def _with_requests(
    segments: Segments, requests: Segments
) -> Iterator[tuple[str, Segment, list[Request]]]:
    """Yield each segment in which something entered, behind its key, and its requests, by time."""
    for key, segment in segments.by_key.items():
        asked = requests.by_key.get(key)
        yield key, segment, [] if asked is None else requests_of(asked)


def _add(group: Group, entry: Entry) -> None:
    for record in entry.records:
        _counts(group, (record.kind, record.slug)).add(record, is_use=entry.is_use)


def group_report(
    report: FullReport, by: By, groups: Mapping[str, Group] | None = None
) -> GroupedReport:
    """Return a report by something else than records.

    To group by segment or model it takes the counts of each, by name, of the same events: `groups`.
    """
    if groups is None:
        found: dict[str, Group] = {}
        for record in report.records:
            for name, counts in _PARTS[by](record):
                _counts(found.setdefault(name, Group(name)), record.key).merge(counts)
    else:
        keys = {record.key for record in report.records}
        found = {group.name: group for group in _of_records(groups.values(), keys.__contains__)}
    ordered = sorted(found.values(), key=lambda group: (group.began_ns or 0, group.name))
    return GroupedReport(by, tuple(ordered), report.basic, report.evidence())


_Parts = Callable[[FullReportRecord], Iterable[tuple[str, Counts]]]

_PARTS: dict[By, _Parts] = {
    "day": lambda record: ((day_text(day), counts) for day, counts in record.days.items()),
    "week": lambda record: ((week_text(day), counts) for day, counts in record.days.items()),
    "source": lambda record: record.sources.items(),
    "host": lambda record: record.hosts.items(),
    "actor": lambda record: record.actors.items(),
    "agent-type": lambda record: record.agents.items(),
    "kind": lambda record: ((record.basic.kind, record.total),),
}


def _of_records(groups: Iterable[Group], wanted: Callable[[Key], bool]) -> Iterator[Group]:
    """Yield groups with those records only that are wanted, and those only that have some."""
    for group in groups:
        records = {key: counts for key, counts in group.records.items() if wanted(key)}
        if records:
            yield replace(group, records=records)


def _counts(group: Group, key: Key) -> Counts:
    found = group.records.get(key)
    if found is None:
        found = group.records[key] = Counts()
    return found
