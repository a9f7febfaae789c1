"""Each answer is computed once for as long as the log stays the same; who waits is told of changes.

A burst of events costs no more than its reader wants to pay: the log is looked at twice a second,
one thing is computed at a time, and after that nothing new is offered for four times as long as it
took. However many pages are open, they share what was computed.
"""

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import NamedTuple, TypeVar

from anyio.to_thread import run_sync

from ctxuse.layout import LOG_NAME, WorkspaceLayout
from ctxuse.log.archives import archive_names

LOOK_EVERY = 0.5
"""Seconds between two looks at the log."""

REST = 4
"""After computing, so many times as long passes until the next version."""

LONGEST_REST = 60.0
"""But no longer than so many seconds."""

KEPT = 16
"""So many answers are kept."""

MOVING = 30.0
"""Seconds for which an answer about the last days or hours is kept while the log stays the same."""

T = TypeVar("T")


class _Answer(NamedTuple):
    version: str
    at: float
    value: object


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
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._computing = asyncio.Lock()
        self._changed = asyncio.Condition()
        self._rest_until = 0.0
        self.version = log_version(layout)

    async def watch(self) -> None:
        """Look at the log again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.look()

    async def look(self) -> None:
        """Look at the log once, unless it is time to rest or something is being computed."""
        if self._clock() < self._rest_until or self._computing.locked():
            return
        version = await run_sync(log_version, self._layout)
        if version != self.version:
            async with self._changed:
                self.version = version
                self._changed.notify_all()

    async def wait(self, known: str) -> str:
        """Return the version once it is another than `known`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.version != known)
        return self.version

    async def answer(self, key: Hashable, compute: Callable[[], T], *, moves: bool = False) -> T:
        """Return what `compute` gives for the present version.

        Args:
            key: What is asked for: equal keys have the same answer.
            compute: Computes it; called in a thread, one at a time.
            moves: Whether the answer changes as time passes.
        """
        found = self._kept(key, moves=moves)
        if found is None:
            async with self._computing:  # who comes second finds what the first one computed
                found = self._kept(key, moves=moves) or await self._compute(key, compute)
        value: T = found.value  # type: ignore[assignment] # of the same key, so of the same kind
        return value

    def _kept(self, key: Hashable, *, moves: bool) -> _Answer | None:
        found = self._answers.get(key)
        if found is None or found.version != self.version:
            return None
        if moves and self._clock() - found.at > MOVING:
            return None
        self._answers.move_to_end(key)
        return found

    async def _compute(self, key: Hashable, compute: Callable[[], object]) -> _Answer:
        version, begin = self.version, self._clock()
        try:
            value = await run_sync(compute)
        finally:
            end = self._clock()
            self._rest_until = end + min(REST * (end - begin), LONGEST_REST)
        found = self._answers[key] = _Answer(version, end, value)
        self._answers.move_to_end(key)
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)
        return found


def log_version(layout: WorkspaceLayout) -> str:
    """Return a text that is another one when a file of the log has changed."""
    root = os.fspath(layout)
    try:
        names = [*archive_names(root), LOG_NAME]
    except OSError as error:
        return f"unreadable {error.errno}"
    parts: list[str] = []
    for name in names:
        with suppress(OSError):
            status = os.lstat(layout.usage_dir / name)
            parts.append(f"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}")
    return ".".join(parts[-8:]) + f".{len(parts)}"
