"""What counts blocks and lines into a tally.

Strategy: of a block only what is different is looked at. Its lines are numbered by their tails
(`ctxuse.counting.blocks`), so a fold adds up how often each number came, and tells its tally once
for each: of *n* lines of one tail, `Tally.count` is called once with *n*.

Invariants: a tally is that of its lines one by one, whichever way they came. What a block holds
reaches the tally at the next `flush` only, so a single line is told after a flush: then all that
stands before it has been counted. Where the order in the file decides (the size of the last
exposure; which of two uses of one moment comes first) the place of a line among those held decides
when they are handed on.
"""

from collections import Counter, defaultdict
from heapq import nlargest
from operator import itemgetter
from typing import Protocol

from ctxuse.codec.batch import Heads
from ctxuse.codec.decode import Valid, ValidLine, event_of
from ctxuse.counting.blocks import Block, ByTails, DaysOf, InFull, ns_of_head
from ctxuse.counting.detail import LAST_USES, DetailTally, Use
from ctxuse.counting.tally import Tally, segment_key
from ctxuse.counting.tuning import USUAL, Tuning
from ctxuse.events import UsageEvent, UsageEventKind
from ctxuse.log.reader import BlankLine, Line, PendingLine, SkippedLine
from ctxuse.zones import UTC, Zone


class Fold(Protocol):
    """Counts blocks and lines, in the order of the file, into the tally that it was made for."""

    def takes(self, block: Block) -> bool:
        """Whether it can count `block` as a whole; if not, it is told its lines."""
        ...

    def add_block(self, block: Block) -> None:
        """Count a block that it takes."""
        ...

    def add_line(self, line: Line) -> None:
        """Count a line; whoever tells it has it `flush` before."""
        ...

    def flush(self) -> None:
        """Have everything in the tally that was counted."""
        ...


class BasicFold:
    """Counts the reference's figures, and the lines that are no events."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._lines: list[ValidLine] = []
        self._counts: Counter[int] = Counter()
        self._place: dict[int, int] = {}
        self._latest: dict[int, bytes] = {}
        self._counted = 0
        self._last_time = b""

    def takes(self, block: Block) -> bool:  # noqa: ARG002 - it takes every one
        """Whether it can count `block` as a whole."""
        return True

    def add_line(self, line: Line) -> None:
        """Count a line."""
        match line:
            case Valid(fields, _, at_ns) if not fields.is_of_requests:
                self._tally.count(fields, at_ns)
                self._tally.saw_segments((fields.segment_id,))
            case SkippedLine():
                self._tally.add_skipped(line.reason.value)
            case BlankLine():
                self._tally.blank += 1
            case PendingLine():
                self._tally.pending += 1

    def add_block(self, block: Block) -> None:
        """Count a block."""
        if isinstance(block, InFull):
            self.flush()
            self._tally.count_all(block.lines, block.times_ns)
            self._tally.saw_segments({line.segment_id for line in block.lines})
            return
        if block.lines is not self._lines:
            self.flush()
            self._lines = block.lines
        self._count(block.numbers, block.heads)

    def flush(self) -> None:
        """Hand what was counted to the tally, in the order in which it stands in the file."""
        for number in sorted(self._counts, key=self._place.__getitem__):
            at_ns = ns_of_head(self._latest[number])
            self._tally.count(self._lines[number], at_ns, self._counts[number])
        self._counts.clear()
        self._place.clear()
        self._latest.clear()
        self._last_time = b""
        self._lines = []

    def _count(self, numbers: list[int], heads: Heads) -> None:
        times = heads.times
        self._counts.update(numbers)
        places = range(self._counted, self._counted + len(numbers))
        self._place.update(zip(numbers, places, strict=True))
        self._counted += len(numbers)
        ordered = sorted(times)
        for time in (ordered[0], ordered[-1]):
            self._tally.saw(ns_of_head(time))
        if times == ordered and times[0] >= self._last_time:
            self._latest.update(zip(numbers, times, strict=True))
        else:
            for number, time in zip(numbers, times, strict=True):
                if time > self._latest.get(number, b""):
                    self._latest[number] = time
        self._last_time = max(self._last_time, ordered[-1])
        self._tally.saw_segments(heads.distinct_segments())


_Names = tuple[str, str]
"""A host and an actor, empty where none is named."""

_Line = tuple[bytes, int, str, _Names, int]
"""Time, place among the lines counted here, segment, names, and the number of the tail.

