"""Many lines at once: the same answer as `check` for each of them, for a fraction of the cost.

Only a batch all of whose lines are valid and of the usual shape is taken; of any other nothing is
said, and it goes line by line. Why this gives the same:

* A batch is decoded as JSON values. Every line begins with ``{`` and ends with ``}``, and no JSON
  value has a newline between these two. So every newline stands between two values, and when there
  are as many values as lines, each line is exactly one.
* Ids, times and numbers are held to what `check` holds them to, only for all lines together.
* No line nests deeper than `check` allows: beside those that the fields themselves need, the whole
  batch has not as many brackets.

Where lines repeat, there is a way that is faster still: what follows ``"event":``, the *tail*, is
mostly the same as on a line before. So only the heads (id, time, segment) are decoded, all
together, each from its whole line, and each different tail once, by `check`, behind a head made
for it. A tail that completes that head to a valid line, and leaves its id, time and segment alone,
closes exactly the one object that a head opens: so here, too, each line ends a value.
"""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

from ctxuse.codec.decode import MAX_DEPTH, CountedLine, Refusal, ValidLine, check, in_range
from ctxuse.times import parse_ns


class Heads(NamedTuple):
    """What the heads of a batch hold, line by line.

    Attributes:
        times: When each event happened, as on the line but for the ``Z``. Such texts compare as
            the times do.
        segments: The segment of each.
    """

    times: list[str]
    segments: list[str]


class _Head(msgspec.Struct, gc=False):
    id: str
    occurred_at: str
    segment_id: str


_decode_heads = msgspec.json.Decoder(_Head).decode_lines
_decode_lines = msgspec.json.Decoder(CountedLine).decode_lines

_Value = TypeVar("_Value", _Head, CountedLine)

_USUAL_DEPTH = 3
"""How deep a line nests by its own fields: event, records, record."""

_TAIL = b'"event":'

_MADE_ID = "00000000-0000-0000-0000-000000000000"
_MADE_HEAD = f'{{"id":"{_MADE_ID}","occurred_at":"1970-01-01T00:00:00Z","segment_id":"",'.encode()

_TIMES = re.compile(
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?Z\n?)*"
)

_SHORTEST_HEAD = (
    len('{"id":"","occurred_at":"","segment_id":"",') + 36 + len("1970-01-01T00:00:00Z")
)
_SHORT_HEAD = _SHORTEST_HEAD + 2 * MAX_DEPTH
"""A head up to so long cannot nest too deep: every bracket in it has its counterpart in it, too."""

_NO_BRACKETS = bytes(set(range(256)) - set(b"[{"))
_HEXADECIMAL = bytes.maketrans(b"0123456789abcdefABCDEF", b"0" * 22)
_ID_SHAPE = b"00000000-0000-0000-0000-000000000000"


class Split(NamedTuple):
    """A block of lines, told apart.

    Attributes:
        tails: The tail of each line; one that `decode_tail` refuses where there is none.
        longest_head: The length of the longest head, in bytes.
    """

    tails: list[bytes]
    longest_head: int


def split(data: bytes) -> Split:
    """Tell the lines of `data`, which ends in a newline, apart."""
    lines = data.split(b"\n")
    lines.pop()
    places = [line.find(_TAIL, _SHORTEST_HEAD) for line in lines]
    tails = [line[place:] for line, place in zip(lines, places, strict=True)]
    return Split(tails, max(places))


def decode_tail(tail: bytes) -> ValidLine | None:
    """Return what `tail` holds, or None when it does not complete a head to a valid line."""
    found = check(_MADE_HEAD + tail)
    if isinstance(found, Refusal):
        return None
    kept = (found.id, found.at_ns, found.line.segment_id) == (_MADE_ID, 0, "")
    return found.line if kept else None


def decode_heads(data: bytes, split_data: Split) -> Heads | None:
    """Return the heads of the lines of `data`, or None when not all lines are of the usual shape.

    Args:
        data: Lines, each with its newline.
        split_data: The same, told apart; all of its tails are good for `decode_tail`.
    """
    if split_data.longest_head > _SHORT_HEAD and _may_nest(data, split_data):
        return None
    heads = _values(data, len(split_data.tails), _decode_heads)
    if heads is None:
        return None
    times = [head.occurred_at for head in heads]
    if _TIMES.fullmatch("\n".join(times)) is None:
        return None
    if any(parse_ns(date + "T00:00:00Z") is None for date in {time[:10] for time in times}):
        return None
    return Heads([time[:-1] for time in times], [head.segment_id for head in heads])


def decode_lines(data: bytes) -> "tuple[list[CountedLine], list[int]] | None":
    """Return the lines of `data` and their times, or None when not all are of the usual shape.

    Args:
        data: Lines, each with its newline.
    """
    number = data.count(b"\n")
    if not data.startswith(b"{") or data.count(b"}\n{") != number - 1 or not data.endswith(b"}\n"):
        return None
    lines = _values(data, number, _decode_lines)
    if lines is None:
        return None
    brackets = len(data.translate(None, _NO_BRACKETS))
    needed = 2 * len(lines) + sum([len(line.records) for line in lines])
    if brackets - needed >= MAX_DEPTH - _USUAL_DEPTH:
        return None
    times: list[int] = []
    for line in lines:
        at_ns = parse_ns(line.occurred_at)
        if at_ns is None or not in_range(line.records):
            return None
        times.append(at_ns)
    return lines, times


def _values(
    data: bytes, number: int, decode: Callable[[bytes], list[_Value]]
) -> list[_Value] | None:
    """The values in `data`, if there are so many and their ids are good."""
    try:
        if not data.isascii():
            data.decode()
        values = decode(data)
        ids = "".join([value.id for value in values]).encode("ascii")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if len(values) != number or ids.translate(_HEXADECIMAL) != _ID_SHAPE * number:
        return None
    return values


def _may_nest(data: bytes, split_data: Split) -> bool:
    """Whether the heads hold so many brackets that one of them might nest too deep."""
    opening = data.count(b"[") + data.count(b"{")
    in_tails = sum(tail.count(b"[") + tail.count(b"{") for tail in split_data.tails)
    return opening - in_tails - len(split_data.tails) >= MAX_DEPTH - 1
