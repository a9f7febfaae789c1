"""`ctxuse fleet export`: events of many workspaces, for other tools."""

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ctxuse.cli import common, sending
from ctxuse.cli.fleet import options
from ctxuse.render.words import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctxuse.otlp.export import Target


@click.command("export")
@options.places_argument
@options.to_option("An empty folder or address; for otlp, the endpoint.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "otlp"]),
    default="parquet",
    show_default=True,
    help="What to write; otlp sends it to a collector of OpenTelemetry.",
)
@options.workers_options
@sending.sending_options
def command(  # noqa: PLR0913 - these are its options
    *,
    places: tuple[str, ...],
    target: str | None,
    form: str,
    executor: str,
    workers: int | None,
    target_at: "Callable[[str | None], Target]",
) -> None:
    """Write the events of many workspaces to Parquet files in DEST, a row for each record.

    For DuckDB, Spark or a warehouse. The columns, and a query that gives the report, stand in
    docs/export.md. What could not be exported is listed with the reason, and the exit status is 3.
    Needs the extra ctxuse[fleet].

    With --format otlp each workspace is sent to the endpoint DEST, or OTEL_EXPORTER_OTLP_ENDPOINT,
    as ctxuse export otlp sends it, --header, --timeout and --no-metrics included: what was
    acknowledged there before, by either command, is not sent again. This process sends, one
    workspace after the other. Where the endpoint takes no more it ends, and goes on there when it
    is called again. Needs the extra ctxuse[otel].

    \b
    Examples:
      ctxuse fleet export ~/work --to events
      ctxuse fleet export s3://team/collected --to s3://team/events-2026-11
      ctxuse fleet export ~/work --format otlp --to http://localhost:4318
    """
    if form == "otlp":
        _refuse(("executor", "workers"), "parquet")
        _send(places, target_at(target))
        return
    _refuse(sending.OPTIONS, "otlp")
    if not target:
        raise click.UsageError("where to? Give an empty folder or an address with --to")
    from ctxuse.fleet.export import export_events  # noqa: PLC0415 - only when it is called

    with options.progress("exporting") as on_progress:
        done = export_events(
            places, target, executor=executor, workers=workers, on_progress=on_progress
        )
    events = sum(workspace.events for workspace in done.workspaces)
    workspaces = plural(len(done.workspaces), "workspace")
    common.show(f"{plural(events, 'event')} of {workspaces} in {plural(done.files, 'file')}\n")
    options.note_and_leave(done.unreadable, "not exported")


def _send(places: tuple[str, ...], target: "Target") -> None:
    from ctxuse.fleet.sending import send_events  # noqa: PLC0415 - only when it is called

    with options.progress("sending") as on_progress:
        done = send_events(places, target, on_progress=on_progress)
    sending.show_sent(done.sent, target, f"of {plural(done.workspaces, 'workspace')}")
    options.note_and_leave(done.unreadable, "not sent, or not all of it")
    sending.leave_with(done.sent)


def _refuse(names: tuple[str, ...], form: str) -> None:
    """Refuse options that are given and mean nothing here.

    Raises:
        click.UsageError: One of them is.
    """
    context = click.get_current_context()
    for option in context.command.params:
        if option.name in names and (
            context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
        ):
            raise click.UsageError(f"{option.opts[0]} goes with --format {form}")
