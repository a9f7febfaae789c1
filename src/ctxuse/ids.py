"""UUIDs: new ones, and what text counts as one.

An id is kept as its canonical text (lower case, hyphenated) because that is what is stored,
searched and printed; `uuid.UUID(text)` turns it into an object for who needs one. The standard
library's `uuid` is not imported here: it would add a fifth of a bare interpreter's start-up to
every hook call (see docs/decisions/0002-cheap-to-write.md).
"""

import os
import re

_CANONICAL = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUID = re.compile(
    "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}|[0-9A-Fa-f]{32}"
)


def new_id(now_ns: int) -> str:
    """Return a new UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, 74 random bits.

    Args:
        now_ns: The present time in nanoseconds since the epoch, 1970 to 10889.
    """
    random = int.from_bytes(os.urandom(10), "big") >> 6
    value = (
        (now_ns // 1_000_000 & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76
        | (random >> 62) << 64
        | 0b10 << 62
        | random & (1 << 62) - 1
    )
    return _hyphenated(f"{value:032x}")


def following_id(event_id: str, number: int) -> str:
    """Return the id that stands `number` behind `event_id`: the same but for its last 48 bits.

    Args:
        event_id: A UUID, canonical.
        number: 0 gives `event_id` itself.
    """
    last = (int(event_id[-12:], 16) + number) % 2**48
    return f"{event_id[:-12]}{last:012x}"


def canonical_id(text: str) -> str | None:
    """Return the canonical form of the UUID that `text` is, or None if it is none.

    Accepted are 32 hexadecimal digits, bare or hyphenated 8-4-4-4-12, in either case; URN and
    braced forms are not.
    """
    if _CANONICAL.fullmatch(text) is not None:
        return text
    if _UUID.fullmatch(text) is None:
        return None
    return _hyphenated(text.replace("-", "").lower())


def _hyphenated(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
