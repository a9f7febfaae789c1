"""What a worker does to collect: copies what is new in the log of one workspace. See `collect`.

Only finished lines are taken; of archived logs, which nobody finishes, all bytes. A log that is not
what was copied before (cut, replaced, restored from an older copy) begins a folder of its own:
nothing that was copied is changed, and `--distinct-ids` counts what both hold once.
"""

import os
import re
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import count

from ctxuse.errors import FleetError, LogUnreadableError
from ctxuse.fleet.filesystems import filesystem
from ctxuse.fleet.jobs import Collect, Collected
from ctxuse.fleet.opening import Opened, logs_of, with_retries
from ctxuse.fleet.packs import Packs
from ctxuse.fleet.pieces import (
    MARKED,
    MIXED,
    STREAMS,
    Piece,
    Stream,
    as_collected,
    collected_in,
    mark_of,
    parse,
    pieces_of,
)
from ctxuse.fleet.source import Source, shown_address, shown_place
from ctxuse.fleet.store import IN_HOLES, MOST_IN_HOLES, open_store
from ctxuse.fleet.target import writing_to
from ctxuse.log.names import archive_time, is_log
from ctxuse.log.opening import identity, log_identity
from ctxuse.log.reader import OpenLog, in_holes, last_line_end, pread, pread_all
from ctxuse.redaction import without_secrets
from ctxuse.reports.fleet import Unreadable

_LONGEST_FIRST = 1024 * 1024
"""The first line is told by so many of its bytes, at most."""

_NAMED = 60
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._]+")


def copy_new(job: Collect) -> list[Collected]:
    """Copy what is new in the logs of a job's workspaces."""
    packs = Packs(job.sources)
    return [_copied(source, packs, job) for source in job.sources]


def _copied(source: Source, packs: Packs, job: Collect) -> Collected:
    tries = count()
    done = with_retries(source, lambda: _copy(source, packs, job, again=next(tries) > 0))
    if isinstance(done, Unreadable):
        return Collected(address=source.address, reason=without_secrets(done.reason, job.target))
    return done


def folder_of(source: Source, host: str) -> str:
    """Return the name of the folder that stands for a workspace: readable, safe and its own."""
    shown = shown_address(source.url) if source.url else f"{host}:{source.address}"
    name = source.name if source.url else f"{host}:{source.name}"
    readable = _NOT_IN_NAMES.sub("-", shown).strip("-.")[-_NAMED:].strip("-.")
    return f"{readable}-{sha256(name.encode(errors='backslashreplace')).hexdigest()[:12]}"


class _BehindError(OSError):
    """More of a log was copied than is open of it, which may be too old."""


def _copy(source: Source, packs: Packs, job: Collect, *, again: bool) -> Collected:
    """Copy what is new in one workspace.

    Raises:
        _BehindError: Of a log less was opened or fetched than another collector has copied. When it
            is tried `again`, what was copied is listed first and the log looked for anew.
    """
    number = size = replaced = before = holes = 0
    folders = _Folders(job.target, folder_of(source, job.host))
    if again:
        folders.list_all()
        if source.url:
            filesystem(source.url)[0].invalidate_cache()
    for opened in logs_of(source, packs):
        log = opened.log
        end = last_line_end(log, 0) if log.is_present else log.end
        stream = stream_of(log, end)
        if stream is None:
            continue
        which, there, is_another = folders.that_continues(opened, stream)
        replaced += is_another and there.end < end
        order = there.order
        if order is None:
            order = _order(log, before, folders, which)
        before = max(0, archive_time(log.name))
        is_copy = opened.layout is None
        holes += opened.in_holes if is_copy else in_holes(log.descriptor, there.end, end)
        if holes > MOST_IN_HOLES:
            raise LogUnreadableError(source.address, f"{log.name}: {IN_HOLES}")
        like = Piece(order, stream, 0, 0, "")
        for piece, data in new_pieces(log, like, there.end, end, job.piece_size):
            folders.write(which, piece, data)
            number += 1
            size += len(data)
    return Collected(address=source.address, pieces=number, bytes=size, replaced=replaced)


class _Folders:
    """The folder of one workspace, and those of its logs that were replaced."""

    def __init__(self, target: str, name: str) -> None:
        self._target = target
        self._store = open_store(target)
        self._name = name
        self._pieces: dict[int, dict[str, list[Piece]]] = {}
        self._alike: dict[str, _Alike] = {}
        self._first = 0

    def list_all(self) -> None:
        """List all of them now, before the logs are opened."""
        self._first = next(which for which in count(1) if not self._in(which)) - 1

    def that_continues(self, opened: Opened, stream: str) -> tuple[int, Stream, bool]:
        """Return in which of them, from 1, a log goes on, what is there, and if others are before.

        It is the first one of which the log is what was copied, and perhaps more: every piece ended
        in the same bytes. One log goes on in it. What no log goes on in was copied of one that is
        replaced.

        Other collectors copy what is appended meanwhile. So a log is said to have fewer bytes than
        were copied, and to be another one, by its size at a moment after a folder was listed.

        Args:
            opened: The open log.
            stream: Which stream it is.

        Raises:
            _BehindError: It has fewer, and may be a log from before.
        """
        log, alike = opened.log, self._alike.setdefault(stream, _Alike())
        known = alike.that_end_in(log)
        which = next((one for one in known if _continues(log, alike.streams[one - 1])), 0)
        while not which and (pieces := self._in(len(alike.streams) + 1).get(stream)):
            alike.add(as_collected(pieces))
            last = len(alike.streams)
            which = last if _continues(log, alike.streams[-1]) else 0
        if not which:
            alike.add(as_collected(()))
            which = len(alike.streams)
        there, sure = alike.streams[which - 1], self._first if is_log(log.name) else 0
        others = alike.free(range(sure + 1, which)) if there.end < log.end else ()
        if any(one.end > _size(log) for one in others) and _may_be_old(opened):
            raise _BehindError("more of it was copied than is there")
        alike.take(which)
        return which, there, bool(alike.free(range(1, which)))

    def last_order(self, which: int) -> int:
        """Return where the last of the streams of one of them stands; -1 where there is none."""
        orders = (min(piece.order for piece in its) for its in self._in(which).values())
        return max(orders, default=-1)

    def write(self, which: int, piece: Piece, data: bytes) -> None:
        """Write a piece.

        Raises:
            FleetError: Nobody would find it by its name.
        """
        if parse(piece.name) != piece:
            raise FleetError(shown_place(self._target), f"{piece.name} would be no name of a piece")
        with writing_to(self._target):
            self._store.write(f"{self._path(which)}/{piece.name}", data, sync=True)
        self._in(which).setdefault(piece.stream, []).append(piece)

    def _in(self, which: int) -> dict[str, list[Piece]]:
        """The pieces and receipts that are there, as when they were first looked at, and ours."""
        if which not in self._pieces:
            path = self._path(which)
            with writing_to(self._target):
                names = self._store.names(path, STREAMS)
            below = {name.removeprefix(f"{path}/"): size for name, size in names.items()}
            self._pieces[which] = pieces_of(below)
        return self._pieces[which]

    def _path(self, which: int) -> str:
        return collected_in(self._name if which == 1 else f"{self._name}.{which}")


