"""What agents hand over → events. One folder an agent, and one line in the table below.

No agent is special anywhere else. A folder says in `HOST` where its agent keeps what, and how it
makes itself known. It may hold four more parts, each of which may be missing:

- `hook`: its payloads → events; on the way of every hook call, so it imports only what is cheap
- `transcript`: its transcripts → events
- `install`: where its settings are, and what belongs into them
- `mcp`: who calls an MCP server, when it is this agent
"""

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ctxuse.events import UsageEvent
    from ctxuse.hosts.caller import Caller, Request
    from ctxuse.hosts.host import Host
    from ctxuse.hosts.installation import Installation
    from ctxuse.hosts.payload import Payload
    from ctxuse.hosts.places import Places
    from ctxuse.hosts.transcripts import Hooked, Notes

HOSTS = {
    "claude-code": "claude_code",
    "codex": "codex",
    "cursor": "cursor",
    "gemini-cli": "gemini_cli",
    "opencode": "opencode",
}
"""The agents that are known, as events name them, and their folders."""


class Hook(Protocol):
    """The `hook` module of an agent."""

    def read(self, fields: "Mapping[str, object]", environ: "Mapping[str, str]") -> "Payload":
        """Return the payload that was handed over."""
        ...

    def events(self, payload: "Payload", places: "Places") -> "Iterator[UsageEvent]":
        """Yield what a payload tells of."""
        ...


class Transcripts(Protocol):
    """The `transcript` module of an agent."""

    def began_in(self, path: str) -> str | None:
        """Return the directory in which the session of a transcript began."""
        ...

    def events(
        self,
        path: str,
        places: "Places",
        notes: "Notes",
        hooked: "Hooked",
        told: "Callable[[int], object]",
    ) -> "Iterator[UsageEvent]":
        """Yield what a transcript tells of.

        Args:
            path: The transcript.
            places: The places of the workspace.
            notes: Where it is counted what tells of nothing.
            hooked: What hooks have recorded of a segment.
            told: Told after each line how many bytes it has.

        Raises:
            OSError: The file cannot be read.
        """
        ...


def known_hosts() -> "tuple[Host, ...]":
    """Return what the agents that are known say of themselves."""
    return tuple(map(host_named, HOSTS))


def host_named(name: str) -> "Host":
    """Return what an agent says of itself.

    Raises:
        KeyError: The agent is not known.
    """
    host: Host = import_module(f"ctxuse.hosts.{HOSTS[name]}").HOST
    return host


def project_of(environ: "Mapping[str, str]") -> str | None:
    """Return the project of the agent that started this process, where one says so."""
    named = (environ.get(host.project_variable) for host in known_hosts())
    return next(filter(None, named), None)


def hosts_with(part: str) -> list[str]:
    """Return the agents whose folders hold a part, such as ``hook``."""
    from importlib.util import find_spec  # noqa: PLC0415 - not on the way of a hook

    return [host for host in HOSTS if find_spec(f"ctxuse.hosts.{HOSTS[host]}.{part}")]


def hook_of(host: str) -> Hook | None:
    """Return how the payloads of an agent are read; None for one that has none, or is not known."""
    if host not in HOSTS:
        return None
    module = f"ctxuse.hosts.{HOSTS[host]}.hook"
    try:
        found: Hook = import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None
    return found


def transcripts_of(host: str) -> Transcripts:
    """Return how the transcripts of an agent are read; it is one of `hosts_with` transcripts."""
    found: Transcripts = import_module(f"ctxuse.hosts.{HOSTS[host]}.transcript")
    return found


def installation_of(host: str) -> "Installation":
    """Return where the settings of an agent are; it is one of `hosts_with` an installation."""
    found: Installation = import_module(f"ctxuse.hosts.{HOSTS[host]}.install").INSTALLATION
    return found


def callers(first: str | None) -> "Iterator[Callable[[Request], Caller | None]]":
    """Yield the `caller` of each agent that can name itself to an MCP server.

    Args:
        first: The agent that comes first, if it is one of them.
    """
    for host in sorted(hosts_with("mcp"), key=lambda host: host != first):
        yield import_module(f"ctxuse.hosts.{HOSTS[host]}.mcp").caller
