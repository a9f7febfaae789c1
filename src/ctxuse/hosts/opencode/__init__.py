"""OpenCode."""

from ctxuse.hosts.host import Caller, Host, Request
from ctxuse.hosts.lookup import name

NAME = "opencode"
"""The agent, as events name it."""


def caller(request: Request) -> Caller | None:
    """Return who is calling: the request names the session."""
    session = name(request.meta, "ai.opencode/sessionID")
    return None if session is None else Caller(session, NAME)


HOST = Host(name=NAME, title="OpenCode", caller=caller)
