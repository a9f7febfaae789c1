"""A group of commands that imports a command's module when the command is called."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from ctxuse.cli.names import did_you_mean


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the words begin with; of a wrong one, say what is like it."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if not args:  # a wrong option alone, which has been taken out of them
                raise
            text = error.format_message().rstrip(".") + did_you_mean(args[0], self._modules)
            raise click.UsageError(text, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command is for, uncut."""
        commands = [(name, self.get_command(ctx, name)) for name in self._modules]
        rows = [(name, found.get_short_help_str(1000)) for name, found in commands if found]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return a command, or None when there is none of this name."""
        module = self._modules.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(module).command
        return command
