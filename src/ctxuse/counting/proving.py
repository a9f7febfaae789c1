"""Comparing what is remembered of a log with a full read of it."""

from typing import NamedTuple

from ctxuse.cache import Cache
from ctxuse.counting.checkpoint import Place, count_log, digest, forget, load, place_of
from ctxuse.counting.days import Dealing, TooManyDaysError, count_by_day
from ctxuse.counting.daystore import DamagedError, DayStore
from ctxuse.counting.kinds import BASIC, KINDS, TallyKind
from ctxuse.counting.tuning import USUAL, Reading, Tuning
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.reader import OpenLog, open_logs


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
            equal = equal and all(_days_are(place, log, kind, tuning) for kind in KINDS.values())
            if not equal:
                forget(layout, place)
        basic = stored.get(BASIC)
        checks.append(CacheCheck(log.name, basic.offset if basic else None, equal))
    return checks


def _days_are(place: Place, log: OpenLog, kind: TallyKind, tuning: Tuning) -> bool:
    """Whether all days that are remembered are what the log says, but for those of other bytes."""
    for key in place.cache.keys(f"{place.key(kind)}.days."):
        data = place.cache.load(key)
        query = DayStore.asked_of(data)
        store = None if query is None else DayStore.loaded(data, kind, query)
        if query is None or store is None or digest(log, store.offset, tuning) != store.digest:
            continue
        anew = DayStore(kind, query)
        finished = log._replace(end=store.offset)
        try:
            anew.add(count_by_day(finished, Dealing(kind, query, tuning=tuning)))
            if not store.equals(anew):
                return False
        except (DamagedError, TooManyDaysError):
            return False
    return True
