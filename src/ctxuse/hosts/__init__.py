"""What agents hand over → events. One folder an agent, and one line in the table below.

No agent is special anywhere else. A folder says in `HOST` where its agent keeps what, and how it
makes itself known. It may hold three more parts, each of which may be missing:

- `hook`: its payloads → events; on the way of every hook call, so it imports only what is cheap
- `transcript`: its transcripts → events
- `install`: where its settings are, and what belongs into them
"""

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ctxuse.events import UsageEvent
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

    @property
    def read(self) -> "Callable[[Mapping[str, object], Mapping[str, str]], Payload]":
        """Takes what was handed over and the environment, gives the payload that it is."""
        ...

    @property
    def events(self) -> "Callable[[Payload, Places], Iterator[UsageEvent]]":
        """Takes a payload and the places of the workspace, gives the events it tells of."""
        ...


class Transcripts(Protocol):
    """The `transcript` module of an agent."""

    @property
    def began_in(self) -> "Callable[[str], str | None]":
        """Takes a transcript, gives the directory in which its session began."""
        ...

    @property
    def events(
        self,
    ) -> "Callable[[str, Places, Notes, Hooked, Callable[[int], object]], Iterator[UsageEvent]]":
        """Takes a transcript, and what is said at `ctxuse.hosts.claude_code.transcript.events`."""
        ...


def known_hosts() -> "tuple[Host, ...]":
    """Return what the agents that are known say of themselves."""
    return tuple(import_module(f"ctxuse.hosts.{folder}").HOST for folder in HOSTS.values())


def project_of(environ: "Mapping[str, str]") -> str | None:
    """Return the project of the agent that started this process, where one says so."""
    named = (environ.get(host.project_variable) for host in known_hosts())
    return next(filter(None, named), None)


def hosts_with(part: str) -> list[str]:
    """Return the agents whose folders hold a part: ``hook``, ``transcript`` or ``install``."""
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
