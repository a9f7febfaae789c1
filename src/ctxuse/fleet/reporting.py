"""The report over many workspaces, from places to values: what `ctxuse fleet report` calls."""

import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ctxuse.counting.tuning import OnProgress, cache_allowed
from ctxuse.errors import FleetError
from ctxuse.fleet import stored
from ctxuse.fleet.jobs import Count, FindRepeats, IdsWritten, WriteIds
from ctxuse.fleet.places import find
from ctxuse.fleet.repeats import Slice, parts_for
from ctxuse.fleet.running import Runner, open_runner
from ctxuse.fleet.source import Source
from ctxuse.fleet.target import HERE, scratch_in
from ctxuse.fleetreport import (
    FleetBy,
    FleetQuery,
    FleetReport,
    FleetTally,
    Unreadable,
    build_fleet_report,
)
from ctxuse.query import Query
from ctxuse.zones import LOCAL, UTC, Zone

if TYPE_CHECKING:
    from whenever import Instant

MOST_IN_BATCH = 256
"""Workspaces in a job, at most."""

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of logs in a job, at most, unless one workspace alone has more."""

_ROUNDS = 8
"""Jobs for each worker, at least, where there are workspaces enough: the last ones end together."""


class Execution(NamedTuple):
    """Who does the work, and how.

    Attributes:
        scheduler: ``processes`` or ``threads`` of this machine, or the address of a Dask scheduler.
        workers: How many processes or threads; one for each processor when None.
        scratch: A folder or address that all workers reach, for distinct ids; a temporary folder
            when None.
        cache: Whether to use and write checkpoints.
        on_progress: Told how many workspaces are done, and how many there are.
    """

    scheduler: str = "processes"
    workers: int | None = None
    scratch: str | None = None
    cache: bool = True
    on_progress: OnProgress | None = None


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
    scheduler: str = "processes",
    workers: int | None = None,
    scratch: str | None = None,
    cache: bool | None = None,
    on_progress: OnProgress | None = None,
) -> FleetReport:
    """Return what the logs of many workspaces say.

    Args:
        places: Folders, patterns, ``@FILE`` and addresses; see `ctxuse.fleet.places`.
        merge_records: Take records of the same kind and slug for one, whichever workspace they are
            of; the size per injection is then that of the workspace with the latest exposure.
        by: Group by this instead of by record.
        full: Give the fuller figures, too; of merged records only.
        since: Count events from this time on; then every log is read whole.
        until: Count events before this time; likewise.
        actors: Count only uses by these, ``unknown`` for those that do not say, and all exposures;
            likewise.
        without_actors: Leave out uses by these; likewise.
        zone: The time zone that days are those of; by day, and of the fuller figures, everything
            is read in another one than UTC.
        distinct_ids: Count events that several workspaces hold with the first of them only.
        scheduler: See `Execution`.
        workers: See `Execution`.
        scratch: See `Execution`.
        cache: See `Execution`; None leaves it to ``CTXUSE_NO_CACHE``.
        on_progress: See `Execution`.

    Raises:
        MissingExtraError: What is asked for needs libraries that are not installed.
        FleetError: The scheduler does not answer or cannot be used, or `scratch` cannot.
    """
    query = Query.of(since, until, actors, without_actors, zone=zone)
    asked = FleetQuery(query, merge_records, by, full, distinct_ids)
    cache = cache_allowed(os.environ) if cache is None else cache
    execution = Execution(scheduler, workers, scratch, cache, on_progress)
    return make_fleet_report(places, asked, execution)


def make_fleet_report(
    places: Iterable[str], asked: FleetQuery, execution: Execution
) -> FleetReport:
    """Return what the logs of many workspaces say; see `fleet_report`."""
    scheduler, zone = execution.scheduler, asked.query.zone
    if zone.name == LOCAL and scheduler not in HERE:
        reason = "the time zone of this machine has no name that workers know: --tz Europe/Berlin"
        raise FleetError(scheduler, reason)
    found = find(places)
    if not found.sources:
        return build_fleet_report(FleetTally(), asked, found.unreadable)
    job, on_progress = Count(asked=asked, cache=execution.cache), execution.on_progress
    with ExitStack() as stack:
        runner = stack.enter_context(open_runner(scheduler, execution.workers))
        if asked.distinct_ids:
            if execution.scratch is None:
                own = stack.enter_context(tempfile.TemporaryDirectory(prefix="ctxuse-"))
            else:
                own = stack.enter_context(scratch_in(execution.scratch, scheduler))
            tally = _count_distinct(runner, found.sources, job, own, on_progress)
        else:
            tally = _count(runner, found.sources, job, on_progress)
    return build_fleet_report(tally, asked, found.unreadable)


def batches(sources: Sequence[Source], workers: int) -> Iterator[tuple[int, Sequence[Source]]]:
    """Yield stretches of `sources`, each with the number of its first: what one job is about."""
    most = max(1, min(MOST_IN_BATCH, -(-len(sources) // (workers * _ROUNDS))))
    first = size = 0
    for number, source in enumerate(sources):
        if number > first and (number - first == most or size + source.size > MOST_BYTES):
            yield first, sources[first:number]
            first, size = number, 0
        size += source.size
    if first < len(sources):
        yield first, sources[first:]


def _count(
    runner: Runner,
    sources: Sequence[Source],
    job: Count,
    on_progress: OnProgress | None,
    slices: Sequence[Sequence[Slice]] = (),
) -> FleetTally:
    jobs = (
        msgspec.structs.replace(
            job,
            sources=tuple(batch),
            slices=tuple(tuple(its) for its in slices[first : first + len(batch)]),
        )
        for first, batch in batches(sources, runner.workers)
    )
    whole = FleetTally()
    done = 0
    if job.asked.merge_records or job.asked.by is not None:
        steps = runner.merged(jobs)
    else:
        steps = ((one.number, result) for one, result in runner.results(jobs))
    for number, result in steps:
        if result is not None:
            whole.merge(stored.load(result))
        done += number
        if on_progress is not None:
            on_progress(done, len(sources))
    return whole


def _count_distinct(
    runner: Runner,
    sources: Sequence[Source],
    job: Count,
    scratch: str,
    on_progress: OnProgress | None,
) -> FleetTally:
    """Count each event with the first workspace that holds it.

    A workspace that can be read at first and not later on holds nothing: then it is done again.
    """
    parts = parts_for(sum(source.size for source in sources))
    files: list[tuple[int, int]] = []
    unreadable: dict[int, str] = {}
    writing = (
        WriteIds(sources=tuple(batch), scratch=scratch, first=first, parts=parts)
        for first, batch in batches(sources, runner.workers)
    )
    done, whole = 0, len(sources)
    for one, result in runner.results(writing):
        done += one.number
        if on_progress is not None:
            on_progress(done // 2, whole)  # the other half is counting them
        written = msgspec.json.decode(result, type=IdsWritten)
        files.append((one.first, written.files))
        unreadable |= written.unreadable
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
        for _, result in runner.results(finding):
            for number, its in msgspec.json.decode(result, type=dict[int, Slice]).items():
                slices[number].append(its)
        readable = [n for n in range(len(sources)) if n not in unreadable]
        tally = _count(
            runner,
            [sources[n] for n in readable],
            msgspec.structs.replace(job, scratch=scratch),
            None
            if on_progress is None
            else lambda n, _: on_progress(whole - (whole - n) // 2, whole),
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
