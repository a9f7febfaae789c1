"""Commands and agents: Markdown files that an agent calls by their names.

A command is called by its path below the folder of commands (``team:standup``), an agent by the
name of its file; those of a plugin by the plugin's name before it.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ctxuse.hosts import known_hosts
from ctxuse.hosts.paths import parts_below
from ctxuse.hosts.recordfile import AGENT, COMMAND, RecordFile

if TYPE_CHECKING:
    from ctxuse.hosts.places import Places

_MARKDOWN = ".md"
_PLUGIN_FOLDERS = ((COMMAND, "commands"), (AGENT, "agents"))


def prompt_at(places: "Places", path: str) -> RecordFile | None:
    """Return the command or agent that the file at an absolute path is; None if it is none."""
    if not path.endswith(_MARKDOWN):
        return None
    for kind, directory, plugin in _folders(places):
        below = parts_below(path, directory)
        if below is not None:
            return _prompt(kind, below, path, plugin)
    return None


def prompt_named(places: "Places", kind: str, name: str) -> RecordFile | None:
    """Return the command or agent that an agent calls `name`, if its file is there.

    Args:
        places: Where records lie.
        kind: ``command`` or ``agent``.
        name: Its name.
    """
    for of, directory, plugin in _folders(places):
        own = name.removeprefix(f"{plugin}:") if plugin else name
        if of != kind or (plugin and own == name) or "/" in own or own.startswith("."):
            continue
        file = os.path.join(directory, *own.split(":")) + _MARKDOWN
        if os.path.isfile(file):
            return RecordFile(kind, name, file, file)
    return None


def prompts(places: "Places") -> Iterator[RecordFile]:
    """Yield the commands and agents that have a file now; of several of one name the first."""
    seen: set[tuple[str, str]] = set()
    for kind, directory, plugin in _folders(places):
        for folder, folders, names in os.walk(directory):
            folders.sort()
            for path in (os.path.join(folder, name) for name in sorted(names)):
                below = parts_below(path, directory) if path.endswith(_MARKDOWN) else None
                found = None if below is None else _prompt(kind, below, path, plugin)
                if found is not None and (kind, found.slug) not in seen:
                    seen.add((kind, found.slug))
                    yield found


def _folders(places: "Places") -> Iterator[tuple[str, str, str]]:
    """The folders of commands and of agents, with the plugin that each is of: first come first."""
    for host in known_hosts():
        own = places.config_dirs.get(host.name, "")
        for directory, records in ((places.root, host.of_project), (own, host.of_user)):
            for kind, paths in ((COMMAND, records.commands), (AGENT, records.agents)):
                for path in paths:
                    yield kind, os.path.join(directory, path), ""
    for plugin, where in places.plugins().items():
        for kind, path in _PLUGIN_FOLDERS:
            yield kind, os.path.join(where, path), plugin


def _prompt(kind: str, below: list[str], path: str, plugin: str) -> RecordFile | None:
    names = [*below[:-1], below[-1].removesuffix(_MARKDOWN)]
    if any(not name or name.startswith(".") or ":" in name for name in names):
        return None
    name = ":".join(names) if kind == COMMAND else names[-1]
    return RecordFile(kind, f"{plugin}:{name}" if plugin else name, path, path)
