"""Reading many transcripts, with several processes where that pays.

Each transcript is read by one process, and what it tells is given back in the order asked for, so
it does not show how many there are. A process that cannot be started or fails costs time: what it
was reading is read here.
"""

import json
import os
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING, NamedTuple

from ctxuse.files import what_happened
from ctxuse.hosts import known_hosts
from ctxuse.hosts.jsonlines import OnRead
from ctxuse.hosts.parts import transcripts_of
from ctxuse.hosts.past import PastPlaces
from ctxuse.hosts.transcripts import Told
from ctxuse.layout import WorkspaceLayout
from ctxuse.processes import processors, receive, send, start_interpreter

if TYPE_CHECKING:
    import subprocess

SEVERAL = 32 * 1024 * 1024
"""Bytes of transcripts from which on several processes save more than they cost to start."""

_MOST_PROCESSES = 4
_AHEAD = 4
"""So many transcripts for each process may have been read and not yet been taken."""


class Asked(NamedTuple):
    """What is to be read.

    Attributes:
        host: The agent.
        layout: The workspace.
        size: How many bytes the transcripts have together.
        environ: The environment, for where the agents' own places are; that of the process when
            None.
        processes: How many read; when None, as many as pay.
    """

    host: str
    layout: WorkspaceLayout
    size: int
    environ: Mapping[str, str] | None = None
    processes: int | None = None


def read_all(asked: Asked, paths: Sequence[str], on_read: OnRead) -> Generator[Told]:
    """Yield what each of some transcripts tells, in their order; it is closed with the next one.

    What is told of one that cannot be read to its end says why.
    """
    number = _how_many(asked, paths)
    if number == 1:
        places = PastPlaces(asked.layout, asked.environ)
        for path in paths:
            with read_one(asked.host, path, places, on_read) as told:
                yield told
    else:
        yield from _Workers(asked, paths, number).read(on_read)


def read_one(host: str, path: str, places: PastPlaces, on_read: OnRead | None = None) -> Told:
    """Return what a transcript tells; where it cannot be read to its end, why, too."""
    told = Told()

    def read(length: int) -> None:
        told.summary.size += length
        if on_read is not None:
            on_read(length)

    try:
        try:
            transcripts_of(host).read(path, places, told, read)
        finally:
            told.settle()
    except OSError as error:
        told.summary.error = what_happened(error)
    except BaseException:
        told.close()
        raise
    return told


def _how_many(asked: Asked, paths: Sequence[str]) -> int:
    wanted = asked.processes
    if os.name != "posix" or not sys.executable:
        return 1
    if wanted is None:
        wanted = min(processors(), _MOST_PROCESSES) if asked.size >= SEVERAL else 1
    return max(1, min(wanted, len(paths)))


class _Workers:
    """Several processes that read, a thread of this one for each: it asks, and takes the answer."""

    def __init__(self, asked: Asked, paths: Sequence[str], number: int) -> None:
        self._asked = asked
        self._paths = paths
        self._next = 0
        self._told: dict[int, Told | None] = {}
        self._changed = threading.Condition()
        self._room = threading.Semaphore(_AHEAD * number)
        self._stopped = False
        self._workers: list[subprocess.Popen[bytes]] = []
        self._number = number

    def read(self, on_read: OnRead) -> Generator[Told]:
        threads = []
        try:
            for _ in range(self._number):
                worker = _start(self._asked)
                if worker is not None:
                    self._workers.append(worker)
                    thread = threading.Thread(target=self._ask, args=[worker], daemon=True)
                    with suppress(RuntimeError):  # there can be no more: read here
                        thread.start()
                        threads.append(thread)
            places = PastPlaces(self._asked.layout, self._asked.environ)
            for index, path in enumerate(self._paths):
                told = self._of(index, threads)
                with told or read_one(self._asked.host, path, places) as one:
                    on_read(one.summary.size)
                    yield one
                self._room.release()
        finally:
            self._stop(threads)

    def _of(self, index: int, threads: list[threading.Thread]) -> Told | None:
        """What a transcript tells; None where nobody has read it."""
        with self._changed:
            while index not in self._told:
                if not any(thread.is_alive() for thread in threads):
                    return self._told.pop(index, None)
                self._changed.wait(timeout=1)
            return self._told.pop(index)

    def _ask(self, worker: "subprocess.Popen[bytes]") -> None:
        """Have a process read one transcript after the other, until there is none left."""
        assert worker.stdin is not None  # noqa: S101 - it was started so
        assert worker.stdout is not None  # noqa: S101 - likewise
        works = True
        while works:
            self._room.acquire()
            with self._changed:
                index, self._next = self._next, self._next + 1
            if self._stopped or index >= len(self._paths):
                break
            told = None
            try:
                told = _answer(self._paths[index], worker.stdin, worker.stdout)
                works = told is not None
            finally:
                with self._changed:
                    self._told[index] = told
                    self._changed.notify()
        self._room.release()

    def _stop(self, threads: list[threading.Thread]) -> None:
        self._stopped = True
        for worker in self._workers:
            worker.kill()
        for _ in threads:
            self._room.release()
        for thread in threads:
            thread.join()
        for worker in self._workers:
            for pipe in filter(None, (worker.stdin, worker.stdout)):
                with suppress(OSError):  # what was still to be written has no reader
                    pipe.close()
            worker.wait()
        for told in self._told.values():
            if told is not None:
                told.close()


def _start(asked: Asked) -> "subprocess.Popen[bytes] | None":
    import subprocess  # noqa: PLC0415 - only who starts one pays for it

    environ = os.environ if asked.environ is None else asked.environ
    names = ("HOME", *(host.variable for host in known_hosts()))
    places = json.dumps({name: environ.get(name, "") for name in names})
    program = "from ctxuse.hosts.reading import work; work()"
    try:
        return start_interpreter(
            program, asked.host, os.fspath(asked.layout), places, stdin=subprocess.PIPE
        )
    except (OSError, ValueError):
        return None


def _answer(path: str, ask: IO[bytes], answer: IO[bytes]) -> Told | None:
    """What a process tells of a transcript; None where it fails."""
    told: Told | None = None
    try:
        send(ask, os.fsencode(path))
        told = Told.begun(receive(answer) or b"")
        while part := receive(answer):
            told.take(part)
        if part is None:
            raise ValueError(path)
        told.settle()
    except (OSError, ValueError):
        if told is not None:
            told.close()
        return None
    return told


def work() -> None:
    """Read the transcripts that stdin names, and print what they tell: what a worker does."""
    host, root, environ = sys.argv[1:]
    places = PastPlaces(WorkspaceLayout(root), json.loads(environ))
    answer = sys.stdout.buffer
    with suppress(BrokenPipeError, KeyboardInterrupt):  # nobody waits for it any more
        while (path := receive(sys.stdin.buffer)) is not None:
            with read_one(host, os.fsdecode(path), places) as told:
                for part in told.parts():
                    send(answer, part)
                send(answer, b"")
