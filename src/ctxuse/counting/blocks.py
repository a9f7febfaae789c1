"""Blocks of lines of the usual shape, read together.

Strategy: what a line says behind its id, time and segment (its *tail*) repeats from line to line.
Each different tail is decoded once and given a number when it is first met; a block is then its
lines' numbers and heads, which `ctxuse.counting.fold` counts without looking at single lines. Where
tails hardly repeat that costs more than it saves: such blocks are decoded line by line, but at
once. A block in which any line is not of the usual shape is not taken at all.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from ctxuse.codec.batch import Heads, decode_heads, decode_lines, decode_tail, split
from ctxuse.codec.decode import CountedLine, Valid, ValidLine, check, optional_text
from ctxuse.counting.tuning import USUAL, Tuning
from ctxuse.log.reader import Lines, OpenLog, Oversized, read_blocks
from ctxuse.times import parse_ns
from ctxuse.zones import DAY, UTC, Zone


class ByTails(NamedTuple):
    """A block of which the lines have the usual heads.

    Attributes:
        numbers: Which of `lines` each of its lines is, but for the head.
        lines: Lines of different tails, behind heads that mean nothing. They are those of the
            blocks read before, and of later ones, as long as it is the same list.
        heads: The heads of its own lines.
        of_requests: What stood among them and tells of requests: no lines of it.
    """

    numbers: list[int]
    lines: list[ValidLine]
    heads: Heads
    of_requests: Sequence[Valid] = ()

    @property
    def span(self) -> tuple[int, int]:
        """The earliest and the latest time in it, in nanoseconds since the epoch."""
        return ns_of_head(min(self.heads.times)), ns_of_head(max(self.heads.times))

    def each_ns(self) -> list[int]:
        """Return the time of each line, in nanoseconds since the epoch."""
        return [ns_of_head(time) for time in self.heads.times]

    @property
    def variety(self) -> float:
        """How many different tails there are a line, up to 1."""
        return len(set(self.numbers)) / len(self.numbers)

    def names(self) -> list[tuple[str, str]]:
        """Return the host and the actor of each of its lines, empty where none is named.

        What a tail says of them stands behind what the head does, so it is what counts.
        """
        names = self.heads.names()
        tails = {number: self.lines[number] for number in set(self.numbers)}
        own = {number: line for number, line in tails.items() if line.host or line.actor}
        if not own:
            return names
        return [
            _names_of(own[number], name) if number in own else name
            for number, name in zip(self.numbers, names, strict=True)
        ]

    def divided(self, chosen: Sequence[bool]) -> "tuple[ByTails | None, ByTails | None]":
        """Return blocks of the lines that are chosen and of the others; None without any."""
        both = [
            [place for place, one in enumerate(chosen) if one is wanted] for wanted in (True, False)
        ]
        inside, outside = [self.at(places) if places else None for places in both]
        return inside, outside

    def at(self, places: Sequence[int]) -> "ByTails":
        """Return a block of some of the lines."""
        return ByTails([self.numbers[place] for place in places], self.lines, self.heads.at(places))

    def last_of_each(self) -> Iterator[tuple[int, ValidLine]]:
        """Yield the last line of each tail, with its place in the block, in order."""
        last = {number: place for place, number in enumerate(self.numbers)}
        for number, place in sorted(last.items(), key=itemgetter(1)):
            yield place, self.lines[number]

    @classmethod
    def joined(cls, blocks: "Sequence[ByTails]") -> "ByTails":
        """Return blocks that have the same `lines` as one."""
        around = {rest: its for block in blocks for rest, its in block.heads.around.items()}
        heads = Heads(
            [*chain.from_iterable(block.heads.times for block in blocks)],
            [*chain.from_iterable(block.heads.rests for block in blocks)],
            around,
        )
        numbers = [*chain.from_iterable(block.numbers for block in blocks)]
        return cls(numbers, blocks[0].lines, heads)


def _names_of(line: ValidLine, names: tuple[str, str]) -> tuple[str, str]:
    host, actor = names
    return (
        optional_text(line.host) or "" if line.host else host,
        optional_text(line.actor) or "" if line.actor else actor,
    )


class InFull(NamedTuple):
    """A block that was decoded line by line, but at once.

    Attributes:
        lines: Its lines.
        times_ns: The time of each, in nanoseconds since the epoch.
        of_requests: As for `ByTails`.
    """

    lines: list[CountedLine]
    times_ns: list[int]
    of_requests: Sequence[Valid] = ()

    @property
    def span(self) -> tuple[int, int]:
        """The earliest and the latest time in it, in nanoseconds since the epoch."""
        return min(self.times_ns), max(self.times_ns)

    def each_ns(self) -> list[int]:
        """Return the time of each line, in nanoseconds since the epoch."""
        return self.times_ns

    def at(self, places: Sequence[int]) -> "InFull":
        """Return a block of some of the lines."""
        return InFull(
            [self.lines[place] for place in places], [self.times_ns[place] for place in places]
        )

    def last_of_each(self) -> Iterator[tuple[int, CountedLine]]:
        """Yield each line with its place."""
        return iter(enumerate(self.lines))


Block = ByTails | InFull


class BlockReader:
    """Reads blocks of lines that all have the usual shape.

    Args:
        in_full: Whether blocks in which tails hardly repeat are wanted, too.
        tuning: How much is remembered.
    """

    def __init__(self, *, in_full: bool = True, tuning: Tuning = USUAL) -> None:
        self._in_full = in_full
        self._tuning = tuning
        self._pause = 0
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._lines: list[ValidLine] = []
        self._remembered = 0
        self._judged = self._known = 0

    def read(self, data: bytes) -> Block | None:
        """Return what the lines of `data` hold, or None when not all have the usual shape.

        Args:
            data: Lines, each with its newline.
        """
        of_requests: Sequence[Valid] = ()
        if self._pause:
            self._pause -= 1
            data, of_requests = _apart(data)
            found = decode_lines(data) if self._in_full and data else None
            if found is None or any(line.is_of_requests for line in found[0]):
                return None
            return InFull(*found, of_requests)
        if self._remembered > self._tuning.tails:
            self._forget()
        block = split(data)
        numbers = self._numbered(block.tails)
        if numbers is None:
            data, of_requests = _apart(data)
            block = split(data)
            numbers = self._numbered(block.tails) if of_requests else None
        heads = decode_heads(block) if numbers else None
        if numbers is None or heads is None:
            return None
        read = ByTails(numbers, self._lines, heads, of_requests)
        self._judge(len(numbers))
        return read

    def _judge(self, lines: int) -> None:
        """See whether tails repeat among the lines since the last time, of which there are more."""
        self._judged += lines
        if self._judged < self._tuning.judged:
            return
        if len(self._lines) - self._known > self._judged // 2:
            self._pause = self._tuning.pause
            self._forget()
        self._judged, self._known = 0, len(self._lines)

    def _numbered(self, tails: list[bytes]) -> list[int] | None:
        """Return the number of each tail; None when one is not good, or tells of requests."""
        numbers = self._numbers
        try:
            return [numbers[tail] for tail in tails]
        except KeyError:  # some are new
            for tail in dict.fromkeys(tails):
                if tail not in numbers:
                    line = decode_tail(tail)
                    if line is None or line.is_of_requests:
                        return None
                    numbers[tail] = len(self._lines)
                    self._lines.append(line)
                    self._remembered += len(tail)
            return [numbers[tail] for tail in tails]


def _apart(data: bytes) -> tuple[bytes, list[Valid]]:
    """Return the lines of events, and what the others hold, which tell of requests."""
    if _OF_REQUESTS not in data:
        return data, []
    events, others = [], []
    for line in data.split(b"\n")[:-1]:
        found = check(line) if _OF_REQUESTS in line else None
        if isinstance(found, Valid) and found.line.is_of_requests:
            others.append(found)
        else:
            events.append(line + b"\n")
    return b"".join(events), others


_OF_REQUESTS = b'"records":[],'
"""How the lines look that we write of requests; others go line by line."""


def read_usual(
    log: OpenLog, start: int = 0, *, in_full: bool = True, tuning: Tuning = USUAL
) -> Iterator[tuple[Lines | Oversized, Block | None]]:
    """Yield each block of a log, and what its lines hold where all have the usual shape.

    Args:
        log: The open log.
        start: Where to begin, in bytes: 0 or right behind a newline.
        in_full: See `BlockReader`.
        tuning: How large blocks are, and how much is remembered.
    """
    reader = BlockReader(in_full=in_full, tuning=tuning)
    for block in read_blocks(log.descriptor, start, log.end, size=tuning.block):
        read = reader.read(block.data) if isinstance(block, Lines) and block.ended else None
        yield block, read


class DaysOf:
    """Tells on which day each of many times falls.

    Args:
        zone: The time zone that days are counted in.
        most: So many days or minutes are remembered.
    """

    def __init__(self, zone: Zone, most: int) -> None:
        self._zone, self._most = zone, most
        self._found: dict[bytes, int] = {}

    def __call__(self, times: Sequence[bytes]) -> list[int]:
        """Return the day of each time of a head, in days since 1970-01-01."""
        found = self._found
        if len(found) > self._most:
            found.clear()
        if self._zone == UTC:
            dates = [time[: len("2026-11-22")] for time in times]
            for date in set(dates).difference(found):
                found[date] = ns_of_head(date + b"T00:00:00") // DAY
            return [found[date] for date in dates]
        minutes = [time[: len("2026-11-22T09:30")] for time in times]
        for minute in set(minutes).difference(found):
            at_ns = ns_of_head(minute + b":00")
            if self._zone.offset(at_ns) % 60 == 0:
                found[minute] = self._zone.day(at_ns)
        # Offsets once had seconds, so a day began within a minute: then each time is looked up.
        return [
            found[minute] if minute in found else self._zone.day(ns_of_head(time))
            for minute, time in zip(minutes, times, strict=True)
        ]


def ns_of_head(time: bytes) -> int:
    """Return the time that a head holds, in nanoseconds since the epoch."""
    at_ns = parse_ns(time.decode() + "Z")
    if at_ns is None:
        message = f"{time!r} was taken for a time"
        raise AssertionError(message)  # `decode_heads` lets no other through
    return at_ns
