"""One line → an event, or the reason why it is none. The only definition of a valid line.

`ValidLine` and the checks of `check` are that definition. A line they refuse is looked at a second
time by `_reason`, which only names what was wrong.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

import msgspec

from ctxuse.codec import MAX_READ_LINE
from ctxuse.events import (
    MOST_REQUESTS,
    SIZE_UNKNOWN,
    U64_MAX,
    Requests,
    UsageEvent,
    UsageEventKind,
    UsageRecordSnapshot,
    UsageSource,
)
from ctxuse.ids import canonical_id
from ctxuse.times import parse_ns

MAX_DEPTH = 64
"""How deep the brackets of a line may nest. A bound of ours, far below what Python's own allows, so
that the answer does not depend on how deep the caller's own stack is."""


class SkipReason(StrEnum):
    """Why a line is not counted; values are the words that `ctxuse check` prints.

    Attributes:
        explanation: What is wrong with such a line, behind "a line" or "lines".
    """

    explanation: str

    def __new__(cls, word: str, explanation: str = "") -> Self:
        """Make the reason whose value is `word`."""
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.explanation = explanation
        return reason

    NOT_UTF8 = "not_utf8", "bytes that are no UTF-8"
    NOT_JSON = "not_json", "not one JSON value"
    NOT_OBJECT = "not_object", "JSON, but no object"
    TOO_DEEP = "too_deep", "nested deeper than 64"
    OVERSIZED = "oversized", "longer than 1 MiB"
    LEGACY_SCHEMA = "legacy_schema", "of the older schema: session_id in place of segment_id"
    MISSING_FIELD = "missing_field", "without a required field"
    WRONG_TYPE = "wrong_type", "with a field of another type or out of range"
    BAD_ID = "bad_id", "with an id that is no UUID"
    BAD_TIME = "bad_time", "with a time that is none"
    UNKNOWN_EVENT = "unknown_event", "with an unknown event"
    UNKNOWN_SOURCE = "unknown_source", "with an unknown source"


class Refusal(NamedTuple):
    """A line that is not an event.

    Attributes:
        reason: What kind of fault it has.
        field: The field at fault, as in ``records[0].slug``; empty when it is the line itself.
    """

    reason: SkipReason
    field: str = ""


_Number = Annotated[int, msgspec.Meta(ge=0)]


class ValidRecord(msgspec.Struct, gc=False):
    """One record of a valid line."""

    kind: str
    slug: str
    file_bytes: _Number
    file_tokens_estimate: _Number
    # Optional fields are taken raw: whatever they hold, the line counts, as it does for the
    # reference. One of another type is as good as absent.
    context_bytes: msgspec.Raw = msgspec.Raw()
    context_tokens: msgspec.Raw = msgspec.Raw()
    tokens_from: msgspec.Raw = msgspec.Raw()
    size_from: msgspec.Raw = msgspec.Raw()

    @property
    def sized(self) -> bool:
        """Whether the sizes mean something."""
        return not self.size_from or optional_text(self.size_from) != SIZE_UNKNOWN

    def context(self) -> tuple[int | None, int | None, str | None]:
        """Return the bytes that entered, the tokens, and from where these are known."""
        if not self.context_bytes and not self.context_tokens:
            return None, None, None
        return (
            _optional_number(self.context_bytes),
            _optional_number(self.context_tokens),
            optional_text(self.tokens_from),
        )


class CountedLine(msgspec.Struct, gc=False):
    """What counting needs of a valid line."""

    id: str
    occurred_at: str
    segment_id: str
    event: UsageEventKind
    source: UsageSource
    records: Sequence[ValidRecord]
    host: msgspec.Raw = msgspec.Raw()
    agent_type: msgspec.Raw = msgspec.Raw()
    segment: msgspec.Raw = msgspec.Raw()

    @property
    def is_of_requests(self) -> bool:
        """Whether it tells of requests, and so of no record: it counts as no event."""
        return not self.records and requests_on(self) is not None


