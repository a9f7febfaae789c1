"""Where an agent's settings are, what of ours belongs into them, and what is there."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from ctxuse.files import read_small
from ctxuse.places import Places

COMMAND = "ctxuse-hook"

Group = dict[str, object]
"""An entry of an event's list of hooks, as settings have it."""


class Handlers(Protocol):
    """Makes the entries of an agent's settings."""

    def __call__(self, command: str, *, everywhere: bool) -> Mapping[str, Group]:
        """Return by event what belongs into the settings.

        Args:
            command: How the hook is called.
            everywhere: Whether it is to write in directories without a workspace, too.
        """
        ...


@dataclass(frozen=True, slots=True)
class Installation:
    """How hooks are installed into one agent.

    Attributes:
        host: The agent, as events name it.
        title: Its name for people.
        user_file: The user's settings.
        project_file: A project's settings, as they are shared.
        other_files: Settings and other files in which hooks may stand, beside those two; only
            looked at.
        groups: What belongs into the settings.
        afterwards: What the user has to do then, for people.
        executable: The program of the agent.
    """

    host: str
    title: str
    user_file: Callable[[Places], str]
    project_file: Callable[[Places], str]
    other_files: Callable[[Places], list[str]]
    groups: Handlers
    afterwards: str
    executable: str

    def files(self, places: Places) -> list[str]:
        """Return every file in which hooks may stand, the user's first."""
        own = [self.user_file(places), self.project_file(places)]
        return list(dict.fromkeys([*own, *self.other_files(places)]))


@dataclass(frozen=True, slots=True)
class Installed:
    """A hook of ours that stands in a file.

    Attributes:
        file: The file.
        event: The agent's event it is called for.
        command: The program that is called.
        everywhere: Whether it writes in directories without a workspace, too.
    """

    file: str
    event: str
    command: str
    everywhere: bool


def installed(installation: Installation, places: Places) -> list[Installed]:
    """Return every hook of ours that is installed for an agent; unreadable files hold none."""
    found: list[Installed] = []
    for file in installation.files(places):
        settings = read_settings(file)
        for event, handler in handlers(settings):
            command, everywhere = our_command(handler)
            if command is not None:
                found.append(Installed(file, event, command, everywhere))
    return found


def how_to_remove(installation: Installation, places: Places, files: list[str]) -> str:
    """Return how hooks are taken out of `files`, for people."""
    commands = {
        installation.project_file(places): f"ctxuse setup {installation.host} --remove",
        installation.user_file(places): f"ctxuse setup {installation.host} --remove --user",
    }
    ways = [commands.get(file, f"by hand, or with its plugin, from {file}") for file in files]
    return "; ".join(dict.fromkeys(ways))


def turned_off(installation: Installation, places: Places) -> list[str]:
    """Return the files that turn all hooks of an agent off."""
    found: list[str] = []
    for file in installation.files(places):
        settings = read_settings(file)
        if isinstance(settings, dict):
            features = settings.get("features")
            hooks = features.get("hooks") if isinstance(features, dict) else None
            if settings.get("disableAllHooks") is True or hooks is False:
                found.append(file)
    return found


def read_settings(file: str) -> object:
    """Return what a file of settings holds, JSON or TOML; None when that cannot be read."""
    try:
        data = read_small(file)
        if file.endswith(".toml"):
            import tomllib  # noqa: PLC0415 - Codex only

            return tomllib.loads(data.decode())
        return json.loads(data)
    except (OSError, ValueError, RecursionError):
        return None


def handlers(settings: object) -> Iterator[tuple[str, object]]:
    """Yield every handler of a hook in `settings`, with its event."""
    hooks = settings.get("hooks") if isinstance(settings, dict) else None
    if not isinstance(hooks, dict):
        return
    for event, groups in hooks.items():
        for group in groups if isinstance(groups, list) else []:
            inner = group.get("hooks") if isinstance(group, dict) else None
            for handler in inner if isinstance(inner, list) else []:
                yield str(event), handler


def our_command(handler: object) -> tuple[str | None, bool]:
    """Return the program of a handler if it is ours, and whether it writes everywhere."""
    command = handler.get("command") if isinstance(handler, dict) else None
    if not isinstance(command, str) or not isinstance(handler, dict):
        return None, False
    arguments = handler.get("args")
    words = [command, *(arguments if isinstance(arguments, list) else [])]
    if len(words) == 1:
        words = _split(command)
    program = str(words[0]) if words else ""
    if os.path.basename(program) != COMMAND:
        return None, False
    return program, "--everywhere" in words


def _split(command: str) -> list[str]:
    import shlex  # noqa: PLC0415 - only for commands in one text

    try:
        return shlex.split(command)
    except ValueError:
        return command.split()
