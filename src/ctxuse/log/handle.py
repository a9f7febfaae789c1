"""What one process holds open of a log in order to write it."""

import errno
import os
import stat
import time
from _thread import RLock, get_ident  # as `threading` has them, which takes long to import
from contextlib import suppress

from ctxuse.files import CLOSED, closing_fd
from ctxuse.layout import LOG_NAME, USAGE_DIR
from ctxuse.log.lock import SideLock
from ctxuse.log.opening import identity, open_regular, open_usage_dir
from ctxuse.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    _Result = TypeVar("_Result")

IMPATIENCE = 5.0
"""Seconds after a lock that did not come in time during which it is tried, but not waited for: a
holder that hangs costs an agent one wait, not one for every event."""

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT
_MOST_REOPENINGS = 100


class Handle:
    """The open log below a root and its side lock, for one thread at a time.

    What it holds is closed when it is no longer referred to.

    Attributes:
        log: The descriptor of the open log, -1 when it is not open.
        identity: What tells the open log from other files.
        end: Where the last line ends that was written and read back through it, -1 for none: a log
            of this size still ends in a newline.
        directories_synced: Whether the names above the open log are known to be on the disk.
        missed_locks: How many times the side lock was not had in time, or could not be had.
    """

    def __init__(self, root: str) -> None:
        self.log = CLOSED
        self.end = -1
        self.directories_synced = False
        self.missed_locks = 0
        self._root = root
        self._path = os.path.join(root, *USAGE_DIR, LOG_NAME)
        self.identity = (-1, -1)
        self._lock: SideLock | None = None
        self._impatient_until = 0.0
        self._mutex = RLock()
        self._thread: int | None = None  # the one that works

    def exclusively(self, work: "Callable[[], _Result]") -> "_Result":
        """Do `work` while other threads are kept out, and return its result.

        The side lock is given back behind it. When it raises, or an interrupt comes, everything is
        closed. An interrupt can come at any step, also while things are given back. So that is done
        inside the `try`, and what is left is given back behind it, which does no harm to what was
        given back already.

        Raises:
            OSError: This thread is at it already: it was interrupted in the middle of an append,
                by a signal handler or a finalizer that appends too.
        """
        if self._thread == get_ident():
            raise OSError(errno.EDEADLK, "this thread is in the middle of another append")
        try:
            self._mutex.acquire()
            self._thread = get_ident()
            result = work()
            self.unlock()
            self._thread = None
            self._mutex.release()
        except BaseException:
            if self._thread == get_ident():
                self.forget()
                self._thread = None
            with suppress(RuntimeError):  # it had been given back
                self._mutex.release()
            raise
        return result

    def ready(self, lock_timeout: float | None) -> int:
        """Open what is not open, take the side lock, and return the present size of the log.

        The log's path is looked at anew: a log that was archived, removed or replaced since it was
        opened is noticed, and the present one opened.

        Args:
            lock_timeout: Seconds to wait for the side lock before going on without it; None to
                leave it alone.

        Raises:
            OSError: The log or a directory above it could not be opened, or was refused.
        """
        for _ in range(_MOST_REOPENINGS):
            if self.log < 0:
                self._open()
            if lock_timeout is not None:
                self._take_lock(lock_timeout)
            try:
                status = os.lstat(self._path)
            except FileNotFoundError:
                self.forget()
                continue
            same = (status.st_dev, status.st_ino) == self.identity
            if same and status.st_nlink == 1 and stat.S_ISREG(status.st_mode):
                return status.st_size
            self.forget()
        raise OSError(errno.EBUSY, "the log is replaced faster than it can be opened")

    def unlock(self) -> None:
        """Give the side lock back, if it is held."""
        if self._lock is not None:
            self._lock.release()

    def forget(self) -> None:
        """Close everything; what was locked is given back."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()
        log, self.log, self.end = self.log, CLOSED, -1
        log.close()
        self.directories_synced = False

    def _take_lock(self, timeout: float) -> None:
        """Take the side lock, waiting for it only if it did not just now fail to come."""
        if self._lock is None or self._lock.held or self._lock.try_acquire():
            return
        patient = time.monotonic() >= self._impatient_until
        if not self._lock.acquire(timeout if patient else 0):
            self.missed_locks += 1
            if patient:
                self._impatient_until = time.monotonic() + IMPATIENCE

    def _open(self) -> None:
        with closing_fd(open_usage_dir(self._root, create=True)) as directory:
            self.log = open_regular(LOG_NAME, directory, _FLAGS)
            self.identity = identity(self.log)
            self._lock = SideLock(directory)
