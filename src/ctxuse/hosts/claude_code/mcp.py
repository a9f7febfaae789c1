"""How Claude Code makes itself known to an MCP server."""

import os
import time

from ctxuse.files import closing_fd, open_regular
from ctxuse.hosts.caller import Caller, Request
from ctxuse.hosts.claude_code import HOST, NAME
from ctxuse.hosts.lookup import name
from ctxuse.hosts.paths import paths_in, times_written
from ctxuse.hosts.session import Session

_TAIL = 256 * 1024
"""Bytes at the end of a transcript in which the call that is made now must stand."""

_MOST_AGENTS = 16
"""In the transcripts of so many sub-agents is looked, those that were written last."""

_AT_WORK = 600.0
"""Seconds since its transcript was written after which a sub-agent is not taken to be at work."""

_WAIT = 1.0
"""Seconds that a call is waited for: 2.1.197 writes it down up to 0.2 s after it has made it."""

_AGAIN = 0.02


def caller(request: Request) -> Caller | None:
    """Return who is calling: the request names the call, the environment the session.

    Whether it is one of its sub-agents, and which, the request does not say: it is the one in whose
    transcript the call stands, once it is written down.
    """
    call_id = name(request.meta, "claudecode/toolUseId")
    if call_id is None and request.host != NAME:
        return None
    session = name(request.environ, "CLAUDE_CODE_SESSION_ID")
    agent = _agent_that_calls(session, call_id, request) if session and call_id else None
    if session is None or agent is None:
        return Caller(session, NAME, call_id)
    segment_id = Session.named(NAME, session, agent).segment_id
    return Caller(segment_id, NAME, call_id, in_subagent=True)


def _agent_that_calls(session: str, call_id: str, request: Request) -> str | None:
    """The sub-agent that makes a call; None where it is the session itself, or is not known."""
    if "/" in session or session in {".", ".."}:
        return None
    home = request.environ.get("HOME") or os.path.expanduser("~")
    own = HOST.own_directory(request.environ, home)
    projects = [path for folder in HOST.transcripts for path in paths_in(os.path.join(own, folder))]
    mains = [os.path.join(project, f"{session}.jsonl") for project in projects]
    mains = [path for path in mains if os.path.exists(path)]
    end = time.monotonic() + _WAIT
    while mains:
        agents = _at_work([f"{path.removesuffix('.jsonl')}/subagents" for path in mains])
        for path in agents:
            if _holds(path, call_id):
                return os.path.basename(path).removeprefix("agent-").removesuffix(".jsonl")
        is_main = any(_holds(path, call_id) for path in mains)
        if is_main or time.monotonic() > end or request.hurry.wait(_AGAIN):
            break
    return None


def _at_work(directories: list[str]) -> list[str]:
    """The transcripts in some directories that were written not long ago, the last ones first."""
    there = (path for directory in directories for path in paths_in(directory))
    times = times_written(path for path in there if path.endswith(".jsonl"))
    now = time.time()
    found = [path for path, at in times.items() if now - at < _AT_WORK]
    return sorted(found, key=times.__getitem__, reverse=True)[:_MOST_AGENTS]


def _holds(path: str, call_id: str) -> bool:
    """Whether a call stands at the end of a transcript."""
    try:
        with closing_fd(open_regular(path)) as descriptor:
            size = os.fstat(descriptor).st_size
            os.lseek(descriptor, max(0, size - _TAIL), os.SEEK_SET)
            return f'"{call_id}"'.encode("utf-8", "replace") in os.read(descriptor, _TAIL)
    except OSError:
        return False
