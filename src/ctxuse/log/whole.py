"""Counting the whole log: every file of it, each from its checkpoint on."""

from ctxuse.layout import WorkspaceLayout
from ctxuse.log.checkpoint import BASIC, cached_tally
from ctxuse.log.parallel import Progress, count_in_parallel
from ctxuse.log.reader import open_logs
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
        if cache:
            tally = cached_tally(layout, log, BASIC, processes=processes, progress=progress)
        else:
            tally = count_in_parallel(log, processes=processes, progress=progress)
        if whole is None:
            whole = tally  # mostly there is only one: nothing to merge
        else:
            whole.merge(tally)
    return Tally() if whole is None else whole
