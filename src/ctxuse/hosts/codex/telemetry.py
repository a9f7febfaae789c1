"""What Codex's own telemetry tells (version 0.169): commands with what they printed, and skills."""

from collections.abc import Iterator, Mapping

from ctxuse.hosts.calls import Call
from ctxuse.hosts.codex import NAME
from ctxuse.hosts.codex.tools import printed, tool_call
from ctxuse.hosts.lookup import parsed, text
from ctxuse.hosts.parts import Telling
from ctxuse.hosts.recordfile import skill_name
from ctxuse.hosts.session import Session

_LONGEST = 8 * 1024 * 1024


def tells(event: str, service: str) -> str | None:
    """Return the name of an event that is one of Codex's; None for others."""
    name = event.removeprefix("codex.")
    return name if name != event and service.startswith(NAME) else None


class Telemetry:
    """Reads the events of sessions."""

    def read(self, event: str, said: Mapping[str, object], at_ns: int) -> Iterator[Telling]:
        """Yield what an event tells."""
        session_id = text(said, "conversation.id")
        if session_id is None:
            return
        session = Session.named(NAME, session_id, None)
        if event == "tool_result":
            arguments = parsed(text(said, "arguments", longest=_LONGEST) or "")
            call_id, output = text(said, "call_id"), text(said, "output", longest=_LONGEST)
            call = tool_call(session, text(said, "tool_name"), arguments, call_id, None)
            if call is not None and call_id is not None and output is not None:
                failed = said.get("success") != "true"
                shown = call._replace(output=printed(output), failed=failed, at_ns=at_ns)
                yield Telling(shown)
        elif event == "skill_invocation" and said.get("skill.invocation_type") == "explicit":
            name, turn = text(said, "skill.name"), text(said, "turn.id")
            if name is not None and turn is not None and skill_name(name) == name:
                key = f"mention:{turn}"
                call = Call(session, "skill", name, key, by_user=True, at_ns=at_ns)
                yield Telling(call, needs_file=True)
