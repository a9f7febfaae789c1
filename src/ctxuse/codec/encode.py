"""An event → one line of compact ASCII JSON. Nothing is written here."""

from collections.abc import Iterator

from ctxuse.codec import MAX_WRITTEN_LINE
from ctxuse.errors import InvalidEventError
from ctxuse.events import (
    MOST_REQUESTS,
    U64_MAX,
    Requests,
    UsageEvent,
    UsageEventKind,
    UsageRecordSnapshot,
    UsageSource,
)
from ctxuse.ids import canonical_id, following_id
from ctxuse.plainjson import quoted as _quoted
from ctxuse.times import MAX_NS, MIN_NS, format_ns

_EVENT_TEXTS = ("segment_id", "host", "actor", "call_id", "agent_type")
_RECORD_TEXTS = frozenset({"kind", "slug", "tokens_from", "size_from"})
_REQUIRED = frozenset({"kind", "slug", "file_bytes", "file_tokens_estimate"})


def encode(event: UsageEvent) -> bytes:
    """Return the line that stores `event`: ASCII, without its newline.

    Raises:
        InvalidEventError: A field holds what the format does not allow, there are no records, or
            the line would be longer than `MAX_WRITTEN_LINE`; see `split` for the last.
    """
    line = encode_any(event)
    if len(line) >= MAX_WRITTEN_LINE:
        raise InvalidEventError("the line", f"would have {len(line):,} bytes, over 64 KiB")
    return line


def can_be_stored(event: UsageEvent) -> bool:
    """Return whether an event has a line; what transcripts name may be too long for one."""
    try:
        encode(event)
    except InvalidEventError:
        return False
    return True


def to_json(event: UsageEvent) -> str:
    """Return `event` as the JSON that a line holds, of whatever length and without any check.

    For showing an event that was read; what is written goes through `encode`.
    """
    records = ",".join([_record(record) for record in event.records])
    return f"{_around(event)}{records}]{_behind(event)}}}"


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
    line = encode_any(event)
    if len(line) < MAX_WRITTEN_LINE:
        yield event, line
        return
    for part in _parts(event):
        yield part, encode(part)


def _parts(event: UsageEvent) -> Iterator[UsageEvent]:
    room = MAX_WRITTEN_LINE - len(_around(event)) - len("]") - len(_behind(event)) - len("}") - 1
    records: list[UsageRecordSnapshot] = []
    used = number = 0
    for record in event.records:
        size = len(_record(record)) + 1
        if records and used + size > room:
            yield event._replace(id=following_id(event.id, number), records=tuple(records))
            number += 1
            records, used = [], 0
        records.append(record)
        used += size
    yield event._replace(id=following_id(event.id, number), records=tuple(records))


def encode_any(event: UsageEvent) -> bytes:
    """Return the line that would store `event` if lines could have any length; see `split`.

    Raises:
        InvalidEventError: A field holds what the format does not allow, or there are no records.
    """
    if not _is_usual(event):
        _check_event(event)
    for index, record in enumerate(event.records):
        if not isinstance(record, UsageRecordSnapshot):
            raise InvalidEventError(f"records[{index}]", "is no UsageRecordSnapshot")
        _check(record, index)
    line = to_json(event)
    if "\\ud" in line:
        _check_text(event)
    return line.encode("ascii")


def _is_usual(event: UsageEvent) -> bool:
    """Whether all but the records is as it should be, looked at in the quickest way."""
    event_id, at, segment, kind, source, records, host, actor, call_id, agent_type, facts = event
    return (
        type(event_id) is str
        and canonical_id(event_id) is event_id
        and type(at) is int
        and MIN_NS <= at <= MAX_NS
        and type(segment) is str
        and type(kind) is UsageEventKind
        and type(source) is UsageSource
        and bool(records)
        and (host is None or type(host) is str)
        and (actor is None or type(actor) is str)
        and (call_id is None or type(call_id) is str)
        and (agent_type is None or type(agent_type) is str)
        and facts is None
    )


def _check_event(event: UsageEvent) -> None:
    """Check all but the records: anybody may have filled the tuple with anything."""
    if canonical_id(str(event.id)) != event.id:
        raise InvalidEventError("id", "is not a UUID in lower case with hyphens")
    at: object = event.occurred_at_ns
    if not isinstance(at, int) or not MIN_NS <= at <= MAX_NS:
        raise InvalidEventError("occurred_at_ns", "lies outside the years 1 to 9999")
    if (not event.records) != isinstance(event.requests, Requests):
        raise InvalidEventError("records", "are empty, or stand beside requests")
    if event.requests is not None:
        _check_requests(event.requests)
    for name in _EVENT_TEXTS:
        value: object = getattr(event, name)
        if not isinstance(value, str) and (value is not None or name == "segment_id"):
            raise InvalidEventError(name, "is not text")
    for name, words in _WORDS.items():
        if getattr(event, name) not in words:
            raise InvalidEventError("event or source", "is not of the closed set")


def _behind(event: UsageEvent) -> str:
    """What stands on the line behind its records: of events of one kind mostly the same."""
    kind = "" if event.agent_type is None else f',"agent_type":{_quoted(event.agent_type)}'
    return kind if event.requests is None else f'{kind},"segment":{{{_facts(event.requests)}}}'


