"""Paths as text: what is below what, and what is in a directory."""

import os


def holds(directory: str, other: str) -> bool:
    """Return whether a directory is another one or above it, whatever links lead there."""
    real, other = os.path.realpath(directory), os.path.realpath(other)
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


def paths_in(directory: str) -> list[str]:
    """Return the paths in a directory, sorted; none where it cannot be read."""
    try:
        names = os.listdir(directory)
    except (OSError, ValueError):  # a NUL in its name
        return []
    return [os.path.join(directory, name) for name in sorted(filter(is_name, names))]


def is_name(path: str) -> bool:
    """Return whether a path can be that of a file, and be written as text."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in path
