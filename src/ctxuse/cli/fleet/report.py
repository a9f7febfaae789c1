"""`ctxuse fleet report`: one report over many workspaces."""

import os
from typing import TYPE_CHECKING

import click

from ctxuse.cache import cache_allowed
from ctxuse.cli import common, names
from ctxuse.cli.fleet import options
from ctxuse.reports.fleet import FLEET_BY, FleetQuery
from ctxuse.reports.making import narrowed

if TYPE_CHECKING:
    from ctxuse.query import Query
    from ctxuse.reports.fleet import FleetBy, FleetReport
    from ctxuse.reports.report import Rows


@click.command("report")
@options.places_argument
@common.format_option("table", "json", "json-full", "csv", "markdown", "html")
@common.output_option
@click.option(
    "--by", type=click.Choice(FLEET_BY), help="A row for each of these instead of records."
)
@common.window_options
@common.actor_options
@common.row_options
@click.option("--merge-records", is_flag=True, help="Records of one kind and slug are one.")
@click.option("--distinct-ids", is_flag=True, help="Count an event of several workspaces once.")
@options.workers_options
@click.option(
    "--scratch",
    metavar="DIR",
    help="Where --distinct-ids keeps ids meanwhile: a folder or address that all workers reach."
    "  [default: a temporary folder]",
)
@click.option("--no-cache", is_flag=True, help="Read the whole of every log; use no checkpoint.")
@common.takes_query
def command(  # noqa: PLR0913 - a report has these options
    *,
    places: tuple[str, ...],
    form: str,
    output: str | None,
    by: "FleetBy | None",
    query: "Query",
    rows: "Rows",
    merge_records: bool,
    distinct_ids: bool,
    executor: str,
    workers: int | None,
    scratch: str | None,
    no_cache: bool,
) -> None:
    """Print the same as ctxuse report, of the logs of many workspaces.

    Places that cannot be read are listed with the reason; the others count, and the exit status
    is 3.

    \b
    Examples:
      ctxuse fleet report ~/work
      ctxuse fleet report ~/work --merge-records --format csv -o fleet.csv
      ctxuse fleet report ~/work --since 30d --top 20
      ctxuse fleet report '/srv/*/agents' s3://team/collected --by host
      ctxuse fleet report @places.txt --by day --format json
      ctxuse fleet report s3://team/collected --executor tcp://dask:8786

    The same record in two workspaces is two records, unless --merge-records is said: then the size
    per exposure is that of the workspace with the latest exposure. The fuller figures and the page
    (json-full, html) are of merged records.

    TIME, A and the columns are those of ctxuse report.

    --distinct-ids is for copied workspaces: an event that several hold counts with the one whose
    address sorts first. Each log is then read twice.
    """
    full = form in {"json-full", "html"}
    if full and (by is not None or not merge_records):
        raise click.UsageError(f"--format {form} goes with --merge-records, and not with --by")
    if by is not None and rows.sort not in {"record", "tokens"}:
        raise click.UsageError("--by goes not with --sort")
    from ctxuse.fleet.reporting import Execution, make_fleet_report  # noqa: PLC0415 - only when it is called

    asked = FleetQuery(query, merge_records, by, full, distinct_ids)
    cache = not no_cache and cache_allowed(os.environ)
    with options.progress("reading") as on_progress:
        execution = Execution(
            executor, workers, scratch=scratch, cache=cache, on_progress=on_progress
        )
        report = make_fleet_report(places, asked, execution)
    _note_unknown(query, report)
    report = narrowed(report, query, rows)
    if form == "html":
        from ctxuse.render.page import fleet_page  # noqa: PLC0415 - rendering comes last

        common.write_or_show(fleet_page(report), output, common.show)
    else:
        common.show_report(report, form, output)
    options.leave_with(report.unreadable)


def _note_unknown(query: "Query", report: "FleetReport") -> None:
    """Say which kinds and actors asked for are in no log; refuse those much like a known one."""
    found = {record.kind for record in report.basic.records}
    found |= {kind for kind, _ in report.basic.outside}
    said = names.unknown_kinds(query.kinds, found)
    actors = query.actors or ()
    if report.full is not None:
        counted = {name for record in report.full.records for name in record.actors}
        said += names.unknown_actors(actors, counted)
    elif not any(record.use_count for record in report.basic.records):
        said += names.unknown_actors(actors, ())
    common.note(*said)
