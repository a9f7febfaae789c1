"""Paths as text: what is below what, and what is in a directory."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice

from ctxuse.files import real_path


def holds(directory: str, other: str) -> bool:
    """Return whether a directory is another one or above it, whatever links lead there."""
    real, other = real_path(directory), real_path(other)
    return other == real or other.startswith(os.path.join(real, ""))


def is_same(path: str, other: str) -> bool:
    """Return whether two paths are of one file or directory; of one that is there."""
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):  # it is not there, or has a NUL in its name
        return False


def parts_below(path: str, directory: str) -> list[str] | None:
    """Return the components of `path` below `directory`; None when it is not below it."""
    prefix = directory if directory.endswith(os.sep) else directory + os.sep
    if not path.startswith(prefix):
        return None
    return path[len(prefix) :].split(os.sep)


def directories_above(directory: str, home: str) -> list[str]:
    """Return the directories above one, nearest first; where it is below a home, up to that."""
    found: list[str] = []
    at_home = parts_below(directory, home) is not None
    directory = os.path.dirname(directory)
    while directory != os.path.dirname(directory):
        found.append(directory)
        if at_home and directory == home:
            break
        directory = os.path.dirname(directory)
    return found


def paths_in(directory: str) -> list[str]:
    """Return the paths in a directory, sorted; none where it cannot be read."""
    try:
        names = os.listdir(directory)
    except (OSError, ValueError):  # a NUL in its name
        return []
    return [os.path.join(directory, name) for name in sorted(filter(is_name, names))]


def times_written(paths: Iterable[str]) -> dict[str, float]:
    """Return when files were written last, in seconds since the epoch; of those that are there."""
    times: dict[str, float] = {}
    for path in paths:
        with suppress(OSError):  # it is gone, or a link to nothing
            times[path] = os.path.getmtime(path)
    return times


def latest(paths: Iterable[str], most: int) -> list[str]:
    """Return those of some files that were written last, `most` of them, the latest at the end."""
    times = times_written(paths)
    return sorted(times, key=times.__getitem__)[-most:]


def latest_beside(path: str, most: int) -> list[str]:
    """Return the `latest` of the other transcripts in the directory of one."""
    beside = paths_in(os.path.dirname(path))
    return latest((other for other in beside if other.endswith(".jsonl") and other != path), most)


_LONGEST, _DEEPEST = 4096, 256
"""Bytes of a path, and how many directories it is in, at most: each of them is asked for."""


def is_name(path: str) -> bool:
    """Return whether a path can be that of a file, and be written as text."""
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return False
    return "\0" not in path and length <= _LONGEST and path.count("/") <= _DEEPEST


_MOST_LOOKED_AT = 5_000
_MOST_TEXTS = 50
_TEXTS = (".md", ".txt")
_SAME_EVERYWHERE = ("COPYING", "LICENCE", "LICENSE", "NOTICE")
"""How the names of texts begin that say the same in many places."""


def files_below(directory: str, endings: tuple[str, ...]) -> Iterator[str]:
    """Yield the files in a directory and below it with some endings, sorted within each folder.

    The directory may be a link, as agents follow one; those in it are not followed. It may lead
    anywhere, so no more than the first 5,000 files and folders are looked at; it may be gone.
    """
    left = _MOST_LOOKED_AT
    for folder, folders, names in os.walk(directory):
        folders.sort()
        left -= 1
        for name in sorted(names)[:left]:
            if name.endswith(endings):
                yield os.path.join(folder, name)
        left -= len(names)
        if left <= 0:
            return


def texts_below(directory: str) -> Iterator[str]:
    """Yield the texts in a directory and below it, as `files_below`; not very many.

    Licences are left out, which say nothing of their own.
    """
    found = files_below(directory, _TEXTS)
    own = (p for p in found if not os.path.basename(p).upper().startswith(_SAME_EVERYWHERE))
    yield from islice(own, _MOST_TEXTS)
