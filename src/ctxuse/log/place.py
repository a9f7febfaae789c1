"""Opening the log and its neighbours, component by component, without following links.

The root's own path may contain links; nothing below it may. What is opened must be a regular file
with one name: a link, a FIFO, a directory or a hard link that somebody planted is refused at once
and left as it was.

Where the system has no `dir_fd` (Windows) nothing is written, and reading goes by whole paths.
"""

import errno
import os
import stat
from contextlib import suppress

from ctxuse.layout import LOG_NAME, USAGE_DIR

CAN_WRITE = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
"""Whether this system lets us write the log safely; reading works everywhere."""

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _CLOEXEC
"""How a directory is opened."""

_FILE = _NOFOLLOW | _CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class RefusedError(OSError):
    """Something stands where the log should be that is not a log."""


def open_usage_dir(root: str, *, create: bool) -> int:
    """Return a descriptor of ``.yoi/memory/_usage`` below `root`.

    Args:
        root: The workspace's root. It must exist; it is never made.
        create: Make the directories that are missing, with mode 0700.

    Raises:
        RefusedError: A link or something else that is no directory stands in the way.
        OSError: What the system said; FileNotFoundError when it is missing.
    """
    if not CAN_WRITE:
        raise OSError(errno.ENOTSUP, "this system can read logs, not write them")
    directory = os.open(root, DIRECTORY)
    try:
        for name in USAGE_DIR:
            try:
                deeper = _open_directory(name, directory)
            except FileNotFoundError:
                if not create:
                    raise
                with suppress(FileExistsError):  # made meanwhile, or something else: we shall see
                    os.mkdir(name, 0o700, dir_fd=directory)
                deeper = _open_directory(name, directory)
            close(directory)
            directory = deeper
    except BaseException:
        close(directory)
        raise
    return directory


def open_regular(name: str, directory: int, flags: int) -> int:
    """Return a descriptor of the file `name` in `directory`, opened with `flags`.

    Missing files are made with mode 0600 where `flags` says `O_CREAT`.

    Raises:
        RefusedError: It is a link, no regular file, or has another name as well.
        OSError: What the system said; FileNotFoundError when it is missing.
    """
    try:
        descriptor = os.open(name, flags | _FILE, 0o600, dir_fd=directory)
    except OSError as error:
        refused = _what_stands(name, directory)
        if refused is not None:
            raise RefusedError(error.errno, refused, name) from error
        raise
    return _checked(descriptor, name)


def open_for_writing(root: str, name: str) -> int:
    """Return a descriptor of the existing file `name` in ``_usage``, to write in its middle.

    Raises:
        RefusedError: As `open_regular`.
        OSError: What the system said; FileNotFoundError when it is missing.
    """
    directory = open_usage_dir(root, create=False)
    try:
        return open_regular(name, directory, os.O_RDWR)
    finally:
        close(directory)


def open_for_reading(root: str, name: str) -> int:
    """Return a descriptor of the file `name` in ``_usage`` below `root`, to read it.

    Raises:
        RefusedError: It, or something on the way to it below the root, is not what it should be.
        OSError: What the system said; FileNotFoundError when it is missing.
    """
    if CAN_WRITE:
        directory = open_usage_dir(root, create=False)
        try:
            return open_regular(name, directory, os.O_RDONLY)
        finally:
            close(directory)
    path = root
    for part in (*USAGE_DIR, name):
        path = os.path.join(path, part)
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise RefusedError(errno.ELOOP, _what_it_is(os.lstat(path)), part)
    return _checked(os.open(path, os.O_RDONLY | _FILE), name)


def identity(descriptor: int) -> tuple[int, int]:
    """What tells an open file from every other file that exists while it is open."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def log_identity(root: str) -> tuple[int, int] | None:
    """The identity of what stands at the log's path now, or None when nothing does."""
    try:
        status = os.lstat(os.path.join(root, *USAGE_DIR, LOG_NAME))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def what_happened(error: OSError) -> str:
    """Return the system's words for `error`, with the name of what was refused where it helps."""
    words = error.strerror or str(error)
    return f"{error.filename}: {words}" if isinstance(error, RefusedError) else words


def close(descriptor: int) -> None:
    """Close `descriptor`; it is gone afterwards whatever the system says of it."""
    with suppress(OSError):
        os.close(descriptor)


def _checked(descriptor: int, name: str) -> int:
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise RefusedError(errno.EINVAL, _what_it_is(status), name)
        if status.st_nlink > 1:
            raise RefusedError(errno.EMLINK, "it has another name as well (a hard link)", name)
    except BaseException:
        close(descriptor)
        raise
    return descriptor


def _open_directory(name: str, parent: int) -> int:
    try:
        return os.open(name, DIRECTORY | _NOFOLLOW, dir_fd=parent)
    except FileNotFoundError:
        raise
    except OSError as error:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            raise RefusedError(error.errno, _what_it_is(status), name) from error
        raise


def _what_stands(name: str, directory: int) -> str | None:
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return None
    return None if stat.S_ISREG(status.st_mode) else _what_it_is(status)


def _what_it_is(status: os.stat_result) -> str:
    kinds = {
        stat.S_IFLNK: "it is a link, and links are not followed below the workspace's root",
        stat.S_IFDIR: "it is a directory",
        stat.S_IFIFO: "it is a FIFO",
        stat.S_IFSOCK: "it is a socket",
        stat.S_IFREG: "it is a file, not a directory",
    }
    return kinds.get(stat.S_IFMT(status.st_mode), "it is a device")
