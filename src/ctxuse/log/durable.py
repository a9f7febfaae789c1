"""Bringing files and their names to the disk."""

import os

from ctxuse.layout import USAGE_DIR
from ctxuse.log.place import DIRECTORY, close


def sync_file(descriptor: int) -> None:
    """Bring a file's content to the disk.

    Raises:
        OSError: It may or may not be there. Trying again proves nothing: the system may have
            forgotten what it could not write.
    """
    import fcntl  # noqa: PLC0415 - not on every system

    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync alone stops at the drive's cache
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def sync_directories(root: str) -> None:
    """Bring to the disk the names of the files in ``_usage`` and of the directories up to `root`.

    Raises:
        OSError: As `sync_file`.
    """
    for depth in range(len(USAGE_DIR), -1, -1):
        descriptor = os.open(os.path.join(root, *USAGE_DIR[:depth]), DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            close(descriptor)
