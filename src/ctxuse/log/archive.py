"""Archiving the log: the present file gets a name of its own, and a new one is begun.

Only on request: the reference implementation reads one file. Reports of ours go on counting
archived files; none is ever written again by us, but a late writer may still hold one open.
"""

import errno
import os
import time
from contextlib import closing, suppress

from ctxuse.errors import MaintenanceError
from ctxuse.files import closing_fd, what_happened
from ctxuse.layout import LOCK_NAME, LOG_NAME, USAGE_DIR, WorkspaceLayout
from ctxuse.log.lock import SideLock
from ctxuse.log.names import archive_names, archive_time, is_archive
from ctxuse.log.opening import open_regular, open_usage_dir, sync_file
from ctxuse.times import file_time

LOCK_TIMEOUT = 30.0
"""Seconds to wait for the side lock, without which nothing is archived."""


def archive_log(layout: WorkspaceLayout, *, lock_timeout: float = LOCK_TIMEOUT) -> str | None:
    """Archive the present log and return the archive's name; None when there is nothing in it.

    Args:
        layout: The workspace.
        lock_timeout: Seconds to wait for the side lock.

    Raises:
        MaintenanceError: It could not be done; the log is where it was, unless the error's
            `archive` says what name it has now.
    """
    root = os.fspath(layout)
    try:
        with (
            closing_fd(open_usage_dir(root, create=False)) as directory,
            closing(SideLock(directory)) as lock,
        ):
            if not lock.acquire(lock_timeout):
                raise _not_had(lock)
            return _archive(root, directory)
    except MaintenanceError:
        raise
    except FileNotFoundError:
        return None
    except OSError as error:
        path = os.path.join(root, *USAGE_DIR, LOG_NAME)
        raise MaintenanceError(path, "archive", what_happened(error)) from error


def _archive(root: str, directory: int) -> str | None:
    with closing_fd(open_regular(LOG_NAME, directory, os.O_RDWR | os.O_APPEND)) as log:
        size = os.fstat(log).st_size
        if size == 0:
            return None
        if os.pread(log, 1, size - 1) != b"\n":
            os.write(log, b"\n")  # nothing will be appended to this file: finish its last line
        name = _moved(root, directory)
        try:
            _begin(log, directory)
        except OSError as error:  # whatever becomes of the rest, the log has another name now
            path = os.path.join(root, *USAGE_DIR)
            raise MaintenanceError(path, "archive", what_happened(error), name) from error
    return name


def _begin(log: int, directory: int) -> None:
    """Do what follows the renaming of the log: begin a new one, and sync."""
    with suppress(FileExistsError):  # a writer was faster
        open_regular(LOG_NAME, directory, os.O_RDWR | os.O_CREAT | os.O_EXCL).close()
    sync_file(log)
    os.fsync(directory)


def _not_had(lock: SideLock) -> OSError:
    """Why the side lock was not had."""
    if lock.error is None:
        return TimeoutError(errno.ETIMEDOUT, f"another process holds the lock {LOCK_NAME}")
    reason = f"the lock {LOCK_NAME} cannot be taken: {what_happened(lock.error)}"
    return OSError(lock.error.errno, reason)


def _moved(root: str, directory: int) -> str:
    """Give the log a name that sorts behind all archives, and return it.

    An empty file takes the name first, so that nothing is overwritten. When the log, which is not
    empty, did not get there, it is removed: told by its size, since an interrupt may come right
    behind the renaming.
    """
    name = _free_name(root)
    try:
        open_regular(name, directory, os.O_RDWR | os.O_CREAT | os.O_EXCL).close()
        os.rename(LOG_NAME, name, src_dir_fd=directory, dst_dir_fd=directory)
    except FileExistsError:
        raise
    except BaseException:
        with suppress(FileNotFoundError):
            if os.stat(name, dir_fd=directory, follow_symlinks=False).st_size == 0:
                os.unlink(name, dir_fd=directory)
        raise
    return name


def _free_name(root: str) -> str:
    now = time.time_ns()
    for last in archive_names(root)[-1:]:
        now = max(now, archive_time(last) + 1_000)  # the clock may have been set back
    name = f"events.{file_time(now)}.jsonl"
    if not is_archive(name):
        raise OSError(errno.EINVAL, "the name of the last archive leaves no room for a later one")
    return name
