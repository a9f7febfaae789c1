"""`ctxuse report`: what the log says of each record."""

from typing import TYPE_CHECKING

import click

from ctxuse.cli import common
from ctxuse.report import COLUMNS
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from whenever import Instant

    from ctxuse.fullreport import FullReport
    from ctxuse.layout import WorkspaceLayout
    from ctxuse.report import UsageReport


@click.command("report")
@common.workspace_option
@common.format_option("table", "json", "json-full", "csv", "markdown")
@click.option("--wide", is_flag=True, help="With the fuller figures: docs/format.md, section 6.")
@click.option(
    "--actor", "actors", multiple=True, metavar="A", help="Only uses by A; implies --wide."
)
@click.option("--without", multiple=True, metavar="A", help="No uses by A; implies --wide.")
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
    wide: bool,
    actors: tuple[str, ...],
    without: tuple[str, ...],
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
      ctxuse report --wide --since 7d            the fuller figures of the last week

    --all also lists skills, instruction files and memories of agents: the project's, and once there
    is an event of such a record, the user's and those of plugins.

    TIME is a date (its first moment, UTC), RFC 3339, or 12h, 7d or 4w before now; --since counts
    events from then on, --until up to but without it. A is user, agent, subagent, maintenance or
    unknown.
    """
    if wide or actors or without or form == "json-full":
        if form == "json":
            raise click.UsageError("the reference's JSON has no fuller figures: --format json-full")
        if everything:
            raise click.UsageError("--all goes with the plain report")
        from ctxuse.places import Places  # noqa: PLC0415 - only for the fuller report

        full = Workspace(layout).full_report(
            since=since,
            until=until,
            actors=actors or None,
            without_actors=without,
            cache=False if no_cache else None,
        )
        full = full.of_kinds(kinds) if kinds else full
        full = full.sorted_by(sort) if sort != "record" else full
        common.note_no_marker(layout)
        _print_full(full.with_files(Places(layout).now), form, _counted(actors, without))
        return
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


def _counted(actors: tuple[str, ...], without: tuple[str, ...]) -> str:
    """Whose uses are counted, for people; empty when everybody's are."""
    said = [f"by {', '.join(actors)}"] if actors else []
    said += [f"not by {', '.join(without)}"] if without else []
    return f"Uses counted: only those {' and '.join(said)}." if said else ""


def _print_full(report: "FullReport", form: str, counted: str) -> None:
    from ctxuse.render import full  # noqa: PLC0415 - only for the fuller report

    match form:
        case "json-full":
            common.show_json(full.full_json(report))
            _note(report.basic)
        case "csv":
            common.show(full.full_csv(report))
            _note(report.basic)
        case "markdown":
            common.show(full.full_markdown(report, counted))
        case _:
            from ctxuse.render.table import plain_table  # noqa: PLC0415 - only for this form

            headings, rows = full.full_rows(report)
            table = plain_table(
                headings,
                rows,
                width=common.width(),
                color=common.with_color(),
                sides=full.SIDES,
                notes=full.notes(report, counted),
            )
            common.show(table)


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
