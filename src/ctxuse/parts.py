"""Reports of parts of the log: of windows of time, of some actors' uses. Reads everything once."""

from collections.abc import Callable, Collection, Sequence

from ctxuse.events import UsageEvent
from ctxuse.fullreport import FullReport, build_full_report
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.parallel import Progress
from ctxuse.log.window import Part, Selection, count_parts
from ctxuse.report import UsageReport, build_report
from ctxuse.times import Interval
from ctxuse.zones import UTC, Zone


def count_window(
    layout: WorkspaceLayout, window: Interval, *, progress: Progress | None = None
) -> UsageReport:
    """Return the reference's figures of a window.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    part = Part(Selection(window))
    count_parts(layout, [part], progress=progress)
    return build_report(part.inside, window=window, rest=part.rest)


def count_windows(  # noqa: PLR0913 - what is counted depends on these
    layout: WorkspaceLayout,
    windows: Sequence[Interval],
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
        actors: See `Selection`.
        without_actors: See `Selection`.
        zone: The time zone that days are counted in; UTC when None.
        progress: Told how far the reading of each file is.
        also: Given each event of each window.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    zone = zone or UTC
    selections = [Selection(window, actors, without_actors) for window in windows]
    parts = [Part(selection, full=True, zone=zone, also=also) for selection in selections]
    count_parts(layout, parts, progress=progress)
    reports: list[FullReport] = []
    for window, part in zip(windows, parts, strict=True):
        basic = build_report(part.inside, window=window, rest=part.rest)
        basic = basic.of_actors(actors, without_actors)
        reports.append(build_full_report(basic, part.full).shown_in(zone))
    return reports
