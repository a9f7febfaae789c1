"""What of records stands in the message with which Gemini CLI begins a context (version 0.61).

Instruction files stand between lines that name them, and what they take in between comments; behind
them stand the instructions of MCP servers. What a tool shows of a directory for the first time is
followed by the instruction files that hold there. What stands there is what entered: nothing is
looked up but which file a text is of.
"""

import os
import re
from collections import deque
from collections.abc import Iterator

from ctxuse.context.residenttext import standing as standing_in
from ctxuse.hosts.between import between
from ctxuse.hosts.caller import is_ours
from ctxuse.hosts.lookup import size
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.recordfile import MCP, Placed, RecordFile

BEGIN, BEGIN_OF_AGENT = "<session_context>\n", "\n<loaded_context>\n"
"""How the message begins with which a session begins, and a sub-agent."""

_DISCOVERED = "\n\n--- Newly Discovered Project Context ---\n"
_OF_FILE = re.compile(r"^--- (End of )?Context from: ([^\n]{1,4096}) ---$", re.MULTILINE)
_IMPORT = re.compile(
    r"<!-- Imported from: ((?:[^\n<]|<(?!!-- )){1,4096}) -->\n"
    r"|\n<!-- End of import from: [^\n]{1,4096} -->"
)
"""No comment stands in another one, so that a line of many is not looked through from each."""

_DEEPEST, _LONGEST_PATH = 5, 4096
"""So deep the host itself takes files in; what is deeper is text of the one that is open."""

_SERVER = re.compile(
    r"^The following are instructions provided by the tool server '([^'\n]{1,256})':\n"
    r"---\[start of server instructions\]---\n",
    re.MULTILINE,
)
_END_OF_SERVER = re.compile(r"\n---\[end of server instructions\]---$", re.MULTILINE)


def placed(text: str, origin: Origin) -> Iterator[Placed]:
    """Yield what of records a text holds that the host has put into a context."""
    for named, said in _files(text):
        for path, length in _with_imports(named, said):
            record = origin.places.instructions_at(origin.here(path))
            if record is not None and length:
                yield Placed(record, length)
    for server, end in between(_SERVER, _END_OF_SERVER, text):
        said = text[server.end() : end.start()]
        if not is_ours(server[1]):
            yield Placed(RecordFile(MCP, server[1], "", ""), size(said))
            continue
        for part in standing_in(said):
            yield Placed(origin.own(part.kind, part.slug), size(part.text))


def discovered(output: str) -> tuple[str, str]:
    """Return what a tool has shown, and what the host has put behind it."""
    shown, sign, behind = output.rpartition(_DISCOVERED)
    return (shown, behind) if sign else (output, "")


def _files(text: str) -> Iterator[tuple[str, str]]:
    """The paths of the files that stand in a text, each with what stands between its lines.

    An end is that of the file it names: all lines are found once, and the ends kept by their names.
    """
    lines = [*_OF_FILE.finditer(text)]
    ends: dict[str, deque[int]] = {}
    for line in lines:
        if line[1] is not None:
            ends.setdefault(line[2], deque()).append(line.start())
    position = 0
    for line in lines:
        begin, left = line.end() + 1, ends.get(line[2])
        if line[1] is not None or line.start() < position or left is None:
            continue
        while left and left[0] <= begin:
            left.popleft()
        if left:
            position = left.popleft()
            yield line[2], text[begin : position - 1]


def _with_imports(path: str, text: str) -> Iterator[tuple[str, int]]:
    """The file of a text and those that it takes in, each with its own bytes."""
    open_files = [(path, 0)]
    begin = deeper = 0
    for comment in _IMPORT.finditer(text):
        _add(open_files, text[begin : comment.start()])
        begin = comment.end()
        if comment[1] is not None:
            inner = os.path.join(os.path.dirname(open_files[-1][0]), comment[1])
            if deeper or len(open_files) > _DEEPEST or len(inner) > _LONGEST_PATH:
                deeper += 1
            else:
                open_files.append((inner, 0))
        elif deeper:
            deeper -= 1
        elif len(open_files) > 1:
            yield open_files.pop()
    _add(open_files, text[begin:])
    yield from reversed(open_files)


def _add(open_files: list[tuple[str, int]], text: str) -> None:
    path, length = open_files.pop()
    open_files.append((path, length + (size(text) or 0)))
