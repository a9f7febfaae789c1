"""Codex."""

from collections.abc import Mapping

from ctxuse.hosts.host import Caller, Host, Records, Request
from ctxuse.hosts.lookup import name

NAME = "codex"
"""The agent, as events name it."""


def caller(request: Request) -> Caller | None:
    """Return who is calling: the request names the session, and the thread within it."""
    turn = request.meta.get("x-codex-turn-metadata")
    if not isinstance(turn, Mapping) and request.host != NAME:
        return None
    session = name(turn, "session_id")
    thread = name(turn, "thread_id") or name(request.meta, "threadId")
    if thread is None or session is None or thread == session:
        return Caller(session or thread, NAME)
    if name(turn, "parent_thread_id") or name(turn, "subagent_kind"):
        return Caller(f"{session}/{thread}", NAME, in_subagent=True)
    return Caller(session, NAME)


HOST = Host(
    name=NAME,
    title="Codex",
    config_dir=".codex",
    config_variable="CODEX_HOME",
    of_user=Records(
        skills=("~/.agents/skills", "skills", "skills/.system", "memories/skills"),
        memories=("memories",),
    ),
    of_project=Records(
        skills=(".agents/skills", ".codex/skills"),
        instructions=("AGENTS.md", "AGENTS.override.md"),
    ),
    bundled_skills=".system",
    transcripts=("sessions", "archived_sessions"),
    mcp_client="codex-mcp-client",
    caller=caller,
)
