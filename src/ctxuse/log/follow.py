"""Following the log: what was appended since the last look."""

import os
from collections.abc import Iterator

from ctxuse.events import UsageEvent
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.reader import BlankLine, SkippedLine, open_log, read_events


class Follower:
    """Reads a log piece by piece, each line once, as it grows.

    A last line without its newline waits until it is finished. A log that was replaced or became
    shorter is read from its beginning.

    Args:
        layout: The workspace.
    """

    def __init__(self, layout: WorkspaceLayout) -> None:
        self._layout = layout
        self._identity: tuple[int, int] | None = None
        self._offset = 0
        self._number = 1

    def read(self) -> Iterator[UsageEvent | SkippedLine]:
        """Yield what was appended since the last call, or since the beginning.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        with open_log(self._layout) as log:
            if log is None:
                return
            status = os.fstat(log)
            identity = (status.st_dev, status.st_ino)
            if identity != self._identity or status.st_size < self._offset:
                self._identity, self._offset, self._number = identity, 0, 1
            end = _last_line_end(log, self._offset, status.st_size)
            number = self._number
            for found in read_events(log, self._offset, end, number):
                number += 1
                if not isinstance(found, BlankLine):
                    yield found
            self._offset, self._number = end, number


def _last_line_end(log: int, start: int, end: int) -> int:
    """Where the last finished line between `start` and `end` ends, or `start`."""
    step = 64 * 1024
    position = end
    while position > start:
        begin = max(start, position - step)
        newline = os.pread(log, position - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        position = begin
    return start
