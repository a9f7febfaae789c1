"""How GitHub Copilot CLI makes itself known to an MCP server."""

from ctxuse.hosts.caller import Caller, Request
from ctxuse.hosts.copilot import NAME
from ctxuse.hosts.lookup import name


def caller(request: Request) -> Caller | None:
    """Return who is calling: the environment names the session, and nothing the sub-agent."""
    if request.host != NAME:
        return None
    return Caller(name(request.environ, "COPILOT_AGENT_SESSION_ID"), NAME)
