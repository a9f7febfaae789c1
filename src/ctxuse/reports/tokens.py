"""The tokens of a record as reports have them, and of which kinds the evidence can tell. Pure."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from ctxuse.counting.entered import BASES, Entered
from ctxuse.counting.tally import RecordTally
from ctxuse.layout import RecordKind


class TokenFigures(msgspec.Struct, frozen=True):
    """The tokens of a record that entered contexts in one way: by being resident, or being read.

    Attributes:
        times: Times that it entered; None when there is no evidence of any, and nothing that tells
            of records of its kind.
        by_basis: How often its tokens are known and their sum, by how they are known, the surest
            first (`ctxuse.counting.entered.BASES`).
        each: Tokens of the latest time of which they are known; None without any.
        each_basis: How these are known.
    """

    times: int | None = 0
    by_basis: Mapping[str, tuple[int, int]] = {}
    each: int | None = None
    each_basis: str | None = None

    @classmethod
    def of(cls, times: int | None, entered: Entered) -> "TokenFigures":
        """Return the figures of a tally."""
        _, each, basis = entered.last or (None, None, None)
        by_basis = {
            name: (entered.times[name], entered.tokens[name])
            for name in BASES
            if name in entered.times
        }
        return cls(times, by_basis, each, basis)

    @property
    def times_known(self) -> int:
        """Times of which the tokens are known."""
        return sum(times for times, _ in self.by_basis.values())

    @property
    def total(self) -> int | None:
        """The sum over these; None when it is over none of several times."""
        if self.times is None or (self.times and not self.by_basis):
            return None
        return sum(tokens for _, tokens in self.by_basis.values())


_OF_WORKSPACE = frozenset(kind.value for kind in RecordKind)


def kinds_shown(records: Iterable[tuple[str, RecordTally]]) -> Collection[str]:
    """Return the kinds of which the evidence can show that a record was resident.

    An import of transcripts shows skills and never CLAUDE.md: where no record of a kind was ever
    resident, that a record was not is no evidence. Those of a workspace come by the same ways.
    """
    kinds = {kind for kind, record in records if record.exposure_count}
    return kinds if kinds.isdisjoint(_OF_WORKSPACE) else kinds | _OF_WORKSPACE
