"""Tables for a terminal."""

import io
from collections.abc import Iterable, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ctxuse.events import UsageEvent, UsageEventKind
from ctxuse.log.reader import SkippedLine
from ctxuse.render import words
from ctxuse.report import UsageReport, UsageReportRecord
from ctxuse.visible import visible
from ctxuse.zones import Zone

WIDE = 110
"""From this many columns on, a table also shows the uses by source."""

MOST_NAMES = 3
"""So many records of one event a table of events names."""


def report_table(report: UsageReport, *, width: int, color: bool = False) -> str:
    """Return the report as a table for a terminal of `width` columns."""
    lines: list[Table | Text] = []
    if report.records or report.without_events:
        lines += [_report_rows(report, wide=width >= WIDE), Text()]
    first, *others = words.notes(report)
    lines.append(Text(first))
    if report.records:
        lines.append(
            Text(
                f"Times are {visible(report.evidence.zone.name)}. Exposed: times resident in a"
                " context. Each: estimated tokens of the record at its last exposure, a quarter of"
                " its bytes. Total: both multiplied.",
                "dim",
            )
        )
    lines += [Text(note) for note in others]
    return _printed(lines, width, color=color)


def events_table(
    events: Iterable[UsageEvent | SkippedLine], *, width: int, color: bool = False
) -> str:
    """Return events, and lines that are none, as a table for a terminal of `width` columns."""
    table = _table()
    table.add_column("Time (UTC)", no_wrap=True)
    table.add_column("Event", no_wrap=True)
    table.add_column("Segment", overflow="ellipsis", no_wrap=True, max_width=12)
    table.add_column("Records", overflow="fold", ratio=1)
    for found in events:
        if isinstance(found, SkippedLine):
            where = f"line {found.line}, byte {found.offset}"
            table.add_row(words.UNKNOWN, "not counted", "", f"{found.reason.value}: {where}")
        else:
            table.add_row(
                found.occurred_at_text[:19].replace("T", " "),
                _what(found),
                Text(visible(found.segment_id)),
                Text(_names(found)),
            )
    return _printed([table], width, color=color)


def plain_table(  # noqa: PLR0913 - what a table has
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    width: int,
    color: bool = False,
    sides: str = "",
    notes: Sequence[str] = (),
) -> str:
    """Return `rows` of safe text under `headings`, with `notes` below: alone without rows.

    Args:
        headings: Of the columns.
        rows: The cells.
        width: Columns of the terminal.
        color: Whether it may have colors.
        sides: ``l`` or ``r`` for each column; all to the left when empty.
        notes: Safe text, a paragraph each.
    """
    table = _table()
    for index, heading in enumerate(headings):
        right = sides[index : index + 1] == "r"
        table.add_column(
            heading,
            overflow="fold",
            justify="right" if right else "left",
            no_wrap=right,
            ratio=None if index else 1,
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    lines: list[Table | Text] = [table, Text()] if table.rows else []
    lines += [Text(note) for note in notes]
    return _printed(lines if notes else [table], width, color=color)


def _report_rows(report: UsageReport, *, wide: bool) -> Table:
    table = _table()
    table.add_column("Record", overflow="fold", ratio=1)
    table.add_column("Uses", justify="right", no_wrap=True)
    if wide:
        table.add_column("By source", overflow="fold", max_width=42)
    table.add_column("Last used", no_wrap=True)
    for heading in ("Exposed", "Each", "Total"):
        table.add_column(heading, justify="right", no_wrap=True)
    for record in report.records:
        table.add_row(*_cells(record, report.evidence.zone, wide=wide))
    for ref in report.without_events:
        dashes = [words.UNKNOWN] * (6 if wide else 5)
        table.add_row(_name(ref.kind, str(ref.slug)), *dashes)
    return table


def _cells(record: UsageReportRecord, zone: Zone, *, wide: bool) -> list[Text | str]:
    return [
        _name(record.kind, record.slug),
        words.count(record.use_count),
        *([Text(words.sources(record.source_breakdown))] if wide else []),
        (words.minute if wide else words.day)(record.last_used_at_ns, zone),
        words.count(record.resident_exposure_count),
        words.count(record.tokens_each),
        words.count(record.tokens_total),
    ]


def _name(kind: str, slug: str) -> Text:
    return Text.assemble((visible(kind) + "/", "dim"), visible(slug))


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1))


def _printed(lines: Sequence[Table | Text], width: int, *, color: bool) -> str:
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        color_system="standard" if color else None,
        force_terminal=color,
        highlight=False,
        emoji=False,
        markup=False,
    )
    for line in lines:
        if isinstance(line, Table):
            console.width = max(width, _least(line))
        console.print(line)
        console.width = width
    return "".join(line.rstrip() + "\n" for line in file.getvalue().splitlines())


def _least(table: Table) -> int:
    """The columns a table needs for its figures to be whole; a terminal may wrap its lines."""
    least = 0
    for column in table.columns:
        cells = [column.header, *column.cells]
        widest = max(
            cell_len(cell.plain if isinstance(cell, Text) else str(cell)) for cell in cells
        )
        least += 2 + (widest if column.no_wrap and not column.max_width else min(widest, _NAME))
    return least


_NAME = 16
"""Columns for a name or a text at the least."""


def _what(event: UsageEvent) -> str:
    if event.event is UsageEventKind.RESIDENT_EXPOSURE:
        return "exposure"
    return event.source.value


def _names(event: UsageEvent) -> str:
    names = [visible(f"{record.kind}/{record.slug}") for record in event.records]
    if len(names) > MOST_NAMES + 1:
        names[MOST_NAMES:] = [f"and {len(names) - MOST_NAMES} more"]
    return "\n".join(names)
