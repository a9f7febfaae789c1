"""What a worker does with some workspaces: counts each, and says which could not be read.

A workspace that cannot be read costs some tries when the trouble can pass, and is then listed with
its reason. It is counted whole or not at all.
"""

import os
from collections.abc import Sequence
from functools import partial

from ctxuse.cache import cache_of
from ctxuse.codec.decode import Valid
from ctxuse.counting.asked import Counted, count_log_asked
from ctxuse.counting.checkpoint import count_log
from ctxuse.counting.count import Accumulator, tally_of
from ctxuse.counting.kinds import LogTally, TallyKind
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
            counted, repeated = found
            fleet.add(
                source.address,
                counted.tally,
                asked,
                outside=counted.outside,
                repeated=repeated,
                only_fleet=needs_fleet(source),
            )
    return fleet


def _count(
    source: Source, asked: FleetQuery, repeats: Repeats | None, packs: Packs, *, cache: bool
) -> tuple[Counted, int]:
    """What one workspace gives, and how many events more are counted with another one."""
    if repeats is not None and repeats.concern(source):
        return _count_once(source, asked, repeats, packs)
    reading = Reading(cache_of(os.environ, wanted=cache), processes=1)
    if cache and source.layout is not None:
        remove_old_checkpoints(os.fspath(source.layout))
    opened = logs_of(source, packs)
    if not asked.of_part:
        tallies = (tally_opened(one, asked.kind, reading) for one in opened)
        return Counted(LogTally.merged(tallies)), 0
    found = Counted()
    for one in opened:
        (its,) = count_log_asked(one.layout, one.log, asked.kind, [asked.query], reading)
        found.merge(its)
    return found, 0


def tally_opened(opened: Opened, kind: TallyKind, reading: Reading) -> LogTally:
    """Return what one log gives, from its checkpoint where there can be one."""
    if opened.layout is None:
        return tally_of(opened.log, kind)
    return count_log(opened.layout, opened.log, kind, reading)


def _count_once(
    source: Source, asked: FleetQuery, repeats: Repeats, packs: Packs
) -> tuple[Counted, int]:
    """As `_count`, of a workspace some of whose events are counted with another one."""
    accumulator = Accumulator(asked.kind, asked.query)
    repeated = 0
    for opened in logs_of(source, packs):
        for _, line in read_lines(opened.log):
            if isinstance(line, Valid) and repeats.hold(source, line.id):
                repeated += accumulator.holds(line)
            else:
                accumulator.add_line(line)
    return Counted(accumulator.tally, accumulator.outside), repeated
