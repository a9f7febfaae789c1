"""Blocks of lines of the usual shape, counted together for the fuller tally.

Lines of one tail, day, host and actor are counted at once. The tally is that of `FullTally.add`
line by line, whichever way a line goes.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from heapq import nlargest
from operator import itemgetter

from ctxuse.codec.decode import Valid, ValidLine, event_of
from ctxuse.events import UsageEvent, UsageEventKind
from ctxuse.fuller import LAST_USES, FullTally, Use
from ctxuse.log.batches import ByTails, ns_of_head
from ctxuse.tally import segment_key
from ctxuse.zones import DAY, UTC, Zone

_MOST_LINES = 100_000
"""So many lines are held before they are handed on, against logs in which little repeats."""

_MOST_USES = 8 * LAST_USES
"""So many uses of a tail are held before the latest are picked."""

_Names = tuple[str, str]
"""A host and an actor, empty where none is named."""

_Line = tuple[str, int, str, _Names, int]
"""Time, place among the lines counted here, segment, names, and the number of the tail.

Long texts stand there by their hashes, so that a bound by lines is one by bytes, too. The time has
no zeros at the end of its fraction: equal texts stand for equal times.
"""

_time, _place = itemgetter(0), itemgetter(1)


class FullBatches:
    """Counts blocks for a fuller tally. Whoever tells the tally of other lines flushes before.

    Args:
        tally: The tally.
        zone: The time zone that days are counted in.
    """

    def __init__(self, tally: FullTally, zone: Zone) -> None:
        self._tally = tally
        self._zone = zone
        self._counted = self._flushed = 0
        self._days: dict[str, int] = {}
        self._lines: list[ValidLine] = []
        self._events: list[UsageEvent] = []
        self._is_use: list[bool] = []
        self._begin()

    def _begin(self) -> None:
        self._counts: Counter[tuple[tuple[int, int], _Names]] = Counter()
        self._first: dict[int, str] = {}
        self._last: dict[tuple[int, int], tuple[str, int]] = {}
        self._met: set[tuple[int, str]] = set()
        self._uses: defaultdict[int, list[_Line]] = defaultdict(list)

    def add(self, block: ByTails) -> None:
        """Count a block that stands after everything counted so far."""
        if block.lines is not self._lines or self._counted - self._flushed > _MOST_LINES:
            self.flush()
        self._learn(block.lines)
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

    def _learn(self, lines: list[ValidLine]) -> None:
        """Have the event of each tail; its id, time and segment mean nothing."""
        if lines is not self._lines:
            self._lines = lines
            self._events.clear()
            self._is_use.clear()
        for line in lines[len(self._events) :]:
            self._events.append(event_of(Valid(line, "", 0)))
            self._is_use.append(line.event is UsageEventKind.USE)

    def _by_time(self, block: ByTails) -> list[_Line]:
        """The lines of a block by time, those of one moment in the order of the file."""
        heads = block.heads
        times = [_shortest(time) for time in heads.times]
        places = range(self._counted, self._counted + len(times))
        self._counted += len(times)
        segments = {segment: segment_key(segment) for segment in set(heads.segments)}
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
            if self._is_use[number]:
                uses = self._uses[number]
                uses.append(line)
                if len(uses) > _MOST_USES:
                    self._uses[number] = nlargest(LAST_USES, uses, key=_lateness)

    def _days_of(self, times: Sequence[str]) -> list[int]:
        """The day of each time."""
        found = self._days
        if len(found) > _MOST_LINES:
            found.clear()
        if self._zone == UTC:
            dates = [time[: len("2026-11-22")] for time in times]
            for date in set(dates).difference(found):
                found[date] = ns_of_head(f"{date}T00:00:00") // DAY
            return [found[date] for date in dates]
        minutes = [time[: len("2026-11-22T09:30")] for time in times]
        for minute in set(minutes).difference(found):
            at_ns = ns_of_head(f"{minute}:00")
            if self._zone.offset(at_ns) % 60 == 0:  # else days begin within a minute, as of old
                found[minute] = self._zone.day(at_ns)
        return [
            found[minute] if minute in found else self._zone.day(ns_of_head(time))
            for minute, time in zip(minutes, times, strict=True)
        ]

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

    def _flush_uses(self) -> None:
        found: defaultdict[tuple[str, str], list[tuple[int, Use]]] = defaultdict(list)
        for number, lines in self._uses.items():
            event = self._events[number]
            for record in event.records:
                for time, place, segment, (host, actor), _ in lines:
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


def _shortest(time: str) -> str:
    return time.rstrip("0").rstrip(".") if "." in time else time


def _lateness(line: _Line) -> tuple[str, int]:
    """Of one moment, what stands first in the file counts as later."""
    return line[0], -line[1]
