"""Opening the log and its neighbours, component by component, without following links.

The root's own path may contain links; nothing below it may. What is opened must be a regular file
with one name: a link, a FIFO, a directory or a hard link that somebody planted is refused at once
and left as it was.

Bringing files and their names to the disk stands here, too.

Where the system has no `dir_fd` (Windows) nothing is written, and reading goes by whole paths.
"""

import errno
import os
import stat
from contextlib import suppress

from ctxuse import files
from ctxuse.files import (
    DIRECTORY,
    NO_LINK,
    Descriptor,
    NotRegularError,
    RefusedError,
    closing_fd,
    give_to_owner,
    make_directory,
    makes_for_others,
    open_descriptor,
)
from ctxuse.layout import LOG_NAME, USAGE_DIR

CAN_WRITE = os.open in os.supports_dir_fd and NO_LINK != 0
"""Whether this system lets us write the log safely; reading works everywhere."""


def open_usage_dir(root: str, *, create: bool) -> Descriptor:
    """Return a descriptor of ``.yoi/memory/_usage`` below `root`.

    Args:
        root: The workspace's root. It must exist; it is never made.
        create: Make the directories that are missing, with mode 0700, for the owner of `root`.

    Raises:
        RefusedError: A link or something else that is no directory stands in the way.
        OSError: What the system said; FileNotFoundError when it is missing.
    """
    if not CAN_WRITE:
        raise OSError(errno.ENOTSUP, "this system can read logs, not write them")
    directory = open_descriptor(root, DIRECTORY)
    try:
        for name in USAGE_DIR:
            try:
                deeper = _open_directory(name, directory)
            except FileNotFoundError:
                if not create:
                    raise
                with suppress(FileExistsError):  # made meanwhile, or something else: we shall see
                    make_directory(name, 0o700, dir_fd=directory)
                deeper = _open_directory(name, directory)
            directory.close()
            directory = deeper
    except BaseException:
        directory.close()
        raise
    return directory


def open_regular(name: str, directory: int, flags: int) -> Descriptor:
    """Return a descriptor of the file `name` in `directory`, opened with `flags`.

    Missing files are made with mode 0600 where `flags` says `O_CREAT`, for the owner of
    `directory`.

    Raises:
        RefusedError: It is a link, no regular file, or has another name as well.
        OSError: What the system said; FileNotFoundError when it is missing.
    """
    try:
        if flags & os.O_CREAT and makes_for_others(directory):
            return _opened_for_owner(name, flags, directory)
        return _opened(name, name, flags, directory)
    except RefusedError:
        raise
    except OSError as error:
        refused = _what_stands(name, directory)
        if refused is not None:
            raise RefusedError(error.errno, refused, name) from error
        raise


def open_for_reading(root: str, name: str) -> Descriptor:
    """Return a descriptor of the file `name` in ``_usage`` below `root`, to read it.

    Raises:
        RefusedError: It, or something on the way to it below the root, is not what it should be.
        OSError: What the system said; FileNotFoundError when it is missing.
    """
    if CAN_WRITE:
        with closing_fd(open_usage_dir(root, create=False)) as directory:
            return open_regular(name, directory, os.O_RDONLY)
    path = root
    for part in (*USAGE_DIR, name):
        path = os.path.join(path, part)
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            raise RefusedError(errno.ELOOP, _what_it_is(mode), part)
    return _opened(path, name, os.O_RDONLY)


def identity(descriptor: int) -> tuple[int, int]:
    """What tells an open file from every other file that exists while it is open."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def log_identity(root: str, name: str = LOG_NAME) -> tuple[int, int] | None:
    """The identity of what stands at a log's path now, or None when nothing does."""
    try:
        status = os.lstat(os.path.join(root, *USAGE_DIR, name))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


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
        path = os.path.join(root, *USAGE_DIR[:depth])
        with closing_fd(open_descriptor(path, DIRECTORY)) as directory:
            os.fsync(directory)


def _opened(path: str, name: str, flags: int, directory: int | None = None) -> Descriptor:
    """Open the file `name` at `path`, a regular file that has no other name."""
    try:
        descriptor = files.open_regular(path, flags | NO_LINK, dir_fd=directory)
    except NotRegularError as error:
        raise RefusedError(error.errno, _what_it_is(error.mode), name) from error
    try:
        if os.fstat(descriptor).st_nlink > 1:
            raise RefusedError(errno.EMLINK, "it has another name as well (a hard link)", name)
    except BaseException:
        descriptor.close()
        raise
    return descriptor


def _opened_for_owner(name: str, flags: int, directory: int) -> Descriptor:
    """Open a file; one that is made by that is given to the owner of the directory, no other."""
    try:
        made = _opened(name, name, flags | os.O_EXCL, directory)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return _opened(name, name, flags, directory)
    give_to_owner(made, directory)
    return made


def _open_directory(name: str, parent: int) -> Descriptor:
    try:
        return open_descriptor(name, DIRECTORY | NO_LINK, dir_fd=parent)
    except FileNotFoundError:
        raise
    except OSError as error:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            raise RefusedError(error.errno, _what_it_is(status.st_mode), name) from error
        raise


def _what_stands(name: str, directory: int) -> str | None:
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return None
    return None if stat.S_ISREG(status.st_mode) else _what_it_is(status.st_mode)


def _what_it_is(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "it is a link, and links are not followed below the workspace's root",
        stat.S_IFDIR: "it is a directory",
        stat.S_IFIFO: "it is a FIFO",
        stat.S_IFSOCK: "it is a socket",
        stat.S_IFREG: "it is a file, not a directory",
    }
    return kinds.get(stat.S_IFMT(mode), "it is a device")
