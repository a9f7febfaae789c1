"""The tools of GitHub Copilot CLI that show records (1.0.102)."""

from collections.abc import Mapping

from ctxuse.hosts.calls import Call
from ctxuse.hosts.copilot.lines import Data, Ended, Result
from ctxuse.hosts.jsonlines import held
from ctxuse.hosts.lookup import at, name, size, text
from ctxuse.hosts.recordfile import skill_name
from ctxuse.hosts.session import Session
from ctxuse.patterns import pattern

LONGEST_COMMAND = 64 * 1024

_ABOUT = pattern(r"<(?:shellId: |command )")
"""How what is said of a command begins, on the last line of what it printed."""

_SHELL = pattern(r"<(?:shellId: |command (?:started in background )?with shellId: )([\w-]{1,64})")
_WHOLE = 0
"""Stands for the bytes of a whole file until it is shown."""

_TOO_LARGE = "File too large to read at once ("
_CUT = pattern(r"\n\n\[Output truncated\. [^\n]*\]\Z")


def tool_call(
    data: Data, thread: Session, directory: str | None, shells: Mapping[str, str]
) -> Call | None:
    """Return the call that a line tells of; None for one of a tool that shows no record.

    Commands that were run are known by the id of their shell: what one that goes on has printed is
    asked for by that, each time all of it.
    """
    call_id, arguments = text(data.toolCallId), held(data.arguments)
    if call_id is None or data.mcpServerName is not None:
        return None
    key = thread.call_key(call_id)
    match data.toolName:
        case "view" if path := text(arguments, "path"):
            is_part = at(arguments, "view_range") is not None
            whole = None if is_part else _WHOLE
            return Call(thread, "read", path, key, call_id, directory=directory, file_bytes=whole)
        case "skill" if said := name(arguments, "skill"):
            return Call(thread, "skill", skill_name(said) or said, key, call_id)
        case "bash" | "local_shell":
            command = text(arguments, "command", longest=LONGEST_COMMAND)
        case "read_bash":
            command = shells.get(name(arguments, "shellId") or "")
        case _:
            return None
    if command is None:
        return None
    return Call(thread, "shell", command, key, call_id, directory=directory)


def shell_of(said: str) -> str | None:
    """Return the id of the shell that a command ran in, by what is said of it; None for none."""
    found = _SHELL.search(said, _about(said))
    return None if found is None else found[1]


def _about(said: str) -> int:
    """Where what is said of a command begins behind what it printed; the end where nothing is."""
    line = said.rfind("\n") + 1
    found = _ABOUT.search(said, line) if said.endswith(">") else None
    if found is None:
        return len(said)
    return found.start() - 1 if found.start() == line > 0 else found.start()


def said_by(data: Data) -> str:
    """Return the text that a tool gave back."""
    content = data.result.content if isinstance(data.result, Result) else None
    return content if isinstance(content, str) else ""


def answered(call: Call, data: Data, at_ns: int) -> Call | None:
    """Return a call with what was given back; None where nothing of a file was shown."""
    said = said_by(data)
    if call.tool == "shell":
        ended = data.shellExecution
        failed = isinstance(ended, Ended) and ended.exitCode not in {None, 0}
        return call._replace(at_ns=at_ns, output=said[: _about(said)], failed=failed)
    if call.tool == "read":
        if said.startswith(_TOO_LARGE):
            return None
        shown = size(_CUT.sub("", said))
        file_bytes = shown if call.file_bytes == _WHOLE else None
        return call._replace(at_ns=at_ns, file_bytes=file_bytes, context_bytes=shown)
    return call._replace(at_ns=at_ns)
