"""The lines of a log that name something: found by their bytes, without reading the others."""

import re
from collections.abc import Callable, Collection, Iterator
from json.encoder import encode_basestring_ascii as quoted

from ctxuse.layout import WorkspaceLayout
from ctxuse.log.reader import Lines, open_logs, read_blocks


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
        for _, line in _lines(layout, search):
            yield line


_OF_REQUESTS = re.compile(rb'"records":\[\],')


def lines_of_requests(layout: WorkspaceLayout) -> Iterator[bytes]:
    """Yield each line that tells of requests as we write it, archived logs included.

    It takes 0.5 s per GB.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    for _, line in _lines(layout, _OF_REQUESTS.search):
        yield line


_ID = re.compile(rb'"id":"([0-9a-f-]{36})"')
_FEW = 16
"""So many ids are looked for by themselves; of more, each id that stands there is looked at."""


def lines_with(layout: WorkspaceLayout, ids: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each line that holds one of some ids as we write them, with the id; not all may count.

    It takes 1 s per GB, whatever their number; of a few, 0.6 s.

    Args:
        layout: The workspace.
        ids: Ids of events, canonical.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    wanted = {event_id.encode() for event_id in ids}
    few = len(wanted) <= _FEW
    one = re.compile(rb'"id":"(%s)"' % b"|".join(sorted(wanted))) if few else _ID

    def may_hold(data: bytes) -> bool:
        return few or not wanted.isdisjoint(_ID.findall(data))

    for found, line in _lines(layout, one.search, may_hold) if wanted else ():
        if found[1] in wanted:
            yield found[1].decode(), line


def _lines(
    layout: WorkspaceLayout,
    search: Callable[[bytes, int], re.Match[bytes] | None],
    may_hold: Callable[[bytes], bool] = bool,
) -> Iterator[tuple[re.Match[bytes], bytes]]:
    """Yield each line in which something is found, with the first that is.

    Args:
        layout: The workspace.
        search: Finds it in bytes from a position on.
        may_hold: Whether some bytes are looked at line by line.
    """
    for log in open_logs(layout):
        for block in read_blocks(log.descriptor, 0, log.end):
            data, position = block.data if isinstance(block, Lines) else b"", 0
            if not may_hold(data):
                continue
            while found := search(data, position):
                begin = data.rfind(b"\n", position, found.start()) + 1 or position
                end = data.find(b"\n", found.end())
                position = len(data) if end < 0 else end + 1
                yield found, data[begin : position if end < 0 else end]


def _forms(text: str) -> set[bytes]:
    """How a text that begins so may stand in a line: in ASCII, and with its own characters."""
    raw = f'"{text}'.encode("utf-8", "surrogatepass")
    return {quoted(text)[:-1].encode(), raw}
