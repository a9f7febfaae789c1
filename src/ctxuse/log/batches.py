"""Blocks of lines of the usual shape, read together and counted together.

A `BlockReader` reads each block once, for however many tallies; a `Batches` counts blocks for one
of them. What is counted goes by tails: each different one is given a number when it is first met.
Where tails hardly repeat, blocks are read in full. A tally is the same whichever way a line goes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import compress
from typing import NamedTuple

from ctxuse.codec.batch import Heads, decode_heads, decode_lines, decode_tail, split
from ctxuse.codec.decode import CountedLine, ValidLine, optional_text
from ctxuse.log.reader import Lines, OpenLog, Oversized, read_blocks
from ctxuse.tally import Tally
from ctxuse.times import parse_ns

MOST_KEPT = 4 * 1024 * 1024
"""Bytes of different tails that are kept at a time, against logs in which none repeats."""

_BLOCKS_LEFT_OUT = 16
"""After a block in which most tails are new, so many are read in full before another try."""


_WORTH_A_BLOCK = 0.6
"""Up to so many different tails a line: measured, 0.4 halves the time, and 0.9 adds 40 % to it."""


class ByTails(NamedTuple):
    """A block of which the lines have the usual heads.

    Attributes:
        numbers: Which of `lines` each of its lines is, but for the head.
        lines: Lines of different tails, behind heads that mean nothing. They are those of the
            blocks read before, and of later ones, as long as it is the same list.
        heads: The heads of its own lines.
    """

    numbers: list[int]
    lines: list[ValidLine]
    heads: Heads

    @property
    def span(self) -> tuple[int, int]:
        """The earliest and the latest time in it, in nanoseconds since the epoch."""
        return ns_of_head(min(self.heads.times)), ns_of_head(max(self.heads.times))

    @property
    def repeats(self) -> bool:
        """Whether its tails repeat so often that the fuller figures come cheaper in blocks."""
        return len(set(self.numbers)) <= len(self.numbers) * _WORTH_A_BLOCK

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
        return self._only(chosen), self._only([not one for one in chosen])

    def _only(self, chosen: Sequence[bool]) -> "ByTails | None":
        if not any(chosen):
            return None
        heads = Heads(
            [*compress(self.heads.times, chosen)],
            [*compress(self.heads.segments, chosen)],
            "\n".join(compress(self.heads.rest.split("\n"), chosen)),
        )
        return ByTails([*compress(self.numbers, chosen)], self.lines, heads)


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
    """

    lines: list[CountedLine]
    times_ns: list[int]

    @property
    def span(self) -> tuple[int, int]:
        """The earliest and the latest time in it, in nanoseconds since the epoch."""
        return min(self.times_ns), max(self.times_ns)


Block = ByTails | InFull


class BlockReader:
    """Reads blocks of lines that all have the usual shape.

    Args:
        in_full: Whether blocks in which tails hardly repeat are wanted, too.
    """

    def __init__(self, *, in_full: bool = True) -> None:
        self._in_full = in_full
        self._left_out = 0
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._lines: list[ValidLine] = []
        self._kept = 0

    def read(self, data: bytes) -> Block | None:
        """Return what the lines of `data` hold, or None when not all have the usual shape.

        Args:
            data: Lines, each with its newline.
        """
        if self._left_out:
            self._left_out -= 1
            found = decode_lines(data) if self._in_full else None
            return None if found is None else InFull(*found)
        if self._kept > MOST_KEPT:
            self._forget()
        block = split(data)
        known = len(self._lines)
        if not self._learn(block.tails):
            return None
        heads = decode_heads(block)
        if heads is None:
            return None
        read = ByTails([self._numbers[tail] for tail in block.tails], self._lines, heads)
        if len(self._lines) - known > len(block.tails) // 2:
            self._left_out = _BLOCKS_LEFT_OUT
            self._forget()
        return read

    def _learn(self, tails: list[bytes]) -> bool:
        """Give each new tail a number, and say whether all of them are good."""
        for tail in set(tails).difference(self._numbers):
            line = decode_tail(tail)
            if line is None:
                return False
            self._numbers[tail] = len(self._lines)
            self._lines.append(line)
            self._kept += len(tail)
        return True


def read_usual(
    log: OpenLog, start: int = 0, *, in_full: bool = True
) -> "Iterator[tuple[Lines | Oversized, Block | None]]":
    """Yield each block of a log, and what its lines hold where all have the usual shape.

    Args:
        log: The open log.
        start: Where to begin, in bytes: 0 or right behind a newline.
        in_full: See `BlockReader`.
    """
    reader = BlockReader(in_full=in_full)
    for block in read_blocks(log.descriptor, start, log.end):
        read = reader.read(block.data) if isinstance(block, Lines) and block.ended else None
        yield block, read


class Batches:
    """Counts blocks for a tally. Whoever tells the tally of other lines flushes before."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._lines: list[ValidLine] = []
        self._counts: Counter[int] = Counter()
        self._place: dict[int, int] = {}
        self._latest: dict[int, str] = {}
        self._counted = 0
        self._last_time = ""

    def add(self, block: Block) -> None:
        """Count a block that stands after everything counted so far."""
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
        self._last_time = ""

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
                if time > self._latest.get(number, ""):
                    self._latest[number] = time
        self._last_time = max(self._last_time, ordered[-1])
        self._tally.saw_segments(set(heads.segments))


def ns_of_head(time: str) -> int:
    """Return the time that a head holds, in nanoseconds since the epoch."""
    at_ns = parse_ns(time + "Z")
    if at_ns is None:
        message = f"{time!r} was taken for a time"
        raise AssertionError(message)  # `decode_heads` lets no other through
    return at_ns
