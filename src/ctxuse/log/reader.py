"""Reading the log: bytes → lines → events and skipped lines.

The size is taken once and reading stops there; nothing longer than a block and a line is ever
held. Nothing in the file can crash the reader: what cannot be counted becomes a `SkippedLine`.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from ctxuse.codec import MAX_READ_LINE
from ctxuse.codec.decode import EMPTY, Refusal, SkipReason, Valid, check, event_of, is_blank
from ctxuse.errors import LogUnreadableError
from ctxuse.events import UsageEvent
from ctxuse.files import Descriptor, closing_fd, path_of, what_happened
from ctxuse.layout import LOG_NAME, USAGE_DIR, WorkspaceLayout
from ctxuse.log.names import archive_names
from ctxuse.log.opening import identity, log_identity, open_for_reading

BLOCK = 96 * 1024
"""Bytes read at a time. From 128 kB on the C library asks the system for each block anew."""

_MOST_TRIES = 100


class SkippedLine(NamedTuple):
    """A line that is not counted.

    Attributes:
        line: Its number, from 1, blank lines included.
        offset: Where it begins in the file, in bytes.
        reason: What kind of fault it has.
        field: The field at fault, as in ``records[0].slug``; empty when it is the line itself.
        file: The name of the log file it stands in.
    """

    line: int
    offset: int
    reason: SkipReason
    field: str = ""
    file: str = LOG_NAME


class BlankLine(NamedTuple):
    """A line of nothing but white space. It is ignored, and counted as blank.

    Attributes:
        line: Its number, from 1.
        offset: Where it begins in the file, in bytes.
    """

    line: int
    offset: int


class PendingLine(NamedTuple):
    """The last line of the present log while it lacks its newline and is no event, or not yet.

    It is neither counted nor damaged: somebody may be writing it.

    Attributes:
        line: Its number, from 1.
        offset: Where it begins in the file, in bytes.
    """

    line: int
    offset: int


Line = Valid | SkippedLine | BlankLine | PendingLine
"""What a line can be."""

Found = UsageEvent | SkippedLine | BlankLine | PendingLine
"""The same, of a valid line the event that it stores."""


class Lines(NamedTuple):
    """Lines that follow one another.

    Attributes:
        offset: Where the first begins in the file, in bytes.
        data: Their bytes, newlines included.
    """

    offset: int
    data: bytes

    @property
    def ended(self) -> bool:
        """Whether the last one ends in a newline. If not it is pending, not damaged."""
        return self.data.endswith(b"\n")

    @property
    def end(self) -> int:
        """Where the last one ends in the file, in bytes."""
        return self.offset + len(self.data)

    @property
    def lines(self) -> list[bytes]:
        """The lines without their newlines."""
        lines = self.data.split(b"\n")
        return lines[:-1] if self.ended else lines


class Oversized(NamedTuple):
    """A line too long to be looked at; its bytes were passed over.

    Attributes:
        offset: Where it begins in the file, in bytes.
        length: Its length in bytes, without the newline.
        ended: Whether it ends in a newline.
    """

    offset: int
    length: int
    ended: bool = True

    @property
    def end(self) -> int:
        """Where it ends in the file, in bytes, newline included."""
        return self.offset + self.length + self.ended


class OpenLog(NamedTuple):
    """One file of the log, open for reading.

    Attributes:
        name: Its name: `LOG_NAME`, or that of an archived log.
        descriptor: Its descriptor; the file position is not used.
        end: Its size when the log was opened, in bytes; nothing behind that is read.
    """

    name: str
    descriptor: int
    end: int

    @property
    def is_present(self) -> bool:
        """Whether events are appended to it; nobody finishes the last line of an archived log."""
        return self.name == LOG_NAME


def open_logs(layout: WorkspaceLayout) -> Iterator[OpenLog]:
    """Open the archived logs, oldest first, and then the present one, each while it is used.

    Which files there are is settled first: an archiving that happens meanwhile neither hides an
    event nor shows one twice.

    Raises:
        LogUnreadableError: A file exists but cannot be opened, or something else stands there.
    """
    root = os.fspath(layout)
    name = LOG_NAME
    try:
        archived, present, end = _settled(root)
        try:
            for name in archived:
                with closing_fd(open_for_reading(root, name)) as descriptor:
                    yield OpenLog(name, descriptor, os.fstat(descriptor).st_size)
            name = LOG_NAME
            if present is not None:
                yield OpenLog(name, present, end)
        finally:
            if present is not None:
                present.close()
    except OSError as error:
        path = os.path.join(root, *USAGE_DIR, name)
        raise LogUnreadableError(path, what_happened(error)) from error


def _settled(root: str) -> tuple[list[str], Descriptor | None, int]:
    """The archived logs and the open present one with its size, as they were at one moment."""
    for _ in range(_MOST_TRIES):
        present = _open_present(root)
        end = 0 if present is None else os.fstat(present).st_size
        archived = archive_names(root)
        if log_identity(root) == (None if present is None else identity(present)):
            return archived, present, end
        if present is not None:
            present.close()  # it was archived or replaced meanwhile
    raise OSError(errno.EBUSY, "the log is replaced faster than it can be opened")


def _open_present(root: str) -> Descriptor | None:
    try:
        return open_for_reading(root, LOG_NAME)
    except FileNotFoundError:
        return None


def last_line_end(log: OpenLog, start: int) -> int:
    """Where the last finished line of `log` behind `start` ends, or `start`."""
    step = least = 64 * 1024
    position = log.end
    while position > start:
        begin = max(start, position - step)
        if behind_hole(log.descriptor, begin, position) >= position:
            step *= 2
        elif step > least:
            step = max(least, step // 4)
            continue
        elif (newline := pread(log.descriptor, position - begin, begin).rfind(b"\n")) >= 0:
            return begin + newline + 1
        position = begin
    return start


def read_blocks(
    descriptor: int,
    start: int = 0,
    end: int | None = None,
    *,
    size: int = BLOCK,
    longest: int = MAX_READ_LINE,
) -> Iterator[Lines | Oversized]:
    """Yield the lines of an open log, a block at a time.

    Args:
        descriptor: The open log; its file position is not used.
        start: Where to begin, in bytes: 0 or right behind a newline.
        end: Where to stop, in bytes; the present size of the file when None.
        size: Bytes to read at a time.
        longest: A longer line, in bytes, is passed over.
    """
    if end is None:
        end = os.fstat(descriptor).st_size
    offset, wanted = start, size
    while offset < end:
        asked = min(wanted, end - offset)
        data = pread_all(descriptor, asked, offset)
        first = data.find(b"\n")
        if first > longest or (first < 0 and len(data) > longest):
            newline = first if first >= 0 else _find_newline(descriptor, offset + len(data), end)
            length = first if first >= 0 else (end if newline is None else newline) - offset
            yield Oversized(offset, length, ended=newline is not None)
            offset += length + 1
            wanted = size
        elif first >= 0:
            # In a block of the usual size no line is too long. What begins behind it is read
            # again, which is cheaper than to carry it over.
            cut = (data.rfind(b"\n") if wanted == size else first) + 1
            yield Lines(offset, data[:cut])
            offset += cut
            wanted = size
        elif offset + len(data) < end and len(data) == asked:
            wanted = min(2 * wanted, longest + size)
        else:
            if data:
                yield Lines(offset, data)
            return  # else the file shrank while it was read


def pread_all(descriptor: int, length: int, position: int) -> bytes:
    """Return `length` bytes from `position` on, or all that there are; raises as `pread`."""
    data = pread(descriptor, length, position)
    while len(data) < length and (
        more := pread(descriptor, length - len(data), position + len(data))
    ):
        data += more
    return data


def pread(descriptor: int, length: int, position: int) -> bytes:
    """Return up to `length` bytes of an open log from `position` on.

    Raises:
        LogUnreadableError: The system could not read them.
    """
    try:
        if hasattr(os, "pread"):
            return os.pread(descriptor, length, position)
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.read(descriptor, length)
    except OSError as error:
        raise LogUnreadableError(path_of(descriptor), what_happened(error)) from error


def behind_hole(descriptor: int, position: int, end: int) -> int:
    """Where the next data of a sparse file stands, from `position` on; its holes are all zeros."""
    if not hasattr(os, "SEEK_DATA"):
        return position
    try:
        return os.lseek(descriptor, position, os.SEEK_DATA)
    except OSError as error:
        return end if error.errno == errno.ENXIO else position


def data_in(descriptor: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of an open file between two of its bytes that are no holes."""
    while (start := behind_hole(descriptor, start, end)) < end:
        stop = end
        if hasattr(os, "SEEK_HOLE"):
            with suppress(OSError):  # cut since, or no file system that tells
                stop = min(end, max(start + 1, os.lseek(descriptor, start, os.SEEK_HOLE)))
        yield start, stop
        start = stop


