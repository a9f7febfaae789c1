"""Many lines at once: the same answer as `check` for each of them, for a fraction of the cost.

What follows ``"event":`` repeats from line to line: the *tail*. A batch is told apart into heads
(id, time, segment), which are checked all together, and tails, each of which is decoded once, by
`check`, behind a head made for it. Only a batch all of whose lines are valid and of this usual
shape is taken; of any other nothing is said, and it goes line by line. Why this gives the same:

* Every head is decoded from its whole line, so id, time and segment are those of the line, and the
  line is JSON.
* A tail that completes the made head to a valid line, and leaves its id, time and segment alone,
  closes exactly the one object that the head opens. So each line ends a value, and when there are
  as many values as lines, each line is exactly one.
* Tails nest no deeper than `check` allows. Heads do neither: those that are too short to hold so
  many brackets beside their fields, and, among longer ones, those of a batch with few brackets.
"""

import re
from typing import NamedTuple

import msgspec

from ctxuse.codec.decode import MAX_DEPTH, Refusal, ValidLine, check
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
    number = len(split_data.tails)
    if split_data.longest_head > _SHORT_HEAD and _may_nest(data, split_data):
        return None
    try:
        if not data.isascii():
            data.decode()
        heads = _decode_heads(data)
        ids = "".join([head.id for head in heads]).encode("ascii")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if len(heads) != number or ids.translate(_HEXADECIMAL) != _ID_SHAPE * number:
        return None
    times = [head.occurred_at for head in heads]
    if _TIMES.fullmatch("\n".join(times)) is None:
        return None
    if any(parse_ns(date + "T00:00:00Z") is None for date in {time[:10] for time in times}):
        return None
    return Heads([time[:-1] for time in times], [head.segment_id for head in heads])


def _may_nest(data: bytes, split_data: Split) -> bool:
    """Whether the heads hold so many brackets that one of them might nest too deep."""
    opening = data.count(b"[") + data.count(b"{")
    in_tails = sum(tail.count(b"[") + tail.count(b"{") for tail in split_data.tails)
    return opening - in_tails - len(split_data.tails) >= MAX_DEPTH - 1
