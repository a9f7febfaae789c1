"""`ctxuse show`: one record over time, or one session request by request."""

from typing import TYPE_CHECKING

import click

from ctxuse.cli import common, names
from ctxuse.hosts.ondisk import files_called, size_now
from ctxuse.hosts.places import Places
from ctxuse.query import EVERYTHING
from ctxuse.render.record import record_text
from ctxuse.render.words import some
from ctxuse.reports.history import RecordHistory
from ctxuse.reports.making import (
    make_full_report,
    make_report,
    make_session_report,
    records_on_disk,
)
from ctxuse.reports.report import as_json
from ctxuse.visible import quoted, visible

if TYPE_CHECKING:
    from ctxuse.layout import WorkspaceLayout
    from ctxuse.query import Query


@click.command("show")
@click.argument("what", metavar="REC|SEGMENT", shell_complete=names.completer(names.records))
@common.workspace_option
@common.format_option("text", "json", "html")
@common.output_option
@common.window_options
@common.takes_query
def command(
    *, what: str, layout: "WorkspaceLayout", form: str, output: str | None, query: "Query"
) -> None:
    """Show one record over time, or one session request by request.

    REC is KIND/SLUG as reports name it, of any kind, or summary: by day, its sizes, its last uses.
    SEGMENT is the id of a session, of a sub-agent (SESSION/ID), or how one begins: what stood in
    each of its requests, and what all of them took in. What is in no event is wrong usage.

    \b
    Examples:
      ctxuse show decision/money-as-integers
      ctxuse show instructions/CLAUDE.md --since 4w
      ctxuse show skill/pdf --format json
      ctxuse show 3f2a9c01                           a session, by how its id begins
      ctxuse show 3f2a9c01 --format html -o session.html

    html is for a session, and needs the extra ctxuse[html]; --since and --until are for a record.
    """
    kind, slash, slug = what.partition("/")
    if not slash and kind == "summary":
        slug = kind
    if not what.strip():
        raise click.BadParameter(f"{quoted(what)} names no record and no session")
    shown = _record(kind, slug, layout, form, query) if kind and slug else None
    if shown is None:
        _show_session(what, layout, form, output, query)
        return
    if form == "html":
        raise click.UsageError("html is for a session: ctxuse serve has a page for each record")
    common.note_elsewhere(layout)
    common.write_or_show(shown, output, common.show_json if form == "json" else common.show)


def _record(
    kind: str, slug: str, layout: "WorkspaceLayout", form: str, query: "Query"
) -> str | None:
    """Return what is shown of a record; None where there is no such record."""
    with common.reading() as reading:
        report = make_full_report(layout, query, reading)
    places = Places(layout)
    now, files = size_now(places, kind, slug), files_called(places, kind, slug)
    history = RecordHistory.of(kind, slug, report, now, files)
    if history.size_now is None and not report.knows(kind, slug):
        return None
    return as_json(history.fields()) if form == "json" else record_text(history)


def _show_session(
    what: str, layout: "WorkspaceLayout", form: str, output: str | None, query: "Query"
) -> None:
    found = make_session_report(layout, what)
    if isinstance(found, list):
        raise click.UsageError(_which(what, found, layout))
    common.note_elsewhere(layout)
    match form:
        case "json":
            common.write_or_show(as_json(found.fields()), output, common.show_json)
        case "html":
            from ctxuse.render.page.html import session_html  # noqa: PLC0415 - only for this form

            common.write_or_show(session_html(found, query.zone), output, common.show)
        case _:
            from ctxuse.render.session import session_text  # noqa: PLC0415 - likewise

            width, color = common.width(), common.with_color() and output is None
            text = session_text(found, width=width, color=color, zone=query.zone)
            common.write_or_show(text, output, common.show)


def _which(what: str, found: "list[str]", layout: "WorkspaceLayout") -> str:
    """What is wrong with a name: several sessions begin so, or nothing is called so."""
    if found:
        listed = some([*map(quoted, found)], _MOST_NAMED)
        return f"several sessions begin with {quoted(what)}: {listed}"
    kind, _, slug = what.partition("/")
    with common.reading() as reading:
        report = make_report(layout, EVERYTHING, reading)
    keys = {(record.kind, record.slug) for record in report.records}
    there = records_on_disk(report, Places(layout))
    keys |= {(ref.kind, str(ref.slug)) for ref in there}
    name = visible(names.record_name(kind, slug) if slug else what)
    text = f"no record {name}: it is in no event and has no file; and no session's id begins so"
    return text + names.which_record(kind, slug, keys)


_MOST_NAMED = 5
