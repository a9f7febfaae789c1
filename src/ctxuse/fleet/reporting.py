"""The report over many workspaces, from places to values: what `ctxuse fleet report` calls."""

import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ctxuse.cache import cache_allowed
from ctxuse.errors import FleetError
from ctxuse.fleet import wire
from ctxuse.fleet.discovery import find
from ctxuse.fleet.jobs import Count, FindRepeats, IdsWritten, WriteIds, batches
from ctxuse.fleet.repeats import Slice, parts_for
from ctxuse.fleet.running import Engine, open_engine
from ctxuse.fleet.source import Source
from ctxuse.fleet.target import HERE, AnyExecutor, scratch_in, shown_executor
from ctxuse.progress import OnProgress, silent
from ctxuse.query import Query
from ctxuse.reports.fleet import (
    FleetBy,
    FleetQuery,
    FleetReport,
    FleetTally,
    Unreadable,
    build_fleet_report,
)
from ctxuse.zones import LOCAL, UTC, Zone

if TYPE_CHECKING:
    from whenever import Instant


class Execution(NamedTuple):
    """Who does the work, and how.

    Attributes:
        executor: ``processes`` or ``threads`` of this machine, the address of a Dask scheduler,
            ``module:factory`` of an executor; or a `concurrent.futures.Executor`, which is left
            open. Its workers import ctxuse.
        workers: How many work, where that is not known, and the argument of a factory; one for
            each processor, and no argument, when None.
        batch_size: Workspaces in a job, at most; when None so many that every worker has several.
        scratch: A folder or address that all workers reach, for distinct ids; a temporary folder
            when None.
        cache: Whether to use and write checkpoints.
        on_progress: Called with how many workspaces are done, and how many there are.
    """

    executor: AnyExecutor = "processes"
    workers: int | None = None
    batch_size: int | None = None
    scratch: str | None = None
    cache: bool = True
    on_progress: OnProgress = silent


def fleet_report(  # noqa: PLR0913 - a report has these options
    places: Iterable[str],
    *,
    merge_records: bool = False,
    by: FleetBy | None = None,
    full: bool = False,
    since: "Instant | None" = None,
    until: "Instant | None" = None,
    actors: Collection[str] | None = None,
    without_actors: Collection[str] = (),
    zone: Zone = UTC,
    distinct_ids: bool = False,
    executor: AnyExecutor = "processes",
    workers: int | None = None,
    batch_size: int | None = None,
    scratch: str | None = None,
    cache: bool | None = None,
    on_progress: OnProgress = silent,
) -> FleetReport:
    """Return what the logs of many workspaces say.

    Args:
        places: Folders, patterns, ``@FILE`` and addresses; see `ctxuse.fleet.discovery`.
        merge_records: Take records of the same kind and slug for one, whichever workspace they are
            of; the size per injection is then that of the workspace with the latest exposure.
        by: Group by this instead of by record.
        full: Give the fuller figures, too; of merged records only.
        since: Count events from this time on.
        until: Count events before this time.
        actors: Count only uses by these, ``unknown`` for those that do not say, and all exposures.
        without_actors: Leave out uses by these.
        zone: The time zone that days are those of.
        distinct_ids: Count events that several workspaces hold with the first of them only.
        executor: See `Execution`.
        workers: See `Execution`.
        batch_size: See `Execution`.
        scratch: See `Execution`.
        cache: See `Execution`; None leaves it to ``CTXUSE_NO_CACHE``.
        on_progress: See `Execution`.

    Raises:
        MissingExtraError: What is asked for needs libraries that are not installed.
        FleetError: The executor cannot be used, or `scratch` cannot.
    """
    query = Query.of(since, until, actors, without_actors, zone=zone)
    full = full and merge_records and by is None
    asked = FleetQuery(query, merge_records, by, full, distinct_ids)
    cache = cache_allowed(os.environ) if cache is None else cache
    execution = Execution(executor, workers, batch_size, scratch, cache, on_progress)
    return make_fleet_report(places, asked, execution)


