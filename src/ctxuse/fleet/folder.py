"""Open folders of this machine, and the ways into those in them, along which no link is followed.

A folder that is only gone through need not be readable, where the system can open it so.

Where the system has no `dir_fd` (Windows) ways are whole paths, each part of which is looked at.
"""

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from ctxuse.files import (
    CLOSED,
    DIRECTORY,
    NO_LINK,
    UNFINISHED,
    Descriptor,
    RefusedError,
    closing_fd,
    open_descriptor,
    open_regular,
)
from ctxuse.log.opening import CAN_WRITE as HAS_DIR_FD

_UNFINISHED = re.compile(rf"\.ctxuse-[0-9]+-[0-9a-f]{{8}}{re.escape(UNFINISHED)}")
LEFT = 86_400.0
"""Seconds after which what is unfinished is taken for left so: nobody is writing it any more."""

_THROUGH = DIRECTORY | getattr(os, "O_PATH", 0)


class Folder(NamedTuple):
    """A folder.

    Attributes:
        path: Its path.
        descriptor: It, open; `CLOSED` where the system has no `dir_fd`.
    """

    path: str
    descriptor: Descriptor

    @property
    def dir_fd(self) -> int | None:
        """What `way` begins at."""
        return self.descriptor if HAS_DIR_FD else None

    @contextmanager
    def readable(self) -> Iterator[str | int]:
        """Open it to be listed or synced: give what `os.scandir` takes. Raises: OSError."""
        if not HAS_DIR_FD:
            yield self.path
            return
        with closing_fd(open_descriptor(".", DIRECTORY, dir_fd=self.descriptor)) as descriptor:
            yield descriptor

    def sync(self) -> None:
        """Have the names in it reach the disk, where it may be opened and folders are synced.

        Raises:
            OSError: What the system said.
        """
        try:
            with self.readable() as descriptor:
                if isinstance(descriptor, int):
                    os.fsync(descriptor)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EINVAL, errno.ENOTSUP}:
                raise

    def remove_left(self) -> None:
        """Remove what writers that were killed left in it unfinished: what is older than a day.

        Whether a process is there nobody can say of another machine.
        """
        left = []
        with suppress(OSError), self.readable() as there, os.scandir(there) as entries:
            left = [entry.name for entry in entries if _is_left(entry)]
        for name in left:
            with suppress(OSError):
                os.unlink(self.way(name), dir_fd=self.dir_fd)

    def way(self, name: str) -> str:
        """The way to what has a name in it, from `dir_fd`."""
        return name if HAS_DIR_FD else os.path.join(self.path, name)

    def status(self, name: str) -> os.stat_result:
        """What is known of a file or folder in it. Raises: OSError; RefusedError of a link."""
        status = os.stat(self.way(name), dir_fd=self.dir_fd, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            raise RefusedError(errno.ELOOP, "it is a link, and links are not followed", name)
        return status

    def file(self, name: str) -> Descriptor:
        """Open a regular file in it, to read it. Raises: OSError; RefusedError of a link."""
        with self._refusing(name):
            return open_regular(self.way(name), os.O_RDONLY | NO_LINK, dir_fd=self.dir_fd)

    def inner(self, name: str, *, make: bool = False, sync: bool = False) -> "Folder":
        """Return a folder in it; with `make` it is made, with mode 0700, when it is missing.

        With `sync` the name of one that is made reaches the disk.

        Raises:
            RefusedError: It is a link.
            OSError: What the system said.
        """
        if make:
            with suppress(FileExistsError):
                os.mkdir(self.way(name), 0o700, dir_fd=self.dir_fd)
                if sync:
                    self.sync()
        with self._refusing(name):
            return opened(os.path.join(self.path, name), self.way(name), self.dir_fd)

    def close(self) -> None:
        """Close it."""
        self.descriptor.close()

    @contextmanager
    def _refusing(self, name: str) -> Iterator[None]:
        """Say of a link that it is one."""
        if not HAS_DIR_FD:
            self.status(name)
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError:
            self.status(name)
            raise


def opened(path: str, way: str | None = None, dir_fd: int | None = None) -> Folder:
    """Open a folder at a path, which may have links, or by its name in another one, which may not.

    Raises:
        OSError: What the system said.
    """
    if not HAS_DIR_FD:
        return Folder(path, CLOSED)
    flags = _THROUGH if way is None else _THROUGH | NO_LINK
    return Folder(path, open_descriptor(way or path, flags, dir_fd=dir_fd))


def _is_left(entry: os.DirEntry[str]) -> bool:
    """Whether a file is one of ours that nobody finishes any more."""
    return (
        _UNFINISHED.fullmatch(entry.name) is not None
        and entry.is_file(follow_symlinks=False)
        and entry.stat(follow_symlinks=False).st_mtime < time.time() - LEFT
    )
