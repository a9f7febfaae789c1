"""What is counted, and how counts of parts become the count of the whole. Pure.

A tally of the lines 1…n, merged with a tally of the lines n+1…m, is the tally of the lines 1…m:
`merge` is associative, `Tally()` is its neutral element, and order matters (the last exposure in
file order gives the size per injection). Everything that counts goes through here: whole logs,
parts of logs, many logs, which `join` adds up: between logs there is no file order, so there the
latest exposure by time gives the size. A tally grows with the distinct records, not with the
events.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from ctxuse.codec.decode import CountedLine
from ctxuse.counting.entered import Entered, tokens_of
from ctxuse.counting.sums import Key, Number, add_counts, earliest, latest
from ctxuse.events import UsageEvent, UsageEventKind

MAX_SEGMENTS = 4096
"""Distinct segments are counted exactly up to here; beyond, a tally only knows *more than*."""

LONGEST_KEY = 96
"""So long is a text at most that `segment_key` makes: two UUIDs and more."""


Countable = CountedLine | UsageEvent
"""An event: as it stands on a line, or as a value."""


class RecordTally(msgspec.Struct):
    """The counts of one record: the reference's, before the report's arithmetic, and what entered.

    Attributes:
        use_count: Times that it was read.
        last_used_ns: When last, in nanoseconds since the epoch.
        sources: Uses by source.
        exposure_count: Times that it was resident.
        last_exposure_tokens: The estimate of the whole file at the last exposure in file order.
        last_exposure_sized: Whether that is known.
        last_exposed_ns: The time of the latest exposure.
        resident: The tokens that entered by its being resident.
        read: The tokens that entered by its being read.
    """

    use_count: Number = 0
    last_used_ns: int | None = None
    sources: dict[str, Number] = {}
    exposure_count: Number = 0
    last_exposure_tokens: Number = 0
    last_exposure_sized: bool = False
    last_exposed_ns: int | None = None
    resident: Entered = msgspec.field(default_factory=Entered)
    read: Entered = msgspec.field(default_factory=Entered)

    def merge(self, later: "RecordTally") -> None:
        """Add the counts of lines that stand later in the file."""
        self._add(later, its_size=later.exposure_count > 0)

    def join(self, other: "RecordTally") -> None:
        """Add the counts of another log: the size is that of the log with the latest exposure.

        Of two of the same moment it is that of `other`.
        """
        at, mine = other.last_exposed_ns, self.last_exposed_ns
        self._add(other, its_size=at is not None and (mine is None or at >= mine))

    def _add(self, other: "RecordTally", *, its_size: bool) -> None:
        self.use_count += other.use_count
        self.last_used_ns = latest(self.last_used_ns, other.last_used_ns)
        add_counts(self.sources, other.sources)
        self.exposure_count += other.exposure_count
        self.last_exposed_ns = latest(self.last_exposed_ns, other.last_exposed_ns)
        self.resident.merge(other.resident)
        self.read.merge(other.read)
        if its_size:
            self.last_exposure_tokens = other.last_exposure_tokens
            self.last_exposure_sized = other.last_exposure_sized


class Tally(msgspec.Struct):
    """The counts of a stretch of lines.

    Attributes:
        records: By (kind, slug).
        events: Lines that are events.
        blank: Lines that are blank.
        pending: Last lines that are not finished and no event yet: neither counted nor skipped.
        skipped: Lines that are neither, by reason.
        since_ns: The earliest time of an event, in nanoseconds since the epoch.
        until_ns: The latest.
        segments: The distinct segment ids, long ones by their hash; None once there were more
            than `MAX_SEGMENTS`.
    """

    records: dict[Key, RecordTally] = {}
    events: Number = 0
    blank: Number = 0
    pending: Number = 0
    skipped: dict[str, Number] = {}
    since_ns: int | None = None
    until_ns: int | None = None
    segments: set[str] | None = msgspec.field(default_factory=set)

    def add(self, event: UsageEvent) -> None:
        """Count one event that stands after everything counted so far."""
        self.count(event, event.occurred_at_ns)
        self.saw_segments((event.segment_id,))

    def count(self, event: Countable, at_ns: int, times: int = 1) -> None:
        """Count an event that happened `times` times, at `at_ns` for the last time.

        Of its segments, and of the times before the last, `saw_segments` and `saw` are told.
        """
        self.events += times
        self.saw(at_ns)
        self._count_records(event, at_ns, times)

    def count_all(self, events: Sequence[Countable], times_ns: Sequence[int]) -> None:
        """Count events that follow one another, with the time of each; of segments, as `count`."""
        self.events += len(events)
        self.saw(min(times_ns))
        self.saw(max(times_ns))
        for event, at_ns in zip(events, times_ns, strict=True):
            self._count_records(event, at_ns, 1)

    def _count_records(self, event: Countable, at_ns: int, times: int) -> None:
        is_use = event.event is UsageEventKind.USE
        source = event.source._value_
        records = self.records
        for snapshot in event.records:
            key = (snapshot.kind, snapshot.slug)
            record = records.get(key)
            if record is None:
                record = records[key] = RecordTally()
            if is_use:
                record.use_count += times
                record.sources[source] = record.sources.get(source, 0) + times
                if record.last_used_ns is None or at_ns > record.last_used_ns:
                    record.last_used_ns = at_ns
            else:
                record.exposure_count += times
                record.last_exposure_tokens = snapshot.file_tokens_estimate
                record.last_exposure_sized = snapshot.sized
                if record.last_exposed_ns is None or at_ns > record.last_exposed_ns:
                    record.last_exposed_ns = at_ns
            tokens = tokens_of(snapshot, is_use=is_use)
            if tokens is not None:
                (record.read if is_use else record.resident).add(tokens, at_ns, times)

    def saw(self, at_ns: int) -> None:
        """Take note that there is an event at `at_ns`."""
        if self.since_ns is None or at_ns < self.since_ns:
            self.since_ns = at_ns
        if self.until_ns is None or at_ns > self.until_ns:
            self.until_ns = at_ns

    def saw_segments(self, segments: Iterable[str]) -> None:
        """Take note that there are events of `segments`."""
        self.segments = united(self.segments, map(segment_key, segments))

    def add_skipped(self, reason: str) -> None:
        """Count one line that is not an event."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def merge(self, later: "Tally") -> None:
        """Add the tally of lines that stand later in the file. `later` is left as it was."""
        self._add(later, RecordTally.merge)

    def join(self, other: "Tally") -> None:
        """Add the tally of another log; see `RecordTally.join`. `other` is left as it was.

        Associative as well, and `Tally()` is neutral to it; of exposures of one moment the order
        decides.
        """
        self._add(other, RecordTally.join)

    def _add(self, other: "Tally", add: Callable[[RecordTally, RecordTally], None]) -> None:
        for key, record in other.records.items():
            mine = self.records.get(key)
            if mine is None:
                mine = self.records[key] = RecordTally()
            add(mine, record)
        self.events += other.events
        self.blank += other.blank
        self.pending += other.pending
        add_counts(self.skipped, other.skipped)
        self.since_ns = earliest(self.since_ns, other.since_ns)
        self.until_ns = latest(self.until_ns, other.until_ns)
        self.segments = united(self.segments, other.segments)


def united(mine: set[str] | None, others: Iterable[str] | None) -> set[str] | None:
    """Add segments to those that were met; None once there are more than `MAX_SEGMENTS`."""
    if mine is None or others is None:
        return None
    mine.update(others)
    return mine if len(mine) <= MAX_SEGMENTS else None


def segment_key(segment_id: str) -> str:
    """Return a text of bounded length for `segment_id`, which may be of any length."""
    if len(segment_id) <= LONGEST_KEY:
        return segment_id
    import hashlib  # noqa: PLC0415 - only for unusual ids

    return "sha256:" + hashlib.sha256(segment_id.encode()).hexdigest()
