"""What a log says of a part of its events: a window, some actors' uses, days of another zone.

Without a cache, or of a short log, everything is read. Of others the counts of each day are
remembered (`ctxuse.counting.daystore`), by what is asked but for the window; then those are joined
that lie in it, and of days that lie in it partly the bytes are read in which they stand.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Self

import msgspec

from ctxuse.counting.checkpoint import Mark, Place, place_of, read_on
from ctxuse.counting.count import Accumulator, count
from ctxuse.counting.dayform import dump_stretch, load_stretch
from ctxuse.counting.days import (
    Days,
    Dealing,
    Stretch,
    TooManyDaysError,
    Totals,
    count_by_day,
    joined,
)
from ctxuse.counting.daystore import VERSION, DamagedError, DayStore
from ctxuse.counting.kinds import KINDS, LogTally, TallyKind
from ctxuse.counting.tally import RecordTally, Tally
from ctxuse.counting.tuning import Reading, Tuning
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.names import remove_old_checkpoints
from ctxuse.log.reader import OpenLog, open_logs
from ctxuse.progress import OnProgress
from ctxuse.query import ALWAYS, Query
from ctxuse.zones import Zone


class Counted(msgspec.Struct):
    """What a log says of some of its events.

    Attributes:
        tally: The counts of these, and of lines that are no events.
        outside: How many others there are and since when, and how often each record was read and
            was resident in them; nothing else.
    """

    tally: LogTally = msgspec.field(default_factory=LogTally)
    outside: Tally = msgspec.field(default_factory=Tally)

    def merge(self, later: "Counted") -> None:
        """Add what a later file of the log says."""
        self.tally.merge(later.tally)
        self.outside.merge(later.outside)


def count_asked(
    layout: WorkspaceLayout, kind: TallyKind, queries: Sequence[Query], reading: Reading
) -> list[Counted]:
    """Return what the archived logs and the present one say of each of some queries.

    Args:
        layout: The workspace.
        kind: What is counted.
        queries: What is asked.
        reading: How the logs are read.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    if reading.cache is not None:
        remove_old_checkpoints(os.fspath(layout))
    found = [Counted() for _ in queries]
    for log in open_logs(layout):
        for one, its in zip(
            found, count_log_asked(layout, log, kind, queries, reading), strict=True
        ):
            one.merge(its)
    return found


def count_log_asked(
    layout: WorkspaceLayout | None,
    log: OpenLog,
    kind: TallyKind,
    queries: Sequence[Query],
    reading: Reading,
) -> list[Counted]:
    """Return what one file of a log says; see `count_asked`.

    Where that is a copy, and so without a `layout`, nothing is remembered of it.
    """
    place = None if layout is None else place_of(layout, log, reading)
    if place is not None:
        with suppress(_ReadPlainlyError):
            remembered = _Remembered(place, log, kind, reading)
            return [remembered.counted(query) for query in queries]
    accumulators = [Accumulator(kind, query, tuning=reading.tuning) for query in queries]
    count(log, accumulators, tuning=reading.tuning, on_progress=reading.on_progress)
    return [Counted(one.tally, one.outside) for one in accumulators]


class DaysTask(msgspec.Struct, frozen=True):
    """The tallies of days; places begin anew in each stretch."""

    kind: TallyKind
    query: Query

    program = "from ctxuse.counting import asked, workers; workers.work(asked.DaysTask.of)"
    dump = staticmethod(dump_stretch)
    load = staticmethod(load_stretch)

    def words(self) -> list[str]:
        """See `ctxuse.counting.workers.Task`."""
        query = self.query
        asked = query.zone.name, query.actors, query.without_actors
        return [self.kind.name, msgspec.json.encode(asked).decode()]

    @classmethod
    def of(cls, kind: str, asked: str) -> Self:
        """Return what `words` tell of."""
        its = tuple[str, tuple[str, ...] | None, tuple[str, ...]]
        zone, actors, without_actors = msgspec.json.decode(asked, type=its)
        query = Query(actors=actors, without_actors=without_actors, zone=Zone(zone))
        return cls(KINDS[kind], query)

    def run(self, log: OpenLog, start: int, tuning: Tuning, on_progress: OnProgress) -> Stretch:
        """See `Task`."""
        dealing = Dealing(self.kind, self.query, tuning=tuning)
        return count_by_day(log, dealing, start, on_progress=on_progress)


class _ReadPlainlyError(Exception):
    """Nothing can be remembered of days, or what was is damaged."""


