"""`ctxuse init`: make a directory a workspace."""

import os

import click

from ctxuse.cli.common import note, require_writing
from ctxuse.recorder import Recorder
from ctxuse.visible import quoted


@click.command("init")
@click.option(
    "-w",
    "--workspace",
    "root",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    default=".",
    help="Where to make it.  [default: the current directory]",
)
@click.option(
    "--track", is_flag=True, help="Keep the log in git; ignore only what can be made anew."
)
def command(root: str, *, track: bool) -> None:
    """Make a directory a workspace.

    Makes .yoi/memory/, the marker, and .yoi/memory/_usage/ for the log, with a .gitignore that
    keeps the log out of git. Run it again to change that with or without --track; records and
    events are never touched.

    \b
    Examples:
      ctxuse init
      ctxuse init --track             the log is shared through git
      ctxuse init -w ../other
    """
    require_writing("init")
    recorder = Recorder(root)
    made = recorder.init(track=track)
    where = quoted(os.fspath(recorder.layout.memory_dir))
    note(f"{'made' if made else 'kept'} the workspace {where}")
    if track:
        note("git tracks the log: commit .yoi/memory/_usage/ with your work")
    else:
        note("git ignores the log; ctxuse init --track shares it")
