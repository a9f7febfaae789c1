"""Reading files of others: settings, transcripts and the like, which may be anything."""

import errno
import os
import stat
from typing import BinaryIO

LARGEST = 4 * 1024 * 1024
"""Bytes up to which such a file is read."""


def open_regular(path: str) -> BinaryIO:
    """Open a regular file for reading, without waiting for the other end of a pipe.

    Args:
        path: The file; links are followed.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _FLAGS)
    except ValueError as error:  # a NUL in its name
        raise OSError(errno.EINVAL, "no such name", path) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", path)
    return open(descriptor, "rb")


def read_small(path: str, largest: int = LARGEST) -> bytes:
    """Return what a regular file holds.

    Args:
        path: The file; links are followed.
        largest: Bytes that it may have at most.

    Raises:
        OSError: It cannot be read, is no regular file, or has more bytes.
    """
    with open_regular(path) as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise OSError(errno.EFBIG, f"it has more than {largest:,} bytes", path)
    return data


_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
