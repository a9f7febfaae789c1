"""The loop: the lines of a log, read once, counted for however many queries.

A block of lines of the usual shape is counted as a whole wherever nobody has to look at its lines;
where a query takes only some of them it is divided first. All other lines are counted one by one.
"""

from collections.abc import Sequence
from typing import Protocol

from ctxuse.codec.decode import Valid, optional_text
from ctxuse.counting.blocks import Block, ByTails, read_usual
from ctxuse.counting.fold import BasicFold, DetailFold, Fold
from ctxuse.counting.kinds import BASIC, LogTally, TallyKind
from ctxuse.counting.tally import Tally
from ctxuse.counting.tuning import USUAL, Tuning
from ctxuse.events import UsageEventKind
from ctxuse.log.reader import Line, OpenLog, lines_of
from ctxuse.progress import OnProgress, silent
from ctxuse.query import ALWAYS, EVERYTHING, Query


class Counting(Fold, Protocol):
    """Counts the lines of a log, in the order of the file."""

    @property
    def takes_in_full(self) -> bool:
        """Whether it may take blocks that are decoded line by line."""
        ...


class Accumulator:
    """Counts the lines of a log, in the order of the file, for one query.

    Args:
        kind: What is counted.
        query: Which events are.
        also: What else is told of them.
        tuning: How much is held.

    Attributes:
        tally: The counts of the events that are asked for, and of lines that are no events.
        outside: The counts of the other events.
    """

    def __init__(
        self,
        kind: TallyKind = BASIC,
        query: Query = EVERYTHING,
        *,
        also: Sequence[Fold] = (),
        tuning: Tuning = USUAL,
    ) -> None:
        self.tally = LogTally()
        self.outside = Tally()
        self._query = query
        self._counts_everything = query.counts_everything
        self._has_detail = kind.has_detail
        self._outside = BasicFold(self.outside)
        self._inside: list[Fold] = [BasicFold(self.tally.basic), *also]
        if kind.has_detail:
            self._inside.append(DetailFold(self.tally.detail, query.zone, tuning))

    def add_line(self, line: Line) -> None:
        """Count a line; whoever tells of blocks, too, flushes before."""
        if self._counts_everything or not isinstance(line, Valid) or self.holds(line):
            for fold in self._inside:
                fold.add_line(line)
        else:
            self._outside.add_line(line)

    def takes(self, block: Block) -> bool:
        """Whether it can count a block without looking at its lines."""
        query = self._query
        if not self._counts_everything and query.window.misses(*block.span):
            return True
        return all(fold.takes(block) for fold in self._inside) and (
            self._counts_everything
            or isinstance(block, ByTails)
            or (query.counts_everybody and query.window.covers(*block.span))
        )

    def add_block(self, block: Block) -> None:
        """Count a block: any, where all is asked for, and else one of the usual heads."""
        inside, outside = (block, None) if self._counts_everything else self._divided(block)
        if outside is not None:
            self._outside.add_block(outside)
        if inside is not None:
            for fold in self._inside:
                fold.add_block(inside)

    def _divided(self, block: Block) -> tuple[Block | None, Block | None]:
        """What of a block is asked for, and what is not."""
        query, span = self._query, block.span
        if query.window.misses(*span):
            return None, block
        if query.counts_everybody and query.window.covers(*span):
            return block, None
        if not isinstance(block, ByTails):
            raise AssertionError
        return block.divided(_chosen(query, block))

    @property
    def takes_in_full(self) -> bool:
        """Whether it may take blocks that are decoded line by line."""
        return not self._has_detail or self._query.window != ALWAYS

    def flush(self) -> None:
        """Have everything in the tallies that was counted."""
        for fold in (*self._inside, self._outside):
            fold.flush()

    def holds(self, line: Valid) -> bool:
        """Whether the event on a line is asked for."""
        query, fields = self._query, line.line
        if not query.window.covers(line.at_ns, line.at_ns):
            return False
        is_use = fields.event is UsageEventKind.USE
        return (
            not is_use
            or query.counts_everybody
            or query.counts_uses_by(optional_text(fields.actor))
        )


def _chosen(query: Query, block: ByTails) -> list[bool]:
    """Whether the event on each line of a block is asked for."""
    chosen = [True] * len(block.numbers)
    window = query.window
    if not window.covers(*block.span):
        chosen = [window.covers(at_ns, at_ns) for at_ns in block.each_ns()]
    if not query.counts_everybody:
        names = block.names()
        counts = {actor: query.counts_uses_by(actor) for actor in {actor for _, actor in names}}
        lines = block.lines
        chosen = [
            one and (counts[actor] or lines[number].event is not UsageEventKind.USE)
            for one, (_, actor), number in zip(chosen, names, block.numbers, strict=True)
        ]
    return chosen


def count(
    log: OpenLog,
    accumulators: Sequence[Counting],
    start: int = 0,
    *,
    tuning: Tuning = USUAL,
    on_progress: OnProgress = silent,
) -> None:
    """Read one file of a log from `start` to its end, once, and have every accumulator count it.

    Args:
        log: The open log.
        accumulators: What counts it; nothing is held back when this returns.
        start: Where to begin, in bytes: 0 or right behind a newline.
        tuning: How large the pieces are that it is read in.
        on_progress: Called after each block with how many bytes are read, and how many there are.
    """
    in_full = any(accumulator.takes_in_full for accumulator in accumulators)
    for block, usual in read_usual(log, start, in_full=in_full, tuning=tuning):
        others = []
        for one in accumulators:
            if usual is not None and one.takes(usual):
                one.add_block(usual)
            else:
                one.flush()
                others.append(one)
        if others:
            for _, line in lines_of(block, log):
                for one in others:
                    one.add_line(line)
        on_progress(block.end - start, log.end - start)
    for one in accumulators:
        one.flush()


def tally_of(
    log: OpenLog,
    kind: TallyKind = BASIC,
    start: int = 0,
    *,
    tuning: Tuning = USUAL,
    on_progress: OnProgress = silent,
) -> LogTally:
    """Return the tally of everything in one file of a log from `start` on; see `count`."""
    accumulator = Accumulator(kind, tuning=tuning)
    count(log, [accumulator], start, tuning=tuning, on_progress=on_progress)
    return accumulator.tally
