"""What Codex's own telemetry tells (version 0.169): commands with what they printed, and skills.

Of a command that a script has run it is not said how much of what it printed was shown, and of a
sub-agent not whose it is: nothing is claimed of those, nor of what is cut.
"""

from collections.abc import Iterator, Mapping

from ctxuse.hosts.calls import Call
from ctxuse.hosts.codex import NAME, OF_SCRIPT
from ctxuse.hosts.codex.tools import printed, tool_call
from ctxuse.hosts.lookup import parsed, text
from ctxuse.hosts.parts import Telling
from ctxuse.hosts.recordfile import skill_name
from ctxuse.hosts.session import Session

_LONGEST = 8 * 1024 * 1024
_MAIN = "/root"


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
            agent = text(said, "agent_name") or _MAIN
            if call is None or call_id is None or output is None:
                return
            is_cut = (text(said, "output_truncated") or "").lower() == "true"
            if call_id.startswith(OF_SCRIPT) or agent != _MAIN or is_cut:
                yield Telling(session_id, is_untold=True)
            else:
                failed = said.get("success") != "true"
                shown = call._replace(output=printed(output), failed=failed, at_ns=at_ns)
                yield Telling(session_id, shown)
        elif event == "skill_invocation" and said.get("skill.invocation_type") == "explicit":
            name, turn = text(said, "skill.name"), text(said, "turn.id")
            if name is not None and turn is not None and skill_name(name) == name:
                key = f"mention:{turn}"
                call = Call(session, "skill", name, key, by_user=True, at_ns=at_ns)
                yield Telling(session_id, call, needs_file=True)
