"""Processes for the tests of concurrency: writers of ours, and writers like the reference.

They are forked, so that hundreds of them can be started, stopped and killed within a test. What a
writer of ours is about to append and what was acknowledged to it goes through a pipe, one id a
line, and is there for the parent even when the writer is killed.
"""

import fcntl
import json
import os
import resource
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.ids import new_id


class Figures(NamedTuple):
    """What became of the events of our writers.

    Attributes:
        attempted: Events that a writer began to append.
        acknowledged: Of those, the ones it was told are stored.
        counted: Of those, the ones that a report counts.
        lost: Acknowledged and not counted.
        doubled: Counted more than once.
        damaged: Lines that cannot be counted.
        stuck: Processes that could not go on, or left a lock behind.
        unbounded: Processes that did not end.
    """

    attempted: int
    acknowledged: int
    counted: int
    lost: int
    doubled: int
    damaged: int
    stuck: int = 0
    unbounded: int = 0

    def assert_sound(self) -> None:
        """Assert what must hold under every fault."""
        assert self.lost == 0, self
        assert self.doubled == 0, self
        assert self.stuck == 0, self
        assert self.unbounded == 0, self
        assert self.acknowledged <= self.counted <= self.attempted, self


class Told(NamedTuple):
    """What writers told: the ids they began to append, and those that were acknowledged."""

    attempted: list[str]
    acknowledged: list[str]


def figures(root: Path, told: Iterable[Told]) -> Figures:
    """Compare what writers told with what the log of `root` counts."""
    writers = [*told]
    attempted = {event_id for writer in writers for event_id in writer.attempted}
    acknowledged = {event_id for writer in writers for event_id in writer.acknowledged}
    found = [*Workspace(root).events()]
    counted = Counter(e.id for e in found if isinstance(e, UsageEvent) and e.id in attempted)
    return Figures(
        attempted=len(attempted),
        acknowledged=len(acknowledged),
        counted=len(counted),
        lost=len(acknowledged - counted.keys()),
        doubled=sum(number - 1 for number in counted.values()),
        damaged=sum(not isinstance(e, UsageEvent) for e in found),
    )


class Child:
    """A forked process that tells its parent lines."""

    def __init__(self, work: Callable[[Callable[[str], None]], None]) -> None:
        ours, theirs = os.pipe()
        self.pid = os.fork()
        self.status: int | None = None
        self._told = b""
        if self.pid == 0:
            status = 1
            try:
                os.close(ours)
                work(lambda line: _write_all(theirs, f"{line}\n".encode()))
                status = 0
            except BaseException:  # noqa: BLE001 - a forked test must not go on as its parent
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(theirs)
        self._pipe = ours

    def wait_for(self, lines: int) -> None:
        """Wait until the child has told so many lines, or has ended."""
        while self._told.count(b"\n") < lines and self._read():
            pass

    def take_in(self) -> None:
        """Take in what the child has told so far, so that it does not wait for us."""
        os.set_blocking(self._pipe, False)
        with suppress(BlockingIOError):
            while self._read():
                pass
        os.set_blocking(self._pipe, True)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def lines(self) -> list[str]:
        """Wait for the end and return all that was told; a line cut by a kill is left out."""
        while self._read():
            pass
        os.close(self._pipe)
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._told.decode().split("\n")[:-1]

    def told(self) -> Told:
        """Wait for the end of a writer and return what it told."""
        lines = self.lines()
        return Told(
            [line.removeprefix("try ") for line in lines if line.startswith("try ")],
            [line.removeprefix("ok ") for line in lines if line.startswith("ok ")],
        )

    def _read(self) -> bool:
        piece = os.read(self._pipe, 65536)
        self._told += piece
        return bool(piece)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


@contextmanager
def starting_gate() -> Iterator[Callable[[], None]]:
    """Give a call that waits until the block ends: all children that make it begin at once."""
    wait, go = os.pipe()

    def ready() -> None:
        os.close(go)
        os.read(wait, 1)  # returns when the parent has closed its end

    try:
        yield ready
    finally:
        os.close(go)
        os.close(wait)


def event(writer: str, size: int = 0) -> UsageEvent:
    """A new event of about `size` bytes."""
    slug = f"{writer}-" + "x" * max(0, size - 230)
    snapshot = UsageRecordSnapshot("decision", slug, 4, 1)
    return UsageEvent.new(writer, UsageEventKind.USE, UsageSource.MEMORY_READ, [snapshot])


def ours(
    root: Path,
    writer: str,
    number: int,
    size: Callable[[int], int] = lambda _: 0,
    ready: Callable[[], None] = lambda: None,
) -> Child:
    """Start a process that appends `number` events through the library."""

    def work(tell: Callable[[str], None]) -> None:
        workspace = Workspace(root)
        ready()
        for index in range(number):
            fresh = event(writer, size(index))
            tell(f"try {fresh.id}")
            if workspace.append(fresh) is not None:
                tell(f"ok {fresh.id}")

    return Child(work)


def like_the_reference(
    root: Path, writer: str, number: int, ready: Callable[[], None] = lambda: None
) -> Child:
    """Start a process that does what the reference does: the line, then its newline, no lock."""

    def work(tell: Callable[[str], None]) -> None:
        path = root / ".yoi" / "memory" / "_usage" / "events.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        ready()
        for _ in range(number):
            event_id = new_id(0)
            record = {"kind": "request", "slug": writer, "file_bytes": 4, "file_tokens_estimate": 1}
            line = json.dumps(
                {
                    "id": event_id,
                    "occurred_at": "2026-01-01T00:00:00Z",
                    "segment_id": writer,
                    "event": "use",
                    "source": "MemoryRead",
                    "records": [record],
                }
            )
            log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.write(log, line.encode())
            os.write(log, b"\n")
            os.close(log)
            tell(f"ok {event_id}")

    return Child(work)


def limit_file_size(size: int) -> None:
    """Let this process write no file beyond `size` bytes; a write is then short, or fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def end_file_size_limit() -> None:
    """Let this process write files of any size again."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def log_of(root: Path) -> Path:
    """Return where the log of the workspace `root` is."""
    return Workspace(root).layout.events_path


def is_locked(root: Path) -> bool:
    """Whether the side lock is held: flock tells open files apart, not processes."""
    with (root / ".yoi/memory/_usage/events.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
