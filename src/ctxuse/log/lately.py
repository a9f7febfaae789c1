"""Whether the log was told the same just now, under another id."""

import os

from ctxuse.codec.encode import encode
from ctxuse.errors import InvalidEventError
from ctxuse.events import UsageEvent
from ctxuse.files import closing_fd
from ctxuse.layout import LOG_NAME, WorkspaceLayout
from ctxuse.log.opening import open_for_reading
from ctxuse.times import format_ns, parse_ns

_TAIL = 64 * 1024
"""Bytes at the end of the present log that are looked through."""

_SECONDS_NS = 10 * 1_000_000_000
"""Nanoseconds within which the same is one occurrence."""


def stands_lately(layout: WorkspaceLayout, event: UsageEvent) -> bool:
    """Return whether the same stands in the log, but for its id and some seconds.

    For what has no id of its own, such as what was resident: hosts tell of it twice at times, and
    two hooks may be installed. It is looked for by the bytes of the line, so that nothing has to be
    read; two processes that look at the same moment both find nothing.
    """
    try:
        line = encode(event)
    except InvalidEventError:  # longer than one line can be
        return False
    at = format_ns(event.occurred_at_ns).encode()
    before, _, behind = line.partition(at)
    try:
        with closing_fd(open_for_reading(os.fspath(layout), LOG_NAME)) as log:
            size = os.fstat(log).st_size
            data = os.pread(log, _TAIL, max(0, size - _TAIL))
    except OSError:
        return False
    for other in data.split(b"\n"):
        if other.endswith(behind) and len(other) < len(line) + len(at):
            then = parse_ns(other[len(before) : -len(behind)].decode("ascii", "replace"))
            if then is not None and abs(event.occurred_at_ns - then) < _SECONDS_NS:
                return True
    return False
