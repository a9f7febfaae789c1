"""Counting a part of the log. Line by line, for each event is looked at."""

from collections.abc import Callable

from ctxuse.events import UsageEvent
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.reader import BlankLine, SkippedLine, open_logs, read_events
from ctxuse.tally import Tally


def count_wanted(
    layout: WorkspaceLayout,
    wanted: Callable[[UsageEvent], bool],
    *,
    also: Callable[[UsageEvent], object] | None = None,
) -> tuple[Tally, Tally]:
    """Return the tally of those events of the whole log that are wanted, and that of the rest.

    Lines that are no events are in the first.

    Args:
        layout: The workspace.
        wanted: Whether an event is.
        also: Given each wanted event, in file order.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    inside, rest = Tally(), Tally()
    for log in open_logs(layout):
        for found in read_events(log):
            match found:
                case UsageEvent() if wanted(found):
                    inside.add(found)
                    if also is not None:
                        also(found)
                case UsageEvent():
                    rest.add(found)
                case SkippedLine():
                    inside.add_skipped(found.reason.value)
                case BlankLine():
                    inside.blank += 1
                case _:
                    inside.pending += 1
    return inside, rest
