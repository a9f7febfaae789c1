"""Reading a transcript line by line: from its beginning to its end, or on from a rest."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ctxuse.hosts.jsonlines import Lines, OnRead, Position
from ctxuse.hosts.places import Places
from ctxuse.hosts.transcripts import MOST_SAMPLES, Rest, Told, measured

if TYPE_CHECKING:
    from ctxuse.hosts.calls import Call

L = TypeVar("L")


class Reader(ABC, Generic[L]):
    """Tells what a transcript tells; an agent's own says what its lines mean.

    Args:
        lines: Reads the lines.
        path: The transcript.
        told: What is told; in reading on, what stands behind the rest that is returned, too.
        samples: The bytes per token of the responses so far; those that are read come to them.
    """

    def __init__(self, lines: Lines[L], path: str, told: Told, samples: list[float]) -> None:
        self._lines = lines
        self._path = path
        self._told = told
        self._samples = samples
        self._calls: dict[str, Call | None] = {}
        """Calls without a result so far, by key; None for those of tools that show no record."""

    @property
    def samples(self) -> list[float]:
        """The samples that are kept at a rest: the last ones."""
        return self._samples[-MOST_SAMPLES:]

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

    def end_open(self) -> None:
        """Tell of what is open as far as that is known."""

    def give_up(self) -> None:
        """Wait no longer for the end of what is open."""
        self.end_open()
        self._calls.clear()

    def pause(self) -> None:
        """Tell what is known so far; of what is open nothing."""
        self._told.finish(self._calls, measured(self._samples))


def reading(
    reader: Callable[[str, Places, Told, Rest], Reader[Any]],
) -> tuple[Callable[..., None], Callable[..., Rest]]:
    """Return the `read` and `read_on` of a `transcript` module; see `ctxuse.hosts.parts`.

    Args:
        reader: Makes a reader of a transcript, from a rest on.
    """

    def read(path: str, places: Places, told: Told, on_read: OnRead | None = None) -> None:
        reader(path, places, told, Rest()).read_whole(on_read)

    def read_on(path: str, places: Places, told: Told, rest: Rest, most: int) -> Rest:
        return reader(path, places, told, rest).read_on(rest, most)

    return read, read_on
