"""Files that instruction files take in, by naming them: instructions as well."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ctxuse.files import read_small
from ctxuse.hosts import known_hosts
from ctxuse.hosts.host import Imports

if TYPE_CHECKING:
    from ctxuse.hosts.places import Places

_LARGEST = 256 * 1024
_DEEPEST = 5
_MOST_FILES = 200


def imported_files(places: "Places") -> list[str]:
    """Return the absolute paths of the files that instructions take in, and those take in, too.

    Args:
        places: Where instructions lie: those of the project, above it and of the user are read.
    """
    found: dict[str, None] = {}
    for host in known_hosts():
        if host.imports is None:
            continue
        waiting = [(record.file, 0) for record in places.instruction_files()]
        seen = {path for path, _ in waiting}
        while waiting and len(found) < _MOST_FILES:
            file, depth = waiting.pop(0)
            for path in _named_in(file, host.imports, places) if depth < _DEEPEST else ():
                if path not in seen and os.path.isfile(path):
                    seen.add(path)
                    found[path] = None
                    waiting.append((path, depth + 1))
    return [*found]


def _named_in(file: str, imports: Imports, places: "Places") -> Iterator[str]:
    try:
        text = read_small(file, _LARGEST).decode("utf-8", "replace")
    except OSError:
        return
    for name in imports(text):
        if "\0" not in name:
            yield places.absolute(name, os.path.dirname(file))