Long texts stand there by their hashes, so that a bound by lines is one by bytes, too. The time has
no zeros at the end of its fraction: equal texts stand for equal times.
"""

_time, _place = itemgetter(0), itemgetter(1)


class DetailFold:
    """Counts detail: lines of one tail, day, host and actor at once.

    Args:
        tally: The tally.
        zone: The time zone that days are counted in.
        tuning: How much is held.
    """

    def __init__(self, tally: DetailTally, zone: Zone = UTC, tuning: Tuning = USUAL) -> None:
        self._tally = tally
        self._zone = zone
        self._days_of = DaysOf(zone, tuning.lines)
        self._tuning = tuning
        self._counted = self._flushed = 0
        self._lines: list[ValidLine] = []
        self._events: dict[int, UsageEvent] = {}
        self._begin()

    def _begin(self) -> None:
        self._counts: Counter[tuple[tuple[int, int], _Names]] = Counter()
        self._first: dict[int, bytes] = {}
        self._last: dict[tuple[int, int], tuple[bytes, int]] = {}
        self._met: set[tuple[int, str]] = set()
        self._uses: defaultdict[int, list[_Line]] = defaultdict(list)

    def takes(self, block: Block) -> bool:
        """Whether it can count `block` as a whole, and that pays."""
        return isinstance(block, ByTails) and block.variety <= self._tuning.worth

    def add_line(self, line: Line) -> None:
        """Count a line, if it is an event."""
        if isinstance(line, Valid):
            self._tally.add(event_of(line), self._zone.day(line.at_ns))

    def add_block(self, block: Block) -> None:
        """Count a block."""
        assert isinstance(block, ByTails)  # noqa: S101 - it takes no others
        if block.lines is not self._lines or self._counted - self._flushed > self._tuning.lines:
            self.flush()
        self._learn(block)
        lines = self._by_time(block)
        times, places, segments, names, numbers = zip(*lines, strict=True)
        keys = list(zip(numbers, self._days_of(times), strict=True))
        self._counts.update(zip(keys, names, strict=True))
        self._met.update(zip(numbers, segments, strict=True))
        for number, time in dict(zip(reversed(numbers), reversed(times), strict=True)).items():
            self._first[number] = min(time, self._first.get(number, time))
        moments = zip(times, places, strict=True)
        for key, last in dict(zip(keys, moments, strict=True)).items():
            if key not in self._last or last[0] >= self._last[key][0]:
                self._last[key] = last
        self._add_uses(lines)

    def _learn(self, block: ByTails) -> None:
        """Have the event of each tail; its id, time and segment mean nothing."""
        if block.lines is not self._lines:
            self._lines = block.lines
            self._events.clear()
        for number in set(block.numbers).difference(self._events):
            self._events[number] = event_of(Valid(block.lines[number], "", 0))

    def _by_time(self, block: ByTails) -> list[_Line]:
        """The lines of a block by time, those of one moment in the order of the file."""
        heads = block.heads
        times = [_shortest(time) for time in heads.times]
        places = range(self._counted, self._counted + len(times))
        self._counted += len(times)
        segments = {segment: segment_key(segment) for segment in heads.distinct_segments()}
        names = block.names()
        keys = {both: (segment_key(both[0]), segment_key(both[1])) for both in set(names)}
        lines = list(
            zip(
                times,
                places,
                [segments[segment] for segment in heads.segments],
                [keys[both] for both in names],
                block.numbers,
                strict=True,
            )
        )
        lines.sort(key=_time)  # mostly they are in order, which is quickly seen
        return lines

    def _add_uses(self, lines: list[_Line]) -> None:
        for line in lines:
            number = line[-1]
            if self._lines[number].event is UsageEventKind.USE:
                uses = self._uses[number]
                uses.append(line)
                if len(uses) > self._tuning.uses:
                    self._uses[number] = nlargest(LAST_USES, uses, key=_lateness)

    def flush(self) -> None:
        """Hand what was counted to the tally."""
        self._flushed = self._counted
        tally, events = self._tally, self._events
        first_ns = {number: ns_of_head(time) for number, time in self._first.items()}
        in_order = sorted(self._last.items(), key=lambda item: _place(item[1]))
        for (number, day), (time, _) in in_order:
            at_ns = ns_of_head(time)
            for record in events[number].records:
                tally.of(record, first_ns[number]).saw(events[number], record, day, at_ns)
        for ((number, day), (host, actor)), times in self._counts.items():
            for record in events[number].records:
                mine = tally.of(record, first_ns[number])
                mine.count(events[number], record, day, host, actor, times)
        segments: defaultdict[int, set[str]] = defaultdict(set)
        for number, segment in self._met:
            segments[number].add(segment)
        for number, keys in segments.items():
            for record in events[number].records:
                tally.of(record, first_ns[number]).saw_segments(events[number], keys)
        self._flush_uses()
        self._begin()
        self._lines, self._events = [], {}

    def _flush_uses(self) -> None:
        found: defaultdict[tuple[str, str], list[tuple[int, Use]]] = defaultdict(list)
        for number, lines in self._uses.items():
            event = self._events[number]
            latest = nlargest(LAST_USES, lines, key=_lateness)
            for record in event.records:
                for time, place, segment, (host, actor), _ in latest:
                    use = Use(
                        ns_of_head(time),
                        event.source.value,
                        segment,
                        host,
                        actor,
                        record.context_bytes,
                    )
                    found[record.kind, record.slug].append((place, use))
        for key, uses in found.items():
            uses.sort(key=itemgetter(0))
            self._tally.records[key].add_uses([use for _, use in uses])


def _shortest(time: bytes) -> bytes:
    return time.rstrip(b"0").rstrip(b".") if b"." in time else time


def _lateness(line: _Line) -> tuple[bytes, int]:
    """Of one moment, what stands first in the file counts as later."""
    return line[0], -line[1]
