"""The payloads of Codex's hooks → events (its documentation of hooks, and version 0.169).

Of what stands in a context rollouts tell, and of the commands that a script runs: what they print
has entered only as far as the script prints it.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from ctxuse.events import UsageEvent
from ctxuse.hosts.calls import uses
from ctxuse.hosts.codex import NAME, OF_SCRIPT
from ctxuse.hosts.codex.tools import printed, said, tool_call
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.parts import MOST_UNHEARD, Followed
from ctxuse.hosts.paths import latest_beside
from ctxuse.hosts.payload import Payload
from ctxuse.hosts.places import Places

_MOST_THREADS = 16
"""So many are looked at for threads of a session that ends."""


def read(fields: Mapping[str, object], environ: Mapping[str, str]) -> Payload:
    """Return a payload. The project is where the session works.

    That is the directory of the process: ``cwd`` is that of the command.
    """
    return Payload.of(NAME, fields, environ.get("PWD"))


def events(payload: Payload, places: Places) -> Iterator[UsageEvent]:
    """Yield what a payload tells of; nothing for what it is not known to tell."""
    session = payload.session
    if session is None or payload.event != "PostToolUse":
        return
    if (payload.call_id or "").startswith(OF_SCRIPT):
        return
    call = tool_call(session, payload.tool, payload.arguments, payload.call_id, payload.directory)
    if call is not None:
        output = None if payload.response is None else printed(said(payload.response))
        yield from uses(call._replace(at_ns=payload.at_ns, output=output), Origin(places))


def followed(payload: Payload) -> Followed:
    """Return the rollouts that may tell more now than has been read."""
    own, of_agent = payload.transcript, payload.agent_transcript
    match payload.event:
        case "Stop" if own is not None:
            return Followed([own], goes_on=True)
        case "SubagentStop" if of_agent is not None:
            return Followed([of_agent])
        case "SessionEnd" if own is not None:
            return Followed([own, *_of_session(payload, own)])
        case "SessionStart" if own is not None:
            return Followed(latest_beside(own, MOST_UNHEARD), of_others=True)
        case _:
            return Followed([])


def _of_session(payload: Payload, rollout: str) -> list[str]:
    """The rollouts of a session's threads: of the end of a review no hook is told."""
    from ctxuse.hosts.codex.transcript import head  # noqa: PLC0415 - at the end of a session only

    begin = None if payload.session is None else f"{payload.session.segment_id}/"
    found: list[str] = []
    for path in latest_beside(rollout, _MOST_THREADS):
        with suppress(OSError):
            if begin is not None and (head(path).session or "").startswith(begin):
                found.append(path)
    return found
