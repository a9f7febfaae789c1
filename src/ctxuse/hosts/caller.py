"""Who is calling, from what a request and the environment say. Attribution, not proof.

What the request says comes first: the environment may be inherited from another agent's shell.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ctxuse.hosts import callers, known_hosts
from ctxuse.hosts.lookup import name


class Request(NamedTuple):
    """A request to an MCP server, as far as it says who is calling.

    Attributes:
        meta: Its ``_meta``.
        host: The agent that the client's name stands for, or that name; None without one.
        environ: The server's environment, which may be inherited from another agent's shell.
    """

    meta: Mapping[str, object]
    host: str | None
    environ: Mapping[str, str]


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
    said = name(client) or ""
    named = (h.name for h in known_hosts() if h.mcp_client and said.startswith(h.mcp_client))
    request = Request(meta, next(named, said or None), environ)
    for find in callers(first=request.host):
        who = find(request)
        if who is not None:
            return who
    return Caller(None, request.host)
