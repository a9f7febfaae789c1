"""What a worker runs: a job as bytes in, its result as bytes out.

These functions are found by name, by a process of ours as by a worker of Dask; nothing else of
the caller's is needed there.
"""

import os
import sys
import time
from contextlib import closing
from functools import partial
from threading import Thread

import msgspec

from ctxuse.fleet import jobs, wire
from ctxuse.fleet.counting import count
from ctxuse.fleet.opening import with_retries
from ctxuse.fleet.repeats import IdWriter, Repeats, write_repeats
from ctxuse.fleet.store import open_store
from ctxuse.processes import NotAMessageError, receive, send
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
    writer = IdWriter(open_store(job.scratch), job.first, job.parts)
    for number, source in enumerate(job.sources, job.first):
        found = with_retries(source, partial(writer.add, source, number))
        if isinstance(found, Unreadable):
            unreadable[number] = found.reason
    writer.flush()
    return jobs.IdsWritten(writer.files, unreadable)


def serve(parent: int) -> None:
    """Do jobs from stdin, results to stdout, until there are no more: what a process of ours runs.

    Whatever else prints to stdout goes to stderr.

    Args:
        parent: The process that started us, which may be gone by now; then so are we.
    """
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    results = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    asked = sys.stdin.buffer
    with results:
        while (job := receive(asked)) is not None:
            try:
                answer = b"+" + work(job)
            except Exception as error:  # noqa: BLE001 - who asked decides what becomes of it
                answer = _failed(error)
            try:
                send(results, answer)
            except NotAMessageError as error:
                send(results, _failed(error))


def _failed(error: Exception) -> bytes:
    return b"-" + f"{type(error).__name__}: {error}".encode(errors="backslashreplace")


def _end_with(parent: int) -> None:
    """End as soon as who started us is gone, whatever is being read."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os._exit(1)


_LOOK_EVERY = 0.5
