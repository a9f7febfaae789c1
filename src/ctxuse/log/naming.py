"""The lines of a log that name something: found by their bytes, without reading the others."""

import re
from collections.abc import Callable, Collection, Iterator
from functools import partial

from ctxuse.codec.decode import Valid, check
from ctxuse.layout import WorkspaceLayout
from ctxuse.log import spelling
from ctxuse.log.cursor import Cursor, Position
from ctxuse.log.reader import Lines, OpenLog, last_line_end, open_logs, read_blocks

_Search = Callable[[bytes, int], re.Match[bytes] | None]


def lines_naming(layout: WorkspaceLayout, beginnings: Collection[str]) -> Iterator[bytes]:
    """Yield each line whose segment begins so, archived logs included; others, too.

    Others are those that hold a text that begins so; and not all may count. It takes 0.8 s per GB:
    most lines of a log are of other sessions, and are not looked at.

    Args:
        layout: The workspace.
        beginnings: How segment ids begin.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    named, begins = spelling.beginnings(beginnings), (*beginnings,)
    for found, line in _lines(layout, partial(_search, named)) if named else ():
        if found[0].startswith(b'"') or _segment_on(line).startswith(begins):
            yield line


def _segment_on(line: bytes) -> str:
    found = check(line)
    return found.line.segment_id if isinstance(found, Valid) else ""


_OF_REQUESTS = rb'"segment"\s*:'


class RequestLines:
    """The lines of a log that tell of requests, archived logs included; not all need to.

    They are found however they are written: by the key that only such lines have. It takes 0.5 s
    per GB; each byte is read once, as long as the log only grows or is archived by us.
    """

    def __init__(self, layout: WorkspaceLayout) -> None:
        self._layout = layout
        self._cursor = Cursor()

    def read(self) -> Iterator[bytes]:
        """Yield those that have come since the last time; also a last one without its newline.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        for log in open_logs(self._layout):
            start = self._cursor.of(log).offset
            for _, line in _lines_of(log, partial(_search, _OF_REQUESTS), start):
                yield line
            self._cursor.reached(log, Position(last_line_end(log, start)))


_FEW = 16
"""So many ids are looked for by themselves; of more, each id that stands there is looked at."""


def lines_with(layout: WorkspaceLayout, ids: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each line that counts whose id is one of some canonical ones, with it.

    It takes 1 s per GB, whatever their number; of a few, 0.6 s.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    wanted = {event_id.encode() for event_id in ids}
    search_in: Callable[[bytes], _Search | None]
    if len(wanted) <= _FEW:
        search_in = partial(_search, spelling.ids(ids))
    else:
        escaped, bare = b"", {one.replace(b"-", b"") for one in wanted}
        search_in = partial(_search_many, {escaped, *bare, *wanted})
    for _, line in _lines(layout, search_in) if wanted else ():
        found = check(line)
        if isinstance(found, Valid) and found.id.encode() in wanted:
            yield found.id, line


def _search(expression: bytes, data: bytes) -> _Search:
    """What finds an expression, or what may be that, in some bytes."""
    return spelling.finding(expression, data).search


def _search_many(wanted: set[bytes], data: bytes) -> _Search | None:
    """As `_search`, of what a lot of ids may be; None where no such id is in these bytes."""
    any_id = spelling.finding(spelling.ANY_ID, data)
    if wanted.isdisjoint(map(bytes.lower, any_id.findall(data))):
        return None
    return lambda data, start: next(
        (one for one in any_id.finditer(data, start) if (one[1] or b"").lower() in wanted), None
    )


def _lines(
    layout: WorkspaceLayout, search_in: Callable[[bytes], _Search | None]
) -> Iterator[tuple[re.Match[bytes], bytes]]:
    """Yield each line in which something is found, with the first that is.

    Args:
        layout: The workspace.
        search_in: What finds it in some bytes from a position on; None where it is not there.
    """
    for log in open_logs(layout):
        yield from _lines_of(log, search_in)


def _lines_of(
    log: OpenLog, search_in: Callable[[bytes], _Search | None], start: int = 0
) -> Iterator[tuple[re.Match[bytes], bytes]]:
    """As `_lines`, of one file from a place on."""
    for block in read_blocks(log.descriptor, start, log.end):
        data, position = block.data if isinstance(block, Lines) else b"", 0
        search = search_in(data)
        while search is not None and (found := search(data, position)):
            begin = data.rfind(b"\n", position, found.start()) + 1 or position
            end = data.find(b"\n", found.end())
            position = len(data) if end < 0 else end + 1
            yield found, data[begin : position if end < 0 else end]
