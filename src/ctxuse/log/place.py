"""Opening the log and its neighbours, component by component, without following links.

The root's own path may contain links; nothing below it may. What is opened must be a regular file
with one name: a link, a FIFO, a directory or a hard link that somebody planted is refused at once
and left as it was.
"""

import os
import stat
from contextlib import suppress

from ctxuse.layout import USAGE_DIR

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


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
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in USAGE_DIR:
            try:
                deeper = _open_directory(name, directory)
            except FileNotFoundError:
                if not create:
                    raise
                _make_directory(name, directory)
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
    always = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    try:
        descriptor = os.open(name, flags | always, 0o600, dir_fd=directory)
    except OSError as error:
        refused = _what_stands(name, directory)
        if refused is not None:
            raise RefusedError(error.errno, refused, name) from error
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise RefusedError(0, _what_it_is(status), name)
        if status.st_nlink > 1:
            raise RefusedError(0, "it has another name as well (a hard link)", name)
    except BaseException:
        close(descriptor)
        raise
    return descriptor


def what_happened(error: OSError) -> str:
    """Return the system's words for `error`, with the name of what was refused where it helps."""
    words = error.strerror or str(error)
    return f"{error.filename}: {words}" if isinstance(error, RefusedError) else words


def close(descriptor: int) -> None:
    """Close `descriptor`; it is gone afterwards whatever the system says of it."""
    with suppress(OSError):
        os.close(descriptor)


def _open_directory(name: str, parent: int) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        raise
    except OSError as error:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            raise RefusedError(error.errno, _what_it_is(status), name) from error
        raise


def _make_directory(name: str, parent: int) -> None:
    with suppress(FileExistsError):  # made meanwhile, or something else: opening it will tell
        os.mkdir(name, 0o700, dir_fd=parent)


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
