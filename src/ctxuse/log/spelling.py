"""How what is looked for in a log by its bytes may be written there, as the format allows.

Ids have hyphens or none, in either case; any character may be escaped. What needs no escape and has
one is on a line that is to be read: what it says is not seen by its bytes.
"""

import re
from collections.abc import Iterable

from ctxuse.codec.encode import escape
from ctxuse.patterns import pattern
from ctxuse.plainjson import quoted

_NEEDLESS = rb"\\(?:/|u00[2-7])"
_needless = pattern(_NEEDLESS)

ANY_ID = rb'"id"\s*:\s*"([0-9a-fA-F-]{32,36})"'
"""What stands for any id."""


def finding(expression: bytes, data: bytes) -> re.Pattern[bytes]:
    """Return what finds an expression in `data`, and characters that are escaped needlessly."""
    has_needless = b"\\" in data and _needless.search(data) is not None
    return re.compile(b"%s|%s" % (expression, _NEEDLESS) if has_needless else expression)


def ids(event_ids: Iterable[str]) -> bytes:
    """Return the expression for canonical ids, where they are those of lines."""
    either = "|".join(sorted(event_ids)).replace("-", "-?")
    return rb'"id"\s*:\s*"((?i:%s))"' % either.encode()


def beginnings(texts: Iterable[str]) -> bytes:
    """Return the expression for texts that begin so."""
    return b"|".join(sorted({b'"' + b"".join(map(_character, text)) for text in texts}))


def _character(character: str) -> bytes:
    """A character as it is, as it is escaped in one letter, and by its number in either case."""
    escaped = re.escape(quoted(character)[1:-1].encode())
    if character.isprintable() and character.isascii():
        return escaped
    raw = re.escape(character.encode("utf-8", "surrogatepass"))
    return rb"(?:%s|%s|(?i:%s))" % (raw, escaped, re.escape(escape(character).encode()))
