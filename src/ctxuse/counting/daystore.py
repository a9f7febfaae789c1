"""What is remembered of a log day by day, so that a part of it costs what that part holds.

Days of the past do not change any more, so the counts of 8, 64 and 512 of them that follow one
another are kept as well: a window is answered from the fewest that cover it, however many days it
has. Each stands there by itself, compressed, and is only looked at when it is asked for.

As with a checkpoint nothing of it is needed: what is absent, damaged or of another version costs
time. What a store can be asked is fixed: what is counted, whose uses are, in which zone days are.
"""

from collections.abc import Iterator
from itertools import groupby
from zlib import compress, decompressobj
from zlib import error as ZlibError  # noqa: N812 - it has no other name

import msgspec
from msgspec.structs import replace

from ctxuse.counting import kinds
from ctxuse.counting.days import Days, Stretch, dump_days, load_days
from ctxuse.counting.kinds import BASIC, LogTally, TallyKind
from ctxuse.counting.sound import is_sound
from ctxuse.counting.sums import Number
from ctxuse.counting.tally import Tally
from ctxuse.query import ALWAYS, Query, Window
from ctxuse.zones import zone_named

VERSION = b"ctxuse days 1\n"

_LEVELS = 3
_EACH = 3
"""Each level takes up 2^3 of the one below."""

_EARLIER = (_LEVELS + 2, 0)
"""The name of all days but the latest."""

_LARGEST = 256 * 1024 * 1024
"""Bytes that one part takes at most when it is decompressed."""

Name = tuple[int, int]
"""A day, or days that follow one another: the level, and the day shifted by as many levels."""


class DamagedError(Exception):
    """What was stored is none that we have stored."""


class _Part(msgspec.Struct, array_like=True):
    """Where the counts of some days stand, and the earliest and the latest time in them."""

    level: Number
    number: int
    since_ns: int
    until_ns: int
    at: Number
    length: Number


class _Head(msgspec.Struct, array_like=True):
    zone: str
    actors: tuple[str, ...] | None
    without_actors: tuple[str, ...]
    offset: Number
    digest: bytes
    events: Number
    whole: msgspec.Raw
    rest: msgspec.Raw
    parts: list[_Part]


_encode = msgspec.json.Encoder().encode
_decode_head = msgspec.json.Decoder(_Head).decode


