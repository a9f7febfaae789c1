"""The fuller report: the reference's figures and, beside them, what else the log says. Pure.

Every column has a unit and a rule; they stand in docs/format.md §6.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from ctxuse.fuller import UNKNOWN, Context, FullRecord, FullTally
from ctxuse.report import UsageReport, UsageReportRecord
from ctxuse.times import format_ns

LABELS = {"usage": "measured", "calibrated": "calibrated"}
"""What tokens are called by how they are known; a quarter of the bytes is *estimated*."""


class ContextFigures(msgspec.Struct, frozen=True):
    """What of a record entered contexts in one way, as far as that is known.

    Attributes:
        times: Times that it entered.
        times_known: Of these, how often its bytes are known.
        bytes: Their sum; None when they are never known.
        tokens: By label, how often tokens are known and their sum.
    """

    times: int
    times_known: int
    bytes: int | None
    tokens: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, context: Context) -> "ContextFigures":
        """Return the figures of a tally."""
        return cls(
            times=context.times,
            times_known=context.sized,
            bytes=context.bytes if context.sized else None,
            tokens={
                LABELS.get(label, label): (context.token_times[label], tokens)
                for label, tokens in sorted(context.tokens.items())
            },
        )

    def fields(self) -> dict[str, object]:
        """Return the figures as JSON names them."""
        return {
            "times": self.times,
            "times_known": self.times_known,
            "bytes": self.bytes,
            "tokens": {
                label: {"times_known": times, "tokens": tokens}
                for label, (times, tokens) in self.tokens.items()
            },
        }


class FullReportRecord(msgspec.Struct, frozen=True):
    """The fuller evidence on one record.

    Attributes:
        basic: The reference's figures.
        first_seen_ns: When it is first met in an event, in nanoseconds since the epoch.
        last_exposed_ns: When it was last resident; None if never.
        used_in: Segments it was read in; None when there are more than can be told apart.
        exposed_in: Segments it was resident in, likewise.
        recorded_tokens: The estimates of its exposures as recorded then, summed, in tokens; None
            when no exposure has a known size.
        unsized: Exposures whose size was not known.
        used: What of it entered by being read.
        exposed: What of it entered by being resident.
        hosts: Events by agent; the empty text stands for unknown.
        actors: Uses by whose doing it was, likewise.
        size_now: The size of its file now, in bytes; None when unknown or gone.
        gone: Whether it has no file now; None when that is not known.
    """

    basic: UsageReportRecord
    first_seen_ns: int
    last_exposed_ns: int | None
    used_in: int | None
    exposed_in: int | None
    recorded_tokens: int | None
    unsized: int
    used: ContextFigures
    exposed: ContextFigures
    hosts: Mapping[str, int]
    actors: Mapping[str, int]
    size_now: int | None = None
    gone: bool | None = None

    def fields(self) -> dict[str, object]:
        """Return all fields as the fuller JSON names them, the reference's first."""
        return {
            **self.basic.fields(),
            "first_seen_at": format_ns(self.first_seen_ns),
            "last_exposed_at": None
            if self.last_exposed_ns is None
            else format_ns(self.last_exposed_ns),
            "segments_used_in": self.used_in,
            "segments_exposed_in": self.exposed_in,
            "exposed_tokens_recorded": self.recorded_tokens,
            "exposures_of_unknown_size": self.unsized,
            "used_context": self.used.fields(),
            "exposed_context": self.exposed.fields(),
            "hosts": _named(self.hosts),
            "actors": _named(self.actors),
            "size_now_bytes": self.size_now,
            "gone": self.gone,
        }


class FullReport(msgspec.Struct, frozen=True):
    """What the log says of each record, in full. Evidence, never a verdict.

    Attributes:
        basic: The report with the reference's figures, its records in the same order.
        records: The fuller figures of the same records.
    """

    basic: UsageReport
    records: tuple[FullReportRecord, ...]

    def of_kinds(self, kinds: tuple[str, ...]) -> "FullReport":
        """Return the part of the report that is about records of `kinds`."""
        return self._following(self.basic.of_kinds(kinds))

    def sorted_by(self, column: str) -> "FullReport":
        """Return the report sorted by a column of the basic one."""
        return self._following(self.basic.sorted_by(column))

    def with_basic(self, basic: UsageReport) -> "FullReport":
        """Return the report with another basic one of the same records."""
        return self._following(basic)

    def with_files(
        self, size_now: Callable[[str, str], tuple[int | None, bool | None]]
    ) -> "FullReport":
        """Return the report with what `size_now` says of each kind and slug: size, and if gone."""
        records: list[FullReportRecord] = []
        for record in self.records:
            size, gone = size_now(record.basic.kind, record.basic.slug)
            records.append(replace(record, size_now=size, gone=gone))
        return replace(self, records=tuple(records))

    def fields(self) -> dict[str, object]:
        """Return the report as the fuller JSON holds it."""
        evidence = self.basic.evidence
        begin, end = evidence.window
        return {
            "evidence": {
                "events": evidence.events,
                "since": _time(evidence.since_ns),
                "until": _time(evidence.until_ns),
                "segments": evidence.segments,
                "lines_not_counted": evidence.skipped_lines,
                "window": {"since": _time(begin), "until": _time(end)},
                "events_outside": evidence.outside,
            },
            "records": [record.fields() for record in self.records],
        }

    def _following(self, basic: UsageReport) -> "FullReport":
        mine = {(r.basic.kind, r.basic.slug): r for r in self.records}
        return FullReport(basic, tuple(mine[record.kind, record.slug] for record in basic.records))


def build_full_report(basic: UsageReport, tally: FullTally) -> FullReport:
    """Return the fuller report over `tally`, beside the basic one of the same events."""
    records = [_record(record, tally.records[record.kind, record.slug]) for record in basic.records]
    return FullReport(basic, tuple(records))


def _record(basic: UsageReportRecord, tally: FullRecord) -> FullReportRecord:
    exposures = tally.exposed.times
    return FullReportRecord(
        basic=basic,
        first_seen_ns=tally.first_ns,
        last_exposed_ns=tally.last_exposed_ns,
        used_in=None if tally.used_in is None else len(tally.used_in),
        exposed_in=None if tally.exposed_in is None else len(tally.exposed_in),
        recorded_tokens=tally.recorded_tokens if exposures > tally.unsized else None,
        unsized=tally.unsized,
        used=ContextFigures.of(tally.used),
        exposed=ContextFigures.of(tally.exposed),
        hosts=dict(sorted(tally.hosts.items())),
        actors=dict(sorted(tally.actors.items())),
    )


def _named(counts: Mapping[str, int]) -> dict[str, int]:
    return {name if name != UNKNOWN else "unknown": count for name, count in counts.items()}


def _time(ns: int | None) -> str | None:
    return None if ns is None else format_ns(ns)
