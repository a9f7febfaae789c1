"""The handlers of hooks in an agent's settings, and which of them are ours.

On the way of a hook that settings share, so nothing expensive is imported.
"""

import os
from collections.abc import Iterator

from ctxuse.hosts.lookup import at, items

COMMAND = "ctxuse-hook"

EVERYWHERE = "--everywhere"
"""Tells our hook to write in directories without a workspace, too."""

SHARED = "--shared"
"""Tells our hook that it stands in settings that others share: where the user has it, too, that one
records."""


def handlers(settings: object) -> Iterator[tuple[str, object]]:
    """Yield every handler of a hook in `settings`, with its event."""
    hooks = at(settings, "hooks")
    for event, groups in hooks.items() if isinstance(hooks, dict) else ():
        for group in items(groups):
            for handler in items(group, "hooks"):
                yield str(event), handler


def our_command(handler: object) -> str | None:
    """Return the program of a handler; None when it is not ours."""
    command = at(handler, "command")
    if not isinstance(command, str):
        return None
    words = (str(word) for word in words_of(handler))
    return next((word for word in words if os.path.basename(word) == COMMAND), None)


def words_of(handler: object) -> list[object]:
    """Return the words of a handler, however it says them."""
    command = at(handler, "command")
    words = [command, *items(handler, "args")]
    if len(words) > 1 or not isinstance(command, str):
        return words
    return [word.rstrip(";") for word in _split(command)]


def _split(command: str) -> list[str]:
    import shlex  # noqa: PLC0415 - seldom wanted, and not cheap

    try:
        return shlex.split(command)
    except ValueError:
        return command.split()
