"""`ctxuse fleet`: many workspaces. One small file per command, imported when it is called."""

import signal
import sys
from contextlib import suppress
from importlib import import_module

import click

COMMANDS = ("report", "collect", "export")
"""The commands, in the order the help shows them; each is `command` in the module of its name."""


class _Commands(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"ctxuse.cli.fleet.{cmd_name}").command
        return command


@click.group("fleet", cls=_Commands)
def command() -> None:
    """Work on many workspaces: one report over them, one place for their logs.

    \b
    Examples:
      ctxuse fleet report ~/work
      ctxuse fleet collect ~/work --to s3://team/collected
      ctxuse fleet export ~/work --to events

    A PLACE is a folder, in which workspaces are looked for (.yoi/memory/; links in it are not
    followed, .git is passed over), a pattern such as '/srv/*/agents', an address such as
    s3://bucket/logs, or @FILE, which lists places, one a line (@- on stdin).

    Folders need nothing else. Addresses, a Dask scheduler and Parquet need the extra ctxuse[fleet];
    s3:// and others also what fsspec asks for (s3fs, gcsfs, adlfs).
    """
    with suppress(ValueError):  # not the main thread: then it is not ours to say
        signal.signal(signal.SIGTERM, _ended)


def _ended(*_: object) -> None:
    """End as after Ctrl-C, so that workers end and temporary files go: containers are ended so."""
    sys.exit(128 + signal.SIGTERM)
