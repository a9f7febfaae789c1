"""A tally as bytes: what a checkpoint keeps and what a worker hands over.

JSON, because the times of a tally may need more than the 64 bits that msgpack has for an integer.
"""

import msgspec

from ctxuse.tally import RecordTally, Tally


class _Stored(msgspec.Struct, array_like=True):
    records: list[tuple[str, str, RecordTally]]
    rest: Tally


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Stored).decode


def dump(tally: Tally) -> bytes:
    """Return `tally` as bytes."""
    records = [(kind, slug, record) for (kind, slug), record in tally.records.items()]
    return _encode(_Stored(records, msgspec.structs.replace(tally, records={})))


def load(data: bytes) -> Tally:
    """Return the tally that `data` holds.

    Raises:
        ValueError: It holds none.
    """
    try:
        stored = _decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    stored.rest.records = {(kind, slug): record for kind, slug, record in stored.records}
    return stored.rest