class ValidLine(CountedLine, gc=False):
    """The fields of a valid line, as they stand there."""

    actor: msgspec.Raw = msgspec.Raw()
    call_id: msgspec.Raw = msgspec.Raw()


class Valid(NamedTuple):
    """A valid line.

    Attributes:
        line: Its fields, as they stand there.
        id: Its id, canonical.
        at_ns: Its time, in nanoseconds since the epoch.
    """

    line: ValidLine
    id: str
    at_ns: int


EMPTY = Refusal(SkipReason.NOT_JSON)
"""What an empty line is, which is also blank."""

_decode_line = msgspec.json.Decoder(ValidLine).decode
_decode_any = msgspec.json.Decoder().decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_number = msgspec.json.Decoder(_Number).decode


def check(line: bytes) -> "Valid | Refusal":
    """Return what a valid `line` holds, its id and its time, or why it is not valid.

    Args:
        line: The bytes between two newlines, not blank.
    """
    if len(line) > MAX_READ_LINE:
        return Refusal(SkipReason.OVERSIZED)
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and _depth(line) > MAX_DEPTH:
        return Refusal(SkipReason.TOO_DEEP)
    try:
        raw = _decode_line(line)
        if not line.isascii():
            line.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _reason(line)
    event_id = canonical_id(raw.id)
    if event_id is None:
        return Refusal(SkipReason.BAD_ID, "id")
    occurred_at_ns = parse_ns(raw.occurred_at)
    if occurred_at_ns is None:
        return Refusal(SkipReason.BAD_TIME, "occurred_at")
    if not in_range(raw.records):
        return _reason(line)
    return Valid(raw, event_id, occurred_at_ns)


def in_range(records: Iterable[ValidRecord]) -> bool:
    """Whether all sizes are within the 64 bits that the format gives them."""
    for record in records:
        if record.file_bytes > U64_MAX or record.file_tokens_estimate > U64_MAX:
            return False
    return True


def decode(line: bytes) -> UsageEvent | Refusal:
    """Return the event that `line` stores, or why it stores none.

    Args:
        line: The bytes between two newlines, not blank.
    """
    found = check(line)
    return found if isinstance(found, Refusal) else event_of(found)


def event_of(found: Valid) -> UsageEvent:
    """Return the event that a valid line stores."""
    raw, event_id, occurred_at_ns = found
    return UsageEvent(
        event_id,
        occurred_at_ns,
        raw.segment_id,
        raw.event,
        raw.source,
        snapshots_on(raw),
        optional_text(raw.host),
        optional_text(raw.actor),
        optional_text(raw.call_id),
        optional_text(raw.agent_type),
        requests_on(raw),
    )


_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_Offset = Annotated[int, msgspec.Meta(gt=-(2**53), lt=2**53)]
_Ratio = Annotated[float, msgspec.Meta(gt=0, lt=2**53)]


class _Facts(msgspec.Struct, gc=False):
    """What a line says of requests: the fields of `Requests`, in the same order."""

    first: str
    at: tuple[_Offset, ...]
    input: tuple[_Count, ...]
    output: tuple[_Count, ...]
    cached: tuple[_Count, ...] = ()
    written: tuple[_Count, ...] = ()
    compactions: tuple[_Offset, ...] = ()
    model: str | None = None
    window: _Count | None = None
    bytes_per_token: _Ratio | None = None


_decode_facts = msgspec.json.Decoder(_Facts).decode


def requests_on(line: CountedLine) -> Requests | None:
    """Return what a line tells of requests; None where it tells nothing that can be understood."""
    if line.records or not line.segment:
        return None
    try:
        facts = _decode_facts(line.segment)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    number = len(facts.at)
    of_each = (facts.input, facts.output, facts.cached or facts.at, facts.written or facts.at)
    if not 0 < number <= MOST_REQUESTS or {len(one) for one in of_each} != {number}:
        return None
    block = Requests(*msgspec.structs.astuple(facts))
    return block._replace(compactions=block.compactions[:MOST_REQUESTS])


