"""What of records stands in the message with which Gemini CLI begins a context (version 0.61).

Instruction files stand between lines that name them, and what they take in between comments; behind
them stand the instructions of MCP servers. What a tool shows of a directory for the first time is
followed by the instruction files that hold there. What stands there is what entered: nothing is
looked up but which file a text is of.
"""

import os
import re
from collections.abc import Iterator

from ctxuse.context.residenttext import standing as standing_in
from ctxuse.hosts.caller import is_ours
from ctxuse.hosts.lookup import size
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.recordfile import MCP, Placed, RecordFile

BEGIN, BEGIN_OF_AGENT = "<session_context>\n", "\n<loaded_context>\n"
"""How the message begins with which a session begins, and a sub-agent."""

_DISCOVERED = "\n\n--- Newly Discovered Project Context ---\n"
_FILE = re.compile(
    r"^--- Context from: ([^\n]{1,4096}) ---\n(.*?)\n--- End of Context from: \1 ---$",
    re.DOTALL | re.MULTILINE,
)
_IMPORT = re.compile(
    r"<!-- Imported from: ([^\n]{1,4096}) -->\n|\n<!-- End of import from: [^\n]{1,4096} -->"
)
_SERVER = re.compile(
    r"^The following are instructions provided by the tool server '([^'\n]{1,256})':\n"
    r"---\[start of server instructions\]---\n(.*?)\n---\[end of server instructions\]---$",
    re.DOTALL | re.MULTILINE,
)


def placed(text: str, origin: Origin) -> Iterator[Placed]:
    """Yield what of records a text holds that the host has put into a context.

    Args:
        text: The text.
        origin: Where it was.
    """
    for file in _FILE.finditer(text):
        for path, length in _with_imports(file[1], file[2]):
            record = origin.places.instructions_at(origin.here(path))
            if record is not None and length:
                yield Placed(record, length)
    for server in _SERVER.finditer(text):
        if not is_ours(server[1]):
            yield Placed(RecordFile(MCP, server[1], "", ""), size(server[2]))
            continue
        for part in standing_in(server[2]):
            yield Placed(origin.own(part.kind, part.slug), size(part.text))


def discovered(output: str) -> tuple[str, str]:
    """Return what a tool has shown, and what the host has put behind it."""
    shown, sign, behind = output.rpartition(_DISCOVERED)
    return (shown, behind) if sign else (output, "")


def _with_imports(path: str, text: str) -> Iterator[tuple[str, int]]:
    """The file of a text and those that it takes in, each with its own bytes."""
    open_files = [(path, 0)]
    begin = 0
    for comment in _IMPORT.finditer(text):
        _add(open_files, text[begin : comment.start()])
        begin = comment.end()
        if comment[1] is not None:
            directory = os.path.dirname(open_files[-1][0])
            open_files.append((os.path.join(directory, comment[1]), 0))
        elif len(open_files) > 1:
            yield open_files.pop()
    _add(open_files, text[begin:])
    yield from reversed(open_files)


def _add(open_files: list[tuple[str, int]], text: str) -> None:
    path, length = open_files.pop()
    open_files.append((path, length + (size(text) or 0)))
