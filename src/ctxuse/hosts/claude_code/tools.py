"""The tools of Claude Code that show records, as both its hooks and its transcripts have them."""

from ctxuse.hosts.calls import Call, Tool
from ctxuse.hosts.lookup import at, size, text
from ctxuse.hosts.lookup import name as name_of
from ctxuse.hosts.recordfile import skill_name
from ctxuse.hosts.session import Session
from ctxuse.patterns import pattern


def tool_call(
    session: Session, name: str | None, arguments: object, call_id: str | None, began: str | None
) -> Call | None:
    """Return the call of a tool by an agent that is in the directory `began`.

    None for one that shows no record.
    """
    subject: object = None
    tool: Tool = "read"
    match name:
        case "Read":
            subject = text(arguments, "file_path")
        case "Skill":
            said = name_of(arguments, "skill") or name_of(arguments, "command")
            tool, subject = "skill", skill_name(said) or said
        case "SlashCommand":  # older versions; what is not called by a name has words behind it
            said = text(arguments, "command")
            tool, subject = "skill", skill_name(said.split()[0] if said and said.split() else None)
        case "Bash" if at(arguments, "run_in_background") is not True:
            tool, subject = "shell", at(arguments, "command")
        case _:
            pass
    if not isinstance(subject, str):
        return None
    key = None if call_id is None else session.call_key(call_id)
    return Call(session, tool, subject, key, call_id, directory=began)


def answered(call: Call, response: object, at_ns: int) -> Call | None:
    """Return a call with what its response says; None where that says that nothing was shown."""
    file_bytes = context_bytes = None
    match call.tool:
        case "read":
            if at(response, "type") == "file_unchanged":
                return None  # it stands in the context already, and is not shown again
            file_bytes, context_bytes = bytes_shown(response)
        case "shell":
            if at(response, "backgroundTaskId") is not None:
                return None
            return call._replace(at_ns=at_ns, output=output(response))
        case _:
            if failed(response):
                return None
    return call._replace(at_ns=at_ns, file_bytes=file_bytes, context_bytes=context_bytes)


_EXIT = pattern(r"(?:Error: )?Exit code -?[0-9]{1,6}\n")


def answered_in_failure(call: Call, said: object, at_ns: int) -> Call | None:
    """Return a call that failed, of which something may have been shown before; None for none.

    What is said of a command that failed is its output, behind its status.
    """
    if call.tool != "shell" or not isinstance(said, str):
        return None
    begins = _EXIT.match(said)
    if begins is None:
        return None  # it was refused, or did not run
    return call._replace(at_ns=at_ns, output=said[begins.end() :], failed=True)


_PREVIEW = 2000
"""Characters of a long output that enter: the host puts all of it into a file, and names that."""


def output(response: object) -> str | None:
    """Return what entered of what a command printed; None where that is not said."""
    printed, complained = at(response, "stdout"), at(response, "stderr")
    if isinstance(printed, str) and text(response, "persistedOutputPath") is not None:
        printed = printed[:_PREVIEW]
    said = [part for part in (printed, complained) if isinstance(part, str)]
    return "\n".join(said) if said else None


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
