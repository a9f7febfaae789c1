"""Tables on a terminal."""

import io
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ctxuse.render.tables import AnyTable, Bar, Name, Value, for_people, totals, values
from ctxuse.visible import visible
from ctxuse.zones import Zone

_NAME = 16
"""Columns for a name or a text at the least."""


def as_text(table: AnyTable, *, width: int, color: bool = False) -> str:
    """Return a table for a terminal of `width` columns with its notes below: alone without rows."""
    columns = [column for column in table.columns if column.heading and width >= column.least]
    drawn = new_table()
    for index, column in enumerate(columns):
        drawn.add_column(
            column.heading,
            overflow="fold",
            justify="right" if column.right else "left",
            no_wrap=column.whole and index > 0,
            max_width=column.most or None,
            ratio=None if index else 1,
        )
    rows = [
        [_cell(value, table.zone, dims=table.dims) for value in row]
        for row in values(table, columns)
    ]
    every = totals(table, columns)
    for row in rows:
        drawn.add_row(*row, end_section=every is not None and row is rows[-1])
    if every is not None:
        drawn.add_row(
            *(_cell(value, table.zone, dims=False) for value in every),
            style="bold" if table.dims else "",
        )
    notes = [Text(note) for note in table.notes]
    if table.explained:
        notes.insert(1, Text(table.explained, "dim" if table.dims else ""))
    if not notes:
        return printed([drawn], width, color=color)
    lines: list[RichTable | Text] = [drawn, Text()] if drawn.rows else []
    return printed([*lines, *notes], width, color=color)


def new_table() -> RichTable:
    """Return an empty table in the style of all of them."""
    return RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1))


def printed(lines: Sequence[RichTable | Text], width: int, *, color: bool) -> str:
    """Return tables and paragraphs as text for a terminal of `width` columns."""
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
        if isinstance(line, RichTable):
            console.width = max(width, _least(line))
        console.print(line)
        console.width = width
    return "".join(line.rstrip() + "\n" for line in file.getvalue().splitlines())


def _cell(value: Value, zone: Zone, *, dims: bool) -> Text:
    if dims and isinstance(value, Name):
        return Text.assemble((visible(value.kind) + "/", "dim"), visible(value.slug))
    if dims and isinstance(value, Bar):
        return Text(for_people(value, zone, visible), "cyan")
    return Text(for_people(value, zone, visible))


def _least(table: RichTable) -> int:
    """The columns a table needs for its figures to be whole; a terminal may wrap its lines."""
    least = 0
    for column in table.columns:
        cells = [column.header, *column.cells]
        widest = max(
            cell_len(cell.plain if isinstance(cell, Text) else str(cell)) for cell in cells
        )
        least += 2 + (widest if column.no_wrap and not column.max_width else min(widest, _NAME))
    return least
