"""A `FleetTally` as bytes: what a worker hands over."""

import msgspec

from ctxuse.counting import kinds
from ctxuse.counting.detail import Counts
from ctxuse.counting.kinds import LogTally
from ctxuse.reports.fleet import Apart, FleetTally, SeenWorkspace, Unreadable
from ctxuse.reports.groups import Group


class _Stored(msgspec.Struct, array_like=True):
    merged: msgspec.Raw
    apart: list[Apart]
    groups: list[tuple[str, list[tuple[tuple[str, ...], Counts]]]]
    seen: list[SeenWorkspace]
    unreadable: list[Unreadable]
    rest: msgspec.Raw
    outside: list[tuple[str, ...]]
    holders: list[tuple[str, str, int]]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Stored).decode


def dump(tally: FleetTally) -> bytes:
    """Return `tally` as bytes."""
    groups = [(group.name, [*group.records.items()]) for group in tally.groups.values()]
    merged = msgspec.Raw(kinds.dump(LogTally(tally.whole, tally.full)))
    rest = msgspec.Raw(kinds.dump(LogTally(tally.rest)))
    holders = [(*key, number) for key, number in tally.holders.items()]
    return _encode(
        _Stored(
            merged, tally.apart, groups, tally.seen, tally.unreadable, rest, tally.outside, holders
        )
    )


def load(data: bytes) -> FleetTally:
    """Return the tally that `data` holds.

    Raises:
        ValueError: It holds none.
    """
    found = kinds.decoded(_decode, data)
    merged = kinds.load(found.merged)
    return FleetTally(
        whole=merged.basic,
        apart=found.apart,
        groups={name: Group(name, dict(records)) for name, records in found.groups},
        seen=found.seen,
        unreadable=found.unreadable,
        full=merged.detail,
        rest=kinds.load(found.rest).basic,
        outside=found.outside,
        holders={(kind, slug): number for kind, slug, number in found.holders},
    )
