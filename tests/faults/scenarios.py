"""The faults that can be run short, as a test, or long, by `make torture`.

Each returns the figures of our writers; what must hold is `Figures.assert_sound`. Nothing here
measures time or waits for a while and hopes: it waits for what it needs to have happened.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path

from faults.processes import (
    Child,
    Figures,
    Told,
    event,
    figures,
    like_the_reference,
    log_of,
    ours,
    starting_gate,
)

from ctxuse import Workspace
from ctxuse.codec.encode import encode
from ctxuse.hook import run
from ctxuse.ids import derived_id, new_id
from ctxuse.log.handle import Handle
from ctxuse.log.idindex import IdIndex
from ctxuse.log.writer import LogWriter


def many_writers(root: Path, each: int, writers: int = 8) -> Figures:
    """Processes that append lines of 0.2 to 60 kB at once."""
    with starting_gate() as ready:
        children = [
            ours(root, f"writer-{n}", each, lambda i: (200, 2_000, 60_000)[i % 3], ready)
            for n in range(writers)
        ]
    return figures(root, [child.told() for child in children])


def beside_reference(root: Path, each: int, writers: int = 8, others: int = 2) -> Figures:
    """The same beside writers that put down a line and its newline in two steps, without a lock."""
    with starting_gate() as ready:
        children = [ours(root, f"writer-{n}", each, ready=ready) for n in range(writers)]
        beside = [
            like_the_reference(root, f"other-{n}", each * writers, ready) for n in range(others)
        ]
    told = [child.told() for child in children]
    for child in beside:
        child.lines()
    return figures(root, told)


def kill(root: Path, kills: int, seed: int = 1) -> Figures:
    """SIGKILL in a loop while appending; after each kill a new writer appends."""
    chance = random.Random(seed)  # noqa: S311 - when to kill is no secret
    told: list[Told] = []
    for number in range(kills):
        child = ours(root, f"killed-{number}", 1_000_000, lambda _: 6_000)
        child.wait_for(chance.randrange(1, 60))
        child.kill()
        told += [child.told(), ours(root, f"after-{number}", 1).told()]
        assert child.status == -signal.SIGKILL
        assert len(told[-1].acknowledged) == 1
    return figures(root, told)


def archive(root: Path, each: int, writers: int = 4) -> tuple[Figures, int]:
    """Archive again and again beside writers of ours and writers like the reference.

    Returns:
        The figures, and how many archives were made.
    """
    with starting_gate() as ready:
        children = [ours(root, f"writer-{n}", each, ready=ready) for n in range(writers)]
        beside = [like_the_reference(root, "other", each, ready)]

        def archiving(tell: "object") -> None:
            workspace = Workspace(root)
            workspace.append(event("first"))
            ready()
            while not (root / "stop").exists():
                name = workspace.archive()
                if name is not None and callable(tell):
                    tell(name)

        archiver = Child(archiving)
    told = [child.told() for child in children]
    for child in beside:
        child.lines()
    (root / "stop").touch()
    return figures(root, told), len(archiver.lines())


def payloads(root: Path, number: int) -> list[tuple[str, bytes]]:
    """Payloads of reads of a record, and the ids of the events they tell of."""
    record = root / "CLAUDE.md"
    record.write_text("Be brief.\n", encoding="utf-8")
    (root / ".yoi" / "memory").mkdir(parents=True, exist_ok=True)
    shown = {"content": "Be brief.\n", "numLines": 1, "startLine": 1, "totalLines": 1}
    found = []
    for index in range(number):
        fields = {
            "session_id": "s",
            "cwd": str(root),
            "hook_event_name": "PostToolUse",
            "tool_name": "Read",
            "tool_input": {"file_path": str(record)},
            "tool_response": {"type": "text", "file": {"filePath": str(record), **shown}},
            "tool_use_id": f"toolu_{index}",
        }
        found.append(
            (
                derived_id("claude-code", f"toolu_{index}", "instructions", "CLAUDE.md"),
                json.dumps(fields).encode(),
            )
        )
    return found


def hook(root: Path, number: int, seed: int, ready: Callable[[], None]) -> Child:
    """Start a process that does what so many hooks do, one after the other, in some order."""
    told = payloads(root, number)
    random.Random(seed).shuffle(told)  # noqa: S311 - an order is no secret

    def work(tell: Callable[[str], None]) -> None:
        ready()
        for event_id, payload in told:
            tell(f"try {event_id}")
            run(["claude-code"], BytesIO(payload), {"HOME": str(root.parent)})
            tell(f"ok {event_id}")  # it has run: the event must be there

    return Child(work)


def importer(root: Path, number: int, ready: Callable[[], None]) -> Child:
    """Start a process that appends the same events as an import does."""
    told = payloads(root, number)

    def work(tell: Callable[[str], None]) -> None:
        layout = Workspace(root).layout
        ready()
        with closing(IdIndex(layout)) as index, closing(LogWriter(layout)) as writer:
            for event_id, _ in told:
                tell(f"try {event_id}")
                line = encode(event("import")._replace(id=event_id))
                writer.append_once(event_id, line, index=index)
                tell(f"ok {event_id}")

    return Child(work)


def once(root: Path, each: int, hooks: int = 3, importers: int = 1, pause: float = 0.03) -> Figures:
    """Hooks and imports of the same occurrences at once, while the log is archived on and on."""
    with starting_gate() as ready:
        children = [hook(root, each, seed, ready) for seed in range(hooks)]
        children += [importer(root, each, ready) for _ in range(importers)]

        def archiving(tell: Callable[[str], None]) -> None:
            ready()
            stopped = False
            while not stopped:
                stopped = (root / "stop").exists()
                name = Workspace(root).archive()
                if name is not None:
                    tell(name)
                time.sleep(pause)  # so that some are written between two archives

        archiver = Child(archiving)
    told = [child.told() for child in children]
    (root / "stop").touch()
    assert archiver.lines()
    return figures(root, told)


def reading_along(root: Path, each: int, writers: int = 3) -> tuple[Figures, int]:
    """Reports and checks, one after the other, while writers run: counts only grow.

    Returns:
        The figures, and how many reports were made meanwhile.
    """
    with starting_gate() as ready:
        children = [
            ours(root, f"writer-{n}", each, lambda i: (200, 20_000)[i % 2], ready)
            for n in range(writers)
        ]
    workspace = Workspace(root)
    counted = reports = 0
    while counted < each * writers:
        evidence = workspace.report().evidence
        assert evidence.events >= counted
        assert evidence.skipped_lines == 0 or not log_of(root).read_bytes().endswith(b"\n")
        counted = evidence.events
        reports += 1
        for child in children:
            child.take_in()
    return figures(root, [child.told() for child in children]), reports


def once_without_the_lock(root: Path, each: int, writers: int = 3) -> Figures:
    """The same events appended once by several at once, while the lock is held by another.

    This is what is left of doubling: see docs/reliability.md.
    """
    ids = [new_id(number) for number in range(each)]

    def appending(tell: Callable[[str], None]) -> None:
        workspace = Workspace(root)
        ready()
        for event_id in ids:
            tell(f"try {event_id}")
            workspace.append_once(event("once")._replace(id=event_id))
            tell(f"ok {event_id}")

    handle = Handle(os.fspath(root))
    try:
        handle.ready(lock_timeout=30)
        with starting_gate() as ready:
            children = [Child(appending) for _ in range(writers)]
        return figures(root, [child.told() for child in children])
    finally:
        handle.forget()
