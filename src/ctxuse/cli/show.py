"""`ctxuse show`: one record over time."""

from typing import TYPE_CHECKING

import click

from ctxuse.cli import common
from ctxuse.places import Places
from ctxuse.render.history import history_json, history_text
from ctxuse.visible import quoted
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from ctxuse.layout import WorkspaceLayout


@click.command("show")
@click.argument("record", metavar="REC")
@common.workspace_option
@common.format_option("text", "json")
def command(*, record: str, layout: "WorkspaceLayout", form: str) -> None:
    """Show one record over time: uses and exposures by day, changes of size, its last uses.

    REC is KIND/SLUG as reports name it, of any kind, or summary.

    \b
    Examples:
      ctxuse show decision/money-as-integers
      ctxuse show instructions/CLAUDE.md
      ctxuse show skill/pdf --format json
    """
    kind, slash, slug = record.partition("/")
    if not slash and kind == "summary":
        slug = kind
    if not kind or not slug:
        raise click.BadParameter(f"{quoted(record)} names no record: write KIND/SLUG, or summary")
    workspace = Workspace(layout)
    history = workspace.history(kind, slug)
    now = Places(layout).now(kind, slug)
    common.note_no_marker(layout)
    if form == "json":
        common.show_json(history_json(kind, slug, history, now))
    else:
        common.show(history_text(kind, slug, history, workspace.report(), now))
