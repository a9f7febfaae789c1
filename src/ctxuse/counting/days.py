"""Counting a log day by day, so that a part of it can be told from what is remembered.

Strategy: the lines of a log are dealt out to one `Accumulator` for each day that events happened
on. Blocks are gathered first, since of a log in which days are mixed (transcripts are imported
session by session) a block has a few lines of each; where all are of one day, as mostly, they are
handed on undivided.

Invariants: days joined, in whatever order, are the counts of their lines in the order of the file.
Only one figure depends on that order across days, the size at the last exposure; so a day tells the
place of each record's last exposure, and the one that stands last holds. What else goes by file
order concerns events of one moment, which are of one day.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from ctxuse.codec.decode import CountedLine, Valid
from ctxuse.counting.blocks import Block, ByTails, DaysOf, InFull, read_usual
from ctxuse.counting.count import Accumulator
from ctxuse.counting.kinds import LogTally, TallyKind
from ctxuse.counting.sums import Key, Number, earliest
from ctxuse.counting.tally import Tally
from ctxuse.counting.tuning import USUAL, Tuning
from ctxuse.events import UsageEventKind
from ctxuse.log.reader import Line, Lines, OpenLog, Oversized, lines_of
from ctxuse.progress import OnProgress, silent
from ctxuse.query import ALWAYS, Query

MOST_DAYS = 4096
"""A stretch of more days, eleven years of them, is not counted by day."""


class TooManyDaysError(Exception):
    """There are more days than are counted so."""


def is_too_much(records: int, kind: TallyKind, tuning: Tuning) -> bool:
    """Whether the counts of so many records, those of each day, are too many to be held."""
    return records * (_OF_DETAIL if kind.has_detail else 1) > tuning.records


_OF_DETAIL = 3
"""How many times the room detail takes, about."""


class Run(NamedTuple):
    """Bytes of a log in which there are events of a day, among others.

    Attributes:
        begin: Where they begin, right behind a newline.
        end: Where they end, likewise.
        place: How many events stand before them.
    """

    begin: int
    end: int
    place: int


class Days(msgspec.Struct):
    """The counts of one day, or of several.

    Attributes:
        tally: The counts of the events that are asked for.
        last: Where the last exposure of each record among them stands in the file: how many events
            stand before it.
        runs: Where the events stand, in the order of the file; of several days nothing.
    """

    tally: LogTally = msgspec.field(default_factory=LogTally)
    last: dict[Key, Number] = {}
    runs: list[Run] = []

    def join(self, other: "Days") -> None:
        """Add the counts of other days, or of what stands elsewhere in the file of the same ones.

        `other` is left as it was, and its runs are not added.
        """
        records = self.tally.basic.records
        sizes: dict[Key, tuple[int, bool]] = {}
        for key, place in other.last.items():
            if self.last.get(key, -1) > place:
                sizes[key] = records[key].last_exposure_tokens, records[key].last_exposure_sized
            else:
                self.last[key] = place
        self.tally.merge(other.tally)
        for key, size in sizes.items():  # what was merged later stands earlier in the file
            records[key].last_exposure_tokens, records[key].last_exposure_sized = size

    def shifted(self, places: int) -> "Days":
        """Return them as they are behind so many events more."""
        last = {key: place + places for key, place in self.last.items()}
        runs = [run._replace(place=run.place + places) for run in self.runs]
        return Days(self.tally, last, runs)

    @property
    def span(self) -> tuple[int, int]:
        """The earliest and the latest time in them, in nanoseconds since the epoch."""
        since_ns, until_ns = self.tally.basic.since_ns, self.tally.basic.until_ns
        assert since_ns is not None  # noqa: S101 - a day has an event
        assert until_ns is not None  # noqa: S101 - likewise
        return since_ns, until_ns


def joined(runs: Iterable[Run]) -> list[Run]:
    """Return runs in the order of the file, those that touch or overlap as one."""
    found: list[Run] = []
    for run in sorted(runs):
        if found and run.begin <= found[-1].end:
            found[-1] = found[-1]._replace(end=max(run.end, found[-1].end))
        else:
            found.append(run)
    return found


class Totals(msgspec.Struct):
    """How much there is of events, whether they are asked for or not.

    Attributes:
        events: How many there are.
        since_ns: When the earliest was, in nanoseconds since the epoch; None without any.
        records: How often each record was read, and was resident.
    """

    events: Number = 0
    since_ns: int | None = None
    records: dict[Key, tuple[Number, Number]] = {}

    def add(self, tally: Tally) -> None:
        """Add what was counted of some events."""
        records = {key: (one.use_count, one.exposure_count) for key, one in tally.records.items()}
        self.merge(Totals(tally.events, tally.since_ns, records))

    def merge(self, other: "Totals") -> None:
        """Add other events."""
        self.events += other.events
        self.since_ns = earliest(self.since_ns, other.since_ns)
        for key, (uses, exposures) in other.records.items():
            mine = self.records.get(key, (0, 0))
            self.records[key] = mine[0] + uses, mine[1] + exposures


class Stretch(msgspec.Struct):
    """What a stretch of a log holds.

    Attributes:
        days: Each day on which there are events that are asked for, by its number since
            1970-01-01 in the zone that is asked for.
        totals: How much there is of all events.
        rest: The counts of lines that are no events.
    """

    days: dict[int, Days]
    totals: Totals
    rest: Tally


class Dealing(NamedTuple):
    """How the lines of a log are dealt out to days.

    Attributes:
        kind: What is counted.
        query: Which events are, and the zone of the days.
        only: Only these days; all when None.
        tuning: How large the pieces are that the log is read in, and how much is gathered.
    """

    kind: TallyKind
    query: Query
    only: frozenset[int] | None = None
    tuning: Tuning = USUAL


def count_by_day(
    log: OpenLog,
    dealing: Dealing,
    start: int = 0,
    place: int = 0,
    *,
    on_progress: OnProgress = silent,
) -> Stretch:
    """Count a log from `start` to its end.

    Args:
        log: The open log.
        dealing: What of it is counted, and how. Of events outside a window, or of other days than
            those that are asked for, nothing is told.
        start: Where to begin, in bytes: 0 or right behind a newline.
        place: How many events stand before that, from which those of the stretch are counted on.
        on_progress: See `ctxuse.counting.count.count`.

    Raises:
        TooManyDaysError: There are more days than are counted so.
    """
    kind, _, _, tuning = dealing
    counter = _DayCounter(dealing, start, place)
    for block, usual in read_usual(log, start, in_full=not kind.has_detail, tuning=tuning):
        counter.add(block, usual, log)
        on_progress(block.end - start, log.end - start)
    return counter.counted()


class _Day:
    """One day while it is counted."""

    def __init__(self, kind: TallyKind, query: Query, tuning: Tuning) -> None:
        self.accumulator = Accumulator(kind, query, tuning=tuning)
        self.counted = Days(self.accumulator.tally)
        self.holds_blocks = False

    def expose(self, line: CountedLine, place: int) -> None:
        """Take note of where a line stands, if it is an exposure."""
        if line.event is UsageEventKind.RESIDENT_EXPOSURE:
            for record in line.records:
                self.counted.last[record.kind, record.slug] = place

    def flush(self) -> None:
        """Have everything counted that was told."""
        if self.holds_blocks:
            self.accumulator.flush()
            self.holds_blocks = False


class _DayCounter:
    """Deals lines and blocks out to days."""

    def __init__(self, dealing: Dealing, start: int, place: int) -> None:
        self._kind, query, self._only, self._tuning = dealing
        self._window = query.window
        self._query = query._replace(window=ALWAYS)
        self._days: dict[int, _Day] = {}
        self._days_of = DaysOf(query.zone, self._tuning.lines)
        self._rest = Accumulator(self._kind, self._query, tuning=self._tuning)
        self._begin = self._end = start
        self._first, self._place = place, place
        self._waiting: list[ByTails] = []
        self._waits = self._held = 0
        self._lines: object = None
        self._touched: set[int] = set()

    def add(self, block: Lines | Oversized, usual: Block | None, log: OpenLog) -> None:
        """Count a block of lines, in the order of the file."""
        if isinstance(usual, ByTails) and self._rest.takes(usual):
            if self._waiting and self._waiting[0].lines is not usual.lines:
                self._deal()
            self._waiting.append(usual)
            self._waits += len(usual.numbers)
            self._end = block.end
            if self._waits >= self._enough():
                self._deal()
            return
        self._deal()
        self._end = block.end
        if isinstance(usual, InFull) and self._rest.takes(usual):
            self._add_block(usual, [self._query.zone.day(at_ns) for at_ns in usual.times_ns])
        else:
            for _, line in lines_of(block, log):
                self._add_line(line)
        self._note_run()

    def _enough(self) -> int:
        """How many lines are gathered: the more days there are, the more, so that each has some."""
        tuning = self._tuning
        return min(max(tuning.dealt, tuning.each * len(self._days)), tuning.lines)

    def _deal(self) -> None:
        """Hand what waits to its days."""
        waiting, self._waiting, self._waits = self._waiting, [], 0
        if waiting:
            if waiting[0].lines is not self._lines or self._held > self._tuning.lines:
                self._lines, self._held = waiting[0].lines, 0
                self._flush()
            block = ByTails.joined(waiting)
            self._add_block(block, self._days_of(block.heads.times))
            self._note_run()

    def _add_block(self, block: Block, days: Sequence[int]) -> None:
        by_day: defaultdict[int, list[int]] = defaultdict(list)
        wanted = [True] * len(days)
        if not self._window.covers(*block.span):
            wanted = [self._window.covers(at_ns, at_ns) for at_ns in block.each_ns()]
        if all(wanted) and days.count(days[0]) == len(days):
            by_day[days[0]] = [*range(len(days))]
        else:
            for place, (number, one) in enumerate(zip(days, wanted, strict=True)):
                if one:
                    by_day[number].append(place)
        for number, places in by_day.items():
            if self._only is not None and number not in self._only:
                continue
            day, its = self._day(number), block.at(places) if len(places) < len(days) else block
            day.accumulator.add_block(its)
            day.holds_blocks = True
            for place, line in its.last_of_each():
                day.expose(line, self._place + places[place])
        self._place += len(days)
        self._held += len(days)

    def _add_line(self, line: Line) -> None:
        if not isinstance(line, Valid):
            self._rest.add_line(line)
        elif not line.line.is_of_requests:
            number = self._query.zone.day(line.at_ns)
            wanted = self._only is None or number in self._only
            if wanted and self._window.covers(line.at_ns, line.at_ns):
                day = self._day(number)
                day.flush()
                day.accumulator.add_line(line)
                day.expose(line.line, self._place)
            self._place += 1

    def _day(self, number: int) -> _Day:
        day = self._days.get(number)
        if day is None:
            if len(self._days) >= MOST_DAYS:
                raise TooManyDaysError
            day = self._days[number] = _Day(self._kind, self._query, self._tuning)
        self._touched.add(number)
        return day

    def _flush(self) -> None:
        """Have nothing held but counts, whatever days are over; and not too many of those."""
        held = 0
        for day in self._days.values():
            day.flush()
            held += len(day.counted.tally.basic.records)
        if is_too_much(held, self._kind, self._tuning):
            raise TooManyDaysError

    def _note_run(self) -> None:
        """Have it stand with each day that was met where that was."""
        for number in self._touched:
            runs = self._days[number].counted.runs
            if runs and runs[-1].end == self._begin:
                runs[-1] = runs[-1]._replace(end=self._end)
            else:
                runs.append(Run(self._begin, self._end, self._first))
        self._touched.clear()
        self._begin, self._first = self._end, self._place

    def counted(self) -> Stretch:
        """Return what was counted."""
        self._deal()
        self._flush()
        totals = Totals()
        for day in self._days.values():
            totals.add(day.counted.tally.basic)
            totals.add(day.accumulator.outside)
        days = {
            number: day.counted
            for number, day in self._days.items()
            if day.counted.tally.basic.events
        }
        return Stretch(days, totals, self._rest.tally.basic)
