"""How far each file of a log has been read, for who reads it piece by piece."""

import os
from typing import NamedTuple

from ctxuse.files import close
from ctxuse.log.place import identity
from ctxuse.log.reader import OpenLog


class Position(NamedTuple):
    """A place between two lines.

    Attributes:
        offset: Bytes before it.
        number: The number of the line that begins there, from 1.
    """

    offset: int = 0
    number: int = 1


_START = Position()


class Progress:
    """Remembers how far each file of a log has been read.

    The present log is recognized by its inode, which is held open meanwhile so that the system
    cannot give it to another file; archived logs go by their names. A present log that was archived
    is recognized where it went.
    """

    def __init__(self) -> None:
        self._archived: dict[str, Position] = {}
        self._present = _START
        self._held: int | None = None

    def __del__(self) -> None:
        self.close()

    def holds(self, log: OpenLog) -> bool:
        """Whether `log` is the file that was the present log when it was last read."""
        return self._held is not None and identity(log.descriptor) == identity(self._held)

    def of(self, log: OpenLog) -> Position:
        """Return how far `log` has been read; its beginning when never, or when it is shorter."""
        if log.name in self._archived:
            position = self._archived[log.name]
        else:
            position = self._present if self.holds(log) else _START
        return position if position.offset <= log.end else _START

    def reached(self, log: OpenLog, position: Position) -> None:
        """Remember that `log` has been read up to `position`."""
        if not log.is_present:
            self._archived[log.name] = position
            return
        self._present = position
        if not self.holds(log):
            self.close()
            self._held = os.dup(log.descriptor)

    @property
    def holding(self) -> bool:
        """Whether a present log has been read at all."""
        return self._held is not None

    def close(self) -> None:
        """Close what is held open; archived logs are still remembered."""
        if self._held is not None:
            close(self._held)
            self._held = None
