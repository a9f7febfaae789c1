"""Logs made up from a seed."""

import random
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.codec.encode import encode


def lines(
    number: int, *, different: bool = False, records: int = 300, seed: int = 1
) -> Iterator[bytes]:
    """Lines of a made-up log: some hundred records, few of them read often, a dozen resident.

    Args:
        number: How many.
        different: Whether each line is to differ from every other in its records, too.
        records: How many distinct records there are.
        seed: Gives the same lines again.
    """
    chance = random.Random(seed)  # noqa: S311 - inputs, not secrets
    kinds = ("decision", "knowledge", "workflow", "request", "skill")
    names = [(kinds[i % 5], f"record-{i}") for i in range(records)]
    sizes = [chance.randint(400, 20_000) for _ in names]
    at, segment = 1_780_000_000_000_000_000, ""
    for index in range(number):
        at += chance.randrange(1, 20_000_000_000)
        if index % 20 == 0:
            segment = str(UUID(int=chance.getrandbits(128)))
        if index % 500 == 0:
            sizes[chance.randrange(records)] = chance.randint(400, 20_000)
        exposed = index % 25 == 0
        read = min(int(chance.expovariate(10 / records)), records - 1)
        chosen = range(0, records, records // 12) if exposed else [read]
        host = chance.choice([None, None, "claude-code", "codex"])
        yield encode(
            UsageEvent(
                id=str(
                    UUID(int=at // 1_000_000 << 80 | 7 << 76 | 2 << 62 | chance.getrandbits(62))
                ),
                occurred_at_ns=at,
                segment_id=segment,
                event=UsageEventKind.RESIDENT_EXPOSURE if exposed else UsageEventKind.USE,
                source=UsageSource.RESIDENT_INJECTION if exposed else UsageSource.MEMORY_READ,
                records=tuple(
                    UsageRecordSnapshot.from_size(
                        *names[i], chance.randint(1, 10**7) if different else sizes[i]
                    )
                    for i in chosen
                ),
                host=host,
                actor="agent" if host else None,
            )
        )


def make_log(root: Path, number: int, *, different: bool = False, records: int = 300) -> Path:
    """Write a log of `number` events below `root` and return its path; see `lines`."""
    path = Workspace(root).layout.events_path
    path.parent.mkdir(parents=True)
    with path.open("wb") as log:
        log.writelines(line + b"\n" for line in lines(number, different=different, records=records))
    return path
