"""Comparing what is remembered of a log with a full read of it."""

from collections.abc import Iterator
from typing import NamedTuple

from ctxuse.cache import Cache
from ctxuse.counting.asked import count_log_asked
from ctxuse.counting.checkpoint import Place, count_log, forget, load, place_of
from ctxuse.counting.daystore import DayStore
from ctxuse.counting.kinds import BASIC, KINDS, TallyKind
from ctxuse.counting.tuning import USUAL, Reading, Tuning
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.reader import OpenLog, open_logs
from ctxuse.query import Query


class CacheCheck(NamedTuple):
    """What was remembered of one log file was found to be.

    Attributes:
        file: The log file.
        bytes: How many bytes of it the checkpoint stands for; None when there is none to be used.
        equal: Whether the tallies made with it, and with what is remembered of days, are those of a
            full read. If not, all of it was removed.
    """

    file: str
    bytes: int | None
    equal: bool


def check_cache(
    layout: WorkspaceLayout, cache: Cache | None, tuning: Tuning = USUAL
) -> list[CacheCheck]:
    """Read every file of the log in full and compare with what is remembered of it.

    Args:
        layout: The workspace.
        cache: Where that is kept; None when there is nothing.
        tuning: The sizes that reading goes by.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    cached, cold = Reading(cache, tuning=tuning), Reading(tuning=tuning)
    checks: list[CacheCheck] = []
    for log in open_logs(layout):
        place = place_of(layout, log, cached)
        stored = {} if place is None else {kind: load(place, kind) for kind in KINDS.values()}
        equal = all(
            count_log(layout, log, kind, cached) == count_log(layout, log, kind, cold)
            for kind, one in stored.items()
            if one is not None
        )
        if place is not None:
            equal = equal and all(
                _answered(layout, log, kind, query, cached)
                == _answered(layout, log, kind, query, cold)
                for kind, query in _asked(place)
            )
            if not equal:
                forget(layout, place)
        basic = stored.get(BASIC)
        checks.append(CacheCheck(log.name, basic.offset if basic else None, equal))
    return checks


def _asked(place: Place) -> Iterator[tuple[TallyKind, Query]]:
    """What the days that are remembered can be asked."""
    for kind in KINDS.values():
        for key in place.cache.keys(f"{place.key(kind)}.days."):
            query = DayStore.asked_of(place.cache.load(key))
            if query is not None:
                yield kind, query


def _answered(
    layout: WorkspaceLayout, log: OpenLog, kind: TallyKind, query: Query, reading: Reading
) -> object:
    (found,) = count_log_asked(layout, log, kind, [query], reading)
    return found.tally
