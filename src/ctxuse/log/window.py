"""Counting parts of the log: of windows of time, of some actors' uses.

Blocks of lines of the usual shape are divided into what lies in a part and what does not, and
counted as blocks (`ctxuse.log.batches`); of other blocks each event is looked at. The tallies are
the same.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from ctxuse.events import UsageEvent, UsageEventKind
from ctxuse.fuller import SAID_UNKNOWN, FullTally
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.batches import Batches, Block, ByTails, ns_of_head, read_usual
from ctxuse.log.fullbatches import FullBatches
from ctxuse.log.parallel import Progress
from ctxuse.log.reader import (
    BlankLine,
    OpenLog,
    SkippedLine,
    lines_of,
    open_logs,
)
from ctxuse.tally import Tally
from ctxuse.times import ALWAYS, Interval
from ctxuse.zones import UTC, Zone


class Selection(NamedTuple):
    """Which events are counted.

    Attributes:
        window: When they have to have happened.
        actors: Whose uses are, ``unknown`` for those that do not say; everybody's when None.
        without_actors: Whose uses are not. Exposures are, whoever's they are.
    """

    window: Interval = ALWAYS
    actors: Collection[str] | None = None
    without_actors: Collection[str] = ()

    def holds(self, event: UsageEvent) -> bool:
        """Whether an event is counted."""
        is_use = event.event is UsageEventKind.USE
        at = event.occurred_at_ns
        return not self.holds_none(at, at) and (not is_use or self._counts_uses_by(event.actor))

    def divided(self, block: ByTails) -> tuple[ByTails | None, ByTails | None]:
        """Return blocks of the lines of a block that are counted, and of the others."""
        chosen = [True] * len(block.numbers)
        if not self._is_within(*block.span):
            times = map(ns_of_head, block.heads.times)
            chosen = [not self.holds_none(at, at) for at in times]
        if not self._counts_everybody:
            names = block.names()
            by = {actor: self._counts_uses_by(actor) for actor in {actor for _, actor in names}}
            lines = block.lines
            chosen = [
                one and (by[actor] or lines[number].event is not UsageEventKind.USE)
                for one, (_, actor), number in zip(chosen, names, block.numbers, strict=True)
            ]
        return block.divided(chosen)

    @property
    def _counts_everybody(self) -> bool:
        return self.actors is None and not self.without_actors

    def _is_within(self, first_ns: int, last_ns: int) -> bool:
        begin, end = self.window
        return (begin is None or begin <= first_ns) and (end is None or last_ns < end)

    def _counts_uses_by(self, actor: str | None) -> bool:
        actor = actor or SAID_UNKNOWN
        return (self.actors is None or actor in self.actors) and actor not in self.without_actors

    def holds_all(self, first_ns: int, last_ns: int) -> bool:
        """Whether every event between two moments, these included, is counted, whatever it is."""
        return self._counts_everybody and self._is_within(first_ns, last_ns)

    def holds_none(self, first_ns: int, last_ns: int) -> bool:
        """Whether no event between two moments, these included, is counted, whatever it is."""
        begin, end = self.window
        return (begin is not None and last_ns < begin) or (end is not None and first_ns >= end)


class Part:
    """A part of the log that is counted.

    Args:
        selection: Which events are in it.
        full: Whether its fuller figures are wanted, too.
        zone: The time zone that their days are counted in.
        also: Given each event that is in it, in file order.

    Attributes:
        inside: The tally of its events, and of lines that are no events.
        full: Their fuller tally; empty where it is not wanted.
        rest: The tally of the events that are not in it.
    """

    def __init__(
        self,
        selection: Selection = Selection(),  # noqa: B008 - it cannot be changed
        *,
        full: bool = False,
        zone: Zone = UTC,
        also: Callable[[UsageEvent], object] | None = None,
    ) -> None:
        self._selection = selection
        self._zone = zone
        self._also = also
        self.inside = Tally()
        self.full = FullTally()
        self.rest = Tally()
        self._inside_blocks = Batches(self.inside)
        self._full_blocks = FullBatches(self.full, zone) if full else None
        self._rest_blocks = Batches(self.rest)

    def add(self, found: object) -> None:
        """Count what a line is."""
        match found:
            case UsageEvent() if self._selection.holds(found):
                self.inside.add(found)
                if self._full_blocks is not None:
                    self.full.add(found, self._zone.day(found.occurred_at_ns))
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

    def take(self, block: Block) -> bool:
        """Count a block, if that can be done without its events, and say whether it was.

        Whoever tells it of lines flushes before.
        """
        span = block.span
        if self._selection.holds_none(*span):
            self._rest_blocks.add(block)
            return True
        whole = self._selection.holds_all(*span)
        if self._also is not None:
            return False
        if isinstance(block, ByTails) and (self._full_blocks is None or block.repeats):
            inside, outside = (block, None) if whole else self._selection.divided(block)
            if outside is not None:
                self._rest_blocks.add(outside)
            if inside is not None:
                self._inside_blocks.add(inside)
                if self._full_blocks is not None:
                    self._full_blocks.add(inside)
            return True
        if whole and self._full_blocks is None:
            self._inside_blocks.add(block)
            return True
        return False

    def flush(self) -> None:
        """Have everything in the tallies that was counted."""
        self._inside_blocks.flush()
        self._rest_blocks.flush()
        if self._full_blocks is not None:
            self._full_blocks.flush()


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
        count_parts_of(log, parts, progress=progress)


def count_parts_of(
    log: OpenLog, parts: Sequence[Part], *, progress: Progress | None = None
) -> None:
    """Read one file of the log and count each of `parts`; see `count_parts`."""
    for block, read in read_usual(log):
        others = [part for part in parts if read is None or not part.take(read)]
        if others:
            _add_lines((found for _, found in lines_of(block, log)), others)
        if progress is not None:
            progress(block.end, log.end)
    for part in parts:
        part.flush()


def _add_lines(lines: Iterable[object], parts: Sequence[Part]) -> None:
    for part in parts:
        part.flush()
    for found in lines:
        for part in parts:
            part.add(found)
