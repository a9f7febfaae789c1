"""The tool of Codex that shows records: its shell, as both hooks and rollouts have it.

Codex has no tool to read a file and none for skills: both go through a shell.
"""

import os
from collections import deque

from ctxuse.hosts.calls import Call
from ctxuse.hosts.lookup import at, parsed, text
from ctxuse.hosts.session import Session
from ctxuse.patterns import pattern

MOST_HELD = 1024 * 1024
"""Characters that are kept of what is printed in pieces."""

_SHELLS = frozenset({"Bash", "exec_command", "local_shell_call", "shell", "shell_command"})


def tool_call(
    session: Session, name: str | None, arguments: object, call_id: str | None, began: str | None
) -> Call | None:
    """Return the call of a shell; None for another tool.

    The directory that the arguments name is taken from the one in which the agent `began`.
    """
    command = command_of(at(arguments, "command") or at(arguments, "cmd"))
    if command is None or name not in _SHELLS:
        return None
    where = text(arguments, "workdir") or text(arguments, "working_directory") or ""
    directory = where if where.startswith("~") else os.path.join(began or "", where)
    key = None if call_id is None else session.call_key(call_id)
    return Call(session, "shell", command, key, call_id, directory=directory)


def said(output: object) -> str:
    """Return what an output says, in the forms that versions have given it."""
    parts = output if isinstance(output, list) else [output]
    texts = [part if isinstance(part, str) else at(part, "text") for part in parts]
    return "\n".join(part for part in texts if isinstance(part, str))


_ABOUT = pattern(
    r"(?:(?:Chunk ID|Exit code|Original token count|Process exited with code|Total output lines"
    r"|Wall time)\b[^\n]*(?:\n|\Z)|\n)+(?:Output:(?:\n|\Z))?"
)
"""What Codex says of a command before what that printed."""


def printed(output: str) -> str:
    """Return what a command printed, of an output as the model was given it."""
    if output.startswith("{"):
        inner = at(parsed(output), "output")
        output = inner if isinstance(inner, str) else output
    about = _ABOUT.match(output)
    return output if about is None else output[about.end() :]


class Pieces:
    """What is printed in pieces: of it all the end, put together once."""

    def __init__(self, first: str = "") -> None:
        self._pieces = deque([first])
        self._length = len(first)

    def add(self, piece: str) -> None:
        """Add a piece, on a line of its own."""
        self._pieces.append(f"\n{piece}")
        self._length += len(piece) + 1
        while self._length - len(self._pieces[0]) >= MOST_HELD:
            self._length -= len(self._pieces.popleft())

    @property
    def text(self) -> str:
        """All of them, or the end."""
        return "".join(self._pieces)[-MOST_HELD:]


def lines_shown(output: str) -> set[str]:
    """Return the lines that stand in the output of a script, without spaces around them.

    Scripts print texts as they are, or as JSON writes them.
    """
    there = {line.strip() for line in output.splitlines()}
    for value in [output, *_QUOTE.split(output)]:
        written = value.replace("\\n", "\n").replace('\\"', '"')
        there |= {line.strip(' "') for line in written.splitlines()}
    return there


_QUOTE = pattern(r'(?<!\\)"')


def command_of(command: object) -> str | None:
    """Return a command as a shell takes it; versions give a text or words. None for neither."""
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        from shlex import join  # noqa: PLC0415 - older versions only

        return join(command)
    return command if isinstance(command, str) else None
