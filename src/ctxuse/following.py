"""What the transcripts of a running session tell beyond its hooks, brought in by these.

Strategy: a hook at the end of a turn reads on where the one before stopped, at a *rest*: behind a
line at which nothing is open, so that what follows can be read without what came before
(`Rest`). Where that is stands in the user's cache. Forgotten, or where the transcript or the log is
not what it was, a transcript is read from its beginning; its events have the ids that an import
gives them, so that whoever comes second adds nothing.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from typing import NamedTuple

import msgspec

from ctxuse.codec.encode import encode
from ctxuse.errors import InvalidEventError
from ctxuse.events import UsageEvent, is_text
from ctxuse.files import closing_fd, open_regular
from ctxuse.hosts.hooked import Hooked
from ctxuse.hosts.parts import transcripts_of
from ctxuse.hosts.past import PastPlaces
from ctxuse.hosts.paths import is_name
from ctxuse.hosts.transcripts import Notes, Rest, Told
from ctxuse.imported import READING, LogMark
from ctxuse.layout import LOG_NAME, WorkspaceLayout
from ctxuse.log.reader import open_logs, pread, read_events
from ctxuse.remembered import Memory, digest

_VERSION = 1
_MOST_BYTES = 8 * 1024 * 1024
"""So much of a transcript is read at once; the next hook goes on."""

_TAIL = 1024 * 1024
"""So much of the log's end is looked through for what hooks have recorded, and for ids."""

_EDGE = 4096

Append = Callable[[UsageEvent], bool]
"""Appends an event once, and says whether it is in the log now."""


class _Stopped(msgspec.Struct):
    """Where reading stopped, and what tells that the files are the same.

    Attributes:
        reader: The version of the reader.
        inode: The transcript's.
        edge: A hash of the last 4 KiB before the rest.
        log: The log, which held all events up to there.
        rest: Where reading goes on.
    """

    reader: str
    inode: int
    edge: str
    log: LogMark
    rest: Rest


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Stopped).decode


class Following(NamedTuple):
    """What is followed.

    Attributes:
        host: The agent.
        layout: The workspace.
        environ: The environment, for where the agents' own places and the user's cache are.
    """

    host: str
    layout: WorkspaceLayout
    environ: Mapping[str, str]


def bring_in(following: Following, paths: Iterable[str], append: Append) -> None:
    """Append what transcripts tell that was not read before.

    Args:
        following: What is followed.
        paths: The transcripts; those that cannot be read are passed over.
        append: Appends an event. When it fails, what follows is left to the next time.

    Raises:
        CtxuseError: The log exists but cannot be read.
    """
    memory = Memory(following.environ, "followed", _VERSION)
    places = PastPlaces(following.layout, following.environ, recent=True)
    for path in paths:
        if is_name(path) and is_text(os.fspath(following.layout)):
            with suppress(OSError):
                _bring_in(following, memory, places, path, append)


def _bring_in(
    following: Following, memory: Memory, places: PastPlaces, path: str, append: Append
) -> None:
    name = f"{following.host} {os.fspath(following.layout)}\0{os.path.abspath(path)}"
    stopped = _stopped(memory.load(name), following.layout, path)
    rest = Rest() if stopped is None else stopped.rest
    if os.path.getsize(path) <= rest.offset:
        return
    with Told() as told:
        after = transcripts_of(following.host).read_on(path, places, told, rest, _MOST_BYTES)
        told.settle()
        hooked = Hooked(following.host, lambda: _latest(following.layout))
        events = (both for both in told.events(Notes(), hooked.has) if _can_be_stored(both[0]))
        absent = _absent(events, following.layout, anew=not rest.offset)
        done = all(append(event) for event in absent)
    if done and told.summary.error is None and after.offset > rest.offset:
        found = _Stopped(
            READING, os.stat(path).st_ino, _edge(path, after.offset), _mark(following.layout), after
        )
        memory.save(name, _encode(found))


def _stopped(data: bytes | None, layout: WorkspaceLayout, path: str) -> _Stopped | None:
    """Where reading stopped the last time; None where it begins anew."""
    try:
        stopped = None if data is None else _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if stopped is None or stopped.reader != READING:
        return None
    same = (stopped.inode, stopped.edge) == (os.stat(path).st_ino, _edge(path, stopped.rest.offset))
    return stopped if same and stopped.log.stands(layout) else None


def _edge(path: str, offset: int) -> str:
    """A hash of what stands before an offset of a file; of less where it has less."""
    begin = max(0, offset - _EDGE)
    with closing_fd(open_regular(path)) as descriptor:
        return digest(pread(descriptor, offset - begin, begin))


def _mark(layout: WorkspaceLayout) -> LogMark:
    return LogMark.of(layout) or LogMark(0, "", "")


def _latest(layout: WorkspaceLayout) -> Iterator[object]:
    """The last events of the present log."""
    for log in open_logs(layout):
        if log.name == LOG_NAME:
            yield from read_events(log, max(0, log.end - _TAIL))


def _can_be_stored(event: UsageEvent) -> bool:
    try:
        encode(event)
    except InvalidEventError:  # names of thousands of characters
        return False
    return True


def _absent(
    events: Iterator[tuple[UsageEvent, list[str]]], layout: WorkspaceLayout, *, anew: bool
) -> Iterator[UsageEvent]:
    """The events that are not in the log, where that cannot be seen from its end."""
    if not anew or sum(log.end for log in open_logs(layout)) <= _TAIL:
        yield from (event for event, _ in events)
        return
    from ctxuse.log.idindex import IdIndex  # noqa: PLC0415 - seldom wanted, and slow to import

    with closing(IdIndex(layout)) as index:
        index.catch_up()
        for event, formerly in events:
            if not any(known in index for known in (event.id, *formerly)):
                yield event
