"""Counting parts of the log. Line by line, for each event is looked at."""

from collections.abc import Callable, Sequence

from ctxuse.events import UsageEvent
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.parallel import Progress
from ctxuse.log.reader import BlankLine, SkippedLine, open_logs, read_events
from ctxuse.tally import Tally


class Part:
    """A part of the log that is counted.

    Args:
        wanted: Whether an event is in it.
        also: Given each event that is, in file order.

    Attributes:
        inside: The tally of its events, and of lines that are no events.
        rest: The tally of the events that are not in it.
    """

    def __init__(
        self,
        wanted: Callable[[UsageEvent], bool],
        also: Callable[[UsageEvent], object] | None = None,
    ) -> None:
        self._wanted = wanted
        self._also = also
        self.inside = Tally()
        self.rest = Tally()

    def add(self, found: object) -> None:
        """Count what a line is."""
        match found:
            case UsageEvent() if self._wanted(found):
                self.inside.add(found)
                if self._also is not None:
                    self._also(found)
            case UsageEvent():
                self.rest.add(found)
            case SkippedLine():
                self.inside.add_skipped(found.reason.value)
            case BlankLine():
                self.inside.blank += 1
            case _:
                self.inside.pending += 1


def count_parts(
    layout: WorkspaceLayout, parts: Sequence[Part], *, progress: Progress | None = None
) -> None:
    """Read the whole log once and count each of `parts`.

    Args:
        layout: The workspace.
        parts: What is counted; their tallies are filled.
        progress: Told how far the reading of each file is.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    for log in open_logs(layout):
        told = None if progress is None else _told(progress, log.end)
        for found in read_events(log, progress=told):
            for part in parts:
                part.add(found)


def _told(progress: Progress, whole: int) -> Callable[[int], object]:
    return lambda read: progress(read, whole)
