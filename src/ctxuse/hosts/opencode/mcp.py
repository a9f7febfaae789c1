"""How OpenCode makes itself known to an MCP server."""

from ctxuse.hosts.caller import Caller, Request
from ctxuse.hosts.lookup import name
from ctxuse.hosts.opencode import NAME


def caller(request: Request) -> Caller | None:
    """Return who is calling: the request names the session."""
    session = name(request.meta, "ai.opencode/sessionID")
    return None if session is None else Caller(session, NAME)
