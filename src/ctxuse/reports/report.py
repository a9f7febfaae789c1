"""A tally → the figures people read. Pure: no clock, no disk.

The fields and the arithmetic of `UsageReportRecord` are those of docs/format.md §4, and
`UsageReport.to_json` is byte for byte what the reference prints.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from json import JSONEncoder
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

import msgspec
from msgspec.structs import replace

from ctxuse.counting.tally import MAX_SEGMENTS, RecordTally, Tally
from ctxuse.events import U64_MAX
from ctxuse.layout import RecordRef
from ctxuse.query import EVERYTHING, Query, Window
from ctxuse.reports.fields import (
    COUNT,
    COUNT_OR_NULL,
    TEXT,
    TIME_OR_NULL,
    Field,
    by_name,
    filled,
    list_of,
    or_null,
    plain,
)
from ctxuse.reports.tokens import TokenFigures, kinds_shown
from ctxuse.times import instant, known_time
from ctxuse.zones import UTC, Zone

if TYPE_CHECKING:
    from whenever import Instant


FOR_PROGRAMS = frozenset({"json", "json-full", "csv"})
"""Forms that programs read."""


class UsageReportRecord(msgspec.Struct, frozen=True):
    """The evidence on one record.

    Attributes:
        kind: The record's kind.
        slug: Its name within the kind.
        use_count: Times it was explicitly read.
        last_used_at_ns: When it was last read, in nanoseconds since the epoch; None if never.
        source_breakdown: Uses by source, sorted by name.
        resident_exposure_count: Times it was in a context because it is resident.
        estimated_tokens_per_injection: The size estimate of the last exposure in file order, in
            tokens; 0 when there was none.
        estimated_total_resident_exposure_tokens: The two before multiplied, at most 2^64-1.
        size_known: Whether there was an exposure and the size of the record at the last one is
            known. If not, the two estimates are 0 and mean nothing.
        resident: The tokens that entered by its being resident; the reference's estimates beside
            them are of the whole file.
        read: The tokens that entered by its being read.
    """

    kind: str
    slug: str
    use_count: int
    last_used_at_ns: int | None
    source_breakdown: Mapping[str, int]
    resident_exposure_count: int
    estimated_tokens_per_injection: int
    estimated_total_resident_exposure_tokens: int
    size_known: bool = True
    resident: TokenFigures = TokenFigures()
    read: TokenFigures = TokenFigures()

    @property
    def basic(self) -> Self:
        """Itself: what records of fuller reports have beside what is theirs alone."""
        return self

    @property
    def file_tokens_each(self) -> int | None:
        """`estimated_tokens_per_injection`, None where it means nothing."""
        return self.estimated_tokens_per_injection if self.size_known else None

    @property
    def file_tokens_total(self) -> int | None:
        """`estimated_total_resident_exposure_tokens`, None where it means nothing."""
        return self.estimated_total_resident_exposure_tokens if self.size_known else None

    @property
    def last_used_at(self) -> "Instant | None":
        """When it was last read, as a `whenever.Instant`; None if never."""
        return None if self.last_used_at_ns is None else instant(self.last_used_at_ns)

    def fields(self) -> dict[str, object]:
        """Return the fields as the JSON report names, orders and writes them."""
        return filled(RECORD_FIELDS, self)


RECORD_FIELDS: Sequence[Field[UsageReportRecord]] = (
    Field("kind", TEXT, lambda r: r.kind),
    Field("slug", TEXT, lambda r: r.slug),
    Field("use_count", COUNT, lambda r: r.use_count),
    Field("last_used_at", TIME_OR_NULL, lambda r: known_time(r.last_used_at_ns)),
    Field("source_breakdown", by_name(COUNT), lambda r: dict(r.source_breakdown)),
    Field("resident_exposure_count", COUNT, lambda r: r.resident_exposure_count),
    Field("estimated_tokens_per_injection", COUNT, lambda r: r.estimated_tokens_per_injection),
    Field(
        "estimated_total_resident_exposure_tokens", COUNT,
        lambda r: r.estimated_total_resident_exposure_tokens,
    ),
)  # fmt: skip
"""A record as the JSON report names, orders and writes it."""


def without_evidence(ref: RecordRef, fields: Sequence[Field[Any]]) -> dict[str, object]:
    """Return the object of a record that is in no event: unknown, which is not zero."""
    return dict.fromkeys(field.name for field in fields) | {"kind": ref.kind, "slug": str(ref.slug)}


class Evidence(msgspec.Struct, frozen=True):
    """What a report rests on.

    Attributes:
        events: Events counted.
        blank: Blank lines.
        pending: Last lines that somebody may still be writing: not counted yet.
        skipped: Lines that could not be counted, by reason.
        since_ns: The earliest time of an event, in nanoseconds since the epoch; None without any.
        until_ns: The latest.
        segments: Distinct segments; None when there are more than `at_least_segments`.
        at_least_segments: Up to here segments are counted exactly.
        query: What was asked for.
        outside: Events of the log that were not.
        log_since_ns: The earliest time of an event of the whole log.
    """

    events: int = 0
    blank: int = 0
    pending: int = 0
    skipped: Mapping[str, int] = msgspec.field(default_factory=dict)
    since_ns: int | None = None
    until_ns: int | None = None
    segments: int | None = 0
    at_least_segments: int = MAX_SEGMENTS
    query: Query = EVERYTHING
    outside: int = 0
    log_since_ns: int | None = None

    @property
    def window(self) -> Window:
        """From when on, and up to but without when, events were counted."""
        return self.query.window

    @property
    def zone(self) -> Zone:
        """The time zone in which people are shown its times."""
        return self.query.zone

    @property
    def of_part(self) -> bool:
        """Whether only a part of the events was counted, or other days than those of UTC."""
        return not self.query.counts_everything or self.zone != UTC

    @property
    def skipped_lines(self) -> int:
        """Lines that could not be counted, for whatever reason."""
        return sum(self.skipped.values())

    def fields(self) -> dict[str, object]:
        """Return it as JSON holds it."""
        return filled(EVIDENCE_FIELDS, self)


EVIDENCE_FIELDS: Sequence[Field[Evidence]] = (
    Field("events", COUNT, lambda e: e.events),
    Field("since", TIME_OR_NULL, lambda e: known_time(e.since_ns)),
    Field("until", TIME_OR_NULL, lambda e: known_time(e.until_ns)),
    Field("log_since", TIME_OR_NULL, lambda e: known_time(e.log_since_ns)),
    Field("segments", COUNT_OR_NULL, lambda e: e.segments),
    Field("lines_not_counted", COUNT, lambda e: e.skipped_lines),
    Field(
        "window", plain({"since": TIME_OR_NULL, "until": TIME_OR_NULL}),
        lambda e: {"since": known_time(e.window.begin_ns), "until": known_time(e.window.end_ns)},
    ),
    Field("actors", or_null(list_of(TEXT)), lambda e: e.query.actors),
    Field("without_actors", list_of(TEXT), lambda e: e.query.without_actors),
    Field("events_outside", COUNT, lambda e: e.outside),
    Field("time_zone", TEXT, lambda e: e.zone.name),
)  # fmt: skip
"""What a report rests on, as JSON holds it."""


TEXT_COLUMNS = {
    "record": attrgetter("kind", "slug"),
    "kind": attrgetter("kind"),
    "slug": attrgetter("slug"),
}
"""What records are sorted by from A to Z, and what that takes from the figures of one."""

_NUMBER_COLUMNS: dict[str, Callable[[UsageReportRecord], int | None]] = {
    "uses": lambda r: r.use_count,
    "last-used": lambda r: r.last_used_at_ns,
    "resident": lambda r: r.resident.times,
    "tokens-each": lambda r: r.resident.each,
    "tokens": lambda r: r.resident.total,
    "tokens-read": lambda r: r.read.total,
}

COLUMNS = (*TEXT_COLUMNS, *_NUMBER_COLUMNS)
"""What a report can be sorted by."""

Of = TypeVar("Of")


def largest_first(rows: Iterable[Of], number: Callable[[Of], int | None]) -> list[Of]:
    """Return `rows` from the largest number to the smallest; those that have none come last.

    Args:
        rows: What is put in order; equal ones keep theirs.
        number: The number of one of them, or None.
    """
    found = [(number(row), row) for row in rows]
    known = [(value, row) for value, row in found if value is not None]
    known.sort(key=lambda one: -one[0])
    return [row for _, row in known] + [row for value, row in found if value is None]


def ordered(
    rows: Iterable[Of],
    column: str,
    numbers: Mapping[str, Callable[[Any], int | None]],
    figures: Callable[[Of], Any] = lambda row: row,
) -> list[Of]:
    """Return rows by a column: of `TEXT_COLUMNS` from A to Z, of `numbers` as `largest_first`.

    A column takes a row's `figures`. Equal rows keep their order.

    Raises:
        KeyError: There is no such column.
    """
    text = TEXT_COLUMNS.get(column)
    if text is not None:
        return sorted(rows, key=lambda row: text(figures(row)))
    number = numbers[column]
    return largest_first(rows, lambda row: number(figures(row)))


class Rows(NamedTuple):
    """Which records of a report are shown, and in which order: its reader's choice.

    Attributes:
        sort: One of `COLUMNS`. Texts run from A to Z; numbers and times run from the largest to the
            smallest, and records that have none come last. Equal ones keep their order.
        top: So many at most; all when None.
        resident: Only those that were resident.
        uses: Only those with so many uses; any number when None.
        no_use_since_ns: Only those without a use from this time on, in nanoseconds since the epoch.
    """

    sort: str = "record"
    top: int | None = None
    resident: bool = False
    uses: int | None = None
    no_use_since_ns: int | None = None

    def takes(self, record: UsageReportRecord) -> bool:
        """Whether a record is among them."""
        last, since = record.last_used_at_ns, self.no_use_since_ns
        return (
            (not self.resident or bool(record.resident.times))
            and (self.uses is None or record.use_count == self.uses)
            and (since is None or last is None or last < since)
        )

    def of(self, rows: Iterable[Of], figures: Callable[[Of], UsageReportRecord]) -> list[Of]:
        """Return those of `rows` that are shown, in order, but for `top`.

        Args:
            rows: What stands for records.
            figures: The figures that one of them has.

        Raises:
            KeyError: There is no such column.
        """
        chosen = (row for row in rows if self.takes(figures(row)))
        return ordered(chosen, self.sort, _NUMBER_COLUMNS, figures)


ALL_ROWS = Rows()
"""Every record, by kind and slug."""


class UsageReport(msgspec.Struct, frozen=True):
    """What the log of a workspace says of each record. Evidence, never a verdict.

    Attributes:
        records: One for every (kind, slug) of an event, sorted by both, by code point, unless
            otherwise chosen by `chosen`.
        evidence: What the figures rest on: since when, how many events, what was skipped.
        without_events: Records that are on disk and in no event, where they were asked for. Having
            no evidence is not evidence of disuse.
        outside: The (kind, slug) of records all of whose events lie outside the window.
        rows: Which records were chosen, and in which order they stand.
        not_chosen: How many others there are.
    """

    records: tuple[UsageReportRecord, ...]
    evidence: Evidence
    without_events: tuple[RecordRef, ...] = ()
    outside: frozenset[tuple[str, str]] = frozenset()
    rows: Rows = ALL_ROWS
    not_chosen: int = 0

    def to_json(self) -> str:
        """Return the report as the reference prints it, newline included.

        Records without events, where they were asked for, follow the others, their figures null.
        """
        rows = [record.fields() for record in self.records]
        rows += [without_evidence(ref, RECORD_FIELDS) for ref in self.without_events]
        rows = rows[: self.rows.top]
        return as_json({"records": rows})

    def of_kinds(self, kinds: Collection[str]) -> "UsageReport":
        """Return the part of the report that is about records of `kinds`."""
        kinds = {kinds} if isinstance(kinds, str) else kinds
        return replace(
            self,
            records=tuple(r for r in self.records if r.kind in kinds),
            without_events=tuple(r for r in self.without_events if r.kind in kinds),
            outside=frozenset(key for key in self.outside if key[0] in kinds),
        )

    def with_disk(self, on_disk: Iterable[RecordRef]) -> "UsageReport":
        """Return the report with those of `on_disk` that are in no event."""
        seen = {(record.kind, record.slug) for record in self.records} | self.outside
        return replace(self, without_events=tuple(r for r in on_disk if r not in seen))

    def chosen(self, rows: Rows) -> "UsageReport":
        """Return the report with the records that its reader chose.

        Those without events have no figure: they are shown where none is asked for.

        Raises:
            KeyError: There is no such column to sort by.
        """
        records = tuple(rows.of(self.records, lambda record: record))
        figures = rows.resident or rows.uses is not None or rows.no_use_since_ns is not None
        return replace(
            self,
            records=records,
            without_events=() if figures else self.without_events,
            rows=rows,
            not_chosen=len(self.records) - len(records),
        )


_to_json = JSONEncoder(ensure_ascii=False, indent=2).encode


def as_json(fields: object) -> str:
    """Return a report as JSON, as the reference writes it, newline included."""
    return _to_json(fields) + "\n"


def build_report(
    tally: Tally, query: Query = EVERYTHING, outside: Tally | None = None
) -> UsageReport:
    """Return the report over `tally`.

    Args:
        tally: The counts of what was asked for.
        query: What that was.
        outside: The counts of the other events, so that the report can say that there are some.
    """
    parts = [part.records for part in (tally, outside) if part]
    shown = kinds_shown((kind, one) for records in parts for (kind, _), one in records.items())
    records = tuple(
        report_record(kind, slug, record, shown)
        for (kind, slug), record in sorted(tally.records.items(), key=lambda item: item[0])
    )
    segments = tally.segments
    starts = [part.since_ns for part in (tally, outside) if part and part.since_ns is not None]
    evidence = Evidence(
        events=tally.events,
        blank=tally.blank,
        pending=tally.pending,
        skipped=dict(sorted(tally.skipped.items())),
        since_ns=tally.since_ns,
        until_ns=tally.until_ns,
        segments=None if segments is None else len(segments),
        query=query,
        outside=outside.events if outside else 0,
        log_since_ns=min(starts, default=None),
    )
    only = outside.records.keys() - tally.records.keys() if outside else ()
    return UsageReport(records, evidence, outside=frozenset(only))


def report_record(
    kind: str, slug: str, tally: RecordTally, shown: Collection[str]
) -> UsageReportRecord:
    """Return what a report says of one record; for `shown` see `kinds_shown`."""
    total = tally.last_exposure_tokens * tally.exposure_count
    sources = tally.sources
    return UsageReportRecord(
        kind=kind,
        slug=slug,
        use_count=tally.use_count,
        last_used_at_ns=tally.last_used_ns,
        source_breakdown=dict(sorted(sources.items())) if len(sources) > 1 else sources.copy(),
        resident_exposure_count=tally.exposure_count,
        estimated_tokens_per_injection=tally.last_exposure_tokens,
        estimated_total_resident_exposure_tokens=min(total, U64_MAX),
        size_known=tally.last_exposure_sized,
        resident=TokenFigures.of(
            tally.exposure_count if tally.exposure_count or kind in shown else None, tally.resident
        ),
        read=TokenFigures.of(tally.use_count, tally.read),
    )
