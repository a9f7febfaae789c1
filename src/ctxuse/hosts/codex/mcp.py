"""How Codex makes itself known to an MCP server."""

from collections.abc import Mapping

from ctxuse.hosts.caller import Caller, Request
from ctxuse.hosts.codex import NAME
from ctxuse.hosts.lookup import name


def caller(request: Request) -> Caller | None:
    """Return who is calling: the request names the session, and the thread within it."""
    turn = request.meta.get("x-codex-turn-metadata")
    if not isinstance(turn, Mapping) and request.host != NAME:
        return None
    session = name(turn, "session_id")
    thread = name(turn, "thread_id") or name(request.meta, "threadId")
    call_id = name(request.meta, "callId")
    if thread is None or session is None or thread == session:
        return Caller(session or thread, NAME, call_id)
    if name(turn, "parent_thread_id") or name(turn, "subagent_kind"):
        return Caller(f"{session}/{thread}", NAME, call_id, in_subagent=True)
    return Caller(session, NAME, call_id)