class DayStore:
    """The counts of a log up to an offset, day by day.

    Args:
        kind: What is counted.
        query: Whose events are, and the zone of the days.

    Attributes:
        offset: How many bytes of the log it stands for; they end in a newline.
        digest: What those bytes were.
        events: How many events are in them.
        whole: The counts of all of these, whether they are asked for or not.
        rest: The counts of lines that are no events.
    """

    def __init__(self, kind: TallyKind, query: Query) -> None:
        self.offset = self.events = 0
        self.digest = b""
        self.whole, self.rest = Tally(), Tally()
        self._kind, self._query = kind, query
        self._parts: dict[Name, _Part] = {}
        self._data = memoryview(b"")
        self._days: dict[Name, Days] = {}
        self._numbers: list[int] = []

    def add(self, stretch: Stretch) -> None:
        """Add what stands behind all that was counted so far; it is not to be used any more.

        Raises:
            DamagedError: What was stored of a day is damaged.
        """
        if self._numbers and any(number != self._numbers[-1] for number in stretch.days):
            self._drop(_EARLIER)
        for number, days in stretch.days.items():
            mine = days
            if self._knows((0, number)):
                mine = Days()
                mine.join(self.of((0, number)))
                mine.join(days)
            for level in range(1, _LEVELS + 1):
                self._drop((level, number >> _EACH * level))
            self._drop((0, number))
            self._days[0, number] = mine
            self.whole.merge(days.tally.basic)
        self.whole.merge(stretch.outside)
        self.rest.merge(stretch.rest)
        self.events = stretch.events
        self._numbers = sorted({*self._numbers, *stretch.days})

    def _drop(self, name: Name) -> None:
        self._days.pop(name, None)
        self._parts.pop(name, None)

    def of(self, name: Name) -> Days:
        """Return the counts of some days; they are not to be changed.

        Raises:
            DamagedError: They are damaged.
        """
        found = self._days.get(name)
        if found is None:
            part = self._parts[name]
            found = self._days[name] = self._loaded(self._data[part.at :][: part.length])
        return found

    def covering(self, window: Window) -> tuple[list[Name], list[int]]:
        """Return the fewest names that together are days within `window`, and days partly in it."""
        if self._knows(_EARLIER) and window.covers(*self._span(_EARLIER)):
            found = [_EARLIER, *self._met(window, self._numbers[-1:], 0)]
        else:
            found = [*self._met(window, self._numbers, _LEVELS + 1)]
        names = [name for name in found if window.covers(*self._span(name))]
        partial = [number for level, number in found if (level, number) not in names]
        return names, partial

    def _knows(self, name: Name) -> bool:
        return name in self._parts or name in self._days

    def _met(self, window: Window, numbers: list[int], level: int) -> Iterator[Name]:
        """What is told of some days: one name if there is one that `window` covers or misses."""
        name = level, numbers[0] >> _EACH * level if numbers else 0
        if self._knows(name):
            span = self._span(name)
            if window.misses(*span):
                return
            if level == 0 or window.covers(*span):
                yield name
                return
        if level > 0:
            for _, below in groupby(numbers, key=lambda day: day >> _EACH * (level - 1)):
                yield from self._met(window, [*below], level - 1)

    def _span(self, name: Name) -> tuple[int, int]:
        part = self._parts.get(name)
        if part is not None:
            return part.since_ns, part.until_ns
        return self._days[name].span

    def dump(self) -> bytes:
        """Return it as bytes.

        Raises:
            DamagedError: What was stored of a day is damaged.
        """
        self._take_together()
        parts: list[_Part] = []
        blobs: list[bytes | memoryview] = []
        at = 0
        for name in sorted({*self._parts, *self._days}):
            part = self._parts.get(name)
            if part is None:
                blob: bytes | memoryview = compress(dump_days(self._days[name]), 1)
                part = _Part(*name, *self._days[name].span, 0, 0)
            else:
                blob = self._data[part.at :][: part.length]
            parts.append(_Part(*name, part.since_ns, part.until_ns, at, len(blob)))
            blobs.append(blob)
            at += len(blob)
        whole, rest = (
            msgspec.Raw(kinds.dump(LogTally(tally))) for tally in (self.whole, self.rest)
        )
        query = self._query
        head = _Head(
            query.zone.name, query.actors, query.without_actors,
            self.offset, self.digest, self.events, whole, rest, parts,
        )  # fmt: skip
        packed = compress(_encode(head), 1)
        return b"".join([VERSION, len(packed).to_bytes(8, "big"), packed, *blobs])

    def _take_together(self) -> None:
        """Have the counts of days that follow one another, but for those with the latest day.

        That one still grows; all before it are taken together, too.
        """
        for level in range(1, _LEVELS + 1):
            for number, days in groupby(self._numbers, key=lambda day: day >> _EACH * level):
                name = level, number
                if number == self._numbers[-1] >> _EACH * level or name in self._parts:
                    continue
                self._take(name, [*self._met(ALWAYS, [*days], level)])
        if not self._knows(_EARLIER):
            self._take(_EARLIER, [*self._met(ALWAYS, self._numbers[:-1], _LEVELS + 1)])

    def _take(self, name: Name, below: list[Name]) -> None:
        if len(below) > 1:
            whole = Days()
            for its in below:
                whole.join(self.of(its))
            self._days[name] = replace(whole, runs=[])

    @classmethod
    def loaded(cls, data: bytes | None, kind: TallyKind, query: Query) -> "DayStore | None":
        """Return what was stored as `data`; None when it is nothing that can be used."""
        head = _head_of(data)
        try:
            if head is None or data is None:
                return None
            whole, rest = kinds.load(head.whole), kinds.load(head.rest)
        except ValueError:
            return None
        if not (is_sound(whole, BASIC) and is_sound(rest, BASIC)):
            return None
        store = cls(kind, query)
        store.offset, store.digest, store.events = head.offset, head.digest, head.events
        store.whole, store.rest = whole.basic, rest.basic
        store._data = memoryview(data)[len(VERSION) + 8 + _length_of(data) :]
        store._parts = {(part.level, part.number): part for part in head.parts}
        store._numbers = sorted(number for level, number in store._parts if level == 0)
        return store

    @staticmethod
    def asked_of(data: bytes | None) -> Query | None:
        """Return what can be asked of what was stored as `data`, of any time."""
        head = _head_of(data)
        if head is None:
            return None
        try:
            zone = zone_named(head.zone)
        except LookupError:
            return None
        return Query(actors=head.actors, without_actors=head.without_actors, zone=zone)

    def _loaded(self, blob: memoryview) -> Days:
        try:
            days = load_days(_decompressed(blob))
        except (ValueError, ZlibError) as error:
            raise DamagedError(str(error)) from error
        basic = days.tally.basic
        exposed = {key for key, record in basic.records.items() if record.exposure_count}
        if not is_sound(days.tally, self._kind, self._query.zone) or days.last.keys() != exposed:
            raise DamagedError("it can be the counts of no days")
        return days


def _length_of(data: bytes) -> int:
    return int.from_bytes(data[len(VERSION) :][:8], "big")


def _head_of(data: bytes | None) -> _Head | None:
    if data is None or not data.startswith(VERSION):
        return None
    try:
        packed = memoryview(data)[len(VERSION) + 8 :][: _length_of(data)]
        return _decode_head(_decompressed(packed))
    except (ValueError, msgspec.DecodeError, ZlibError):
        return None


def _decompressed(data: memoryview) -> bytes:
    engine = decompressobj()
    found = engine.decompress(data, _LARGEST)
    if not engine.eof:
        raise ValueError("it is longer than what we store, or cut")
    return found
