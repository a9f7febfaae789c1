"""The instruction files that OpenCode's settings name (``"instructions": ["docs/*.md"]``).

A project may be anybody's, so patterns lead nowhere but below it, and not very far.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice

from ctxuse.hosts.lookup import items, stored, text
from ctxuse.hosts.paths import files_below

_MOST_PATTERNS, _MOST_NAMED = 100, 1000
_DEEPEST, _MOST_DEEP = 16, 2
"""So many components has a pattern at most, and so many of them are ``**``."""

_SIGNS = frozenset("*?[")


def named_instructions(root: str, settings: Iterable[str]) -> Iterator[str]:
    """Yield the files that settings name; those that have comments name none.

    Relative paths are taken from the project, those of the user, too.
    """
    for file in settings:
        for said in items(stored(file), "instructions")[:_MOST_PATTERNS]:
            pattern = text(said)
            if pattern is not None and "\0" not in pattern and "://" not in pattern:
                yield from islice(_files(root, pattern), _MOST_NAMED)


def _files(root: str, pattern: str) -> Iterable[str]:
    """The files that a path or a pattern names."""
    path = os.path.normpath(os.path.join(root, os.path.expanduser(pattern)))
    if _SIGNS.isdisjoint(pattern):
        return [path]
    below = os.path.relpath(path, root).split(os.sep)
    if below[0] == os.pardir or len(below) > _DEEPEST or below.count("**") > _MOST_DEEP:
        return []
    first = next(place for place, part in enumerate(below) if not _SIGNS.isdisjoint(part))
    found = files_below(os.path.join(root, *below[:first]), ("",))
    return (file for file in found if _matches(os.path.relpath(file, root).split(os.sep), below))


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the components of a path are those of a pattern; ``**`` stands for any number."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[place:], pattern[1:]) for place in range(len(parts) + 1))
    if not parts or not fnmatchcase(parts[0], pattern[0]):
        return False
    return _matches(parts[1:], pattern[1:])
