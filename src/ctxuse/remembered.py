"""What is remembered of files between runs, in the user's cache directory.

It is a cache, and never needed: what is absent, damaged, of another version, too large, not ours
or cannot be stored only costs time, and nothing here raises. A file of it is a line that says what
it is, a checksum and bytes; it is replaced in one step. How much of it there is has a bound.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import msgspec

from ctxuse.files import DIRECTORY, NO_LINK, closing_fd, open_descriptor, open_regular, replacing

LARGEST = 64 * 1024 * 1024
"""Bytes that one thing which is remembered may have."""

MOST = 200
"""Of so many workspaces something is remembered; what was not used for longest is forgotten."""

_LAST = 4096


class Stamp(msgspec.Struct, array_like=True, frozen=True):
    """What tells whether a file that is only ever appended to is as it was.

    Attributes:
        size: Its bytes.
        mtime_ns: When it was written last, in nanoseconds since the epoch.
        last: A hash of its last 4 KiB.
    """

    size: int
    mtime_ns: int
    last: str

    @classmethod
    def of(cls, path: str) -> "Stamp | None":
        """Return the stamp of a regular file; None for what cannot be read."""
        try:
            with closing_fd(open_regular(path)) as descriptor:
                found = os.fstat(descriptor)
                last = _pread(descriptor, _LAST, max(0, found.st_size - _LAST))
        except OSError:
            return None
        return cls(found.st_size, found.st_mtime_ns, digest(last))


def digest(data: bytes) -> str:
    """Return what tells some bytes from others."""
    from hashlib import sha256  # noqa: PLC0415 - only for who remembers something

    return sha256(data).hexdigest()[:32]


def cache_dir(environ: Mapping[str, str]) -> str:
    """Return our directory among the user's caches; it may not exist.

    Args:
        environ: The environment: ``CTXUSE_CACHE_DIR``, else ``XDG_CACHE_HOME``, where they are
            absolute, else ``HOME``.
    """
    own, caches = environ.get("CTXUSE_CACHE_DIR", ""), environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(own):
        return own
    if not os.path.isabs(caches):  # a relative one is to be ignored, says its specification
        home = environ.get("HOME") or os.path.expanduser("~")
        caches = os.path.join(home, ".cache")
    return os.path.join(caches, "ctxuse")


class Memory:
    """Where one kind of thing is remembered.

    Args:
        environ: The environment; see `cache_dir`.
        kind: The kind; the name of a folder.
        version: Raised whenever what is stored means something else.
    """

    def __init__(self, environ: Mapping[str, str], kind: str, version: int) -> None:
        self._path = os.path.join(cache_dir(environ), kind)
        self._head = f"ctxuse {kind} {version}\n".encode()

    def load(self, name: str) -> bytes | None:
        """Return what is remembered under a name; None for nothing that can be used."""
        try:
            with (
                self._folder(create=False) as folder,
                closing_fd(open_regular(name, NO_LINK, dir_fd=folder)) as descriptor,
                open(descriptor, "rb", closefd=False) as file,
            ):
                data = file.read(LARGEST + 1)
        except (OSError, ValueError):
            return None
        payload = data[len(self._before(b"")) :]
        return payload if data.startswith(self._before(payload)) else None

    def _before(self, payload: bytes) -> bytes:
        """What stands before the bytes that are remembered."""
        return self._head + digest(payload).encode() + b"\n"

    def save(self, name: str, payload: bytes) -> None:
        """Remember something under a name, if that is possible."""
        data = self._before(payload) + payload
        if len(data) > LARGEST:
            return
        with suppress(OSError, ValueError), self._folder(create=True) as folder:
            with replacing(name, dir_fd=folder) as file:
                file.write(data)
            _forget_oldest(folder)

    @contextmanager
    def _folder(self, *, create: bool) -> Iterator[int]:
        """Open the folder, if it is the user's own and nobody else may write there.

        Raises:
            OSError: It is not, or the system does not let it.
        """
        if create:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            with suppress(FileExistsError):
                os.mkdir(self._path, mode=0o700)
        with closing_fd(open_descriptor(self._path, DIRECTORY | NO_LINK)) as folder:
            found = os.fstat(folder)
            writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if writable or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()):
                raise PermissionError(self._path)
            yield folder


def _forget_oldest(folder: int) -> None:
    names = os.listdir(folder)
    if len(names) <= MOST:
        return
    ages: list[tuple[int, str]] = []
    for name in names:
        with suppress(OSError):
            ages.append((os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime_ns, name))
    for _, name in sorted(ages)[: len(names) - MOST]:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)


def _pread(descriptor: int, length: int, offset: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        file.seek(offset)
        return file.read(length)
