"""Writes the logs of the example workspaces: some weeks of made-up work, from a seed.

Run it as `python tools/make_example.py`; the result is committed, so that the examples need
nothing but the repository.
"""

import random
from pathlib import Path

from ctxuse import (
    RecordKind,
    UsageEvent,
    UsageEventKind,
    UsageRecordSnapshot,
    UsageSource,
    Workspace,
)
from ctxuse.codec.encode import encode
from ctxuse.events import Requests
from ctxuse.ids import canonical_id
from ctxuse.times import SECOND, parse_ns

ROOT = Path(__file__).parent.parent / "examples" / "bike-shop"
DAY = 86_400 * SECOND

# How often a session reads what, by which way, among those that read at all.
READS = [
    (RecordKind.DECISION, "money-as-integers", UsageSource.MEMORY_READ, 9),
    (RecordKind.DECISION, "retry-with-the-same-key", UsageSource.MEMORY_READ, 5),
    (RecordKind.DECISION, "postgres-not-sqlite", UsageSource.MEMORY_READ, 2),
    (RecordKind.REQUEST, "opening-hours-on-invoices", UsageSource.MEMORY_READ, 2),
    (RecordKind.SUMMARY, "summary", UsageSource.MEMORY_READ, 1),
    (RecordKind.KNOWLEDGE, "payment-provider", UsageSource.KNOWLEDGE_REF, 8),
    (RecordKind.KNOWLEDGE, "payment-provider", UsageSource.MEMORY_READ, 3),
    (RecordKind.KNOWLEDGE, "test-data", UsageSource.KNOWLEDGE_REF, 4),
    (RecordKind.KNOWLEDGE, "supplier-price-list", UsageSource.MEMORY_READ, 2),
    (RecordKind.WORKFLOW, "review-a-change", UsageSource.WORKFLOW_INVOKE, 7),
    (RecordKind.WORKFLOW, "release", UsageSource.WORKFLOW_INVOKE, 3),
    (RecordKind.WORKFLOW, "import-supplier-prices", UsageSource.WORKFLOW_INVOKE, 1),
]

RESIDENT = [
    (RecordKind.SUMMARY, "summary"),
    (RecordKind.WORKFLOW, "release"),
    (RecordKind.WORKFLOW, "review-a-change"),
    (RecordKind.WORKFLOW, "import-supplier-prices"),
    (RecordKind.KNOWLEDGE, "payment-provider"),
    (RecordKind.KNOWLEDGE, "deployment-window"),
    (RecordKind.KNOWLEDGE, "glossary"),
]


CLAUDE_CODE = ROOT.parent / "claude-code"

SKILLS = [
    ("api-conventions", 6214, 231, 9), ("code-review", 8930, 312, 14),
    ("commit-messages", 2410, 188, 22), ("data-import", 11_870, 402, 0),
    ("db-migrations", 7655, 290, 4), ("frontend-design", 12_138, 512, 3), ("pdf", 14_502, 704, 1),
    ("release", 4120, 205, 5), ("security-audit", 9874, 398, 0), ("slides", 15_310, 688, 0),
    ("xlsx", 12_644, 610, 0),
]  # fmt: skip
"""Skills: the bytes of the file, those of its line in the listing, and how often it is called."""

INSTRUCTIONS = [("CLAUDE.md", 3902), ("~/.claude/CLAUDE.md", 1240)]
"""Instruction files, and their bytes."""

BYTES_PER_TOKEN = 2.95


def main() -> None:
    """Write the logs."""
    bike_shop()
    claude_code()


def claude_code() -> None:
    """Write what four weeks of one user of Claude Code leave."""
    chance = random.Random(20261124)  # noqa: S311 - an example, not a secret
    begin = parse_ns("2026-10-26T08:00:00Z") or 0
    events: list[UsageEvent] = []
    for day in range(26):
        for _ in range(0 if day % 7 in {5, 6} else chance.choice([1, 2, 2, 3])):
            at = begin + day * DAY + chance.randrange(8 * 3600 * SECOND)
            events += claude_code_session(chance, at)
    write(Workspace(CLAUDE_CODE), events)


