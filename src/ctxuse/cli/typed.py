"""What was typed, as far as addresses stand in it: no message says what lets somebody in there.

In a message it cannot be seen where an address ends that has blanks or quotes in it; what was typed
is known as a whole.
"""

import re
from collections.abc import Iterable

from ctxuse.patterns import pattern
from ctxuse.visible import quoted, visible

_ADDRESS = pattern(r"(?<![\w+.])(?:(?![A-Za-z])[\w+.])*([A-Za-z][\w+.]*://.*)", re.DOTALL)
"""Begins where a run of signs does, so that none is looked through from each of them."""

_addresses: list[str] = []


def remember(words: Iterable[str]) -> None:
    """Take note of the addresses among the words of the command line."""
    _addresses[:] = [
        found[1] for word in words if "://" in word and (found := _ADDRESS.search(word))
    ]


def without_secrets(text: str) -> str:
    """Return what is to be said without secrets of the addresses in it, and of those typed."""
    if "://" not in text and not _addresses:
        return text
    from ctxuse.redaction import hidden, redacted  # noqa: PLC0415 - addresses are rare

    shown: dict[str, str] = {}
    for address in _addresses:
        may_be_shown = visible(hidden(address))
        forms = address, visible(address), quoted(address)[1:-1], repr(address)[1:-1], may_be_shown
        shown |= dict.fromkeys(forms, may_be_shown)
    longest_first = sorted(map(re.escape, shown), key=len, reverse=True)
    parts = re.split(f"({'|'.join(longest_first)})", text) if shown else [text]
    return "".join(shown.get(part) or redacted(part, _addresses) for part in parts)
