"""`ctxuse check`: is the log in order?"""

import json
from collections import Counter
from typing import TYPE_CHECKING

import click

from ctxuse.cli import common
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from ctxuse.layout import WorkspaceLayout
    from ctxuse.log.check import CheckResult
    from ctxuse.log.reader import SkippedLine

_EXPLAINED = {
    "not_utf8": "bytes that are no UTF-8",
    "not_json": "not one JSON value",
    "not_object": "JSON, but no object",
    "too_deep": "nested deeper than 256",
    "oversized": "longer than 1 MiB",
    "legacy_schema": "of the older schema: session_id in place of segment_id",
    "missing_field": "without a required field",
    "wrong_type": "with a field of another type or out of range",
    "bad_id": "with an id that is no UUID",
    "bad_time": "with a time that is none",
    "unknown_event": "with an unknown event",
    "unknown_source": "with an unknown source",
}


@click.command("check")
@common.workspace_option
@common.format_option("table", "json")
@click.pass_context
def command(context: click.Context, *, layout: "WorkspaceLayout", form: str) -> None:
    """Read the whole log and list every line that is not counted, with its reason.

    Exits with 0 when every line is an event or blank, else with 1. The log is not changed.

    \b
    Examples:
      ctxuse check
      ctxuse check --format json | jq '.skipped[].line'
    """
    common.note_no_marker(layout)
    result = Workspace(layout).check()
    if form == "json":
        common.show_json(_json(result))
    else:
        common.show(_table(result))
    if not result.clean:
        from ctxuse.cli.main import FOUND  # noqa: PLC0415 - main imports this module

        context.exit(FOUND)


def _json(result: "CheckResult") -> str:
    document = {
        "events": result.events,
        "blank": result.blank,
        "skipped": [
            {"line": line.line, "offset": line.offset, "reason": line.reason.value}
            for line in result.skipped
        ],
        "clean": result.clean,
    }
    return json.dumps(document, indent=2) + "\n"


def _table(result: "CheckResult") -> str:
    from ctxuse.render.table import plain_table  # noqa: PLC0415 - only for this form
    from ctxuse.render.words import plural  # noqa: PLC0415 - likewise

    text = f"{plural(result.events, 'event')}, {plural(result.blank, 'blank line')}"
    if result.clean:
        return f"{text}: every line is in order.\n"
    text += f", {plural(len(result.skipped), 'line')} not counted:\n"
    by_reason = Counter(line.reason.value for line in result.skipped)
    for reason, number in sorted(by_reason.items()):
        text += f"  {plural(number, 'line')} {_EXPLAINED[reason]} ({reason})\n"
    rows = [_row(line) for line in result.skipped]
    headings = ("Line", "Byte", "Reason", "Where")
    return (
        text + "\n" + plain_table(headings, rows, width=common.width(), color=common.with_color())
    )


def _row(line: "SkippedLine") -> tuple[str, str, str, str]:
    return str(line.line), str(line.offset), line.reason.value, line.field
