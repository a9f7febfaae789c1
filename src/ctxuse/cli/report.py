"""`ctxuse report`: what the log says of each record."""

from typing import TYPE_CHECKING

import click

from ctxuse.cli import common
from ctxuse.report import COLUMNS
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from whenever import Instant

    from ctxuse.layout import WorkspaceLayout
    from ctxuse.report import UsageReport


@click.command("report")
@common.workspace_option
@common.format_option("table", "json", "csv", "markdown")
@click.option(
    "--sort",
    type=click.Choice(COLUMNS),
    default="record",
    show_default=True,
    help="The column to sort by: texts from A to Z, numbers and times from the largest.",
)
@click.option("--kind", "kinds", multiple=True, metavar="K", help="Only records of this kind.")
@common.time_option("--since", "Only events from this time on.")
@common.time_option("--until", "Only events before this time.")
@click.option("--all", "everything", is_flag=True, help="Also records on disk without events.")
@click.option("--no-cache", is_flag=True, help="Read the whole log; use no checkpoint.")
def command(  # noqa: PLR0913 - a report has these options
    *,
    layout: "WorkspaceLayout",
    form: str,
    sort: str,
    kinds: tuple[str, ...],
    since: "Instant | None",
    until: "Instant | None",
    everything: bool,
    no_cache: bool,
) -> None:
    """Print what the log says of each record: uses, exposures, estimated resident tokens.

    Evidence, never a verdict: a record that is in no event may have been read before there was a
    log, or in a way that nothing recorded.

    \b
    Examples:
      ctxuse report
      ctxuse report --sort tokens-total          what is resident costs most first
      ctxuse report --all --kind knowledge       also those in no event
      ctxuse report --since 2026-11-01 --format csv > november.csv
      ctxuse report --format json                as the reference prints it

    --all also lists skills, instruction files and memories of agents: the project's, and once there
    is an event of such a record, the user's and those of plugins.

    TIME is a date (its first moment, UTC) or RFC 3339; --since counts events from then on, --until
    up to but without it.
    """
    workspace = Workspace(layout)
    with common.progress("reading the log") as progress:
        report = workspace.report(
            since=since, until=until, cache=False if no_cache else None, progress=progress
        )
    if everything:
        from ctxuse.places import OTHER_KINDS, Places  # noqa: PLC0415 - only for this option

        known = any(record.kind in OTHER_KINDS for record in report.records)
        report = report.with_disk(Places(layout).on_disk(outside=known))
    if kinds:
        report = report.of_kinds(kinds)
    if sort != "record":
        report = report.sorted_by(sort)
    common.note_no_marker(layout)
    _print(report, form)


def _print(report: "UsageReport", form: str) -> None:
    match form:
        case "json":
            common.show_json(report.to_json())
            _note(report)
        case "csv":
            from ctxuse.render.sheet import report_csv  # noqa: PLC0415 - only for this form

            common.show(report_csv(report))
            _note(report)
        case "markdown":
            from ctxuse.render.markdown import report_markdown  # noqa: PLC0415 - only for this form

            common.show(report_markdown(report))
        case _:
            from ctxuse.render.table import report_table  # noqa: PLC0415 - only for this form

            common.show(report_table(report, width=common.width(), color=common.with_color()))


def _note(report: "UsageReport") -> None:
    """Say on stderr what the forms for programs leave out."""
    from ctxuse.render.words import notes  # noqa: PLC0415 - rendering comes last

    for said in notes(report)[1:]:
        common.note(said)
