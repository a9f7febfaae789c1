"""Counting a long log with several processes, each a stretch of it.

The stretches are merged in file order, so the tally is that of one process. The others are handed
the open file. Where one cannot be started or fails, its stretch is counted here.
"""

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ctxuse.counting.count import tally_of
from ctxuse.counting.kinds import KINDS, LogTally, TallyKind, dump, load
from ctxuse.counting.tuning import Reading, Tuning
from ctxuse.log.reader import OpenLog, last_line_end
from ctxuse.processes import NotAMessageError, processors, receive, send, start_interpreter
from ctxuse.progress import OnProgress

if TYPE_CHECKING:
    import subprocess


def count_in_parallel(log: OpenLog, kind: TallyKind, reading: Reading, start: int = 0) -> LogTally:
    """Return the tally of a log from `start` to its end, as `ctxuse.counting.count.tally_of` does.

    Args:
        log: The open log.
        kind: What is counted.
        reading: By how many processes, and who is told how far it is.
        start: Where to begin, in bytes: 0 or right behind a newline.
    """
    tuning = reading.tuning
    stretches = _stretches(log, start, _how_many(log.end - start, reading), tuning)
    workers = [_start(log, kind, *stretch) for stretch in stretches[1:]]
    begin, end = stretches[0]
    on_progress = _scaled(reading.on_progress, log.end - start, len(stretches))
    first = log._replace(end=end)
    tally = tally_of(first, kind, begin, tuning=tuning, on_progress=on_progress)
    for worker, (begin, end) in zip(workers, stretches[1:], strict=True):
        later = _result(worker)
        if later is None:
            later = tally_of(log._replace(end=end), kind, begin, tuning=tuning)
        tally.merge(later)
    return tally


def _how_many(length: int, reading: Reading) -> int:
    tuning = reading.tuning
    if length < tuning.second_process or os.name != "posix" or not sys.executable:
        return 1
    processes = reading.processes
    if processes is None:
        processes = min(processors(), tuning.processes)
    return max(1, min(processes, length // (tuning.second_process // 2)))


def _stretches(log: OpenLog, start: int, number: int, tuning: Tuning) -> list[tuple[int, int]]:
    """Divide a log into about equal stretches that begin behind a newline."""
    bounds = [start]
    ahead = min(tuning.ahead, log.end - start)
    for index in range(1, number):
        target = start + ahead + (log.end - start - ahead) * index // number
        lowest = max(bounds[-1], target - tuning.searched)
        bound = last_line_end(log._replace(end=target), lowest)
        if bound > lowest:  # else there is one very long line there
            bounds.append(bound)
    return [*zip(bounds, [*bounds[1:], log.end], strict=True)]


def _start(log: OpenLog, kind: TallyKind, begin: int, end: int) -> "subprocess.Popen[bytes] | None":
    program = "from ctxuse.counting.workers import work; work()"
    words = [kind.name, str(log.descriptor), log.name, str(begin), str(end)]
    try:
        return start_interpreter(program, *words, pass_fds=[log.descriptor])
    except OSError:
        return None


def _result(worker: "subprocess.Popen[bytes] | None") -> LogTally | None:
    if worker is None:
        return None
    if worker.stdout is None:
        raise AssertionError
    data = None
    with worker, suppress(OSError, NotAMessageError):
        data = receive(worker.stdout)
    try:
        return load(data) if data is not None and worker.returncode == 0 else None
    except ValueError:
        return None


def work() -> None:
    """Count the stretch that the command line names, and print its tally: what a worker does."""
    kind, descriptor, name, begin, end = sys.argv[1:]
    tally = tally_of(OpenLog(name, int(descriptor), int(end)), KINDS[kind], int(begin))
    send(sys.stdout.buffer, dump(tally))


def _scaled(on_progress: OnProgress, whole: int, stretches: int) -> OnProgress:
    """What tells of one of some stretches, all of which are read meanwhile."""
    return lambda read, _: on_progress(min(read * stretches, whole), whole)
