"""The tool of Codex that shows records: its shell, as both hooks and rollouts have it.

Codex has no tool to read a file and none for skills: both go through a shell.
"""

import os

from ctxuse.hosts.calls import Call
from ctxuse.hosts.lookup import at, text
from ctxuse.hosts.session import Session

_SHELLS = frozenset({"Bash", "exec_command", "local_shell_call", "shell", "shell_command"})


def tool_call(
    session: Session, name: str | None, arguments: object, call_id: str | None, began: str | None
) -> Call | None:
    """Return the call of a shell; None for another tool.

    Args:
        session: Whose doing it is.
        name: The tool.
        arguments: What it is given.
        call_id: The host's id of the call.
        began: The directory from which the one that the arguments name is taken.
    """
    command = _command(arguments) if name in _SHELLS else None
    if command is None:
        return None
    where = text(arguments, "workdir") or text(arguments, "working_directory") or ""
    directory = where if where.startswith("~") else os.path.join(began or "", where)
    return Call(session, "shell", command, call_id, call_id, directory=directory)


def _command(arguments: object) -> str | None:
    """The command as a shell takes it; versions give a text or words, under two names."""
    command = at(arguments, "command") or at(arguments, "cmd")
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        from shlex import join  # noqa: PLC0415 - older versions only

        return join(command)
    return command if isinstance(command, str) else None
