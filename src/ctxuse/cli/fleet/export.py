"""`ctxuse fleet export`: events of many workspaces, for other tools."""

import click

from ctxuse.cli import common
from ctxuse.cli.fleet import options


@click.command("export")
@options.places_argument
@click.option("--to", "target", metavar="DEST", required=True, help="An empty folder or address.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet"]),
    default="parquet",
    show_default=True,
    help="What to write.",
)
@options.workers_options
def command(
    *,
    places: tuple[str, ...],
    target: str,
    form: str,  # noqa: ARG001 - there is one
    scheduler: str,
    workers: int | None,
) -> None:
    """Write the events of many workspaces to Parquet files in DEST, a row for each record.

    For DuckDB, Spark or a warehouse. The columns, and a query that gives the report, stand in
    docs/export.md. What could not be exported is listed with the reason, and the exit status is 3.
    Needs the extra ctxuse[fleet].

    \b
    Examples:
      ctxuse fleet export ~/work --to events
      ctxuse fleet export s3://team/collected --to s3://team/events-2026-11
    """
    from ctxuse.fleet.export import export_events  # noqa: PLC0415 - only when it is called
    from ctxuse.render.words import plural  # noqa: PLC0415 - likewise

    with options.progress("exporting") as on_progress:
        done = export_events(
            places, target, scheduler=scheduler, workers=workers, on_progress=on_progress
        )
    events = sum(workspace.events for workspace in done.workspaces)
    workspaces = plural(len(done.workspaces), "workspace")
    common.show(f"{plural(events, 'event')} of {workspaces} in {plural(done.files, 'file')}\n")
    options.note_and_leave(done.unreadable, "not exported")
