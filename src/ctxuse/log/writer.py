"""Writing the log. The only code that writes events.

One event is one `write` on a file opened for appending, so events of many writers never
interleave. What else can go wrong (a fragment at the end, a writer that takes no lock, a full
disk, a `write` that lies, a file replaced under an open writer) is met step by step below; the
faults and the tests that stand for them are in docs/reliability.md.
"""

import os
from _weakref import ref  # as `weakref` has it, which takes long to import

from ctxuse.errors import AppendError
from ctxuse.files import what_happened
from ctxuse.layout import LOG_NAME, USAGE_DIR, WorkspaceLayout
from ctxuse.log.handle import Handle
from ctxuse.log.once import Look, Searched, Standing, in_index, in_tail
from ctxuse.log.opening import sync_directories, sync_file
from ctxuse.typed import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from ctxuse.log.idindex import IdIndex

Durability = Literal["os", "fsync"]
"""When an append is acknowledged: ``os``, it survives the death of the process; ``fsync``, it is
on the disk and survives a power cut."""

LOCK_TIMEOUT = 0.25
"""Seconds an append waits for the side lock before it goes on without."""

ONCE_LOCK_TIMEOUT = 1.0
"""Seconds an append waits for it that others may make as well. Without it both may be stored, so
it is waited for longer; many hooks at once on a busy machine need that."""

PATIENT_LOCK_TIMEOUT = 30.0
"""Seconds an import waits for it."""

_MOST_LOOKS = 3
"""How often the log is looked through again for what has come meanwhile."""

_NEWLINE = b"\n"

_LOOKED_BACK = 64 * 1024
"""Bytes before a line that are looked at for what another writer may have put there."""


