"""`ctxuse events`: the log's events, the last ones, or as they arrive."""

import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from ctxuse.cli import common
from ctxuse.events import UsageEvent
from ctxuse.log.cursor import Follower
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctxuse.layout import WorkspaceLayout
    from ctxuse.log.reader import SkippedLine

_PAUSE = 0.2
"""Seconds between two looks at the log while following it."""

_AT_ONCE = 1000
"""Events, or records of events, printed at once; a table takes its widths from as many."""


@click.command("events")
@common.workspace_option
@common.format_option("table", "json", "csv", "markdown")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Only the last N.")
@click.option("--all", "everything", is_flag=True, help="Also lines that tell of requests.")
@click.option("--follow", "-f", is_flag=True, help="Go on printing events as they arrive.")
def command(
    *, layout: "WorkspaceLayout", form: str, tail: int | None, everything: bool, follow: bool
) -> None:
    """Print the events of the log in file order.

    \b
    Examples:
      ctxuse events --tail 20
      ctxuse events --follow
      ctxuse events --format json | jq .records     one event a line (JSON Lines)

    In a table, lines that could not be counted stand where they are in the file; ctxuse check
    says more about them. Stop following with Ctrl-C.
    """
    common.note_elsewhere(layout)
    follower = Follower(layout)
    printer = _Printer(form)

    def listed(found: "Iterable[UsageEvent | SkippedLine]") -> "Iterable[UsageEvent | SkippedLine]":
        return (one for one in found if everything or getattr(one, "requests", None) is None)

    found = follower.read() if follow else Workspace(layout).events(of_requests=everything)
    printer.print(listed(found), tail)
    with suppress(KeyboardInterrupt):  # all that there was has been printed
        while follow and not common.reader_has_gone():
            time.sleep(_PAUSE)
            printer.print(listed(follower.read()))


class _Printer:
    def __init__(self, form: str) -> None:
        self._form = form
        self._heading = True

    def print(self, found: "Iterable[UsageEvent | SkippedLine]", tail: int | None = None) -> None:
        """Print what is `found`, or the `tail` of it; lines not counted only have a table row."""
        skipped = 0
        shown: deque[UsageEvent | SkippedLine] = deque(maxlen=tail)
        records = 0
        for item in found:
            if isinstance(item, UsageEvent):
                records += 1 + len(item.records)
            else:
                skipped += 1
                if self._form != "table":
                    continue
            shown.append(item)
            if tail is None and (len(shown) >= _AT_ONCE or records >= _AT_ONCE):
                self._print([*shown])
                if common.reader_has_gone():
                    return
                shown.clear()
                records = 0
        if shown:
            self._print([*shown])
        if skipped and self._form != "table":
            from ctxuse.render import words  # noqa: PLC0415 - only in this case

            common.note(str(words.skipped(skipped)))

    def _print(self, batch: "list[UsageEvent | SkippedLine]") -> None:
        events = [item for item in batch if isinstance(item, UsageEvent)]
        if self._form == "json":
            from ctxuse.render.jsontext import events_json  # noqa: PLC0415 - only this form

            common.show_json(events_json(events))
            return
        from ctxuse.render import events as render  # noqa: PLC0415 - only for tables

        match self._form:
            case "csv":
                common.show(render.events_csv(events, heading=self._heading))
            case "markdown":
                common.show(render.events_markdown(events, heading=self._heading))
            case _:
                text = render.events_table(batch, width=common.width(), color=common.with_color())
                common.show(text if self._heading else text.split("\n", 2)[2])
        self._heading = False
