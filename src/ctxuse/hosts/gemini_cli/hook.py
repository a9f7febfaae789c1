"""The payloads of Gemini CLI's hooks (its documentation of hooks, and version 0.61).

They hold no id of a call, and the chat tells of every one: so hooks only read on in that.
"""

import os
from collections.abc import Iterator, Mapping

from ctxuse.events import UsageEvent
from ctxuse.hosts.gemini_cli import NAME
from ctxuse.hosts.parts import MOST_UNHEARD, Followed
from ctxuse.hosts.paths import latest_beside
from ctxuse.hosts.payload import Payload
from ctxuse.hosts.places import Places

_MOST_AGENTS = 16
"""So many chats of sub-agents are looked at, those that were written last."""


def read(fields: Mapping[str, object], environ: Mapping[str, str]) -> Payload:
    """Return a payload. The project is where the session began."""
    return Payload.of(NAME, fields, environ.get("GEMINI_PROJECT_DIR"))


def events(_: Payload, __: Places) -> Iterator[UsageEvent]:
    """Yield nothing: of what happens the chat tells."""
    yield from ()


def followed(payload: Payload) -> Followed:
    """Return the chats that may tell more now than has been read."""
    own, session = payload.transcript, payload.session
    if own is None or session is None:
        return Followed([])
    match payload.event:
        case "AfterAgent":
            return Followed([own, *_of_agents(own, session.segment_id)], goes_on=True)
        case "SessionEnd":
            return Followed([own, *_of_agents(own, session.segment_id)])
        case "SessionStart":
            return Followed(latest_beside(own, MOST_UNHEARD), of_others=True)
        case _:
            return Followed([])


def _of_agents(chat: str, session: str) -> list[str]:
    """The chats of a session's sub-agents, which lie in a folder of its id."""
    folder = os.path.join(os.path.dirname(chat), session)
    return latest_beside(os.path.join(folder, ""), _MOST_AGENTS)
