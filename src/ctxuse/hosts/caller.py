"""Who is calling, from what a request and the environment say. Attribution, not proof.

What the request says comes first: the environment may be inherited from another agent's shell.
"""

from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import NamedTuple

from ctxuse.hosts import HOSTS, host_named, known_hosts, module_of
from ctxuse.hosts.lookup import name
from ctxuse.hosts.parts import hosts_with


class Request(NamedTuple):
    """A request to an MCP server, as far as it says who is calling.

    Attributes:
        meta: Its ``_meta``.
        host: The agent that the client's name stands for, or that name; None without one.
        environ: The server's environment, which may be inherited from another agent's shell.
        hurry: Set when nothing may be waited for any more.
    """

    meta: Mapping[str, object]
    host: str | None
    environ: Mapping[str, str]
    hurry: Event


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


SERVER = "ctxuse"
"""What our MCP server is called in the settings of agents."""


def is_ours(server: str) -> bool:
    """Whether an agent's name for an MCP server, which a plugin may precede, is ours."""
    return server.rpartition(":")[2] == SERVER


def caller(
    meta: Mapping[str, object],
    client: str | None,
    environ: Mapping[str, str],
    hurry: Event | None = None,
) -> Caller:
    """Return who is calling; to find out may take a second.

    Args:
        meta: The ``_meta`` of the request.
        client: The name that the client gave itself.
        environ: The server's environment.
        hurry: Once set, nothing is waited for any more.
    """
    request = Request(meta, host_of(client), environ, hurry or Event())
    for find in _callers(first=request.host):
        who = find(request)
        if who is not None:
            return who
    return Caller(None, request.host)


def _callers(first: str | None) -> Iterator[Callable[[Request], Caller | None]]:
    """Yield the `caller` of each agent that can name itself, `first` first if it is one of them."""
    for host in sorted(hosts_with("mcp"), key=lambda host: host != first):
        yield module_of(host, "mcp").caller


def host_of(client: str | None) -> str | None:
    """Return the agent that the name of an MCP client stands for, or that name."""
    said = name(client) or ""
    named = (h.name for h in known_hosts() if h.mcp_client and said.startswith(h.mcp_client))
    return next(named, said or None)


def gets_prompts_unasked(client: str | None) -> bool:
    """Return whether an MCP client gets prompts also when nobody has asked for one."""
    host = host_of(client)
    return host in HOSTS and host_named(host).gets_prompts_unasked


def delivered(host: str | None, version: str, instructions: str, call_id: str | None) -> int | None:
    """Return how many characters of a server's instructions reach a context; None for all.

    Args:
        host: The agent; None where it is not known.
        version: The version that its client says it has.
        instructions: The instructions.
        call_id: The id of a call that comes from the context, where there is one.
    """
    known = host_named(host) if host in HOSTS else None
    if known is None or known.instructions_delivered is None:
        return None
    numbers = version.split("-", maxsplit=1)[0].split(".")
    short = [number for number in numbers if number.isdecimal() and len(number) < _LONGEST]
    return known.instructions_delivered(tuple(map(int, short)), instructions, call_id)


_LONGEST = 9
"""Digits of a number of a version."""
