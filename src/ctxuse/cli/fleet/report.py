"""`ctxuse fleet report`: one report over many workspaces."""

from typing import TYPE_CHECKING

import click

from ctxuse.cli import common
from ctxuse.cli.fleet import options
from ctxuse.fleetreport import FLEET_BY

if TYPE_CHECKING:
    from whenever import Instant

    from ctxuse.fleetreport import FleetBy, FleetReport
    from ctxuse.zones import Zone


@click.command("report")
@options.places_argument
@common.format_option("table", "json", "json-full", "csv", "markdown", "html")
@click.option("--output", "-o", metavar="FILE", help="Write it to FILE, in one step.")
@click.option("--by", type=click.Choice(FLEET_BY), help="A row for each of these instead.")
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
@click.option("--no-cache", is_flag=True, help="Read all of every log; use no checkpoint.")
def command(  # noqa: PLR0913 - a report has these options
    *,
    places: tuple[str, ...],
    form: str,
    output: str | None,
    by: "FleetBy | None",
    since: "Instant | None",
    until: "Instant | None",
    zone: "Zone",
    actors: tuple[str, ...],
    without: tuple[str, ...],
    kinds: tuple[str, ...],
    sort: str,
    merge_records: bool,
    distinct_ids: bool,
    scheduler: str,
    workers: int | None,
    scratch: str | None,
    no_cache: bool,
) -> None:
    """Print what the logs of many workspaces say of each record.

    Places that cannot be read are listed with the reason; the others count, and the exit status
    is 0.

    \b
    Examples:
      ctxuse fleet report ~/work
      ctxuse fleet report ~/work --merge-records --format csv -o fleet.csv
      ctxuse fleet report ~/work --since 30d --sort tokens-total
      ctxuse fleet report '/srv/*/agents' s3://team/collected --by host
      ctxuse fleet report @places.txt --by day --format json
      ctxuse fleet report s3://team/collected --scheduler tcp://dask:8786

    The same record in two workspaces is two records, unless --merge-records is said: then the size
    per exposure is that of the workspace with the latest exposure. The fuller figures and the page
    (json-full, html) are of merged records.

    TIME and A are those of ctxuse report. With --since, --until, --actor or --without every log is
    read whole; so it is with --tz where days are counted.

    --distinct-ids is for copied workspaces: an event that several hold counts with the one whose
    address sorts first. Each log is then read twice.
    """
    full = form in {"json-full", "html"}
    if full and (by is not None or not merge_records):
        raise click.UsageError(f"--format {form} goes with --merge-records, and not with --by")
    if by is not None and sort != "record":
        raise click.UsageError("--by goes not with --sort")
    common.check_window(since, until)
    from ctxuse.fleet.reporting import fleet_report  # noqa: PLC0415 - only when it is called

    with options.progress("reading") as on_progress:
        report = fleet_report(
            places,
            merge_records=merge_records,
            by=by,
            full=full,
            since=since,
            until=until,
            actors=actors or None,
            without_actors=without,
            zone=zone,
            distinct_ids=distinct_ids,
            scheduler=scheduler,
            workers=workers,
            scratch=scratch,
            cache=False if no_cache else None,
            on_progress=on_progress,
        )
    if report.full is not None:
        common.note_actors(actors, {name for r in report.full.records for name in r.actors})
    elif not any(record.basic.use_count for record in report.records):
        common.note_actors(actors, ())
    report = report.of_kinds(kinds) if kinds else report
    report = report.sorted_by(sort) if sort != "record" else report
    show_it = common.show_json if form in {"json", "json-full"} else common.show
    common.write_or_show(_text(report, form, sort), output, show_it)
    if form in {"json", "json-full", "csv"}:
        from ctxuse.render.fleet import beside, without_skipped  # noqa: PLC0415 - rendering comes last
        from ctxuse.render.words import gaps  # noqa: PLC0415 - likewise

        for note in [*beside(report), *gaps(without_skipped(report))]:
            common.note(note)


def _text(report: "FleetReport", form: str, sort: str) -> str:
    from ctxuse.render import fleet  # noqa: PLC0415 - rendering comes last

    match form:
        case "json" | "json-full":
            return fleet.fleet_json(report)
        case "html":
            return fleet.fleet_html(report, sort=sort)
        case "csv":
            return fleet.fleet_csv(report)
        case "markdown":
            return fleet.fleet_markdown(report)
        case _:
            return fleet.fleet_table(report, width=common.width(), color=common.with_color())
