"""Reports of parts of the log: of windows of time, of some actors' uses. Reads everything once."""

from collections.abc import Callable, Collection, Sequence

from ctxuse.events import UsageEvent, UsageEventKind
from ctxuse.fuller import FullTally
from ctxuse.fullreport import SAID_UNKNOWN, FullReport, build_full_report
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.parallel import Progress
from ctxuse.log.window import Part, count_parts
from ctxuse.report import UsageReport, build_report
from ctxuse.zones import UTC, Zone

Window = tuple[int | None, int | None]
"""From when on, and up to but without when, in nanoseconds since the epoch; see `windows`."""

Wanted = Callable[[UsageEvent], bool]


def count_window(
    layout: WorkspaceLayout, window: Window, *, progress: Progress | None = None
) -> UsageReport:
    """Return the reference's figures of a window.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    part = Part(wanted(window))
    count_parts(layout, [part], progress=progress)
    return build_report(part.inside, window=window, rest=part.rest)


def count_windows(  # noqa: PLR0913 - what is counted depends on these
    layout: WorkspaceLayout,
    windows: Sequence[Window],
    actors: Collection[str] | None,
    without_actors: Collection[str],
    *,
    zone: Zone | None = None,
    progress: Progress | None = None,
    also: Callable[[UsageEvent], object] | None = None,
) -> list[FullReport]:
    """Return the fuller report of each window.

    Args:
        layout: The workspace.
        windows: The windows; they may overlap.
        actors: See `wanted`.
        without_actors: See `wanted`.
        zone: The time zone that days are counted in; UTC when None.
        progress: Told how far the reading of each file is.
        also: Given each event of each window.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    zone = zone or UTC
    tallies = [FullTally() for _ in windows]
    parts = [
        Part(wanted(window, actors, without_actors), adding(full, zone, also))
        for window, full in zip(windows, tallies, strict=True)
    ]
    count_parts(layout, parts, progress=progress)
    reports: list[FullReport] = []
    for window, part, full in zip(windows, parts, tallies, strict=True):
        basic = build_report(part.inside, window=window, rest=part.rest)
        basic = basic.of_actors(actors, without_actors)
        reports.append(build_full_report(basic, full).shown_in(zone))
    return reports


def wanted(
    window: Window, actors: Collection[str] | None = None, without_actors: Collection[str] = ()
) -> Wanted:
    """Return what tells whether an event is to be counted.

    Args:
        window: When it has to have happened.
        actors: Whose uses are, ``unknown`` for those that do not say; everybody's when None.
        without_actors: Whose uses are not. Exposures are, whoever's they are.
    """
    begin, end = window

    def is_wanted(event: UsageEvent) -> bool:
        at = event.occurred_at_ns
        if (begin is not None and at < begin) or (end is not None and at >= end):
            return False
        if event.event is not UsageEventKind.USE:
            return True
        actor = event.actor or SAID_UNKNOWN
        return (actors is None or actor in actors) and actor not in without_actors

    return is_wanted


def adding(
    full: FullTally, zone: Zone, also: Callable[[UsageEvent], object] | None = None
) -> Callable[[UsageEvent], object]:
    """Return what counts an event fully, with the day it was in `zone`, and hands it on."""
    day = zone.day

    def add(event: UsageEvent) -> None:
        full.add(event, day(event.occurred_at_ns))
        if also is not None:
            also(event)

    return add
