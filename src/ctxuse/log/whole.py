"""Counting the whole log: every file of it, each from its checkpoint on."""

from ctxuse.layout import WorkspaceLayout
from ctxuse.log.checkpoint import cached_tally
from ctxuse.log.kept import BASIC, Kept, T
from ctxuse.log.parallel import Progress, count_in_parallel
from ctxuse.log.reader import OpenLog, open_logs
from ctxuse.tally import Tally


def count_whole(
    layout: WorkspaceLayout,
    *,
    cache: bool,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Tally:
    """Return the tally of the archived logs and the present one, in order.

    Args:
        layout: The workspace.
        cache: Whether to use and write checkpoints.
        processes: How many processes to use at most for what is read.
        progress: Told how far the reading of each file is.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    whole: Tally | None = None
    for log in open_logs(layout):
        tally = count_one(layout, log, BASIC, cache=cache, processes=processes, progress=progress)
        if whole is None:
            whole = tally  # mostly there is only one: nothing to merge
        else:
            whole.merge(tally)
    return Tally() if whole is None else whole


def count_one(  # noqa: PLR0913 - what counting depends on
    layout: WorkspaceLayout,
    log: OpenLog,
    kept: Kept[T],
    *,
    cache: bool,
    processes: int | None = None,
    progress: Progress | None = None,
) -> T:
    """Return the tally of one file of the log; see `count_whole`."""
    if cache:
        return cached_tally(layout, log, kept, processes=processes, progress=progress)
    return count_in_parallel(log, kept, processes=processes, progress=progress)
