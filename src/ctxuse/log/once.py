"""Whether an event already stands in the log: the look before an event is added once.

An id counts as being there only when it stands on a line that counts. Glued to a fragment, where no
report counts it, it does not.
"""

import os
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctxuse.log.idindex import IdIndex

TAIL = 1024 * 1024
"""How much of the end of the log a hook looks through, in bytes."""


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


def in_tail(event_id: str) -> Look:
    """Return the look of a hook: through the last `TAIL` bytes, in one read."""

    def look(log: int, size: int) -> Standing:
        begin = max(0, size - TAIL)
        data = os.pread(log, size - begin, begin)
        return _standing(data, event_id, whole=begin == 0)

    return look


def in_index(event_id: str, index: "IdIndex") -> Look:
    """Return the look of an import: through everything, each byte once."""

    def look(log: int, size: int) -> Standing:
        index.catch_up()
        if event_id in index:
            return Standing.THERE
        return in_tail(event_id)(log, size)  # the last line may be pending

    return look


def _standing(data: bytes, event_id: str, *, whole: bool) -> Standing:
    """How the event stands in `data`, the end of a log (all of it when `whole`)."""
    wanted = event_id.encode()
    at = data.find(wanted)
    while at >= 0:
        begin = data.rfind(b"\n", 0, at) + 1
        end = data.find(b"\n", at)
        if (begin or whole) and _is_event(data[begin : end if end >= 0 else None], event_id):
            return Standing.THERE if end >= 0 else Standing.PENDING
        at = data.find(wanted, end) if end >= 0 else -1
    return Standing.ABSENT


def _is_event(line: bytes, event_id: str) -> bool:
    from ctxuse.codec.decode import Refusal, decode  # noqa: PLC0415 - only where an id was met

    found = decode(line)
    return not isinstance(found, Refusal) and found.id == event_id
