"""Reading a transcript line by line: from its beginning to its end, or on from a rest."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from ctxuse.hosts.jsonlines import Lines, OnRead, Position
from ctxuse.hosts.transcripts import Rest, Told

L = TypeVar("L")


class Reader(ABC, Generic[L]):
    """Tells what a transcript tells; an agent's own says what its lines mean.

    Args:
        lines: Reads the lines.
        path: The transcript.
        told: What is told; in reading on, what stands behind the rest that is returned, too.
    """

    def __init__(self, lines: Lines[L], path: str, told: Told) -> None:
        self._lines = lines
        self._path = path
        self._told = told

    def read_whole(self, on_read: OnRead | None = None) -> None:
        """Read from the beginning to the end.

        Raises:
            OSError: The file cannot be read.
        """
        for line in self._lines.read(self._path, self._told.not_understood, on_read):
            self.read(line)
        self.end_open()
        self.pause()

    def read_on(self, rest: Rest, most: int) -> Rest:
        """Read on, and return the next rest.

        Args:
            rest: Where to begin.
            most: Bytes to read, about; up to the next rest as many more. What is open for a quarter
                of them is given up: a session that was killed leaves calls without a result, and
                hooks have told of what was called.

        Raises:
            OSError: The file cannot be read.
        """
        strange = self._told.not_understood
        position, end = Position(rest.offset), rest.offset + most
        for line in self._lines.read(self._path, strange, None, position, end + most):
            self.read(line)
            if not self.rests and position.offset > rest.offset + most // 4:
                self.give_up()
            if self.rests:
                rest = self.rest(position.offset)
                self._told.rested()
                if position.offset >= end:
                    break
        if self.rests:
            rest = self.rest(position.offset)
            self._told.rested()
        self.pause()
        return rest

    @property
    @abstractmethod
    def rests(self) -> bool:
        """Whether nothing is open: what follows can be read without what came before."""

    @abstractmethod
    def rest(self, offset: int) -> Rest:
        """Return the rest that is here."""

    @abstractmethod
    def read(self, line: L) -> None:
        """Take in a line."""

    @abstractmethod
    def end_open(self) -> None:
        """Tell of what is open as far as that is known."""

    @abstractmethod
    def give_up(self) -> None:
        """Wait no longer for the end of what is open."""

    @abstractmethod
    def pause(self) -> None:
        """Tell what is known so far; of what is open nothing."""
