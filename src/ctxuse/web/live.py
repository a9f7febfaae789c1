"""Each answer is computed once for as long as the log stays the same; who waits is told of changes.

A burst of events costs no more than its reader wants to pay: the log is looked at twice a second,
one thing is computed at a time, and the next version of the log is offered only after a rest of
four times as long as everything computed for the present one took, a minute at most. However many
pages are open, they share what was computed.
"""

import asyncio
import hashlib
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import NamedTuple, TypeVar

from ctxuse.layout import LOG_NAME, WorkspaceLayout
from ctxuse.log.names import archive_names

LOOK_EVERY = 0.5
"""Seconds between two looks at the log."""

REST = 4
"""The next version comes after so many times as long as computing took for the present one."""

LONGEST_REST = 60.0
"""But no later than so many seconds after it."""

KEPT_ANSWERS = 16
"""So many finished answers are kept: pages and JSON, as text."""

KEPT_PARTS = 3
"""So many of the reports they are made of."""

LASTING = 30.0
"""Seconds for which an answer is kept while the log stays the same: files on the disk change, too,
and so do windows such as the last hour."""

MOST_WAITING = 16
"""So many requests may wait for something to be computed; further ones are refused."""

T = TypeVar("T")


class BusyError(Exception):
    """Too many requests wait already."""


class GoneError(Exception):
    """Who asked has gone meanwhile."""


class _Found(NamedTuple):
    version: str
    at: float
    value: object


class _Kept:
    """Some values of one version, the last used ones. Safe between threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[Hashable, _Found] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, version: str, after: float) -> _Found | None:
        with self._lock:
            found = self._found.get(key)
            if found is None or found.version != version or found.at < after:
                return None
            self._found.move_to_end(key)
            return found

    def put(self, key: Hashable, found: _Found) -> None:
        with self._lock:
            self._found[key] = found
            self._found.move_to_end(key)
            while len(self._found) > self._most:
                self._found.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._found.clear()


class Parts:
    """What a computation may use of earlier ones for the same version of the log.

    Attributes:
        version: The version that is computed for.
    """

    def __init__(self, version: str, kept: _Kept, clock: Callable[[], float]) -> None:
        self.version = version
        self._kept = kept
        self._clock = clock

    def part(self, key: Hashable, compute: Callable[[], T], *, moves: bool = False) -> T:
        """Return what `compute` gives, or gave before for the same key and version.

        Args:
            key: What is asked for.
            compute: Computes it.
            moves: Whether it changes as time passes.
        """
        after = self._clock() - LASTING if moves else float("-inf")
        found = self._kept.get(key, self.version, after)
        if found is None:
            found = _Found(self.version, self._clock(), compute())
            self._kept.put(key, found)
        value: T = found.value  # type: ignore[assignment] # of the same key, so of the same kind
        return value


class Live:
    """What is known of a log, and since when.

    Args:
        layout: The workspace.
        clock: Tells seconds that never run backwards.
    """

    def __init__(
        self, layout: WorkspaceLayout, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._layout = layout
        self._clock = clock
        self._answers, self._parts = _Kept(KEPT_ANSWERS), _Kept(KEPT_PARTS)
        self._computing = asyncio.Lock()
        self._waiting = 0
        self._changed = asyncio.Condition()
        self._spent = 0.0
        self._since = clock()
        self.version = log_version(layout)

    async def watch(self) -> None:
        """Look at the log again and again, until cancelled. A look that fails is made again."""
        said = ""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next look may do
                if said != repr(error):
                    said = repr(error)
                    logging.getLogger("ctxuse").warning("the log was not looked at: %s", said)

    async def look(self) -> None:
        """Look at the log once, unless it is not yet time for another version."""
        if self._clock() < self._since + min((1 + REST) * self._spent, LONGEST_REST):
            return
        version = await in_thread(lambda: log_version(self._layout))
        if version != self.version:
            async with self._changed:
                self.version = version
                self._since, self._spent = self._clock(), 0.0
                self._answers.clear()
                self._parts.clear()
                self._changed.notify_all()

    async def wait(self, known: str) -> str:
        """Return the version once it is another than `known`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.version != known)
        return self.version

    async def answer(
        self,
        key: Hashable,
        compute: Callable[[Parts], T],
        *,
        gone: Callable[[], Awaitable[bool]] | None = None,
    ) -> T:
        """Return what `compute` gives for the present version.

        Args:
            key: What is asked for: equal keys have the same answer.
            compute: Computes it; called in a thread, one at a time.
            gone: Whether who asked has gone, asked when it is its turn.

        Raises:
            BusyError: Too many requests wait already.
            GoneError: Who asked has gone.
        """
        found = self._kept(key)
        if found is None:
            if self._waiting >= MOST_WAITING:
                raise BusyError
            self._waiting += 1
            try:
                async with self._computing:  # who comes second finds what the first one computed
                    found = self._kept(key)
                    if found is None:
                        if gone is not None and await gone():
                            raise GoneError
                        found = await self._compute(key, compute)
            finally:
                self._waiting -= 1
        value: T = found.value  # type: ignore[assignment] # of the same key, so of the same kind
        return value

    def _kept(self, key: Hashable) -> _Found | None:
        return self._answers.get(key, self.version, self._clock() - LASTING)

    async def _compute(self, key: Hashable, compute: Callable[[Parts], object]) -> _Found:
        parts, begin = Parts(self.version, self._parts, self._clock), self._clock()
        try:
            value = await in_thread(lambda: compute(parts))
        finally:
            self._spent += self._clock() - begin
        found = _Found(parts.version, begin, value)
        self._answers.put(key, found)
        return found


async def in_thread(compute: Callable[[], T]) -> T:
    """Return what `compute` gives, called in a thread that does not keep the program from ending.

    When the one who waits is cancelled, the thread goes on, and what it gives is dropped.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def told(value: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(value)  # type: ignore[arg-type] # of compute

    def run() -> None:
        value, failed = None, None
        try:
            value = compute()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            failed = error
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(told, value, failed)

    threading.Thread(target=run, daemon=True, name="ctxuse computing").start()
    return await done


def log_version(layout: WorkspaceLayout) -> str:
    """Return a text that is another one when a file of the log has changed."""
    root = os.fspath(layout)
    found = hashlib.sha256()
    names = [LOG_NAME]
    try:
        names += archive_names(root)
    except OSError as error:
        found.update(f"unreadable {error.errno}".encode())
    for name in names:
        with suppress(OSError):
            status = os.lstat(layout.usage_dir / name)
            facts = (
                name, status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns,
                status.st_ctime_ns,
            )  # fmt: skip
            found.update(repr(facts).encode())
    return found.hexdigest()[:32]
