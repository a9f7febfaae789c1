"""One event ⇄ one line."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import an_event, events, facts

from ctxuse import InvalidEventError, UsageEvent, UsageEventKind, UsageRecordSnapshot
from ctxuse.codec import MAX_READ_LINE, MAX_WRITTEN_LINE
from ctxuse.codec.decode import MAX_DEPTH, Refusal, SkipReason, decode, is_blank
from ctxuse.codec.encode import encode, split, to_json
from ctxuse.events import U64_MAX

LINE = encode(an_event())
FIELDS: dict[str, Any] = json.loads(LINE)


def changed(**changes: object) -> bytes:
    return json.dumps({**FIELDS, **changes}).encode()


def record(**changes: object) -> dict[str, object]:
    fields: dict[str, object] = {**FIELDS["records"][0], **changes}
    return fields


def without(*names: str) -> bytes:
    return json.dumps({name: FIELDS[name] for name in FIELDS if name not in names}).encode()


@given(events | facts)
def test_an_event_survives_being_written_and_read(event: UsageEvent) -> None:
    assert decode(encode(event)) == event


@given(events | facts)
def test_a_written_line_is_compact_ascii_on_one_line(event: UsageEvent) -> None:
    line = encode(event)
    assert line.isascii()
    assert b"\n" not in line
    assert b"\r" not in line
    assert json.dumps(json.loads(line), separators=(",", ":")).encode() == line


def test_the_fields_stand_in_the_order_of_the_format() -> None:
    event = an_event(
        host="claude-code",
        actor="agent",
        call_id="toolu_1",
        records=(UsageRecordSnapshot("skill", "pdf", 8, 2, 4, 1, "usage", "transcript"),),
    )
    assert encode(event) == (
        b'{"id":"01a2058a-acb2-73bc-8f43-32ac6750f8a6",'
        b'"occurred_at":"2026-11-22T23:15:03.986118970Z","segment_id":"segment-1",'
        b'"host":"claude-code","actor":"agent","call_id":"toolu_1",'
        b'"event":"use","source":"MemoryRead",'
        b'"records":[{"kind":"skill","slug":"pdf","file_bytes":8,"file_tokens_estimate":2,'
        b'"context_bytes":4,"context_tokens":1,"tokens_from":"usage","size_from":"transcript"}]}'
    )


def test_what_is_unknown_is_left_out() -> None:
    assert b"host" not in LINE
    assert b"null" not in LINE


@given(st.binary(max_size=200))
def test_no_bytes_at_all_crash_the_reader(line: bytes) -> None:
    assert isinstance(decode(line), UsageEvent | Refusal)


@given(st.integers(0, len(LINE) - 1), st.integers(0, 255))
@example(0, 0xEF)
def test_a_line_with_one_byte_changed_is_an_event_or_refused(at: int, byte: int) -> None:
    line = LINE[:at] + bytes([byte]) + LINE[at + 1 :]
    found = decode(line)
    if isinstance(found, UsageEvent):
        json.loads(line)  # it is JSON for others too
        assert decode(encode(found)) == found


@given(events | facts, st.data())
def test_a_line_cut_anywhere_is_no_event(event: UsageEvent, data: st.DataObject) -> None:
    line = encode(event)
    cut = data.draw(st.integers(0, len(line) - 1))
    assert isinstance(decode(line[:cut]), Refusal)


@pytest.mark.parametrize("cls", [int, str, list, dict, bool, float, type(None)])
@pytest.mark.parametrize("name", ["host", "actor", "call_id", "agent_type"])
def test_an_optional_field_of_any_type_never_costs_the_line(name: str, cls: type) -> None:
    found = decode(changed(**{name: cls()}))
    assert isinstance(found, UsageEvent)
    assert getattr(found, name) == ("" if cls is str else None)


@pytest.mark.parametrize("value", [-1, 2**64, 1.5, "4", True, None, [], {"a": 1}])
@pytest.mark.parametrize("name", ["context_bytes", "context_tokens"])
def test_an_optional_number_out_of_range_is_unknown(name: str, value: object) -> None:
    found = decode(changed(records=[record(**{name: value})]))
    assert isinstance(found, UsageEvent)
    assert getattr(found.records[0], name) is None


@pytest.mark.parametrize("value", [0, 1, U64_MAX])
def test_numbers_reach_from_0_to_u64(value: int) -> None:
    found = decode(changed(records=[record(file_bytes=value, context_bytes=value)]))
    assert isinstance(found, UsageEvent)
    assert found.records[0].file_bytes == value
    assert found.records[0].context_bytes == value


def test_unknown_fields_are_ignored_at_both_levels() -> None:
    found = decode(changed(later={"a": [1, None]}, records=[record(later=[1])]))
    assert found == an_event()


REFUSED = [
    (b"", SkipReason.NOT_JSON, ""),
    (b"nonsense", SkipReason.NOT_JSON, ""),
    (b"\xef\xbb\xbf" + LINE, SkipReason.NOT_JSON, ""),
    (LINE + b"x", SkipReason.NOT_JSON, ""),
    (LINE + LINE, SkipReason.NOT_JSON, ""),
    (LINE[:-1], SkipReason.NOT_JSON, ""),
    (LINE.replace(b"segment-1", b"segment\t1"), SkipReason.NOT_JSON, ""),
    (LINE.replace(b"segment-1", b"\\ud800"), SkipReason.NOT_JSON, ""),
    (LINE.replace(b'456,"', b'0456,"'), SkipReason.NOT_JSON, ""),
    (LINE.replace(b"segment-1", b"\xff"), SkipReason.NOT_UTF8, ""),
    (LINE.replace(b"segment-1", b"\xed\xa0\x80"), SkipReason.NOT_UTF8, ""),
    (LINE[:-1] + b',"later":"\xff"}', SkipReason.NOT_UTF8, ""),
    (b"[1]", SkipReason.NOT_OBJECT, ""),
    (b"null", SkipReason.NOT_OBJECT, ""),
    (without("id"), SkipReason.MISSING_FIELD, "id"),
    (without("segment_id"), SkipReason.MISSING_FIELD, "segment_id"),
    (without("records"), SkipReason.MISSING_FIELD, "records"),
    (changed(segment_id=None), SkipReason.WRONG_TYPE, "segment_id"),
    (changed(event=1), SkipReason.WRONG_TYPE, "event"),
    (changed(records=None), SkipReason.WRONG_TYPE, "records"),
    (changed(records={}), SkipReason.WRONG_TYPE, "records"),
    (changed(records=[record(), 1]), SkipReason.WRONG_TYPE, "records[1]"),
    (changed(records=[record(slug=None)]), SkipReason.WRONG_TYPE, "records[0].slug"),
    (changed(records=[record(file_bytes="4")]), SkipReason.WRONG_TYPE, "records[0].file_bytes"),
    (changed(records=[record(file_bytes=4.0)]), SkipReason.WRONG_TYPE, "records[0].file_bytes"),
    (changed(records=[record(file_bytes=-1)]), SkipReason.WRONG_TYPE, "records[0].file_bytes"),
    (changed(records=[record(file_bytes=True)]), SkipReason.WRONG_TYPE, "records[0].file_bytes"),
    (changed(records=[record(file_bytes=2**64)]), SkipReason.WRONG_TYPE, "records[0].file_bytes"),
    (LINE.replace(b"456", b"1e0"), SkipReason.WRONG_TYPE, "records[0].file_bytes"),
    (LINE.replace(b"456", b"9" * 10_000), SkipReason.WRONG_TYPE, ""),
    (changed(records=[{"kind": "a"}]), SkipReason.MISSING_FIELD, "records[0].slug"),
    (changed(id="not-a-uuid"), SkipReason.BAD_ID, "id"),
    (changed(occurred_at="2026-11-22"), SkipReason.BAD_TIME, "occurred_at"),
    (changed(event="read"), SkipReason.UNKNOWN_EVENT, "event"),
    (changed(source="resident_injection"), SkipReason.UNKNOWN_SOURCE, "source"),
    (
        without("segment_id")[:-1] + b', "session_id": "s"}',
        SkipReason.LEGACY_SCHEMA,
        "session_id",
    ),
    (LINE + b" " * MAX_READ_LINE, SkipReason.OVERSIZED, ""),
    (LINE[:-1] + b',"later":' + b"[" * 70 + b"]" * 70 + b"}", SkipReason.TOO_DEEP, ""),
    (b"[" * 1_000_000, SkipReason.TOO_DEEP, ""),
]


@pytest.mark.parametrize(("line", "reason", "field"), REFUSED)
def test_a_refused_line_says_why_and_where(line: bytes, reason: SkipReason, field: str) -> None:
    assert decode(line) == Refusal(reason, field)


def test_every_reason_has_a_case() -> None:
    assert {reason for _, reason, _ in REFUSED} == set(SkipReason)


def nested(depth: int) -> bytes:
    return LINE[:-1] + b',"later":' + b"[" * depth + b"]" * depth + b"}"


def test_the_depth_allowed_does_not_depend_on_the_callers_stack() -> None:
    def deeper(calls: int) -> UsageEvent | Refusal:
        return deeper(calls - 1) if calls else decode(nested(MAX_DEPTH - 1))

    assert deeper(0) == deeper(400) == an_event()
    assert decode(nested(MAX_DEPTH)) == Refusal(SkipReason.TOO_DEEP)


def test_brackets_in_strings_do_not_nest() -> None:
    segment = '[{"\\' * 1000
    assert decode(changed(segment_id=segment)) == an_event(segment_id=segment)


@pytest.mark.parametrize(
    ("line", "accepted"),
    [
        (changed(id="urn:uuid:01a2058a-acb2-73bc-8f43-32ac6750f8a6"), False),
        (changed(id="{01a2058a-acb2-73bc-8f43-32ac6750f8a6}"), False),
        (changed(event={"use": None}), False),
        (changed(occurred_at="2026-01-01T00:00:60Z"), False),
        (changed(occurred_at="2026-01-01T00:00:00.0123456789Z"), False),
        (changed(occurred_at="2026-01-01 00:00:00Z"), False),
        (changed(occurred_at="2026-01-01t00:00:00z"), False),
        (changed(occurred_at="2026-01-01T00:00:00+0200"), False),
        (changed(occurred_at="10000-01-01T00:00:00Z"), False),
        (json.dumps([*FIELDS.values()]).encode(), False),
        (LINE.replace(b'{"id"', b'{"id":"x","id"'), True),
        (LINE.replace(b"456", b"-0"), True),
        (LINE[:-1] + b',"later":"\\ud800"}', False),
    ],
)
def test_forms_that_the_format_leaves_open_are_pinned(line: bytes, accepted: bool) -> None:  # noqa: FBT001 - a table
    assert isinstance(decode(line), UsageEvent) == accepted


@pytest.mark.parametrize("line", [b"", b" ", b"\t\r", "\u00a0\u2003\u3000\x85".encode()])
def test_a_line_of_white_space_is_blank(line: bytes) -> None:
    assert is_blank(line)


@pytest.mark.parametrize("line", [b"{}", b"x", b"\x1c", b"\x00", b"\xff", "\u200b".encode()])
def test_other_lines_are_not_blank(line: bytes) -> None:
    assert not is_blank(line)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "x"}, "id"),
        ({"id": an_event().id.upper()}, "id"),
        ({"occurred_at_ns": 2**63 * 100}, "occurred_at_ns"),
        ({"occurred_at_ns": 1.5}, "occurred_at_ns"),
        ({"segment_id": None}, "segment_id"),
        ({"segment_id": "\ud800"}, "segment_id"),
        ({"host": 5}, "host"),
        ({"event": "read"}, "event or source"),
        ({"source": "Fifth"}, "event or source"),
        ({"records": ()}, "records"),
    ],
)
def test_an_event_that_the_format_does_not_allow_is_not_written(
    changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidEventError) as caught:
        encode(an_event(**changes))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", None),
        ("slug", b"bytes"),
        ("slug", "\udcff"),
        ("file_bytes", -1),
        ("file_bytes", 2**64),
        ("file_bytes", True),
        ("file_bytes", None),
        ("file_tokens_estimate", 1.0),
        ("context_bytes", -1),
        ("context_tokens", "1"),
        ("tokens_from", 1),
        ("size_from", []),
    ],
)
def test_a_record_that_the_format_does_not_allow_is_not_written(name: str, value: object) -> None:
    changes: dict[str, Any] = {name: value}
    snapshot = an_event().records[0]._replace(**changes)
    with pytest.raises(InvalidEventError) as caught:
        encode(an_event(records=(an_event().records[0], snapshot)))
    assert caught.value.field == f"records[1].{name}"


def test_a_list_of_records_too_long_for_a_line_is_split_over_events() -> None:
    records = tuple(UsageRecordSnapshot("decision", f"slug-{i}", i, i) for i in range(3000))
    event = an_event(records=records, event=UsageEventKind.RESIDENT_EXPOSURE, host="h")
    parts = [*split(event)]
    assert len(parts) > 2
    assert parts[0][0].id == event.id
    assert len({part.id for part, _ in parts}) == len(parts)
    assert all(len(line) < MAX_WRITTEN_LINE for _, line in parts)
    assert all(decode(line) == part for part, line in parts)
    assert all(part._replace(id=event.id, records=records) == event for part, _ in parts)
    assert tuple(record for part, _ in parts for record in part.records) == records
    with pytest.raises(InvalidEventError):
        encode(event)


@given(st.integers(0, 3000))
def test_lines_are_split_at_64_kib_and_not_before(extra: int) -> None:
    room = MAX_WRITTEN_LINE - len(LINE) - 1
    longest = "a" * (room + len("alpha"))
    fits = an_event(records=(UsageRecordSnapshot("decision", longest, 456, 114),))
    assert len(encode(fits)) == MAX_WRITTEN_LINE - 1
    too_long = UsageRecordSnapshot("decision", longest + "a" * (extra + 1), 456, 114)
    with pytest.raises(InvalidEventError):
        [*split(an_event(records=(too_long,)))]


@given(events)
def test_an_event_is_shown_as_it_is_stored(event: UsageEvent) -> None:
    assert to_json(event).encode() == encode(event)
