"""The second tally: what is known beyond the reference's figures. Pure.

The laws of `ctxuse.counting.tally` hold: a tally of lines 1…n merged with one of the lines behind
them is the tally of all, and `DetailTally()` is neutral. Its times go by when things happened, not
by file order, so events that arrive late (imports, repairs) fall where they belong. It grows with
the records, with the days on which each was met, and with the segments each was met in, up to a
bound.
"""

from collections.abc import Iterable, Mapping
from heapq import nlargest
from operator import attrgetter
from typing import NamedTuple, TypeVar

import msgspec

from ctxuse.counting.entered import BASES, tokens_of
from ctxuse.counting.sums import Key, Number, latest
from ctxuse.counting.tally import segment_key, united
from ctxuse.events import UsageEvent, UsageEventKind, UsageRecordSnapshot
from ctxuse.zones import DAY

UNKNOWN = ""
"""Stands for a host or an actor that an event does not name."""

LAST_USES = 10
"""So many of a record's last uses are kept."""


class Counts(msgspec.Struct, array_like=True):
    """What happened to a record within something: a day, a host, a source, an actor.

    Attributes:
        uses: Times that it was read.
        exposures: Times that it was resident.
        recorded_tokens: The size estimates of its exposures as recorded then, summed, in tokens.
        unsized: Exposures whose size was not known; they are not in that sum.
        entered: The tokens that entered by its exposures, summed where known.
        entered_times: Exposures of which they are known.
        bases: How they are known: a bit for each of `BASES` by its place.
    """

    uses: Number = 0
    exposures: Number = 0
    recorded_tokens: Number = 0
    unsized: Number = 0
    entered: Number = 0
    entered_times: Number = 0
    bases: Number = 0

    def add(self, record: UsageRecordSnapshot, *, is_use: bool, times: int = 1) -> None:
        """Count one record of an event that happened `times` times."""
        if is_use:
            self.uses += times
            return
        self.exposures += times
        if record.sized:
            self.recorded_tokens += record.file_tokens_estimate * times
        else:
            self.unsized += times
        tokens = tokens_of(record, is_use=False)
        if tokens is not None:
            self.entered += tokens.number * times
            self.entered_times += times
            self.bases |= 1 << BASES.index(tokens.basis)

    def merge(self, other: "Counts") -> None:
        """Add the counts of `other`."""
        self.uses += other.uses
        self.exposures += other.exposures
        self.recorded_tokens += other.recorded_tokens
        self.unsized += other.unsized
        self.entered += other.entered
        self.entered_times += other.entered_times
        self.bases |= other.bases

    @property
    def tokens(self) -> int | None:
        """`recorded_tokens`; None when there were exposures and the size of none is known."""
        return None if self.exposures and self.unsized == self.exposures else self.recorded_tokens

    @property
    def entered_bases(self) -> list[str]:
        """How the tokens that entered are known, of `BASES`."""
        return [basis for bit, basis in enumerate(BASES) if self.bases >> bit & 1]

    @property
    def entered_tokens(self) -> int | None:
        """`entered`; None when there were exposures and of none the tokens are known."""
        return None if self.exposures and not self.entered_times else self.entered

    @property
    def events(self) -> int:
        """Uses and exposures."""
        return self.uses + self.exposures


class Context(msgspec.Struct):
    """The bytes of a record that entered contexts, as far as they are known.

    Attributes:
        times: Times that the record entered.
        sized: Of these, how often its bytes are known.
        bytes: Their sum.
    """

    times: Number = 0
    sized: Number = 0
    bytes: Number = 0

    def add(self, record: UsageRecordSnapshot, times: int = 1) -> None:
        """Count so many times that a record entered."""
        self.times += times
        if record.context_bytes is not None:
            self.sized += times
            self.bytes += record.context_bytes * times

    def merge(self, other: "Context") -> None:
        """Add the counts of `other`."""
        self.times += other.times
        self.sized += other.sized
        self.bytes += other.bytes


