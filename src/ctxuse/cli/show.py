"""`ctxuse show`: one record over time."""

from typing import TYPE_CHECKING

import click

from ctxuse.cli import common, names
from ctxuse.hosts.ondisk import size_now
from ctxuse.hosts.places import Places
from ctxuse.render.record import record_text
from ctxuse.reports.history import RecordHistory
from ctxuse.reports.making import make_full_report, records_on_disk
from ctxuse.reports.report import as_json
from ctxuse.visible import quoted, visible

if TYPE_CHECKING:
    from ctxuse.layout import WorkspaceLayout
    from ctxuse.query import Query


@click.command("show")
@click.argument("record", metavar="REC", shell_complete=names.completer(names.records))
@common.workspace_option
@common.format_option("text", "json")
@common.window_options
@common.takes_query
def command(*, record: str, layout: "WorkspaceLayout", form: str, query: "Query") -> None:
    """Show one record over time: by day, its sizes, its last uses.

    REC is KIND/SLUG as reports name it, of any kind, or summary. One that is in no event and has no
    file is wrong usage.

    \b
    Examples:
      ctxuse show decision/money-as-integers
      ctxuse show instructions/CLAUDE.md --since 4w
      ctxuse show skill/pdf --format json
    """
    kind, slash, slug = record.partition("/")
    if not slash and kind == "summary":
        slug = kind
    if not kind or not slug:
        raise click.BadParameter(f"{quoted(record)} names no record: write KIND/SLUG, or summary")
    with common.reading() as reading:
        report = make_full_report(layout, query, reading)
    places = Places(layout)
    history = RecordHistory.of(kind, slug, report, size_now(places, kind, slug))
    if history.size_now is None and not report.knows(kind, slug):
        keys = {record.key for record in report.records} | report.basic.outside
        there = records_on_disk(report.basic, places)
        keys |= {(ref.kind, str(ref.slug)) for ref in there}
        name = visible(names.record_name(kind, slug))
        text = f"no record {name}: it is in no event and has no file"
        raise click.UsageError(text + names.which_record(kind, slug, keys))
    common.note_no_marker(layout)
    if form == "json":
        common.show_json(as_json(history.fields()))
    else:
        common.show(record_text(history))
