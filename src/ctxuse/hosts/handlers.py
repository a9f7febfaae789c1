"""The handlers of hooks in an agent's settings, and which of them are ours.

On the way of a hook that settings share, so nothing expensive is imported.
"""

import os
from collections.abc import Iterator

from ctxuse.files import read_small
from ctxuse.hosts.lookup import at, items, parsed, stored

COMMAND = "ctxuse-hook"

EVERYWHERE = "--everywhere"
"""Tells our hook to write in directories without a workspace, too."""

SHARED = "--shared"
"""Tells our hook that it stands in settings that others share: where the user has it, too, that one
records."""


OWN_FILE = f"// {COMMAND}: "
"""How a file begins that is ours alone; then comes what settings would say, as JSON on a line."""


SCRIPTS = (".js", ".ts")
"""How the names of files end that hold no settings but what an agent runs."""


def hooks_in(path: str) -> object:
    """Return what a file says of hooks: settings all of it, a file that is ours its first line."""
    if not path.endswith(SCRIPTS):
        return stored(path)
    try:
        line = read_small(path).partition(b"\n")[0].decode()
    except (OSError, ValueError):
        return None
    return settings_of_own(line)


def settings_of_own(text: str) -> object:
    """Return what settings would say, where the text of a file is ours; None where it is not."""
    line = text.partition("\n")[0]
    return parsed(line.removeprefix(OWN_FILE)) if line.startswith(OWN_FILE) else None


def handlers(settings: object) -> Iterator[tuple[str, object]]:
    """Yield every handler of a hook in `settings`, with its event.

    Below an event stand groups of handlers, or handlers themselves.
    """
    hooks = at(settings, "hooks")
    for event, entries in hooks.items() if isinstance(hooks, dict) else ():
        for entry in items(entries):
            for handler in items(entry, "hooks") or [entry]:
                yield str(event), handler


def our_command(handler: object) -> str | None:
    """Return the program of a handler; None when it is not ours."""
    if not isinstance(_command_of(handler), str):
        return None
    words = (str(word) for word in words_of(handler))
    return next((word for word in words if os.path.basename(word) == COMMAND), None)


def words_of(handler: object) -> list[object]:
    """Return the words of a handler, however it says them."""
    command = _command_of(handler)
    words = [command, *items(handler, "args")]
    if len(words) > 1 or not isinstance(command, str):
        return words
    return [word.rstrip(";") for word in _split(command)]


def _command_of(handler: object) -> object:
    """What a handler calls, of those that are for one shell, that of ours."""
    return at(handler, "command") or at(handler, "bash")


def _split(command: str) -> list[str]:
    import shlex  # noqa: PLC0415 - seldom wanted, and not cheap

    try:
        return shlex.split(command)
    except ValueError:
        return command.split()
