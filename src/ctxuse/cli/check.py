"""`ctxuse check`: is the log in order?"""

import json
from typing import TYPE_CHECKING

import click

from ctxuse.cli import FOUND, common
from ctxuse.codec.decode import SkipReason
from ctxuse.layout import LOG_NAME
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctxuse.layout import WorkspaceLayout
    from ctxuse.log.check import CheckResult
    from ctxuse.log.reader import SkippedLine

_LISTED = 20
"""How many lines, or ids, the table lists; JSON lists all lines."""


@click.command("check")
@common.workspace_option
@common.format_option("table", "json")
@click.option("--cache", is_flag=True, help="Prove the checkpoints against a full read instead.")
@click.pass_context
def command(context: click.Context, *, layout: "WorkspaceLayout", form: str, cache: bool) -> None:
    """List every line of the log that is not counted, with its reason.

    Reads all of it. Also says which events could be recovered (see ctxuse repair), which ids stand
    on more than one line, whether the last line is still pending, which events lie in the future,
    and who else may read the log. Archived logs are read too. Nothing is changed.

    Exits with 0 when every line is counted once or blank, else with 1.

    With --cache it reads everything and compares that with what reports are made from: the
    checkpoints in your cache directory. One that gives something else is removed, and the exit
    status is 1.

    \b
    Examples:
      ctxuse check
      ctxuse check --format json | jq '.skipped[].line'
    """
    common.note_elsewhere(layout)
    if cache:
        _prove_cache(context, layout, form)
        return
    result = _print_json(layout) if form == "json" else _print_table(layout)
    if not result.clean:
        context.exit(FOUND)


def _prove_cache(context: click.Context, layout: "WorkspaceLayout", form: str) -> None:
    found = Workspace(layout).check_cache()
    if form == "json":
        entries = [{"file": f.file, "bytes": f.bytes, "equal": f.equal} for f in found]
        common.show_json(json.dumps({"checkpoints": entries}, indent=2) + "\n")
    for one in found if form == "table" else ():
        stands = "no checkpoint" if one.bytes is None else f"a checkpoint of {one.bytes:,} bytes"
        equal = "equal to a full read" if one.equal else "not equal to a full read; removed"
        common.show(f"{one.file}: {stands}, {equal}\n")
    if not all(one.equal for one in found):
        context.exit(FOUND)


def _print_json(layout: "WorkspaceLayout") -> "CheckResult":
    """Print the result as JSON, the skipped lines as they are met."""
    before = '{\n  "skipped": ['

    def listed(line: "SkippedLine") -> None:
        nonlocal before
        entry: dict[str, object] = {
            "line": line.line,
            "offset": line.offset,
            "reason": line.reason.value,
        }
        if line.file != LOG_NAME:
            entry["file"] = line.file
        common.show_json(f"{before}\n    {json.dumps(entry)}")
        before = ","

    result = Workspace(layout).check(listed=listed)
    pending = result.pending
    rest = {
        "events": result.events,
        "of_requests": result.of_requests,
        "blank": result.blank,
        "recoverable": result.recoverable,
        "recovered": result.recovered,
        "repeated": [{"id": repeated, "lines": lines} for repeated, lines in result.repeated],
        "repeated_ids": result.repeated_ids,
        "pending": pending
        and {"offset": pending.offset, "length": pending.length, "counts": pending.counts},
        "in_future": result.in_future,
        "permissions": [*result.permissions],
        "files": [*result.files],
        "clean": result.clean,
    }
    opened = f"{before}]" if before.endswith("[") else "\n  ]"
    common.show_json(f"{opened},{json.dumps(rest, indent=2)[1:]}\n")
    return result


def _print_table(layout: "WorkspaceLayout") -> "CheckResult":
    from ctxuse.render.tables import Column, Said, Table  # noqa: PLC0415 - only for this form
    from ctxuse.render.terminal import as_text  # noqa: PLC0415 - likewise
    from ctxuse.render.words import plural  # noqa: PLC0415 - likewise

    result = Workspace(layout).check()
    text = f"{plural(result.events, 'event')}, {plural(result.blank, 'blank line')}"
    if result.of_requests:
        tells = plural(
            result.of_requests, "line that tells of requests", "lines that tell of requests"
        )
        text += f", {tells}"
    if result.skipped_lines:
        text += f", {plural(result.skipped_lines, 'line')} not counted:\n"
    else:
        text += ": every line is in order.\n"
    for reason, number in result.skipped_by_reason.items():
        text += f"  {plural(number, 'line')} {SkipReason(reason).explanation} ({reason})\n"
    text += "".join(f"{line}\n" for line in _findings(result))
    if result.skipped:
        listed = result.skipped[:_LISTED]
        columns: list[Column[SkippedLine]] = [
            Column("Line", "", lambda s: Said(str(s.line), None), right=False, whole=False),
            Column("Byte", "", lambda s: Said(str(s.offset), None), right=False, whole=False),
            Column("Reason", "", lambda s: s.reason.value, right=False, whole=False),
            Column("Where", "", lambda s: s.field, right=False, whole=False),
            Column("File", "", lambda s: s.file, right=False, whole=False),
        ]
        table = Table(columns, listed)
        text += "\n" + as_text(table, width=common.width(), color=common.with_color())
        if result.skipped_lines > len(listed):
            more = result.skipped_lines - len(listed)
            text += f"and {plural(more, 'line')} more: --format json lists them all\n"
    common.show(text)
    return result


def _findings(result: "CheckResult") -> "Iterator[str]":
    from ctxuse.render.words import plural  # noqa: PLC0415 - only for the table

    if result.recoverable:
        yield (
            f"{plural(result.recoverable, 'whole event')} in damaged lines: "
            "ctxuse repair appends them anew, so that they count"
        )
    if result.recovered:
        yield (
            f"{plural(result.recovered, 'whole event')} in damaged lines: "
            "counted already, on a line of their own"
        )
    if result.repeated_ids:
        yield f"{plural(result.repeated_ids, 'id')} on more than one line, each line counted:"
        for event_id, lines in result.repeated[:_LISTED]:
            yield f"  {event_id} on {lines} lines"
        if result.repeated_ids > _LISTED:
            yield f"  and {result.repeated_ids - _LISTED:,} more"
    if result.pending is not None:
        counts = "it is a whole event and counts" if result.pending.counts else "it counts for none"
        yield f"the last line has no newline yet, which is no damage; {counts}"
    if result.in_future:
        events = plural(result.in_future, "event lies", "events lie")
        yield f"{events} more than five minutes in the future: some clock is or was wrong"
    yield from result.permissions
