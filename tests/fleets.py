"""Fleets of workspaces that the tests make up."""

import os
import random
import uuid
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from strategies import an_event

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource
from ctxuse.codec.encode import encode
from ctxuse.fleet.pieces import Piece
from ctxuse.times import SECOND

BEGIN = 1_795_000_000 * SECOND


def some_events(number: int, seed: int) -> Iterator[UsageEvent]:
    """Events of a dozen records, by two hosts and over some days, other ones for each seed."""
    chance = random.Random(seed)  # noqa: S311 - inputs, not secrets
    for index in range(number):
        exposed = index % 4 == 0
        yield an_event(
            id=str(uuid.UUID(int=chance.getrandbits(128))),
            occurred_at_ns=BEGIN + chance.randrange(9 * 86_400) * SECOND + chance.randrange(SECOND),
            segment_id=f"s{seed}-{index // 10}",
            event=UsageEventKind.RESIDENT_EXPOSURE if exposed else UsageEventKind.USE,
            source=UsageSource.RESIDENT_INJECTION if exposed else UsageSource.MEMORY_READ,
            records=tuple(
                UsageRecordSnapshot.from_size(
                    "decision" if slug % 2 else "skill", f"r{slug}", chance.randrange(9_000)
                )
                for slug in chance.sample(range(12), 3 if exposed else 1)
            ),
            host=chance.choice([None, "codex"]),
        )


def as_log(events: Iterable[UsageEvent]) -> bytes:
    """A log of events."""
    return b"".join(encode(event) + b"\n" for event in events)


def make_workspace(root: Path, log: bytes, name: str = "events.jsonl") -> Path:
    """A workspace with a log."""
    path = root / ".yoi" / "memory" / "_usage" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(log)
    return root


def make_collected(root: Path, log: bytes) -> Path:
    """A workspace with a log as it is collected, in one piece."""
    first, tail = (sha256(some).hexdigest()[:16] for some in (log.split(b"\n")[0], log[-4096:]))
    return make_workspace(root, log, f"collected/{Piece(0, first, 0, len(log), tail).name}")


def make_fleet(root: Path, workspaces: int, events: int = 50) -> Path:
    """A folder of workspaces."""
    for number in range(workspaces):
        make_workspace(root / f"w{number:03}", as_log(some_events(events, number)))
    return root


def lethal(job: bytes) -> bytes:
    """What a worker runs in the place of `work`: one workspace kills it."""
    from ctxuse.fleet.work import work  # noqa: PLC0415 - only on a worker

    if b"w003" in job:
        os._exit(9)
    return work(job)


def break_at_its_end(root: Path) -> None:
    """Make a workspace unreadable, but only after its log has been read."""
    make_workspace(root, b"{}\n", f"collected/{0:020}-{'0' * 16}/{9:016}-{12:016}.{'0' * 16}.jsonl")
