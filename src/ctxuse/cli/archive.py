"""`ctxuse archive`: begin a new log."""

from typing import TYPE_CHECKING

import click

from ctxuse.cli import common
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from ctxuse.layout import WorkspaceLayout


@click.command("archive")
@common.workspace_option
def command(*, layout: "WorkspaceLayout") -> None:
    """Give the present log a name of its own and begin a new one.

    Reports of ctxuse go on counting archived logs, in the order of their names; the reference
    implementation reads only the present one. Nothing is ever archived by itself, and an archived
    log is not written again. Prints the archive's name.

    \b
    Example:
      ctxuse archive
    """
    common.require_writing("archive")
    common.note_elsewhere(layout)
    name = Workspace(layout).archive()
    if name is None:
        common.note("the log is empty: nothing to archive")
    else:
        common.show(name + "\n")
