"""Handing jobs to workers: processes of this machine, or threads of this process.

Results come back in the order of the jobs, whatever order they finish in, and only so many jobs
are under way that few results wait. A job belongs to its workspaces: when its worker is lost it is
done again from the beginning, and what the lost one had counted is nowhere.

Processes are interpreters of our own that are told what to do through a pipe.
"""

import os
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from queue import SimpleQueue
from threading import Event
from typing import Protocol, Self, TypeVar

from ctxuse.errors import FleetError
from ctxuse.fleet.jobs import Job
from ctxuse.fleet.target import HERE
from ctxuse.fleet.work import work
from ctxuse.processes import NotAMessageError, processors, receive, send, start_interpreter
from ctxuse.redaction import hidden

LOSSES = 3
"""A job whose worker was lost so often is divided, and one that cannot be is given up."""

_AHEAD = 4
"""Jobs under way for each worker, at most."""

J = TypeVar("J", bound=Job)


class Runner(Protocol):
    """Workers, of whatever kind."""

    workers: int
    """How many there are."""

    def results(self, jobs: Iterable[J]) -> Iterator[tuple[J, bytes]]:
        """Yield each job, or the jobs it was divided into, with its result, in order."""
        ...

    def merged(self, jobs: Iterable[Job]) -> Iterator[tuple[int, bytes | None]]:
        """Yield for each step how many workspaces it is about, and `FleetTally` in order.

        All of them together are the result; None is given where a result is merged elsewhere.
        """
        ...


class LostWorkerError(Exception):
    """A worker is gone before its result came."""


class Local:
    """Workers on this machine.

    Args:
        workers: How many; as many as there are processors when None.
        processes: Whether they are processes, else they are threads of this one.
    """

    def __init__(self, workers: int | None = None, *, processes: bool = True) -> None:
        self.workers = workers or processors()
        self._processes = processes
        self._closing = Event()
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        self._all: list[_Process] = []
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="ctxuse-fleet")
        for _ in range(self.workers if processes else 0):
            process = _Process()
            self._all.append(process)
            self._idle.put(process)

    def __enter__(self) -> Self:
        """Return the workers; they end with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for process in self._all:
            process.end()
        self._pool.shutdown(cancel_futures=True)
        for process in self._all:
            process.end()

    def results(self, jobs: Iterable[J]) -> Iterator[tuple[J, bytes]]:
        """See `Runner`."""
        under_way: deque[Future[list[tuple[J, bytes]]]] = deque()
        for job in jobs:
            under_way.append(self._pool.submit(self._do, job))
            if len(under_way) > _AHEAD * self.workers:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()

    def merged(self, jobs: Iterable[Job]) -> Iterator[tuple[int, bytes | None]]:
        """See `Runner`."""
        for job, result in self.results(jobs):
            yield job.number, result

    def _do(self, job: J) -> list[tuple[J, bytes]]:
        reason = ""
        for _ in range(LOSSES):
            if self._closing.is_set():
                return []
            try:
                return [(job, self._once(job.as_bytes()))]
            except LostWorkerError as error:
                reason = str(error)
        parts = job.divided()
        if len(parts) > 1:
            return [one for part in parts for one in self._do(part)]
        return [(job, job.given_up(reason))]

    def _once(self, job: bytes) -> bytes:
        if not self._processes:
            return work(job)
        process = self._idle.get()
        try:
            return process.ask(job)
        finally:
            self._idle.put(process)


class _Process:
    """A process that does one job after the other; when it is gone, the next job starts another."""

    def __init__(self) -> None:
        self._running: subprocess.Popen[bytes] | None = None

    def ask(self, job: bytes) -> bytes:
        """Return the result of `job`.

        Raises:
            LostWorkerError: The process ended meanwhile, or could not do the job.
        """
        running = self._running or self._start()
        if running.stdin is None or running.stdout is None:
            raise AssertionError
        answer: bytes | None = None
        try:
            send(running.stdin, job)
            answer = receive(running.stdout)
        except NotAMessageError as error:
            self.end()
            raise LostWorkerError(str(error)) from error
        except (OSError, ValueError):  # a pipe is broken, or closed by `end`
            pass
        if answer is None:
            self.end()
            status = running.returncode
            raise LostWorkerError(f"the process that read it ended with status {status}")
        if answer[:1] != b"+":
            raise LostWorkerError(answer[1:].decode(errors="replace"))
        return answer[1:]

    def end(self) -> None:
        """End the process, if there is one."""
        running, self._running = self._running, None
        if running is not None:
            running.kill()
            running.wait()
            for pipe in (running.stdin, running.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()

    def _start(self) -> "subprocess.Popen[bytes]":
        program = f"from ctxuse.fleet.work import serve; serve({os.getpid()})"
        try:
            self._running = start_interpreter(program, stdin=subprocess.PIPE)
        except OSError as error:
            raise LostWorkerError(f"no process can be started: {error.strerror}") from error
        return self._running


def open_runner(scheduler: str, workers: int | None = None) -> AbstractContextManager[Runner]:
    """Return the workers that `scheduler` means: ``processes``, ``threads``, or an address.

    Args:
        scheduler: As people write it.
        workers: How many, of this machine's.

    Raises:
        MissingExtraError: It is an address, and Dask is not installed.
        FleetError: Nobody answers there, or who does cannot be used.
    """
    if scheduler in HERE:
        return Local(workers, processes=scheduler == "processes")
    if "://" not in scheduler:
        reason = "write processes, threads, or the address of a Dask scheduler (tcp://host:8786)"
        raise FleetError(hidden(f"://{scheduler}")[len("://") :], reason)
    from ctxuse.fleet.cluster import Cluster  # noqa: PLC0415 - an extra

    return Cluster(scheduler)
