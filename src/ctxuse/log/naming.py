"""The lines of a log that name something: found by their bytes, without reading the others."""

import re
from collections.abc import Callable, Collection, Iterator

from ctxuse.layout import WorkspaceLayout
from ctxuse.log.cursor import Cursor, Position
from ctxuse.log.reader import Lines, OpenLog, last_line_end, open_logs, read_blocks
from ctxuse.plainjson import quoted

_Search = Callable[[bytes, int], re.Match[bytes] | None]


def lines_naming(layout: WorkspaceLayout, beginnings: Collection[str]) -> Iterator[bytes]:
    """Yield each line that holds a text that begins so, archived logs included; not all may count.

    It takes 0.8 s per GB: most lines of a log are of other sessions, and are not looked at.

    Args:
        layout: The workspace.
        beginnings: How texts begin, such as segment ids.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    forms = {form for text in beginnings for form in _forms(text)}
    if forms:
        search = re.compile(b"|".join(map(re.escape, sorted(forms)))).search
        for _, line in _lines(layout, lambda _: search):
            yield line


_OF_REQUESTS = re.compile(rb'"segment"\s*:').search
_ESCAPED = re.compile(rb'"segment"\s*:|\\u00[67]').search
"""Also where a letter of the key may be escaped, which is as good a key."""


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

        def search_in(data: bytes) -> _Search:
            has_escapes = b"\\" in data and (b"\\u006" in data or b"\\u007" in data)
            return _ESCAPED if has_escapes else _OF_REQUESTS

        for log in open_logs(self._layout):
            start = self._cursor.of(log).offset
            for _, line in _lines_of(log, search_in, start):
                yield line
            self._cursor.reached(log, Position(last_line_end(log, start)))


_ID = re.compile(rb'"id"\s*:\s*"([0-9a-fA-F-]{36})"')
_FEW = 16
"""So many ids are looked for by themselves; of more, each id that stands there is looked at."""


def lines_with(layout: WorkspaceLayout, ids: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each line whose own id is one of some canonical ones, with it; not all may count.

    It takes 1 s per GB, whatever their number; of a few, 0.6 s.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    wanted = {event_id.encode() for event_id in ids}
    few = len(wanted) <= _FEW
    these = b"|".join(sorted(wanted))
    one = re.compile(rb'"id"\s*:\s*"((?i:%s))"' % these) if few else _ID

    def search_in(data: bytes) -> _Search | None:
        is_there = few or not wanted.isdisjoint(map(bytes.lower, _ID.findall(data)))
        return one.search if is_there else None

    for found, line in _lines(layout, search_in) if wanted else ():
        if (event_id := found[1].lower()) in wanted:
            yield event_id.decode(), line


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


def _forms(text: str) -> set[bytes]:
    """How a text that begins so may stand in a line: in ASCII, and with its own characters."""
    raw = f'"{text}'.encode("utf-8", "surrogatepass")
    return {quoted(text)[:-1].encode(), raw}
