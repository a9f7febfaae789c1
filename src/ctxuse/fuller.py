"""Fuller figures than the reference's: the second tally, beside `ctxuse.tally`. Pure.

The same laws hold: a tally of lines 1…n merged with one of the lines behind them is the tally of
all, and `FullTally()` is neutral. Its times go by when things happened, not by file order, so
events that arrive late (imports, repairs) fall where they belong. It grows with the records and
with the segments each was met in, up to a bound.
"""

from collections.abc import Iterable

import msgspec

from ctxuse.events import UsageEvent, UsageEventKind, UsageRecordSnapshot
from ctxuse.tally import MAX_SEGMENTS, add_counts, latest, segment_key

UNKNOWN = ""
"""Stands for a host or an actor that an event does not name."""


class Context(msgspec.Struct):
    """What of a record entered contexts, as far as that is known.

    Attributes:
        times: Times that the record entered.
        sized: Of these, how often its bytes are known.
        bytes: Their sum.
        tokens: Sums of tokens by how they are known, ``usage`` or ``calibrated``.
        token_times: How often tokens are known, likewise.
    """

    times: int = 0
    sized: int = 0
    bytes: int = 0
    tokens: dict[str, int] = {}
    token_times: dict[str, int] = {}

    def add(self, record: UsageRecordSnapshot) -> None:
        """Count one time that a record entered."""
        self.times += 1
        if record.context_bytes is not None:
            self.sized += 1
            self.bytes += record.context_bytes
        if record.context_tokens is not None:
            label = record.tokens_from or UNKNOWN
            self.tokens[label] = self.tokens.get(label, 0) + record.context_tokens
            self.token_times[label] = self.token_times.get(label, 0) + 1

    def merge(self, other: "Context") -> None:
        """Add the counts of `other`."""
        self.times += other.times
        self.sized += other.sized
        self.bytes += other.bytes
        add_counts(self.tokens, other.tokens)
        add_counts(self.token_times, other.token_times)


class FullRecord(msgspec.Struct):
    """The fuller counts of one record.

    Attributes:
        first_ns: When it is first met in an event, in nanoseconds since the epoch.
        last_used_ns: When it was last read; None if never.
        last_exposed_ns: When it was last resident; None if never.
        sources: Uses by source.
        hosts: Events by host; `UNKNOWN` for those that name none.
        actors: Uses by actor, likewise.
        used_in: The segments it was read in; None once there were more than `MAX_SEGMENTS`.
        exposed_in: The segments it was resident in, likewise.
        recorded_tokens: The size estimates of its exposures as recorded then, summed, in tokens.
        unsized: Exposures whose size was not known.
        used: What of it entered by being read.
        exposed: What of it entered by being resident.
        size_ns: When the last event with a known size happened.
        size: Its file's size then, in bytes.
    """

    first_ns: int
    last_used_ns: int | None = None
    last_exposed_ns: int | None = None
    sources: dict[str, int] = {}
    hosts: dict[str, int] = {}
    actors: dict[str, int] = {}
    used_in: set[str] | None = msgspec.field(default_factory=set)
    exposed_in: set[str] | None = msgspec.field(default_factory=set)
    recorded_tokens: int = 0
    unsized: int = 0
    used: Context = msgspec.field(default_factory=Context)
    exposed: Context = msgspec.field(default_factory=Context)
    size_ns: int | None = None
    size: int | None = None

    def add(self, event: UsageEvent, record: UsageRecordSnapshot) -> None:
        """Count one record of one event."""
        at = event.occurred_at_ns
        self.first_ns = min(self.first_ns, at)
        add_counts(self.hosts, {event.host or UNKNOWN: 1})
        if event.event is UsageEventKind.USE:
            self.last_used_ns = latest(self.last_used_ns, at)
            add_counts(self.sources, {event.source.value: 1})
            add_counts(self.actors, {event.actor or UNKNOWN: 1})
            self.used_in = _united(self.used_in, [segment_key(event.segment_id)])
            self.used.add(record)
        else:
            self.last_exposed_ns = latest(self.last_exposed_ns, at)
            self.exposed_in = _united(self.exposed_in, [segment_key(event.segment_id)])
            self.exposed.add(record)
            if record.sized:
                self.recorded_tokens += record.file_tokens_estimate
            else:
                self.unsized += 1
        if record.sized and (self.size_ns is None or at >= self.size_ns):
            self.size_ns, self.size = at, record.file_bytes

    def merge(self, later: "FullRecord") -> None:
        """Add the counts of lines that stand later in the file."""
        self.first_ns = min(self.first_ns, later.first_ns)
        self.last_used_ns = latest(self.last_used_ns, later.last_used_ns)
        self.last_exposed_ns = latest(self.last_exposed_ns, later.last_exposed_ns)
        for mine, others in (
            (self.sources, later.sources),
            (self.hosts, later.hosts),
            (self.actors, later.actors),
        ):
            add_counts(mine, others)
        self.used_in = _united(self.used_in, later.used_in)
        self.exposed_in = _united(self.exposed_in, later.exposed_in)
        self.recorded_tokens += later.recorded_tokens
        self.unsized += later.unsized
        self.used.merge(later.used)
        self.exposed.merge(later.exposed)
        if later.size_ns is not None and (self.size_ns is None or later.size_ns >= self.size_ns):
            self.size_ns, self.size = later.size_ns, later.size


class FullTally(msgspec.Struct):
    """The fuller counts of a stretch of lines.

    Attributes:
        records: By (kind, slug).
    """

    records: dict[tuple[str, str], FullRecord] = {}

    def add(self, event: UsageEvent) -> None:
        """Count one event that stands after everything counted so far."""
        for record in event.records:
            key = (record.kind, record.slug)
            mine = self.records.get(key)
            if mine is None:
                mine = self.records[key] = FullRecord(event.occurred_at_ns)
            mine.add(event, record)

    def merge(self, later: "FullTally") -> None:
        """Add the tally of lines that stand later in the file. `later` is left as it was."""
        for key, record in later.records.items():
            mine = self.records.get(key)
            if mine is None:
                mine = self.records[key] = FullRecord(record.first_ns)
            mine.merge(record)


def _united(one: set[str] | None, other: Iterable[str] | None) -> set[str] | None:
    if one is None or other is None:
        return None
    one.update(other)
    return one if len(one) <= MAX_SEGMENTS else None
