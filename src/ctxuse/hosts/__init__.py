"""What agents hand over → events. One folder an agent, and one line in the table below.

No agent is special anywhere else. A folder holds `hook` (its payloads; on the way of every hook
call, so it imports only what is cheap) and `install` (where its settings are and what belongs into
them).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ctxuse.events import UsageEvent
    from ctxuse.hosts.installation import Installation
    from ctxuse.hosts.payload import Payload
    from ctxuse.places import Places

HOSTS = {"claude-code": "claude_code", "codex": "codex"}
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
