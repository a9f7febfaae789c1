"""Handing jobs to workers, of whatever kind: the one engine of all work on many workspaces.

Results come back in the order of the jobs, whatever order they finish in, and only so many jobs
are under way that few results wait. A job belongs to its workspaces: when its worker is lost it is
done again from the beginning, and what the lost one had counted is nowhere. Not every executor can
say which job a worker was lost with, so what failed is tried again when nothing else is under way.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from functools import partial
from typing import NamedTuple, Self, TypeVar

from ctxuse.errors import FleetError
from ctxuse.fleet.executors import Workers, is_factory, made_by
from ctxuse.fleet.interpreters import Interpreters
from ctxuse.fleet.jobs import Job
from ctxuse.fleet.target import AnyExecutor, shown_executor
from ctxuse.fleet.work import merge, work
from ctxuse.processes import processors

LOSSES = 3
"""A job whose worker was lost so often is divided, and one that cannot be is given up."""

FAN_IN = 32
"""So many results are merged into one."""

MOST_MERGED = 64 * 1024 * 1024
"""Bytes of results that are merged into one, about; or less than `FAN_IN` of them."""

_AHEAD = 4
"""Jobs under way for each worker, at most."""

_LOOK = 5
"""Seconds between two looks at whether there are workers."""

J = TypeVar("J", bound=Job)


class _FailedError(Exception):
    """What was asked of workers failed `LOSSES` times."""


class _Asked(NamedTuple):
    """What workers are asked, and its result to be."""

    function: Callable[..., bytes]
    parts: tuple[bytes, ...]
    future: Future[bytes]


class Engine:
    """Has jobs done.

    Args:
        workers: Who does them; they end with the block.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._under_way: set[Future[bytes]] = set()

    @property
    def workers(self) -> int:
        """How many work."""
        return self._workers.number

    def __enter__(self) -> Self:
        """Return the engine; what is under way at the end of the block is given up."""
        self._workers.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for future in [*self._under_way]:
            future.cancel()
        self._workers.__exit__()

    def results(self, jobs: Iterable[J]) -> Iterator[tuple[J, bytes]]:
        """Yield each job, or the jobs it was divided into, with its result, in order."""
        under_way: deque[tuple[J, _Asked]] = deque()
        for job in jobs:
            under_way.append((job, self._ask(work, job.as_bytes())))
            if len(under_way) > _AHEAD * self.workers:
                yield from self._settled(*under_way.popleft())
        while under_way:
            yield from self._settled(*under_way.popleft())

    def merged(self, jobs: Iterable[Job]) -> Iterator[tuple[int, bytes | None]]:
        """Yield for each step how many workspaces it is about, and a `FleetTally` if it gives one.

        They follow one another as the jobs do, and all together are the result. Workers merge most
        of it, so that one who takes these up has little to do.
        """
        merging: deque[_Asked] = deque()
        parts: list[bytes] = []
        for job, result in self.results(jobs):
            yield job.number, None
            parts.append(result)
            if len(parts) == FAN_IN or sum(map(len, parts)) > MOST_MERGED:
                merging.append(self._ask(merge, *parts))
                parts = []
            while merging and merging[0].future.done():
                yield from ((0, result) for result in self._merged(merging.popleft()))
        for asked in merging:
            yield from ((0, result) for result in self._merged(asked))
        yield from ((0, result) for result in parts)

    def _merged(self, asked: _Asked) -> tuple[bytes, ...]:
        """Results as one, or as they are when workers cannot merge them."""
        try:
            return (self._result(asked),)
        except _FailedError:
            return asked.parts

    def _settled(self, job: J, asked: _Asked) -> Iterator[tuple[J, bytes]]:
        """A job when it is done, or the jobs it was divided into."""
        try:
            result = self._result(asked)
        except _FailedError as error:
            reason = str(error)
        else:
            yield job, result
            return
        parts = job.divided()
        if len(parts) == 1:
            yield job, job.given_up(reason)
            return
        for part in parts:
            yield from self._settled(part, self._ask(work, part.as_bytes()))

    def _ask(self, function: Callable[..., bytes], *parts: bytes) -> _Asked:
        future = self._workers.submit(function, *parts)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return _Asked(function, parts, future)

    def _result(self, asked: _Asked) -> bytes:
        """What workers gave; what failed is tried again, alone.

        Raises:
            _FailedError: It fails again and again.
        """
        left = LOSSES
        while True:
            self._wait(asked.future)
            try:
                return asked.future.result()
            except Exception as error:
                left -= 1
                if not left:
                    raise _FailedError(self._workers.reason(error)) from error
            self._wait(*self._under_way)
            asked = self._ask(asked.function, *asked.parts)

    def _wait(self, *futures: Future[bytes]) -> None:
        while wait(futures, _LOOK).not_done:
            self._workers.look()


def open_engine(executor: AnyExecutor, workers: int | None = None) -> Engine:
    """Return an engine over the workers that `executor` means.

    Args:
        executor: As people write it: ``processes``, ``threads``, the address of a Dask scheduler,
            ``module:factory``; or an executor, which is left open.
        workers: How many, where that is not known; for each processor one when None.

    Raises:
        MissingExtraError: It is an address, and Dask is not installed.
        FleetError: Nobody answers there, who does cannot be used, or there is no such factory.
    """
    number = workers or processors()
    if not isinstance(executor, str):
        made = Workers(shown_executor(executor), number, lambda: nullcontext(executor))
    elif executor == "processes":
        made = Workers(executor, number, partial(Interpreters, number))
    elif executor == "threads":
        pool = partial(ThreadPoolExecutor, number, thread_name_prefix="ctxuse-fleet")
        made = Workers(executor, number, pool)
    elif "://" in executor:
        from ctxuse.fleet.cluster import Cluster  # noqa: PLC0415 - an extra

        made = Cluster(executor)
    elif is_factory(executor):
        made = Workers(executor, number, partial(made_by, executor, workers))
    else:
        reason = (
            "write processes, threads, the address of a Dask scheduler (tcp://host:8786), or"
            " MODULE:FACTORY of an executor"
        )
        raise FleetError(shown_executor(executor), reason)
    return Engine(made)
