"""The tools of Pi that show records."""

from ctxuse.hosts.calls import Call, Tool
from ctxuse.hosts.lookup import at, size, text
from ctxuse.hosts.session import Session
from ctxuse.patterns import pattern
from ctxuse.typed import NamedTuple

_SHELLS = frozenset({"bash", "powershell"})

_NOTICE = pattern(
    r"(?:\A|\n\n)\[(?:Showing (?:last|lines) |Line \d+ is |\d+ more lines in file\.)[^\n]*\]\Z"
)
"""What Pi says behind what it has cut."""

_ENDED = pattern(
    r"(?:\A|\n\n)Command (?:aborted|terminated without an exit code"
    r"|exited with code -?\d{1,10}|timed out after [\d.]{1,20} seconds)\Z"
)
"""What it says behind the output of a command that failed."""

_NO_OUTPUT = "(no output)"


def tool_call(session: Session, name: str | None, arguments: object, call_id: str) -> Call | None:
    """Return the call of a tool; None for one that shows no record."""
    tool: Tool = "read" if name == "read" else "shell"
    if tool == "read":
        path = text(arguments, "path")
        subject: object = None if path is None else path.removeprefix("@")
    else:
        subject = at(arguments, "command") if name in _SHELLS else None
    if not isinstance(subject, str) or not subject:
        return None
    return Call(session, tool, subject, session.call_key(call_id), call_id)


class Result(NamedTuple):
    """What a tool answered.

    Attributes:
        said: Its text.
        at_ns: When, in nanoseconds since the epoch.
        failed: Whether it failed.
        has_image: Whether there is an image in it.
        from_start: Whether a file was asked for from its first line on.
    """

    said: str
    at_ns: int
    failed: bool = False
    has_image: bool = False
    from_start: bool = True


def begins_at_start(arguments: object) -> bool:
    """Whether the arguments of a call ask for a file from its first line on."""
    return at(arguments, "offset") in (None, 0, 1)


def answered(call: Call, result: Result) -> Call | None:
    """Return a call with what its result says; None where that says that nothing was shown."""
    if call.tool == "shell":
        return _printed(call, result)
    shown, cuts = _NOTICE.subn("", result.said, count=1)
    if result.failed or not (shown or result.has_image):
        return None
    if result.has_image:
        return call._replace(at_ns=result.at_ns)
    is_whole = result.from_start and not cuts
    shown_bytes = size(shown)
    return call._replace(
        at_ns=result.at_ns,
        file_bytes=shown_bytes if is_whole else None,
        context_bytes=shown_bytes,
    )


def _printed(call: Call, result: Result) -> Call | None:
    """A command with what it printed; None where it was refused, or did not run."""
    printed, ends = _ENDED.subn("", result.said, count=1)
    if result.failed and not ends:
        return None
    printed = _NOTICE.sub("", printed, count=1)
    output = "" if printed == _NO_OUTPUT else printed
    return call._replace(at_ns=result.at_ns, output=output, failed=result.failed)
