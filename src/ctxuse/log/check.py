"""Checking the log: reading all of it and saying what is there. Nothing is changed.

Memory does not grow with the log: lines that cannot be counted are handed out one by one, and ids
are counted on disk.
"""

import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

from ctxuse.codec.decode import Valid
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.idindex import IdCounter
from ctxuse.log.reader import (
    BlankLine,
    Line,
    OpenLog,
    SkippedLine,
    last_line_end,
    open_logs,
    read_lines,
)
from ctxuse.log.recover import SEARCHED, recover

MOST_LISTED = 1000
"""How many skipped lines, repeated ids and the like a `CheckResult` lists; it counts them all."""

CLOCK_SKEW = 300 * 1_000_000_000
"""How far in the future an event may be before it is named, in nanoseconds."""


@dataclass(frozen=True, slots=True)
class PendingTail:
    """A last line without its newline: pending, not damaged.

    Attributes:
        offset: Where it begins in the file, in bytes.
        length: How many bytes of it there are.
        counts: Whether it is a whole event, which counts.
    """

    offset: int
    length: int
    counts: bool


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check of the whole log found.

    Attributes:
        events: Lines that are events.
        of_requests: Lines that tell of requests.
        blank: Lines that are blank.
        skipped: Lines that are neither, in file order; the first `MOST_LISTED` of them.
        skipped_by_reason: How many there are, by reason.
        recoverable: Whole events in damaged lines that stand on no line that counts.
        recovered: Whole events in damaged lines that stand on a line that counts as well.
        repeated: Ids that stand on more than one line, and on how many; the first `MOST_LISTED`.
        repeated_ids: How many such ids there are.
        pending: The last line of the present log, where it lacks its newline.
        in_future: Events that say they happened more than `CLOCK_SKEW` after now.
        permissions: What others than the owner may do, a sentence for each file; not a damage.
        files: The files read, archived ones first.
    """

    events: int
    of_requests: int
    blank: int
    skipped: tuple[SkippedLine, ...]
    skipped_by_reason: Mapping[str, int]
    recoverable: int
    recovered: int
    repeated: tuple[tuple[str, int], ...]
    repeated_ids: int
    pending: PendingTail | None
    in_future: int
    permissions: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def skipped_lines(self) -> int:
        """How many lines are not counted."""
        return sum(self.skipped_by_reason.values())

    @property
    def clean(self) -> bool:
        """Whether every line is counted or blank, and none twice."""
        return not self.skipped_by_reason and not self.repeated_ids


class _Check:
    def __init__(
        self, layout: WorkspaceLayout, listed: Callable[[SkippedLine], object] | None
    ) -> None:
        self.events = self.of_requests = self.blank = self.in_future = 0
        self.skipped: list[SkippedLine] = []
        self.by_reason: Counter[str] = Counter()
        self.pending: PendingTail | None = None
        self.ids = IdCounter(layout)
        self.found = IdCounter(layout)
        self._listed = listed
        self._latest = time.time_ns() + CLOCK_SKEW
        self._batch: list[str] = []

    def read(self, log: OpenLog) -> None:
        line: Line | None = None
        for data, line in read_lines(log):
            match line:
                case Valid():
                    self._count(line)
                case SkippedLine():
                    self._skip(line, data)
                case BlankLine():
                    self.blank += 1
        self._flush()
        end = last_line_end(log, 0)
        if log.is_present and end < log.end:
            counts = isinstance(line, Valid)
            self.pending = PendingTail(end, log.end - end, counts)

    def _count(self, line: Valid) -> None:
        is_of_requests = line.line.is_of_requests
        self.of_requests += is_of_requests
        self.events += not is_of_requests
        self.in_future += line.at_ns > self._latest
        self._batch.append(line.id)
        if len(self._batch) >= 10_000:  # noqa: PLR2004 - some rows for a transaction
            self._flush()

    def _skip(self, skipped: SkippedLine, data: bytes) -> None:
        self.by_reason[skipped.reason.value] += 1
        if len(self.skipped) < MOST_LISTED:
            self.skipped.append(skipped)
        if self._listed is not None:
            self._listed(skipped)
        if skipped.reason in SEARCHED:
            self.found.add(found.event.id for found in recover(data))

    def _flush(self) -> None:
        self.ids.add(self._batch)
        self._batch = []


def check_log(
    layout: WorkspaceLayout, *, listed: Callable[[SkippedLine], object] | None = None
) -> CheckResult:
    """Read the whole log, archived files included, and return what was found.

    Args:
        layout: The workspace.
        listed: Called for every line that is not counted, in file order.

    Raises:
        LogUnreadableError: The log exists but cannot be read, or there is no room for its ids.
    """
    check = _Check(layout, listed)
    permissions: list[str] = []
    files: list[str] = []
    with closing(check.ids), closing(check.found):
        for log in open_logs(layout):
            files.append(log.name)
            mode = stat.S_IMODE(os.fstat(log.descriptor).st_mode)
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                permissions.append(f"{log.name} has mode {mode:04o}: not its owner's alone")
            check.read(log)
        recoverable = check.found.number_absent_from(check.ids)
        repeated = [*zip(range(MOST_LISTED), check.ids.repeated(), strict=False)]
        return CheckResult(
            events=check.events,
            of_requests=check.of_requests,
            blank=check.blank,
            skipped=tuple(check.skipped),
            skipped_by_reason=dict(sorted(check.by_reason.items())),
            recoverable=recoverable,
            recovered=len(check.found) - recoverable,
            repeated=tuple(found for _, found in repeated),
            repeated_ids=check.ids.repeated_number(),
            pending=check.pending,
            in_future=check.in_future,
            permissions=tuple(permissions),
            files=tuple(files),
        )
