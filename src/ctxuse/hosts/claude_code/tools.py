"""The tools of Claude Code that show records, as both its hooks and its transcripts have them."""

from ctxuse.hosts.calls import Call, Tool
from ctxuse.hosts.lookup import at, size, text
from ctxuse.hosts.recordfile import skill_name
from ctxuse.hosts.session import Session


def tool_call(
    session: Session, name: str | None, arguments: object, call_id: str | None, began: str | None
) -> Call | None:
    """Return the call of a tool; None for one that shows no record.

    Args:
        session: Whose doing it is.
        name: The tool.
        arguments: What it is given.
        call_id: The host's id of the call.
        began: The directory in which the agent is.
    """
    subject: object = None
    tool: Tool = "read"
    match name:
        case "Read":
            subject = text(arguments, "file_path")
        case "Skill":
            tool, subject = "skill", skill_name(text(arguments, "skill"))
        case "Bash" if at(arguments, "run_in_background") is not True:
            tool, subject = "shell", at(arguments, "command")
        case _:
            pass
    if not isinstance(subject, str):
        return None
    return Call(session, tool, subject, call_id, call_id, directory=began)


def answered(call: Call, response: object, at_ns: int) -> Call | None:
    """Return a call with what its response says; None where that says that nothing was shown.

    Args:
        call: The call.
        response: The tool's response, structured.
        at_ns: When it came, in nanoseconds since the epoch.
    """
    file_bytes = context_bytes = None
    match call.tool:
        case "read":
            file_bytes, context_bytes = bytes_shown(response)
        case "shell":
            if at(response, "stdout") == "" or at(response, "backgroundTaskId") is not None:
                return None
        case _:
            if failed(response):
                return None
    return call._replace(at_ns=at_ns, file_bytes=file_bytes, context_bytes=context_bytes)


def failed(response: object) -> bool:
    """Whether a response says that the tool failed."""
    return at(response, "success") is False


def bytes_shown(response: object) -> tuple[int | None, int | None]:
    """Return the size of a whole file, where it was shown whole, and the bytes shown."""
    shown = size(at(response, "file", "content"))
    if at(response, "type") != "text" or shown is None:
        return None, None
    number, total = at(response, "file", "numLines"), at(response, "file", "totalLines")
    cut = at(response, "file", "truncatedByTokenCap")
    is_whole = isinstance(number, int) and number == total and not cut
    return (shown if is_whole else None), shown
