"""What is remembered of a log day by day, so that a part of it costs what that part holds.

Days of the past do not change any more, so the counts of 8, 64 and 512 days that follow one another
are kept as well (*rollups*), and of all but the latest: a window is told from the fewest that cover
it, however many days it has. Each part stands there by itself, compressed, and is only looked at
when it is asked for.

As with a checkpoint nothing of it is needed: what is absent, damaged or of another version costs
time. What a store can be asked is fixed: what is counted, whose uses are, in which zone days are.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from zlib import compress, decompressobj
from zlib import error as ZlibError  # noqa: N812 - it has no other name

import msgspec

from ctxuse.counting import kinds
from ctxuse.counting.dayform import dump_days, dump_totals, load_days, load_totals
from ctxuse.counting.days import (
    MOST_DAYS,
    Days,
    Run,
    Stretch,
    TooManyDaysError,
    Totals,
    is_too_much,
    joined,
)
from ctxuse.counting.kinds import BASIC, LogTally, TallyKind, decoded
from ctxuse.counting.sound import is_sound
from ctxuse.counting.sums import Number
from ctxuse.counting.tally import Tally
from ctxuse.counting.tuning import USUAL, Tuning
from ctxuse.query import ALWAYS, Query, Window
from ctxuse.zones import zone_named

VERSION = b"ctxuse days 2\n"

_LEVELS = 3
_EACH = 3
"""Each level takes up 2^3 of the one below."""

Name = tuple[int, int]
"""A day, or days that follow one another: the level, and the day shifted by as many levels."""

_EARLIER = (_LEVELS + 2, 0)
"""The name of all days but the latest."""

_LARGEST = 256 * 1024 * 1024
"""Bytes that one part takes at most when it is decompressed."""


class DamagedError(Exception):
    """What was stored is none that we have stored, or not of this log."""


class _Part(msgspec.Struct, array_like=True):
    """Some days: their earliest and latest time, and where their counts stand here.

    Of one day also how many records were met, and where its events stand in the log.
    """

    level: Number
    number: int
    since_ns: int
    until_ns: int
    at: Number
    length: Number
    records: Number
    runs: list[Run]


class _Head(msgspec.Struct, array_like=True):
    zone: str
    actors: tuple[str, ...] | None
    without_actors: tuple[str, ...]
    offset: Number
    digest: bytes
    totals: msgspec.Raw
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
        totals: How much there is of all events in them.
        rest: The counts of lines that are no events.
        numbers: The days that there are, in order.
    """

    def __init__(self, kind: TallyKind, query: Query) -> None:
        self.offset = 0
        self.digest = b""
        self.totals, self.rest = Totals(), Tally()
        self._kind, self._query = kind, query
        self._parts: dict[Name, _Part] = {}
        self._data = memoryview(b"")
        self._days: dict[Name, Days] = {}
        self.numbers: list[int] = []

    def add(self, stretch: Stretch, tuning: Tuning = USUAL) -> None:
        """Add what stands behind all that was counted so far; it is not to be used any more.

        Its places are counted from its own beginning.

        Args:
            stretch: What that is.
            tuning: How many records are held.

        Raises:
            DamagedError: What was stored of a day is damaged.
            TooManyDaysError: There would be more than `MOST_DAYS`, or too many records in them.
        """
        numbers = sorted({*self.numbers, *stretch.days})
        if len(numbers) > MOST_DAYS:
            raise TooManyDaysError
        if self.numbers and any(number != self.numbers[-1] for number in stretch.days):
            self._drop(_EARLIER)
        for number, days in stretch.days.items():
            mine = later = days.shifted(self.totals.events)
            if self._knows((0, number)):
                mine = Days(runs=joined([*self.runs_of(number), *later.runs]))
                mine.join(self.of((0, number)))
                mine.join(later)
            for level in range(_LEVELS + 1):
                self._drop((level, number >> _EACH * level))
            self._days[0, number] = mine
        self.totals.merge(stretch.totals)
        self.rest.merge(stretch.rest)
        self.numbers = numbers
        if is_too_much(sum(map(self._records, numbers)), self._kind, tuning):
            raise TooManyDaysError

    def _records(self, number: int) -> int:
        part = self._parts.get((0, number))
        return len(self._days[0, number].tally.basic.records) if part is None else part.records

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
            found = self._days[name] = self._loaded(self._parts[name])
        return found

    def runs_of(self, number: int) -> list[Run]:
        """Return where the events of a day stand in the log."""
        part = self._parts.get((0, number))
        return self._days[0, number].runs if part is None else part.runs

    def covering(self, window: Window) -> tuple[list[Name], list[int]]:
        """Return the fewest names that together are days within `window`, and days partly in it."""
        if self._knows(_EARLIER) and window.covers(*self._span(_EARLIER)):
            found = [_EARLIER, *self._met(window, self.numbers[-1:], 0)]
        else:
            found = [*self._met(window, self.numbers, _LEVELS + 1)]
        covered = [window.covers(*self._span(name)) for name in found]
        each = [*zip(found, covered, strict=True)]
        return [name for name, whole in each if whole], [n for (_, n), whole in each if not whole]

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
        return self._days[name].span if part is None else (part.since_ns, part.until_ns)

    def equals(self, other: "DayStore") -> bool:
        """Whether each part is what the days of another store give, and all else is the same."""
        return (self.numbers, self.totals, self.rest) == (
            other.numbers, other.totals, other.rest
        ) and all(self._is_as(other, name) for name in {*self._parts, *self._days})  # fmt: skip

    def _is_as(self, other: "DayStore", name: Name) -> bool:
        level, number = name
        if name == _EARLIER:
            numbers = self.numbers[:-1]
        else:
            numbers = [day for day in self.numbers if day >> _EACH * level == number]
        mine, whole = self.of(name), _together(other.of((0, day)) for day in numbers)
        return (mine.tally, mine.last) == (whole.tally, whole.last)

    def dump(self) -> bytes:
        """Return it as bytes.

        Raises:
            DamagedError: What was stored of a day is damaged.
        """
        self._roll_up()
        parts: list[_Part] = []
        blobs: list[bytes | memoryview] = []
        at = 0
        for name in sorted({*self._parts, *self._days}):
            part = self._parts.get(name)
            if part is None:
                blob: bytes | memoryview = compress(dump_days(self._days[name]), 1)
            else:
                blob = self._data[part.at :][: part.length]
            of_day = (self._records(name[1]), self.runs_of(name[1])) if name[0] == 0 else (0, [])
            parts.append(_Part(*name, *self._span(name), at, len(blob), *of_day))
            blobs.append(blob)
            at += len(blob)
        query = self._query
        head = _Head(
            query.zone.name, query.actors, query.without_actors,
            self.offset, self.digest,
            msgspec.Raw(dump_totals(self.totals)), msgspec.Raw(kinds.dump(LogTally(self.rest))),
            parts,
        )  # fmt: skip
        packed = compress(_encode(head), 1)
        return b"".join([VERSION, len(packed).to_bytes(8, "big"), packed, *blobs])

    def _roll_up(self) -> None:
        """Have rollups, but for those with the latest day, which still grows."""
        for level in range(1, _LEVELS + 1):
            for number, days in groupby(self.numbers, key=lambda day: day >> _EACH * level):
                if number != self.numbers[-1] >> _EACH * level:
                    self._take((level, number), [*days], level)
        self._take(_EARLIER, self.numbers[:-1], _LEVELS + 1)

    def _take(self, name: Name, numbers: list[int], level: int) -> None:
        """Have some days as one, put together from what there is of them up to a level."""
        if not self._knows(name):
            below = [*self._met(ALWAYS, numbers, level)]
            if len(below) > 1:
                self._days[name] = _together(map(self.of, below))

    @classmethod
    def loaded(cls, data: bytes | None, kind: TallyKind, query: Query) -> "DayStore | None":
        """Return what was stored as `data`; None when it is nothing that can be used."""
        head = _head_of(data)
        try:
            if head is None or data is None:
                return None
            totals, rest = load_totals(head.totals), kinds.load(head.rest)
        except ValueError:
            return None
        if not is_sound(rest, BASIC):
            return None
        store = cls(kind, query)
        store.offset, store.digest = head.offset, head.digest
        store.totals, store.rest = totals, rest.basic
        store._data = memoryview(data)[len(VERSION) + 8 + _length_of(data) :]
        store._parts = {(part.level, part.number): part for part in head.parts}
        store.numbers = sorted(number for level, number in store._parts if level == 0)
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

    def _loaded(self, part: _Part) -> Days:
        try:
            days = load_days(_decompressed(self._data[part.at :][: part.length]))
        except (ValueError, ZlibError) as error:
            raise DamagedError(str(error)) from error
        basic = days.tally.basic
        exposed = {key for key, record in basic.records.items() if record.exposure_count}
        if (
            not is_sound(days.tally, self._kind, self._query.zone)
            or days.last.keys() != exposed
            or (basic.since_ns, basic.until_ns) != (part.since_ns, part.until_ns)
        ):
            raise DamagedError("it can be the counts of no days")
        return days


def _together(days: Iterable[Days]) -> Days:
    whole = Days()
    for its in days:
        whole.join(its)
    return whole


def _length_of(data: bytes) -> int:
    return int.from_bytes(data[len(VERSION) : len(VERSION) + 8], "big")


def _head_of(data: bytes | None) -> _Head | None:
    if data is None or not data.startswith(VERSION):
        return None
    try:
        packed = memoryview(data)[len(VERSION) + 8 :][: _length_of(data)]
        return decoded(_decode_head, _decompressed(packed))
    except (ValueError, ZlibError):
        return None


def _decompressed(data: memoryview) -> bytes:
    engine = decompressobj()
    found = engine.decompress(data, _LARGEST)
    if not engine.eof:
        raise ValueError("it is longer than what we store, or cut")
    return found
