"""An event → one line of compact ASCII JSON. Nothing is written here."""

from collections.abc import Iterator
from json import JSONEncoder

from ctxuse.codec import MAX_WRITTEN_LINE
from ctxuse.errors import InvalidEventError
from ctxuse.events import U64_MAX, UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource
from ctxuse.ids import canonical_id, following_id
from ctxuse.times import MAX_NS, MIN_NS, format_ns

_EVENT_TEXTS = ("segment_id", "host", "actor", "call_id")
_RECORD_TEXTS = ("kind", "slug", "tokens_from", "size_from")

_dump = JSONEncoder(separators=(",", ":"), check_circular=False).encode


def encode(event: UsageEvent) -> bytes:
    """Return the line that stores `event`: ASCII, without its newline.

    Raises:
        InvalidEventError: A field holds what the format does not allow, there are no records, or
            the line would be longer than `MAX_WRITTEN_LINE`; see `split` for the last.
    """
    line = _line(event)
    if len(line) >= MAX_WRITTEN_LINE:
        raise InvalidEventError("the line", f"would have {len(line):,} bytes, over 64 KiB")
    return line


def to_json(event: UsageEvent) -> str:
    """Return `event` as the JSON that a line holds, of whatever length and without any check.

    For showing an event that was read; what is written goes through `encode`.
    """
    return _dump(_fields(event, [_record(record) for record in event.records]))


def ascii_line(line: bytes) -> bytes:
    """Return a valid `line` that somebody else wrote in ASCII, otherwise as it is.

    Outside ASCII a JSON text can only have characters in strings, where ``\\uXXXX`` means the same.
    """
    if line.isascii():
        return line
    return "".join(c if c.isascii() else escape(c) for c in line.decode()).encode("ascii")


def escape(char: str) -> str:
    """Return `char` as JSON may write it in a string: ``\\uXXXX``, or two of them."""
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def split(event: UsageEvent) -> Iterator[tuple[UsageEvent, bytes]]:
    """Yield `event` and its line or, where that would be too long, the events that share it.

    The first keeps the id of `event`; the ids of the others follow from it, so that doing it again
    gives the same. All have its time and its other fields, and together its records, in order.

    Raises:
        InvalidEventError: As `encode`; also when one record alone makes too long a line.
    """
    line = _line(event)
    if len(line) < MAX_WRITTEN_LINE:
        yield event, line
        return
    for part in [*_parts(event)]:
        yield part, encode(part)


def _parts(event: UsageEvent) -> Iterator[UsageEvent]:
    room = MAX_WRITTEN_LINE - len(_dump(_fields(event, []))) - 1
    records: list[UsageRecordSnapshot] = []
    used = number = 0
    for record in event.records:
        size = len(_dump(_record(record))) + 1
        if records and used + size > room:
            yield event._replace(id=following_id(event.id, number), records=tuple(records))
            number += 1
            records, used = [], 0
        records.append(record)
        used += size
    yield event._replace(id=following_id(event.id, number), records=tuple(records))


def _line(event: UsageEvent) -> bytes:
    if canonical_id(str(event.id)) != event.id:
        raise InvalidEventError("id", "is not a UUID in lower case with hyphens")
    at: object = event.occurred_at_ns
    if not isinstance(at, int) or not MIN_NS <= at <= MAX_NS:
        raise InvalidEventError("occurred_at_ns", "lies outside the years 1 to 9999")
    if not event.records:
        raise InvalidEventError("records", "are empty: an event with none is never written")
    for index, record in enumerate(event.records):
        if not isinstance(record, UsageRecordSnapshot):
            raise InvalidEventError(f"records[{index}]", "is no UsageRecordSnapshot")
        _check(record, index)
    line = to_json(event)
    if "\\ud" in line:
        _check_text(event)
    return line.encode("ascii")


def _fields(event: UsageEvent, records: list[dict[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {
        "id": event.id,
        "occurred_at": format_ns(event.occurred_at_ns),
        "segment_id": _text(event.segment_id, "segment_id"),
    }
    if event.host is not None:
        fields["host"] = _text(event.host, "host")
    if event.actor is not None:
        fields["actor"] = _text(event.actor, "actor")
    if event.call_id is not None:
        fields["call_id"] = _text(event.call_id, "call_id")
    try:
        fields["event"] = UsageEventKind(event.event).value
        fields["source"] = UsageSource(event.source).value
    except ValueError as error:
        raise InvalidEventError("event or source", f"is not of the closed set: {error}") from None
    fields["records"] = records
    return fields


def _record(record: UsageRecordSnapshot) -> dict[str, object]:
    fields: dict[str, object] = {
        "kind": record.kind,
        "slug": record.slug,
        "file_bytes": record.file_bytes,
        "file_tokens_estimate": record.file_tokens_estimate,
    }
    for name in ("context_bytes", "context_tokens", "tokens_from", "size_from"):
        value = getattr(record, name)
        if value is not None:
            fields[name] = value
    return fields


def _check(record: UsageRecordSnapshot, index: int) -> None:
    for name in _RECORD_TEXTS:
        value = getattr(record, name)
        optional = name in {"tokens_from", "size_from"}
        if not (isinstance(value, str) or (optional and value is None)):
            raise InvalidEventError(f"records[{index}].{name}", "is not text")
    for name in ("file_bytes", "file_tokens_estimate", "context_bytes", "context_tokens"):
        value = getattr(record, name)
        if value is None and name.startswith("context"):
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= U64_MAX:
            raise InvalidEventError(f"records[{index}].{name}", "is not a number from 0 to 2^64-1")


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidEventError(field, "is not text")
    return value


def _check_text(event: UsageEvent) -> None:
    """Refuse lone surrogates: they come from undecodable file names and are no text on disk."""
    texts = {name: getattr(event, name) for name in _EVENT_TEXTS}
    for index, record in enumerate(event.records):
        texts |= {f"records[{index}].{name}": getattr(record, name) for name in _RECORD_TEXTS}
    for field, text in texts.items():
        try:
            (text or "").encode()
        except UnicodeEncodeError:
            raise InvalidEventError(field, "holds a lone surrogate, which is no text") from None
