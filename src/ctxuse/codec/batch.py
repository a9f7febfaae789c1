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
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from ctxuse.codec.decode import MAX_DEPTH, CountedLine, Refusal, ValidLine, check, in_range
from ctxuse.times import SECOND, parse_ns


class Around(NamedTuple):
    """What a head says beside the id, the time and the call.

    Attributes:
        segment: The segment.
        names: The host and the actor, empty where it names none.
    """

    segment: str
    names: tuple[str, str]


class Heads(NamedTuple):
    """What the heads of a batch hold, line by line.

    Attributes:
        times: When each event happened, as on the line but for the ``Z``. Of two such texts the
            smaller is not the later time; equal times can be written in several ways.
        rests: What stands behind the time of each, but for the call.
        around: What each different one of them says.
    """

    times: list[bytes]
    rests: list[bytes]
    around: dict[bytes, Around]

    @property
    def segments(self) -> list[str]:
        """The segment of each."""
        around = self.around
        return [around[rest].segment for rest in self.rests]

    def distinct_segments(self) -> set[str]:
        """Return the segments that there are."""
        return {around.segment for around in self.around.values()}

    def names(self) -> list[tuple[str, str]]:
        """Return the host and the actor that each names, empty where it names none."""
        around = self.around
        return [around[rest].names for rest in self.rests]

    def at(self, places: Sequence[int]) -> "Heads":
        """Return the heads of some of the lines."""
        rests = [self.rests[place] for place in places]
        around = {rest: self.around[rest] for rest in set(rests)}
        return Heads([self.times[place] for place in places], rests, around)


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
_FIRST, _SECOND = b'{"id":"', b'","occurred_at":"'
_TIME_BEGINS = _ID_ENDS + len(_SECOND)

_SHORTEST_HEAD = _TIME_BEGINS + len('2026-11-22T09:30:15Z","segment_id":"",')

_decode_times = msgspec.json.Decoder(list[datetime]).decode
_IN_TIMES = b"0123456789-T:."
_LONGEST_TIME = len("2026-11-22T09:30:15.123456789")

_CALL = b'"call_id":"'
_OF_TEXT = bytes(set(range(ord(" "), ord("~") + 1)) - set(b'"\\'))
"""What stands in a text as it is."""

_TEXT = r"[ !#-\[\]-~]*"
_AROUND = re.compile(
    rf'","segment_id":"({_TEXT})",(?:"host":"({_TEXT})",)?(?:"actor":"({_TEXT})",)?'
)

_NO_BRACKETS = bytes(set(range(256)) - set(b"[{"))
_HEXADECIMAL = bytes.maketrans(b"0123456789abcdefABCDEF", b"0" * 22)
_ID_SHAPE = _MADE.id.encode()
_BEGINS = (_FIRST + _ID_SHAPE + _SECOND).translate(_HEXADECIMAL)


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
    places = [line.find(_TAIL, _SHORTEST_HEAD) for line in lines]
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

    What is alike from line to line is looked at once; ids and times are held to their form all
    together, times by msgspec, which takes fewer texts than `parse_ns` does.

    Args:
        told_apart: The lines; all of their tails are good for `decode_tail`.
    """
    lines, places, _ = told_apart
    begins = b"".join([line[:_TIME_BEGINS] for line in lines])
    if begins.translate(_HEXADECIMAL) != _BEGINS * len(lines):
        return None
    # Letters of the keys became zeros as well, so they are counted; each stands in its place once,
    # and nowhere else: neither in a time nor, by `_AROUND`, in what follows.
    if begins.count(_FIRST) != len(lines) or begins.count(_SECOND) != len(lines):
        return None
    parted = [
        line[_TIME_BEGINS:place].partition(b"Z") for line, place in zip(lines, places, strict=True)
    ]
    times = [time for time, _, _ in parted]
    rests = [rest for _, _, rest in parted]
    if not _are_times(times):
        return None
    if _CALL in b"".join(rests) and not (rests := _without_calls(rests)):
        return None
    around: dict[bytes, Around] = {}
    for rest in set(rests):
        found = _AROUND.fullmatch(rest.decode("latin-1"))
        if found is None:
            return None
        segment, host, actor = found.groups("")
        around[rest] = Around(segment, (host, actor))
    return Heads(times, rests, around)


def _are_times(times: list[bytes]) -> bool:
    """Whether each text is a time but for its ``Z``."""
    if b"".join(times).translate(None, _IN_TIMES) or max(map(len, times)) > _LONGEST_TIME:
        return False
    try:
        _decode_times(b'["' + b'Z","'.join(times) + b'Z"]')
    except msgspec.DecodeError:
        return False
    return True


def _without_calls(rests: list[bytes]) -> list[bytes]:
    """Return what stands before the calls; nothing when one is no text of plain characters."""
    parted = [rest.partition(_CALL) for rest in rests]
    calls = [call for _, found, call in parted if found]
    text = b"\n".join([*calls, b""])
    ends = text.count(b'",\n') == len(calls)
    return (
        [rest for rest, _, _ in parted]
        if ends and text.translate(None, _OF_TEXT) == b'"\n' * len(calls)
        else []
    )


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
