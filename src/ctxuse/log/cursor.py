"""Reading a log piece by piece: how far each file has been read, and what came since."""

from collections.abc import Iterator
from typing import NamedTuple

from ctxuse.events import UsageEvent
from ctxuse.files import Descriptor, duplicate
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.opening import identity
from ctxuse.log.reader import OpenLog, SkippedLine, last_line_end, open_logs, read_events


class Position(NamedTuple):
    """A place between two lines.

    Attributes:
        offset: Bytes before it.
        number: The number of the line that begins there, from 1.
    """

    offset: int = 0
    number: int = 1


_START = Position()


class Cursor:
    """Remembers how far each file of a log has been read.

    The present log is recognized by its inode, which is held open meanwhile so that the system
    cannot give it to another file; archived logs go by their names. A present log that was archived
    is recognized where it went.
    """

    def __init__(self) -> None:
        self._archived: dict[str, Position] = {}
        self._present: tuple[Descriptor, Position] | None = None

    def holds(self, log: OpenLog) -> bool:
        """Whether `log` is the file that was the present log when it was last read."""
        return self._present is not None and identity(log.descriptor) == identity(self._present[0])

    def of(self, log: OpenLog) -> Position:
        """Return how far `log` has been read; its beginning when never, or when it is shorter."""
        if log.name in self._archived:
            position = self._archived[log.name]
        elif self._present is not None and self.holds(log):
            position = self._present[1]
        else:
            position = _START
        return position if position.offset <= log.end else _START

    def reached(self, log: OpenLog, position: Position) -> None:
        """Remember that `log` has been read up to `position`."""
        if not log.is_present:
            self._archived[log.name] = position
            return
        if self._present is not None and self.holds(log):
            self._present = self._present[0], position
        else:
            self._present = duplicate(log.descriptor), position

    @property
    def holding(self) -> bool:
        """Whether a present log has been read at all."""
        return self._present is not None

    def close(self) -> None:
        """Close what is held open; archived logs are still remembered."""
        self._present = None


class Follower:
    """Reads a log piece by piece, each line once, as it grows.

    The first look gives everything, archived logs included. A last line without its newline waits
    until it is finished. A log that was archived is finished where it went; one that was replaced
    or became shorter is read from its beginning.
    """

    def __init__(self, layout: WorkspaceLayout) -> None:
        self._layout = layout
        self._cursor = Cursor()

    def read(self) -> Iterator[UsageEvent | SkippedLine]:
        """Yield what was appended since the last call, or since the beginning.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        for log in open_logs(self._layout):
            offset, number = self._cursor.of(log)
            finished = log._replace(end=last_line_end(log, offset))
            for found in read_events(finished, offset, number):
                number += 1
                if isinstance(found, UsageEvent | SkippedLine):
                    yield found
            self._cursor.reached(log, Position(finished.end, number))
