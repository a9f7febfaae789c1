"""Mending the log without changing it: what damaged lines hold is appended anew.

Nothing is asked and nothing is taken away. The damaged lines are copied aside first; then each
whole event found in them that stands on no line that counts is appended under its own id. Doing it
again changes nothing.

One exception, on request: bytes of invalid UTF-8 in finished lines are overwritten in place, same
length, with ``?``, because a single one blinds the reference implementation to the whole file. They
are copied aside first, too.
"""

import codecs
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from ctxuse.codec.encode import ascii_line, encode
from ctxuse.errors import MaintenanceError
from ctxuse.events import UsageEvent
from ctxuse.files import CLOSED, closing_fd, what_happened
from ctxuse.layout import USAGE_DIR, WorkspaceLayout
from ctxuse.log.blocks import Known, add_missing, without_known
from ctxuse.log.generation import begin_generation
from ctxuse.log.idindex import IdIndex
from ctxuse.log.opening import (
    open_regular,
    open_usage_dir,
    sync_directories,
    sync_file,
)
from ctxuse.log.reader import (
    BLOCK,
    OpenLog,
    SkippedLine,
    last_line_end,
    open_logs,
    pread,
    read_lines,
)
from ctxuse.log.recover import SEARCHED, recover
from ctxuse.log.writer import LogWriter
from ctxuse.times import file_time


