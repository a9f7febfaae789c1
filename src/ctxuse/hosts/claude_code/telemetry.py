"""What Claude Code's own telemetry tells (events of version 2.1, with OTEL_LOG_TOOL_DETAILS).

It tells which file was read and which skill was loaded, not what entered: nothing is said of the
output of a command, so of these nothing is claimed. Without that setting names are masked. A call
of a sub-agent looks as one of its session does: what is called while one works is not claimed.
"""

from collections import Counter
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
_AGENTS = frozenset({"Agent", "Task"})
_BY_USER = "user-slash"

_SENTENCE = 256
"""A file that stands in the context as it is is not shown again: a sentence says so, of at most so
many bytes."""


def tells(event: str, service: str) -> str | None:
    """Return the name of an event that is one of Claude Code's; None for others."""
    return event.removeprefix("claude_code.") if service == NAME else None


class Telemetry:
    """Reads the events of sessions, in the order in which they come."""

    def __init__(self) -> None:
        self._sizes: dict[tuple[str, str], int] = {}
        """Bytes that the first read of a part of a file gave in a session."""
        self._agents: Counter[str] = Counter()
        """How many sub-agents may work in a session; no less than do."""

    def read(self, event: str, said: Mapping[str, object], at_ns: int) -> Iterator[Telling]:
        """Yield what an event tells."""
        session_id = text(said, "session.id")
        if session_id is None:
            return
        session = Session.named(NAME, session_id, None)
        match event:
            case "tool_decision" if text(said, "tool_name") in _AGENTS:
                self._agents[session_id] += said.get("decision") != "reject"
            case "api_request" if (text(said, "query_source") or "").startswith("agent:"):
                self._agents[session_id] = max(1, self._agents[session_id])
            case "subagent_completed":
                self._agents[session_id] = max(0, self._agents[session_id] - 1)
            case "tool_result" if said.get("success") == "true":
                yield from self._called(session, said, at_ns)
            case "skill_activated" if said.get("invocation_trigger") == _BY_USER:
                yield from _typed(session, said, at_ns)

    def _called(
        self, session: Session, said: Mapping[str, object], at_ns: int
    ) -> Iterator[Telling]:
        tool = text(said, "tool_name")
        if tool not in _SHOWING:
            return
        arguments = text(said, "tool_input", longest=1024 * 1024) or ""
        call = tool_call(session, tool, parsed(arguments), text(said, "tool_use_id"), None)
        is_known = call is not None and call.call_id is not None
        if not is_known or self._agents[session.segment_id]:
            yield Telling(session.segment_id, is_untold=True)
        elif call is not None and (tool != "Read" or self._is_shown(session, arguments, said)):
            yield Telling(session.segment_id, call._replace(at_ns=at_ns))

    def _is_shown(self, session: Session, arguments: str, said: Mapping[str, object]) -> bool:
        """Whether a read has shown its file, and not the sentence that it is as it was."""
        size = text(said, "tool_result_size_bytes") or ""
        length = int(size) if size.isdecimal() and len(size) < len(str(2**63)) else 0
        part = session.segment_id, arguments
        if part not in self._sizes:
            self._sizes[part] = length
            return True
        return length > _SENTENCE or 0 < length == self._sizes[part]


def _typed(session: Session, said: Mapping[str, object], at_ns: int) -> Iterator[Telling]:
    name, prompt = text(said, "skill.name"), text(said, "prompt.id")
    if name in _MASKED:
        yield Telling(session.segment_id, is_untold=True)
    elif prompt is not None and name is not None and skill_name(name) == name:
        call = Call(session, "skill", name, prompt_key(prompt), by_user=True, at_ns=at_ns)
        yield Telling(session.segment_id, call, needs_file=True)