class LogWriter:
    """Appends lines to the log of one workspace. Safe to share between threads and over a fork.

    The log stays open between appends. Before each, its path is looked at again, so a log that
    was renamed, removed or replaced meanwhile is noticed and the new one written.

    Args:
        layout: The workspace. Its root must exist; what is missing below is made.
        durability: When an append is acknowledged.
        most_patience: Seconds that are waited for the side lock at most, where less than usual.
    """

    def __init__(
        self,
        layout: WorkspaceLayout,
        *,
        durability: Durability = "os",
        most_patience: float = PATIENT_LOCK_TIMEOUT,
    ) -> None:
        self._root = os.fspath(layout)
        self._path = os.path.join(self._root, *USAGE_DIR, LOG_NAME)
        self._durability = durability
        self._most_patience = most_patience
        self._handle = Handle(self._root)
        _watch(self)

    @property
    def missed_locks(self) -> int:
        """How many appends went on without the side lock."""
        return self._handle.missed_locks

    def append(self, line: bytes) -> None:
        """Append `line` and a newline. When this returns, the line stands in the log.

        Args:
            line: A whole event as `ctxuse.codec.encode` makes it, without a newline.

        Raises:
            AppendError: It was not stored, or it cannot be told; see its `stored`.
        """
        self._append(line, None, LOCK_TIMEOUT)

    def append_once(
        self,
        event_id: str,
        line: bytes,
        *,
        index: "IdIndex | None" = None,
        searched: Searched | None = None,
    ) -> bool:
        """Append `line` unless its event stands in the log already, and say whether it did not.

        Without an index this is what a hook does: it looks through the last 1 MiB, first without
        the side lock and then with it, and goes on when that does not come in time. With one it is
        what an import does: it waits for the lock and looks through everything, each byte once.

        Args:
            event_id: The id of the event on `line`, canonical.
            line: A whole event, without a newline.
            index: The ids of the log, kept between calls.
            searched: How far the caller has looked for the event and not found it.

        Returns:
            True when it was appended, False when it was there.

        Raises:
            AppendError: As `append`.
        """
        if index is None:
            look = in_tail(self._root, event_id, searched)
            early_look = look if searched is None else None
            return self._append(line, look, ONCE_LOCK_TIMEOUT, early_look)
        try:
            index.catch_up()  # most of the reading is done before the lock is taken
        except OSError as error:
            self._fail("read", error)
        return self._append(line, in_index(event_id, index), PATIENT_LOCK_TIMEOUT)

    def append_if(self, line: bytes, still: "Callable[[], bool]") -> bool:
        """Append `line` if that is still right where nobody else appends; say whether it was.

        Args:
            line: A whole event, without a newline.
            still: Looks at what has come to the log, and says whether it is.

        Raises:
            AppendError: As `append`.
        """

        def look(*_: int) -> Standing:
            return Standing.ABSENT if still() else Standing.THERE

        return self._append(line, look, PATIENT_LOCK_TIMEOUT)

    def close(self) -> None:
        """Close the log. The writer can be used again; it then opens it again."""
        self._handle.exclusively(self._handle.forget)

    def begin_anew(self) -> None:
        """Let go of what is open, as the child of a fork must: it shares positions and locks."""
        self._handle.forget()
        self._handle = Handle(self._root)

    def _append(
        self,
        line: bytes,
        look: Look | None,
        lock_timeout: float,
        early_look: Look | None = None,
    ) -> bool:
        handle = self._handle

        def work() -> bool:
            if early_look is not None and self._stands_already(handle, early_look):
                return False
            patience = min(lock_timeout, self._most_patience)
            stored = self._store(handle, line, look, patience)
            if self._durability == "fsync":
                self._make_durable(handle)
            return stored

        try:
            return handle.exclusively(work)
        except AppendError:
            raise
        except OSError as error:
            self._fail("append", error)

    def _stands_already(self, handle: Handle, look: Look) -> bool:
        """Whether the event stands in the log, looked for without keeping anybody from writing."""
        try:
            size = handle.ready(None)
            return look(handle.log, size) is Standing.THERE
        except OSError as error:
            self._fail("open", error)

    def _store(self, handle: Handle, line: bytes, look: Look | None, lock_timeout: float) -> bool:
        """Bring the line into the log and say whether it was not there."""
        try:
            size = handle.ready(lock_timeout)
            standing = Standing.ABSENT
            if look is not None:
                size, standing = self._looked(handle, look, size, lock_timeout)
            if standing is Standing.THERE:
                return False
            ended = size in {0, handle.end} or os.pread(handle.log, 1, size - 1) == _NEWLINE
            own_line = not ended and self._ends_in(handle.log, size, line)
        except OSError as error:
            self._fail("open", error)
        if own_line or standing is Standing.PENDING:
            # An earlier try left it without its newline: finish it rather than store it twice.
            if self._finish(handle.log, size):
                return own_line
            ended = True  # somebody glued a line to it; what follows stands on a fresh one
        prefix = b"" if ended else _NEWLINE  # a fragment stands there: leave it, start a new line
        if self._write(handle.log, prefix, line, size):
            handle.end = size + len(prefix) + len(line) + 1
        elif not self._write(handle.log, _NEWLINE, line, size):
            reason = "the disk took only a part of the line, twice"
            raise AppendError(self._path, "write", reason)
        return True

    def _looked(
        self, handle: Handle, look: Look, size: int, lock_timeout: float
    ) -> tuple[int, Standing]:
        """Look until nothing has come meanwhile; return the size of the log and how it stands.

        A look takes some tenths of a millisecond, in which a writer without the lock may append and
        the log may be archived. Between the last glance at it and the write it is microseconds.
        """
        standing = Standing.ABSENT
        for _ in range(_MOST_LOOKS):
            standing = look(handle.log, size)
            seen = handle.identity, size
            size = handle.ready(lock_timeout)
            if standing is Standing.THERE or seen == (handle.identity, size):
                break
        return size, standing

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
            if self._stands(log, line, size + len(prefix)):
                return True
            # A writer without a lock got in between: the system knows where the line went.
            begin = os.lseek(log, 0, os.SEEK_CUR) - len(line) - 1
            if begin < size or os.pread(log, len(line) + 1, begin) != line + _NEWLINE:
                reason = "what stands at the end of the file is not what was written"
                raise AppendError(self._path, "read back", reason, None)
            return self._counts(log, begin)
        except OSError as error:
            self._fail("read back", error, stored=None)

    def _counts(self, log: int, begin: int) -> bool:
        """Whether a line that stands at `begin` has nothing before it but what JSON passes over."""
        size = min(begin, _LOOKED_BACK)
        before = os.pread(log, size, begin - size)
        cut = before.rfind(_NEWLINE)
        whole = cut >= 0 or size == begin
        return whole and not before[cut + 1 :].strip(b" \t\r")

    def _stands(self, log: int, line: bytes, begin: int) -> bool:
        """Whether the line stands at `begin`, right behind a newline and with its own."""
        if not begin:
            return os.pread(log, len(line) + 1, 0) == line + _NEWLINE
        return os.pread(log, len(line) + 2, begin - 1) == _NEWLINE + line + _NEWLINE

    def _write_newline(self, log: int) -> None:
        """Write the newline that a short write left out."""
        try:
            written = os.write(log, _NEWLINE)
        except OSError as error:
            self._fail("write", error, stored=None)
        if written != 1:
            raise AppendError(self._path, "write", "the final newline was not taken", None)

    def _finish(self, log: int, size: int) -> bool:
        """Write the newline that the last line lacks, and say whether it stands right behind it."""
        self._write_newline(log)
        try:
            return os.pread(log, 1, size) == _NEWLINE
        except OSError as error:
            self._fail("read back", error, stored=None)

    def _ends_in(self, log: int, size: int, line: bytes) -> bool:
        """Whether the file ends in this very line, without its newline."""
        begin = size - len(line)
        before = min(begin, 1)
        return begin >= 0 and os.pread(log, before + len(line), begin - before) in {
            line,
            _NEWLINE + line,
        }

    def _make_durable(self, handle: Handle) -> None:
        handle.unlock()  # others may append while the disk is busy
        try:
            sync_file(handle.log)
            if not handle.directories_synced:
                sync_directories(self._root)
                handle.directories_synced = True
        except OSError as error:
            self._fail("sync to disk", error, stored=None)

    def _fail(self, action: str, error: OSError, *, stored: bool | None = False) -> "NoReturn":
        reason = what_happened(error)
        raise AppendError(self._path, action, reason, stored, error.errno) from error


_writers: "set[ref[LogWriter]] | None" = None


def _watch(writer: LogWriter) -> None:
    """See to it that `writer` begins anew in the child of every fork, while that has one thread."""
    global _writers  # noqa: PLW0603 - a process has one set of writers
    if _writers is None:
        _writers = set()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_begin_anew)
    _writers.add(ref(writer, _writers.discard))


def _begin_anew() -> None:
    for writer in [*_writers] if _writers else ():
        if (living := writer()) is not None:
            living.begin_anew()
