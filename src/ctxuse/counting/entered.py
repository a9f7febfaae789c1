"""How many tokens of a record entered a context by an event, and how that is known. Pure.

Four ways of knowing, the first that an event allows (docs/format.md §6): the model's own accounting
said so (*measured*); the bytes that entered, at the rate that was measured in the session
(*calibrated*); a quarter of the bytes that entered (*estimated*); and where what entered is not
known but may have been all of it, a quarter of the bytes of the *whole file*. Where none is open,
nothing is known, which is not zero.
"""

from typing import NamedTuple

import msgspec

from ctxuse.codec.decode import ValidRecord
from ctxuse.counting.sums import Number, add_counts
from ctxuse.events import UsageRecordSnapshot, estimate_tokens

MEASURED, CALIBRATED, ESTIMATED, WHOLE_FILE = "measured", "calibrated", "estimated", "whole_file"

BASES = (MEASURED, CALIBRATED, ESTIMATED, WHOLE_FILE)
"""The ways of knowing, the surest first."""

LISTED = frozenset({"skill", "command", "agent", "mcp"})
"""Kinds of which a line in a listing is resident: never the whole file."""

RATES = 0.1, 100.0
"""The least and the most bytes per token that are taken for a rate (docs/format.md §5)."""

_BASIS = {"usage": MEASURED, "calibrated": CALIBRATED}


class Tokens(NamedTuple):
    """Tokens that entered, and how they are known."""

    basis: str
    number: int


def tokens_of(record: ValidRecord | UsageRecordSnapshot, *, is_use: bool) -> Tokens | None:
    """Return how many tokens of a record entered by an event; None where that is not known."""
    size, tokens, origin = record.context()
    if tokens is not None:
        return Tokens(_BASIS.get(origin or "", ESTIMATED), tokens)
    if size is not None:
        return Tokens(ESTIMATED, estimate_tokens(size))
    if not record.sized or (not is_use and record.kind in LISTED):
        return None
    return Tokens(WHOLE_FILE, record.file_tokens_estimate)


def is_rate(bytes_per_token: float) -> bool:
    """Whether so many bytes per token are within `RATES`; else tokens are not calibrated by it."""
    least, most = RATES
    return least <= bytes_per_token <= most


class Entered(msgspec.Struct, array_like=True):
    """Sums of the tokens that entered, by how they are known; in whatever order they are added.

    Attributes:
        tokens: The sums, by `BASES`.
        times: How often tokens are known, likewise.
        last: The latest known: when, in nanoseconds since the epoch, how many, and how that is
            known. Of those of one moment it is the largest.
    """

    tokens: dict[str, Number] = {}
    times: dict[str, Number] = {}
    last: tuple[int, Number, str] | None = None

    def add(self, tokens: Tokens, at_ns: int, times: int = 1) -> None:
        """Count tokens that entered so many times, at `at_ns` for the last time."""
        basis, number = tokens
        self.tokens[basis] = self.tokens.get(basis, 0) + number * times
        self.times[basis] = self.times.get(basis, 0) + times
        self._saw((at_ns, number, basis))

    def merge(self, other: "Entered") -> None:
        """Add the sums of `other`."""
        add_counts(self.tokens, other.tokens)
        add_counts(self.times, other.times)
        if other.last is not None:
            self._saw(other.last)

    def _saw(self, last: tuple[int, int, str]) -> None:
        if self.last is None or last > self.last:
            self.last = last