# What Rust's `str::trim` removes, which is not quite what Python's `str.strip` does.
_WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def is_blank(line: bytes) -> bool:
    """Whether `line` holds nothing but Unicode white space: such a line is ignored."""
    if not line:
        return True
    if line[:1] == b"{":
        return False
    try:
        return not line.decode().strip(_WHITE_SPACE)
    except UnicodeDecodeError:
        return False


def snapshots_on(line: CountedLine) -> tuple[UsageRecordSnapshot, ...]:
    """Return the records of a valid line."""
    return tuple([_snapshot(record) for record in line.records])


def _snapshot(record: ValidRecord) -> UsageRecordSnapshot:
    return UsageRecordSnapshot(
        record.kind,
        record.slug,
        record.file_bytes,
        record.file_tokens_estimate,
        _optional_number(record.context_bytes),
        _optional_number(record.context_tokens),
        optional_text(record.tokens_from),
        optional_text(record.size_from),
    )


def optional_text(raw: msgspec.Raw) -> str | None:
    """Return the text of an optional field; None where it is absent or no text."""
    if not raw:
        return None
    try:
        return _decode_text(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _optional_number(raw: msgspec.Raw) -> int | None:
    if not raw:
        return None
    try:
        number = _decode_number(raw)
    except msgspec.DecodeError:
        return None
    return number if number <= U64_MAX else None


_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def _depth(line: bytes) -> int:
    """How deep the brackets outside strings nest at most."""
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.finditer(line):
        match token[0]:
            case b"[" | b"{":
                depth += 1
                deepest = max(deepest, depth)
            case b"]" | b"}":
                depth -= 1
    return deepest


def _reason(line: bytes) -> Refusal:
    """Name the first fault of a line that was refused."""
    try:
        line.decode()
        value: object = _decode_any(line)
    except UnicodeDecodeError:
        return Refusal(SkipReason.NOT_UTF8)
    except msgspec.ValidationError:  # JSON, but with a number that no type of ours can hold
        return Refusal(SkipReason.WRONG_TYPE)
    except msgspec.DecodeError:
        return Refusal(SkipReason.NOT_JSON)
    if not isinstance(value, dict):
        return Refusal(SkipReason.NOT_OBJECT)
    if "segment_id" not in value and "session_id" in value:
        return Refusal(SkipReason.LEGACY_SCHEMA, "session_id")
    return (
        _field_reason(value, dict.fromkeys(_TEXT_FIELDS, str), "")
        or _word_reason(value)
        or _field_reason(value, {"records": list}, "")
        or _records_reason(value["records"])
        or Refusal(SkipReason.WRONG_TYPE)
    )


_TEXT_FIELDS = ("id", "occurred_at", "segment_id", "event", "source")
_RECORD_FIELDS = {"kind": str, "slug": str, "file_bytes": int, "file_tokens_estimate": int}


def _field_reason(
    fields: dict[str, object], types: Mapping[str, type], where: str
) -> Refusal | None:
    for name, expected in types.items():
        if name not in fields:
            return Refusal(SkipReason.MISSING_FIELD, where + name)
        value = fields[name]
        in_range = not isinstance(value, int) or 0 <= value <= U64_MAX
        if type(value) is not expected or not in_range:
            return Refusal(SkipReason.WRONG_TYPE, where + name)
    return None


def _word_reason(fields: dict[str, object]) -> Refusal | None:
    if fields["event"] not in set(UsageEventKind):
        return Refusal(SkipReason.UNKNOWN_EVENT, "event")
    if fields["source"] not in set(UsageSource):
        return Refusal(SkipReason.UNKNOWN_SOURCE, "source")
    return None


def _records_reason(records: list[object]) -> Refusal | None:
    for index, record in enumerate(records):
        where = f"records[{index}]"
        if not isinstance(record, dict):
            return Refusal(SkipReason.WRONG_TYPE, where)
        refusal = _field_reason(record, _RECORD_FIELDS, where + ".")
        if refusal is not None:
            return refusal
    return None
