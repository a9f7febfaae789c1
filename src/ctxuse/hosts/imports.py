"""Files that instruction files take in, by naming them: instructions as well."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping

from ctxuse.files import read_small
from ctxuse.hosts.host import Host, Imports
from ctxuse.hosts.paths import holds

_LARGEST = 256 * 1024
_DEEPEST = 5
_MOST_FILES = 200
_MOST_NAMES = 5_000
_MOST_BYTES = 1024 * 1024

Absolute = Callable[[str, str | None], str]
"""Makes a path absolute, from a directory."""


def imports_of(
    hosts: Iterable[Host],
    files: Iterable[str],
    own: Mapping[str, str],
    absolute: Absolute,
    root: str,
) -> list[str]:
    """Return the paths of files that instructions or settings of some agents take in, each once.

    Args:
        hosts: The agents.
        files: The instruction files that are there, of whatever agent.
        own: The agents' own directories, by agent.
        absolute: Makes a path absolute, from a directory.
        root: The root of the workspace.
    """
    files = [*files]
    found: list[str] = []
    for host in hosts:
        if host.named_instructions is not None:
            found += host.named_instructions(root, own[host.name])
        if host.imports is not None:
            names = {os.path.basename(path) for path in host.of_project.instructions}
            named = [file for file in files if os.path.basename(file) in names]
            found += imported_files(named, host.imports, absolute, root, own.get(host.name))
    return [*dict.fromkeys(found)]


def imported_files(
    files: Iterable[str], imports: Imports, absolute: Absolute, root: str, own: str | None
) -> list[str]:
    """Return the paths of the files that instruction files take in, and those take in, too.

    What the user's own take in may lie anywhere, what others do only in the project, wherever links
    lead: agents ask before they take in more, and a clone must not have us look for it. Of either
    these are 200 at most; no more than 1 MiB is read of all, and no more than the first 5,000 names
    are looked up, each once.

    Args:
        files: The instruction files.
        imports: How they name others.
        absolute: Makes a path absolute, from a directory.
        root: The root of the workspace.
        own: The directory in which the user's own lie.
    """
    files = [*files]
    of_user = [file for file in files if os.path.dirname(file) == own]
    others = [file for file in files if file not in of_user]
    found = [*_taken_in(others, imports, absolute, root), *_taken_in(of_user, imports, absolute)]
    return [*dict.fromkeys(found)]


def _taken_in(
    files: list[str], imports: Imports, absolute: Absolute, within: str | None = None
) -> list[str]:
    found: list[str] = []
    waiting = [(file, 0) for file in files]
    seen = {file for file, _ in waiting}
    left, unread = _MOST_NAMES, _MOST_BYTES
    for file, depth in waiting:
        text = _text(file, min(_LARGEST, unread)) if depth < _DEEPEST else b""
        unread -= len(text)
        for name in imports(text.decode("utf-8", "replace")):
            left -= 1
            if left < 0 or len(found) == _MOST_FILES:
                return found
            path = absolute(name, os.path.dirname(file))
            if path not in seen:
                seen.add(path)
                if os.path.isfile(path) and (within is None or holds(within, path)):
                    found.append(path)
                    waiting.append((path, depth + 1))
    return found


def _text(file: str, largest: int) -> bytes:
    try:
        return read_small(file, largest)
    except OSError:
        return b""


def named_with_at(text: str) -> Iterator[str]:
    """Yield the paths that an instruction file names to take them in (``@docs/style.md``).

    What stands in code is none.
    """
    if "@" not in text:
        return
    import re  # noqa: PLC0415 - what it compiles costs a hook half a millisecond

    code = r"^ {0,3}(```|~~~).*?(?:^ {0,3}\1|\Z)|`[^`\n]*`"
    text = re.sub(code, " ", text, flags=re.DOTALL | re.MULTILINE)
    for found in re.finditer(r"(?:^|(?<=\s))@((?:[^\s\\]|\\ ){1,1024})", text):
        name = found[1].partition("#")[0].replace("\\ ", " ")
        if name.startswith(("/", "~/", "./")) or name[:1].isalnum() or name[:1] in "._-":
            yield name