class Use(NamedTuple):
    """One time that a record was read.

    Attributes:
        at_ns: When, in nanoseconds since the epoch.
        source: The way it entered.
        segment: The segment's id, a long one by its hash.
        host: The agent; `UNKNOWN` where it is not known.
        actor: Whose doing it was, likewise.
        context_bytes: Bytes that entered; None where that is not known.
    """

    at_ns: int
    source: str
    segment: str
    host: str
    actor: str
    context_bytes: Number | None


class Size(NamedTuple):
    """The size that a record's file had.

    Attributes:
        at_ns: When, in nanoseconds since the epoch.
        bytes: Its size then.
    """

    at_ns: int
    bytes: Number


class DetailRecord(msgspec.Struct):
    """The fuller counts of one record.

    Attributes:
        first_ns: When it is first met in an event, in nanoseconds since the epoch.
        last_used_ns: When it was last read; None if never.
        last_exposed_ns: When it was last resident; None if never.
        total: All of its uses and exposures.
        days: The same by day, in days since 1970-01-01.
        sources: The same by source.
        hosts: The same by host; `UNKNOWN` for those that name none.
        actors: The same by actor, likewise.
        agents: The same by kind of sub-agent, as its host names it; `UNKNOWN` for those that name
            none, of agents and users, too.
        used_in: The segments it was read in; None once there were more than `MAX_SEGMENTS`.
        exposed_in: The segments it was resident in, likewise.
        used: What of it entered by being read.
        exposed: What of it entered by being resident.
        sizes: The last size that is known of each day.
        last_uses: Its latest uses, the last first, `LAST_USES` of them.
    """

    first_ns: int
    last_used_ns: int | None = None
    last_exposed_ns: int | None = None
    total: Counts = msgspec.field(default_factory=Counts)
    days: dict[int, Counts] = {}
    sources: dict[str, Counts] = {}
    hosts: dict[str, Counts] = {}
    actors: dict[str, Counts] = {}
    agents: dict[str, Counts] = {}
    used_in: set[str] | None = msgspec.field(default_factory=set)
    exposed_in: set[str] | None = msgspec.field(default_factory=set)
    used: Context = msgspec.field(default_factory=Context)
    exposed: Context = msgspec.field(default_factory=Context)
    sizes: dict[int, Size] = {}
    last_uses: list[Use] = []

    def add(self, event: UsageEvent, record: UsageRecordSnapshot, day: int) -> None:
        """Count one record of one event that happened on `day`."""
        at = event.occurred_at_ns
        segment = segment_key(event.segment_id)
        host, actor = segment_key(event.host or UNKNOWN), segment_key(event.actor or UNKNOWN)
        self.count(event, record, day, host, actor)
        self.saw(event, record, day, at)
        is_use = event.event is UsageEventKind.USE
        met_in = self.used_in if is_use else self.exposed_in
        if met_in is not None and segment not in met_in:
            self.saw_segments(event, (segment,))
        if is_use and (len(self.last_uses) < LAST_USES or at > self.last_uses[-1].at_ns):
            use = Use(at, event.source.value, segment, host, actor, record.context_bytes)
            self.add_uses([use])

    def count(  # noqa: PLR0913, PLR0917 - what a use or an exposure is counted by
        self,
        event: UsageEvent,
        record: UsageRecordSnapshot,
        day: int,
        host: str,
        actor: str,
        times: int = 1,
    ) -> None:
        """Count one record of an event of one day, host and actor that happened `times` times."""
        is_use = event.event is UsageEventKind.USE
        one = Counts()
        one.add(record, is_use=is_use, times=times)
        for counts, name in (
            (self.sources, event.source._value_),
            (self.hosts, host),
            (self.actors, actor),
            (self.agents, segment_key(event.agent_type or UNKNOWN)),
        ):
            _of(counts, name).merge(one)
        _of(self.days, day).merge(one)
        self.total.merge(one)
        (self.used if is_use else self.exposed).add(record, times)

    def saw(self, event: UsageEvent, record: UsageRecordSnapshot, day: int, at_ns: int) -> None:
        """Take note of when one record of an event was met, on one day for the last time."""
        if event.event is UsageEventKind.USE:
            self.last_used_ns = latest(self.last_used_ns, at_ns)
        else:
            self.last_exposed_ns = latest(self.last_exposed_ns, at_ns)
        if record.sized:
            self._add_size(day, Size(at_ns, record.file_bytes))

    def saw_segments(self, event: UsageEvent, segments: Iterable[str]) -> None:
        """Take note of segments, long ones by their hash, in which a record of an event was met."""
        if event.event is UsageEventKind.USE:
            self.used_in = united(self.used_in, segments)
        else:
            self.exposed_in = united(self.exposed_in, segments)

    def merge(self, later: "DetailRecord") -> None:
        """Add the counts of lines that stand later in the file."""
        self.first_ns = min(self.first_ns, later.first_ns)
        self.last_used_ns = latest(self.last_used_ns, later.last_used_ns)
        self.last_exposed_ns = latest(self.last_exposed_ns, later.last_exposed_ns)
        self.total.merge(later.total)
        merge_counts(self.days, later.days)
        merge_counts(self.sources, later.sources)
        merge_counts(self.hosts, later.hosts)
        merge_counts(self.actors, later.actors)
        merge_counts(self.agents, later.agents)
        self.used_in = united(self.used_in, later.used_in)
        self.exposed_in = united(self.exposed_in, later.exposed_in)
        self.used.merge(later.used)
        self.exposed.merge(later.exposed)
        for day, size in later.sizes.items():
            self._add_size(day, size)
        self.add_uses(later.last_uses)

    def _add_size(self, day: int, size: Size) -> None:
        known = self.sizes.get(day)
        if known is None or size.at_ns >= known.at_ns:
            self.sizes[day] = size

    def add_uses(self, later: list[Use]) -> None:
        """Keep the latest; of those of one moment those that stand first in the file.

        Args:
            later: Uses that stand later in the file, in its order or the last first.
        """
        if later:
            self.last_uses = nlargest(LAST_USES, [*self.last_uses, *later], key=attrgetter("at_ns"))


