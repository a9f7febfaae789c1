"""Following the log: what was appended since the last look."""

from collections.abc import Iterator

from ctxuse.events import UsageEvent
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.progress import Position, Progress
from ctxuse.log.reader import SkippedLine, last_line_end, open_logs, read_events


class Follower:
    """Reads a log piece by piece, each line once, as it grows.

    The first look gives everything, archived logs included. A last line without its newline waits
    until it is finished. A log that was archived is finished where it went; one that was replaced
    or became shorter is read from its beginning.

    Args:
        layout: The workspace.
    """

    def __init__(self, layout: WorkspaceLayout) -> None:
        self._layout = layout
        self._progress = Progress()

    def read(self) -> Iterator[UsageEvent | SkippedLine]:
        """Yield what was appended since the last call, or since the beginning.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        for log in open_logs(self._layout):
            offset, number = self._progress.of(log)
            finished = log._replace(end=last_line_end(log, offset))
            for found in read_events(finished, offset, number):
                number += 1
                if isinstance(found, UsageEvent | SkippedLine):
                    yield found
            self._progress.reached(log, Position(finished.end, number))
