"""UUIDs: new ones, and what text counts as one.

An id is kept as its canonical text (lower case, hyphenated) because that is what is stored,
searched and printed; `uuid.UUID(text)` turns it into an object for who needs one. The standard
library's `uuid` is not imported here: it would add a fifth of a bare interpreter's start-up to
every hook call (see docs/decisions/0002-cheap-to-write.md).
"""

import os

from ctxuse.patterns import pattern
from ctxuse.plainjson import quoted

try:  # what `hashlib` falls back on; importing that loads OpenSSL and costs three times as much
    from _sha1 import sha1 as _sha1  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from hashlib import sha1 as _sha1

_NAMESPACE = bytes.fromhex("b0c1f1de52a54b1c9d0e6c1f3c7a9e42")
"""The namespace of ids that are derived (docs/format.md §5)."""

_DIGITS = "0123456789abcdef"
_HYPHENS = (8, 13, 18, 23)
_LENGTH = 36
_UUID = pattern(
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


def derived_id(host: str, call_id: str, kind: str, slug: str) -> str:
    """Return the UUIDv5 of an occurrence that several programs can see (docs/format.md §5).

    Whoever sees it derives the same id: the name is the compact ASCII JSON of the four texts.

    Args:
        host: The agent, such as ``claude-code``.
        call_id: The host's id of the tool call, or what else tells the occurrence from others.
        kind: The record's kind.
        slug: The record's slug.
    """
    name = ",".join([quoted(text) for text in (host, call_id, kind, slug)])
    named = _NAMESPACE + f"[{name}]".encode("ascii")
    digest = bytearray(_sha1(named).digest()[:16])  # noqa: S324 - what a UUIDv5 is made of
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return _hyphenated(digest.hex())


def is_derived(event_id: str) -> bool:
    """Return whether a canonical id is one that others can derive (version 5), not a new one."""
    return event_id[14] == "5"


def following_id(event_id: str, number: int) -> str:
    """Return the id that stands `number` behind a canonical one: another in its last 48 bits."""
    last = (int(event_id[-12:], 16) + number) % 2**48
    return f"{event_id[:-12]}{last:012x}"


def packed_id(event_id: str) -> bytes:
    """Return the 16 bytes of a canonical id."""
    return bytes.fromhex(event_id.replace("-", ""))


def canonical_id(text: str) -> str | None:
    """Return the canonical form of the UUID that `text` is, or None if it is none.

    Accepted are 32 hexadecimal digits, bare or hyphenated 8-4-4-4-12, in either case; URN and
    braced forms are not.
    """
    if len(text) == _LENGTH and all(text[place] == "-" for place in _HYPHENS):
        digits = text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
        if not digits.strip(_DIGITS):  # an expression for it would have to be compiled
            return text
    if _UUID.fullmatch(text) is None:
        return None
    return _hyphenated(text.replace("-", "").lower())


def _hyphenated(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
