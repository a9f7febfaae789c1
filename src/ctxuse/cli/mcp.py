"""`ctxuse mcp`: serve a workspace's records to an agent."""

import os
import signal
import sys
from typing import BinaryIO, Literal

import click

from ctxuse.cli import FAILED, common
from ctxuse.hosts import project_of
from ctxuse.layout import WorkspaceLayout
from ctxuse.workspace import Workspace


@click.command("mcp")
@click.option(
    "-w",
    "--workspace",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="The workspace's root.  [default: the nearest directory upwards with .yoi/memory/, from"
    " the current one or from CLAUDE_PROJECT_DIR]",
)
@click.option(
    "--no-resources",
    is_flag=True,
    help="Offer no resources: some agents then spare their model 2 KB of tools for them.",
)
def command(*, workspace: str | None, no_resources: bool) -> None:
    """Serve the records over MCP, and record what is read.

    For an agent to start, on stdin and stdout, not for a terminal. Offers tools to read, search and
    invoke records, the records as resources, the workflows as prompts, and in its instructions what
    is to be resident. Nothing outside the workspace can be reached through it.

    \b
    Examples:
      ctxuse mcp                                in the project's directory
      ctxuse mcp --workspace ~/work/shop
      claude mcp add ctxuse -- ctxuse mcp       makes Claude Code start it
    """
    common.require_writing("mcp")
    if sys.stdin is None or sys.stdout is None:
        raise click.UsageError("it is spoken to on stdin and stdout, and one of them is closed")
    layout = WorkspaceLayout(workspace) if workspace is not None else _found()
    common.note_elsewhere(layout)
    incoming, outgoing = _wire(0, "rb"), _wire(1, "wb")
    from ctxuse.mcp_server.server import Server  # noqa: PLC0415 - as commands are

    server = Server(Workspace(layout), has_resources=not no_resources)

    def leave(which: int, _: object) -> None:
        server.hurry()
        os._exit(128 + which)  # what is read from stdin cannot be interrupted

    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):  # not every system has all of them
        if (ending := getattr(signal, name, None)) is not None:
            signal.signal(ending, leave)
    if not server.serve(incoming, outgoing):
        os._exit(FAILED)  # what hangs would be waited for


def _wire(stream: int, mode: Literal["rb", "wb"]) -> BinaryIO:
    """Take a standard stream from everything else: what is printed by mistake is no message."""
    own = os.dup(stream)
    instead = os.open(os.devnull, os.O_RDONLY) if mode == "rb" else os.dup(2)
    os.dup2(instead, stream)
    os.close(instead)
    return os.fdopen(own, mode)


def _found() -> WorkspaceLayout:
    """The workspace of the current directory or, where that has none, of the agent's project."""
    here = WorkspaceLayout.find()
    project = project_of(os.environ)
    if here.has_marker or not project or not os.path.isdir(project):
        return here
    there = WorkspaceLayout.find(project)
    return there if there.has_marker else here
