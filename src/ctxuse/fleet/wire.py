"""A `FleetTally` as bytes: what a worker hands over."""

import msgspec

from ctxuse.fleetreport import Apart, FleetTally, SeenWorkspace, Unreadable
from ctxuse.fuller import Counts
from ctxuse.groups import Group
from ctxuse.log import stored
from ctxuse.log.full import FULL


class _Stored(msgspec.Struct, array_like=True):
    whole: msgspec.Raw
    apart: list[Apart]
    groups: list[tuple[str, list[tuple[tuple[str, ...], Counts]]]]
    seen: list[SeenWorkspace]
    unreadable: list[Unreadable]
    full: msgspec.Raw
    rest: msgspec.Raw
    outside: list[tuple[str, ...]]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Stored).decode


def dump(tally: FleetTally) -> bytes:
    """Return `tally` as bytes."""
    groups = [(group.name, [*group.records.items()]) for group in tally.groups.values()]
    whole = msgspec.Raw(stored.dump(tally.whole))
    full = msgspec.Raw(FULL.dump(tally.full))
    rest = msgspec.Raw(stored.dump(tally.rest))
    return _encode(
        _Stored(whole, tally.apart, groups, tally.seen, tally.unreadable, full, rest, tally.outside)
    )


def load(data: bytes) -> FleetTally:
    """Return the tally that `data` holds.

    Raises:
        ValueError: It holds none.
    """
    try:
        found = _decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return FleetTally(
        whole=stored.load(bytes(found.whole)),
        apart=found.apart,
        groups={name: Group(name, dict(records)) for name, records in found.groups},
        seen=found.seen,
        unreadable=found.unreadable,
        full=FULL.load(bytes(found.full)),
        rest=stored.load(bytes(found.rest)),
        outside=found.outside,
    )
