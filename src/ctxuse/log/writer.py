"""Writing the log. The only code that writes events.

One event is one `write` on a file opened for appending, so events of many writers never
interleave. What else can go wrong (a fragment at the end, a writer that takes no lock, a full
disk, a `write` that lies, a file replaced under an open writer) is met step by step in
`LogWriter._store`; the faults and the tests that stand for them are in docs/reliability.md.
"""

import errno
import os
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Literal

from ctxuse.errors import AppendError
from ctxuse.layout import LOG_NAME, MARKER, WorkspaceLayout
from ctxuse.log.lock import SideLock
from ctxuse.log.place import close, open_regular, open_usage_dir, what_happened

if TYPE_CHECKING:
    from typing import NoReturn

Durability = Literal["os", "fsync"]
"""When an append is acknowledged: ``os``, it survives the death of the process; ``fsync``, it is
on the disk and survives a power cut."""

LOCK_TIMEOUT = 0.25
"""Seconds an append waits for the side lock before it goes on without."""

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT
_NEWLINE = b"\n"
_MOST_REOPENINGS = 100


class LogWriter:
    """Appends lines to the log of one workspace. Safe to share between threads and over a fork.

    The log stays open between appends. Before each, its path is looked at again, so a log that
    was renamed, removed or replaced meanwhile is noticed and the new one written.

    Args:
        layout: The workspace. Its root must exist; what is missing below is made.
        durability: When an append is acknowledged.
        lock_timeout: Seconds to wait for the side lock before going on without it.
    """

    def __init__(
        self,
        layout: WorkspaceLayout,
        *,
        durability: Durability = "os",
        lock_timeout: float = LOCK_TIMEOUT,
    ) -> None:
        self._root = os.fspath(layout)
        self._path = os.path.join(self._root, ".yoi", "memory", "_usage", LOG_NAME)
        self._durability = durability
        self._lock_timeout = lock_timeout
        self._open = _Open(os.getpid())

    def append(self, line: bytes) -> None:
        """Append `line` and a newline. When this returns, the line stands in the log.

        Args:
            line: A whole event as `ctxuse.codec.encode` makes it, without a newline.

        Raises:
            AppendError: It was not stored, or it cannot be told; see its `stored`.
        """
        if self._open.pid != os.getpid():  # a fork shares file positions and locks: start anew
            self._open.forget()
            self._open = _Open(os.getpid())
        opened = self._open
        with opened.mutex:
            try:
                self._store(opened, line)
                if self._durability == "fsync":
                    self._make_durable(opened)
            except BaseException:
                opened.forget()
                raise
            finally:
                opened.unlock()

    def close(self) -> None:
        """Close the log. The writer can be used again; it then opens it again."""
        with self._open.mutex:
            self._open.forget()

    def _store(self, opened: "_Open", line: bytes) -> None:
        try:
            size = opened.ready(self._root, self._path, self._lock_timeout)
            prefix = b""
            if size and os.pread(opened.log, 1, size - 1) != _NEWLINE:
                if self._finishes_own_line(opened.log, size, line):
                    return
                prefix = _NEWLINE  # a fragment stands there: leave it, start a new line
        except OSError as error:
            self._fail("open", error)
        if not self._write(opened.log, prefix, line, size) and not self._write(
            opened.log, _NEWLINE, line, size
        ):
            reason = "the disk took only a part of the line, twice"
            raise AppendError(self._path, "write", reason)

    def _write(self, log: int, prefix: bytes, line: bytes, size: int) -> bool:
        """Write the line once and say whether it stands whole on a line of its own."""
        try:
            data = prefix + line + _NEWLINE
            written = os.write(log, data)
        except OSError as error:
            self._fail("write", error)
        if written == len(data) - 1:
            self._write_newline(log)
        elif written != len(data):
            return False
        try:
            begin = os.lseek(log, 0, os.SEEK_CUR) - len(line) - 1
            before = min(begin, 1)
            stands = os.pread(log, before + len(line) + 1, begin - before) if begin >= 0 else b""
        except OSError as error:
            self._fail("read back", error, stored=None)
        if begin < size or stands[before:] != line + _NEWLINE:
            reason = "what stands at the end of the file is not what was written"
            raise AppendError(self._path, "read back", reason, None)
        return stands[:before] in {b"", _NEWLINE}  # else a writer without a lock got in between

    def _write_newline(self, log: int) -> None:
        """Write the newline that a short write left out."""
        try:
            written = os.write(log, _NEWLINE)
        except OSError as error:
            self._fail("write", error, stored=None)
        if written != 1:
            raise AppendError(self._path, "write", "the final newline was not taken", None)

    def _finishes_own_line(self, log: int, size: int, line: bytes) -> bool:
        """Whether the file ended in this very line, left without its newline by an earlier try.

        If so the newline is written, and the event is not stored twice.
        """
        begin = size - len(line)
        before = min(begin, 1)
        if begin < 0 or os.pread(log, before + len(line), begin - before) not in {
            line,
            _NEWLINE + line,
        }:
            return False
        self._write_newline(log)
        return os.pread(log, len(line) + 1, begin) == line + _NEWLINE

    def _make_durable(self, opened: "_Open") -> None:
        opened.unlock()  # others may append while the disk is busy
        try:
            _sync_file(opened.log)
            if not opened.directories_synced:
                _sync_directories(self._root)
                opened.directories_synced = True
        except OSError as error:
            self._fail("sync to disk", error, stored=None)

    def _fail(self, action: str, error: OSError, *, stored: bool | None = False) -> "NoReturn":
        raise AppendError(self._path, action, what_happened(error), stored) from error


class _Open:
    """What one process holds open."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.mutex = Lock()
        self.log = -1
        self.directories_synced = False
        self._identity = (-1, -1)
        self._lock: SideLock | None = None

    def ready(self, root: str, path: str, lock_timeout: float) -> int:
        """Open what is not open, take the side lock, and return the present size of the log."""
        for _ in range(_MOST_REOPENINGS):
            if self.log < 0:
                self._open(root)
            if self._lock is not None and not self._lock.held:
                self._lock.acquire(lock_timeout)
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                self.forget()
                continue
            if (status.st_dev, status.st_ino) == self._identity:
                return status.st_size
            self.forget()
        raise OSError(errno.EBUSY, "the log is replaced faster than it can be opened")

    def _open(self, root: str) -> None:
        directory = open_usage_dir(root, create=True)
        try:
            self.log = open_regular(LOG_NAME, directory, _FLAGS)
            status = os.fstat(self.log)
            self._identity = (status.st_dev, status.st_ino)
            self._lock = SideLock(directory)
        finally:
            close(directory)

    def unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def forget(self) -> None:
        """Close everything; what was locked is given back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self.log >= 0:
            close(self.log)
            self.log = -1
        self.directories_synced = False


def _sync_file(descriptor: int) -> None:
    """Bring a file's content to the disk."""
    import fcntl  # noqa: PLC0415 - beside its only use, for one platform

    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync alone stops at the drive's cache
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def _sync_directories(root: str) -> None:
    """Bring the names of the log and of the directories above it, up to the root, to the disk."""
    parts = (*MARKER, "_usage")
    for depth in range(len(parts), -1, -1):
        path = os.path.join(root, *parts[:depth])
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            with suppress(OSError):
                os.close(descriptor)