def _facts(block: Requests) -> str:
    model, window, ratio = block.model, block.window, block.bytes_per_token
    found = [f'"first":{_quoted(block.first)}']
    found += [] if model is None else [f'"model":{_quoted(model)}']
    found += [] if window is None else [f'"window":{window}']
    found += [] if ratio is None else [f'"bytes_per_token":{ratio!r}']
    for name, numbers in _lists_of(block).items():
        if name in _ALWAYS or any(numbers) or (numbers and name == "compactions"):
            found.append(f'"{name}":[{",".join(map(str, numbers))}]')
    return ",".join(found)


_ALWAYS = frozenset({"at", "input", "output"})
_BELOW = 2**53


def _lists_of(block: Requests) -> dict[str, tuple[int, ...]]:
    return {
        "at": block.at_ms, "input": block.input, "cached": block.cached, "written": block.written,
        "output": block.output, "compactions": block.compactions,
    }  # fmt: skip


def _check_requests(block: Requests) -> None:
    names: tuple[object, object] = (block.first, block.model or "")
    if not all(isinstance(name, str) for name in names):
        raise InvalidEventError("segment", "has a name that is no text")
    lists, number = _lists_of(block), len(block.at_ms)
    lengths = {len(lists[name]) for name in _ALWAYS} | {
        len(lists[name]) for name in ("cached", "written") if lists[name]
    }
    if lengths != {number} or not 0 < number <= MOST_REQUESTS:
        raise InvalidEventError("segment", "has lists that are not of one length up to 500")
    if len(block.compactions) > MOST_REQUESTS:
        raise InvalidEventError("segment", "has more compactions than requests")
    window = () if block.window is None else (block.window,)
    for name, numbers in (*lists.items(), ("window", window)):
        least = -_BELOW if name in {"at", "compactions"} else -1
        if not all(type(one) is int and least < one < _BELOW for one in numbers):
            raise InvalidEventError(f"segment.{name}", "is not in range")
    ratio = block.bytes_per_token
    if ratio is not None and not (type(ratio) is float and 0 < ratio < _BELOW):
        raise InvalidEventError("segment.bytes_per_token", "is not in range")


def _around(event: UsageEvent) -> str:
    """All that stands on the line before its records."""
    optional = ""
    if event[6:9] != (None, None, None):
        for name in ("host", "actor", "call_id"):
            value = getattr(event, name)
            if value is not None:
                optional += f'"{name}":{_quoted(value)},'
    return (
        f'{{"id":"{event.id}","occurred_at":"{format_ns(event.occurred_at_ns)}",'
        f'"segment_id":{_quoted(event.segment_id)},{optional}'
        f'"event":"{event.event}","source":"{event.source}","records":['
    )


def _record(record: UsageRecordSnapshot) -> str:
    text = (
        f'{{"kind":{_quoted(record.kind)},"slug":{_quoted(record.slug)},'
        f'"file_bytes":{record.file_bytes},"file_tokens_estimate":{record.file_tokens_estimate}'
    )
    if record[4:] == _NOTHING_MORE:
        return text + "}"
    for name in ("context_bytes", "context_tokens"):
        number = getattr(record, name)
        if number is not None:
            text += f',"{name}":{number}'
    for name in ("tokens_from", "size_from"):
        word = getattr(record, name)
        if word is not None:
            text += f',"{name}":{_quoted(word)}'
    return text + "}"


_WORDS = {"event": tuple(UsageEventKind), "source": tuple(UsageSource)}
_NOTHING_MORE = (None, None, None, None)


def _check(record: UsageRecordSnapshot, index: int) -> None:
    sizes = record.file_bytes, record.file_tokens_estimate
    if (
        record[4:] == _NOTHING_MORE
        and type(record.kind) is type(record.slug) is str
        and type(sizes[0]) is type(sizes[1]) is int
        and 0 <= sizes[0] <= U64_MAX
        and 0 <= sizes[1] <= U64_MAX
    ):
        return  # the usual record; the loop below says what is wrong with others
    for name, value in zip(record._fields, record, strict=True):
        if value is None and name not in _REQUIRED:
            continue
        if name in _RECORD_TEXTS:
            if not isinstance(value, str):
                raise InvalidEventError(f"records[{index}].{name}", "is not text")
        elif type(value) is not int or not 0 <= value <= U64_MAX:
            raise InvalidEventError(f"records[{index}].{name}", "is not a number from 0 to 2^64-1")


def _check_text(event: UsageEvent) -> None:
    """Refuse lone surrogates: they come from undecodable file names and are no text on disk."""
    texts = {name: getattr(event, name) for name in _EVENT_TEXTS}
    if event.requests is not None:
        texts |= {"segment.first": event.requests.first, "segment.model": event.requests.model}
    for index, record in enumerate(event.records):
        texts |= {f"records[{index}].{name}": getattr(record, name) for name in _RECORD_TEXTS}
    for field, text in texts.items():
        try:
            (text or "").encode()
        except UnicodeEncodeError:
            raise InvalidEventError(field, "holds a lone surrogate, which is no text") from None