def in_holes(descriptor: int, start: int, end: int) -> int:
    """Return how many bytes of an open file between two are in holes, which take no room."""
    data = sum(stop - begin for begin, stop in data_in(descriptor, start, end))
    return max(0, end - start - data)


def _find_newline(descriptor: int, position: int, end: int) -> int | None:
    """Where the next newline from `position` on stands, holding no more than a block."""
    while (position := behind_hole(descriptor, position, end)) < end and (
        block := pread(descriptor, min(BLOCK, end - position), position)
    ):
        cut = block.find(b"\n")
        if cut >= 0:
            return position + cut
        position += len(block)
    return None


def read_lines(log: OpenLog, start: int = 0, number: int = 1) -> Iterator[tuple[bytes, Line]]:
    """Yield each line of an open log, without its newline, and what it is.

    The bytes of an oversized line are not given.

    Args:
        log: The open log.
        start: Where to begin, in bytes: 0 or right behind a newline.
        number: The number of the line at `start`.
    """
    for block in read_blocks(log.descriptor, start, log.end):
        for line in lines_of(block, log, number):
            yield line
            number += 1


def lines_of(
    block: Lines | Oversized, log: OpenLog, number: int = 1
) -> Iterator[tuple[bytes, Line]]:
    """Yield each line of a block; see `read_lines`.

    Args:
        block: The block.
        log: The open log that it is of.
        number: The number of its first line.
    """
    finished = block.ended or not log.is_present
    if isinstance(block, Oversized):
        refusal = Refusal(SkipReason.OVERSIZED)
        yield b"", _refused(number, block.offset, refusal, log, finished=finished)
        return
    offset = block.offset
    for at, line in enumerate(block.lines, number):
        found = check(line) if line else EMPTY
        if isinstance(found, Valid):
            yield line, found
        elif is_blank(line):
            yield line, BlankLine(at, offset)
        else:
            yield line, _refused(at, offset, found, log, finished=finished)
        offset += len(line) + 1


def _refused(
    number: int, offset: int, refusal: Refusal, log: OpenLog, *, finished: bool
) -> SkippedLine | PendingLine:
    if finished:
        return SkippedLine(number, offset, refusal.reason, refusal.field, log.name)
    return PendingLine(number, offset)


def read_events(log: OpenLog, start: int = 0, number: int = 1) -> Iterator[Found]:
    """Yield what each line of an open log is; see `read_lines`."""
    for _, line in read_lines(log, start, number):
        yield event_of(line) if isinstance(line, Valid) else line
