"""Whether an event already stands in the log: the look before an event is added once.

An id counts as being there only when it stands on a line that counts. Glued to a fragment, where no
report counts it, it does not.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto

from ctxuse.files import closing_fd
from ctxuse.layout import LOG_NAME, USAGE_DIR, WorkspaceLayout
from ctxuse.log.names import archive_names
from ctxuse.log.opening import identity, open_for_reading
from ctxuse.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ctxuse.log.idindex import IdIndex

TAIL = 1024 * 1024
"""How much of the end of the log a hook looks through, archived logs included, in bytes."""

_LONGEST_CUT = 64 * 1024
"""Bytes before what came since a search: a line may have stood there in part."""

_MOST_ARCHIVES = 128
"""In how many archived logs at most."""

_DIGITS = 12
"""The last digits of an id: they stand behind its last hyphen."""


class Standing(Enum):
    """How an event stands in the log."""

    ABSENT = auto()
    """It does not stand on a line that counts."""

    THERE = auto()
    """It stands on a finished line."""

    PENDING = auto()
    """It is the last line, whole but for its newline."""


Look = Callable[[int, int], Standing]
"""Given the open log and its size, says how an event stands in it."""


class Searched(NamedTuple):
    """How far a log was searched, archived logs included, by who did not find an event there.

    Attributes:
        identity: What tells the present log from other files.
        size: Its size then, in bytes.
    """

    identity: tuple[int, int]
    size: int

    @classmethod
    def now(cls, layout: WorkspaceLayout) -> "Searched | None":
        """Return how far who begins now searches at least; None where there is no log."""
        try:
            status = os.stat(os.path.join(os.fspath(layout), *USAGE_DIR, LOG_NAME))
        except OSError:
            return None
        return cls((status.st_dev, status.st_ino), status.st_size)

    def covers(self, log: int, size: int) -> bool:
        """Whether it is the open log that was searched, and has only grown."""
        return size >= self.size and identity(log) == self.identity


def in_tail(root: str, event_id: str, searched: Searched | None = None) -> Look:
    """Return the look of a hook: through the last `TAIL` bytes, the present log first.

    Args:
        root: The workspace's root.
        event_id: The id of the event, canonical.
        searched: How far it was looked for: only what came since is looked through.
    """

    def look(log: int, size: int) -> Standing:
        if searched is not None and searched.covers(log, size):
            return _in_end(log, size, event_id, size - searched.size + _LONGEST_CUT)[0]
        standing, length = _in_end(log, size, event_id, TAIL)
        if standing is Standing.ABSENT and _in_archives(root, event_id, TAIL - length):
            return Standing.THERE
        return standing

    return look


def in_index(event_id: str, index: "IdIndex") -> Look:
    """Return the look of an import: through everything, each byte once; see `in_tail`."""

    def look(log: int, size: int) -> Standing:
        index.catch_up()
        if event_id in index:
            return Standing.THERE
        if not size or os.pread(log, 1, size - 1) == b"\n":
            return Standing.ABSENT
        return _in_end(log, size, event_id, TAIL)[0]  # the last line may be pending

    return look


def _in_archives(root: str, event_id: str, length: int) -> bool:
    """Whether the event stands in the last `length` bytes of the archived logs.

    One that cannot be read keeps nobody from writing, so it is passed over.
    """
    if length <= 0:
        return False
    names: list[str] = []
    with suppress(OSError):
        names = archive_names(root)[-_MOST_ARCHIVES:]
    for name in reversed(names):
        with suppress(OSError), closing_fd(open_for_reading(root, name)) as archive:
            standing, read = _in_end(archive, os.fstat(archive).st_size, event_id, length)
            if standing is not Standing.ABSENT:  # nobody finishes the last line of an archived log
                return True
            length -= read
        if length <= 0:
            break
    return False


def _in_end(log: int, size: int, event_id: str, length: int) -> tuple[Standing, int]:
    """How the event stands in the last `length` bytes of a file, and how many these are."""
    begin = max(0, size - length)
    data = os.pread(log, size - begin, begin)
    return _standing(data, event_id, whole=begin == 0), size - begin


def _standing(data: bytes, event_id: str, *, whole: bool) -> Standing:
    """How the event stands in `data`, the end of a log (all of it when `whole`)."""
    if event_id[-_DIGITS:].encode() not in data.lower() and b"\\" not in data:
        return Standing.ABSENT
    from ctxuse.log import spelling  # noqa: PLC0415 - only where it may be

    search = spelling.finding(spelling.ids([event_id]), data).search
    found = search(data)
    while found is not None:
        begin = data.rfind(b"\n", 0, found.start()) + 1
        end = data.find(b"\n", found.end())
        if (begin or whole) and _is_event(data[begin : end if end >= 0 else None], event_id):
            return Standing.THERE if end >= 0 else Standing.PENDING
        found = search(data, end) if end >= 0 else None
    return Standing.ABSENT


def _is_event(line: bytes, event_id: str) -> bool:
    from ctxuse.codec.decode import Valid, check  # noqa: PLC0415 - only where an id was met

    found = check(line)
    return isinstance(found, Valid) and found.id == event_id
