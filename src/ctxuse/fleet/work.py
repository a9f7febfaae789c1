"""What a worker runs: a job as bytes in, its result as bytes out.

These functions are found by name, by a process of ours as by a worker of anybody's executor;
nothing else of the caller's is needed there.
"""

from contextlib import closing
from functools import partial

import msgspec

from ctxuse.fleet import jobs, wire
from ctxuse.fleet.counting import count
from ctxuse.fleet.opening import with_retries
from ctxuse.fleet.packs import Packs
from ctxuse.fleet.repeats import IdWriter, Repeats, write_repeats
from ctxuse.fleet.store import open_store
from ctxuse.reports.fleet import FleetTally, Unreadable

_encode = msgspec.json.Encoder().encode


def work(data: bytes) -> bytes:
    """Do a job."""
    job: jobs.AnyJob = jobs.decode(data)
    match job:
        case jobs.Count():
            return wire.dump(_count(job))
        case jobs.WriteIds():
            return _encode(_write_ids(job))
        case jobs.FindRepeats():
            scratch = open_store(job.scratch)
            return _encode(write_repeats(scratch, job.part, job.parts, job.files, job.without))
        case jobs.Export():
            from ctxuse.fleet.parquet import export  # noqa: PLC0415 - needs an extra

            return wire.dump(export(job))
        case jobs.Collect():
            from ctxuse.fleet.copying import copy_new  # noqa: PLC0415 - only for this job

            return _encode(copy_new(job))
        case jobs.Compact():
            from ctxuse.fleet.compacting import compact_some  # noqa: PLC0415 - likewise

            return _encode(compact_some(job))
        case jobs.Prove():
            from ctxuse.fleet.compacting import prove  # noqa: PLC0415 - likewise

            return _encode(prove(job))


def merge(*parts: bytes) -> bytes:
    """Return the `FleetTally` of several that follow one another, all as bytes."""
    whole = FleetTally()
    for part in parts:
        whole.merge(wire.load(part))
    return wire.dump(whole)


def _count(job: jobs.Count) -> FleetTally:
    if not any(job.slices):
        return count(job.sources, job.asked, cache=job.cache)
    slices = {
        source.place: [*its] for source, its in zip(job.sources, job.slices, strict=True) if its
    }
    with closing(Repeats(open_store(job.scratch), slices)) as repeats:
        return count(job.sources, job.asked, cache=job.cache, repeats=repeats)


def _write_ids(job: jobs.WriteIds) -> jobs.IdsWritten:
    unreadable: dict[int, str] = {}
    writer = IdWriter(open_store(job.scratch), job.first)
    packs = Packs(job.sources)
    for number, source in enumerate(job.sources, job.first):
        found = with_retries(source, partial(writer.add, source, number, packs))
        if isinstance(found, Unreadable):
            unreadable[number] = found.reason
    writer.flush()
    return jobs.IdsWritten(writer.files, unreadable, writer.ids)
