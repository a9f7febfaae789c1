"""What Claude Code's own telemetry tells (events of version 2.1, with OTEL_LOG_TOOL_DETAILS).

It tells which file was read and which skill was loaded, not what entered: nothing is said of the
output of a command, so of these nothing is claimed. Without that setting names are masked.
"""

from collections.abc import Iterator, Mapping

from ctxuse.hosts.calls import Call
from ctxuse.hosts.claude_code import NAME
from ctxuse.hosts.claude_code.tools import tool_call
from ctxuse.hosts.lookup import parsed, text
from ctxuse.hosts.parts import Telling
from ctxuse.hosts.recordfile import skill_name
from ctxuse.hosts.session import Session, prompt_key

_MASKED = frozenset({"custom_skill", "third-party", "custom"})
_SHOWING = frozenset({"Read", "Skill"})
_BY_USER = "user-slash"
_LEAST = 0.5
"""What of a file was shown is no less than so much of what the first read of it gave: a read of one
that is as it was gives a sentence instead."""


def tells(event: str, service: str) -> str | None:
    """Return the name of an event that is one of Claude Code's; None for others."""
    return event.removeprefix("claude_code.") if service == NAME else None


class Telemetry:
    """Reads the events of sessions, in the order in which they come."""

    def __init__(self) -> None:
        self._sizes: dict[tuple[str, str], int] = {}
        """Bytes that the first read of a file gave in a session."""

    def read(self, event: str, said: Mapping[str, object], at_ns: int) -> Iterator[Telling]:
        """Yield what an event tells."""
        session_id = text(said, "session.id")
        if session_id is None:
            return
        session = Session.named(NAME, session_id, None)
        if event == "tool_result" and said.get("success") == "true":
            yield from self._called(session, said, at_ns)
        elif event == "skill_activated" and said.get("invocation_trigger") == _BY_USER:
            name, prompt = text(said, "skill.name"), text(said, "prompt.id")
            if name in _MASKED:
                yield Telling(None, is_masked=True)
            elif prompt is not None and name is not None and skill_name(name) == name:
                key = prompt_key(prompt)
                call = Call(session, "skill", name, key, by_user=True, at_ns=at_ns)
                yield Telling(call, needs_file=True)

    def _called(
        self, session: Session, said: Mapping[str, object], at_ns: int
    ) -> Iterator[Telling]:
        tool = text(said, "tool_name")
        if tool not in _SHOWING:
            return
        arguments = parsed(text(said, "tool_input", longest=1024 * 1024) or "")
        call = tool_call(session, tool, arguments, text(said, "tool_use_id"), None)
        if call is None:
            yield Telling(None, is_masked="tool_input" not in said)
        elif call.call_id is not None and (tool != "Read" or self._is_shown(call, said)):
            yield Telling(call._replace(at_ns=at_ns))

    def _is_shown(self, call: Call, said: Mapping[str, object]) -> bool:
        size = text(said, "tool_result_size_bytes") or ""
        length = int(size) if size.isdecimal() and len(size) < len(str(2**63)) else 0
        where = call.session.segment_id, call.subject
        return length >= _LEAST * self._sizes.setdefault(where, length)
