"""Commands and agents: Markdown files that an agent calls by their names.

A command is called by its path below the folder of commands (``team:standup``), an agent by the
name of its file, which may end in ``.agent.md``; those of a plugin by the plugin's name before it.
"""

import os
from collections.abc import Iterable, Iterator, Mapping

from ctxuse.hosts.host import Host
from ctxuse.hosts.paths import files_below, parts_below
from ctxuse.hosts.recordfile import AGENT, COMMAND, RecordFile
from ctxuse.typed import NamedTuple

_MARKDOWN, _OF_AGENT = ".md", ".agent"
_PLUGIN_FOLDERS = ((COMMAND, "commands"), (AGENT, "agents"))


class Folder(NamedTuple):
    """A folder of commands or of agents.

    Attributes:
        kind: ``command`` or ``agent``.
        directory: The folder.
        plugin: The plugin that it is of; empty for none.
    """

    kind: str
    directory: str
    plugin: str = ""


def prompt_folders(
    hosts: Iterable[Host], root: str, own: Mapping[str, str], plugins: Mapping[str, str]
) -> Iterator[Folder]:
    """Yield the folders of commands and of agents, those first that win.

    Args:
        hosts: The agents.
        root: The root of the workspace.
        own: Their own directories, by agent.
        plugins: The directories of plugins, by name.
    """
    yield from dict.fromkeys(  # several agents keep theirs in the same one
        Folder(kind, os.path.join(directory, path))
        for host in hosts
        for directory, records in ((root, host.of_project), (own.get(host.name), host.of_user))
        for kind, paths in ((COMMAND, records.commands), (AGENT, records.agents))
        if directory
        for path in paths
    )
    for plugin, where in plugins.items():
        for kind, path in _PLUGIN_FOLDERS:
            yield Folder(kind, os.path.join(where, path), plugin)


def prompt_at(folders: Iterable[Folder], path: str) -> RecordFile | None:
    """Return the command or agent that the file at an absolute path is; None if it is none."""
    if path.endswith(_MARKDOWN):
        for folder in folders:
            found = _prompt(folder, path)
            if found is not None:
                return found
    return None


def prompt_named(folders: Iterable[Folder], kind: str, name: str) -> RecordFile | None:
    """Return the command or agent, as `kind` says, that is called `name`, if its file is there."""
    for folder in folders:
        own = name.removeprefix(f"{folder.plugin}:") if folder.plugin else name
        if folder.kind == kind and "/" not in own and (own != name or not folder.plugin):
            begin = os.path.join(folder.directory, *own.split(":"))
            ends = (_MARKDOWN, *([f"{_OF_AGENT}{_MARKDOWN}"] if kind == AGENT else []))
            file = next((f for end in ends if os.path.isfile(f := begin + end)), None)
            found = None if file is None else _prompt(folder, file)
            if found is not None:
                return found
    return None


def prompts(folders: Iterable[Folder]) -> Iterator[RecordFile]:
    """Yield the commands and agents that have a file now; of several of one name the first."""
    seen: set[tuple[str, str]] = set()
    for folder in folders:
        for path in files_below(folder.directory, (_MARKDOWN,)):
            found = _prompt(folder, path)
            if found is not None and (found.kind, found.slug) not in seen:
                seen.add((found.kind, found.slug))
                yield found


def _prompt(folder: Folder, path: str) -> RecordFile | None:
    below = parts_below(path, folder.directory) if path.endswith(_MARKDOWN) else None
    if below is None:
        return None
    names = [*below[:-1], below[-1].removesuffix(_MARKDOWN)]
    if any(not name or name.startswith(".") or ":" in name for name in names):
        return None
    name = ":".join(names) if folder.kind == COMMAND else names[-1].removesuffix(_OF_AGENT)
    slug = f"{folder.plugin}:{name}" if folder.plugin else name
    return RecordFile(folder.kind, slug, path, path)
