"""What is remembered of files between runs, in the user's cache.

Never needed: what is absent, damaged, of another version or cannot be stored only costs time, and
nothing here raises. The cache sees to it that what is read was written by the user, and to a bound
of all of it (`ctxuse.counting.cache`).
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256

import msgspec

from ctxuse.counting.cache import cache_of
from ctxuse.files import closing_fd, open_regular

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


def digest(data: bytes) -> str:
    """Return what tells some bytes from others."""
    return sha256(data).hexdigest()[:32]


class Memory:
    """Where one kind of thing is remembered.

    Args:
        environ: The environment, for where the user's cache is.
        kind: The kind.
        version: Raised whenever what is stored means something else.
        used: Whether anything is remembered at all; None leaves that to the environment.
    """

    def __init__(
        self, environ: Mapping[str, str], kind: str, version: int, *, used: bool | None = None
    ) -> None:
        self._cache = cache_of(environ, wanted=used)
        self._kind = kind
        self._head = f"ctxuse {kind} {version}\n".encode()

    @property
    def used(self) -> bool:
        """Whether anything is remembered at all."""
        return self._cache is not None

    def load(self, name: str) -> bytes | None:
        """Return what is remembered under a name; None for nothing that can be used."""
        data = None
        with suppress(ValueError):  # a NUL in the name of the cache's directory
            data = None if self._cache is None else self._cache.load(self._key(name))
        if data is None:
            return None
        payload = data[len(self._before(b"")) :]
        return payload if data.startswith(self._before(payload)) else None

    def save(self, name: str, payload: bytes) -> None:
        """Remember something under a name, if that is possible."""
        if self._cache is not None:
            with suppress(ValueError):
                self._cache.save(self._key(name), self._before(payload) + payload)

    def _key(self, name: str) -> str:
        return f"{digest(os.fsencode(name))}.{self._kind}"

    def _before(self, payload: bytes) -> bytes:
        """What stands before the bytes that are remembered."""
        return self._head + digest(payload).encode() + b"\n"
