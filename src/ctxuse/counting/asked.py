"""What a log says of a part of its events: a window, some actors' uses, days of another zone.

Without a cache, or of a short log, everything is read. Of others the counts of each day are
remembered (`ctxuse.counting.daystore`), by what is asked but for the window; then those are joined
that lie in it, and of days that lie in it partly the bytes are read in which they stand.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple, Self

import msgspec

from ctxuse.counting.checkpoint import Place, Proof, place_of, stands
from ctxuse.counting.count import Accumulator, count
from ctxuse.counting.days import (
    Days,
    Dealing,
    Stretch,
    TooManyDaysError,
    count_by_day,
    dump_stretch,
    joined,
    load_stretch,
)
from ctxuse.counting.daystore import DamagedError, DayStore
from ctxuse.counting.kinds import KINDS, LogTally, TallyKind
from ctxuse.counting.tally import RecordTally, Tally
from ctxuse.counting.tuning import Reading, Tuning
from ctxuse.counting.workers import count_in_parallel, work
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.names import remove_old_checkpoints
from ctxuse.log.reader import OpenLog, last_line_end, open_logs
from ctxuse.progress import OnProgress
from ctxuse.query import ALWAYS, Query
from ctxuse.zones import Zone

__all__ = ["ByDay", "Counted", "count_asked", "count_log_asked", "work"]


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

    Args:
        layout: The workspace; None where the file is a copy, of which nothing is remembered.
        log: The open file.
        kind: What is counted.
        queries: What is asked.
        reading: How it is read.
    """
    place = None if layout is None else place_of(layout, log, reading)
    if place is not None:
        with suppress(TooManyDaysError, DamagedError, _NotKeptError):
            remembered = _Remembered(place, log, kind, reading)
            return [remembered.counted(query) for query in queries]
    accumulators = [Accumulator(kind, query, tuning=reading.tuning) for query in queries]
    count(log, accumulators, tuning=reading.tuning, on_progress=reading.on_progress)
    return [Counted(one.tally, one.outside) for one in accumulators]


class ByDay(NamedTuple):
    """The tallies of days; places begin anew in each stretch."""

    kind: TallyKind
    query: Query

    @property
    def program(self) -> str:
        """See `ctxuse.counting.workers.Task`."""
        return "from ctxuse.counting.asked import ByDay, work; work(ByDay.of)"

    def words(self) -> list[str]:
        """See `Task`."""
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

    def dump(self, counted: Stretch) -> bytes:
        """See `Task`."""
        return dump_stretch(counted)

    def load(self, data: bytes) -> Stretch:
        """See `Task`."""
        return load_stretch(data)


class _NotKeptError(Exception):
    """Nobody could tell whether days that were kept are still those of the zone."""


class _Remembered:
    """One file of a log, of which days are remembered."""

    def __init__(self, place: Place, log: OpenLog, kind: TallyKind, reading: Reading) -> None:
        self._place, self._log, self._kind, self._reading = place, log, kind, reading
        self._stores: dict[str, DayStore] = {}

    def counted(self, query: Query) -> Counted:
        """Return what the file says.

        Raises:
            TooManyDaysError: It has more days than are counted by day.
            DamagedError: What was stored is damaged; it will not be found again.
        """
        key = self._key(query)
        try:
            if key not in self._stores:
                self._stores[key] = self._store(key, query)
            return self._from_days(self._stores[key], query)
        except DamagedError:
            self._place.cache.remove(key)
            raise

    def _key(self, query: Query) -> str:
        """Under which key the days are kept that answer a query."""
        zone = query.zone.version
        if zone is None:
            raise _NotKeptError
        asked = msgspec.json.encode((zone, query.actors, query.without_actors))
        return f"{self._place.key(self._kind)}.days.{sha256(asked).hexdigest()[:16]}"

    def _store(self, key: str, query: Query) -> DayStore:
        """Return the days of all finished lines, and keep them where that is worth it."""
        log, kind = self._log, self._kind
        cache, tuning = self._reading.cache, self._reading.tuning
        assert cache is not None  # noqa: S101 - else there was no place
        store = DayStore.loaded(cache.load(key), kind, query)
        if store is None or not stands(store.offset, store.digest, log, tuning):
            store = DayStore(kind, query)
        start, before = store.offset, (store.offset, store.digest) if store.offset else None
        end = last_line_end(log, start)
        proof = Proof(log, end, tuning, before) if end - start >= tuning.checkpoint else None
        task = ByDay(kind, query._replace(window=ALWAYS))
        for stretch in count_in_parallel(log._replace(end=end), task, self._reading, start):
            store.add(stretch.shifted(store.events))
        store.offset = end
        if proof is not None and proof.holds():
            store.digest = proof.digest
            cache.save(key, store.dump())
        return store

    def _from_days(self, store: DayStore, query: Query) -> Counted:
        """Join the days of a window, and read what stands of it in others."""
        log, kind, tuning = self._log, self._kind, self._reading.tuning
        whole = Days()
        names, partial = store.covering(query.window)
        for name in names:
            whole.join(store.of(name))
        runs = joined(run for number in partial for run in store.of((0, number)).runs)
        dealing = Dealing(kind, query, frozenset(partial), tuning)
        for run in runs:
            part = count_by_day(log._replace(end=run.end), dealing, run.begin, run.place)
            for days in part.days.values():
                whole.join(days)
        tally = whole.tally
        outside = _others(store.whole, tally.basic)
        tally.basic.merge(store.rest)
        if store.offset < log.end:  # a last line without its newline is in no store
            last = Accumulator(kind, query, tuning=tuning)
            count(log, [last], store.offset, tuning=tuning)
            tally.merge(last.tally)
            outside.merge(last.outside)
        return Counted(tally, outside)


def _others(whole: Tally, inside: Tally) -> Tally:
    """Return how many events there are in `whole` besides those in `inside`, and of what."""
    outside = Tally(events=whole.events - inside.events)
    outside.since_ns = whole.since_ns
    for key, record in whole.records.items():
        its = inside.records.get(key) or RecordTally()
        rest = RecordTally(
            use_count=record.use_count - its.use_count,
            exposure_count=record.exposure_count - its.exposure_count,
        )
        if rest.use_count or rest.exposure_count:
            outside.records[key] = rest
    return outside
