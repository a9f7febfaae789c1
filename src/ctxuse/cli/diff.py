"""`ctxuse diff`: two windows of time side by side."""

import time
from typing import TYPE_CHECKING

import click

from ctxuse.cli import common, names
from ctxuse.reports.comparison import Comparison, Side
from ctxuse.reports.making import make_full_reports, narrowed
from ctxuse.visible import quoted
from ctxuse.windows import parse_window

if TYPE_CHECKING:
    from ctxuse.layout import WorkspaceLayout
    from ctxuse.query import Query, Window
    from ctxuse.zones import Zone


@click.command("diff")
@click.argument("first", metavar="WINDOW")
@click.argument("second", metavar="WINDOW")
@common.workspace_option
@common.format_option("table", "json", "csv", "markdown")
@common.actor_options
@common.kind_option
@common.zone_option
@common.takes_query
def command(
    *, first: str, second: str, layout: "WorkspaceLayout", form: str, query: "Query"
) -> None:
    """Put two windows of time side by side: uses, exposures and tokens of each record in both.

    WINDOW is a day (2026-11-03), a week (2026-W45), a month (2026-11), the last days (7d), or two
    times as in 2026-11-01..2026-11-08 or 14d..7d: from the first on, up to but without the second.
    Of a window that ends before there is evidence nothing is known, which is not zero.

    \b
    Examples:
      ctxuse diff 2026-10 2026-11
      ctxuse diff 14d..7d 7d
      ctxuse diff 2026-W45 2026-W46 --tz Europe/Berlin --format csv
    """
    now = time.time_ns()
    windows = [_window(text, query.zone, now) for text in (first, second)]
    queries = [query._replace(window=window) for window in windows]
    with common.reading() as reading:
        for remark in names.check_words(query, layout, reading):
            common.note(remark)
        reports = make_full_reports(layout, queries, reading)
    sides = [
        Side(
            name,
            narrowed(report, query),
            begun=window.begin_ns is None or window.begin_ns < now,
        )
        for name, window, report in zip((first, second), windows, reports, strict=True)
    ]
    comparison = Comparison(*sides)
    common.note_no_marker(layout)
    common.show_report(comparison, form)


def _window(text: str, zone: "Zone", now_ns: int) -> "Window":
    window = parse_window(text, zone, now_ns)
    if window is None:
        raise click.BadParameter(
            f"{quoted(text)} is no window: write 2026-11-03, 2026-W45, 2026-11, 7d or"
            " 2026-11-01..2026-11-08"
        )
    return window
