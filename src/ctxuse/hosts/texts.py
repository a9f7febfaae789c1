"""What is made of files, kept as long as these are as they were.

The lines of a transcript may name the same file thousands of times, each in some hundred bytes; the
file may have megabytes.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

V = TypeVar("V")

ROOM = 32 * 1024 * 1024
"""Characters of texts that are kept; of what has no room there it is kept how long it is."""

MOST_FILES = 20_000


class _Made(NamedTuple):
    """What was made of a file: of a text also how long it is, and whether it is kept."""

    stamp: tuple[int, ...]
    value: Any
    length: int
    is_kept: bool


class Texts:
    """Keeps what was made of files."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, str], _Made] = {}
        self._room = ROOM

    def of(self, make: Callable[[str], V], path: str, longest: int = sys.maxsize) -> V | None:
        """Return what is made of a file as it is now.

        Args:
            make: Makes it, given the path: a text, or something that is small.
            path: The file.
            longest: So many characters are wanted at most: for a longer text None is returned.
        """
        stamp = _stamp(path)
        if stamp is None:
            return make(path)
        known = self._known.get((make, path))
        if known is not None and known.stamp == stamp and known.length > longest:
            return None
        if known is not None and known.stamp == stamp and known.is_kept:
            value: V = known.value
            return value
        made = make(path)
        known = self._keep((make, path), stamp, made)
        return None if known.length > longest else made

    def _keep(self, key: tuple[object, str], stamp: tuple[int, ...], value: object) -> _Made:
        before = self._known.pop(key, None)
        if len(self._known) >= MOST_FILES:
            self._known.clear()
            self._room = ROOM
        elif before is not None and before.is_kept:
            self._room += before.length
        length = len(value) if isinstance(value, str) else 0
        is_kept = length <= self._room
        self._room -= length if is_kept else 0
        made = self._known[key] = _Made(stamp, value if is_kept else None, length, is_kept)
        return made


def _stamp(path: str) -> tuple[int, ...] | None:
    """What tells whether a file is as it was; None for what cannot be looked at."""
    try:
        now = os.stat(path)
    except (OSError, ValueError):
        return None
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns
