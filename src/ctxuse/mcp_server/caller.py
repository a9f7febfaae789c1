"""Who is calling, from what a request and the environment say. Attribution, not proof.

What the request says comes first: the environment may be inherited from another agent's shell.
"""

from collections.abc import Mapping
from typing import NamedTuple

CLAUDE_CODE = "claude-code"
CODEX = "codex"
OPENCODE = "opencode"

_CLIENTS = {
    "codex-mcp-client": CODEX,
    "cursor-vscode": "cursor",
    "gemini-cli-mcp-client": "gemini-cli",  # followed by the server's name in some versions
}
"""How the names begin that clients give themselves, where those are not the agents' names."""

_LONGEST = 256
"""Characters of a name or id that are taken; a longer one is as good as none."""


class Caller(NamedTuple):
    """Who is calling.

    Attributes:
        segment_id: The session, and within it the sub-agent; None when unknown.
        host: The agent, where known.
        call_id: The host's id of the call, where it gives one.
        in_subagent: Whether it is known to come from a sub-agent.
    """

    segment_id: str | None
    host: str | None
    call_id: str | None = None
    in_subagent: bool = False


def caller(meta: Mapping[str, object], client: str | None, environ: Mapping[str, str]) -> Caller:
    """Return who is calling.

    Args:
        meta: The ``_meta`` of the request.
        client: The name that the client gave itself.
        environ: The server's environment.
    """
    call_id = _text(meta.get("claudecode/toolUseId"))
    turn = meta.get("x-codex-turn-metadata")
    opencode = _text(meta.get("ai.opencode/sessionID"))
    name = _text(client)
    host = next((h for begin, h in _CLIENTS.items() if name and name.startswith(begin)), name)
    if isinstance(turn, Mapping) or host == CODEX:
        return _codex(turn if isinstance(turn, Mapping) else {}, meta)
    if opencode is not None:
        return Caller(opencode, OPENCODE)
    if call_id is not None or host == CLAUDE_CODE:
        return Caller(_text(environ.get("CLAUDE_CODE_SESSION_ID")), CLAUDE_CODE, call_id)
    return Caller(None, host)


def _codex(turn: Mapping[str, object], meta: Mapping[str, object]) -> Caller:
    session = _text(turn.get("session_id"))
    thread = _text(turn.get("thread_id")) or _text(meta.get("threadId"))
    if thread is None or session is None or thread == session:
        return Caller(session or thread, CODEX)
    if _text(turn.get("parent_thread_id")) or _text(turn.get("subagent_kind")):
        return Caller(f"{session}/{thread}", CODEX, in_subagent=True)
    return Caller(session, CODEX)


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # from an environment that is no UTF-8
        return None
    return value
