"""Who is calling, from what a request and the environment say. Attribution, not proof.

What the request says comes first: the environment may be inherited from another agent's shell.
"""

from collections.abc import Mapping

from ctxuse.hosts import known_hosts
from ctxuse.hosts.host import Caller, Request
from ctxuse.hosts.lookup import name


def caller(meta: Mapping[str, object], client: str | None, environ: Mapping[str, str]) -> Caller:
    """Return who is calling.

    Args:
        meta: The ``_meta`` of the request.
        client: The name that the client gave itself.
        environ: The server's environment.
    """
    said = name(client)
    hosts = known_hosts()
    named = (h.name for h in hosts if said and h.mcp_client and said.startswith(h.mcp_client))
    host = next(named, said)
    request = Request(meta, host, environ)
    for known in sorted(hosts, key=lambda known: known.name != host):
        who = None if known.caller is None else known.caller(request)
        if who is not None:
            return who
    return Caller(None, host)
