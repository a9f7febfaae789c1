"""What a worker does with some workspaces: counts each, and says which could not be read.

A workspace that cannot be read costs some tries when the trouble can pass, and is then listed with
its reason. It is counted whole or not at all.
"""

import os
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from ctxuse.cache import cache_of
from ctxuse.codec.decode import Valid
from ctxuse.counting.asked import Counted, count_log_asked
from ctxuse.counting.checkpoint import count_log
from ctxuse.counting.count import Accumulator, tally_of
from ctxuse.counting.kinds import LogTally, TallyKind
from ctxuse.counting.tally import Tally
from ctxuse.counting.tuning import Reading
from ctxuse.fleet.opening import Opened, logs_of, needs_fleet, with_retries
from ctxuse.fleet.packs import Packs
from ctxuse.fleet.repeats import Repeats
from ctxuse.fleet.source import Source
from ctxuse.log.names import remove_old_checkpoints
from ctxuse.log.reader import read_lines
from ctxuse.reports.fleet import FleetQuery, FleetTally, Unreadable


def count(
    sources: Sequence[Source], asked: FleetQuery, *, cache: bool, repeats: Repeats | None = None
) -> FleetTally:
    """Return what some workspaces give, in their order.

    Args:
        sources: The workspaces, sorted by address.
        asked: What is asked of them.
        cache: Whether to use and write checkpoints.
        repeats: Tells which of their events are counted elsewhere; None when all count here.
    """
    fleet = FleetTally()
    packs = Packs(sources)
    for source in sources:
        read = partial(_count, source, asked, repeats, packs, cache=cache)
        found = with_retries(source, read)
        if isinstance(found, Unreadable):
            fleet.unreadable.append(found)
        else:
            fleet.add(
                source.address,
                found.tally,
                asked,
                outside=found.outside,
                repeated=found.repeated,
                only_fleet=needs_fleet(source),
            )
    return fleet


class _Counted(NamedTuple):
    """What one workspace gives.

    Attributes:
        tally: The counts of the events that are asked for.
        outside: The counts of its other events, where only some are asked for.
        repeated: How many more are asked for, and counted with another workspace.
    """

    tally: LogTally
    outside: Tally | None = None
    repeated: int = 0


def _count(
    source: Source, asked: FleetQuery, repeats: Repeats | None, packs: Packs, *, cache: bool
) -> _Counted:
    if repeats is not None and repeats.concern(source):
        return _count_once(source, asked, repeats, packs)
    reading = Reading(cache_of(os.environ, wanted=cache), processes=1)
    if cache and source.layout is not None:
        remove_old_checkpoints(os.fspath(source.layout))
    opened = logs_of(source, packs)
    if not asked.of_part:
        return _Counted(LogTally.merged(tally_opened(one, asked.kind, reading) for one in opened))
    found = Counted()
    for one in opened:
        (its,) = count_log_asked(one.layout, one.log, asked.kind, [asked.query], reading)
        found.merge(its)
    return _Counted(found.tally, found.outside)


def tally_opened(opened: Opened, kind: TallyKind, reading: Reading) -> LogTally:
    """Return what one log gives, from its checkpoint where there can be one."""
    if opened.layout is None:
        return tally_of(opened.log, kind)
    return count_log(opened.layout, opened.log, kind, reading)


def _count_once(source: Source, asked: FleetQuery, repeats: Repeats, packs: Packs) -> _Counted:
    """Count those events that are asked for and not counted with another workspace."""
    accumulator = Accumulator(asked.kind, asked.query)
    repeated = 0
    for opened in logs_of(source, packs):
        for _, line in read_lines(opened.log):
            if isinstance(line, Valid) and repeats.hold(source, line.id):
                repeated += accumulator.holds(line)
            else:
                accumulator.add_line(line)
    return _Counted(accumulator.tally, accumulator.outside, repeated)
