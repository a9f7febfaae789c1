"""Checking the log: reading all of it and saying what is there."""

from dataclasses import dataclass

from ctxuse.events import UsageEvent
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.reader import BlankLine, SkippedLine, open_log, read_events


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check of the whole log found.

    Attributes:
        events: Lines that are events.
        blank: Lines that are blank.
        skipped: Lines that are neither, in file order.
    """

    events: int
    blank: int
    skipped: tuple[SkippedLine, ...]

    @property
    def clean(self) -> bool:
        """Whether every line that is not blank is an event."""
        return not self.skipped


def check_log(layout: WorkspaceLayout) -> CheckResult:
    """Read the whole log and return what was found.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    events = blank = 0
    skipped: list[SkippedLine] = []
    with open_log(layout) as log:
        for found in read_events(log) if log is not None else ():
            match found:
                case UsageEvent():
                    events += 1
                case BlankLine():
                    blank += 1
                case SkippedLine():
                    skipped.append(found)
    return CheckResult(events, blank, tuple(skipped))
