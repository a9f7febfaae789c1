"""Tables on a terminal."""

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

from ctxuse.render.tables import AnyTable, Bar, Name, Value, for_people, totals, values
from ctxuse.visible import visible
from ctxuse.zones import Zone

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderableType

_NAME = 16
"""Columns for a name or a text at the least."""

_GAP = 1
"""Columns between what stands in two cells, beside the one that the box takes."""


class _Cell:
    """A cell with the gap before it.

    What fits into one line is given as it is: most cells do, and to look for where it could be
    broken is most of what a table costs. Everything else is left to rich.
    """

    def __init__(self, content: str | Text, gap: int) -> None:
        plain = content if isinstance(content, str) else content.plain
        self.plain = plain
        self._gap = gap
        self._content = content
        lines = plain.split("\n")
        is_simple = all(line.isprintable() and line in {line.strip(), " "} for line in lines)
        self.width = gap + max(map(cell_len, lines)) if is_simple else None
        """Columns that its lines take as they are; None where that is left to rich."""
        self._is_line = is_simple and len(lines) == 1

    def __rich_measure__(self, console: Console, options: "ConsoleOptions") -> Measurement:
        if self.width is None or options.max_width <= self._gap:
            return Measurement.get(console, options, self._by_rich())
        return Measurement(self.width, self.width).with_maximum(options.max_width)

    def __rich_console__(
        self, console: Console, options: "ConsoleOptions"
    ) -> "Iterator[Segment | RenderableType]":
        free = options.max_width - (self.width or 0)
        if free < 0 or not self._is_line:
            yield self._by_rich()
            return
        if self._gap:
            yield Segment(" " * self._gap)
        left = free if options.justify == "right" else 0
        if isinstance(self._content, str):
            yield Segment(" " * left + self._content + " " * (free - left))
            return
        text = self._content.copy()
        text.pad_left(left)
        text.pad_right(free - left)
        text.stylize(text.style)
        yield from text.render(console)

    def _by_rich(self) -> Padding:
        text = Text(self._content) if isinstance(self._content, str) else self._content
        return Padding(text, (0, 0, 0, self._gap))


def as_text(table: AnyTable, *, width: int, color: bool = False) -> str:
    """Return a table for a terminal of `width` columns with its notes below: alone without rows."""
    columns = [column for column in table.columns if column.heading and width >= column.least]
    drawn = new_table(gap=0)
    gaps = [_GAP if index else 0 for index in range(len(columns))]
    for index, (column, gap) in enumerate(zip(columns, gaps, strict=True)):
        drawn.add_column(
            _Cell(column.heading, gap),
            overflow="fold",
            justify="right" if column.right else "left",
            no_wrap=column.whole and index > 0,
            max_width=column.most + gap if column.most else None,
            ratio=None if index else 1,
        )
    rows = [_cells(row, gaps, table.zone, dims=table.dims) for row in values(table, columns)]
    every = totals(table, columns)
    for row in rows:
        drawn.add_row(*row, end_section=every is not None and row is rows[-1])
    if every is not None:
        drawn.add_row(
            *_cells(every, gaps, table.zone, dims=False),
            style="bold" if table.dims else "",
        )
    _set_widths(drawn, width)
    notes = [Text(note) for note in table.notes]
    if table.explained:
        notes.insert(1, Text(table.explained, "dim" if table.dims else ""))
    if not notes:
        return printed([drawn], width, color=color)
    lines: list[RichTable | Text] = [drawn, Text()] if drawn.rows else []
    return printed([*lines, *notes], width, color=color)


def _set_widths(table: RichTable, width: int) -> None:
    """Set the widths of columns where all have room, so that rich asks no cell for its own."""
    widths = []
    for column in table.columns:
        cells = [cell.width for cell in (column.header, *column.cells) if isinstance(cell, _Cell)]
        known = [its for its in cells if its is not None]
        if len(known) < len(cells):
            return
        widths.append(max(1, min(max(known), column.max_width or width)))
    if sum(widths) + len(widths) - 1 <= width:
        for column, its in zip(table.columns, widths, strict=True):
            column.width = its


def new_table(*, gap: int = _GAP) -> RichTable:
    """Return an empty table in the style of all of them.

    Args:
        gap: Columns that it puts before each cell but the first of a row.
    """
    return RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, gap))


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


def _cells(row: Sequence[Value], gaps: Sequence[int], zone: Zone, *, dims: bool) -> Iterator[_Cell]:
    for value, gap in zip(row, gaps, strict=True):
        yield _Cell(_content(value, zone, dims=dims), gap)


def _content(value: Value, zone: Zone, *, dims: bool) -> str | Text:
    if dims and isinstance(value, Name):
        return Text.assemble((visible(value.kind) + "/", "dim"), visible(value.slug))
    if dims and isinstance(value, Bar):
        return Text(for_people(value, zone, visible), "cyan")
    return for_people(value, zone, visible)


def _least(table: RichTable) -> int:
    """The columns a table needs for its figures to be whole; a terminal may wrap its lines."""
    least = 0
    for column in table.columns:
        cells = [column.header, *column.cells]
        widest = max(
            cell_len(cell.plain if isinstance(cell, _Cell | Text) else str(cell)) for cell in cells
        )
        least += 2 + (widest if column.no_wrap and not column.max_width else min(widest, _NAME))
    return least
