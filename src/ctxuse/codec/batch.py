"""Many lines at once: the same answer as `check` for each of them, for a fraction of the cost.

Only a batch all of whose lines are valid and of the usual shape is taken; of any other nothing is
said, and it goes line by line. There are two ways.

*By tails*, where lines repeat: what follows ``"event":`` is mostly the same as on a line before. Of
each line the head, up to there, must be exactly what a writer of ours puts down: an opening brace
and id, time, segment and the optional texts, each behind its key and followed by a comma, in
characters that JSON takes as they are. Each different tail is decoded once, by `check`, behind a
head of that form made for it. Since a head leaves a JSON reader where any other head leaves it (in
an object, behind a comma), a tail makes a valid line behind one if it does behind the other; it
must leave the made head's id, time and segment alone, so that those of the line are in its head. A
tail that names one of them is tried behind two heads, for it might say what the first one does.

*In full*, where they hardly repeat: a batch is decoded as JSON values. Every line begins with ``{``
and ends with ``}``, and no JSON value has a newline between these two. So every newline stands
between two values, and when there are as many values as lines, each line is exactly one. Ids,
times and numbers are held to what `check` holds them to. No line nests deeper than `check`
allows: beside those that the fields need, the whole batch has not as many brackets.
"""

import re
from typing import NamedTuple

import msgspec

from ctxuse.codec.decode import MAX_DEPTH, CountedLine, Refusal, ValidLine, check, in_range
from ctxuse.times import SECOND, parse_ns


class Heads(NamedTuple):
    """What the heads of a batch hold, line by line.

    Attributes:
        times: When each event happened, as on the line but for the ``Z``. Of two such texts the
            smaller is not the later time; equal times can be written in several ways.
        segments: The segment of each.
        rest: The heads from behind the ids on, a line each.
    """

    times: list[str]
    segments: list[str]
    rest: str

    def names(self) -> list[tuple[str, str]]:
        """Return the host and the actor that each head names, empty where it names none."""
        return _NAMES.findall(self.rest)


_decode_lines = msgspec.json.Decoder(CountedLine).decode_lines

_USUAL_DEPTH = 3
"""How deep a line nests by its own fields: event, records, record."""

_TAIL = b'"event":'


class _Made(NamedTuple):
    """A head that is made: what it says, and its bytes."""

    id: str
    at_ns: int
    segment: str
    head: bytes


def _made(event_id: str, second: int, segment: str) -> _Made:
    time = f"1970-01-01T00:00:0{second}Z"
    head = f'{{"id":"{event_id}","occurred_at":"{time}","segment_id":"{segment}",'
    return _Made(event_id, second * SECOND, segment, head.encode())


_MADE = _made("00000000-0000-0000-0000-000000000000", 0, "")
_OTHER = _made("ffffffff-ffff-ffff-ffff-ffffffffffff", 1, "other")

_MAY_OVERRIDE = (b'"id"', b'"occurred_at"', b'"segment_id"', b"\\")
"""What stands in a tail that says something of them; a key can be spelt with escapes, too."""

_ID_BEGINS = len('{"id":"')
_ID_ENDS = _ID_BEGINS + len(_MADE.id)
_FIRST = _MADE.head[:_ID_BEGINS]

_TEXT = r"[ !#-\[\]-~]*"
_REST_OF_HEAD = re.compile(
    r'^","occurred_at":"([0-9]{4}-[0-9]{2}-[0-9]{2}'
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?)Z"
    rf'","segment_id":"({_TEXT})",'
    rf'(?:"host":"{_TEXT}",)?(?:"actor":"{_TEXT}",)?(?:"call_id":"{_TEXT}",)?$',
    re.MULTILINE,
)
_NAMES = re.compile(
    rf'"segment_id":"{_TEXT}",'
    rf'(?:"host":"({_TEXT})",)?(?:"actor":"({_TEXT})",)?(?:"call_id":"{_TEXT}",)?$',
    re.MULTILINE,
)

_NO_BRACKETS = bytes(set(range(256)) - set(b"[{"))
_HEXADECIMAL = bytes.maketrans(b"0123456789abcdefABCDEF", b"0" * 22)
_ID_SHAPE = _MADE.id.encode()


class Split(NamedTuple):
    """A block of lines, told apart.

    Attributes:
        lines: The lines, without their newlines.
        places: Where the tail of each begins; -1 where there is none.
        tails: The tail of each line; one that `decode_tail` refuses where there is none.
    """

    lines: list[bytes]
    places: list[int]
    tails: list[bytes]


def split(data: bytes) -> Split:
    """Tell the lines of `data`, which ends in a newline, apart."""
    lines = data.split(b"\n")
    lines.pop()
    places = [line.find(_TAIL, _ID_ENDS) for line in lines]
    tails = [line[place:] for line, place in zip(lines, places, strict=True)]
    return Split(lines, places, tails)


def decode_tail(tail: bytes) -> ValidLine | None:
    """Return what `tail` holds, or None when it does not complete a head to a valid line."""
    line = _behind(_MADE, tail)
    if line is not None and any(sign in tail for sign in _MAY_OVERRIDE):
        return line if _behind(_OTHER, tail) is not None else None
    return line


def _behind(made: _Made, tail: bytes) -> ValidLine | None:
    found = check(made.head + tail)
    if isinstance(found, Refusal):
        return None
    line = found.line
    kept = (found.id, found.at_ns, line.segment_id) == (made.id, made.at_ns, made.segment)
    return line if kept else None


def decode_heads(told_apart: Split) -> Heads | None:
    """Return the heads of lines, or None when not all are of the usual form.

    Args:
        told_apart: The lines; all of their tails are good for `decode_tail`.
    """
    lines, places, _ = told_apart
    ids = b"".join([line[_ID_BEGINS:_ID_ENDS] for line in lines])
    if ids.translate(_HEXADECIMAL) != _ID_SHAPE * len(lines):
        return None
    if {line[:_ID_BEGINS] for line in lines} != {_FIRST}:
        return None
    rest = b"\n".join([line[_ID_ENDS:place] for line, place in zip(lines, places, strict=True)])
    if not rest.isascii():
        return None
    text = rest.decode()
    found: list[tuple[str, str]] = _REST_OF_HEAD.findall(text)
    if len(found) != len(lines):  # each line gives one at most: no part of it takes a newline
        return None
    times = [time for time, _ in found]
    if any(parse_ns(date + "T00:00:00Z") is None for date in {time[:10] for time in times}):
        return None
    return Heads(times, [segment for _, segment in found], text)


def decode_lines(data: bytes) -> "tuple[list[CountedLine], list[int]] | None":
    """Return the lines of `data` and their times, or None when not all are of the usual shape.

    Args:
        data: Lines, each with its newline.
    """
    number = data.count(b"\n")
    if not data.startswith(b"{") or data.count(b"}\n{") != number - 1 or not data.endswith(b"}\n"):
        return None
    try:
        if not data.isascii():
            data.decode()
        lines = _decode_lines(data)
        ids = "\n".join([line.id for line in lines]).encode("ascii")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if len(lines) != number or ids.translate(_HEXADECIMAL) != b"\n".join([_ID_SHAPE] * number):
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
