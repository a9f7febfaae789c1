"""An event → log records: each of its records, and each request that it tells of. Pure.

Names are those of OpenTelemetry's conventions for generative AI (status: development) where these
have one, and ``ctxuse.*`` for the rest. What tells one log record from all others is its
``ctxuse.event.id`` with its ``ctxuse.event.index``: who receives one twice can drop it.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ctxuse.events import UsageEvent, UsageRecordSnapshot, estimate_tokens
from ctxuse.hosts.recordfile import MEMORY, SKILL
from ctxuse.layout import RecordKind
from ctxuse.times import format_ns

Value = str | int

MOST_INT = 2**63 - 1
"""The largest number that OTLP holds; a larger one is sent as text."""

MOST_TIME_NS = 2**64 - 1
"""The latest time that it holds, in nanoseconds since the epoch; others are sent as text alone."""

USE, RESIDENT, REQUEST = "ctxuse.use", "ctxuse.resident", "ctxuse.request"
"""What log records are called."""

_MEMORIES = frozenset({MEMORY, *(kind.value for kind in RecordKind)})


class LogRecord(NamedTuple):
    """A log record.

    Attributes:
        name: What it is called.
        body: The same and what it is of, for people who read logs as lines.
        at_ns: When it happened, in nanoseconds since the epoch; 0 where OTLP cannot say it.
        attributes: What is said, by name.
    """

    name: str
    body: str
    at_ns: int
    attributes: Mapping[str, Value]


def log_records(event: UsageEvent) -> Iterator[LogRecord]:
    """Yield the log records of an event: of each of its records, or of each of its requests."""
    common: dict[str, Value] = {"ctxuse.event.id": event.id, **_whose(event)}
    name = USE if event.event == "use" else RESIDENT
    for index, record in enumerate(event.records):
        said = {**common, "ctxuse.event.index": index, "ctxuse.source": event.source.value}
        body = f"{name} {record.kind}/{record.slug}"
        yield _at(name, body, event.occurred_at_ns, {**said, **_record(record)})
    for index, request in enumerate(_requests(event)):
        at_ns, said = request
        body = f"{REQUEST} {said['gen_ai.usage.input_tokens']} tokens"
        yield _at(REQUEST, body, at_ns, {**common, "ctxuse.event.index": index, **said})


def _at(name: str, body: str, at_ns: int, attributes: Mapping[str, Value]) -> LogRecord:
    if 0 < at_ns <= MOST_TIME_NS:
        return LogRecord(name, body, at_ns, attributes)
    return LogRecord(name, body, 0, {**attributes, "ctxuse.occurred_at": format_ns(at_ns)})


def _whose(event: UsageEvent) -> dict[str, Value]:
    session, _, agent = event.segment_id.partition("/")
    said: dict[str, Value | None] = {
        "gen_ai.conversation.id": session,
        "gen_ai.agent.id": agent or None,
        "gen_ai.agent.name": event.agent_type,
        "gen_ai.tool.call.id": event.call_id,
        "ctxuse.host": event.host,
        "ctxuse.actor": event.actor,
    }
    return _said(said)


def _record(record: UsageRecordSnapshot) -> dict[str, Value]:
    tokens, basis = record.context_tokens, record.tokens_from
    if tokens is None and record.context_bytes is not None:
        tokens, basis = estimate_tokens(record.context_bytes), "estimated"
    said: dict[str, Value | None] = {
        "ctxuse.record.kind": record.kind,
        "ctxuse.record.slug": record.slug,
        "gen_ai.skill.name": record.slug if record.kind == SKILL else None,
        "gen_ai.memory.record.id": (
            f"{record.kind}/{record.slug}" if record.kind in _MEMORIES else None
        ),
        "ctxuse.record.file_bytes": record.file_bytes if record.sized else None,
        "ctxuse.record.context_bytes": record.context_bytes,
        "ctxuse.record.tokens": tokens,
        "ctxuse.record.tokens_from": None if tokens is None else basis,
    }
    return _said(said)


def _requests(event: UsageEvent) -> Iterator[tuple[int, dict[str, Value]]]:
    requests = event.requests
    if requests is None:
        return
    for index, at_ms in enumerate(requests.at_ms):
        said: dict[str, Value | None] = {
            "gen_ai.request.model": requests.model,
            "gen_ai.usage.input_tokens": requests.input[index],
            "gen_ai.usage.output_tokens": requests.output[index],
            "gen_ai.usage.cache_read.input_tokens": _nth(requests.cached, index),
            "gen_ai.usage.cache_creation.input_tokens": _nth(requests.written, index),
            "ctxuse.window_tokens": requests.window,
        }
        yield event.occurred_at_ns + at_ms * 1_000_000, _said(said)


def _nth(figures: tuple[int, ...], index: int) -> int | None:
    return figures[index] if figures else None


def _said(values: Mapping[str, Value | None]) -> dict[str, Value]:
    """What is known; numbers that OTLP cannot hold as text."""
    return {
        name: str(value) if isinstance(value, int) and value > MOST_INT else value
        for name, value in values.items()
        if value is not None
    }
