"""Counting a long log with several processes, each a stretch of it.

The stretches are merged in file order, so the tally is that of one process. The others are handed
the open file. Where one cannot be started or fails, its stretch is counted here.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from ctxuse.log.kept import Kept, T
from ctxuse.log.reader import OpenLog, last_line_end
from ctxuse.processes import processors, start_interpreter

if TYPE_CHECKING:
    import subprocess

FROM = 48 * 1024 * 1024
"""Bytes from which on a second process saves more than it costs to start (docs/performance.md)."""

MOST_PROCESSES = 4

_AHEAD = 16 * 1024 * 1024
"""Bytes that this process reads while the others start."""

_SEARCHED = 4 * 1024 * 1024

Progress = Callable[[int, int], object]
"""Told how many bytes have been read, and how many there are."""


def count_in_parallel(
    log: OpenLog,
    kept: Kept[T],
    start: int = 0,
    *,
    processes: int | None = None,
    progress: Progress | None = None,
) -> T:
    """Return the tally of a log from `start` to its end, as `Kept.tally_of` does.

    Args:
        log: The open log.
        kept: The kind of tally.
        start: Where to begin, in bytes: 0 or right behind a newline.
        processes: How many to use at most, this one included; as many as there are processors, up
            to `MOST_PROCESSES`, when None.
        progress: Told how far it is.
    """
    stretches = _stretches(log, start, _how_many(log.end - start, processes))
    workers = [_start(log, kept.home, *stretch) for stretch in stretches[1:]]
    begin, end = stretches[0]
    told = _scaled(progress, log.end - start, len(stretches)) if progress else None
    tally = kept.tally_of(log._replace(end=end), begin, progress=told)
    for worker, (begin, end) in zip(workers, stretches[1:], strict=True):
        later = _result(worker, kept)
        tally.merge(kept.tally_of(log._replace(end=end), begin) if later is None else later)
    return tally


def _how_many(length: int, processes: int | None) -> int:
    if length < FROM or os.name != "posix" or not sys.executable:
        return 1
    if processes is None:
        processes = min(processors(), MOST_PROCESSES)
    return max(1, min(processes, length // (FROM // 2)))


def _stretches(log: OpenLog, start: int, number: int) -> list[tuple[int, int]]:
    """Divide a log into about equal stretches that begin behind a newline."""
    bounds = [start]
    ahead = min(_AHEAD, log.end - start)
    for index in range(1, number):
        target = start + ahead + (log.end - start - ahead) * index // number
        lowest = max(bounds[-1], target - _SEARCHED)
        bound = last_line_end(log._replace(end=target), lowest)
        if bound > lowest:  # else there is one very long line there
            bounds.append(bound)
    return [*zip(bounds, [*bounds[1:], log.end], strict=True)]


def _start(log: OpenLog, home: str, begin: int, end: int) -> "subprocess.Popen[bytes] | None":
    program = "from ctxuse.log.parallel import work; work()"
    words = [home, str(log.descriptor), log.name, str(begin), str(end)]
    try:
        return start_interpreter(program, *words, pass_fds=[log.descriptor])
    except OSError:
        return None


def _result(worker: "subprocess.Popen[bytes] | None", kept: Kept[T]) -> T | None:
    if worker is None:
        return None
    with worker:
        data, _ = worker.communicate()
    try:
        return kept.load(data) if worker.returncode == 0 else None
    except ValueError:
        return None


def work() -> None:
    """Count the stretch that the command line names, and print its tally: what a worker does."""
    home, descriptor, name, begin, end = sys.argv[1:]
    module, _, attribute = home.partition(":")
    kept = getattr(import_module(module), attribute)
    tally = kept.tally_of(OpenLog(name, int(descriptor), int(end)), int(begin))
    sys.stdout.buffer.write(kept.dump(tally))


def _scaled(progress: Progress, whole: int, parts: int) -> Callable[[int], object]:
    def told(read: int) -> None:
        progress(min(read * parts, whole), whole)

    return told
