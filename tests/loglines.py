"""Lines of logs: as writers leave them, and as nobody should."""

import random

from strategies import an_event

from ctxuse import UsageEventKind, UsageRecordSnapshot
from ctxuse.codec.encode import encode

LATER = [
    b'"host":"pi"', b'"host":7', b'"actor":"agent"', b'"actor":""',
    b'"occurred_at":"1970-01-01T00:00:00Z"', b'"occurred_at":"1970-01-01T00:00:01Z"',
    b'"segment_id":""', b'"segment_\\u0069d":""', b'"segment_id":"other"',
    b'"id":"00000000-0000-0000-0000-000000000000"', b'"later":"occurred_at"',
]  # fmt: skip
"""What may stand behind the usual fields, and says something else than the head."""


def usual(
    chance: random.Random, number: int, *, sizes: int = 3, slugs: int = 4, later: int = len(LATER)
) -> list[bytes]:
    """Lines as writers leave them: some records again and again, times that mostly grow.

    With many sizes hardly a line has the tail of another; with few sizes and slugs most have. With
    four things that may stand behind the others none says something of the id, time or segment.
    """
    lines = []
    at = 1_790_000_000_000_000_000
    for _ in range(number):
        at += chance.choice([0, chance.randrange(-(10**9), 10**10)])
        exact = chance.choice([1, 1000, 10**6, 10**9])
        snapshots = tuple(
            UsageRecordSnapshot("decision", f"slug-{chance.randrange(slugs)}", size, size)
            for size in chance.sample(range(sizes), chance.randint(1, min(slugs, 3)))
        )
        event = an_event(
            id=f"{chance.getrandbits(32):08x}-0000-7000-8000-000000000000",
            occurred_at_ns=at // exact * exact,
            segment_id=f"s{chance.randrange(3)}",
            event=chance.choice([*UsageEventKind]),
            records=snapshots,
            host=chance.choice([None, "codex"]),
            actor=chance.choice([None, "user"]),
            call_id=chance.choice([None, f"toolu_{chance.getrandbits(32)}"]),
        )
        line = encode(event)
        if chance.random() < 0.1 and b"." in line[:70]:
            line = line.replace(b'Z","segment', b'0Z","segment')  # the same moment
        if chance.random() < 0.1:
            line = line[:-1] + b"," + chance.choice(LATER[:later]) + b"}"
        lines.append(line)
    return lines


UNUSUAL = [
    b"",
    b" ",
    b"{}",
    b"\xff",
    encode(an_event(segment_id="[{")),
    encode(an_event(segment_id='say "event":')),
    encode(an_event()).replace(b"segment-1", "\u65e5".encode()),
    encode(an_event()).replace(b"segment-1", b"\xff"),
    encode(an_event()) + b"\r",
    encode(an_event()) + encode(an_event()),
    encode(an_event())[:-9],
    encode(an_event())[-90:],
    encode(an_event()).replace(b"2026-11-22", b"2026-02-30"),
    encode(an_event()).replace(b"Z", b"+00:00"),
    encode(an_event()).replace(b"Z", b""),
    encode(an_event()).replace(b"01a2058a", b"01A2058A"),
    encode(an_event()).replace(b"01a2058a-", b"01a2058a"),
    encode(an_event())[:-1] + b',"id":"00000000-0000-7000-8000-00000000000f"}',
    encode(an_event())[:-1] + b',"id":"x"}',
    encode(an_event())[:-1] + b',"occurred_at":"1999-01-01T00:00:00Z"}',
    encode(an_event())[:-1] + b',"segment_id":"later"}',
    encode(an_event())[:-1] + b',"later":' + b"[" * 70 + b"]" * 70 + b"}",
    encode(an_event())[:-1] + b',"later":' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}",
    b'{"later":' + encode(an_event()) + b"}",
    encode(an_event()).replace(b'"file_bytes":456', b'"file_bytes":18446744073709551616'),
    encode(an_event()).replace(b'"event":"use"', b'"event":"read"'),
    b'{"event":"use","source":"MemoryRead","records":[],' + encode(an_event())[1:],
    encode(an_event(records=(an_event().records[0]._replace(size_from="unknown"),),
                    event=UsageEventKind.RESIDENT_EXPOSURE)),
]  # fmt: skip
