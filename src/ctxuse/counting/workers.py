"""Counting a long log with several processes, each a stretch of it.

The stretches are put together in file order, so the counts are those of one process. The others are
handed the open file. Where one cannot be started or fails, its stretch is counted here.
"""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import msgspec

from ctxuse.counting import kinds
from ctxuse.counting.count import tally_of
from ctxuse.counting.kinds import KINDS, LogTally, TallyKind
from ctxuse.counting.tuning import USUAL, Reading, Tuning
from ctxuse.log.reader import OpenLog, last_line_end
from ctxuse.processes import (
    NotAMessageError,
    end_with,
    processors,
    receive,
    send,
    start_interpreter,
)
from ctxuse.progress import OnProgress, silent

if TYPE_CHECKING:
    import subprocess

T = TypeVar("T")


class Task(Protocol[T]):
    """What is counted of each stretch, and how that is told between processes."""

    @property
    def program(self) -> str:
        """What a worker runs: Python that makes the task of `words` and has `work` do it."""
        ...

    def words(self) -> list[str]:
        """Return what tells a worker of it."""
        ...

    def run(self, log: OpenLog, start: int, tuning: Tuning, on_progress: OnProgress) -> T:
        """Count a log from `start` to its end."""
        ...

    def dump(self, counted: T) -> bytes:
        """Return what was counted as bytes."""
        ...

    def load(self, data: bytes) -> T:
        """Return what was counted elsewhere.

        Raises:
            ValueError: It cannot be told.
        """
        ...


class TallyTask(msgspec.Struct, frozen=True):
    """The tally of everything."""

    kind: TallyKind

    program = "from ctxuse.counting.workers import TallyTask, work; work(TallyTask.of)"
    dump = staticmethod(kinds.dump)
    load = staticmethod(kinds.load)

    def words(self) -> list[str]:
        """See `Task`."""
        return [self.kind.name]

    @classmethod
    def of(cls, kind: str) -> Self:
        """Return what `words` tell of."""
        return cls(KINDS[kind])

    def run(self, log: OpenLog, start: int, tuning: Tuning, on_progress: OnProgress) -> LogTally:
        """See `Task`."""
        return tally_of(log, self.kind, start, tuning=tuning, on_progress=on_progress)


def count_in_parallel(log: OpenLog, task: Task[T], reading: Reading, start: int = 0) -> list[T]:
    """Return what each stretch of a log holds from `start` to its end, in the order of the file.

    Args:
        log: The open log.
        task: What is counted.
        reading: By how many processes, and who is told how far it is.
        start: Where to begin, in bytes: 0 or right behind a newline.
    """
    tuning = reading.tuning
    stretches = _stretches(log, start, _how_many(log.end - start, reading), tuning)
    with ExitStack() as stack:
        workers = [_start(log, task, *stretch) for stretch in stretches[1:]]
        for worker in workers:
            if worker is not None:
                stack.callback(_end, worker)
        begin, end = stretches[0]
        on_progress = _scaled(reading.on_progress, log.end - start, len(stretches))
        counted = [task.run(log._replace(end=end), begin, tuning, on_progress)]
        for worker, (begin, end) in zip(workers, stretches[1:], strict=True):
            later = _result(worker, task)
            if later is None:
                later = task.run(log._replace(end=end), begin, tuning, silent)
            counted.append(later)
    return counted


def _end(worker: "subprocess.Popen[bytes]") -> None:
    """Have a worker end whose result nobody waits for any more."""
    if worker.returncode is None:
        with worker:
            worker.kill()


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


def _start(log: OpenLog, task: Task[T], begin: int, end: int) -> "subprocess.Popen[bytes] | None":
    where = [log.descriptor, log.name, begin, end]
    words = [str(os.getpid()), *map(str, where), *task.words()]
    try:
        return start_interpreter(task.program, *words, pass_fds=[log.descriptor])
    except OSError:
        return None


def _result(worker: "subprocess.Popen[bytes] | None", task: Task[T]) -> T | None:
    if worker is None:
        return None
    if worker.stdout is None:
        raise AssertionError
    data = None
    with worker, suppress(OSError, NotAMessageError):
        data = receive(worker.stdout)
    try:
        return task.load(data) if data is not None and worker.returncode == 0 else None
    except ValueError:
        return None


def work(task_of: Callable[..., Task[T]]) -> None:
    """Count the stretch that the command line names, and print it: what a worker does.

    Args:
        task_of: Makes the task of its words.
    """
    parent, descriptor, name, begin, end, *words = sys.argv[1:]
    end_with(int(parent))
    task = task_of(*words)
    log = OpenLog(name, int(descriptor), int(end))
    send(sys.stdout.buffer, task.dump(task.run(log, int(begin), USUAL, silent)))


def _scaled(on_progress: OnProgress, whole: int, stretches: int) -> OnProgress:
    """What tells of one of some stretches, all of which are read meanwhile."""
    return lambda read, _: on_progress(min(read * stretches, whole), whole)
