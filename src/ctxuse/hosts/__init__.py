"""What agents hand over → events. One folder an agent, and one line in the table below.

No agent is special anywhere else. A folder holds `hook` (its payloads; on the way of every hook
call, so it imports only what is cheap) and `install` (where its settings are and what belongs into
them).
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from ctxuse.events import UsageEvent
    from ctxuse.hosts.installation import Installation
    from ctxuse.places import Places

HOSTS = {"claude-code": "claude_code", "codex": "codex"}
"""The agents that are known, as events name them, and their folders."""


class Seen(NamedTuple):
    """An event that a payload tells of.

    Attributes:
        event: The event.
        once: Whether others may tell of the same occurrence, under the same id.
    """

    event: "UsageEvent"
    once: bool


class Hook(Protocol):
    """The `hook` module of an agent."""

    @property
    def project(self) -> Callable[[Mapping[str, object], Mapping[str, str]], str | None]:
        """Takes a payload and the environment, gives the project's directory, where known."""
        ...

    @property
    def events(
        self,
    ) -> "Callable[[Mapping[str, object], Places, Mapping[str, str]], Iterator[Seen]]":
        """Takes a payload, the places of the workspace and the environment, gives the events."""
        ...


def hook_of(host: str) -> Hook | None:
    """Return how the payloads of an agent are read; None for an agent that is not known."""
    folder = HOSTS.get(host)
    if folder is None:
        return None
    found: Hook = import_module(f"ctxuse.hosts.{folder}.hook")
    return found


def installation_of(host: str) -> "Installation":
    """Return where the settings of an agent are, and what belongs into them.

    Raises:
        KeyError: The agent is not known.
    """
    found: Installation = import_module(f"ctxuse.hosts.{HOSTS[host]}.install").INSTALLATION
    return found
