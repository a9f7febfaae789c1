"""The one door to workers of any kind: a `concurrent.futures.Executor`, and what it does not tell.

Over it go functions that are found by their names, with bytes, and bytes come back. So an executor
of anybody's will do whose workers can import ctxuse.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, suppress
from importlib import import_module
from typing import Any, Self

from ctxuse.errors import FleetError
from ctxuse.processes import LostWorkerError


class Workers:
    """An executor, open inside a ``with`` block.

    Args:
        name: What it is called in messages.
        number: How many work, as far as one knows.
        make: Makes the executor, also anew when one is broken, and ends it.
    """

    def __init__(
        self, name: str, number: int, make: Callable[[], AbstractContextManager[Executor]]
    ) -> None:
        self.name = name
        self.number = number
        self._make = make
        self._open()

    def __enter__(self) -> Self:
        """Return the workers; they end with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self._entered.__exit__(None, None, None)

    def submit(self, function: Callable[..., bytes], *parts: bytes) -> Future[bytes]:
        """Have a worker call `function`.

        An executor that takes nothing any more (a pool of processes that lost one is broken as a
        whole) is made anew.

        Raises:
            FleetError: It takes nothing then, either.
        """
        try:
            return self._executor.submit(function, *parts)
        except Exception:  # noqa: BLE001 - whatever an executor of anybody's raises
            with suppress(Exception):
                self._entered.__exit__(None, None, None)
            self._open()
        try:
            return self._executor.submit(function, *parts)
        except Exception as error:
            raise FleetError(self.name, f"it takes no jobs: {said_of(error)}") from error

    def look(self) -> None:
        """Look whether anybody can be at work; called now and then while results are waited for.

        Raises:
            FleetError: Nobody is, and nobody comes.
        """

    def reason(self, error: BaseException) -> str:
        """Return what is said of a job that failed."""
        return str(error) if isinstance(error, LostWorkerError) else said_of(error)

    def _open(self) -> None:
        self._entered = self._make()
        self._executor = self._entered.__enter__()


def said_of(error: BaseException) -> str:
    """Return an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def is_factory(text: str) -> bool:
    """Return whether text names something in a module: ``module:factory``."""
    module, colon, name = text.partition(":")
    return bool(colon) and all(part.isidentifier() for part in f"{module}.{name}".split("."))


def made_by(factory: str, workers: int | None) -> Executor:
    """Return the executor that a factory of the user's makes.

    Args:
        factory: As ``module:factory``, found where Python finds modules.
        workers: Its only argument; none when None.

    Raises:
        FleetError: It cannot be found or called, or gives something else.
    """
    module, _, name = factory.partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        made = found() if workers is None else found(workers)
    except Exception as error:
        raise FleetError(factory, f"it makes no executor: {said_of(error)}") from error
    if not isinstance(made, Executor):
        reason = f"it makes no concurrent.futures.Executor, but {type(made).__qualname__}"
        raise FleetError(factory, reason)
    return made
