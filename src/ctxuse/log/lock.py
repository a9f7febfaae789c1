"""The side lock: keeps ctxuse's own programs from doing the same thing at the same time.

A log's keeps writers from meeting at the end of the file. It is taken on a file of its own, never
on the log (that would break readers elsewhere), with `flock` (POSIX record locks vanish when any
descriptor of the file is closed). Correctness never depends on it: the reference takes none, and
who does not get it in time goes on without.
"""

import errno
import os
import time

from ctxuse.files import CLOSED
from ctxuse.layout import LOCK_NAME
from ctxuse.log.opening import open_regular

_BUSY = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EINTR})
_FIRST_PAUSE = 0.0002
_LONGEST_PAUSE = 0.01


class SideLock:
    """A side lock, by default that of one log.

    Args:
        directory: A descriptor of the directory that the lock's file is in, used once, now.
        name: The name of that file.

    Attributes:
        held: Whether the lock is held now.
        error: Why it cannot be had at all; None while it can.
    """

    def __init__(self, directory: int, name: str = LOCK_NAME) -> None:
        from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock  # noqa: PLC0415 - not on every system

        self._flock = flock
        self._take, self._give = LOCK_EX | LOCK_NB, LOCK_UN
        self.held = False
        self._descriptor = CLOSED
        self.error: OSError | None = None
        try:
            self._descriptor = open_regular(name, directory, os.O_RDWR | os.O_CREAT)
        except OSError as error:  # without it the log is still correct
            self.error = error

    def try_acquire(self) -> bool:
        """Try once to take the lock and return whether it is held."""
        if self._descriptor is CLOSED:
            return False
        try:
            self._flock(self._descriptor, self._take)
        except OSError as error:
            if error.errno not in _BUSY:
                self.close()  # it is not waited for either
                self.error = error
            return False
        self.held = True
        return True

    def acquire(self, timeout: float) -> bool:
        """Try to take the lock for `timeout` seconds and return whether it is held."""
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while not self.try_acquire():
            if self._descriptor is CLOSED or time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        return True

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if not self.held:
            return
        self.held = False
        try:
            self._flock(self._descriptor, self._give)
        except OSError:
            self.close()  # closing the descriptor gives the lock back too

    def close(self) -> None:
        """Close the lock's file, giving the lock back. The file itself is never removed."""
        self.held = False
        self._descriptor.close()
        self._descriptor = CLOSED
