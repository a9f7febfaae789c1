"""Handing jobs to the workers of a Dask scheduler. The only module that knows `distributed`.

A worker gives back a tally, not events. Where records are merged, the workers do that too, `FAN_IN`
results at a time, so that neither they nor the scheduler nor we hold more than some of them; where
records stay apart, results come to us one by one. When a worker is lost, the scheduler has its jobs
done again elsewhere, from the beginning, and lost results made anew.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ctxuse import __version__
from ctxuse.errors import FleetError, MissingExtraError
from ctxuse.fleet.jobs import Job
from ctxuse.fleet.work import merge, work
from ctxuse.redaction import hidden, without_secrets

if TYPE_CHECKING:
    from distributed import Future

    Results = Future[Any]

J = TypeVar("J", bound=Job)

FAN_IN = 32
"""So many results are merged into one."""

_AHEAD = 4
"""Jobs under way for each thread of the workers, at most."""

_PATIENCE = 30
"""Seconds to wait for the scheduler."""

_PATIENCE_FOR_WORKERS = 60
"""Seconds to wait for a worker while there is none, at the beginning or when all are lost."""

_TO_CLOSE = 5
"""Seconds that a connection that was never there may take to close."""

_LOOK = 5
"""Seconds between two looks at whether there are workers."""


def version() -> str:
    """Return the version of ctxuse; run on the scheduler and its workers."""
    return __version__


class _StillAtWorkError(Exception):
    """A job has not ended yet."""


class _LostResultError(FleetError):
    """A result was lost, and cannot be had from where it was."""


class Cluster:
    """The workers of a Dask scheduler.

    Args:
        address: The scheduler's, such as ``tcp://host:8786``.

    Raises:
        MissingExtraError: Dask is not installed.
        FleetError: Nobody answers there, or who does cannot be used.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._lethal: dict[bytes, str] = {}
        self._client: Any = self._connected(address)  # half of it is untyped
        try:
            self._check()
            self.workers = max(1, sum(self._client.nthreads().values()))
        except BaseException:
            self._client.close()
            raise

    def __enter__(self) -> Self:
        """Return the workers; the connection ends with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def results(self, jobs: Iterable[J]) -> Iterator[tuple[J, bytes]]:
        """See `Runner`."""
        for job, future in self._finished(jobs):
            try:
                result = self._of(future)
            except _LostResultError:
                for part, again in self._settled(job, self._submit(job)):
                    yield part, self._of(again)
            else:
                yield job, result

    def merged(self, jobs: Iterable[Job]) -> Iterator[tuple[int, bytes | None]]:
        """See `Runner`.

        Results that are lost again and again, with the workers that some workspace kills, make it
        necessary to begin anew, without that workspace.
        """
        every = [*jobs]
        told = 0
        while True:
            lost = len(self._lethal)
            tree = _Tree(lambda parts: self._client.submit(merge, *parts, pure=False))
            done = 0
            for job, future in self._finished(every):
                tree.add(future)
                done += job.number
                yield max(0, done - told), None
                told = max(told, done)
            root = tree.root()
            error = self._error(root)
            if error is None or len(self._lethal) == lost:
                yield 0, self._of(root)
                return

    def _finished(self, jobs: Iterable[J]) -> Iterator[tuple[J, "Results"]]:
        """Each job, or the jobs it was divided into, when it is done, in order."""
        under_way: deque[tuple[J, Results]] = deque()
        for job in jobs:
            under_way.append((job, self._submit(job)))
            if len(under_way) > max(_AHEAD * self.workers, FAN_IN):
                yield from self._settled(*under_way.popleft(), under_way)
        while under_way:
            yield from self._settled(*under_way.popleft(), under_way)

    def _settled(
        self, job: J, future: "Results", others: Iterable[tuple[J, "Results"]] = ()
    ) -> Iterator[tuple[J, "Results"]]:
        """A job when it is done, or the jobs it was divided into.

        When a worker is lost, the scheduler cannot tell which of its jobs was to blame. So they are
        divided, and each part is tried alone when nothing else is under way.
        """
        from distributed import KilledWorker  # noqa: PLC0415 - an extra

        error = self._error(future)
        if error is None:
            yield job, future
            return
        if isinstance(error, KilledWorker):
            reason = f"the workers that read it were lost, {error.allowed_failures + 1} of them"
        else:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
        for _, other in others:
            self._error(other)
        parts = job.divided()
        if len(parts) > 1:
            for part in parts:
                yield from self._settled(part, self._submit(part))
            return
        if job.as_bytes() not in self._lethal:
            again = self._submit(job)
            if self._error(again) is None:
                yield job, again
                return
            self._lethal[job.as_bytes()] = reason
        yield job, self._submit(job)

    def _submit(self, job: Job) -> "Results":
        data = job.as_bytes()
        if data in self._lethal:
            result = job.given_up(self._lethal[data])
            given_up: Results = self._client.submit(bytes, result, pure=False)
            return given_up
        future: Results = self._client.submit(work, data, pure=False)
        return future

    def _error(self, future: "Results") -> BaseException | None:
        """What a job ended with; waits for its end."""
        untyped: Any = future
        error: BaseException | None = self._waited(lambda: untyped.exception(timeout=_LOOK))
        return error

    def _of(self, future: "Results") -> bytes:
        """The result of a job.

        Raises:
            _LostResultError: It was lost with its worker, and could not be made anew.
        """
        error = self._error(future)
        if error is None:
            try:
                data: bytes = self._waited(lambda: future.result(timeout=_LOOK))
            except FleetError:
                raise
            except Exception as late:  # noqa: BLE001 - whatever it was when made anew
                error = late
            else:
                return data
        reason = f"results were lost: {type(error).__name__}: {error}"
        raise self._failed(reason, _LostResultError)

    def _waited(self, ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - as `_guarded`
        """Ask until there is an answer.

        Raises:
            FleetError: The scheduler has no worker any more, and none comes.
        """
        begin = time.monotonic()
        while True:
            try:
                return self._guarded(ask)
            except _StillAtWorkError:
                if self._guarded(self._client.nthreads):
                    begin = time.monotonic()
                elif time.monotonic() - begin > _PATIENCE_FOR_WORKERS:
                    reason = "all workers are lost, and no other has come"
                    raise self._failed(reason) from None

    def _guarded(self, ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - Dask's results are untyped
        from distributed import CancelledError  # noqa: PLC0415 - an extra

        try:
            return ask()
        except TimeoutError:
            raise _StillAtWorkError from None
        except (OSError, CancelledError) as error:
            reason = f"the connection is lost: {type(error).__name__}: {error}"
            raise self._failed(reason) from error

    def _connected(self, address: str) -> Any:  # noqa: ANN401 - a client, half of it untyped
        try:
            import distributed  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise MissingExtraError("a Dask scheduler", "fleet") from error
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # we say what happens
        client: Any = distributed.Client
        made = client.__new__(client)  # one that cannot connect must be closed, and by us
        try:
            made.__init__(address, timeout=_PATIENCE, set_as_default=False)
        except BaseException as error:
            # Left to the garbage collector it closes itself in whatever thread that runs, and when
            # that is the thread of the next client's loop, both wait for one another.
            with suppress(Exception):
                made.close(timeout=_TO_CLOSE)
            if isinstance(error, OSError | TimeoutError | ValueError):
                reason = f"no Dask scheduler answers: {error}"
                raise self._failed(reason) from error
            raise
        return made

    def _failed(self, reason: str, kind: type[FleetError] = FleetError) -> FleetError:
        said = without_secrets(" ".join(reason.split()), self._address)
        return kind(hidden(self._address), said)

    def _check(self) -> None:
        """Refuse workers that would count otherwise.

        Raises:
            FleetError: There are none, or they cannot be used.
        """
        try:
            self._client.wait_for_workers(1, timeout=_PATIENCE_FOR_WORKERS)
        except TimeoutError as error:
            raise self._failed("the scheduler has no worker") from error
        try:
            found = {*self._client.run(version).values(), self._client.run_on_scheduler(version)}
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            reason = f"ctxuse cannot be run on the scheduler and its workers: {said}"
            raise self._failed(reason) from error
        if found != {__version__}:
            others = ", ".join(sorted(found - {__version__}))
            reason = f"the cluster has ctxuse {others}, this is {__version__}"
            raise self._failed(reason)


class _Tree:
    """Merges results that come in order, `FAN_IN` at a time, where they are."""

    def __init__(self, merged: Callable[[list["Results"]], "Results"]) -> None:
        self._merged = merged
        self._levels: list[list[Results]] = []

    def add(self, result: "Results", level: int = 0) -> None:
        """Add the result that follows all others."""
        if level == len(self._levels):
            self._levels.append([])
        here = self._levels[level]
        here.append(result)
        if len(here) == FAN_IN:
            self._levels[level] = []
            self.add(self._merged(here), level + 1)

    def root(self) -> "Results":
        """Return all of them merged: what stands higher up comes first."""
        below: list[Results] = []
        for here in self._levels:
            below = [*here, *([self._merged(below)] if below else [])]
        return self._merged(below)