def make_fleet_report(
    places: Iterable[str], asked: FleetQuery, execution: Execution
) -> FleetReport:
    """Return what the logs of many workspaces say; see `fleet_report`."""
    executor, zone = execution.executor, asked.query.zone
    if zone.name == LOCAL and executor not in HERE:
        reason = "the time zone of this machine has no name that workers know: --tz Europe/Berlin"
        raise FleetError(shown_executor(executor), reason)
    discovered = find(places)
    if not discovered.sources:
        return build_fleet_report(FleetTally(), asked, discovered.unreadable)
    job = Count(asked=asked, cache=execution.cache)
    with ExitStack() as stack:
        # before the workers, who have ended when it goes
        scratch = stack.enter_context(_scratch_of(execution)) if asked.distinct_ids else ""
        engine = stack.enter_context(open_engine(executor, execution.workers))
        run = _Run(engine, execution.batch_size, execution.on_progress)
        if scratch:
            tally = _count_distinct(run, discovered.sources, job, scratch)
        else:
            tally = _count(run, discovered.sources, job)
    return build_fleet_report(tally, asked, discovered.unreadable)


def _scratch_of(execution: Execution) -> AbstractContextManager[str]:
    if execution.scratch is None:
        return tempfile.TemporaryDirectory(prefix="ctxuse-")
    return scratch_in(execution.scratch, execution.executor)


class _Run(NamedTuple):
    """Who works, on how much at a time, and who watches: as `fleet_report` has them."""

    engine: Engine
    batch_size: int | None
    on_progress: OnProgress

    def batches(self, sources: Sequence[Source]) -> Iterator[tuple[int, Sequence[Source]]]:
        return batches(sources, self.engine.workers, self.batch_size)


def _count(
    run: _Run, sources: Sequence[Source], job: Count, slices: Sequence[Sequence[Slice]] = ()
) -> FleetTally:
    jobs = (
        msgspec.structs.replace(
            job,
            sources=tuple(batch),
            slices=tuple(tuple(its) for its in slices[first : first + len(batch)]),
        )
        for first, batch in run.batches(sources)
    )
    whole = FleetTally()
    done = 0
    if job.asked.merge_records or job.asked.by is not None:
        steps = run.engine.merged(jobs)
    else:
        steps = ((one.number, result) for one, result in run.engine.results(jobs))
    for number, result in steps:
        if result is not None:
            whole.merge(wire.load(result))
        done += number
        run.on_progress(done, len(sources))
    return whole


def _count_distinct(run: _Run, sources: Sequence[Source], job: Count, scratch: str) -> FleetTally:
    """Count each event with the first workspace that holds it.

    A workspace that can be read at first and not later on holds nothing: then it is done again.
    """
    files: list[tuple[int, int]] = []
    unreadable: dict[int, str] = {}
    writing = (
        WriteIds(sources=tuple(batch), scratch=scratch, first=first)
        for first, batch in run.batches(sources)
    )
    done, ids, whole = 0, 0, len(sources)
    for one, result in run.engine.results(writing):
        done += one.number
        run.on_progress(done // 2, whole)  # the other half is counting them
        written = msgspec.json.decode(result, type=IdsWritten)
        files.append((one.first, written.files))
        unreadable |= written.unreadable
        ids += written.ids
    parts = parts_for(ids)
    while True:
        slices: list[list[Slice]] = [[] for _ in sources]
        finding = (
            FindRepeats(
                scratch=scratch,
                part=part,
                parts=parts,
                files=tuple(files),
                without=tuple(unreadable),
            )
            for part in range(parts)
        )
        for _, result in run.engine.results(finding):
            for number, its in msgspec.json.decode(result, type=dict[int, Slice]).items():
                slices[number].append(its)
        readable = [n for n in range(len(sources)) if n not in unreadable]
        tally = _count(
            run._replace(on_progress=lambda n, _: run.on_progress(whole - (whole - n) // 2, whole)),
            [sources[n] for n in readable],
            msgspec.structs.replace(job, scratch=scratch),
            [slices[n] for n in readable],
        )
        if not tally.unreadable:
            tally.unreadable = [Unreadable(sources[n].address, r) for n, r in unreadable.items()]
            return tally
        reasons = {place.address: place.reason for place in tally.unreadable}
        lost = {n: reasons[sources[n].address] for n in readable if sources[n].address in reasons}
        if not lost:
            raise FleetError("--distinct-ids", "workspaces come and go while they are read")
        unreadable |= lost
