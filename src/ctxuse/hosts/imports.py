"""Files that instruction files take in, by naming them: instructions as well."""

import os
from collections.abc import Callable, Iterable

from ctxuse.files import read_small
from ctxuse.hosts.host import Imports

_LARGEST = 256 * 1024
_DEEPEST = 5
_MOST_FILES = 200

Absolute = Callable[[str, str | None], str]
"""Makes a path absolute, from a directory."""


def imported_files(files: Iterable[str], imports: Imports, absolute: Absolute) -> list[str]:
    """Return the paths of the files that instruction files take in, and those take in, too.

    Args:
        files: The instruction files.
        imports: How they name others.
        absolute: Makes a path absolute, from a directory.
    """
    found: list[str] = []
    waiting = [(file, 0) for file in files]
    seen = {file for file, _ in waiting}
    for file, depth in waiting:
        for path in _named_in(file, imports, absolute) if depth < _DEEPEST else ():
            if path not in seen and os.path.isfile(path) and len(found) < _MOST_FILES:
                seen.add(path)
                found.append(path)
                waiting.append((path, depth + 1))
    return found


def _named_in(file: str, imports: Imports, absolute: Absolute) -> list[str]:
    try:
        text = read_small(file, _LARGEST).decode("utf-8", "replace")
    except OSError:
        return []
    directory = os.path.dirname(file)
    return [absolute(name, directory) for name in imports(text) if "\0" not in name]
