"""What a worker does with some workspaces: counts each, and says which could not be read.

A workspace that cannot be read costs some tries when the trouble can pass, and is then listed with
its reason. It is counted whole or not at all.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from ctxuse.errors import CtxuseError
from ctxuse.events import UsageEvent
from ctxuse.fleet.opening import Opened, logs_of
from ctxuse.fleet.places import reason_of
from ctxuse.fleet.repeats import Repeats
from ctxuse.fleet.source import Source
from ctxuse.fleetreport import Asked, FleetTally, Unreadable
from ctxuse.fuller import FullTally
from ctxuse.log.full import FULL
from ctxuse.log.kept import BASIC, Kept, T
from ctxuse.log.place import RefusedError
from ctxuse.log.reader import read_events
from ctxuse.log.whole import count_one
from ctxuse.log.window import Part
from ctxuse.tally import Tally

TRIES = 3
"""How often a workspace is read at most when the trouble can pass."""

_PAUSE = 0.1
"""Seconds to the second try; more to the next."""

_LASTING = (
    RefusedError,
    FileNotFoundError,
    NotADirectoryError,
    IsADirectoryError,
    PermissionError,
    ImportError,
    ValueError,
)

R = TypeVar("R")


def count(
    sources: Sequence[Source], asked: Asked, *, cache: bool, repeats: Repeats | None = None
) -> FleetTally:
    """Return what some workspaces give, in their order.

    Args:
        sources: The workspaces, sorted by address.
        asked: What is asked of them.
        cache: Whether to use and write checkpoints.
        repeats: Tells which of their events are counted elsewhere; None when all count here.
    """
    fleet = FleetTally()
    for source in sources:
        found = tried(source, partial(_count, source, asked, repeats, cache=cache))
        if isinstance(found, Unreadable):
            fleet.unreadable.append(found)
        else:
            tally, full, repeated = found
            fleet.add(source.address, tally, full, asked, repeated=repeated)
    return fleet


def tried(source: Source, read: Callable[[], R]) -> R | Unreadable:
    """Return what `read` returns, or why `source` cannot be read."""
    for number in range(1, TRIES + 1):
        try:
            return read()
        except Exception as error:  # a library for some kind of address may raise anything
            if source.layout is not None and not isinstance(error, CtxuseError | OSError):
                raise
            if number == TRIES or not can_pass(error):
                return Unreadable(source.address, reason_of(error, source.url))
        time.sleep(_PAUSE * number)
    raise AssertionError


def can_pass(error: BaseException) -> bool:
    """Whether trying again may help."""
    cause = error.__cause__ if isinstance(error, CtxuseError) else error
    return cause is not None and not isinstance(cause, _LASTING)


def _count(
    source: Source, asked: Asked, repeats: Repeats | None, *, cache: bool
) -> tuple[Tally, FullTally | None, int]:
    if repeats is not None and repeats.concern(source):
        return _count_without(source, asked, repeats)
    tally: Tally | None = None
    full = FullTally() if asked.needs_full else None
    for opened in logs_of(source):
        counted = _count_one(opened, BASIC, cache=cache)
        if tally is None:
            tally = counted  # mostly there is only one: nothing to merge
        else:
            tally.merge(counted)
        if full is not None:
            full.merge(_count_one(opened, FULL, cache=cache))
    return Tally() if tally is None else tally, full, 0


def _count_one(opened: Opened, kept: Kept[T], *, cache: bool) -> T:
    if opened.layout is None:
        return kept.tally_of(opened.log)
    return count_one(opened.layout, opened.log, kept, cache=cache, processes=1)


def _count_without(
    source: Source, asked: Asked, repeats: Repeats
) -> tuple[Tally, FullTally | None, int]:
    """Count a workspace but for the events that are counted with another."""
    full = FullTally() if asked.needs_full else None

    def wanted(event: UsageEvent) -> bool:
        return not repeats.hold(source, event.id)

    part = Part(wanted, None if full is None else full.add)
    for opened in logs_of(source):
        for found in read_events(opened.log):
            part.add(found)
    return part.inside, full, part.rest.events
