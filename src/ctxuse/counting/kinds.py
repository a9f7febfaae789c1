"""What is counted of a log, with or without detail, and how it is stored.

A stored tally is JSON, because its times may need more than the 64 bits that msgpack has for an
integer. It is what checkpoints keep and workers hand over.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from ctxuse.counting.detail import DetailRecord, DetailTally
from ctxuse.counting.tally import RecordTally, Tally


class LogTally(msgspec.Struct):
    """The counts of a stretch of lines.

    Attributes:
        basic: The reference's figures, and the lines that are no events.
        detail: What is known beyond them, of the very same lines; empty where it is not counted.
    """

    basic: Tally = msgspec.field(default_factory=Tally)
    detail: DetailTally = msgspec.field(default_factory=DetailTally)

    def merge(self, later: "LogTally") -> None:
        """Add the counts of lines that stand later in the file. `later` is left as it was."""
        self.basic.merge(later.basic)
        self.detail.merge(later.detail)

    @classmethod
    def merged(cls, parts: Iterable["LogTally"]) -> "LogTally":
        """Return the counts of parts that follow one another; the first is used up."""
        whole: LogTally | None = None
        for part in parts:
            if whole is None:
                whole = part  # mostly there is only one: nothing to merge
            else:
                whole.merge(part)
        return cls() if whole is None else whole


class TallyKind(NamedTuple):
    """A kind of tally.

    Attributes:
        name: What it is called where a worker is asked for it, and where checkpoints are kept.
        has_detail: Whether detail is counted, too.
        version: Raised whenever the stored form or the rules of counting change.
    """

    name: str
    has_detail: bool
    version: bytes


BASIC = TallyKind("basic", has_detail=False, version=b"ctxuse checkpoint 7\n")
"""The reference's figures alone."""

DETAIL = TallyKind("detail", has_detail=True, version=b"ctxuse full checkpoint 9\n")
"""With detail."""

KINDS = {kind.name: kind for kind in (BASIC, DETAIL)}
"""All kinds by their names."""


class _Stored(msgspec.Struct, array_like=True):
    """A tally with lists in place of dicts that have pairs for keys, for which JSON has no form.

    The segments of detail stand in a list of their own, and elsewhere by their places in it: most
    are met with many records. Of each record those are told that it was read and was resident in.
    """

    records: list[tuple[str, str, RecordTally]]
    rest: Tally
    detail: list[tuple[str, str, DetailRecord]]
    segments: list[str]
    met_in: list[tuple[list[int] | None, list[int] | None]]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Stored).decode


def dump(tally: LogTally) -> bytes:
    """Return `tally` as bytes."""
    basic, detail = tally.basic, tally.detail
    places: dict[str, int] = {}
    stored: list[tuple[str, str, DetailRecord]] = []
    met_in: list[tuple[list[int] | None, list[int] | None]] = []
    for (kind, slug), record in detail.records.items():
        uses = [
            use._replace(segment=str(places.setdefault(use.segment, len(places))))
            for use in record.last_uses
        ]
        bare = replace(record, used_in=None, exposed_in=None, last_uses=uses)
        stored.append((kind, slug, bare))
        met_in.append((_placed(record.used_in, places), _placed(record.exposed_in, places)))
    return _encode(
        _Stored(
            [(kind, slug, record) for (kind, slug), record in basic.records.items()],
            replace(basic, records={}),
            stored,
            [*places],
            met_in,
        )
    )


def _placed(segments: set[str] | None, places: dict[str, int]) -> list[int] | None:
    """The places of segments; those that have none are given the next."""
    if segments is None:
        return None
    return sorted(places.setdefault(segment, len(places)) for segment in segments)


T = TypeVar("T")


def decoded(decode: Callable[[bytes | msgspec.Raw], T], data: bytes | msgspec.Raw) -> T:
    """Return what a decoder of msgspec makes of `data`.

    Raises:
        ValueError: Nothing.
    """
    try:
        return decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def load(data: bytes | msgspec.Raw) -> LogTally:
    """Return the tally that `data` holds.

    Raises:
        ValueError: It holds none.
    """
    stored = decoded(_decode, data)
    try:
        stored.rest.records = {(kind, slug): record for kind, slug, record in stored.records}
        names = stored.segments
        for (_, _, one), (used_in, exposed_in) in zip(stored.detail, stored.met_in, strict=True):
            one.used_in = None if used_in is None else {names[place] for place in used_in}
            one.exposed_in = None if exposed_in is None else {names[at] for at in exposed_in}
            one.last_uses = [use._replace(segment=names[int(use.segment)]) for use in one.last_uses]
    except IndexError as error:
        raise ValueError(str(error)) from error
    detail = DetailTally({(kind, slug): record for kind, slug, record in stored.detail})
    if (len(stored.rest.records), len(detail.records)) != (len(stored.records), len(stored.detail)):
        raise ValueError("a record stands there twice")
    return LogTally(stored.rest, detail)
