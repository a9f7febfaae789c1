"""What else reads such a log: the loops anybody would write, and DuckDB."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from ctxuse import UsageEventKind, UsageSource

Case = Callable[[], object]
"""Something to be timed."""


class _Record(msgspec.Struct):
    kind: str
    slug: str
    file_bytes: int
    file_tokens_estimate: int


class _Event(msgspec.Struct):
    id: UUID
    occurred_at: datetime
    segment_id: str
    event: UsageEventKind
    source: UsageSource
    records: list[_Record]


def loop(path: Path) -> int:
    """The straightforward loop: decode each line by type, add to a dictionary."""
    decode = msgspec.json.Decoder(_Event).decode
    found: dict[tuple[str, str], list[object]] = {}
    with path.open("rb") as log:
        for line in log:
            event = decode(line)
            for record in event.records:
                entry = found.setdefault((record.kind, record.slug), [0, None, {}, 0, 0])
                count(
                    entry, event.event, event.source, event.occurred_at, record.file_tokens_estimate
                )
    return len(found)


def count(entry: list[object], kind: str, source: str, at: object, tokens: int) -> None:
    """Add one record of one event to its entry, as a loop would."""
    if kind == "use":
        entry[0] += 1  # type: ignore[operator] # a list as a loop would have it
        sources = entry[2]
        sources[source] = sources.get(source, 0) + 1  # type: ignore[index,attr-defined] # likewise
        if entry[1] is None or at > entry[1]:  # type: ignore[operator] # likewise
            entry[1] = at
    else:
        entry[3] += 1  # type: ignore[operator] # likewise
        entry[4] = tokens


def json_loop(path: Path) -> int:
    """The same with the standard library's json, which checks no types."""
    found: dict[tuple[str, str], list[object]] = {}
    with path.open("rb") as log:
        for line in log:
            event = json.loads(line)
            for record in event["records"]:
                entry = found.setdefault((record["kind"], record["slug"]), [0, None, {}, 0, 0])
                tokens = record["file_tokens_estimate"]
                count(entry, event["event"], event["source"], event["occurred_at"], tokens)
    return len(found)


def duckdb_case(path: Path) -> Case | None:
    """DuckDB's `read_json` with the same aggregation: fast, and not strict."""
    try:
        import duckdb  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - only if there
    except ImportError:
        return None
    query = f"""
        select r.kind, r.slug, count(*) filter (event = 'use'),
               max(occurred_at) filter (event = 'use') :: varchar,
               count(*) filter (event = 'resident_exposure')
        from (select event, occurred_at, unnest(records) as r
              from read_json('{path}', format = 'newline_delimited'))
        group by all order by all
    """  # noqa: S608 - our own path
    return lambda: duckdb.execute(query).fetchall()
