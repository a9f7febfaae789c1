"""What is remembered of files between runs, in the user's cache.

Never needed: what is absent, damaged, of another version or cannot be stored only costs time, and
nothing here raises. The cache sees to it that what is read was written by the user, and to a bound
of all of it (`ctxuse.cache`). Part of the way of a hook, so what is imported here is cheap.
"""

import os
import sys
from binascii import crc32
from collections.abc import Mapping
from contextlib import suppress

from ctxuse.cache import cache_of

try:  # what `hashlib` falls back on; importing that loads OpenSSL, which takes a hook too long
    if sys.version_info >= (3, 12):
        from _sha2 import sha256
    else:
        from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from hashlib import sha256


def digest(data: bytes) -> str:
    """Return what tells some bytes from others."""
    found: str = sha256(data).hexdigest()
    return found[:32]


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
        return self._head + b"%08x\n" % crc32(payload)
