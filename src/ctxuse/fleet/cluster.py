"""The workers of a Dask scheduler as an executor. The only module that knows `distributed`.

`Client.get_executor` would be one, but its futures never end when a result was lost with its worker
and could not be made anew.
"""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from typing import Any, ParamSpec, TypeVar

from ctxuse import __version__
from ctxuse.errors import FleetError, MissingExtraError
from ctxuse.fleet.executors import Workers, said_of
from ctxuse.redaction import hidden, without_secrets

P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE = 30
"""Seconds to wait for the scheduler."""

_PATIENCE_FOR_WORKERS = 60
"""Seconds to wait for a worker while there is none, at the beginning or when all are lost."""

_TO_CLOSE = 5
"""Seconds that a connection that was never there may take to close."""


def version() -> str:
    """Return the version of ctxuse; run on the scheduler and its workers."""
    return __version__


class Cluster(Workers):
    """The workers of a Dask scheduler.

    Args:
        address: The scheduler's, such as ``tcp://host:8786``.

    Raises:
        MissingExtraError: Dask is not installed.
        FleetError: Nobody answers there, or who does cannot be used.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._alone_since: float | None = None
        super().__init__(hidden(address), 1, self._connected)

    def look(self) -> None:
        """See `Workers`."""
        try:
            there = self._client.nthreads()
        except Exception as error:
            raise self._failed(f"the connection is lost: {said_of(error)}") from error
        if there:
            self._alone_since = None
            return
        now = time.monotonic()
        self._alone_since = now if self._alone_since is None else self._alone_since
        if now - self._alone_since > _PATIENCE_FOR_WORKERS:
            raise self._failed("all workers are lost, and no other has come")

    def reason(self, error: BaseException) -> str:
        """See `Workers`."""
        from distributed import KilledWorker  # noqa: PLC0415 - an extra

        if isinstance(error, KilledWorker):
            return f"the workers that read it were lost, {error.allowed_failures + 1} of them"
        return super().reason(error)

    @contextmanager
    def _connected(self) -> Iterator[Executor]:
        self._client = _client(self._address, self._failed)
        try:
            self._check()
            self.number = max(1, sum(self._client.nthreads().values()))
            with _without_warnings():
                yield _Futures(self._client)
        finally:
            self._client.close()

    def _failed(self, reason: str) -> FleetError:
        said = without_secrets(" ".join(reason.split()), self._address)
        return FleetError(self.name, said)

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
            reason = f"ctxuse cannot be run on the scheduler and its workers: {said_of(error)}"
            raise self._failed(reason) from error
        if found != {__version__}:
            others = ", ".join(sorted(found - {__version__}))
            reason = f"the cluster has ctxuse {others}, this is {__version__}"
            raise self._failed(reason)


class _Futures(Executor):
    """What a client is asked, as an executor."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - half of it is untyped
        self._client = client

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See `Executor`."""
        here: Future[T] = Future()

        def ended(there: Any) -> None:  # noqa: ANN401 - untyped
            if here.set_running_or_notify_cancel():
                try:
                    here.set_result(there.result())
                except BaseException as error:  # noqa: BLE001 - who asked decides what becomes of it
                    here.set_exception(error)

        self._client.submit(fn, *args, pure=False, **kwargs).add_done_callback(ended)
        return here


def _client(address: str, failed: Callable[[str], FleetError]) -> Any:  # noqa: ANN401 - half of it is untyped
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
            raise failed(f"no Dask scheduler answers: {error}") from error
        raise
    return made


def _without_warnings() -> Any:  # noqa: ANN401 - untyped
    """Have Dask not warn of the size of results that are to be merged."""
    from dask import config  # noqa: PLC0415 - an extra

    return config.set({"distributed.admin.large-graph-warning-threshold": "1TB"})
