"""Counting the log: its lines → a tally.

Whole blocks of lines of the usual shape are counted together (`ctxuse.codec.batch`): by their
tails where these repeat, else decoded in full. All others go line by line. The tally is the same
whichever way a line goes.
"""

from collections import Counter
from collections.abc import Callable

from ctxuse.codec.batch import Heads, decode_heads, decode_lines, decode_tail, split
from ctxuse.codec.decode import EMPTY, SkipReason, Valid, ValidLine, check, is_blank
from ctxuse.log.reader import Lines, OpenLog, Oversized, read_blocks
from ctxuse.tally import Tally
from ctxuse.times import parse_ns

MOST_KEPT = 4 * 1024 * 1024
"""Bytes of different tails that are kept at a time, against logs in which none repeats."""

_BLOCKS_LEFT_OUT = 16
"""After a block in which most tails are new, so many are decoded in full before another try."""


def count_log(
    log: OpenLog, start: int = 0, *, progress: Callable[[int], object] | None = None
) -> Tally:
    """Return the tally of a log from `start` to its end.

    Args:
        log: The open log.
        start: Where to begin, in bytes: 0 or right behind a newline.
        progress: Told after each block how many bytes have been read.
    """
    counting = _Counting(log)
    for block in read_blocks(log.descriptor, start, log.end):
        counting.add(block)
        if progress is not None:
            progress(block.end - start)
    return counting.finished()


class _Counting:
    def __init__(self, log: OpenLog) -> None:
        self._tally = Tally()
        self._batches = _Batches(self._tally)
        self._present = log.is_present

    def add(self, block: Lines | Oversized) -> None:
        if isinstance(block, Lines) and block.ended and self._batches.add(block.data):
            return
        self._batches.flush()  # what stands before is counted before
        if isinstance(block, Oversized):
            self._skip(SkipReason.OVERSIZED, ended=block.ended)
            return
        for line in block.lines:
            found = check(line) if line else EMPTY
            if isinstance(found, Valid):
                self._tally.count(found.line, found.at_ns)
                self._tally.saw_segments((found.line.segment_id,))
            elif is_blank(line):
                self._tally.blank += 1
            else:
                self._skip(found.reason, ended=block.ended)

    def finished(self) -> Tally:
        self._batches.flush()
        return self._tally

    def _skip(self, reason: SkipReason, *, ended: bool) -> None:
        if ended or not self._present:
            self._tally.add_skipped(reason.value)
        else:
            self._tally.pending += 1


class _Batches:
    """Counts blocks whose lines all have the usual shape, and hands the counts to a tally.

    Each different tail is given a number when it is first met; what is counted goes by numbers.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._left_out = 0
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._lines: list[ValidLine] = []
        self._kept = 0
        self._counts: Counter[int] = Counter()
        self._place: dict[int, int] = {}
        self._latest: dict[int, str] = {}
        self._counted = 0
        self._last_time = ""

    def add(self, data: bytes) -> bool:
        """Count the lines of a block, and say whether they could be."""
        if self._left_out:
            self._left_out -= 1
            return self._add_in_full(data)
        block = split(data)
        known = len(self._lines)
        if not self._learn(block.tails):
            return False
        heads = decode_heads(block)
        if heads is None:
            return False
        self._count([self._numbers[tail] for tail in block.tails], heads)
        if len(self._lines) - known > len(block.tails) // 2:
            self._left_out = _BLOCKS_LEFT_OUT
        if self._left_out or self._kept > MOST_KEPT:
            self.flush()
            self._forget()
        return True

    def _add_in_full(self, data: bytes) -> bool:
        """Count the lines of a block in which tails hardly repeat, and say whether they could."""
        found = decode_lines(data)
        if found is None:
            return False
        lines, times = found
        self._tally.count_all(lines, times)
        self._tally.saw_segments({line.segment_id for line in lines})
        return True

    def flush(self) -> None:
        """Hand what was counted to the tally, in the order in which it stands in the file."""
        for number in sorted(self._counts, key=self._place.__getitem__):
            at_ns = _ns(self._latest[number])
            self._tally.count(self._lines[number], at_ns, self._counts[number])
        self._counts.clear()
        self._place.clear()
        self._latest.clear()
        self._last_time = ""

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

    def _count(self, numbers: list[int], heads: Heads) -> None:
        times = heads.times
        self._counts.update(numbers)
        places = range(self._counted, self._counted + len(numbers))
        self._place.update(zip(numbers, places, strict=True))
        self._counted += len(numbers)
        ordered = sorted(times)
        for time in (ordered[0], ordered[-1]):
            self._tally.saw(_ns(time))
        if times == ordered and times[0] >= self._last_time:
            self._latest.update(zip(numbers, times, strict=True))
        else:
            for number, time in zip(numbers, times, strict=True):
                if time > self._latest.get(number, ""):
                    self._latest[number] = time
        self._last_time = max(self._last_time, ordered[-1])
        self._tally.saw_segments(set(heads.segments))


def _ns(time: str) -> int:
    """The time that a head holds, in nanoseconds since the epoch."""
    at_ns = parse_ns(time + "Z")
    if at_ns is None:
        message = f"{time!r} was taken for a time"
        raise AssertionError(message)  # `decode_heads` lets no other through
    return at_ns
