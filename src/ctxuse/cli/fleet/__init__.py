"""`ctxuse fleet`: many workspaces. One small file per command, imported when it is called."""

import signal
import sys
from contextlib import suppress

import click

from ctxuse.cli.lazy import LazyGroup

COMMANDS = ("report", "collect", "compact", "export")
"""The commands, in the order the help shows them; each is `command` in the module of its name."""


@click.group(
    "fleet", cls=LazyGroup, modules={name: f"ctxuse.cli.fleet.{name}" for name in COMMANDS}
)
def command() -> None:
    """Work on many workspaces: one report, one place for their logs.

    \b
    Examples:
      ctxuse fleet report ~/work
      ctxuse fleet collect ~/work --to s3://team/collected
      ctxuse fleet compact s3://team/collected
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