class _Alike:
    """Streams of one first line, each in a folder of its own, found by what they end in.

    Attributes:
        streams: What is there of them, in the folders from 1 on.
    """

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self._taken: set[int] = set()
        self._ends: list[int] = []
        self._by_end: dict[int, dict[str, set[int]]] = {}

    def add(self, stream: Stream) -> None:
        """Say what is there in the next folder."""
        self.streams.append(stream)
        if stream.trouble != MIXED:
            self._in(stream).add(len(self.streams))

    def take(self, which: int) -> None:
        """Give a folder to a log: for others it is none."""
        self._taken.add(which)
        self._in(self.streams[which - 1]).discard(which)

    def free(self, folders: Iterable[int]) -> list[Stream]:
        """Return what is there in those of some folders that were given to no log."""
        return [self.streams[one - 1] for one in folders if one not in self._taken]

    def that_end_in(self, log: OpenLog) -> list[int]:
        """Return the folders in which is nothing that ends otherwise than a log does there."""
        ends = self._ends[: bisect_right(self._ends, _size(log))]
        return sorted(
            which for end in ends for which in self._by_end[end].get(_mark_at(log, end), ())
        )

    def _in(self, stream: Stream) -> set[int]:
        """The folders in which streams end as this one does."""
        if stream.end not in self._by_end:
            insort(self._ends, stream.end)
        mark = stream.steps[-1].piece.mark if stream.steps else mark_of(b"")
        return self._by_end.setdefault(stream.end, {}).setdefault(mark, set())


def _order(log: OpenLog, before: int, folders: _Folders, which: int) -> int:
    """Where a log that is new stands among those that were collected.

    Args:
        log: The log.
        before: The time in the name of the archived log before it, 0 without one.
        folders: Where the others are; those may be gone from the workspace.
        which: In which of them.
    """
    if log.is_present:
        return max(before, folders.last_order(which) + 1)
    collected = log.name.partition("-")[0]
    return int(collected) if collected.isdigit() else before


def stream_of(log: OpenLog, end: int) -> str | None:
    """Return which stream a log is: the hash of its first line; None of an empty one.

    Args:
        log: The open log.
        end: Where its finished lines end.
    """
    first = pread(log.descriptor, min(end, _LONGEST_FIRST), 0).partition(b"\n")[0]
    return mark_of(first) if end else None


def new_pieces(
    log: OpenLog, like: Piece, start: int, end: int, size: int
) -> Iterator[tuple[Piece, bytes]]:
    """Yield the pieces from `start` up to `end` of a log, each with its bytes.

    Args:
        log: The open log.
        like: A piece of the same stream.
        start: Where to begin, in bytes.
        end: Where to end, in bytes.
        size: Bytes of a piece, at most.
    """
    while start < end:
        stop = min(end, start + size)
        if stop < end:
            cut = last_line_end(log._replace(end=stop), start)
            stop = cut if cut > start else stop  # a line that is longer: no event, cut anywhere
        data = _read(log, start, stop)
        yield like._replace(start=start, end=stop, mark=_mark_at(log, stop)), data
        start = stop


def _read(log: OpenLog, start: int, end: int) -> bytes:
    data = pread_all(log.descriptor, end - start, start)
    if len(data) < end - start:
        raise OSError("the log was cut while it was read")
    return data


def _mark_at(log: OpenLog, end: int) -> str:
    return mark_of(_read(log, max(0, end - MARKED), end))


def _size(log: OpenLog) -> int:
    """How many bytes a log has now."""
    return os.fstat(log.descriptor).st_size


def _may_be_old(opened: Opened) -> bool:
    """Whether what is open may not be the log any more: a copy of it, or renamed or replaced."""
    log, layout = opened.log, opened.layout
    return layout is None or log_identity(os.fspath(layout), log.name) != identity(log.descriptor)


def _continues(log: OpenLog, there: Stream) -> bool:
    """Whether every piece that was copied ended in the bytes that a log has there."""
    return (
        there.trouble != MIXED
        and max((one.end for one in there.said), default=there.end) <= _size(log)
        and all(_mark_at(log, one.end) == one.mark for one in there.said)
    )
