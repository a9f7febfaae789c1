"""Counting the log: its lines → a tally.

Whole blocks of lines of the usual shape are counted together (`ctxuse.log.batches`), all others
line by line. The tally is the same whichever way a line goes.
"""

from collections.abc import Callable

from ctxuse.codec.decode import EMPTY, SkipReason, Valid, check, is_blank
from ctxuse.log.batches import Batches, BlockReader
from ctxuse.log.reader import Lines, OpenLog, Oversized, read_blocks
from ctxuse.tally import Tally


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
        self._reader = BlockReader()
        self._batches = Batches(self._tally)
        self._present = log.is_present

    def add(self, block: Lines | Oversized) -> None:
        if isinstance(block, Lines) and block.ended:
            read = self._reader.read(block.data)
            if read is not None:
                self._batches.add(read)
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
