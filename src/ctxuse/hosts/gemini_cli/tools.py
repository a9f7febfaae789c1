"""The tools of Gemini CLI that show records, as its chats have them."""

import os
import re

from ctxuse.hosts.between import inside
from ctxuse.hosts.calls import Call
from ctxuse.hosts.gemini_cli.context import discovered
from ctxuse.hosts.lookup import at, items, size, text
from ctxuse.hosts.recordfile import SKILL_FILE
from ctxuse.hosts.session import Session

ENDED = frozenset({"success", "error", "cancelled"})
"""What is said of a call that has ended."""

_LONGEST_COMMAND = 64 * 1024
_PART = "\n--- FILE CONTENT (truncated) ---\n"
"""What stands before lines of a file that are not all of it."""

_BODY = "<instructions>\n    ", "\n  </instructions>\n"
_FOLDER = re.compile(r"^(/[^\n]{1,4096})/\n[├└]", re.MULTILINE)
_MANY = re.compile(r"^--- (/?[^\n]{1,4096}) ---\n\n", re.MULTILINE)
_UNTRUSTED = "<untrusted_context>\n", "\n</untrusted_context>"
_ABOUT = ("Error: ", "Exit Code: ", "Signal: ", "Background PIDs: ", "Process Group PGID: ")
"""How the lines begin that say something of a command behind what that printed."""

_EXIT_CODE = "\nExit Code: "
_NOTHING = "(empty)"


def tool_call(session: Session, said: object) -> Call | None:
    """Return a call that has ended, as the chat says it; None for one that shows no record."""
    call_id, arguments, shown = text(said, "id"), at(said, "args"), output(said)
    name = text(said, "name")
    if call_id is None or name not in {*_READING, "activate_skill", "run_shell_command"}:
        return None
    shown, _ = discovered(shown)
    call = Call(session, "read", "", session.call_key(call_id), call_id)
    failed = text(said, "status") != "success"
    if name == "run_shell_command":
        command = text(arguments, "command", longest=_LONGEST_COMMAND)
        directory = text(arguments, "dir_path") or text(arguments, "directory")
        printed, is_error = _printed(shown)
        call = call._replace(directory=directory, output=printed, failed=failed or is_error)
        return None if command is None else call._replace(tool="shell", subject=command)
    if failed:
        return None
    if name == "activate_skill":
        body, folder = inside(*_BODY, shown), _FOLDER.search(shown)
        files = () if folder is None else (os.path.join(folder[1], SKILL_FILE),)
        context_bytes = None if body is None else size(body)
        skill = text(arguments, "name") or ""
        return call._replace(tool="skill", subject=skill, files=files, context_bytes=context_bytes)
    if name == "read_many_files":
        return call._replace(files=tuple(found[1] for found in _MANY.finditer(shown)))
    paths = (text(arguments, name) for name in ("file_path", "absolute_path", "path"))
    path = next(filter(None, paths), None)
    before, is_part, lines = shown.partition(_PART)
    length = size(lines if is_part else before)
    whole = None if is_part else length
    return None if path is None else call._replace(
        subject=path, file_bytes=whole, context_bytes=length
    )  # fmt: skip


_READING = frozenset({"read_file", "read_many_files"})


def output(said: object) -> str:
    """Return what the model was given by a call."""
    return "\n".join(texts(at(said, "result")))


def texts(content: object) -> list[str]:
    """Return the texts of a message, those of the results of calls included."""
    if isinstance(content, str):
        return [content]
    ways = (("text",), ("functionResponse", "response", "output"))
    found = (at(part, *way) for part in items(content) for way in ways)
    return [one for one in found if isinstance(one, str)]


def _printed(shown: str) -> tuple[str, bool]:
    """What a command printed, and whether it failed."""
    inner = inside(*_UNTRUSTED, shown)
    shown = shown if inner is None else inner
    end = len(shown)
    while (line := shown.rfind("\n", 0, end)) >= 0 and shown.startswith(_ABOUT, line + 1):
        end = line
    is_error = _EXIT_CODE in shown[end:]
    printed = shown[:end].removeprefix("Output: ")
    return "" if printed == _NOTHING else printed, is_error
