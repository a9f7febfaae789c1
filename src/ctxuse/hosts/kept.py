"""How transcripts are kept: each in a file of its own, or many in one file.

An agent that keeps many in one says so with a `KEPT` in its `transcript` module. Each of them has a
path then, too: its name below the file.
"""

import os
from collections.abc import Callable

import msgspec

from ctxuse.files import closing_fd, open_regular
from ctxuse.hosts.parts import transcripts_of
from ctxuse.log.reader import pread
from ctxuse.remembered import digest

_LAST = 4096


class Stamp(msgspec.Struct, array_like=True, frozen=True):
    """What tells whether a transcript is as it was.

    Attributes:
        size: Its size: bytes of a file that is only ever appended to.
        mtime_ns: When it was written last, in nanoseconds since the epoch.
        last: A hash of its end.
    """

    size: int
    mtime_ns: int
    last: str

    @classmethod
    def of(cls, path: str) -> "Stamp | None":
        """Return the stamp of a regular file; None for what cannot be read."""
        try:
            with (
                closing_fd(open_regular(path)) as descriptor,
                open(descriptor, "rb", buffering=0, closefd=False) as file,
            ):
                found = os.fstat(descriptor)
                file.seek(max(0, found.st_size - _LAST))
                last = file.read(_LAST)
        except OSError:
            return None
        return cls(found.st_size, found.st_mtime_ns, digest(last))


Stamping = Callable[[str], Stamp | None]
"""Gives the stamp of a transcript; None for what cannot be read."""


class Kept:
    """How an agent keeps its transcripts: each in a file, which is only ever appended to."""

    def inside(self, path: str) -> list[str]:
        """Return the paths of the transcripts in a file.

        Raises:
            OSError: It cannot be read.
        """
        return [path]

    def stamping(self) -> Stamping:
        """Return what gives the stamps of many transcripts, each as it is when it is asked for."""
        return Stamp.of

    def size(self, path: str) -> int:
        """Return about how many bytes there are to read; 0 for what cannot be seen."""
        try:
            return os.path.getsize(path)
        except (OSError, ValueError):
            return 0

    def length(self, path: str) -> int:
        """Return where a transcript ends, as `Rest.offset` counts.

        Raises:
            OSError: It cannot be read.
        """
        return os.path.getsize(path)

    def mark(self, path: str, offset: int) -> str:
        """Return what tells whether a transcript is the same one up to an offset.

        That is the file, and a hash of what stands before the offset.

        Raises:
            OSError: It cannot be read.
        """
        begin = max(0, offset - _LAST)
        with closing_fd(open_regular(path)) as descriptor:
            inode = os.fstat(descriptor).st_ino
            return f"{inode} {digest(pread(descriptor, offset - begin, begin))}"


_FILES = Kept()


def kept_of(host: str) -> Kept:
    """Return how an agent keeps its transcripts; it is one of `hosts_with` transcripts."""
    kept: Kept = getattr(transcripts_of(host), "KEPT", _FILES)
    return kept
