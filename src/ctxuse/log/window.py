"""Counting the events of a stretch of time. Line by line, for each line's time is looked at."""

from ctxuse.events import UsageEvent
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.reader import BlankLine, SkippedLine, open_logs, read_events
from ctxuse.tally import Tally


def count_window(
    layout: WorkspaceLayout, begin: int | None, end: int | None
) -> tuple[Tally, Tally]:
    """Return the tally of the events from `begin` up to but without `end`, and that of the rest.

    Lines that are no events are in the first. Times are in nanoseconds since the epoch; None sets
    no bound.
    """
    inside, rest = Tally(), Tally()
    for log in open_logs(layout):
        for found in read_events(log):
            match found:
                case UsageEvent(occurred_at_ns=at):
                    fits = (begin is None or at >= begin) and (end is None or at < end)
                    (inside if fits else rest).add(found)
                case SkippedLine():
                    inside.add_skipped(found.reason.value)
                case BlankLine():
                    inside.blank += 1
                case _:
                    inside.pending += 1
    return inside, rest