@dataclass(frozen=True, slots=True)
class RepairResult:
    """What a repair did or, as a dry run, would do.

    Attributes:
        damaged: Damaged lines that hold events which stand on no line that counts.
        recovered: Events appended anew.
        present: Whole events in damaged lines that stood on a line that counts already.
        overwritten: Bytes of invalid UTF-8 overwritten.
        copies: The files in ``_usage`` to which what was touched was copied.
    """

    damaged: int
    recovered: int
    present: int
    overwritten: int
    copies: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether there was anything to do."""
        return bool(self.recovered or self.overwritten)


class _Backup:
    """A new file in ``_usage`` to which what a repair is going to touch is copied first.

    The first write makes it.

    Args:
        layout: The workspace.
        word: What the file's name begins with; the time follows.

    Attributes:
        name: The file's name, None while there is no file.
    """

    def __init__(self, layout: WorkspaceLayout, word: str) -> None:
        self.name: str | None = None
        self._root = os.fspath(layout)
        self._word = word
        self._descriptor = CLOSED

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises: MaintenanceError."""
        try:
            if self._descriptor < 0:
                self._open()
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            raise self._failed(error) from error

    def sync(self) -> None:
        """Bring what was written to the disk. Raises: MaintenanceError."""
        try:
            sync_file(self._descriptor)
            sync_directories(self._root)
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the file."""
        self._descriptor.close()
        self._descriptor = CLOSED

    def _open(self) -> None:
        name = f"{self._word}.{file_time(time.time_ns())}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        with closing_fd(open_usage_dir(self._root, create=False)) as directory:
            self._descriptor = open_regular(name, directory, flags)
        self.name = name

    def _failed(self, error: OSError) -> MaintenanceError:
        path = os.path.join(self._root, *USAGE_DIR, self.name or self._word)
        return MaintenanceError(path, "copy aside", what_happened(error))


def repair_log(
    layout: WorkspaceLayout, *, dry_run: bool = False, overwrite_invalid_utf8: bool = False
) -> RepairResult:
    """Append anew what damaged lines hold, and return what was done.

    Args:
        layout: The workspace.
        dry_run: Change nothing; say what would be done.
        overwrite_invalid_utf8: Also overwrite bytes of invalid UTF-8 in finished lines.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
        AppendError: A recovered event could not be appended.
        MaintenanceError: What is to be touched could not be copied aside or overwritten.
    """
    with (
        closing(_Backup(layout, "damaged")) as lines,
        closing(_Backup(layout, "overwritten")) as raw,
    ):
        was_pending = _has_pending_line(layout)
        damaged, recovered, present = _recover(layout, None if dry_run else lines)
        if recovered and was_pending and not dry_run:  # what was appended has finished that line
            more = _recover(layout, lines)
            damaged, recovered = damaged + more[0], recovered + more[1]
        overwritten = 0
        if overwrite_invalid_utf8:
            overwritten = _overwrite(layout, None if dry_run else raw)
        copies = tuple(backup.name for backup in (lines, raw) if backup.name is not None)
    return RepairResult(damaged, recovered, present, overwritten, copies)


def _recover(layout: WorkspaceLayout, backup: _Backup | None) -> tuple[int, int, int]:
    damaged = recovered = present = 0
    with closing(IdIndex(layout)) as index:
        index.catch_up()
        planned: set[str] = set()
        known = Known.of_log(layout)
        for skipped, line in _damaged_lines(layout):
            found = [*recover(line)]
            fresh = {one.event.id for one in found if one.event.requests is None}
            fresh = {i for i in fresh - planned - {index.pending} if i not in index}
            for event in (one.event for one in found if any(without_known(one.event, known))):
                if event.requests is not None:
                    known.add(event)
                    fresh.add(event.id)
            present += len(found) - len(fresh)
            recovered += len(fresh)
            damaged += bool(fresh)
            planned |= fresh
            if fresh and backup is not None:
                head = f"# {skipped.file} offset {skipped.offset} length {len(line)}\n"
                backup.write(head.encode() + line + b"\n")
        if backup is not None and planned:
            backup.sync()
            _append(layout, index, planned)
    return damaged, recovered, present


def _has_pending_line(layout: WorkspaceLayout) -> bool:
    return any(log.is_present and last_line_end(log, 0) < log.end for log in open_logs(layout))


def _damaged_lines(layout: WorkspaceLayout) -> Iterator[tuple[SkippedLine, bytes]]:
    for log in open_logs(layout):
        for line, found in read_lines(log):
            if isinstance(found, SkippedLine) and found.reason in SEARCHED:
                yield found, line


def _append(layout: WorkspaceLayout, index: IdIndex, planned: set[str]) -> None:
    known = Known.of_log(layout)
    with closing(LogWriter(layout, durability="fsync")) as writer:

        def append(block: UsageEvent) -> bool:
            return writer.append_if(encode(block), partial(known.lacks, block))

        for _, line in _damaged_lines(layout):
            for found in recover(line):
                if found.event.id not in planned:
                    continue
                if found.event.requests is None:
                    writer.append_once(found.event.id, ascii_line(found.line), index=index)
                else:
                    add_missing(found.event, known, append)


class _Invalid(NamedTuple):
    """A run of bytes that are no UTF-8."""

    offset: int
    data: bytes


def _overwrite(layout: WorkspaceLayout, backup: _Backup | None) -> int:
    overwritten = 0
    for log in open_logs(layout):
        finished = log._replace(end=last_line_end(log, 0))
        for run in _invalid_runs(finished):
            overwritten += len(run.data)
            if backup is not None:
                entry = {"file": log.name, "offset": run.offset, "bytes": run.data.hex()}
                backup.write(json.dumps(entry).encode() + b"\n")
        if backup is not None and backup.name is not None:
            backup.sync()
            _overwrite_file(layout, finished)
    return overwritten


def _overwrite_file(layout: WorkspaceLayout, log: OpenLog) -> None:
    root = os.fspath(layout)
    try:
        begin_generation(root)
        with (
            closing_fd(open_usage_dir(root, create=False)) as directory,
            closing_fd(open_regular(log.name, directory, os.O_RDWR)) as descriptor,
        ):
            for run in _invalid_runs(log._replace(descriptor=descriptor)):
                os.pwrite(descriptor, b"?" * len(run.data), run.offset)
            sync_file(descriptor)
        begin_generation(root)
    except OSError as error:
        path = os.fspath(layout.usage_dir / log.name)
        raise MaintenanceError(path, "overwrite", what_happened(error)) from error


_ESCAPED = re.compile("([\udc80-\udcff]+)")


def _invalid_runs(log: OpenLog) -> Iterator[_Invalid]:
    """Yield the runs of invalid UTF-8 in a log, a block at a time, whatever its lines are."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    offset = read = 0
    while read < log.end:
        block = pread(log.descriptor, min(BLOCK, log.end - read), read)
        if not block:
            return
        read += len(block)
        text = decoder.decode(block, final=read >= log.end)
        for index, piece in enumerate(_ESCAPED.split(text)):
            data = piece.encode("utf-8", "surrogateescape")
            if index % 2:
                yield _Invalid(offset, data)
            offset += len(data)
