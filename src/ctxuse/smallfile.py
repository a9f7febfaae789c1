"""Reading small files of others: settings and the like, which may be anything."""

import errno
import os
import stat

LARGEST = 4 * 1024 * 1024
"""Bytes up to which such a file is read."""


def read_small(path: str, largest: int = LARGEST) -> bytes:
    """Return what a regular file holds.

    Args:
        path: The file; links are followed.
        largest: Bytes that it may have at most.

    Raises:
        OSError: It cannot be read, is no regular file, or has more bytes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _FLAGS)
    except ValueError as error:  # a NUL in its name
        raise OSError(errno.EINVAL, "no such name", path) from error
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", path)
        data = file.read(largest + 1)
    if len(data) > largest:
        raise OSError(errno.EFBIG, f"it has more than {largest:,} bytes", path)
    return data


_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
