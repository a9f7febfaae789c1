"""How Claude Code makes itself known to an MCP server."""

from ctxuse.hosts.caller import Caller, Request
from ctxuse.hosts.claude_code import NAME
from ctxuse.hosts.lookup import name


def caller(request: Request) -> Caller | None:
    """Return who is calling: the request names the call, the environment the session."""
    call_id = name(request.meta, "claudecode/toolUseId")
    if call_id is None and request.host != NAME:
        return None
    return Caller(name(request.environ, "CLAUDE_CODE_SESSION_ID"), NAME, call_id)
