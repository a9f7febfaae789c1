"""A group of commands that imports a command's module when the command is called."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """Such a group.

    Args:
        modules: The module of each command, in which it is `command`, by the command's name, in the
            order the help shows them.
        others: As for `click.Group`.
    """

    def __init__(self, *, modules: Mapping[str, str], **others: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(**others)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands."""
        return [*self._modules]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return a command, or None when there is none of this name."""
        module = self._modules.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(module).command
        return command