def claude_code_session(chance: random.Random, at: int) -> list[UsageEvent]:
    """Return the events of one session of Claude Code that begins at `at`."""
    segment, host = new_id(chance, at), "claude-code"

    def entered(kind: str, slug: str, size: int, context_bytes: int) -> UsageRecordSnapshot:
        return UsageRecordSnapshot.from_size(kind, slug, size)._replace(
            context_bytes=context_bytes,
            context_tokens=round(context_bytes / BYTES_PER_TOKEN),
            tokens_from="calibrated",
        )

    def event(
        kind: UsageEventKind, source: UsageSource, records: list[UsageRecordSnapshot], actor: str
    ) -> UsageEvent:
        return UsageEvent(
            new_id(chance, at), at, segment, kind, source, tuple(records), host, actor or None
        )

    exposed, resident = UsageEventKind.RESIDENT_EXPOSURE, UsageSource.RESIDENT_INJECTION
    listed = [entered("skill", slug, size, line) for slug, size, line, _ in SKILLS]
    files = [entered("instructions", slug, size, size) for slug, size in INSTRUCTIONS]
    found = [event(exposed, resident, listed, ""), event(exposed, resident, files, "")]
    for _ in range(chance.choice([0, 0, 1, 2, 3])):
        at += chance.randrange(20 * SECOND, 1500 * SECOND)
        slug, size, _, _ = chance.choices(SKILLS, [weight for *_, weight in SKILLS])[0]
        actor = chance.choice(["agent", "agent", "user", "subagent"])
        skill = entered("skill", slug, size, size - 120)
        found.append(event(UsageEventKind.USE, UsageSource.WORKFLOW_INVOKE, [skill], actor))
    return [*found, requests(found)]


def requests(found: list[UsageEvent]) -> UsageEvent:
    """Return what is told of the requests of a session in which something entered."""
    chance = random.Random(found[0].segment_id)  # noqa: S311 - an example, not a secret
    begin_ms = found[0].occurred_at_ns // 1_000_000 + 4_000
    last_ms = found[-1].occurred_at_ns // 1_000_000 + 60_000
    number = chance.randrange(8, 60)
    each = (last_ms - begin_ms) // number + 7_000
    size, taken = 21_000, []
    for _ in range(number):
        size += chance.randrange(150, 2_600)
        taken.append(size)
    block = Requests(
        f"msg_{chance.getrandbits(80):020x}",
        tuple(each * place for place in range(number)),
        tuple(taken),
        tuple(chance.randrange(40, 900) for _ in taken),
        cached=(0, *taken[:-1]),
        model="claude-opus-4-8",
        bytes_per_token=BYTES_PER_TOKEN,
    )
    return found[0]._replace(
        id=new_id(chance, begin_ms * 1_000_000),
        occurred_at_ns=begin_ms * 1_000_000,
        records=(),
        requests=block,
    )


def write(workspace: Workspace, events: list[UsageEvent]) -> None:
    """Write a log anew."""
    workspace.layout.usage_dir.mkdir(parents=True, exist_ok=True)
    in_order = sorted(events, key=lambda event: event.occurred_at_ns)
    lines = b"".join(encode(event) + b"\n" for event in in_order)
    workspace.layout.events_path.write_bytes(lines)


def bike_shop() -> None:
    """Write what three weeks in the bike shop leave."""
    chance = random.Random(20261123)  # noqa: S311 - an example, not a secret
    workspace = Workspace(ROOT)
    begin = parse_ns("2026-11-02T07:30:00Z") or 0
    events: list[UsageEvent] = []
    for day in range(19):
        if day % 7 in {5, 6}:
            continue
        for _ in range(chance.randint(3, 9)):
            at = begin + day * DAY + chance.randrange(9 * 3600 * SECOND)
            events += session(workspace, chance, at)
    write(workspace, events)


def session(workspace: Workspace, chance: random.Random, at: int) -> list[UsageEvent]:
    """Return the events of one session that begins at `at`."""
    segment = new_id(chance, at)
    host = chance.choice(["claude-code", "claude-code", "codex"])

    def event(
        kind: UsageEventKind, source: UsageSource, records: list[UsageRecordSnapshot], actor: str
    ) -> UsageEvent:
        return UsageEvent(
            new_id(chance, at), at, segment, kind, source, tuple(records), host, actor or None
        )

    resident = [workspace.snapshot(kind, slug) for kind, slug in RESIDENT]
    found = [event(UsageEventKind.RESIDENT_EXPOSURE, UsageSource.RESIDENT_INJECTION, resident, "")]
    weights = [weight for *_, weight in READS]
    for _ in range(chance.choice([0, 1, 2, 2, 3, 5])):
        at += chance.randrange(20 * SECOND, 1500 * SECOND)
        kind, slug, source, _ = chance.choices(READS, weights)[0]
        actor = "agent" if source is UsageSource.MEMORY_READ else "user"
        snapshot = workspace.snapshot(kind, slug)
        found.append(event(UsageEventKind.USE, source, [snapshot], actor))
    return found


def new_id(chance: random.Random, at: int) -> str:
    """Return a UUIDv7 of `at` whose random bits come from the seed."""
    value = at // 1_000_000 << 80 | 7 << 76 | chance.getrandbits(12) << 64 | 2 << 62
    return str(canonical_id(f"{value | chance.getrandbits(62):032x}"))


if __name__ == "__main__":
    main()
