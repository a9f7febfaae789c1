"""The tools of OpenCode that show records, as both its plugins and its database have them."""

import os
from bisect import bisect_right
from collections.abc import Iterator

from ctxuse.hosts.calls import Call
from ctxuse.hosts.lookup import at, items, size, text
from ctxuse.hosts.session import Session
from ctxuse.patterns import pattern

_BEGIN, _END = "\n<content>\n", "\n\n("
_NUMBER = pattern(r"\d{1,9}: ")
_BODY, _BEHIND_BODY = "\n\n", "\n\nBase directory for this skill: "
_LOADED = "Instructions from: "
_BEHIND_LOADED = "\n</system-reminder>"


def tool_call(
    session: Session, name: str | None, arguments: object, call_id: str | None, began: str | None
) -> Call | None:
    """Return the call of a tool that may show a record; None for another one.

    Relative paths are taken from the directory in which the agent `began`.
    """
    key = None if call_id is None else session.call_key(call_id)
    match name:
        case "read":
            path = text(arguments, "filePath")
            return Call(session, "read", path, key, call_id, directory=began) if path else None
        case "skill":
            skill = text(arguments, "name", longest=256)
            return Call(session, "skill", skill, key, call_id, directory=began) if skill else None
        case "bash":
            command = text(arguments, "command", longest=1024 * 1024)
            if command is None:
                return None
            directory = os.path.join(began or "", text(arguments, "workdir") or "")
            return Call(session, "shell", command, key, call_id, directory=directory)
        case _:
            return None


def answered(call: Call, output: object, metadata: object, at_ns: int) -> Call | None:
    """Return a call with what its answer says; None where it shows nothing."""
    call = call._replace(at_ns=at_ns)
    if not isinstance(output, str):
        return None
    match call.tool:
        case "shell":
            failed = at(metadata, "exit") not in {None, 0}
            return call._replace(output=output, failed=failed)
        case "skill":
            directory = text(metadata, "dir")
            is_one = directory is not None and os.path.isabs(directory)
            files = (os.path.join(directory or "", "SKILL.md"),) if is_one else None
            body = output.partition(_BODY)[2].rpartition(_BEHIND_BODY)[0]
            return call._replace(files=files, context_bytes=size(body))
        case _:
            shown = bytes_shown(output)
            return None if shown is None else call._replace(context_bytes=shown)


def bytes_shown(output: object) -> int | None:
    """Return the bytes of the lines of a file that an output shows; None where it shows no file."""
    if not isinstance(output, str):
        return None
    _, begin, behind = output.partition(_BEGIN)
    if not begin:
        return None
    total = 0
    for line in behind.split("\n"):
        number = _NUMBER.match(line)
        if number is None:
            break
        total += (size(line[number.end() :]) or 0) + 1
    return total


def loaded(output: object, metadata: object) -> Iterator[tuple[str, int | None]]:
    """Yield the files of instructions behind one that was read, with the bytes of each."""
    paths = dict.fromkeys(path for path in items(metadata, "loaded") if isinstance(path, str))
    if not paths or not isinstance(output, str):
        return
    begins, position = dict[str, int](), 0
    for line in output.split("\n")[:-1]:
        path = line.removeprefix(_LOADED)
        if path != line and path in paths:
            begins[path] = position
        position += len(line) + 1
    ends = sorted([*begins.values(), output.rfind(_BEHIND_LOADED), len(output)])
    for path in paths:
        if path in begins and text(path) is not None:
            end = ends[bisect_right(ends, begins[path])]
            told = output[begins[path] + len(_LOADED) + len(path) + 1 : end].rstrip("\n")
            yield path, size(told)


_NS = 1_000_000
_LATEST_MS = 253_402_300_800_000
"""The end of the year 9999."""


def ns_of(ms: object) -> int | None:
    """Return milliseconds since the epoch as nanoseconds; None for what is no time."""
    is_one = isinstance(ms, int) and not isinstance(ms, bool) and 0 < ms < _LATEST_MS
    return ms * _NS if isinstance(ms, int) and is_one else None