_REFUSED = VERSION + b"no days of a log of "
"""What stands in the place of days that are too many, or too large: up to which size of the log."""


class _Remembered:
    """One file of a log, of which days are remembered."""

    def __init__(self, place: Place, log: OpenLog, kind: TallyKind, reading: Reading) -> None:
        self._place, self._log, self._kind, self._reading = place, log, kind, reading
        self._stores: dict[str, DayStore] = {}

    def counted(self, query: Query) -> Counted:
        """Return what the file says.

        Raises:
            _ReadPlainlyError: That is to be found out by reading it. What is damaged is removed.
        """
        key = self._key(query)
        try:
            if key not in self._stores:
                self._stores[key] = self._store(key, query)
            return self._from_days(self._stores[key], query)
        except DamagedError as error:
            self._place.cache.remove(key)
            raise _ReadPlainlyError from error
        except TooManyDaysError as error:
            self._refuse(key)
            raise _ReadPlainlyError from error

    def _key(self, query: Query) -> str:
        """Under which key the days are kept that answer a query of any time."""
        zone, actors = query.zone.version, query.actors
        if zone is None:
            raise _ReadPlainlyError
        named = None if actors is None else sorted({*actors})
        asked = self._kind.version.decode(), zone, named, sorted({*query.without_actors})
        try:
            hashed = sha256(msgspec.json.encode(asked))
        except UnicodeEncodeError as error:  # a name that is no text, which no event has
            raise _ReadPlainlyError from error
        return f"{self._place.key(self._kind)}.days.{hashed.hexdigest()[:16]}"

    def _refuse(self, key: str) -> None:
        """Have the log read plainly from now on, until it is a shorter one."""
        self._place.cache.save(key, _REFUSED + str(self._log.end).encode())

    def _store(self, key: str, query: Query) -> DayStore:
        """Return the days of all finished lines, and keep them where that is worth it."""
        log, kind, reading = self._log, self._kind, self._reading
        data = self._place.cache.load(key)
        refused = (data or b"").removeprefix(_REFUSED)
        if data is not None and refused != data and refused.isdigit() and int(refused) <= log.end:
            raise _ReadPlainlyError
        store = DayStore.loaded(data, kind, query)
        if store is None or not Mark(store.offset, store.digest).stands(log, reading.tuning):
            store = DayStore(kind, query)
        before = Mark(store.offset, store.digest)
        read = read_on(log, DaysTask(kind, query._replace(window=ALWAYS)), reading, before)
        for stretch in read.parts:
            store.add(stretch, reading.tuning)
        store.offset = read.end
        if read.digest is not None:
            store.digest = read.digest
            if not self._place.cache.save(key, store.dump()):
                self._refuse(key)
        return store

    def _from_days(self, store: DayStore, query: Query) -> Counted:
        """Join the days of a window, and read what stands of it in others."""
        log, kind, tuning = self._log, self._kind, self._reading.tuning
        whole = Days()
        names, partial = store.covering(query.window)
        for name in names:
            whole.join(store.of(name))
        runs = joined(run for number in partial for run in store.runs_of(number))
        dealing = Dealing(kind, query, frozenset(partial), tuning)
        for run in runs:
            part = count_by_day(log._replace(end=run.end), dealing, run.begin, run.place)
            for days in part.days.values():
                whole.join(days)
        tally = whole.tally
        outside = _others(store.totals, tally.basic)
        tally.basic.merge(store.rest)
        if store.offset < log.end:  # a last line without its newline is in no store
            last = Accumulator(kind, query, tuning=tuning)
            count(log, [last], store.offset, tuning=tuning)
            tally.merge(last.tally)
            outside.merge(last.outside)
        return Counted(tally, outside)


def _others(totals: Totals, inside: Tally) -> Tally:
    """Return how many events there are besides those in `inside`, and of what.

    Raises:
        DamagedError: There are fewer than those, so the log is not what it was.
    """
    others = Tally(events=totals.events - inside.events, since_ns=totals.since_ns)
    for key in {*totals.records, *inside.records}:
        uses, exposures = totals.records.get(key, (0, 0))
        its = inside.records.get(key) or RecordTally()
        rest = RecordTally(uses - its.use_count, exposure_count=exposures - its.exposure_count)
        if min(others.events, rest.use_count, rest.exposure_count) < 0:
            raise DamagedError("there is more in a part than in the whole")
        if rest.use_count or rest.exposure_count:
            others.records[key] = rest
    return others
