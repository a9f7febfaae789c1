"""`ctxuse report`: what the log says of each record."""

from functools import partial
from typing import TYPE_CHECKING

import click

from ctxuse.cli import common, names
from ctxuse.query import BY
from ctxuse.reports.full import FullReport
from ctxuse.reports.making import (
    make_costs,
    make_full_report,
    make_grouped_report,
    make_report,
    narrowed,
    records_on_disk,
)

if TYPE_CHECKING:
    from ctxuse.hosts.places import Places
    from ctxuse.layout import WorkspaceLayout
    from ctxuse.query import By, Query
    from ctxuse.reports.groups import GroupedReport
    from ctxuse.reports.report import Rows, UsageReport
    from ctxuse.reports.session import Costs


@click.command("report")
@common.workspace_option
@common.format_option("table", "json", "json-full", "csv", "markdown", "html")
@common.output_option
@click.option(
    "--wide", is_flag=True, help="With all figures: segments, tokens as recorded, bytes, agents."
)
@click.option("--by", type=click.Choice(BY), help="A row for each of these instead of records.")
@common.actor_options
@common.row_options
@common.window_options
@click.option("--all", "everything", is_flag=True, help="Also records on disk without events.")
@click.option("--no-cache", is_flag=True, help="Read the whole log; use no checkpoint.")
@common.takes_query
def command(  # noqa: PLR0913 - a report has these options
    *,
    layout: "WorkspaceLayout",
    query: "Query",
    form: str,
    output: str | None,
    wide: bool,
    by: "By | None",
    rows: "Rows",
    everything: bool,
    no_cache: bool,
) -> None:
    """Print each record's uses, times resident and the tokens that entered.

    Evidence, never a verdict: a record that is in no event may have been read before there was a
    log, or in a way that nothing recorded.

    \b
    Examples:
      ctxuse report
      ctxuse report --top 10                     the ten that took most tokens
      ctxuse report --resident --uses 0          resident and in no use that is recorded
      ctxuse report --no-use-since 4w            without a use in the last four weeks
      ctxuse report --all --kind knowledge       also those in no event
      ctxuse report --since 2026-11-01 --format csv -o november.csv
      ctxuse report --format json                as the reference prints it
      ctxuse report --wide --since 7d            all figures, of the last week
      ctxuse report --by day --tz Europe/Berlin  a row a day
      ctxuse report --format html -o report.html a page to look at, in one file

    --all also lists skills, instruction files and memories of agents: the project's, and once there
    is an event of such a record, the user's and those of plugins.

    What a table's headings mean is said below it.

    TIME is a date (its first moment), RFC 3339, or 12h, 7d or 4w before now; --since counts events
    from then on, --until up to but without it. A is user, agent, subagent, maintenance or unknown;
    naming one implies --wide. The page needs the extra ctxuse[html].
    """
    full = bool(wide or not query.counts_everybody or by) or form in {"json-full", "html"}
    if full and form == "json":
        raise click.UsageError("the reference's JSON has no fuller figures: --format json-full")
    if by is not None and (form == "html" or everything or rows.sort not in {"record", "tokens"}):
        raise click.UsageError("--by goes with neither --format html nor --all nor --sort")
    report: UsageReport | FullReport | GroupedReport
    costs: Costs | None = None
    with common.reading(no_cache=no_cache) as reading:
        common.note(*names.check_words(query, layout, reading))
        if by is not None:
            report = make_grouped_report(layout, query, by, reading)
        elif full:
            report = make_full_report(layout, query, reading, days=form == "html")
            costs = make_costs(layout, query, reading) if form == "html" else None
            from ctxuse.hosts.ondisk import size_now  # noqa: PLC0415 - seldom wanted

            places = _places(layout)
            if everything:
                report = report.with_disk(records_on_disk(report.basic, places))
            report = narrowed(report, query, rows).with_files(partial(size_now, places))
        else:
            report = make_report(layout, query, reading)
            if everything:
                report = report.with_disk(records_on_disk(report, _places(layout)))
            report = narrowed(report, query, rows)
    common.note_elsewhere(layout)
    if isinstance(report, FullReport) and form == "html":
        from ctxuse.render.page import page_html  # noqa: PLC0415 - only for this form

        text = page_html(report, title=common.title(layout), costs=costs)
        common.write_or_show(text, output, common.show)
    else:
        common.show_report(report, form, output)


def _places(layout: "WorkspaceLayout") -> "Places":
    from ctxuse.hosts.places import Places  # noqa: PLC0415 - not for the reference's figures

    return Places(layout)
