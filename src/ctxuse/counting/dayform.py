"""Days, totals and stretches as bytes: what is remembered, and what workers hand over."""

import msgspec

from ctxuse.counting import kinds
from ctxuse.counting.days import Days, Run, Stretch, Totals
from ctxuse.counting.kinds import LogTally, decoded
from ctxuse.counting.sums import Number


class _StoredDays(msgspec.Struct, array_like=True):
    tally: msgspec.Raw
    last: list[tuple[str, str, Number]]


class _StoredTotals(msgspec.Struct, array_like=True):
    events: Number
    since_ns: int | None
    records: list[tuple[str, str, Number, Number]]


class _StoredStretch(msgspec.Struct, array_like=True):
    days: list[tuple[int, msgspec.Raw, list[Run]]]
    totals: msgspec.Raw
    rest: msgspec.Raw


_encode = msgspec.json.Encoder().encode
_decode_days = msgspec.json.Decoder(_StoredDays).decode
_decode_totals = msgspec.json.Decoder(_StoredTotals).decode
_decode_stretch = msgspec.json.Decoder(_StoredStretch).decode


def dump_days(days: Days) -> bytes:
    """Return the counts of days as bytes, without their runs."""
    last = [(kind, slug, place) for (kind, slug), place in days.last.items()]
    return _encode(_StoredDays(msgspec.Raw(kinds.dump(days.tally)), last))


def load_days(data: bytes | msgspec.Raw) -> Days:
    """Return the counts of days that `data` holds.

    Raises:
        ValueError: It holds none.
    """
    stored = decoded(_decode_days, data)
    last = {(kind, slug): place for kind, slug, place in stored.last}
    return Days(kinds.load(stored.tally), last)


def dump_totals(totals: Totals) -> bytes:
    """Return totals as bytes."""
    records = [(*key, *times) for key, times in totals.records.items()]
    return _encode(_StoredTotals(totals.events, totals.since_ns, records))


def load_totals(data: bytes | msgspec.Raw) -> Totals:
    """Return the totals that `data` holds.

    Raises:
        ValueError: It holds none.
    """
    stored = decoded(_decode_totals, data)
    records = {(kind, slug): (uses, exposures) for kind, slug, uses, exposures in stored.records}
    return Totals(stored.events, stored.since_ns, records)


def dump_stretch(stretch: Stretch) -> bytes:
    """Return what a stretch holds as bytes."""
    days = [(number, msgspec.Raw(dump_days(its)), its.runs) for number, its in stretch.days.items()]
    totals, rest = dump_totals(stretch.totals), kinds.dump(LogTally(stretch.rest))
    return _encode(_StoredStretch(days, msgspec.Raw(totals), msgspec.Raw(rest)))


def load_stretch(data: bytes) -> Stretch:
    """Return what the stretch holds that `data` tells of.

    Raises:
        ValueError: It tells of none.
    """
    stored = decoded(_decode_stretch, data)
    days: dict[int, Days] = {}
    for number, its, runs in stored.days:
        days[number] = load_days(its)
        days[number].runs = runs
    return Stretch(days, load_totals(stored.totals), kinds.load(stored.rest).basic)
