"""`ctxuse diff`: two windows of time side by side."""

import time
from functools import cache, partial
from typing import TYPE_CHECKING

import click

from ctxuse.cli import common, names
from ctxuse.hosts.ondisk import size_now
from ctxuse.hosts.places import Places
from ctxuse.query import Window
from ctxuse.reports.comparison import COLUMNS, Comparison, Side
from ctxuse.reports.making import make_full_reports, narrowed
from ctxuse.visible import quoted
from ctxuse.windows import LAST_WEEK, THIS_WEEK, parse_window

if TYPE_CHECKING:
    from ctxuse.layout import WorkspaceLayout
    from ctxuse.query import Query
    from ctxuse.zones import Zone


@click.command("diff")
@click.argument("first", metavar="WINDOW")
@click.argument("second", metavar="[WINDOW]", required=False)
@common.workspace_option
@common.format_option("table", "json", "csv", "markdown")
@click.option("--all", "everything", is_flag=True, help="Also records that do not differ.")
@click.option(
    "--sort",
    type=click.Choice(COLUMNS),
    metavar="COLUMN",
    default="record",
    show_default=True,
    help="The column to sort by: texts from A to Z, numbers from the largest.",
)
@common.actor_options
@common.kind_option
@common.zone_option
@common.takes_query
def command(  # noqa: PLR0913 - a comparison has these options
    *,
    first: str,
    second: str | None,
    layout: "WorkspaceLayout",
    form: str,
    everything: bool,
    sort: str,
    query: "Query",
) -> None:
    """Say what differs between two windows of time.

    Of each record that differs it shows the uses, times resident and tokens of the second window,
    B, and what B has more or less than the first one, A. Below stand the records whose first event
    lies in B, those that have no file now, and those whose file had another size. --all also shows
    the others; json and csv always have all.

    WINDOW is a day (2026-11-03), a week (2026-W45, last-week, this-week), a month (2026-11), the
    last days (7d), or two times as in 2026-11-01..2026-11-08 or 14d..7d: from the first on, up to
    but without the second. last-week alone is put beside this-week. A week begins on Monday. Of a
    window that ends before there is evidence nothing is known, which is not zero.

    COLUMN is record, kind or slug; uses, resident or tokens, which are those of B; the same with
    -a behind it, those of A; or with -change, the difference.

    \b
    Examples:
      ctxuse diff last-week
      ctxuse diff 2026-10 2026-11 --sort tokens-change
      ctxuse diff 14d..7d 7d --all
      ctxuse diff 2026-W45 2026-W46 --tz Europe/Berlin --format csv
    """
    if second is None:
        if first != LAST_WEEK:
            raise click.UsageError("which two windows? Give a second one, or last-week alone")
        second = THIS_WEEK
    now = time.time_ns()
    windows = [_window(text, query.zone, now) for text in (first, second)]
    queries = [query._replace(window=window) for window in windows]
    before = query._replace(
        window=Window(None, windows[1].begin_ns), actors=None, without_actors=()
    )
    with common.reading() as reading:
        common.note(*names.check_words(query, layout, reading))
        *reports, earlier = make_full_reports(layout, [*queries, before], reading)
    file_now = cache(partial(size_now, Places(layout)))
    sides = [
        Side(
            name,
            narrowed(report, query).with_files(file_now),
            begun=window.begin_ns is None or window.begin_ns < now,
            over=window.end_ns is None or window.end_ns <= now,
        )
        for name, window, report in zip((first, second), windows, reports, strict=True)
    ]
    met = None if windows[1].begin_ns is None else frozenset(r.key for r in earlier.records)
    comparison = Comparison(sides[0], sides[1], met, everything, sort)
    common.note_elsewhere(layout)
    common.show_report(comparison, form)


def _window(text: str, zone: "Zone", now_ns: int) -> Window:
    window = parse_window(text, zone, now_ns)
    if window is None:
        raise click.BadParameter(
            f"{quoted(text)} is no window: write 2026-11-03, 2026-W45, last-week, 2026-11, 7d"
            " or 2026-11-01..2026-11-08"
        )
    return window
