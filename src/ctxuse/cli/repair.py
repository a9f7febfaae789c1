"""`ctxuse repair`: append anew what damaged lines hold."""

from typing import TYPE_CHECKING

import click

from ctxuse.cli import common
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from ctxuse.layout import WorkspaceLayout


@click.command("repair")
@common.workspace_option
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
@click.option(
    "--overwrite-invalid-utf8",
    is_flag=True,
    help="Also overwrite bytes that are no UTF-8 with '?', in place.",
)
def command(*, layout: "WorkspaceLayout", dry_run: bool, overwrite_invalid_utf8: bool) -> None:
    """Append anew the events that damaged lines hold.

    Lines run together where a writer puts down a line and its newline in two steps, and a killed
    writer leaves a fragment. Whole events in such lines are appended once more, under their own
    ids, so that they count; no line is changed or removed. What is touched is copied aside first,
    into .yoi/memory/_usage/. Doing it again changes nothing. ctxuse check says what there is to do.

    One byte that is no UTF-8 keeps the reference implementation from reading the whole log. With
    --overwrite-invalid-utf8 such bytes in finished lines become '?'.

    \b
    Examples:
      ctxuse repair --dry-run
      ctxuse repair
    """
    from ctxuse.render.words import plural  # noqa: PLC0415 - rendering comes last

    if not dry_run:
        common.require_writing("repair")
    common.note_elsewhere(layout)
    result = Workspace(layout).repair(
        dry_run=dry_run, overwrite_invalid_utf8=overwrite_invalid_utf8
    )
    would = "would be " if dry_run else ""
    said = [
        f"{plural(result.recovered, 'event')} {would}appended anew, out of"
        f" {plural(result.damaged, 'damaged line')}"
        if result.recovered
        else "no event to append anew"
    ]
    if result.present:
        said.append(f"{plural(result.present, 'event')} in damaged lines counted already")
    if overwrite_invalid_utf8:
        said.append(f"{plural(result.overwritten, 'byte')} {would}overwritten")
    common.show("; ".join(said) + "\n")
    where = ".yoi/memory/_usage/"
    common.note(*(f"what was touched was copied to {where}{name}" for name in result.copies))
