"""What a worker does with some workspaces: counts each, and says which could not be read.

A workspace that cannot be read costs some tries when the trouble can pass, and is then listed with
its reason. It is counted whole or not at all.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from ctxuse.events import UsageEvent
from ctxuse.fleet.opening import Opened, logs_of, with_retries
from ctxuse.fleet.repeats import Repeats
from ctxuse.fleet.source import Source
from ctxuse.fleetreport import Asked, FleetTally, Unreadable
from ctxuse.fuller import FullTally
from ctxuse.log.full import FULL
from ctxuse.log.kept import BASIC, Kept, T
from ctxuse.log.reader import read_events
from ctxuse.log.whole import count_one
from ctxuse.log.window import Part, Selection, count_parts_of
from ctxuse.tally import Tally
from ctxuse.zones import Zone


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
        found = with_retries(source, partial(_count, source, asked, repeats, cache=cache))
        if isinstance(found, Unreadable):
            fleet.unreadable.append(found)
        else:
            fleet.add(
                source.address, found.tally, found.full, asked,
                rest=found.rest, repeated=found.repeated,
            )  # fmt: skip
    return fleet


class _Counted(NamedTuple):
    """What one workspace gives.

    Attributes:
        tally: The counts of the events that are asked for.
        full: Their fuller counts, where these are needed.
        rest: The counts of its other events.
        repeated: How many more are asked for, and counted with another workspace.
    """

    tally: Tally
    full: FullTally | None
    rest: Tally | None = None
    repeated: int = 0


def _count(source: Source, asked: Asked, repeats: Repeats | None, *, cache: bool) -> _Counted:
    concerned = repeats if repeats is not None and repeats.concern(source) else None
    if concerned is not None or asked.reads_everything:
        return _count_part(source, asked, concerned)
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
    return _Counted(Tally() if tally is None else tally, full)


def _count_one(opened: Opened, kept: Kept[T], *, cache: bool) -> T:
    if opened.layout is None:
        return kept.tally_of(opened.log)
    return count_one(opened.layout, opened.log, kept, cache=cache, processes=1)


def _count_part(source: Source, asked: Asked, repeats: Repeats | None) -> _Counted:
    """Count those events that are asked for and not counted with another workspace."""
    selection = Selection(asked.window, asked.actors, asked.without_actors)
    part = Part(selection, full=asked.needs_full, zone=Zone(asked.zone))
    repeated = 0
    for opened in logs_of(source):
        if repeats is None:
            count_parts_of(opened.log, [part])
            continue
        for found in read_events(opened.log):
            if isinstance(found, UsageEvent) and repeats.hold(source, found.id):
                repeated += selection.holds(found)
            else:
                part.add(found)
    return _Counted(part.inside, part.full if asked.needs_full else None, part.rest, repeated)
