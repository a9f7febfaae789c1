"""What happened in each segment: when which records entered, and when which requests were answered.

Strategy: what lines say of records repeats, so each different one (`Entry`) is held once, and an
event of a segment is three numbers: when, and which entry. A log of a million events takes 24 MB.
The order is that of the file; who joins events and requests sorts them by time, since blocks of
requests are written after what they are joined with, and imports come later than both.
"""

from array import array
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from ctxuse.codec.decode import (
    CountedLine,
    Valid,
    ValidLine,
    optional_text,
    requests_on,
    snapshots_on,
)
from ctxuse.counting.blocks import Block, ByTails, InFull, ns_of_head
from ctxuse.counting.tally import segment_key
from ctxuse.events import Requests, UsageEventKind, UsageRecordSnapshot
from ctxuse.log.reader import Line
from ctxuse.times import SECOND


class Entry(NamedTuple):
    """What an event says of records, whenever it happened.

    Attributes:
        is_use: Whether they were read; else they were resident.
        records: The records.
    """

    is_use: bool
    records: tuple[UsageRecordSnapshot, ...]


class StoredBlock(NamedTuple):
    """A block of requests, and when the first was answered, in nanoseconds since the epoch."""

    at_ns: int
    requests: Requests


class Segment:
    """One segment.

    Attributes:
        entered: When something entered, in seconds since the epoch and nanoseconds behind them, as
            nanoseconds of some years have no room, and the number of the entry; one after the
            other, in file order.
        blocks: Its requests, in file order.
        host: Its agent; None where no event says it.
        agent_type: What the host calls the kind of sub-agent, likewise.
    """

    __slots__ = ("agent_type", "blocks", "entered", "host")

    def __init__(self) -> None:
        self.entered = array("q")
        self.blocks: list[StoredBlock] = []
        self.host: str | None = None
        self.agent_type: str | None = None


class StoredSegment(msgspec.Struct, array_like=True):
    """A segment, as it is stored."""

    name: str
    host: str | None
    agent_type: str | None
    entered: list[tuple[int, bool, tuple[UsageRecordSnapshot, ...]]]
    blocks: list[StoredBlock]


class Segments:
    """Collects segments, from blocks and lines in the order of the file.

    Args:
        named: Only these, each by its key; all when None.
        only_requests: Whether what entered is passed over.

    Attributes:
        by_key: Each by its `segment_key`, the one that was met last at the end.
        entries: The different entries.
    """

    def __init__(self, named: frozenset[str] | None = None, *, only_requests: bool = False) -> None:
        self.by_key: dict[str, Segment] = {}
        self.entries: list[Entry] = []
        self._named = named
        self._only_requests = only_requests
        self._numbers: dict[Entry, int] = {}
        self._lines: list[ValidLine] = []
        self._of_lines: list[tuple[int, str | None]] = []

    @property
    def takes_in_full(self) -> bool:
        """Whether it takes blocks that are decoded line by line: it does."""
        return True

    def takes(self, block: Block) -> bool:  # noqa: ARG002 - it takes every one
        """Whether it can count `block` as a whole."""
        return True

    def add_block(self, block: Block) -> None:
        """Take in a block."""
        for found in block.of_requests:
            self.add_line(found)
        if self._only_requests:
            return
        if isinstance(block, InFull):
            for line, at_ns in zip(block.lines, block.times_ns, strict=True):
                self._add(line, at_ns)
        else:
            self._add_by_tails(block)

    def _add_by_tails(self, block: ByTails) -> None:
        self._learn(block.lines)
        heads = block.heads
        keys = {segment: segment_key(segment) for segment in dict.fromkeys(heads.segments)}
        named = self._named
        if named is not None and named.isdisjoint(keys.values()):
            return
        found = {segment: self._of(key) for segment, key in keys.items() if self._wants(key)}
        unnamed = {segment for segment, its in found.items() if its.host is None}
        names = block.names() if unnamed else ()
        for segment, (host, _) in zip(heads.segments, names, strict=False):
            if segment in unnamed:
                found[segment].host = found[segment].host or host or None
        of_lines = self._of_lines
        for segment, time, number in zip(heads.segments, heads.times, block.numbers, strict=True):
            its = found.get(segment)
            if its is not None:
                entry, agent_type = of_lines[number]
                its.entered.extend((*divmod(ns_of_head(time), SECOND), entry))
                its.agent_type = its.agent_type or agent_type

    def add_line(self, line: Line) -> None:
        """Take in a line, if it is an event."""
        if not isinstance(line, Valid):
            return
        requests = requests_on(line.line)
        if requests is None and not self._only_requests:
            self._add(line.line, line.at_ns)
        elif requests is not None and self._wants(key := segment_key(line.line.segment_id)):
            self._named_by(key, line.line).blocks.append(StoredBlock(line.at_ns, requests))

    def _add(self, line: CountedLine, at_ns: int) -> None:
        """Take in the event on a line."""
        key = segment_key(line.segment_id)
        if self._wants(key):
            entry = Entry(line.event is UsageEventKind.USE, snapshots_on(line))
            when = divmod(at_ns, SECOND)
            self._named_by(key, line).entered.extend((*when, self._number_of(entry)))

    def _named_by(self, key: str, line: CountedLine) -> Segment:
        """The segment of a line, which may name its agent and what kind of sub-agent it is."""
        segment = self._of(key)
        segment.host = segment.host or optional_text(line.host)
        segment.agent_type = segment.agent_type or optional_text(line.agent_type)
        return segment

    def flush(self) -> None:
        """Nothing is held."""

    def events(self, segment: Segment) -> Iterator[tuple[int, Entry]]:
        """Yield what entered a segment, with the time, in file order."""
        each = iter(segment.entered)
        for seconds, ns, number in zip(each, each, each, strict=True):
            yield seconds * SECOND + ns, self.entries[number]

    def stored(self, key: str) -> StoredSegment:
        """Return a segment as it is stored."""
        segment = self.by_key[key]
        entered = [(at_ns, *entry) for at_ns, entry in self.events(segment)]
        return StoredSegment(key, segment.host, segment.agent_type, entered, segment.blocks)

    def restore(self, stored: StoredSegment) -> None:
        """Take in a segment that was stored."""
        segment = self._of(stored.name)
        segment.host, segment.agent_type = stored.host, stored.agent_type
        segment.blocks = stored.blocks
        for at_ns, is_use, records in stored.entered:
            when = divmod(at_ns, SECOND)
            segment.entered.extend((*when, self._number_of(Entry(is_use, records))))

    def _wants(self, key: str) -> bool:
        return self._named is None or key in self._named

    def _of(self, key: str) -> Segment:
        found = self.by_key.pop(key, None) or Segment()
        self.by_key[key] = found
        return found

    def _learn(self, lines: list[ValidLine]) -> None:
        """Have the entry of each tail; its id, time and segment mean nothing."""
        if lines is not self._lines:
            self._lines = lines
            self._of_lines.clear()
        for line in lines[len(self._of_lines) :]:
            entry = Entry(line.event is UsageEventKind.USE, snapshots_on(line))
            self._of_lines.append((self._number_of(entry), optional_text(line.agent_type)))

    def _number_of(self, entry: Entry) -> int:
        number = self._numbers.setdefault(entry, len(self.entries))
        if number == len(self.entries):
            self.entries.append(entry)
        return number