class DetailTally(msgspec.Struct):
    """The fuller counts of a stretch of lines.

    Attributes:
        records: By (kind, slug).
    """

    records: dict[Key, DetailRecord] = {}

    def add(self, event: UsageEvent, day: int | None = None) -> None:
        """Count one event that stands after everything counted so far.

        Args:
            event: The event.
            day: The day it happened on, in days since 1970-01-01; None takes that of UTC.
        """
        if day is None:
            day = event.occurred_at_ns // DAY
        for record in event.records:
            self.of(record, event.occurred_at_ns).add(event, record, day)

    def of(self, record: UsageRecordSnapshot, at_ns: int) -> DetailRecord:
        """Return the counts of the record that `record` is of, which was met at `at_ns`."""
        key = (record.kind, record.slug)
        mine = self.records.get(key)
        if mine is None:
            mine = self.records[key] = DetailRecord(at_ns)
        mine.first_ns = min(mine.first_ns, at_ns)
        return mine

    def merge(self, later: "DetailTally") -> None:
        """Add the tally of lines that stand later in the file. `later` is left as it was."""
        for key, record in later.records.items():
            mine = self.records.get(key)
            if mine is None:
                mine = self.records[key] = DetailRecord(record.first_ns)
            mine.merge(record)


Name = TypeVar("Name", int, str)


def merge_counts(mine: dict[Name, Counts], others: Mapping[Name, Counts]) -> None:
    """Add the counts of `others` to `mine`, name by name."""
    for name, counts in others.items():
        _of(mine, name).merge(counts)


def _of(counts: dict[Name, Counts], name: Name) -> Counts:
    found = counts.get(name)
    if found is None:
        found = counts[name] = Counts()
    return found
